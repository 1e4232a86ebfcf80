//! Connecting: calls, the line before a listener, and who is accepted.

use stheno_core::{Kind, Result, Storage};

use super::address::Address;
use super::entry::{End, Id, Listener, NIL, Socket};
use super::errno::Errno;
use super::memory::Memory;
use super::network::Network;
use super::stream::{Call, Stream};

impl<M: Memory> Network<M> {
    pub(super) fn bind_to(&mut self, id: Id, at: Address) -> Result<()> {
        let entry = self.entry(id)?;
        if entry.here != Address::ANY || matches!(entry.end, End::Listener(_) | End::Stream(_)) {
            return Err(Errno::INVAL.error());
        }
        self.settle_at(id, at).map(drop)
    }

    pub(super) fn listen_on(&mut self, id: Id, backlog: u32) -> Result<()> {
        let entry = self.entry_mut(id)?;
        match &mut entry.end {
            End::Listener(line) => {
                line.backlog = backlog;
                self.admit_those_turned_away(id);
                return Ok(());
            }
            End::Fresh => {}
            End::Mailbox(_) => return Err(Errno::OPNOTSUPP.error()),
            _ => return Err(Errno::INVAL.error()),
        }
        if entry.here == Address::ANY {
            self.settle_at(id, Address::ANY)?;
        }
        self.entry_mut(id)?.end = End::Listener(Listener::new(backlog));
        Ok(())
    }

    pub(super) fn call(&mut self, id: Id, to: Address) -> Result<()> {
        let entry = self.entry_mut(id)?;
        match &mut entry.end {
            End::Fresh => {}
            End::Mailbox(mailbox) => {
                mailbox.peer = (to != Address::ANY).then_some(to);
                if entry.here == Address::ANY {
                    self.settle_at(id, Address::ANY)?;
                }
                return Ok(());
            }
            // It goes on.
            End::Stream(stream) if stream.call.is_some() => return Ok(()),
            End::Stream(stream) if stream.over => return Err(Errno::CONNABORTED.error()),
            _ => return Err(Errno::ISCONN.error()),
        }
        if entry.here == Address::ANY {
            self.settle_at(id, Address::ANY)?;
        }
        let link = self.entry(id)?.link;
        let (when, order) = (self.arrival(&link), self.next_order());
        let mut stream = Stream::new(to, None);
        stream.call = Some(Call::Underway { when, order });
        self.entry_mut(id)?.end = End::Stream(stream);
        self.happens_at(when);
        Ok(())
    }

    /// Calls whose time has come reach whoever listens, first come, first served.
    pub(super) fn calls_arrive(&mut self) {
        let now = self.now;
        let due = |call| match call {
            Some(Call::Underway { when, order }) if when <= now => Some((when, order)),
            _ => None,
        };
        while let Some((id, order)) = self.first_call(due) {
            let Some(stream) = self.stream_mut(id) else { return };
            let to = stream.there;
            stream.call = Some(Call::Waiting { order: order.1 });
            match self.find(|entry| entry.listens_at(to)) {
                Some(listener) => self.knock(listener, id),
                None => self.end_call(id, Some(Errno::CONNREFUSED)),
            }
        }
    }

    /// The least of the calls that have an order here.
    fn first_call<O: Ord>(&self, order: impl Fn(Option<Call>) -> Option<O>) -> Option<(Id, O)> {
        let calls = self.sockets.as_slice().iter().enumerate().filter_map(|(index, entry)| match &entry.end {
            End::Stream(stream) => order(stream.call).map(|order| (index, order)),
            _ => None,
        });
        let (index, order) = calls.min_by(|(_, one), (_, other)| one.cmp(other))?;
        Some((self.id(index)?, order))
    }

    /// Puts a caller in line, or has it wait where the line is full.
    fn knock(&mut self, listener: Id, caller: Id) {
        let Ok(entry) = self.entry_mut(listener) else { return };
        let (here, link) = (entry.here, entry.link);
        match &mut entry.end {
            End::Listener(line) if line.is_full() => {
                line.turned_away = true;
                return;
            }
            End::Listener(_) => {}
            _ => return,
        }
        let Ok(from) = self.entry(caller).map(|entry| entry.here) else { return };
        let guest = match self.make(End::Stream(Stream::new(from, Some(caller))), here, link) {
            Ok(guest) => guest,
            // The world is full.
            Err(_) => return self.end_call(caller, Some(Errno::NOBUFS)),
        };
        self.line_up(listener, guest);
        if let Some(stream) = self.stream_mut(caller) {
            stream.peer = Some(guest);
        }
        let when = self.arrival(&link);
        self.answer_at(caller, when, None);
    }

    fn line_up(&mut self, listener: Id, guest: Id) {
        let Ok(entry) = self.entry_mut(listener) else { return };
        let End::Listener(line) = &mut entry.end else { return };
        let last = core::mem::replace(&mut line.last, guest.index);
        line.len += 1;
        if last == NIL {
            line.first = guest.index;
        } else if let Some(last) = self.sockets.as_mut_slice().get_mut(last as usize) {
            last.next = guest.index;
        }
    }

    /// Sends word of how a call ended, over the caller's own link.
    pub(super) fn end_call(&mut self, caller: Id, why: Option<Errno>) {
        let Ok(link) = self.entry(caller).map(|entry| entry.link) else { return };
        let when = self.arrival(&link);
        self.answer_at(caller, when, why);
    }

    fn answer_at(&mut self, caller: Id, when: u64, why: Option<Errno>) {
        if let Some(stream) = self.stream_mut(caller) {
            stream.call = Some(Call::Verdict { when, why });
            stream.flight.last = when;
        }
        self.happens_at(when);
    }

    /// The next caller in line. Like Linux, whoever may hold no more is told so before anybody looks at the line.
    pub(super) fn accept_from(&mut self, id: Id) -> Result<Option<(Socket, Address)>> {
        let End::Listener(line) = &self.entry(id)?.end else { return Err(Errno::INVAL.error()) };
        let first = line.first;
        self.may_hold()?;
        let Some(guest) = self.id(first as usize).filter(|_| first != NIL) else { return Ok(None) };
        self.leave_line(id);
        self.admit_those_turned_away(id);
        let from = self.stream(guest).map_or(Address::ANY, |stream| stream.there);
        Ok(Some((self.hand_out(guest)?, from)))
    }

    /// Takes the first caller out of the line.
    fn leave_line(&mut self, listener: Id) -> Option<Id> {
        let End::Listener(line) = &self.entry(listener).ok()?.end else { return None };
        let guest = self.id(line.first as usize).filter(|_| line.first != NIL)?;
        let next = core::mem::replace(&mut self.entry_mut(guest).ok()?.next, NIL);
        if let End::Listener(line) = &mut self.entry_mut(listener).ok()?.end {
            line.first = next;
            line.len -= 1;
            if next == NIL {
                line.last = NIL;
            }
        }
        Some(guest)
    }

    /// Lets those in line who once found no room there, as far as there is some now.
    fn admit_those_turned_away(&mut self, listener: Id) {
        loop {
            let Ok(entry) = self.entry(listener) else { return };
            match &entry.end {
                End::Listener(line) if line.turned_away && !line.is_full() => {}
                _ => return,
            }
            let caller = self.turned_away(entry.here);
            match caller {
                Some(caller) => self.knock(listener, caller),
                None => {
                    if let Ok(End::Listener(line)) = self.entry_mut(listener).map(|entry| &mut entry.end) {
                        line.turned_away = false;
                    }
                }
            }
        }
    }

    /// Who has waited longest for room at this address.
    fn turned_away(&self, at: Address) -> Option<Id> {
        let waiting = self.sockets.as_slice().iter().enumerate().filter_map(|(index, entry)| match &entry.end {
            End::Stream(Stream { there, call: Some(Call::Waiting { order }), .. }) if *there == at => {
                Some((*order, index))
            }
            _ => None,
        });
        self.id(waiting.min()?.1)
    }

    /// Nobody listens there any more: breaks off who was in line, and refuses who was turned away.
    pub(super) fn close_line(&mut self, here: Address, mut line: Listener) {
        while line.first != NIL {
            let Some(guest) = self.id(line.first as usize) else { break };
            line.first = self.entry(guest).map_or(NIL, |entry| entry.next);
            self.end(guest, true);
        }
        while let Some(caller) = self.turned_away(here) {
            self.end_call(caller, Some(Errno::CONNREFUSED));
        }
    }

    /// A fresh socket of this kind.
    pub(super) fn fresh(&mut self, kind: Kind) -> Result<Socket> {
        self.open(match kind {
            Kind::Stream => End::Fresh,
            Kind::Datagram => End::Mailbox(Default::default()),
        })
    }
}
