//! One order among channels.

use std::time::Duration;

use stheno::{Backend, Fired, Instant, Interest, Key, Open, Result};

use crate::ground::Ground;
use crate::probe::World;

/// A backend whose every wait reports the oldest channel first, as asyncore does.
///
/// Which of several ready channels comes first is no backend's promise, and no program's business. But where one
/// channel's handler closes another it decides what happens, and a story is to have one end.
#[derive(Debug)]
pub(crate) struct InOrder<B> {
    below: B,
    /// What the last wait reported, the first one last.
    fired: Vec<Fired>,
}

impl<B: Open> Open for InOrder<B> {
    fn open() -> Result<Self> {
        Ok(Self { below: B::open()?, fired: Vec::new() })
    }
}

impl<G: Ground, B: Backend<World<G>>> Backend<World<G>> for InOrder<B> {
    fn register(&mut self, net: &mut World<G>, socket: &G::Socket, key: Key, interest: Interest) -> Result<()> {
        self.below.register(net, socket, key, interest)
    }

    fn reregister(&mut self, net: &mut World<G>, socket: &G::Socket, key: Key, interest: Interest) -> Result<()> {
        self.below.reregister(net, socket, key, interest)
    }

    fn deregister(&mut self, net: &mut World<G>, socket: &G::Socket, key: Key) -> Result<()> {
        self.below.deregister(net, socket, key)
    }

    fn wait(&mut self, net: &mut World<G>, timeout: Option<Duration>) -> Result<usize> {
        let found = self.below.wait(net, timeout)?;
        self.fired = std::iter::from_fn(|| self.below.next()).collect();
        self.fired.sort_by_key(|fired| std::cmp::Reverse(net.shared.rank(fired.key)));
        Ok(found)
    }

    fn next(&mut self) -> Option<Fired> {
        self.fired.pop()
    }

    fn now(&mut self, net: &World<G>) -> Instant {
        self.below.now(net)
    }

    fn name(&self) -> &'static str {
        self.below.name()
    }
}
