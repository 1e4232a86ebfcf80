//! Who does the I/O: the contract between the loop and a network.
//!
//! Core decides and does nothing; a [`Net`] does and decides nothing. Operations stand on the net and not on the socket,
//! so that a socket may be an owned descriptor (for an operating system the net is a unit struct) or an index into a
//! stack that the net *is* (a simulation, smoltcp on a board). Neither then needs `Rc`, `RefCell` or a lifetime.
//!
//! # The contract
//!
//! - **N1** No operation blocks. What would have to wait says so as a value: `None`, or [`Received::WouldBlock`].
//! - **N2** Failures are classified once: an [`Error`]'s [`kind`](Error::kind) says what it means for the channel.
//!   Interruptions by signals are retried inside and never come out. (A net that lets one out all the same harms nobody:
//!   an [`Io`](crate::Io) takes an interrupted receive, send or accept for one that would have to wait, an interrupted
//!   connect for one that has begun, as POSIX has it, and the loop asks an interrupted `take_error` again. It costs a
//!   turn; the clause stands.)
//! - **N3** [`recv`](Net::recv) on a stream gives everything the peer sent, in order, before [`Received::End`] or an
//!   error, whatever else has happened to the connection. It never gives `Data(0)` unless `into` is empty.
//! - **N4** On datagram sockets an empty datagram is `Data(0)`, and there is no `End`.
//! - **N5** [`send`](Net::send) takes at least one byte of a non-empty slice, or says that it would block, or fails; it
//!   raises no signal.
//! - **N6** After [`connect`](Net::connect) returned `Ok`, the socket becomes WRITABLE (or ERROR) when the attempt has
//!   ended, also where it had ended at once; [`take_error`](Net::take_error) then says how.
//! - **N7** [`take_error`](Net::take_error) gives a waiting error once, and takes it away. Descriptors that hold no
//!   error say `None`.
//! - **N8** [`accept`](Net::accept) says `None` where nobody waits or the caller has gone; lack of resources, or of
//!   permission, is [`Exhausted`](crate::ErrorKind::Exhausted), and the caller stays in line.
//! - **N9** Sockets come into the world non-blocking and closed on exec; an adopted one is made so.
//! - **N10** [`close`](Net::close) cannot fail as far as the loop is concerned: the socket is gone afterwards. The loop
//!   has deregistered it before (B1 of the [backend's contract](crate::backend)).

use core::num::NonZeroUsize;

use crate::trace::Seen;
use crate::{Error, ErrorKind, Result, State};

/// What a receive brought.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Received {
    /// So many bytes. None at all is an empty datagram.
    Data(usize),
    /// Nothing now; the channel is told when there is.
    WouldBlock,
    /// The peer has finished sending, and nothing will come after it; it may still be receiving. On a channel it implies
    /// `handle_eof`, which closes unless the program says otherwise.
    End,
}

impl Received {
    /// How many bytes it brought, if any.
    #[inline]
    pub(crate) const fn bytes(&self) -> Option<NonZeroUsize> {
        match self {
            Self::Data(n) => NonZeroUsize::new(*n),
            Self::WouldBlock | Self::End => None,
        }
    }
}

/// A datagram that [`recv_from`](Net::recv_from) brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Datagram<A> {
    /// How many of its bytes are in the buffer.
    pub len: usize,
    /// Whether the rest of it was cut off, the buffer being too small.
    pub truncated: bool,
    /// Who sent it.
    pub from: A,
}

/// What a socket carries.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Kind {
    /// A stream of bytes over a connection.
    #[doc(alias = "SOCK_STREAM")]
    Stream,
    /// Messages with borders, each for itself.
    #[doc(alias = "SOCK_DGRAM")]
    Datagram,
}

/// Which half of a connection to shut.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Half {
    /// Nothing more is received.
    #[doc(alias = "SHUT_RD")]
    Read,
    /// Nothing more is sent; the peer sees the end of the stream.
    #[doc(alias = "SHUT_WR")]
    Write,
}

/// A network: whatever opens, reads and writes sockets. See the [module](self) for the contract.
///
/// To add to an existing net (count, log, inject faults, share state between handlers) implement
/// [`Layer`](crate::Layer) instead.
pub trait Net {
    /// A socket: an owned descriptor, an index into a stack.
    type Socket;
    /// Where a socket is, or whom it talks to.
    type Address: Clone;

    /// Whether channels over this net can have deadlines; true unless said otherwise.
    ///
    /// A net that says no saves the program the clock and the queue of deadlines, which are not linked then. Over it
    /// `set_timeout`, timers, [`drain`](crate::EventLoop::drain) and [`now`](crate::EventLoop::now) do not compile, and a
    /// listener that rests for want of resources tries again with the next event, after 100 milliseconds at the latest. Waits
    /// for a given time begin anew where a signal interrupts them. [`Untimed`](crate::Untimed) says so over any net.
    const DEADLINES: bool = true;

    /// Whether the net has calls for two slices at once, [`recv_vectored`](Self::recv_vectored) and
    /// [`send_vectored`](Self::send_vectored); true unless said otherwise.
    ///
    /// Of a net that says no they are not called: of two slices the first that holds anything is used. That saves the
    /// program the code for the other one.
    const VECTORED: bool = true;

    /// What the number in an error's [`code`](Error::code) means, in words.
    fn describe(code: i32) -> &'static str {
        if code == 0 { "no error" } else { "the system's error" }
    }

    /// A fresh socket, neither bound nor connected, of the family that `like` belongs to. (N9)
    #[doc(alias = "create_socket")]
    fn socket(&mut self, kind: Kind, like: &Self::Address) -> Result<Self::Socket>;

    /// Lets the address be bound although an earlier connection on it has not quite gone. (`SO_REUSEADDR`)
    #[doc(alias = "SO_REUSEADDR")]
    #[doc(alias = "set_reuse_addr")]
    fn set_reuse_address(&mut self, socket: &mut Self::Socket) -> Result<()> {
        let _ = socket;
        Ok(())
    }

    /// Gives the socket a local address.
    fn bind(&mut self, socket: &mut Self::Socket, at: &Self::Address) -> Result<()>;

    /// Lets callers wait in line, at most about `backlog` of them.
    fn listen(&mut self, socket: &mut Self::Socket, backlog: u32) -> Result<()>;

    /// Begins to connect; for a datagram socket, names the peer. (N6)
    fn connect(&mut self, socket: &mut Self::Socket, to: &Self::Address) -> Result<()>;

    /// The next caller in line and where it calls from. (N8)
    fn accept(&mut self, socket: &mut Self::Socket) -> Result<Option<(Self::Socket, Self::Address)>>;

    /// Receives into `into`. (N3, N4)
    fn recv(&mut self, socket: &mut Self::Socket, into: &mut [u8]) -> Result<Received>;

    /// Receives into two slices, the first one first; by default into the first that has room.
    #[doc(alias = "readv")]
    fn recv_vectored(&mut self, socket: &mut Self::Socket, into: [&mut [u8]; 2]) -> Result<Received> {
        let [first, second] = into;
        self.recv(socket, if first.is_empty() { second } else { first })
    }

    /// Receives one urgent byte; `None` where there is none.
    #[doc(alias = "MSG_OOB")]
    fn recv_urgent(&mut self, socket: &mut Self::Socket) -> Result<Option<u8>> {
        let _ = socket;
        Err(UNSUPPORTED.doing("receive urgent data"))
    }

    /// Receives one datagram and its sender; `None` where there is none.
    #[doc(alias = "recvfrom")]
    fn recv_from(&mut self, socket: &mut Self::Socket, into: &mut [u8]) -> Result<Option<Datagram<Self::Address>>> {
        let _ = (socket, into);
        Err(UNSUPPORTED.doing("receive a datagram"))
    }

    /// Whether there are bytes to receive that the backend does not know of, since a layer took them from the network
    /// already: then [`recv`](Self::recv) would not block, and the channel is served without waiting. By default none.
    ///
    /// Asked when the handlers of a channel have run, and when it is settled because something else happened to it, if it
    /// wants to read. A layer that takes bytes for one socket while it serves another has that channel touched.
    #[doc(alias = "pending")]
    fn holds(&self, socket: &Self::Socket) -> bool {
        let _ = socket;
        false
    }

    /// Sends from `from`: so many bytes were taken, or `None` where there is no room. (N5)
    fn send(&mut self, socket: &mut Self::Socket, from: &[u8]) -> Result<Option<usize>>;

    /// Sends from two slices, the first one first; by default from the first that holds anything.
    #[doc(alias = "writev")]
    fn send_vectored(&mut self, socket: &mut Self::Socket, from: [&[u8]; 2]) -> Result<Option<usize>> {
        let [first, second] = from;
        self.send(socket, if first.is_empty() { second } else { first })
    }

    /// Sends one urgent byte; `false` where there is no room.
    #[doc(alias = "MSG_OOB")]
    fn send_urgent(&mut self, socket: &mut Self::Socket, byte: u8) -> Result<bool> {
        let _ = (socket, byte);
        Err(UNSUPPORTED.doing("send urgent data"))
    }

    /// Sends one datagram to `to`; `false` where there is no room.
    #[doc(alias = "sendto")]
    fn send_to(&mut self, socket: &mut Self::Socket, from: &[u8], to: &Self::Address) -> Result<bool> {
        let _ = (socket, from, to);
        Err(UNSUPPORTED.doing("send a datagram"))
    }

    /// Shuts one half of a connection.
    fn shutdown(&mut self, socket: &mut Self::Socket, half: Half) -> Result<()> {
        let _ = (socket, half);
        Err(UNSUPPORTED.doing("shut down"))
    }

    /// Takes the error that waits in the socket. (N7, `SO_ERROR`)
    #[doc(alias = "SO_ERROR")]
    fn take_error(&mut self, socket: &mut Self::Socket) -> Result<Option<Error>>;

    /// What a socket that was made elsewhere is: open, listening, a datagram socket, idle.
    ///
    /// Asked once, when the loop takes it over; a listening socket is recognised as one.
    fn state(&mut self, socket: &Self::Socket) -> Result<State> {
        let _ = socket;
        Ok(State::OPEN)
    }

    /// Where the socket itself is.
    #[doc(alias = "getsockname")]
    fn local_address(&self, socket: &Self::Socket) -> Result<Self::Address>;

    /// Whom the socket is connected to.
    #[doc(alias = "getpeername")]
    fn peer_address(&self, socket: &Self::Socket) -> Result<Self::Address>;

    /// Closes the socket. (N10)
    fn close(&mut self, socket: Self::Socket);

    /// Is shown what the loop does; see [`trace`](crate::trace). A net has no use for it: it is for layers that look on.
    ///
    /// Not to be overridden by a net of its own unless it wants to see; it owes nothing here, and whatever it does with it
    /// changes nothing for the loop. By default nothing is done, and costs nothing.
    #[inline]
    fn observe(&mut self, seen: Seen) {
        let _ = seen;
    }

    /// The next channel that need not wait any longer for what a layer lends, by its key's index; `None` where there is
    /// no other. See [`pool`](crate::pool). A net that lends nothing has no use for it, and by default it costs nothing.
    ///
    /// The loop asks at the end of each settling, until there is no other, and has the channel read again in the next one.
    /// With `served` it says that who was named before has had its chance meanwhile, and with `slots` how many the table has,
    /// so that a layer can make room for what it keeps of each before handlers run.
    #[inline]
    fn lends_to(&mut self, served: bool, slots: usize) -> Option<usize> {
        let _ = (served, slots);
        None
    }
}

const UNSUPPORTED: Error = Error::new(ErrorKind::Unsupported, "not on this network");
