//! How full an outbox is, and who is told.

use crate::reach::{Reach, Sight};
use crate::{Error, ErrorKind, Key, Result};

/// A mark on an outbox that was crossed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Watermark {
    /// Upwards: as much waits as should, and whoever makes more should stop.
    #[doc(alias = "pause_writing")]
    High,
    /// Downwards: so little waits that whoever makes more may go on.
    #[doc(alias = "resume_writing")]
    #[doc(alias = "drain")]
    Low,
}

/// What an outbox knows of its marks and its source.
#[derive(Clone, Debug)]
pub(super) struct Pressure {
    marks: Option<(usize, usize)>,
    is_high: bool,
    /// What the program was told last.
    told_high: bool,
    source: Option<Source>,
}

/// The channel whose reading feeds the outbox.
#[derive(Clone, Debug)]
struct Source {
    key: Key,
    paused: bool,
}

impl Pressure {
    pub(super) const fn new() -> Self {
        Self { marks: None, is_high: false, told_high: false, source: None }
    }

    pub(super) const fn is_high(&self) -> bool {
        self.is_high
    }

    /// The low and the high mark: a quarter and three quarters of the memory unless set, and the high one at least 1.
    pub(super) fn marks(&self, capacity: usize) -> (usize, usize) {
        self.marks.unwrap_or((capacity / 4, capacity - capacity / 4))
    }

    pub(super) fn set_marks(&mut self, low: usize, high: usize, capacity: usize) -> Result<()> {
        if low >= high || high > capacity {
            return Err(NO_MARKS);
        }
        self.marks = Some((low, high));
        Ok(())
    }

    /// Looks at how much waits.
    pub(super) fn weigh(&mut self, len: usize, capacity: usize) {
        let (low, high) = self.marks(capacity);
        self.is_high = if self.is_high { len > low } else { len >= high && high > 0 };
    }

    pub(super) fn crossed(&mut self) -> Option<Watermark> {
        if core::mem::replace(&mut self.told_high, self.is_high) == self.is_high {
            return None;
        }
        Some(if self.is_high { Watermark::High } else { Watermark::Low })
    }

    pub(super) const fn source(&self) -> Option<Key> {
        match &self.source {
            Some(source) => Some(source.key),
            None => None,
        }
    }

    pub(super) fn link(&mut self, source: Key) {
        if self.source() != Some(source) {
            self.source = Some(Source { key: source, paused: false });
        }
    }

    pub(super) fn unlink<C: Reach>(&mut self, channel: &mut C) {
        if let Some(Source { key, paused: true }) = self.source.take() {
            channel.meet(key, |io| io.resume());
        }
    }

    /// Pauses or resumes the source, if that is due and it is in sight.
    pub(super) fn heed<C: Reach>(&mut self, channel: &mut C) {
        let is_high = self.is_high;
        let Some(Source { key, paused }) = &mut self.source else { return };
        if *paused == is_high {
            return;
        }
        match channel.meet(*key, |io| if is_high { io.pause() } else { io.resume() }) {
            Sight::Met => *paused = is_high,
            Sight::Gone => self.source = None,
            Sight::Unseen => {}
        }
    }
}

const NO_MARKS: Error =
    Error::new(ErrorKind::Invalid, "the low mark must lie below the high one, and that within the capacity")
        .doing("set the watermarks");
