//! The rules alone.

use std::hint::black_box;

use stheno::imply::{Outcome, conclude, steps};
use stheno::{Readiness, Result, Shut, State};

use super::Again;

/// What a busy server sees.
const SEEN: [(State, Readiness); 8] = [
    (State::OPEN, Readiness::READABLE),
    (State::OPEN, Readiness::WRITABLE),
    (State::OPEN, Readiness::READABLE.union(Readiness::WRITABLE)),
    (State::OPEN, Readiness::READABLE.union(Readiness::HANGUP)),
    (State::Open(Shut::Write), Readiness::READABLE),
    (State::Listening, Readiness::READABLE),
    (State::Connecting, Readiness::WRITABLE),
    (State::Datagram, Readiness::READABLE),
];

pub const EVENTS: u64 = SEEN.len() as u64;

/// The steps of each of these, and what follows from each step.
#[allow(clippy::unnecessary_wraps)] // it is one of many that may fail
pub fn events() -> Result<Again> {
    Ok(Box::new(|| {
        for (state, readiness) in black_box(SEEN) {
            for step in steps(state, readiness) {
                black_box(conclude(state, step, black_box(Outcome::Done)));
            }
        }
    }))
}
