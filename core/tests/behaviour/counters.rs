//! The counters of a loop: exact, and in step with what turns say.

use std::rc::Rc;
use std::time::Duration;

use crate::NO_WAIT;
use crate::actor::{Event, Log, events};
use stheno_core::{Counters, Error, Fired, Key, Readiness};

/// What was counted since, without what was not.
fn counted(now: Counters, since: &Counters) -> String {
    let line = now.since(since).to_string();
    line.split(", ").filter(|counter| !counter.ends_with(" 0")).collect::<Vec<_>>().join(", ")
}

#[test]
fn each_thing_is_counted_once() {
    let (mut events, log) = (events(), Log::default());
    let mut before = Counters::default();
    let mut tells = |events: &crate::actor::Events, expected: &str| {
        assert_eq!(counted(events.counters(), &before), expected);
        assert_eq!(events.counters().opens - events.counters().closes, events.len() as u64);
        before = events.counters();
    };
    assert_eq!(events.counters(), Counters::default());

    events.turn(NO_WAIT).unwrap();
    tells(&events, "turns 1");
    let door = events.listen(7_u16, log.actor("door")).unwrap();
    tells(&events, "opens 1");
    let callers = [events.net_mut().call(7), events.net_mut().call(7)];
    events.turn(NO_WAIT).unwrap();
    // Two callers, and a look for a third.
    tells(&events, "turns 1, waits 1, fired 1, events 3, accepts 2, opens 2");

    events.net_mut().say(callers[0], b"hello");
    events.turn(NO_WAIT).unwrap();
    tells(&events, "turns 1, waits 1, fired 1, events 1, received 5");
    // The end: read, eof, close.
    events.net_mut().hang_up(callers[0]);
    events.turn(NO_WAIT).unwrap();
    tells(&events, "turns 1, waits 1, fired 1, events 3, closes 1");
    // An error is none where the connection itself broke; the program's own close tells nobody.
    events.net_mut().reset(callers[1]);
    events.turn(NO_WAIT).unwrap();
    tells(&events, "turns 1, waits 1, fired 1, events 2, closes 1");
    events.close(door).unwrap();
    tells(&events, "closes 1");

    // A refusal: an error, and a close.
    events.connect(99_u16, log.actor("caller")).unwrap();
    events.turn(NO_WAIT).unwrap();
    tells(&events, "turns 1, waits 1, fired 1, events 2, errors 1, opens 1, closes 1");
    events.add_timer(Duration::from_millis(5), log.actor("timer")).unwrap();
    events.run().unwrap();
    tells(&events, "turns 1, waits 1, events 1, timeouts 1, opens 1, closes 1");
    // A deadline that has been moved ends a wait, and no turn.
    let timer = events.add_timer(Duration::from_millis(5), log.actor("timer")).unwrap();
    events.turn(NO_WAIT).unwrap();
    events.channel(timer).unwrap().1.set_timeout(Duration::from_millis(9));
    events.turn(None).unwrap();
    tells(&events, "turns 2, waits 3, events 1, timeouts 1, opens 1, closes 1");
}

#[test]
fn bytes_are_counted_by_every_way_they_go() {
    let (mut events, log) = (events(), Log::default());
    let (ours, far) = events.net_mut().connection();
    let key = events.add(ours, log.actor("a")).unwrap();
    events.net_mut().say(far, b"abcdef");
    events.net_mut().urge(far, b'!');
    let before = events.counters();
    let mut io = events.channel(key).unwrap().1;
    io.recv(&mut [0; 2]).unwrap();
    io.recv_vectored([&mut [0; 3], &mut [0; 3]]).unwrap();
    io.recv_urgent().unwrap();
    io.recv_urgent().unwrap();
    io.recv(&mut []).unwrap();
    io.recv(&mut [0; 9]).unwrap();
    io.recv(&mut [0; 9]).unwrap();
    assert_eq!(counted(io.counters(), &before), "received 7");
    io.send(b"four").unwrap();
    io.send_vectored([b"", b"five5"]).unwrap();
    io.send_urgent(b'?').unwrap();
    io.send(b"").unwrap();
    assert_eq!(counted(io.counters(), &before), "received 7, sent 10");
    // Only what was taken.
    let room = 64 - 9;
    assert_eq!(io.send(&[0; 100]), Ok(room));
    assert_eq!(io.send(&[0; 100]), Ok(0));
    assert_eq!(io.counters().since(&before).sent, 10 + room as u64);

    let key = events.bind(5_u16, log.actor("letters")).unwrap();
    events.net_mut().mailbox(6);
    events.net_mut().post(5, b"hello", 6);
    let before = events.counters();
    let mut io = events.channel(key).unwrap().1;
    assert!(io.recv_from(&mut [0; 3]).unwrap().unwrap().truncated);
    assert_eq!(io.recv_from(&mut [0; 3]).unwrap(), None);
    io.send_to(b"back", &6).unwrap();
    io.send_to(b"", &6).unwrap();
    assert_eq!(counted(io.counters(), &before), "received 3, sent 4");
}

/// Whoever is hung up on, and how often a listener rests; callers in line are no refusals.
#[test]
fn refusals_are_callers_and_rests_are_listeners() {
    let (mut events, log) = (events(), Log::default());
    let mut first = true;
    let door = log.actor("door").on(move |event, _| match event {
        Event::Accepted(guest) if core::mem::take(&mut first) => {
            let _elsewhere = guest.take();
            Some(Ok(()))
        }
        Event::Accepted(_) => Some(Err(Error::user("no", 0))),
        Event::Error(_) => Some(Ok(())),
        _ => None,
    });
    events.listen(7_u16, door).unwrap();
    events.turn(NO_WAIT).unwrap();
    let before = events.counters();
    for _ in 0..3 {
        events.net_mut().call(7);
    }
    events.turn(NO_WAIT).unwrap();
    // The first was taken elsewhere; the others were refused with an error each.
    let counts = "turns 1, waits 1, fired 1, events 6, errors 2, accepts 3, refusals 2";
    assert_eq!(counted(events.counters(), &before), counts);

    let before = events.counters();
    events.net_mut().call(7);
    events.net_mut().exhausted_accepts = 1;
    events.turn(NO_WAIT).unwrap();
    assert_eq!(counted(events.counters(), &before), "turns 1, waits 1, fired 1, events 2, errors 1, rests 1");
}

/// A stale result is one of the turn's, and is not acted upon; nor is one by hand.
#[test]
fn what_is_stale_is_not_acted_upon() {
    let (mut events, log) = (events(), Log::default());
    let (two, others) = events.net_mut().connected_pair();
    let other = Rc::new(std::cell::Cell::new(None::<Key>));
    let victim = other.clone();
    let killer = log.actor("a").writing().on(move |_, channel| {
        channel.neighbour(victim.get()?).unwrap().1.close();
        Some(Ok(()))
    });
    events.add(two, killer).unwrap();
    let key = events.add(others, log.actor("b").writing()).unwrap();
    other.set(Some(key));
    let before = events.counters();
    let turn = events.turn(NO_WAIT).unwrap();
    assert_eq!(
        (turn.fired, counted(events.counters(), &before)),
        (2, "turns 1, waits 1, fired 1, events 1, closes 1".into())
    );
    events.dispatch(Fired { key, readiness: Readiness::READABLE });
    assert_eq!(events.counters().since(&before).fired, 1);
}

#[cfg(target_has_atomic = "8")]
#[test]
fn wakes_are_counted_as_they_are_answered() {
    use stheno_core::Result;
    use stheno_core::waker::{Bell, Ring, Waker};
    struct Silent;
    impl Ring for Silent {
        fn ring(&self) -> Result<()> {
            Ok(())
        }
        fn drain(&self) -> Result<()> {
            Ok(())
        }
    }
    static BELL: Bell<Silent> = Bell::new(Silent);
    let (mut events, log) = (events(), Log::default());
    events.listen(7_u16, log.actor("door")).unwrap();
    let (sound, far) = events.net_mut().connection();
    let before = events.counters();
    events.attach(&BELL, sound).unwrap();
    assert_eq!(counted(events.counters(), &before), "", "a bell is no channel");
    Waker::new(&BELL).wake().unwrap();
    Waker::new(&BELL).wake().unwrap();
    events.net_mut().say(far, b"ding");
    assert!(events.turn(NO_WAIT).unwrap().woken);
    assert_eq!(counted(events.counters(), &before), "turns 1, waits 1, wakes 1");
}
