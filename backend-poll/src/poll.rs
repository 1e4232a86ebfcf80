//! The backend: a compact array of entries, and for each key where its entry is.

use core::time::Duration;

use rustix::event::PollFlags;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd};
use stheno_core::backend::{REGISTERED_TWICE, told, wait_on};
use stheno_core::{Backend, Error, ErrorKind, Fired, Instant, Interest, Key, Net, Readiness, Result, Storage};

use crate::entries::entry;
use crate::system::{failure, now, timespec};
use crate::{Memory, Place};

/// The poll backend, with its lists in the [`Memory`] that it is given.
///
/// Registering, changing and deregistering are O(1), growth of a list on the heap aside. A wait and its results together
/// are O(entries). Keys without an interest have no entry. (B3)
///
/// It knows keys and not descriptors: a second socket under a key is refused, a second key for a socket is watched beside
/// the first. (B2)
///
/// The system takes no list that is longer than the process may have descriptors (`RLIMIT_NOFILE`), which it is where that
/// was lowered after they were opened: the wait is an error then, until enough are deregistered or the limit is raised.
/// (B17)
///
/// A descriptor closed behind its back is INVALID once and then has no entry, until its interest changes. (B12)
///
/// ```
/// use stheno_core::{Backend, Net, Result};
/// use stheno_poll::{Fixed, Poll};
///
/// fn nobody_is_ready<N: Net>(net: &mut N) -> Result<bool>
/// where
///     N::Socket: rustix::fd::AsFd,
/// {
///     let mut poll = Poll::<Fixed<4>>::default();
///     Ok(poll.wait(net, Some(core::time::Duration::ZERO))? == 0)
/// }
/// ```
#[doc(alias = "ppoll")]
#[doc(alias = "pollfd")]
pub struct Poll<M: Memory> {
    entries: M::Entries,
    owners: M::Owners,
    places: M::Places,
    /// The entry to look for results from; goes on between waits, so that whoever takes few reaches all.
    cursor: usize,
}

impl<M: Memory> Poll<M> {
    /// Watches nothing yet. The lists are emptied.
    pub fn new(mut entries: M::Entries, mut owners: M::Owners, mut places: M::Places) -> Self {
        entries.truncate(0);
        owners.truncate(0);
        places.truncate(0);
        Self { entries, owners, places, cursor: 0 }
    }

    fn insert(&mut self, fd: BorrowedFd<'_>, key: Key, interest: Interest) -> Result<()> {
        while self.places.as_slice().len() <= key.index() {
            self.places.push(Place::default()).map_err(|_| FULL)?;
        }
        match self.place(key.index()) {
            Some(Place { interest: None, .. }) => {}
            Some(known) if known.generation == key.generation() => return Err(REGISTERED_TWICE),
            _ => return Err(OLD_KEY),
        }
        self.settle(fd, key, Interest::NONE, interest)
    }

    fn change(&mut self, fd: BorrowedFd<'_>, key: Key, interest: Interest) -> Result<()> {
        let before = self.interest(key).ok_or(NOT_REGISTERED)?;
        self.settle(fd, key, before, interest)
    }

    fn remove(&mut self, key: Key) {
        let Some(before) = self.interest(key) else { return };
        if !before.is_empty() {
            self.leave(key.index());
        }
        if let Some(place) = self.places.as_mut_slice().get_mut(key.index()) {
            place.interest = None;
        }
    }

    fn place(&self, index: usize) -> Option<Place> {
        self.places.as_slice().get(index).copied()
    }

    fn interest(&self, key: Key) -> Option<Interest> {
        self.place(key.index()).filter(|place| place.generation == key.generation())?.interest
    }

    /// Makes the entry, or its absence, what the interest asks for.
    fn settle(&mut self, fd: BorrowedFd<'_>, key: Key, before: Interest, after: Interest) -> Result<()> {
        match (before.is_empty(), after.is_empty()) {
            (true, true) => {}
            (true, false) => self.enter(fd, key, after)?,
            (false, true) => self.leave(key.index()),
            (false, false) => self.replace(fd, key, after),
        }
        if let Some(place) = self.places.as_mut_slice().get_mut(key.index()) {
            place.generation = key.generation();
            place.interest = Some(after);
        }
        Ok(())
    }

    fn enter(&mut self, fd: BorrowedFd<'_>, key: Key, interest: Interest) -> Result<()> {
        let position = self.entries.as_slice().len();
        self.entries.push(entry(fd, interest)).map_err(|_| FULL)?;
        // A key's index began as 32 bits, and there are no more entries than indices.
        if self.owners.push(key.index() as u32).is_err() {
            self.entries.truncate(position);
            return Err(FULL);
        }
        self.move_to(key.index(), position);
        Ok(())
    }

    /// An entry cannot be changed, and so is written anew.
    fn replace(&mut self, fd: BorrowedFd<'_>, key: Key, interest: Interest) {
        let position = self.position(key.index());
        if let Some(known) = self.entries.as_mut_slice().get_mut(position) {
            *known = entry(fd, interest);
        }
    }

    /// Takes the entry out; the last one moves into the gap.
    fn leave(&mut self, index: usize) {
        let position = self.position(index);
        self.entries.swap_remove(position);
        self.owners.swap_remove(position);
        if let Some(moved) = self.owners.as_slice().get(position).copied() {
            self.move_to(moved as usize, position);
        }
    }

    fn position(&self, index: usize) -> usize {
        self.place(index).map_or(usize::MAX, |place| place.position as usize)
    }

    fn move_to(&mut self, index: usize, position: usize) {
        if let Some(place) = self.places.as_mut_slice().get_mut(index) {
            place.position = position as u32;
        }
    }

    fn look<N: Net>(&mut self, timeout: Option<Duration>) -> Result<usize> {
        // An invalid entry that nobody took must not end this wait as well; taking it evicts it. (B12)
        let cursor = self.cursor;
        while self.take().is_some() {}
        self.cursor = cursor;
        wait_on::<N>(timeout, now, |left| {
            rustix::event::poll(self.entries.as_mut_slice(), left.map(timespec).as_ref())
                .map_err(|errno| failure(errno).doing("wait"))
        })
    }

    fn take(&mut self) -> Option<Fired> {
        let (position, flags) = self.search()?;
        self.cursor = position + 1;
        let index = self.owners.as_slice().get(position).copied()?;
        let place = self.place(index as usize)?;
        let key = Key::new(index, place.generation);
        if flags.contains(PollFlags::NVAL) {
            self.evict(index as usize);
            self.cursor = position;
            return Some(Fired { key, readiness: Readiness::INVALID });
        }
        Some(Fired { key, readiness: told(readiness(flags), place.interest.unwrap_or_default()) })
    }

    /// The next entry that holds something: one lap, from the cursor on. Its flags are cleared, so that it comes once
    /// wherever it is moved to.
    fn search(&mut self) -> Option<(usize, PollFlags)> {
        let entries = self.entries.as_mut_slice();
        let start = self.cursor.min(entries.len());
        let found = (start..entries.len())
            .chain(0..start)
            .find(|position| entries.get(*position).is_some_and(|entry| !entry.revents().is_empty()))?;
        let entry = entries.get_mut(found)?;
        let flags = entry.revents();
        entry.clear_revents();
        Some((found, flags))
    }

    fn evict(&mut self, index: usize) {
        self.leave(index);
        if let Some(place) = self.places.as_mut_slice().get_mut(index) {
            place.interest = Some(Interest::NONE);
        }
    }
}

impl<M: Memory> Default for Poll<M>
where
    M::Entries: Default,
    M::Owners: Default,
    M::Places: Default,
{
    fn default() -> Self {
        Self::new(Default::default(), Default::default(), Default::default())
    }
}

impl<N: Net, M: Memory> Backend<N> for Poll<M>
where
    N::Socket: AsFd,
{
    fn register(&mut self, _: &mut N, socket: &N::Socket, key: Key, interest: Interest) -> Result<()> {
        let fd = socket.as_fd();
        self.insert(fd, key, interest).map_err(|why| why.doing("register").on_descriptor(fd.as_raw_fd()))
    }

    fn reregister(&mut self, _: &mut N, socket: &N::Socket, key: Key, interest: Interest) -> Result<()> {
        let fd = socket.as_fd();
        self.change(fd, key, interest).map_err(|why| why.doing("reregister").on_descriptor(fd.as_raw_fd()))
    }

    fn deregister(&mut self, _: &mut N, _: &N::Socket, key: Key) -> Result<()> {
        self.remove(key);
        Ok(())
    }

    fn wait(&mut self, _: &mut N, timeout: Option<Duration>) -> Result<usize> {
        self.look::<N>(timeout)
    }

    fn next(&mut self) -> Option<Fired> {
        self.take()
    }

    fn now(&mut self, _: &N) -> Instant {
        now()
    }

    fn name(&self) -> &'static str {
        "poll"
    }
}

impl<M: Memory> stheno_core::Open for Poll<M>
where
    Self: Default,
{
    fn open() -> Result<Self> {
        Ok(Self::default())
    }
}

/// The kernel's flags in the loop's words.
fn readiness(flags: PollFlags) -> Readiness {
    Readiness::READABLE.when(flags.contains(PollFlags::IN))
        | Readiness::WRITABLE.when(flags.contains(PollFlags::OUT))
        | Readiness::PRIORITY.when(flags.contains(PollFlags::PRI))
        | Readiness::ERROR.when(flags.contains(PollFlags::ERR))
        | Readiness::HANGUP.when(flags.contains(PollFlags::HUP))
}

const FULL: Error = Error::new(ErrorKind::Full, "no room for another socket");
const OLD_KEY: Error = Error::new(ErrorKind::Invalid, "an earlier key of the same index is still registered");
const NOT_REGISTERED: Error = Error::new(ErrorKind::Invalid, "the key is not registered");
