//! The plain peers of a story: blocking sockets of std, with nothing of Stheno in them.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::AsFd;
use rustix::net::{SendFlags, Shutdown, sockopt};

use crate::scenario::quote;

/// How long a peer waits for what must come.
const PATIENCE: Duration = Duration::from_secs(2);

/// A socket on the other side.
#[derive(Debug)]
pub(crate) enum Peer {
    Host(TcpListener),
    Tcp(TcpStream),
    Local(UnixStream),
    Sender(UdpSocket),
}

impl Peer {
    pub(crate) fn host() -> io::Result<Self> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map(Self::Host)
    }

    pub(crate) fn dial(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&to, PATIENCE)?;
        Self::patient(stream)
    }

    pub(crate) fn sender(to: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(to)?;
        Ok(Self::Sender(socket))
    }

    pub(crate) fn local(stream: UnixStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self::Local(stream))
    }

    fn patient(stream: TcpStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self::Tcp(stream))
    }

    /// The next connection of a host.
    pub(crate) fn take(&self) -> io::Result<Self> {
        let Self::Host(listener) = self else { return Err(misuse("take is for hosts")) };
        let mut watched = [PollFd::new(listener, PollFlags::IN)];
        let patience = Timespec { tv_sec: PATIENCE.as_secs() as _, tv_nsec: 0 };
        if rustix::io::retry_on_intr(|| poll(&mut watched, Some(&patience)))? == 0 {
            return Err(io::Error::new(ErrorKind::TimedOut, "nobody called"));
        }
        Self::patient(listener.accept()?.0)
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Host(listener) => listener.local_addr(),
            Self::Tcp(stream) => stream.local_addr(),
            Self::Sender(socket) => socket.local_addr(),
            Self::Local(_) => Err(misuse("a local peer has no address")),
        }
    }

    pub(crate) fn send(&mut self, data: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(data),
            Self::Local(stream) => stream.write_all(data),
            Self::Sender(socket) => socket.send(data).map(drop),
            Self::Host(_) => Err(misuse("a host sends nothing")),
        }
    }

    pub(crate) fn send_urgent(&self, data: &[u8]) -> io::Result<()> {
        Ok(rustix::net::send(self.as_fd(), data, SendFlags::OOB).map(drop)?)
    }

    pub(crate) fn shut(&self, side: &str) -> io::Result<()> {
        let how = match side {
            "read" => Shutdown::Read,
            "write" => Shutdown::Write,
            _ => Shutdown::Both,
        };
        Ok(rustix::net::shutdown(self.as_fd(), how)?)
    }

    /// Closes with a reset instead of an end.
    pub(crate) fn reset(self) -> io::Result<()> {
        Ok(sockopt::set_socket_linger(self.as_fd(), Some(Duration::ZERO))?)
    }

    /// Receives without waiting; `None` where nothing is there yet.
    pub(crate) fn recv_now(&mut self, into: &mut [u8]) -> io::Result<Option<usize>> {
        rustix::io::ioctl_fionbio(self.as_fd(), true)?;
        let received = self.read(into);
        rustix::io::ioctl_fionbio(self.as_fd(), false)?;
        match received {
            Err(why) if why.kind() == ErrorKind::WouldBlock => Ok(None),
            received => received.map(Some),
        }
    }

    /// What the end of the stream looks like from here.
    pub(crate) fn ended(&mut self) -> io::Result<String> {
        let mut rest = [0; 4096];
        match self.read(&mut rest) {
            Ok(0) => Ok("end".into()),
            Ok(n) => Ok(format!("unread {}", quote(&rest[..n]))),
            Err(why) if why.kind() == ErrorKind::ConnectionReset => Ok("reset".into()),
            Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok("still open".into()),
            Err(why) => Err(why),
        }
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(into),
            Self::Local(stream) => stream.read(into),
            Self::Sender(socket) => socket.recv(into),
            Self::Host(_) => Err(misuse("a host receives nothing")),
        }
    }
}

impl AsFd for Peer {
    fn as_fd(&self) -> rustix::fd::BorrowedFd<'_> {
        match self {
            Self::Host(listener) => listener.as_fd(),
            Self::Tcp(stream) => stream.as_fd(),
            Self::Local(stream) => stream.as_fd(),
            Self::Sender(socket) => socket.as_fd(),
        }
    }
}

fn misuse(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, what)
}
