//! What the clauses of the backend's contract and the rules of the loop promise, a case for each fact.

use std::time::Instant;

use stheno::{Backend, Open, Os};

use crate::ground::{Ground, Need};
use crate::matrix::Cell;
use crate::run::Settings;

mod chat;
mod clauses;
mod cpython;
mod divergences;
mod far_end;
mod living;
mod net;
mod os;
mod rules;
mod stage;
mod states;
mod support;
pub(crate) mod system;
mod time;

/// What is wrong, in words: what was expected, and what came.
pub type Verdict = Result<(), Failure>;

/// Why a case failed, or why it could not be set up.
pub type Failure = crate::ground::Failure;

/// One fact that must hold on every backend.
#[derive(Clone, Copy)]
pub struct Case {
    /// What the case is called.
    pub name: &'static str,
    /// The clauses (`B1` and so on) and rules that promise the fact.
    pub clauses: &'static str,
    /// What it cannot do without.
    pub needs: &'static [Need],
    /// Whether nothing else may go on in the process meanwhile: the case closes descriptors behind backs, uses up all
    /// there are, or measures time. So it is unless the case says otherwise.
    pub exclusive: bool,
    check: Check,
}

#[derive(Clone, Copy)]
enum Check {
    Plain(fn() -> Verdict),
    Drawn(fn(&Settings) -> Verdict),
}

impl Case {
    const fn new(name: &'static str, clauses: &'static str, check: fn() -> Verdict) -> Self {
        Self { name, clauses, needs: &[], exclusive: true, check: Check::Plain(check) }
    }

    /// A case that draws what it does from the seed.
    pub const fn drawn(name: &'static str, clauses: &'static str, check: fn(&Settings) -> Verdict) -> Self {
        Self { name, clauses, needs: &[], exclusive: true, check: Check::Drawn(check) }
    }

    /// The same, for where there is all this.
    const fn needing(self, needs: &'static [Need]) -> Self {
        Self { needs, ..self }
    }

    /// The same case, which others do not disturb and which disturbs none.
    #[must_use]
    pub const fn beside_others(self) -> Self {
        Self { exclusive: false, ..self }
    }

    /// The name as the matrix shows it.
    pub fn full_name(&self) -> String {
        format!("contract/{}", self.name)
    }

    /// Checks the fact, where there is all that it [needs](Self::needs). A panic inside is a failure like any other.
    pub fn run(&self, settings: &Settings) -> Cell {
        let began = Instant::now();
        let check = || match self.check {
            Check::Plain(check) => check(),
            Check::Drawn(check) => check(settings),
        };
        match std::panic::catch_unwind(check) {
            Ok(Ok(())) => Cell::Passed,
            Ok(Err(why)) => Cell::Failed(format!("{why} ({}, after {:?})", self.clauses, began.elapsed())),
            Err(_) => Cell::Failed(format!("panicked ({})", self.clauses)),
        }
    }
}

/// Every contract case that can be asked over any network, for this one and this backend.
pub fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    [
        states::cases::<G, B>(),
        divergences::cases::<G, B>(),
        clauses::cases::<G, B>(),
        time::cases::<G, B>(),
        rules::cases::<G, B>(),
        living::cases::<G, B>(),
        net::cases::<G, B>(),
        cpython::cases::<G, B>(),
        chat::cases::<G, B>(),
    ]
    .concat()
}

/// Every contract case about what only an operating system has.
pub fn os_cases<B: Backend<Os> + Open>() -> Vec<Case> {
    os::cases::<B>()
}
