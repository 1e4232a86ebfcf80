//! Random walks: stories that a seed tells, with the transcript that a model of their own says must come of them.
//!
//! A walk is a [`Scenario`] like those of the files, so everything that can be done with one can be done with a walk:
//! it is told on every backend, and where it fails its steps can be saved and told again. What must come of it is said by
//! [`Model`], which knows streams as queues of bytes and turns as rounds, and nothing of backends, kernels or rules.

mod model;
mod pressure;

use std::ops::RangeBounds;

use fastrand::Rng;

use crate::draw::draw;
use crate::scenario::Scenario;
use model::{Far, Model};

/// How many bursts of actions a walk has.
const BURSTS: usize = 18;
/// How many channels it has at most, listeners and mailboxes included.
const CHANNELS: usize = 28;
/// How many bytes may wait in one direction, so that no sender ever has to, unless it means to.
const WAITING: usize = 16_000;
/// How many bytes the network is to hold where one means to; and how many it may hold then, less than which is not known to
/// wait in the channel itself.
const WINDOW: usize = 32_768;
const HELD: usize = 10 * WINDOW;

/// The walk of this seed: the same steps and the same transcript, wherever and whenever.
pub fn walk(seed: u64) -> Scenario {
    let mut walker =
        Walker { rng: Rng::with_seed(seed), model: Model::default(), text: String::new(), names: 0, floods: 0 };
    walker.go();
    let transcript = walker.model.transcript();
    let source = format!(
        "# A random walk over some two dozen channels, of seed {seed:#x}.\n{}--- expect\n{transcript}\n",
        walker.text
    );
    match Scenario::parse(&format!("walk-{seed:x}"), &source) {
        Ok(story) => story,
        // A test walks thousands of them.
        Err((line, what)) => unreachable!("the walk of seed {seed:#x}, line {line}: {what}"),
    }
}

struct Walker {
    rng: Rng,
    model: Model,
    text: String,
    names: usize,
    /// How many bytes more than the network holds there have been.
    floods: usize,
}

impl Walker {
    fn go(&mut self) {
        for step in ["listen S", "host H", "datagrams U", "sender V U"] {
            self.step(step);
        }
        for name in ["S", "U"] {
            self.model.open(name, Far::Nobody);
        }
        for _ in 0..4 {
            self.newcomer();
        }
        for number in 0..BURSTS {
            self.burst();
            // Before the walk is half over there is more to send than the network holds, once at least.
            if self.rng.u8(..5) < 2 || number == BURSTS / 3 && self.floods == 0 {
                self.pressure();
            }
        }
        self.farewell();
    }

    /// A few channels get something to do, each one thing, and then the loop runs until nothing comes any more.
    fn burst(&mut self) {
        if self.model.channels.len() < CHANNELS && self.rng.u8(..3) == 0 {
            self.newcomer();
        }
        let mut at: Vec<_> = (0..self.model.channels.len()).collect();
        for place in 1..at.len() {
            at.swap(place, self.draw(..=place));
        }
        at.truncate(self.draw(1..=8));
        for (number, &one) in at.iter().enumerate() {
            // Of two that are joined only one does something at a time: a word and a close that cross are a race.
            let far = match self.model.channels[one].far {
                Far::Channel(far) => Some(far),
                _ => None,
            };
            if far.is_none_or(|far| !at[..number].contains(&far)) {
                self.act(one);
            }
        }
        self.run();
        // What has come to the far ends is taken, by some of them.
        for peer in self.model.peers_with_data() {
            if self.rng.bool() {
                self.recv(&peer);
            }
        }
    }

    fn step(&mut self, words: &str) {
        self.text.push_str(words);
        self.text.push('\n');
    }

    fn run(&mut self) {
        self.step("run");
        self.model.run();
    }

    fn fresh(&mut self, letter: char) -> String {
        self.names += 1;
        format!("{letter}{}", self.names)
    }

    /// A new connection, of one of the four kinds that there are.
    fn newcomer(&mut self) {
        let (channel, peer) = (self.fresh('C'), self.fresh('P'));
        match self.rng.u8(..4) {
            0 => {
                self.step(&format!("adopt {channel} {peer}"));
                self.model.adopt(&channel, Far::Peer(peer));
                self.run();
            }
            1 => {
                self.step(&format!("dial {peer} S"));
                self.run();
                let accepted = self.model.accept();
                self.model.open(&accepted, Far::Peer(peer));
            }
            2 => {
                self.step(&format!("connect {channel} H"));
                self.run();
                self.step(&format!("take {peer} H"));
                self.model.connect(&channel, Far::Peer(peer));
            }
            _ => {
                self.step(&format!("connect {channel} S"));
                self.run();
                let accepted = self.model.accept();
                let (here, there) = (self.model.channels.len(), self.model.channels.len() + 1);
                self.model.connect(&channel, Far::Channel(there));
                self.model.open(&accepted, Far::Channel(here));
            }
        }
    }

    /// Something happens to a channel: it is sent to, changed, closed, or cut off.
    fn act(&mut self, at: usize) {
        let channel = self.model.channels[at].clone();
        let name = &channel.name;
        if !channel.open || name == "S" {
            return;
        }
        // Who is sent more than the network holds reads as `pressure` has it.
        let flooded = channel.flooded || self.model.feeder(at).is_some();
        match (self.rng.u8(..22), &channel.far) {
            (0..=1, _) if !flooded => self.set_readable(at, !channel.readable),
            (2, _) if name != "U" => self.set_chunk(at, 8..=256),
            (_, Far::Nobody) => {
                let word = self.word(channel.inbox.len());
                if !word.starts_with(|first: char| first.is_ascii_digit()) {
                    self.step(&format!("send V '{word}'"));
                    self.model.letter(at, &word);
                }
            }
            (3..=6, _) => self.push(at),
            (7, _) if channel.is_quiet() && self.model.may_go(at) => {
                let peer_waits = self.model.waits_for_nobody(at);
                // What is not sent by then never is.
                if self.rng.bool() {
                    self.push(at);
                }
                self.close(at);
                if let (Far::Peer(peer), true) = (&channel.far, peer_waits) {
                    self.step(&format!("ended {peer}"));
                    self.model.ended(peer);
                }
            }
            (8, _) if channel.rule.is_none() && !channel.is_left() && !flooded => self.lay_down_a_rule(at),
            (9..=11, Far::Peer(_)) if !channel.hushed && !channel.urgent && channel.end.is_none() => {
                self.end_of_peer(at)
            }
            (12, Far::Peer(peer)) if !channel.local && channel.hears_urgent() => {
                self.step(&format!("oob {peer} !"));
                self.model.channels[at].urgent = true;
            }
            (_, Far::Peer(_)) if channel.end.is_none() => self.send(at),
            _ => self.push(at),
        }
    }

    fn set_readable(&mut self, at: usize, readable: bool) {
        self.step(&format!("readable {} {}", self.model.channels[at].name, if readable { "on" } else { "off" }));
        self.model.channels[at].readable = readable;
    }

    fn set_chunk(&mut self, at: usize, range: std::ops::RangeInclusive<usize>) {
        let chunk = self.draw(range);
        self.step(&format!("chunk {} {chunk}", self.model.channels[at].name));
        self.model.channels[at].chunk = chunk;
    }

    /// The channel goes on sending when its peer has finished.
    fn keep(&mut self, at: usize) {
        if !std::mem::replace(&mut self.model.channels[at].keeps, true) {
            self.step(&format!("keeps {} on", self.model.channels[at].name));
        }
    }

    fn close(&mut self, at: usize) {
        self.step(&format!("close {}", self.model.channels[at].name));
        self.model.close(at, "closed by the program");
    }

    /// What a channel does when it reads next.
    fn lay_down_a_rule(&mut self, at: usize) {
        let victim = self.draw(..self.model.channels.len());
        let rule = match (self.rng.u8(..4), &self.model.channels[at].far, &self.model.channels[victim]) {
            // Its going is told at a time when nothing is known of one who has more to send than the network holds.
            (0..=1, Far::Channel(far), _) if self.model.channels[*far].hushed => return,
            (0, ..) => "close".into(),
            (1, ..) => "raise".into(),
            // Whose far end may go at any time is not made to answer.
            (2, Far::Peer(_), _) => format!("push {}", self.rng.alphabetic()),
            // Nor is one closed that is being left, which it reads of for as long as it takes.
            (_, _, other) if matches!(other.far, Far::Peer(_)) && !other.is_left() => format!("close {}", other.name),
            _ => return,
        };
        self.rule(at, rule);
    }

    fn rule(&mut self, at: usize, rule: String) {
        self.step(&format!("on {} read {rule}", self.model.channels[at].name));
        self.model.channels[at].rule = Some(rule);
    }

    /// The peer of a channel says its last word, in the middle of whatever there is, and ends the stream.
    fn end_of_peer(&mut self, at: usize) {
        let Far::Peer(peer) = self.model.channels[at].far.clone() else { return };
        // Who has shut its writing can only go.
        let is_over = self.model.channels[at].end.is_some();
        let how = ["close", "reset", "shut"][self.draw(..if is_over { 2 } else { 3 })];
        if !is_over && self.rng.bool() {
            self.send(at);
        }
        if self.rng.u8(..3) == 0 {
            self.keep(at);
        }
        // An answer is under way, unless that is one who may be closed by a neighbour before it is known what becomes of it.
        let rule = format!("close {}", self.model.channels[at].name);
        if self.rng.bool() && self.model.channels.iter().all(|channel| channel.rule.as_ref() != Some(&rule)) {
            self.push(at);
        }
        match how {
            // A local pair knows no reset.
            "reset" if !self.model.channels[at].local => self.step(&format!("reset {peer}")),
            "shut" => self.step(&format!("shut {peer} write")),
            _ => self.step(&format!("close {peer}")),
        }
        let how = if self.model.channels[at].local && how == "reset" { "close" } else { how };
        self.model.end_from_peer(at, how);
    }

    fn send(&mut self, at: usize) {
        if let Far::Peer(peer) = self.model.channels[at].far.clone() {
            let word = self.word(self.model.channels[at].inbox.len());
            self.step(&format!("send {peer} {word}"));
            self.model.send(at, &word);
        }
    }

    fn push(&mut self, at: usize) {
        if self.model.can_push(at) {
            let word = self.word(self.model.waiting_at_far_end(at));
            self.push_word(at, &word);
        }
    }

    fn push_word(&mut self, at: usize, word: &str) {
        self.step(&format!("push {} {word}", self.model.channels[at].name));
        self.model.push(at, word);
    }

    fn recv(&mut self, peer: &str) {
        let count = self.model.waiting_at(peer);
        let count = if self.rng.bool() { count } else { self.draw(1..=count) };
        self.recv_bytes(peer, count);
    }

    fn recv_bytes(&mut self, peer: &str, count: usize) {
        self.step(&format!("recv {peer} {count}"));
        self.model.recv(peer, count);
    }

    fn draw(&mut self, range: impl RangeBounds<usize>) -> usize {
        draw(&mut self.rng, range)
    }

    /// Some bytes, where so many wait already; few most of the time.
    fn word(&mut self, waiting: usize) -> String {
        let room = WAITING.saturating_sub(waiting);
        let letters = |rng: &mut Rng, count: usize| (0..count).map(|_| rng.lowercase()).collect::<String>();
        match self.rng.u8(..10) {
            0 if room > 9_000 => format!("{}~{}", self.draw(2_000..9_000), self.rng.u16(..)),
            1..=2 if room > 400 => {
                let count = self.draw(33..400);
                letters(&mut self.rng, count)
            }
            _ => {
                let count = self.draw(1..=12);
                letters(&mut self.rng, count)
            }
        }
    }

    /// Everyone reads again, takes what is there, and says how much it was.
    fn farewell(&mut self) {
        self.relieve();
        for at in 0..self.model.channels.len() {
            if self.model.channels[at].open && !self.model.channels[at].readable {
                self.set_readable(at, true);
            }
        }
        self.run();
        for peer in self.model.peers_with_data() {
            let count = self.model.waiting_at(&peer);
            self.recv_bytes(&peer, count);
        }
        for name in self.model.everyone_who_heard() {
            self.step(&format!("sum {name}"));
            self.model.sum(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_story() {
        let told = |seed| walk(seed).blocks;
        assert_eq!(told(7), told(7));
        assert_ne!(told(7), told(8));
    }

    #[test]
    fn a_thousand_can_be_read() {
        for seed in 0..1_000 {
            let story = walk(seed);
            assert!(story.steps.len() > 30, "seed {seed} has {} steps", story.steps.len());
        }
    }
}
