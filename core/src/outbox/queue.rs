//! The producers of an outbox, in line between the bytes that wait.
//!
//! All bytes lie in the outbox's one ring: the head, which goes next, and then behind each producer what was pushed behind
//! it. Only the first producer is asked. With nothing behind it, what it gives is appended to the head; with something
//! behind, it is put in front of that as soon as the head has gone, in the free memory before it.

use crate::producer::TOO_MUCH;
use crate::{Buffer, Produced, Producer, Result};

#[derive(Clone, Debug)]
pub(super) struct Queue<P, const K: usize> {
    /// In order, those that are there before those that are not.
    line: [Option<Queued<P>>; K],
    /// The first one had nothing for now, or failed.
    idle: bool,
}

#[derive(Clone, Debug)]
struct Queued<P> {
    producer: P,
    /// So many bytes stand between it and the next one.
    behind: usize,
}

impl<P, const K: usize> Queue<P, K> {
    pub(super) const fn new() -> Self {
        Self { line: [const { None }; K], idle: false }
    }

    pub(super) const fn is_empty(&self) -> bool {
        matches!(self.line.first(), None | Some(None))
    }

    pub(super) fn clear(&mut self) {
        self.line = [const { None }; K];
        self.idle = false;
    }

    /// How many bytes stand behind producers.
    fn behind(&self) -> usize {
        self.line.iter().flatten().map(|queued| queued.behind).sum()
    }

    /// How many of the bytes that wait stand before all producers.
    pub(super) fn head(&self, waiting: usize) -> usize {
        waiting.saturating_sub(self.behind())
    }

    pub(super) fn is_writable(&self, waiting: usize) -> bool {
        self.head(waiting) > 0 || !self.is_empty() && !self.idle
    }

    /// How many more bytes may be pushed, where so many fit.
    pub(super) fn room(&self, free: usize, capacity: usize) -> usize {
        if self.is_empty() { free } else { free.min((capacity / 2).saturating_sub(self.behind())) }
    }

    /// So many bytes were appended.
    pub(super) fn pushed(&mut self, bytes: usize) {
        if let Some(last) = self.line.iter_mut().flatten().last() {
            last.behind += bytes;
        }
    }

    pub(super) fn push(&mut self, producer: P) -> Result<(), P> {
        match self.line.iter_mut().find(|place| place.is_none()) {
            Some(place) => {
                *place = Some(Queued { producer, behind: 0 });
                Ok(())
            }
            None => Err(producer),
        }
    }
}

impl<P: Producer, const K: usize> Queue<P, K> {
    /// Asks for more while there is room, and whoever is asked has more: at most once for each free byte and each producer.
    pub(super) fn refill<S: AsRef<[u8]> + AsMut<[u8]>>(&mut self, waiting: &mut Buffer<S>) -> Result<()> {
        self.idle = false;
        loop {
            let behind = self.behind();
            let Some(Some(first)) = self.line.first_mut() else { return Ok(()) };
            let [end, _] = waiting.free();
            let into = match behind {
                0 => end,
                // What stands in between goes first.
                behind if behind < waiting.len() => return Ok(()),
                _ => waiting.free_before(),
            };
            let room = into.len();
            if room == 0 {
                return Ok(());
            }
            let produced = first.producer.more(into);
            self.idle = !matches!(produced, Ok(Produced::Data(1..) | Produced::Done));
            match produced? {
                Produced::Data(n) if n > room => {
                    self.idle = true;
                    return Err(TOO_MUCH);
                }
                Produced::Data(0) | Produced::NothingYet => return Ok(()),
                Produced::Data(n) if behind == 0 => waiting.commit(n),
                Produced::Data(n) => waiting.commit_before(n),
                Produced::Done => {
                    self.line.rotate_left(1);
                    if let Some(done) = self.line.last_mut() {
                        *done = None;
                    }
                }
            }
        }
    }
}
