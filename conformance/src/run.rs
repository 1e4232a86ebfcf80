//! Runs a suite: which case is started when, and what came of each.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::contract::Case;
use crate::matrix::{Came, Cell, Outcome, Report, Row};
use crate::scenario::Scenario;
use crate::suite::{Backing, Suite};
use crate::walk::walk;

/// How a suite is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// What everything random is drawn from: the order in which cases are started, the walks of later rounds, and whatever a
    /// case draws itself.
    pub seed: u64,
    /// How often all of it is run. Each round but the first draws random walks of its own, unless one was asked for by its
    /// name.
    pub repeat: NonZeroUsize,
    /// How many cases may be under way at once. Those that need the process for themselves are not counted: they come
    /// alone, after the others.
    pub jobs: NonZeroUsize,
    /// Whether to start nothing more once a case has failed.
    pub fail_fast: bool,
}

impl Settings {
    /// How many cases may be under way at once: stories are handfuls of descriptors, and a process has a thousand.
    pub const MOST_JOBS: usize = 64;
}

impl Default for Settings {
    /// One round from seed 0, with a few cases at once for each core, since stories spend their time waiting.
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let jobs = NonZeroUsize::new((8 * cores).min(32)).unwrap_or(NonZeroUsize::MIN);
        Self { seed: 0, repeat: NonZeroUsize::MIN, jobs, fail_fast: false }
    }
}

/// Whoever wants to hear how a run goes on. Called from several threads.
pub trait Observer: Sync {
    /// The run begins; so many cells will be run, all rounds counted.
    fn begins(&self, cells: usize) {
        let _ = cells;
    }

    /// A case is started on a backend.
    fn started(&self, case: &str, backend: &str) {
        let _ = (case, backend);
    }

    /// A case came to its end on a backend.
    fn ended(&self, case: &str, backend: &str, cell: &Cell) {
        let _ = (case, backend, cell);
    }

    /// Why nothing more should be started, if so. Asked before each case.
    fn stops(&self) -> Option<String> {
        None
    }
}

/// Hears nothing, and stops nothing.
#[derive(Clone, Copy, Default, Debug)]
pub struct Unobserved;

impl Observer for Unobserved {}

/// Whoever runs cases has the process to itself: some use up all descriptors, or close them behind backs.
static ALONE: Mutex<()> = Mutex::new(());

impl Suite {
    /// Runs every case once on every backend.
    pub fn run(&self, backings: &[Backing]) -> Report {
        self.run_with(backings, &Settings::default(), &Unobserved)
    }

    /// Runs every case on every backend, as often and in such a way as the settings say.
    ///
    /// One run at a time in a process: whoever else calls it waits. No other test may run beside it that minds that all
    /// descriptors are in use for a while.
    pub fn run_with(&self, backings: &[Backing], settings: &Settings, observer: &dyn Observer) -> Report {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let began = Instant::now();
        let (mut rows, tasks) = self.plan(backings);
        let names: Vec<_> = rows.iter().map(|row| row.name.clone()).collect();
        let stop =
            Stop { observer, fail_fast: settings.fail_fast, failed: AtomicBool::new(self.malformed().count() > 0) };
        let done = Mutex::new(&mut rows);
        let work = |task: &Task<'_>, round| {
            let (case, backend) = (names[task.row].as_str(), task.backing.name());
            observer.started(case, backend);
            let began = Instant::now();
            let came = task.perform(settings, round);
            let took = began.elapsed();
            stop.failed.fetch_or(matches!(came.cell, Cell::Failed(_)), Ordering::Relaxed);
            observer.ended(case, backend, &came.cell);
            let mut rows = done.lock().unwrap_or_else(PoisonError::into_inner);
            rows[task.row].outcomes[task.column].add(came, took);
        };
        observer.begins(tasks.len().saturating_mul(settings.repeat.get()));
        let mut random = fastrand::Rng::with_seed(settings.seed);
        let mut stopped = None;
        for round in 0..settings.repeat.get() {
            let (mut alone, mut together): (Vec<_>, Vec<_>) = tasks.iter().partition(|task| task.is_exclusive());
            random.shuffle(&mut together);
            random.shuffle(&mut alone);
            stopped = in_parallel(settings.jobs.get(), &together, |task| work(task, round), || stop.reason())
                .or_else(|| in_parallel(1, &alone, |task| work(task, round), || stop.reason()));
            if stopped.is_some() {
                break;
            }
        }
        if let Some(why) = &stopped {
            let outcomes = rows.iter_mut().flat_map(|row| &mut row.outcomes);
            let unrun = outcomes.filter(|outcome| outcome.cell == Cell::Skipped(NOT_RUN.into()));
            unrun.for_each(|outcome| outcome.cell = Cell::Skipped(format!("{NOT_RUN}: {why}")));
        }
        let backends = backings.iter().map(|backing| backing.name().to_owned()).collect();
        let folder = self.folder().map(Into::into);
        Report { backends, rows, settings: *settings, folder, took: began.elapsed(), stopped }
    }

    /// The matrix before anything was run, and what there is to do for it.
    fn plan<'a>(&'a self, backings: &'a [Backing]) -> (Vec<Row>, Vec<Task<'a>>) {
        let (mut rows, mut tasks) = (Vec::new(), Vec::new());
        let outcomes = || vec![Outcome::skipped(NOT_RUN); backings.len()];
        for story in self.scenarios() {
            for (column, backing) in backings.iter().enumerate() {
                let job = Job::Story(story, self.walk_of(story));
                tasks.push(Task { row: rows.len(), column, backing, job });
            }
            rows.push(Row { name: story.full_name(), about: story.about.clone(), outcomes: outcomes() });
        }
        for (name, why) in self.malformed() {
            let mut outcomes = outcomes();
            let failed = || Cell::Failed(why.to_string());
            outcomes.iter_mut().for_each(|outcome| outcome.add(failed(), Duration::ZERO));
            rows.push(Row { name, about: "a file that cannot be read".into(), outcomes });
        }
        for case in self.contract_cases(backings) {
            let mut outcomes = outcomes();
            for (column, backing) in backings.iter().enumerate() {
                match backing.case(case.name) {
                    Some(own) => tasks.push(Task { row: rows.len(), column, backing, job: Job::Case(own) }),
                    None => outcomes[column] = Outcome::skipped("not a case of this backend"),
                }
            }
            rows.push(Row { name: case.full_name(), about: case.clauses.into(), outcomes });
        }
        (rows, tasks)
    }
}

const NOT_RUN: &str = "not run";

/// One cell to fill.
struct Task<'a> {
    row: usize,
    column: usize,
    backing: &'a Backing,
    job: Job<'a>,
}

enum Job<'a> {
    /// A story; and, where it is a walk in whose place each later round has another one, its seed.
    Story(&'a Scenario, Option<u64>),
    Case(&'a Case),
}

impl Task<'_> {
    /// Stories do not disturb each other; contract cases say whether they do.
    fn is_exclusive(&self) -> bool {
        self.backing.is_one_at_a_time() || matches!(self.job, Job::Case(Case { exclusive: true, .. }))
    }

    /// A panic is a failure like any other.
    fn perform(&self, settings: &Settings, round: usize) -> Came {
        let drawn = self.drawn(settings, round);
        let perform = || match self.job {
            Job::Story(story, _) => self.backing.judge(drawn.as_ref().unwrap_or(story), settings),
            Job::Case(case) => {
                let skipped = self.backing.skips(&case.full_name(), case.needs).map(Cell::Skipped);
                (skipped.unwrap_or_else(|| case.run(settings)), None)
            }
        };
        let (cell, evidence) = catch_unwind(AssertUnwindSafe(perform)).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().copied().map(Into::into);
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            (Cell::Failed(format!("panicked: {}", text.unwrap_or_else(|| "without a word".into()))), None)
        });
        match (cell, drawn.map(|walk| walk.full_name())) {
            (Cell::Failed(why), Some(instead)) => {
                let why = format!("{instead}, in round {}: {why}", round + 1);
                Came { cell: Cell::Failed(why), evidence, instead: Some(instead) }
            }
            (cell, _) => Came { cell, evidence, instead: None },
        }
    }

    /// The walk that a later round tells in the place of this one.
    fn drawn(&self, settings: &Settings, round: usize) -> Option<Scenario> {
        let Job::Story(story, Some(first)) = self.job else { return None };
        let told = round > 0 && self.backing.skips(&story.full_name(), &[]).is_none();
        told.then(|| walk(first.wrapping_add(shift(settings.seed, round))))
    }
}

/// By how much the seeds of a later round's walks differ from those of the first.
fn shift(seed: u64, round: usize) -> u64 {
    let round = (round as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    fastrand::Rng::with_seed(seed.wrapping_add(round)).u64(..)
}

/// Knows whether anything more is to be started.
struct Stop<'a> {
    observer: &'a dyn Observer,
    fail_fast: bool,
    failed: AtomicBool,
}

impl Stop<'_> {
    fn reason(&self) -> Option<String> {
        let failed = self.fail_fast && self.failed.load(Ordering::Relaxed);
        self.observer.stops().or_else(|| failed.then(|| "another case failed first".into()))
    }
}

/// Does the work on each item once, on so many threads: this one, and as many others as the system gives. Before each
/// item it asks whether to stop, and says why it did.
fn in_parallel<T: Sync>(
    threads: usize,
    items: &[T],
    work: impl Fn(&T) + Sync,
    stop: impl Fn() -> Option<String> + Sync,
) -> Option<String> {
    let (next, stopped) = (AtomicUsize::new(0), Mutex::new(None));
    let share = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Some(why) = stop() {
                stopped.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
                break;
            }
            work(item);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.min(items.len()) {
            // Whoever gets no further thread does it with those there are.
            if thread::Builder::new().spawn_scoped(scope, share).is_err() {
                break;
            }
        }
        share();
    });
    stopped.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Remembers what was started, in which order; and stops after so many.
    #[derive(Default)]
    struct Witness {
        started: Mutex<Vec<String>>,
        after: Option<usize>,
    }

    impl Observer for Witness {
        fn started(&self, case: &str, backend: &str) {
            self.started.lock().unwrap().push(format!("{case} on {backend}"));
        }
        fn stops(&self) -> Option<String> {
            let enough = self.after.is_some_and(|after| self.started.lock().unwrap().len() >= after);
            enough.then(|| "enough".into())
        }
    }

    /// In one thread, so that the order is one.
    fn settings(seed: u64) -> Settings {
        Settings { seed, jobs: NonZeroUsize::MIN, ..Settings::default() }
    }

    fn backings() -> Vec<Backing> {
        vec![Backing::of::<stheno::Select>("select"), Backing::of::<stheno::Poll>("poll")]
    }

    fn order(suite: &Suite, settings: &Settings) -> Vec<String> {
        let witness = Witness::default();
        assert_eq!(suite.run_with(&backings(), settings, &witness).failed(), 0);
        witness.started.into_inner().unwrap()
    }

    #[test]
    fn every_item_is_worked_on_once() {
        let (items, done): (Vec<_>, _) = ((0..100).collect(), Mutex::new(Vec::new()));
        for threads in [1, 2, 200] {
            done.lock().unwrap().clear();
            assert_eq!(in_parallel(threads, &items, |item| done.lock().unwrap().push(*item), || None), None);
            done.lock().unwrap().sort_unstable();
            assert_eq!(*done.lock().unwrap(), items);
        }
    }

    #[test]
    fn a_seed_gives_an_order_and_another_seed_another() {
        let suite = Suite::with_own_scenarios().filter("refused");
        let first = order(&suite, &settings(1));
        assert!(first.len() > 8);
        assert_eq!(order(&suite, &settings(1)), first);
        let mut other = order(&suite, &settings(2));
        assert_ne!(other, first);
        // But of the same cases.
        other.sort();
        let mut first = first;
        first.sort();
        assert_eq!(other, first);
    }

    #[test]
    fn rounds_are_counted() {
        let suite = Suite::with_own_scenarios().only("scenario/turn-accept-only");
        let settings = Settings { repeat: NonZeroUsize::new(3).unwrap(), ..settings(0) };
        let report = suite.run_with(&backings(), &settings, &Unobserved);
        assert!(report.rows[0].outcomes.iter().all(|outcome| (outcome.runs, outcome.failures) == (3, 0)));
        assert_eq!((report.passed(), report.failed(), report.skipped()), (2, 0, 0));
    }

    #[test]
    fn what_was_not_run_says_why() {
        let suite = Suite::with_own_scenarios().filter("scenario/refused");
        let witness = Witness { after: Some(1), ..Witness::default() };
        let report = suite.run_with(&backings(), &settings(0), &witness);
        assert_eq!(report.stopped.as_deref(), Some("enough"));
        assert_eq!(report.passed(), 1);
        assert!(report.to_string().contains(&format!("\nskipped {}: not run: enough\n", report.skipped())), "{report}");
    }

    #[test]
    fn a_panic_is_a_failure_and_ends_nothing_else() {
        let backing = &backings()[0];
        let case = Case::drawn("panics", "B0", |settings| panic!("at {}", settings.seed));
        let task = Task { row: 0, column: 0, backing, job: Job::Case(&case) };
        assert!(task.is_exclusive());
        let Cell::Failed(why) = task.perform(&settings(7), 0).cell else { panic!("it passed") };
        assert!(why.contains("panicked"), "{why}");
        let other = case.beside_others();
        assert!(!Task { job: Job::Case(&other), ..task }.is_exclusive());
    }

    #[test]
    fn after_a_failure_nothing_more_is_started_if_so_asked() {
        let failing: Vec<_> = (0..20).map(|_| Cell::Failed(String::new())).collect();
        let stop = Stop { observer: &Unobserved, fail_fast: true, failed: AtomicBool::new(false) };
        let started = AtomicUsize::new(0);
        let work = |_: &Cell| {
            started.fetch_add(1, Ordering::Relaxed);
            stop.failed.store(true, Ordering::Relaxed);
        };
        assert!(in_parallel(1, &failing, work, || stop.reason()).is_some());
        assert_eq!(started.into_inner(), 1);
    }
}
