//! Time: what is under way arrives when its time has come, and time passes only when somebody waits for it.

use core::time::Duration;

use stheno_core::Storage;

use super::entry::End;
use super::memory::Memory;
use super::network::{Network, nanos};

impl<M: Memory> Network<M> {
    /// Lets time pass, with everything that happens in it.
    pub fn advance(&mut self, time: Duration) {
        let until = self.now.saturating_add(nanos(time));
        while self.step(until) {}
        self.now = until;
    }

    /// Lets time pass until nothing is under way and no deed is to come. The clock stands where the last of it happened.
    pub fn settle(&mut self) {
        while self.step(u64::MAX) {}
    }

    /// Whether something is under way, or a deed is to come.
    pub fn is_settled(&self) -> bool {
        self.due() == u64::MAX
    }

    /// Goes on to the next thing that happens, and has it happen, unless that is after `until`.
    pub(super) fn step(&mut self, until: u64) -> bool {
        let due = self.due();
        if due == u64::MAX || due > until {
            return false;
        }
        self.now = self.now.max(due);
        self.soonest = due;
        self.catch_up();
        true
    }

    /// Remembers that something happens then; at once, if that is now.
    pub(super) fn happens_at(&mut self, when: u64) {
        self.soonest = self.soonest.min(when);
        self.catch_up();
    }

    /// Has everything happen whose time has come.
    pub(super) fn catch_up(&mut self) {
        if self.busy {
            return;
        }
        self.busy = true;
        // What would happen past the end of the clock never does.
        while self.soonest <= self.now && self.soonest < u64::MAX {
            self.calls_arrive();
            self.bytes_arrive();
            self.letters_arrive();
            self.deeds_are_done();
            self.soonest = self.due();
        }
        self.busy = false;
    }

    /// When the next thing happens; `u64::MAX` is never.
    fn due(&self) -> u64 {
        if self.soonest == u64::MAX {
            return u64::MAX;
        }
        let sockets = self.sockets.as_slice().iter().map(|entry| entry.due());
        let letters = self.letters.as_slice().iter().map(|letter| letter.due());
        let deeds = self.deeds.as_slice().iter().map(|deed| deed.due());
        sockets.chain(letters).chain(deeds).min().unwrap_or(u64::MAX)
    }

    fn bytes_arrive(&mut self) {
        let Self { sockets, rng, now, .. } = self;
        for entry in sockets.as_mut_slice() {
            match &mut entry.end {
                End::Stream(stream) => stream.arrive(*now, rng),
                End::Mailbox(mailbox) => mailbox.arrive(*now),
                _ => {}
            }
        }
    }
}
