//! What one channel may do to the others.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use stheno::{Backend, Open, Received};

use super::super::support::{A_WHILE, Stage, hold, same};
use super::super::{Case, Verdict};
use crate::ground::{Ground, Sign};

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("a-paused-channel-is-silent-and-loses-nothing", "rules 3 and 6", paused::<G, B>),
        case("a-pause-outlasts-a-break", "rule 3", broken_while_paused::<G, B>),
        case("one-fast-peer-does-not-starve-the-others", "rule 8", fair::<G, B>),
        case("what-is-here-already-is-served-without-waiting", "rule 3", held::<G, B>),
        case("a-limited-table-leaves-callers-in-line", "rule 8", limited::<G, B>),
    ]
}

fn paused<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (key, mut theirs) = stage.pair(stage.actor("A"))?;
    stage.events.channel(key)?.1.pause();
    stage.net().say(&mut theirs, b"all-of-it")?;
    stage.net().hang_up(theirs);
    stage.rests(A_WHILE, 4)?;
    stage.events.channel(key)?.1.resume();
    stage.tells(&["A: read all-of-it", "A: close end"])
}

fn broken_while_paused<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (ours, mut theirs) = stage.net().pair()?;
    stage.net().say(&mut theirs, b"last-words")?;
    stage.net().hang_up(theirs);
    stage.net().reached(&ours, &[Sign::Data, Sign::End])?;
    let key = stage.events.add(ours, stage.actor("A").but(|ways| ways.chunk = 4))?;
    stage.events.channel(key)?.1.pause();
    // The first send is what the peer answers with a reset, a later one what finds it.
    for _ in 0..200 {
        if stage.events.channel(key)?.1.send(b"x").is_err() {
            break;
        }
        stage.net().pass(Duration::from_millis(1));
    }
    stage.rests(A_WHILE, 4)?;
    hold(stage.events.channel(key).is_ok(), || "the channel was closed while it was paused".into())?;
    stage.events.channel(key)?.1.resume();
    stage.tells(&["A: read last", "A: read -wor", "A: read ds", "A: close EPIPE"])
}

/// A channel that reads for as long as there is something, whose peer is never at a loss.
fn fair<G: Ground, B: Backend<G> + Open>() -> Verdict {
    const BUDGET: usize = 4096;
    const FLOOD: usize = 16 * BUDGET;
    let mut stage = Stage::<G, B>::new()?;
    stage.events.set_byte_budget(BUDGET);
    let taken = Rc::new(Cell::new(0));
    let count = taken.clone();
    let greedy = stage.actor("greedy").but(|ways| ways.chunk = 0).on(move |event, _, channel| {
        if event == "read" {
            let mut some = [0; 1000];
            while let Received::Data(n) = channel.recv(&mut some)? {
                count.set(count.get() + n);
            }
        }
        Ok(())
    });
    let (ours, mut flood) = stage.net().pair()?;
    let mut sent = 0;
    while sent < FLOOD {
        stage.net().say(&mut flood, &[b'.'; 2048])?;
        sent += 2048;
        stage.net().pass(Duration::ZERO);
    }
    stage.net().reached(&ours, &[Sign::Data])?;
    stage.events.add(ours, greedy)?;
    let mut modest = Vec::new();
    for name in ["a", "b", "c"] {
        let (ours, mut theirs) = stage.net().pair()?;
        stage.net().say(&mut theirs, b"x")?;
        stage.net().reached(&ours, &[Sign::Data])?;
        stage.events.add(ours, stage.actor(name))?;
        modest.push(theirs);
    }
    let mut turns = 0;
    while taken.get() < FLOOD {
        let before = taken.get();
        stage.events.turn(Some(Duration::from_millis(100)))?;
        turns += 1;
        hold(taken.get() - before <= BUDGET, || format!("{} bytes in one turn", taken.get() - before))?;
        if turns == 1 {
            let served = stage.log.lines().iter().filter(|line| line.ends_with(": read x")).count();
            same("others served in the first turn", served, 3)?;
        }
        hold(turns < 1_000, || format!("only {} of {FLOOD} bytes came", taken.get()))?;
    }
    same("bytes", taken.get(), FLOOD)
}

fn held<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let mut again = 2;
    let actor = stage.actor("A").but(|ways| ways.chunk = 0).on(move |event, _, channel| {
        if event == "read" {
            channel.recv(&mut [0; 16])?;
            if again > 0 {
                again -= 1;
                channel.read_again();
            }
        }
        Ok(())
    });
    let (_, mut theirs) = stage.pair(actor)?;
    stage.net().say(&mut theirs, b"x")?;
    stage.until("the first read", |lines| lines.len() == 1)?;
    // These would wait for ever, if they waited at all.
    stage.events.turn(None)?;
    stage.events.turn(None)?;
    same("what was told", stage.log.lines(), ["A: read"; 3])?;
    stage.rests(A_WHILE, 3)
}

fn limited<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    stage.events.set_limit(2);
    let (_, at) = stage.listen(stage.actor("L"))?;
    let first = stage.net().dial(&at)?;
    let _second = stage.net().dial(&at)?;
    stage.tells(&["L: accept", "L: error Full"])?;
    stage.rests(A_WHILE, 3)?;
    stage.net().hang_up(first);
    stage.tells(&["L: accept", "L: error Full", "L.1: close end", "L: accept"])
}
