//! The arithmetic of measurements.

/// The middle of these numbers, and the least and the greatest of them.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Spread {
    pub least: f64,
    pub median: f64,
    pub most: f64,
}

impl Spread {
    /// `None` of no numbers.
    pub fn of(numbers: &[f64]) -> Option<Self> {
        let mut sorted = numbers.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 };
        Some(Self { least, median, most })
    }
}

/// What one of many costs, from two runs that differ in nothing but how many there were: start and end cancel out.
///
/// `None` where the longer run is not longer.
pub fn each(short: (u64, u64), long: (u64, u64)) -> Option<f64> {
    let (few, cost_of_few) = short;
    let (many, cost_of_many) = long;
    (many > few).then(|| (cost_of_many as f64 - cost_of_few as f64) / (many - few) as f64)
}

#[cfg(test)]
mod tests {
    use super::{Spread, each};

    #[test]
    fn the_median_is_the_middle_or_between_both_middles() {
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[3.0]), Some(Spread { least: 3.0, median: 3.0, most: 3.0 }));
        assert_eq!(Spread::of(&[9.0, 1.0, 2.0]), Some(Spread { least: 1.0, median: 2.0, most: 9.0 }));
        assert_eq!(Spread::of(&[4.0, 1.0, 100.0, 2.0]), Some(Spread { least: 1.0, median: 3.0, most: 100.0 }));
    }

    #[test]
    fn what_happens_once_cancels_out() {
        assert_eq!(each((100, 5_300), (1_100, 8_300)), Some(3.0));
        assert_eq!(each((100, 5_300), (200, 5_250)), Some(-0.5));
        assert_eq!(each((100, 5_300), (100, 8_300)), None);
    }
}
