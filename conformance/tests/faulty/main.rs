//! The suite finds what is wrong with a backend: one that breaks a clause fails a case that names the clause, and the same
//! one without the fault passes them all.
//!
//! What can be broken on the simulated network is broken there, where waits take no time; the rest over poll. B13 is shown
//! to be found where it is checked, in `tests/allocation.rs`.

mod registering;
mod telling;
mod waiting;
mod walks;
mod wrapper;

use std::sync::{Mutex, MutexGuard, PoisonError};

use registering::*;
use stheno::{Os, Poll};
use stheno_conformance::contract::{Case, cases, os_cases};
use stheno_conformance::matrix::Cell;
use stheno_conformance::sim::{Batch, Sim};
use stheno_conformance::{Need, Settings};
use telling::*;
use waiting::*;
use wrapper::{Breakable, Faultless, Faulty, NewFault, new};

/// Tells of all who are ready at once, so that what comes first is the wrapper's own.
type Watch = Batch<1024>;

/// What a simulated network has not, and its cases cannot ask.
const NOT_SIMULATED: &[Need] = &[Need::TwoLoops, Need::Waker, Need::Descriptors];

fn names_a_clause(case: &Case) -> bool {
    case.clauses.starts_with('B')
}

/// The cases that ask for a clause of the backend's contract, on the simulated network.
fn simulated() -> Vec<Case> {
    let can_be_asked = |case: &Case| !case.needs.iter().any(|need| NOT_SIMULATED.contains(need));
    let all = cases::<Sim, Faulty<Sim, Watch>>().into_iter();
    all.filter(|case| names_a_clause(case) && can_be_asked(case)).collect()
}

fn of_descriptors() -> Vec<Case> {
    os_cases::<Faulty<Os, Poll>>()
}

fn names(case: &Case, clause: &str) -> bool {
    case.clauses.split(' ').any(|word| word == clause)
}

/// The cases that fail with this fault.
fn failing<G: Breakable>(fault: NewFault<G>, cases: &[Case]) -> Vec<&Case> {
    G::fault().set(fault);
    let failing = cases.iter().filter(|case| matches!(case.run(&Settings::default()), Cell::Failed(_))).collect();
    G::fault().set(new::<Faultless, G>);
    failing
}

fn passes<G: Breakable>(cases: &[Case]) {
    let failing: Vec<_> = failing::<G>(new::<Faultless, G>, cases).iter().map(|case| case.name).collect();
    assert!(failing.is_empty(), "without a fault: {failing:?}");
}

/// The fault fails a case that names its clause, and no more than so many.
fn is_found<G: Breakable>((clause, fault, most, new): &Row<G>, cases: &[Case]) {
    let failing = failing::<G>(*new, cases);
    let names: Vec<_> = failing.iter().map(|case| case.name).collect();
    println!("{clause:4} {fault}: {} of {} fail", names.len(), cases.len());
    let found = failing.iter().any(|case| self::names(case, clause));
    assert!(found, "no case that names {clause} finds that a backend {fault}; those that fail are {names:?}");
    assert!(names.len() <= *most, "that a backend {fault} fails {} cases: {names:?}", names.len());
}

type Row<G> = (&'static str, &'static str, usize, NewFault<G>);

/// What is broken on the simulated network: the clause, what the backend does, and how many cases it may fail.
#[rustfmt::skip]
const SIMULATED: &[Row<Sim>] = &[
    ("B1",  "forgets to deregister",                          40, new::<ForgetsToDeregister, _>),
    ("B15", "keeps a place for what it deregisters",          40, new::<LeavesItsPlace, _>),
    ("B2",  "lets a second registration override the first",   3, new::<Overrides, _>),
    ("B2",  "refuses a second registration and changes",       3, new::<RefusesAndChanges, _>),
    ("B2",  "gives a socket to its second key",                3, new::<GivesItAway, _>),
    ("B2",  "refuses a second key and loses the first",        3, new::<LosesTheFirstKey, _>),
    ("B2",  "gives a key to its second socket",                8, new::<GivesTheKeyAway, _>),
    ("B3",  "watches who asks for nothing",                   20, new::<WatchesRegardless, _>),
    ("B3",  "forgets who asked for nothing",                  30, new::<NeverComesBack, _>),
    ("B4",  "is edge-triggered",                              45, new::<TellsEdges, _>),
    ("B4",  "tells what is over once more",                   30, new::<Lingers, _>),
    ("B5",  "tells what nobody asked for",                    40, new::<TellsUnasked, _>),
    ("B5",  "takes urgent data for data",                      4, new::<MixesUpUrgent, _>),
    ("B6",  "hides hang-ups from who reads",                  20, new::<HidesHangups, _>),
    ("B6",  "hides errors from who writes",                   12, new::<HidesErrorsFromWriters, _>),
    ("B6",  "tells one thing at a time",                      25, new::<TellsOneThing, _>),
    ("B7",  "tells each result twice",                        60, new::<Repeats, _>),
    ("B7",  "makes two results of one",                       25, new::<Splits, _>),
    ("B7",  "cuts generations",                                3, new::<CutsGenerations, _>),
    ("B7",  "cuts places",                                     3, new::<CutsPlaces, _>),
    ("B7",  "swaps keys",                                      3, new::<SwapsKeys, _>),
    ("B8",  "tells the first alone",                           4, new::<TellsTheFirst, _>),
    ("B8",  "begins with the first again",                     3, new::<BeginsAgain, _>),
    ("B9",  "rounds times down",                               3, new::<RoundsDown, _>),
    ("B9",  "rests though there is no time",                   3, new::<RestsForNoTime, _>),
    ("B9",  "gives up waiting",                                3, new::<GivesUp, _>),
    ("B9",  "tells what came when the time is over",           3, new::<LooksAtTheEnd, _>),
    ("B9",  "refuses long times",                              3, new::<RefusesTheLong, _>),
    ("B11", "takes what is closed",                            3, new::<TakesTheClosed, _>),
    ("B11", "takes what is closed and is silent",              3, new::<TakesTheClosedSilently, _>),
    ("B11", "tells nobody after a refusal",                    3, new::<ShakenByRefusals, _>),
    ("B12", "tells what was closed again and again",           6, new::<TellsTheClosedAgain, _>),
    ("B12", "fails for what was closed",                       6, new::<FailsForTheClosed, _>),
    ("B12", "tells nobody after one was closed",               6, new::<StopsAtTheClosed, _>),
    ("B12", "takes the others for closed as well",             3, new::<SpreadsTheClosed, _>),
    ("B14", "keeps what was not taken",                        6, new::<KeepsTheUntaken, _>),
    ("B14", "takes what was not taken for told",               6, new::<LosesTheUntaken, _>),
    ("B14", "drops its results on a change",                   3, new::<DropsResultsOnChange, _>),
    ("B15", "refuses to deregister the unknown",              10, new::<RefusesTheUnknown, _>),
    ("B15", "refuses to deregister what is gone",             10, new::<RefusesTheGone, _>),
    ("B15", "deregisters by place",                            3, new::<TakesByPlace, _>),
    ("B16", "has a clock that goes back",                     30, new::<GoesBack, _>),
    ("B16", "has a clock that is slow",                       30, new::<RunsSlow, _>),
    ("B16", "has a clock that is fast",                        3, new::<RunsFast, _>),
];

/// What takes descriptors to be broken.
#[rustfmt::skip]
const OVER_POLL: &[Row<Os>] = &[
    ("B9",  "lets a signal end a wait",                        3, new::<EndsWithASignal, _>),
    ("B10", "refuses files",                                  12, new::<RefusesFiles, _>),
    ("B10", "tells files once",                               12, new::<TellsFilesOnce, _>),
    ("B17", "stays broken after a failure",                    1, new::<StaysBroken, _>),
    ("B17", "forgets all for a failure",                       1, new::<ForgetsAllForAFailure, _>),
];

/// A clause that is not asked by a case: see `tests/allocation.rs`.
const ELSEWHERE: &str = "B13";

#[test]
fn each_fault_on_the_simulated_network_is_found() {
    let cases = simulated();
    assert!(cases.len() > 50, "only {} cases are left", cases.len());
    passes::<Sim>(&cases);
    SIMULATED.iter().for_each(|row| is_found(row, &cases));
}

/// Who closes a descriptor behind a backend's back has nobody else open one meanwhile: it would get that number. A suite that
/// runs opens some, to ask how many processors there are.
static DESCRIPTORS: Mutex<()> = Mutex::new(());

fn alone_with_descriptors() -> MutexGuard<'static, ()> {
    DESCRIPTORS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One after the other, since cases use up descriptors.
#[test]
fn each_fault_over_poll_is_found() {
    let _alone = alone_with_descriptors();
    passes::<Os>(&[cases::<Os, Faulty<Os, Poll>>(), of_descriptors()].concat());
    for row in OVER_POLL {
        let mut cases = of_descriptors();
        cases.retain(|case| names(case, row.0));
        is_found(row, &cases);
    }
}

#[test]
fn each_clause_is_broken() {
    let all = [cases::<Os, Poll>(), os_cases::<Poll>()].concat();
    let asked = all.iter().flat_map(|case| case.clauses.split(' ')).filter(|word| word.starts_with('B'));
    let broken: Vec<_> = SIMULATED.iter().map(|row| row.0).chain(OVER_POLL.iter().map(|row| row.0)).collect();
    let whole: Vec<_> = asked.filter(|clause| *clause != ELSEWHERE && !broken.contains(clause)).collect();
    assert!(whole.is_empty(), "nothing breaks {whole:?}");
}
