//! Memory cut into chunks, those that are free in a list that lies in the chunks themselves.
//!
//! In front of each chunk's bytes stands what is known of it: three little numbers. The list is a stack, so that what was
//! used last, and is in the cache, is used next; chunks that were never lent are not in it, and their memory not touched.

use super::{CHUNK_BYTES, Memory, NO_CHUNK};
use crate::{Buffer, Result};

/// No chunk, or nobody.
pub(super) const NONE: u32 = u32::MAX;

/// The bytes in front of each chunk.
pub(super) const HEADER: usize = 12;

#[derive(Debug)]
pub(super) struct Chunks<S> {
    memory: S,
    /// What one chunk holds.
    pub(super) bytes: u16,
    pub(super) count: u32,
    /// How many nobody holds.
    pub(super) left: u32,
    /// The first free one that was lent before.
    free: u32,
    /// The first one that never was.
    fresh: u32,
}

/// What is known of a chunk that is lent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Header {
    /// Free: the next free one. Lent: the next one of the same channel.
    next: u32,
    /// The index of the channel that holds it.
    holder: u32,
    /// Where what waits in it begins, and how many bytes it is.
    start: u16,
    len: u16,
}

impl<S: Memory> Chunks<S> {
    pub(super) fn new(memory: S, bytes: usize) -> Result<Self> {
        let Some(bytes) = u16::try_from(bytes).ok().filter(|bytes| *bytes > 0) else { return Err(CHUNK_BYTES) };
        let fit = memory.capacity() / stride(bytes);
        // More than can be numbered are not used.
        let count = u32::try_from(fit).unwrap_or(NONE).min(NONE - 1);
        if count == 0 {
            return Err(NO_CHUNK);
        }
        Ok(Self { memory, bytes, count, left: count, free: NONE, fresh: 0 })
    }

    /// A chunk for this channel, in front of another that it holds.
    pub(super) fn lend(&mut self, holder: u32, next: u32) -> Option<u32> {
        let chunk = if self.free != NONE {
            let chunk = self.free;
            self.free = self.next(chunk);
            chunk
        } else if self.fresh < self.count {
            let chunk = self.fresh;
            self.fresh += 1;
            self.memory.make_ready(self.at(self.fresh));
            chunk
        } else {
            return None;
        };
        self.left = self.left.saturating_sub(1);
        self.write(chunk, Header { next, holder, start: 0, len: 0 });
        Some(chunk)
    }

    pub(super) fn give_back(&mut self, chunk: u32) {
        self.write(chunk, Header { next: self.free, holder: NONE, start: 0, len: 0 });
        self.free = chunk;
        self.left = self.left.saturating_add(1);
    }

    pub(super) fn next(&self, chunk: u32) -> u32 {
        self.read(chunk).map_or(NONE, |header| header.next)
    }

    pub(super) fn set_next(&mut self, chunk: u32, next: u32) {
        if let Some(header) = self.read(chunk) {
            self.write(chunk, Header { next, ..header });
        }
    }

    /// Whether this channel holds the chunk, with so many bytes that wait in it.
    pub(super) fn is_held(&self, chunk: u32, holder: u32, len: u16) -> bool {
        self.read(chunk).is_some_and(|header| header.holder == holder && header.len == len)
    }

    /// What waits in a chunk, as a buffer over it.
    pub(super) fn buffer(&mut self, chunk: u32) -> Buffer<&mut [u8]> {
        let position = self.read(chunk).map_or((0, 0), |header| (header.start.into(), header.len.into()));
        let (at, bytes) = (self.at(chunk), self.bytes.into());
        let rest = self.memory.bytes_mut().get_mut(at..).and_then(|rest| rest.get_mut(HEADER..)).unwrap_or_default();
        Buffer::at(rest.get_mut(..bytes).unwrap_or_default(), position)
    }

    /// Remembers what the buffer over a chunk has come to. Says how many bytes wait.
    pub(super) fn keep(&mut self, chunk: u32, (start, len): (usize, usize)) -> u16 {
        // Neither is more than a chunk holds.
        let (start, len) = (start as u16, len as u16);
        if let Some(header) = self.read(chunk) {
            self.write(chunk, Header { start, len, ..header });
        }
        len
    }

    /// Where a chunk's header is; past the end for one that does not exist.
    fn at(&self, chunk: u32) -> usize {
        (chunk as usize).saturating_mul(stride(self.bytes))
    }

    fn read(&self, chunk: u32) -> Option<Header> {
        let header = self.memory.bytes().get(self.at(chunk)..)?.first_chunk::<HEADER>()?;
        let [a, b, c, d, e, f, g, h, i, j, k, l] = *header;
        Some(Header {
            next: u32::from_ne_bytes([a, b, c, d]),
            holder: u32::from_ne_bytes([e, f, g, h]),
            start: u16::from_ne_bytes([i, j]),
            len: u16::from_ne_bytes([k, l]),
        })
    }

    fn write(&mut self, chunk: u32, header: Header) {
        let at = self.at(chunk);
        let Some(place) = self.memory.bytes_mut().get_mut(at..).and_then(|rest| rest.first_chunk_mut::<HEADER>())
        else {
            return;
        };
        let ([a, b, c, d], [e, f, g, h]) = (header.next.to_ne_bytes(), header.holder.to_ne_bytes());
        let ([i, j], [k, l]) = (header.start.to_ne_bytes(), header.len.to_ne_bytes());
        *place = [a, b, c, d, e, f, g, h, i, j, k, l];
    }
}

const fn stride(bytes: u16) -> usize {
    bytes as usize + HEADER
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::ErrorKind;
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn every_chunk_is_lent_once_and_the_last_one_back_is_the_next_one_out() {
        // One byte short of four.
        let mut chunks = Chunks::new([0xaa; 4 * 17 - 1], 5).unwrap();
        assert_eq!((chunks.count, chunks.left), (3, 3));
        assert_eq!([7, 8, 9, 7].map(|holder| chunks.lend(holder, NONE)), [Some(0), Some(1), Some(2), None]);
        assert_eq!(chunks.left, 0);
        chunks.give_back(2);
        chunks.give_back(0);
        assert_eq!((chunks.left, chunks.lend(1, 5), chunks.lend(1, NONE)), (2, Some(0), Some(2)));
        assert_eq!((chunks.next(0), chunks.is_held(0, 1, 0), chunks.is_held(0, 2, 0)), (5, true, false));
        assert!(!chunks.is_held(3, 1, 0), "there is no such chunk");
    }

    #[test]
    fn chunks_do_not_reach_into_each_other() {
        let mut chunks = Chunks::new(vec![0; 3 * 17].into_boxed_slice(), 5).unwrap();
        for chunk in 0..3 {
            assert_eq!(chunks.lend(chunk, NONE), Some(chunk));
            let mut buffer = chunks.buffer(chunk);
            assert_eq!((buffer.capacity(), buffer.push(&[b'a' + chunk as u8; 9])), (5, 5));
            buffer.consume(2);
            let position = buffer.position();
            assert_eq!(chunks.keep(chunk, position), 3);
        }
        for chunk in 0..3 {
            assert!(chunks.is_held(chunk, chunk, 3));
            assert_eq!(chunks.buffer(chunk).filled().concat(), [b'a' + chunk as u8; 3]);
        }
    }

    #[test]
    fn memory_that_was_never_lent_is_not_touched() {
        let mut chunks = Chunks::new(vec![0xaa; 1000 * 20], 8).unwrap();
        for _ in 0..100 {
            let (one, other) = (chunks.lend(1, NONE).unwrap(), chunks.lend(2, NONE).unwrap());
            chunks.give_back(one);
            chunks.give_back(other);
        }
        assert!(chunks.memory[40..].iter().all(|byte| *byte == 0xaa));
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn a_heap_is_there_as_far_as_it_was_used() {
        let mut chunks = Chunks::new(crate::pool::Heap::new(100 * 20).unwrap(), 8).unwrap();
        assert_eq!((chunks.count, chunks.memory.bytes().len()), (100, 0));
        for used in [20, 40] {
            let lent = chunks.lend(1, NONE).unwrap();
            assert_eq!((chunks.memory.bytes().len(), chunks.buffer(lent).capacity()), (used, 8));
        }
        chunks.give_back(0);
        assert_eq!((chunks.lend(1, NONE), chunks.memory.bytes().len()), (Some(0), 40));
        while chunks.lend(1, NONE).is_some() {}
        assert_eq!((chunks.left, chunks.buffer(99).capacity()), (0, 8));
    }

    #[test]
    fn what_is_no_pool_is_refused() {
        let made = |memory: usize, bytes: usize| Chunks::new(vec![0; memory], bytes).map(|chunks| chunks.count);
        let refused: Vec<_> = [(12, 0), (1 << 20, 65_536), (0, 4), (15, 4)]
            .into_iter()
            .map(|(memory, bytes)| made(memory, bytes).unwrap_err().kind())
            .collect();
        assert_eq!(refused, [ErrorKind::Invalid; 4]);
        assert_eq!((made(16, 4), made(13, 1), made(65_547, 65_535)), (Ok(1), Ok(1), Ok(1)));
    }
}
