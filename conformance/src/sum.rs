//! How much was heard, and whether it was the right thing.

use core::fmt;

/// The count and the checksum (64-bit FNV-1a) of a run of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sum {
    count: usize,
    check: u64,
}

impl Default for Sum {
    fn default() -> Self {
        Self { count: 0, check: 0xcbf2_9ce4_8422_2325 }
    }
}

impl Sum {
    pub(crate) fn of(data: &[u8]) -> Self {
        let mut sum = Self::default();
        sum.add(data);
        sum
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn add(&mut self, data: &[u8]) {
        self.count += data.len();
        for byte in data {
            self.check = (self.check ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes, {:016x}", self.count, self.check)
    }
}
