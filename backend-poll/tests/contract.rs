//! The clauses that every backend owes, asked of this one.

#[path = "../../tests/backend/contract.rs"]
mod clauses;
#[path = "../../tests/backend/support.rs"]
mod support;

use stheno_core::Readiness;
use stheno_poll::{Fixed, Poll};
use support::Watch;

const BEHIND: &[(u32, Readiness)] = &[(1, Readiness::INVALID)];
const KNOWS_KEYS: bool = true;
const ONE_KEY: bool = false;
const NAME: &str = "poll";

fn fresh() -> Watch<Poll<Fixed<8>>> {
    Watch(Poll::default())
}

fn narrow() -> Watch<Poll<Fixed<8>>> {
    fresh()
}

fn unasked(readiness: Readiness) -> Readiness {
    readiness
}
