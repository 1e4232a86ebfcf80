//! How many clients a server has, so that it ends when the last one has left.

/// Counts clients.
#[derive(Default)]
pub struct Census(usize);

impl Census {
    pub const fn came(&mut self) {
        self.0 += 1;
    }

    /// Whether that was the last one.
    #[must_use]
    pub const fn left(&mut self) -> bool {
        self.0 -= 1;
        self.0 == 0
    }
}
