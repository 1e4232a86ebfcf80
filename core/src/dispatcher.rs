//! The user's object: what a channel wants, and what it does when something happens.

use crate::io::Unhandled;
use crate::{Channel, Error, ErrorKind, Guest, Net, Result, State, diagnostics};

/// Why a channel was closed by something else than the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Reason {
    /// The peer has finished, and everything it sent has been read; see [`handle_eof`](Dispatcher::handle_eof).
    End,
    /// The connection broke: reset, timed out, or nobody there to send to.
    Disconnected(Error),
    /// An error that `handle_error` did not take upon itself.
    Error(Error),
    /// The loop [drains](crate::EventLoop::drain), and nothing waited to be sent any more.
    Drained,
    /// The loop drained, and what waited was not taken in time.
    TimedOut,
}

impl core::fmt::Display for Reason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::End => f.write_str("end of stream"),
            Self::Drained => f.write_str("the loop ends"),
            Self::TimedOut => f.write_str("the loop ends, and what waited was not taken in time"),
            Self::Disconnected(why) | Self::Error(why) => why.fmt(f),
        }
    }
}

/// What becomes of a channel whose peer has finished sending.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Eof {
    /// It is closed: `handle_close` with [`Reason::End`] follows at once. What asyncore does.
    Close,
    /// It goes on sending, half-closed, until the program closes it, the connection breaks, or it shuts its own half.
    KeepSending,
}

/// What a channel wants, and what it does when something happens.
///
/// Every method has a default, and the defaults are asyncore's: both predicates are true, an event that is not handled is
/// logged (and then not told again, so that nothing spins), an error is logged and closes the channel.
///
/// `N` is the net, `T` what the loop's table holds: usually the type itself, often an enum whose variants are the kinds of
/// channel a program has. A variant's own type then implements `Dispatcher<N, TheEnum>`.
///
/// # Handlers
///
/// A handler may do anything, to its own channel and to any other: send, close, adopt, dial out. What it returns as an
/// error comes back as [`handle_error`](Self::handle_error) on its own channel, and harms no other (rule 7). That the
/// channel's own connection broke is not such an error: it is told as [`handle_close`](Self::handle_close), also where a
/// handler passes it on with `?`.
///
/// Within one firing handlers run in the order connect, read, write, expt, close, each only if the channel still lives and
/// its predicate still says so (rule 1).
///
/// ```
/// use stheno_core::{Buffer, Channel, Dispatcher, Net, Result};
///
/// /// Sends back what it receives, and never holds more than 512 bytes.
/// #[derive(Default)]
/// struct Echo(Buffer<[u8; 512]>);
///
/// impl<N: Net> Dispatcher<N> for Echo {
///     fn readable(&self) -> bool { !self.0.is_full() }
///     fn writable(&self) -> bool { !self.0.is_empty() }
///
///     fn handle_read(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
///         channel.recv_into(&mut self.0)?;
///         Ok(())
///     }
///
///     fn handle_write(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
///         let sent = channel.send_vectored(self.0.filled())?;
///         self.0.consume(sent);
///         Ok(())
///     }
/// }
/// ```
pub trait Dispatcher<N: Net, T = Self> {
    /// Whether the channel wants to be told of data, callers and the end of the stream.
    ///
    /// A channel that does not, and whose peer is found gone by a send, is closed as it is: what it had no wish to read
    /// stays unread. Everything else that a peer sent before it went is read first (rule 3).
    ///
    /// Asked before each step, when the channel's handlers for a firing have run, and, where it was
    /// [touched](crate::Io::touch), once more at the end of the turn; never for a channel that nothing happened to. An answer
    /// that another channel's handler changes is asked for again only if that touches the channel.
    fn readable(&self) -> bool {
        true
    }

    /// Whether the channel wants to be told of room to send. While connecting, the loop wants to know whatever this says.
    fn writable(&self) -> bool {
        true
    }

    /// Whether the channel stays while the loop [drains](crate::EventLoop::drain), until all who do not have gone: it hears
    /// of signals, say, and of the second one that ends the drain at once. No listener stays.
    ///
    /// Asked by a drain alone.
    #[doc(alias = "unref")]
    fn stays(&self) -> bool {
        false
    }

    /// The connection is made. The channel is connected already.
    #[doc(alias = "handle_connect_event")]
    fn handle_connect(&mut self, channel: &mut Channel<'_, N, T>) -> Result<()> {
        channel.unhandled(Unhandled::Connect);
        Ok(())
    }

    /// Callers wait. Accepts one and hands it to [`handle_accepted`](Self::handle_accepted); the loop calls this again
    /// while callers are left, within its budget. Called only while the table has a vacant slot, whatever becomes of the
    /// caller: in a full one callers stay in line.
    fn handle_accept(&mut self, channel: &mut Channel<'_, N, T>) -> Result<()> {
        let Some(mut guest) = channel.accept()? else { return Ok(()) };
        let handled = self.handle_accepted(&mut guest, channel);
        channel.hang_up(guest);
        handled
    }

    /// A caller was accepted: [`adopt`](Channel::adopt) it, or [take](Guest::take) it elsewhere. A guest that nobody took
    /// is hung up on.
    fn handle_accepted(&mut self, guest: &mut Guest<N>, channel: &mut Channel<'_, N, T>) -> Result<()> {
        let _ = guest;
        channel.unhandled(Unhandled::Accepted);
        Ok(())
    }

    /// There is something to receive: data, or the end of the stream, which [`recv`](crate::Io::recv) then finds.
    #[doc(alias = "handle_read_event")]
    fn handle_read(&mut self, channel: &mut Channel<'_, N, T>) -> Result<()> {
        channel.unhandled(Unhandled::Read);
        Ok(())
    }

    /// The peer has finished sending, and everything it sent has been read; it may still be receiving.
    ///
    /// Told once, before the close that the default makes of it. Who answers [`Eof::KeepSending`] has a channel of which
    /// the receiving half is over: its `handle_read` is not told any more, and sending goes on. Where this side had shut its
    /// sending half before, nothing is left to do and `handle_close` follows whatever the answer.
    ///
    /// A half-closed channel that wants to send hears of the peer's going by what it sends; one that does not is not watched.
    #[doc(alias = "half-close")]
    fn handle_eof(&mut self, channel: &mut Channel<'_, N, T>) -> Result<Eof> {
        let _ = channel;
        Ok(Eof::Close)
    }

    /// There is room to send.
    #[doc(alias = "handle_write_event")]
    fn handle_write(&mut self, channel: &mut Channel<'_, N, T>) -> Result<()> {
        channel.unhandled(Unhandled::Write);
        Ok(())
    }

    /// There is urgent data: [`recv_urgent`](crate::Io::recv_urgent).
    #[doc(alias = "handle_expt_event")]
    fn handle_expt(&mut self, channel: &mut Channel<'_, N, T>) -> Result<()> {
        channel.unhandled(Unhandled::Expt);
        Ok(())
    }

    /// The channel has ended, not by the program's own [`close`](crate::Io::close). Told once, with the reason, and
    /// nothing comes after it (rule 2). Its socket is beyond use; the loop closes it.
    ///
    /// An error returned here is logged and has no other consequence.
    fn handle_close(&mut self, reason: Reason, channel: &mut Channel<'_, N, T>) -> Result<()> {
        let _ = reason;
        channel.unhandled(Unhandled::Close);
        Ok(())
    }

    /// Something failed on this channel: a handler, a connection attempt, a registration, an ICMP message.
    ///
    /// `Ok` takes the error upon itself, and the channel goes on if it can; an error closes it, with that as the reason.
    /// The default logs, lets a datagram channel go on, and closes any other; but a listener goes on if what failed was
    /// only that a caller found no room, or had gone. A connection attempt that failed and a descriptor that is not open
    /// close the channel in any case; a listener that lacks descriptors rests in any case, and is never closed for it.
    fn handle_error(&mut self, error: Error, channel: &mut Channel<'_, N, T>) -> Result<()> {
        let goes_on = match channel.state() {
            State::Datagram => true,
            // It has no connection to lose, so it is a guest or a neighbour that could not be served.
            State::Listening => {
                matches!(error.kind(), ErrorKind::Full | ErrorKind::Exhausted | ErrorKind::Disconnected)
            }
            _ => false,
        };
        if goes_on {
            diagnostics::failed(channel.key(), "error", &error);
            return Ok(());
        }
        diagnostics::failed(channel.key(), "error, closing the channel", &error);
        Err(error)
    }

    /// The loop [drains](crate::EventLoop::drain): the last chance to say something. Told once, to all but listeners and
    /// timers. Whoever then has nothing to send (`writable` says so) is closed, everyone else once that is so.
    fn handle_drain(&mut self, channel: &mut Channel<'_, N, T>) -> Result<()> {
        let _ = channel;
        Ok(())
    }

    /// The time that [`set_timeout`](crate::Io::set_timeout) asked for has passed.
    fn handle_timeout(&mut self, channel: &mut Channel<'_, N, T>) -> Result<()> {
        channel.unhandled(Unhandled::Timeout);
        Ok(())
    }
}
