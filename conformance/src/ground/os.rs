//! The operating system as a ground: the far ends are blocking sockets of the standard library, with nothing of Stheno in
//! them.

use std::io::{self, ErrorKind, Read, Write};
use std::mem::ManuallyDrop;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{SendFlags, Shutdown, sockopt};
use stheno::waker::Bell;
use stheno::{Address, Half, Instant, Net, Os, Received, Socket, Sound};

use super::{Family, Ground, SharedBell, Sign};
use crate::contract::Failure;
use crate::contract::system::{Limit, Shortage};

/// How long a far end waits for what must come.
const PATIENCE: Duration = Duration::from_secs(10);

/// A socket on the other side.
#[derive(Debug)]
pub enum Peer {
    /// It listens.
    Host(TcpListener),
    /// A connection over the loopback.
    Tcp(TcpStream),
    /// A connection of the Unix family.
    Local(UnixStream),
    /// It sends datagrams.
    Sender(UdpSocket),
}

impl Ground for Os {
    type Peer = Peer;
    type Shortage = Shortage;
    type Later = JoinHandle<io::Result<Peer>>;

    fn open() -> Result<Self, Failure> {
        Ok(Self)
    }

    fn anywhere(family: Family) -> Result<Address, Failure> {
        let address = match family {
            Family::Inet => "127.0.0.1:0",
            Family::Inet6 => "[::1]:0",
        };
        Ok(address.parse()?)
    }

    fn nowhere(&mut self) -> Result<Address, Failure> {
        Ok(host()?.local_addr()?.into())
    }

    fn pair(&mut self) -> Result<(Socket, Peer), Failure> {
        let door = host()?;
        let ours = TcpStream::connect(door.local_addr()?)?;
        Ok((Socket::adopt(ours)?, patient(door.accept()?.0)?))
    }

    fn local_pair(&mut self) -> Result<(Socket, Peer), Failure> {
        let (ours, theirs) = UnixStream::pair()?;
        theirs.set_write_timeout(Some(PATIENCE))?;
        Ok((Socket::adopt(ours)?, Peer::Local(theirs)))
    }

    fn sockets(&mut self) -> Result<(Socket, Socket), Failure> {
        Ok(Socket::pair()?)
    }

    fn host(&mut self) -> Result<Peer, Failure> {
        Ok(Peer::Host(host()?))
    }

    fn take(&mut self, peer: &mut Peer) -> Result<Peer, Failure> {
        let Peer::Host(listener) = peer else { return Err(misuse("take is for hosts").into()) };
        if !shows(&*listener, PollFlags::IN)? {
            return Err(io::Error::new(ErrorKind::TimedOut, "nobody called").into());
        }
        Ok(patient(listener.accept()?.0)?)
    }

    fn dial(&mut self, to: &Address) -> Result<Peer, Failure> {
        Ok(patient(TcpStream::connect_timeout(&inet(to)?, PATIENCE)?)?)
    }

    fn mailbox(&mut self) -> Result<Socket, Failure> {
        Ok(Socket::adopt(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?)?)
    }

    fn sender(&mut self, to: &Address) -> Result<Peer, Failure> {
        let to = inet(to)?;
        let from: IpAddr = if to.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { std::net::Ipv6Addr::LOCALHOST.into() };
        let socket = UdpSocket::bind((from, 0))?;
        socket.connect(to)?;
        Ok(Peer::Sender(socket))
    }

    fn address(&self, peer: &Peer) -> Result<Address, Failure> {
        let address = match peer {
            Peer::Host(listener) => listener.local_addr()?,
            Peer::Tcp(stream) => stream.local_addr()?,
            Peer::Sender(socket) => socket.local_addr()?,
            Peer::Local(_) => return Err(misuse("a local peer has no address").into()),
        };
        Ok(address.into())
    }

    fn say(&mut self, peer: &mut Peer, data: &[u8]) -> Result<(), Failure> {
        Ok(say(peer, data)?)
    }

    fn urge(&mut self, peer: &mut Peer, data: &[u8]) -> Result<(), Failure> {
        Ok(rustix::net::send(&*peer, data, SendFlags::OOB).map(drop)?)
    }

    fn hear(&mut self, peer: &mut Peer, into: &mut [u8]) -> Result<Received, Failure> {
        rustix::io::ioctl_fionbio(&*peer, true)?;
        let received = match peer {
            Peer::Tcp(stream) => stream.read(into),
            Peer::Local(stream) => stream.read(into),
            Peer::Sender(socket) => socket.recv(into),
            Peer::Host(_) => Err(misuse("a host receives nothing")),
        };
        rustix::io::ioctl_fionbio(&*peer, false)?;
        match received {
            Err(why) if why.kind() == ErrorKind::WouldBlock => Ok(Received::WouldBlock),
            Ok(0) if !matches!(peer, Peer::Sender(_)) => Ok(Received::End),
            received => Ok(Received::Data(received?)),
        }
    }

    fn half_close(&mut self, peer: &mut Peer, half: Half) -> Result<(), Failure> {
        let how = match half {
            Half::Read => Shutdown::Read,
            Half::Write => Shutdown::Write,
        };
        Ok(rustix::net::shutdown(&*peer, how)?)
    }

    fn hang_up(&mut self, peer: Peer) {
        drop(peer);
    }

    fn reset(&mut self, peer: Peer) -> Result<(), Failure> {
        Ok(sockopt::set_socket_linger(&peer, Some(Duration::ZERO))?)
    }

    fn say_later(&mut self, after: Duration, mut peer: Peer, data: &'static [u8]) -> Result<Self::Later, Failure> {
        Ok(thread::spawn(move || {
            thread::sleep(after);
            say(&mut peer, data).map(|()| peer)
        }))
    }

    fn done(&mut self, later: Self::Later) -> Result<Peer, Failure> {
        Ok(later.join().map_err(|_| "the far end panicked")??)
    }

    fn reached(&mut self, socket: &Socket, signs: &[Sign]) -> Result<(), Failure> {
        let flag = |sign: &Sign| match sign {
            Sign::Data => PollFlags::IN,
            Sign::Urgent => PollFlags::PRI,
            Sign::End => PollFlags::RDHUP,
            Sign::HungUp => PollFlags::HUP,
            Sign::Error => PollFlags::ERR,
        };
        let flags = signs.iter().map(flag).fold(PollFlags::empty(), PollFlags::union);
        if shows(socket, flags)? { Ok(()) } else { Err(format!("{flags:?} did not come").into()) }
    }

    fn fill(&mut self, socket: &mut Socket) -> Result<(), Failure> {
        // A small buffer is full sooner, and does not grow. What has none to be set, a pipe, is small enough.
        let _ = sockopt::set_socket_send_buffer_size(&*socket, 1 << 14);
        let until = std::time::Instant::now() + PATIENCE;
        while std::time::Instant::now() < until {
            while self.send(socket, &[b'z'; 1 << 16])?.is_some() {}
            // The far end takes nothing, but its system may; and room for a few bytes is none to speak of, but is room.
            let mut asked = [PollFd::new(&*socket, PollFlags::OUT)];
            let full = poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 20_000_000 }))? == 0;
            if full && self.send(socket, b"z")?.is_none() {
                return Ok(());
            }
        }
        Err("the buffer is never full".into())
    }

    fn narrow(&mut self, socket: &Socket, bytes: usize) -> Result<(), Failure> {
        narrow(socket, bytes)
    }

    fn narrow_peer(&mut self, peer: &mut Peer, bytes: usize) -> Result<(), Failure> {
        narrow(&*peer, bytes)
    }

    fn pass(&mut self, time: Duration) {
        thread::sleep(time);
    }

    fn clock(&self) -> Instant {
        static BEGINNING: OnceLock<std::time::Instant> = OnceLock::new();
        Instant::from_nanos(BEGINNING.get_or_init(std::time::Instant::now).elapsed().as_nanos() as u64)
    }

    fn close_behind(&mut self, socket: Socket) -> Result<ManuallyDrop<Socket>, Failure> {
        nix::unistd::close(socket.as_raw_fd())?;
        Ok(ManuallyDrop::new(socket))
    }

    fn bell(&mut self) -> Result<(SharedBell, Socket), Failure> {
        let sound = Sound::new()?;
        let socket = sound.socket()?;
        Ok((Arc::new(Bell::new(sound)), socket))
    }

    fn shortage(&mut self) -> Result<Shortage, Failure> {
        Shortage::of_descriptors()
    }

    fn ease(&mut self, shortage: &mut Shortage) {
        shortage.ease();
    }

    fn relieve(&mut self, shortage: Shortage) {
        drop(shortage);
    }

    fn room_for(&mut self, sockets: usize) -> Result<(), Failure> {
        Limit::raise_to(sockets as u64 + 100)
    }
}

fn host() -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
}

fn patient(stream: TcpStream) -> io::Result<Peer> {
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(Peer::Tcp(stream))
}

fn say(peer: &mut Peer, data: &[u8]) -> io::Result<()> {
    match peer {
        Peer::Tcp(stream) => stream.write_all(data),
        Peer::Local(stream) => stream.write_all(data),
        Peer::Sender(socket) => socket.send(data).map(drop),
        Peer::Host(_) => Err(misuse("a host sends nothing")),
    }
}

/// Waits until all of these flags hold, and asks for nothing else.
pub(crate) fn shows(fd: impl AsFd, flags: PollFlags) -> Result<bool, Failure> {
    let until = std::time::Instant::now() + PATIENCE;
    while std::time::Instant::now() < until {
        let mut asked = [PollFd::new(&fd, flags)];
        let _ = poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 50_000_000 }));
        if asked[0].revents().contains(flags) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Linux takes both sizes twice. A receive buffer must hold a segment of the loopback, or TCP waits for a timer again and
/// again.
fn narrow(fd: impl AsFd, bytes: usize) -> Result<(), Failure> {
    const SEGMENT: usize = 1 << 16;
    sockopt::set_socket_send_buffer_size(&fd, bytes)?;
    Ok(sockopt::set_socket_recv_buffer_size(&fd, bytes.max(SEGMENT))?)
}

fn inet(address: &Address) -> Result<SocketAddr, Failure> {
    Ok(address.as_inet().ok_or("not an internet address")?)
}

fn misuse(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, what)
}

impl AsFd for Peer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Host(listener) => listener.as_fd(),
            Self::Tcp(stream) => stream.as_fd(),
            Self::Local(stream) => stream.as_fd(),
            Self::Sender(socket) => socket.as_fd(),
        }
    }
}
