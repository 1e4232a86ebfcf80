//! Instants, waits and deadlines.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;
use stheno_core::backend::wait_out;
use stheno_core::storage::Array;
use stheno_core::{Channel, Dispatcher, Error, ErrorKind, EventLoop, Instant, Slot};

use crate::cases;
use crate::memory::{Memory, Watch, pair};

fn any_time() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (any::<u64>(), 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos)),
        any::<u64>().prop_map(Duration::from_nanos),
        (0..100_u64).prop_map(Duration::from_nanos),
        Just(Duration::MAX),
    ]
}

fn instants() -> impl Strategy<Value = Instant> {
    prop_oneof![any::<u64>(), 0..100_u64, (0..100_u64).prop_map(|n| u64::MAX - n)].prop_map(Instant::from_nanos)
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn what_was_added_has_passed(at in instants(), time in any_time()) {
        let later = at + time;
        prop_assert!(later >= at);
        let exact = u128::from(at.as_nanos()) + time.as_nanos();
        prop_assert_eq!(u128::from(later.as_nanos()), exact.min(u128::from(u64::MAX)));
        if later != Instant::NEVER {
            prop_assert_eq!(later.saturating_since(at), time);
        }
    }

    #[test]
    fn adding_keeps_the_order((a, b) in (instants(), instants()), (s, t) in (any_time(), any_time())) {
        prop_assert!(a > b || a + s <= b + s);
        prop_assert!(s > t || a + s <= a + t);
        prop_assert_eq!((a + s) + t, (a + t) + s);
        prop_assert_eq!(a + Duration::ZERO, a);
    }

    #[test]
    fn one_of_two_directions_is_no_time((a, b) in (instants(), instants())) {
        let (there, back) = (b.saturating_since(a), a.saturating_since(b));
        prop_assert!(there.is_zero() || back.is_zero());
        prop_assert_eq!(there.is_zero() && back.is_zero(), a == b);
        prop_assert_eq!(a.max(b), a + there);
    }

    #[test]
    fn parts_are_one_number(seconds: u64, nanos in 0..1_000_000_000_u32) {
        let exact = u128::from(seconds) * 1_000_000_000 + u128::from(nanos);
        prop_assert_eq!(u128::from(Instant::from_parts(seconds, nanos).as_nanos()), exact.min(u128::from(u64::MAX)));
    }
}

/// What a system call that waits may do: how long it takes of what it was given, in hundredths, and what it says.
#[derive(Clone, Copy, Debug)]
enum Call {
    EndsWithNothing(u32),
    Interrupted(u32),
    Finds(u32, usize),
    Fails(u32),
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    // It may come back late, too.
    let part = 0..130_u32;
    let call = prop_oneof![
        6 => part.clone().prop_map(Call::EndsWithNothing),
        6 => part.clone().prop_map(Call::Interrupted),
        1 => (part.clone(), 1..5_usize).prop_map(|(part, found)| Call::Finds(part, found)),
        1 => part.prop_map(Call::Fails),
    ];
    proptest::collection::vec(call, 1..20)
}

proptest! {
    #![proptest_config(cases(256))]

    /// Clause B9: whatever the system call does, the wait ends with a result, an error, or its time.
    #[test]
    fn a_wait_is_as_long_as_was_asked(
        timeout in prop_oneof![Just(0_u64), 1..10_u64, 1..1_000_000_u64], calls in calls()
    ) {
        const FAILURE: Error = Error::new(ErrorKind::Other, "the system call failed");
        let (clock, made) = (Cell::new(1_000_u64), Cell::new(0));
        let until = clock.get() + timeout;
        let waited = wait_out(
            Some(Duration::from_nanos(timeout)),
            || Instant::from_nanos(clock.get()),
            |left| {
                let left = left.expect("a time was given").as_nanos() as u64;
                assert_eq!(left, until - clock.get(), "what is left is asked for");
                // After the last call of the script, calls behave.
                let call = calls.get(made.get()).copied().unwrap_or(Call::EndsWithNothing(100));
                made.set(made.get() + 1);
                let (Call::EndsWithNothing(part) | Call::Interrupted(part) | Call::Finds(part, _) | Call::Fails(part)) = call;
                clock.set(clock.get() + left * u64::from(part) / 100);
                match call {
                    Call::EndsWithNothing(_) => Ok(0),
                    Call::Interrupted(_) => Err(Error::new(ErrorKind::Interrupted, "interrupted")),
                    Call::Finds(_, found) => Ok(found),
                    Call::Fails(_) => Err(FAILURE),
                }
            },
        );
        match waited {
            Ok(0) => prop_assert!(clock.get() >= until, "it ended early"),
            // Nothing that was found is passed over, nor is anything made up.
            Ok(found) => prop_assert!(matches!(calls[made.get() - 1], Call::Finds(_, it) if it == found)),
            Err(why) => prop_assert!(why == FAILURE && matches!(calls[made.get() - 1], Call::Fails(_))),
        }
        let passed_over = &calls[..(made.get() - 1).min(calls.len())];
        prop_assert!(passed_over.iter().all(|call| matches!(call, Call::EndsWithNothing(_) | Call::Interrupted(_))));
    }
}

const CHANNELS: usize = 10;

struct Timed(usize, Rc<RefCell<Vec<usize>>>);

impl Dispatcher<Memory> for Timed {
    fn writable(&self) -> bool {
        false
    }
    fn handle_timeout(&mut self, _: &mut Channel<'_, Memory, Self>) -> stheno_core::Result<()> {
        self.1.borrow_mut().push(self.0);
        Ok(())
    }
}

proptest! {
    #![proptest_config(cases(128))]

    /// However often deadlines are moved and however late the loop is: the last one set holds, and the order is theirs.
    #[test]
    fn deadlines_are_told_in_their_order(
        moves in proptest::collection::vec((0..CHANNELS, 0..50_u64, any::<bool>()), 0..60), away in 0..60_u64
    ) {
        let (net, watch) = pair();
        let mut events = EventLoop::<_, _, Watch, Array<Slot<Timed, Memory>, CHANNELS>>::with_parts(net, watch, Array::default());
        let told = Rc::new(RefCell::new(Vec::new()));
        let mut keys = Vec::new();
        for number in 0..CHANNELS {
            let (socket, _) = events.net_mut().connection();
            keys.push(events.add(socket, Timed(number, told.clone())).unwrap());
        }
        let mut list = [None; CHANNELS];
        for (number, time, settles) in moves {
            events.channel(keys[number]).unwrap().1.set_timeout(Duration::from_nanos(time + 1));
            list[number] = Some(time + 1);
            if settles {
                events.settle();
            }
        }
        events.settle();
        events.net_mut().pass(Duration::from_nanos(away));
        while list.iter().any(Option::is_some) {
            told.borrow_mut().clear();
            events.turn(None).unwrap();
            let now = events.net().elapsed().as_nanos() as u64;
            let mut times = Vec::new();
            for number in told.borrow().iter() {
                let time = list[*number].take();
                prop_assert!(time.is_some_and(|time| time <= now), "{time:?} at {now}");
                times.push(time);
            }
            prop_assert!(!times.is_empty() && times.is_sorted(), "{times:?}");
            prop_assert!(list.iter().flatten().all(|time| *time > now), "{list:?} at {now}");
        }
    }
}
