//! The servers that are measured: each sends back what it receives.

#![forbid(unsafe_code)]

use core::time::Duration;

use stheno_core::chat::{Conversation, Frame};
use stheno_core::pool::{Memory, Place};
use stheno_core::{Channel, Dispatcher, Eof, Guest, Lending, Loan, Net, Outbox, Received, Result, Storage};

/// How many bytes wait for a client, at most.
pub const BUFFER: usize = 256;

/// How long a client may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// A channel of a server with an outbox for each client, and with deadlines over nets that have them.
#[allow(clippy::large_enum_variant)] // each has its place in a table of fixed size
pub enum Echo {
    /// Who listens.
    Door,
    /// Who is listened to.
    Client(Outbox<[u8; BUFFER]>),
}

/// Whether a program wants deadlines: a type, so that what it does not want is not there.
pub trait Patience: Net {
    /// Has a silent client told so.
    fn grant<T>(channel: &mut Channel<'_, Self, T>)
    where
        Self: Sized;
}

impl Patience for crate::board::Stack {
    fn grant<T>(channel: &mut Channel<'_, Self, T>) {
        channel.set_timeout(PATIENCE);
    }
}

impl<N: Patience, O: stheno_core::trace::Observer> Patience for stheno_core::trace::Traced<N, O> {
    fn grant<T>(channel: &mut Channel<'_, Self, T>) {
        channel.set_timeout(PATIENCE);
    }
}

impl<N: Net> Patience for stheno_core::Untimed<N> {
    fn grant<T>(_: &mut Channel<'_, Self, T>) {}
}

impl<N: Patience> Dispatcher<N> for Echo {
    fn readable(&self) -> bool {
        !matches!(self, Self::Client(waiting) if waiting.room() == 0)
    }

    fn writable(&self) -> bool {
        matches!(self, Self::Client(waiting) if waiting.writable())
    }

    fn handle_accepted(&mut self, guest: &mut Guest<N>, door: &mut Channel<'_, N, Self>) -> Result<()> {
        door.adopt(guest, Self::Client(Outbox::new())).map(drop)
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
        N::grant(channel);
        if let Self::Client(waiting) = self
            && let Received::Data(_) = waiting.fill_from(channel)?
        {
            waiting.flush(channel)?;
        }
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
        if let Self::Client(waiting) = self { waiting.flush(channel) } else { Ok(()) }
    }

    fn handle_timeout(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
        channel.close();
        Ok(())
    }
}

/// A channel of a server whose clients have their memory on loan.
pub enum Lent {
    /// Who listens.
    Door,
    /// Who is listened to.
    Client(Loan),
}

impl<N: Patience, S: Memory, W: Storage<Place>> Dispatcher<Lending<N, S, W>> for Lent {
    fn readable(&self) -> bool {
        !matches!(self, Self::Client(waiting) if waiting.is_full())
    }

    fn writable(&self) -> bool {
        matches!(self, Self::Client(waiting) if waiting.writable())
    }

    fn handle_accepted(
        &mut self,
        guest: &mut Guest<Lending<N, S, W>>,
        door: &mut Channel<'_, Lending<N, S, W>, Self>,
    ) -> Result<()> {
        door.adopt(guest, Self::Client(Loan::new())).map(drop)
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, Lending<N, S, W>, Self>) -> Result<()> {
        channel.set_timeout(PATIENCE);
        if let Self::Client(waiting) = self
            && let Received::Data(_) = waiting.fill_from(channel)?
        {
            waiting.flush(channel)?;
        }
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, Lending<N, S, W>, Self>) -> Result<()> {
        if let Self::Client(waiting) = self { waiting.flush(channel) } else { Ok(()) }
    }

    fn handle_timeout(&mut self, channel: &mut Channel<'_, Lending<N, S, W>, Self>) -> Result<()> {
        channel.close();
        Ok(())
    }
}

/// A channel of a server that sends back whole lines.
#[allow(clippy::large_enum_variant)] // each has its place in a table of fixed size
pub enum Lines {
    /// Who listens.
    Door,
    /// Who is listened to.
    Client(Conversation<[u8; BUFFER], [u8; BUFFER]>),
}

impl<N: Patience> Dispatcher<N> for Lines {
    fn readable(&self) -> bool {
        !matches!(self, Self::Client(chat) if !chat.readable())
    }

    fn writable(&self) -> bool {
        matches!(self, Self::Client(chat) if chat.writable())
    }

    fn handle_accepted(&mut self, guest: &mut Guest<N>, door: &mut Channel<'_, N, Self>) -> Result<()> {
        let mut chat = Conversation::new();
        chat.input.set_terminator(b"\n")?;
        door.adopt(guest, Self::Client(chat)).map(drop)
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
        N::grant(channel);
        let Self::Client(chat) = self else { return Ok(()) };
        chat.fill_from(channel)?;
        while let Some((frame, output)) = chat.next(channel)? {
            match frame {
                Frame::Found(line) => output.send_vectored(channel, [line, b"\n"])?,
                Frame::Collected(rest) => output.send(channel, rest)?,
            }
        }
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
        if let Self::Client(chat) = self { chat.flush(channel) } else { Ok(()) }
    }

    fn handle_eof(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<Eof> {
        Ok(if let Self::Client(chat) = self { chat.finish(channel) } else { Eof::Close })
    }

    fn handle_timeout(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
        channel.close();
        Ok(())
    }
}

/// One channel and next to nothing done about it: it counts what it receives.
pub struct Sink(pub u32);

impl<N: Net> Dispatcher<N> for Sink {
    fn writable(&self) -> bool {
        false
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
        if let Received::Data(n) = channel.recv(&mut [0; 16])? {
            self.0 = self.0.wrapping_add(n as u32);
        }
        Ok(())
    }
}
