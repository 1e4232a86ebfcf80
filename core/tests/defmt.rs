//! What goes through `defmt`: the default handlers' words, and values. The texts are where they are formatted; what comes
//! along with them is here.
#![cfg(feature = "defmt")]
mod actor;
mod memory;

use std::time::Duration;

use actor::{Log, events};
use defmt::export::fetch_bytes;
use stheno_core::chat::{Frame, Terminator};
use stheno_core::imply::steps;
use stheno_core::trace::{Event, Observer, Seen, Trace};
use stheno_core::{Counters, Error, ErrorKind, Instant, Interest, Key, Readiness, Reason, Received, State};

/// What a value sends: its format's number, and then what it is made of.
fn sent(value: impl defmt::Format) -> Vec<u8> {
    fetch_bytes();
    defmt::error!("{}", value);
    fetch_bytes()
}

/// The texts among it: each comes with its length before it.
fn texts(sent: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    let mut rest = sent;
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        match after.get(..length).map(str::from_utf8) {
            Some(Ok(text)) if length > 0 && text.chars().all(|c| c == '…' || c == ' ' || c.is_ascii_graphic()) => {
                texts.push(text.to_owned());
                rest = &after[length..];
            }
            _ => rest = &rest[1..],
        }
    }
    texts
}

fn holds(sent: &[u8], piece: &[u8]) -> bool {
    sent.windows(piece.len()).any(|bytes| bytes == piece)
}

const REFUSED: Error = Error::new(ErrorKind::Disconnected, "connection refused").with_code(0x1234).doing("connect");

#[test]
fn an_error_sends_the_parts_of_its_line() {
    let number = &[0x34, 0x12, 0, 0];
    let whole = sent(REFUSED);
    assert_eq!(texts(&whole), ["connect", ": ", "connection refused"]);
    assert!(holds(&whole, number), "{whole:?}");
    assert_eq!(texts(&sent(REFUSED.on_descriptor(7))), ["connect", " ", ": ", "connection refused"]);
    assert_eq!(
        texts(&sent(REFUSED.on_address(([127, 0, 0, 1], 7).into()))),
        ["connect", " ", ": ", "connection refused"]
    );
    assert_eq!(texts(&sent(REFUSED.on_text("unix:/s"))), ["connect", " ", "unix:/s", ": ", "connection refused"]);
    let long = "x".repeat(Error::TEXT + 1);
    assert_eq!(texts(&sent(REFUSED.on_text(&long)))[2..4], ["…", &long[1..]]);
    let own = sent(Error::user("no such room", 0x1234));
    assert_eq!(texts(&own), ["no such room"]);
    assert!(holds(&own, number), "{own:?}");
    assert!(!holds(&sent(Error::user("no such room", 0)), number));
}

#[test]
fn sets_send_the_names_of_what_is_in_them() {
    for bits in 0..64 {
        let set = Readiness::from_bits_truncate(bits);
        let names = texts(&sent(set)).concat();
        assert_eq!(names, if set.is_empty() { String::new() } else { set.to_string() });
    }
    assert_eq!(texts(&sent(Interest::READ | Interest::PRIORITY)), ["READ", " | ", "PRIORITY"]);
    // The names of steps are formats: only what stands between them is sent.
    assert_eq!(texts(&sent(steps(State::OPEN, Readiness::HANGUP))), [", ", ", "]);
}

#[test]
fn numbers_are_sent_as_they_are() {
    assert!(holds(&sent(Key::new(0x0102_0304, 0x0506_0708)), &[4, 3, 2, 1, 8, 7, 6, 5]));
    let time = [4, 3, 2, 1, 0, 0, 0, 0];
    assert!(holds(&sent(Instant::from_nanos(0x0102_0304)), &time));
    assert!(!holds(&sent(Instant::NEVER), &[0xff; 8]), "it has a name");
    let mut counters = Counters::default();
    (counters.received, counters.sent) = (5, 0x0102_0304);
    // Each behind a mark that says how it is written.
    let sent = sent(counters);
    assert!(holds(&sent, &[5, 0, 0, 0, 0, 0, 0, 0]) && holds(&sent, &time), "{sent:?}");
}

#[test]
fn frames_are_sent_with_their_bytes() {
    assert!(holds(&sent(Frame::Found(b"hello")), b"hello"));
    assert!(holds(&sent(Terminator::Bytes(b"!end!")), b"!end!"));
}

/// A page sends what it prints, but for the numbers.
#[test]
fn a_page_sends_its_lines() {
    let (key, other) = (Key::new(1, 0), Key::new(2, 0));
    let mut trace = Trace::<1>::new();
    let seen = [
        Seen::Began,
        Seen::Waits(Some(Duration::from_millis(5))),
        Seen::Fired(key, Readiness::READABLE | Readiness::HANGUP),
        Seen::Told(key, Event::Read),
        Seen::Received(key, Ok(Received::Data(5))),
        Seen::Told(key, Event::Close(Reason::Disconnected(REFUSED))),
        Seen::Closed(key),
        Seen::Closed(other),
    ];
    for seen in seen {
        trace.see(seen);
    }
    let page = "turn 1, wait up to 5ms, under way
#1.0 R|HUP: read (5 in), close (connection refused, 4660) -> closed
\
                and 1 channel more";
    assert_eq!(trace.to_string(), page);
    let mut rest = page;
    let pieces = texts(&sent(&trace));
    for piece in &pieces {
        let at = rest.find(piece.as_str()).unwrap_or_else(|| panic!("{piece:?} is not in {rest:?}"));
        rest = &rest[at + piece.len()..];
    }
    assert_eq!(rest, "", "{pieces:?}");
    assert!(pieces.contains(&"connection refused".to_owned()));
}

/// Both features may be on: each is told by itself.
#[test]
fn default_handlers_tell_their_errors() {
    let (mut events, log) = (events(), Log::default());
    let (ours, far) = events.net_mut().connection();
    let failing = log.actor("a").on(|event, _| match event {
        actor::Event::Close(_) => Some(Err(Error::user("nobody said goodbye", 0x1234))),
        _ => None,
    });
    events.add(ours, failing).unwrap();
    events.net_mut().hang_up(far);
    fetch_bytes();
    events.turn(Some(Duration::ZERO)).unwrap();
    let told = fetch_bytes();
    assert_eq!(texts(&told), ["handle_close failed", "nobody said goodbye"]);
    assert!(holds(&told, &[0x34, 0x12, 0, 0]), "{told:?}");
}
