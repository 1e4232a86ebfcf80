//! What came of the cases of a program, counted.

use core::fmt::{self, Write};

/// How many cases there were, and of which kind.
#[derive(Clone, Copy, Default, Debug)]
pub struct Tally {
    /// Those that came out as they should.
    pub passed: usize,
    /// Those that did not.
    pub failed: usize,
    /// Those that were not run.
    pub skipped: usize,
}

impl Tally {
    /// Whether this is a good end: something passed, and nothing failed.
    pub const fn is_good(&self) -> bool {
        self.passed > 0 && self.failed == 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// The checksum (64-bit FNV-1a) of what is written to it.
#[derive(Clone, Copy, Debug)]
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// The sum so far.
    pub const fn value(&self) -> u64 {
        self.0
    }
}

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        Ok(())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
