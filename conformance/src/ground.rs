//! Where the suite runs: a network, and the far ends that no loop has anything to do with.

use alloc::boxed::Box;
use core::error::Error;
use core::fmt;
use core::mem::ManuallyDrop;
use core::time::Duration;

use stheno_core::{ErrorKind, Half, Instant, Net, Received};

#[cfg(target_has_atomic = "ptr")]
pub use bell::SharedBell;
#[cfg(feature = "std")]
pub use loopback::{Later, Loopback, in_a_thread};

#[cfg(target_has_atomic = "ptr")]
mod bell;
#[cfg(feature = "std")]
mod loopback;
#[cfg(feature = "std")]
pub(crate) mod os;
mod sim;

/// Why something could not be done, or set up.
pub type Failure = Box<dyn Error>;

/// A network that the suite can be run on: core's [`Net`], and what the suite needs beside it.
///
/// The loop under test and the far ends of its connections live in the same network, so everything is asked of the net. For
/// an operating system the net is a unit struct, and the far ends are blocking sockets of the standard library; in a
/// simulation, or over a stack that is driven by hand, they are sockets of the same net, used without the loop.
///
/// A network that can call itself need not implement this: [`Loopback`] is smaller, and makes a ground of it.
///
/// What a network does not have ([`Need`]) is declared where it is made a column
/// ([`Backing::without`](crate::Backing::without)); what is only used by cases that need it may then say that it is not
/// supported, which is what the defaults here do.
pub trait Ground: Net<Socket: 'static, Address: fmt::Debug + PartialEq + 'static> + Sized + 'static {
    /// A far end: a plain socket, in nobody's loop.
    type Peer: 'static;
    /// What keeps the network short of sockets.
    type Shortage;
    /// Something that a far end is going to do.
    type Later;

    /// The network, with nothing in it.
    fn open() -> Result<Self, Failure>;

    /// A free address of this family for a channel to listen at or to be bound to.
    fn anywhere(family: Family) -> Result<Self::Address, Failure>;

    /// An address where nobody listens.
    fn nowhere(&mut self) -> Result<Self::Address, Failure>;

    /// A connected stream: the end for the loop, and the far end.
    fn pair(&mut self) -> Result<(Self::Socket, Self::Peer), Failure>;

    /// A connected stream within one machine, whose ends see at once what the other does. ([`Need::LocalPairs`])
    fn local_pair(&mut self) -> Result<(Self::Socket, Self::Peer), Failure> {
        Err(unsupported("a local pair"))
    }

    /// A connected stream whose ends are both for the loop.
    fn sockets(&mut self) -> Result<(Self::Socket, Self::Socket), Failure>;

    /// A far end that listens.
    fn host(&mut self) -> Result<Self::Peer, Failure>;

    /// The next caller of a host. Waits for it, boundedly.
    fn take(&mut self, host: &mut Self::Peer) -> Result<Self::Peer, Failure>;

    /// A far end that calls a listener, and has been let in, or stands in line.
    fn dial(&mut self, to: &Self::Address) -> Result<Self::Peer, Failure>;

    /// A datagram channel's socket at a free address. ([`Need::Datagrams`])
    fn mailbox(&mut self) -> Result<Self::Socket, Failure> {
        Err(unsupported("a datagram socket"))
    }

    /// A far end that sends datagrams to this address and has one of its own. ([`Need::Datagrams`])
    fn sender(&mut self, to: &Self::Address) -> Result<Self::Peer, Failure> {
        let _ = to;
        Err(unsupported("a datagram socket"))
    }

    /// Where a far end is.
    fn address(&self, peer: &Self::Peer) -> Result<Self::Address, Failure>;

    /// Sends all of it. There is room.
    fn say(&mut self, peer: &mut Self::Peer, data: &[u8]) -> Result<(), Failure>;

    /// Sends urgent bytes. ([`Need::Urgent`])
    fn urge(&mut self, peer: &mut Self::Peer, data: &[u8]) -> Result<(), Failure> {
        let _ = (peer, data);
        Err(unsupported("urgent data"))
    }

    /// Receives what is there, without waiting. A connection that was reset is an error that [`is_reset`] knows.
    fn hear(&mut self, peer: &mut Self::Peer, into: &mut [u8]) -> Result<Received, Failure>;

    /// Shuts one half. ([`Need::HalfClose`])
    fn half_close(&mut self, peer: &mut Self::Peer, half: Half) -> Result<(), Failure>;

    /// Closes.
    fn hang_up(&mut self, peer: Self::Peer);

    /// Closes with a reset instead of an end. ([`Need::Resets`])
    fn reset(&mut self, peer: Self::Peer) -> Result<(), Failure>;

    /// After so long, while somebody waits, a far end sends this. ([`Need::Later`])
    fn say_later(&mut self, after: Duration, peer: Self::Peer, data: &'static [u8]) -> Result<Self::Later, Failure> {
        let _ = (after, peer, data);
        Err(unsupported("something later"))
    }

    /// What was to be done later has been done.
    fn done(&mut self, later: Self::Later) -> Result<Self::Peer, Failure>;

    /// Waits, boundedly, until a socket of the loop shows all of these signs, without a backend.
    fn reached(&mut self, socket: &Self::Socket, signs: &[Sign]) -> Result<(), Failure>;

    /// Sends on a socket of the loop until there is no room, and none comes.
    fn fill(&mut self, socket: &mut Self::Socket) -> Result<(), Failure> {
        for _ in 0..1 << 16 {
            if self.send(socket, &[b'z'; 4096])?.is_none() {
                self.pass(Duration::from_millis(20));
                if self.send(socket, b"z")?.is_none() {
                    return Ok(());
                }
            }
        }
        Err("the buffer is never full".into())
    }

    /// Has a connected stream's socket hold about so many bytes in each direction before a sender has to wait, and, where the
    /// other end is made so as well, less than ten times as many. ([`Need::Windows`])
    fn narrow(&mut self, socket: &Self::Socket, bytes: usize) -> Result<(), Failure> {
        let _ = (socket, bytes);
        Err(unsupported("a window that can be set"))
    }

    /// The same for a far end. ([`Need::Windows`])
    fn narrow_peer(&mut self, peer: &mut Self::Peer, bytes: usize) -> Result<(), Failure> {
        let _ = (peer, bytes);
        Err(unsupported("a window that can be set"))
    }

    /// Lets time go by, and with it what is under way.
    fn pass(&mut self, time: Duration);

    /// The time, by the clock that [`pass`](Self::pass) and the backend's waits go by.
    fn clock(&self) -> Instant;

    /// Closes a socket behind the backs of whoever watches it, and keeps its name. ([`Need::ClosedBehind`])
    fn close_behind(&mut self, socket: Self::Socket) -> Result<ManuallyDrop<Self::Socket>, Failure> {
        let _ = socket;
        Err(unsupported("closing behind the backend's back"))
    }

    /// Something for threads to ring, and the socket that becomes readable when they do. ([`Need::Waker`])
    #[cfg(target_has_atomic = "ptr")]
    fn bell(&mut self) -> Result<(SharedBell, Self::Socket), Failure> {
        Err(unsupported("a bell"))
    }

    /// From now on there is not one more socket to be had. ([`Need::Shortage`])
    fn shortage(&mut self) -> Result<Self::Shortage, Failure>;

    /// Lets one more be had.
    fn ease(&mut self, shortage: &mut Self::Shortage);

    /// Lets as many be had as before.
    fn relieve(&mut self, shortage: Self::Shortage);

    /// Makes sure that so many sockets can be had, or says why not. Asked before cases that need more than a few dozen.
    fn room_for(&mut self, sockets: usize) -> Result<(), Failure> {
        let _ = sockets;
        Ok(())
    }
}

/// What a case needs that not every network or backend has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Need {
    /// Urgent data, and a backend that tells it apart. (`MSG_OOB`, `POLLPRI`)
    Urgent,
    /// Connections that can be cut by a reset, told as such.
    Resets,
    /// Streams of which one half can be shut.
    HalfClose,
    /// Datagram sockets.
    Datagrams,
    /// Connected datagram sockets that hear that nobody is there. (ICMP)
    DatagramErrors,
    /// Streams of which can be said how much they hold before the sender has to wait. (`SO_SNDBUF`, `SO_RCVBUF`)
    Windows,
    /// Connected pairs within one machine. (`socketpair`)
    LocalPairs,
    /// Addresses of a second family.
    Inet6,
    /// Listeners whose line can be full, and callers who then wait.
    Backlog,
    /// Sockets that can be closed behind the backend's back without the end of the program.
    ClosedBehind,
    /// A number of sockets that can be used up, and freed again.
    Shortage,
    /// Peers that do something while the loop waits.
    Later,
    /// Two loops, or two backends, in one network.
    TwoLoops,
    /// Threads that wake the loop.
    Waker,
    /// Descriptors of an operating system: files, pipes, terminals, duplicates, numbers, signals.
    Descriptors,
    /// So many sockets at once.
    Sockets(u32),
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Urgent => "urgent data",
            Self::Resets => "connections that can be reset",
            Self::HalfClose => "half-closed streams",
            Self::Datagrams => "datagrams",
            Self::DatagramErrors => "errors on datagram sockets",
            Self::Windows => "streams whose windows can be set",
            Self::LocalPairs => "local pairs",
            Self::Inet6 => "a second family of addresses",
            Self::Backlog => "listeners whose line can be full",
            Self::ClosedBehind => "sockets that can be closed behind the backend's back",
            Self::Shortage => "sockets that can run out",
            Self::Later => "peers that act while the loop waits",
            Self::TwoLoops => "two loops in one network",
            Self::Waker => "threads that wake the loop",
            Self::Descriptors => "descriptors of an operating system",
            Self::Sockets(count) => return write!(f, "{count} sockets at once"),
        })
    }
}

/// A family of addresses.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Family {
    /// The one that every network has.
    #[default]
    Inet,
    /// The second one. ([`Need::Inet6`])
    Inet6,
}

/// What shows on a socket, as the system itself sees it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Sign {
    /// There is data, or a caller.
    Data,
    /// There is an urgent byte.
    Urgent,
    /// The peer sends no more.
    End,
    /// Both directions are over.
    HungUp,
    /// An error waits.
    Error,
}

/// Whether this is how a network says that a connection was reset.
pub fn is_reset(why: &Failure) -> bool {
    let by_core = |why: &stheno_core::Error| why.kind() == ErrorKind::Disconnected;
    why.downcast_ref().is_some_and(by_core) || is_reset_by_std(why)
}

#[cfg(feature = "std")]
fn is_reset_by_std(why: &Failure) -> bool {
    let reset = |why: &std::io::Error| why.kind() == std::io::ErrorKind::ConnectionReset;
    why.downcast_ref().is_some_and(reset)
}

#[cfg(not(feature = "std"))]
fn is_reset_by_std(_: &Failure) -> bool {
    false
}

fn unsupported(what: &str) -> Failure {
    alloc::format!("{what}: not on this network").into()
}
