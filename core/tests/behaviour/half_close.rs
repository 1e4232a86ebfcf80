//! The end of the peer's stream, told apart from the close.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::NO_WAIT;
use crate::actor::{Event, Log, events, one};
use stheno_core::{Error, Half, Received, Shut, State};

#[test]
fn who_keeps_sending_answers_after_the_question_has_ended() {
    let log = Log::default();
    let actor = log.actor("a").keeps_sending().on(|event, channel| match event {
        Event::Eof => {
            assert_eq!(channel.state(), State::Open(Shut::Read), "it is half-closed already");
            assert_eq!(channel.recv(&mut [0]), Ok(Received::End));
            assert_eq!(channel.send(b"answer"), Ok(6));
            Some(Ok(()))
        }
        _ => None,
    });
    let (mut events, key, far) = one(actor);
    events.net_mut().say(far, b"question");
    events.net_mut().finish(far);
    events.run_turns(4, NO_WAIT).unwrap();
    log.tells(["a read question", "a read (end)", "a eof"]);
    assert_eq!(events.net_mut().hear(far), b"answer");
    let (_, mut io) = events.channel(key).unwrap();
    assert_eq!(io.send(b"more"), Ok(4), "sending goes on");
    events.run_turns(3, NO_WAIT).unwrap();
    assert_eq!(events.net_mut().hear(far), b"more");
    log.tells([]);
}

/// What asyncore does, and what is done unless the program says otherwise.
#[test]
fn the_default_closes() {
    let log = Log::default();
    let (mut events, _, far) = one(log.actor("a"));
    events.net_mut().finish(far);
    events.run().unwrap();
    log.tells(["a read (end)", "a close: end of stream"]);
}

#[test]
fn who_has_shut_its_own_half_before_is_told_both() {
    let log = Log::default();
    let (mut events, key, far) = one(log.actor("a").keeps_sending());
    events.channel(key).unwrap().1.shutdown(Half::Write).unwrap();
    events.net_mut().say(far, b"bye");
    events.net_mut().finish(far);
    events.run().unwrap();
    log.tells(["a read bye", "a read (end)", "a eof", "a close: end of stream"]);
}

#[test]
fn who_shuts_its_own_half_when_told_is_at_its_end() {
    let log = Log::default();
    let actor = log.actor("a").keeps_sending().on(|event, channel| match event {
        Event::Eof => Some(channel.shutdown(Half::Write)),
        _ => None,
    });
    let (mut events, _, far) = one(actor);
    events.net_mut().finish(far);
    events.run().unwrap();
    log.tells(["a read (end)", "a eof", "a close: end of stream"]);
    assert!(events.net_mut().has_ended(far));
}

#[test]
fn who_shuts_its_own_half_later_is_told_the_close_then() {
    let log = Log::default();
    let (mut events, key, far) = one(log.actor("a").keeps_sending());
    events.net_mut().finish(far);
    events.run_turns(3, NO_WAIT).unwrap();
    log.tells(["a read (end)", "a eof"]);
    events.channel(key).unwrap().1.shutdown(Half::Write).unwrap();
    events.run().unwrap();
    log.tells(["a close: end of stream"]);
}

#[test]
fn a_program_that_closes_when_told_hears_no_more() {
    let log = Log::default();
    let actor = log.actor("a").keeps_sending().on(|event, channel| match event {
        Event::Eof => {
            channel.close();
            Some(Ok(()))
        }
        _ => None,
    });
    let (mut events, _, far) = one(actor);
    events.net_mut().finish(far);
    events.run().unwrap();
    log.tells(["a read (end)", "a eof"]);
}

/// An error of the handler is the channel's; one that is taken leaves it half-closed.
#[test]
fn a_failure_is_an_error_and_may_be_taken() {
    for taken in [false, true] {
        let log = Log::default();
        let actor = log.actor("a").keeps_sending().on(move |event, _| match event {
            Event::Eof => Some(Err(Error::user("oops", 1))),
            Event::Error(_) if taken => Some(Ok(())),
            _ => None,
        });
        let (mut events, key, far) = one(actor);
        events.net_mut().finish(far);
        events.run_turns(3, NO_WAIT).unwrap();
        if taken {
            log.tells(["a read (end)", "a eof", "a error: oops (1)"]);
            assert_eq!(events.channel(key).unwrap().1.state(), State::Open(Shut::Read));
        } else {
            log.tells(["a read (end)", "a eof", "a error: oops (1)", "a close: oops (1)"]);
        }
    }
}

/// Whoever has found the end and shuts its reading half then has not said that it sends no more.
#[test]
fn an_end_behind_which_the_reading_half_is_shut_is_told() {
    for both in [false, true] {
        let log = Log::default();
        let actor = log.actor("a").keeps_sending().on(move |event, channel| match event {
            Event::Read => {
                assert_eq!(channel.recv(&mut [0]), Ok(Received::End));
                channel.shutdown(Half::Read).unwrap();
                if both {
                    channel.shutdown(Half::Write).unwrap();
                }
                Some(Ok(()))
            }
            _ => None,
        });
        let (mut events, key, far) = one(actor);
        events.net_mut().finish(far);
        events.run_turns(3, NO_WAIT).unwrap();
        if both {
            log.tells(["a read", "a eof", "a close: end of stream"]);
        } else {
            log.tells(["a read", "a eof"]);
            assert_eq!(events.channel(key).unwrap().1.send(b"answer"), Ok(6));
            assert_eq!(events.net_mut().hear(far), b"answer");
        }
    }
}

/// A half-closed channel that has nothing to say costs nothing.
#[test]
fn a_half_closed_channel_is_silent() {
    let log = Log::default();
    let (mut events, key, far) = one(log.actor("a").keeps_sending());
    events.net_mut().finish(far);
    events.run_turns(3, NO_WAIT).unwrap();
    log.tells(["a read (end)", "a eof"]);
    assert_eq!(events.net().interest(key), None);
    let waits = events.net().count.wait;
    events.turn(Some(Duration::from_millis(5))).unwrap();
    assert_eq!(events.net().count.wait, waits + 1);
}

/// The peer goes altogether while the answer is on its way.
#[test]
fn a_half_closed_channel_that_breaks_is_closed_with_the_reason() {
    let log = Log::default();
    let actor = log.actor("a").keeps_sending().writing().on(|event, channel| match event {
        Event::Write => Some(channel.send(b"x").map(drop)),
        _ => None,
    });
    let (mut events, _, far) = one(actor);
    events.net_mut().finish(far);
    events.turn(NO_WAIT).unwrap();
    events.net_mut().hang_up(far);
    events.run_turns(3, NO_WAIT).unwrap();
    let told = log.take();
    assert_eq!(told[..2], ["a read (end)", "a eof"]);
    assert_eq!(told.last().unwrap(), "a close: reset (os error 104)", "what was sent to it was not read");
    assert!(events.is_empty());
}

/// The end is found by somebody else, and told to the channel itself.
#[test]
fn a_neighbour_that_finds_the_end_is_not_the_one_who_is_told() {
    let log = Log::default();
    let found = Rc::new(Cell::new(None));
    let seen = found.clone();
    let mut events = events();
    let (socket, far) = events.net_mut().connection();
    let quiet = events.add(socket, log.actor("quiet").not_reading().keeps_sending()).unwrap();
    let (socket, near) = events.net_mut().connection();
    let busy = log.actor("busy").on(move |event, channel| match event {
        Event::Read => {
            seen.set(Some(channel.neighbour(quiet).unwrap().1.recv(&mut [0]).unwrap()));
            None
        }
        _ => None,
    });
    events.add(socket, busy).unwrap();
    events.net_mut().finish(far);
    events.net_mut().say(near, b"go");
    events.run_turns(3, NO_WAIT).unwrap();
    assert_eq!(found.get(), Some(Received::End));
    log.tells(["busy read go", "quiet eof"]);
}
