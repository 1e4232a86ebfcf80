//! The end of the peer's stream is told apart from the close.

use std::time::Duration;

use stheno::{Backend, Half, Open, Received, State};

use super::super::far_end::hear_all;
use super::super::support::{A_WHILE, PATIENCE, Stage, hold, same};
use super::super::{Case, Verdict};
use crate::ground::{Ground, Need, Sign};

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let halves = &[Need::HalfClose];
    let case = |name, clauses, check| Case::new(name, clauses, check).needing(halves);
    vec![
        case("the-end-of-a-stream-is-told-before-the-close", "rules 1 and 2", told_before::<G, B>),
        case("a-half-closed-channel-sends-all-that-it-has", "rule 3", sends_on::<G, B>),
        case("a-half-closed-channel-costs-nothing", "rule 6", silent::<G, B>),
        case("who-has-shut-its-own-half-is-told-the-end-and-the-close", "rule 2", both::<G, B>),
        case("an-end-that-was-found-is-told-to-who-shuts-its-half-then", "rules 2 and 3", shut_behind::<G, B>),
        case("a-half-closed-channel-is-told-once-that-its-peer-has-gone", "rule 2", gone::<G, B>),
    ]
}

fn told_before<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let actor = stage
        .actor("A")
        .but(|ways| ways.keeps_sending = true)
        .on(|event, _, channel| if event == "eof" { channel.send(b"answer").map(drop) } else { Ok(()) });
    let (key, mut theirs) = stage.pair(actor)?;
    stage.net().say(&mut theirs, b"question")?;
    stage.net().half_close(&mut theirs, Half::Write)?;
    stage.tells(&["A: read question", "A: eof"])?;
    let mut came = Vec::new();
    hears(&mut stage, &mut theirs, &mut came, 6)?;
    same("what came", came, b"answer")?;
    stage.events.channel(key)?.1.shutdown(Half::Write)?;
    stage.tells(&["A: read question", "A: eof", "A: close end"])
}

/// More than any network takes at once.
fn sends_on<G: Ground, B: Backend<G> + Open>() -> Verdict {
    const ALL: usize = 1 << 20;
    let mut stage = Stage::<G, B>::new()?;
    let mut left = ALL;
    let actor = stage.actor("A").but(|ways| ways.keeps_sending = true).on(move |event, ways, channel| {
        ways.writable = channel.state() != State::OPEN && left > 0;
        if event == "write" {
            left -= channel.send(&[b'.'; 8192][..left.min(8192)])?;
            if left == 0 {
                channel.shutdown(Half::Write)?;
            }
        }
        Ok(())
    });
    let (_, mut theirs) = stage.pair(actor)?;
    stage.net().half_close(&mut theirs, Half::Write)?;
    let mut came = Vec::new();
    hears(&mut stage, &mut theirs, &mut came, ALL)?;
    stage.tells(&["A: eof", "A: write", "A: close end"])
}

fn silent<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (key, mut theirs) = stage.pair(stage.actor("A").but(|ways| ways.keeps_sending = true))?;
    stage.net().half_close(&mut theirs, Half::Write)?;
    stage.tells(&["A: eof"])?;
    stage.rests(A_WHILE, 3)?;
    same("bytes sent", stage.events.channel(key)?.1.send(b"still here")?, 10)?;
    let mut came = Vec::new();
    hears(&mut stage, &mut theirs, &mut came, 10)
}

fn both<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (key, mut theirs) = stage.pair(stage.actor("A").but(|ways| ways.keeps_sending = true))?;
    stage.events.channel(key)?.1.shutdown(Half::Write)?;
    stage.net().say(&mut theirs, b"bye")?;
    stage.net().half_close(&mut theirs, Half::Write)?;
    stage.tells(&["A: read bye", "A: eof", "A: close end"])
}

/// To shut the half from which nothing more comes is not to say that nothing more is sent.
fn shut_behind<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let net = stage.net();
    let (ours, mut theirs) = net.pair()?;
    net.half_close(&mut theirs, Half::Write)?;
    net.reached(&ours, &[Sign::End])?;
    let key = stage.events.add(ours, stage.actor("A").but(|ways| ways.keeps_sending = true))?;
    let (_, mut io) = stage.events.channel(key)?;
    same("what came", io.recv(&mut [0; 8])?, Received::End)?;
    io.shutdown(Half::Read)?;
    stage.tells(&["A: eof"])?;
    same("bytes sent", stage.events.channel(key)?.1.send(b"answer")?, 6)?;
    let mut came = Vec::new();
    hears(&mut stage, &mut theirs, &mut came, 6)
}

/// The peer goes altogether while there is more to send to it.
fn gone<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let actor = stage.actor("A").but(|ways| ways.keeps_sending = true).on(|event, ways, channel| {
        ways.writable = channel.state() != State::OPEN;
        if event == "write" { channel.send(&[b'.'; 4096]).map(drop) } else { Ok(()) }
    });
    let (_, mut theirs) = stage.pair(actor)?;
    stage.net().half_close(&mut theirs, Half::Write)?;
    stage.until("something sent", |lines| lines.len() >= 2)?;
    stage.net().hang_up(theirs);
    stage.until("the close", |lines| lines.len() >= 3)?;
    let lines = stage.log.lines();
    same("what was told first", &lines[..2], ["A: eof", "A: write"])?;
    // Whether the break shows as a reset or as a broken pipe is a matter of how fast it is noticed.
    hold(lines.len() == 3 && lines[2].starts_with("A: close E"), || format!("expected a close, came {lines:?}"))
}

/// Turns until so many bytes have come to a far end.
fn hears<G: Ground, B: Backend<G> + Open>(
    stage: &mut Stage<G, B>,
    peer: &mut G::Peer,
    came: &mut Vec<u8>,
    count: usize,
) -> Verdict {
    let until = stage.net().clock() + PATIENCE;
    while came.len() < count {
        hold(stage.net().clock() < until, || format!("only {} of {count} bytes came", came.len()))?;
        hear_all(stage.net(), peer, came)?;
        stage.events.turn(Some(Duration::from_millis(1)))?;
    }
    same("bytes that came", came.len(), count)
}
