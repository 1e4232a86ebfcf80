//! A point in time, counted from wherever the backend's clock begins.

use core::fmt;
use core::time::Duration;

/// A point on a monotonic clock, in nanoseconds from an arbitrary start (rule 9: time is exact).
///
/// Holds 584 years; sums past that stay at [`NEVER`](Self::NEVER). Instants of different clocks must not be compared.
///
/// ```
/// use core::time::Duration;
/// use stheno_core::Instant;
/// let soon = Instant::from_nanos(5) + Duration::from_nanos(3);
/// assert_eq!(soon.saturating_since(Instant::from_nanos(6)), Duration::from_nanos(2));
/// assert_eq!(Instant::from_nanos(6).saturating_since(soon), Duration::ZERO);
/// assert_eq!(soon + Duration::MAX, Instant::NEVER);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// Later than anything that comes.
    pub const NEVER: Self = Self(u64::MAX);

    /// So many nanoseconds after the clock's start.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Seconds and nanoseconds as a system's clock gives them.
    pub const fn from_parts(seconds: u64, nanos: u32) -> Self {
        Self(seconds.saturating_mul(1_000_000_000).saturating_add(nanos as u64))
    }

    /// Nanoseconds after the clock's start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to this; zero where that is later.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl core::ops::Add<Duration> for Instant {
    type Output = Self;
    fn add(self, time: Duration) -> Self {
        let nanos = time.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(time.subsec_nanos()));
        Self(self.0.saturating_add(nanos))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NEVER { f.write_str("never") } else { write!(f, "{}ns", self.0) }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn parts_are_nanoseconds_and_never_has_a_name() {
        let instant = Instant::from_parts(2, 7);
        assert_eq!((instant, instant.as_nanos()), (Instant::from_nanos(2_000_000_007), 2_000_000_007));
        assert_eq!(std::format!("{instant:?}, {:?}", Instant::from_parts(u64::MAX, 0)), "2000000007ns, never");
    }
}
