//! Output that has to wait: whose it is, who takes how much of it, and what becomes of it when somebody goes.

use super::{Channel, End, Far, Model, Peer};
use crate::scenario::quote;

impl Model {
    /// Whom this channel has more to send to than the network holds.
    pub(in crate::walk) fn feeds(&self, at: usize) -> Option<&Far> {
        let channel = &self.channels[at];
        (channel.open && channel.hushed && !channel.out.is_empty() && !channel.is_left()).then_some(&channel.far)
    }

    /// Who has more to send to this channel than the network holds.
    pub(in crate::walk) fn feeder(&self, at: usize) -> Option<usize> {
        match self.channels[at].far {
            Far::Channel(far) => self.feeds(far).map(|_| far),
            _ => None,
        }
    }

    /// Whether the channel may go: what becomes of its far end then is known.
    pub(in crate::walk) fn may_go(&self, at: usize) -> bool {
        match self.channels[at].far {
            Far::Channel(far) => self.channels[far].can_be_left(),
            _ => true,
        }
    }

    /// A channel reads so many bytes, and then no more.
    pub(in crate::walk) fn hear(&mut self, at: usize, count: usize) {
        let feeder = self.feeder(at);
        let channel = &mut self.channels[at];
        channel.readable = false;
        let mut got: Vec<_> = channel.inbox.drain(..count.min(channel.inbox.len())).collect();
        if let Some(feeder) = feeder {
            got.extend(self.channels[feeder].passes(count - got.len()));
        }
        self.channels[at].heard.add(&got);
        let name = self.channels[at].name.clone();
        self.say(&name, &format!("read {}", quote(&got)));
    }

    /// Everything has gone out, and the channel says how much that was.
    pub(in crate::walk) fn unhush(&mut self, at: usize) {
        let channel = &mut self.channels[at];
        channel.hushed = false;
        let (name, sent) = (channel.name.clone(), channel.sent);
        self.say(&name, &format!("sent {sent}"));
    }

    /// The peers and the channels to which somebody has gone in the middle of what it had to send, each with that one.
    pub(in crate::walk) fn debts(&self) -> Vec<(Far, usize)> {
        let owed = |(name, peer): (&String, &Peer)| {
            let by = peer.owed_by.filter(|by| !peer.gone && !peer.vague && !self.channels[*by].was_urgent)?;
            Some((Far::Peer(name.clone()), by))
        };
        let flooded = |(at, channel): (usize, &Channel)| match channel.far {
            Far::Channel(by) if channel.open && channel.flooded => Some((Far::Channel(at), by)),
            _ => None,
        };
        let peers = self.peers.iter().filter_map(owed);
        peers.chain(self.channels.iter().enumerate().filter_map(flooded)).collect()
    }

    /// A peer receives, or a channel reads, all that there is to its end; by then its sender has gone, or goes.
    pub(in crate::walk) fn rest(&mut self, hearer: &Far, sender: usize) {
        let (name, reset) = match hearer {
            Far::Nobody => return,
            Far::Peer(name) => {
                let peer = self.peers.get_mut(name).unwrap_or_else(|| unreachable!("{name} is there"));
                peer.vague = true;
                (name.clone(), peer.reset == Some(true))
            }
            Far::Channel(at) => {
                if let Some(("close", victim)) =
                    self.channels[*at].rule.take().as_deref().and_then(|rule| rule.split_once(' '))
                {
                    self.close_by_name(victim);
                }
                let channel = &mut self.channels[*at];
                (channel.flooded, channel.vague) = (false, true);
                channel.inbox.clear();
                let (name, reset) = (channel.name.clone(), channel.end == Some(End::Reset));
                self.close(*at, "close");
                (name, reset)
            }
        };
        let sender = &self.channels[sender].name;
        let text = if reset {
            format!("reset, nothing but what {sender} sent")
        } else {
            format!("end, all that {sender} sent")
        };
        self.say(&name, &text);
    }
}

impl Channel {
    /// So many bytes of what waits reach the far end.
    pub(super) fn passes(&mut self, count: usize) -> Vec<u8> {
        let part: Vec<_> = self.out.drain(..count).collect();
        self.sent.add(&part);
        part
    }
}
