//! What is sent over a connection, and how connections end.

use stheno_core::{Half, Received, Result};

use super::entry::{End, Id};
use super::errno::Errno;
use super::link::Link;
use super::memory::{Bytes, Memory};
use super::network::{Network, nanos};

impl<M: Memory> Network<M> {
    pub(super) fn send_bytes(&mut self, id: Id, bytes: &[u8]) -> Result<Option<usize>> {
        self.send_all(id, bytes, None)
    }

    /// An urgent byte needs room like any other.
    pub(super) fn send_urgently(&mut self, id: Id, byte: u8) -> Result<bool> {
        if self.stream(id).is_some_and(|stream| stream.local) {
            return Err(Errno::OPNOTSUPP.error());
        }
        Ok(self.send_all(id, &[byte], Some(byte))?.is_some())
    }

    fn send_all(&mut self, id: Id, bytes: &[u8], urgent: Option<u8>) -> Result<Option<usize>> {
        let Some(room) = self.may_send(id)? else { return Ok(None) };
        if bytes.is_empty() {
            return Ok(Some(0));
        }
        let n = bytes.len().min(room);
        let (link, peer) = self.way(id)?;
        let Some(peer) = peer else {
            self.answer_with_reset(id, &link);
            // No more than a network holds, for which nobody has to be there.
            return Ok(Some(n.min(link.window.max(1))));
        };
        if n == 0 {
            return Ok(None);
        }
        let when = self.arrival_at(peer, &link);
        if link.segment.is_some() {
            self.note_chance();
        }
        let Some(stream) = self.stream_mut(peer) else { return Ok(None) };
        let n = stream.inbox.push(bytes.get(..n).unwrap_or_default());
        if n == 0 {
            return Err(Errno::NOBUFS.error());
        }
        stream.flight.push(when, n, urgent, &link);
        self.arrives_at(peer, when);
        Ok(Some(n))
    }

    /// How many bytes there is room for; `None` where the connection is not there yet.
    fn may_send(&mut self, id: Id) -> Result<Option<usize>> {
        // A stream that was never connected is a broken pipe to Linux, too.
        let End::Stream(stream) = &mut self.entry_mut(id)?.end else { return Err(Errno::PIPE.error()) };
        if stream.call.is_some() {
            return Ok(None);
        }
        // A local one's error is for who receives.
        if let Some(why) = stream.error.take_if(|_| !stream.local) {
            return Err(why.error());
        }
        if stream.is_broken() {
            return Err(Errno::PIPE.error());
        }
        Ok(self.stream(id).map(|stream| self.room(stream)))
    }

    /// How what this socket sends fares, and the other end of its connection, unless that is gone.
    fn way(&self, id: Id) -> Result<(Link, Option<Id>)> {
        let entry = self.entry(id)?;
        let stream = self.stream(id);
        let link = if stream.is_some_and(|stream| stream.local) { Link::PLAIN } else { entry.link };
        let peer = stream.and_then(|stream| stream.peer);
        Ok((link, peer.filter(|peer| self.stream(*peer).is_some())))
    }

    /// When something in order arrives at this end that is sent over this link now.
    fn arrival_at(&mut self, to: Id, link: &Link) -> u64 {
        let when = self.arrival(link);
        match self.stream_mut(to) {
            Some(stream) => {
                stream.flight.last = stream.flight.last.max(when);
                stream.flight.last
            }
            None => when,
        }
    }

    /// Has what is under way to one end arrive, at once if its time has come: then no other end need be looked at.
    fn arrives_at(&mut self, to: Id, when: u64) {
        let Self { sockets, rng, now, .. } = self;
        let entry = stheno_core::Storage::as_mut_slice(sockets).get_mut(to.index as usize);
        if let Some(End::Stream(stream)) = entry.map(|entry| &mut entry.end)
            && when <= *now
        {
            stream.arrive(*now, rng);
            let due = stream.due();
            self.soonest = self.soonest.min(due);
        } else {
            self.happens_at(when);
        }
    }

    /// What is sent to an end that is gone comes to nothing, and the answer is a reset.
    fn answer_with_reset(&mut self, id: Id, link: &Link) {
        let there = self.arrival(link);
        let when = there.saturating_add(nanos(link.latency));
        self.reset_at(id, when);
    }

    fn reset_at(&mut self, id: Id, when: u64) {
        let Some(stream) = self.stream_mut(id) else { return };
        let when = stream.flight.last.max(when);
        stream.flight.last = when;
        let when = *stream.flight.reset.get_or_insert(when);
        self.arrives_at(id, when);
    }

    fn end_at(&mut self, id: Id, when: u64) {
        if let Some(stream) = self.stream_mut(id) {
            stream.flight.end = Some(when);
        }
        self.arrives_at(id, when);
    }

    pub(super) fn recv_bytes(&mut self, id: Id, into: [&mut [u8]; 2]) -> Result<Received> {
        let End::Stream(stream) = &mut self.entry_mut(id)?.end else { return Err(Errno::NOTCONN.error()) };
        if into.iter().all(|slice| slice.is_empty()) {
            return Ok(Received::Data(0));
        }
        if stream.call.is_some() {
            return Ok(Received::WouldBlock);
        }
        let taken = stream.take(into);
        let received = match taken {
            Some(n) if n > 0 => Ok(Received::Data(n)),
            // To read where there is but the urgent byte is to read past it. A local one tells its error before its end.
            _ if stream.ended && !stream.local => Ok(Received::End),
            _ => match stream.error.take() {
                Some(why) => Err(why.error()),
                None if stream.over || stream.ended || stream.deaf => Ok(Received::End),
                None => Ok(Received::WouldBlock),
            },
        };
        if taken.is_some() {
            self.room_is_made();
        }
        received
    }

    /// The urgent byte, unless it was taken or read past.
    pub(super) fn recv_urgent_byte(&mut self, id: Id) -> Result<Option<u8>> {
        let End::Stream(stream) = &mut self.entry_mut(id)?.end else { return Ok(None) };
        let Some(mark) = stream.mark.as_mut().filter(|mark| mark.byte.is_some()) else { return Ok(None) };
        // Like Linux: it stays where a reset came, unless everything had come before that.
        if stream.over && !stream.ended {
            return Err(Errno::NOTCONN.error());
        }
        Ok(mark.byte.take())
    }

    pub(super) fn shut_half(&mut self, id: Id, half: Half) -> Result<()> {
        let entry = self.entry_mut(id)?;
        let here = entry.here;
        let stream = match &mut entry.end {
            End::Stream(stream) if stream.local || !(stream.is_disconnected() || stream.call.is_some()) => stream,
            // The attempt is given up.
            End::Stream(stream) if stream.call.is_some() => {
                self.end_peer_of(id, true);
                self.entry_mut(id)?.end = End::Fresh;
                return Ok(());
            }
            End::Listener(_) if half == Half::Write => return Ok(()),
            End::Listener(_) => {
                if let End::Listener(line) = core::mem::replace(&mut entry.end, End::Fresh) {
                    self.close_line(here, line);
                }
                return Ok(());
            }
            End::Mailbox(_) => return Err(HALFLESS),
            _ => return Err(Errno::NOTCONN.error()),
        };
        match half {
            Half::Read if stream.local => {
                stream.deaf = true;
                if let Some(peer) = stream.peer.and_then(|peer| self.stream_mut(peer)) {
                    peer.mute = true;
                }
            }
            Half::Read => stream.deaf = true,
            Half::Write if stream.mute => {}
            Half::Write => {
                stream.mute = true;
                let (link, peer) = self.way(id)?;
                if let Some(peer) = peer {
                    let when = self.arrival_at(peer, &link);
                    self.end_at(peer, when);
                }
            }
        }
        Ok(())
    }

    /// Ends a socket, whatever it is; a connection with a reset where `abruptly`, or where something was left unread.
    pub(super) fn end(&mut self, id: Id, abruptly: bool) {
        if self.stream(id).is_some() {
            self.end_peer_of(id, abruptly);
        }
        let Ok(gone) = self.take_out(id) else { return };
        match gone.end {
            End::Listener(line) => self.close_line(gone.here, line),
            End::Mailbox(_) => self.throw_away(id),
            _ => {}
        }
        self.room_is_made();
    }

    /// Tells the other end that this one is going.
    fn end_peer_of(&mut self, id: Id, abruptly: bool) {
        let Some(stream) = self.stream(id) else { return };
        if stream.local {
            let unread = stream.arrived > 0;
            let Some(peer) = stream.peer.and_then(|peer| self.stream_mut(peer)) else { return };
            (peer.ended, peer.mute) = (true, true);
            peer.error = unread.then_some(Errno::CONNRESET);
            return;
        }
        let (broken, mute) = (abruptly || stream.arrived > 0 || stream.call.is_some(), stream.mute);
        // Bytes that find nobody any more are answered with a reset.
        let underway = (!stream.flight.is_empty()).then_some(stream.flight.last);
        let Ok((link, Some(peer))) = self.way(id) else { return };
        let when = self.arrival_at(peer, &link);
        if broken {
            return self.reset_at(peer, when);
        }
        if !mute {
            self.end_at(peer, when);
        }
        if let Some(last) = underway {
            self.reset_at(peer, last.saturating_add(nanos(link.latency)));
        }
    }
}

const HALFLESS: stheno_core::Error =
    stheno_core::Error::new(stheno_core::ErrorKind::Unsupported, "a datagram socket has no halves");
