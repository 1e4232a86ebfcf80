//! The table: who moves in, and room for those to come.

use super::EventLoop;
use super::settle::settle_interest;
use crate::channel::{FULL, split};
use crate::io::CLOSED;
use crate::slot::{NIL, Slot};
use crate::trace::opened;
use crate::{Backend, Channel, Dispatcher, Key, Net, Result, State, Storage};

impl<T, N: Net, B: Backend<N>, S: Storage<Slot<T, N>>> EventLoop<T, N, B, S>
where
    T: Dispatcher<N>,
{
    pub(super) fn insert(&mut self, socket: N::Socket, state: State, dispatcher: T) -> Result<Key> {
        let key = self.move_in(Some(socket), state, Some(dispatcher)).map_err(|why| why.doing("add a channel"))?;
        // The program hears at once of what the backend cannot take.
        let Self { net, backend, slots, ledger, .. } = self;
        let settled = match split(slots.as_mut_slice(), net, ledger, key.index() as u32) {
            Some((dispatcher, mut channel)) => settle_interest(backend, dispatcher, &mut channel),
            None => Ok(()),
        };
        if let Err(why) = settled {
            self.close(key)?;
            return Err(why);
        }
        Ok(key)
    }

    /// Gives a socket a slot, or closes it.
    pub(super) fn move_in(&mut self, socket: Option<N::Socket>, state: State, dispatcher: Option<T>) -> Result<Key> {
        if self.ledger.vacancies == 0 {
            self.grow_by_one();
        }
        let Some(slot) = self.slots.as_mut_slice().get_mut(self.ledger.vacant as usize) else {
            if let Some(socket) = socket {
                self.net.close(socket);
            }
            return Err(FULL);
        };
        slot.dispatcher = dispatcher;
        let key = self.ledger.occupy(&mut slot.own, socket, state);
        if slot.dispatcher.is_some() {
            opened(&mut self.net, &mut self.ledger, key, state);
        }
        Ok(key)
    }

    /// Sees to it that handlers find vacant slots, as far as the storage lets it.
    pub(super) fn grow(&mut self) {
        let full = self.ledger.vacancies == 0;
        // A heap that was full may have room again; one that is full still is asked once a turn.
        self.ledger.bounded &= !full;
        while self.ledger.vacancies < self.spare && self.grow_by_one() {}
        self.ledger.freed |= full && self.ledger.vacancies > 0 && self.ledger.resting != NIL;
    }

    pub(super) fn grow_by_one(&mut self) -> bool {
        if self.ledger.bounded {
            return false;
        }
        let index = self.slots.as_slice().len();
        let fits = index < self.limit as usize && self.slots.push(Slot::default()).is_ok();
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

    pub(super) fn alive(&self, key: Key) -> Result<()> {
        let slot = self.slots.as_slice().get(key.index()).ok_or(CLOSED)?;
        if slot.own.is_named(key) { Ok(()) } else { Err(CLOSED) }
    }

    /// A channel that is alive, to be settled at the end of the turn.
    pub(super) fn reach(&mut self, key: Key) -> Option<(&mut T, Channel<'_, N, T>)> {
        let index = key.index() as u32;
        let (dispatcher, channel) = split(self.slots.as_mut_slice(), &mut self.net, &mut self.ledger, index)?;
        if !channel.io.own.is_named(key) {
            return None;
        }
        channel.io.ledger.touch(channel.io.own, index);
        Some((dispatcher, channel))
    }
}
