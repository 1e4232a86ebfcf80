//! Deeds: what happens in the world outside while the program waits.

use core::time::Duration;

use stheno_core::{Error, ErrorKind, Half, Result, Storage};

use super::address::Address;
use super::entry::{End, Id, Socket};
use super::memory::{Bytes, Memory};
use super::network::{Network, nanos};

/// What a peer does later; see [`Network::after`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deed<'a> {
    /// Sends these bytes, all of them: what finds no room follows when there is some. A connected datagram socket sends
    /// them as one.
    Send(&'a [u8]),
    /// Sends one datagram.
    SendTo(&'a [u8], Address),
    /// Sends one urgent byte.
    Urgent(u8),
    /// Shuts one half of its connection.
    Shut(Half),
    /// Begins to connect.
    Connect(Address),
    /// Closes; the handle is stale from then on.
    Close,
    /// Closes with a reset; the handle is stale from then on.
    Reset,
}

/// A deed that has not been done yet.
pub struct Planned<B> {
    when: u64,
    order: u64,
    /// It began, and waits for room.
    stuck: bool,
    who: Id,
    what: What,
    bytes: B,
}

#[derive(Clone, Copy)]
enum What {
    Send,
    SendTo(Address),
    Urgent(u8),
    Shut(Half),
    Connect(Address),
    Close,
    Reset,
}

impl<B: Default> Default for Planned<B> {
    fn default() -> Self {
        let nobody = Id { index: u32::MAX, generation: 0 };
        Self { when: 0, order: 0, stuck: false, who: nobody, what: What::Close, bytes: B::default() }
    }
}

impl<B> Planned<B> {
    /// When it is done; one that waits for room is not waited for.
    pub(super) fn due(&self) -> u64 {
        if self.stuck { u64::MAX } else { self.when }
    }
}

impl<M: Memory> Network<M> {
    /// Has a socket do something after so much time, usually while the loop waits.
    ///
    /// Deeds of one socket are done in the order of their times, and of their planning where those are equal; one that
    /// waits for room holds up those that follow. One that fails when its time comes is counted, and its error is kept:
    /// see [`take_failure`](Self::take_failure).
    ///
    /// Fails where no more deeds can be planned (`Full`), where there are more bytes than one deed holds (`Full`), and
    /// where the handle is stale.
    ///
    /// ```
    /// use core::time::Duration;
    /// use stheno_conformance::sim::{Deed, Sim};
    /// use stheno_core::{Net, Received};
    /// let mut net = Sim::new();
    /// let (mut ours, theirs) = net.pair()?;
    /// net.after(Duration::from_secs(1), &theirs, Deed::Send(b"late"))?;
    /// assert_eq!(net.recv(&mut ours, &mut [0; 8])?, Received::WouldBlock);
    /// net.advance(Duration::from_secs(1));
    /// assert_eq!(net.recv(&mut ours, &mut [0; 8])?, Received::Data(4));
    /// # Ok::<(), stheno_core::Error>(())
    /// ```
    pub fn after(&mut self, time: Duration, socket: &Socket, deed: Deed<'_>) -> Result<()> {
        const DOING: &str = "plan a deed";
        self.entry(socket.0).map_err(|why| why.doing(DOING))?;
        let (what, bytes): (_, &[u8]) = match deed {
            Deed::Send(bytes) => (What::Send, bytes),
            Deed::SendTo(bytes, to) => (What::SendTo(to), bytes),
            Deed::Urgent(byte) => (What::Urgent(byte), &[]),
            Deed::Shut(half) => (What::Shut(half), &[]),
            Deed::Connect(to) => (What::Connect(to), &[]),
            Deed::Close => (What::Close, &[]),
            Deed::Reset => (What::Reset, &[]),
        };
        let when = self.now.saturating_add(nanos(time));
        let order = self.next_order();
        let mut planned = Planned { when, order, stuck: false, who: socket.0, what, bytes: M::Bytes::default() };
        if planned.bytes.push(bytes) < bytes.len() {
            return Err(Error::new(ErrorKind::Full, "a deed has no room for so many bytes").doing(DOING));
        }
        let full = |_| Error::new(ErrorKind::Full, "no more deeds can be planned").doing(DOING);
        self.deeds.push(planned).map_err(full)?;
        self.happens_at(when);
        Ok(())
    }

    /// The error of the last deed that failed, once.
    pub fn take_failure(&mut self) -> Option<Error> {
        self.failure.take()
    }

    /// How many deeds have not been done yet.
    pub fn planned(&self) -> usize {
        self.deeds.as_slice().len()
    }

    /// Does what is due, and again what waited, as long as that changes anything.
    pub(super) fn deeds_are_done(&mut self) {
        while self.do_what_is_due() && self.deeds.as_slice().iter().any(|deed| deed.stuck) {}
    }

    /// Does what is due, in order; what the same socket began before comes first. Says whether anything was done with.
    fn do_what_is_due(&mut self) -> bool {
        let mut last = None;
        let before = self.deeds.as_slice().len();
        while let Some((key, at)) = self.next_deed(last) {
            last = Some(key);
            let Some(planned) = self.deeds.as_slice().get(at) else { break };
            let who = planned.who;
            let held_up = self.deeds.as_slice().iter().any(|other| other.who == who && (other.when, other.order) < key);
            if held_up || !self.do_deed(at) {
                if let Some(planned) = self.deeds.as_mut_slice().get_mut(at) {
                    planned.stuck = true;
                }
            } else {
                self.deeds.swap_remove(at);
            }
        }
        self.deeds.as_slice().len() < before
    }

    /// The first of those that are due and come after this one.
    fn next_deed(&self, after: Option<(u64, u64)>) -> Option<((u64, u64), usize)> {
        let deeds = self.deeds.as_slice().iter().enumerate().map(|(at, deed)| ((deed.when, deed.order), at));
        deeds.filter(|((when, _), _)| *when <= self.now).filter(|(key, _)| after.is_none_or(|after| *key > after)).min()
    }

    /// Whether it is done, be it with an error.
    fn do_deed(&mut self, at: usize) -> bool {
        let Some(planned) = self.deeds.as_slice().get(at) else { return true };
        let (who, what) = (planned.who, planned.what);
        let done = match what {
            What::Send | What::SendTo(_) => self.send_planned(at),
            What::Urgent(byte) => self.send_urgently(who, byte),
            What::Shut(half) => self.shut_half(who, half).map(|()| true),
            What::Connect(to) => self.call(who, to).map(|()| true),
            What::Close | What::Reset => self.entry(who).map(drop).map(|()| {
                self.end(who, matches!(what, What::Reset));
                true
            }),
        };
        done.unwrap_or_else(|why| {
            self.count.failed_deeds += 1;
            self.failure = Some(why.doing("do a planned deed"));
            true
        })
    }

    fn send_planned(&mut self, at: usize) -> Result<bool> {
        let Some(planned) = self.deeds.as_mut_slice().get_mut(at) else { return Ok(true) };
        let (who, what) = (planned.who, planned.what);
        // The bytes are out of the list while they are sent, which concerns the whole world.
        let mut bytes = core::mem::take(&mut planned.bytes);
        let to = match what {
            What::SendTo(to) => Some(to),
            _ => None,
        };
        if to.is_some() || matches!(self.entry(who)?.end, End::Mailbox(_)) {
            // Nothing was ever taken from it: it is in one piece.
            return self.send_letter(who, bytes.front(), to).map(|()| true);
        }
        while bytes.len() > 0 {
            match self.send_bytes(who, bytes.front())? {
                Some(n) => bytes.consume(n),
                None => break,
            }
        }
        let done = bytes.len() == 0;
        if let Some(planned) = self.deeds.as_mut_slice().get_mut(at) {
            planned.bytes = bytes;
        }
        Ok(done)
    }

    /// Those who wait for room try again.
    pub(super) fn room_is_made(&mut self) {
        if self.deeds.as_slice().iter().any(|deed| deed.stuck) && !self.busy {
            self.busy = true;
            self.deeds_are_done();
            self.busy = false;
            self.catch_up();
        }
    }
}
