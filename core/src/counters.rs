//! What a loop has done since it began, in numbers. Without the feature `counters` nothing is counted, and nothing kept.

#[cfg(feature = "counters")]
type Count = u64;
#[cfg(not(feature = "counters"))]
type Count = ();

/// How often everything happened since the loop began: for a status page, a log line, a test.
///
/// [`EventLoop::counters`](crate::EventLoop::counters) and, in a handler, [`Io::counters`](crate::Io::counters) give a copy.
/// Counting is plain additions in the loop's own memory: no atomics, no clock, no call. Each counter holds 2⁶⁴ and then
/// begins again at 0; what lies between two copies is said by [`since`](Self::since), also across that.
///
/// ```
/// use stheno_core::Counters;
/// # let (earlier, mut now) = (Counters::default(), Counters::default());
/// # (now.accepts, now.received) = (2, 512);
/// let meanwhile = now.since(&earlier);
/// assert_eq!((meanwhile.accepts, meanwhile.received), (2, 512));
/// assert!(meanwhile.to_string().ends_with("accepts 2, refusals 0, rests 0, opens 0, closes 0, received 512, sent 0"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Counters {
    /// Turns begun, those without a channel to wait for included.
    pub turns: Count,
    /// Times the backend was asked to wait. A turn asks again where only a deadline that had been moved ended the wait.
    pub waits: Count,
    /// Times a waker ended a wait. Rings that came together count once.
    pub wakes: Count,
    /// Readiness that was acted upon; a result for a channel that had just ended is not.
    pub fired: Count,
    /// Handlers run, the defaults included; `handle_accepted`, which `handle_accept` calls, is not counted apart.
    pub events: Count,
    /// Of those, how many told that a time had come.
    pub timeouts: Count,
    /// Of those, how many told an error.
    pub errors: Count,
    /// Callers accepted, whatever became of them.
    pub accepts: Count,
    /// Of those, how many were hung up on: nobody took them, or there was no room.
    pub refusals: Count,
    /// Times a listener lay down to rest for want of descriptors or of room in the table; its callers stay in line.
    pub rests: Count,
    /// Channels that came into the table. With [`closes`](Self::closes) taken away, those that are there.
    pub opens: Count,
    /// Channels whose sockets were closed, by whichever side, and however they ended.
    pub closes: Count,
    /// Bytes that channels received, datagrams' included. What a layer holds back or adds is not counted.
    pub received: Count,
    /// Bytes that channels sent, datagrams' included.
    pub sent: Count,
}

#[cfg(feature = "counters")]
impl Counters {
    /// What was counted since an earlier copy was taken.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let (now, then) = (self.values(), earlier.values());
        let mut between = Self::default();
        for (place, (now, then)) in between.values_mut().into_iter().zip(now.into_iter().zip(then)) {
            *place = now.wrapping_sub(then);
        }
        between
    }

    const NAMES: [&'static str; 14] = [
        "turns", "waits", "wakes", "fired", "events", "timeouts", "errors", "accepts", "refusals", "rests", "opens",
        "closes", "received", "sent",
    ];

    fn values(mut self) -> [u64; 14] {
        self.values_mut().map(|value| *value)
    }

    /// Each counter, in the order of the names.
    fn values_mut(&mut self) -> [&mut u64; 14] {
        let Self {
            turns,
            waits,
            wakes,
            fired,
            events,
            timeouts,
            errors,
            accepts,
            refusals,
            rests,
            opens,
            closes,
            received,
            sent,
        } = self;
        [turns, waits, wakes, fired, events, timeouts, errors, accepts, refusals, rests, opens, closes, received, sent]
    }
}

/// All of them by name, in one line.
#[cfg(feature = "counters")]
impl core::fmt::Display for Counters {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut between = "";
        for (name, value) in Self::NAMES.into_iter().zip(self.values()) {
            write!(f, "{between}{name} {value}")?;
            between = ", ";
        }
        Ok(())
    }
}

/// Counts on, round and round.
#[cfg(feature = "counters")]
#[inline]
pub(crate) fn add(counter: &mut Count, n: usize) {
    *counter = counter.wrapping_add(n as u64);
}

#[cfg(not(feature = "counters"))]
pub(crate) fn add(_: &mut Count, _: usize) {}

#[cfg(all(test, feature = "counters"))]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    /// Each counter with a number of its own, so that none can be taken for another.
    fn numbered(first: u64) -> Counters {
        let mut counters = Counters::default();
        for (place, number) in counters.values_mut().into_iter().zip(first..) {
            *place = number;
        }
        counters
    }

    #[test]
    fn every_counter_stands_under_its_name() {
        let it = numbered(1);
        let fields = [
            it.turns,
            it.waits,
            it.wakes,
            it.fired,
            it.events,
            it.timeouts,
            it.errors,
            it.accepts,
            it.refusals,
            it.rests,
            it.opens,
            it.closes,
            it.received,
            it.sent,
        ];
        assert!(fields.into_iter().eq(1..=14));
        let line = "turns 1, waits 2, wakes 3, fired 4, events 5, timeouts 6, errors 7, accepts 8, refusals 9, rests 10, \
                    opens 11, closes 12, received 13, sent 14";
        assert_eq!(it.to_string(), line);
        // The derived form names the fields by themselves: no list can have passed one over.
        let debug = std::format!("{it:?}");
        assert!(
            Counters::NAMES.iter().zip(1..).all(|(name, n)| debug.contains(&std::format!("{name}: {n}"))),
            "{debug}"
        );
        assert_eq!(debug.matches(": ").count(), Counters::NAMES.len());
    }

    #[test]
    fn what_lies_between_is_right_across_the_end_of_the_numbers() {
        assert_eq!(numbered(7).since(&numbered(7)), Counters::default());
        let mut before = Counters { sent: u64::MAX - 1, ..Counters::default() };
        let earlier = before;
        add(&mut before.sent, 5);
        assert_eq!((before.sent, before.since(&earlier).sent), (3, 5));
    }
}
