//! What the cases share: words for what is wrong, a backend by itself, and peers; and from [`stage`](super::stage) a loop.

use std::fmt::Debug;
use std::time::Duration;

use stheno::{Backend, Fired, Half, Interest, Key, Layer, Net, Open, Readiness, Received};

pub(super) use super::stage::{Actor, Defaults, Log, Stage, Ways, fresh_loop, last_word, word};
use super::{Failure, Verdict};
use crate::ground::{Ground, Sign};

pub(super) const R: Interest = Interest::READ;
pub(super) const W: Interest = Interest::WRITE;
pub(super) const P: Interest = Interest::PRIORITY;

/// How long to wait for what must come. Never waited out where all is well.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How long nothing must happen for it to be believed.
pub(super) const A_WHILE: Duration = Duration::from_millis(25);

// Saying what is wrong.

pub(super) fn same<T: PartialEq<U> + Debug, U: Debug>(what: &str, came: T, expected: U) -> Verdict {
    hold(came == expected, || format!("{what}: expected {expected:?}, came {came:?}"))
}

pub(super) fn hold(holds: bool, otherwise: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(otherwise().into()) }
}

// A backend by itself.

/// A backend whose keys are small numbers, and the network that it watches.
pub(super) struct Watch<G, B> {
    pub(super) net: G,
    pub(super) backend: B,
}

impl<G: Ground, B: Backend<G> + Open> Watch<G, B> {
    pub(super) fn open() -> Result<Self, Failure> {
        Ok(Self { net: G::open()?, backend: B::open()? })
    }

    pub(super) fn register(&mut self, socket: &G::Socket, key: u32, interest: Interest) -> stheno::Result<()> {
        self.backend.register(&mut self.net, socket, Key::new(key, GENERATION), interest)
    }

    pub(super) fn reregister(&mut self, socket: &G::Socket, key: u32, interest: Interest) -> stheno::Result<()> {
        self.backend.reregister(&mut self.net, socket, Key::new(key, GENERATION), interest)
    }

    pub(super) fn deregister(&mut self, socket: &G::Socket, key: u32) -> stheno::Result<()> {
        self.backend.deregister(&mut self.net, socket, Key::new(key, GENERATION))
    }

    pub(super) fn wait(&mut self, timeout: impl Into<Option<Duration>>) -> stheno::Result<usize> {
        self.backend.wait(&mut self.net, timeout.into())
    }

    pub(super) fn next(&mut self) -> Option<(u32, Readiness)> {
        self.backend.next().map(|Fired { key, readiness }| {
            // A key that was never given is shown as one that no case uses.
            let index = if key.generation() == GENERATION { key.index() as u32 } else { u32::MAX };
            (index, readiness)
        })
    }

    pub(super) fn now(&mut self) -> stheno::Instant {
        self.backend.now(&self.net)
    }

    /// What is ready now, in the order of the keys.
    pub(super) fn look(&mut self) -> Result<Vec<(u32, Readiness)>, Failure> {
        self.results(Duration::ZERO)
    }

    /// What a wait brings, in the order of the keys: as many as it says, each key once, none without readiness. (B7)
    pub(super) fn results(&mut self, timeout: impl Into<Option<Duration>>) -> Result<Vec<(u32, Readiness)>, Failure> {
        let said = self.wait(timeout)?;
        let mut told: Vec<_> = std::iter::from_fn(|| self.next()).collect();
        told.sort_by_key(|(key, _)| *key);
        same("results to take", told.len(), said)?;
        hold(told.windows(2).all(|two| two[0].0 != two[1].0), || format!("a key came twice in one wait: {told:?}"))?;
        hold(told.iter().all(|(_, readiness)| !readiness.is_empty()), || format!("a result says nothing: {told:?}"))?;
        Ok(told)
    }

    /// The same without the hints that not every system has.
    pub(super) fn look_plainly(&mut self) -> Result<Vec<(u32, Readiness)>, Failure> {
        let told = self.look()?.into_iter().map(|(key, readiness)| (key, readiness - HINTS));
        Ok(told.filter(|(_, readiness)| !readiness.is_empty()).collect())
    }

    /// Fails unless a wait of this time brings nothing, and takes all of it.
    pub(super) fn rests(&mut self, time: Duration) -> Verdict {
        let before = self.now();
        let told = self.results(time)?;
        let took = self.now().saturating_since(before);
        hold(told.is_empty() && took >= time, || format!("expected {time:?} of silence, came {told:?} after {took:?}"))
    }
}

const GENERATION: u32 = 3;

/// What comes unasked, and only where the system can tell.
pub(super) const HINTS: Readiness = Readiness::ERROR.union(Readiness::HANGUP);

/// A backend that counts what the loop asks of it.
pub(super) struct Counted<B> {
    below: B,
    pub(super) waits: usize,
    pub(super) changes: usize,
}

impl<N: Net, B: Backend<N>> Backend<N> for Counted<B> {
    fn register(&mut self, net: &mut N, socket: &N::Socket, key: Key, interest: Interest) -> stheno::Result<()> {
        self.changes += 1;
        self.below.register(net, socket, key, interest)
    }
    fn reregister(&mut self, net: &mut N, socket: &N::Socket, key: Key, interest: Interest) -> stheno::Result<()> {
        self.changes += 1;
        self.below.reregister(net, socket, key, interest)
    }
    fn deregister(&mut self, net: &mut N, socket: &N::Socket, key: Key) -> stheno::Result<()> {
        self.changes += 1;
        self.below.deregister(net, socket, key)
    }
    fn wait(&mut self, net: &mut N, timeout: Option<Duration>) -> stheno::Result<usize> {
        self.waits += 1;
        self.below.wait(net, timeout)
    }
    fn next(&mut self) -> Option<Fired> {
        self.below.next()
    }
    fn now(&mut self, net: &N) -> stheno::Instant {
        self.below.now(net)
    }
    fn name(&self) -> &'static str {
        self.below.name()
    }
}

impl<B: Open> Open for Counted<B> {
    fn open() -> stheno::Result<Self> {
        Ok(Self { below: B::open()?, waits: 0, changes: 0 })
    }
}

/// A backend of a layer that knows only the net below.
pub(super) struct Below<B>(pub(super) Counted<B>);

type Of<L> = <<L as Layer>::Below as Net>::Socket;

impl<L: Layer, B: Backend<L::Below>> Backend<L> for Below<B> {
    fn register(&mut self, net: &mut L, socket: &Of<L>, key: Key, interest: Interest) -> stheno::Result<()> {
        self.0.register(net.below_mut(), socket, key, interest)
    }
    fn reregister(&mut self, net: &mut L, socket: &Of<L>, key: Key, interest: Interest) -> stheno::Result<()> {
        self.0.reregister(net.below_mut(), socket, key, interest)
    }
    fn deregister(&mut self, net: &mut L, socket: &Of<L>, key: Key) -> stheno::Result<()> {
        self.0.deregister(net.below_mut(), socket, key)
    }
    fn wait(&mut self, net: &mut L, timeout: Option<Duration>) -> stheno::Result<usize> {
        self.0.wait(net.below_mut(), timeout)
    }
    fn next(&mut self) -> Option<Fired> {
        Backend::<L::Below>::next(&mut self.0)
    }
    fn now(&mut self, net: &L) -> stheno::Instant {
        self.0.now(net.below())
    }
    fn name(&self) -> &'static str {
        Backend::<L::Below>::name(&self.0)
    }
}

// Both ends of a connection, without the backend.

/// Lets a far end say something to a socket of the loop, and waits until it has arrived.
pub(super) fn deliver<G: Ground>(net: &mut G, peer: &mut G::Peer, data: &[u8], to: &G::Socket) -> Verdict {
    net.say(peer, data)?;
    net.reached(to, &[Sign::Data])
}

/// Takes so many bytes out of a socket, and waits for them where it must; there must not be more.
pub(super) fn drain<G: Ground>(net: &mut G, socket: &mut G::Socket, count: usize) -> Verdict {
    let mut all = 0;
    while all < count {
        net.reached(socket, &[Sign::Data])?;
        all += drain_all(net, socket)?;
    }
    same("bytes drained", all, count)?;
    same("bytes that are left", drain_all(net, socket)?, 0)
}

/// Takes everything that has arrived at a socket.
pub(super) fn drain_all<G: Ground>(net: &mut G, socket: &mut G::Socket) -> Result<usize, Failure> {
    let (mut all, mut some) = (0, [0; 4096]);
    while let Received::Data(n) = net.recv(socket, &mut some)? {
        all += n;
    }
    Ok(all)
}

/// Ends both directions of a stream, so that it has hung up and not only ended: nothing is sent from here, and the far
/// end closes. ([`Need::HalfClose`](crate::Need::HalfClose))
pub(super) fn hang_up_whole<G: Ground>(net: &mut G, socket: &mut G::Socket, peer: G::Peer) -> Verdict {
    net.shutdown(socket, Half::Write)?;
    net.hang_up(peer);
    net.reached(socket, &[Sign::HungUp])
}
