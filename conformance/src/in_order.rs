//! One order among channels.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use stheno_core::{Backend, Fired, Instant, Interest, Key, Open, Readiness, Result};

use crate::ground::Ground;
use crate::probe::World;

/// A backend whose every wait reports the oldest channel first, as asyncore does.
///
/// Which of several ready channels comes first is no backend's promise, and no program's business. But where one
/// channel's handler closes another it decides what happens, and a story is to have one end.
///
/// It also looks at what is told: each key once in a wait, nothing that was not asked for, and not nothing before the time is
/// over. (B5, B7, B9)
#[derive(Debug)]
pub(crate) struct InOrder<B> {
    below: B,
    asked: BTreeMap<Key, Interest>,
    /// What the last wait reported, the first one last.
    fired: Vec<Fired>,
}

impl<B: Open> Open for InOrder<B> {
    fn open() -> Result<Self> {
        Ok(Self { below: B::open()?, asked: BTreeMap::new(), fired: Vec::new() })
    }
}

impl<G: Ground, B: Backend<World<G>>> Backend<World<G>> for InOrder<B> {
    fn register(&mut self, net: &mut World<G>, socket: &G::Socket, key: Key, interest: Interest) -> Result<()> {
        self.below.register(net, socket, key, interest)?;
        self.asked.insert(key, interest);
        Ok(())
    }

    fn reregister(&mut self, net: &mut World<G>, socket: &G::Socket, key: Key, interest: Interest) -> Result<()> {
        self.asked.insert(key, interest);
        self.below.reregister(net, socket, key, interest)
    }

    fn deregister(&mut self, net: &mut World<G>, socket: &G::Socket, key: Key) -> Result<()> {
        self.asked.remove(&key);
        self.below.deregister(net, socket, key)
    }

    fn wait(&mut self, net: &mut World<G>, timeout: Option<Duration>) -> Result<usize> {
        let began = net.below.clock();
        let found = self.below.wait(net, timeout)?;
        let over = timeout.is_some_and(|time| net.below.clock().saturating_since(began) >= time);
        self.fired = core::iter::from_fn(|| self.below.next()).collect();
        net.shared.hear(&self.fired);
        self.fired.sort_by_key(|fired| core::cmp::Reverse(net.shared.rank(fired.key)));
        net.shared.breaches.extend(self.breach(found, over));
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

impl<B> InOrder<B> {
    /// What is wrong with the results of a wait.
    fn breach(&self, said: usize, over: bool) -> Option<String> {
        let unasked = |fired: &&Fired| {
            let asked = self.asked.get(&fired.key).copied().unwrap_or(Interest::NONE);
            let unasked = Readiness::ERROR | Readiness::HANGUP | Readiness::INVALID;
            let allowed = asked_for(asked) | unasked.when(!asked.is_empty());
            fired.readiness.is_empty() || !allowed.contains(fired.readiness)
        };
        let twice = |at: usize| self.fired[..at].iter().any(|other| other.key == self.fired[at].key);
        if said != self.fired.len() {
            return Some(format!("a wait said {said} results, and gave {}", self.fired.len()));
        }
        if said == 0 && !over {
            return Some("a wait ended before its time, and reported nothing (B9)".into());
        }
        if let Some(Fired { key, readiness }) = self.fired.iter().find(unasked) {
            return Some(format!("{key} was told {readiness}, and asked for {:?} (B5)", self.asked.get(key)));
        }
        let at = (0..self.fired.len()).find(|at| twice(*at))?;
        Some(format!("{} was told twice in one wait (B7)", self.fired[at].key))
    }
}

/// What an interest asks for. (B5)
pub(crate) fn asked_for(interest: Interest) -> Readiness {
    Readiness::READABLE.when(interest.contains(Interest::READ))
        | Readiness::WRITABLE.when(interest.contains(Interest::WRITE))
        | Readiness::PRIORITY.when(interest.contains(Interest::PRIORITY))
}
