//! Bits in descriptor sets, one word at a time, without a step that could panic.
//!
//! Rustix has such operations, which index and so check; and its words are opaque, so that here are the same words in the
//! open.

use rustix::event::FdSetElement;

/// A word of a set, as the system has it.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "emscripten"))]
pub(crate) type Word = core::ffi::c_ulong;
/// A word of a set, as the system has it.
#[cfg(all(target_pointer_width = "64", any(target_os = "freebsd", target_os = "dragonfly")))]
pub(crate) type Word = u64;
/// A word of a set, as the system has it.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "emscripten",
    all(target_pointer_width = "64", any(target_os = "freebsd", target_os = "dragonfly"))
)))]
pub(crate) type Word = u32;

/// How many descriptors one word of a set holds: 64 on Linux with 64-bit pointers, else mostly 32.
///
/// ```
/// use stheno_select::{BITS, Fixed, Select};
/// let select = Select::new(Fixed::<2, { 2 * BITS }>::default()); // two whole words
/// ```
pub const BITS: usize = size_of::<FdSetElement>() * 8;

/// A set as the system call takes it.
pub(crate) fn elements(set: &mut [Word]) -> &mut [FdSetElement] {
    const { assert!(size_of::<Word>() == size_of::<FdSetElement>() && align_of::<Word>() == align_of::<FdSetElement>()) };
    // SAFETY: an element is nothing but a number of the system's, of the size and alignment that were just compared, and so
    // is a word; whatever bits either holds are a set. The slice stays borrowed for as long as what it is seen as.
    #[allow(unsafe_code)]
    unsafe {
        &mut *(core::ptr::from_mut(set) as *mut [FdSetElement])
    }
}

/// Puts the descriptor into the set, or takes it out. Does nothing past the set's end.
pub(crate) fn put(set: &mut [Word], descriptor: usize, present: bool) {
    if let Some(word) = set.get_mut(descriptor / BITS) {
        let bit = 1 << (descriptor % BITS);
        *word = *word & !bit | if present { bit } else { 0 };
    }
}

/// Whether the descriptor is in the set.
pub(crate) fn has(set: &[Word], descriptor: usize) -> bool {
    bits(set, descriptor / BITS).0 & 1 << (descriptor % BITS) != 0
}

/// Makes one word of the set this. Does nothing past the set's end.
pub(crate) fn put_word(set: &mut [Word], word: usize, bits: Word) {
    if let Some(place) = set.get_mut(word) {
        *place = bits;
    }
}

/// The bits of a word, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bits(pub(crate) Word);

impl Iterator for Bits {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let bit = self.0.trailing_zeros();
        // The lowest one leaves. Of none at all none does.
        self.0 &= self.0.wrapping_sub(1);
        usize::try_from(bit).ok().filter(|bit| *bit < BITS)
    }

    fn last(self) -> Option<usize> {
        BITS.checked_sub(1 + self.0.leading_zeros() as usize)
    }
}

/// The bits of one word of a set; none past the set's end.
pub(crate) fn bits(set: &[Word], word: usize) -> Bits {
    Bits(set.get(word).copied().unwrap_or(0))
}

/// The bits that any of the sets has in this word.
pub(crate) fn union(sets: &[&mut [Word]; 3], word: usize) -> Bits {
    Bits(sets.iter().fold(0, |all, set| all | bits(set, word).0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_out_in_order() {
        let mut set = [0; 2];
        for descriptor in [BITS + 5, 3, 0, BITS - 1, 2 * BITS] {
            put(&mut set, descriptor, true);
        }
        assert!(bits(&set, 0).eq([0, 3, BITS - 1]));
        assert!(bits(&set, 1).eq([5]));
        assert!(bits(&set, 2).eq([]), "past the end");
        put(&mut set, 3, false);
        put(&mut set, 4, false);
        assert!(bits(&set, 0).eq([0, BITS - 1]));
    }

    #[test]
    fn a_union_has_what_any_has() {
        let (mut a, mut b, mut c) = ([1], [4], [5, 8]);
        let sets = [&mut a[..], &mut b[..], &mut c[..]];
        assert_eq!((union(&sets, 0), union(&sets, 1)), (Bits(5), Bits(8)));
    }

    /// The kernel's own view of a set is rustix's, whose operations these agree with.
    #[test]
    fn the_words_are_the_systems() {
        let mut set = [0; 3];
        for descriptor in [0, 1, BITS - 1, BITS, 2 * BITS + 7] {
            rustix::event::fd_set_insert(elements(&mut set), descriptor as i32);
            assert!(bits(&set, descriptor / BITS).any(|bit| bit == descriptor % BITS));
            put(&mut set, descriptor, false);
            assert_eq!(rustix::event::fd_set_bound(elements(&mut set)), 0);
        }
    }
}
