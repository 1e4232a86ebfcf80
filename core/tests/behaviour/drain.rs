//! Ending in good order.

use std::time::Duration;

use crate::actor::{Event, Events, Log, events};
use crate::memory::Far;
use crate::ms;
use stheno_core::{Error, Key, Kind};

fn add(events: &mut Events, actor: crate::actor::Actor) -> (Key, Far) {
    let (socket, far) = events.net_mut().connection();
    (events.add(socket, actor).unwrap(), far)
}

/// Sends its last word in pieces, as there is room, and then wants to write no more.
fn wordy(log: &Log, name: &'static str) -> crate::actor::Actor {
    let actor = log.actor(name).writing();
    let wants = actor.wants.clone();
    let mut word: &[u8] = b"farewell";
    actor.on(move |event, channel| match event {
        Event::Write => {
            let sent = channel.send(word).unwrap();
            word = &word[sent..];
            wants.write.set(!word.is_empty());
            Some(Ok(()))
        }
        _ => None,
    })
}

#[test]
fn listeners_close_first_and_those_who_have_nothing_to_say() {
    let (mut events, log) = (events(), Log::default());
    let (_, quiet) = add(&mut events, log.actor("quiet"));
    events.listen(7_u16, log.actor("door")).unwrap();
    events.add_timer(ms(5), log.actor("timer")).unwrap();
    events.create(Kind::Stream, 8_u16, log.actor("idle")).unwrap();
    events.bind(9_u16, log.actor("mailbox")).unwrap();
    events.drain(ms(100)).unwrap();
    let told = log.take();
    assert_eq!(told[..3], ["door close: the loop ends", "timer close: the loop ends", "idle close: the loop ends"]);
    let mut rest = told[3..].to_vec();
    rest.sort();
    assert_eq!(rest, ["mailbox close: the loop ends", "quiet close: the loop ends"]);
    assert!(events.is_empty());
    assert!(events.net_mut().has_ended(quiet));
    assert_eq!((events.net().elapsed(), events.net().held(), events.net().watched()), (Duration::ZERO, 0, 0));
    assert_eq!(events.net_mut().try_call(7), None);
}

#[test]
fn what_waits_is_sent_first() {
    let (mut events, log) = (events(), Log::default());
    events.net_mut().capacity = 3;
    let (_, far) = add(&mut events, wordy(&log, "a"));
    for time in 1..=3 {
        events.net_mut().after(ms(time), move |net| drop(net.hear(far)));
    }
    events.drain(ms(100)).unwrap();
    log.tells(["a drain", "a write", "a write", "a write", "a close: the loop ends"]);
    assert_eq!(events.net().elapsed(), ms(2), "no longer than it takes");
}

#[test]
fn who_is_not_done_in_time_is_told_so() {
    let (mut events, log) = (events(), Log::default());
    events.net_mut().capacity = 3;
    let (_, far) = add(&mut events, wordy(&log, "a"));
    add(&mut events, log.actor("b"));
    events.drain(ms(50)).unwrap();
    let told = log.take();
    assert_eq!(told.iter().filter(|line| line.starts_with("b")).collect::<Vec<_>>(), ["b close: the loop ends"]);
    assert_eq!(told.last().unwrap(), "a close: the loop ends, and what waited was not taken in time");
    assert_eq!((events.net().elapsed(), events.len(), events.net().held()), (ms(50), 0, 0));
    assert_eq!(events.net_mut().hear(far), b"far");
}

/// What is said when the loop drains is sent too; who fails at it is told its own error.
#[test]
fn everyone_may_have_a_last_word() {
    let (mut events, log) = (events(), Log::default());
    let polite = log.actor("polite").on(|event, channel| match event {
        Event::Drain => Some(channel.send(b"bye").map(drop)),
        _ => None,
    });
    let clumsy = log.actor("clumsy").on(|event, _| match event {
        Event::Drain => Some(Err(Error::user("oops", 1))),
        _ => None,
    });
    let (_, far) = add(&mut events, polite);
    add(&mut events, clumsy);
    events.drain(ms(50)).unwrap();
    log.tells([
        "polite drain",
        "clumsy drain",
        "clumsy error: oops (1)",
        "clumsy close: oops (1)",
        "polite close: the loop ends",
    ]);
    assert_eq!(events.net_mut().hear(far), b"bye");
}

/// A peer that ends by itself meanwhile is no matter of the loop's.
#[test]
fn who_ends_by_itself_has_its_own_reason() {
    let (mut events, log) = (events(), Log::default());
    events.net_mut().capacity = 3;
    let (_, far) = add(&mut events, wordy(&log, "a"));
    events.net_mut().after(ms(5), move |net| net.finish(far));
    events.drain(ms(50)).unwrap();
    log.tells(["a drain", "a write", "a read (end)", "a close: end of stream"]);
    assert_eq!(events.net().elapsed(), ms(5));
}

#[test]
fn a_stop_ends_the_time() {
    let (mut events, log) = (events(), Log::default());
    events.net_mut().capacity = 3;
    let impatient = log.actor("b").writing().on(|event, channel| match event {
        Event::Timeout => {
            channel.stop();
            Some(Ok(()))
        }
        // There is no room for more.
        Event::Drain => Some(channel.send(b"far").map(drop)),
        _ => None,
    });
    let (key, _) = add(&mut events, impatient);
    events.channel(key).unwrap().1.set_timeout(ms(7));
    events.drain(ms(50)).unwrap();
    assert_eq!(events.net().elapsed(), ms(7));
    assert_eq!(log.take().last().unwrap(), "b close: the loop ends, and what waited was not taken in time");
}

/// One hears of things to the end, and goes last. No time is waited out for it.
#[test]
fn who_stays_goes_last() {
    let (mut events, log) = (events(), Log::default());
    events.net_mut().capacity = 3;
    let (_, bell) = add(&mut events, log.actor("bell").staying());
    let (_, far) = add(&mut events, wordy(&log, "a"));
    let (_, other) = add(&mut events, log.actor("watch").staying());
    let (timer, idle) = (log.actor("timer").staying(), log.actor("idle").staying());
    events.add_timer(ms(2), timer).unwrap();
    events.create(Kind::Stream, 8_u16, idle).unwrap();
    // A listener does not stay, whatever it says.
    events.listen(7_u16, log.actor("door").staying()).unwrap();
    events.net_mut().after(ms(1), move |net| net.say(bell, b"ring"));
    for time in 3..=5 {
        events.net_mut().after(ms(time), move |net| drop(net.hear(far)));
    }
    events.drain(ms(100)).unwrap();
    let told = log.take();
    assert_eq!(
        told[..8],
        [
            "door close: the loop ends",
            "a drain",
            "a write",
            "bell read ring",
            "timer timeout",
            "a write",
            "a write",
            "a close: the loop ends"
        ]
    );
    let mut rest = told[8..].to_vec();
    rest.sort();
    assert_eq!(rest, ["bell close: the loop ends", "idle close: the loop ends", "watch close: the loop ends"]);
    assert_eq!(events.net().elapsed(), ms(4), "as soon as the last of the others has gone");
    assert!(events.is_empty() && events.net_mut().has_ended(other));
}

/// Who stays is not late, who does not is; and where all stay there is nothing to wait for.
#[test]
fn who_stays_is_not_late() {
    let (mut events, log) = (events(), Log::default());
    events.net_mut().capacity = 3;
    add(&mut events, log.actor("bell").staying());
    events.drain(ms(100)).unwrap();
    log.tells(["bell close: the loop ends"]);
    assert_eq!(events.net().elapsed(), Duration::ZERO);
    add(&mut events, wordy(&log, "a"));
    add(&mut events, log.actor("bell").staying());
    events.drain(ms(50)).unwrap();
    let mut told = log.take();
    told.sort();
    assert_eq!(
        told,
        [
            "a close: the loop ends, and what waited was not taken in time",
            "a drain",
            "a write",
            "bell close: the loop ends"
        ]
    );
    assert_eq!(events.net().elapsed(), ms(50));
}

/// One that stayed, and stays no longer, goes as the others do.
#[test]
fn who_stays_may_change_its_mind() {
    let (mut events, log) = (events(), Log::default());
    let bell = log.actor("bell").staying();
    let stays = bell.stays.clone();
    let bell = bell.on(move |event, _| {
        if let Event::Read = event {
            stays.set(false);
        }
        None
    });
    let (_, far) = add(&mut events, bell);
    events.net_mut().capacity = 3;
    let (_, slow) = add(&mut events, wordy(&log, "a"));
    events.net_mut().after(ms(1), move |net| net.say(far, b"ring"));
    for time in 2..=4 {
        events.net_mut().after(ms(time), move |net| drop(net.hear(slow)));
    }
    events.drain(ms(50)).unwrap();
    log.tells([
        "bell drain",
        "a drain",
        "a write",
        "bell read ring",
        "bell close: the loop ends",
        "a write",
        "a write",
        "a close: the loop ends",
    ]);
}

/// A dispatcher that leaves writing to the default has nothing to send, as far as anyone knows.
#[test]
fn an_unhandled_write_holds_nobody_up() {
    struct Defaults;
    impl stheno_core::Dispatcher<crate::memory::Memory> for Defaults {}
    type Loop = stheno_core::EventLoop<
        Defaults,
        crate::memory::Memory,
        crate::memory::Watch,
        crate::memory::Table<stheno_core::Slot<Defaults, crate::memory::Memory>>,
    >;
    let (net, watch) = crate::memory::pair();
    let mut events = Loop::with_parts(net, watch, crate::memory::Table::default());
    let (socket, _) = events.net_mut().connection();
    events.add(socket, Defaults).unwrap();
    events.turn(Some(Duration::ZERO)).unwrap();
    events.drain(ms(50)).unwrap();
    assert_eq!((events.net().elapsed(), events.len()), (Duration::ZERO, 0));
}

#[test]
fn a_drained_loop_can_be_used_again() {
    let (mut events, log) = (events(), Log::default());
    events.listen(7_u16, log.actor("door")).unwrap();
    events.drain(ms(50)).unwrap();
    log.take();
    let (_, far) = add(&mut events, log.actor("a"));
    events.net_mut().say(far, b"hello");
    events.run_turns(3, Some(Duration::ZERO)).unwrap();
    log.tells(["a read hello"]);
    assert_eq!(events.len(), 1);
    events.close_all();
    events.drain(ms(50)).unwrap();
    log.tells([]);
}

/// A table of a set size: callers past it stay in line, and others are told.
#[test]
fn a_limit_keeps_callers_in_line() {
    let (mut events, log) = (events(), Log::default());
    events.set_limit(2);
    events.listen(7_u16, log.actor("door")).unwrap();
    for _ in 0..3 {
        events.net_mut().call(7);
    }
    events.run_turns(5, Some(Duration::ZERO)).unwrap();
    log.tells(["door accepted", "door error: accept: the table of channels is full"]);
    assert_eq!((events.len(), events.net().waiting(7)), (2, 2));
    let waits = events.net().count.wait;
    events.turn(Some(ms(20))).unwrap();
    assert_eq!(events.net().count.wait, waits + 1, "nothing spins");
    events.set_limit(3);
    events.run_turns(5, Some(Duration::ZERO)).unwrap();
    assert_eq!((events.len(), events.net().waiting(7)), (3, 1));
}
