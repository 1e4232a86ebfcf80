//! The door, the line and its client, each a channel.

use std::time::Duration;

use stheno::{Channel, Dispatcher, Eof, Guest, Io, Key, Os, Outbox, Reason, Result};

/// How long a client may leave alone what the line has said.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the line may be silent towards a client that has nothing more to say, and how long an end may take.
pub const SILENCE: Duration = Duration::from_secs(5);

type Out = Outbox<[u8; 8192]>;

pub enum Bridge {
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
