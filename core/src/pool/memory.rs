//! The memory that a pool cuts into chunks.

/// Memory for a pool: whatever is a slice of bytes, or `Heap` (feature `alloc`).
pub trait Memory {
    /// How many bytes there are in all.
    fn capacity(&self) -> usize;

    /// The bytes: those that were [made ready](Self::make_ready), at least.
    fn bytes(&self) -> &[u8];

    /// The bytes, to be changed.
    fn bytes_mut(&mut self) -> &mut [u8];

    /// Makes sure that the first so many bytes are there, as far as there is room.
    fn make_ready(&mut self, len: usize);
}

impl<M: AsRef<[u8]> + AsMut<[u8]>> Memory for M {
    fn capacity(&self) -> usize {
        self.as_ref().len()
    }

    fn bytes(&self) -> &[u8] {
        self.as_ref()
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self.as_mut()
    }

    fn make_ready(&mut self, _: usize) {}
}

/// Memory on the heap, allocated as a whole and touched only as far as it was ever used.
///
/// A boxed slice has to be filled with something before it is one, and then all of it is there.
#[cfg(feature = "alloc")]
#[derive(Debug)]
pub struct Heap(alloc::vec::Vec<u8>);

#[cfg(feature = "alloc")]
impl Heap {
    /// So many bytes; an error of kind [`Exhausted`](crate::ErrorKind::Exhausted) where there are not so many.
    pub fn new(bytes: usize) -> crate::Result<Self> {
        let mut memory = alloc::vec::Vec::new();
        memory.try_reserve_exact(bytes).map_err(|_| NO_MEMORY)?;
        Ok(Self(memory))
    }
}

#[cfg(feature = "alloc")]
impl Memory for Heap {
    fn capacity(&self) -> usize {
        self.0.capacity()
    }

    fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    fn make_ready(&mut self, len: usize) {
        // Within what was allocated.
        if len > self.0.len() && len <= self.0.capacity() {
            self.0.resize(len, 0);
        }
    }
}

#[cfg(feature = "alloc")]
const NO_MEMORY: crate::Error =
    crate::Error::new(crate::ErrorKind::Exhausted, "there is not so much memory").doing("make a pool");
