//! Rule 7: one bad channel harms itself alone.

use std::time::Duration;

use crate::NO_WAIT;
use crate::actor::{Actor, Event, Events, Log, events};
use crate::memory::{Far, HANG};
use stheno_core::{Error, ErrorKind, Interest, Key, Kind};

fn name(event: &Event<'_>) -> &'static str {
    match event {
        Event::Connect => "connect",
        Event::Accepted(_) => "accepted",
        Event::Read => "read",
        Event::Write => "write",
        Event::Expt => "expt",
        Event::Close(_) => "close",
        Event::Error(_) => "error",
        Event::Timeout => "timeout",
        Event::Eof => "eof",
        Event::Drain => "drain",
    }
}

/// A channel to which everything happens, beside a peaceful one.
fn scene(log: &Log, mut hook: impl FnMut(&str) -> Option<stheno_core::Result<()>> + 'static) -> (Events, Far, Key) {
    let mut events = events();
    events.net_mut().serve(9);
    let actor = log.actor("bad").writing().on(move |event, channel| {
        if let Event::Expt = event {
            channel.recv_urgent().unwrap();
        }
        if let Event::Connect = event {
            channel.set_timeout(Duration::from_millis(1));
        }
        hook(name(event))
    });
    let bad = events.connect(9_u16, actor).unwrap();
    let far = events.net_mut().answer(9).unwrap();
    events.net_mut().say(far, b"x");
    events.net_mut().urge(far, b'!');
    (events, far, bad)
}

fn play(events: &mut Events) {
    for _ in 0..3 {
        events.turn(NO_WAIT).unwrap();
        events.net_mut().pass(Duration::from_millis(1));
    }
}

#[test]
fn a_failing_handler_closes_its_own_channel_alone() {
    for failing in ["connect", "read", "write", "expt", "timeout"] {
        let log = Log::default();
        let (mut events, _, _) = scene(&log, move |now| (now == failing).then(|| Err(Error::user("oops", 5))));
        let (socket, far) = events.net_mut().connection();
        let good = events.add(socket, log.actor("good")).unwrap();
        events.net_mut().say(far, b"y");
        play(&mut events);
        let told = log.take();
        let at = told.iter().position(|line| *line == format!("bad {failing}")).unwrap_or_else(|| {
            // What was read is noted on the same line, and nothing is where the handler failed before.
            panic!("{failing} never came: {told:?}")
        });
        let bad: Vec<_> = told[at..].iter().filter(|line| line.starts_with("bad")).collect();
        assert_eq!(bad, [&format!("bad {failing}"), "bad error: oops (5)", "bad close: oops (5)"]);
        assert!(told.contains(&"good read y".to_string()));
        assert!(events.keys().eq([good]));
        assert_eq!(events.net().held(), 1);
    }
}

#[test]
fn an_error_that_is_taken_lets_the_channel_go_on() {
    for failing in ["connect", "read", "write", "expt", "timeout"] {
        let log = Log::default();
        let (mut events, _, bad) = scene(&log, move |now| match now {
            "error" => Some(Ok(())),
            now => (now == failing).then(|| Err(Error::user("oops", 5))),
        });
        play(&mut events);
        let told = log.take();
        assert!(told.contains(&"bad error: oops (5)".to_string()));
        for event in ["connect", "read", "write", "expt", "timeout"] {
            assert!(told.iter().any(|line| line.starts_with(&format!("bad {event}"))), "{event} in {told:?}");
        }
        assert!(!told.iter().any(|line| line.contains("close")));
        assert!(events.channel(bad).is_ok());
    }
}

#[test]
fn a_failing_accept_is_the_listeners_error() {
    for takes in [false, true] {
        let (mut events, log) = (events(), Log::default());
        let door = log.actor("door").on(move |event, _| match event {
            Event::Accepted(_) => Some(Err(Error::user("go away", 1))),
            Event::Error(_) if takes => Some(Ok(())),
            _ => None,
        });
        events.listen(7_u16, door).unwrap();
        let far = events.net_mut().call(7);
        events.net_mut().call(7);
        events.turn(NO_WAIT).unwrap();
        assert!(events.net_mut().has_ended(far), "hung up on");
        if takes {
            log.tells(["door accepted", "door error: go away (1)", "door accepted", "door error: go away (1)"]);
            assert_eq!(events.len(), 1);
        } else {
            log.tells(["door accepted", "door error: go away (1)", "door close: go away (1)"]);
            assert_eq!(events.net().held(), 0);
        }
    }
}

#[test]
fn what_handle_error_fails_with_is_the_reason() {
    let log = Log::default();
    let (mut events, _, _) = scene(&log, |now| match now {
        "connect" => Some(Err(Error::user("first", 1))),
        "error" => Some(Err(Error::user("second", 2))),
        _ => None,
    });
    events.turn(NO_WAIT).unwrap();
    log.tells(["bad connect", "bad error: first (1)", "bad close: second (2)"]);
}

#[test]
fn handle_error_may_close_by_itself() {
    let (mut events, log) = (events(), Log::default());
    let (socket, far) = events.net_mut().connection();
    let actor = log.actor("a").on(|event, channel| match event {
        Event::Read => Some(Err(Error::user("oops", 1))),
        Event::Error(why) => {
            channel.close();
            Some(Err(*why))
        }
        _ => None,
    });
    events.add(socket, actor).unwrap();
    events.net_mut().say(far, b"x");
    events.run().unwrap();
    log.tells(["a read", "a error: oops (1)"]);
}

#[test]
fn another_channels_break_is_an_error_of_the_handler() {
    let (mut events, log) = (events(), Log::default());
    let (socket, victim_far) = events.net_mut().connection();
    let victim = events.add(socket, log.actor("victim").not_reading()).unwrap();
    let (socket, far) = events.net_mut().connection();
    let actor = log.actor("a").on(move |event, channel| match event {
        Event::Read => Some(channel.neighbour(victim).unwrap().1.send(b"x").map(drop)),
        Event::Error(_) => Some(Ok(())),
        _ => None,
    });
    events.add(socket, actor).unwrap();
    events.net_mut().hang_up(victim_far);
    events.net_mut().say(far, b"x");
    events.turn(NO_WAIT).unwrap();
    log.tells(["a read", "a error: broken pipe (os error 32)", "victim close: broken pipe (os error 32)"]);
}

#[test]
fn what_the_backend_cannot_take_is_the_calls_own_error() {
    let (mut events, log) = (events(), Log::default());
    events.net_mut().serve(9);
    let full = |result: stheno_core::Result<Key>| assert_eq!(result.unwrap_err().kind(), ErrorKind::Full);
    let refuse = |events: &mut Events| events.net_mut().failing_registrations = Some((0, 1));
    let (socket, _) = events.net_mut().connection();
    refuse(&mut events);
    full(events.add(socket, log.actor("a")));
    refuse(&mut events);
    full(events.listen(7_u16, log.actor("a")));
    refuse(&mut events);
    full(events.connect(9_u16, log.actor("a")));
    refuse(&mut events);
    full(events.bind(5_u16, log.actor("a")));
    assert_eq!((events.len(), events.net().held(), events.net().watched()), (0, 0, 0));
    events.turn(NO_WAIT).unwrap();
    log.tells([]);
    events.listen(7_u16, log.actor("a")).expect("the address is free again");
}

#[test]
fn an_adopted_channel_hears_itself_that_it_cannot_be_watched() {
    let (mut events, log) = (events(), Log::default());
    events.listen(7_u16, log.actor("door")).unwrap();
    let (first, second) = (events.net_mut().call(7), events.net_mut().call(7));
    events.net_mut().failing_registrations = Some((0, 1));
    events.turn(NO_WAIT).unwrap();
    let told = log.take();
    assert_eq!(told[..2], ["door accepted", "door accepted"]);
    assert_eq!(told[2..], ["guest error: register: cannot be watched", "guest close: register: cannot be watched"]);
    assert_eq!((events.len(), events.net().held()), (2, 2));
    let ended = [first, second].map(|far| events.net_mut().has_ended(far));
    assert_eq!(ended.into_iter().filter(|ended| *ended).count(), 1);
}

#[test]
fn an_interest_that_cannot_be_changed_closes_the_channel() {
    let (mut events, log) = (events(), Log::default());
    let (socket, _) = events.net_mut().connection();
    let actor = log.actor("a");
    let wants = actor.wants.clone();
    let key = events.add(socket, actor).unwrap();
    wants.write.set(true);
    events.touch(key).unwrap();
    events.net_mut().failing_reregistrations = 1;
    events.run().unwrap();
    log.tells(["a error: register: cannot be watched", "a close: register: cannot be watched"]);
    assert_eq!((events.net().held(), events.net().watched()), (0, 0));
}

/// Only a listener that has rested comes back. One that cannot be watched again for another reason has no rest to be over.
#[test]
fn a_listener_that_has_not_rested_is_closed_where_it_cannot_be_watched() {
    let (mut events, log) = (events(), Log::default());
    let door = log.actor("door").not_reading();
    let reads = door.wants.read.clone();
    let key = events.listen(7_u16, door).unwrap();
    events.turn(NO_WAIT).unwrap();
    events.net_mut().failing_registrations = Some((0, 1));
    reads.set(true);
    events.channel(key).unwrap().1.touch();
    events.run_turns(3, NO_WAIT).unwrap();
    log.tells(["door error: register: cannot be watched", "door close: register: cannot be watched"]);
    assert!(events.is_empty());
}

#[test]
fn an_invalid_descriptor_is_an_error_and_close_on_it_alone() {
    for takes in [false, true] {
        let (mut events, log) = (events(), Log::default());
        let (socket, _) = events.net_mut().connection();
        events.net_mut().invalid.push(socket.number());
        let actor = log.actor("a").on(move |event, _| match event {
            Event::Error(why) => {
                assert_eq!(why.kind(), ErrorKind::BadDescriptor);
                takes.then_some(Ok(()))
            }
            _ => None,
        });
        events.add(socket, actor).unwrap();
        let (socket, far) = events.net_mut().connection();
        let good = events.add(socket, log.actor("good")).unwrap();
        events.net_mut().say(far, b"y");
        events.turn(NO_WAIT).unwrap();
        log.tells([
            "a error: watch: the descriptor is not open",
            "a close: watch: the descriptor is not open",
            "good read y",
        ]);
        assert!(events.keys().eq([good]));
    }
}

#[test]
fn every_kind_of_channel_can_be_invalid() {
    let (mut events, log) = (events(), Log::default());
    events.net_mut().slow_connects = true;
    let keys = [
        events.listen(7_u16, log.actor("a")).unwrap(),
        events.connect(8_u16, log.actor("a")).unwrap(),
        events.bind(9_u16, log.actor("a")).unwrap(),
    ];
    for key in keys {
        let number = events.net().number(key).unwrap();
        events.net_mut().invalid.push(number);
    }
    events.run().unwrap();
    let told = log.take();
    assert_eq!(told.len(), 6, "{told:?}");
    assert_eq!(events.net().held(), 0);
}

/// The backend refuses a listener after its pause, and not for want of room: it is told, and the loop does not wait for
/// nobody.
#[test]
fn the_last_channel_may_end_while_the_loop_waits() {
    let (mut events, log) = (events(), Log::default());
    events.listen(7_u16, log.actor("door")).unwrap();
    events.net_mut().call(7);
    events.net_mut().exhausted_accepts = 1;
    events.turn(NO_WAIT).unwrap();
    log.tells(["door error: accept: too many sockets"]);
    events.net_mut().failing_registrations = Some((0, 1));
    events.net_mut().registration_error = Error::new(ErrorKind::BadDescriptor, "not open").doing("register");
    assert_eq!(events.run(), Ok(()));
    log.tells(["door error: register: not open", "door close: register: not open"]);
}

#[test]
fn errors_of_opening_are_the_calls_own() {
    let (mut events, log) = (events(), Log::default());
    events.listen(7_u16, log.actor("a")).unwrap();
    assert!(events.listen(7_u16, log.actor("a")).is_err());
    assert!(events.bind(7_u16, log.actor("a")).is_err());
    events.net_mut().limit = 1;
    assert_eq!(events.connect(7_u16, log.actor("a")).unwrap_err().kind(), ErrorKind::Exhausted);
    assert_eq!(events.create(Kind::Stream, 0_u16, log.actor("a")).unwrap_err().kind(), ErrorKind::Exhausted);
    assert_eq!((events.len(), events.net().held()), (1, 1));
}

fn listener_in_a_handler(log: &Log, taken: bool) -> Actor {
    let more = log.clone();
    log.actor("a").on(move |event, channel| match event {
        Event::Read => {
            channel.recv(&mut [0; 9]).unwrap();
            let port = if taken { 7_u16 } else { 8 };
            Some(channel.listen_at(port, more.actor("new door")).map(drop))
        }
        _ => None,
    })
}

#[test]
fn a_handler_may_open_a_listener() {
    for taken in [false, true] {
        let (mut events, log) = (events(), Log::default());
        events.listen(7_u16, log.actor("door")).unwrap();
        let (socket, far) = events.net_mut().connection();
        events.add(socket, listener_in_a_handler(&log, taken)).unwrap();
        events.net_mut().say(far, b"x");
        events.turn(NO_WAIT).unwrap();
        if taken {
            log.tells(["a read", "a error: bind: address in use", "a close: bind: address in use"]);
        } else {
            events.net_mut().call(8);
            assert_eq!(events.run(), Err(HANG));
            log.tells(["a read", "new door accepted"]);
        }
    }
}

#[test]
fn datagram_channels_take_errors_calmly() {
    use crate::memory::{Memory, Table, Watch, pair};
    use stheno_core::{Dispatcher, EventLoop, Slot};
    struct Silent;
    impl Dispatcher<Memory> for Silent {}
    let (net, watch) = pair();
    let mut events: EventLoop<Silent, Memory, Watch, Table<Slot<Silent, Memory>>> =
        EventLoop::with_parts(net, watch, Table::default());
    let key = events.bind(5_u16, Silent).unwrap();
    events.net_mut().undeliverable(5);
    assert_eq!(events.run(), Err(HANG));
    assert!(events.channel(key).is_ok(), "it goes on");
    assert!(events.net().count.wait < 5);
    assert_ne!(events.net().interest(key), Some(Interest::ALL));
}
