//! The rules, as a table: what every readiness implies in every state.

use stheno_core::imply::{Step, steps};
use stheno_core::{Readiness, Result, Shut, State};

use super::{Case, holds, note};
use crate::tally::Digest;

pub(super) const CASES: &[Case] =
    &[("rules/every-readiness-in-every-state", table), ("rules/a-hang-up-is-read-out-first", read_out)];

const STATES: [State; 12] = [
    State::Idle,
    State::Connecting,
    State::Open(Shut::Neither),
    State::Open(Shut::Read),
    State::Open(Shut::Write),
    State::Open(Shut::Both),
    State::Draining,
    State::Datagram,
    State::Listening,
    State::Timer,
    State::Closing,
    State::Closed,
];

fn table(digest: &mut Digest) -> Result<()> {
    for state in STATES {
        for readiness in (0..64).map(Readiness::from_bits_truncate) {
            let implied = steps(state, readiness);
            note(digest, format_args!("{state:?} {readiness}: {implied:?}\n"))?;
            let mut last = None;
            for step in implied {
                holds(last < Some(step as u8), "steps come in their order, and once")?;
                last = Some(step as u8);
            }
            holds(state.is_live() || implied.is_empty(), "nothing comes after the end")?;
        }
    }
    Ok(())
}

fn read_out(_: &mut Digest) -> Result<()> {
    let hung_up = steps(State::OPEN, Readiness::HANGUP);
    holds(hung_up.eq([Step::Read, Step::Write, Step::Otherwise]), "read, then write, then the end")
}
