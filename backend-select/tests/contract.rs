//! The clauses that every backend owes, asked of this one.

#[path = "../../tests/backend/contract.rs"]
mod clauses;
#[path = "../../tests/backend/support.rs"]
mod support;

use stheno_core::Readiness;
use stheno_select::{BITS, Fixed, Select};
use support::Watch;

const BEHIND: &[(u32, Readiness)] = &[(1, Readiness::INVALID)];
const KNOWS_KEYS: bool = true;
/// It goes by descriptors.
const ONE_KEY: bool = true;
const NAME: &str = "select";

type Sets = Fixed<{ 4096 / BITS }, 4096>;

fn fresh() -> Watch<Select<Sets>> {
    Watch(Select::new(Sets::default()))
}

fn narrow() -> Watch<Select<Sets>> {
    fresh()
}

/// select does not know errors and hang-ups.
fn unasked(_: Readiness) -> Readiness {
    Readiness::NONE
}
