//! What is always ready, and so not watched by the kernel. (B10)

use stheno_core::{Fired, Interest, Key, Readiness, Result, Storage};

/// One channel that is always ready: an item of the list that an [`Epoll`](crate::Epoll) keeps.
///
/// ```
/// use stheno_core::storage::Array;
/// use stheno_epoll::{AlwaysReady, Epoll};
/// let four_files = Epoll::<16, Array<AlwaysReady, 4>>::new()?;
/// # Ok::<(), stheno_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AlwaysReady {
    key: Key,
    interest: Interest,
}

/// What no list reports; memory for lists may be filled with it.
impl Default for AlwaysReady {
    fn default() -> Self {
        Self { key: Key::new(0, 0), interest: Interest::NONE }
    }
}

/// The list, and how far a wait's results have been taken from it.
///
/// A file is never exceptional, so that only those are in the list who want to read or write. Searching is O(length);
/// only descriptors that the kernel refuses, and those deregistered while there are any, are searched for.
pub(crate) struct Always<A> {
    list: A,
    next: usize,
    end: usize,
}

impl<A: Storage<AlwaysReady>> Always<A> {
    pub(crate) fn new(mut list: A) -> Self {
        list.truncate(0);
        Self { list, next: 0, end: 0 }
    }

    pub(crate) fn has(&self, key: Key) -> bool {
        self.index(key).is_some()
    }

    /// Puts a key in, if it wants what a file can be. `Err` where the list is full.
    pub(crate) fn add(&mut self, key: Key, interest: Interest) -> Result<(), AlwaysReady> {
        let interest = interest - Interest::PRIORITY;
        if interest.is_empty() { Ok(()) } else { self.list.push(AlwaysReady { key, interest }) }
    }

    /// Changes the interest of a key; without one it leaves the list. `false` where the key is not in the list.
    pub(crate) fn change(&mut self, key: Key, interest: Interest) -> bool {
        let Some(index) = self.index(key) else { return false };
        let interest = interest - Interest::PRIORITY;
        let items = self.list.as_mut_slice();
        if !interest.is_empty() {
            if let Some(item) = items.get_mut(index) {
                item.interest = interest;
            }
            return true;
        }
        // The others keep their order, so that those still to be taken stay between `next` and `end`.
        items.get_mut(index..).unwrap_or_default().rotate_left(1);
        let len = items.len();
        self.list.truncate(len.saturating_sub(1));
        self.next -= usize::from(index < self.next);
        self.end -= usize::from(index < self.end);
        true
    }

    /// Makes all of the list results, and says how many that is.
    pub(crate) fn begin(&mut self) -> usize {
        self.next = 0;
        self.end = self.list.as_slice().len();
        self.end
    }

    pub(crate) fn take(&mut self) -> Option<Fired> {
        let item = self.list.as_slice().get(self.next..self.end)?.first()?;
        self.next += 1;
        Some(Fired { key: item.key, readiness: wanted(item) })
    }

    /// How many results are still to be taken.
    pub(crate) fn left(&self) -> usize {
        self.end.saturating_sub(self.next)
    }

    /// Begins the results with another one of the list.
    pub(crate) fn rotate(&mut self, by: usize) {
        let items = self.list.as_mut_slice();
        items.rotate_left(by.min(items.len()));
    }

    fn index(&self, key: Key) -> Option<usize> {
        self.list.as_slice().iter().position(|item| item.key == key)
    }
}

fn wanted(item: &AlwaysReady) -> Readiness {
    Readiness::READABLE.when(item.interest.contains(Interest::READ))
        | Readiness::WRITABLE.when(item.interest.contains(Interest::WRITE))
}
