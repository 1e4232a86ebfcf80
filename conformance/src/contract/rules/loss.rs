//! Rule 3: nothing is lost.

use std::time::Duration;

use stheno::{Backend, Error, ErrorKind, Half, Open, Outbox, Received};

use super::super::far_end::hear_all;
use super::super::support::{PATIENCE, Stage, hold, same};
use super::super::{Case, Verdict};
use crate::ground::{Ground, Need, Sign};

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("nothing-is-lost-before-an-end", "rule 3", before_an_end::<G, B>),
        case("nothing-is-lost-where-both-sides-shut-their-writing", "rule 3", half_closed::<G, B>)
            .needing(&[Need::HalfClose]),
        case("a-half-that-is-shut-is-heard-and-the-other-goes-on", "rule 3", one_half::<G, B>)
            .needing(&[Need::HalfClose]),
        case("what-a-send-did-not-take-follows-in-order", "rules 3 and 8", partial_sends::<G, B>),
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

/// Both ends in one loop: who has said all shuts its half, is answered all the same, and only then hears the end.
fn one_half<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (caller, host) = stage.net().sockets()?;
    let key = stage.events.add(caller, stage.actor("C"))?;
    let mut heard = Vec::new();
    // Answers at the end, when the other one may still be listening and says no more.
    let answering = stage.actor("H").but(|ways| ways.chunk = 0).on(move |event, _, channel| {
        if event != "read" {
            return Ok(());
        }
        let mut some = [0; 8];
        match channel.recv(&mut some)? {
            Received::Data(n) => heard.extend(&some[..n]),
            Received::End => same_words(channel.send(&heard)?, heard.len())?,
            Received::WouldBlock => {}
        }
        Ok(())
    });
    stage.events.add(host, answering)?;
    let (_, mut io) = stage.events.channel(key)?;
    same("bytes sent", io.send(b"last-words")?, 10)?;
    io.shutdown(Half::Write)?;
    hold(io.connected(), || "half a connection is none".into())?;
    same("a send after that", io.send(b"x").map_err(|why| why.kind()), Err(ErrorKind::Unsupported))?;
    stage.until("both ends", |lines| lines.iter().filter(|line| line.contains(": close")).count() == 2)?;
    same("what came back", &*stage.log.heard("C"), b"last-words")?;
    same(
        "the last word of each",
        [stage.log.of("C").pop(), stage.log.of("H").pop()],
        [END, END].map(|end| Some(end.to_owned())),
    )
}

const END: &str = "close end";

fn same_words(sent: usize, all: usize) -> stheno::Result<()> {
    if sent == all { Ok(()) } else { Err(Error::user("not all of it was sent", 0)) }
}

/// Much more than the network takes at once, into an outbox that has room for it.
fn partial_sends<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (ours, mut theirs) = stage.net().pair()?;
    let key = stage.events.add(ours, stage.actor("A"))?;
    let mut outbox = Outbox::over(vec![0; 1 << 16].into_boxed_slice());
    let (mut sent, mut pieces) = (Vec::<u8>::new(), 0_usize);
    while outbox.is_empty() {
        let piece: Vec<u8> = (0..10_007_usize).map(|at| ((pieces + at) % 251) as u8).collect();
        outbox.send(&mut stage.events.channel(key)?.1, &piece)?;
        sent.extend(&piece);
        pieces += 1;
        hold(sent.len() < 1 << 26, || "the network takes everything".into())?;
    }
    hold(outbox.len() < sent.len(), || "nothing was sent".into())?;
    let (mut came, until) = (Vec::new(), stage.net().clock() + PATIENCE);
    while came.len() < sent.len() {
        hold(stage.net().clock() < until, || format!("{} of {} bytes came", came.len(), sent.len()))?;
        hold(hear_all(stage.net(), &mut theirs, &mut came)?, || "the connection is over".into())?;
        outbox.flush(&mut stage.events.channel(key)?.1)?;
        stage.net().pass(Duration::from_millis(1));
    }
    hold(came == sent, || "a byte is wrong".into())?;
    same("bytes that wait", outbox.len(), 0)
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
