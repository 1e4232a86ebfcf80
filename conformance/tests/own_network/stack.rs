//! Plays the library of a small system: handles from a table that the whole process shares, and numbers for errors.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
pub use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, Shutdown, SocketAddrAny, SocketFlags, SocketType, sockopt};
use stheno::{Half, Instant, Kind};
use stheno_conformance::Sign;

type Result<T> = core::result::Result<T, Errno>;

/// How many sockets there are: `MEMP_NUM_NETCONN`, and with it `FD_SETSIZE`.
pub const MOST: u32 = 16;

/// The handles of a `select`: bit by bit.
pub type Set = u16;

type Table = [Option<Arc<OwnedFd>>; MOST as usize];

static TABLE: Mutex<Table> = Mutex::new([const { None }; MOST as usize]);

fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn find(handle: u8) -> Result<Arc<OwnedFd>> {
    table().get(usize::from(handle)).cloned().flatten().ok_or(Errno::BADF)
}

/// Gives something a place in the table. Where there is none, it is not even made.
fn place<T>(make: impl FnOnce() -> Result<(OwnedFd, T)>) -> Result<(u8, T)> {
    let mut table = table();
    let at = table.iter().position(Option::is_none).ok_or(Errno::NFILE)?;
    let (fd, rest) = make()?;
    table[at] = Some(Arc::new(fd));
    Ok((at as u8, rest))
}

const BORN: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

pub fn socket(kind: Kind) -> Result<u8> {
    let kind = match kind {
        Kind::Stream => SocketType::STREAM,
        Kind::Datagram => SocketType::DGRAM,
    };
    let make = || Ok((rustix::net::socket_with(AddressFamily::INET, kind, BORN, None)?, ()));
    Ok(place(make)?.0)
}

pub fn close(handle: u8) {
    if let Some(place) = table().get_mut(usize::from(handle)) {
        *place = None;
    }
}

/// The next call to a handle's socket will be a reset's: it is to be closed.
pub fn cut(handle: u8) -> Result<()> {
    sockopt::set_socket_linger(find(handle)?, Some(Duration::ZERO))
}

pub fn reuse_address(handle: u8) -> Result<()> {
    sockopt::set_socket_reuseaddr(find(handle)?, true)
}

pub fn bind(handle: u8, at: &SocketAddr) -> Result<()> {
    rustix::net::bind(find(handle)?, at)
}

pub fn listen(handle: u8, backlog: u32) -> Result<()> {
    rustix::net::listen(find(handle)?, i32::try_from(backlog).unwrap_or(i32::MAX))
}

pub fn connect(handle: u8, to: &SocketAddr) -> Result<()> {
    rustix::net::connect(find(handle)?, to)
}

pub fn accept(handle: u8) -> Result<(u8, SocketAddr)> {
    let door = find(handle)?;
    let (guest, from) = place(|| rustix::net::acceptfrom_with(&door, BORN))?;
    Ok((guest, plain(from)?))
}

pub fn recv(handle: u8, into: &mut [u8]) -> Result<usize> {
    rustix::net::recv(find(handle)?, into, RecvFlags::empty()).map(|(len, _)| len)
}

/// How many bytes the datagram has, which may be more than there was room for, and who sent it.
pub fn recv_from(handle: u8, into: &mut [u8]) -> Result<(usize, SocketAddr)> {
    let (_, len, from) = rustix::net::recvfrom(find(handle)?, into, RecvFlags::TRUNC)?;
    Ok((len, plain(from)?))
}

pub fn send(handle: u8, from: &[u8]) -> Result<usize> {
    rustix::net::send(find(handle)?, from, SendFlags::NOSIGNAL)
}

pub fn send_to(handle: u8, from: &[u8], to: &SocketAddr) -> Result<usize> {
    rustix::net::sendto(find(handle)?, from, SendFlags::NOSIGNAL, to)
}

pub fn shutdown(handle: u8, half: Half) -> Result<()> {
    let how = match half {
        Half::Read => Shutdown::Read,
        Half::Write => Shutdown::Write,
    };
    rustix::net::shutdown(find(handle)?, how)
}

/// `SO_ERROR`: the number that waits.
pub fn error(handle: u8) -> Result<core::result::Result<(), Errno>> {
    sockopt::socket_error(find(handle)?)
}

pub fn is_listening(handle: u8) -> Result<bool> {
    sockopt::socket_acceptconn(find(handle)?)
}

pub fn name(handle: u8) -> Result<SocketAddr> {
    plain(Some(rustix::net::getsockname(find(handle)?)?))
}

pub fn peer_name(handle: u8) -> Result<SocketAddr> {
    plain(rustix::net::getpeername(find(handle)?)?)
}

fn plain(address: Option<SocketAddrAny>) -> Result<SocketAddr> {
    address.and_then(|address| SocketAddr::try_from(address).ok()).ok_or(Errno::AFNOSUPPORT)
}

/// Which of these are readable, writable, or in error: how many, and the three sets. An error is told in all three, and a
/// hang-up only as something to be read.
pub fn select(read: Set, write: Set, except: Set, timeout: Option<Duration>) -> Result<(usize, [Set; 3])> {
    let watched: Vec<_> = (0..MOST as u8)
        .filter(|handle| (read | write | except) >> handle & 1 == 1)
        .map(|handle| Ok((handle, find(handle)?)))
        .collect::<Result<_>>()?;
    let mut asked: Vec<_> = watched
        .iter()
        .map(|(handle, fd)| {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, read >> handle & 1 == 1);
            flags.set(PollFlags::OUT, write >> handle & 1 == 1);
            PollFd::new(fd, flags)
        })
        .collect();
    poll(&mut asked, timeout.map(timespec).as_ref())?;
    let came: Vec<_> = watched.iter().map(|(handle, _)| *handle).zip(asked.iter().map(PollFd::revents)).collect();
    let ready = |asked: Set, flags: PollFlags| {
        let ready = came.iter().filter(|(_, came)| came.intersects(flags | PollFlags::ERR));
        ready.fold(0, |set, (handle, _)| set | 1 << handle) & asked
    };
    let sets =
        [ready(read, PollFlags::IN | PollFlags::HUP), ready(write, PollFlags::OUT), ready(except, PollFlags::empty())];
    Ok((sets.iter().map(|set| set.count_ones() as usize).sum(), sets))
}

fn timespec(time: Duration) -> Timespec {
    // Whoever waits longer asks again.
    let time = time.min(Duration::from_secs(1 << 20));
    Timespec { tv_sec: time.as_secs() as _, tv_nsec: time.subsec_nanos() as _ }
}

/// What holds of a socket, as only the stack itself can see it.
pub fn shows(handle: u8, sign: Sign) -> Result<bool> {
    let flag = match sign {
        Sign::Data => PollFlags::IN,
        Sign::Urgent => PollFlags::PRI,
        Sign::End => PollFlags::RDHUP,
        Sign::HungUp => PollFlags::HUP,
        Sign::Error => PollFlags::ERR,
    };
    let fd = find(handle)?;
    let mut asked = [PollFd::new(&fd, flag)];
    poll(&mut asked, Some(&timespec(Duration::ZERO)))?;
    Ok(asked[0].revents().contains(flag))
}

pub fn now() -> Instant {
    static BEGINNING: OnceLock<std::time::Instant> = OnceLock::new();
    Instant::from_nanos(BEGINNING.get_or_init(std::time::Instant::now).elapsed().as_nanos() as u64)
}
