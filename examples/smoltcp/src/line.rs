//! Callers in line.

use smoltcp::phy::Device;
use smoltcp::socket::tcp;
use smoltcp::wire::{IpEndpoint, IpListenEndpoint};

use crate::clock::Clock;
use crate::errno::Errno;
use crate::place::{Place, Role, Socket};
use crate::stack::Stack;

/// An address to listen at; one that is not specified is every address.
pub(crate) fn anywhere_of(at: IpEndpoint) -> IpListenEndpoint {
    IpListenEndpoint { addr: (!at.addr.is_unspecified()).then_some(at.addr), port: at.port }
}

impl<D: Device, C: Clock, const N: usize> Stack<'_, D, C, N> {
    /// The places of a listener and of its line.
    fn line(&self, listener: usize) -> impl Iterator<Item = usize> + '_ {
        let of = move |at: &usize| self.places.get(*at).is_some_and(|place| place.role == Role::Line { listener });
        core::iter::once(listener).chain((0..N).filter(of))
    }

    /// Who has waited longest, and can be let in.
    pub(crate) fn first_caller(&self, listener: usize) -> Option<usize> {
        let callers = self.line(listener).filter(|at| self.places.get(*at).is_some_and(|place| place.is_caller()));
        callers.min_by_key(|at| self.places.get(*at).map_or(0, |place| place.called))
    }

    /// One of the line that listens.
    fn listening(&self, listener: usize) -> Option<usize> {
        self.line(listener).find(|at| self.places.get(*at).is_some_and(|place| place.was == tcp::State::Listen))
    }

    /// Has a place's socket listen, be it the listener's or one beside it.
    pub(crate) fn begin_listening(&mut self, at: usize, where_at: IpEndpoint) -> Result<(), Errno> {
        let place = self.places.get_mut(at).ok_or(Errno::BadDescriptor)?;
        let socket = self.sockets.get_mut::<tcp::Socket<'_>>(place.handle.ok_or(Errno::BadDescriptor)?);
        socket.listen(anywhere_of(where_at)).map_err(|_| Errno::Invalid)?;
        (place.door, place.here, place.peer) = (Some(where_at), None, None);
        (place.was, place.called, place.ended, place.error) = (tcp::State::Listen, 0, false, None);
        Ok(())
    }

    /// One more listens beside those who wait, as long as there may be more of them and there is a socket for it.
    pub(crate) fn tend_lines(&mut self) {
        for listener in 0..N {
            let Some(Role::Listener { backlog }) = self.places.get(listener).map(|place| place.role) else { continue };
            let len = self.line(listener).count();
            if self.listening(listener).is_some() || len > backlog as usize {
                continue;
            }
            let Some(at) = self.door(listener) else { continue };
            let Ok(beside) = self.vacancy() else { continue };
            if self.occupy(beside, Role::Line { listener }).is_ok() && self.begin_listening(beside, at).is_err() {
                self.vacate(beside);
            }
        }
    }

    fn door(&self, listener: usize) -> Option<IpEndpoint> {
        self.places.get(listener).and_then(|place| place.door)
    }

    /// The next caller, taken out of the line; a fresh socket comes in its place.
    pub(crate) fn let_in(&mut self, listener: usize) -> Result<Option<Socket>, Errno> {
        let Some(caller) = self.first_caller(listener) else { return Ok(None) };
        if caller != listener {
            let place = self.places.get_mut(caller).ok_or(Errno::BadDescriptor)?;
            place.role = Role::Stream;
            let socket = Socket { place: caller, generation: place.generation };
            self.tend_lines();
            return Ok(Some(socket));
        }
        // The listener keeps its number, and the caller gets another: their sockets change places.
        let at = self.door(listener).ok_or(Errno::Invalid)?;
        let (other, listens) = match self.line(listener).skip(1).find(|at| Some(*at) == self.listening(listener)) {
            Some(other) => (other, true),
            None => (self.vacancy()?, false),
        };
        let socket = self.occupy(other, Role::Stream)?;
        let [Some(door), Some(guest)] = [self.places.get(listener).copied(), self.places.get(other).copied()] else {
            return Err(Errno::BadDescriptor);
        };
        if let Some(place) = self.places.get_mut(other) {
            *place = Place { generation: guest.generation, role: Role::Stream, watched: None, door: None, ..door };
        }
        if let Some(place) = self.places.get_mut(listener) {
            (place.handle, place.was, place.called) = (guest.handle, guest.was, 0);
            (place.peer, place.ended, place.error) = (None, false, None);
        }
        if !listens {
            self.begin_listening(listener, at)?;
        }
        self.tend_lines();
        Ok(Some(socket))
    }

    /// Nobody is let in there any more: who waits is cut off, and the listener is a fresh socket that has an address.
    pub(crate) fn unlisten(&mut self, listener: usize) {
        let Some(place) = self.places.get_mut(listener) else { return };
        if let Some(handle) = place.handle {
            self.sockets.get_mut::<tcp::Socket<'_>>(handle).abort();
        }
        (place.role, place.was, place.called, place.error) = (Role::Fresh, tcp::State::Closed, 0, None);
        for at in 0..N {
            if self.places.get(at).is_some_and(|place| place.role == Role::Line { listener }) {
                self.cut_off(at);
            }
        }
        self.drive();
    }
}
