//! What can be wrong with registering, changing and leaving.

use std::collections::{HashMap, HashSet, VecDeque};

use rustix::fs::{FileType, fstat};
use stheno::{Backend, Error, ErrorKind, Fired, Interest, Key, Os, Readiness, Result, Socket};
use stheno_conformance::Ground;
use stheno_conformance::sim::Sim;

use crate::wrapper::{Ask, Fault};

const CLOSED: ErrorKind = ErrorKind::BadDescriptor;

fn is<T>(kind: ErrorKind, done: &Result<T>) -> bool {
    done.as_ref().is_err_and(|why| why.kind() == kind)
}

/// B1: what is deregistered stays.
#[derive(Default)]
pub struct ForgetsToDeregister;
impl<G: Ground> Fault<G> for ForgetsToDeregister {
    fn deregister(&mut self, _: Ask<'_, G>, _: &mut dyn Backend<G>) -> Result<()> {
        Ok(())
    }
}

/// B15: what is deregistered is silent, and keeps its place.
#[derive(Default)]
pub struct LeavesItsPlace;
impl<G: Ground> Fault<G> for LeavesItsPlace {
    fn deregister(&mut self, mut ask: Ask<'_, G>, below: &mut dyn Backend<G>) -> Result<()> {
        // One that is not there, or whose socket is gone, is left as it is.
        let _ = ask.reregister(below);
        Ok(())
    }
}

/// B2: the second registration takes the place of the first.
#[derive(Default)]
pub struct Overrides;
impl<G: Ground> Fault<G> for Overrides {
    fn register(&mut self, mut ask: Ask<'_, G>, below: &mut dyn Backend<G>) -> Result<()> {
        let done = ask.register(below);
        if is(ErrorKind::Invalid, &done) { ask.reregister(below) } else { done }
    }
}

/// B2: the second registration is refused, and changes the first.
#[derive(Default)]
pub struct RefusesAndChanges;
impl<G: Ground> Fault<G> for RefusesAndChanges {
    fn register(&mut self, mut ask: Ask<'_, G>, below: &mut dyn Backend<G>) -> Result<()> {
        let done = ask.register(below);
        if is(ErrorKind::Invalid, &done) {
            ask.reregister(below)?;
        }
        done
    }
}

/// B2: a socket is given to the key that it is registered under last, and the one before it is told no more.
#[derive(Default)]
pub struct GivesItAway(HashMap<usize, Key>);
impl Fault<Sim> for GivesItAway {
    fn register(&mut self, mut ask: Ask<'_, Sim>, below: &mut dyn Backend<Sim>) -> Result<()> {
        let done = ask.register(below);
        let number = ask.socket.number();
        if is(ErrorKind::Invalid, &done)
            && let Some(key) = self.0.get(&number).copied().filter(|key| *key != ask.key)
        {
            below.deregister(ask.net, ask.socket, key)?;
            ask.register(below)?;
        } else {
            done?;
        }
        self.0.insert(number, ask.key);
        Ok(())
    }
}

/// B2: a second key for a socket is refused, and the first is out of the set.
#[derive(Default)]
pub struct LosesTheFirstKey(HashMap<usize, Key>);
impl Fault<Sim> for LosesTheFirstKey {
    fn register(&mut self, mut ask: Ask<'_, Sim>, below: &mut dyn Backend<Sim>) -> Result<()> {
        let done = ask.register(below);
        let number = ask.socket.number();
        match self.0.get(&number).copied().filter(|key| *key != ask.key) {
            Some(key) if done.is_err() => below.deregister(ask.net, ask.socket, key)?,
            _ => drop(self.0.insert(number, ask.key)),
        }
        done
    }
}

/// B2: a second socket under a key takes the place of the first.
#[derive(Default)]
pub struct GivesTheKeyAway(HashMap<Key, usize>);
impl Fault<Sim> for GivesTheKeyAway {
    fn register(&mut self, mut ask: Ask<'_, Sim>, below: &mut dyn Backend<Sim>) -> Result<()> {
        let number = ask.socket.number();
        if self.0.get(&ask.key).is_some_and(|first| *first != number) {
            // Whoever had it hears nothing more, and no error either.
            self.0.insert(ask.key, number);
            return Ok(());
        }
        ask.register(below)?;
        self.0.insert(ask.key, number);
        Ok(())
    }
    fn deregister(&mut self, mut ask: Ask<'_, Sim>, below: &mut dyn Backend<Sim>) -> Result<()> {
        self.0.remove(&ask.key);
        ask.deregister(below)
    }
}

/// B3: who asks for nothing is watched for urgent data, and so for hang-ups.
#[derive(Default)]
pub struct WatchesRegardless;
impl<G: Ground> Fault<G> for WatchesRegardless {
    fn register(&mut self, mut ask: Ask<'_, G>, below: &mut dyn Backend<G>) -> Result<()> {
        ask.interest |= Interest::PRIORITY;
        ask.register(below)
    }
    fn reregister(&mut self, mut ask: Ask<'_, G>, below: &mut dyn Backend<G>) -> Result<()> {
        ask.interest |= Interest::PRIORITY;
        ask.reregister(below)
    }
}

/// B3: who once asked for nothing is out of the set for good.
#[derive(Default)]
pub struct NeverComesBack(HashSet<Key>);
impl<G: Ground> Fault<G> for NeverComesBack {
    fn reregister(&mut self, mut ask: Ask<'_, G>, below: &mut dyn Backend<G>) -> Result<()> {
        if ask.interest.is_empty() {
            self.0.insert(ask.key);
        }
        ask.reregister(below)
    }
    fn deregister(&mut self, mut ask: Ask<'_, G>, below: &mut dyn Backend<G>) -> Result<()> {
        self.0.remove(&ask.key);
        ask.deregister(below)
    }
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        found.retain(|fired| !self.0.contains(&fired.key));
        Ok(())
    }
}

fn is_file(socket: &Socket) -> bool {
    let kind = fstat(socket).map(|file| FileType::from_raw_mode(file.st_mode));
    kind.is_ok_and(|kind| !matches!(kind, FileType::Socket | FileType::Fifo))
}

/// B10: what is always ready is refused, as epoll does.
#[derive(Default)]
pub struct RefusesFiles;
impl Fault<Os> for RefusesFiles {
    fn register(&mut self, mut ask: Ask<'_, Os>, below: &mut dyn Backend<Os>) -> Result<()> {
        if is_file(ask.socket) { Err(Error::new(ErrorKind::Unsupported, "a file")) } else { ask.register(below) }
    }
}

/// B10: what is always ready is told so once.
#[derive(Default)]
pub struct TellsFilesOnce {
    files: HashSet<Key>,
    told: HashSet<Key>,
}
impl Fault<Os> for TellsFilesOnce {
    fn register(&mut self, mut ask: Ask<'_, Os>, below: &mut dyn Backend<Os>) -> Result<()> {
        self.told.remove(&ask.key);
        if is_file(ask.socket) {
            self.files.insert(ask.key);
        }
        ask.register(below)
    }
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        found.retain(|fired| !self.files.contains(&fired.key) || self.told.insert(fired.key));
        Ok(())
    }
}

/// B11: what is closed is taken, and told at every wait.
#[derive(Default)]
pub struct TakesTheClosed(HashSet<Key>);
impl<G: Ground> Fault<G> for TakesTheClosed {
    fn register(&mut self, mut ask: Ask<'_, G>, below: &mut dyn Backend<G>) -> Result<()> {
        let done = ask.register(below);
        if is(CLOSED, &done) {
            self.0.insert(ask.key);
            return Ok(());
        }
        done
    }
    fn deregister(&mut self, mut ask: Ask<'_, G>, below: &mut dyn Backend<G>) -> Result<()> {
        self.0.remove(&ask.key);
        ask.deregister(below)
    }
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        found.extend(self.0.iter().map(|key| Fired { key: *key, readiness: Readiness::INVALID }));
        Ok(())
    }
}

/// B11: what is closed is taken, and never told.
#[derive(Default)]
pub struct TakesTheClosedSilently;
impl<G: Ground> Fault<G> for TakesTheClosedSilently {
    fn register(&mut self, mut ask: Ask<'_, G>, below: &mut dyn Backend<G>) -> Result<()> {
        let done = ask.register(below);
        if is(CLOSED, &done) { Ok(()) } else { done }
    }
}

/// B11: after a registration that was refused nobody is told anything.
#[derive(Default)]
pub struct ShakenByRefusals(bool);
impl<G: Ground> Fault<G> for ShakenByRefusals {
    fn register(&mut self, mut ask: Ask<'_, G>, below: &mut dyn Backend<G>) -> Result<()> {
        let done = ask.register(below);
        self.0 |= is(CLOSED, &done);
        done
    }
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        if self.0 {
            found.clear();
        }
        Ok(())
    }
}

/// B14: a change takes away the results that were not taken yet.
#[derive(Default)]
pub struct DropsResultsOnChange;
impl<G: Ground> Fault<G> for DropsResultsOnChange {
    fn changed(&mut self, results: &mut VecDeque<Fired>) {
        results.clear();
    }
}

/// B15: a key that is not registered cannot be deregistered.
#[derive(Default)]
pub struct RefusesTheUnknown(HashSet<Key>);
impl<G: Ground> Fault<G> for RefusesTheUnknown {
    fn register(&mut self, mut ask: Ask<'_, G>, below: &mut dyn Backend<G>) -> Result<()> {
        ask.register(below)?;
        self.0.insert(ask.key);
        Ok(())
    }
    fn deregister(&mut self, mut ask: Ask<'_, G>, below: &mut dyn Backend<G>) -> Result<()> {
        if self.0.remove(&ask.key) {
            ask.deregister(below)
        } else {
            Err(Error::new(ErrorKind::Invalid, "the key is not registered"))
        }
    }
}

/// B15: a key whose socket is gone cannot be deregistered.
#[derive(Default)]
pub struct RefusesTheGone;
impl<G: Ground> Fault<G> for RefusesTheGone {
    fn deregister(&mut self, mut ask: Ask<'_, G>, below: &mut dyn Backend<G>) -> Result<()> {
        ask.deregister(below)?;
        match ask.net.state(ask.socket) {
            Err(why) if why.kind() == CLOSED => Err(why),
            _ => Ok(()),
        }
    }
}

/// B15: an old key takes away the new one of its place.
#[derive(Default)]
pub struct TakesByPlace(HashSet<usize>);
impl<G: Ground> Fault<G> for TakesByPlace {
    fn register(&mut self, mut ask: Ask<'_, G>, below: &mut dyn Backend<G>) -> Result<()> {
        self.0.remove(&ask.key.index());
        ask.register(below)
    }
    fn deregister(&mut self, mut ask: Ask<'_, G>, below: &mut dyn Backend<G>) -> Result<()> {
        self.0.insert(ask.key.index());
        ask.deregister(below)
    }
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        found.retain(|fired| !self.0.contains(&fired.key.index()));
        Ok(())
    }
}
