//! The operating system's network: core's contract, clause by clause, in system calls.

use rustix::fd::AsRawFd;
use rustix::io::{Errno, IoSlice, IoSliceMut, readv, retry_on_intr, writev};
use rustix::net::{self, RecvAncillaryBuffer, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendFlags, SocketType};
use stheno_core::{Datagram, Error, ErrorKind, Half, Kind, Net, Received, Result, State};

use crate::errno::{describe, failed, waiting};
use crate::socket::{Class, new_guest, new_socket};
use crate::{Address, Socket, probe};

/// The operating system as a [`Net`]: TCP, UDP and the Unix family, and whatever else has a descriptor.
///
/// It has no state: `Os` is a value to be named wherever a net is wanted.
///
/// Sending on sockets raises no SIGPIPE (N5). Pipes and terminals know no such flag, and the system kills a program that
/// writes to a pipe nobody reads, unless it ignores the signal: programs with std do so from their start; a program
/// without std that writes to pipes calls `signal(SIGPIPE, SIG_IGN)` first.
///
/// ```
/// use stheno::{Address, Kind, Net, Os, State};
/// let at: Address = "127.0.0.1:0".parse()?;
/// let mut door = Os.socket(Kind::Stream, &at)?;
/// Os.bind(&mut door, &at)?;
/// Os.listen(&mut door, 16)?;
/// assert_eq!(Os.state(&door)?, State::Listening);
///
/// let mut caller = Os.socket(Kind::Stream, &at)?;
/// Os.connect(&mut caller, &Os.local_address(&door)?)?;
/// let (guest, from) = Os.accept(&mut door)?.expect("a caller on the loopback waits at once");
/// assert_eq!(from, Os.local_address(&caller)?);
/// assert_eq!(Os.state(&guest)?, State::OPEN);
/// # Ok::<(), stheno::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Os;

impl Net for Os {
    type Socket = Socket;
    type Address = Address;

    fn describe(code: i32) -> &'static str {
        describe(code)
    }

    fn socket(&mut self, kind: Kind, like: &Address) -> Result<Socket> {
        let (kind, class) = match kind {
            Kind::Stream => (SocketType::STREAM, Class::Stream),
            Kind::Datagram => (SocketType::DGRAM, Class::Datagram),
        };
        let descriptor = new_socket(like.family(), kind).map_err(|errno| failed(errno, "make a socket"))?;
        Ok(Socket::born(descriptor, class))
    }

    fn set_reuse_address(&mut self, socket: &mut Socket) -> Result<()> {
        socket.done(net::sockopt::set_socket_reuseaddr(&*socket, true), "set reuse address")
    }

    /// A path is made by this, and stays when the socket is gone: whoever binds it again removes it first.
    fn bind(&mut self, socket: &mut Socket, at: &Address) -> Result<()> {
        let system = at.to_system().ok_or_else(|| NAMELESS.doing("bind"))?;
        net::bind(&*socket, &system).map_err(|errno| at.blame(failed(errno, "bind")))
    }

    fn listen(&mut self, socket: &mut Socket, backlog: u32) -> Result<()> {
        let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
        socket.done(retry_on_intr(|| net::listen(&*socket, backlog)), "listen")
    }

    fn connect(&mut self, socket: &mut Socket, to: &Address) -> Result<()> {
        let system = to.to_system().ok_or_else(|| NAMELESS.doing("connect"))?;
        let mut interrupted = false;
        loop {
            return match net::connect(&*socket, &system) {
                Ok(()) | Err(Errno::INPROGRESS | Errno::ALREADY) => Ok(()),
                // The attempt goes on without the call, or, in the Unix family, was never made: asking again tells.
                Err(Errno::INTR) => {
                    interrupted = true;
                    continue;
                }
                Err(Errno::ISCONN) if interrupted => Ok(()),
                Err(Errno::AGAIN) => Err(to.blame(no_room_to_connect(to))),
                Err(errno) => Err(to.blame(failed(errno, "connect"))),
            };
        }
    }

    fn accept(&mut self, socket: &mut Socket) -> Result<Option<(Socket, Address)>> {
        match retry_on_intr(|| new_guest(socket)) {
            Ok((guest, from)) => Ok(Some((Socket::born(guest, Class::Stream), known(from)))),
            Err(Errno::AGAIN) => Ok(None),
            Err(errno) if socket.class() == Class::Stream && is_the_callers(errno) => Ok(None),
            Err(errno @ (Errno::PERM | Errno::ACCESS)) => Err(forbidden(errno).on_descriptor(socket.as_raw_fd())),
            Err(errno) => Err(socket.broke(errno, "accept")),
        }
    }

    #[inline]
    fn recv(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Received> {
        if into.is_empty() {
            return Ok(Received::Data(0));
        }
        match read(socket, into) {
            Ok(len @ 1..) => Ok(Received::Data(len)),
            got => received_none(socket, into, got.err()),
        }
    }

    fn recv_vectored(&mut self, socket: &mut Socket, into: [&mut [u8]; 2]) -> Result<Received> {
        let [first, second] = into;
        if first.is_empty() || second.is_empty() {
            return self.recv(socket, if first.is_empty() { second } else { first });
        }
        let slices = &mut [IoSliceMut::new(first), IoSliceMut::new(second)];
        let got = retry_on_intr(|| match socket.class() {
            Class::Other => readv(&*socket, slices),
            _ => {
                let mut control = RecvAncillaryBuffer::new(&mut []);
                net::recvmsg(&*socket, slices, &mut control, RecvFlags::empty()).map(|message| message.bytes)
            }
        });
        received(socket, got)
    }

    fn recv_urgent(&mut self, socket: &mut Socket) -> Result<Option<u8>> {
        let mut byte = [0];
        match retry_on_intr(|| net::recv(&*socket, &mut byte, RecvFlags::OOB)) {
            // An end without urgent data is no byte either; receiving finds out about it.
            Ok((0, _)) => Ok(None),
            Ok(_) => Ok(byte.first().copied()),
            // Announced but not here yet, and none (or taken already).
            Err(Errno::AGAIN | Errno::INVAL) => Ok(None),
            Err(errno) => Err(socket.broke(errno, "receive urgent data")),
        }
    }

    /// An empty `into` takes the datagram and throws it away.
    fn recv_from(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Option<Datagram<Address>>> {
        if socket.class() != Class::Datagram {
            return Err(NO_DATAGRAMS.doing("receive a datagram"));
        }
        // The message's flags tell of truncation on every system; asking for its length does so on Linux alone.
        let slices = &mut [IoSliceMut::new(into)];
        let got = retry_on_intr(|| {
            let mut control = RecvAncillaryBuffer::new(&mut []);
            net::recvmsg(&*socket, slices, &mut control, RecvFlags::empty())
        });
        match got {
            Ok(message) => Ok(Some(Datagram {
                len: message.bytes,
                truncated: message.flags.contains(ReturnFlags::TRUNC),
                from: known(message.address),
            })),
            Err(Errno::AGAIN) => Ok(None),
            Err(errno) => Err(socket.broke(errno, "receive a datagram")),
        }
    }

    #[inline]
    fn send(&mut self, socket: &mut Socket, from: &[u8]) -> Result<Option<usize>> {
        if from.is_empty() && socket.class() != Class::Datagram {
            return Ok(Some(0));
        }
        match write(socket, from) {
            Ok(len @ 1..) => Ok(Some(len)),
            sent => sent_none(socket, from, sent.err()),
        }
    }

    fn send_vectored(&mut self, socket: &mut Socket, from: [&[u8]; 2]) -> Result<Option<usize>> {
        let [first, second] = from;
        if first.is_empty() || second.is_empty() {
            return self.send(socket, if first.is_empty() { second } else { first });
        }
        let slices = &[IoSlice::new(first), IoSlice::new(second)];
        let sent = retry_on_intr(|| match socket.class() {
            Class::Other => writev(&*socket, slices),
            _ => net::sendmsg(&*socket, slices, &mut SendAncillaryBuffer::default(), QUIETLY),
        });
        room(socket, sent, "send")
    }

    fn send_urgent(&mut self, socket: &mut Socket, byte: u8) -> Result<bool> {
        let sent = retry_on_intr(|| net::send(&*socket, &[byte], QUIETLY | SendFlags::OOB));
        room(socket, sent, "send urgent data").map(|sent| sent.is_some())
    }

    fn send_to(&mut self, socket: &mut Socket, from: &[u8], to: &Address) -> Result<bool> {
        if socket.class() != Class::Datagram {
            return Err(NO_DATAGRAMS.doing("send a datagram"));
        }
        let system = to.to_system().ok_or_else(|| NAMELESS.doing("send a datagram"))?;
        match retry_on_intr(|| net::sendto(&*socket, from, QUIETLY, &system)) {
            Ok(_) => Ok(true),
            Err(Errno::AGAIN) => Ok(false),
            Err(errno) => Err(to.blame(failed(errno, "send a datagram"))),
        }
    }

    /// Only streams have halves: a datagram socket shut for reading would be readable for ever, with empty datagrams.
    fn shutdown(&mut self, socket: &mut Socket, half: Half) -> Result<()> {
        if socket.class() == Class::Datagram {
            return Err(Error::new(ErrorKind::Unsupported, "a datagram socket has no halves").doing("shut down"));
        }
        let how = match half {
            Half::Read => net::Shutdown::Read,
            Half::Write => net::Shutdown::Write,
        };
        socket.done(net::shutdown(&*socket, how), "shut down")
    }

    /// What was being done when the error arose is not known here, and not said.
    fn take_error(&mut self, socket: &mut Socket) -> Result<Option<Error>> {
        if socket.class() == Class::Other {
            return Ok(None);
        }
        let found = socket.done(net::sockopt::socket_error(&*socket), "ask for an error")?;
        Ok(found.err().map(|errno| waiting(errno).on_descriptor(socket.as_raw_fd())))
    }

    fn state(&mut self, socket: &Socket) -> Result<State> {
        probe::state(socket)
    }

    fn local_address(&self, socket: &Socket) -> Result<Address> {
        const DOING: &str = "ask the local address";
        Address::from_system(socket.done(net::getsockname(socket), DOING)?).ok_or_else(|| STRANGE.doing(DOING))
    }

    fn peer_address(&self, socket: &Socket) -> Result<Address> {
        const DOING: &str = "ask the peer's address";
        match socket.done(net::getpeername(socket), DOING)? {
            Some(address) => Address::from_system(address).ok_or_else(|| STRANGE.doing(DOING)),
            None => Ok(Address::unnamed()),
        }
    }

    fn close(&mut self, socket: Socket) {
        drop(socket);
    }
}

/// Sends raise no signal: here by a flag, on Apple's systems by an option that sockets are born with.
#[cfg(not(target_vendor = "apple"))]
const QUIETLY: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const QUIETLY: SendFlags = SendFlags::empty();

const NAMELESS: Error = Error::new(ErrorKind::Unsupported, "the address names nothing");
const NO_DATAGRAMS: Error = Error::new(ErrorKind::Unsupported, "not a datagram socket");
const STRANGE: Error = Error::new(ErrorKind::Unsupported, "neither an IP address nor one of the Unix family");

fn read(socket: &Socket, into: &mut [u8]) -> Result<usize, Errno> {
    match socket.class() {
        Class::Other => rustix::io::read(socket, into),
        _ => net::recv(socket, into, RecvFlags::empty()).map(|(len, _)| len),
    }
}

fn write(socket: &Socket, from: &[u8]) -> Result<usize, Errno> {
    match socket.class() {
        Class::Other => rustix::io::write(socket, from),
        _ => net::send(socket, from, QUIETLY),
    }
}

/// What a receive without bytes says. One that a signal interrupted is made again (N2). Apart from what most receives do, as
/// the next one is.
#[cold]
#[inline(never)]
fn received_none(socket: &Socket, into: &mut [u8], why: Option<Errno>) -> Result<Received> {
    let got = match why {
        Some(Errno::INTR) => retry_on_intr(|| read(socket, into)),
        why => why.map_or(Ok(0), Err),
    };
    received(socket, got)
}

/// What a send without bytes says.
#[cold]
#[inline(never)]
fn sent_none(socket: &Socket, from: &[u8], why: Option<Errno>) -> Result<Option<usize>> {
    let sent = match why {
        Some(Errno::INTR) => retry_on_intr(|| write(socket, from)),
        why => why.map_or(Ok(0), Err),
    };
    room(socket, sent, "send")
}

/// What no bytes mean differs: a stream's end (N3), an empty datagram (N4).
fn received(socket: &Socket, got: Result<usize, Errno>) -> Result<Received> {
    match got {
        Ok(0) if socket.class() != Class::Datagram => Ok(Received::End),
        Ok(len) => Ok(Received::Data(len)),
        Err(Errno::AGAIN) => Ok(Received::WouldBlock),
        Err(errno) => Err(socket.broke(errno, "receive")),
    }
}

/// A device that takes nothing and says nothing has no room (N5).
fn room(socket: &Socket, sent: Result<usize, Errno>, doing: &'static str) -> Result<Option<usize>> {
    match sent {
        Ok(0) if socket.class() == Class::Other => Ok(None),
        Ok(len) => Ok(Some(len)),
        Err(Errno::AGAIN) => Ok(None),
        Err(errno) => Err(socket.broke(errno, doing)),
    }
}

/// Who sent or called, or nobody: some have no name, and some one that cannot be held here.
fn known(address: Option<net::SocketAddrAny>) -> Address {
    address.and_then(Address::from_system).unwrap_or_else(Address::unnamed)
}

/// "Would block" from `connect` is a failure and no attempt goes on, however much it looks like one: the line before a
/// Unix listener is full, or the system has no port left. It may be tried again later.
fn no_room_to_connect(to: &Address) -> Error {
    let why = if to.as_inet().is_some() { "no local port is free" } else { "the listener's backlog is full" };
    Error::new(ErrorKind::Exhausted, why).with_code(Errno::AGAIN.raw_os_error()).doing("connect")
}

/// A rule of the system's (a firewall's, a security module's) forbids to accept. The caller stays in line and the listener
/// is as good as before, so that it rests as it does for want of descriptors: to ask again at once would be to spin.
fn forbidden(errno: Errno) -> Error {
    let code = errno.raw_os_error();
    Error::new(ErrorKind::Exhausted, describe(code)).with_code(code).doing("accept")
}

/// Whether `accept` tells of a caller that has gone, or of what happened to its connection. Linux hands on what it has
/// heard from the network; none of it concerns the listener.
fn is_the_callers(errno: Errno) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if errno == Errno::NONET {
        return true;
    }
    matches!(
        errno,
        Errno::CONNABORTED
            | Errno::CONNRESET
            | Errno::HOSTDOWN
            | Errno::HOSTUNREACH
            | Errno::NETDOWN
            | Errno::NETUNREACH
            | Errno::NOPROTOOPT
            | Errno::OPNOTSUPP
            | Errno::PROTO
            | Errno::TIMEDOUT
    )
}
