//! Which cases there are, and how they are run on which backends.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use stheno::{Backend, Open, Os};

use crate::contract::{self, Case};
use crate::ground::{Ground, Need};
use crate::matrix::{Cell, Report, Row};
use crate::probe::World;
use crate::scenario::{Malformed, Scenario};
use crate::story::{agrees, tell};
use crate::walk::walk;

// The stories that the project holds itself.
include!(concat!(env!("OUT_DIR"), "/own_scenarios.rs"));

/// A backend that the suite can be run on: its name, how it tells stories and stands to the contract, and what it lacks.
#[derive(Clone)]
pub struct Backing {
    name: String,
    tell: fn(&Scenario) -> Result<Vec<String>, String>,
    contract: Vec<Case>,
    lacks: Vec<(Need, String)>,
}

impl Backing {
    /// A backend over the operating system's sockets by its type, under this name.
    pub fn of<B: Backend<World> + Backend<Os> + Open + 'static>(name: &str) -> Self {
        let contract = [contract::cases::<Os, B>(), contract::os_cases::<B>()].concat();
        Self { name: name.into(), tell: tell::<Os, B>, contract, lacks: Vec::new() }
    }

    /// A backend over a network of its own.
    ///
    /// What only an operating system has is skipped, by name.
    pub fn on<G: Ground, B: Backend<World<G>> + Backend<G> + Open + 'static>(name: &str) -> Self {
        // Any backend will do to name the cases that are not run.
        let contract = [contract::cases::<G, B>(), contract::os_cases::<stheno::Poll>()].concat();
        let backing = Self { name: name.into(), tell: tell::<G, B>, contract, lacks: Vec::new() };
        backing.without(Need::Descriptors, "the network is not an operating system's")
    }

    /// The same, without something that not every network has: the cases that need it are skipped, by name and with this
    /// reason. [`Need::Sockets`] says how many sockets are too many.
    #[must_use]
    pub fn without(mut self, need: Need, why: &str) -> Self {
        self.lacks.push((need, why.into()));
        self
    }

    /// What the backend is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What comes of a story on this backend: the transcript, or why it could not be told.
    pub fn tell(&self, story: &Scenario) -> Result<Vec<String>, String> {
        (self.tell)(story)
    }

    /// Why what needs all this cannot be asked of this backend; `None` where it can.
    pub fn lacks(&self, needs: &[Need]) -> Option<String> {
        let lacking = |need: &&Need| match need {
            Need::Sockets(count) => {
                self.lacks.iter().find(|(lack, _)| matches!(lack, Need::Sockets(most) if most <= count))
            }
            need => self.lacks.iter().find(|(lack, _)| lack == *need),
        };
        needs.iter().find_map(|need| lacking(&need).map(|(_, why)| format!("it needs {need}: {why}")))
    }

    pub(crate) fn check(&self, name: &str) -> Cell {
        match self.contract.iter().find(|case| case.name == name) {
            Some(case) => match self.lacks(case.needs) {
                Some(why) => Cell::Skipped(why),
                None => case.run(),
            },
            None => Cell::Skipped("not a case of this backend".into()),
        }
    }
}

/// How many random walks are among the project's own cases, from seed 1 on.
const WALKS: u64 = 8;

/// A set of cases.
#[derive(Clone, Debug, Default)]
pub struct Suite {
    scenarios: Vec<Scenario>,
    malformed: Vec<Malformed>,
    contract: bool,
    filter: String,
}

impl Suite {
    /// Every contract case, and the stories that the project holds itself.
    pub fn with_own_scenarios() -> Self {
        let parsed = |(name, source): &(&str, &str)| match Scenario::parse(name, source) {
            Ok(story) => story,
            // A test of this crate parses them all.
            Err((line, what)) => unreachable!("{name}.scn:{line}: {what}"),
        };
        let scenarios = OWN_SCENARIOS.iter().map(parsed).chain((1..=WALKS).map(walk)).collect();
        Self { scenarios, contract: true, ..Self::default() }
    }

    /// The stories of a folder, and nothing else. A file that is malformed is a case that fails.
    pub fn from_folder(folder: &Path) -> Result<Self, Malformed> {
        let mut suite = Self::default();
        for loaded in Scenario::load_all(folder)? {
            match loaded {
                Ok(story) => suite.scenarios.push(story),
                Err(why) => suite.malformed.push(why),
            }
        }
        Ok(suite)
    }

    /// Only the cases whose name contains this.
    #[must_use]
    pub fn filter(mut self, text: &str) -> Self {
        self.filter = text.into();
        self
    }

    /// The stories that the filter lets through.
    pub fn scenarios(&self) -> impl Iterator<Item = &Scenario> {
        self.scenarios.iter().filter(|story| self.lets_through(&format!("scenario/{}", story.name)))
    }

    /// The files that the filter lets through and that are no stories, each with the name of its case.
    pub fn malformed(&self) -> impl Iterator<Item = (String, &Malformed)> {
        let name = |why: &Malformed| format!("scenario/{}", why.file.file_stem().unwrap_or_default().display());
        self.malformed.iter().map(move |why| (name(why), why)).filter(|(name, _)| self.lets_through(name))
    }

    /// The name of each case that would be run on these backends, and what it is about.
    pub fn list(&self, backings: &[Backing]) -> Vec<(String, String)> {
        let stories = self.scenarios().map(|story| (format!("scenario/{}", story.name), story.about.clone()));
        let cases = self.contract_names(backings).into_iter().map(|case| (case.full_name(), case.clauses.to_string()));
        let malformed = self.malformed().map(|(name, why)| (name, why.to_string()));
        stories.chain(malformed).chain(cases).collect()
    }

    /// Runs every case on every backend.
    pub fn run(&self, backings: &[Backing]) -> Report {
        let stories: Vec<_> = self.scenarios().collect();
        let mut rows: Vec<_> =
            stories.iter().map(|story| Row::new(format!("scenario/{}", story.name), backings)).collect();
        let columns = backings.len().max(1);
        // Stories do not disturb each other, and spend their time waiting.
        for (at, cell) in
            in_parallel(stories.len() * backings.len(), |at| told(&backings[at % columns], stories[at / columns]))
        {
            rows[at / columns].cells[at % columns] = cell;
        }
        rows.extend(self.malformed().map(|(name, why)| {
            let mut row = Row::new(name, backings);
            row.cells.fill(Cell::Failed(why.to_string()));
            row
        }));
        // Contract cases close descriptors behind backs and use up all there are: one at a time.
        for case in self.contract_names(backings) {
            let mut row = Row::new(case.full_name(), backings);
            for (cell, backing) in row.cells.iter_mut().zip(backings) {
                *cell = backing.check(case.name);
            }
            rows.push(row);
        }
        Report { backends: backings.iter().map(|backing| backing.name.clone()).collect(), rows }
    }

    fn contract_names<'a>(&self, backings: &'a [Backing]) -> Vec<&'a Case> {
        let cases = backings.first().into_iter().flat_map(|backing| &backing.contract);
        cases.filter(|case| self.contract && self.lets_through(&case.full_name())).collect()
    }

    fn lets_through(&self, name: &str) -> bool {
        name.contains(&self.filter)
    }
}

fn told(backing: &Backing, story: &Scenario) -> Cell {
    if story.accepted().is_empty() {
        return Cell::Skipped("no transcript to compare with: neither `--- expect` nor `--- asyncore`".into());
    }
    if let Some(why) = backing.lacks(&story.needs()) {
        return Cell::Skipped(why);
    }
    match backing.tell(story) {
        Ok(told) if agrees(story, &told) => Cell::Passed,
        Ok(told) => Cell::differs(story.accepted()[0], &told),
        Err(why) => Cell::Failed(why),
    }
}

/// Does `count` jobs on a few threads; each result with its number.
fn in_parallel(count: usize, job: impl Fn(usize) -> Cell + Sync) -> Vec<(usize, Cell)> {
    const THREADS: usize = 8;
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..THREADS.min(count) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        break;
                    }
                    let cell = job(at);
                    done.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push((at, cell));
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_stories_can_be_read() {
        let suite = Suite::with_own_scenarios();
        assert!(suite.scenarios().count() >= 28);
        assert!(suite.scenarios().all(|story| !story.about.is_empty() && !story.accepted().is_empty()));
    }

    #[test]
    fn a_filter_lets_some_through() {
        let suite = Suite::with_own_scenarios().filter("scenario/accept");
        let names: Vec<_> = suite.scenarios().map(|story| story.name.as_str()).collect();
        assert_eq!(names, ["accept-burst", "accept"]);
    }

    #[test]
    fn every_job_is_done_once() {
        let mut done: Vec<_> = in_parallel(100, |_| Cell::Passed).into_iter().map(|(at, _)| at).collect();
        done.sort_unstable();
        assert!(done.into_iter().eq(0..100));
    }
}
