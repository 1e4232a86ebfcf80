//! The loop: a table of channels, a net that does their I/O, and a backend that says what is ready.

use core::marker::PhantomData;
use core::time::Duration;

use crate::backend::Open;
use crate::channel::{FULL, bound, connecting, listening, split};
use crate::firing::{self, Budget};
use crate::imply::Step;
use crate::io::CLOSED;
use crate::slot::{Flags, Ledger, NIL, Slot};
use crate::{
    Backend, Dispatcher, Error, Fired, Instant, Interest, Io, Key, Kind, Net, Readiness, Result, State, Storage,
};

/// Many channels in one thread.
///
/// `T` is what the table holds (a [`Dispatcher`], often an enum of them), `N` the [`Net`], `B` the [`Backend`], `S` the
/// [`Storage`] of the table. The package `stheno` has an alias that fills in the operating system's.
///
/// A turn waits, dispatches what fired, runs what is due, and settles what was touched: interests that changed go to the
/// backend, channels that ended are closed and their slots freed. Nothing in a turn costs time for a channel that nothing
/// happened to, and nothing allocates but the table itself, before a turn, where its storage can grow.
///
/// Loops are independent of each other; a program may have several, one to a thread.
pub struct EventLoop<T, N: Net, B, S> {
    net: N,
    backend: B,
    slots: S,
    ledger: Ledger,
    budget: Budget,
    /// When listeners that rest for want of descriptors try again.
    resume: Option<Instant>,
    #[cfg(target_has_atomic = "8")]
    bell: Option<(Key, crate::waker::BellHandle)>,
    table: PhantomData<T>,
}

/// What a turn did.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Turn {
    /// Channels of which the backend reported something.
    pub fired: usize,
    /// Deadlines that came due.
    pub timeouts: usize,
    /// Whether a waker ended the wait.
    pub woken: bool,
    /// Whether the loop was asked to end since the turn before.
    pub stopped: bool,
}

/// How many vacant slots there are before a turn, at least, where the table can grow; those that handlers may fill.
const SPARE: u32 = 64;

/// How long a listener rests that lacks descriptors, unless one is freed here before.
const REST: Duration = Duration::from_millis(100);

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
            budget: Budget { accepts: 16, reads: 16 },
            resume: None,
            #[cfg(target_has_atomic = "8")]
            bell: None,
            table: PhantomData,
        }
    }

    /// How many callers one listener accepts in a turn, at most; 16 unless set, never less than 1.
    pub fn set_accept_budget(&mut self, callers: u32) {
        self.budget.accepts = callers.max(1);
    }

    // Channels, as the program opens and closes them.

    /// Opens a channel that listens at an address, or at a text that is one.
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
        self.alive(key)?;
        self.touch_index(key.index() as u32);
        let index = key.index() as u32;
        let (dispatcher, channel) =
            split(self.slots.as_mut_slice(), &mut self.net, &mut self.ledger, index).ok_or(CLOSED)?;
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
    #[doc(alias = "del_channel")]
    pub fn close(&mut self, key: Key) -> Result<()> {
        self.channel(key).map(|(_, mut io)| io.close())?;
        self.settle();
        Ok(())
    }

    /// Closes every channel; none is told. The bell stays.
    pub fn close_all(&mut self) {
        let Self { slots, ledger, .. } = self;
        for (index, slot) in (0..).zip(slots.as_mut_slice()) {
            if slot.dispatcher.is_some() {
                ledger.close(&mut slot.own, index);
            }
        }
        self.settle();
    }

    /// The keys of all channels; costs time in the size of the table.
    #[doc(alias = "socket_map")]
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        let slots = (0..).zip(self.slots.as_slice());
        slots.filter(|(_, slot)| slot.dispatcher.is_some() && slot.own.state.is_live()).map(|(i, slot)| slot.own.key(i))
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
        while !self.is_empty() && !self.turn(None)?.stopped {}
        Ok(())
    }

    /// Turns `turns` times at the most, each waiting `timeout` at the most; fewer where no channel is left or the loop is
    /// asked to stop.
    #[doc(alias = "loop")]
    pub fn run_turns(&mut self, turns: usize, timeout: Option<Duration>) -> Result<()> {
        for _ in 0..turns {
            if self.is_empty() || self.turn(timeout)?.stopped {
                break;
            }
        }
        Ok(())
    }

    /// One turn: waits until something happens, but no longer than `timeout`, and does all that it implies.
    ///
    /// `None` waits as long as it takes, zero not at all. Without channels it returns at once. What the program changed
    /// before the turn is settled first; if that made handlers run, or asks for more, the turn does not wait.
    #[doc(alias = "poll")]
    #[doc(alias = "poll2")]
    pub fn turn(&mut self, timeout: Option<Duration>) -> Result<Turn> {
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
            self.ledger.waits = self.ledger.waits.wrapping_add(1);
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
            if let (Some(began), Some(now)) = (began, self.clock()) {
                turn.timeouts += self.run_due(now);
                left = left.map(|left| left.saturating_sub(now.saturating_since(began)));
            }
            self.settle();
            if let Some(why) = stuck {
                return Err(why);
            }
            // A wait that ended for a deadline that had been moved, or a rest that is over, is not a turn's end.
            let idle = turn == Turn::default() && self.ledger.dirty == NIL && !self.ledger.busy && !self.ledger.stop;
            if !idle || began.is_none() || left.is_some_and(|left| left.is_zero()) {
                self.ledger.busy = false;
                turn.stopped = core::mem::take(&mut self.ledger.stop);
                return Ok(turn);
            }
        }
    }

    /// The time, read only while something is armed.
    fn clock(&mut self) -> Option<Instant> {
        let armed = !self.ledger.queue.is_empty() || self.resume.is_some();
        armed.then(|| self.backend.now(&self.net))
    }

    /// How long to wait: until the time given is over, the next deadline, or the end of a rest.
    fn patience(&self, timeout: Option<Duration>, now: Option<Instant>) -> Option<Duration> {
        let Some(now) = now else { return timeout };
        let due = self.ledger.queue.first(self.slots.as_slice()).map(|(_, when)| when);
        let next = due.into_iter().chain(self.resume).min()?.saturating_since(now);
        Some(timeout.map_or(next, |timeout| timeout.min(next)))
    }

    /// Does what one readiness implies, without waiting and without settling: the door for a program that has a loop of
    /// its own. A key that is stale is passed over.
    ///
    /// Call [`settle`](Self::settle) after a batch; sockets that ended are closed only then.
    ///
    /// ```
    /// # use stheno_core::{Backend, Dispatcher, EventLoop, Fired, Net, Readiness, Slot, Storage};
    /// # fn f<T: Dispatcher<N>, N: Net, B: Backend<N>, S: Storage<Slot<T, N>>>(mut events: EventLoop<T, N, B, S>, key: stheno_core::Key) {
    /// events.dispatch(Fired { key, readiness: Readiness::READABLE });
    /// events.settle();
    /// # }
    /// ```
    #[doc(alias = "readwrite")]
    pub fn dispatch(&mut self, fired: Fired) {
        if self.alive(fired.key).is_err() {
            return;
        }
        let index = fired.key.index() as u32;
        self.touch_index(index);
        if let Some((dispatcher, mut channel)) =
            split(self.slots.as_mut_slice(), &mut self.net, &mut self.ledger, index)
        {
            firing::fire(dispatcher, &mut channel, fired.readiness, self.budget);
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

    /// Runs what is due, at most once for each deadline that was armed before.
    fn run_due(&mut self, now: Instant) -> usize {
        if self.resume.is_some_and(|resume| resume <= now) {
            self.resume = None;
            self.wake_resting();
        }
        let mut run = 0;
        while let Some((index, filed)) = self.ledger.queue.first(self.slots.as_slice()) {
            if filed > now {
                break;
            }
            let slots = self.slots.as_mut_slice();
            let Some(Slot { own, .. }) = slots.get(index as usize) else { break };
            // One that was set anew in this turn is filed again when it is settled.
            let alive = own.state.is_live() && !own.flags.contains(Flags::RELATIVE);
            if alive && own.filing.deadline > now {
                self.ledger.queue.file(slots, index);
                continue;
            }
            self.ledger.queue.unfile(slots, index);
            if !alive {
                continue;
            }
            if let Some((dispatcher, mut channel)) = split(slots, &mut self.net, &mut self.ledger, index) {
                run += 1;
                firing::time_out(dispatcher, &mut channel, self.budget);
            }
        }
        run
    }

    // Settling.

    /// Settles everything that was touched: changed interests, deadlines, and closes. One pass; what it touches in turn
    /// waits for the next. Afterwards the table has vacant slots for the handlers to come, if its storage can grow.
    ///
    /// A turn does this by itself. It is for programs that [dispatch](Self::dispatch) by themselves.
    pub fn settle(&mut self) {
        let mut now = None;
        let mut next = core::mem::replace(&mut self.ledger.dirty, NIL);
        while let Some(slot) = self.slots.as_mut_slice().get_mut(next as usize) {
            let index = core::mem::replace(&mut next, slot.own.link);
            self.settle_one(index, &mut now);
        }
        if core::mem::take(&mut self.ledger.freed) {
            self.wake_resting();
        }
        if core::mem::take(&mut self.ledger.starved) && self.ledger.resting != NIL {
            self.resume = Some(self.backend.now(&self.net) + REST);
        }
        // With nobody left there may be no next turn: what was closed meanwhile goes now. No handler runs for it.
        if self.is_empty() && self.ledger.dirty != NIL {
            self.settle();
        }
        self.grow();
    }

    fn settle_one(&mut self, index: u32, now: &mut Option<Instant>) {
        let budget = self.budget;
        if let Some((dispatcher, mut channel)) =
            split(self.slots.as_mut_slice(), &mut self.net, &mut self.ledger, index)
        {
            // What neighbours found out about this channel while they used it.
            firing::latched(dispatcher, &mut channel, Step::Read, budget);
            if channel.state() == State::Draining {
                firing::drain(dispatcher, &mut channel, budget);
            }
        }
        if let Err(why) = self.settle_interest(index)
            && let Some((dispatcher, mut channel)) =
                split(self.slots.as_mut_slice(), &mut self.net, &mut self.ledger, index)
        {
            firing::tell(dispatcher, &mut channel, why, true);
        }
        self.settle_deadline(index, now);
        let Some(Slot { own, .. }) = self.slots.as_mut_slice().get_mut(index as usize) else { return };
        // It was on the list until now, so that what its own handlers touched here was settled with it.
        own.flags.remove(Flags::DIRTY);
        match own.state {
            State::Closing => self.finish(index),
            // What is left to read is for the next turn.
            State::Draining => self.ledger.touch(own, index),
            _ => {}
        }
    }

    /// Tells the backend what the channel wants, if that is not what it was told before.
    fn settle_interest(&mut self, index: u32) -> Result<()> {
        let Self { net, backend, slots, .. } = self;
        let Some(Slot { own, dispatcher: Some(dispatcher) }) = slots.as_mut_slice().get_mut(index as usize) else {
            return Ok(());
        };
        let (true, Some(socket)) = (own.state.is_live(), &own.socket) else { return Ok(()) };
        let asked = firing::wanted::<_, T, _, N>(own, dispatcher);
        // Rule 6: what nobody handled is not wanted until the predicate has said no in between.
        let muted = own.muted() & asked;
        let wanted = if own.flags.contains(Flags::RESTING) || own.state == State::Draining {
            Interest::NONE
        } else {
            asked - muted
        };
        let key = own.key(index);
        let parked = own.flags.contains(Flags::PARKED) && wanted == own.asked();
        let registered = own.flags.contains(Flags::REGISTERED);
        let done = match (registered, !parked && !wanted.is_empty()) {
            (true, true) if wanted == own.asked() => Ok(()),
            (true, true) => backend.reregister(net, socket, key, wanted),
            (true, false) => backend.deregister(net, socket, key),
            (false, true) => backend.register(net, socket, key, wanted),
            (false, false) => Ok(()),
        };
        let registered = if done.is_ok() { !parked && !wanted.is_empty() } else { registered };
        own.flags.remove(Flags::REGISTERED);
        if registered {
            own.flags |= Flags::REGISTERED;
        }
        if !parked {
            own.flags.remove(Flags::PARKED);
        }
        own.set_asked(wanted);
        own.set_muted(muted);
        done
    }

    /// Files a deadline that was set or has come nearer.
    fn settle_deadline(&mut self, index: u32, now: &mut Option<Instant>) {
        let slots = self.slots.as_mut_slice();
        let Some(Slot { own, .. }) = slots.get_mut(index as usize) else { return };
        if own.flags.take(Flags::RELATIVE) {
            let now = *now.get_or_insert_with(|| self.backend.now(&self.net));
            own.filing.deadline = now + Duration::from_nanos(own.filing.deadline.as_nanos());
        }
        if own.filing.is_late() {
            self.ledger.queue.file(slots, index);
        }
    }

    /// Closes the socket of a channel that has ended, and frees its slot.
    fn finish(&mut self, index: u32) {
        self.unlink_resting(index);
        let Self { net, backend, slots, ledger, .. } = self;
        let slots = slots.as_mut_slice();
        ledger.queue.unfile(slots, index);
        let Some(slot) = slots.get_mut(index as usize) else { return };
        let own = &mut slot.own;
        if let Some(socket) = own.socket.take() {
            if own.flags.contains(Flags::REGISTERED) {
                // Clause B15: there is nothing that could be done about a failure.
                let _ = backend.deregister(net, &socket, own.key(index));
            }
            net.close(socket);
            ledger.freed = true;
        }
        slot.dispatcher = None;
        own.generation = own.generation.wrapping_add(1);
        own.set_asked(Interest::NONE);
        own.set_muted(Interest::NONE);
        own.filing.deadline = Instant::NEVER;
        own.state = State::Closed;
        own.flags = Flags::NONE;
        ledger.vacate(own, index);
    }

    fn unlink_resting(&mut self, index: u32) {
        let slots = self.slots.as_mut_slice();
        let Some(slot) = slots.get(index as usize) else { return };
        if !slot.own.flags.contains(Flags::RESTING) {
            return;
        }
        let after = slot.own.aux;
        if self.ledger.resting == index {
            self.ledger.resting = after;
            return;
        }
        let mut at = self.ledger.resting;
        while let Some(slot) = slots.get_mut(at as usize) {
            if slot.own.aux == index {
                slot.own.aux = after;
                return;
            }
            at = slot.own.aux;
        }
    }

    /// Lets every listener that rests try again.
    fn wake_resting(&mut self) {
        let Self { slots, ledger, .. } = self;
        let mut next = core::mem::replace(&mut ledger.resting, NIL);
        while let Some(slot) = slots.as_mut_slice().get_mut(next as usize) {
            let index = core::mem::replace(&mut next, slot.own.aux);
            slot.own.flags.remove(Flags::RESTING);
            slot.own.aux = ledger.waits;
            ledger.touch(&mut slot.own, index);
        }
    }

    // The table.

    fn insert(&mut self, socket: N::Socket, state: State, dispatcher: T) -> Result<Key> {
        if self.ledger.vacancies == 0 && !self.grow_by_one() {
            self.net.close(socket);
            return Err(FULL.doing("add a channel"));
        }
        let index = self.ledger.vacant;
        let Some(slot) = self.slots.as_mut_slice().get_mut(index as usize) else {
            self.net.close(socket);
            return Err(FULL.doing("add a channel"));
        };
        slot.dispatcher = Some(dispatcher);
        let key = self.ledger.occupy(&mut slot.own, Some(socket), state);
        // The program hears at once of what the backend cannot take.
        if let Err(why) = self.settle_interest(index) {
            self.close(key)?;
            return Err(why);
        }
        Ok(key)
    }

    /// Sees to it that handlers find vacant slots, as far as the storage lets it.
    fn grow(&mut self) {
        let full = self.ledger.vacancies == 0;
        // A heap that was full may have room again; one that is full still is asked once a turn.
        self.ledger.bounded &= !full;
        while self.ledger.vacancies < SPARE && self.grow_by_one() {}
        self.ledger.freed |= full && self.ledger.vacancies > 0 && self.ledger.resting != NIL;
    }

    fn grow_by_one(&mut self) -> bool {
        if self.ledger.bounded {
            return false;
        }
        let index = self.slots.as_slice().len();
        let fits = index < NIL as usize && self.slots.push(Slot::default()).is_ok();
        self.ledger.bounded = !fits;
        if fits {
            // Behind those that are vacant already: what has been used is used again first, and numbers stay small.
            let (index, last) = (index as u32, self.ledger.last_vacant as usize);
            match self.slots.as_mut_slice().get_mut(last) {
                Some(last) if self.ledger.vacant != NIL => last.own.link = index,
                _ => self.ledger.vacant = index,
            }
            self.ledger.last_vacant = index;
            self.ledger.vacancies += 1;
        }
        fits
    }

    fn alive(&self, key: Key) -> Result<()> {
        let slot = self.slots.as_slice().get(key.index()).ok_or(CLOSED)?;
        if slot.own.generation == key.generation() && slot.own.state.is_live() { Ok(()) } else { Err(CLOSED) }
    }

    fn touch_index(&mut self, index: u32) {
        if let Some(slot) = self.slots.as_mut_slice().get_mut(index as usize) {
            self.ledger.touch(&mut slot.own, index);
        }
    }

    // The bell.

    /// Answers this bell from now on: who rings it ends the wait, or asks the loop to stop.
    ///
    /// `socket` is what becomes readable when it rings; the loop owns it, so it is a duplicate of the bell's own. It takes
    /// a slot of the table and is no channel: it does not keep `run` going. A bell that was attached before is let go.
    #[cfg(target_has_atomic = "8")]
    pub fn attach(&mut self, bell: impl Into<crate::waker::BellHandle>, socket: N::Socket) -> Result<()> {
        self.detach();
        self.settle();
        if self.ledger.vacancies == 0 && !self.grow_by_one() {
            self.net.close(socket);
            return Err(FULL.doing("attach a bell"));
        }
        let index = self.ledger.vacant;
        let Some(slot) = self.slots.as_mut_slice().get_mut(index as usize) else {
            self.net.close(socket);
            return Err(FULL.doing("attach a bell"));
        };
        let key = self.ledger.occupy(&mut slot.own, Some(socket), State::OPEN);
        self.ledger.live -= 1;
        self.bell = Some((key, bell.into()));
        let Self { net, backend, .. } = self;
        let registered = match &slot.own.socket {
            Some(socket) => backend.register(net, socket, key, Interest::READ),
            None => Ok(()),
        };
        slot.own.flags |= Flags::REGISTERED;
        registered.inspect_err(|_| {
            self.detach();
            self.settle();
        })
    }

    /// Lets the bell go; its socket is closed when the turn is settled.
    #[cfg(target_has_atomic = "8")]
    fn detach(&mut self) {
        if let Some((key, _)) = self.bell.take() {
            let index = key.index() as u32;
            if let Some(slot) = self.slots.as_mut_slice().get_mut(key.index()) {
                slot.own.state = State::Closing;
                self.ledger.touch(&mut slot.own, index);
            }
        }
    }

    /// Whether it was the bell that fired, and what it asks for. A bell that cannot be drained would end every wait: it is
    /// let go, and the error is the turn's, once the turn has served the others.
    #[cfg(target_has_atomic = "8")]
    fn answer(&mut self, fired: Fired) -> Result<bool> {
        let Some((key, bell)) = &self.bell else { return Ok(false) };
        if *key != fired.key {
            return Ok(false);
        }
        match bell.answer() {
            Ok(stop) => {
                self.ledger.stop |= stop;
                Ok(true)
            }
            Err(why) => {
                self.detach();
                Err(why)
            }
        }
    }

    #[cfg(not(target_has_atomic = "8"))]
    fn answer(&mut self, _: Fired) -> Result<bool> {
        Ok(false)
    }
}
