//! A terminator, and where it ends in bytes that come bit by bit.
//!
//! This is the search of Knuth, Morris and Pratt. How much of the terminator the bytes so far end with is one number, kept
//! between one piece of input and the next, so that no byte is looked at again however the input is cut. Each byte of input
//! costs two comparisons at the most, taken together, whatever the terminator and the input are.

/// A terminator of one to `T` bytes.
#[derive(Clone, Debug)]
pub(super) struct Needle<const T: usize> {
    bytes: [u8; T],
    /// For each beginning of the terminator: how long the longest shorter beginning is that it ends with.
    falls: [u8; T],
    len: u8,
}

impl<const T: usize> Needle<T> {
    /// How long a terminator may be.
    pub(super) const MOST: usize = if T < u8::MAX as usize { T } else { u8::MAX as usize };

    /// `None` where it is empty, or longer than [`MOST`](Self::MOST). Costs O(length).
    pub(super) fn new(terminator: &[u8]) -> Option<Self> {
        if terminator.is_empty() || terminator.len() > Self::MOST {
            return None;
        }
        let mut needle = Self { bytes: [0; T], falls: [0; T], len: terminator.len() as u8 };
        for (to, from) in needle.bytes.iter_mut().zip(terminator) {
            *to = *from;
        }
        let mut matched = 0;
        for (at, byte) in terminator.iter().enumerate().skip(1) {
            matched = needle.step(matched, *byte);
            if let Some(fall) = needle.falls.get_mut(at) {
                *fall = matched as u8;
            }
        }
        Some(needle)
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len()).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Goes on through `input`, before which `matched` bytes of the terminator had been found. Gives how many are found now
    /// and how much of the input was read: all of it, or up to the terminator's end.
    pub(super) fn find(&self, matched: usize, input: &[u8]) -> (usize, usize) {
        let (mut matched, mut read) = (matched, 0);
        let first = self.bytes.first().copied().unwrap_or_default();
        while let Some((byte, _)) = input.get(read..).and_then(<[u8]>::split_first) {
            if matched == 0 {
                // Most bytes of most inputs are passed over here.
                let rest = input.get(read..).unwrap_or_default();
                let Some(ahead) = rest.iter().position(|byte| same(*byte, first)) else { return (0, input.len()) };
                (matched, read) = (1, read + ahead + 1);
            } else {
                (matched, read) = (self.step(matched, *byte), read + 1);
            }
            if matched == self.len() {
                break;
            }
        }
        (matched, read)
    }

    /// How much of the terminator is there after one more byte. Less than all of it was there before.
    fn step(&self, matched: usize, byte: u8) -> usize {
        let mut matched = matched;
        while !self.bytes.get(matched).is_some_and(|next| same(*next, byte)) {
            // What is there ends with a shorter beginning, which may go on instead.
            match matched.checked_sub(1).and_then(|last| self.falls.get(last)) {
                Some(shorter) => matched = usize::from(*shorter),
                None => return 0,
            }
        }
        matched + 1
    }
}

fn same(one: u8, other: u8) -> bool {
    #[cfg(test)]
    super::tests::COMPARISONS.with(|count| count.set(count.get() + 1));
    one == other
}
