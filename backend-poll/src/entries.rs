//! The array that the system call takes.

use rustix::event::{PollFd, PollFlags};
use rustix::fd::BorrowedFd;
use stheno_core::{Interest, Storage};

/// A list of at most `N` entries inside the value itself.
///
/// Core's own `Array` does not do, since there is no default entry to fill it with.
///
/// ```
/// use stheno_core::Storage;
/// let mut one = stheno_poll::Entries::<1>::default();
/// assert!(one.push(stheno_poll::vacant()).is_ok());
/// assert!(one.push(stheno_poll::vacant()).is_err());
/// ```
#[doc(alias = "pollfd")]
#[derive(Clone, Debug)]
pub struct Entries<const N: usize> {
    items: [PollFd<'static>; N],
    len: usize,
}

/// An entry that watches nothing, to fill borrowed memory with.
///
/// ```
/// let memory: [_; 4] = core::array::from_fn(|_| stheno_poll::vacant());
/// ```
pub fn vacant() -> PollFd<'static> {
    PollFd::from_borrowed_fd(rustix::fs::CWD, PollFlags::empty())
}

/// An entry that watches the descriptor for longer than it is borrowed.
pub(crate) fn entry(fd: BorrowedFd<'_>, interest: Interest) -> PollFd<'static> {
    // SAFETY: the descriptor must be open for as long as the entry is in use. Clause B1 of the backend's contract says so:
    // whoever registers a socket deregisters it, which takes the entry out, before closing it. Where that is broken, the
    // kernel answers POLLNVAL or, if the number is in use again, speaks of another socket; nothing is read, written or
    // closed through an entry. Safe code cannot do this: a backend holds no borrow of sockets that the loop owns.
    #[allow(unsafe_code)]
    let fd = unsafe { core::mem::transmute::<BorrowedFd<'_>, BorrowedFd<'static>>(fd) };
    let mut asked = PollFlags::empty();
    asked.set(PollFlags::IN, interest.contains(Interest::READ));
    asked.set(PollFlags::OUT, interest.contains(Interest::WRITE));
    asked.set(PollFlags::PRI, interest.contains(Interest::PRIORITY));
    PollFd::from_borrowed_fd(fd, asked)
}

impl<const N: usize> Default for Entries<N> {
    fn default() -> Self {
        Self { items: core::array::from_fn(|_| vacant()), len: 0 }
    }
}

impl<const N: usize> Storage<PollFd<'static>> for Entries<N> {
    fn as_slice(&self) -> &[PollFd<'static>] {
        self.items.get(..self.len).unwrap_or_default()
    }

    fn as_mut_slice(&mut self) -> &mut [PollFd<'static>] {
        self.items.get_mut(..self.len).unwrap_or_default()
    }

    fn push(&mut self, item: PollFd<'static>) -> Result<(), PollFd<'static>> {
        let Some(place) = self.items.get_mut(self.len) else { return Err(item) };
        *place = item;
        self.len += 1;
        Ok(())
    }

    fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }
}
