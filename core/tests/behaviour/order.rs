//! Rule 1: order within a firing; the predicate and liveness are asked again before each step.

use crate::NO_WAIT;
use crate::actor::{Event, Log, events};
use stheno_core::{Fired, Readiness};

#[test]
fn read_write_expt_then_close() {
    let (mut events, log) = (events(), Log::default());
    let (socket, far) = events.net_mut().connection();
    events.add(socket, log.actor("a").writing()).unwrap();
    events.net_mut().say(far, b"hello");
    events.net_mut().urge(far, b'!');
    events.net_mut().finish(far);
    events.turn(NO_WAIT).unwrap();
    log.tells(["a read hello", "a write", "a expt"]);
    events.turn(NO_WAIT).unwrap();
    log.tells(["a read (end)", "a close: end of stream"]);
    assert!(events.is_empty());
}

#[test]
fn connect_read_write_in_one_firing() {
    let (mut events, log) = (events(), Log::default());
    events.net_mut().serve(7);
    let key = events.connect(7_u16, log.actor("a").writing()).unwrap();
    let far = events.net_mut().answer(7).unwrap();
    events.net_mut().say(far, b"welcome");
    events.dispatch(Fired { key, readiness: Readiness::READABLE | Readiness::WRITABLE });
    log.tells(["a connect", "a read welcome", "a write"]);
}

#[test]
fn the_predicate_is_asked_again_before_each_step() {
    let (mut events, log) = (events(), Log::default());
    let (socket, far) = events.net_mut().connection();
    let actor = log.actor("a").writing();
    let wants = actor.wants.clone();
    let actor = actor.on(move |event, _| {
        if let Event::Read = event {
            wants.write.set(false);
        }
        None
    });
    events.add(socket, actor).unwrap();
    events.net_mut().say(far, b"x");
    events.turn(NO_WAIT).unwrap();
    log.tells(["a read x"]);
}

#[test]
fn a_handler_that_closes_is_the_last_one() {
    for last in ["read", "write", "expt"] {
        let (mut events, log) = (events(), Log::default());
        let (socket, far) = events.net_mut().connection();
        let actor = log.actor("a").writing().on(move |event, channel| {
            let now = match event {
                Event::Read => "read",
                Event::Write => "write",
                Event::Expt => "expt",
                _ => unreachable!(),
            };
            if now == last {
                channel.close();
            }
            Some(Ok(()))
        });
        events.add(socket, actor).unwrap();
        events.net_mut().say(far, b"x");
        events.net_mut().urge(far, b'!');
        events.turn(NO_WAIT).unwrap();
        let all = ["a read", "a write", "a expt"];
        let told = all.iter().position(|line| line.ends_with(last)).unwrap() + 1;
        assert_eq!(log.take(), all[..told]);
        assert_eq!((events.len(), events.net().held()), (0, 0));
    }
}

/// Whatever "except" means on a system: an error closes, none is urgent data.
#[test]
fn priority_asks_for_the_error_first() {
    let (mut events, log) = (events(), Log::default());
    let (socket, far) = events.net_mut().connection();
    let key = events.add(socket, log.actor("a")).unwrap();
    events.dispatch(Fired { key, readiness: Readiness::PRIORITY });
    log.tells(["a expt"]);
    events.net_mut().reset(far);
    events.dispatch(Fired { key, readiness: Readiness::PRIORITY });
    let told = log.take();
    assert_eq!(told.last().unwrap(), "a close: reset (os error 104)", "{told:?}");
    assert!(!told.contains(&"a expt".to_string()));
}

#[test]
fn urgent_data_is_received() {
    let (mut events, log) = (events(), Log::default());
    let (socket, far) = events.net_mut().connection();
    let heard = log.clone();
    let actor = log.actor("a").on(move |event, channel| {
        let Event::Expt = event else { return None };
        while let Some(byte) = channel.recv_urgent().unwrap() {
            heard.word(&char::from(byte).to_string());
        }
        assert!(channel.send_urgent(b'?').unwrap());
        Some(Ok(()))
    });
    events.add(socket, actor).unwrap();
    events.net_mut().urge(far, b'!');
    events.turn(NO_WAIT).unwrap();
    events.turn(NO_WAIT).unwrap();
    log.tells(["a expt !"]);
}
