//! Rule 5: the end of a connection attempt is always told.

use std::time::Duration;

use crate::NO_WAIT;
use crate::actor::{Event, Log, events};
use stheno_core::{Error, ErrorKind, Interest, State};

#[test]
fn connect_is_told_whatever_writable_says() {
    for slow in [false, true] {
        let (mut events, log) = (events(), Log::default());
        events.net_mut().serve(7);
        events.net_mut().slow_connects = slow;
        let actor = log.actor("a").not_reading().on(|event, channel| {
            if let Event::Connect = event {
                assert!(channel.connected() && !channel.connecting());
                assert_eq!(channel.peer_address().unwrap(), 7);
            }
            None
        });
        let key = events.connect(7_u16, actor).unwrap();
        assert!(events.channel(key).unwrap().1.connecting());
        assert_eq!(events.net().interest(key), Some(Interest::WRITE));
        events.turn(NO_WAIT).unwrap();
        if slow {
            log.tells([]);
            events.net_mut().let_through();
            events.turn(NO_WAIT).unwrap();
        }
        log.tells(["a connect"]);
        assert_eq!(events.net().interest(key), None, "it wants nothing now");
    }
}

#[test]
fn a_refusal_is_an_error_with_its_number_and_then_close() {
    for slow in [false, true] {
        let (mut events, log) = (events(), Log::default());
        events.net_mut().slow_connects = slow;
        events.connect(7_u16, log.actor("a")).unwrap();
        events.turn(NO_WAIT).unwrap();
        events.net_mut().let_through();
        events.run().unwrap();
        log.tells(["a error: connect: refused (os error 111)", "a close: connect: refused (os error 111)"]);
        assert_eq!(events.net().held(), 0);
    }
}

#[test]
fn a_refusal_closes_also_where_the_error_is_taken() {
    let (mut events, log) = (events(), Log::default());
    let actor = log.actor("a").on(|event, _| match event {
        Event::Error(why) => {
            assert_eq!(why.kind(), ErrorKind::Disconnected);
            Some(Ok(()))
        }
        _ => None,
    });
    events.connect(7_u16, actor).unwrap();
    events.run().unwrap();
    log.tells(["a error: connect: refused (os error 111)", "a close: connect: refused (os error 111)"]);
}

#[test]
fn close_inside_handle_connect_is_the_end() {
    let (mut events, log) = (events(), Log::default());
    events.net_mut().serve(7);
    let actor = log.actor("a").writing().on(|event, channel| {
        if let Event::Connect = event {
            channel.close();
        }
        None
    });
    events.connect(7_u16, actor).unwrap();
    let far = events.net_mut().answer(7).unwrap();
    events.net_mut().say(far, b"welcome");
    events.run().unwrap();
    log.tells(["a connect"]);
    assert_eq!(events.net().held(), 0);
}

/// A timer that fails is its own failure, not the connection's.
#[test]
fn a_failing_timeout_leaves_the_attempt_under_way() {
    let (mut events, log) = (events(), Log::default());
    events.net_mut().serve(7);
    events.net_mut().slow_connects = true;
    let actor = log.actor("a").on(|event, _| match event {
        Event::Timeout => Some(Err(Error::user("impatient", 1))),
        Event::Error(_) => Some(Ok(())),
        _ => None,
    });
    let key = events.connect(7_u16, actor).unwrap();
    events.channel(key).unwrap().1.set_timeout(Duration::from_millis(1));
    events.turn(Some(Duration::from_millis(5))).unwrap();
    log.tells(["a timeout", "a error: impatient (1)"]);
    events.net_mut().let_through();
    events.turn(NO_WAIT).unwrap();
    log.tells(["a connect"]);
}

#[test]
fn what_is_sent_while_connecting_waits() {
    let (mut events, log) = (events(), Log::default());
    events.net_mut().slow_connects = true;
    let key = events.connect(7_u16, log.actor("a")).unwrap();
    let (_, mut io) = events.channel(key).unwrap();
    assert_eq!(io.send(b"x").unwrap(), 0);
    assert!(!io.send_urgent(b'!').unwrap());
    assert_eq!(io.recv(&mut [0]).unwrap(), stheno_core::Received::WouldBlock);
    assert!(io.connecting() && !io.connected());
    assert_eq!(io.connect(&8).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!((events.net().count.send, events.net().count.recv), (0, 0), "the net is not asked");
}

#[test]
fn an_idle_channel_is_silent_until_it_connects() {
    let (mut events, log) = (events(), Log::default());
    events.net_mut().serve(7);
    let key = events.create(stheno_core::Kind::Stream, 0_u16, log.actor("a").writing()).unwrap();
    events.turn(NO_WAIT).unwrap();
    log.tells([]);
    assert_eq!(events.net().watched(), 0, "systems call such a socket hung up");
    let (_, mut io) = events.channel(key).unwrap();
    assert_eq!(io.state(), State::Idle);
    assert_eq!(io.send(b"x").unwrap_err().to_string(), "send: the channel is not connected");
    assert_eq!(io.recv(&mut [0]).unwrap_err().to_string(), "recv: the channel is not connected");
    io.bind(&99).unwrap();
    io.connect(&7).unwrap();
    events.turn(NO_WAIT).unwrap();
    log.tells(["a connect", "a write"]);
    assert_eq!(events.channel(key).unwrap().1.local_address().unwrap(), 99);
}

#[test]
fn an_idle_channel_may_come_to_listen() {
    let (mut events, log) = (events(), Log::default());
    let key = events.create(stheno_core::Kind::Stream, 0_u16, log.actor("door")).unwrap();
    let (_, mut io) = events.channel(key).unwrap();
    assert!(!io.accepting());
    io.set_reuse_address().unwrap();
    io.bind(&7).unwrap();
    io.listen(5).unwrap();
    assert!(io.accepting());
    assert_eq!(events.net().count.reuse, 1);
    events.net_mut().call(7);
    events.turn(NO_WAIT).unwrap();
    log.tells(["door accepted"]);
    assert_eq!(events.len(), 2);
}
