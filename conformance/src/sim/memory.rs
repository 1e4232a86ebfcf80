//! Where the simulated world has its memory: on the heap, or in the value itself.

use stheno_core::storage::Array;
use stheno_core::{Buffer, Storage};

use super::deeds::Planned;
use super::entry::Entry;
use super::letters::Letter;

/// Where a [`Network`](super::Network) has its memory: [`Heap`] or [`Fixed`](InPlace).
pub trait Memory {
    /// What the bytes of a stream, a datagram or a deed are in.
    #[doc(hidden)]
    type Bytes: Bytes;
    #[doc(hidden)]
    type Sockets: Storage<Entry<Self::Bytes>> + Default;
    #[doc(hidden)]
    type Letters: Storage<Letter<Self::Bytes>> + Default;
    #[doc(hidden)]
    type Deeds: Storage<Planned<Self::Bytes>> + Default;
    /// The longest datagram.
    #[doc(hidden)]
    const DATAGRAM: usize;
}

/// A queue of bytes.
#[doc(hidden)]
pub trait Bytes: Default {
    fn len(&self) -> usize;
    /// How many more there may be.
    fn room(&self) -> usize;
    /// Takes in as many as there is memory for.
    fn push(&mut self, bytes: &[u8]) -> usize;
    /// The first of them, as many as lie together.
    fn front(&self) -> &[u8];
    /// Forgets the first `n`.
    fn consume(&mut self, n: usize);

    /// Hands out as many as fit.
    fn pop(&mut self, into: &mut [u8]) -> usize {
        let mut done = 0;
        while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let n = rest.iter_mut().zip(self.front()).map(|(to, from)| *to = *from).count();
            if n == 0 {
                break;
            }
            self.consume(n);
            done += n;
        }
        done
    }
}

/// Memory on the heap: as many sockets as the test likes, and bytes as they come.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug)]
pub enum Heap {}

#[cfg(feature = "alloc")]
impl Memory for Heap {
    type Bytes = alloc::collections::VecDeque<u8>;
    type Sockets = alloc::vec::Vec<Entry<Self::Bytes>>;
    type Letters = alloc::vec::Vec<Letter<Self::Bytes>>;
    type Deeds = alloc::vec::Vec<Planned<Self::Bytes>>;
    /// As over IPv4.
    const DATAGRAM: usize = 65_507;
}

#[cfg(feature = "alloc")]
impl Bytes for alloc::collections::VecDeque<u8> {
    fn len(&self) -> usize {
        Self::len(self)
    }

    fn room(&self) -> usize {
        usize::MAX
    }

    fn push(&mut self, bytes: &[u8]) -> usize {
        if self.try_reserve(bytes.len()).is_err() {
            return 0;
        }
        self.extend(bytes);
        bytes.len()
    }

    fn front(&self) -> &[u8] {
        self.as_slices().0
    }

    fn consume(&mut self, n: usize) {
        self.drain(..n.min(Self::len(self)));
    }
}

/// Memory inside the value: sizes that are known when the program is linked, and no heap.
///
/// So many sockets, peers and callers in line included, so many bytes to each stream, each datagram and each deed, so many
/// datagrams and deeds. What does not fit is an error of the kinds `Exhausted`, `Full` or `Invalid`.
#[derive(Clone, Copy, Debug)]
pub enum InPlace<const SOCKETS: usize, const BYTES: usize, const LETTERS: usize, const DEEDS: usize> {}

impl<const SOCKETS: usize, const BYTES: usize, const LETTERS: usize, const DEEDS: usize> Memory
    for InPlace<SOCKETS, BYTES, LETTERS, DEEDS>
{
    type Bytes = Buffer<[u8; BYTES]>;
    type Sockets = Array<Entry<Self::Bytes>, SOCKETS>;
    type Letters = Array<Letter<Self::Bytes>, LETTERS>;
    type Deeds = Array<Planned<Self::Bytes>, DEEDS>;
    const DATAGRAM: usize = BYTES;
}

impl<const N: usize> Bytes for Buffer<[u8; N]> {
    fn len(&self) -> usize {
        Self::len(self)
    }

    fn room(&self) -> usize {
        Self::room(self)
    }

    fn push(&mut self, bytes: &[u8]) -> usize {
        Self::push(self, bytes)
    }

    fn front(&self) -> &[u8] {
        self.filled()[0]
    }

    fn consume(&mut self, n: usize) {
        Self::consume(self, n);
    }
}
