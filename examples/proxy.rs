//! Listens, dials out for each caller, and joins the two.
//!
//! Each side has one buffer for what the other sent. While it is full the other side is not read, so that the proxy holds
//! no more than its two buffers, however slow one of the two is. When one side has ended, the other ends too, once it has
//! what was sent to it: a caller that shuts only its sending half gets no answer.

use std::io::{Write, stdout};

use stheno::{
    Address, AnyBackend, Channel, Dispatcher, Error, EventLoop, Guest, Key, Os, Outbox, Reason, Result, waker,
};

const HELP: &str = "Joins each caller with a connection of its own to a target.

Usage: proxy LISTEN TARGET   (each as 127.0.0.1:8080, [::1]:8080 or unix:/path)";

enum Proxy {
    Door { target: Address },
    Side(Box<Side>),
}

struct Side {
    /// The other side, once there is one.
    other: Option<Key>,
    /// What the other side sent and this one has not taken yet.
    waiting: Outbox<[u8; 16384]>,
    /// The other side has no room for more.
    paused: bool,
    /// The other side has ended: what waits is still sent, then this one ends too.
    last_words: bool,
}

impl Dispatcher<Os> for Proxy {
    fn readable(&self) -> bool {
        !matches!(self, Self::Side(side) if side.paused || side.last_words)
    }

    fn writable(&self) -> bool {
        matches!(self, Self::Side(side) if !side.waiting.is_empty() || side.last_words)
    }

    fn handle_accepted(&mut self, guest: &mut Guest<Os>, door: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Self::Door { target } = self else { return Ok(()) };
        let caller = door.adopt(guest, Side::open(None))?;
        let dialled = door.connect_to(&*target, Side::open(Some(caller)));
        let (Self::Side(side), mut io) = door.neighbour(caller)? else { return Ok(()) };
        match dialled {
            Ok(key) => side.other = Some(key),
            Err(_) => io.close(),
        }
        dialled.map(drop)
    }

    fn handle_connect(&mut self, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        Ok(())
    }

    /// From this side's socket straight into the other side's buffer, and on at once if there is room.
    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Self::Side(side) = self else { return Ok(()) };
        let Some(key) = side.other else { return Ok(()) };
        if let (io, Self::Side(other)) = channel.with_neighbour(key)? {
            other.waiting.fill_from(io)?;
        }
        if let (Self::Side(other), mut io) = channel.neighbour(key)? {
            // That the other side broke is told to the other side.
            let _ = other.waiting.flush(&mut io);
            side.paused = other.waiting.room() == 0;
        }
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Self::Side(side) = self else { return Ok(()) };
        side.waiting.flush(channel)?;
        if side.waiting.is_empty() && side.last_words {
            channel.close();
        } else if let Some(Ok((Self::Side(other), _))) = side.other.map(|key| channel.neighbour(key)) {
            other.paused = side.waiting.room() == 0;
        }
        Ok(())
    }

    fn handle_close(&mut self, _: Reason, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Self::Side(side) = self else { return Ok(()) };
        if let Some(Ok((Self::Side(other), _))) = side.other.map(|key| channel.neighbour(key)) {
            other.last_words = true;
        }
        Ok(())
    }

    /// A caller whose target cannot be reached is none of the door's faults.
    fn handle_error(&mut self, error: Error, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        eprintln!("proxy: {error}");
        if matches!(self, Self::Door { .. }) { Ok(()) } else { Err(error) }
    }
}

impl Side {
    fn open(other: Option<Key>) -> Proxy {
        Proxy::Side(Box::new(Self { other, waiting: Outbox::new(), paused: false, last_words: false }))
    }
}

fn main() -> std::process::ExitCode {
    let served = match &std::env::args().skip(1).collect::<Vec<_>>()[..] {
        [help] if help == "--help" || help == "-h" => writeln!(stdout(), "{HELP}").map_err(Into::into),
        [at, target] => serve(at, target),
        _ => Err(HELP.into()),
    };
    u8::from(served.inspect_err(|why| eprintln!("proxy: {why}")).is_err()).into()
}

fn serve(at: &str, target: &str) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut events = EventLoop::<Proxy, Os, AnyBackend>::new()?;
    let door = events.listen(at, Proxy::Door { target: target.parse()? })?;
    let waker = waker(&mut events)?;
    ctrlc::set_handler(move || waker.stop().unwrap_or_else(|why| eprintln!("cannot stop: {why}")))?;
    writeln!(stdout(), "listening on {}", events.channel(door)?.1.local_address()?)?;
    Ok(events.run()?)
}
