//! Streams with more to send than the network holds: readers that read little, stop, and go on; and ends of all kinds in the
//! middle of it.
//!
//! How much a network holds is no backend's promise, so nothing here depends on it. What is sent is known, and so is what is
//! read, because readers read as many bytes as the walk says; when a sender writes is not, and it is not written down
//! (`hush`). Where somebody goes before all is sent, whoever is left has a part of it, and says whether it is the right one
//! (`rest`).

use super::model::Far;
use super::{HELD, WINDOW, Walker};

/// How many bytes a walk may have in such streams.
const FLOOD: usize = 1_500_000;
/// How many of them one reader reads in how many pieces at most, so that a walk ends.
const PIECES: usize = 150;

impl Walker {
    /// One thing happens to one such stream, or there is one more.
    pub(super) fn pressure(&mut self) {
        let debts = self.model.debts();
        if !debts.is_empty() && self.rng.bool() {
            let (hearer, sender) = debts[self.draw(..debts.len())].clone();
            return self.rest(&hearer, sender);
        }
        let senders: Vec<_> = (0..self.model.channels.len()).filter(|at| self.model.feeds(*at).is_some()).collect();
        if !senders.is_empty() && self.rng.u8(..4) > 0 {
            let at = senders[self.draw(..senders.len())];
            self.press(at);
        } else {
            self.flood();
        }
    }

    /// Every such stream comes to its end.
    pub(super) fn relieve(&mut self) {
        for at in 0..self.model.channels.len() {
            if self.model.feeds(at).is_some() {
                self.take(at, usize::MAX);
            }
        }
        for (hearer, sender) in self.model.debts() {
            self.rest(&hearer, sender);
        }
    }

    /// A channel gets more to send than the network holds.
    fn flood(&mut self) {
        let can = |at: &usize| {
            let channel = &self.model.channels[*at];
            let far_end_can = match &channel.far {
                Far::Nobody => false,
                Far::Peer(_) => true,
                Far::Channel(far) => {
                    let far = &self.model.channels[*far];
                    far.open && far.rule.is_none() && (far.out.is_empty() || far.hushed)
                }
            };
            channel.open && channel.is_quiet() && channel.end.is_none() && !channel.flooded && far_end_can
        };
        let all: Vec<_> = (0..self.model.channels.len()).filter(can).collect();
        let size = match self.rng.u8(..12) {
            0 => 1 << 20,
            _ => self.draw(HELD + 20_000..2 * HELD),
        };
        if all.is_empty() || self.floods + size > FLOOD {
            return;
        }
        self.floods += size;
        let at = all[self.draw(..all.len())];
        self.narrow(at);
        let far = self.model.channels[at].far.clone();
        if let Far::Channel(far) = far
            && self.model.channels[far].readable
        {
            self.set_readable(far, false);
        }
        self.step(&format!("hush {} on", self.model.channels[at].name));
        self.model.channels[at].hushed = true;
        // Nobody is there any more when it begins.
        if let Far::Peer(peer) = &far
            && self.rng.u8(..10) == 0
        {
            self.leave(at, peer);
        }
        let first = self.draw(1..size);
        for part in [first, size - first] {
            let word = format!("{part}~{}", self.rng.u16(..));
            self.push_word(at, &word);
        }
        if self.rng.u8(..5) > 0 || self.model.channels[at].is_left() {
            self.run();
        } else {
            self.take_some(at);
        }
    }

    /// The network holds little for this channel and its far end from now on.
    fn narrow(&mut self, at: usize) {
        if std::mem::replace(&mut self.model.channels[at].narrow, true) {
            return;
        }
        let far = match self.model.channels[at].far.clone() {
            Far::Nobody => return,
            Far::Peer(peer) => peer,
            Far::Channel(far) => {
                self.model.channels[far].narrow = true;
                self.model.channels[far].name.clone()
            }
        };
        for name in [self.model.channels[at].name.clone(), far] {
            self.step(&format!("window {name} {WINDOW}"));
        }
    }

    /// Something happens to a channel whose output waits.
    fn press(&mut self, at: usize) {
        let channel = self.model.channels[at].clone();
        match (self.rng.u8(..14), &channel.far) {
            (0, _) => {
                let word = self.word(0);
                self.push_word(at, &word);
                self.run();
            }
            (1, _) if !channel.urgent && channel.rule.is_none() && self.model.may_go(at) => {
                self.close(at);
                self.run();
            }
            (2, Far::Peer(peer)) if channel.end.is_none() && !channel.urgent => {
                if self.rng.bool() {
                    self.keep(at);
                }
                self.step(&format!("shut {peer} write"));
                self.model.end_from_peer(at, "shut");
                self.run();
            }
            (3..=4, Far::Peer(peer)) if !channel.is_left() && channel.can_be_left() => {
                self.leave(at, peer);
                self.run();
            }
            (5, Far::Peer(_)) if channel.end.is_none() && channel.rule.is_none() => {
                let rule = ["close", "raise"][self.draw(..2)];
                self.rule(at, rule.into());
                self.send(at);
                self.run();
            }
            (2..=3, &Far::Channel(far)) if self.model.channels[far].is_quiet() && self.model.may_go(far) => {
                self.close(far);
                self.run();
            }
            (4, &Far::Channel(far)) if self.model.channels[far].is_quiet() && self.model.may_go(far) => {
                let rule = ["close", "raise"][self.draw(..2)];
                self.rule(far, rule.into());
                self.set_readable(far, true);
                self.run();
            }
            // The first that is read of it is its end.
            (5, &Far::Channel(far)) if self.model.channels[far].is_quiet() && channel.rule.is_none() => {
                self.rule(far, format!("close {}", channel.name));
                self.rest(&channel.far, at);
            }
            _ => self.take_some(at),
        }
    }

    /// The peer goes.
    fn leave(&mut self, at: usize, peer: &str) {
        let reset = !self.model.channels[at].local && self.rng.bool();
        let how = if reset { "reset" } else { "close" };
        self.step(&format!("{how} {peer}"));
        self.model.end_from_peer(at, how);
    }

    /// The far end takes a part of what waits, or all of it.
    fn take_some(&mut self, at: usize) {
        let all = self.waiting(at);
        let count = match self.rng.u8(..4) {
            0 => self.draw(1..=40),
            1 => all,
            _ => self.draw(1..=all),
        };
        self.take(at, count);
    }

    /// How much the far end has not taken yet.
    fn waiting(&self, at: usize) -> usize {
        self.model.waiting_at_far_end(at) + self.model.channels[at].out.len()
    }

    /// The far end takes so much, or all of it.
    fn take(&mut self, at: usize, count: usize) {
        let count = count.min(self.waiting(at));
        match self.model.channels[at].far.clone() {
            Far::Nobody => {}
            Far::Peer(peer) => self.recv_bytes(&peer, count),
            Far::Channel(far) => {
                let least = (count / PIECES).max(8);
                self.set_chunk(far, least..=least * 4);
                self.step(&format!("hear {} {count}", self.model.channels[far].name));
                self.model.hear(far, count);
            }
        }
        if self.model.channels[at].out.is_empty() {
            self.step(&format!("hush {} off", self.model.channels[at].name));
            self.model.unhush(at);
        }
    }

    /// Somebody takes what is left of what a channel sent that has gone, or goes.
    fn rest(&mut self, hearer: &Far, sender: usize) {
        let name = match hearer {
            Far::Nobody => return,
            Far::Peer(peer) => peer.clone(),
            Far::Channel(at) => self.model.channels[*at].name.clone(),
        };
        if let &Far::Channel(at) = hearer {
            self.set_chunk(at, 4_096..=16_384);
        }
        self.step(&format!("rest {name} {}", self.model.channels[sender].name));
        self.model.rest(hearer, sender);
        self.run();
    }
}
