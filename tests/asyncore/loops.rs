//! asyncore's `loop`: its timeout, map and count.

use std::time::{Duration, Instant};

use stheno::{Kind, Os, Reason, Socket};

use crate::common::events::*;
use crate::{Defaults, idle_pair};

#[test]
fn run_ends_when_no_channel_is_left() {
    on_each_backend(|backend| {
        let (mut events, notes) = (events(backend), Notes::default());
        let (_, one) = idle_pair(&mut events, &notes);
        let (_, other) = idle_pair(&mut events, &notes);
        drop((one, other));
        events.run().unwrap();
        assert_eq!((events.len(), notes.closes()), (0, 2));
        events.run().unwrap();
    });
}

#[test]
fn run_turns_counts_turns_and_not_events() {
    on_each_backend(|backend| {
        let (mut events, notes) = (events(backend), Notes::default());
        let (here, _there) = Socket::pair().unwrap();
        let key = events.add(here, Actor { writable: true, ..Actor::new(&notes) }).unwrap();
        events.run_turns(3, None).unwrap();
        assert_eq!(notes.count(|told| *told == Told::Write), 3);
        events.run_turns(0, None).unwrap();
        assert_eq!(notes.count(|told| *told == Told::Write), 3);

        events.channel(key).unwrap().0.writable = false;
        let began = Instant::now();
        events.run_turns(2, Some(Duration::from_millis(15))).unwrap();
        assert!(began.elapsed() >= Duration::from_millis(30), "each waits its timeout");

        events.channel(key).unwrap().1.close();
        events.run_turns(1000, None).unwrap();
        assert!(events.is_empty(), "it ends when no channel is left");
    });
}

#[test]
fn an_empty_loop_does_not_wait() {
    on_each_backend(|backend| {
        let mut events = events::<Defaults>(backend);
        let began = Instant::now();
        assert_eq!(events.turn(None), Ok(Default::default()));
        assert_eq!(events.turn(Some(PATIENCE)), Ok(Default::default()));
        let _waker = stheno::waker(&mut events).unwrap();
        assert_eq!(events.turn(None), Ok(Default::default()), "a bell is no channel");
        assert!(began.elapsed() < PATIENCE);
    });
}

#[test]
fn a_turn_waits_as_long_as_it_was_told() {
    on_each_backend(|backend| {
        let (mut events, notes) = (events(backend), Notes::default());
        let (_, mut there) = idle_pair(&mut events, &notes);
        for timeout in [1_u64, 700, 20_000, 50_001].map(Duration::from_micros) {
            let began = Instant::now();
            assert_eq!(events.turn(Some(timeout)).unwrap().fired, 0);
            assert!(began.elapsed() >= timeout, "never too early: {timeout:?}");
        }
        assert_eq!(events.turn(Some(Duration::ZERO)).unwrap().fired, 0);
        stheno::Net::send(&mut Os, &mut there, b"x").unwrap();
        assert_eq!(events.turn(Some(Duration::ZERO)).unwrap().fired, 1, "zero looks all the same");
        stheno::Net::send(&mut Os, &mut there, b"x").unwrap();
        assert_eq!(events.turn(None).unwrap().fired, 1);
        assert_eq!(notes.data(), b"xx");
    });
}

#[test]
fn channels_that_want_nothing_let_the_loop_sleep() {
    on_each_backend(|backend| {
        let (mut events, notes) = (events(backend), Notes::default());
        let (here, there) = Socket::pair().unwrap();
        events.add(here, Actor { readable: false, ..Actor::new(&notes) }).unwrap();
        events.create(Kind::Stream, "127.0.0.1:0", Actor::new(&notes)).unwrap();
        drop(there);
        let began = Instant::now();
        let mut turns = 0;
        while began.elapsed() < Duration::from_millis(50) {
            events.turn(Some(Duration::from_millis(50))).unwrap();
            turns += 1;
        }
        assert!(turns <= 3, "{turns} turns for nothing");
        assert_eq!(notes.all(), [], "not even a hang-up is told to who does not want to know");
    });
}

#[test]
fn loops_are_independent_of_each_other() {
    on_each_backend(|backend| {
        let (near, far) = (Notes::default(), Notes::default());
        let (mut here, mut there) = (events(backend), events(backend));
        let (one, other) = Socket::pair().unwrap();
        let mut caller = Actor::new(&near);
        caller.out.push(b"from loop to loop").unwrap();
        let near_key = here.add(one, caller).unwrap();
        let far_key = there.add(other, Actor::echo(&far)).unwrap();
        assert_eq!(near_key, far_key, "keys are a loop's own");
        turn_out(&mut here);
        assert_eq!(far.all(), []);
        turn_until(&mut there, |_| far.data() == b"from loop to loop");
        assert_eq!(near.all(), []);
        turn_until(&mut here, |_| near.data() == b"from loop to loop");
        here.close_all();
        assert_eq!((here.len(), there.len()), (0, 1));
        there.run().unwrap();
        assert_eq!(far.reason(), Some(Reason::End));
    });
}
