//! Ending in good order.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use stheno::{Backend, Open};

use super::super::far_end::{hear_all, hear_to_the_end};
use super::super::support::{PATIENCE, Stage, hold, same};
use super::super::{Case, Verdict};
use crate::ground::Ground;

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("draining-closes-listeners-first-and-tells-everyone", "rule 2", told::<G, B>),
        case("what-waits-is-sent-before-a-drained-channel-closes", "rules 2 and 3", sent::<G, B>),
        case("who-is-not-done-in-time-is-told-so", "rules 2 and 9", late::<G, B>),
        case("who-stays-while-a-loop-drains-goes-last", "rules 1 and 2", stayed::<G, B>),
    ]
}

fn told<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (_, _theirs) = stage.pair(stage.actor("A"))?;
    stage.listen(stage.actor("L"))?;
    stage.events.add_timer(Duration::from_secs(100), stage.actor("T"))?;
    let began = stage.net().clock();
    stage.events.drain(PATIENCE)?;
    let lines = stage.log.lines();
    same("what was told", lines, ["L: close drained", "T: close drained", "A: close drained"])?;
    same("channels left", stage.events.len(), 0)?;
    hold(stage.elapsed(began) < PATIENCE / 2, || "nothing waited, and it waited".into())
}

/// Said as the loop ends, where there is no room for it yet. The far end makes room, bit by bit, as time passes.
fn sent<G: Ground, B: Backend<G> + Open>() -> Verdict {
    const ALL: usize = 5000;
    let mut stage = Stage::<G, B>::new()?;
    let (mut ours, theirs) = stage.net().pair()?;
    stage.net().fill(&mut ours)?;
    let far = Rc::new(RefCell::new((theirs, Vec::new())));
    let (hearer, mut left) = (far.clone(), ALL);
    let actor = stage.actor("A").but(|ways| ways.says_farewell = true).on(move |event, ways, channel| {
        match event {
            "drain" => channel.set_timeout(Duration::from_millis(1)),
            "timeout" => {
                let (theirs, came) = &mut *hearer.borrow_mut();
                hear_all(channel.net(), theirs, came).map_err(|_| stheno::Error::user("the far end failed", 0))?;
                channel.set_timeout(Duration::from_millis(1));
            }
            _ => {}
        }
        if matches!(event, "drain" | "write") {
            left -= channel.send(&vec![b'.'; left])?;
            ways.writable = left > 0;
        }
        Ok(())
    });
    stage.events.add(ours, actor)?;
    stage.events.drain(PATIENCE)?;
    let mut lines = stage.log.lines();
    lines.retain(|line| line != "A: timeout");
    lines.dedup();
    same("what was told", lines, ["A: drain", "A: write", "A: close drained"])?;
    let (theirs, mut came) = Rc::into_inner(far).ok_or("the channel is still there")?.into_inner();
    let mut theirs = theirs;
    came.extend(hear_to_the_end(stage.net(), &mut theirs)?);
    // What was stuffed in comes first.
    same("bytes that came", came.iter().filter(|byte| **byte == b'.').count(), ALL)?;
    same("the last of them", &came[came.len() - ALL..], [b'.'; ALL])
}

fn late<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (mut ours, _theirs) = stage.net().pair()?;
    stage.net().fill(&mut ours)?;
    stage.events.add(ours, stage.actor("A").but(|ways| ways.writable = true))?;
    let (_, _quiet) = stage.pair(stage.actor("B"))?;
    let (time, began) = (Duration::from_millis(20), stage.net().clock());
    stage.events.drain(time)?;
    let mut lines = stage.log.lines();
    // The network may have found a little room after all.
    lines.retain(|line| line != "A: write");
    same("what was told", lines, ["B: close drained", "A: close timed out"])?;
    let took = stage.elapsed(began);
    hold(took >= time && stage.events.is_empty(), || format!("expected {time:?}, came {took:?}"))
}

/// One that hears of signals, say: it is read while others are waited for, and goes after them.
fn stayed<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (_, mut caller) = stage.pair(stage.actor("S").but(|ways| ways.stays = true))?;
    let (mut ours, _theirs) = stage.net().pair()?;
    stage.net().fill(&mut ours)?;
    stage.events.add(ours, stage.actor("A").but(|ways| ways.writable = true))?;
    stage.net().say(&mut caller, b"enough")?;
    let began = stage.net().clock();
    stage.events.drain(Duration::from_millis(50))?;
    let mut lines = stage.log.lines();
    lines.retain(|line| line != "A: write");
    lines[1..].sort();
    same("what was told", lines, ["S: read enough", "A: close timed out", "S: close drained"])?;
    let (_, _caller) = stage.pair(stage.actor("S").but(|ways| ways.stays = true))?;
    stage.log.clear();
    stage.events.drain(PATIENCE)?;
    same("what was told where nobody else is", stage.log.lines(), ["S: close drained"])?;
    hold(stage.elapsed(began) < PATIENCE / 2, || "nobody went, and it waited".into())
}
