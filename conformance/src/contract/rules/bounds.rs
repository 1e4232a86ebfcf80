//! Rule 8: everything has bounds.

use std::time::Duration;

use stheno::storage::Array;
use stheno::{Backend, ErrorKind, EventLoop, Open, Outbox, Slot};

use super::super::far_end::hear_all;
use super::super::support::{A_WHILE, Actor, Counted, Log, PATIENCE, Stage, hold, same};
use super::super::{Case, Verdict};
use crate::ground::{Family, Ground};

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("a-full-table-lets-callers-wait", "rules 7 and 8", full_table::<G, B>),
        case("a-turn-accepts-within-its-budget", "rule 8", accept_budget::<G, B>),
        case("a-full-outbox-is-an-error-and-sends-nothing", "rule 8", full_outbox::<G, B>),
    ]
}

type Narrow<G, B> = EventLoop<Actor<G>, G, Counted<B>, Array<Slot<Actor<G>, G>, 2>>;

fn full_table<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let log = Log::default();
    let mut events: Narrow<G, B> = EventLoop::with_parts(G::open()?, Counted::open()?, Array::default());
    let key = events.listen(G::anywhere(Family::Inet)?, Actor::new("L", &log))?;
    let at = events.channel(key)?.1.local_address()?;
    let mut callers = (0..3).map(|_| events.net_mut().dial(&at)).collect::<Result<Vec<_>, _>>()?;
    let mut expected = vec!["L: accept", "L: error Full"];
    for next in ["L.1: close end", "L.2: close end"] {
        turn_until(&mut events, &log, expected.len())?;
        // Nobody spins for the callers that wait.
        let (before, began) = (events.backend().waits, events.net().clock());
        events.run_turns(2, Some(A_WHILE))?;
        let (waits, took) = (events.backend().waits - before, events.net().clock().saturating_since(began));
        hold(waits <= 3 && took >= A_WHILE, || format!("{waits} waits in {took:?}"))?;
        same("what was told", log.lines(), expected.clone())?;
        events.net_mut().hang_up(callers.remove(0));
        expected.extend([next, "L: accept"]);
    }
    turn_until(&mut events, &log, expected.len())?;
    same("what was told in the end", log.lines(), expected)
}

fn turn_until<G: Ground, B: Backend<G>>(events: &mut Narrow<G, B>, log: &Log, lines: usize) -> Verdict {
    let until = events.net().clock() + PATIENCE;
    while log.lines().len() < lines && events.net().clock() < until {
        events.turn(Some(Duration::from_millis(100)))?;
    }
    Ok(())
}

fn accept_budget<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    stage.events.set_accept_budget(2);
    let (_, at) = stage.listen(stage.actor("L"))?;
    let _callers = (0..5).map(|_| stage.net().dial(&at)).collect::<Result<Vec<_>, _>>()?;
    let until = stage.net().clock() + PATIENCE;
    let (mut before, mut turns) = (0, 0);
    while before < 5 && stage.net().clock() < until {
        stage.events.turn(Some(Duration::from_millis(100)))?;
        let accepted = stage.log.lines().len();
        hold(accepted - before <= 2, || format!("a turn accepted {}, with a budget of 2", accepted - before))?;
        (before, turns) = (accepted, turns + 1);
    }
    hold(before == 5 && turns >= 3, || format!("expected 5 callers in 3 turns or more, came {before} in {turns}"))
}

fn full_outbox<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (mut ours, mut theirs) = stage.net().pair()?;
    stage.net().fill(&mut ours)?;
    let key = stage.events.add(ours, stage.actor("A"))?;
    let mut outbox = Outbox::<[u8; 8]>::new();
    let (_, mut io) = stage.events.channel(key)?;
    outbox.send(&mut io, b"01234")?;
    let came = outbox.send(&mut io, b"56789").map_err(|why| why.kind());
    same("more than there is room for", came, Err(ErrorKind::Full))?;
    same("bytes that wait", outbox.len(), 5)?;
    // What was stuffed in comes first, and then what waited.
    let (mut came, until) = (Vec::new(), stage.net().clock() + PATIENCE);
    while !(outbox.is_empty() && came.last().is_some_and(|last| *last == b'4')) {
        hold(stage.net().clock() < until, || format!("{} bytes still wait, {} came", outbox.len(), came.len()))?;
        hold(hear_all(stage.net(), &mut theirs, &mut came)?, || "the connection is over".into())?;
        outbox.flush(&mut stage.events.channel(key)?.1)?;
        stage.net().pass(Duration::from_millis(1));
    }
    came.retain(|byte| *byte != b'z');
    same("what came", came, b"01234")
}
