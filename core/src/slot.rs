//! What the loop keeps of one channel, and of all of them together.

use core::ops::{BitOr, BitOrAssign};

use crate::counters::Counters;
use crate::deadline::{Filed, Filing, Queue};
use crate::firing::Budget;
use crate::stage::Stage;
use crate::{Instant, Interest, Key, Net, State};

/// The end of a list that is linked through the slots.
pub(crate) const NIL: u32 = u32::MAX;

/// One place in a loop's table: the channel's own state, and its dispatcher.
///
/// Opaque; programs name it only to say where a table's memory is, as in `Array<Slot<Echo, Os>, 16>`.
///
/// The own state is [`STATE_BYTES`](Self::STATE_BYTES) long, 48 where sockets take 8; the rest is the dispatcher, which
/// lies inline.
pub struct Slot<T, N: Net> {
    pub(crate) own: Own<N::Socket>,
    pub(crate) dispatcher: Option<T>,
}

impl<T, N: Net> Slot<T, N> {
    /// The bytes of a slot's own state: socket, generation, links, interests and deadline, without the dispatcher.
    pub const STATE_BYTES: usize = size_of::<Own<N::Socket>>();

    /// The bytes of a slot with all that lies in it: what one channel takes in a table.
    ///
    /// ```
    /// use stheno_core::{Dispatcher, Net, Outbox, Slot};
    /// struct Client(Outbox<[u8; 512]>);
    /// fn fits<N: Net>() {
    ///     const { assert!(16 * Slot::<Client, N>::BYTES <= 10 * 1024) }
    /// }
    /// ```
    pub const BYTES: usize = size_of::<Self>();
}

/// A vacant slot.
impl<T, N: Net> Default for Slot<T, N> {
    fn default() -> Self {
        Self { own: Own::default(), dispatcher: None }
    }
}

impl<T, N: Net> Filed for Slot<T, N> {
    fn filing(&self) -> &Filing {
        &self.own.filing
    }
    fn filing_mut(&mut self) -> &mut Filing {
        &mut self.own.filing
    }
}

/// A channel's own state.
pub(crate) struct Own<S> {
    pub(crate) socket: Option<S>,
    pub(crate) generation: u32,
    /// Vacant: the next vacant slot. Dirty: the next dirty one.
    pub(crate) link: u32,
    /// Resting: the next listener that rests. Listening: the last wait that found callers, or that went before the end
    /// of a rest. Otherwise the number of the error that ended the connection.
    pub(crate) aux: u32,
    pub(crate) flags: Flags,
    pub(crate) stage: Stage,
    /// The interest that the backend was given, and above it the events that nobody handles; between them the marks.
    interests: u8,
    pub(crate) filing: Filing,
}

impl<S> Default for Own<S> {
    fn default() -> Self {
        Self {
            socket: None,
            generation: 0,
            link: NIL,
            aux: 0,
            flags: Flags::NONE,
            stage: Stage::Closed,
            interests: 0,
            filing: Filing::NONE,
        }
    }
}

const MUTED_SHIFT: u32 = 4;

/// What is remembered where the interests leave a bit free.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Mark {
    /// The program wants nothing to read for now.
    Paused = 1 << 3,
    /// There is something to read that the backend does not know of.
    Held = 1 << 7,
}

impl<S> Own<S> {
    pub(crate) fn key(&self, index: u32) -> Key {
        Key::new(index, self.generation)
    }

    /// Whether the key is the name of this channel, and that lives.
    #[inline]
    pub(crate) fn is_named(&self, key: Key) -> bool {
        self.generation == key.generation() && self.stage.is_live()
    }

    /// What the backend was last asked for.
    pub(crate) fn asked(&self) -> Interest {
        Interest::from_bits_truncate(self.interests)
    }

    pub(crate) fn set_asked(&mut self, interest: Interest) {
        self.interests = self.interests & !Interest::ALL.bits() | interest.bits();
    }

    /// What is not wanted, whatever the predicates say, because nobody handled it.
    pub(crate) fn muted(&self) -> Interest {
        Interest::from_bits_truncate(self.interests >> MUTED_SHIFT)
    }

    pub(crate) fn set_muted(&mut self, interest: Interest) {
        self.interests = self.interests & !(Interest::ALL.bits() << MUTED_SHIFT) | interest.bits() << MUTED_SHIFT;
    }

    pub(crate) fn is(&self, mark: Mark) -> bool {
        self.interests & mark as u8 != 0
    }

    pub(crate) fn set(&mut self, mark: Mark, there: bool) {
        self.interests = self.interests & !(mark as u8) | if there { mark as u8 } else { 0 };
    }

    /// Whether all that can have changed is what the channel wants: it is an open connection and watched, nobody has put it
    /// on the list, nothing was found out about it, nothing is muted or held, and no deadline waits to be filed.
    pub(crate) fn is_plain(&self) -> bool {
        const MUTED_OR_HELD: u8 = Interest::ALL.bits() << MUTED_SHIFT | Mark::Held as u8;
        self.stage == Stage::Open
            && self.flags.0 & (Flags::UNSETTLED.0 | Flags::DIRTY.0) == Flags::REGISTERED.0
            && self.interests & MUTED_OR_HELD == 0
            && !self.filing.is_late()
    }

    /// Whether nobody has said that what comes in is not wanted, as far as that is not the predicate's business.
    pub(crate) fn hears(&self) -> bool {
        const DEAF: u8 = Interest::READ.bits() << MUTED_SHIFT | Mark::Paused as u8;
        self.interests & DEAF == 0
    }

    /// What a slot forgets when its channel has gone.
    pub(crate) fn forget(&mut self) {
        self.interests = 0;
    }
}

/// What has to be remembered of a channel, a bit each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Flags(u16);

impl Flags {
    pub(crate) const NONE: Self = Self(0);
    /// Stands in the list of those to be settled.
    pub(crate) const DIRTY: Self = Self(1);
    /// The backend knows it.
    pub(crate) const REGISTERED: Self = Self(1 << 1);
    /// Hung up with nobody to tell: out of the backend's set until its interest changes.
    pub(crate) const PARKED: Self = Self(1 << 2);
    /// A receive found the end of the stream.
    pub(crate) const ENDED: Self = Self(1 << 3);
    /// A receive found the connection over.
    pub(crate) const BROKEN: Self = Self(1 << 4);
    /// A send, or anything else but a receive, found the connection over.
    pub(crate) const SEND_BROKEN: Self = Self(1 << 5);
    /// A receive brought data.
    pub(crate) const RECEIVED: Self = Self(1 << 6);
    /// An accept brought a caller.
    pub(crate) const ACCEPTED: Self = Self(1 << 7);
    /// The channel is paused for want of something that a layer lends, and by nobody else. A listener never is: it has the
    /// bit for what it accepted.
    pub(crate) const LACKING: Self = Self::ACCEPTED;
    /// An accept lacked resources.
    pub(crate) const EXHAUSTED: Self = Self(1 << 8);
    /// A listener that waits for resources.
    pub(crate) const RESTING: Self = Self(1 << 9);
    /// The listener's exhaustion has been told.
    pub(crate) const TOLD: Self = Self(1 << 10);
    /// The deadline is a time from now, until it is settled.
    pub(crate) const RELATIVE: Self = Self(1 << 11);
    /// When it was parked there was room to send, which it did not want then.
    pub(crate) const ROOM: Self = Self(1 << 15);
    /// What settling looks at.
    const UNSETTLED: Self = Self(
        Self::REGISTERED.0
            | Self::PARKED.0
            | Self::ENDED.0
            | Self::BROKEN.0
            | Self::SEND_BROKEN.0
            | Self::RESTING.0
            | Self::RELATIVE.0
            | Self::ROOM.0,
    );
    /// The first of three bits: which unhandled events have been logged.
    const LOGGED: u32 = 12;

    /// Whether any of the bits is there.
    pub(crate) const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn remove(&mut self, other: Self) {
        self.0 &= !other.0;
    }

    /// Takes the bits out and says whether any was there.
    pub(crate) fn take(&mut self, other: Self) -> bool {
        let there = self.intersects(other);
        self.remove(other);
        there
    }

    /// Whether this is the first time that something unhandled is to be logged.
    pub(crate) fn log_once(&mut self, interest: Interest) -> bool {
        let bits = Self(u16::from(interest.bits()) << Self::LOGGED);
        let first = !self.intersects(bits);
        *self |= bits;
        first
    }
}

impl BitOr for Flags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// What the loop keeps of all channels together.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// The first slot to be settled.
    pub(crate) dirty: u32,
    /// The first vacant slot.
    pub(crate) vacant: u32,
    /// The last vacant slot, if there is one.
    pub(crate) last_vacant: u32,
    /// How many are vacant.
    pub(crate) vacancies: u32,
    /// The first listener that rests.
    pub(crate) resting: u32,
    /// Channels in the table, without the bell.
    pub(crate) live: u32,
    /// Whether the table has refused to grow.
    pub(crate) bounded: bool,
    /// A socket was closed, or the table has grown: who rests may try again.
    pub(crate) freed: bool,
    /// A listener rests for what only the system can give back, so time must pass.
    pub(crate) starved: bool,
    /// The loop is asked to end.
    pub(crate) stop: bool,
    /// Handlers ran since the last wait.
    pub(crate) busy: bool,
    /// How often the loop has waited, round and round.
    pub(crate) waits: u32,
    pub(crate) queue: Queue,
    pub(crate) counters: Counters,
    /// How much a channel may do in a turn.
    pub(crate) budget: Budget,
    /// What the channel whose handlers run may still move.
    pub(crate) allowance: Allowance,
    /// The channel whose deadline has come, when it was due, and what the time is.
    pub(crate) timing: u32,
    pub(crate) due: Instant,
    pub(crate) now: Instant,
}

/// How many bytes one channel may still receive and send in a turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    /// Whose it is; the others have no bounds.
    pub(crate) channel: u32,
    pub(crate) receive: usize,
    pub(crate) send: usize,
}

impl Allowance {
    /// Nobody is held to anything.
    pub(crate) const NONE: Self = Self { channel: NIL, receive: 0, send: 0 };
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            dirty: NIL,
            vacant: NIL,
            last_vacant: NIL,
            vacancies: 0,
            resting: NIL,
            live: 0,
            bounded: false,
            freed: false,
            starved: false,
            stop: false,
            busy: false,
            waits: 0,
            queue: Queue::default(),
            counters: Counters::default(),
            budget: Budget { accepts: 16, reads: 16, bytes: 256 * 1024, timeouts: None },
            allowance: Allowance::NONE,
            timing: NIL,
            due: Instant::NEVER,
            now: Instant::NEVER,
        }
    }
}

impl Ledger {
    /// Puts a channel on the list of those to be settled, once.
    pub(crate) fn touch<S>(&mut self, own: &mut Own<S>, index: u32) {
        if !own.flags.intersects(Flags::DIRTY) {
            own.flags |= Flags::DIRTY;
            own.link = core::mem::replace(&mut self.dirty, index);
        }
    }

    /// Closes a channel for good: its key is stale from now on, the socket goes when it is settled.
    pub(crate) fn close<S>(&mut self, own: &mut Own<S>, index: u32) {
        if own.stage.is_live() {
            own.stage = Stage::Closing;
            self.live -= 1;
            self.touch(own, index);
        }
    }

    /// Puts a vacant slot on the list of those that can be taken.
    pub(crate) fn vacate<S>(&mut self, own: &mut Own<S>, index: u32) {
        own.link = core::mem::replace(&mut self.vacant, index);
        if own.link == NIL {
            self.last_vacant = index;
        }
        self.vacancies += 1;
    }

    /// Lets a channel move into a vacant slot, the one that `vacant` names.
    pub(crate) fn occupy<S>(&mut self, own: &mut Own<S>, socket: Option<S>, state: State) -> Key {
        let index = self.vacant;
        self.vacant = own.link;
        self.vacancies -= 1;
        self.live += 1;
        own.socket = socket;
        own.stage = Stage::of(state);
        own.aux = 0;
        self.touch(own, index);
        own.key(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_and_what_is_muted_do_not_mix() {
        let mut own = Own::<()>::default();
        own.set_asked(Interest::READ | Interest::PRIORITY);
        own.set_muted(Interest::WRITE);
        assert_eq!((own.asked(), own.muted()), (Interest::READ | Interest::PRIORITY, Interest::WRITE));
        own.set_asked(Interest::NONE);
        assert_eq!((own.asked(), own.muted()), (Interest::NONE, Interest::WRITE));
    }

    #[test]
    fn unhandled_events_are_logged_once_each() {
        let mut flags = Flags::NONE;
        assert!(flags.log_once(Interest::READ));
        assert!(!flags.log_once(Interest::READ));
        assert!(flags.log_once(Interest::WRITE));
        assert!(flags.log_once(Interest::PRIORITY));
        assert!(!flags.log_once(Interest::WRITE));
    }

    #[test]
    fn the_own_state_is_48_bytes_with_a_socket_of_8() {
        assert_eq!(size_of::<Own<core::num::NonZeroU64>>(), 48);
    }
}
