//! Joins a serial line, or any terminal, with one TCP client at a time.
//!
//! The terminal is made raw, at the speed asked for, and given back as it was. Each way has one buffer: while it is nearly
//! full its source is not read, so that the bridge holds no more than the two, and whoever sends too fast is slowed down (a
//! serial line by its own flow control, if it has any). What the line says while nobody listens stays with the system, as
//! far as that keeps it.
//!
//! Further clients wait until the line is free. One that shuts its sending half hears the line until that has been silent for
//! a while, or somebody else is waiting.

use std::error::Error as StdError;
use std::io::{Write, stdout};
use std::process::ExitCode;
use std::time::Duration;

use rustix::fs::OFlags;
use stheno::tty::{Mode, Raw};
use stheno::{
    AnyBackend, Channel, Dispatcher, Eof, EventLoop, Guest, Io, Key, Os, Outbox, Reason, Result, Socket, waker,
};

const HELP: &str = "\
Joins a serial line with one TCP client at a time.

Usage: serial_bridge --tty PATH [--baud N] [--listen ADDRESS]

  --tty PATH        the line, as in /dev/ttyUSB0
  --baud N          its speed in bits a second (default: as it is)
  --listen ADDRESS  wait here for the client (default: 127.0.0.1:7070)
  --help            this text";

/// How long a client may leave alone what the line has said.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the line may be silent towards a client that has nothing more to say, and how long an end may take.
const SILENCE: Duration = Duration::from_secs(5);

type Out = Outbox<[u8; 8192]>;

enum Bridge {
    Door { line: Key, busy: bool },
    Line { client: Option<Key>, out: Box<Out> },
    Client { door: Key, line: Key, out: Box<Out> },
}

impl Dispatcher<Os> for Bridge {
    /// A line that nobody listens to keeps its bytes, and whoever calls while it is busy waits.
    fn readable(&self) -> bool {
        !matches!(self, Self::Line { client: None, .. } | Self::Door { busy: true, .. })
    }

    fn writable(&self) -> bool {
        matches!(self, Self::Line { out, .. } | Self::Client { out, .. } if out.writable())
    }

    fn handle_accepted(&mut self, guest: &mut Guest<Os>, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Self::Door { line, busy } = self else { return Ok(()) };
        // So that the line is free again when a client has vanished.
        let _ = guest.socket()?.set_keepalive(true);
        let client = Self::Client { door: channel.key(), line: *line, out: Box::default() };
        let key = channel.adopt(guest, client)?;
        *busy = true;
        let (Self::Line { client, .. }, _) = channel.neighbour(*line)? else { return Ok(()) };
        if let Some(former) = client.replace(key)
            && let (Self::Client { out, .. }, mut io) = channel.neighbour(former)?
        {
            show_out(out, &mut io);
        }
        Ok(())
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        match self {
            Self::Client { out, .. } if out.is_closing() => channel.recv(&mut [0; 512]).map(drop),
            Self::Client { line: to, .. } => Outbox::relay(channel, *to, Self::out).map(drop),
            Self::Line { client: Some(to), .. } => {
                Outbox::relay(channel, *to, Self::out)?;
                if let (Self::Client { out, .. }, mut io) = channel.neighbour(*to)? {
                    watch(out, &mut io);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        match self {
            Self::Line { out, .. } => out.flush(channel),
            Self::Client { out, .. } => {
                out.flush(channel)?;
                watch(out, channel);
                Ok(())
            }
            Self::Door { .. } => Ok(()),
        }
    }

    fn handle_eof(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<Eof> {
        let Self::Client { door, out, .. } = self else { return Ok(Eof::Close) };
        watch(out, channel);
        if let (false, Ok((Self::Door { busy, .. }, _))) = (out.is_closing(), channel.neighbour(*door)) {
            *busy = false;
        }
        Ok(Eof::KeepSending)
    }

    fn handle_timeout(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.leave(channel);
        channel.close();
        Ok(())
    }

    fn handle_close(&mut self, reason: Reason, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.leave(channel);
        if matches!(self, Self::Line { .. }) && !matches!(reason, Reason::Drained | Reason::TimedOut) {
            eprintln!("serial_bridge: the line is gone: {reason}");
            // The client is still given what the line said.
            channel.for_each_neighbour(|other, io| {
                match other {
                    Self::Client { out, .. } => show_out(out, io),
                    _ => io.close(),
                }
                true
            });
        }
        Ok(())
    }
}

impl Bridge {
    fn out(&mut self) -> Option<&mut Out> {
        match self {
            Self::Line { out, .. } | Self::Client { out, .. } => Some(out),
            Self::Door { .. } => None,
        }
    }

    /// Lets the line go, if this client has it.
    fn leave(&mut self, channel: &mut Channel<'_, Os, Self>) {
        let (Self::Client { door, line, out }, key) = (self, channel.key()) else { return };
        out.unlink(channel);
        let Ok((Self::Line { client, .. }, _)) = channel.neighbour(*line) else { return };
        if client.take_if(|client| *client == key).is_some()
            && let Ok((Self::Door { busy, .. }, _)) = channel.neighbour(*door)
        {
            *busy = false;
        }
    }
}

/// Sets a client's deadline, now that something went its way.
fn watch(out: &Out, io: &mut Io<'_, Os>) {
    match (out.is_closing() || !io.state().can_read(), out.is_empty()) {
        (true, _) => io.set_timeout(SILENCE),
        (false, false) => io.set_timeout(PATIENCE),
        (false, true) => io.clear_timeout(),
    }
}

/// Ends a client's connection behind what was sent to it, and throws away what it still says.
fn show_out(out: &mut Out, io: &mut Io<'_, Os>) {
    if out.shutdown_when_done(io).is_err() {
        io.close();
    }
    io.set_timeout(SILENCE);
}

fn main() -> ExitCode {
    match bridge() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("serial_bridge: {why}");
            ExitCode::FAILURE
        }
    }
}

fn bridge() -> std::result::Result<(), Box<dyn StdError>> {
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
