//! Signals as events of a channel.
//!
//! A signal handler may hardly do anything, and it comes at any time. So the handlers here only note that their signal came
//! and make a descriptor readable; the loop tells it as it tells everything else, and what is done about it is done in
//! `handle_read`, as ordinary code:
//!
//! ```standalone_crate
//! use stheno::signals::{SIGHUP, SIGINT, SIGTERM, Signals};
//! use stheno::{Channel, Dispatcher, EventLoop, Os, Result};
//!
//! struct Watch(Signals);
//!
//! impl Dispatcher<Os> for Watch {
//!     fn writable(&self) -> bool {
//!         false
//!     }
//!
//!     fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
//!         for signal in self.0.pending() {
//!             match signal {
//!                 SIGHUP => { /* read the configuration again */ }
//!                 _ => channel.stop(),
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> Result<()> {
//! let signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
//! let mut events = EventLoop::<Watch>::new()?;
//! events.add(signals.socket()?, Watch(signals))?;
//! # signal_hook::low_level::raise(SIGHUP).unwrap();
//! # signal_hook::low_level::raise(SIGTERM).unwrap();
//! events.run()?; // returns after SIGINT or SIGTERM
//! # Ok(()) }
//! ```
//!
//! A loop that [drains](crate::EventLoop::drain) after the first signal closes this channel too, unless it
//! [`stays`](crate::Dispatcher::stays) to hear of the second one, which then ends the drain at once.
//!
//! # What is told, and what is not
//!
//! - **None is lost**: a signal that came is told by the next turn at the latest, also one that comes while others are being
//!   told, and also where a handler fails amid them.
//! - **They coalesce**, as the system's own do: a signal that comes again before it was told is told once. How often
//!   something happened (how many children ended) must be asked elsewhere.
//! - **Order is not kept**: of several that came, the one with the lowest number is told first.
//! - Each [`Signals`] is told all that it watches, whoever else watches: two loops may watch the same signal, and libraries
//!   that use the crate `signal-hook`, on which this is built, as well.
//! - A handler that was there before, of a library in C perhaps, is called first and goes on being called, also when all that
//!   watched have been dropped. Where there was none, a signal that nobody watches *any more* has no effect: the system's
//!   default is not put back. [`act_by_default`] does what it would do.
//! - Interrupted system calls go on by themselves (`SA_RESTART`), and a wait that a signal interrupts is continued (rule 9).

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rustix::io::Errno;
use signal_hook::consts::FORBIDDEN;
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;
use signal_hook::low_level::emulate_default_handler;
use stheno_core::{Error, ErrorKind, Result};

use crate::Socket;
use crate::errno::failed;

pub use signal_hook::consts::signal::*;
pub use signal_hook::low_level::signal_name;

/// Signals that are watched, for as long as this lives, and those of them that came and were not told yet.
///
/// It takes three descriptors, and its [`socket`](Self::socket) one more. What is promised is said [above](self).
pub struct Signals {
    /// Goes before the reader does, so that no handler writes to a stream that nobody reads.
    delivery: SignalDelivery<Arc<OwnedFd>, SignalOnly>,
    reader: Arc<OwnedFd>,
    writer: OwnedFd,
    /// A bit for each that came.
    arrived: u128,
}

impl Signals {
    /// Watches these signals from now on, and in the whole process; one that is named twice counts once.
    ///
    /// Those that no program can watch, or that are about the program's own errors (SIGKILL, SIGSTOP, SIGILL, SIGFPE,
    /// SIGSEGV), and numbers that are no signal's are errors of kind [`Invalid`](ErrorKind::Invalid). On failure nothing
    /// is watched. A program watches before it starts threads: a signal that comes before it is watched does what it always
    /// did.
    #[doc(alias = "signal")]
    #[doc(alias = "sigaction")]
    pub fn new(signals: impl IntoIterator<Item = i32>) -> Result<Self> {
        let mut watched = 0;
        for signal in signals {
            watched |= checked(signal)?;
        }
        let (reader, writer) = UnixStream::pair().map_err(broke)?;
        for end in [&reader, &writer] {
            end.set_nonblocking(true).map_err(broke)?;
        }
        let reader = Arc::new(OwnedFd::from(reader));
        let ours = writer.try_clone().map_err(broke)?.into();
        // What the system does not know is found out before anything is done about what it knows, and could not be undone:
        // the numbers past its last signal come first.
        let signals = (1..128).rev().filter(|signal| watched >> signal & 1 == 1);
        let delivery = SignalDelivery::with_pipe(Arc::clone(&reader), writer, SignalOnly, signals);
        Ok(Self { delivery: delivery.map_err(broke)?, reader, writer: ours, arrived: 0 })
    }

    /// What the loop watches: a duplicate of the descriptor that is readable while a signal waits to be told, for
    /// [`EventLoop::add`](crate::EventLoop::add).
    ///
    /// Nothing is received from it but by [`pending`](Self::pending). It ends when the signals are dropped.
    pub fn socket(&self) -> Result<Socket> {
        Socket::duplicate(&*self.reader).map_err(|why| why.doing(DOING))
    }

    /// The signals that came since they were told last, each once. It does not wait.
    ///
    /// What is not taken of them, because the loop over them was left, is told again in the next turn.
    pub fn pending(&mut self) -> Pending<'_> {
        for signal in self.delivery.pending() {
            self.arrived |= 1 << signal;
        }
        Pending(self)
    }
}

/// The descriptor that is readable while a signal waits to be told.
impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals").field("arrived", &self.arrived).finish_non_exhaustive()
    }
}

/// Signals that came; see [`Signals::pending`].
#[derive(Debug)]
#[must_use = "it tells what it is asked for"]
pub struct Pending<'a>(&'a mut Signals);

impl Iterator for Pending<'_> {
    type Item = i32;

    fn next(&mut self) -> Option<i32> {
        let lowest = self.0.arrived.trailing_zeros();
        // Without its lowest bit.
        self.0.arrived &= self.0.arrived.checked_sub(1)?;
        i32::try_from(lowest).ok()
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if self.0.arrived != 0 {
            // Full: it is readable anyway.
            let _ = rustix::io::write(&self.0.writer, b"!");
        }
    }
}

/// Does what the system does about a signal that no program watches: for most of them, ends the process, so that whoever
/// started it sees that it was this signal; for SIGTSTP and its kin, stops it until SIGCONT; for the rest, nothing.
///
/// For a program that has cleaned up after SIGINT or SIGTERM, and now ends by it. Signals without a name here
/// ([`signal_name`]) are errors of kind [`Invalid`](ErrorKind::Invalid).
#[doc(alias = "emulate_default_handler")]
#[doc(alias = "SIG_DFL")]
pub fn act_by_default(signal: i32) -> Result<()> {
    emulate_default_handler(signal).map_err(|why| about(why).doing("act by default"))
}

/// The bit of a signal that can be watched.
fn checked(signal: i32) -> Result<u128> {
    const NO_SIGNAL: Error = Error::new(ErrorKind::Invalid, "no signal has this number");
    const CANNOT: Error = Error::new(ErrorKind::Invalid, "this signal cannot be watched");
    if FORBIDDEN.contains(&signal) {
        return Err(CANNOT.doing(DOING).on_text(signal_name(signal).unwrap_or("?")));
    }
    match u32::try_from(signal) {
        Ok(bit @ 1..128) => Ok(1 << bit),
        _ => Err(NO_SIGNAL.doing(DOING)),
    }
}

const DOING: &str = "watch signals";

fn broke(why: std::io::Error) -> Error {
    about(why).doing(DOING)
}

fn about(why: std::io::Error) -> Error {
    match why.raw_os_error() {
        Some(code) => failed(Errno::from_raw_os_error(code), ""),
        None => Error::new(ErrorKind::Other, "the system refused"),
    }
}
