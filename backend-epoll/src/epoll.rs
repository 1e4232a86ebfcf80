//! The backend: the kernel's set, a batch of what it reports, and the list of what it does not take.

use core::time::Duration;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use stheno_core::backend::{REGISTERED_TWICE, told, wait_on};
use stheno_core::{Backend, Error, ErrorKind, Fired, Instant, Interest, Key, Net, Open, Readiness, Result, Storage};

use crate::AlwaysReady;
use crate::always::Always;
use crate::batch::Batch;
use crate::system::{failure, now, timespec};
use crate::ticket::{pack, unpack};

/// The epoll backend: at most `BATCH` results from the kernel in one wait, and a list `A` of what is always ready.
///
/// Registering is one system call, a wait is one, and neither depends on how many sockets are watched. Of more than
/// `BATCH` that are ready, the kernel reports the others first next time. (B8) What is in the list comes with every wait
/// on top of the batch; where the list is full, such a file is refused as [`Full`](ErrorKind::Full). (B11)
///
/// By default the list is a `Vec` with feature `alloc`, and without it an `Array` of 8.
///
/// - **Keys** need an index below 2²⁹. (B11)
/// - **Timeouts** are exact with feature `linux_5_11`. Without it those under 20 milliseconds are too, at the price of a
///   second system call where they are not whole milliseconds, and longer ones are rounded up to whole milliseconds.
/// - **Twice** (B2) is told by the kernel, which knows descriptors and not keys, and none without an interest: a second key
///   for a socket is refused, a second socket under a key is watched beside the first.
/// - **Closed** descriptors are forgotten by the kernel in silence (B12), unless a duplicate is open: then their events
///   go on, and nothing can end them but closing the duplicate or the set. Deregistering acts on whatever has the number
///   by then. Hence clause B1.
/// - **Forks** share the set: what a child deregisters is gone for its parent. A child opens a set of its own.
///
/// ```
/// use stheno_core::{Backend, Net, Result};
/// use stheno_epoll::Epoll;
///
/// fn nobody_is_ready<N: Net>(net: &mut N) -> Result<bool>
/// where
///     N::Socket: rustix::fd::AsFd,
/// {
///     let mut epoll = Epoll::<16>::new()?;
///     Ok(epoll.wait(net, Some(core::time::Duration::ZERO))? == 0)
/// }
/// ```
#[doc(alias = "epoll_create1")]
#[doc(alias = "epoll_ctl")]
#[doc(alias = "epoll_pwait2")]
pub struct Epoll<const BATCH: usize = 256, A = List, F = OwnedFd> {
    set: F,
    events: Batch<BATCH>,
    /// The next event to take, and one past the last.
    next: usize,
    end: usize,
    always: Always<A>,
    /// Where to begin with results of which not all are taken: a fraction of their number, of 2³².
    start: u32,
    /// Whether what is always ready comes before the events.
    always_first: bool,
}

#[cfg(feature = "alloc")]
type List = alloc::vec::Vec<AlwaysReady>;
#[cfg(not(feature = "alloc"))]
type List = stheno_core::storage::Array<AlwaysReady, 8>;

impl<const BATCH: usize, A: Storage<AlwaysReady> + Default> Epoll<BATCH, A> {
    /// Opens a set that watches nothing. Needs one descriptor, which is closed on exec.
    pub fn new() -> Result<Self> {
        Self::with_list(A::default())
    }
}

impl<const BATCH: usize, A: Storage<AlwaysReady>> Epoll<BATCH, A> {
    /// Opens a set that watches nothing, with this list, which is emptied, for what is always ready.
    pub fn with_list(list: A) -> Result<Self> {
        let set = epoll::create(CreateFlags::CLOEXEC).map_err(|errno| failure(errno).doing("open an epoll set"))?;
        Ok(Self::over(set, list))
    }
}

impl<const BATCH: usize, A: Storage<AlwaysReady>, F: AsFd> Epoll<BATCH, A, F> {
    /// Takes an epoll set that was opened elsewhere and watches nothing yet, and this list, which is emptied.
    ///
    /// For programs without std, where rustix's own descriptors look at each use whether they are one, and panic if not.
    ///
    /// ```
    /// use rustix::event::epoll::{CreateFlags, create};
    /// use stheno_core::storage::Array;
    /// use stheno_epoll::{AlwaysReady, Epoll};
    /// let set = create(CreateFlags::CLOEXEC)?;
    /// let epoll = Epoll::<16, _, _>::over(&set, Array::<AlwaysReady, 4>::default());
    /// # Ok::<(), rustix::io::Errno>(())
    /// ```
    pub fn over(set: F, list: A) -> Self {
        const { assert!(BATCH > 0, "a batch of nothing would report nothing") };
        Self { set, events: Batch::EMPTY, next: 0, end: 0, always: Always::new(list), start: 0, always_first: false }
    }

    fn insert(&mut self, fd: BorrowedFd<'_>, key: Key, interest: Interest) -> Result<()> {
        let ticket = pack(key, interest).ok_or(INDEX_TOO_HIGH)?;
        if self.always.has(key, fd.as_raw_fd()) {
            return Err(REGISTERED_TWICE);
        }
        if interest.is_empty() { Ok(()) } else { self.add(fd, key, interest, ticket) }
    }

    fn add(&mut self, fd: BorrowedFd<'_>, key: Key, interest: Interest, ticket: u64) -> Result<()> {
        match epoll::add(&self.set, fd, EventData::new_u64(ticket), flags(interest)) {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => Err(REGISTERED_ALREADY),
            Err(Errno::PERM) => self.always.add(key, fd.as_raw_fd(), interest).map_err(|_| FULL),
            Err(errno) => Err(failure(errno)),
        }
    }

    fn change(&mut self, fd: BorrowedFd<'_>, key: Key, interest: Interest) -> Result<()> {
        let ticket = pack(key, interest).ok_or(INDEX_TOO_HIGH)?;
        if !self.always.change(key, fd.as_raw_fd(), interest) {
            if interest.is_empty() {
                match epoll::delete(&self.set, fd) {
                    Ok(()) | Err(Errno::NOENT | Errno::PERM) => {}
                    Err(errno) => return Err(failure(errno)),
                }
            } else {
                match epoll::modify(&self.set, fd, EventData::new_u64(ticket), flags(interest)) {
                    Ok(()) => {}
                    // Without an interest it was out of the set. (B3)
                    Err(Errno::NOENT | Errno::PERM) => self.add(fd, key, interest, ticket)?,
                    Err(errno) => return Err(failure(errno)),
                }
            }
        }
        self.amend(key, ticket);
        Ok(())
    }

    fn remove(&mut self, fd: BorrowedFd<'_>, key: Key) -> Result<()> {
        let Some(ticket) = pack(key, Interest::NONE) else { return Ok(()) };
        self.amend(key, ticket);
        if self.always.change(key, fd.as_raw_fd(), Interest::NONE) {
            return Ok(());
        }
        match epoll::delete(&self.set, fd) {
            Ok(()) | Err(Errno::NOENT | Errno::BADF | Errno::PERM) => Ok(()),
            Err(errno) => Err(failure(errno)),
        }
    }

    /// Lets results that are not taken yet tell only what is asked for now. O(results not taken), of which a loop that
    /// settles its interests at the end has none.
    fn amend(&mut self, key: Key, ticket: u64) {
        for event in self.events.0.get_mut(self.next..self.end).unwrap_or_default() {
            if unpack(event.data.u64()).0 == key {
                event.data = EventData::new_u64(ticket);
            }
        }
    }

    fn attempt(&mut self, timeout: Option<Duration>) -> Result<usize> {
        (self.next, self.end) = (0, 0);
        let always = self.always.begin();
        let timeout = if always > 0 { Some(Duration::ZERO) } else { timeout };
        match self.ask(timeout) {
            Ok(events) => {
                self.end = events;
                Ok(events + always)
            }
            Err(errno) => {
                self.always.abandon();
                Err(failure(errno).doing("wait"))
            }
        }
    }

    fn ask(&mut self, mut timeout: Option<Duration>) -> Result<usize, Errno> {
        #[cfg(not(feature = "linux_5_11"))]
        if let Some(time) = timeout.filter(|time| *time < FINE && time.subsec_nanos() % 1_000_000 != 0) {
            // epoll_wait would round up to a millisecond; ppoll takes nanoseconds, and a set can be watched like a socket.
            use rustix::event::{PollFd, PollFlags, poll};
            if poll(&mut [PollFd::new(&self.set, PollFlags::IN)], Some(&timespec(time)))? == 0 {
                return Ok(0);
            }
            timeout = Some(Duration::ZERO);
        }
        let timeout = timeout.take().map(timespec);
        epoll::wait(&self.set, &mut self.events.0, timeout.as_ref())
    }

    /// Begins elsewhere than the last time. The kernel tells those that fit into one batch in the same order each time, so
    /// whoever takes few would always take the same. (B8)
    fn rotate(&mut self) {
        // Steps of the golden ratio: whatever the number of results, and whatever the kernel does to their order, each of
        // them comes first in its time.
        self.start = self.start.wrapping_add(0x9e37_79b9);
        let results = (self.end + self.always.left()) as u64;
        let start = ((u64::from(self.start) * results) >> 32) as usize;
        self.always_first = start >= self.end;
        if self.always_first {
            self.always.rotate(start - self.end);
        } else if let Some(events) = self.events.0.get_mut(..self.end) {
            events.rotate_left(start);
        }
    }

    #[inline]
    fn take(&mut self) -> Option<Fired> {
        if self.always_first
            && let Some(fired) = self.always.take()
        {
            return Some(fired);
        }
        while self.next < self.end {
            let Some(event) = self.events.0.get(self.next) else { break };
            self.next += 1;
            let (key, interest) = unpack(event.data.u64());
            let readiness = tells(event.flags, interest);
            if !readiness.is_empty() {
                return Some(Fired { key, readiness });
            }
        }
        self.always.take()
    }
}

impl<N: Net, const BATCH: usize, A: Storage<AlwaysReady>, F: AsFd> Backend<N> for Epoll<BATCH, A, F>
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

    fn deregister(&mut self, _: &mut N, socket: &N::Socket, key: Key) -> Result<()> {
        let fd = socket.as_fd();
        self.remove(fd, key).map_err(|why| why.doing("deregister").on_descriptor(fd.as_raw_fd()))
    }

    fn wait(&mut self, _: &mut N, timeout: Option<Duration>) -> Result<usize> {
        let some_were_left = self.next < self.end || self.always.left() > 0;
        let results = wait_on::<N>(timeout, now, |left| self.attempt(left))?;
        self.always_first = false;
        if some_were_left {
            self.rotate();
        }
        Ok(results)
    }

    fn next(&mut self) -> Option<Fired> {
        self.take()
    }

    fn now(&mut self, _: &N) -> Instant {
        now()
    }

    fn name(&self) -> &'static str {
        "epoll"
    }
}

impl<const BATCH: usize, A: Storage<AlwaysReady> + Default> Open for Epoll<BATCH, A> {
    fn open() -> Result<Self> {
        Self::new()
    }
}

/// The set's own descriptor, readable while anything in it is ready (the list of what is always ready is not in it).
impl<const BATCH: usize, A, F: AsFd> AsFd for Epoll<BATCH, A, F> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.set.as_fd()
    }
}

fn flags(interest: Interest) -> EventFlags {
    let mut flags = EventFlags::empty();
    flags.set(EventFlags::IN, interest.contains(Interest::READ));
    flags.set(EventFlags::OUT, interest.contains(Interest::WRITE));
    flags.set(EventFlags::PRI, interest.contains(Interest::PRIORITY));
    flags
}

/// The kernel's flags in the loop's words: the same bits, but for two that have changed places.
const fn readiness(flags: EventFlags) -> Readiness {
    let bits = flags.bits() as u8;
    let same = bits & (EventFlags::IN.bits() | EventFlags::ERR.bits() | EventFlags::HUP.bits()) as u8;
    let (out, urgent) = (bits & EventFlags::OUT.bits() as u8, bits & EventFlags::PRI.bits() as u8);
    Readiness::from_bits_truncate(same | out >> 1 | urgent << 1)
}

const _: () = assert!(
    EventFlags::IN.bits() == Readiness::READABLE.bits() as u32
        && EventFlags::OUT.bits() >> 1 == Readiness::WRITABLE.bits() as u32
        && EventFlags::PRI.bits() << 1 == Readiness::PRIORITY.bits() as u32
        && EventFlags::ERR.bits() == Readiness::ERROR.bits() as u32
        && EventFlags::HUP.bits() == Readiness::HANGUP.bits() as u32
);

/// What the kernel's flags tell whoever has this interest: looked up, since it is asked for each event.
#[inline]
fn tells(flags: EventFlags, interest: Interest) -> Readiness {
    let (flags, interest) = (flags.bits() as usize % FLAGS, interest.bits() as usize);
    // What the mask leaves is always in the table.
    let told = TOLD.get(interest).and_then(|told| told.get(flags));
    told.copied().unwrap_or(Readiness::NONE)
}

/// For each interest, by the flags.
static TOLD: [[Readiness; FLAGS]; INTERESTS] = {
    let mut table = [[Readiness::NONE; FLAGS]; INTERESTS];
    let mut each = 0;
    while each < FLAGS * INTERESTS {
        let (interest, flags) = (each / FLAGS, each % FLAGS);
        let system = readiness(EventFlags::from_bits_retain(flags as u32));
        table[interest][flags] = told(system, Interest::from_bits_truncate(interest as u8));
        each += 1;
    }
    table
};

const INTERESTS: usize = Interest::ALL.bits() as usize + 1;
/// Those that the loop has words for are the lowest five bits.
const FLAGS: usize = 1 << 5;

/// Shorter waits are worth a second system call to be exact.
#[cfg(not(feature = "linux_5_11"))]
const FINE: Duration = Duration::from_millis(20);

const FULL: Error = Error::new(ErrorKind::Full, "no room for another file that is always ready");
const REGISTERED_ALREADY: Error = Error::new(ErrorKind::Invalid, "the descriptor is registered already");
const INDEX_TOO_HIGH: Error = Error::new(ErrorKind::Invalid, "the key's index is past what epoll's data holds");
