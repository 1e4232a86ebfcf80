//! A case that fails in some rounds and passes in others is told as what it is.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use stheno::{Backend, Error, Fired, Instant, Interest, Key, Net, Open, Poll, Result};
use stheno_conformance::run::Unobserved;
use stheno_conformance::{Backing, Settings, Suite};

/// Poll that cannot be opened every second time.
struct Fickle(Poll);

static OPENED: AtomicUsize = AtomicUsize::new(0);

impl Open for Fickle {
    fn open() -> Result<Self> {
        match OPENED.fetch_add(1, Ordering::Relaxed) % 2 {
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
