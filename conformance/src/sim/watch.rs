//! The backend over a simulated network.

use core::time::Duration;

use stheno_core::backend::{Open, REGISTERED_TWICE, told};
use stheno_core::{Backend, Error, ErrorKind, Fired, Instant, Interest, Key, Readiness, Result, Storage};

use super::entry::{End, Socket};
use super::memory::Memory;
use super::net::Simulated;
use super::network::{Network, nanos};
use super::systems::Truth;

/// The backend: waits for what is ready on a simulated network, and tells of `MOST` sockets at a time.
///
/// It has nothing but the results of its last wait: what is watched for what stands in the [`Network`] that every call is
/// given. So there is one backend to a network. [`Watch`](super::Watch) is the usual one; `Batch::<1>` makes sure that
/// nobody relies on being told together with others.
///
/// A wait does not sleep. Where nothing is ready the clock goes on to the next thing that is under way, or to the end of
/// the timeout; where neither will ever come, the wait is an error instead of a hang.
#[derive(Clone, Copy, Debug)]
pub struct Batch<const MOST: usize> {
    results: [(Fired, usize); MOST],
    len: usize,
    taken: usize,
    /// Where the next wait begins to look: behind the last that was taken, so that everybody gets a turn.
    from: usize,
}

const NOTHING: (Fired, usize) = (Fired { key: Key::new(0, 0), readiness: Readiness::NONE }, 0);

const HANG: Error = Error::new(ErrorKind::Other, "nothing can end this wait").doing("wait");
const WATCHED: Error = Error::new(ErrorKind::Invalid, "the socket is registered already").doing("register");
const UNKNOWN: Error = Error::new(ErrorKind::Invalid, "the key is not registered").doing("reregister");

impl<const MOST: usize> Batch<MOST> {
    /// A backend that has not waited yet.
    pub const fn new() -> Self {
        const { assert!(MOST > 0, "a backend that takes no result never tells anything") };
        Self { results: [NOTHING; MOST], len: 0, taken: 0, from: 0 }
    }

    /// Fills in what is ready now.
    fn look<M: Memory>(&mut self, net: &mut Network<M>, says: Says) -> usize {
        (self.len, self.taken) = (0, 0);
        let all = net.sockets.as_slice().len();
        let order = (self.from.min(all)..all).chain(0..self.from.min(all));
        for index in order {
            let Some(result) = self.results.get_mut(self.len) else { break };
            if let Some(fired) = net.fired(index, says) {
                *result = (fired, index);
                self.len += 1;
            }
        }
        self.len
    }

    /// Waits, and tells what holds in these words.
    pub(super) fn wait_for<M: Memory>(
        &mut self,
        net: &mut Network<M>,
        timeout: Option<Duration>,
        says: Says,
    ) -> Result<usize> {
        net.catch_up();
        if let Some((_, last)) = self.taken.checked_sub(1).and_then(|last| self.results.get(last)) {
            self.from = last + 1;
        }
        // A time past the end of the clock is no end.
        let until = timeout.map(|time| net.now.saturating_add(nanos(time))).filter(|until| *until < u64::MAX);
        loop {
            let found = self.look(net, says);
            if found > 0 {
                return Ok(found);
            }
            if net.step(until.unwrap_or(u64::MAX)) {
                continue;
            }
            net.now = until.ok_or(HANG)?;
            return Ok(0);
        }
    }
}

/// What is told of what holds, to whoever has this interest.
pub(super) type Says = fn(Truth, Interest) -> Readiness;

/// As Linux tells it.
fn plainly(Truth { data, end, error, hangup, room, urgent }: Truth, interest: Interest) -> Readiness {
    let system = Readiness::READABLE.when(data || end)
        | Readiness::WRITABLE.when(room)
        | Readiness::PRIORITY.when(urgent)
        | Readiness::ERROR.when(error)
        | Readiness::HANGUP.when(hangup);
    told(system, interest)
}

impl<M: Memory> Network<M> {
    /// What is to be told of a place in the table. That somebody closed what is watched is told once.
    fn fired(&mut self, index: usize, says: Says) -> Option<Fired> {
        let entry = self.sockets.as_slice().get(index)?;
        let (key, interest) = entry.watched?;
        if interest.is_empty() {
            return None;
        }
        if let End::Ghost { told } = &entry.end {
            let again = *told;
            self.sockets.as_mut_slice().get_mut(index)?.end = End::Ghost { told: true };
            return (!again).then_some(Fired { key, readiness: Readiness::INVALID });
        }
        let has_room = match &entry.end {
            End::Stream(stream) => self.room(stream) > 0,
            _ => false,
        };
        let readiness = says(entry.truth(has_room), interest);
        (!readiness.is_empty()).then_some(Fired { key, readiness })
    }
}

impl<const MOST: usize> Default for Batch<MOST> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const MOST: usize> Open for Batch<MOST> {
    fn open() -> Result<Self> {
        Ok(Self::new())
    }
}

impl<N: Simulated, const MOST: usize> Backend<N> for Batch<MOST> {
    fn register(&mut self, net: &mut N, socket: &Socket, key: Key, interest: Interest) -> Result<()> {
        let net = net.sim();
        let number = socket.number() as i32;
        let twice = net.interest(key).is_some();
        let entry = net.entry_mut(socket.0).map_err(|why| why.doing("register").on_descriptor(number))?;
        if twice {
            return Err(REGISTERED_TWICE);
        }
        if entry.watched.is_some() {
            return Err(WATCHED.on_descriptor(number));
        }
        entry.watched = Some((key, interest));
        Ok(())
    }

    fn reregister(&mut self, net: &mut N, socket: &Socket, key: Key, interest: Interest) -> Result<()> {
        let number = socket.number() as i32;
        let entry = net.sim().entry_mut(socket.0).map_err(|why| why.doing("reregister").on_descriptor(number))?;
        match &mut entry.watched {
            Some((known, known_interest)) if *known == key => *known_interest = interest,
            _ => return Err(UNKNOWN.on_descriptor(number)),
        }
        Ok(())
    }

    fn deregister(&mut self, net: &mut N, socket: &Socket, key: Key) -> Result<()> {
        let net = net.sim();
        let Some(entry) = net.sockets.as_mut_slice().get_mut(socket.number()) else { return Ok(()) };
        if entry.watched.is_none_or(|(known, _)| known != key) {
            return Ok(());
        }
        entry.watched = None;
        if matches!(entry.end, End::Ghost { .. }) {
            net.vacate(socket.0.index);
        }
        Ok(())
    }

    fn wait(&mut self, net: &mut N, timeout: Option<Duration>) -> Result<usize> {
        self.wait_for(net.sim(), timeout, plainly)
    }

    fn next(&mut self) -> Option<Fired> {
        let (fired, _) = self.results.get(self.taken).filter(|_| self.taken < self.len)?;
        self.taken += 1;
        Some(*fired)
    }

    fn now(&mut self, net: &N) -> Instant {
        net.sim_ref().now()
    }

    fn name(&self) -> &'static str {
        "sim"
    }
}
