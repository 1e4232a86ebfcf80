//! What the board serves on its network: an echo, and a conversation in lines. It works on any net.

mod lines;

use stheno_core::chat::Conversation;
use stheno_core::{Channel, Dispatcher, Eof, Guest, Net, Outbox, Result};

use lines::Lines;

/// Where the echo is, and the conversation.
pub const ECHO: u16 = 7;
/// Where the conversation is.
pub const LINES: u16 = 23;

/// How many bytes of an echo wait, at most.
const WAITING: usize = 1024;

/// A channel of the server, whose table costs its largest variant: there is no heap for a box.
#[allow(clippy::large_enum_variant)]
pub enum Server {
    /// Callers of the echo come here.
    EchoDoor,
    /// Sends back what it receives.
    Echo(Outbox<[u8; WAITING]>),
    /// Callers who want to talk come here.
    LinesDoor,
    /// Answers each line.
    Lines(Lines),
}

impl<N: Net> Dispatcher<N> for Server {
    fn readable(&self) -> bool {
        match self {
            Self::EchoDoor | Self::LinesDoor => true,
            Self::Echo(waiting) => waiting.room() > 0,
            Self::Lines(lines) => lines.chat.readable(),
        }
    }

    fn writable(&self) -> bool {
        match self {
            Self::EchoDoor | Self::LinesDoor => false,
            Self::Echo(waiting) => waiting.writable(),
            Self::Lines(lines) => lines.chat.writable(),
        }
    }

    fn handle_accepted(&mut self, guest: &mut Guest<N>, door: &mut Channel<'_, N, Self>) -> Result<()> {
        let caller = match self {
            Self::LinesDoor => Self::Lines(Lines::new(Conversation::new())?),
            _ => Self::Echo(Outbox::new()),
        };
        door.adopt(guest, caller).map(drop)
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
        match self {
            Self::Echo(waiting) => {
                waiting.fill_from(channel)?;
                waiting.flush(channel)
            }
            Self::Lines(lines) => lines.answer(channel),
            Self::EchoDoor | Self::LinesDoor => Ok(()),
        }
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
        match self {
            Self::Echo(waiting) => waiting.flush(channel),
            Self::Lines(lines) => lines.chat.flush(channel),
            Self::EchoDoor | Self::LinesDoor => Ok(()),
        }
    }

    /// Who has finished still gets all that is due.
    fn handle_eof(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<Eof> {
        match self {
            Self::Echo(waiting) => {
                waiting.close_when_done(channel);
                Ok(Eof::KeepSending)
            }
            Self::Lines(lines) => Ok(lines.chat.finish(channel)),
            Self::EchoDoor | Self::LinesDoor => Ok(Eof::Close),
        }
    }
}
