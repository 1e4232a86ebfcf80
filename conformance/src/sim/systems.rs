//! Multiplexers that are not like Linux's: what small systems leave out, mean otherwise, or have few of.
//!
//! A [`System`] says in which of `select`'s three sets a socket comes back, and how many can be watched. [`On`] is a backend
//! for such a system over the simulated network, as a port would write it. That the same stories come of it is what
//! [`Except`] and clause B6 are for.

use core::marker::PhantomData;
use core::time::Duration;

use stheno_core::backend::{Except, Open};
use stheno_core::{Backend, Error, ErrorKind, Fired, Instant, Interest, Key, Readiness, Result};

use super::entry::Socket;
use super::net::Simulated;
use super::watch::Batch;

/// What holds of a socket, before a system puts it into words.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Truth {
    /// There is data, a datagram or a caller, or nothing more is to be read for a reason of this end's own.
    pub data: bool,
    /// The peer's stream has ended, and all of it was read.
    pub end: bool,
    /// An error is pending, or the connection broke.
    pub error: bool,
    /// There is no connection, or none in either direction any more.
    pub hangup: bool,
    /// There is room to send.
    pub room: bool,
    /// An urgent byte can be read.
    pub urgent: bool,
}

/// The sets that a socket comes back in: read, write and except.
pub type Sets = [bool; 3];

/// A system's multiplexer.
pub trait System {
    /// What the backend over it is called.
    const NAME: &'static str;
    /// How many sockets can be watched; one more is refused. (B11)
    const TABLE: usize = usize::MAX;
    /// What its third set means.
    const EXCEPT: Except = Except::Trouble;

    /// The sets that such a socket comes back in, where it was put into all of them.
    fn sets(truth: Truth) -> Sets;
}

/// NuttX: a hang-up is room to read and to write, an error shows in the third set alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct NuttX;

impl System for NuttX {
    const NAME: &'static str = "nuttx";

    fn sets(Truth { data, end, error, hangup, room, .. }: Truth) -> Sets {
        let hangup = hangup && !error;
        [data || end || hangup, room || hangup, error]
    }
}

/// Zephyr: an error or a hang-up is the third set and room to write, and nothing to read; and three can be watched.
#[derive(Clone, Copy, Debug, Default)]
pub struct Zephyr;

impl System for Zephyr {
    const NAME: &'static str = "zephyr";
    /// `ZVFS_POLL_MAX`, unless it is configured.
    const TABLE: usize = 3;

    fn sets(Truth { data, end, error, hangup, room, .. }: Truth) -> Sets {
        let trouble = error || hangup;
        [data || (end && !trouble), room || trouble, trouble]
    }
}

/// lwIP, and ESP-IDF upon it: an error is all three sets, and no hang-up is ever told.
#[derive(Clone, Copy, Debug, Default)]
pub struct LwIp;

impl System for LwIp {
    const NAME: &'static str = "lwip";

    fn sets(Truth { data, end, error, room, .. }: Truth) -> Sets {
        [data || end || error, room || error, error]
    }
}

/// ESP-IDF: lwIP's sets, and ten sockets, which have the numbers from 54 to 63.
#[derive(Clone, Copy, Debug, Default)]
pub struct EspIdf;

impl System for EspIdf {
    const NAME: &'static str = "esp-idf";
    /// `CONFIG_LWIP_MAX_SOCKETS`, unless it is configured.
    const TABLE: usize = 10;

    fn sets(truth: Truth) -> Sets {
        LwIp::sets(truth)
    }
}

/// FreeRTOS+TCP: whatever ends a connection is the third set alone; a socket is in one set, and under one key there.
#[derive(Clone, Copy, Debug, Default)]
pub struct FreeRtosPlusTcp;

impl System for FreeRtosPlusTcp {
    const NAME: &'static str = "freertos+tcp";

    fn sets(Truth { data, end, error, hangup, room, .. }: Truth) -> Sets {
        let over = end || error || hangup;
        [data, room && !over, over]
    }
}

/// A poll that is Linux's, but never says that a peer hung up or that there is an error: readable and writable is all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unhinted;

impl System for Unhinted {
    const NAME: &'static str = "unhinted";
    const EXCEPT: Except = Except::Urgent;

    fn sets(Truth { data, end, error, hangup, room, urgent }: Truth) -> Sets {
        [data || end || error || hangup, room || error, urgent]
    }
}

/// The backend over a simulated network that a port to this system would have, telling of up to 64 sockets at a time.
///
/// ```
/// use stheno_conformance::sim::{Fixed, On, Zephyr};
/// use stheno_core::{Backend, ErrorKind, Interest, Key, Net};
/// let (mut net, mut backend) = (Fixed::<8, 64>::new(), On::<Zephyr>::new());
/// for index in 0..4 {
///     let (ours, _theirs) = net.pair()?;
///     let known = backend.register(&mut net, &ours, Key::new(index, 1), Interest::READ);
///     assert_eq!(known.err().map(|why| why.kind()), (index == 3).then_some(ErrorKind::Full));
/// }
/// # Ok::<(), stheno_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct On<S> {
    watching: Batch<64>,
    system: PhantomData<S>,
}

impl<S: System> On<S> {
    /// A backend that has not waited yet.
    pub const fn new() -> Self {
        Self { watching: Batch::new(), system: PhantomData }
    }
}

/// What comes of the sets for whoever has this interest.
fn says<S: System>(truth: Truth, interest: Interest) -> Readiness {
    let [read, write, except] = S::sets(truth);
    Readiness::READABLE.when(read && interest.contains(Interest::READ))
        | Readiness::WRITABLE.when(write && interest.contains(Interest::WRITE))
        | S::EXCEPT.says(interest).when(except)
}

impl<S: System> Default for On<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: System> Open for On<S> {
    fn open() -> Result<Self> {
        Ok(Self::new())
    }
}

const FULL: Error = Error::new(ErrorKind::Full, "the system watches no more sockets").doing("register");

impl<N: Simulated, S: System> Backend<N> for On<S> {
    fn register(&mut self, net: &mut N, socket: &Socket, key: Key, interest: Interest) -> Result<()> {
        if net.sim().watched() >= S::TABLE {
            return Err(FULL.on_descriptor(socket.number() as i32));
        }
        Backend::<N>::register(&mut self.watching, net, socket, key, interest)
    }

    fn reregister(&mut self, net: &mut N, socket: &Socket, key: Key, interest: Interest) -> Result<()> {
        self.watching.reregister(net, socket, key, interest)
    }

    fn deregister(&mut self, net: &mut N, socket: &Socket, key: Key) -> Result<()> {
        self.watching.deregister(net, socket, key)
    }

    fn wait(&mut self, net: &mut N, timeout: Option<Duration>) -> Result<usize> {
        self.watching.wait_for(net.sim(), timeout, says::<S>)
    }

    fn next(&mut self) -> Option<Fired> {
        Backend::<N>::next(&mut self.watching)
    }

    fn now(&mut self, net: &N) -> Instant {
        net.sim_ref().now()
    }

    fn name(&self) -> &'static str {
        S::NAME
    }
}
