//! Rule 9: time is exact.

use std::time::Duration;

use crate::actor::{Event, Events, Log, events};
use crate::memory::{Far, HANG};
use crate::{NO_WAIT, ms};
use stheno_core::Key;

fn add(events: &mut Events, log: &Log, name: &'static str) -> (Key, Far) {
    let (socket, far) = events.net_mut().connection();
    (events.add(socket, log.actor(name)).unwrap(), far)
}

fn set(events: &mut Events, key: Key, time: u64) {
    events.channel(key).unwrap().1.set_timeout(ms(time));
}

#[test]
fn deadlines_come_in_their_order_and_never_early() {
    let (mut events, log) = (events(), Log::default());
    for (name, time) in [("c", 30), ("a", 10), ("d", 40), ("b", 20)] {
        let (key, _) = add(&mut events, &log, name);
        set(&mut events, key, time);
    }
    for (name, time) in [("a", 10), ("b", 20), ("c", 30), ("d", 40)] {
        let turn = events.turn(None).unwrap();
        assert_eq!((turn.timeouts, turn.fired), (1, 0));
        assert_eq!(log.take(), [format!("{name} timeout")]);
        assert_eq!(events.net().elapsed(), ms(time));
    }
    assert_eq!(events.turn(None), Err(HANG), "each came once");
}

#[test]
fn what_is_due_together_comes_in_one_turn() {
    let (mut events, log) = (events(), Log::default());
    for name in ["a", "b"] {
        let (key, _) = add(&mut events, &log, name);
        set(&mut events, key, 10);
    }
    assert_eq!(events.turn(None).unwrap().timeouts, 2);
    assert_eq!(log.take().len(), 2);
}

/// However many come at once, those who are ready are served in between, and nothing waits.
#[test]
fn what_is_due_past_the_budget_comes_in_the_next_turn() {
    let (mut events, log) = (events(), Log::default());
    events.set_timeout_budget(2);
    let channels = ["a", "b", "c", "d", "e"].map(|name| add(&mut events, &log, name));
    for (key, _) in channels {
        set(&mut events, key, 10);
    }
    let turn = events.turn(None).unwrap();
    assert_eq!((turn.timeouts, log.take().len(), events.net().elapsed()), (2, 2, ms(10)));
    events.net_mut().say(channels[0].1, b"x");
    let turn = events.turn(None).unwrap();
    assert_eq!((turn.fired, turn.timeouts, log.take().len()), (1, 2, 3));
    let turn = events.turn(None).unwrap();
    assert_eq!((turn.fired, turn.timeouts, log.take().len(), events.net().elapsed()), (0, 1, 1, ms(10)));
    assert_eq!(events.turn(None), Err(HANG), "each came once");
}

/// A budget of nothing would leave all of them for ever.
#[test]
fn one_that_is_due_is_always_looked_at() {
    let (mut events, log) = (events(), Log::default());
    events.set_timeout_budget(0);
    let (key, _) = add(&mut events, &log, "a");
    set(&mut events, key, 10);
    assert_eq!(events.turn(None).unwrap().timeouts, 1);
}

/// The loop was away for long; who was to be told first is told first, however late.
#[test]
fn a_deadline_that_moved_later_does_not_overtake() {
    let (mut events, log) = (events(), Log::default());
    let (moved, _) = add(&mut events, &log, "moved");
    let (other, _) = add(&mut events, &log, "other");
    set(&mut events, moved, 10);
    set(&mut events, other, 20);
    events.turn(NO_WAIT).unwrap();
    set(&mut events, moved, 30);
    events.turn(NO_WAIT).unwrap();
    events.net_mut().pass(ms(40));
    assert_eq!(events.turn(NO_WAIT).unwrap().timeouts, 2);
    log.tells(["other timeout", "moved timeout"]);
}

#[test]
fn a_deadline_moves_later_and_earlier() {
    let (mut events, log) = (events(), Log::default());
    let (key, _) = add(&mut events, &log, "a");
    set(&mut events, key, 10);
    events.turn(NO_WAIT).unwrap();
    set(&mut events, key, 50);
    events.turn(Some(ms(49))).unwrap();
    log.tells([]);
    assert_eq!(events.net().elapsed(), ms(49), "the stale time in between did not end the wait");
    set(&mut events, key, 5);
    events.turn(None).unwrap();
    log.tells(["a timeout"]);
    assert_eq!(events.net().elapsed(), ms(54));
}

#[test]
fn the_last_deadline_set_before_a_turn_holds() {
    let (mut events, log) = (events(), Log::default());
    let (key, _) = add(&mut events, &log, "a");
    for time in [5, 500, 20] {
        set(&mut events, key, time);
    }
    events.turn(None).unwrap();
    log.tells(["a timeout"]);
    assert_eq!(events.net().elapsed(), ms(20));
}

#[test]
fn a_deadline_can_be_cleared() {
    let (mut events, log) = (events(), Log::default());
    let (key, _) = add(&mut events, &log, "a");
    set(&mut events, key, 10);
    events.turn(NO_WAIT).unwrap();
    let (_, mut io) = events.channel(key).unwrap();
    assert!(io.has_timeout());
    io.clear_timeout();
    assert!(!io.has_timeout());
    events.turn(Some(ms(100))).unwrap();
    log.tells([]);
    assert_eq!(events.net().elapsed(), ms(100));
    set(&mut events, key, 10);
    events.channel(key).unwrap().1.clear_timeout();
    events.turn(Some(ms(100))).unwrap();
    log.tells([]);
}

#[test]
fn a_whole_wait_is_waited_past_stale_deadlines() {
    let (mut events, log) = (events(), Log::default());
    for time in 1..20 {
        let (key, _) = add(&mut events, &log, "a");
        set(&mut events, key, time);
        events.turn(NO_WAIT).unwrap();
        set(&mut events, key, 1000);
    }
    let turn = events.turn(Some(ms(100))).unwrap();
    assert_eq!((turn.fired, turn.timeouts), (0, 0));
    assert_eq!(events.net().elapsed(), ms(100));
    log.tells([]);
}

#[test]
fn a_deadline_set_inside_handle_timeout_comes_again() {
    let (mut events, log) = (events(), Log::default());
    let (socket, _) = events.net_mut().connection();
    let actor = log.actor("a").on(|event, channel| {
        if let Event::Timeout = event {
            assert!(!channel.has_timeout());
            channel.set_timeout(ms(10));
        }
        None
    });
    let key = events.add(socket, actor).unwrap();
    set(&mut events, key, 10);
    for beat in 1..=5 {
        events.turn(None).unwrap();
        log.tells(["a timeout"]);
        assert_eq!(events.net().elapsed(), ms(10 * beat));
    }
}

#[test]
fn a_deadline_of_zero_is_due_in_the_next_turn_and_starves_nobody() {
    let (mut events, log) = (events(), Log::default());
    let (socket, _) = events.net_mut().connection();
    let actor = log.actor("a").on(|event, channel| {
        if let Event::Timeout = event {
            channel.set_timeout(Duration::ZERO);
        }
        None
    });
    let key = events.add(socket, actor).unwrap();
    let (_, far) = add(&mut events, &log, "b");
    set(&mut events, key, 0);
    events.net_mut().say(far, b"x");
    events.turn(None).unwrap();
    log.tells(["b read x", "a timeout"]);
    assert_eq!(events.turn(None).unwrap().timeouts, 1, "once in a turn");
}

/// Neither hides the other, be it by a wait that ends with both or by one that finds both past.
#[test]
fn who_is_ready_and_due_is_told_both() {
    let (mut events, log) = (events(), Log::default());
    let (key, far) = add(&mut events, &log, "a");
    set(&mut events, key, 10);
    events.net_mut().after(ms(10), move |net| net.say(far, b"x"));
    let turn = events.turn(None).unwrap();
    assert_eq!((turn.fired, turn.timeouts, events.net().elapsed()), (1, 1, ms(10)));
    log.tells(["a read x", "a timeout"]);
    set(&mut events, key, 10);
    events.turn(NO_WAIT).unwrap();
    log.tells([]);
    events.net_mut().pass(ms(11));
    events.net_mut().say(far, b"y");
    let turn = events.turn(NO_WAIT).unwrap();
    assert_eq!((turn.fired, turn.timeouts), (1, 1));
    log.tells(["a read y", "a timeout"]);
    events.turn(Some(ms(100))).unwrap();
    log.tells([]);
}

#[test]
fn a_channel_that_closed_is_not_timed_out() {
    let (mut events, log) = (events(), Log::default());
    let (first, far) = add(&mut events, &log, "a");
    let (second, _) = add(&mut events, &log, "b");
    set(&mut events, first, 10);
    set(&mut events, second, 10);
    events.turn(NO_WAIT).unwrap();
    events.close(second).unwrap();
    events.net_mut().pass(ms(20));
    events.net_mut().hang_up(far);
    let turn = events.turn(None).unwrap();
    assert_eq!(turn.timeouts, 0);
    log.tells(["a read (end)", "a close: end of stream"]);
    assert!(events.is_empty());
}

/// The old time has come, and so have data, which move the deadline on before it is told.
#[test]
fn a_deadline_set_anew_in_the_turn_of_the_old_one_does_not_come_early() {
    let (mut events, log) = (events(), Log::default());
    let (socket, far) = events.net_mut().connection();
    let actor = log.actor("a").on(|event, channel| {
        if let Event::Read = event {
            channel.set_timeout(Duration::from_nanos(500));
        }
        None
    });
    let key = events.add(socket, actor).unwrap();
    set(&mut events, key, 10);
    events.turn(NO_WAIT).unwrap();
    events.net_mut().pass(ms(10));
    events.net_mut().say(far, b"x");
    assert_eq!(events.turn(None).unwrap().timeouts, 0);
    log.tells(["a read x"]);
    assert_eq!(events.turn(None).unwrap().timeouts, 1);
    assert_eq!(events.net().elapsed(), ms(10) + Duration::from_nanos(500));
}

#[test]
fn a_closed_channels_deadline_costs_nothing_more() {
    let (mut events, log) = (events(), Log::default());
    let (key, _) = add(&mut events, &log, "a");
    let _others = [add(&mut events, &log, "b"), add(&mut events, &log, "c")];
    set(&mut events, key, 1000);
    events.turn(NO_WAIT).unwrap();
    events.close(key).unwrap();
    let reads = events.net().clock_reads();
    events.turn(Some(ms(10))).unwrap();
    assert_eq!(events.net().clock_reads(), reads);
}

#[test]
fn a_slots_next_channel_does_not_inherit_a_deadline() {
    let (mut events, log) = (events(), Log::default());
    let (old, _) = add(&mut events, &log, "old");
    set(&mut events, old, 10);
    events.turn(NO_WAIT).unwrap();
    events.close(old).unwrap();
    let (new, _) = add(&mut events, &log, "new");
    assert_eq!(old.index(), new.index());
    assert!(!events.channel(new).unwrap().1.has_timeout());
    events.turn(Some(ms(50))).unwrap();
    log.tells([]);
}

#[test]
fn a_neighbours_close_in_handle_timeout_holds() {
    let (mut events, log) = (events(), Log::default());
    let mut keys = Vec::new();
    for name in ["a", "b"] {
        let (socket, _) = events.net_mut().connection();
        let actor = log.actor(name).on(|event, channel| {
            if let Event::Timeout = event {
                let mut others = Vec::new();
                channel.for_each_neighbour(|_, io| {
                    others.push(io.key());
                    false
                });
                for other in others {
                    channel.neighbour(other).unwrap().1.close();
                }
            }
            None
        });
        keys.push(events.add(socket, actor).unwrap());
    }
    for key in keys {
        set(&mut events, key, 10);
    }
    assert_eq!(events.turn(None).unwrap().timeouts, 1);
    assert_eq!(log.take().len(), 1);
    assert_eq!(events.net().held(), 1);
}

#[test]
fn the_clock_is_read_only_while_something_is_armed() {
    let (mut events, log) = (events(), Log::default());
    let (key, far) = add(&mut events, &log, "a");
    for _ in 0..10 {
        events.net_mut().say(far, b"x");
        events.turn(NO_WAIT).unwrap();
        events.turn(Some(ms(3))).unwrap();
    }
    assert_eq!(events.net().clock_reads(), 0);
    set(&mut events, key, 10);
    events.turn(None).unwrap();
    let reads = events.net().clock_reads();
    assert!((1..=4).contains(&reads), "{reads}");
    events.turn(Some(ms(100))).unwrap();
    assert_eq!(events.net().clock_reads(), reads);
}

/// Moving a deadline further away must not cost a call of its own.
#[test]
fn a_deadline_pushed_on_by_traffic_costs_one_look_a_turn() {
    let (mut events, log) = (events(), Log::default());
    let (socket, far) = events.net_mut().connection();
    let actor = log.actor("a").on(|event, channel| {
        if let Event::Read = event {
            for _ in 0..9 {
                channel.set_timeout(ms(100));
            }
        }
        None
    });
    let key = events.add(socket, actor).unwrap();
    set(&mut events, key, 100);
    events.turn(NO_WAIT).unwrap();
    let before = events.net().clock_reads();
    for _ in 0..10 {
        events.net_mut().say(far, b"x");
        events.turn(None).unwrap();
        events.net_mut().pass(ms(9));
    }
    assert!(events.net().clock_reads() - before <= 30);
    assert!(log.take().iter().all(|line| line == "a read x"));
    events.turn(None).unwrap();
    log.tells(["a timeout"]);
    assert_eq!(events.net().elapsed(), ms(9 * 9 + 100));
}

#[test]
fn waits_are_what_was_asked_for() {
    let (mut events, log) = (events(), Log::default());
    let (key, _) = add(&mut events, &log, "a");
    events.turn(NO_WAIT).unwrap();
    events.net_mut().patience.clear();
    events.turn(NO_WAIT).unwrap();
    events.turn(Some(ms(7))).unwrap();
    assert_eq!(events.turn(None), Err(HANG));
    assert_eq!(events.net().patience, [NO_WAIT, Some(ms(7)), None]);
    events.net_mut().patience.clear();
    events.channel(key).unwrap().1.set_timeout(Duration::from_nanos(1));
    events.turn(Some(ms(7))).unwrap();
    assert_eq!(events.net().patience, [Some(Duration::from_nanos(1))]);
    log.tells(["a timeout"]);
}

#[test]
fn a_deadline_past_all_time_never_comes() {
    let (mut events, log) = (events(), Log::default());
    let (key, _) = add(&mut events, &log, "a");
    events.channel(key).unwrap().1.set_timeout(Duration::MAX);
    events.turn(Some(ms(100_000))).unwrap();
    log.tells([]);
}

#[test]
fn what_happens_while_the_loop_waits_ends_the_wait() {
    let (mut events, log) = (events(), Log::default());
    let (key, far) = add(&mut events, &log, "a");
    set(&mut events, key, 100);
    events.net_mut().after(ms(30), move |net| net.say(far, b"x"));
    assert_eq!(events.turn(None).unwrap().fired, 1);
    assert_eq!(events.net().elapsed(), ms(30));
    events.turn(None).unwrap();
    assert_eq!(events.net().elapsed(), ms(100));
    log.tells(["a read x", "a timeout"]);
}
