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
        duration(self.0.saturating_sub(earlier.0))
    }

    /// So many nanoseconds after this.
    pub(crate) const fn after(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }
}

impl core::ops::Add<Duration> for Instant {
    type Output = Self;
    fn add(self, time: Duration) -> Self {
        let nanos = time.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(time.subsec_nanos()));
        Self(self.0.saturating_add(nanos))
    }
}

/// A time without another, or none. The library's own subtraction says the same, but the compiler does not always see that it
/// cannot panic.
pub(crate) const fn less(time: Duration, by: Duration) -> Duration {
    let (nanos, borrows) = time.subsec_nanos().overflowing_sub(by.subsec_nanos());
    let nanos = if borrows { nanos.wrapping_add(SECOND) } else { nanos };
    let Some(seconds) = time.as_secs().checked_sub(by.as_secs()) else { return Duration::ZERO };
    let Some(seconds) = seconds.checked_sub(borrows as u64) else { return Duration::ZERO };
    Duration::new(seconds, nanos % SECOND)
}

const SECOND: u32 = 1_000_000_000;

/// So many nanoseconds, as a time.
///
/// Where a division of 64 bits is a routine of its own, of the better part of a kilobyte, it is done bit by bit: once in a
/// wait that is timed.
const fn duration(nanos: u64) -> Duration {
    if cfg!(target_pointer_width = "64") { Duration::from_nanos(nanos) } else { bit_by_bit(nanos) }
}

const fn bit_by_bit(nanos: u64) -> Duration {
    let (mut seconds, mut rest, mut bit) = (0_u64, 0_u32, 64);
    while bit > 0 {
        bit -= 1;
        // Stays below twice a second, which 32 bits hold.
        rest = rest << 1 | (nanos >> bit & 1) as u32;
        seconds <<= 1;
        if rest >= SECOND {
            rest -= SECOND;
            seconds |= 1;
        }
    }
    // It is less than a second already; this lets the compiler see it, which else keeps a panic for it.
    Duration::new(seconds, rest % SECOND)
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
    fn bit_by_bit_is_the_same_time() {
        for nanos in [0, 1, 999_999_999, 1_000_000_000, 1_000_000_001, 123_456_789_012_345_678, u64::MAX - 1, u64::MAX]
        {
            assert_eq!(bit_by_bit(nanos), Duration::from_nanos(nanos));
        }
    }

    #[test]
    fn less_is_the_librarys_subtraction() {
        let times = [0, 1, 999_999_999, 1_000_000_000, 1_999_999_999, 5_000_000_001].map(Duration::from_nanos);
        for time in times.into_iter().chain([Duration::MAX]) {
            for by in times.into_iter().chain([Duration::MAX]) {
                assert_eq!(less(time, by), time.saturating_sub(by), "{time:?} - {by:?}");
            }
        }
    }

    #[test]
    fn parts_are_nanoseconds_and_never_has_a_name() {
        let instant = Instant::from_parts(2, 7);
        assert_eq!((instant, instant.as_nanos()), (Instant::from_nanos(2_000_000_007), 2_000_000_007));
        assert_eq!(std::format!("{instant:?}, {:?}", Instant::from_parts(u64::MAX, 0)), "2000000007ns, never");
    }
}
