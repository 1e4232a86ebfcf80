//! Rule 7: one bad channel harms itself alone.

use std::time::Duration;

use stheno::{Backend, Error, ErrorKind, Open};

use super::super::support::{A_WHILE, Defaults, Stage, Ways, fresh_loop, hold, same};
use super::super::{Case, Failure, Verdict};
use crate::ground::{Ground, Need, Sign};

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let case = Case::new;
    let datagrams = &[Need::Datagrams, Need::DatagramErrors];
    vec![
        case("a-failing-handler-harms-its-channel-alone", "rule 7", failing_handler::<G, B>),
        case("a-forgiven-error-closes-nothing", "rule 7", forgiven::<G, B>),
        case("a-disconnection-of-another-is-an-error-of-the-handler", "rule 7", foreign_disconnection::<G, B>),
        case("an-unreachable-datagram-is-an-error-and-no-end", "rule 7", unreachable::<G, B>).needing(datagrams),
        case("a-datagram-error-is-told-by-the-operation-that-meets-it", "rules 7 and 10", unreachable_writer::<G, B>)
            .needing(datagrams),
        case("a-caller-that-has-reset-is-accepted-and-closed", "rule 7", reset_before_accept::<G, B>)
            .needing(&[Need::Resets]),
    ]
}

fn failing_handler<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let actor = stage.actor("A").on(|event, _, _| match event {
        "read" => Err(Error::user("asked to fail", 0)),
        _ => Ok(()),
    });
    let (_, mut bad) = stage.pair(actor)?;
    let (_, mut good) = stage.pair(stage.actor("B"))?;
    stage.net().say(&mut bad, b"ab")?;
    stage.net().say(&mut good, b"cd")?;
    stage.until("both", |lines| lines.len() >= 4)?;
    let of = |name: &str| stage.log.lines().into_iter().filter(|line| line.starts_with(name)).collect::<Vec<_>>();
    same("the one that failed", of("A"), vec!["A: read ab", "A: error handler", "A: close handler"])?;
    same("the other", of("B"), vec!["B: read cd"])
}

fn forgiven<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let actor = stage.actor("A").but(|ways| ways.forgiving = true).on(|event, _, _| match event {
        "read" => Err(Error::user("asked to fail", 0)),
        _ => Ok(()),
    });
    let (_, mut theirs) = stage.pair(actor)?;
    stage.net().say(&mut theirs, b"ab")?;
    stage.tells(&["A: read ab", "A: error handler"])?;
    stage.net().say(&mut theirs, b"cd")?;
    stage.tells(&["A: read ab", "A: error handler", "A: read cd", "A: error handler"])
}

/// A handler that fails because some other connection broke: its own has not.
fn foreign_disconnection<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let actor = stage.actor("A").on(|event, _, _| match event {
        "read" => Err(Error::new(ErrorKind::Disconnected, "somebody else's").with_code(104)),
        _ => Ok(()),
    });
    let (_, mut theirs) = stage.pair(actor)?;
    stage.net().say(&mut theirs, b"ab")?;
    stage.tells(&["A: read ab", "A: error ECONNRESET", "A: close ECONNRESET"])
}

/// A datagram socket that has heard that nobody is where it sends to.
fn unheard<G: Ground>(net: &mut G) -> Result<G::Socket, Failure> {
    let nobody = net.mailbox()?;
    let nowhere = net.local_address(&nobody)?;
    net.close(nobody);
    let mut ours = net.mailbox()?;
    net.connect(&mut ours, &nowhere)?;
    same("bytes sent", net.send(&mut ours, b"hello")?, Some(5))?;
    net.reached(&ours, &[Sign::Error])?;
    Ok(ours)
}

fn unreachable<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let ours = unheard(stage.net())?;
    let key = stage.events.add(ours, stage.actor("U").but(|ways| ways.forgiving = true))?;
    stage.tells(&["U: error ECONNREFUSED"])?;
    stage.rests(A_WHILE, 3)?;
    hold(stage.events.channel(key).is_ok(), || "the channel is gone".into())?;
    let mut events = fresh_loop::<Defaults, G, B>()?;
    let ours = unheard(events.net_mut())?;
    let key = events.add(ours, Defaults)?;
    events.run_turns(4, Some(Duration::from_millis(1)))?;
    hold(events.channel(key).is_ok(), || "the default closes a datagram channel".into())
}

/// Who only wants to write hears of it when it sends, also where the system would tell before.
fn unreachable_writer<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let ours = unheard(stage.net())?;
    let ways = |ways: &mut Ways| (ways.readable, ways.writable, ways.forgiving) = (false, true, true);
    let mut writes = 0;
    let actor = stage.actor("U").but(ways).on(move |event, ways, channel| {
        if event != "write" {
            return Ok(());
        }
        writes += 1;
        ways.writable = writes < 2;
        if writes == 2 { channel.send(b"again").map(drop) } else { Ok(()) }
    });
    stage.events.add(ours, actor)?;
    stage.tells(&["U: write", "U: error ECONNREFUSED"])
}

fn reset_before_accept<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (key, at) = stage.listen(stage.actor("L"))?;
    let caller = stage.net().dial(&at)?;
    stage.net().reset(caller)?;
    stage.tells(&["L: accept", "L.1: close ECONNRESET"])?;
    hold(stage.events.channel(key).is_ok(), || "the listener is gone".into())
}
