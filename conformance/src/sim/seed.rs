//! Where seeds come from.

use std::env;
use std::hash::{BuildHasher, RandomState};

use stheno_core::{Error, ErrorKind, Result};

/// A seed: the number in the environment's `STHENO_SEED` where there is one, else a fresh one.
///
/// A [`Network`](super::Network) that is dropped in a panic prints its seed, so that a test that failed by chance can be
/// run again with the same story: `STHENO_SEED=1234 cargo test`. Fails where the variable is not a number below 2⁶⁴.
///
/// ```
/// use stheno_conformance::sim::{self, Sim};
/// let net = Sim::seeded(sim::seed()?);
/// # Ok::<(), stheno_core::Error>(())
/// ```
pub fn seed() -> Result<u64> {
    match env::var_os("STHENO_SEED") {
        Some(text) => parse(&text.to_string_lossy()),
        None => Ok(RandomState::new().hash_one(0)),
    }
}

fn parse(text: &str) -> Result<u64> {
    text.parse()
        .map_err(|_| Error::new(ErrorKind::Invalid, "not a number below 2^64").doing("read STHENO_SEED").on_text(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_number() {
        assert_eq!(parse("18446744073709551615"), Ok(u64::MAX));
        for text in ["", "x", "-1", "18446744073709551616"] {
            let said = format!("read STHENO_SEED {text}: not a number below 2^64");
            assert_eq!(parse(text).unwrap_err().to_string(), said);
        }
    }
}
