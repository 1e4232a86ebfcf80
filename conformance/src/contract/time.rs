//! The clauses of the backend's contract that are about time: how long a wait is, and by which clock.

use std::time::Duration;

use stheno::{Backend, Open, Readiness};

use super::support::{A_WHILE, PATIENCE, R, W, Watch, hold, same};
use super::{Case, Verdict};
use crate::ground::{Ground, Need};

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("a-wait-is-never-early", "B9", never_early::<G, B>),
        case("a-wait-of-no-time-does-not-wait", "B9", no_time::<G, B>),
        case("a-wait-without-end-waits-for-what-comes", "B9", without_end::<G, B>).needing(&[Need::Later]),
        case("a-wait-ends-when-something-comes-and-not-later", "B9", ends_with_the_event::<G, B>)
            .needing(&[Need::Later]),
        case("a-timeout-past-every-bound-is-no-error", "B9", endless_timeouts::<G, B>),
        case("the-clock-goes-forward-with-the-waits", "B16", clock::<G, B>),
        case("the-clock-is-the-one-that-waits-go-by", "B16", one_clock::<G, B>),
    ]
}

const READABLE: Readiness = Readiness::READABLE;
const WRITABLE: Readiness = Readiness::WRITABLE;

fn never_early<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let (ours, _theirs) = watch.net.pair()?;
    watch.register(&ours, 1, R)?;
    for micros in [1, 300, 999, 1_000, 1_001, 2_500, 20_001, 50_000] {
        for _ in 0..3 {
            watch.rests(Duration::from_micros(micros))?;
        }
    }
    // Nor much too late, at least once in a while: the rest is the system's load.
    for (micros, most) in [(300, 20_000), (1_000, 20_000)] {
        let mut least = Duration::MAX;
        for _ in 0..20 {
            let before = watch.now();
            watch.rests(Duration::from_micros(micros))?;
            least = least.min(watch.now().saturating_since(before));
        }
        hold(least < Duration::from_micros(most), || format!("expected about {micros} us, came {least:?} at best"))?;
    }
    Ok(())
}

fn no_time<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let (ours, _theirs) = watch.net.pair()?;
    let mut least = Duration::MAX;
    for round in 0..50 {
        let before = watch.now();
        same("results", watch.wait(Duration::ZERO)?, 0)?;
        least = least.min(watch.now().saturating_since(before));
        if round == 25 {
            watch.register(&ours, 1, R)?;
        }
    }
    hold(least < Duration::from_millis(1), || format!("expected no wait, came {least:?} at best"))
}

fn without_end<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let (ours, theirs) = watch.net.pair()?;
    watch.register(&ours, 1, R)?;
    let before = watch.now();
    let later = watch.net.say_later(A_WHILE, theirs, b"x")?;
    let told = watch.results(None)?;
    let took = watch.now().saturating_since(before);
    let _theirs = watch.net.done(later)?;
    same("told", told, [(1, READABLE)])?;
    hold(took >= A_WHILE, || format!("expected a wait of {A_WHILE:?}, came {took:?}"))
}

fn ends_with_the_event<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let (ours, theirs) = watch.net.pair()?;
    watch.register(&ours, 1, R)?;
    let before = watch.now();
    let later = watch.net.say_later(Duration::from_millis(2), theirs, b"x")?;
    let told = watch.results(PATIENCE)?;
    let took = watch.now().saturating_since(before);
    let _theirs = watch.net.done(later)?;
    same("told", told, [(1, READABLE)])?;
    hold(took < PATIENCE / 2, || format!("expected the end of the wait with the event, came {took:?}"))
}

fn endless_timeouts<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let (ours, _theirs) = watch.net.pair()?;
    watch.register(&ours, 1, W)?;
    for timeout in
        [Duration::MAX, Duration::from_secs(1 << 40), Duration::from_secs(3_000_000), Duration::from_nanos(1)]
    {
        same(&format!("told within {timeout:?}"), watch.results(timeout)?, [(1, WRITABLE)])?;
    }
    Ok(())
}

fn clock<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let mut last = watch.now();
    for _ in 0..1_000 {
        let now = watch.now();
        hold(now >= last, || format!("the clock went back from {last:?} to {now:?}"))?;
        last = now;
    }
    // Two backends have one clock, if they are of one kind.
    let other = B::open()?.now(&watch.net);
    hold(other >= last, || format!("another clock: {other:?} after {last:?}"))?;
    watch.rests(Duration::from_millis(2))
}

/// Of two clocks that are asked in turns, neither has more between its inner readings than the other between its outer
/// ones; but for the grain of one that is coarse.
fn one_clock<G: Ground, B: Backend<G> + Open>() -> Verdict {
    const GRAIN: Duration = Duration::from_millis(5);
    let mut watch = Watch::<G, B>::open()?;
    let (outer, from, inner) = (watch.now(), watch.net.clock(), watch.now());
    watch.rests(A_WHILE)?;
    let (inner_end, to, outer_end) = (watch.now(), watch.net.clock(), watch.now());
    let (least, most) = (inner_end.saturating_since(inner), outer_end.saturating_since(outer));
    let passed = to.saturating_since(from);
    hold(least <= passed + GRAIN && most + GRAIN >= passed, || {
        format!("the clock says that {least:?} to {most:?} went by, the network's {passed:?}")
    })
}
