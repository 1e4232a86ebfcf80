//! What only an operating system has: descriptors, their numbers and flags, pipes, and the Unix family.

mod clauses;
mod cpython;
mod divergences;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod kinds;
mod net;
mod rules;
mod states;

use stheno::{Backend, Open, Os};

use super::Case;
use crate::ground::Need;

pub(super) fn cases<B: Backend<Os> + Open>() -> Vec<Case> {
    let all = [
        states::cases::<B>(),
        divergences::cases::<B>(),
        clauses::cases::<B>(),
        rules::cases::<B>(),
        net::cases::<B>(),
        #[cfg(any(target_os = "linux", target_os = "android"))]
        kinds::cases::<B>(),
        cpython::cases::<B>(),
    ];
    // A case that says what it needs says this too.
    let needing = |case: Case| if case.needs.is_empty() { case.needing(&[Need::Descriptors]) } else { case };
    all.concat().into_iter().map(needing).collect()
}
