//! What the loop itself says of a turn: it is counted, and shown to the net.

use core::time::Duration;

use super::{EventLoop, Turn};
use crate::counters::add;
use crate::trace::Seen;
use crate::{Fired, Net, Result};

impl<T, N: Net, B, S> EventLoop<T, N, B, S> {
    /// What the loop has done since it began. Handlers have the same by [`Io::counters`](crate::Io::counters).
    ///
    /// ```
    /// # use stheno_core::{Backend, Dispatcher, EventLoop, Net, Slot, Storage};
    /// # fn f<T: Dispatcher<N>, N: Net, B: Backend<N>, S: Storage<Slot<T, N>>>(events: &mut EventLoop<T, N, B, S>) -> stheno_core::Result<()> {
    /// let before = events.counters();
    /// events.turn(None)?;
    /// println!("in one turn: {}", events.counters().since(&before));
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "counters")]
    pub fn counters(&self) -> crate::Counters {
        self.ledger.counters
    }

    #[inline]
    pub(super) fn begins(&mut self) {
        add(&mut self.ledger.counters.turns, 1);
        self.net.observe(Seen::Began);
    }

    #[inline]
    pub(super) fn waits(&mut self, patience: Option<Duration>) {
        add(&mut self.ledger.counters.waits, 1);
        self.net.observe(Seen::Waits(patience));
    }

    #[cfg(target_has_atomic = "8")]
    #[inline]
    pub(super) fn wakes(&mut self) {
        add(&mut self.ledger.counters.wakes, 1);
        self.net.observe(Seen::Woken);
    }

    #[inline]
    pub(super) fn passes_over(&mut self, fired: Fired) {
        self.net.observe(Seen::Stale(fired.key, fired.readiness));
    }

    #[inline]
    pub(super) fn ends(&mut self, turn: Result<Turn>) -> Result<Turn> {
        self.net.observe(Seen::Ended(turn));
        turn
    }
}
