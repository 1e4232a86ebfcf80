//! A case that fails in some rounds and passes in others is told as what it is; and each round draws its own walks.

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::time::Duration;

use stheno::{Backend, Error, Fired, Instant, Interest, Key, Net, Open, Poll, Result};
use stheno_conformance::run::Unobserved;
use stheno_conformance::{Backing, Part, Settings, Suite};

/// Poll that cannot be opened every second time.
struct Fickle(Poll);

thread_local! {
    /// How often this thread has, which runs all cases there are.
    static OPENED: Cell<usize> = const { Cell::new(0) };
}

impl Open for Fickle {
    fn open() -> Result<Self> {
        match OPENED.replace(OPENED.get() + 1) % 2 {
            0 => Poll::open().map(Self),
            _ => Err(Error::user("out of sorts", 0)),
        }
    }
}

impl<N: Net> Backend<N> for Fickle
where
    Poll: Backend<N>,
{
    fn register(&mut self, net: &mut N, socket: &N::Socket, key: Key, interest: Interest) -> Result<()> {
        self.0.register(net, socket, key, interest)
    }
    fn reregister(&mut self, net: &mut N, socket: &N::Socket, key: Key, interest: Interest) -> Result<()> {
        self.0.reregister(net, socket, key, interest)
    }
    fn deregister(&mut self, net: &mut N, socket: &N::Socket, key: Key) -> Result<()> {
        self.0.deregister(net, socket, key)
    }
    fn wait(&mut self, net: &mut N, timeout: Option<Duration>) -> Result<usize> {
        self.0.wait(net, timeout)
    }
    fn next(&mut self) -> Option<Fired> {
        Backend::<N>::next(&mut self.0)
    }
    fn now(&mut self, net: &N) -> Instant {
        self.0.now(net)
    }
    fn name(&self) -> &'static str {
        "fickle"
    }
}

#[test]
fn a_flake_says_how_often_it_failed() {
    let count = |count| NonZeroUsize::new(count).unwrap();
    let settings = Settings { seed: 5, repeat: count(5), jobs: count(1), fail_fast: false };
    let suite = Suite::with_own_scenarios().only("scenario/turn-accept-only");
    let report = suite.run_with(&[Backing::of::<Fickle>("fickle")], &settings, &Unobserved);
    let outcome = &report.rows[0].outcomes[0];
    assert_eq!((outcome.runs, outcome.failures, outcome.is_flaky()), (5, 2, true));
    let text = report.to_string();
    assert!(text.contains("\nscenario/turn-accept-only on fickle FAILED 2 of 5\n"), "{text}");
    assert!(text.contains("out of sorts"), "{text}");
    let again = "STHENO_CASES=scenario/turn-accept-only cargo test\n";
    assert!(text.contains(again), "{text}");
    assert!(text.ends_with("\n0 passed, 1 failed, 0 skipped"), "{text}");
}

#[test]
fn later_rounds_draw_other_walks() {
    let count = |count| NonZeroUsize::new(count).unwrap();
    let settings = Settings { seed: 5, repeat: count(2), jobs: count(1), fail_fast: false };
    let suite = Suite::with_own_scenarios().with_walks(1, 1).part(Part::Walks);
    let report = suite.run_with(&[Backing::of::<Fickle>("fickle")], &settings, &Unobserved);
    let outcome = &report.rows[0].outcomes[0];
    assert_eq!((outcome.runs, outcome.failures), (2, 1));
    let other = outcome.instead.clone().expect("it is not the row's own walk that failed");
    assert!(other.starts_with("scenario/walk-") && other != report.rows[0].name, "{other}");
    let text = report.to_string();
    assert!(text.contains(&format!("\n    {other}, in round 2: out of sorts")), "{text}");
    assert!(text.contains(&format!("\n    STHENO_CASES={other} cargo test\n")), "{text}");
    // The same run draws the same ones.
    OPENED.set(0);
    let again = suite.run_with(&[Backing::of::<Fickle>("fickle")], &settings, &Unobserved);
    assert_eq!(again.rows[0].outcomes[0].instead, Some(other));
}
