//! A net of bare descriptors that does no I/O, and a backend together with it.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::mem::ManuallyDrop;
use std::time::Duration;

use rustix::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Resource, Rlimit};
use stheno_core::net::Half;
use stheno_core::{Backend, Error, ErrorKind, Fired, Instant, Interest, Key, Kind, Net, Readiness, Received, Result};

pub const R: Interest = Interest::READ;
pub const W: Interest = Interest::WRITE;
pub const P: Interest = Interest::PRIORITY;

pub struct Fds;

const NO: Result<()> = Err(Error::new(ErrorKind::Unsupported, "only watched here"));

impl Net for Fds {
    type Socket = OwnedFd;
    type Address = ();

    fn socket(&mut self, _: Kind, (): &()) -> Result<OwnedFd> {
        NO.map(|()| pair().0)
    }
    fn bind(&mut self, _: &mut OwnedFd, (): &()) -> Result<()> {
        NO
    }
    fn listen(&mut self, _: &mut OwnedFd, _: u32) -> Result<()> {
        NO
    }
    fn connect(&mut self, _: &mut OwnedFd, (): &()) -> Result<()> {
        NO
    }
    fn accept(&mut self, _: &mut OwnedFd) -> Result<Option<(OwnedFd, ())>> {
        NO.map(|()| None)
    }
    fn recv(&mut self, _: &mut OwnedFd, _: &mut [u8]) -> Result<Received> {
        NO.map(|()| Received::End)
    }
    fn send(&mut self, _: &mut OwnedFd, _: &[u8]) -> Result<Option<usize>> {
        NO.map(|()| None)
    }
    fn shutdown(&mut self, _: &mut OwnedFd, _: Half) -> Result<()> {
        NO
    }
    fn take_error(&mut self, _: &mut OwnedFd) -> Result<Option<Error>> {
        NO.map(|()| None)
    }
    fn local_address(&self, _: &OwnedFd) -> Result<()> {
        NO
    }
    fn peer_address(&self, _: &OwnedFd) -> Result<()> {
        NO
    }
    fn close(&mut self, _: OwnedFd) {}
}

/// A backend whose keys are small numbers, of generation 7.
pub struct Watch<B>(pub B);

impl<B: Backend<Fds>> Watch<B> {
    pub fn register(&mut self, fd: &OwnedFd, key: u32, interest: Interest) -> Result<()> {
        self.0.register(&mut Fds, fd, Key::new(key, 7), interest)
    }
    pub fn reregister(&mut self, fd: &OwnedFd, key: u32, interest: Interest) -> Result<()> {
        self.0.reregister(&mut Fds, fd, Key::new(key, 7), interest)
    }
    pub fn deregister(&mut self, fd: &OwnedFd, key: u32) -> Result<()> {
        self.0.deregister(&mut Fds, fd, Key::new(key, 7))
    }
    pub fn wait(&mut self, timeout: impl Into<Option<Duration>>) -> Result<usize> {
        self.0.wait(&mut Fds, timeout.into())
    }
    pub fn next(&mut self) -> Option<(u32, Readiness)> {
        self.0.next().map(|Fired { key, readiness }| {
            assert_eq!(key.generation(), 7);
            (key.index() as u32, readiness)
        })
    }
    pub fn now(&mut self) -> Instant {
        self.0.now(&Fds)
    }

    /// What is ready now, in order of keys; as many as the wait has said.
    #[track_caller]
    pub fn look(&mut self) -> Vec<(u32, Readiness)> {
        let said = self.wait(Duration::ZERO).unwrap();
        let mut found: Vec<_> = core::iter::from_fn(|| self.next()).collect();
        assert_eq!(found.len(), said);
        found.sort_by_key(|(key, _)| *key);
        found
    }

    /// Waits for nothing, and says by how much the wait was too long.
    #[track_caller]
    pub fn late(&mut self, timeout: Duration) -> Duration {
        let before = self.now();
        assert_eq!(self.wait(timeout), Ok(0));
        let after = self.now();
        assert!(after >= before + timeout, "{:?} instead of {timeout:?}", after.saturating_since(before));
        after.saturating_since(before + timeout)
    }

    /// The least lateness of several waits, which is what the system's load leaves alone.
    #[track_caller]
    pub fn least_late(&mut self, timeout: Duration) -> Duration {
        (0..20).map(|_| self.late(timeout)).min().unwrap()
    }
}

/// Two ends of a local stream.
pub fn pair() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None).unwrap()
}

/// A file, which is always ready.
pub fn null() -> OwnedFd {
    rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).unwrap()
}

/// The same file under a number from `least` on; numbers so high are nobody else's in this process. Where it may not have
/// as many, it is as far below the most as it would be below [`HIGHEST`].
pub fn high(fd: &OwnedFd, least: i32) -> OwnedFd {
    rustix::io::fcntl_dupfd_cloexec(fd, least).unwrap_or_else(|_| {
        let limit = rustix::process::getrlimit(Resource::Nofile);
        rustix::process::setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
        let most = limit.maximum.and_then(|most| i32::try_from(most).ok()).unwrap_or(i32::MAX);
        rustix::io::fcntl_dupfd_cloexec(fd, least - HIGHEST + most.min(HIGHEST)).unwrap()
    })
}

/// Above all that is asked of [`high`].
const HIGHEST: i32 = 3200;

/// A number that names nothing.
pub fn never_open(number: i32) -> ManuallyDrop<OwnedFd> {
    // SAFETY: not open, which is what is tested; nothing reads or closes through it.
    ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Closes the descriptor but keeps its number, as a program does that breaks clause B1.
pub fn close_behind(fd: OwnedFd) -> ManuallyDrop<OwnedFd> {
    let number = fd.into_raw_fd();
    // SAFETY: the number was owned by `fd`, and is closed once.
    unsafe { rustix::io::close(number) };
    never_open(number)
}

pub fn send(fd: &OwnedFd) {
    assert_eq!(rustix::io::write(fd, b"x"), Ok(1));
}

pub fn receive(fd: &OwnedFd) {
    assert_eq!(rustix::io::read(fd, &mut [0; 1]), Ok(1));
}

pub fn number(fd: &OwnedFd) -> i32 {
    fd.as_fd().as_raw_fd()
}
