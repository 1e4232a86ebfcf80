//! To see what a loop does: readiness as it comes in, steps, outcomes, events, and the interest that goes out.
//!
//! The loop shows all of it to its net, as [`Seen`], one thing at a time: [`Net::observe`]. Nets have no use for it, and
//! their `observe` is empty, so that an optimised program does not even compute what nobody looks at. [`Traced`] is a layer
//! that shows it to an [`Observer`] as well: a closure, or a [`Trace`], which keeps a turn in fixed memory and prints it, a
//! line for each channel:
//!
//! ```text
//! turn 3, wait up to 250ms: 3 fired
//! #0.0 R: accept x2 (1 caller, nobody) -> R
//! #4.0 -: new open (by #0.0) -> RP
//! #2.0 R: read (5 in) -> RP
//! #1.0 -: (by #2.0, 5 out) -> RP
//! #3.1 R|HUP: read (end), eof, close (end of stream) -> closed
//! ```
//!
//! [`Trace`] says how to read it.
//!
//! ```
//! use stheno_core::trace::{Event, Seen, Traced};
//!
//! fn complain(seen: Seen) {
//!     if let Seen::Told(key, Event::Error(why)) = seen {
//!         eprintln!("channel {key}: {why}");
//!     }
//! }
//!
//! /// The net of a loop that complains: `EventLoop::<_, Watched<N>, _, _>::with_parts(Traced::new(net, complain), …)`.
//! type Watched<N> = Traced<N, fn(Seen)>;
//! # fn check<N>(net: N) -> Watched<N> { Traced::new(net, complain) }
//! ```

mod hooks;
mod line;
mod page;

use core::time::Duration;

pub(crate) use hooks::{Told, closed, opened, settled, watched};
pub use page::Trace;

use crate::imply::{Outcome, Step, Verdict};
use crate::{Error, Interest, Key, Layer, Net, Readiness, Reason, Received, Result, State, Turn};

/// One thing that a loop did or found.
///
/// In a turn they come in this order: [`Began`](Self::Began); what is settled of before; [`Waits`](Self::Waits); for each
/// channel that fired [`Fired`](Self::Fired), and then its steps, each with what it told, what the channel's operations
/// returned meanwhile, and what was concluded, and [`Watched`](Self::Watched) at once where nothing else has changed; what came
/// due; for each channel that has changed or was touched [`Watched`](Self::Watched), it may be once more, or
/// [`Closed`](Self::Closed), in no order that is promised; and [`Ended`](Self::Ended). What the program does between turns is shown
/// as it does it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Seen {
    /// A turn begins.
    Began,
    /// The backend is asked to wait, for so long at the most; `None` is for as long as it takes.
    Waits(Option<Duration>),
    /// A waker ended the wait.
    Woken,
    /// A channel has come into the table.
    Opened(Key, State),
    /// The backend said this of a channel, or a program that dispatches by itself did, or bytes were here already.
    Fired(Key, Readiness),
    /// The same, of a channel that has ended: it is passed over.
    Stale(Key, Readiness),
    /// A step is taken.
    Step(Key, Step),
    /// A handler is about to run.
    Told(Key, Event),
    /// The channel accepted a caller (true), or nobody waited, or it failed.
    Accepted(Key, Result<bool>),
    /// A listener hung up on a caller that nobody took.
    HungUp(Key),
    /// What a receive on the channel brought. Datagrams and urgent bytes are data; none is [`Received::WouldBlock`].
    Received(Key, Result<Received>),
    /// What a send on the channel took; `None` is that there was no room.
    Sent(Key, Result<Option<usize>>),
    /// A step, or what was found meanwhile, came out in an unusual way, and this follows. That a handler ran and all was
    /// well is not shown.
    Concluded(Key, Step, Outcome, Verdict),
    /// The channel has been settled, and this is what the backend watches it for now.
    Watched(Key, Interest),
    /// The channel's socket has been closed, and its slot is free.
    Closed(Key),
    /// The turn is over: what it did, or what it failed with.
    Ended(Result<Turn>),
}

impl Seen {
    /// The channel that it is about; `None` where it is about the loop.
    pub const fn key(&self) -> Option<Key> {
        match *self {
            Self::Began | Self::Waits(_) | Self::Woken | Self::Ended(_) => None,
            Self::Opened(key, _)
            | Self::Fired(key, _)
            | Self::Stale(key, _)
            | Self::Step(key, _)
            | Self::Told(key, _)
            | Self::Accepted(key, _)
            | Self::HungUp(key)
            | Self::Received(key, _)
            | Self::Sent(key, _)
            | Self::Concluded(key, ..)
            | Self::Watched(key, _)
            | Self::Closed(key) => Some(key),
        }
    }
}

/// What a channel is told: one handler each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event {
    /// `handle_connect`.
    Connect,
    /// `handle_accept`, once for each caller and once more to find that there is none.
    Accept,
    /// `handle_read`.
    Read,
    /// `handle_eof`.
    Eof,
    /// `handle_write`.
    Write,
    /// `handle_expt`.
    Expt,
    /// `handle_timeout`.
    Timeout,
    /// `handle_drain`.
    Drain,
    /// `handle_error`.
    Error(Error),
    /// `handle_close`.
    Close(Reason),
}

impl Event {
    /// The handler's name, without `handle_`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Accept => "accept",
            Self::Read => "read",
            Self::Eof => "eof",
            Self::Write => "write",
            Self::Expt => "expt",
            Self::Timeout => "timeout",
            Self::Drain => "drain",
            Self::Error(_) => "error",
            Self::Close(_) => "close",
        }
    }
}

/// Whoever is shown what a loop does: a closure, a [`Trace`], a type of the program's own.
///
/// It is called in the middle of things, and should be quick.
pub trait Observer {
    /// Is shown one thing.
    fn see(&mut self, seen: Seen);
}

impl<F: FnMut(Seen)> Observer for F {
    fn see(&mut self, seen: Seen) {
        self(seen);
    }
}

/// A net whose loop is observed: everything is the net's below, and what is seen is shown to the observer, and then below.
///
/// ```
/// use stheno_core::trace::{Trace, Traced};
/// use stheno_core::{Backend, Dispatcher, EventLoop, Net, Result, Slot, Storage};
///
/// fn show<T, N, B, S>(events: &mut EventLoop<T, Traced<N, Trace<8>>, B, S>) -> Result<String>
/// # where T: Dispatcher<Traced<N, Trace<8>>>, N: Net, B: Backend<Traced<N, Trace<8>>>, S: Storage<Slot<T, Traced<N, Trace<8>>>>
/// {
///     events.turn(None)?;
///     Ok(events.net().observer.to_string())
/// }
/// ```
#[derive(Clone, Copy, Default, Debug)]
pub struct Traced<N, O> {
    /// The net that does the I/O.
    pub below: N,
    /// Who is shown what the loop does. Handlers reach it by [`channel.net().observer`](crate::Io::net).
    pub observer: O,
}

impl<N, O> Traced<N, O> {
    /// This net, observed.
    pub const fn new(below: N, observer: O) -> Self {
        Self { below, observer }
    }
}

impl<N: Net, O: Observer> Layer for Traced<N, O> {
    type Below = N;
    fn below(&self) -> &N {
        &self.below
    }
    fn below_mut(&mut self) -> &mut N {
        &mut self.below
    }
    fn recv_vectored(&mut self, socket: &mut N::Socket, into: [&mut [u8]; 2]) -> Result<Received> {
        self.below.recv_vectored(socket, into)
    }
    fn send_vectored(&mut self, socket: &mut N::Socket, from: [&[u8]; 2]) -> Result<Option<usize>> {
        self.below.send_vectored(socket, from)
    }
    fn observe(&mut self, seen: Seen) {
        self.observer.see(seen);
        self.below.observe(seen);
    }
}
