//! What must come of a walk: streams as queues, turns as rounds.

mod pressure;
mod rounds;

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
    /// It has gone, and had read everything.
    Left,
    /// Its stream came to its end, and what was sent to it since has cut the connection.
    Cut,
    /// It has gone and cut the connection: there was something that it had not read, or it meant to.
    Reset,
}

impl End {
    pub(super) fn is_gone(self) -> bool {
        self != Self::Shut
    }
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
    /// Whether it goes on sending when its peer has finished; and whether that is so.
    pub(super) keeps: bool,
    pub(super) half: bool,
    pub(super) inbox: Vec<u8>,
    letters: Vec<Vec<u8>>,
    pub(super) urgent: bool,
    /// An urgent byte has come: by some systems' count it stays unread, and so a close may be a reset.
    pub(super) was_urgent: bool,
    pub(super) end: Option<End>,
    pub(super) out: Vec<u8>,
    pub(super) rule: Option<String>,
    heard: Sum,
    sent: Sum,
    /// What a wait has found, before anyone is told.
    found: (bool, bool),
    /// Whether the network holds little for it and for its far end.
    pub(super) narrow: bool,
    /// Whether it has more to send than the network holds. Then `out` is what its far end has not read: how much of that the
    /// network has taken is not known, and so neither is when it writes.
    pub(super) hushed: bool,
    /// Whether its far end went in the middle of that, and left it nobody knows how much of it.
    pub(super) flooded: bool,
    /// Whether it has read that, so that nobody knows how much it has heard.
    vague: bool,
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

    pub(super) fn is_left(&self) -> bool {
        self.end.is_some_and(End::is_gone)
    }

    /// Whether something waits in the channel itself, however much the network has taken.
    pub(super) fn is_stuck(&self) -> bool {
        self.hushed && self.out.len() > super::HELD
    }

    /// Whether it is known what it is told when its far end goes, which is nothing for now if it neither reads nor sends.
    pub(super) fn can_be_left(&self) -> bool {
        !self.open || !self.hushed || self.reads() || self.out.is_empty() || self.is_stuck()
    }

    /// Whether it hears what its far end does.
    pub(super) fn reads(&self) -> bool {
        self.readable && !self.half
    }
}

#[derive(Clone, Debug, Default)]
struct Peer {
    inbox: Vec<u8>,
    heard: Sum,
    /// Whether it has gone.
    gone: bool,
    /// How the channel closed: with something unread, or not.
    reset: Option<bool>,
    /// The channel that went while it had more to send than the network holds.
    owed_by: Option<usize>,
    /// Whether it has received that, so that nobody knows how much it has heard.
    vague: bool,
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
            keeps: false,
            half: false,
            inbox: Vec::new(),
            letters: Vec::new(),
            urgent: false,
            was_urgent: false,
            end: None,
            out: Vec::new(),
            rule: None,
            heard: Sum::default(),
            sent: Sum::default(),
            found: (false, false),
            narrow: false,
            hushed: false,
            flooded: false,
            vague: false,
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
        channel.is_quiet() && !channel.is_left() && channel.far != Far::Nobody
    }

    /// How much waits in the other direction already.
    pub(super) fn waiting_at_far_end(&self, at: usize) -> usize {
        match &self.channels[at].far {
            Far::Nobody => 0,
            Far::Peer(peer) => self.waiting_at(peer),
            Far::Channel(far) => self.channels[*far].inbox.len(),
        }
    }

    /// The peer shuts its writing, or goes.
    pub(super) fn end_from_peer(&mut self, at: usize, how: &str) {
        let Far::Peer(name) = self.channels[at].far.clone() else { return };
        let unread = self.feeds(at).is_some();
        let Some(peer) = self.peers.get_mut(&name) else { return };
        let channel = &mut self.channels[at];
        let end = match how {
            "shut" => End::Shut,
            "close" if peer.inbox.is_empty() && !unread => End::Left,
            // The end had come before.
            _ if channel.end.is_some() && !channel.local => End::Cut,
            _ => End::Reset,
        };
        peer.gone = end.is_gone();
        channel.end = Some(end);
    }

    /// Whether the far end is a peer that has been given everything, so that it sees how the channel closes.
    pub(super) fn waits_for_nobody(&self, at: usize) -> bool {
        match &self.channels[at].far {
            Far::Peer(peer) if !self.channels[at].was_urgent => {
                self.peers.get(peer).is_some_and(|peer| peer.inbox.is_empty() && !peer.gone && peer.owed_by.is_none())
            }
            _ => false,
        }
    }

    pub(super) fn close(&mut self, at: usize, how: &str) {
        let name = self.channels[at].name.clone();
        self.say(&name, how);
        self.gone(at);
    }

    /// The channel is closed, and its far end is to hear of it. What it has not sent nobody hears of.
    fn gone(&mut self, at: usize) {
        let unread = !self.channels[at].inbox.is_empty() || self.channels[at].flooded || self.feeder(at).is_some();
        let under_way = self.feeds(at).is_some();
        let channel = &mut self.channels[at];
        channel.open = false;
        channel.out.clear();
        match channel.far.clone() {
            Far::Nobody => {}
            Far::Peer(peer) => {
                if let Some(peer) = self.peers.get_mut(&peer) {
                    peer.reset = Some(unread);
                    peer.owed_by = under_way.then_some(at);
                }
            }
            Far::Channel(far) => {
                let far = &mut self.channels[far];
                far.end = Some(if unread { End::Reset } else { End::Left });
                far.flooded = under_way;
            }
        }
    }

    pub(super) fn ended(&mut self, peer: &str) {
        let reset = self.peers[peer].reset == Some(true);
        self.say(peer, if reset { "reset" } else { "end" });
    }

    pub(super) fn peers_with_data(&self) -> Vec<String> {
        let known = |peer: &Peer| !peer.gone && peer.owed_by.is_none() && peer.reset != Some(true);
        let waiting = self.peers.iter().filter(|(_, peer)| !peer.inbox.is_empty() && known(peer));
        waiting.map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn waiting_at(&self, peer: &str) -> usize {
        self.peers[peer].inbox.len()
    }

    /// A peer receives so many bytes, of which not all need have come yet.
    pub(super) fn recv(&mut self, name: &str, count: usize) {
        let channel = self.channels.iter().position(|channel| channel.far == Far::Peer(name.into()));
        let peer = self.peers.get_mut(name).unwrap_or_else(|| unreachable!("{name} has data"));
        let mut got: Vec<_> = peer.inbox.drain(..count.min(peer.inbox.len())).collect();
        if let Some(channel) = channel.map(|at| &mut self.channels[at]) {
            got.extend(channel.passes(count - got.len()));
        }
        peer.heard.add(&got);
        self.say(name, &format!("got {}", quote(&got)));
    }

    pub(super) fn everyone_who_heard(&self) -> Vec<String> {
        let channels = self.channels.iter().filter(|channel| channel.heard != Sum::default() && !channel.vague);
        let peers = self.peers.iter().filter(|(_, peer)| peer.heard != Sum::default() && peer.owed_by.is_none());
        channels.map(|channel| channel.name.clone()).chain(peers.map(|(name, _)| name.clone())).collect()
    }

    pub(super) fn sum(&mut self, name: &str) {
        let channel = self.channels.iter().find(|channel| channel.name == name).map(|channel| channel.heard);
        let heard = channel.unwrap_or_else(|| self.peers[name].heard);
        self.say(name, &format!("heard {heard}"));
    }

    fn close_by_name(&mut self, name: &str) {
        if let Some(victim) = self.channels.iter().position(|channel| channel.name == name) {
            self.say(name, "closed by a neighbour");
            if self.channels[victim].open {
                self.gone(victim);
            }
        }
    }
}
