//! Rule 6: silence is free.

use std::time::Duration;

use stheno::{Backend, Half, Kind, Open};

use super::super::far_end::hear_all;
use super::super::support::{A_WHILE, Defaults, PATIENCE, Stage, fresh_loop, hold, same};
use super::super::{Case, Verdict};
use crate::ground::{Family, Ground, Need, Sign};

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("what-does-not-connect-nor-listen-is-not-watched", "rule 6", idle_socket::<G, B>),
        case("defaults-never-spin", "rule 6", defaults::<G, B>),
        case("defaults-never-spin-for-urgent-data", "rule 6", urgent_defaults::<G, B>).needing(&[Need::Urgent]),
        case("an-idle-loop-makes-one-wait-and-no-change", "rule 6", idle_loop::<G, B>),
        case("without-an-interest-and-without-a-timeout-the-loop-sleeps", "rules 6 and 9", sleeps::<G, B>)
            .needing(&[Need::Later]),
        case("a-listener-that-does-not-accept-is-silent", "rule 6", listener_paused::<G, B>),
        case("want-of-descriptors-rests-the-listener", "rule 6", shortage::<G, B>)
            .needing(&[Need::Shortage, Need::HalfClose]),
    ]
}

fn idle_socket<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let actor = stage.actor("A").but(|ways| ways.writable = true);
    let key = stage.events.create(Kind::Stream, G::anywhere(Family::Inet)?, actor)?;
    stage.rests(A_WHILE, 3)?;
    let host = stage.net().host()?;
    let at = stage.net().address(&host)?;
    stage.events.channel(key)?.1.connect(&at)?;
    stage.tells(&["A: connect", "A: write"])
}

fn defaults<G: Ground, B: Backend<G> + Open>() -> Verdict {
    defaults_rest::<G, B>(false)
}

fn urgent_defaults<G: Ground, B: Backend<G> + Open>() -> Verdict {
    defaults_rest::<G, B>(true)
}

fn defaults_rest<G: Ground, B: Backend<G> + Open>(urgent: bool) -> Verdict {
    let mut events = fresh_loop::<Defaults, G, B>()?;
    let door = events.listen(G::anywhere(Family::Inet)?, Defaults)?;
    let at = events.channel(door)?.1.local_address()?;
    let net = events.net_mut();
    let (idle, _idle_peer) = net.pair()?;
    let (busy, mut busy_peer) = net.pair()?;
    net.say(&mut busy_peer, b"hello")?;
    net.reached(&busy, &[Sign::Data])?;
    if urgent {
        net.urge(&mut busy_peer, b"!")?;
        net.reached(&busy, &[Sign::Data, Sign::Urgent])?;
    }
    events.add(idle, Defaults)?;
    events.add(busy, Defaults)?;
    // A caller that nobody takes is hung up on.
    let mut caller = events.net_mut().dial(&at)?;
    let until = events.net().clock() + PATIENCE;
    while hear_all(events.net_mut(), &mut caller, &mut Vec::new())? {
        hold(events.net().clock() < until, || "nobody hangs up on the caller".into())?;
        events.turn(Some(Duration::from_millis(1)))?;
    }
    events.run_turns(4, Some(Duration::from_millis(1)))?;
    let (before, began) = (events.backend().waits, events.net().clock());
    events.turn(Some(A_WHILE))?;
    let (waits, took) = (events.backend().waits - before, events.net().clock().saturating_since(began));
    hold(waits <= 2 && took >= A_WHILE, || format!("expected a wait of {A_WHILE:?}, came {waits} in {took:?}"))?;
    same("channels", events.len(), 3)
}

fn idle_loop<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (_, _theirs) = stage.pair(stage.actor("A"))?;
    stage.listen(stage.actor("L"))?;
    stage.rests(A_WHILE, 3)?;
    let (waits, changes) = (stage.events.backend().waits, stage.events.backend().changes);
    for _ in 0..5 {
        stage.events.turn(Some(Duration::from_millis(1)))?;
    }
    same("waits in 5 turns", stage.events.backend().waits - waits, 5)?;
    same("changes", stage.events.backend().changes - changes, 0)
}

/// A channel that wants nothing, whose peer has said something and gone: the loop waits, without an end of its own, for
/// somebody else.
fn sleeps<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let net = stage.net();
    let (ours, mut theirs) = net.pair()?;
    net.say(&mut theirs, b"ab")?;
    net.hang_up(theirs);
    net.reached(&ours, &[Sign::Data, Sign::End])?;
    let key = stage.events.add(ours, stage.actor("A").but(|ways| ways.readable = false))?;
    let (_, theirs) = stage.pair(stage.actor("B"))?;
    stage.rests(A_WHILE, 3)?;
    let began = stage.net().clock();
    let later = stage.net().say_later(A_WHILE, theirs, b"cd")?;
    let before = stage.events.backend().waits;
    stage.events.turn(None)?;
    let took = stage.elapsed(began);
    hold(took >= A_WHILE, || format!("expected a turn of {A_WHILE:?}, came {took:?}"))?;
    same("waits", stage.events.backend().waits - before, 1)?;
    let theirs = stage.net().done(later)?;
    same("what was told", stage.log.lines(), ["B: read cd"])?;
    stage.net().hang_up(theirs);
    // Whoever slept has lost nothing.
    stage.events.channel(key)?.0.ways.readable = true;
    stage.until("what it did not want before", |lines| lines.iter().any(|line| line == "A: close end"))?;
    same("what it was told", stage.log.of("A"), ["read ab", "close end"])
}

fn listener_paused<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (key, at) = stage.listen(stage.actor("L").but(|ways| (ways.readable, ways.writable) = (false, true)))?;
    let _caller = stage.net().dial(&at)?;
    stage.rests(A_WHILE, 3)?;
    stage.events.channel(key)?.0.ways.readable = true;
    stage.tells(&["L: accept"])
}

fn shortage<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (key, at) = stage.listen(stage.actor("L"))?;
    let mut callers = (0..4).map(|_| stage.net().dial(&at)).collect::<Result<Vec<_>, _>>()?;
    let mut shortage = stage.net().shortage()?;
    stage.tells(&["L: error none left"])?;
    // It tries again from time to time, and is told no more.
    stage.rests(Duration::from_millis(250), 12)?;
    stage.net().ease(&mut shortage);
    stage.tells(&["L: error none left", "L: accept"])?;
    // A descriptor that the loop itself gives back is used again.
    stage.net().half_close(&mut callers[0], Half::Write)?;
    stage.tells(&["L: error none left", "L: accept", "L.1: close end", "L: accept"])?;
    stage.net().relieve(shortage);
    let all = ["L: error none left", "L: accept", "L.1: close end", "L: accept", "L: accept", "L: accept"];
    stage.tells(&all)?;
    stage.rests(A_WHILE, 3)?;
    hold(stage.events.channel(key).is_ok(), || "the listener is gone".into())?;
    // The next want of descriptors is told again.
    stage.log.clear();
    let _caller = stage.net().dial(&at)?;
    let shortage = stage.net().shortage()?;
    stage.tells(&["L: error none left"])?;
    stage.net().relieve(shortage);
    stage.tells(&["L: error none left", "L: accept"])
}
