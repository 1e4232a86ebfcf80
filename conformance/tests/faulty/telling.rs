//! What can be wrong with what a wait tells.

use std::collections::{HashMap, HashSet};

use stheno::{Error, ErrorKind, Fired, Key, Readiness, Result};
use stheno_conformance::Ground;

use crate::wrapper::Fault;

const READABLE: Readiness = Readiness::READABLE;
const WRITABLE: Readiness = Readiness::WRITABLE;

/// What becomes of each readiness; one that is nothing any more is not told.
fn each(found: &mut Vec<Fired>, change: impl Fn(Readiness) -> Readiness) -> Result<()> {
    for fired in &mut *found {
        fired.readiness = change(fired.readiness);
    }
    found.retain(|fired| !fired.readiness.is_empty());
    Ok(())
}

/// B4: what was told once is not told again until it changes.
#[derive(Default)]
pub struct TellsEdges(HashSet<Fired>);
impl<G: Ground> Fault<G> for TellsEdges {
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        let before = std::mem::replace(&mut self.0, found.iter().copied().collect());
        found.retain(|fired| !before.contains(fired));
        Ok(())
    }
}

/// B4: what is over is told once more.
#[derive(Default)]
pub struct Lingers(Vec<Fired>);
impl<G: Ground> Fault<G> for Lingers {
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        let before = std::mem::replace(&mut self.0, found.clone());
        for fired in found {
            let last = before.iter().find(|last| last.key == fired.key);
            fired.readiness |= last.map_or(Readiness::NONE, |last| last.readiness);
        }
        Ok(())
    }
}

/// B5: tells what nobody asked for.
#[derive(Default)]
pub struct TellsUnasked;
impl<G: Ground> Fault<G> for TellsUnasked {
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        each(found, |readiness| readiness | WRITABLE)
    }
}

/// B5: urgent data looks like data.
#[derive(Default)]
pub struct MixesUpUrgent;
impl<G: Ground> Fault<G> for MixesUpUrgent {
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        each(found, |readiness| {
            (readiness - Readiness::PRIORITY) | READABLE.when(readiness.contains(Readiness::PRIORITY))
        })
    }
}

/// B6: no hang-up, nor an error, for who reads.
#[derive(Default)]
pub struct HidesHangups;
impl<G: Ground> Fault<G> for HidesHangups {
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        let over = Readiness::HANGUP | Readiness::ERROR;
        each(found, |readiness| readiness - (over | READABLE).when(readiness.intersects(over)))
    }
}

/// B6: an error is not told to who writes.
#[derive(Default)]
pub struct HidesErrorsFromWriters;
impl<G: Ground> Fault<G> for HidesErrorsFromWriters {
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        each(found, |readiness| readiness - WRITABLE.when(readiness.contains(Readiness::ERROR)))
    }
}

/// B6: who can read is not told that it can write.
#[derive(Default)]
pub struct TellsOneThing;
impl<G: Ground> Fault<G> for TellsOneThing {
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        each(found, |readiness| readiness - WRITABLE.when(readiness.contains(READABLE)))
    }
}

/// B7: each result twice.
#[derive(Default)]
pub struct Repeats;
impl<G: Ground> Fault<G> for Repeats {
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        found.extend_from_within(..);
        Ok(())
    }
}

/// B7: what is readable and writable is two results.
#[derive(Default)]
pub struct Splits;
impl<G: Ground> Fault<G> for Splits {
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        let both = found.iter().filter(|fired| fired.readiness.contains(READABLE | WRITABLE));
        let writable: Vec<_> = both.map(|fired| Fired { readiness: WRITABLE, ..*fired }).collect();
        for fired in found.iter_mut().filter(|fired| fired.readiness.contains(READABLE | WRITABLE)) {
            fired.readiness = fired.readiness - WRITABLE;
        }
        found.extend(writable);
        Ok(())
    }
}

/// B7: another generation's key.
#[derive(Default)]
pub struct CutsGenerations;
impl<G: Ground> Fault<G> for CutsGenerations {
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        for fired in found {
            fired.key = Key::new(fired.key.index() as u32, fired.key.generation() & 0xffff);
        }
        Ok(())
    }
}

/// B7: another place's key.
#[derive(Default)]
pub struct CutsPlaces;
impl<G: Ground> Fault<G> for CutsPlaces {
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        for fired in found {
            fired.key = Key::new(fired.key.index() as u32 & 0xffff, fired.key.generation());
        }
        Ok(())
    }
}

/// B7: of two that are ready, each is told what holds of the other.
#[derive(Default)]
pub struct SwapsKeys;
impl<G: Ground> Fault<G> for SwapsKeys {
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        if let [first, .., last] = &mut found[..] {
            std::mem::swap(&mut first.key, &mut last.key);
        }
        Ok(())
    }
}

/// B8: never more than the same few.
#[derive(Default)]
pub struct TellsTheFirst;
impl<G: Ground> Fault<G> for TellsTheFirst {
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        found.sort_by_key(|fired| fired.key);
        found.truncate(64);
        Ok(())
    }
}

/// B8: everybody, but always in the same order.
#[derive(Default)]
pub struct BeginsAgain;
impl<G: Ground> Fault<G> for BeginsAgain {
    fn is_fair(&self) -> bool {
        false
    }
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        found.sort_by_key(|fired| fired.key);
        Ok(())
    }
}

/// B12: what was closed is told at every wait.
#[derive(Default)]
pub struct TellsTheClosedAgain(HashMap<Key, Fired>);
impl<G: Ground> Fault<G> for TellsTheClosedAgain {
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        let known: Vec<_> = self.0.values().copied().collect();
        self.0.extend(closed(found).map(|fired| (fired.key, *fired)));
        found.extend(known);
        Ok(())
    }
}

/// B12: what was closed fails the wait, as it does a plain select.
#[derive(Default)]
pub struct FailsForTheClosed;
impl<G: Ground> Fault<G> for FailsForTheClosed {
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        match closed(found).next() {
            Some(_) => Err(Error::new(ErrorKind::BadDescriptor, "a descriptor is not open").doing("wait")),
            None => Ok(()),
        }
    }
}

/// B12: after one that was closed the others are not told any more.
#[derive(Default)]
pub struct StopsAtTheClosed(bool);
impl<G: Ground> Fault<G> for StopsAtTheClosed {
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        self.0 |= closed(found).next().is_some();
        found.retain(|fired| !self.0 || fired.readiness.contains(Readiness::INVALID));
        Ok(())
    }
}

/// B12: what was closed is invalid to everybody who is ready.
#[derive(Default)]
pub struct SpreadsTheClosed;
impl<G: Ground> Fault<G> for SpreadsTheClosed {
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        let spoiled = closed(found).next().is_some();
        each(found, |readiness| if spoiled { Readiness::INVALID } else { readiness })
    }
}

fn closed(found: &[Fired]) -> impl Iterator<Item = &Fired> {
    found.iter().filter(|fired| fired.readiness.contains(Readiness::INVALID))
}

/// B14: what was not taken of a wait is told by the next, whether it still holds or not.
#[derive(Default)]
pub struct KeepsTheUntaken;
impl<G: Ground> Fault<G> for KeepsTheUntaken {
    fn spoil(&mut self, found: &mut Vec<Fired>, untaken: &[Fired]) -> Result<()> {
        let stale = untaken.iter().filter(|stale| found.iter().all(|fired| fired.key != stale.key));
        let stale: Vec<_> = stale.copied().collect();
        found.extend(stale);
        Ok(())
    }
}

/// B14: what was not taken of a wait counts as told.
#[derive(Default)]
pub struct LosesTheUntaken;
impl<G: Ground> Fault<G> for LosesTheUntaken {
    fn spoil(&mut self, found: &mut Vec<Fired>, untaken: &[Fired]) -> Result<()> {
        found.retain(|fired| !untaken.contains(fired));
        Ok(())
    }
}
