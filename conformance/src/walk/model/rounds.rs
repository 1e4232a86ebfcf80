//! Turns, as rounds: what a wait finds is settled before anyone is told, and then they are told in the order in which they
//! came.

use std::mem::take;

use super::{Channel, End, Far, Model};
use crate::scenario::quote;

impl Model {
    /// Turns until nothing comes any more.
    pub(in crate::walk) fn run(&mut self) {
        while self.find() {
            for at in 0..self.channels.len() {
                self.tell(at);
            }
        }
    }

    /// What a wait would find.
    fn find(&mut self) -> bool {
        for at in 0..self.channels.len() {
            let fed = self.feeder(at).is_some();
            let channel = &mut self.channels[at];
            let comes = !channel.inbox.is_empty() || !channel.letters.is_empty() || channel.urgent || fed;
            let reads = channel.reads() && (comes || channel.end.is_some());
            // When a channel writes that has too much to send nobody knows, but that it does once there is nobody any more.
            let writes = !channel.out.is_empty() && (!channel.hushed || channel.is_left());
            channel.found = (channel.open && reads, channel.open && writes);
        }
        self.channels.iter().any(|channel| channel.found != (false, false))
    }

    fn tell(&mut self, at: usize) {
        let (read, write) = self.channels[at].found;
        if read && self.channels[at].open {
            self.read(at);
        }
        if write && self.channels[at].open {
            self.write(at);
        }
    }

    fn read(&mut self, at: usize) {
        let channel = &mut self.channels[at];
        let name = channel.name.clone();
        if take(&mut channel.urgent) {
            channel.was_urgent = true;
            return self.say(&name, "expt !");
        }
        if !channel.letters.is_empty() {
            let letter = channel.letters.remove(0);
            channel.heard.add(&letter);
            return self.say(&name, &format!("read {}", quote(&letter)));
        }
        // The end of a stream is a read event as well, until somebody reads.
        if let Some(last_word @ ("close" | "raise")) = channel.rule.clone().as_deref() {
            self.say(&name, "read");
            if last_word == "close" {
                self.say(&name, "closed by its handler");
            } else {
                self.say(&name, "error handler");
                self.say(&name, "close");
            }
            return self.gone(at);
        }
        if channel.inbox.is_empty() {
            if !channel.keeps || channel.end == Some(End::Reset) {
                return self.close(at, "close");
            }
            channel.half = true;
            return self.say(&name, "eof");
        }
        let rule = channel.rule.take();
        let count = channel.chunk.min(channel.inbox.len());
        let got: Vec<_> = channel.inbox.drain(..count).collect();
        channel.heard.add(&got);
        self.say(&name, &format!("read {}", quote(&got)));
        match rule.as_deref().and_then(|rule| rule.split_once(' ')) {
            Some(("push", word)) => self.push(at, word),
            Some(("close", victim)) => self.close_by_name(victim),
            _ => {}
        }
    }

    fn write(&mut self, at: usize) {
        let channel = &mut self.channels[at];
        let name = channel.name.clone();
        if !channel.hushed {
            self.say(&name, "write");
        }
        let channel = &mut self.channels[at];
        match channel.end {
            None | Some(End::Shut) => {
                let out = channel.passes(channel.out.len());
                match channel.far.clone() {
                    Far::Nobody => {}
                    Far::Peer(peer) => {
                        if let Some(peer) = self.peers.get_mut(&peer) {
                            peer.inbox.extend(out);
                        }
                    }
                    Far::Channel(far) => self.channels[far].inbox.extend(out),
                }
            }
            // The network still takes something, and it is the answer that cuts the connection.
            Some(End::Left) if !channel.local => {
                channel.end = Some(End::Cut);
                if !channel.is_stuck() {
                    channel.out.clear();
                }
            }
            Some(End::Left | End::Cut | End::Reset) => self.break_off(at),
        }
    }

    /// A send finds the connection broken: what came before is read, by whoever reads, and that is the end of it.
    fn break_off(&mut self, at: usize) {
        let reads = |channel: &Channel| {
            let last_word = channel.rule.as_deref().is_some_and(|rule| matches!(rule, "close" | "raise"));
            channel.open && channel.reads() && (last_word || !channel.inbox.is_empty())
        };
        while reads(&self.channels[at]) {
            self.read(at);
        }
        if self.channels[at].open {
            self.close(at, "close");
        }
    }
}
