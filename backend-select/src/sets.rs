//! Bits in descriptor sets, one word at a time, without a step that could panic.

use rustix::event::{FdSetElement, FdSetIter, fd_set_insert, fd_set_remove};

/// How many descriptors one word of a set holds: 64 on Linux with 64-bit pointers, else mostly 32.
///
/// ```
/// use stheno_select::{BITS, Fixed, Select};
/// let select = Select::new(Fixed::<2, { 2 * BITS }>::default()); // two whole words
/// ```
pub const BITS: usize = size_of::<FdSetElement>() * 8;

/// Puts the descriptor into the set, or takes it out. Does nothing past the set's end.
pub(crate) fn put(set: &mut [FdSetElement], descriptor: usize, present: bool) {
    let (word, bit) = (descriptor / BITS, (descriptor % BITS) as i32);
    match set.get_mut(word..=word) {
        Some(word) if present => fd_set_insert(word, bit),
        Some(word) => fd_set_remove(word, bit),
        None => {}
    }
}

/// Whether the descriptor is in the set.
pub(crate) fn has(set: &[FdSetElement], descriptor: usize) -> bool {
    bits(set, descriptor / BITS).any(|bit| bit == descriptor % BITS)
}

/// The bits of one word, in order; none past the set's end.
pub(crate) fn bits(set: &[FdSetElement], word: usize) -> impl Iterator<Item = usize> {
    FdSetIter::new(set.get(word..=word).unwrap_or_default()).map(|bit| bit as usize)
}

/// The bits that any of the sets has in this word, as a set of one word.
pub(crate) fn union(sets: &[&mut [FdSetElement]; 3], word: usize) -> [FdSetElement; 1] {
    let mut all = [FdSetElement::default()];
    for bit in sets.iter().flat_map(|set| bits(set, word)) {
        put(&mut all, bit, true);
    }
    all
}
