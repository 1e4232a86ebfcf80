//! The clock that the program brings.

use stheno_core::{Instant, Result};

/// A clock, and the rest until it shows some time.
pub trait Clock {
    /// The time; never goes back.
    fn now(&self) -> Instant;

    /// Rests until this time (without one: for as long as it takes) or until the device may have received something,
    /// whichever comes first. It may end early.
    ///
    /// An error where neither can come, so that a wait fails instead of lasting for ever.
    fn rest(&mut self, until: Option<Instant>) -> Result<()>;
}
