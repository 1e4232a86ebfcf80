//! The bell that a loop answers: how it is heard among the channels.

use super::EventLoop;
use crate::{Backend, Dispatcher, Fired, Net, Result, Slot, Storage};
#[cfg(target_has_atomic = "8")]
use crate::{Interest, State, slot::Flags, stage::Stage};

impl<T, N: Net, B: Backend<N>, S: Storage<Slot<T, N>>> EventLoop<T, N, B, S>
where
    T: Dispatcher<N>,
{
    /// Answers this bell from now on: who rings it ends the wait, or asks the loop to stop.
    ///
    /// `socket` is what becomes readable when it rings; the loop owns it, so it is a duplicate of the bell's own. It takes
    /// a slot of the table and is no channel: it does not keep `run` going. A bell that was attached before is let go.
    #[cfg(target_has_atomic = "8")]
    pub fn attach(&mut self, bell: impl Into<crate::waker::BellHandle>, socket: N::Socket) -> Result<()> {
        self.detach();
        self.settle();
        let key = self.move_in(Some(socket), State::OPEN, None).map_err(|why| why.doing("attach a bell"))?;
        self.ledger.live -= 1;
        self.bell = Some((key, bell.into(), Self::answer_bell));
        let Self { net, backend, slots, .. } = self;
        let Some(slot) = slots.as_mut_slice().get_mut(key.index()) else { return Ok(()) };
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
    pub(super) fn detach(&mut self) {
        if let Some((key, ..)) = self.bell.take() {
            let index = key.index() as u32;
            if let Some(slot) = self.slots.as_mut_slice().get_mut(key.index()) {
                slot.own.stage = Stage::Closing;
                self.ledger.touch(&mut slot.own, index);
            }
        }
    }

    /// Whether it was the bell that fired, and what it asks for. A bell that cannot be drained would end every wait: it is
    /// let go, and the error is the turn's, once the turn has served the others.
    #[cfg(target_has_atomic = "8")]
    pub(super) fn answer(&mut self, fired: Fired) -> Result<bool> {
        match self.bell {
            Some((key, _, answer)) if key == fired.key => answer(self),
            _ => Ok(false),
        }
    }

    #[cfg(target_has_atomic = "8")]
    fn answer_bell(&mut self) -> Result<bool> {
        let Some((_, bell, _)) = &self.bell else { return Ok(false) };
        match bell.answer() {
            Ok(stop) => {
                self.wakes();
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
    pub(super) fn answer(&mut self, _: Fired) -> Result<bool> {
        Ok(false)
    }
}
