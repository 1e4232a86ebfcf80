//! Listens, dials out for each caller, and joins the two.
//!
//! Each side has one buffer for what the other sent. While it is nearly full the other side is not read, so that the proxy
//! holds no more than its two buffers, however slow one of the two is. When one side has finished sending, so has the proxy
//! towards the other, which may still answer; when one has gone, or broke, the other is given what was sent to it, and then
//! the end.

use std::io::{Write, stdout};
use std::time::Duration;

use stheno::{
    Address, AnyBackend, Channel, Dispatcher, Eof, Error, EventLoop, Guest, Io, Key, Os, Outbox, Reason, Result, waker,
};

const HELP: &str = "Joins each caller with a connection of its own to a target.

Usage: proxy LISTEN TARGET   (each as 127.0.0.1:8080, [::1]:8080 or unix:/path)";

/// How long an attempt to connect may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long nothing may go to a side that has finished sending, or whose other side has gone. It cannot be told from one that
/// has gone itself; and of one that reads slowly is heard only now and then.
const SILENCE: Duration = Duration::from_secs(600);

enum Proxy {
    Door { target: Address },
    Side(Box<Side>),
}

#[derive(Default)]
struct Side {
    /// The other side, for as long as there is one.
    other: Option<Key>,
    /// What the other side sent and this one has not taken yet.
    out: Outbox<[u8; 16384]>,
}

impl Dispatcher<Os> for Proxy {
    fn writable(&self) -> bool {
        matches!(self, Self::Side(side) if side.out.writable())
    }

    fn handle_accepted(&mut self, guest: &mut Guest<Os>, door: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Self::Door { target } = self else { return Ok(()) };
        let caller = door.adopt(guest, Self::Side(Box::default()))?;
        let side = Side { other: Some(caller), ..Side::default() };
        let dialled = door.connect_to(&*target, Self::Side(Box::new(side)));
        if let Ok(key) = dialled {
            door.neighbour(key)?.1.set_timeout(PATIENCE);
        }
        match (door.neighbour(caller)?, dialled) {
            ((Self::Side(side), _), Ok(key)) => side.other = Some(key),
            ((_, mut io), _) => io.close(),
        }
        dialled.map(drop)
    }

    fn handle_connect(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        channel.clear_timeout();
        let Self::Side(side) = self else { return Ok(()) };
        side.watch(channel);
        Ok(())
    }

    /// From this side's socket straight into the other side's buffer, and on at once if there is room.
    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Self::Side(side) = self else { return Ok(()) };
        let Some(other) = side.other else {
            // There is nobody to send it to; only its end is awaited.
            return channel.recv(&mut [0; 4096]).map(drop);
        };
        Outbox::relay(channel, other, Self::out)?;
        if let (Self::Side(other), mut io) = channel.neighbour(other)? {
            other.watch(&mut io);
        }
        Ok(())
    }

    fn handle_eof(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<Eof> {
        let Self::Side(side) = self else { return Ok(Eof::Close) };
        if let Some(other) = side.other
            && let (Self::Side(other), mut io) = channel.neighbour(other)?
        {
            // If it broke, that is told to the other side itself.
            let _ = other.out.shutdown_when_done(&mut io);
        }
        side.watch(channel);
        Ok(Eof::KeepSending)
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Self::Side(side) = self else { return Ok(()) };
        side.out.flush(channel)?;
        side.watch(channel);
        Ok(())
    }

    fn handle_timeout(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        if channel.connecting() {
            return Err(Error::user("the target does not answer", 0));
        }
        self.leave(channel);
        channel.close();
        Ok(())
    }

    fn handle_close(&mut self, _: Reason, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.leave(channel);
        Ok(())
    }

    /// A caller whose target cannot be reached is none of the door's faults.
    fn handle_error(&mut self, error: Error, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        eprintln!("proxy: {error}");
        if matches!(self, Self::Door { .. }) { Ok(()) } else { Err(error) }
    }
}

impl Proxy {
    fn out(&mut self) -> Option<&mut Outbox<[u8; 16384]>> {
        if let Self::Side(side) = self { Some(&mut side.out) } else { None }
    }

    /// This side is over: the other one is given the rest, and the end behind it.
    fn leave(&mut self, channel: &mut Channel<'_, Os, Self>) {
        let Self::Side(side) = self else { return };
        side.out.unlink(channel);
        if let Some(Ok((Self::Side(other), mut io))) = side.other.take().map(|other| channel.neighbour(other)) {
            other.other = None;
            // Not a close: what still comes from there would be thrown away with it, and with that, on many systems, what
            // was sent last. If the sending half is broken, reading finds that out.
            let _ = other.out.shutdown_when_done(&mut io);
            other.watch(&mut io);
        }
    }
}

impl Side {
    /// Sets a deadline, now that something went this way or may go no more.
    fn watch(&self, io: &mut Io<'_, Os>) {
        if io.connected() && (self.other.is_none() || !io.state().can_read()) {
            io.set_timeout(SILENCE);
        }
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
