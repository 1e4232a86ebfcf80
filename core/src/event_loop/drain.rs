//! Ending in good order: no new callers, the last words, and then the close.

use core::time::Duration;

use super::EventLoop;
use crate::channel::split;
use crate::firing;
use crate::imply::Step;
use crate::slot::{NIL, Slot};
use crate::trace::Event;
use crate::{Backend, Channel, Dispatcher, Instant, Net, Reason, Result, State, Storage};

impl<T, N: Net, B: Backend<N>, S: Storage<Slot<T, N>>> EventLoop<T, N, B, S>
where
    T: Dispatcher<N>,
{
    /// Ends all channels in good order, within this time.
    ///
    /// Listeners close first, and timers. Everyone else is told [`handle_drain`](Dispatcher::handle_drain), and is closed as
    /// soon as nothing waits to be sent, which is what `writable` says; a connection attempt for which nothing waits is
    /// given up. Meanwhile the loop turns as ever. Who [stays](Dispatcher::stays), as one does that hears of signals, is
    /// closed after the last of the others. When the time is over the rest is closed. All are told `handle_close`,
    /// with [`Reason::Drained`] or [`Reason::TimedOut`]; who ends by itself meanwhile, with its own reason.
    ///
    /// A request to stop, by a handler or a waker, ends the time at once. An error is the backend's; then the rest is closed
    /// all the same. Afterwards there is no channel left, and the loop can be used again; the bell stays.
    ///
    /// Bounded by the time given and the handlers' own: a channel whose `writable` is true for ever is closed at the end.
    pub fn drain(&mut self, within: Duration) -> Result<()> {
        let until = self.now() + within;
        self.each(|dispatcher, channel| {
            let goes = match channel.state() {
                State::Listening => true,
                State::Idle | State::Timer => !dispatcher.stays(),
                _ => false,
            };
            if goes {
                firing::end(dispatcher, channel, Reason::Drained);
            }
        });
        self.each(|dispatcher, channel| {
            if channel.state().is_live() {
                let told = channel.io.tells(Event::Drain);
                firing::handled(told, dispatcher, channel, Step::Write, T::handle_drain);
            }
        });
        self.draining = Some(firing::drained);
        let drained = self.turn_until(until);
        self.draining = None;
        self.each(|dispatcher, channel| {
            let reason = if dispatcher.stays() { Reason::Drained } else { Reason::TimedOut };
            firing::end(dispatcher, channel, reason);
        });
        while self.ledger.dirty != NIL {
            self.settle_pass(false);
        }
        drained
    }

    /// Turns until nobody is left but those who stay, the time has come, or the loop is asked to stop.
    fn turn_until(&mut self, until: Instant) -> Result<()> {
        let mut at = 0;
        while self.someone_goes(&mut at) {
            let left = until.saturating_since(self.now());
            if left.is_zero() || self.turn(Some(left))?.stopped {
                break;
            }
        }
        Ok(())
    }

    /// Whether there is one who does not stay, looked for from here on, and round once: whoever was found last is asked
    /// first, so that all turns of a drain together look at each slot a few times.
    fn someone_goes(&self, at: &mut usize) -> bool {
        let goes =
            |slot: &Slot<T, N>| slot.own.stage.is_live() && slot.dispatcher.as_ref().is_some_and(|who| !who.stays());
        let slots = self.slots.as_slice();
        let (before, after) = slots.split_at_checked(*at).unwrap_or((slots, &[]));
        let further = after.iter().position(goes).map(|steps| *at + steps);
        match further.or_else(|| before.iter().position(goes)) {
            Some(index) => {
                *at = index;
                true
            }
            None => false,
        }
    }

    /// Does something with each channel, which is settled afterwards; costs time in the size of the table.
    fn each(&mut self, mut what: impl FnMut(&mut T, &mut Channel<'_, N, T>)) {
        for index in 0..self.slots.as_slice().len() as u32 {
            let slots = self.slots.as_mut_slice();
            if let Some((dispatcher, mut channel)) = split(slots, &mut self.net, &mut self.ledger, index) {
                channel.io.ledger.touch(channel.io.own, index);
                what(dispatcher, &mut channel);
            }
        }
    }
}
