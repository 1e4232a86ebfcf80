//! Rules 5 and 10: connect is always told, and the same story goes on beside another.

use stheno::{Backend, Error, ErrorKind, Half, Kind, Open, Received};

use super::super::support::{A_WHILE, Stage, hold, same};
use super::super::{Case, Verdict};
use crate::ground::{Ground, Need};

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("a-connect-is-told-to-whoever-wants-nothing", "rule 5", connect_told::<G, B>),
        case("a-connect-comes-before-the-first-write", "rule 5", connect_then_write::<G, B>),
        case("a-refusal-is-an-error-and-then-a-close", "rules 2 and 5", refused::<G, B>),
        case("what-is-not-connected-yet-is-silent-and-says-so", "rules 5 and 6", not_yet::<G, B>),
        case("two-loops-do-not-know-of-each-other", "rule 10", two_loops::<G, B>).needing(&[Need::TwoLoops]),
    ]
}

fn connect_told<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let host = stage.net().host()?;
    let at = stage.net().address(&host)?;
    let actor = stage
        .actor("C")
        .but(|ways| (ways.readable, ways.writable) = (false, false))
        .on(|_, _, channel| if channel.connected() { Ok(()) } else { Err(Error::user("not connected", 0)) });
    let key = stage.events.connect(at, actor)?;
    stage.tells(&["C: connect"])?;
    stage.rests(A_WHILE, 3)?;
    hold(stage.events.channel(key)?.1.connected(), || "the channel is not connected".into())
}

fn connect_then_write<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let host = stage.net().host()?;
    let at = stage.net().address(&host)?;
    let actor = stage.actor("C").but(|ways| ways.writable = true).on(|event, ways, _| {
        ways.writable &= event != "write";
        Ok(())
    });
    stage.events.connect(at, actor)?;
    stage.tells(&["C: connect", "C: write"])?;
    stage.rests(A_WHILE, 3)
}

fn refused<G: Ground, B: Backend<G> + Open>() -> Verdict {
    for wants in [false, true] {
        let mut stage = Stage::<G, B>::new()?;
        let nowhere = stage.net().nowhere()?;
        let actor = stage.actor("C").but(|ways| (ways.readable, ways.writable) = (wants, wants));
        match stage.events.connect(nowhere, actor) {
            Ok(_) => stage.tells(&["C: error ECONNREFUSED", "C: close ECONNREFUSED"])?,
            // A network that knows at once tells the program, which has no channel then.
            Err(why) => same("the refusal", why.kind(), ErrorKind::Disconnected)?,
        }
        hold(stage.events.is_empty(), || "the channel is still there".into())?;
    }
    Ok(())
}

/// A socket that is in the loop before it connects.
fn not_yet<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (_, at) = stage.listen(stage.actor("L"))?;
    let actor = stage.actor("C").but(|ways| ways.writable = true).on(|event, ways, _| {
        ways.writable &= event != "write";
        Ok(())
    });
    let key = stage.events.create(Kind::Stream, at.clone(), actor)?;
    stage.rests(A_WHILE, 3)?;
    let (_, mut io) = stage.events.channel(key)?;
    let unsupported = Err(ErrorKind::Unsupported);
    same("a send", io.send(b"x").map(drop).map_err(|why| why.kind()), unsupported)?;
    same("a receive", io.recv(&mut [0; 4]).map(drop).map_err(|why| why.kind()), unsupported)?;
    same("a shutdown", io.shutdown(Half::Write).map_err(|why| why.kind()), unsupported)?;
    stage.rests(A_WHILE, 3)?;
    let (_, mut io) = stage.events.channel(key)?;
    io.connect(&at)?;
    same("a send while it connects", io.send(b"x")?, 0)?;
    same("a receive while it connects", io.recv(&mut [0; 4])?, Received::WouldBlock)?;
    stage.until("both ends", |lines| lines.len() >= 3)?;
    same("what it was told", stage.log.of("C"), ["connect", "write"])
}

fn two_loops<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let (mut one, mut other) = (Stage::<G, B>::new()?, Stage::<G, B>::new()?);
    let (_, at) = one.listen(one.actor("L"))?;
    let key = other.events.connect(at, other.actor("C"))?;
    other.tells(&["C: connect"])?;
    one.tells(&["L: accept"])?;
    other.events.channel(key)?.1.send(b"hello")?;
    one.tells(&["L: accept", "L.1: read hello"])?;
    one.events.close_all();
    other.tells(&["C: connect", "C: close end"])
}
