//! Where the sets are: in the value itself, behind a reference, or on the heap.

use stheno_core::{Error, ErrorKind, Key, Result};

use crate::BITS;
use crate::sets::Word;

/// The memory that a [`Select`](crate::Select) keeps its sets in: [`Fixed`], `&mut Fixed`, or `Heap` (feature `alloc`).
///
/// Six sets (what is wanted and what is ready, for each of read, write and except), and a key for each descriptor.
///
/// ```
/// use stheno_select::{Fixed, Memory, Select};
/// fn watch<M: Memory>(memory: M) -> Select<M> {
///     Select::new(memory)
/// }
/// let mut lent = Fixed::<1, 8>::default();
/// watch(&mut lent);
/// ```
pub trait Memory: sealed::Lists {}

/// Sets inside the value: descriptors up to `WORDS *` [`BITS`], and keys for the `KEYS` of them that follow the base.
///
/// A descriptor past either is [`Invalid`](ErrorKind::Invalid) at registration. (B11)
///
/// ```
/// use stheno_select::{Fixed, Select};
/// // Ten sockets with the descriptors 22 to 31.
/// let select = Select::with_base(Fixed::<1, 10>::default(), 22);
/// assert!(size_of_val(&select) < 250);
/// ```
pub struct Fixed<const WORDS: usize, const KEYS: usize> {
    want: [[Word; WORDS]; 3],
    ready: [[Word; WORDS]; 3],
    keys: [Option<Key>; KEYS],
}

/// Sets on the heap, which grow when a higher descriptor is registered, and never by a wait. (B13)
///
/// ```
/// use stheno_select::{Heap, Select};
/// let select = Select::new(Heap::default());
/// let small = Select::new(Heap::up_to(1024));
/// ```
#[cfg(feature = "alloc")]
pub struct Heap {
    want: [alloc::vec::Vec<Word>; 3],
    ready: [alloc::vec::Vec<Word>; 3],
    keys: alloc::vec::Vec<Option<Key>>,
    end: usize,
}

impl<const WORDS: usize, const KEYS: usize> Default for Fixed<WORDS, KEYS> {
    fn default() -> Self {
        let empty = [[0; WORDS]; 3];
        Self { want: empty, ready: empty, keys: [None; KEYS] }
    }
}

#[cfg(feature = "alloc")]
impl Heap {
    /// Sets that grow up to the descriptor `end`, which is refused as are those above it. (B11)
    ///
    /// Each descriptor below the highest costs twelve bytes and six bits.
    pub const fn up_to(end: usize) -> Self {
        use alloc::vec::Vec;
        Self {
            want: [Vec::new(), Vec::new(), Vec::new()],
            ready: [Vec::new(), Vec::new(), Vec::new()],
            keys: Vec::new(),
            end,
        }
    }
}

/// Up to descriptor 65,536.
#[cfg(feature = "alloc")]
impl Default for Heap {
    fn default() -> Self {
        Self::up_to(65_536)
    }
}

impl<const WORDS: usize, const KEYS: usize> Memory for Fixed<WORDS, KEYS> {}

#[cfg(feature = "alloc")]
impl Memory for Heap {}

impl<M: Memory> Memory for &mut M {}

pub(crate) mod sealed {
    use super::{Key, Result, Word};

    /// The lists, borrowed: all sets of one size, which may be larger than what is in use.
    pub struct Parts<'a> {
        pub want: [&'a mut [Word]; 3],
        pub ready: [&'a mut [Word]; 3],
        pub keys: &'a mut [Option<Key>],
    }

    pub trait Lists {
        fn parts(&mut self) -> Parts<'_>;

        /// Sees to it that the sets hold this descriptor, and the keys this index.
        fn make_room(&mut self, descriptor: usize, index: usize) -> Result<()>;
    }
}

use sealed::{Lists, Parts};

impl<const WORDS: usize, const KEYS: usize> Lists for Fixed<WORDS, KEYS> {
    fn parts(&mut self) -> Parts<'_> {
        let ([a, b, c], [d, e, f]) = (&mut self.want, &mut self.ready);
        Parts { want: [a, b, c], ready: [d, e, f], keys: &mut self.keys }
    }

    fn make_room(&mut self, descriptor: usize, index: usize) -> Result<()> {
        if descriptor / BITS < WORDS && index < KEYS { Ok(()) } else { Err(PAST_THE_END) }
    }
}

#[cfg(feature = "alloc")]
impl Lists for Heap {
    fn parts(&mut self) -> Parts<'_> {
        Parts {
            want: self.want.each_mut().map(|set| set.as_mut_slice()),
            ready: self.ready.each_mut().map(|set| set.as_mut_slice()),
            keys: &mut self.keys,
        }
    }

    fn make_room(&mut self, descriptor: usize, index: usize) -> Result<()> {
        if descriptor >= self.end {
            return Err(PAST_THE_END);
        }
        for set in self.want.iter_mut().chain(&mut self.ready) {
            grow(set, descriptor / BITS)?;
        }
        grow(&mut self.keys, index)
    }
}

impl<M: Lists> Lists for &mut M {
    fn parts(&mut self) -> Parts<'_> {
        (**self).parts()
    }

    fn make_room(&mut self, descriptor: usize, index: usize) -> Result<()> {
        (**self).make_room(descriptor, index)
    }
}

#[cfg(feature = "alloc")]
fn grow<T: Clone + Default>(list: &mut alloc::vec::Vec<T>, index: usize) -> Result<()> {
    let len = index + 1;
    if let Some(more) = len.checked_sub(list.len()) {
        list.try_reserve(more).map_err(|_| Error::new(ErrorKind::Exhausted, "no memory for larger sets"))?;
        list.resize(len, T::default());
    }
    Ok(())
}

const PAST_THE_END: Error = Error::new(ErrorKind::Invalid, "the descriptor is past the size of the sets");

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;

    #[test]
    fn a_heap_is_as_long_as_the_highest_descriptor_needs() {
        let mut heap = Heap::default();
        for (descriptor, index, words, places) in [(3 * BITS + 1, 9, 4, 10), (0, 0, 4, 10), (5 * BITS - 1, 30, 5, 31)] {
            heap.make_room(descriptor, index).unwrap();
            let Parts { want, ready, keys } = heap.parts();
            assert!(want.iter().chain(&ready).all(|set| set.len() == words), "{words} words for {descriptor}");
            assert_eq!(keys.len(), places);
        }
    }
}
