//! The whole world in one value: its table of sockets, and what a test may set and see.

use core::time::Duration;

use fastrand::Rng;
use stheno_core::{Instant, Interest, Key, Kind, Result, Storage};

use super::address::Address;
use super::entry::{End, Entry, Id, NIL, Socket};
use super::errno::Errno;
use super::link::{Count, Link};
use super::memory::{Bytes, Memory};
use super::stream::Stream;

/// A simulated network: sockets, what is under way between them, and the clock, in one value that its owner may move.
///
/// [`Sim`](super::Sim) has its memory on the heap, [`Fixed`](super::Fixed) in itself. See the [module](super).
pub struct Network<M: Memory> {
    pub(super) sockets: M::Sockets,
    pub(super) letters: M::Letters,
    pub(super) deeds: M::Deeds,
    pub(super) rng: Rng,
    pub(super) now: u64,
    /// Nothing arrives by itself before this.
    pub(super) soonest: u64,
    /// Whether what is due is being seen to.
    pub(super) busy: bool,
    pub(super) count: Count,
    pub(super) failure: Option<stheno_core::Error>,
    vacant: u32,
    order: u64,
    link: Link,
    limit: usize,
    held: usize,
    outside: bool,
    next_port: u16,
    seed: u64,
    drawn: bool,
}

/// When every world begins; not 0, so that who subtracts too much is found out.
const BEGINNING: u64 = 1_000_000_000;

impl<M: Memory> Network<M> {
    /// A world without sockets whose net is plain: what is sent arrives at once.
    pub fn new() -> Self {
        Self::seeded(0)
    }

    /// The same; everything that is left to chance comes from this seed. The same seed and the same calls are the same
    /// story.
    pub fn seeded(seed: u64) -> Self {
        Self {
            sockets: M::Sockets::default(),
            letters: M::Letters::default(),
            deeds: M::Deeds::default(),
            rng: Rng::with_seed(seed),
            now: BEGINNING,
            soonest: u64::MAX,
            busy: false,
            count: Count::default(),
            failure: None,
            vacant: NIL,
            order: 0,
            link: Link::PLAIN,
            limit: usize::MAX,
            held: 0,
            outside: false,
            next_port: FIRST_EPHEMERAL,
            seed,
            drawn: false,
        }
    }

    // What a test may set.

    /// The link that sockets have from now on. Those that are there keep theirs; a guest gets its listener's.
    pub fn set_link(&mut self, link: Link) {
        self.link = link;
    }

    /// The link of one socket: how what *it* sends fares, and how much it takes in.
    pub fn set_link_of(&mut self, socket: &Socket, link: Link) -> Result<()> {
        self.entry_mut(socket.0)?.link = link;
        Ok(())
    }

    /// How many sockets may be held at once, the peers of a test ([`outside`](Self::outside)) aside: past it `socket` and
    /// `accept` are `Exhausted` (`EMFILE`). As on Linux, `accept` says so even where nobody is in line.
    pub fn set_limit(&mut self, sockets: usize) {
        self.limit = sockets;
    }

    /// Does something on behalf of the world outside of the program under test: sockets that are made there do not count
    /// against the limit.
    ///
    /// ```
    /// use stheno_conformance::sim::{Address, Sim};
    /// use stheno_core::{Kind, Net};
    /// let mut net = Sim::new();
    /// net.set_limit(1);
    /// let peer = net.outside(|net| net.socket(Kind::Stream, &Address::ANY))?;
    /// let ours = net.socket(Kind::Stream, &Address::ANY)?;
    /// assert_eq!(net.socket(Kind::Stream, &Address::ANY).unwrap_err().code(), 24);
    /// # Ok::<(), stheno_core::Error>(())
    /// ```
    pub fn outside<T>(&mut self, doing: impl FnOnce(&mut Self) -> T) -> T {
        let before = core::mem::replace(&mut self.outside, true);
        let done = doing(self);
        self.outside = before;
        done
    }

    // What a test may see.

    /// The seed that this world's chances come from.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// The world's clock.
    pub const fn now(&self) -> Instant {
        Instant::from_nanos(self.now)
    }

    /// How long the world has been there.
    pub const fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.now - BEGINNING)
    }

    /// What became of datagrams and deeds.
    pub const fn count(&self) -> Count {
        self.count
    }

    /// How many sockets are held that count against the limit.
    pub const fn held(&self) -> usize {
        self.held
    }

    /// How many sockets there are, peers and callers in line included.
    pub fn len(&self) -> usize {
        self.sockets.as_slice().iter().filter(|entry| entry.is_open()).count()
    }

    /// Whether there is no socket.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many callers wait in line.
    pub fn callers(&self, listener: &Socket) -> Result<usize> {
        match &self.entry(listener.0)?.end {
            End::Listener(line) => Ok(line.len as usize),
            _ => Err(Errno::INVAL.doing("count callers")),
        }
    }

    /// How many sockets the backend watches.
    pub fn watched(&self) -> usize {
        self.sockets.as_slice().iter().filter(|entry| entry.watched.is_some()).count()
    }

    /// What a key is watched for; `None` where it is not registered.
    pub fn interest(&self, key: Key) -> Option<Interest> {
        let watched = self.sockets.as_slice().iter().filter_map(|entry| entry.watched);
        watched.into_iter().find(|(other, _)| *other == key).map(|(_, interest)| interest)
    }

    // Places in the table.

    pub(super) fn entry(&self, id: Id) -> Result<&Entry<M::Bytes>> {
        let entry = self.sockets.as_slice().get(id.index as usize);
        entry.filter(|entry| entry.generation == id.generation && entry.is_open()).ok_or(Errno::BADF.error())
    }

    pub(super) fn entry_mut(&mut self, id: Id) -> Result<&mut Entry<M::Bytes>> {
        let entry = self.sockets.as_mut_slice().get_mut(id.index as usize);
        entry.filter(|entry| entry.generation == id.generation && entry.is_open()).ok_or(Errno::BADF.error())
    }

    pub(super) fn stream(&self, id: Id) -> Option<&Stream<M::Bytes>> {
        match &self.entry(id).ok()?.end {
            End::Stream(stream) => Some(stream),
            _ => None,
        }
    }

    pub(super) fn stream_mut(&mut self, id: Id) -> Option<&mut Stream<M::Bytes>> {
        match &mut self.entry_mut(id).ok()?.end {
            End::Stream(stream) => Some(stream),
            _ => None,
        }
    }

    /// The socket at this place in the table.
    pub(super) fn id(&self, index: usize) -> Option<Id> {
        let entry = self.sockets.as_slice().get(index).filter(|entry| entry.is_open())?;
        Some(Id { index: index as u32, generation: entry.generation })
    }

    pub(super) fn find(&self, is_it: impl Fn(&Entry<M::Bytes>) -> bool) -> Option<Id> {
        let index = self.sockets.as_slice().iter().position(|entry| entry.is_open() && is_it(entry))?;
        self.id(index)
    }

    /// A new socket; fails where the table is full.
    pub(super) fn make(&mut self, end: End<M::Bytes>, here: Address, link: Link) -> Result<Id> {
        let index = match self.vacant {
            NIL => {
                let index = self.sockets.as_slice().len();
                let index = u32::try_from(index).ok().filter(|index| *index != NIL).ok_or(Errno::NFILE.error())?;
                self.sockets.push(Entry::default()).map_err(|_| Errno::NFILE.error())?;
                index
            }
            index => index,
        };
        let Some(entry) = self.sockets.as_mut_slice().get_mut(index as usize) else { return Err(Errno::NFILE.error()) };
        if self.vacant == index {
            self.vacant = entry.next;
        }
        let generation = entry.generation;
        *entry = Entry { generation, here, link, end, ..Entry::default() };
        Ok(Id { index, generation })
    }

    /// The same for who opens it, which counts.
    pub(super) fn open(&mut self, end: End<M::Bytes>) -> Result<Socket> {
        self.may_hold()?;
        let id = self.make(end, Address::ANY, self.link)?;
        self.hand_out(id)
    }

    /// Whether one more socket may be held.
    pub(super) fn may_hold(&self) -> Result<()> {
        if self.outside || self.held < self.limit { Ok(()) } else { Err(Errno::MFILE.error()) }
    }

    /// Has a socket count, unless it is a peer's.
    pub(super) fn hand_out(&mut self, id: Id) -> Result<Socket> {
        let counted = !self.outside;
        self.entry_mut(id)?.counted = counted;
        self.held += usize::from(counted);
        Ok(Socket(id))
    }

    /// Takes a socket out of the table: what it was. Whoever holds it holds nothing now.
    pub(super) fn take_out(&mut self, id: Id) -> Result<Entry<M::Bytes>> {
        let entry = self.entry_mut(id)?;
        let generation = entry.generation.wrapping_add(1);
        let left = Entry { generation, ..Entry::default() };
        let gone = core::mem::replace(entry, left);
        if let Some(watched) = gone.watched {
            // The place stays taken until it is watched no longer, so that the backend never means somebody else.
            entry.watched = Some(watched);
            entry.end = End::Ghost { told: false };
        } else {
            self.vacate(id.index);
        }
        self.held -= usize::from(gone.counted);
        Ok(gone)
    }

    pub(super) fn vacate(&mut self, index: u32) {
        if let Some(entry) = self.sockets.as_mut_slice().get_mut(index as usize) {
            (entry.end, entry.watched, entry.next) = (End::Vacant, None, self.vacant);
            self.vacant = index;
        }
    }

    /// Gives a socket an address, any that is free for [`Address::ANY`].
    pub(super) fn settle_at(&mut self, id: Id, at: Address) -> Result<Address> {
        let entry = self.entry(id)?;
        let kind = if matches!(entry.end, End::Mailbox(_)) { Kind::Datagram } else { Kind::Stream };
        let reuse = entry.reuse;
        let taken =
            |net: &Self, at| net.sockets.as_slice().iter().any(|other: &Entry<_>| other.occupies(at, kind, reuse));
        let mut at = at;
        if at != Address::ANY {
            if taken(self, at) {
                return Err(Errno::ADDRINUSE.error());
            }
        } else {
            let tries = FIRST_EPHEMERAL..=LAST_EPHEMERAL;
            let free = tries.into_iter().find_map(|_| {
                let port = self.next_port;
                self.next_port = if port == LAST_EPHEMERAL { FIRST_EPHEMERAL } else { port + 1 };
                (!taken(self, Address::new(port))).then_some(Address::new(port))
            });
            at = free.ok_or(Errno::ADDRINUSE.error())?;
        }
        self.entry_mut(id)?.here = at;
        Ok(at)
    }

    // Chance.

    /// A place in the order of all that was ever asked for.
    pub(super) fn next_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    /// Whether something happens whose rate is this, per mille.
    pub(super) fn chance(&mut self, rate: u16) -> bool {
        if rate == 0 {
            return false;
        }
        self.drawn = true;
        self.rng.u16(0..1000) < rate
    }

    /// When something arrives that is sent over this link now.
    pub(super) fn arrival(&mut self, link: &Link) -> u64 {
        let jitter = nanos(link.jitter);
        let late = if jitter == 0 { 0 } else { self.random(jitter) };
        self.now.saturating_add(nanos(link.latency)).saturating_add(late)
    }

    pub(super) fn random(&mut self, most: u64) -> u64 {
        self.drawn = true;
        self.rng.u64(0..=most)
    }

    pub(super) fn note_chance(&mut self) {
        self.drawn = true;
    }

    /// How many bytes more the peer of this end takes in. One that is gone takes anything, and says so.
    pub(super) fn room(&self, stream: &Stream<M::Bytes>) -> usize {
        let Some(peer) = stream.peer.and_then(|peer| self.entry(peer).ok()) else { return usize::MAX };
        match &peer.end {
            End::Stream(it) => it.inbox.room().min(peer.link.window.max(1).saturating_sub(it.inbox.len())),
            _ => usize::MAX,
        }
    }
}

/// Linux's own range.
const FIRST_EPHEMERAL: u16 = 32_768;
const LAST_EPHEMERAL: u16 = 60_999;

/// A duration in nanoseconds, as many as there can be.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl<M: Memory> Default for Network<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Memory> core::fmt::Debug for Network<M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Network")
            .field("seed", &self.seed)
            .field("now", &self.now())
            .field("sockets", &self.len())
            .field("held", &self.held)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "std")]
impl<M: Memory> Drop for Network<M> {
    /// A story that ended badly says how to have it told again.
    fn drop(&mut self) {
        if self.drawn && std::thread::panicking() {
            std::eprintln!("sim: the seed of this network was {0}; STHENO_SEED={0} tells the same story", self.seed);
        }
    }
}
