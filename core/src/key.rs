//! The name of a channel: a slot's index and its generation, never a descriptor.

use core::fmt;

/// Names one channel for as long as it lives, and nothing after that (rule 4: no stale events).
///
/// A slot is used again; its generation then differs, so an old key finds nobody instead of a stranger. A generation
/// comes back after 2³² uses of one slot.
///
/// ```
/// use stheno_core::Key;
/// let key = Key::from_bits(7 << 32 | 3);
/// assert_eq!((key.index(), key.generation()), (3, 7));
/// assert_eq!(Key::from_bits(key.to_bits()), key);
/// assert_eq!(key.to_string(), "#3.7");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    index: u32,
    generation: u32,
}

impl Key {
    /// The key of this slot and generation. Only a loop can tell whether it names a channel.
    pub const fn new(index: u32, generation: u32) -> Self {
        Self { index, generation }
    }

    /// The slot in its loop's table: small numbers, used again, so that a backend may index a list by it.
    pub const fn index(self) -> usize {
        self.index as usize
    }

    /// How often the slot had been used before.
    pub const fn generation(self) -> u32 {
        self.generation
    }

    /// The key as one number, for a system call's user data.
    pub const fn to_bits(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }

    /// The key that [`to_bits`](Self::to_bits) made this number of.
    pub const fn from_bits(bits: u64) -> Self {
        Self { index: bits as u32, generation: (bits >> 32) as u32 }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}.{}", self.index, self.generation)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn a_key_is_a_number_and_a_name() {
        let key = Key::new(3, u32::MAX);
        assert_eq!((key.index(), key.generation(), key.to_bits()), (3, u32::MAX, 0xffff_ffff_0000_0003));
        assert_eq!(Key::from_bits(key.to_bits()), key);
        assert_eq!(std::format!("{key} {key:?}"), "#3.4294967295 #3.4294967295");
    }
}
