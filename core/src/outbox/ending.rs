//! What follows the last byte.

use super::Outbox;
use crate::reach::Reach;
use crate::{Half, Producer, Result};

/// What follows the last byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    Close,
    Shutdown,
    // They have followed.
    Closed,
    Shut,
}

impl<S, P, const K: usize> Outbox<S, P, K> {
    /// Whether it ends the channel, or its sending, when all has been sent, or has done so.
    pub const fn is_closing(&self) -> bool {
        self.ending.is_some()
    }

    /// Whether the channel itself ends when all has been sent, or has ended so.
    pub(crate) const fn closes(&self) -> bool {
        matches!(self.ending, Some(Ending::Close | Ending::Closed))
    }

    /// Whether an end is still to follow.
    pub(super) const fn is_ending(&self) -> bool {
        matches!(self.ending, Some(Ending::Close | Ending::Shutdown))
    }
}

impl<S: AsRef<[u8]> + AsMut<[u8]>, P: Producer, const K: usize> Outbox<S, P, K> {
    /// Closes the channel as soon as everything that waits has been sent: at once, if nothing does.
    ///
    /// Until then nothing more is taken: sends and pushes are errors of kind [`Unsupported`](crate::ErrorKind::Unsupported). On a
    /// channel that is still connecting it waits for the connection, if there is something to send.
    ///
    /// A close throws away what has come from the peer and has not been read, and many systems then reset the connection,
    /// whereupon the peer may lose the end of what it was sent. To a peer that may still be sending,
    /// [`shutdown_when_done`](Self::shutdown_when_done) and read on.
    pub fn close_when_done<C: Reach>(&mut self, channel: &mut C) {
        if self.ending != Some(Ending::Closed) {
            self.ending = Some(Ending::Close);
        }
        // To close cannot fail.
        let _ = self.end_if_done(channel);
    }

    /// Shuts the sending half as soon as everything that waits has been sent, so that the peer finds the end of the stream
    /// and can still be heard: at once, if nothing waits and the channel is connected.
    ///
    /// From then on nothing more is taken, as with [`close_when_done`](Self::close_when_done), which may still follow.
    pub fn shutdown_when_done<C: Reach>(&mut self, channel: &mut C) -> Result<()> {
        self.ending.get_or_insert(Ending::Shutdown);
        self.end_if_done(channel)
    }

    pub(super) fn end_if_done<C: Reach>(&mut self, channel: &mut C) -> Result<()> {
        if !self.is_empty() {
            return Ok(());
        }
        let mut io = channel.io();
        match self.ending {
            Some(Ending::Close) => {
                io.close();
                self.ending = Some(Ending::Closed);
            }
            // While it connects there is nothing to shut; it is told to write once it has.
            Some(Ending::Shutdown) if io.connected() => {
                io.shutdown(Half::Write)?;
                self.ending = Some(Ending::Shut);
            }
            _ => {}
        }
        Ok(())
    }
}
