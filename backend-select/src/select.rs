//! The backend: interests become sets, and what comes back becomes results.

use core::time::Duration;

use rustix::event::{Timespec, fd_set_num_elements};
use rustix::fd::{AsFd, AsRawFd, RawFd};
use rustix::io::Errno;
use stheno_core::backend::{Except, REGISTERED_TWICE, wait_on};
use stheno_core::{Backend, Error, ErrorKind, Fired, Instant, Interest, Key, Net, Readiness, Result};

use crate::Memory;
use crate::memory::sealed::Parts;
use crate::sets::{BITS, Word, bits, elements, has, put, put_word, union};
use crate::system::{failure, now, timespec};

/// The select backend, in the [`Memory`] that it is given.
///
/// Registering is O(1), or O(words) where the highest descriptor changes. A wait, its results included, is O(words) and
/// O(results). Timeouts are as exact as the kernel's timer.
///
/// It knows descriptors: a second key for a socket is refused, a second socket under a key is watched beside the first.
/// (B2) A descriptor closed behind its back makes the whole call fail; each is then asked for by itself, and those that are
/// closed are INVALID once and out of the sets. (B12)
///
/// ```
/// use stheno_core::{Backend, Net, Result};
/// use stheno_select::{Fixed, Select};
///
/// fn nobody_is_ready<N: Net>(net: &mut N) -> Result<bool>
/// where
///     N::Socket: rustix::fd::AsFd,
/// {
///     let mut select = Select::new(Fixed::<1, 16>::default());
///     Ok(select.wait(net, Some(core::time::Duration::ZERO))? == 0)
/// }
/// ```
#[doc(alias = "pselect")]
#[doc(alias = "fd_set")]
#[doc(alias = "FD_SETSIZE")]
pub struct Select<M> {
    memory: M,
    base: usize,
    except: Except,
    /// One past the highest descriptor in a set: what the call takes as `nfds`.
    bound: usize,
    /// How many words of the ready sets hold results: those still to be taken, and nothing else.
    words: usize,
    /// The descriptor to look for results from; goes on between waits, so that whoever takes few reaches all.
    cursor: usize,
    /// Whether the results are descriptors that proved to be closed.
    invalid: bool,
}

impl<M: Memory> Select<M> {
    /// Watches nothing yet.
    pub fn new(memory: M) -> Self {
        Self::with_base(memory, 0)
    }

    /// Watches nothing yet, and never descriptors below `base`; those need no keys then.
    ///
    /// For systems whose sockets have the highest numbers. The sets begin at 0 all the same, as the system wants them.
    pub fn with_base(memory: M, base: RawFd) -> Self {
        let base = usize::try_from(base).unwrap_or(0);
        Self { memory, base, except: Except::Urgent, bound: 0, words: 0, cursor: 0, invalid: false }
    }

    /// The same, for a system whose third set means this.
    ///
    /// ```
    /// use stheno_core::backend::Except;
    /// use stheno_select::{Fixed, Select};
    /// // ESP-IDF: ten sockets that have the numbers from 54 on, and whose errors may show in the third set alone.
    /// let select = Select::with_base(Fixed::<2, 10>::default(), 54).excepting(Except::Trouble);
    /// ```
    #[must_use]
    #[doc(alias = "exceptfds")]
    pub fn excepting(mut self, except: Except) -> Self {
        self.except = except;
        self
    }

    fn insert(&mut self, number: RawFd, key: Key, interest: Interest) -> Result<()> {
        let (descriptor, index) = self.locate(number).ok_or(BELOW_BASE)?;
        self.memory.make_room(descriptor, index)?;
        match self.memory.parts().keys.get_mut(index) {
            Some(place @ None) => *place = Some(key),
            Some(Some(known)) if *known == key => return Err(REGISTERED_TWICE),
            _ => return Err(ANOTHER_KEY),
        }
        self.want(descriptor, interest);
        Ok(())
    }

    fn change(&mut self, number: RawFd, key: Key, interest: Interest) -> Result<()> {
        let (descriptor, _) = self.locate(number).filter(|at| self.key(at.1) == Some(key)).ok_or(NOT_REGISTERED)?;
        self.want(descriptor, interest);
        Ok(())
    }

    /// Asks no system call, so that it also works once the descriptor is closed.
    fn remove(&mut self, number: RawFd, key: Key) {
        let Some((descriptor, index)) = self.locate(number).filter(|at| self.key(at.1) == Some(key)) else { return };
        self.want(descriptor, Interest::NONE);
        self.forget(index);
    }

    fn locate(&self, number: RawFd) -> Option<(usize, usize)> {
        let descriptor = usize::try_from(number).ok()?;
        Some((descriptor, descriptor.checked_sub(self.base)?))
    }

    fn key(&mut self, index: usize) -> Option<Key> {
        self.memory.parts().keys.get(index).copied().flatten()
    }

    fn forget(&mut self, index: usize) {
        if let Some(place) = self.memory.parts().keys.get_mut(index) {
            *place = None;
        }
    }

    /// Puts the descriptor into the sets that the interest names and takes it out of the others.
    fn want(&mut self, descriptor: usize, interest: Interest) {
        let [read, write] = [Interest::READ, Interest::WRITE].map(|bit| interest.contains(bit));
        let asked = [read, write, self.except.watches(interest)];
        let Parts { mut want, mut ready, .. } = self.memory.parts();
        for ((want, ready), asked) in want.iter_mut().zip(&mut ready).zip(&asked) {
            put(want, descriptor, *asked);
            // A result that is not taken yet must not tell what nobody asks for any longer.
            if !asked {
                put(ready, descriptor, false);
            }
        }
        if !interest.is_empty() {
            self.bound = self.bound.max(descriptor + 1);
        } else if descriptor + 1 == self.bound {
            self.tighten();
        }
    }

    fn tighten(&mut self) {
        let want = self.memory.parts().want;
        let highest = |word| union(&want, word).last().map(|bit| word * BITS + bit + 1);
        self.bound = (0..self.bound.div_ceil(BITS)).rev().find_map(highest).unwrap_or(0);
    }

    /// One call. `Ok(0)` where nothing was ready, or where nothing is known after all.
    fn attempt(&mut self, timeout: Option<Duration>) -> Result<usize> {
        self.invalid = false;
        self.words = self.bound.div_ceil(BITS);
        let Parts { want, mut ready, .. } = self.memory.parts();
        for (ready, want) in ready.iter_mut().zip(&want) {
            for (ready, want) in ready.iter_mut().zip(want.iter()).take(self.words) {
                *ready = *want;
            }
        }
        match call(self.bound, ready, timeout.map(timespec).as_ref()) {
            Ok(found) => Ok(self.count(found)),
            Err(Errno::BADF) => Ok(self.evict()),
            Err(why) => {
                // A call that failed, or that a signal ended, leaves in the sets what was asked for.
                self.count(0);
                Err(failure(why).doing("wait"))
            }
        }
    }

    /// Counts the descriptors behind so many bits, and clears what comes after them: the kernel leaves words that are
    /// past its table as they were asked for.
    fn count(&mut self, found: usize) -> usize {
        let Parts { mut ready, .. } = self.memory.parts();
        let mut missing = found;
        let mut results = 0;
        for word in 0..self.words {
            if missing == 0 {
                for word in ready.iter_mut().filter_map(|set| set.get_mut(word)) {
                    *word = 0;
                }
                continue;
            }
            let bits_here: usize = ready.iter().map(|set| bits(set, word).count()).sum();
            missing = missing.saturating_sub(bits_here);
            results += union(&ready, word).count();
        }
        results
    }

    /// Finds the descriptors that are closed, takes them out, and makes them the results. (B12)
    ///
    /// Asks select itself, first for a word's descriptors together and then, where one is bad, for each alone.
    fn evict(&mut self) -> usize {
        self.invalid = true;
        self.count(0);
        let Parts { mut want, ready: [probe, closed, _], .. } = self.memory.parts();
        let mut results = 0;
        for word in 0..self.words {
            // Whatever the call leaves in the set, it leaves in this word.
            let mut is_bad = |bits: Word| {
                put_word(probe, word, bits);
                let answer = call((word + 1) * BITS, [&mut *probe, &mut [], &mut []], Some(&timespec(Duration::ZERO)));
                put_word(probe, word, 0);
                answer == Err(Errno::BADF)
            };
            let watched = union(&want, word);
            if !is_bad(watched.0) {
                continue;
            }
            for bit in watched.filter(|bit| is_bad(1 << bit)) {
                let descriptor = word * BITS + bit;
                put(closed, descriptor, true);
                want.iter_mut().for_each(|set| put(set, descriptor, false));
                results += 1;
            }
        }
        self.tighten();
        results
    }

    fn take(&mut self) -> Option<Fired> {
        let (descriptor, mut readiness) = self.search()?;
        self.cursor = descriptor + 1;
        let index = descriptor.saturating_sub(self.base);
        let key = self.key(index)?;
        if self.invalid {
            // The number may soon name another socket, which must find its place vacant.
            self.forget(index);
            readiness = Readiness::INVALID;
        }
        Some(Fired { key, readiness })
    }

    /// Takes the next descriptor out of the ready sets: one lap, from the cursor on.
    fn search(&mut self) -> Option<(usize, Readiness)> {
        let except = self.except;
        let Parts { mut ready, want, .. } = self.memory.parts();
        let mut at = if self.cursor / BITS < self.words { self.cursor } else { 0 };
        // The first word comes again at the end, for the bits below the cursor.
        for _ in 0..=self.words {
            let word = at / BITS;
            let Some(bit) = union(&ready, word).find(|bit| *bit >= at % BITS) else {
                at = if word + 1 < self.words { (word + 1) * BITS } else { 0 };
                continue;
            };
            let descriptor = word * BITS + bit;
            let [read, write, _] = &want;
            let (read, write) = (has(read, descriptor), has(write, descriptor));
            let wanted = Interest::READ.when(read) | Interest::WRITE.when(write) | Interest::PRIORITY;
            let mut readiness = Readiness::NONE;
            for (set, says) in ready.iter_mut().zip(&[Readiness::READABLE, Readiness::WRITABLE, except.says(wanted)]) {
                if has(set, descriptor) {
                    put(set, descriptor, false);
                    readiness |= *says;
                }
            }
            return Some((descriptor, readiness));
        }
        None
    }
}

impl<N: Net, M: Memory> Backend<N> for Select<M>
where
    N::Socket: AsFd,
{
    fn register(&mut self, _: &mut N, socket: &N::Socket, key: Key, interest: Interest) -> Result<()> {
        let number = socket.as_fd().as_raw_fd();
        self.insert(number, key, interest).map_err(|why| why.doing("register").on_descriptor(number))
    }

    fn reregister(&mut self, _: &mut N, socket: &N::Socket, key: Key, interest: Interest) -> Result<()> {
        let number = socket.as_fd().as_raw_fd();
        self.change(number, key, interest).map_err(|why| why.doing("reregister").on_descriptor(number))
    }

    fn deregister(&mut self, _: &mut N, socket: &N::Socket, key: Key) -> Result<()> {
        self.remove(socket.as_fd().as_raw_fd(), key);
        Ok(())
    }

    fn wait(&mut self, _: &mut N, timeout: Option<Duration>) -> Result<usize> {
        wait_on::<N>(timeout, now, |left| self.attempt(left))
    }

    fn next(&mut self) -> Option<Fired> {
        self.take()
    }

    fn now(&mut self, _: &N) -> Instant {
        now()
    }

    fn name(&self) -> &'static str {
        "select"
    }
}

impl<M: Memory + Default> stheno_core::Open for Select<M> {
    fn open() -> Result<Self> {
        Ok(Self::new(M::default()))
    }
}

/// Calls select for the descriptors below `bound`, for which each set has room, or is empty and stands for none.
fn call(bound: usize, sets: [&mut [Word]; 3], timeout: Option<&Timespec>) -> Result<usize, Errno> {
    let number = i32::try_from(bound).map_err(|_| Errno::INVAL)?;
    // A set that is too short must not reach the call, which would panic; counted as the call counts, so that the compiler
    // sees that it does not.
    let words = fd_set_num_elements(0, number);
    let [read, write, except] = sets;
    let (read, write, except) =
        (elements(read).get_mut(..words), elements(write).get_mut(..words), elements(except).get_mut(..words));
    // SAFETY: the call asks that each descriptor in the sets is open. Clause B1 of the backend's contract says so: whoever
    // registers a socket deregisters it before closing it. Where that is broken the kernel answers EBADF or, if the
    // number is in use again, speaks of another socket; no memory is touched but the slices given, each of which holds
    // `words` words. Safe code cannot do this: rustix has no select that borrows its descriptors.
    #[allow(unsafe_code)]
    let found = unsafe { rustix::event::select(number, read, write, except, timeout) };
    found.map(|found| usize::try_from(found).unwrap_or(0))
}

const BELOW_BASE: Error = Error::new(ErrorKind::Invalid, "the descriptor is below the first that can be watched");
const ANOTHER_KEY: Error = Error::new(ErrorKind::Invalid, "the descriptor is registered under another key");
const NOT_REGISTERED: Error = Error::new(ErrorKind::Invalid, "the key is not registered for this descriptor");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fixed;

    #[test]
    fn the_bound_is_one_past_the_highest_that_is_wanted() {
        let mut select = Select::new(Fixed::<4, 0>::default());
        for descriptor in [3, 2 * BITS + 6, 5] {
            select.want(descriptor, Interest::WRITE);
        }
        assert_eq!(select.bound, 2 * BITS + 7);
        for (gone, bound) in [(5, 2 * BITS + 7), (2 * BITS + 6, 4), (3, 0)] {
            select.want(gone, Interest::NONE);
            assert_eq!(select.bound, bound, "without {gone}");
        }
    }
}
