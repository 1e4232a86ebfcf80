//! A place in the world's table, and what may be in it.

use stheno_core::{Interest, Key, Kind};

use super::address::Address;
use super::errno::Errno;
use super::link::Link;
use super::stream::Stream;
use super::systems::Truth;

/// A socket of the simulated network: a number that is used again, and how often it was used before.
///
/// Dropping it closes nothing, [`Net::close`](stheno_core::Net::close) does. A handle that is stale is an error
/// (`BadDescriptor`), never somebody else's socket.
#[derive(PartialEq, Eq, Hash, Debug)]
pub struct Socket(pub(super) Id);

impl Socket {
    /// Its number in the world's table.
    pub const fn number(&self) -> usize {
        self.0.index as usize
    }
}

/// Who a socket is, for the world itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Id {
    pub(super) index: u32,
    pub(super) generation: u32,
}

/// The end of a list of places.
pub(super) const NIL: u32 = u32::MAX;

/// A place in the table.
pub struct Entry<B> {
    pub(super) generation: u32,
    /// The next one in the list that this is in: vacant places, or callers in line.
    pub(super) next: u32,
    pub(super) here: Address,
    pub(super) link: Link,
    pub(super) watched: Option<(Key, Interest)>,
    /// Whether it counts against the limit of descriptors.
    pub(super) counted: bool,
    pub(super) reuse: bool,
    pub(super) end: End<B>,
}

/// What is there. Most of what is there are streams, and without a heap there is nowhere else for them to be.
#[derive(Default)]
#[allow(clippy::large_enum_variant)]
pub(super) enum End<B> {
    #[default]
    Vacant,
    /// It was closed while it was watched; whether that was told.
    Ghost {
        told: bool,
    },
    /// A stream neither connected nor listening.
    Fresh,
    Listener(Listener),
    Stream(Stream<B>),
    Mailbox(Mailbox),
}

/// Callers in line, and how many may be.
pub(super) struct Listener {
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) len: u32,
    pub(super) backlog: u32,
    /// Whether somebody who called found the line full.
    pub(super) turned_away: bool,
}

impl Listener {
    pub(super) const fn new(backlog: u32) -> Self {
        Self { first: NIL, last: NIL, len: 0, backlog, turned_away: false }
    }

    /// As on Linux there may be one more than the program said.
    pub(super) const fn is_full(&self) -> bool {
        self.len > self.backlog
    }
}

/// A datagram socket; its datagrams are in the world's list.
#[derive(Default)]
pub(super) struct Mailbox {
    pub(super) peer: Option<Address>,
    pub(super) error: Option<Errno>,
    /// When the news arrives that nobody was there.
    pub(super) refusal: Option<u64>,
    /// How many datagrams wait.
    pub(super) waiting: usize,
    /// When the last one it sent arrives, those that were held up aside.
    pub(super) last: u64,
}

impl Mailbox {
    /// Takes in the news that arrives by now.
    pub(super) fn arrive(&mut self, now: u64) {
        if self.refusal.take_if(|when| *when <= now).is_some() {
            self.error = Some(Errno::CONNREFUSED);
        }
    }
}

impl<B> Default for Entry<B> {
    fn default() -> Self {
        Self {
            generation: 0,
            next: NIL,
            here: Address::ANY,
            link: Link::PLAIN,
            watched: None,
            counted: false,
            reuse: false,
            end: End::Vacant,
        }
    }
}

impl<B> Entry<B> {
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.end, End::Vacant | End::Ghost { .. })
    }

    /// Whether it listens there.
    pub(super) fn listens_at(&self, at: Address) -> bool {
        self.here == at && matches!(self.end, End::Listener(_))
    }

    /// Whether nobody else may bind this address. Who reuses addresses need not mind connections.
    pub(super) fn occupies(&self, at: Address, kind: Kind, reuse: bool) -> bool {
        self.here == at
            && match (&self.end, kind) {
                (End::Fresh | End::Listener(_), Kind::Stream) | (End::Mailbox(_), Kind::Datagram) => true,
                (End::Stream(_), Kind::Stream) => !reuse,
                _ => false,
            }
    }

    /// When something next happens to it by itself; `u64::MAX` is never.
    pub(super) fn due(&self) -> u64 {
        match &self.end {
            End::Stream(stream) => stream.due(),
            End::Mailbox(mailbox) => mailbox.refusal.unwrap_or(u64::MAX),
            _ => u64::MAX,
        }
    }

    /// What a system would say of it, of all that there is to be said; `has_room` answers for its peer.
    pub(super) fn truth(&self, has_room: bool) -> Truth {
        let nothing = Truth::default();
        match &self.end {
            End::Vacant | End::Ghost { .. } => nothing,
            End::Fresh => Truth { room: true, hangup: true, ..nothing },
            End::Listener(line) => Truth { data: line.len > 0, ..nothing },
            End::Stream(stream) => stream.truth(has_room),
            End::Mailbox(mailbox) => {
                Truth { data: mailbox.waiting > 0, room: true, error: mailbox.error.is_some(), ..nothing }
            }
        }
    }
}
