//! What came of a run: cases down, backends across.

use std::path::PathBuf;
use std::time::Duration;

use crate::run::Settings;
use crate::scenario::Scenario;
use crate::telling::{Telling, Wait};

/// What came of one case on one backend.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cell {
    /// As it should be.
    Passed,
    /// Not as it should be, and how.
    Failed(String),
    /// Not run, and why.
    Skipped(String),
}

/// What there is to see of a story that did not come out right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evidence {
    /// The steps, each with its line's number.
    pub steps: Vec<String>,
    /// The transcript that should have come: of several accepted ones, that which is nearest.
    pub expected: Vec<String>,
    /// The transcript that came.
    pub told: Vec<String>,
    /// What each wait reported, in the backend's own order.
    pub waits: Vec<Wait>,
}

impl Evidence {
    pub(crate) fn new(story: &Scenario, expected: &[String], telling: Telling) -> Self {
        let steps = story.steps.iter().map(|step| {
            let words = step.words.iter().map(String::as_str);
            // What cannot be quoted is shown as it is.
            let text = shlex::try_join(words).unwrap_or_else(|_| step.words.join(" "));
            format!("{:3}  {text}", step.line)
        });
        let (told, waits) = (telling.transcript, telling.waits);
        Self { steps: steps.collect(), expected: expected.to_vec(), told, waits }
    }
}

/// One case on one backend, over all rounds of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// What came of it: a failure if any round failed, and then what the first of those said.
    pub cell: Cell,
    /// In how many rounds it was run to its end.
    pub runs: usize,
    /// In how many of these it failed.
    pub failures: usize,
    /// How long it took, all rounds together.
    pub took: Duration,
    /// What there is to see of the first failure, where it was a story that failed.
    pub evidence: Option<Evidence>,
    /// The case that failed first, where a later round had drawn another walk in the place of the row's own.
    pub instead: Option<String>,
}

/// What came of one round.
pub(crate) struct Came {
    pub(crate) cell: Cell,
    pub(crate) evidence: Option<Evidence>,
    pub(crate) instead: Option<String>,
}

impl From<Cell> for Came {
    fn from(cell: Cell) -> Self {
        Self { cell, evidence: None, instead: None }
    }
}

impl Outcome {
    /// A case that was not run.
    pub(crate) fn skipped(why: impl Into<String>) -> Self {
        let cell = Cell::Skipped(why.into());
        Self { cell, runs: 0, failures: 0, took: Duration::ZERO, evidence: None, instead: None }
    }

    /// One round, in which this came of it.
    pub(crate) fn once(cell: Cell) -> Self {
        let mut outcome = Self::skipped("");
        outcome.add(cell, Duration::ZERO);
        outcome
    }

    /// Takes in one more round.
    pub(crate) fn add(&mut self, came: impl Into<Came>, took: Duration) {
        let Came { cell, evidence, instead } = came.into();
        self.took += took;
        self.runs += usize::from(!matches!(cell, Cell::Skipped(_)));
        self.failures += usize::from(matches!(cell, Cell::Failed(_)));
        if !matches!(self.cell, Cell::Failed(_)) {
            (self.cell, self.evidence, self.instead) = (cell, evidence, instead);
        }
    }

    /// Whether it failed in some rounds and passed in others.
    pub fn is_flaky(&self) -> bool {
        self.failures > 0 && self.failures < self.runs
    }
}

/// One case on every backend.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The case.
    pub name: String,
    /// What it is about: the first comment of a story, the clauses of a contract case.
    pub about: String,
    /// What came of it, backend by backend.
    pub outcomes: Vec<Outcome>,
}

/// What came of a run. Prints as plain text: a matrix, then what was skipped, what failed and how, and a closing line.
///
/// Other forms are in [`report`](crate::report).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The columns.
    pub backends: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
    /// How the suite was run.
    pub settings: Settings,
    /// The folder whose stories were told, if not the project's own.
    pub folder: Option<PathBuf>,
    /// How long the run took.
    pub took: Duration,
    /// Why the run ended before its time, if it did.
    pub stopped: Option<String>,
}

impl Report {
    /// How many cells failed.
    pub fn failed(&self) -> usize {
        self.counts().failed
    }

    /// How many cells passed.
    pub fn passed(&self) -> usize {
        self.counts().passed
    }

    /// How many cells were not run.
    pub fn skipped(&self) -> usize {
        self.counts().skipped
    }

    /// How the cells of all backends came out.
    pub(crate) fn counts(&self) -> Counts {
        Counts::of(self.rows.iter().flat_map(|row| &row.outcomes))
    }

    /// How the cells of one backend came out, by its column.
    pub(crate) fn counts_of(&self, column: usize) -> Counts {
        Counts::of(self.rows.iter().filter_map(|row| row.outcomes.get(column)))
    }

    /// Each cell with its row, its backend's name and its outcome, row by row.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (&Row, &str, &Outcome)> {
        self.rows.iter().flat_map(|row| {
            let cells = self.backends.iter().zip(&row.outcomes);
            cells.map(move |(backend, outcome)| (row, backend.as_str(), outcome))
        })
    }

    /// The words after `cargo` that repeat one cell with this crate's program.
    pub fn again(&self, row: &Row, backend: &str) -> Vec<String> {
        let seed = format!("{:#x}", self.settings.seed);
        let mut words =
            ["run", "-p", "stheno-conformance", "--", "--backend", backend, "--seed", &seed].map(Into::into).to_vec();
        if let Some(folder) = &self.folder {
            words.extend(["--scenarios".into(), folder.display().to_string()]);
        }
        let outcome = self.backends.iter().zip(&row.outcomes).find(|(name, _)| *name == backend);
        if outcome.is_some_and(|(_, outcome)| outcome.is_flaky()) {
            words.extend(["--repeat".into(), self.settings.repeat.to_string()]);
        }
        let instead = outcome.and_then(|(_, outcome)| outcome.instead.clone());
        words.extend(["--exact".into(), instead.unwrap_or_else(|| row.name.clone())]);
        words
    }
}

/// How many cells came out how.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Counts {
    fn of<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Self {
        outcomes.fold(Self::default(), |mut counts, outcome| {
            match outcome.cell {
                Cell::Passed => counts.passed += 1,
                Cell::Failed(_) => counts.failed += 1,
                Cell::Skipped(_) => counts.skipped += 1,
            }
            counts
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_in_many_rounds_stays() {
        let mut outcome = Outcome::skipped("not run");
        let second = Duration::from_secs(1);
        for cell in [Cell::Passed, Cell::Failed("first".into()), Cell::Failed("second".into()), Cell::Passed] {
            outcome.add(cell, second);
        }
        assert_eq!(outcome.cell, Cell::Failed("first".into()));
        assert_eq!((outcome.runs, outcome.failures, outcome.took), (4, 2, 4 * second));
        assert!(outcome.is_flaky());
    }

    #[test]
    fn what_is_skipped_was_not_run() {
        let mut outcome = Outcome::skipped("not run");
        outcome.add(Cell::Skipped("no transcript".into()), Duration::ZERO);
        assert_eq!((outcome.runs, outcome.failures), (0, 0));
        assert_eq!(outcome.cell, Cell::Skipped("no transcript".into()));
    }
}
