//! The clauses that every backend owes, asked of this one.

#[path = "../../tests/backend/contract.rs"]
mod clauses;
#[path = "../../tests/backend/support.rs"]
mod support;

use stheno_core::Readiness;
use stheno_core::storage::Array;
use stheno_epoll::{AlwaysReady, Epoll};
use support::Watch;

/// The kernel forgets what is closed.
const BEHIND: &[(u32, Readiness)] = &[];
/// The kernel knows numbers, not keys.
const KNOWS_KEYS: bool = false;
/// It goes by descriptors.
const ONE_KEY: bool = true;
const NAME: &str = "epoll";

type Small<const BATCH: usize> = Epoll<BATCH, Array<AlwaysReady, 2>>;

fn fresh() -> Watch<Small<16>> {
    Watch(Epoll::new().unwrap())
}

fn narrow() -> Watch<Small<2>> {
    Watch(Epoll::new().unwrap())
}

fn unasked(readiness: Readiness) -> Readiness {
    readiness
}
