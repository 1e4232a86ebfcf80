//! Interests: the backend is told once a turn, of what has changed, and only those are asked who were touched.

use crate::NO_WAIT;
use crate::actor::{Event, Log, Wants, events};
use stheno_core::{Interest, Key};

#[test]
fn one_call_for_a_channel_in_a_turn() {
    let (mut events, log) = (events(), Log::default());
    let (socket, far) = events.net_mut().connection();
    let actor = log.actor("a");
    let wants = actor.wants.clone();
    let actor = actor.on(move |event, channel| {
        if let Event::Read = event {
            // Back and forth; what holds at the end of the turn counts.
            for write in [true, false, true] {
                wants.write.set(write);
                channel.touch();
            }
        }
        None
    });
    let key = events.add(socket, actor).unwrap();
    events.turn(NO_WAIT).unwrap();
    let before = events.net().count.changes();
    events.net_mut().say(far, b"x");
    events.turn(NO_WAIT).unwrap();
    assert_eq!(events.net().count.changes(), before + 1);
    assert_eq!(events.net().interest(key), Some(Interest::ALL));
}

#[test]
fn no_call_where_an_interest_flips_back() {
    let (mut events, log) = (events(), Log::default());
    let (socket, far) = events.net_mut().connection();
    let actor = log.actor("a");
    let wants = actor.wants.clone();
    let actor = actor.on(move |event, _| {
        match event {
            Event::Read => wants.write.set(true),
            Event::Write => wants.write.set(false),
            _ => {}
        }
        None
    });
    let key = events.add(socket, actor).unwrap();
    events.turn(NO_WAIT).unwrap();
    let before = events.net().count.changes();
    let (_, mut io) = events.channel(key).unwrap();
    io.touch();
    events.net_mut().say(far, b"x");
    // The backend says both, so that the handlers flip the interest to and fro within one turn.
    events.net_mut().forced.push((0, stheno_core::Readiness::WRITABLE));
    events.turn(NO_WAIT).unwrap();
    log.tells(["a read x", "a write"]);
    assert_eq!(events.net().count.changes(), before);
}

#[test]
fn registered_once_and_only_while_it_wants_something() {
    let (mut events, log) = (events(), Log::default());
    let (socket, _) = events.net_mut().connection();
    let actor = log.actor("a").not_reading();
    let wants = actor.wants.clone();
    let key = events.add(socket, actor).unwrap();
    let calls = |events: &crate::actor::Events| {
        let count = events.net().count;
        (count.register, count.reregister, count.deregister)
    };
    assert_eq!(calls(&events), (0, 0, 0), "it wants nothing");
    for (read, write, expected) in [
        (true, false, (1, 0, 0)),
        (true, true, (1, 1, 0)),
        (true, true, (1, 1, 0)),
        (false, true, (1, 2, 0)),
        (false, false, (1, 2, 1)),
        (false, false, (1, 2, 1)),
        (true, true, (2, 2, 1)),
    ] {
        wants.read.set(read);
        wants.write.set(write);
        events.touch(key).unwrap();
        events.settle();
        assert_eq!(calls(&events), expected, "{read} {write}");
    }
    events.close(key).unwrap();
    assert_eq!(calls(&events), (2, 2, 2), "deregistered before it is closed");
}

/// Ten channels; whoever is not touched is not asked.
#[test]
fn only_the_touched_are_asked() {
    let (mut events, log) = (events(), Log::default());
    let mut channels: Vec<(Key, crate::memory::Far, Wants)> = Vec::new();
    for _ in 0..10 {
        let (socket, far) = events.net_mut().connection();
        let actor = log.actor("a");
        let wants = actor.wants.clone();
        channels.push((events.add(socket, actor).unwrap(), far, wants));
    }
    events.turn(NO_WAIT).unwrap();
    for (_, _, wants) in &channels {
        wants.asked.set(0);
    }
    let asked = |but: usize| -> u32 {
        channels.iter().enumerate().filter(|(i, _)| *i != but).map(|(_, (.., wants))| wants.asked.get()).sum()
    };
    events.net_mut().say(channels[3].1, b"x");
    events.turn(NO_WAIT).unwrap();
    assert_eq!((asked(3), channels[3].2.asked.get() > 0), (0, true));
    channels[3].2.asked.set(0);
    events.touch(channels[7].0).unwrap();
    events.turn(NO_WAIT).unwrap();
    assert_eq!((asked(7), channels[7].2.asked.get()), (0, 2), "each predicate once");
}

#[test]
fn a_predicate_that_depends_on_another_is_asked_when_touched() {
    let (mut events, log) = (events(), Log::default());
    let (socket, _) = events.net_mut().connection();
    let sleeper = log.actor("sleeper").not_reading();
    let wants = sleeper.wants.clone();
    let sleeper = events.add(socket, sleeper).unwrap();
    let (socket, far) = events.net_mut().connection();
    let actor = log.actor("a").on(move |event, channel| {
        if let Event::Read = event {
            wants.write.set(true);
            // To look at a neighbour is to touch it.
            channel.neighbour(sleeper).unwrap();
        }
        None
    });
    events.add(socket, actor).unwrap();
    events.net_mut().say(far, b"x");
    events.turn(NO_WAIT).unwrap();
    assert_eq!(events.net().interest(sleeper), Some(Interest::WRITE));
    events.turn(NO_WAIT).unwrap();
    log.tells(["a read x", "sleeper write"]);
}

#[test]
fn a_broadcast_touches_those_it_says() {
    let (mut events, log) = (events(), Log::default());
    let mut asked = Vec::new();
    let mut fars = Vec::new();
    for name in ["odd", "even", "odd", "even"] {
        let (socket, far) = events.net_mut().connection();
        let actor = log.actor(name);
        asked.push(actor.wants.asked.clone());
        events.add(socket, actor).unwrap();
        fars.push(far);
    }
    let (socket, far) = events.net_mut().connection();
    let caller = log.actor("caller").on(|event, channel| {
        if let Event::Read = event {
            let mut seen = 0;
            channel.for_each_neighbour(|actor, io| {
                seen += 1;
                io.send(b"hi").unwrap();
                actor.name == "odd"
            });
            assert_eq!(seen, 4, "everybody but oneself");
        }
        None
    });
    events.add(socket, caller).unwrap();
    events.turn(NO_WAIT).unwrap();
    asked.iter().for_each(|asked| asked.set(0));
    events.net_mut().say(far, b"x");
    events.turn(NO_WAIT).unwrap();
    assert_eq!(asked.iter().map(|asked| asked.get() > 0).collect::<Vec<_>>(), [true, false, true, false]);
    for far in fars {
        assert_eq!(events.net_mut().hear(far), b"hi");
    }
}

#[test]
fn one_cannot_be_ones_own_neighbour() {
    let (mut events, log) = (events(), Log::default());
    let (socket, far) = events.net_mut().connection();
    let actor = log.actor("a").on(|event, channel| {
        if let Event::Read = event {
            let own = channel.key();
            assert!(channel.neighbour(own).is_err());
        }
        None
    });
    events.add(socket, actor).unwrap();
    events.net_mut().say(far, b"x");
    events.turn(NO_WAIT).unwrap();
    log.tells(["a read x"]);
}

/// A backend with little room reports the others next (B8), and the loop does not mind.
#[test]
fn nobody_starves_behind_a_small_batch() {
    let (mut events, log) = (events(), Log::default());
    events.net_mut().batch = 2;
    for name in ["a", "b", "c", "d", "e"] {
        let (socket, _) = events.net_mut().connection();
        events.add(socket, log.actor(name).writing()).unwrap();
    }
    for _ in 0..3 {
        events.turn(NO_WAIT).unwrap();
    }
    let mut told = log.take();
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 5);
}
