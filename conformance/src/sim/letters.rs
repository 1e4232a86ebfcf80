//! Datagrams: each for itself, and none of them sure to arrive.

use stheno_core::{Datagram, Result, Storage};

use super::address::Address;
use super::entry::{End, Id, Mailbox};
use super::errno::Errno;
use super::memory::{Bytes, Memory};
use super::network::{Network, nanos};

/// A datagram, under way or in an inbox.
#[derive(Default)]
pub struct Letter<B> {
    from: Address,
    to: Address,
    sender: Option<Id>,
    /// Whose inbox it is in, once it has arrived.
    inbox: Option<Id>,
    when: u64,
    order: u64,
    bytes: B,
}

impl<B> Letter<B> {
    /// When it arrives; never again once it has.
    pub(super) fn due(&self) -> u64 {
        if self.inbox.is_some() { u64::MAX } else { self.when }
    }
}

impl<M: Memory> Network<M> {
    fn mailbox(&mut self, id: Id) -> Result<&mut Mailbox> {
        match &mut self.entry_mut(id)?.end {
            End::Mailbox(mailbox) => Ok(mailbox),
            _ => Err(Errno::OPNOTSUPP.error()),
        }
    }

    /// Sends to `to`, or to the peer that was named.
    pub(super) fn send_letter(&mut self, id: Id, bytes: &[u8], to: Option<Address>) -> Result<()> {
        let mailbox = self.mailbox(id)?;
        let to = to.or(mailbox.peer);
        if let Some(why) = mailbox.error.take() {
            return Err(why.error());
        }
        let to = to.filter(|to| *to != Address::ANY).ok_or(Errno::DESTADDRREQ.error())?;
        if bytes.len() > M::DATAGRAM {
            return Err(Errno::MSGSIZE.error());
        }
        let mut from = self.entry(id)?.here;
        if from == Address::ANY {
            from = self.settle_at(id, Address::ANY)?;
        }
        let link = self.entry(id)?.link;
        if self.chance(link.loss) {
            self.count.sent += 1;
            self.count.lost += 1;
            return Ok(());
        }
        self.post(id, from, to, bytes)?;
        self.count.sent += 1;
        // Where there is no memory for a second one, there is none.
        if self.chance(link.duplication) && self.post(id, from, to, bytes).is_ok() {
            self.count.duplicated += 1;
        }
        self.letters_arrive();
        let due = self.letters.as_slice().iter().map(Letter::due).min().unwrap_or(u64::MAX);
        self.soonest = self.soonest.min(due);
        Ok(())
    }

    fn post(&mut self, id: Id, from: Address, to: Address, bytes: &[u8]) -> Result<()> {
        let link = self.entry(id)?.link;
        let arrival = self.arrival(&link);
        let mailbox = self.mailbox(id)?;
        let mut when = mailbox.last.max(arrival);
        let order = self.next_order();
        let mut letter = Letter { from, to, sender: Some(id), inbox: None, when, order, bytes: M::Bytes::default() };
        if letter.bytes.push(bytes) < bytes.len() {
            return Err(Errno::NOBUFS.error());
        }
        let held_up = self.chance(link.reordering);
        if held_up {
            // Twice as long as others may take, and noticeably so where those take no time.
            let most = nanos(link.latency).saturating_add(nanos(link.jitter)).saturating_mul(2).max(1_000);
            when = when.saturating_add(1).saturating_add(self.random(most));
            letter.when = when;
        }
        self.letters.push(letter).map_err(|_| Errno::NOBUFS.error())?;
        if held_up {
            self.count.reordered += 1;
        } else {
            self.mailbox(id)?.last = when;
        }
        Ok(())
    }

    /// Letters whose time has come are put into inboxes.
    pub(super) fn letters_arrive(&mut self) {
        while let Some(at) = self.first_letter(|letter| letter.inbox.is_none() && letter.when <= self.now) {
            let Some(letter) = self.letters.as_slice().get(at) else { return };
            let (from, to, sender) = (letter.from, letter.to, letter.sender);
            let takes = |mailbox: &Mailbox| mailbox.peer.is_none_or(|peer| peer == from);
            let found =
                self.find(|entry| entry.here == to && matches!(&entry.end, End::Mailbox(mailbox) if takes(mailbox)));
            let Some(id) = found else {
                self.letters.swap_remove(at);
                self.count.undeliverable += 1;
                self.say_that_nobody_was_there(sender, to);
                continue;
            };
            let most = self.entry(id).map_or(0, |entry| entry.link.inbox.max(1));
            match self.mailbox(id) {
                Ok(mailbox) if mailbox.waiting < most => {
                    mailbox.waiting += 1;
                    if let Some(letter) = self.letters.as_mut_slice().get_mut(at) {
                        letter.inbox = Some(id);
                    }
                }
                _ => {
                    self.letters.swap_remove(at);
                    self.count.overflowed += 1;
                }
            }
        }
    }

    /// Where the earliest of these letters is in the list.
    fn first_letter(&self, is_one: impl Fn(&Letter<M::Bytes>) -> bool) -> Option<usize> {
        let letters = self.letters.as_slice().iter().enumerate().filter(|(_, letter)| is_one(letter));
        letters.map(|(at, letter)| (letter.when, letter.order, at)).min().map(|(_, _, at)| at)
    }

    /// Who had named the place as its peer hears of it, as of a port where nobody is (ICMP).
    fn say_that_nobody_was_there(&mut self, sender: Option<Id>, to: Address) {
        let Some(id) = sender else { return };
        let Ok(link) = self.entry(id).map(|entry| entry.link) else { return };
        let when = self.arrival(&link);
        let now = self.now;
        let Ok(mailbox) = self.mailbox(id) else { return };
        if mailbox.peer != Some(to) {
            return;
        }
        if when <= now {
            mailbox.error = Some(Errno::CONNREFUSED);
        } else {
            mailbox.refusal = Some(mailbox.refusal.map_or(when, |other| other.min(when)));
            self.soonest = self.soonest.min(when);
        }
    }

    pub(super) fn recv_letter(&mut self, id: Id, into: &mut [u8]) -> Result<Option<Datagram<Address>>> {
        let mailbox = self.mailbox(id)?;
        if let Some(why) = mailbox.error.take() {
            return Err(why.error());
        }
        let Some(at) = self.first_letter(|letter| letter.inbox == Some(id)) else { return Ok(None) };
        let Some(letter) = self.letters.as_mut_slice().get_mut(at) else { return Ok(None) };
        let all = letter.bytes.len();
        let len = letter.bytes.pop(into);
        let from = letter.from;
        self.letters.swap_remove(at);
        self.mailbox(id)?.waiting -= 1;
        Ok(Some(Datagram { len, truncated: len < all, from }))
    }

    /// Nobody will ever receive what is in this inbox.
    pub(super) fn throw_away(&mut self, id: Id) {
        while let Some(at) = self.first_letter(|letter| letter.inbox == Some(id)) {
            self.letters.swap_remove(at);
            self.count.undeliverable += 1;
        }
    }
}
