//! One end of a connection: what has come, what is under way, and what is over.

use fastrand::Rng;

use super::address::Address;
use super::entry::Id;
use super::errno::Errno;
use super::link::Link;
use super::memory::Bytes;
use super::network::nanos;
use super::systems::Truth;
use crate::draw::draw;

/// One end of a connection, or of an attempt at one.
pub(super) struct Stream<B> {
    pub(super) there: Address,
    /// The other end; gone where the world knows it no more.
    pub(super) peer: Option<Id>,
    /// Whether it is of the Unix family, whose ends see at once what the other does.
    pub(super) local: bool,
    /// The attempt to connect, until it has ended.
    pub(super) call: Option<Call>,
    /// What the peer sent, in order, that which has arrived first.
    pub(super) inbox: B,
    /// How much of it has arrived.
    pub(super) arrived: usize,
    pub(super) flight: Flight,
    pub(super) mark: Option<Mark>,
    /// The peer sends nothing more.
    pub(super) ended: bool,
    /// Its own halves that were shut.
    pub(super) deaf: bool,
    pub(super) mute: bool,
    /// Refused, or reset.
    pub(super) over: bool,
    pub(super) error: Option<Errno>,
}

/// Where the urgent byte is among what has arrived: the last one that came, since there is one mark and no more.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    /// How many bytes are before it.
    at: usize,
    /// Until it is taken; its place in the stream stays until it is read past.
    pub(super) byte: Option<u8>,
}

/// How far an attempt to connect is.
#[derive(Clone, Copy)]
pub(super) enum Call {
    /// On its way to whoever listens.
    Underway { when: u64, order: u64 },
    /// The line is full; it goes on when there is room.
    Waiting { order: u64 },
    /// How it ended is on its way back.
    Verdict { when: u64, why: Option<Errno> },
}

/// What is under way to one end of a connection. Nothing arrives before what was sent earlier.
#[derive(Default)]
pub(super) struct Flight {
    batches: [Batch; Flight::BATCHES],
    /// How many of them there are, oldest first.
    len: usize,
    /// How many bytes of a batch arrive together, and how long the next ones then take at most.
    segment: Option<(usize, usize)>,
    gap: u64,
    /// When the last of what was sent arrives.
    pub(super) last: u64,
    pub(super) end: Option<u64>,
    pub(super) reset: Option<u64>,
}

/// Bytes that were sent together.
#[derive(Clone, Copy, Default)]
struct Batch {
    when: u64,
    len: usize,
    /// Which of them is urgent, and what it is.
    urgent: Option<Urgent>,
}

/// An urgent byte, and how many of what it was sent with come before it.
type Urgent = (usize, u8);

impl Flight {
    /// More of them at once travel as one, which arrives when its last byte does, and whose last urgent byte is the urgent
    /// one.
    const BATCHES: usize = 8;

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts so many bytes on their way, of which the last one is the urgent one, if there is any.
    pub(super) fn push(&mut self, when: u64, len: usize, urgent: Option<u8>, link: &Link) {
        (self.segment, self.gap) = (link.segment, nanos(link.jitter));
        let urgent = urgent.zip(len.checked_sub(1)).map(|(byte, at)| (at, byte));
        let last = self.len.checked_sub(1).and_then(|last| self.batches.get_mut(last));
        match last {
            Some(last) if (last.when == when && last.urgent.is_none()) || self.len == Self::BATCHES => {
                let urgent = urgent.map(|(at, byte)| (last.len + at, byte)).or(last.urgent);
                *last = Batch { when, len: last.len + len, urgent };
            }
            _ => {
                if let Some(place) = self.batches.get_mut(self.len) {
                    *place = Batch { when, len, urgent };
                    self.len += 1;
                }
            }
        }
    }

    /// How many bytes arrive now, once, and which of them is urgent.
    fn segment(&mut self, now: u64, rng: &mut Rng) -> Option<(usize, Option<Urgent>)> {
        let (segment, gap) = (self.segment, self.gap);
        let first = self.batches.first_mut().filter(|first| self.len > 0 && first.when <= now)?;
        let n = match segment {
            Some((least, most)) => draw(rng, least.max(1)..=most.max(least).max(1)).min(first.len),
            None => first.len,
        };
        first.len -= n;
        let urgent = first.urgent.take_if(|(at, _)| *at < n);
        if let Some((at, _)) = &mut first.urgent {
            *at -= n;
        }
        if first.len == 0 {
            self.batches.rotate_left(1);
            self.len -= 1;
        } else {
            first.when = first.when.saturating_add(rng.u64(1..=gap.max(1)));
        }
        Some((n, urgent))
    }

    /// When the next of it arrives; `u64::MAX` is never.
    fn due(&self) -> u64 {
        match self.batches.first().filter(|_| self.len > 0) {
            Some(first) => first.when,
            None => self.end.or(self.reset).unwrap_or(u64::MAX),
        }
    }
}

impl<B: Bytes> Stream<B> {
    pub(super) fn new(there: Address, peer: Option<Id>) -> Self {
        Self {
            there,
            peer,
            local: false,
            call: None,
            inbox: B::default(),
            arrived: 0,
            flight: Flight::default(),
            mark: None,
            ended: false,
            deaf: false,
            mute: false,
            over: false,
            error: None,
        }
    }

    /// Takes in what arrives by now.
    pub(super) fn arrive(&mut self, now: u64, rng: &mut Rng) {
        match self.call {
            Some(Call::Verdict { when, why }) if when <= now => {
                self.call = None;
                if let Some(why) = why {
                    self.break_off(why);
                }
            }
            Some(_) => return,
            None => {}
        }
        while let Some((n, urgent)) = self.flight.segment(now, rng) {
            if let Some((at, byte)) = urgent {
                // The mark moves. Like Linux, whoever has read up to the last one goes past that, and has lost it if it was
                // not taken; where something comes before it, it is ordinary data now, taken or not.
                self.pass_mark();
                self.mark = Some(Mark { at: self.arrived + at, byte: Some(byte) });
            }
            self.arrived += n;
        }
        if !self.flight.is_empty() {
            return;
        }
        if self.flight.end.take_if(|when| *when <= now).is_some() {
            self.ended = true;
        }
        if self.flight.end.is_none() && self.flight.reset.take_if(|when| *when <= now).is_some() {
            // Where both ends had finished there is nothing left to break.
            if !(self.ended && self.mute) {
                self.break_off(if self.ended { Errno::PIPE } else { Errno::CONNRESET });
            }
        }
    }

    /// Goes past the mark where that is next, be its byte taken or not. Says whether it was.
    fn pass_mark(&mut self) -> bool {
        let passed = self.mark.take_if(|mark| mark.at == 0).is_some();
        if passed {
            self.inbox.consume(1);
            self.arrived -= 1;
        }
        passed
    }

    /// Hands out what has arrived: up to the mark, or what is behind it where that is next. Says how many bytes it was, if
    /// any room was made.
    pub(super) fn take(&mut self, into: [&mut [u8]; 2]) -> Option<usize> {
        let passed = self.pass_mark();
        let mut done = 0;
        for slice in into {
            let most = self.mark.map_or(self.arrived, |mark| mark.at).min(slice.len());
            let n = self.inbox.pop(slice.get_mut(..most).unwrap_or_default());
            self.arrived -= n;
            if let Some(mark) = &mut self.mark {
                mark.at -= n;
            }
            done += n;
        }
        (passed || done > 0).then_some(done)
    }

    fn break_off(&mut self, why: Errno) {
        self.over = true;
        self.error = Some(why);
    }
}

impl<B> Stream<B> {
    pub(super) fn due(&self) -> u64 {
        match self.call {
            Some(Call::Underway { when, .. } | Call::Verdict { when, .. }) => when,
            Some(Call::Waiting { .. }) => u64::MAX,
            None => self.flight.due(),
        }
    }

    /// Whether there is no connection any more: it broke, or both ends have finished.
    pub(super) const fn is_disconnected(&self) -> bool {
        self.over || (self.ended && self.mute)
    }

    /// Whether to send is an error, whatever the peer has room for.
    pub(super) const fn is_broken(&self) -> bool {
        self.mute || self.over || self.error.is_some()
    }

    /// Whether the system calls it writable: a connection over which nothing can be sent any more is, but a local one only
    /// where there would be room.
    const fn is_writable(&self, has_room: bool) -> bool {
        has_room || (self.is_broken() && !self.local)
    }

    pub(super) fn truth(&self, has_room: bool) -> Truth {
        if self.call.is_some() {
            return Truth::default();
        }
        // The place of the urgent byte is nothing to read.
        let next = self.mark.map_or(0, |mark| usize::from(mark.at == 0));
        let data = self.arrived > next;
        Truth {
            data: data || self.deaf,
            end: self.ended && !data,
            error: self.error.is_some(),
            hangup: self.over || ((self.ended || self.deaf) && self.mute),
            room: self.is_writable(has_room),
            urgent: self.mark.is_some_and(|mark| mark.byte.is_some()),
        }
    }
}
