//! The backend over a stack.

use core::time::Duration;

use smoltcp::phy::Device;
use smoltcp::socket::tcp;
use stheno_core::backend::{Open, REGISTERED_TWICE, told};
use stheno_core::{Backend, Error, ErrorKind, Fired, Instant, Interest, Key, Readiness, Result};

use crate::clock::Clock;
use crate::place::{Role, Socket};
use crate::stack::{Stack, Stacked};

/// The backend: drives the stack, and tells of `MOST` sockets at a time.
///
/// What is watched for what stands with the socket in the [`Stack`], which every call is given; so there is one backend to a
/// stack, and it needs no list of its own.
#[derive(Clone, Copy, Debug)]
pub struct Watch<const MOST: usize> {
    results: [(Fired, usize); MOST],
    len: usize,
    taken: usize,
    /// Where the next wait begins to look: behind the last that was taken, so that everybody gets a turn. (B8)
    from: usize,
}

const NOTHING: (Fired, usize) = (Fired { key: Key::new(0, 0), readiness: Readiness::NONE }, 0);
const WATCHED: Error = Error::new(ErrorKind::Invalid, "the socket is registered already").doing("register");
const UNKNOWN: Error = Error::new(ErrorKind::Invalid, "the key is not registered").doing("reregister");

impl<const MOST: usize> Watch<MOST> {
    /// A backend that has not waited yet.
    pub const fn new() -> Self {
        const { assert!(MOST > 0, "a backend that takes no result never tells anything") };
        Self { results: [NOTHING; MOST], len: 0, taken: 0, from: 0 }
    }

    /// Fills in what is ready now.
    fn look(&mut self, net: &impl Watched) -> usize {
        (self.len, self.taken) = (0, 0);
        let all = net.places();
        let order = (self.from.min(all)..all).chain(0..self.from.min(all));
        for at in order {
            let Some(result) = self.results.get_mut(self.len) else { break };
            if let Some(fired) = net.fired(at) {
                *result = (fired, at);
                self.len += 1;
            }
        }
        self.len
    }
}

impl<const MOST: usize> Default for Watch<MOST> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const MOST: usize> Open for Watch<MOST> {
    fn open() -> Result<Self> {
        Ok(Self::new())
    }
}

impl<N: Stacked, const MOST: usize> Backend<N> for Watch<MOST> {
    fn register(&mut self, net: &mut N, socket: &Socket, key: Key, interest: Interest) -> Result<()> {
        let net = net.stack();
        let twice = net.knows(key);
        let watched = net.watched(socket)?;
        match watched {
            _ if twice => Err(REGISTERED_TWICE),
            Some(_) => Err(WATCHED),
            None => {
                *watched = Some((key, interest));
                Ok(())
            }
        }
    }

    fn reregister(&mut self, net: &mut N, socket: &Socket, key: Key, interest: Interest) -> Result<()> {
        match net.stack().watched(socket)? {
            Some((known, asked)) if *known == key => *asked = interest,
            _ => return Err(UNKNOWN),
        }
        Ok(())
    }

    fn deregister(&mut self, net: &mut N, socket: &Socket, key: Key) -> Result<()> {
        if let Ok(watched) = net.stack().watched(socket) {
            watched.take_if(|(known, _)| *known == key);
        }
        Ok(())
    }

    fn wait(&mut self, net: &mut N, timeout: Option<Duration>) -> Result<usize> {
        let net = net.stack();
        if let Some((_, last)) = self.taken.checked_sub(1).and_then(|last| self.results.get(last)) {
            self.from = last + 1;
        }
        (self.len, self.taken) = (0, 0);
        let until = timeout.map(|time| net.now() + time);
        loop {
            net.drives();
            let found = self.look(net);
            if found > 0 || until.is_some_and(|until| until <= net.now()) {
                return Ok(found);
            }
            let next = [until, net.next_due()].into_iter().flatten().min();
            net.rest(next)?;
        }
    }

    fn next(&mut self) -> Option<Fired> {
        let (fired, _) = self.results.get(self.taken).filter(|_| self.taken < self.len)?;
        self.taken += 1;
        Some(*fired)
    }

    fn now(&mut self, net: &N) -> Instant {
        net.stack_ref().now()
    }

    fn name(&self) -> &'static str {
        "smoltcp"
    }
}

/// What the backend asks of a stack, whatever its device, clock and size.
#[doc(hidden)]
pub trait Watched {
    fn places(&self) -> usize;
    fn fired(&self, at: usize) -> Option<Fired>;
    fn knows(&self, key: Key) -> bool;
    fn watched(&mut self, socket: &Socket) -> Result<&mut Option<(Key, Interest)>>;
    fn drives(&mut self);
    fn next_due(&mut self) -> Option<Instant>;
    fn now(&self) -> Instant;
    fn rest(&mut self, until: Option<Instant>) -> Result<()>;
}

impl<D: Device, C: Clock, const N: usize> Watched for Stack<'_, D, C, N> {
    fn places(&self) -> usize {
        N
    }

    fn fired(&self, at: usize) -> Option<Fired> {
        let place = self.places.get(at)?;
        let (key, interest) = place.watched.filter(|(_, interest)| !interest.is_empty())?;
        let waiting = matches!(place.role, Role::Listener { .. }) && self.first_caller(at).is_some();
        let socket = self.sockets.get::<tcp::Socket<'_>>(place.handle?);
        let readiness = told(place.readiness(socket, waiting), interest);
        (!readiness.is_empty()).then_some(Fired { key, readiness })
    }

    fn knows(&self, key: Key) -> bool {
        self.places.iter().any(|place| place.watched.is_some_and(|(known, _)| known == key))
    }

    fn watched(&mut self, socket: &Socket) -> Result<&mut Option<(Key, Interest)>> {
        let (place, _) = self.both(socket).map_err(|why| why.doing("watch"))?;
        Ok(&mut place.watched)
    }

    fn drives(&mut self) {
        self.drive();
    }

    fn next_due(&mut self) -> Option<Instant> {
        self.due()
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn rest(&mut self, until: Option<Instant>) -> Result<()> {
        self.clock.rest(until)
    }
}
