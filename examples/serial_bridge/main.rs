//! Joins a serial line, or any terminal, with one TCP client at a time.
//!
//! The terminal is made raw, at the speed asked for, and given back as it was. Each way has one buffer: while it is nearly
//! full its source is not read, so that the bridge holds no more than the two, and whoever sends too fast is slowed down (a
//! serial line by its own flow control, if it has any). What the line says while nobody listens stays with the system, as
//! far as that keeps it.
//!
//! Further clients wait until the line is free. One that shuts its sending half hears the line until that has been silent for
//! a while, or somebody else is waiting.

mod bridge;

use std::error::Error as StdError;
use std::io::{Write, stdout};
use std::process::ExitCode;

use rustix::fs::OFlags;
use stheno::tty::{Mode, Raw};
use stheno::{AnyBackend, EventLoop, Os, Socket, waker};

use bridge::{Bridge, SILENCE};

const HELP: &str = "\
Joins a serial line with one TCP client at a time.

Usage: serial_bridge --tty PATH [--baud N] [--listen ADDRESS]

  --tty PATH        the line, as in /dev/ttyUSB0
  --baud N          its speed in bits a second (default: as it is)
  --listen ADDRESS  wait here for the client (default: 127.0.0.1:7070)
  --help            this text";

fn main() -> ExitCode {
    match join() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("serial_bridge: {why}");
            ExitCode::FAILURE
        }
    }
}

fn join() -> std::result::Result<(), Box<dyn StdError>> {
    let (mut tty, mut baud, mut at) = (None, None, String::from("127.0.0.1:7070"));
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        use lexopt::prelude::*;
        match arg {
            Long("tty") => tty = Some(args.value()?.string()?),
            Long("baud") => baud = Some(args.value()?.parse()?),
            Long("listen") => at = args.value()?.string()?,
            Long("help") | Short('h') => return Ok(writeln!(stdout(), "{HELP}")?),
            arg => return Err(arg.unexpected().into()),
        }
    }
    let tty = tty.ok_or(HELP)?;
    // Without waiting for a carrier, and without becoming this program's own terminal.
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::open(&tty, flags, rustix::fs::Mode::empty()).map_err(|why| format!("{tty}: {why}"))?;
    let line = Socket::adopt(opened)?;
    let raw = Raw::new(&line).map_err(|why| format!("{tty}: {why}"))?;
    if let Some(baud) = baud {
        let mut mode = Mode::of(&line)?;
        mode.set_speed(baud)?;
        mode.apply(&line)?;
    }

    let mut events = EventLoop::<Bridge, Os, AnyBackend>::new()?;
    events.set_limit(16); // those who are on their way out count as well
    let line = events.add(line, Bridge::Line { client: None, out: Box::default() })?;
    let door = events.listen(&at, Bridge::Door { line, busy: false })?;
    let waker = waker(&mut events)?;
    ctrlc::set_handler(move || waker.stop().unwrap_or_else(|why| eprintln!("cannot stop: {why}")))?;
    writeln!(stdout(), "listening on {}", events.channel(door)?.1.local_address()?)?;
    events.run()?;
    if events.is_empty() {
        return Err("nothing is left to join".into());
    }
    events.drain(SILENCE)?;
    Ok(raw.restore()?)
}
