//! The loop over the simulated network, in memory of fixed size.

use core::time::Duration;

use stheno_conformance::sim::{Address, Batch, Fixed, Link, Socket};
use stheno_core::chat::{Conversation, Frame};
use stheno_core::storage::Array;
use stheno_core::{
    Channel, Dispatcher, Eof, ErrorKind, EventLoop, Guest, Net as _, Outbox, Reason, Received, Result, Slot,
};

use super::{Case, holds, note};
use crate::tally::Digest;

pub(super) const CASES: &[Case] = &[
    ("turns/three-peers-get-back-what-they-sent-in-any-weather", echoes),
    ("turns/callers-wait-while-the-table-is-full", full_table),
    ("turns/a-conversation-in-lines", conversation),
    ("turns/a-key-dies-with-its-channel", stale),
];

const DOOR: Address = Address::new(7);
const NO_WAIT: Option<Duration> = Some(Duration::ZERO);

type Net = Fixed<9, 64>;
type Events<T, const N: usize> = EventLoop<T, Net, Batch<2>, Array<Slot<T, Net>, N>>;

fn events<T: Dispatcher<Net>, const N: usize>(seed: u64) -> Events<T, N> {
    let mut events = Events::with_parts(Net::seeded(seed), Batch::new(), Array::default());
    events.set_spare(1);
    events
}

/// Sends back what it receives.
enum Echo {
    Door,
    Caller(Outbox<[u8; 48]>),
}

impl Dispatcher<Net> for Echo {
    fn readable(&self) -> bool {
        !matches!(self, Self::Caller(waiting) if waiting.room() == 0)
    }

    fn writable(&self) -> bool {
        matches!(self, Self::Caller(waiting) if !waiting.is_empty())
    }

    fn handle_accepted(&mut self, guest: &mut Guest<Net>, door: &mut Channel<'_, Net, Self>) -> Result<()> {
        door.adopt(guest, Self::Caller(Outbox::new())).map(drop)
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, Net, Self>) -> Result<()> {
        if let Self::Caller(waiting) = self {
            waiting.fill_from(channel)?;
        }
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, Net, Self>) -> Result<()> {
        if let Self::Caller(waiting) = self {
            waiting.flush(channel)?;
        }
        Ok(())
    }
}

/// A peer that sends a run of bytes and hears it come back.
struct Peer {
    socket: Socket,
    salt: u8,
    sent: usize,
    heard: usize,
}

const MANY: usize = 700;

impl Peer {
    const fn byte(&self, at: usize) -> u8 {
        (at as u8).wrapping_mul(7).wrapping_add(self.salt)
    }

    fn goes_on(&mut self, net: &mut Net) -> Result<()> {
        let mut bytes = [0; 40];
        let piece = &mut bytes[..(MANY - self.sent).min(40)];
        (0..).zip(&mut *piece).for_each(|(at, byte)| *byte = self.byte(self.sent + at));
        if !piece.is_empty() {
            self.sent += net.send(&mut self.socket, piece)?.unwrap_or(0);
        }
        while let Received::Data(n) = net.recv(&mut self.socket, &mut bytes)? {
            for byte in &bytes[..n] {
                holds(*byte == self.byte(self.heard), "what comes back is what was sent")?;
                self.heard += 1;
            }
        }
        Ok(())
    }
}

fn echoes(digest: &mut Digest) -> Result<()> {
    for (seed, link) in [(1, Link::PLAIN), (2, Link::ROUGH), (3, Link { segment: Some((1, 1)), ..Link::PLAIN })] {
        let mut events = events::<Echo, 5>(seed);
        events.net_mut().set_link(link);
        events.listen(DOOR, Echo::Door)?;
        let mut peers = [None, None, None];
        for (salt, peer) in (0..).zip(&mut peers) {
            *peer = Some(Peer { socket: events.net_mut().dial(DOOR)?, salt, sent: 0, heard: 0 });
        }
        let mut turns = 0;
        while peers.iter().flatten().any(|peer| peer.heard < MANY) && turns < 20_000 {
            peers.iter_mut().flatten().try_for_each(|peer| peer.goes_on(events.net_mut()))?;
            events.turn(Some(Duration::from_millis(1)))?;
            turns += 1;
        }
        holds(peers.iter().flatten().all(|peer| peer.heard == MANY), "all of it comes back")?;
        peers.into_iter().flatten().for_each(|peer| events.net_mut().close(peer.socket));
        while events.len() > 1 {
            events.turn(Some(Duration::from_secs(1)))?;
        }
        events.close_all();
        holds((events.net().len(), events.net().watched()) == (0, 0), "nothing is left")?;
        note(digest, format_args!("{turns} {:?} {:?}\n", events.net().elapsed(), events.counters()))?;
    }
    Ok(())
}

/// A table of three: a door and two callers. The third waits in line until a place is free.
fn full_table(digest: &mut Digest) -> Result<()> {
    let mut events = events::<Echo, 3>(4);
    events.listen(DOOR, Echo::Door)?;
    let [first, second, third] = [(); 3].map(|()| events.net_mut().dial(DOOR));
    let (first, _second, mut third) = (first?, second?, third?);
    events.net_mut().send(&mut third, b"late")?;
    while events.turn(NO_WAIT)?.fired > 0 && events.len() < 3 {}
    events.run_turns(3, NO_WAIT)?;
    holds(events.len() == 3, "the table holds three")?;
    holds(events.net_mut().recv(&mut third, &mut [0; 8])? == Received::WouldBlock, "the third is not served")?;
    events.net_mut().close(first);
    events.run_turns(6, NO_WAIT)?;
    let mut heard = [0; 8];
    holds(events.net_mut().recv(&mut third, &mut heard)? == Received::Data(4), "then it is")?;
    note(digest, format_args!("{heard:?} {:?}", events.counters()))
}

/// Answers each line with its length and its letters turned round; ends at `quit`. There is no heap for a box.
#[allow(clippy::large_enum_variant)]
enum Lines {
    Door,
    Caller(Conversation<[u8; 64], [u8; 96]>),
}

impl Dispatcher<Net> for Lines {
    fn readable(&self) -> bool {
        !matches!(self, Self::Caller(chat) if !chat.readable())
    }

    fn writable(&self) -> bool {
        matches!(self, Self::Caller(chat) if chat.writable())
    }

    fn handle_accepted(&mut self, guest: &mut Guest<Net>, door: &mut Channel<'_, Net, Self>) -> Result<()> {
        let mut chat = Conversation::new();
        chat.input.set_terminator(b"\n")?;
        door.adopt(guest, Self::Caller(chat)).map(drop)
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, Net, Self>) -> Result<()> {
        let Self::Caller(chat) = self else { return Ok(()) };
        chat.fill_from(channel)?;
        while let Some((frame, output)) = chat.next(channel)? {
            match frame {
                Frame::Found(b"quit") => output.close_when_done(channel),
                Frame::Found(line) | Frame::Collected(line) => {
                    output.send_vectored(channel, [&[b'0' + line.len() as u8 % 10, b' '], b"<"])?;
                    line.iter().rev().try_for_each(|byte| output.send(channel, &[*byte]))?;
                    output.send(channel, b"\n")?;
                }
            }
        }
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, Net, Self>) -> Result<()> {
        match self {
            Self::Caller(chat) => chat.flush(channel),
            Self::Door => Ok(()),
        }
    }

    fn handle_eof(&mut self, channel: &mut Channel<'_, Net, Self>) -> Result<Eof> {
        match self {
            Self::Caller(chat) => Ok(chat.finish(channel)),
            Self::Door => Ok(Eof::Close),
        }
    }

    fn handle_close(&mut self, why: Reason, _: &mut Channel<'_, Net, Self>) -> Result<()> {
        holds(why == Reason::End, "every conversation comes to its end")
    }
}

fn conversation(digest: &mut Digest) -> Result<()> {
    let mut events = events::<Lines, 3>(5);
    events.listen(DOOR, Lines::Door)?;
    let mut peer = events.net_mut().dial(DOOR)?;
    let (mut heard, mut len) = ([0; 64], 0);
    for piece in [&b"hel"[..], b"lo\nwor", b"ld", b"\n\nqu", b"it\nno"] {
        events.net_mut().send(&mut peer, piece)?;
        events.run_turns(3, NO_WAIT)?;
        while let Received::Data(n) = events.net_mut().recv(&mut peer, &mut heard[len..])? {
            len += n;
        }
    }
    holds(&heard[..len] == b"5 <olleh\n5 <dlrow\n0 <\n", "each line is answered, in order")?;
    holds(events.len() == 1, "quit is the end")?;
    note(digest, format_args!("{:?}", &heard[..len]))
}

fn stale(_: &mut Digest) -> Result<()> {
    let mut events = events::<Echo, 3>(6);
    let key = events.listen(DOOR, Echo::Door)?;
    events.close(key)?;
    let again = events.listen(DOOR, Echo::Door)?;
    holds(again.index() == key.index() && again != key, "the place is used again, the key is not")?;
    holds(events.close(key).is_err_and(|why| why.kind() == ErrorKind::Stale), "the old key is stale")?;
    holds(events.channel(again).is_ok(), "and the new one is not")
}
