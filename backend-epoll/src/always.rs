//! What is always ready, and so not watched by the kernel. (B10)

use rustix::fd::RawFd;
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
    descriptor: RawFd,
    interest: Interest,
}

/// What no list reports; memory for lists may be filled with it.
impl Default for AlwaysReady {
    fn default() -> Self {
        Self { key: Key::new(0, 0), descriptor: -1, interest: Interest::NONE }
    }
}

/// The list, and how far a wait's results have been taken from it.
///
/// A file is never exceptional, so that only those are in the list who want to read or write. Each is known by its key and
/// its descriptor together: a key may be a socket's as well, which the kernel watches. (B2) Searching is O(length); only
/// descriptors that the kernel refuses, and those changed or deregistered while there are any, are searched for.
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

    pub(crate) fn has(&self, key: Key, descriptor: RawFd) -> bool {
        self.index(key, descriptor).is_some()
    }

    /// Puts a key in, if it wants what a file can be. `Err` where the list is full.
    pub(crate) fn add(&mut self, key: Key, descriptor: RawFd, interest: Interest) -> Result<(), AlwaysReady> {
        let interest = interest - Interest::PRIORITY;
        if interest.is_empty() { Ok(()) } else { self.list.push(AlwaysReady { key, descriptor, interest }) }
    }

    /// Changes the interest of a key; without one it leaves the list. `false` where it is not in the list.
    pub(crate) fn change(&mut self, key: Key, descriptor: RawFd, interest: Interest) -> bool {
        let Some(index) = self.index(key, descriptor) else { return false };
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

    /// Leaves nothing to take, as a wait that failed has to.
    pub(crate) fn abandon(&mut self) {
        self.end = self.next;
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

    fn index(&self, key: Key, descriptor: RawFd) -> Option<usize> {
        self.list.as_slice().iter().position(|item| item.key == key && item.descriptor == descriptor)
    }
}

fn wanted(item: &AlwaysReady) -> Readiness {
    Readiness::READABLE.when(item.interest.contains(Interest::READ))
        | Readiness::WRITABLE.when(item.interest.contains(Interest::WRITE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use stheno_core::storage::Array;

    const fn key(index: u32) -> Key {
        Key::new(index, 0)
    }

    const FILE: RawFd = 7;

    /// Three that are always ready, the first of which has been taken.
    fn one_of_three_taken() -> Always<Array<AlwaysReady, 4>> {
        let mut always = Always::new(Array::default());
        for index in 0..3 {
            always.add(key(index), FILE, Interest::READ).unwrap();
        }
        assert_eq!(always.begin(), 3);
        assert_eq!(always.take().map(|fired| fired.key), Some(key(0)));
        always
    }

    #[test]
    fn who_leaves_or_comes_between_results_neither_hides_nor_doubles_another() {
        for (gone, left) in [(0, &[1, 2][..]), (1, &[2]), (2, &[1])] {
            let mut always = one_of_three_taken();
            assert!(always.change(key(gone), FILE, Interest::NONE));
            assert_eq!(always.left(), left.len());
            for index in left {
                assert_eq!(always.take().map(|fired| fired.key), Some(key(*index)), "{gone} is gone");
            }
            assert!(always.take().is_none());
        }
        let mut always = one_of_three_taken();
        always.add(key(3), FILE, Interest::READ).unwrap();
        assert_eq!(always.left(), 2, "the fourth is for the next wait");
        assert!(always.change(key(3), FILE, Interest::NONE));
        assert_eq!(always.left(), 2);
    }

    #[test]
    fn a_key_of_another_descriptor_is_another_one() {
        let mut always = one_of_three_taken();
        assert!(always.has(key(1), FILE) && !always.has(key(1), FILE + 1));
        assert!(!always.change(key(1), FILE + 1, Interest::NONE));
        always.add(key(1), FILE + 1, Interest::WRITE).unwrap();
        assert!(always.change(key(1), FILE, Interest::NONE));
        assert!(always.has(key(1), FILE + 1) && !always.has(key(1), FILE));
    }

    #[test]
    fn what_was_abandoned_is_not_taken() {
        let mut always = one_of_three_taken();
        always.abandon();
        assert_eq!((always.left(), always.take().is_none()), (0, true));
        assert_eq!(always.begin(), 3);
    }
}
