//! Rule 9: time is exact.

use std::thread;
use std::time::Duration;

use stheno::waker::{BellHandle, Waker};
use stheno::{Backend, Open};

use super::super::support::{A_WHILE, Stage, hold, same};
use super::super::{Case, Verdict};
use crate::ground::{Ground, Need};

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("a-deadline-is-never-early-and-ends-the-wait", "rule 9", deadline::<G, B>),
        case("a-turn-takes-its-time-though-a-deadline-is-later", "rule 9", exact_turns::<G, B>),
        case("a-waker-ends-the-wait-and-stops-the-loop", "rule 9", woken::<G, B>).needing(&[Need::Waker]),
    ]
}

fn deadline<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (key, _theirs) = stage.pair(stage.actor("A"))?;
    for micros in [300, 1_000, 5_000, 30_000] {
        stage.log.clear();
        let (time, began) = (Duration::from_micros(micros), stage.net().clock());
        stage.events.channel(key)?.1.set_timeout(time);
        // The first of them may not wait, since the channel was touched.
        for _ in 0..3 {
            if stage.log.lines().is_empty() {
                stage.events.turn(None)?;
            }
        }
        let took = stage.elapsed(began);
        same("what was told", stage.log.lines(), ["A: timeout"])?;
        hold(took >= time, || format!("expected {time:?} or more, came {took:?}"))?;
    }
    // No time at all is the next turn's, and once in a turn however often it is asked for.
    stage.log.clear();
    let again = stage.actor("B").on(|_, _, channel| {
        channel.set_timeout(Duration::ZERO);
        Ok(())
    });
    let (restless, _theirs) = stage.pair(again)?;
    stage.events.channel(restless)?.1.set_timeout(Duration::ZERO);
    for turns in 1..=3 {
        let turn = stage.events.turn(None)?;
        same("deadlines of a turn", turn.timeouts, 1)?;
        same("what was told", stage.log.lines().len(), turns)?;
    }
    stage.events.close(restless)?;
    stage.log.clear();
    // A later deadline replaces an earlier one, and one that is taken back never comes.
    let (_, mut io) = stage.events.channel(key)?;
    io.set_timeout(Duration::from_millis(2));
    io.set_timeout(Duration::from_secs(1_000));
    stage.rests(A_WHILE, 3)?;
    let (_, mut io) = stage.events.channel(key)?;
    io.set_timeout(Duration::from_millis(2));
    io.clear_timeout();
    stage.rests(A_WHILE, 3)
}

fn exact_turns<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (key, _theirs) = stage.pair(stage.actor("A"))?;
    stage.rests(A_WHILE, 3)?;
    for armed in [false, true] {
        if armed {
            stage.events.channel(key)?.1.set_timeout(Duration::from_secs(1_000));
        }
        for micros in [300, 1_000, 1_500, 10_000] {
            let (time, began) = (Duration::from_micros(micros), stage.net().clock());
            stage.events.turn(Some(time))?;
            let took = stage.elapsed(began);
            hold(took >= time, || format!("a turn of {time:?} took {took:?}"))?;
        }
        let least = (0..20).map(|_| {
            let began = stage.net().clock();
            stage.events.turn(Some(Duration::ZERO)).map(|_| stage.elapsed(began))
        });
        let least = least.collect::<stheno::Result<Vec<_>>>()?.into_iter().min().unwrap_or_default();
        hold(least < Duration::from_millis(1), || format!("a turn of no time took {least:?} at best"))?;
    }
    Ok(())
}

fn woken<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (_, _theirs) = stage.pair(stage.actor("A"))?;
    let (bell, sound) = stage.net().bell()?;
    stage.events.attach(BellHandle::Shared(bell.clone()), sound)?;
    let waker = Waker::new(bell);
    stage.rests(A_WHILE, 3)?;
    let elsewhere = waker.clone();
    let ringer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(2));
        (0..10).try_for_each(|_| elsewhere.wake())
    });
    let turn = stage.events.turn(None)?;
    ringer.join().map_err(|_| "the ringer panicked")??;
    hold(turn.woken && turn.fired == 0, || format!("expected to be woken, came {turn:?}"))?;
    stage.events.turn(Some(Duration::ZERO))?;
    stage.rests(A_WHILE, 3)?;
    let stopper = thread::spawn(move || waker.stop());
    stage.events.run()?;
    stopper.join().map_err(|_| "the stopper panicked")??;
    same("what was told", stage.log.lines(), Vec::<String>::new())?;
    same("channels", stage.events.len(), 1)
}
