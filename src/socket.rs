//! A socket of the operating system: a descriptor that closes itself, and what sort it is.

mod datagrams;
mod options;

use core::fmt;

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, FdFlags, fcntl_dupfd_cloexec, fcntl_getfd, fcntl_setfd};
use rustix::net::{self, AddressFamily, SocketType, sockopt};
use stheno_core::{Error, Kind, Result};

use crate::errno::failed;

/// A socket, pipe, terminal or other descriptor, non-blocking and closed on exec (N9). Dropping it closes it.
///
/// [`Os`](crate::Os) makes them and does their I/O; the program sets their options, and
/// [adopts](Self::adopt) descriptors that were made elsewhere. It takes 8 bytes, also inside an `Option`.
///
/// ```
/// use stheno::{Kind, Net, Os, Received, Socket};
/// let (mut here, mut there) = Socket::pair()?;
/// assert_eq!(here.kind(), Some(Kind::Stream));
/// assert_eq!(Os.send(&mut here, b"hello")?, Some(5));
/// let mut buffer = [0; 16];
/// assert_eq!(Os.recv(&mut there, &mut buffer)?, Received::Data(5));
/// assert_eq!(Os.recv(&mut there, &mut buffer)?, Received::WouldBlock);
/// Os.close(here);
/// assert_eq!(Os.recv(&mut there, &mut buffer)?, Received::End);
/// # Ok::<(), stheno::Error>(())
/// ```
#[doc(alias = "file_dispatcher")]
pub struct Socket {
    descriptor: OwnedFd,
    class: Class,
}

/// What reading and writing mean.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// A socket over which a connection goes, or one that listens for such. Also of records (`SOCK_SEQPACKET`).
    Stream,
    /// A socket of messages.
    Datagram,
    /// No socket.
    Other,
}

impl Socket {
    /// Takes over a descriptor that was made elsewhere: a socket of std, a pipe, a terminal, and whatever else a system makes
    /// descriptors of: timers (timerfd), counters (eventfd), news of files (inotify), processes (pidfd), another loop
    /// (its `Epoll`).
    ///
    /// It is made non-blocking and closed on exec, and the system is asked what it is. On failure it is closed.
    ///
    /// Being non-blocking belongs to what is open and not to the descriptor: whoever shares it (a shell the terminal, a
    /// child the pipe) finds it non-blocking too. Regular files are always ready and never wait, whatever the backend.
    /// Whether a socket listens is known to every system but Apple's: there, let the loop make its listeners.
    ///
    /// ```
    /// # #[cfg(feature = "std")] {
    /// use stheno::{Net, Os, Socket, State};
    /// let door = Socket::adopt(std::net::TcpListener::bind("127.0.0.1:0").unwrap())?;
    /// assert_eq!(Os.state(&door)?, State::Listening);
    /// # }
    /// # Ok::<(), stheno::Error>(())
    /// ```
    #[doc(alias = "set_socket")]
    #[doc(alias = "set_file")]
    #[doc(alias = "O_NONBLOCK")]
    pub fn adopt(descriptor: impl Into<OwnedFd>) -> Result<Self> {
        let descriptor = descriptor.into();
        let adopted = tame(&descriptor).and_then(|()| classify(descriptor.as_fd()));
        let class = adopted.map_err(|errno| failed(errno, "adopt").on_descriptor(descriptor.as_raw_fd()))?;
        if class != Class::Other {
            // Refused for connections that are over, on which nothing can be sent anyway.
            let _ = no_sigpipe(&descriptor);
        }
        Ok(Self { descriptor, class })
    }

    /// Adopts a duplicate of a descriptor, which stays open and the caller's; what was said of sharing at
    /// [`adopt`](Self::adopt) goes for these two.
    ///
    /// ```no_run
    /// # #[cfg(feature = "std")] {
    /// let lines = stheno::Socket::duplicate(std::io::stdin())?;
    /// # }
    /// # Ok::<(), stheno::Error>(())
    /// ```
    #[doc(alias = "file_wrapper")]
    #[doc(alias = "dup")]
    pub fn duplicate(descriptor: impl AsFd) -> Result<Self> {
        let descriptor = descriptor.as_fd();
        let copy = fcntl_dupfd_cloexec(descriptor, 0);
        Self::adopt(copy.map_err(|errno| failed(errno, "duplicate").on_descriptor(descriptor.as_raw_fd()))?)
    }

    /// Two streams of the Unix family that are connected to each other.
    #[doc(alias = "socketpair")]
    pub fn pair() -> Result<(Self, Self)> {
        pair(SocketType::STREAM, Class::Stream)
    }

    /// Two datagram sockets of the Unix family that are connected to each other.
    #[doc(alias = "socketpair")]
    pub fn datagram_pair() -> Result<(Self, Self)> {
        pair(SocketType::DGRAM, Class::Datagram)
    }

    /// A pipe: the end to read from, and the end to write to.
    ///
    /// A program without std must ignore SIGPIPE before it writes to pipes; see [`Os`](crate::Os).
    ///
    /// ```
    /// use stheno::{Net, Os, Received, Socket};
    /// let (mut reader, mut writer) = Socket::pipe()?;
    /// Os.send(&mut writer, b"x")?;
    /// assert_eq!(Os.recv(&mut reader, &mut [0; 8])?, Received::Data(1));
    /// # Ok::<(), stheno::Error>(())
    /// ```
    #[doc(alias = "pipe2")]
    pub fn pipe() -> Result<(Self, Self)> {
        let (reader, writer) = new_pipe().map_err(|errno| failed(errno, "make a pipe"))?;
        Ok((Self { descriptor: reader, class: Class::Other }, Self { descriptor: writer, class: Class::Other }))
    }

    /// Whether it is a stream or carries datagrams; `None` for what is no socket: pipes, terminals, files.
    ///
    /// A socket of records (`SOCK_SEQPACKET`) counts as a stream: of a record longer than the buffer the rest is lost,
    /// and an empty one reads as the end.
    #[doc(alias = "SO_TYPE")]
    pub const fn kind(&self) -> Option<Kind> {
        match self.class {
            Class::Stream => Some(Kind::Stream),
            Class::Datagram => Some(Kind::Datagram),
            Class::Other => None,
        }
    }

    /// A descriptor that came into the world as this module wants it.
    pub(crate) const fn born(descriptor: OwnedFd, class: Class) -> Self {
        Self { descriptor, class }
    }

    pub(crate) const fn class(&self) -> Class {
        self.class
    }

    /// What a call on this socket gave, its error saying what was being done and to which descriptor.
    pub(crate) fn done<T>(&self, gave: Result<T, Errno>, doing: &'static str) -> Result<T> {
        gave.map_err(|errno| self.broke(errno, doing))
    }

    pub(crate) fn broke(&self, errno: Errno, doing: &'static str) -> Error {
        self.about(failed(errno, doing))
    }

    /// The error, saying that this is the descriptor it was done to.
    pub(crate) fn about(&self, error: Error) -> Error {
        error.on_descriptor(self.descriptor.as_raw_fd())
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> i32 {
        self.descriptor.as_raw_fd()
    }
}

/// The descriptor, to be handed on; it stays non-blocking. The socket types of std are had by `try_from`, which sees to it
/// that the socket is one.
///
/// ```
/// # #[cfg(feature = "std")] {
/// use std::os::{fd::OwnedFd, unix::net::UnixStream};
/// let (here, there) = stheno::Socket::pair()?;
/// let (here, there) = (UnixStream::try_from(here)?, OwnedFd::from(there));
/// # }
/// # Ok::<(), stheno::Error>(())
/// ```
impl From<Socket> for OwnedFd {
    fn from(socket: Socket) -> Self {
        socket.descriptor
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = match self.class {
            Class::Stream => "stream",
            Class::Datagram => "datagram",
            Class::Other => "other",
        };
        write!(f, "Socket({}, {class})", self.descriptor.as_raw_fd())
    }
}

/// [`Socket::adopt`].
impl TryFrom<OwnedFd> for Socket {
    type Error = Error;
    fn try_from(descriptor: OwnedFd) -> Result<Self> {
        Self::adopt(descriptor)
    }
}

fn classify(descriptor: BorrowedFd<'_>) -> Result<Class, Errno> {
    match sockopt::socket_type(descriptor) {
        Ok(SocketType::STREAM | SocketType::SEQPACKET) => Ok(Class::Stream),
        Ok(_) => Ok(Class::Datagram),
        Err(Errno::NOTSOCK) => Ok(Class::Other),
        Err(errno) => Err(errno),
    }
}

/// Makes a descriptor non-blocking and closed on exec, and leaves alone what is so already.
fn tame(descriptor: &OwnedFd) -> Result<(), Errno> {
    let flags = fcntl_getfl(descriptor)?;
    if !flags.contains(OFlags::NONBLOCK) {
        fcntl_setfl(descriptor, flags | OFlags::NONBLOCK)?;
    }
    let flags = fcntl_getfd(descriptor)?;
    if !flags.contains(FdFlags::CLOEXEC) {
        fcntl_setfd(descriptor, flags | FdFlags::CLOEXEC)?;
    }
    Ok(())
}

fn pair(kind: SocketType, class: Class) -> Result<(Socket, Socket)> {
    let (one, other) = new_pair(kind).map_err(|errno| failed(errno, "make a pair of sockets"))?;
    Ok((Socket { descriptor: one, class }, Socket { descriptor: other, class }))
}

// From here on: how descriptors are born, on systems that take the flags with the call and on those that do not. On the
// latter, a thread that forks between two calls hands the descriptor to its child.

#[cfg(not(target_vendor = "apple"))]
use rustix::net::SocketFlags;

#[cfg(not(target_vendor = "apple"))]
const TAME: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

#[cfg(not(target_vendor = "apple"))]
pub(crate) fn new_socket(family: AddressFamily, kind: SocketType) -> Result<OwnedFd, Errno> {
    net::socket_with(family, kind, TAME, None)
}

#[cfg(not(target_vendor = "apple"))]
pub(crate) fn new_guest(listener: &Socket) -> Result<(OwnedFd, Option<net::SocketAddrAny>), Errno> {
    net::acceptfrom_with(listener, TAME)
}

#[cfg(not(target_vendor = "apple"))]
fn new_pair(kind: SocketType) -> Result<(OwnedFd, OwnedFd), Errno> {
    net::socketpair(AddressFamily::UNIX, kind, TAME, None)
}

#[cfg(not(target_vendor = "apple"))]
fn new_pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    use rustix::pipe::{PipeFlags, pipe_with};
    pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)
}

/// Where sends take a flag that says so, each of them does.
#[cfg(not(target_vendor = "apple"))]
fn no_sigpipe(_: &OwnedFd) -> Result<(), Errno> {
    Ok(())
}

#[cfg(target_vendor = "apple")]
pub(crate) fn new_socket(family: AddressFamily, kind: SocketType) -> Result<OwnedFd, Errno> {
    let descriptor = net::socket(family, kind, None)?;
    tame(&descriptor)?;
    no_sigpipe(&descriptor)?;
    Ok(descriptor)
}

#[cfg(target_vendor = "apple")]
pub(crate) fn new_guest(listener: &Socket) -> Result<(OwnedFd, Option<net::SocketAddrAny>), Errno> {
    let (descriptor, from) = net::acceptfrom(listener)?;
    tame(&descriptor)?;
    // Refused for a caller that has reset already.
    let _ = no_sigpipe(&descriptor);
    Ok((descriptor, from))
}

#[cfg(target_vendor = "apple")]
fn new_pair(kind: SocketType) -> Result<(OwnedFd, OwnedFd), Errno> {
    let (one, other) = net::socketpair(AddressFamily::UNIX, kind, net::SocketFlags::empty(), None)?;
    for descriptor in [&one, &other] {
        tame(descriptor)?;
        no_sigpipe(descriptor)?;
    }
    Ok((one, other))
}

#[cfg(target_vendor = "apple")]
fn new_pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    let (reader, writer) = rustix::pipe::pipe()?;
    tame(&reader)?;
    tame(&writer)?;
    Ok((reader, writer))
}

#[cfg(target_vendor = "apple")]
fn no_sigpipe(descriptor: &OwnedFd) -> Result<(), Errno> {
    sockopt::set_socket_nosigpipe(descriptor, true)
}

#[cfg(test)]
mod tests {
    use super::Socket;

    #[test]
    fn a_socket_takes_no_more_room_than_it_must() {
        assert_eq!(size_of::<Socket>(), 8);
        assert_eq!(size_of::<Option<Socket>>(), 8);
    }
}
