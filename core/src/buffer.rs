//! A FIFO of bytes in fixed memory.
//!
//! The memory is a ring: bytes are received into the free part and sent from the filled part where they lie, and never
//! moved. Either part may wrap around the end of the memory and is then two slices, which one vectored system call can
//! take. When the last byte leaves, the ring begins at its start again, so that a request and its answer fit in one slice.

/// A FIFO of bytes over memory of any kind: `[u8; 512]`, `&mut [u8]`, `Box<[u8]>`, `heapless` or `Vec` of a given length.
///
/// Holds at most [`capacity`](Self::capacity) bytes (rule 8: bounded) and never allocates. Every method costs O(1), or
/// O(bytes) where bytes are copied.
///
/// ```
/// use stheno_core::Buffer;
/// let mut buffer = Buffer::new([0; 8]);
/// assert_eq!(buffer.push(b"abcdef"), 6);
/// buffer.consume(4);
/// assert_eq!(buffer.push(b"ghijkl"), 6, "wraps without moving");
/// assert_eq!(buffer.filled(), [&b"efgh"[..], b"ijkl"]);
/// assert!(buffer.is_full());
/// ```
#[derive(Clone, Debug)]
pub struct Buffer<S> {
    memory: S,
    start: usize,
    len: usize,
}

impl<const N: usize> Default for Buffer<[u8; N]> {
    fn default() -> Self {
        Self::new([0; N])
    }
}

impl<S> Buffer<S> {
    /// An empty buffer over this memory; what the memory holds now does not matter.
    pub const fn new(memory: S) -> Self {
        Self { memory, start: 0, len: 0 }
    }

    /// A buffer in which so many bytes wait from there on: what [`position`](Self::position) said of one over this memory.
    pub(crate) fn at(memory: S, (start, len): (usize, usize)) -> Self
    where
        S: AsRef<[u8]>,
    {
        let capacity = memory.as_ref().len();
        Self { memory, start: start.min(capacity), len: len.min(capacity) }
    }

    /// Where what waits begins, and how many bytes it is.
    pub(crate) const fn position(&self) -> (usize, usize) {
        (self.start, self.len)
    }

    /// The memory, and what waits in it.
    pub(crate) fn into_memory(self) -> S {
        self.memory
    }

    /// How many bytes wait.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets what waits.
    pub const fn clear(&mut self) {
        self.start = 0;
        self.len = 0;
    }
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> Buffer<S> {
    /// How many bytes fit in all.
    pub fn capacity(&self) -> usize {
        self.memory.as_ref().len()
    }

    /// How many more bytes fit now.
    pub fn room(&self) -> usize {
        self.capacity() - self.len
    }

    /// Whether nothing more fits.
    pub fn is_full(&self) -> bool {
        self.room() == 0
    }

    /// What waits, oldest first: the second slice is empty unless the bytes wrap around the end of the memory.
    pub fn filled(&self) -> [&[u8]; 2] {
        let memory = self.memory.as_ref();
        let end = self.start + self.len;
        match end.checked_sub(memory.len()) {
            Some(wrapped) => [slice(memory, self.start, memory.len()), slice(memory, 0, wrapped)],
            None => [slice(memory, self.start, end), &[]],
        }
    }

    /// The free memory, in the order in which it will be filled; see [`commit`](Self::commit).
    pub fn free(&mut self) -> [&mut [u8]; 2] {
        let (start, len) = (self.start, self.len);
        let memory = self.memory.as_mut();
        match (start + len).checked_sub(memory.len()) {
            Some(wrapped) => [memory.get_mut(wrapped..start).unwrap_or_default(), &mut []],
            None => {
                let (front, back) = memory.split_at_mut_checked(start + len).unwrap_or_default();
                [back, front.get_mut(..start).unwrap_or_default()]
            }
        }
    }

    /// Says that the first `n` bytes of [`free`](Self::free) hold data now; no more than there was room for.
    pub fn commit(&mut self, n: usize) {
        self.len += n.min(self.room());
    }

    /// Says that the first `n` bytes of [`filled`](Self::filled) are done with; no more than there are.
    pub fn consume(&mut self, n: usize) {
        let n = n.min(self.len);
        self.len -= n;
        let capacity = self.capacity();
        self.start += n;
        if self.start >= capacity {
            self.start -= capacity;
        }
        if self.len == 0 {
            self.start = 0;
        }
    }

    /// Copies in as much as fits and says how much that was.
    #[must_use = "what did not fit is not in the buffer"]
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.room());
        let mut rest = bytes.get(..n).unwrap_or_default();
        for free in self.free() {
            let (now, later) = rest.split_at(rest.len().min(free.len()));
            for (to, from) in free.iter_mut().zip(now) {
                *to = *from;
            }
            rest = later;
        }
        self.len += n;
        n
    }

    /// What waits, as one slice: where it wraps around the end of the memory, the memory is turned until it does not.
    ///
    /// Costs nothing where it does not wrap, and O(capacity) where it does. After that what waits begins at the start of the
    /// memory, so that who asks for no more than the front part each time pays for it at most once in a round of the ring.
    pub fn make_contiguous(&mut self) -> &mut [u8] {
        let (start, len) = (self.start, self.len);
        let memory = self.memory.as_mut();
        let start = if start + len > memory.len() {
            // Turned by three reversals, which cannot panic as the library's `rotate_left` can, wherever it begins.
            let (front, back) = memory.split_at_mut_checked(start).unwrap_or_default();
            reverse(front);
            reverse(back);
            reverse(memory);
            0
        } else {
            start
        };
        self.start = start;
        memory.get_mut(start..start + len).unwrap_or_default()
    }

    /// Free memory that ends where what waits begins; see [`commit_before`](Self::commit_before).
    pub(crate) fn free_before(&mut self) -> &mut [u8] {
        let (start, end) = (self.start, self.start + self.len);
        let memory = self.memory.as_mut();
        let capacity = memory.len();
        match end.checked_sub(capacity) {
            // What waits wraps around, or touches the end: free is what lies between its end and its beginning.
            Some(wrapped) => memory.get_mut(wrapped..start),
            None if start > 0 => memory.get_mut(..start),
            None => memory.get_mut(end..),
        }
        .unwrap_or_default()
    }

    /// Says that the first `n` bytes of [`free_before`](Self::free_before) are to stand in front of what waits. They are
    /// moved to where that begins, unless they fill all of it.
    pub(crate) fn commit_before(&mut self, n: usize) {
        let free = self.free_before();
        let room = free.len();
        let n = n.min(room);
        free.copy_within(..n, room - n);
        if self.start == 0 {
            self.start = self.capacity();
        }
        self.start -= n;
        self.len += n;
        if n == 0 && self.start == self.capacity() {
            self.start = 0;
        }
    }

    /// Copies out as much as fits into `into`, takes it off the front, and says how much that was.
    pub fn pop(&mut self, into: &mut [u8]) -> usize {
        let mut n = 0;
        for filled in self.filled() {
            for (to, from) in into.get_mut(n..).unwrap_or_default().iter_mut().zip(filled) {
                *to = *from;
                n += 1;
            }
        }
        self.consume(n);
        n
    }
}

/// The first so many bytes of two slices.
#[inline]
pub(crate) fn cut([first, second]: [&[u8]; 2], most: usize) -> [&[u8]; 2] {
    let now = most.min(first.len());
    let later = (most - now).min(second.len());
    [first.get(..now).unwrap_or_default(), second.get(..later).unwrap_or_default()]
}

/// The same, to be filled.
#[inline]
pub(crate) fn cut_mut([first, second]: [&mut [u8]; 2], most: usize) -> [&mut [u8]; 2] {
    let now = most.min(first.len());
    let later = (most - now).min(second.len());
    [first.get_mut(..now).unwrap_or_default(), second.get_mut(..later).unwrap_or_default()]
}

fn slice(memory: &[u8], from: usize, to: usize) -> &[u8] {
    memory.get(from..to).unwrap_or_default()
}

fn reverse(bytes: &mut [u8]) {
    let (front, back) = bytes.split_at_mut_checked(bytes.len() / 2).unwrap_or_default();
    for (one, other) in front.iter_mut().zip(back.iter_mut().rev()) {
        core::mem::swap(one, other);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::collections::VecDeque;
    use std::vec::Vec;

    fn content<S: AsRef<[u8]> + AsMut<[u8]>>(buffer: &Buffer<S>) -> Vec<u8> {
        buffer.filled().concat()
    }

    /// Goes on from here with every operation there is, each checked against a `VecDeque`.
    fn explore<const N: usize>(buffer: &Buffer<[u8; N]>, model: &VecDeque<u8>, next: u8, depth: u32) {
        if depth == 0 {
            return;
        }
        for amount in 0..=4 {
            let (mut buffer, mut model, mut bytes) = (buffer.clone(), model.clone(), [0; 4]);
            let n = buffer.pop(&mut bytes[..amount]);
            assert_eq!(n, amount.min(model.len()));
            assert!(model.drain(..n).eq(bytes[..n].iter().copied()));
            assert!(model.iter().eq(buffer.filled().into_iter().flatten()));
            explore(&buffer, &model, next, depth - 1);
        }
        for amount in 0..=4 {
            let (mut buffer, mut model) = (buffer.clone(), model.clone());
            let bytes: [u8; 4] = core::array::from_fn(|i| next.wrapping_add(i as u8));
            let n = buffer.push(&bytes[..amount]);
            assert_eq!(n, amount.min(N - model.len()));
            model.extend(&bytes[..n]);
            assert!(model.iter().eq(buffer.filled().into_iter().flatten()));
            explore(&buffer, &model, next.wrapping_add(n as u8), depth - 1);
        }
    }

    /// So many operations, one after the other: fewer where an interpreter plays them.
    const DEPTH: u32 = if cfg!(miri) { 2 } else { 5 };

    /// Every sequence of [`DEPTH`] operations out of pushes and pops of 0 to 4 bytes: three reach every position and length.
    #[test]
    fn agrees_with_a_queue_in_every_short_history() {
        explore(&Buffer::<[u8; 0]>::default(), &VecDeque::new(), 0, DEPTH);
        explore(&Buffer::<[u8; 1]>::default(), &VecDeque::new(), 0, DEPTH);
        explore(&Buffer::<[u8; 2]>::default(), &VecDeque::new(), 0, DEPTH);
        explore(&Buffer::<[u8; 3]>::default(), &VecDeque::new(), 0, DEPTH);
        explore(&Buffer::<[u8; 4]>::default(), &VecDeque::new(), 0, DEPTH);
    }

    #[test]
    fn free_and_filled_are_the_whole_memory_at_every_position() {
        for start in 0..5 {
            for len in 0..=5 {
                let mut buffer = Buffer { memory: [0_u8; 5], start, len };
                let filled: usize = buffer.filled().iter().map(|slice| slice.len()).sum();
                let free: usize = buffer.free().iter().map(|slice| slice.len()).sum();
                assert_eq!((filled, free), (len, 5 - len), "start {start}, len {len}");
            }
        }
    }

    #[test]
    fn receives_into_the_free_part_where_it_lies() {
        let mut buffer = Buffer::new([0; 4]);
        assert_eq!(buffer.push(b"abc"), 3);
        buffer.consume(2);
        let [first, second] = buffer.free();
        first.copy_from_slice(b"d");
        second.copy_from_slice(b"ef");
        buffer.commit(3);
        assert_eq!(content(&buffer), b"cdef");
        buffer.commit(1);
        assert_eq!(buffer.len(), 4, "no more than there is room for");
        buffer.consume(9);
        assert!(buffer.is_empty());
        assert_eq!(buffer.free()[0].len(), 4, "an empty buffer is whole again");
    }

    #[test]
    fn is_one_slice_at_every_position_once_asked_to_be() {
        for start in 0..5 {
            for len in 0..=5 {
                let mut buffer = Buffer { memory: *b"01234", start, len };
                let before = content(&buffer);
                assert_eq!(buffer.make_contiguous(), before, "start {start}, len {len}");
                assert_eq!(buffer.filled(), [&before[..], &[]]);
                let moved = start + len > 5;
                assert_eq!(buffer.start, if moved { 0 } else { start }, "moved only where it wrapped");
            }
        }
        assert!(Buffer::<[u8; 0]>::default().make_contiguous().is_empty());
    }

    #[test]
    fn takes_bytes_in_front_at_every_position() {
        for start in 0..5 {
            for len in 0..=5 {
                let mut buffer = Buffer { memory: *b"01234", start, len };
                let before = content(&buffer);
                let most = buffer.free_before().len();
                assert_eq!(most == 0, len == 5, "start {start}, len {len}: free is reachable in front");
                for n in 0..=most {
                    let mut buffer = buffer.clone();
                    buffer.free_before()[..n].copy_from_slice(&b"abcde"[..n]);
                    buffer.commit_before(n);
                    assert_eq!(content(&buffer), [&b"abcde"[..n], &before].concat(), "start {start}, len {len}, n {n}");
                    assert!(buffer.start < 5);
                }
            }
        }
    }

    #[test]
    fn clear_forgets() {
        let mut buffer = Buffer::<[u8; 3]>::default();
        assert_eq!(buffer.push(b"xyz!"), 3);
        assert!(buffer.is_full());
        buffer.clear();
        assert!(!buffer.is_full());
        assert_eq!((buffer.len(), buffer.room(), buffer.capacity()), (0, 3, 3));
    }
}
