//! Terminals: their modes and speeds, and what these do to a channel; on a pseudo-terminal, on each backend.
#![cfg(all(target_os = "linux", feature = "std"))]
#![allow(missing_docs)]

mod common;

use common::events::*;
use rustix::fd::OwnedFd;
use stheno::tty::{Mode, Raw, is_terminal};
use stheno::{ErrorKind, Net, Os, Socket};

/// A terminal, and whoever sits at it; `None`, which is told, where there are none to be had.
fn terminal(test: &str) -> Option<(Socket, Socket)> {
    match opened() {
        Ok((keys, terminal)) => Some((Socket::adopt(keys).unwrap(), Socket::adopt(terminal).unwrap())),
        Err(why) => {
            common::skipped(test, why);
            None
        }
    }
}

fn opened() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    use rustix::fs::{Mode, OFlags};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave = rustix::fs::open(ptsname(&master, Vec::new())?, flags, Mode::empty())?;
    Ok((master, slave))
}

fn mode(terminal: &Socket) -> String {
    format!("{:?}", Mode::of(terminal).unwrap())
}

#[test]
fn a_raw_terminal_hands_on_each_byte_and_is_given_back_as_it_was() {
    on_each_backend(|backend| {
        let Some((mut keys, terminal)) = terminal("a_raw_terminal") else { return };
        assert!(is_terminal(&terminal) && is_terminal(&keys));
        let before = mode(&terminal);
        let (mut events, notes) = (events(backend), Notes::default());
        let key = events.add(Socket::duplicate(&terminal).unwrap(), Actor::new(&notes)).unwrap();
        Os.send(&mut keys, b"half a line").unwrap();
        turn_out(&mut events);
        assert_eq!(notes.all(), [], "a line has no end yet");
        Os.send(&mut keys, b"\n").unwrap();
        let mut seen = Vec::new();
        turn_until(&mut events, |_| {
            seen.extend(heard(&mut keys));
            notes.data() == b"half a line\n" && seen == b"half a line\r\n"
        });
        notes.clear();

        let raw = Raw::new(events.channel(key).unwrap().1.socket().unwrap()).unwrap();
        assert_eq!(format!("{:?}", raw.former()), before);
        assert_ne!(mode(&terminal), before);
        // Ctrl-C, a line's end in the other fashion, all eight bits.
        let typed = b"x\x03\r\xff\x13";
        for n in 0..typed.len() {
            Os.send(&mut keys, &typed[n..=n]).unwrap();
            turn_until(&mut events, |_| notes.data() == typed[..=n]);
        }
        assert_eq!(heard(&mut keys), [], "nothing is echoed");
        let (actor, mut io) = events.channel(key).unwrap();
        actor.out.send(&mut io, b"a\nb").unwrap();
        seen.clear();
        turn_until(&mut events, |_| {
            seen.extend(heard(&mut keys));
            seen.len() >= 3
        });
        assert_eq!(seen, b"a\nb", "nothing is added to a line's end");

        raw.restore().unwrap();
        assert_eq!(mode(&terminal), before);
        Os.send(&mut keys, b"again\r").unwrap();
        turn_until(&mut events, |_| notes.data().ends_with(b"again\n"));
    });
}

#[test]
fn a_guard_that_is_dropped_gives_the_terminal_back() {
    let Some((_keys, terminal)) = terminal("a_guard_that_is_dropped") else { return };
    let before = mode(&terminal);
    let outer = Raw::new(&terminal).unwrap();
    let raw = mode(&terminal);
    drop(Raw::new(&terminal).unwrap());
    assert_eq!(mode(&terminal), raw, "one within another gives back what it found");
    let unwound = std::panic::catch_unwind(|| {
        let _outer = outer;
        std::panic::resume_unwind(Box::new(()));
    });
    assert!(unwound.is_err());
    assert_eq!(mode(&terminal), before);
}

#[test]
fn a_speed_is_set_for_both_ways_or_for_each() {
    let Some((_keys, terminal)) = terminal("a_speed_is_set") else { return };
    let speeds = |terminal: &Socket| {
        let mode = Mode::of(terminal).unwrap();
        (mode.input_speed(), mode.output_speed())
    };
    let mut mode = Mode::of(&terminal).unwrap();
    let before = speeds(&terminal);
    for speed in [9_600, 115_200, 4_000_000, 31_250] {
        mode.set_speed(speed).unwrap();
        assert_eq!((mode.input_speed(), mode.output_speed()), (speed, speed));
        assert_ne!(speeds(&terminal), (speed, speed), "it is a value until it is applied");
        mode.apply(&terminal).unwrap();
        assert_eq!(speeds(&terminal), (speed, speed));
    }
    mode.set_input_speed(1_200).unwrap();
    mode.set_output_speed(19_200).unwrap();
    assert_eq!((mode.input_speed(), mode.output_speed()), (1_200, 19_200));
    mode.apply(&terminal).unwrap();
    assert_eq!(speeds(&terminal), (1_200, 19_200));
    mode.set_speed(before.0).unwrap();
    mode.apply(&terminal).unwrap();
    assert_eq!(speeds(&terminal), before);
}

#[test]
fn what_is_no_terminal_says_so() {
    let (one, other) = (Socket::pair().unwrap().0, Socket::pipe().unwrap().0);
    for socket in [one, other] {
        assert!(!is_terminal(&socket));
        for why in [Mode::of(&socket).map(drop), Raw::new(&socket).map(drop)] {
            let why = why.unwrap_err();
            assert_eq!((why.kind(), why.text()), (ErrorKind::Unsupported, "the device has no such control"));
            assert!(why.to_string().starts_with("ask the terminal's mode descriptor "), "{why}");
        }
    }
    let Some((keys, terminal)) = terminal("what_is_no_terminal_says_so") else { return };
    let raw = Raw::new(&terminal).unwrap();
    drop(keys);
    let why = raw.restore().expect_err("it has hung up");
    assert_eq!(stheno::errno_name(why.code()), Some("EIO"));
}
