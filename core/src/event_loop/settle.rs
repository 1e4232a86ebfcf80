//! The end of a turn: interests, deadlines and closes of what was touched, each once, in no order that is promised. A channel
//! for which nothing has changed is not on the list: it was found settled when its handlers had run.

use core::time::Duration;

use super::EventLoop;
use crate::channel::split;
use crate::firing;
use crate::imply::Step;
use crate::slot::{Flags, Ledger, Mark, NIL, Slot};
use crate::stage::Stage;
use crate::trace::{closed, settled};
use crate::{Backend, Channel, Dispatcher, Instant, Interest, Io, Net, Result, State, Storage};

/// How long a listener rests that lacks descriptors, unless one is freed here before.
const REST: Duration = Duration::from_millis(100);

impl<T, N: Net, B: Backend<N>, S: Storage<Slot<T, N>>> EventLoop<T, N, B, S>
where
    T: Dispatcher<N>,
{
    /// Settles everything that was touched: changed interests, deadlines, and closes. One pass; what it touches in turn
    /// waits for the next. Afterwards the table has vacant slots for the handlers to come, if its storage can grow.
    ///
    /// A turn does this by itself. It is for programs that [dispatch](Self::dispatch) by themselves; channels with bytes that
    /// the backend does not know of ([`Io::read_again`](crate::Io::read_again)) are served by it.
    pub fn settle(&mut self) {
        self.settle_pass(true);
    }

    /// Settles; where `serves`, those that have something to read already read it first.
    pub(super) fn settle_pass(&mut self, serves: bool) {
        self.settle_touched(serves);
        // With nobody left there may be no next turn: what was closed meanwhile goes now. No handler runs for it.
        while self.is_empty() && self.ledger.dirty != NIL {
            self.settle_touched(false);
        }
        self.grow();
        self.let_go_on(serves);
    }

    /// Lets those read again who waited for what the net lends, in the next pass: each once, at the most.
    #[inline]
    fn let_go_on(&mut self, served: bool) {
        let mut served = served;
        let slots = self.slots.as_slice().len();
        for _ in 0..slots {
            let Some(index) = self.net.lends_to(core::mem::take(&mut served), slots) else { return };
            let Self { net, slots, ledger, .. } = self;
            let Some((_, mut channel)) = split(slots.as_mut_slice(), net, ledger, index as u32) else { continue };
            if channel.state().is_live() {
                channel.io.go_on();
            }
        }
    }

    /// One pass over those that were touched before it.
    #[inline]
    fn settle_touched(&mut self, serves: bool) {
        let Ledger { dirty, freed, starved, .. } = self.ledger;
        if dirty != NIL || freed || starved {
            self.settle_all(serves);
        }
    }

    fn settle_all(&mut self, serves: bool) {
        let mut now = None;
        let mut next = core::mem::replace(&mut self.ledger.dirty, NIL);
        while let Some(slot) = self.slots.as_mut_slice().get_mut(next as usize) {
            let index = core::mem::replace(&mut next, slot.own.link);
            self.settle_one(index, serves, &mut now);
        }
        if now.is_some() {
            self.fresh = now;
        }
        if core::mem::take(&mut self.ledger.freed) {
            self.wake_resting();
        }
        if core::mem::take(&mut self.ledger.starved) && self.ledger.resting != NIL {
            self.resume = Some(self.time() + REST);
        }
    }

    fn settle_one(&mut self, index: u32, serves: bool, now: &mut Option<Instant>) {
        let draining = self.draining;
        let Self { net, backend, slots, ledger, .. } = self;
        if let Some((dispatcher, mut channel)) = split(slots.as_mut_slice(), net, ledger, index) {
            // Nothing is read behind an end that a neighbour or the program has found.
            if serves && channel.io.own.is(Mark::Held) && firing::latched(dispatcher, &mut channel, Step::Read) {
                firing::serve_held(dispatcher, &mut channel);
            }
            // What neighbours found out about this channel while they used it.
            firing::latched(dispatcher, &mut channel, Step::Read);
            if channel.state() == State::Draining {
                firing::drain(dispatcher, &mut channel);
            }
            if let Some(drained) = draining
                && channel.state().is_live()
            {
                drained(dispatcher, &mut channel);
            }
            if let Err(why) = settle_interest(backend, dispatcher, &mut channel) {
                firing::unwatched(dispatcher, &mut channel, why);
            }
        }
        self.settle_deadline(index, now);
        let Self { net, slots, ledger, .. } = self;
        let Some(slot) = slots.as_mut_slice().get_mut(index as usize) else { return };
        settled(net, slot, index);
        let own = &mut slot.own;
        // It was on the list until now, so that what its own handlers touched here was settled with it.
        own.flags.remove(Flags::DIRTY);
        match own.stage {
            Stage::Closing => self.finish(index),
            // Nothing will ever come of it.
            Stage::Timer if own.filing.deadline == Instant::NEVER => {
                ledger.live -= 1;
                self.finish(index);
            }
            // What is left to read is for the next turn.
            Stage::Draining if !own.is(Mark::Paused) => ledger.touch(own, index),
            Stage::Open | Stage::WriteShut | Stage::Datagram
                if own.asked().contains(Interest::READ)
                    && (own.is(Mark::Held) || own.socket.as_ref().is_some_and(|socket| net.holds(socket))) =>
            {
                own.set(Mark::Held, true);
                ledger.touch(own, index);
            }
            _ => {}
        }
    }

    /// Files a deadline that was set or has come nearer.
    pub(super) fn settle_deadline(&mut self, index: u32, now: &mut Option<Instant>) {
        if !N::DEADLINES {
            return;
        }
        let slots = self.slots.as_mut_slice();
        let Some(Slot { own, .. }) = slots.get_mut(index as usize) else { return };
        if own.flags.take(Flags::RELATIVE) {
            let now = *now.get_or_insert_with(|| self.backend.now(&self.net));
            own.filing.deadline = now.after(own.filing.deadline.as_nanos());
        }
        if own.filing.is_late() {
            self.ledger.queue.file(slots, index);
        }
    }

    /// Closes the socket of a channel that has ended, and frees its slot.
    pub(super) fn finish(&mut self, index: u32) {
        self.unlink_resting(index);
        let Self { net, backend, slots, ledger, .. } = self;
        let slots = slots.as_mut_slice();
        if N::DEADLINES {
            ledger.queue.unfile(slots, index);
        }
        let Some(slot) = slots.get_mut(index as usize) else { return };
        let own = &mut slot.own;
        if let Some(socket) = own.socket.take() {
            if own.flags.intersects(Flags::REGISTERED) {
                // Clause B15: there is nothing that could be done about a failure.
                let _ = backend.deregister(net, &socket, own.key(index));
            }
            net.close(socket);
            ledger.freed = true;
        }
        if slot.dispatcher.is_some() {
            closed(net, ledger, own.key(index));
        }
        slot.dispatcher = None;
        own.generation = own.generation.wrapping_add(1);
        own.forget();
        own.filing.deadline = Instant::NEVER;
        own.stage = Stage::Closed;
        own.flags = Flags::NONE;
        ledger.vacate(own, index);
    }

    pub(super) fn unlink_resting(&mut self, index: u32) {
        let slots = self.slots.as_mut_slice();
        let Some(slot) = slots.get(index as usize) else { return };
        if !slot.own.flags.intersects(Flags::RESTING) {
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
    pub(super) fn wake_resting(&mut self) {
        let Self { slots, ledger, .. } = self;
        let mut next = core::mem::replace(&mut ledger.resting, NIL);
        while let Some(slot) = slots.as_mut_slice().get_mut(next as usize) {
            let index = core::mem::replace(&mut next, slot.own.aux);
            slot.own.flags.remove(Flags::RESTING);
            slot.own.aux = ledger.waits;
            ledger.touch(&mut slot.own, index);
        }
    }
}

/// Tells the backend what the channel wants, if that is not what it was told before.
pub(super) fn settle_interest<T, N: Net, B: Backend<N>>(
    backend: &mut B,
    dispatcher: &T,
    channel: &mut Channel<'_, N, T>,
) -> Result<()>
where
    T: Dispatcher<N>,
{
    let Io { net, own, index, .. } = &mut channel.io;
    let (true, Some(socket)) = (own.stage.is_live(), &own.socket) else { return Ok(()) };
    let asked = firing::wanted::<_, T, _, N>(own, dispatcher);
    // Rule 6: what nobody handled is not wanted until the predicate has said no in between. With both halves shut there
    // is nothing to handle, and the end is awaited all the same.
    let muted = if own.stage == Stage::BothShut { Interest::NONE } else { own.muted() & asked };
    let wanted = if own.flags.intersects(Flags::RESTING) || own.stage == Stage::Draining {
        Interest::NONE
    } else {
        asked - muted
    };
    let key = own.key(*index);
    // Whatever the predicates said when it was parked: whoever wants to read now consumes what it was parked for, and
    // who wants to write as well, if there was room.
    let writes = wanted.contains(Interest::WRITE) && own.flags.intersects(Flags::ROOM);
    let hears = writes || wanted.contains(Interest::READ);
    let parked = own.flags.intersects(Flags::PARKED) && wanted == own.asked() && !hears;
    let registered = own.flags.intersects(Flags::REGISTERED);
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
        own.flags.remove(Flags::PARKED | Flags::ROOM);
    }
    own.set_asked(wanted);
    own.set_muted(muted);
    done
}
