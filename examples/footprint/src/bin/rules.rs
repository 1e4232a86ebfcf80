//! The rules alone, for a program with a loop of its own: which steps a readiness implies, and what follows from each.

#![no_std]
#![no_main]

use stheno_core::imply::{Outcome, conclude, steps};
use stheno_core::{Readiness, Shut, State};
use stheno_footprint::board::look;

fn judge() -> i32 {
    let state = match look() {
        0 => State::Connecting,
        1 => State::Listening,
        2 => State::Datagram,
        3 => State::Draining,
        4 => State::Open(Shut::Read),
        5 => State::Open(Shut::Write),
        6 => State::Open(Shut::Both),
        _ => State::OPEN,
    };
    let mut verdicts = 0;
    for step in steps(state, Readiness::from_bits_truncate(look())) {
        let outcome = match look() {
            0 => Outcome::Done,
            1 => Outcome::End,
            2 => Outcome::Disconnected,
            3 => Outcome::SendBroken,
            4 => Outcome::Refused,
            5 => Outcome::Failed,
            _ => Outcome::Exhausted,
        };
        verdicts = verdicts << 4 | conclude(state, step, outcome) as i32;
    }
    verdicts
}

stheno_footprint::program!(judge);
