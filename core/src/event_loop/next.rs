//! When a loop will have something to do by itself.

use core::time::Duration;

use super::EventLoop;
use crate::slot::NIL;
use crate::{Backend, Dispatcher, Instant, Net, Slot, Storage};

/// When a loop will have something to do by itself, if nothing becomes ready and nobody wakes it before.
///
/// For programs that wait elsewhere: how long they may. Three words, so that "at once" and "never" cannot be mistaken for
/// each other as a zero and a missing number can.
///
/// ```
/// use core::time::Duration;
/// use stheno_core::{Instant, Next};
/// let now = Instant::from_nanos(1_000);
/// assert_eq!(Next::Now.wait(now), Some(Duration::ZERO));
/// assert_eq!(Next::At(Instant::from_nanos(1_500)).wait(now), Some(Duration::from_nanos(500)));
/// assert_eq!(Next::Never.wait(now), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Next {
    /// There is work already: the next turn does not wait.
    Now,
    /// A deadline, or the end of a listener's rest: nothing comes before this, though what comes then may be a look at the
    /// clock alone, where a deadline has been moved.
    At(Instant),
    /// Nothing is armed: only what becomes ready, or a waker.
    #[default]
    Never,
}

impl Next {
    /// How long a wait from `now` on may last, in the form that backends take: `None` is for ever.
    pub const fn wait(self, now: Instant) -> Option<Duration> {
        match self {
            Self::Now => Some(Duration::ZERO),
            Self::At(when) => Some(when.saturating_since(now)),
            Self::Never => None,
        }
    }
}

impl<T, N: Net, B: Backend<N>, S: Storage<Slot<T, N>>> EventLoop<T, N, B, S>
where
    T: Dispatcher<N>,
{
    /// When there will be something to do by itself; what [`Turn::next`](crate::Turn) said, brought up to date with what
    /// the program did since.
    pub fn next(&self) -> Next {
        if self.ledger.dirty != NIL || self.ledger.busy || self.ledger.stop {
            return Next::Now;
        }
        self.first_deadline().map_or(Next::Never, Next::At)
    }

    /// The time on the backend's clock, which deadlines are measured by.
    pub fn now(&mut self) -> Instant {
        const { assert!(N::DEADLINES, "over this net there is no clock") };
        self.backend.now(&self.net)
    }

    /// The time, or the time that a loop without a clock takes it to be whenever it begins to wait.
    pub(super) fn time(&mut self) -> Instant {
        if N::DEADLINES { self.backend.now(&self.net) } else { Instant::from_nanos(0) }
    }

    /// The first deadline, or the end of a rest if that comes before.
    pub(super) fn first_deadline(&self) -> Option<Instant> {
        let due = if N::DEADLINES { self.ledger.queue.first(self.slots.as_slice()) } else { None };
        let due = due.map(|(_, when)| when);
        due.into_iter().chain(self.resume).min()
    }
}
