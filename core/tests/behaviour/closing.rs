//! Rules 2 and 3: at most one close, and nothing is lost before it.

use std::time::Duration;

use crate::NO_WAIT;
use crate::actor::{Event, Log, events, one};
use crate::memory::HANG;
use stheno_core::{Error, ErrorKind, Fired, Half, Readiness, Received, State};

#[test]
fn everything_is_read_before_a_hangup_closes() {
    for chunk in [1, 3, 4, 10, 64] {
        let log = Log::default();
        let (mut events, _, far) = one(log.actor("a").chunk(chunk));
        events.net_mut().say(far, b"0123456789");
        events.net_mut().hang_up(far);
        events.run().unwrap();
        let told = log.take();
        let read: String = told.iter().filter_map(|line| line.strip_prefix("a read ")).collect();
        assert_eq!(read, "0123456789(end)");
        assert_eq!(told.iter().filter(|line| line.contains("close")).count(), 1);
        assert_eq!(told.last().unwrap(), "a close: end of stream");
        assert_eq!(events.net().held(), 0);
    }
}

#[test]
fn everything_is_read_before_a_reset_closes() {
    let log = Log::default();
    let (mut events, _, far) = one(log.actor("a").chunk(4));
    events.net_mut().say(far, b"0123456789");
    events.net_mut().reset(far);
    events.run().unwrap();
    log.tells(["a read 0123", "a read 4567", "a read 89", "a read", "a close: reset (os error 104)"]);
}

/// The write breaks while six bytes are unread.
#[test]
fn a_send_that_breaks_loses_nothing() {
    let log = Log::default();
    let actor = log.actor("a").chunk(4).writing().on(|event, channel| match event {
        Event::Write => Some(channel.send(b"x").map(drop)),
        _ => None,
    });
    let (mut events, _, far) = one(actor);
    events.net_mut().say(far, b"0123456789");
    events.net_mut().hang_up(far);
    events.turn(NO_WAIT).unwrap();
    log.tells([
        "a read 0123",
        "a write",
        "a read 4567",
        "a read 89",
        "a read (end)",
        "a close: broken pipe (os error 32)",
    ]);
    assert!(events.is_empty());
}

/// What the budget of one turn does not cover is read in the next ones, which do not wait.
#[test]
fn draining_is_bounded_in_a_turn_and_goes_on_in_the_next() {
    let log = Log::default();
    let actor = log.actor("a").chunk(1).writing().on(|event, channel| match event {
        Event::Write => Some(channel.send(b"x").map(drop)),
        _ => None,
    });
    let (mut events, key, far) = one(actor);
    events.net_mut().say(far, &[b'.'; 200]);
    events.net_mut().hang_up(far);
    events.turn(None).unwrap();
    let first = log.take().len();
    assert!(first < 50, "{first} events in one turn");
    let sends = events.net().count.send;
    let (_, mut io) = events.channel(key).unwrap();
    assert_eq!((io.state(), io.connected()), (State::Draining, true));
    assert_eq!(io.send(b"y").unwrap_err().to_string(), "send: broken pipe (os error 32)");
    assert_eq!(events.net().count.send, sends, "the net is not asked again");
    events.run().unwrap();
    let told = log.take();
    let reads = (first - 1) + told.iter().filter(|line| *line == "a read .").count();
    assert_eq!(reads, 200);
    assert_eq!(told.last().unwrap(), "a close: broken pipe (os error 32)");
    assert_eq!(events.net().count.hangs, 0);
}

/// The reader must not lose what came before the error that the question for urgent data finds.
#[test]
fn an_error_found_beside_urgent_data_loses_nothing() {
    let log = Log::default();
    let (mut events, _, far) = one(log.actor("a").chunk(4));
    events.net_mut().say(far, b"0123456789");
    events.net_mut().urge(far, b'!');
    events.net_mut().reset(far);
    events.run().unwrap();
    let told = log.take();
    let read: String = told.iter().filter_map(|line| line.strip_prefix("a read ")).collect();
    assert!(read.starts_with("0123456789"), "{told:?}");
    assert_eq!(told.last().unwrap(), "a close: reset (os error 104)", "the reason is not lost either");
    assert_eq!(told.iter().filter(|line| line.contains("close")).count(), 1);
}

#[test]
fn close_is_idempotent_in_every_handler_and_told_in_none() {
    let log = Log::default();
    for event in ["connect", "read", "write", "expt", "timeout", "error", "close"] {
        let mut events = events();
        events.net_mut().serve(7);
        let actor = log.actor("a").writing().on(move |now, channel| {
            let name = match now {
                Event::Connect => {
                    channel.set_timeout(Duration::from_millis(2));
                    "connect"
                }
                Event::Read => "read",
                Event::Write => "write",
                Event::Expt => "expt",
                Event::Timeout => "timeout",
                Event::Error(_) => "error",
                Event::Close(_) => "close",
                Event::Accepted(_) | Event::Eof | Event::Drain => unreachable!(),
            };
            if name == event {
                channel.close();
                channel.close();
                assert_eq!(channel.state(), State::Closing);
                assert_eq!(channel.send(b"x").unwrap_err().kind(), ErrorKind::Stale);
                assert_eq!(channel.recv(&mut [0]).unwrap_err().kind(), ErrorKind::Stale);
                return Some(Ok(()));
            }
            match now {
                Event::Timeout => Some(Err(Error::user("late", 1))),
                _ => None,
            }
        });
        events.connect(7_u16, actor).unwrap();
        let far = events.net_mut().answer(7).unwrap();
        events.net_mut().say(far, b"x");
        events.net_mut().urge(far, b'!');
        for _ in 0..9 {
            events.turn(NO_WAIT).unwrap();
            events.net_mut().pass(Duration::from_millis(1));
        }
        let told = log.take();
        assert_eq!(
            told.iter().filter(|line| line.contains("close")).count(),
            usize::from(event == "close"),
            "{told:?}"
        );
        assert!(told.last().unwrap().contains(event), "{event} was not the last of {told:?}");
        assert_eq!((events.len(), events.net().held(), events.net().count.close), (0, 0, 1));
    }
}

#[test]
fn the_programs_own_close_is_not_told() {
    let log = Log::default();
    let (mut events, key, far) = one(log.actor("a"));
    events.net_mut().say(far, b"x");
    events.net_mut().hang_up(far);
    events.close(key).unwrap();
    assert_eq!(events.close(key).unwrap_err().kind(), ErrorKind::Stale);
    assert_eq!(events.net().held(), 0, "closed at once");
    events.run().unwrap();
    log.tells([]);
}

#[test]
fn an_end_that_a_neighbour_finds_is_told_to_its_own_channel() {
    let log = Log::default();
    let (mut events, first, far) = one(log.actor("a").not_reading());
    let (socket, other) = events.net_mut().connection();
    let actor = log.actor("b").on(move |event, channel| {
        let Event::Read = event else { return None };
        channel.recv(&mut [0; 9]).unwrap();
        let (_, mut neighbour) = channel.neighbour(first).unwrap();
        assert_eq!(neighbour.recv(&mut [0; 9]).unwrap(), Received::End);
        Some(Ok(()))
    });
    events.add(socket, actor).unwrap();
    events.net_mut().hang_up(far);
    events.net_mut().say(other, b"go");
    events.turn(NO_WAIT).unwrap();
    log.tells(["b read", "a close: end of stream"]);
}

/// A broadcast that touches nobody still learns who has gone.
#[test]
fn a_break_that_a_broadcast_finds_is_told() {
    let log = Log::default();
    let (mut events, _, far) = one(log.actor("a").not_reading());
    let (socket, other) = events.net_mut().connection();
    let actor = log.actor("b").on(|event, channel| {
        let Event::Read = event else { return None };
        channel.recv(&mut [0; 9]).unwrap();
        channel.for_each_neighbour(|_, io| {
            let _ = io.send(b"all");
            false
        });
        Some(Ok(()))
    });
    events.add(socket, actor).unwrap();
    events.net_mut().hang_up(far);
    events.net_mut().say(other, b"go");
    events.turn(NO_WAIT).unwrap();
    log.tells(["b read", "a close: broken pipe (os error 32)"]);
}

/// To send on a half that the program itself has shut is the program's mistake, not the end of the connection.
#[test]
fn a_send_on_a_shut_half_does_not_end_the_other() {
    let log = Log::default();
    let (mut events, key, far) = one(log.actor("a"));
    let (_, mut io) = events.channel(key).unwrap();
    io.shutdown(Half::Write).unwrap();
    assert_eq!(io.send(b"x").unwrap_err().kind(), ErrorKind::Unsupported);
    events.turn(NO_WAIT).unwrap();
    log.tells([]);
    events.net_mut().say(far, b"answer");
    events.net_mut().hang_up(far);
    events.run().unwrap();
    log.tells(["a read answer", "a read (end)", "a close: end of stream"]);
}

#[test]
fn a_receive_on_a_shut_half_does_not_end_the_other() {
    let log = Log::default();
    let (mut events, key, far) = one(log.actor("a").not_reading());
    let (_, mut io) = events.channel(key).unwrap();
    io.shutdown(Half::Read).unwrap();
    assert_eq!(io.recv(&mut [0; 4]).unwrap(), Received::End);
    events.turn(NO_WAIT).unwrap();
    log.tells([]);
    events.channel(key).unwrap().1.send(b"still here").unwrap();
    assert_eq!(events.net_mut().hear(far), b"still here");
}

#[test]
fn a_channel_with_both_halves_shut_is_told_of_its_end() {
    let log = Log::default();
    let (mut events, key, _far) = one(log.actor("a"));
    let (_, mut io) = events.channel(key).unwrap();
    io.shutdown(Half::Read).unwrap();
    io.shutdown(Half::Write).unwrap();
    assert_ne!(events.run(), Err(HANG), "nobody will ever hear of the channel again");
    log.tells(["a close: end of stream"]);
}

#[test]
fn a_half_that_is_shut_is_not_told_any_more() {
    let log = Log::default();
    let (mut events, key, far) = one(log.actor("a").writing());
    events.net_mut().say(far, b"x");
    events.channel(key).unwrap().1.shutdown(Half::Read).unwrap();
    events.turn(NO_WAIT).unwrap();
    log.tells(["a write"]);
    let (socket, far) = events.net_mut().connection();
    let key = events.add(socket, log.actor("b").writing()).unwrap();
    events.channel(key).unwrap().1.shutdown(Half::Write).unwrap();
    events.net_mut().say(far, b"x");
    events.dispatch(Fired { key, readiness: Readiness::READABLE | Readiness::WRITABLE });
    log.tells(["b read x"]);
    assert!(events.net_mut().has_ended(far));
}

/// The peer has gone, and only that is left to be told.
#[test]
fn with_the_reading_half_shut_a_hangup_closes() {
    let log = Log::default();
    let (mut events, key, far) = one(log.actor("a"));
    events.channel(key).unwrap().1.shutdown(Half::Read).unwrap();
    events.net_mut().reset(far);
    events.dispatch(Fired { key, readiness: Readiness::HANGUP | Readiness::ERROR });
    log.tells(["a close: reset (os error 104)"]);
}

/// That the own connection broke is told as close, also where a handler passes it on.
#[test]
fn a_break_that_a_handler_passes_on_is_a_close_and_no_error() {
    for what in ["send", "recv", "urgent", "shutdown"] {
        let log = Log::default();
        let actor = log.actor("a").on(move |event, channel| {
            let Event::Read = event else { return None };
            Some(match what {
                "send" => channel.send(b"x").map(drop),
                "recv" => channel.recv(&mut [0]).map(drop),
                "urgent" => channel.recv_urgent().map(drop),
                _ => channel.shutdown(Half::Write),
            })
        });
        let (mut events, _, far) = one(actor);
        events.net_mut().reset(far);
        for _ in 0..3 {
            events.turn(NO_WAIT).unwrap();
        }
        let told = log.take();
        assert!(!told.iter().any(|line| line.contains("error:")), "{what}: {told:?}");
        assert_eq!(told.iter().filter(|line| line.contains("close")).count(), 1, "{what}: {told:?}");
        assert!(events.is_empty());
    }
}

#[test]
fn a_handler_may_fail_in_its_last_word() {
    let log = Log::default();
    let actor = log.actor("a").on(|event, _| match event {
        Event::Close(_) => Some(Err(Error::user("too late", 1))),
        _ => None,
    });
    let (mut events, _, far) = one(actor);
    events.net_mut().hang_up(far);
    events.run().unwrap();
    log.tells(["a read (end)", "a close: end of stream"]);
}
