//! What only an operating system has: numbers that can be watched, used up, and pulled from under the loop.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use stheno::Socket;

use super::{Failure, Verdict};

/// The same thing under a number from `least` on, which is nobody else's in this process.
pub(super) fn high(socket: &Socket, least: i32) -> Result<Socket, Failure> {
    Limit::raise_to(least as u64 + 64)?;
    Ok(Socket::adopt(rustix::io::fcntl_dupfd_cloexec(socket, least)?)?)
}

/// How many descriptors the process may have, until it is dropped.
#[derive(Debug)]
pub(crate) struct Limit {
    before: Rlimit,
}

impl Limit {
    /// Lets the process have at least so many, for good.
    pub(crate) fn raise_to(count: u64) -> Verdict {
        let limit = getrlimit(Resource::Nofile);
        if limit.current.is_some_and(|current| current < count) {
            let raised = Rlimit { current: Some(count), maximum: limit.maximum };
            setrlimit(Resource::Nofile, raised)
                .map_err(|why| format!("the case needs {count} descriptors, and may not have them: {why}"))?;
        }
        Ok(())
    }

    /// Lets the process have so many from now on; what is open stays so.
    pub(super) fn at(count: u64) -> Result<Self, Failure> {
        let before = getrlimit(Resource::Nofile);
        let limit = Self { before: Rlimit { ..before } };
        setrlimit(Resource::Nofile, Rlimit { current: Some(count), maximum: before.maximum })?;
        Ok(limit)
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        // It is what was allowed before.
        let _ = setrlimit(Resource::Nofile, Rlimit { ..self.before });
    }
}

/// A number that is closed behind the back of the loop whose channel owns it.
///
/// The loop will close it once more, which std's own checks of ownership take for the error that it is, and end the
/// program; so the number is given a new meaning before that.
#[derive(Clone)]
pub(super) struct Hole(Rc<Cell<Option<i32>>>);

impl Hole {
    pub(super) fn none() -> Self {
        Self(Rc::default())
    }

    pub(super) fn open(&self, number: i32) -> Verdict {
        nix::unistd::close(number)?;
        self.0.set(Some(number));
        Ok(())
    }

    /// Gives the number a new meaning: `/dev/null`.
    pub(super) fn fill(&self) {
        let Some(number) = self.0.take() else { return };
        let Ok(null) = std::fs::File::open("/dev/null") else { return };
        let copy = rustix::io::fcntl_dupfd_cloexec(&null, number).ok();
        for fd in [Some(null.into()), copy].into_iter().flatten().filter(|fd: &OwnedFd| fd.as_raw_fd() == number) {
            // It belongs to the channel from now on.
            let _ = ManuallyDrop::new(fd);
        }
    }

    /// Fills the hole when dropped, which is to be before the loop is.
    pub(super) fn guard(&self) -> impl Drop + use<> {
        Filling(self.clone())
    }
}

struct Filling(Hole);

impl Drop for Filling {
    fn drop(&mut self) {
        self.0.fill();
    }
}

/// No descriptor is left, until it is dropped.
#[derive(Debug)]
pub struct Shortage {
    hoard: Vec<std::fs::File>,
    _limit: Limit,
}

impl Shortage {
    pub(crate) fn of_descriptors() -> Result<Self, Failure> {
        let null = std::fs::File::open("/dev/null")?;
        // All numbers below it are in use, so it need not be far away.
        let limit = Limit::at(null.as_raw_fd() as u64 + 32)?;
        let mut hoard: Vec<_> = std::iter::from_fn(|| null.try_clone().ok()).collect();
        hoard.push(null);
        Ok(Self { hoard, _limit: limit })
    }

    /// Lets go of one descriptor.
    pub(crate) fn ease(&mut self) {
        self.hoard.pop();
    }
}

/// A folder of one case's own, which goes with it.
pub(super) struct Room(PathBuf);

impl Room {
    pub(super) fn new() -> Result<Self, Failure> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("stheno-room-{}-{number}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
