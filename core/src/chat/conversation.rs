//! Two sides that speak in frames.

use core::convert::Infallible;
use core::mem::take;

use super::{Frame, Framing};
use crate::reach::Reach;
use crate::slot::Flags;
use crate::{Eof, ErrorKind, Outbox, Producer, Received, Result};

/// What a dispatcher owns to hold a conversation: asynchat's `async_chat`, as a part instead of a base.
///
/// `I` and `O` are the memories of what comes and what goes, as a [`Buffer`](crate::Buffer)'s; `T` is how long a terminator
/// may be; `P` and `K` are the [producers](Outbox#producers), of which there are none unless the type says so. Both halves
/// are there for the program: terminator, limit, and [skipping](Framing::skip) are the input's; sending, watermarks and
/// producers the output's.
///
/// ```
/// use stheno_core::chat::{Conversation, Frame};
/// use stheno_core::{Channel, Dispatcher, Eof, Net, Result};
///
/// /// Sends each line back, until one says `quit`.
/// struct Echo(Conversation<[u8; 512], [u8; 2048]>);
///
/// impl Echo {
///     fn new() -> Result<Self> {
///         let mut chat = Conversation::new();
///         chat.input.set_terminator(b"\n")?;
///         Ok(Self(chat))
///     }
/// }
///
/// impl<N: Net> Dispatcher<N> for Echo {
///     fn readable(&self) -> bool { self.0.readable() }
///     fn writable(&self) -> bool { self.0.writable() }
///
///     fn handle_read(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
///         self.0.fill_from(channel)?;
///         while let Some((frame, output)) = self.0.next(channel)? {
///             match frame {
///                 Frame::Found(b"quit") => output.close_when_done(channel),
///                 Frame::Found(line) => output.send_vectored(channel, [line, b"\n"])?,
///                 Frame::Collected(rest) => output.send(channel, rest)?, // a last line without an end
///             }
///         }
///         Ok(())
///     }
///     fn handle_write(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> { self.0.flush(channel) }
///     fn handle_eof(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<Eof> { Ok(self.0.finish(channel)) }
/// }
/// ```
///
/// - A peer that asks without reading the answers is not read while the output [is high](Outbox::is_high), and neither are
///   frames of it handed out that are here already. They come once it is low, without anything being done for it. So an
///   answer that fits between the high mark and the capacity always has room, until the peer's stream has ended.
/// - After a close, the program's or any other, and after [`close_when_done`](Outbox::close_when_done) nothing more is handed
///   out.
/// - A handler that fails between two frames loses none of those that are left: they are handed out when it is told to read
///   again. Who takes an error upon itself in `handle_error` and does not want to wait until then calls
///   [`go_on`](Self::go_on) there.
#[derive(Clone, Debug)]
#[doc(alias = "async_chat")]
#[doc(alias = "asynchat")]
pub struct Conversation<I, O, const T: usize = 8, P = Infallible, const K: usize = 0> {
    /// What comes.
    pub input: Framing<I, T>,
    /// What goes.
    pub output: Outbox<O, P, K>,
    /// Frames may be here that nobody was told of yet.
    again: bool,
    /// Frames were held back for the sake of the output.
    held: bool,
}

impl<const I: usize, const O: usize> Conversation<[u8; I], [u8; O]> {
    /// With `I` bytes for what comes and `O` for what goes, terminators of up to eight bytes, and no producers.
    pub const fn new() -> Self {
        Self::over([0; I], [0; O])
    }
}

impl<const I: usize, const O: usize, const T: usize, P, const K: usize> Default
    for Conversation<[u8; I], [u8; O], T, P, K>
{
    fn default() -> Self {
        Self::with(Framing::default(), Outbox::default())
    }
}

impl<I, O> Conversation<I, O> {
    /// Over these memories, for terminators of up to eight bytes and no producers.
    pub const fn over(input: I, output: O) -> Self {
        Self::with(Framing::new(input), Outbox::over(output))
    }
}

impl<I, O, const T: usize, P, const K: usize> Conversation<I, O, T, P, K> {
    /// Of these two halves.
    pub const fn with(input: Framing<I, T>, output: Outbox<O, P, K>) -> Self {
        Self { input, output, again: false, held: false }
    }

    /// Whether there is something to send: what a dispatcher's `writable` asks.
    pub fn writable(&self) -> bool {
        self.output.writable()
    }

    /// Has `handle_read` called in the next turn, for frames that are here already, whether or not more comes.
    pub fn go_on<C: Reach>(&mut self, channel: &mut C) {
        self.again = true;
        channel.io().read_again();
    }
}

impl<I, O, const T: usize, P, const K: usize> Conversation<I, O, T, P, K>
where
    I: AsRef<[u8]> + AsMut<[u8]>,
    O: AsRef<[u8]> + AsMut<[u8]>,
    P: Producer,
{
    /// Whether more can be received, and may be: what a dispatcher's `readable` asks.
    pub fn readable(&self) -> bool {
        (self.again || self.input.room() > 0) && !self.output.is_high()
    }

    /// Receives, in one call. Then take what came with [`next`](Self::next).
    ///
    /// Nothing, `Data(0)`, while frames are here that were held back or are to be [gone on](Self::go_on) with: the end of the
    /// stream is not found before they have been handed out.
    pub fn fill_from<C: Reach>(&mut self, channel: &mut C) -> Result<Received> {
        let mut io = channel.io();
        if take(&mut self.again) | take(&mut self.held) {
            // What is here was received before; a channel whose peer has gone is read on for as long as something comes.
            io.own.flags |= Flags::RECEIVED;
            return Ok(Received::Data(0));
        }
        self.input.fill_from(&mut io)
    }

    /// The next frame or piece of one, and the output for an answer; `None` where more must come first, where the output is
    /// high, and where the conversation is over.
    ///
    /// Errors are those of [`Framing::next`].
    pub fn next<C: Reach>(&mut self, channel: &mut C) -> Result<Option<(Frame<'_>, &mut Outbox<O, P, K>)>> {
        let over = !channel.io().state().is_live() || self.output.closes();
        if over {
            self.input.discard();
        } else if self.output.is_high() && !self.input.has_ended() {
            self.held |= !self.input.is_empty();
            return Ok(None);
        }
        Ok(self.input.next()?.map(|frame| (frame, &mut self.output)))
    }

    /// Sends of what waits as much as there is room for: what a dispatcher's `handle_write` does.
    pub fn flush<C: Reach>(&mut self, channel: &mut C) -> Result<()> {
        let flushed = self.output.flush(channel);
        if flushed.as_ref().is_err_and(|why| why.kind() == ErrorKind::Disconnected) {
            // Nobody will ever take it, and what the peer said before it went is still to be heard.
            self.output.clear();
        }
        if self.held && !self.output.is_high() {
            self.go_on(channel);
        }
        flushed
    }

    /// Ends the conversation because the peer's stream has ended: what a dispatcher's `handle_eof` answers. What waits is
    /// still sent.
    pub fn finish<C: Reach>(&mut self, channel: &mut C) -> Eof {
        if self.output.is_empty() {
            return Eof::Close;
        }
        self.output.close_when_done(channel);
        Eof::KeepSending
    }

    /// Forgets what has come and what waits to go, producers included.
    #[doc(alias = "discard_buffers")]
    pub fn discard(&mut self) {
        self.input.discard();
        self.output.clear();
        self.held = false;
    }
}
