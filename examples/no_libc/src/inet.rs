//! A net that is no larger than the server needs: TCP over IPv4, in system calls.
//!
//! `stheno::Os` does more (every family, datagrams, pipes, errors in words), by way of rustix, whose conversions of
//! addresses check themselves and panic if they are wrong. Here nothing can.

use core::net::{Ipv4Addr, SocketAddrV4};

use rustix::fd::{AsFd, AsRawFd, BorrowedFd};
use stheno::{Error, ErrorKind, Kind, Net, Received, Result};

use crate::kernel::{self, Answer};

/// The kernel's TCP over IPv4.
#[derive(Clone, Copy, Default, Debug)]
pub struct Inet;

/// A socket, or another descriptor. Closed by [`Net::close`], not by being dropped.
#[derive(Clone, Copy, Debug)]
pub struct Socket(BorrowedFd<'static>);

impl Socket {
    /// A descriptor that the kernel has just answered with.
    pub fn born(descriptor: usize) -> Result<Self> {
        match i32::try_from(descriptor) {
            // SAFETY: the kernel gave it to this program just now, so that it is open and nobody else's, and not −1. It is
            // closed by `Net::close` alone, which takes the socket away from whoever had it.
            Ok(number @ 0..) => Ok(Self(unsafe { BorrowedFd::borrow_raw(number) })),
            _ => Err(Error::new(ErrorKind::BadDescriptor, "not a descriptor")),
        }
    }

    fn number(self) -> usize {
        self.0.as_raw_fd().cast_unsigned() as usize
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0
    }
}

impl Net for Inet {
    type Socket = Socket;
    type Address = SocketAddrV4;
    const DEADLINES: bool = cfg!(feature = "deadlines");

    fn socket(&mut self, kind: Kind, _: &SocketAddrV4) -> Result<Socket> {
        let kind = match kind {
            Kind::Stream => 1,
            Kind::Datagram => return Err(UNSUPPORTED.doing("make a socket")),
        };
        // SAFETY: the call takes numbers alone.
        let born = unsafe { kernel::call(kernel::SOCKET, AF_INET, kind | TAME, 0, 0, 0) };
        Socket::born(done(born, "make a socket")?)
    }

    fn set_reuse_address(&mut self, socket: &mut Socket) -> Result<()> {
        let yes = 1_i32;
        let at = (&raw const yes).expose_provenance();
        // SAFETY: the option is a number of four bytes, which lie here for as long as the call takes.
        let set = unsafe { kernel::call(kernel::SETSOCKOPT, socket.number(), SOL_SOCKET, SO_REUSEADDR, at, 4) };
        done(set, "set reuse address").map(drop)
    }

    fn bind(&mut self, socket: &mut Socket, at: &SocketAddrV4) -> Result<()> {
        let address = Address::new(at);
        let place = (&raw const address).expose_provenance();
        // SAFETY: the address lies here for as long as the call takes, and is as long as it says.
        let bound = unsafe { kernel::call(kernel::BIND, socket.number(), place, size_of::<Address>(), 0, 0) };
        done(bound, "bind").map(drop)
    }

    fn listen(&mut self, socket: &mut Socket, backlog: u32) -> Result<()> {
        // SAFETY: the call takes numbers alone.
        let listens = unsafe { kernel::call(kernel::LISTEN, socket.number(), backlog as usize, 0, 0, 0) };
        done(listens, "listen").map(drop)
    }

    /// The servers call nobody.
    fn connect(&mut self, _: &mut Socket, _: &SocketAddrV4) -> Result<()> {
        Err(UNSUPPORTED.doing("connect"))
    }

    /// Who calls is not asked.
    fn accept(&mut self, socket: &mut Socket) -> Result<Option<(Socket, SocketAddrV4)>> {
        // SAFETY: the address may be left out, and then the call takes numbers alone.
        let guest = again(|| unsafe { kernel::call(kernel::ACCEPT4, socket.number(), 0, 0, TAME, 0) });
        match guest {
            Ok(guest) => Ok(Some((Socket::born(guest)?, NOBODY))),
            // Nobody waits; or the caller has gone, or the network tells of it, which is none of the listener's (N8).
            Err(EAGAIN | ECONNABORTED | EPROTO | ENOPROTOOPT | EOPNOTSUPP | ENETDOWN..=ENETUNREACH) => Ok(None),
            Err(ETIMEDOUT | EHOSTDOWN | EHOSTUNREACH | ENONET) => Ok(None),
            Err(errno) => Err(failed(errno, "accept")),
        }
    }

    fn recv(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Received> {
        let (at, len) = (into.as_mut_ptr().expose_provenance(), into.len());
        // SAFETY: the kernel writes no more than `len` bytes into the slice, which is borrowed for as long as the call takes.
        match again(|| unsafe { kernel::call(kernel::RECVFROM, socket.number(), at, len, 0, 0) }) {
            Ok(0) if len > 0 => Ok(Received::End),
            Ok(len) => Ok(Received::Data(len)),
            Err(EAGAIN) => Ok(Received::WouldBlock),
            Err(errno) => Err(failed(errno, "receive")),
        }
    }

    fn send(&mut self, socket: &mut Socket, from: &[u8]) -> Result<Option<usize>> {
        let (at, len) = (from.as_ptr().expose_provenance(), from.len());
        // SAFETY: the kernel reads the slice's bytes, which are borrowed for as long as the call takes.
        match again(|| unsafe { kernel::call(kernel::SENDTO, socket.number(), at, len, MSG_NOSIGNAL, 0) }) {
            Ok(len) => Ok(Some(len)),
            Err(EAGAIN) => Ok(None),
            Err(errno) => Err(failed(errno, "send")),
        }
    }

    fn take_error(&mut self, socket: &mut Socket) -> Result<Option<Error>> {
        let (mut errno, mut len) = (0_i32, 4_u32);
        let (at, long) = ((&raw mut errno).expose_provenance(), (&raw mut len).expose_provenance());
        // SAFETY: the kernel writes a number of four bytes and how long it is, each into its place here.
        let asked = unsafe { kernel::call(kernel::GETSOCKOPT, socket.number(), SOL_SOCKET, SO_ERROR, at, long) };
        done(asked, "ask for an error")?;
        Ok((errno != 0).then(|| failed(errno, "wait")))
    }

    fn local_address(&self, socket: &Socket) -> Result<SocketAddrV4> {
        let mut address = Address::new(&NOBODY);
        let mut len = size_of::<Address>() as u32;
        let (at, long) = ((&raw mut address).expose_provenance(), (&raw mut len).expose_provenance());
        // SAFETY: the kernel writes no more of the address than `len` says, which is as much as there is place for.
        let asked = unsafe { kernel::call(kernel::GETSOCKNAME, socket.number(), at, long, 0, 0) };
        done(asked, "ask the local address")?;
        Ok(SocketAddrV4::new(Ipv4Addr::from(address.host), u16::from_be_bytes(address.port)))
    }

    fn peer_address(&self, _: &Socket) -> Result<SocketAddrV4> {
        Err(UNSUPPORTED.doing("ask the peer's address"))
    }

    fn close(&mut self, socket: Socket) {
        // SAFETY: the socket is this program's, and nobody has it any more. There is nothing to do about a failure.
        let _ = unsafe { kernel::call(kernel::CLOSE, socket.number(), 0, 0, 0, 0) };
    }
}

/// An address as the kernel takes it.
#[repr(C)]
struct Address {
    family: u16,
    port: [u8; 2],
    host: [u8; 4],
    zero: [u8; 8],
}

impl Address {
    fn new(at: &SocketAddrV4) -> Self {
        Self { family: AF_INET as u16, port: at.port().to_be_bytes(), host: at.ip().octets(), zero: [0; 8] }
    }
}

const NOBODY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
const UNSUPPORTED: Error = Error::new(ErrorKind::Unsupported, "not on this network");

/// An epoll set.
pub fn epoll_set() -> Result<BorrowedFd<'static>> {
    // SAFETY: the call takes a number alone.
    let set = unsafe { kernel::call(kernel::EPOLL_CREATE1, CLOEXEC, 0, 0, 0, 0) };
    Ok(Socket::born(done(set, "open an epoll set")?)?.0)
}

/// Asks again where a signal came first (N2).
fn again(mut ask: impl FnMut() -> Answer) -> Answer {
    loop {
        match ask() {
            Err(EINTR) => {}
            answer => return answer,
        }
    }
}

fn done(answer: Answer, doing: &'static str) -> Result<usize> {
    answer.map_err(|errno| failed(errno, doing))
}

/// What an error's number means for a channel (N2).
#[inline(never)]
fn failed(errno: i32, doing: &'static str) -> Error {
    let (kind, text) = match errno {
        EPIPE | ENETDOWN..=ECONNRESET | ENOTCONN..=ESHUTDOWN | ETIMEDOUT..=EHOSTUNREACH => {
            (ErrorKind::Disconnected, "the connection is over")
        }
        ENOMEM | ENFILE | EMFILE | ENOBUFS => (ErrorKind::Exhausted, "no resources"),
        EBADF => (ErrorKind::BadDescriptor, "not an open descriptor"),
        _ => (ErrorKind::Other, "the system refused"),
    };
    Error::new(kind, text).with_code(errno).doing(doing)
}

// The kernel's numbers, which are the same on both processors.

const AF_INET: usize = 2;
const NONBLOCK: usize = 0o4000;
const CLOEXEC: usize = 0o2000000;
/// As sockets come into the world (N9).
const TAME: usize = NONBLOCK | CLOEXEC;
const SOL_SOCKET: usize = 1;
const SO_REUSEADDR: usize = 2;
const SO_ERROR: usize = 4;
const MSG_NOSIGNAL: usize = 0x4000;

const EINTR: i32 = 4;
const EBADF: i32 = 9;
const EAGAIN: i32 = 11;
const ENOMEM: i32 = 12;
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
const EPIPE: i32 = 32;
const ENONET: i32 = 64;
const EPROTO: i32 = 71;
const ENOPROTOOPT: i32 = 92;
const EOPNOTSUPP: i32 = 95;
const ENETDOWN: i32 = 100;
const ENETUNREACH: i32 = 101;
const ECONNABORTED: i32 = 103;
const ECONNRESET: i32 = 104;
const ENOBUFS: i32 = 105;
const ENOTCONN: i32 = 107;
const ESHUTDOWN: i32 = 108;
const ETIMEDOUT: i32 = 110;
const EHOSTDOWN: i32 = 112;
const EHOSTUNREACH: i32 = 113;
