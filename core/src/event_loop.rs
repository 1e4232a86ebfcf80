//! The loop: a table of channels, a net that does their I/O, and a backend that says what is ready.

mod bell;
mod drain;
mod next;
mod seen;
mod settle;
mod table;
mod timer;

pub use next::Next;

use core::marker::PhantomData;
use core::num::NonZeroU32;
use core::time::Duration;

use crate::backend::Open;
use crate::channel::{bound, connecting, listening, split};
use crate::firing;
use crate::io::CLOSED;
use crate::slot::{Flags, Ledger, NIL, Slot};
use crate::time::less;
use crate::{Backend, Dispatcher, Error, Fired, Instant, Io, Key, Kind, Net, Readiness, Result, State, Storage};

/// Many channels in one thread.
///
/// `T` is what the table holds (a [`Dispatcher`], often an enum of them), `N` the [`Net`], `B` the [`Backend`], `S` the
/// [`Storage`] of the table. The package `stheno` has an alias that fills in the operating system's.
///
/// A turn waits, dispatches what fired, runs what is due, and settles what has changed or was touched: interests that
/// changed go to the backend, channels that ended are closed and their slots freed. Nothing in a turn costs time for a
/// channel that nothing happened to, and nothing allocates but the table itself, before a turn, where its storage can grow.
///
/// Loops are independent of each other; a program may have several, one to a thread.
pub struct EventLoop<T, N: Net, B, S> {
    net: N,
    backend: B,
    slots: S,
    ledger: Ledger,
    /// How many vacant slots handlers find in a turn, at least, where the table can grow.
    spare: u32,
    /// How many slots the table may have.
    limit: u32,
    /// When listeners that rest for want of descriptors try again.
    resume: Option<Instant>,
    /// The time, where it was read so lately that nothing but the loop's own work has happened since.
    fresh: Option<Instant>,
    /// What becomes of a channel while the loop drains. Like the answer to the bell it is named where it is asked for, so
    /// that a program that does not drain does not link it.
    draining: Option<Drained<T, N>>,
    #[cfg(target_has_atomic = "8")]
    bell: Option<(Key, crate::waker::BellHandle, Answer<Self>)>,
    table: PhantomData<T>,
}

type Drained<T, N> = fn(&mut T, &mut crate::Channel<'_, N, T>);

#[cfg(target_has_atomic = "8")]
type Answer<L> = fn(&mut L) -> Result<bool>;

impl<T, N: Net, B, S> EventLoop<T, N, B, S> {
    /// The bytes of a loop with all that lies in it: the net, the backend and the table, buffers in dispatchers included,
    /// unless they are borrowed or on the heap. A sum that the compiler knows, for whoever has so much memory and no more:
    ///
    /// ```
    /// use stheno_core::{EventLoop, Net, Outbox, Slot, storage::Array};
    /// struct Client(Outbox<[u8; 512]>);
    /// fn fits<N: Net, B>() {
    ///     type Table<N> = Array<Slot<Client, N>, 16>;
    ///     const { assert!(EventLoop::<Client, N, B, Table<N>>::BYTES <= 12 * 1024) }
    /// }
    /// ```
    pub const BYTES: usize = size_of::<Self>();
}

/// What a turn did.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Turn {
    /// Results of the backend, those for channels that had just ended included.
    pub fired: usize,
    /// Deadlines that came due.
    pub timeouts: usize,
    /// Whether a waker ended the wait.
    pub woken: bool,
    /// Whether the loop was asked to end since the turn before.
    pub stopped: bool,
    /// When there will be something to do by itself.
    pub next: Next,
}

impl<T, N, B, S> EventLoop<T, N, B, S>
where
    N: Net + Default,
    B: Backend<N> + Open,
    S: Storage<Slot<T, N>> + Default,
    T: Dispatcher<N>,
{
    /// A loop without channels. Fails where the backend cannot be had: an epoll descriptor more than the limit, say.
    pub fn new() -> Result<Self> {
        Ok(Self::with_parts(N::default(), B::open()?, S::default()))
    }
}

impl<T, N: Net, B: Backend<N>, S: Storage<Slot<T, N>>> EventLoop<T, N, B, S>
where
    T: Dispatcher<N>,
{
    /// A loop over this net and this backend, with its table in this storage.
    pub fn with_parts(net: N, backend: B, storage: S) -> Self {
        let mut slots = storage;
        slots.truncate(0);
        Self {
            net,
            backend,
            slots,
            ledger: Ledger::default(),
            spare: 64,
            limit: NIL,
            resume: None,
            fresh: None,
            draining: None,
            #[cfg(target_has_atomic = "8")]
            bell: None,
            table: PhantomData,
        }
    }

    /// How many callers one listener accepts in a turn, at most; 16 unless set, never less than 1.
    pub fn set_accept_budget(&mut self, callers: u32) {
        self.ledger.budget.accepts = callers.max(1);
    }

    /// How many channels handlers may add in a turn, at most, where the table can grow; 64 unless set, never less than 1.
    ///
    /// The table never grows while a handler runs, so that nothing moves and nothing allocates in a turn; callers past
    /// this stay in line for a turn, and what else a handler wants to add is [`Full`](crate::ErrorKind::Full).
    pub fn set_spare(&mut self, slots: u32) {
        self.spare = slots.max(1);
    }

    /// How many bytes a channel's own handlers receive in a turn, at most, and as many that they send; 256 KiB unless set,
    /// never less than 1.
    ///
    /// Past it a receive says that nothing is there for now, and a send that there is no room, so that a handler that goes
    /// on for as long as there is something serves its peer, however fast, no more than this before the others have their
    /// turn. What a handler does on neighbours, and what the program does between turns, does not count.
    pub fn set_byte_budget(&mut self, bytes: usize) {
        self.ledger.budget.bytes = bytes.max(1);
    }

    /// How many deadlines are looked at in a turn once they have come, at most; 1,024 unless set, never less than 1.
    ///
    /// What is due beyond that is for the next turn, which does not wait, so that whoever is ready meanwhile is served in
    /// between, however many deadlines come at once.
    pub fn set_timeout_budget(&mut self, deadlines: u32) {
        self.ledger.budget.timeouts = NonZeroU32::new(deadlines.max(1));
    }

    /// How many channels the table holds, at most, a bell among them; as many as fit unless set. Past it the table is full:
    /// callers stay in line, and whatever else wants to be added is [`Full`](crate::ErrorKind::Full).
    ///
    /// Slots that are there already stay.
    pub fn set_limit(&mut self, channels: u32) {
        self.limit = channels;
        self.ledger.bounded = false;
    }

    // Channels, as the program opens and closes them.

    /// Opens a channel that listens at an address, or at a text that is one.
    ///
    /// The address may be one that an earlier server has just left (`SO_REUSEADDR`), and about 1,024 callers may wait in
    /// line; [`create`](Self::create) leaves both to the program. A Unix path stays when the channel is closed.
    pub fn listen<A>(&mut self, at: A, dispatcher: T) -> Result<Key>
    where
        A: TryInto<N::Address>,
        Error: From<A::Error>,
    {
        let socket = listening(&mut self.net, &at.try_into()?)?;
        self.insert(socket, State::Listening, dispatcher)
    }

    /// Opens a channel that connects to an address, or to a text that is one. How the attempt ends is told to the channel.
    pub fn connect<A>(&mut self, to: A, dispatcher: T) -> Result<Key>
    where
        A: TryInto<N::Address>,
        Error: From<A::Error>,
    {
        let socket = connecting(&mut self.net, &to.try_into()?)?;
        self.insert(socket, State::Connecting, dispatcher)
    }

    /// Opens a datagram channel at an address, or at a text that is one.
    pub fn bind<A>(&mut self, at: A, dispatcher: T) -> Result<Key>
    where
        A: TryInto<N::Address>,
        Error: From<A::Error>,
    {
        let socket = bound(&mut self.net, &at.try_into()?)?;
        self.insert(socket, State::Datagram, dispatcher)
    }

    /// Opens a channel with a fresh socket of the family that `like` belongs to, to be bound, connected or made to listen
    /// through its [`Io`]. Until then nothing is told of it.
    #[doc(alias = "create_socket")]
    pub fn create<A>(&mut self, kind: Kind, like: A, dispatcher: T) -> Result<Key>
    where
        A: TryInto<N::Address>,
        Error: From<A::Error>,
    {
        let socket = self.net.socket(kind, &like.try_into()?)?;
        let state = match kind {
            Kind::Stream => State::Idle,
            Kind::Datagram => State::Datagram,
        };
        self.insert(socket, state, dispatcher)
    }

    /// Makes a socket that was opened elsewhere a channel: a stream, a listener, a pipe, whatever the net takes.
    ///
    /// Where that fails the socket is closed.
    #[doc(alias = "file_dispatcher")]
    #[doc(alias = "add_channel")]
    pub fn add(&mut self, socket: N::Socket, dispatcher: T) -> Result<Key> {
        match self.net.state(&socket) {
            Ok(state) => self.insert(socket, state, dispatcher),
            Err(why) => {
                self.net.close(socket);
                Err(why)
            }
        }
    }

    /// A channel's dispatcher and its I/O. An error where the key is stale. Its predicates are asked again.
    pub fn channel(&mut self, key: Key) -> Result<(&mut T, Io<'_, N>)> {
        let (dispatcher, channel) = self.reach(key).ok_or(CLOSED)?;
        Ok((dispatcher, channel.io))
    }

    /// A channel's dispatcher, to be looked at; `None` where the key is stale.
    pub fn dispatcher(&self, key: Key) -> Option<&T> {
        self.alive(key).ok()?;
        self.slots.as_slice().get(key.index())?.dispatcher.as_ref()
    }

    /// Has a channel's predicates asked again before the next wait; see [`Io::touch`].
    pub fn touch(&mut self, key: Key) -> Result<()> {
        self.channel(key).map(|(_, mut io)| io.touch())
    }

    /// Closes a channel, socket and all, at once. An error where the key is stale.
    ///
    /// Settles whatever else was touched, too, so that other channels' handlers may run for what neighbours found out.
    #[doc(alias = "del_channel")]
    pub fn close(&mut self, key: Key) -> Result<()> {
        self.channel(key).map(|(_, mut io)| io.close())?;
        self.settle_pass(false);
        Ok(())
    }

    /// Closes every channel; none is told. The bell stays.
    ///
    /// Dropping a loop drops its sockets, which closes those that are owned descriptors; a net whose sockets are something
    /// else is told of their end only by this.
    pub fn close_all(&mut self) {
        let Self { slots, ledger, .. } = self;
        for (index, slot) in (0..).zip(slots.as_mut_slice()) {
            if slot.dispatcher.is_some() {
                ledger.close(&mut slot.own, index);
            }
        }
        self.settle_pass(false);
    }

    /// The keys of all channels; costs time in the size of the table.
    #[doc(alias = "socket_map")]
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        let slots = (0..).zip(self.slots.as_slice());
        slots.filter(|(_, slot)| slot.dispatcher.is_some() && slot.own.stage.is_live()).map(|(i, slot)| slot.own.key(i))
    }

    /// How many channels there are.
    pub fn len(&self) -> usize {
        self.ledger.live as usize
    }

    /// Whether there is no channel.
    pub fn is_empty(&self) -> bool {
        self.ledger.live == 0
    }

    /// The net.
    pub fn net(&self) -> &N {
        &self.net
    }

    /// The net, to be changed.
    pub fn net_mut(&mut self) -> &mut N {
        &mut self.net
    }

    /// The backend.
    pub fn backend(&self) -> &B {
        &self.backend
    }

    // The turn.

    /// Turns until no channel is left or the loop is asked to stop.
    ///
    /// Only a failure of the backend itself ends it before that; a channel's failures are the channel's.
    #[doc(alias = "loop")]
    #[doc(alias = "dispatch")]
    pub fn run(&mut self) -> Result<()> {
        self.fresh = None;
        while !self.is_empty() && !self.next_turn(None)?.stopped {}
        Ok(())
    }

    /// Turns `turns` times at the most, each waiting `timeout` at the most; fewer where no channel is left or the loop is
    /// asked to stop.
    #[doc(alias = "loop")]
    pub fn run_turns(&mut self, turns: usize, timeout: Option<Duration>) -> Result<()> {
        self.fresh = None;
        for _ in 0..turns {
            if self.is_empty() || self.next_turn(timeout)?.stopped {
                break;
            }
        }
        Ok(())
    }

    /// One turn: waits until something happens, but no longer than `timeout`, and does all that it implies.
    ///
    /// `None` waits as long as it takes, zero not at all. Without channels it returns at once, bell or not: a loop that gets
    /// its channels from elsewhere keeps one of its own. What the program changed
    /// before the turn is settled first; if that made handlers run, or asks for more, the turn does not wait.
    ///
    /// An error is the backend's, or that of a bell that cannot be answered; the channels' own are told to them.
    #[doc(alias = "poll")]
    #[doc(alias = "poll2")]
    pub fn turn(&mut self, timeout: Option<Duration>) -> Result<Turn> {
        self.fresh = None;
        self.next_turn(timeout)
    }

    /// A turn where nothing but turns has happened since the time was read.
    fn next_turn(&mut self, timeout: Option<Duration>) -> Result<Turn> {
        self.begins();
        let turn = self.take_turn(timeout);
        self.ends(turn)
    }

    fn take_turn(&mut self, timeout: Option<Duration>) -> Result<Turn> {
        let mut turn = Turn::default();
        self.settle();
        if self.is_empty() {
            turn.stopped = core::mem::take(&mut self.ledger.stop);
            return Ok(turn);
        }
        let idle = self.ledger.dirty == NIL && !core::mem::take(&mut self.ledger.busy) && !self.ledger.stop;
        let mut left = if idle { timeout } else { Some(Duration::ZERO) };
        let mut stuck = None;
        loop {
            let began = self.clock();
            let patience = self.patience(left, began);
            self.fresh = None;
            self.ledger.waits = self.ledger.waits.wrapping_add(1);
            self.waits(patience);
            self.backend.wait(&mut self.net, patience)?;
            while let Some(fired) = self.backend.next() {
                match self.answer(fired) {
                    Ok(true) => turn.woken = true,
                    Ok(false) => {
                        turn.fired += 1;
                        self.dispatch(fired);
                    }
                    Err(why) => stuck = Some(why),
                }
            }
            // Without a clock a rest is over when the wait is, however long that was.
            let now = if N::DEADLINES { self.clock() } else { self.resume };
            if let (Some(began), Some(now)) = (began, now) {
                turn.timeouts += self.run_due(now);
                left = left.map(|left| less(left, now.saturating_since(began)));
            }
            self.settle_pass(false);
            if let Some(why) = stuck {
                return Err(why);
            }
            // A wait that ended for a deadline that had been moved, or a rest that is over, is not a turn's end.
            let idle = turn == Turn::default() && self.ledger.dirty == NIL && !self.ledger.busy && !self.ledger.stop;
            if !idle || began.is_none() || left.is_some_and(|left| left.is_zero()) {
                self.ledger.busy = false;
                turn.stopped = core::mem::take(&mut self.ledger.stop);
                turn.next = self.next();
                return Ok(turn);
            }
        }
    }

    /// The time, read only while something is armed.
    fn clock(&mut self) -> Option<Instant> {
        let armed = (N::DEADLINES && !self.ledger.queue.is_empty()) || self.resume.is_some();
        armed.then(|| self.fresh.take().unwrap_or_else(|| self.time()))
    }

    /// How long to wait: until the time given is over, the next deadline, or the end of a rest.
    fn patience(&self, timeout: Option<Duration>, now: Option<Instant>) -> Option<Duration> {
        let Some(now) = now else { return timeout };
        let next = self.first_deadline()?.saturating_since(now);
        Some(timeout.map_or(next, |timeout| timeout.min(next)))
    }

    /// Does what one readiness implies, without waiting and without settling: the door for a program that has a loop of
    /// its own. A key that is stale is passed over.
    ///
    /// Call [`settle`](Self::settle) after a batch; sockets that ended are closed only then. Deadlines, and listeners that
    /// rest for want of descriptors, are seen to by a turn: `turn(Some(Duration::ZERO))` does so without waiting.
    ///
    /// ```
    /// # use stheno_core::{Backend, Dispatcher, EventLoop, Fired, Net, Readiness, Slot, Storage};
    /// # fn f<T: Dispatcher<N>, N: Net, B: Backend<N>, S: Storage<Slot<T, N>>>(mut events: EventLoop<T, N, B, S>, key: stheno_core::Key) {
    /// events.dispatch(Fired { key, readiness: Readiness::READABLE });
    /// events.settle();
    /// # }
    /// ```
    #[doc(alias = "readwrite")]
    #[inline]
    pub fn dispatch(&mut self, fired: Fired) {
        let index = fired.key.index() as u32;
        let reached = split(self.slots.as_mut_slice(), &mut self.net, &mut self.ledger, index);
        let Some((dispatcher, mut channel)) = reached.filter(|(_, channel)| channel.io.own.is_named(fired.key)) else {
            return self.passes_over(fired);
        };
        firing::fire(dispatcher, &mut channel, fired.readiness);
        // Most often all is as the backend knows it, and there is nothing to come back for when the turn is settled.
        if self.draining.is_some() || !firing::is_settled(dispatcher, &mut channel) {
            channel.io.ledger.touch(channel.io.own, index);
        }
    }

    /// What a read event implies: accept, connect or read. See [`dispatch`](Self::dispatch).
    pub fn handle_read_event(&mut self, key: Key) {
        self.dispatch(Fired { key, readiness: Readiness::READABLE });
    }

    /// What a write event implies: connect or write. See [`dispatch`](Self::dispatch).
    pub fn handle_write_event(&mut self, key: Key) {
        self.dispatch(Fired { key, readiness: Readiness::WRITABLE });
    }

    /// What a priority event implies: expt, or close where an error waits. See [`dispatch`](Self::dispatch).
    pub fn handle_expt_event(&mut self, key: Key) {
        self.dispatch(Fired { key, readiness: Readiness::PRIORITY });
    }

    /// Runs what is due, within the budget, and at most once for each deadline that was armed before.
    fn run_due(&mut self, now: Instant) -> usize {
        if self.resume.is_some_and(|resume| resume <= now) {
            self.resume = None;
            self.wake_resting();
        }
        let mut run = 0;
        if !N::DEADLINES {
            return run;
        }
        self.ledger.now = now;
        for _ in 0..self.ledger.budget.timeouts.map_or(firing::DUE, NonZeroU32::get) {
            let Some((index, filed)) = self.ledger.queue.first(self.slots.as_slice()) else { break };
            if filed > now {
                break;
            }
            let slots = self.slots.as_mut_slice();
            let Some(Slot { own, .. }) = slots.get(index as usize) else { break };
            // One that was set anew in this turn is filed again when it is settled.
            let alive = own.stage.is_live() && !own.flags.intersects(Flags::RELATIVE);
            // One that was moved takes its new place first, even where that is due as well: others may be due before it.
            if alive && own.filing.deadline > filed {
                self.ledger.queue.file(slots, index);
                continue;
            }
            self.ledger.queue.unfile(slots, index);
            if !alive {
                continue;
            }
            if let Some((dispatcher, mut channel)) = split(slots, &mut self.net, &mut self.ledger, index) {
                run += 1;
                firing::time_out(dispatcher, &mut channel);
            }
        }
        run
    }
}
