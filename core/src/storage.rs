//! Lists that may refuse to grow.
//!
//! Whoever builds a loop decides where its memory is: in the value itself, borrowed from a static, in a `heapless::Vec`
//! or on the heap. The loop and the backends only ask to append, and take no for an answer.
//!
//! # Large tables
//!
//! A list is one piece. A `Vec` that is made with room for all that will come never moves, and where the system gives memory
//! as it is touched, as Unix systems do, room that was never used is an address and no memory: a loop with ten channels pays
//! nothing for the million that it has room for.
//!
//! ```
//! # #[cfg(feature = "alloc")]
//! # fn f<T: stheno_core::Dispatcher<N>, N: stheno_core::Net, B: stheno_core::Backend<N>>(net: N, backend: B) {
//! use stheno_core::{EventLoop, Slot};
//! // Beside those in use a loop keeps some slots vacant, 64 unless told otherwise: `set_spare`.
//! const SLOTS: u32 = 1_000_000 + 64;
//! let table: Vec<Slot<T, N>> = Vec::with_capacity(SLOTS as usize);
//! let mut events = EventLoop::with_parts(net, backend, table);
//! // No more than those, so that nothing ever moves: then the table is full, and callers wait in line.
//! events.set_limit(SLOTS);
//! # }
//! ```
//!
//! Past its room a `Vec` doubles and moves: before handlers run, never while one does. At half a million slots that holds the
//! loop up for some milliseconds, and where the bytes are copied they are there twice for so long. (`make million-sim`
//! measures it.)
//!
//! Who comes is given the slot that was left last, which is still in the cache; where none was left, the one with the lowest
//! number. So what is in use lies at the beginning of the table, no further than the most channels that there ever were at a
//! time and the vacant ones beside them, and what is behind is not touched.

/// A list of `T` that gives an item back where it has no room (rule 8: bounded).
///
/// Implemented by [`Array`], [`Borrowed`], `heapless::Vec` (feature `heapless`) and `Vec` (feature `alloc`, bounded by
/// memory alone).
///
/// ```
/// use stheno_core::storage::{Array, Storage};
/// let mut two = Array::<u8, 2>::default();
/// assert_eq!((two.push(1), two.push(2), two.push(3)), (Ok(()), Ok(()), Err(3)));
/// assert_eq!(two.as_slice(), [1, 2]);
/// ```
pub trait Storage<T> {
    /// The items, in order.
    fn as_slice(&self) -> &[T];

    /// The items, in order, to be changed.
    fn as_mut_slice(&mut self) -> &mut [T];

    /// Appends an item, or gives it back where there is no room.
    fn push(&mut self, item: T) -> Result<(), T>;

    /// Forgets the items from `len` on. Does nothing where there are no more than that.
    fn truncate(&mut self, len: usize);

    /// Takes the item at `index` out and puts the last one in its place. Does nothing past the end.
    fn swap_remove(&mut self, index: usize) {
        let items = self.as_mut_slice();
        let Some(last) = items.len().checked_sub(1).filter(|last| index <= *last) else { return };
        items.swap(index, last);
        self.truncate(last);
    }
}

/// A list of at most `N` items inside the value itself.
#[derive(Clone, Debug)]
pub struct Array<T, const N: usize> {
    items: [T; N],
    len: usize,
}

impl<T: Default, const N: usize> Default for Array<T, N> {
    fn default() -> Self {
        Self { items: core::array::from_fn(|_| T::default()), len: 0 }
    }
}

impl<T: Default, const N: usize> Storage<T> for Array<T, N> {
    fn as_slice(&self) -> &[T] {
        self.items.get(..self.len).unwrap_or_default()
    }

    fn as_mut_slice(&mut self) -> &mut [T] {
        self.items.get_mut(..self.len).unwrap_or_default()
    }

    fn push(&mut self, item: T) -> Result<(), T> {
        push_into(&mut self.items, &mut self.len, item)
    }

    fn truncate(&mut self, len: usize) {
        for gone in self.as_mut_slice().get_mut(len..).unwrap_or_default() {
            *gone = T::default();
        }
        self.len = self.len.min(len);
    }
}

/// A list in memory that someone else owns, a static for example.
///
/// Items that were truncated stay in that memory until others take their place.
///
/// ```
/// use stheno_core::storage::{Borrowed, Storage};
/// let mut memory = [0_u16; 1];
/// let mut list = Borrowed::new(&mut memory);
/// assert_eq!((list.push(5), list.push(6)), (Ok(()), Err(6)));
/// ```
#[derive(Debug)]
pub struct Borrowed<'a, T> {
    items: &'a mut [T],
    len: usize,
}

impl<'a, T> Borrowed<'a, T> {
    /// An empty list with room for as many items as the slice holds; what the items are now does not matter.
    pub const fn new(memory: &'a mut [T]) -> Self {
        Self { items: memory, len: 0 }
    }
}

impl<T> Storage<T> for Borrowed<'_, T> {
    fn as_slice(&self) -> &[T] {
        self.items.get(..self.len).unwrap_or_default()
    }

    fn as_mut_slice(&mut self) -> &mut [T] {
        self.items.get_mut(..self.len).unwrap_or_default()
    }

    fn push(&mut self, item: T) -> Result<(), T> {
        push_into(self.items, &mut self.len, item)
    }

    fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }
}

fn push_into<T>(items: &mut [T], len: &mut usize, item: T) -> Result<(), T> {
    match items.get_mut(*len) {
        Some(place) => {
            *place = item;
            *len += 1;
            Ok(())
        }
        None => Err(item),
    }
}

/// A list that lies elsewhere, in a static for example.
impl<T, S: Storage<T> + ?Sized> Storage<T> for &mut S {
    fn as_slice(&self) -> &[T] {
        (**self).as_slice()
    }

    fn as_mut_slice(&mut self) -> &mut [T] {
        (**self).as_mut_slice()
    }

    fn push(&mut self, item: T) -> Result<(), T> {
        (**self).push(item)
    }

    fn truncate(&mut self, len: usize) {
        (**self).truncate(len);
    }

    fn swap_remove(&mut self, index: usize) {
        (**self).swap_remove(index);
    }
}

#[cfg(feature = "alloc")]
impl<T> Storage<T> for alloc::vec::Vec<T> {
    fn as_slice(&self) -> &[T] {
        self
    }

    fn as_mut_slice(&mut self) -> &mut [T] {
        self
    }

    fn push(&mut self, item: T) -> Result<(), T> {
        // A heap that is full is a list that refuses, not the end of the program.
        if self.try_reserve(1).is_err() {
            return Err(item);
        }
        Self::push(self, item);
        Ok(())
    }

    fn truncate(&mut self, len: usize) {
        Self::truncate(self, len);
    }
}

#[cfg(feature = "heapless")]
impl<T, const N: usize> Storage<T> for heapless::Vec<T, N> {
    fn as_slice(&self) -> &[T] {
        self
    }

    fn as_mut_slice(&mut self) -> &mut [T] {
        self
    }

    fn push(&mut self, item: T) -> Result<(), T> {
        heapless::Vec::push(self, item)
    }

    fn truncate(&mut self, len: usize) {
        heapless::Vec::truncate(self, len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behaves(mut list: impl Storage<u8>, capacity: Option<usize>) {
        let room = capacity.unwrap_or(5);
        for item in 0..room {
            assert_eq!(list.push(item as u8), Ok(()));
        }
        if capacity.is_some() {
            assert_eq!(list.push(99), Err(99));
        }
        assert_eq!(list.as_slice().len(), room);
        list.swap_remove(0);
        assert_eq!(list.as_slice()[0], room as u8 - 1);
        list.swap_remove(room);
        list.truncate(room);
        assert_eq!(list.as_slice().len(), room - 1);
        list.truncate(0);
        list.swap_remove(0);
        assert!(list.as_mut_slice().is_empty());
        assert_eq!(list.push(7), Ok(()));
        assert_eq!(list.as_slice(), [7]);
    }

    #[test]
    fn every_storage_behaves_alike() {
        behaves(Array::<u8, 5>::default(), Some(5));
        behaves(Borrowed::new(&mut [0; 5]), Some(5));
        behaves(&mut Array::<u8, 5>::default(), Some(5));
        #[cfg(feature = "alloc")]
        behaves(alloc::vec::Vec::new(), None);
        #[cfg(feature = "heapless")]
        behaves(heapless::Vec::<u8, 5>::new(), Some(5));
    }

    #[test]
    fn no_room_at_all_refuses() {
        assert_eq!(Array::<u8, 0>::default().push(1), Err(1));
        assert_eq!(Borrowed::new(&mut []).push(1), Err(1));
    }
}
