//! Timers: channels without a socket.

use core::time::Duration;

use super::EventLoop;
use crate::slot::Slot;
use crate::{Backend, Channel, Dispatcher, Key, Net, Result, State, Storage};

impl<T, N: Net, B: Backend<N>, S: Storage<Slot<T, N>>> EventLoop<T, N, B, S>
where
    T: Dispatcher<N>,
{
    /// Opens a timer, a channel without a socket: `handle_timeout` is told of it when this much time has passed. (Rule 9)
    ///
    /// It is over, and its slot vacant, when no deadline is set any more: after its handler, unless that called
    /// [`set_timeout`](crate::Io::set_timeout), or [`repeat_timeout`](crate::Io::repeat_timeout) to have it every so often;
    /// or once [`clear_timeout`](crate::Io::clear_timeout) has called it off. That is the program's own doing, so no
    /// `handle_close` is told of it. Like any channel it takes a slot of the table and keeps [`run`](Self::run) going.
    ///
    /// ```
    /// # use core::time::Duration;
    /// use stheno_core::{Channel, Dispatcher, Net, Result};
    ///
    /// /// Says something every second, three times.
    /// struct Tick(u32);
    ///
    /// impl<N: Net> Dispatcher<N> for Tick {
    ///     fn handle_timeout(&mut self, timer: &mut Channel<'_, N, Self>) -> Result<()> {
    ///         self.0 += 1;
    ///         if self.0 < 3 {
    ///             timer.repeat_timeout(Duration::from_secs(1));
    ///         }
    ///         Ok(())
    ///     }
    /// }
    /// # use stheno_core::{Backend, EventLoop, Slot, Storage};
    /// # fn f<N: Net, B: Backend<N>, S: Storage<Slot<Tick, N>>>(events: &mut EventLoop<Tick, N, B, S>) -> Result<()> {
    /// events.add_timer(Duration::from_secs(1), Tick(0))?;
    /// # Ok(()) }
    /// ```
    #[doc(alias = "call_later")]
    #[doc(alias = "call_every")]
    pub fn add_timer(&mut self, after: Duration, dispatcher: T) -> Result<Key> {
        let key = self.move_in(None, State::Timer, Some(dispatcher)).map_err(|why| why.doing("add a timer"))?;
        self.channel(key)?.1.set_timeout(after);
        Ok(key)
    }
}

impl<N: Net, T> Channel<'_, N, T> {
    /// Opens a timer; see [`EventLoop::add_timer`]. Takes one of the table's spare slots, as [`adopt`](Self::adopt) does.
    pub fn add_timer(&mut self, after: Duration, dispatcher: T) -> Result<Key> {
        let key = self.insert(None, State::Timer, dispatcher).map_err(|_| self.full().doing("add a timer"))?;
        self.neighbour(key)?.1.set_timeout(after);
        Ok(key)
    }
}
