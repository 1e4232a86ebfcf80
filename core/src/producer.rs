//! What is sent bit by bit, asked for as there is room.

use crate::{Error, ErrorKind, Result};

/// What a [`Producer`] had to give.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Produced {
    /// So many bytes, no more than there was room for. None at all is the same as [`NothingYet`](Self::NothingYet).
    Data(usize),
    /// Nothing for now; it is asked again when its outbox is [flushed](crate::Outbox::flush).
    NothingYet,
    /// Nothing any more.
    Done,
}

/// Something that gives its bytes when there is room for them: a file that is sent without being read whole.
///
/// Queued with [`Outbox::push_with_producer`](crate::Outbox::push_with_producer). A slice is one, to be copied piece by
/// piece. That one has nothing to give is said, and not read from an empty answer: whoever is empty from the start is done,
/// and what stands behind it in the queue is next.
///
/// ```
/// use stheno_core::{Produced, Producer, Result};
///
/// /// Counts down from here.
/// struct Countdown(u8);
///
/// impl Producer for Countdown {
///     fn more(&mut self, into: &mut [u8]) -> Result<Produced> {
///         let mut n = 0;
///         for byte in into.iter_mut().take(self.0.into()) {
///             *byte = self.0;
///             (self.0, n) = (self.0 - 1, n + 1);
///         }
///         Ok(if n == 0 { Produced::Done } else { Produced::Data(n) })
///     }
/// }
/// ```
#[doc(alias = "simple_producer")]
pub trait Producer {
    /// Gives as much as there is and as fits into `into`, which has room for at least a byte.
    ///
    /// Must not wait. An error is one of whoever flushes the outbox. The producer stays where it is, and is asked again when
    /// the outbox is flushed again; a stream that cannot go on without it is to be closed.
    fn more(&mut self, into: &mut [u8]) -> Result<Produced>;
}

impl Producer for &[u8] {
    fn more(&mut self, into: &mut [u8]) -> Result<Produced> {
        let (now, later) = self.split_at_checked(into.len()).unwrap_or((self, &[]));
        for (to, from) in into.iter_mut().zip(now) {
            *to = *from;
        }
        *self = later;
        Ok(if now.is_empty() { Produced::Done } else { Produced::Data(now.len()) })
    }
}

impl<P: Producer + ?Sized> Producer for &mut P {
    fn more(&mut self, into: &mut [u8]) -> Result<Produced> {
        (**self).more(into)
    }
}

#[cfg(feature = "alloc")]
impl<P: Producer + ?Sized> Producer for alloc::boxed::Box<P> {
    fn more(&mut self, into: &mut [u8]) -> Result<Produced> {
        (**self).more(into)
    }
}

/// There is none.
impl Producer for core::convert::Infallible {
    fn more(&mut self, _: &mut [u8]) -> Result<Produced> {
        match *self {}
    }
}

/// A producer that an outbox has no room for, and why.
///
/// With `?` it becomes the error, of kind [`Full`](ErrorKind::Full) or [`Unsupported`](ErrorKind::Unsupported).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Refused<P> {
    /// What was refused.
    pub producer: P,
    /// Why it was.
    pub why: Error,
}

impl<P> From<Refused<P>> for Error {
    fn from(refused: Refused<P>) -> Self {
        refused.why
    }
}

impl<P> core::error::Error for Refused<P> {}

impl<P> core::fmt::Display for Refused<P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.why.fmt(f)
    }
}

impl<P> core::fmt::Debug for Refused<P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Refused").field("why", &self.why).finish_non_exhaustive()
    }
}

pub(crate) const TOO_MUCH: Error =
    Error::new(ErrorKind::Invalid, "a producer said that it gave more than there was room for").doing("produce");
