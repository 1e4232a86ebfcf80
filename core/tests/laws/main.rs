//! Laws: what holds for all values, tried with many.
//!
//! A law that is broken shows the smallest values that were found to break it; they become a case of their own in the
//! test file of the subject. Nothing is written to disk.

#[path = "../memory/mod.rs"]
mod memory;

mod bytes;
mod frames;
mod loans;
mod rules;
mod sets;
mod storage;
mod time;

use proptest::prelude::ProptestConfig;

/// So many cases for each law: fewer where an interpreter plays them.
pub fn cases(cases: u32) -> ProptestConfig {
    let cases = if cfg!(miri) { 2 } else { cases };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}
