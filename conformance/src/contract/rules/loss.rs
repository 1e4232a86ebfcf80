//! Rule 3: nothing is lost.

use stheno::{Backend, ErrorKind, Half, Open};

use super::super::support::{Stage, same};
use super::super::{Case, Verdict};
use crate::ground::{Ground, Need, Sign};

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("nothing-is-lost-before-an-end", "rule 3", before_an_end::<G, B>),
        case("nothing-is-lost-where-both-sides-shut-their-writing", "rule 3", half_closed::<G, B>)
            .needing(&[Need::HalfClose]),
        case("nothing-is-lost-before-a-reset", "rule 3", before_a_reset::<G, B>).needing(&[Need::Resets]),
        case("nothing-is-lost-before-a-reset-with-urgent-data", "rules 1 and 3", though_urgent::<G, B>)
            .needing(&[Need::Resets, Need::Urgent]),
        case("a-reset-that-a-send-met-is-no-end", "rules 2 and 3", reset_met_by_a_send::<G, B>)
            .needing(&[Need::Resets]),
        case("nothing-is-lost-after-a-send-broke", "rule 3", after_a_broken_send::<G, B>).needing(&[Need::LocalPairs]),
    ]
}

fn before_an_end<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let net = stage.net();
    let (ours, mut theirs) = net.pair()?;
    net.say(&mut theirs, b"0123456789")?;
    net.hang_up(theirs);
    net.reached(&ours, &[Sign::End])?;
    stage.events.add(ours, stage.actor("A").but(|ways| ways.chunk = 4))?;
    stage.tells(&["A: read 0123", "A: read 4567", "A: read 89", "A: close end"])
}

fn half_closed<G: Ground, B: Backend<G> + Open>() -> Verdict {
    // Whoever shuts its writing: the channel itself, or whoever had the socket before.
    for by_the_channel in [true, false] {
        let mut stage = Stage::<G, B>::new()?;
        let net = stage.net();
        let (mut ours, mut theirs) = net.pair()?;
        net.say(&mut theirs, b"012345")?;
        net.half_close(&mut theirs, Half::Write)?;
        net.reached(&ours, &[Sign::Data, Sign::End])?;
        if !by_the_channel {
            net.shutdown(&mut ours, Half::Write)?;
            net.reached(&ours, &[Sign::Data, Sign::HungUp])?;
        }
        let actor = stage.actor("A").but(|ways| (ways.chunk, ways.readable) = (2, false));
        let key = stage.events.add(ours, actor)?;
        stage.tells(&[])?;
        let (actor, mut io) = stage.events.channel(key)?;
        actor.ways.readable = true;
        if by_the_channel {
            io.shutdown(Half::Write)?;
        }
        stage.tells(&["A: read 01", "A: read 23", "A: read 45", "A: close end"])?;
    }
    Ok(())
}

fn before_a_reset<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let net = stage.net();
    let (ours, mut theirs) = net.pair()?;
    net.say(&mut theirs, b"012345")?;
    net.reached(&ours, &[Sign::Data])?;
    net.reset(theirs)?;
    net.reached(&ours, &[Sign::HungUp, Sign::Error])?;
    stage.events.add(ours, stage.actor("A").but(|ways| ways.chunk = 4))?;
    stage.tells(&["A: read 0123", "A: read 45", "A: close ECONNRESET"])
}

/// The question for the waiting error, which urgent data has to ask first, must not cut off what is still unread.
fn though_urgent<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let net = stage.net();
    let (ours, mut theirs) = net.pair()?;
    net.say(&mut theirs, b"0123456789")?;
    net.urge(&mut theirs, b"!")?;
    net.reached(&ours, &[Sign::Data, Sign::Urgent])?;
    net.reset(theirs)?;
    net.reached(&ours, &[Sign::HungUp, Sign::Error])?;
    stage.events.add(ours, stage.actor("A").but(|ways| ways.chunk = 4))?;
    stage.tells(&["A: read 0123", "A: read 4567", "A: read 89", "A: close ECONNRESET"])
}

/// The system tells an error once, and then an end: whoever takes that for the end of the stream takes a part for all.
fn reset_met_by_a_send<G: Ground, B: Backend<G> + Open>() -> Verdict {
    for data in [&b""[..], b"012345"] {
        let mut stage = Stage::<G, B>::new()?;
        let net = stage.net();
        let (ours, mut theirs) = net.pair()?;
        if !data.is_empty() {
            net.say(&mut theirs, data)?;
            net.reached(&ours, &[Sign::Data])?;
        }
        net.reset(theirs)?;
        net.reached(&ours, &[Sign::HungUp, Sign::Error])?;
        let key = stage.events.add(ours, stage.actor("A"))?;
        let came = stage.events.channel(key)?.1.send(b"?").map_err(|why| why.kind());
        same("a send after the reset", came, Err(ErrorKind::Disconnected))?;
        let expected = ["A: read 012345", "A: close ECONNRESET"];
        stage.tells(if data.is_empty() { &expected[1..] } else { &expected })?;
    }
    Ok(())
}

fn after_a_broken_send<G: Ground, B: Backend<G> + Open>() -> Verdict {
    for chunk in [1, 4096] {
        let mut stage = Stage::<G, B>::new()?;
        let net = stage.net();
        let (ours, mut theirs) = net.local_pair()?;
        net.say(&mut theirs, &[b'x'; 40])?;
        net.hang_up(theirs);
        let key = stage.events.add(ours, stage.actor("A").but(|ways| ways.chunk = chunk))?;
        let came = stage.events.channel(key)?.1.send(b"?").map_err(|why| why.kind());
        same("a send to nobody", came, Err(ErrorKind::Disconnected))?;
        stage.until("the close", |lines| lines.iter().any(|line| line.starts_with("A: close")))?;
        let mut lines = stage.log.lines();
        same("the last word", lines.pop(), Some("A: close EPIPE".to_owned()))?;
        same("reads", lines.len(), if chunk == 1 { 40 } else { 1 })?;
    }
    Ok(())
}
