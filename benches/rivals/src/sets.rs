//! Sets of descriptors for select, of any size: the system takes as many bits as it is told, and only libc's own type ends at
//! `FD_SETSIZE`.

use std::io;

const BITS: usize = u64::BITS as usize;

/// A set of descriptors.
#[derive(Default)]
pub struct Set(Vec<u64>);

impl Set {
    pub fn insert(&mut self, fd: usize) {
        if self.0.len() <= fd / BITS {
            self.0.resize(fd / BITS + 1, 0);
        }
        self.0[fd / BITS] |= 1 << (fd % BITS);
    }

    pub fn remove(&mut self, fd: usize) {
        if let Some(word) = self.0.get_mut(fd / BITS) {
            *word &= !(1 << (fd % BITS));
        }
    }

    pub fn has(&self, fd: usize) -> bool {
        self.word(fd / BITS) & (1 << (fd % BITS)) != 0
    }

    /// How many words of 64 descriptors there are.
    pub const fn words(&self) -> usize {
        self.0.len()
    }

    /// The word of this number, empty where there is none.
    pub fn word(&self, number: usize) -> u64 {
        self.0.get(number).copied().unwrap_or(0)
    }

    /// Becomes the other one.
    pub fn copy(&mut self, other: &Self) {
        self.0.clone_from(&other.0);
    }
}

/// Waits until something in a set is ready, and leaves only that in them. How many there are.
pub fn select(readable: &mut Set, writable: &mut Set) -> io::Result<usize> {
    let words = readable.0.len().max(writable.0.len());
    readable.0.resize(words, 0);
    writable.0.resize(words, 0);
    let most = (words * BITS).min(i32::MAX as usize) as i32;
    let (readers, writers) = (readable.0.as_mut_ptr().cast(), writable.0.as_mut_ptr().cast());
    // SAFETY: both sets have as many bits as is said, in words of the size that the system counts in or a multiple of it, and
    // in memory they lie alike, for this is a little-endian system or one whose words have 64 bits.
    let fired = unsafe { libc::select(most, readers, writers, std::ptr::null_mut(), std::ptr::null_mut()) };
    usize::try_from(fired).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use super::{Set, select};
    use std::io::Write;
    use std::os::fd::AsRawFd;

    #[test]
    fn a_descriptor_past_fd_setsize_is_told() {
        stheno::raise_descriptor_limit().unwrap();
        let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        // SAFETY: the call makes a new descriptor, and memory is none of its business.
        let high = unsafe { libc::fcntl(ours.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 1500) };
        assert!(high >= 1500);
        let (mut readable, mut writable) = (Set::default(), Set::default());
        theirs.write_all(b"x").unwrap();
        readable.insert(high as usize);
        readable.insert(theirs.as_raw_fd() as usize);
        writable.insert(high as usize);
        assert_eq!(select(&mut readable, &mut writable).unwrap(), 2);
        assert!(readable.has(high as usize) && writable.has(high as usize));
        assert!(!readable.has(theirs.as_raw_fd() as usize));
        // SAFETY: it was made above and is nobody else's.
        unsafe { libc::close(high) };
    }
}
