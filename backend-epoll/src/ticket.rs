//! What the kernel keeps for each descriptor: the key, and what was asked for.
//!
//! An event tells a hang-up or an error, but not what was asked for, and that decides whether it is READABLE or
//! WRITABLE. (B5, B6) The kernel's 64 bits have room for both, since no table has 2²⁹ channels: each would need a
//! descriptor, and a process may have 2³⁰ of those only where someone has raised a limit of 2²⁰.

use stheno_core::{Interest, Key};

/// How many indices a key may have.
const INDICES: usize = 1 << AT;

const AT: u32 = 29;

/// The interest lies in the index's upper bits. `None` where those are in use.
pub(crate) fn pack(key: Key, interest: Interest) -> Option<u64> {
    (key.index() < INDICES).then(|| key.to_bits() | u64::from(interest.bits()) << AT)
}

#[inline]
pub(crate) fn unpack(ticket: u64) -> (Key, Interest) {
    let all = u64::from(Interest::ALL.bits()) << AT;
    (Key::from_bits(ticket & !all), Interest::from_bits_truncate(((ticket & all) >> AT) as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_out() {
        for index in [0, 1, 0x1fff_ffff] {
            for generation in [0, 7, u32::MAX] {
                for bits in 0..8 {
                    let (key, interest) = (Key::new(index, generation), Interest::from_bits_truncate(bits));
                    assert_eq!(pack(key, interest).map(unpack), Some((key, interest)));
                }
            }
        }
        assert_eq!(pack(Key::new(0x2000_0000, 0), Interest::READ), None);
    }
}
