//! Timers, and when there will be something to do.

use std::time::Duration;

use stheno::{Backend, ErrorKind, Next, Open};

use super::super::support::{A_WHILE, Stage, hold, same};
use super::super::{Case, Verdict};
use crate::ground::Ground;

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("a-timer-needs-no-socket-and-comes-once", "rule 9", once::<G, B>),
        case("a-repeated-timer-keeps-its-beat", "rule 9", beat::<G, B>),
        case("the-next-deadline-is-told-in-words", "rule 9", next::<G, B>),
        case("a-thousand-deadlines-come-in-their-order", "rule 9", order::<G, B>),
    ]
}

fn once<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (time, began) = (Duration::from_millis(3), stage.net().clock());
    let key = stage.events.add_timer(time, stage.actor("T"))?;
    let refused = stage.events.channel(key)?.1.send(b"x").map_err(|why| why.kind());
    same("a send on a timer", refused, Err(ErrorKind::Unsupported))?;
    stage.events.run()?;
    same("what was told", stage.log.lines(), ["T: timeout"])?;
    let took = stage.elapsed(began);
    hold(took >= time, || format!("expected {time:?} or more, came {took:?}"))?;
    same("changes of interest", stage.events.backend().changes, 0)?;
    // One that is called off never comes.
    let key = stage.events.add_timer(time, stage.actor("U"))?;
    stage.events.channel(key)?.1.clear_timeout();
    stage.events.run()?;
    same("what was told", stage.log.lines().len(), 1)
}

fn beat<G: Ground, B: Backend<G> + Open>() -> Verdict {
    const PERIOD: Duration = Duration::from_millis(4);
    let mut stage = Stage::<G, B>::new()?;
    let (began, mut beats) = (stage.net().clock(), 0);
    let timer = stage.actor("T").on(move |_, _, channel| {
        beats += 1;
        if beats < 5 {
            channel.repeat_timeout(PERIOD);
        }
        Ok(())
    });
    stage.events.add_timer(PERIOD, timer)?;
    for beat in 1..=5 {
        // The n-th beat is due n periods after the first moment, however late those before it were.
        stage.until("a beat", |lines| lines.len() >= beat)?;
        let (took, due) = (stage.elapsed(began), PERIOD * u32::try_from(beat)?);
        hold(took >= due, || format!("beat {beat} is due after {due:?} and came after {took:?}"))?;
    }
    same("channels left", stage.events.len(), 0)
}

fn next<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (key, _theirs) = stage.pair(stage.actor("A"))?;
    same("before the first turn", stage.events.next(), Next::Now)?;
    same("with nothing armed", stage.events.turn(Some(Duration::ZERO))?.next, Next::Never)?;
    let before = stage.events.now();
    stage.events.channel(key)?.1.set_timeout(Duration::from_secs(100));
    let Next::At(when) = stage.events.turn(Some(Duration::ZERO))?.next else {
        return Err("a deadline is armed, and none is told".into());
    };
    hold(when >= before + Duration::from_secs(100), || format!("{when:?} is before the deadline"))?;
    hold(when.saturating_since(before) < Duration::from_secs(110), || format!("{when:?} is long after it"))?;
    stage.events.channel(key)?.1.clear_timeout();
    stage.rests(A_WHILE, 3)
}

/// Set in any order, told in the order in which they are due, none of them early.
fn order<G: Ground, B: Backend<G> + Open>() -> Verdict {
    const MANY: u64 = 1_000;
    let mut stage = Stage::<G, B>::new()?;
    let began = stage.net().clock();
    for number in 0..MANY {
        let time = Duration::from_micros(10_000 + number * 7_919 % MANY * 20);
        stage.events.add_timer(time, stage.actor(&format!("{time:?}")))?;
    }
    stage.events.turn(Some(Duration::ZERO))?;
    let mut told = 0;
    while !stage.events.is_empty() {
        stage.events.turn(None)?;
        let took = stage.elapsed(began);
        for number in told..stage.log.lines().len() {
            let due = Duration::from_micros(10_000 + number as u64 * 20);
            let line = &stage.log.lines()[number];
            same("the next one", line, &format!("{due:?}: timeout"))?;
            hold(took >= due, || format!("{line} came after {took:?}"))?;
        }
        told = stage.log.lines().len();
    }
    same("deadlines", told as u64, MANY)
}
