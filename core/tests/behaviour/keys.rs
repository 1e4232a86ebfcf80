//! Rule 4: a key dies with its channel, and a slot is somebody else when it is used again.

use crate::NO_WAIT;
use crate::actor::{Event, Log, events};
use stheno_core::storage::Array;
use stheno_core::{ErrorKind, EventLoop, Fired, Net, Readiness, Slot};

#[test]
fn a_stale_key_finds_nobody() {
    let (mut events, log) = (events(), Log::default());
    let (socket, _) = events.net_mut().connection();
    let old = events.add(socket, log.actor("old")).unwrap();
    events.close(old).unwrap();
    let (socket, _) = events.net_mut().connection();
    let new = events.add(socket, log.actor("new")).unwrap();
    assert_eq!((old.index(), old.generation() + 1), (new.index(), new.generation()), "the slot is used again");
    assert_eq!(events.channel(old).map(drop).unwrap_err().kind(), ErrorKind::Stale);
    assert_eq!(events.touch(old).unwrap_err().kind(), ErrorKind::Stale);
    assert!(events.dispatcher(old).is_none());
    assert_eq!(events.dispatcher(new).unwrap().name, "new");
    events.dispatch(Fired { key: old, readiness: Readiness::READABLE });
    events.handle_read_event(old);
    events.handle_write_event(old);
    events.handle_expt_event(old);
    log.tells([]);
    assert!(events.keys().eq([new]));
}

/// The golden case: A closes B, which is ready too, and opens D, which gets B's number.
#[test]
fn a_newcomer_never_hears_what_was_meant_for_the_one_before() {
    for backwards in [false, true] {
        let (mut events, log) = (events(), Log::default());
        events.net_mut().backwards = backwards;
        let (first, far_first) = events.net_mut().connection();
        let (second, far_second) = events.net_mut().connection();
        let (mut keys, newcomer) = (Vec::new(), log.clone());
        let meddler = move |log: &Log, other: &'static str| {
            let newcomer = newcomer.clone();
            log.actor(if other == "b" { "a" } else { "b" }).on(move |event, channel| {
                let Event::Read = event else { return None };
                let mut victims = Vec::new();
                channel.for_each_neighbour(|actor, io| {
                    if actor.name == other {
                        victims.push(io.key());
                    }
                    false
                });
                for victim in victims {
                    channel.neighbour(victim).unwrap().1.close();
                    assert!(channel.neighbour(victim).is_err(), "stale at once");
                    channel.connect_to(7_u16, newcomer.actor("d")).unwrap();
                }
                None
            })
        };
        events.net_mut().serve(7);
        keys.push(events.add(first, meddler(&log, "b")).unwrap());
        keys.push(events.add(second, meddler(&log, "a")).unwrap());
        events.net_mut().say(far_first, b"x");
        events.net_mut().say(far_second, b"y");
        events.turn(NO_WAIT).unwrap();
        let told = log.take();
        assert_eq!(told, [if backwards { "b read y" } else { "a read x" }]);
        events.turn(NO_WAIT).unwrap();
        log.tells(["d connect"]);
        assert_eq!((events.len(), events.net().held()), (2, 2));
    }
}

/// For options that the net has of its own; a channel that is closed has none any more.
#[test]
fn the_net_and_the_socket_are_had_at_once() {
    let (mut events, log) = (events(), Log::default());
    let (socket, _) = events.net_mut().connection();
    let key = events.add(socket, log.actor("a")).unwrap();
    let (_, mut io) = events.channel(key).unwrap();
    let at = io.local_address().unwrap();
    let (net, socket) = io.net_and_socket().unwrap();
    assert_eq!(net.local_address(socket), Ok(at));
    io.close();
    assert_eq!(io.net_and_socket().map(drop).unwrap_err().kind(), ErrorKind::Stale);
}

/// All that was freed can be had again as soon as the turn is over, whatever ended the channel.
#[test]
fn a_slot_is_free_as_soon_as_the_turn_is_over() {
    let log = Log::default();
    let (net, watch) = crate::memory::pair();
    let mut events = EventLoop::<_, _, _, Array<Slot<_, _>, 2>>::with_parts(net, watch, Array::default());
    let (socket, far) = events.net_mut().connection();
    events.add(socket, log.actor("stays")).unwrap();
    let (socket, gone) = events.net_mut().connection();
    let breaks = events.add(socket, log.actor("goes").not_reading()).unwrap();
    events.turn(NO_WAIT).unwrap();
    events.net_mut().hang_up(gone);
    events.net_mut().say(far, b"x");
    assert!(events.channel(breaks).unwrap().1.send(b"x").is_err());
    events.turn(NO_WAIT).unwrap();
    log.tells(["goes close: broken pipe (os error 32)", "stays read x"]);
    assert_eq!(events.len(), 1);

    let (socket, gone) = events.net_mut().connection();
    let breaks = events.add(socket, log.actor("goes")).expect("the slot is free");
    events.net_mut().hang_up(gone);
    assert!(events.channel(breaks).unwrap().1.send(b"x").is_err());
    events.settle();
    let (socket, _) = events.net_mut().connection();
    events.add(socket, log.actor("next")).expect("the slot is free at once");
}

#[test]
fn a_table_does_not_grow_where_slots_are_free() {
    let (mut events, log) = (events(), Log::default());
    let mut most = 0;
    for _ in 0..if cfg!(miri) { 100 } else { 1000 } {
        let (socket, far) = events.net_mut().connection();
        let key = events.add(socket, log.actor("a")).unwrap();
        events.net_mut().hang_up(far);
        events.run().unwrap();
        most = most.max(key.index());
    }
    assert!(most < 64, "{most}");
}

#[test]
fn the_count_of_channels_is_that_of_their_keys() {
    let (mut events, log) = (events(), Log::default());
    let (mut keys, mut fars) = (Vec::new(), Vec::new());
    for count in 1..=6 {
        let (socket, far) = events.net_mut().connection();
        let more = log.clone();
        // Whoever reads brings another one in, and goes where it reads an x.
        let actor = log.actor("a").on(move |event, channel| {
            let Event::Read = event else { return None };
            let mut byte = [0];
            let _ = channel.recv(&mut byte);
            let (socket, _) = channel.net().connection();
            channel.add(socket, more.actor("b")).unwrap();
            if byte == *b"x" {
                channel.close();
            }
            Some(Ok(()))
        });
        keys.push(events.add(socket, actor).unwrap());
        fars.push(far);
        assert_eq!((events.len(), events.keys().count(), events.is_empty()), (count, count, false));
    }
    let counts = |events: &crate::actor::Events, expected: usize| {
        assert_eq!((events.len(), events.keys().count(), events.net().held()), (expected, expected, expected));
    };
    events.net_mut().say(fars[0], b"y");
    events.net_mut().say(fars[1], b"x");
    events.turn(NO_WAIT).unwrap();
    counts(&events, 7);
    events.close(keys[2]).unwrap();
    assert!(events.close(keys[2]).is_err());
    counts(&events, 6);
    events.net_mut().reset(fars[3]);
    events.turn(NO_WAIT).unwrap();
    events.turn(NO_WAIT).unwrap();
    counts(&events, 6);
    events.close_all();
    counts(&events, 0);
    assert!(events.is_empty());
}
