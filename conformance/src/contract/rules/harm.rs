//! Rule 7: one bad channel harms itself alone.

use std::time::Duration;

use stheno::{Backend, Error, ErrorKind, Fired, Open, Readiness};

use super::super::far_end::hear_to_the_end;
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
        case("what-is-not-open-is-an-error-and-a-close-whatever-the-handler-says", "rule 7", invalid::<G, B>),
        case(
            "a-failing-handle-error-closes-and-a-failing-handle-close-changes-nothing",
            "rules 2 and 7",
            failing_last::<G, B>,
        ),
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

/// The error is told, and nothing can be made of it: not even by a handler that takes errors upon itself.
fn invalid<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (key, mut bad) = stage.pair(stage.actor("A").but(|ways| ways.forgiving = true))?;
    let (_, mut good) = stage.pair(stage.actor("B"))?;
    stage.net().say(&mut bad, b"ab")?;
    stage.events.dispatch(Fired { key, readiness: Readiness::INVALID | Readiness::READABLE });
    stage.events.settle();
    let told = ["A: error not open", "A: close not open"];
    same("what was told", stage.log.lines(), told)?;
    hold(stage.events.channel(key).is_err(), || "the channel is still there".into())?;
    // With what it has not read it may end in a reset.
    hear_to_the_end(stage.net(), &mut bad)?;
    stage.net().say(&mut good, b"cd")?;
    stage.tells(&[told[0], told[1], "B: read cd"])
}

/// Those who fail where they are told of a failure, and of the end.
fn failing_last<G: Ground, B: Backend<G> + Open>() -> Verdict {
    for (at, expected) in [
        ("error", ["A: read ab", "A: error handler", "A: close handler"]),
        ("close", ["A: read ab", "A: error handler", "A: close handler"]),
    ] {
        let mut stage = Stage::<G, B>::new()?;
        // It takes the error upon itself, and would go on.
        let actor = stage.actor("A").but(|ways| ways.forgiving = at == "error").on(move |event, _, _| match event {
            "read" => Err(Error::user("asked to fail", 0)),
            event if event == at => Err(Error::user("asked to fail there, too", 0)),
            _ => Ok(()),
        });
        let (_, mut bad) = stage.pair(actor)?;
        let (_, mut good) = stage.pair(stage.actor("B"))?;
        stage.net().say(&mut bad, b"ab")?;
        stage.tells(&expected)?;
        same("what the far end heard", hear_to_the_end(stage.net(), &mut bad)?, Vec::<u8>::new())?;
        stage.net().say(&mut good, b"cd")?;
        stage.tells(&[&expected[..], &["B: read cd"]].concat())?;
    }
    Ok(())
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
