//! Datagram channels: messages with borders, and errors that harm nothing.

use crate::NO_WAIT;
use crate::actor::{Actor, Event, Log, events};
use stheno_core::{Datagram, ErrorKind, Half, Kind, Received, State};

/// Takes note of every letter, and calmly of every error.
fn reader(log: &Log) -> Actor {
    let notes = log.clone();
    log.actor("box").on(move |event, channel| match event {
        Event::Read => {
            let mut bytes = [0; 8];
            let letter = match channel.recv_from(&mut bytes) {
                Ok(letter) => letter,
                Err(why) => return Some(Err(why)),
            };
            match letter {
                Some(Datagram { len, truncated, from }) => {
                    notes.word(&format!("{:?} {truncated} {from}", String::from_utf8_lossy(&bytes[..len])));
                }
                None => notes.word("(nothing)"),
            }
            Some(Ok(()))
        }
        Event::Error(_) => Some(Ok(())),
        _ => None,
    })
}

#[test]
fn letters_come_whole_one_by_one_with_their_sender() {
    let (mut events, log) = (events(), Log::default());
    let key = events.bind(5_u16, reader(&log)).unwrap();
    assert_eq!(events.channel(key).unwrap().1.state(), State::Datagram);
    for letter in [&b"one"[..], b"", b"much too long"] {
        assert!(events.net_mut().post(5, letter, 9));
    }
    for _ in 0..4 {
        events.turn(NO_WAIT).unwrap();
    }
    log.tells(["box read \"one\" false 9", "box read \"\" false 9", "box read \"much too\" true 9"]);
}

#[test]
fn an_empty_datagram_is_data_and_no_end() {
    let (mut events, log) = (events(), Log::default());
    let key = events.bind(5_u16, log.actor("box")).unwrap();
    events.net_mut().post(5, b"", 9);
    events.turn(NO_WAIT).unwrap();
    events.turn(NO_WAIT).unwrap();
    log.tells(["box read "]);
    assert_eq!(events.channel(key).unwrap().1.recv(&mut [0; 4]).unwrap(), Received::WouldBlock);
}

#[test]
fn letters_are_sent_empty_ones_too() {
    let (mut events, log) = (events(), Log::default());
    events.net_mut().mailbox(9);
    let key = events.create(Kind::Datagram, 0_u16, log.actor("box")).unwrap();
    let (_, mut io) = events.channel(key).unwrap();
    assert_eq!(io.send(b"x").unwrap_err().kind(), ErrorKind::Unsupported, "it has no peer");
    assert!(io.send_to(b"to", &9).unwrap());
    io.connect(&9).unwrap();
    assert_eq!(io.state(), State::Datagram, "at once and without an event");
    assert_eq!(io.send(b"").unwrap(), 0);
    assert_eq!(io.send(b"again").unwrap(), 5);
    assert!(io.shutdown(Half::Write).is_err());
    let letters: Vec<_> = events.net_mut().letters(9).into_iter().map(|(bytes, _)| bytes).collect();
    assert_eq!(letters, [&b"to"[..], b"", b"again"]);
    events.turn(NO_WAIT).unwrap();
    log.tells([]);
}

#[test]
fn what_cannot_be_delivered_is_an_error_and_harms_nothing() {
    let (mut events, log) = (events(), Log::default());
    events.bind(5_u16, reader(&log)).unwrap();
    events.net_mut().undeliverable(5);
    events.net_mut().post(5, b"still", 9);
    events.turn(NO_WAIT).unwrap();
    log.tells(["box read", "box error: refused (os error 111)"]);
    events.turn(NO_WAIT).unwrap();
    log.tells(["box read \"still\" false 9"]);
    assert_eq!(events.len(), 1);
}

/// A backend that cannot tell errors says READABLE, and leads to the same.
#[test]
fn an_error_that_a_receive_finds_is_the_same() {
    let (mut events, log) = (events(), Log::default());
    let key = events.bind(5_u16, reader(&log)).unwrap();
    events.net_mut().undeliverable(5);
    events.handle_read_event(key);
    log.tells(["box read", "box error: refused (os error 111)"]);
    events.net_mut().post(5, b"still", 9);
    events.turn(NO_WAIT).unwrap();
    log.tells(["box read \"still\" false 9"]);
}

#[test]
fn a_datagram_channel_closes_where_its_handler_wants_so() {
    let (mut events, log) = (events(), Log::default());
    events.bind(5_u16, log.actor("box")).unwrap();
    events.net_mut().undeliverable(5);
    events.run().unwrap();
    log.tells(["box read", "box error: refused (os error 111)", "box close: refused (os error 111)"]);
}

/// A letter that is longer than what is left of a turn's bytes is received whole.
#[test]
fn a_letter_is_not_cut_by_the_byte_budget() {
    let (mut events, log) = (events(), Log::default());
    events.set_byte_budget(4);
    events.bind(5_u16, log.actor("box")).unwrap();
    events.net_mut().post(5, b"longer than four", 9);
    events.run_turns(2, NO_WAIT).unwrap();
    log.tells(["box read longer than four"]);
}
