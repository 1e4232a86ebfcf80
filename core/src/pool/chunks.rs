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

/// What is known of a chunk, as it lies in front of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Header {
    /// Free: the next free one. Lent: the next one of the same channel.
    next: u32,
    /// The index of the channel that holds it.
    holder: u32,
    /// Where what waits in it begins, and above that how many bytes it is.
    position: u32,
}

impl Header {
    #[inline]
    fn read(bytes: &[u8; HEADER]) -> Self {
        let (words, _) = bytes.as_chunks::<4>();
        let word = |at| words.get(at).map_or(NONE, |word| u32::from_ne_bytes(*word));
        Self { next: word(0), holder: word(1), position: word(2) }
    }

    #[inline]
    fn write(self, bytes: &mut [u8; HEADER]) {
        let (words, _) = bytes.as_chunks_mut::<4>();
        for (to, word) in words.iter_mut().zip([self.next, self.holder, self.position]) {
            *to = word.to_ne_bytes();
        }
    }

    const fn len(self) -> u16 {
        (self.position >> 16) as u16
    }
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
    #[inline]
    pub(super) fn lend(&mut self, holder: u32, next: u32) -> Option<u32> {
        let lent = Header { next, holder, position: 0 };
        let chunk = if self.free == NONE { self.fresh()? } else { self.free };
        let (header, _) = self.open(chunk)?;
        let free = Header::read(header).next;
        lent.write(header);
        self.free = if self.free == NONE { NONE } else { free };
        self.left = self.left.saturating_sub(1);
        Some(chunk)
    }

    /// One that was never lent.
    #[cold]
    fn fresh(&mut self) -> Option<u32> {
        let chunk = self.fresh;
        if chunk >= self.count {
            return None;
        }
        self.fresh += 1;
        self.memory.make_ready(self.at(self.fresh));
        Some(chunk)
    }

    #[inline]
    pub(super) fn give_back(&mut self, chunk: u32) {
        let next = self.free;
        if let Some((header, _)) = self.open(chunk) {
            Header { next, holder: NONE, position: 0 }.write(header);
            self.free = chunk;
            self.left = self.left.saturating_add(1);
        }
    }

    #[inline]
    pub(super) fn next(&self, chunk: u32) -> u32 {
        self.header(chunk).map_or(NONE, |header| header.next)
    }

    pub(super) fn set_next(&mut self, chunk: u32, next: u32) {
        if let Some((header, _)) = self.open(chunk) {
            Header { next, ..Header::read(header) }.write(header);
        }
    }

    /// Whether this channel holds the chunk, with so many bytes that wait in it.
    #[inline]
    pub(super) fn is_held(&self, chunk: u32, holder: u32, len: u16) -> bool {
        self.header(chunk).is_some_and(|header| header.holder == holder && header.len() == len)
    }

    /// What waits in a chunk, as a buffer over it.
    #[inline]
    pub(super) fn buffer(&mut self, chunk: u32) -> Buffer<&mut [u8]> {
        let Some((header, bytes)) = self.open(chunk) else { return Buffer::new(&mut []) };
        let header = Header::read(header);
        Buffer::at(bytes, (header.position as u16 as usize, header.len().into()))
    }

    /// Remembers what the buffer over a chunk has come to. Says how many bytes wait.
    #[inline]
    pub(super) fn keep(&mut self, chunk: u32, (start, len): (usize, usize)) -> u16 {
        // Neither is more than a chunk holds.
        let (start, len) = (start as u16, len as u16);
        if let Some((header, _)) = self.open(chunk) {
            let position = u32::from(len) << 16 | u32::from(start);
            Header { position, ..Header::read(header) }.write(header);
        }
        len
    }

    /// Where a chunk's header is; past the end for one that does not exist.
    #[inline]
    fn at(&self, chunk: u32) -> usize {
        (chunk as usize).saturating_mul(stride(self.bytes))
    }

    #[inline]
    fn header(&self, chunk: u32) -> Option<Header> {
        self.memory.bytes().get(self.at(chunk)..)?.first_chunk().map(Header::read)
    }

    /// A chunk's header, and its bytes.
    #[inline]
    fn open(&mut self, chunk: u32) -> Option<(&mut [u8; HEADER], &mut [u8])> {
        let (at, stride) = (self.at(chunk), stride(self.bytes));
        self.memory.bytes_mut().get_mut(at..)?.get_mut(..stride)?.split_first_chunk_mut()
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
