//! Decisions read from bytes: what a target does next.

use arbitrary::{Arbitrary, Unstructured};

/// Gives one decision after the other; where the bytes are used up, the first choice of each.
pub struct Tape<'a>(Unstructured<'a>);

impl<'a> Tape<'a> {
    /// A tape of these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(Unstructured::new(bytes))
    }

    /// Whether nothing is left to decide.
    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// Any value of a type.
    pub fn any<T: Arbitrary<'a> + Default>(&mut self) -> T {
        self.0.arbitrary().unwrap_or_default()
    }

    /// A number up to and including `most`.
    pub fn up_to(&mut self, most: usize) -> usize {
        self.0.int_in_range(0..=most).unwrap_or(0)
    }

    /// One of these.
    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.up_to(choices.len() - 1)]
    }
}
