//! Numbers by chance that a seed brings on every target.

use core::ops::{Bound, RangeBounds};

use fastrand::Rng;

/// A number out of this range. It is drawn from 64 bits, so that the same one comes whatever the width of a `usize`.
pub(crate) fn draw(rng: &mut Rng, range: impl RangeBounds<usize>) -> usize {
    let wide = |end: Bound<&usize>| end.map(|end| *end as u64);
    rng.u64((wide(range.start_bound()), wide(range.end_bound()))) as usize
}
