//! What must come of a walk: streams as queues, turns as rounds.

use std::collections::BTreeMap;

use crate::scenario::{bytes, quote};
use crate::sum::Sum;

/// Who is at the other end of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Far {
    Nobody,
    Peer(String),
    Channel(usize),
}

/// How the far end of a channel has ended its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It sends no more, and still receives.
    Shut,
    /// It has gone.
    Gone,
}

#[derive(Clone, Debug)]
pub(super) struct Channel {
    pub(super) name: String,
    /// Whether it is one end of a local pair.
    pub(super) local: bool,
    pub(super) far: Far,
    pub(super) open: bool,
    pub(super) readable: bool,
    pub(super) chunk: usize,
    pub(super) inbox: Vec<u8>,
    letters: Vec<Vec<u8>>,
    pub(super) urgent: bool,
    /// An urgent byte has come: by some systems' count it stays unread, and so a close may be a reset.
    pub(super) was_urgent: bool,
    pub(super) end: Option<End>,
    out: Vec<u8>,
    pub(super) rule: Option<String>,
    heard: Sum,
    /// What a wait has found, before anyone is told.
    found: (bool, bool),
}

impl Channel {
    /// Whether nothing is under way that a close would meet.
    pub(super) fn is_quiet(&self) -> bool {
        self.out.is_empty() && !self.urgent && self.rule.is_none()
    }

    /// Whether an urgent byte comes by itself, with nothing before it.
    pub(super) fn hears_urgent(&self) -> bool {
        self.readable && self.inbox.is_empty() && self.end.is_none() && !self.urgent && self.rule.is_none()
    }
}

#[derive(Clone, Debug, Default)]
struct Peer {
    inbox: Vec<u8>,
    heard: Sum,
    /// How the channel closed: with something unread, or not.
    reset: Option<bool>,
}

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) channels: Vec<Channel>,
    peers: BTreeMap<String, Peer>,
    lines: BTreeMap<String, Vec<String>>,
    accepted: usize,
}

impl Model {
    pub(super) fn adopt(&mut self, name: &str, far: Far) {
        self.open(name, far);
        if let Some(channel) = self.channels.last_mut() {
            channel.local = true;
        }
    }

    pub(super) fn open(&mut self, name: &str, far: Far) {
        self.lines.entry(name.into()).or_default();
        if let Far::Peer(peer) = &far {
            self.peers.entry(peer.clone()).or_default();
        }
        self.channels.push(Channel {
            name: name.into(),
            local: false,
            far,
            open: true,
            readable: true,
            chunk: 4096,
            inbox: Vec::new(),
            letters: Vec::new(),
            urgent: false,
            was_urgent: false,
            end: None,
            out: Vec::new(),
            rule: None,
            heard: Sum::default(),
            found: (false, false),
        });
    }

    /// A channel that connects is told so, and may write at once.
    pub(super) fn connect(&mut self, name: &str, far: Far) {
        self.open(name, far);
        self.say(name, "connect");
        self.say(name, "write");
    }

    /// The listener is told of its next caller: the channel's name.
    pub(super) fn accept(&mut self) -> String {
        self.accepted += 1;
        let name = format!("S.{}", self.accepted);
        self.say("S", &format!("accept {name}"));
        name
    }

    fn say(&mut self, name: &str, text: &str) {
        let lines = self.lines.entry(name.into()).or_default();
        if !(text == "write" && lines.last().is_some_and(|last| last == "write")) {
            lines.push(text.into());
        }
    }

    pub(super) fn transcript(&self) -> String {
        let lines = self.lines.iter().flat_map(|(name, lines)| lines.iter().map(move |line| format!("{name}: {line}")));
        lines.collect::<Vec<_>>().join("\n")
    }

    // What happens between turns.

    pub(super) fn send(&mut self, at: usize, word: &str) {
        self.channels[at].inbox.extend(bytes(word));
    }

    pub(super) fn letter(&mut self, at: usize, word: &str) {
        self.channels[at].letters.push(bytes(word));
    }

    pub(super) fn push(&mut self, at: usize, word: &str) {
        self.channels[at].out.extend(bytes(word));
    }

    /// Whether somebody is there to receive, and nothing else of the channel is under way.
    pub(super) fn can_push(&self, at: usize) -> bool {
        let channel = &self.channels[at];
        channel.is_quiet() && channel.end != Some(End::Gone) && channel.far != Far::Nobody
    }

    /// How much waits in the other direction already.
    pub(super) fn waiting_at_far_end(&self, at: usize) -> usize {
        match &self.channels[at].far {
            Far::Nobody => 0,
            Far::Peer(peer) => self.waiting_at(peer),
            Far::Channel(far) => self.channels[*far].inbox.len(),
        }
    }

    pub(super) fn end_from_peer(&mut self, at: usize, shut: bool) {
        self.channels[at].end = Some(if shut { End::Shut } else { End::Gone });
        if let (false, Far::Peer(peer)) = (shut, &self.channels[at].far) {
            self.peers.remove(peer);
        }
    }

    /// Whether the far end is a peer that has been given everything, so that it sees how the channel closes.
    pub(super) fn waits_for_nobody(&self, at: usize) -> bool {
        match &self.channels[at].far {
            Far::Peer(peer) if !self.channels[at].was_urgent => {
                self.peers.get(peer).is_some_and(|peer| peer.inbox.is_empty())
            }
            _ => false,
        }
    }

    pub(super) fn close(&mut self, at: usize, how: &str) {
        let name = self.channels[at].name.clone();
        self.say(&name, how);
        self.gone(at);
    }

    /// The channel is closed, and its far end is to hear of it.
    fn gone(&mut self, at: usize) {
        let channel = &mut self.channels[at];
        channel.open = false;
        let unread = !channel.inbox.is_empty();
        match channel.far.clone() {
            Far::Nobody => {}
            Far::Peer(peer) => {
                if let Some(peer) = self.peers.get_mut(&peer) {
                    peer.reset = Some(unread);
                }
            }
            Far::Channel(far) => self.channels[far].end = Some(End::Gone),
        }
    }

    pub(super) fn ended(&mut self, peer: &str) {
        let reset = self.peers[peer].reset == Some(true);
        self.say(peer, if reset { "reset" } else { "end" });
    }

    pub(super) fn peers_with_data(&self) -> Vec<String> {
        let waiting = self.peers.iter().filter(|(_, peer)| !peer.inbox.is_empty() && peer.reset != Some(true));
        waiting.map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn waiting_at(&self, peer: &str) -> usize {
        self.peers[peer].inbox.len()
    }

    pub(super) fn recv(&mut self, name: &str, count: usize) {
        let peer = self.peers.get_mut(name).unwrap_or_else(|| unreachable!("{name} has data"));
        let got: Vec<_> = peer.inbox.drain(..count).collect();
        peer.heard.add(&got);
        self.say(name, &format!("got {}", quote(&got)));
    }

    pub(super) fn everyone_who_heard(&self) -> Vec<String> {
        let channels = self.channels.iter().filter(|channel| channel.heard != Sum::default());
        let peers = self.peers.iter().filter(|(_, peer)| peer.heard != Sum::default());
        channels.map(|channel| channel.name.clone()).chain(peers.map(|(name, _)| name.clone())).collect()
    }

    pub(super) fn sum(&mut self, name: &str) {
        let channel = self.channels.iter().find(|channel| channel.name == name).map(|channel| channel.heard);
        let heard = channel.unwrap_or_else(|| self.peers[name].heard);
        self.say(name, &heard.to_string());
    }

    // Turns.

    /// Turns until nothing comes any more.
    pub(super) fn run(&mut self) {
        while self.find() {
            for at in 0..self.channels.len() {
                self.tell(at);
            }
        }
    }

    /// What a wait would find.
    fn find(&mut self) -> bool {
        for channel in &mut self.channels {
            let something =
                !channel.inbox.is_empty() || !channel.letters.is_empty() || channel.urgent || channel.end.is_some();
            channel.found = (channel.open && channel.readable && something, channel.open && !channel.out.is_empty());
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
        if std::mem::take(&mut channel.urgent) {
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
            self.say(&name, "close");
            return self.gone(at);
        }
        let rule = channel.rule.take();
        let count = channel.chunk.min(channel.inbox.len());
        let got: Vec<_> = channel.inbox.drain(..count).collect();
        channel.heard.add(&got);
        self.say(&name, &format!("read {}", quote(&got)));
        match rule.as_deref().and_then(|rule| rule.split_once(' ')) {
            Some(("push", word)) => self.push(at, word),
            Some(("close", victim)) => {
                if let Some(victim) = self.channels.iter().position(|channel| channel.name == victim) {
                    let name = self.channels[victim].name.clone();
                    self.say(&name, "closed by a neighbour");
                    if self.channels[victim].open {
                        self.gone(victim);
                    }
                }
            }
            _ => {}
        }
    }

    fn write(&mut self, at: usize) {
        let channel = &mut self.channels[at];
        let (name, out) = (channel.name.clone(), std::mem::take(&mut channel.out));
        let far = channel.far.clone();
        self.say(&name, "write");
        match far {
            Far::Nobody => {}
            Far::Peer(peer) => {
                if let Some(peer) = self.peers.get_mut(&peer) {
                    peer.inbox.extend(out);
                }
            }
            Far::Channel(far) => self.channels[far].inbox.extend(out),
        }
    }
}
