//! What is wrong with a backend shows in random walks as well: some of it only where more is sent than the network holds.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use stheno::{Backend, Fired, Interest, Key, Readiness, Result};
use stheno_conformance::matrix::Cell;
use stheno_conformance::sim::Sim;
use stheno_conformance::{Backing, Ground, Part, Suite};

use crate::wrapper::{Ask, Breakable, Fault, Faultless, Faulty, NewFault, new};
use crate::{Watch, telling};

/// B9: now and then a wait ends at once, with nothing to tell.
#[derive(Default)]
struct WakesForNothing(u32);
impl<G: Ground> Fault<G> for WakesForNothing {
    fn wait(&mut self, below: &mut dyn Backend<G>, net: &mut G, timeout: Option<Duration>) -> Result<usize> {
        self.0 += 1;
        below.wait(net, if self.0.is_multiple_of(7) { Some(Duration::ZERO) } else { timeout })
    }
}

/// B4: who is told anything is told all that it has asked for, now and then.
#[derive(Default)]
struct Exaggerates<const WHAT: u8> {
    asked: HashMap<Key, Interest>,
    told: u32,
}
impl<G: Ground, const WHAT: u8> Fault<G> for Exaggerates<WHAT> {
    fn register(&mut self, mut ask: Ask<'_, G>, below: &mut dyn Backend<G>) -> Result<()> {
        self.asked.insert(ask.key, ask.interest);
        ask.register(below)
    }
    fn reregister(&mut self, mut ask: Ask<'_, G>, below: &mut dyn Backend<G>) -> Result<()> {
        self.asked.insert(ask.key, ask.interest);
        ask.reregister(below)
    }
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        let what = Interest::from_bits_truncate(WHAT);
        for (key, asked) in &self.asked {
            self.told += u32::from(!found.is_empty());
            if self.told.is_multiple_of(5) && asked.contains(what) && found.iter().all(|fired| fired.key != *key) {
                let readiness = if what == Interest::READ { Readiness::READABLE } else { Readiness::WRITABLE };
                found.push(Fired { key: *key, readiness });
                break;
            }
        }
        Ok(())
    }
    fn deregister(&mut self, mut ask: Ask<'_, G>, below: &mut dyn Backend<G>) -> Result<()> {
        self.asked.remove(&ask.key);
        ask.deregister(below)
    }
}

/// B4: that there is room is told once, until something else is asked for.
#[derive(Default)]
struct TellsRoomOnce(HashSet<Key>);
impl<G: Ground> Fault<G> for TellsRoomOnce {
    fn reregister(&mut self, mut ask: Ask<'_, G>, below: &mut dyn Backend<G>) -> Result<()> {
        self.0.remove(&ask.key);
        ask.reregister(below)
    }
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        for fired in &mut *found {
            if fired.readiness.contains(Readiness::WRITABLE) && !self.0.insert(fired.key) {
                fired.readiness = fired.readiness - Readiness::WRITABLE;
            }
        }
        found.retain(|fired| !fired.readiness.is_empty());
        Ok(())
    }
}

/// What the backend does, how the walks say it, and the fault.
#[rustfmt::skip]
const FAULTS: &[(&str, &str, NewFault<Sim>)] = &[
    ("wakes for nothing",             "a wait ended before its time, and reported nothing (B9)",          new::<WakesForNothing, _>),
    ("tells what nobody asked for",   "(B5)",                                                             new::<telling::TellsUnasked, _>),
    ("tells each result twice",       "was told twice in one wait (B7)",                                  new::<telling::Repeats, _>),
    ("makes up something to read",    "was told that it could read, and there was nothing (B4, B6)",      new::<Exaggerates<{ Interest::READ.bits() }>, _>),
    ("makes up room",                 "was told that it could write, and there was no room (B4, B6)",     new::<Exaggerates<{ Interest::WRITE.bits() }>, _>),
    ("tells of room once",            "the transcript differs",                                           new::<TellsRoomOnce, _>),
];

#[test]
fn walks_find_what_is_wrong_with_a_backend() {
    let _alone = crate::alone_with_descriptors();
    let backing = Backing::on::<Sim, Faulty<Sim, Watch>>("faulty").one_at_a_time();
    let failures = |fault| {
        Sim::fault().set(fault);
        let report = Suite::with_own_scenarios().part(Part::Walks).run(std::slice::from_ref(&backing));
        Sim::fault().set(new::<Faultless, Sim>);
        let cells = report.rows.into_iter().flat_map(|row| row.outcomes).map(|outcome| outcome.cell);
        cells.filter_map(|cell| if let Cell::Failed(why) = cell { Some(why) } else { None }).collect::<Vec<_>>()
    };
    assert_eq!(failures(new::<Faultless, Sim>), Vec::<String>::new());
    for (does, says, fault) in FAULTS {
        let failures = failures(*fault);
        println!("{does}: {} of {} walks fail", failures.len(), Suite::WALKS);
        assert!(failures.iter().any(|why| why.contains(says)), "that a backend {does} is not found: {failures:#?}");
    }
}
