//! The suite finds what is wrong: a backend that breaks one clause fails, and the same one without the fault passes.

use std::time::Duration;

use stheno::{Backend, Fired, Instant, Interest, Key, Net, Open, Poll, Readiness, Result};
use stheno_conformance::{Backing, Suite};

/// Poll with a fault in what it reports, or in how it waits.
struct Faulty<F> {
    below: Poll,
    fault: F,
    last: Option<Fired>,
}

trait Fault: Default {
    /// What becomes of a result.
    fn spoil(&mut self, fired: Fired) -> Option<Fired> {
        Some(fired)
    }
    /// How long to wait instead.
    fn hurry(timeout: Option<Duration>) -> Option<Duration> {
        timeout
    }
    /// What to watch for instead.
    fn mishear(interest: Interest) -> Interest {
        interest
    }
    const REPEATS: bool = false;
}

impl<F: Fault> Open for Faulty<F> {
    fn open() -> Result<Self> {
        Ok(Self { below: Poll::open()?, fault: F::default(), last: None })
    }
}

impl<N: Net, F: Fault> Backend<N> for Faulty<F>
where
    Poll: Backend<N>,
{
    fn register(&mut self, net: &mut N, socket: &N::Socket, key: Key, interest: Interest) -> Result<()> {
        self.below.register(net, socket, key, F::mishear(interest))
    }
    fn reregister(&mut self, net: &mut N, socket: &N::Socket, key: Key, interest: Interest) -> Result<()> {
        self.below.reregister(net, socket, key, F::mishear(interest))
    }
    fn deregister(&mut self, net: &mut N, socket: &N::Socket, key: Key) -> Result<()> {
        self.below.deregister(net, socket, key)
    }
    fn wait(&mut self, net: &mut N, timeout: Option<Duration>) -> Result<usize> {
        self.last = None;
        self.below.wait(net, F::hurry(timeout))
    }
    fn next(&mut self) -> Option<Fired> {
        if let Some(again) = self.last.take() {
            return Some(again);
        }
        loop {
            let fired = Backend::<N>::next(&mut self.below)?;
            if let Some(fired) = self.fault.spoil(fired) {
                self.last = F::REPEATS.then_some(fired);
                return Some(fired);
            }
        }
    }
    fn now(&mut self, net: &N) -> Instant {
        self.below.now(net)
    }
    fn name(&self) -> &'static str {
        "faulty"
    }
}

#[derive(Default)]
struct Faultless;
impl Fault for Faultless {}

/// B6: no hang-up for who reads.
#[derive(Default)]
struct DropsHangups;
impl Fault for DropsHangups {
    fn spoil(&mut self, fired: Fired) -> Option<Fired> {
        let over = Readiness::HANGUP | Readiness::ERROR;
        let hidden = if fired.readiness.intersects(over) { over | Readiness::READABLE } else { Readiness::NONE };
        let readiness = fired.readiness - hidden;
        (!readiness.is_empty()).then_some(Fired { readiness, ..fired })
    }
}

/// B6: an error is not told to who writes.
#[derive(Default)]
struct DropsErrorsForWriters;
impl Fault for DropsErrorsForWriters {
    fn spoil(&mut self, fired: Fired) -> Option<Fired> {
        let hidden = Readiness::WRITABLE.when(fired.readiness.contains(Readiness::ERROR));
        Some(Fired { readiness: fired.readiness - hidden, ..fired })
    }
}

/// B5: tells what nobody asked for.
#[derive(Default)]
struct TellsUnasked;
impl Fault for TellsUnasked {
    fn spoil(&mut self, fired: Fired) -> Option<Fired> {
        Some(Fired { readiness: fired.readiness | Readiness::WRITABLE, ..fired })
    }
}

/// B5: urgent data looks like data.
#[derive(Default)]
struct MixesUpUrgent;
impl Fault for MixesUpUrgent {
    fn spoil(&mut self, fired: Fired) -> Option<Fired> {
        let urgent = fired.readiness.contains(Readiness::PRIORITY);
        let readiness = (fired.readiness - Readiness::PRIORITY) | Readiness::READABLE.when(urgent);
        Some(Fired { readiness, ..fired })
    }
}

/// B7: each result twice.
#[derive(Default)]
struct Repeats;
impl Fault for Repeats {
    const REPEATS: bool = true;
}

/// B7: another generation's key.
#[derive(Default)]
struct WrongKeys;
impl Fault for WrongKeys {
    fn spoil(&mut self, fired: Fired) -> Option<Fired> {
        Some(Fired { key: Key::new(fired.key.index() as u32, fired.key.generation().wrapping_add(1)), ..fired })
    }
}

/// B4: what was told once is not told again.
#[derive(Default)]
struct EdgeTriggered(Option<Fired>);
impl Fault for EdgeTriggered {
    fn spoil(&mut self, fired: Fired) -> Option<Fired> {
        (self.0.replace(fired) != Some(fired)).then_some(fired)
    }
}

/// B9: rounds down to milliseconds.
#[derive(Default)]
struct RoundsDown;
impl Fault for RoundsDown {
    fn hurry(timeout: Option<Duration>) -> Option<Duration> {
        timeout.map(|time| Duration::from_millis(time.as_millis() as u64))
    }
}

/// B3: an interest in nothing is one in urgent data.
#[derive(Default)]
struct AlwaysWatches;
impl Fault for AlwaysWatches {
    fn mishear(interest: Interest) -> Interest {
        interest | Interest::PRIORITY
    }
}

/// How many cases of this name fail; a few cases for each fault, as one that waits for what never comes takes its time.
fn failures<F: Fault + 'static>(cases: &str) -> usize {
    Suite::with_own_scenarios().filter(cases).run(&[Backing::of::<Faulty<F>>("faulty")]).failed()
}

/// One after the other, since cases use up descriptors.
#[test]
fn each_fault_is_found() {
    assert_eq!(failures::<Faultless>("contract/state-"), 0, "without a fault");
    for (name, found) in [
        ("hang-ups", failures::<DropsHangups>("contract/state-")),
        ("errors for writers", failures::<DropsErrorsForWriters>("contract/state-")),
        ("what nobody asked", failures::<TellsUnasked>("contract/state-")),
        ("urgent data", failures::<MixesUpUrgent>("contract/state-urgent")),
        ("twice", failures::<Repeats>("contract/state-")),
        ("keys", failures::<WrongKeys>("contract/a-key-comes-back-whole")),
        ("edges", failures::<EdgeTriggered>("contract/readiness-is-told-until-it-is-over")),
        ("early", failures::<RoundsDown>("contract/a-wait-is-never-early")),
        ("no interest", failures::<AlwaysWatches>("contract/no-interest")),
    ] {
        assert!(found > 0, "the suite does not find what is wrong with {name}");
    }
}
