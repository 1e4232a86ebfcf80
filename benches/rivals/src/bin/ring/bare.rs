//! The floors: bare loops over the system's calls.

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use stheno_rivals::echo::{BATCH, retried};
use stheno_rivals::ring::{Ring, Watch};
use stheno_rivals::sets::{Set, select};

type Failure = Box<dyn std::error::Error>;

pub struct OnEpoll {
    set: OwnedFd,
    readers: Vec<OwnedFd>,
    events: [MaybeUninit<Event>; BATCH],
}

impl Watch for OnEpoll {
    fn over(readers: Vec<OwnedFd>) -> Result<Self, Failure> {
        let set = epoll::create(CreateFlags::CLOEXEC)?;
        for (link, reader) in (0..).zip(&readers) {
            epoll::add(&set, reader, EventData::new_u64(link), EventFlags::IN)?;
        }
        Ok(Self { set, readers, events: [MaybeUninit::uninit(); BATCH] })
    }

    fn turn(&mut self, ring: &mut Ring) -> Result<(), Failure> {
        let (events, _) = match epoll::wait(&self.set, &mut self.events, None) {
            Err(Errno::INTR) => return Ok(()),
            events => events?,
        };
        for event in events {
            let link = event.data.u64() as usize;
            ring.take(link, &self.readers[link])?;
        }
        Ok(())
    }
}

pub struct OnPoll {
    readers: Vec<OwnedFd>,
    entries: Vec<libc::pollfd>,
}

impl Watch for OnPoll {
    fn over(readers: Vec<OwnedFd>) -> Result<Self, Failure> {
        let entry = |reader: &OwnedFd| libc::pollfd { fd: reader.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        Ok(Self { entries: readers.iter().map(entry).collect(), readers })
    }

    fn turn(&mut self, ring: &mut Ring) -> Result<(), Failure> {
        // SAFETY: the array is as long as is said, and nobody else has it while the call lasts.
        let fired = unsafe { libc::poll(self.entries.as_mut_ptr(), self.entries.len() as libc::nfds_t, -1) };
        let Ok(mut left) = usize::try_from(fired) else {
            let why = std::io::Error::last_os_error();
            return if why.kind() == std::io::ErrorKind::Interrupted { Ok(()) } else { Err(why.into()) };
        };
        for (link, entry) in self.entries.iter().enumerate() {
            if left == 0 {
                break;
            }
            if entry.revents != 0 {
                left -= 1;
                ring.take(link, &self.readers[link])?;
            }
        }
        Ok(())
    }
}

pub struct OnSelect {
    /// By descriptor: the link and its reading end.
    readers: Vec<Option<(usize, OwnedFd)>>,
    wanted: Set,
    readable: Set,
    writable: Set,
}

impl Watch for OnSelect {
    fn over(readers: Vec<OwnedFd>) -> Result<Self, Failure> {
        let (mut by_descriptor, mut wanted) = (Vec::new(), Set::default());
        for (link, reader) in readers.into_iter().enumerate() {
            let fd = reader.as_raw_fd() as usize;
            if by_descriptor.len() <= fd {
                by_descriptor.resize_with(fd + 1, || None);
            }
            wanted.insert(fd);
            by_descriptor[fd] = Some((link, reader));
        }
        Ok(Self { readers: by_descriptor, wanted, readable: Set::default(), writable: Set::default() })
    }

    fn turn(&mut self, ring: &mut Ring) -> Result<(), Failure> {
        self.readable.copy(&self.wanted);
        let Some(mut left) = retried(|| select(&mut self.readable, &mut self.writable))? else { return Ok(()) };
        for word in 0..self.readable.words() {
            if left == 0 {
                break;
            }
            let mut fired = self.readable.word(word);
            while fired != 0 {
                let fd = word * u64::BITS as usize + fired.trailing_zeros() as usize;
                fired &= fired - 1;
                left -= 1;
                if let Some((link, reader)) = &self.readers[fd] {
                    ring.take(*link, reader)?;
                }
            }
        }
        Ok(())
    }
}
