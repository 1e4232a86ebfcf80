//! Rule 2: at most one close, and nothing after it.

use std::time::Duration;

use stheno::{Backend, Error, ErrorKind, Fired, Half, Net, Open, Readiness};

use super::super::support::{Stage, Ways, hold, same};
use super::super::{Case, Failure, Verdict};
use crate::ground::{Ground, Need, Sign};

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("closing-in-a-handler-ends-the-firing", "rules 1 and 2", closed_in_a_handler::<G, B>),
        case("closing-in-a-handler-ends-the-firing-of-a-hang-up", "rules 1 and 2", closed_in_a_handler_hung_up::<G, B>)
            .needing(&[Need::LocalPairs]),
        case("closing-everyone-while-results-wait-tells-nobody-more", "rules 2 and 4", all_closed::<G, B>)
            .needing(&[Need::Sockets(600)]),
        case("a-close-in-handle-connect-is-the-last-word", "rule 2", closed_in_connect::<G, B>),
        case("a-close-in-handle-error-is-the-last-word", "rule 2", closed_in_error::<G, B>),
        case("an-end-that-is-found-again-and-again-is-told-once", "rule 2", found_again::<G, B>),
        case("a-reset-is-one-close", "rule 2", one_close_for_a_reset::<G, B>).needing(&[Need::Resets]),
        case("a-half-closed-peer-is-one-close", "rule 2", one_close_for_an_end::<G, B>).needing(&[Need::HalfClose]),
    ]
}

fn closed_in_a_handler<G: Ground, B: Backend<G> + Open>() -> Verdict {
    closed_in_one_of::<G, B>(G::pair, Sign::End)
}

fn closed_in_a_handler_hung_up<G: Ground, B: Backend<G> + Open>() -> Verdict {
    closed_in_one_of::<G, B>(G::local_pair, Sign::HungUp)
}

type Pair<G> = Result<(<G as Net>::Socket, <G as Ground>::Peer), Failure>;

fn closed_in_one_of<G: Ground, B: Backend<G> + Open>(pair: fn(&mut G) -> Pair<G>, over: Sign) -> Verdict {
    for (readable, expected) in [(true, "A: read ab"), (false, "A: write")] {
        let mut stage = Stage::<G, B>::new()?;
        let net = stage.net();
        let (ours, mut theirs) = pair(net)?;
        net.say(&mut theirs, b"ab")?;
        net.reached(&ours, &[Sign::Data])?;
        net.hang_up(theirs);
        net.reached(&ours, &[over])?;
        let actor =
            stage.actor("A").but(|ways| (ways.readable, ways.writable) = (readable, true)).on(|_, _, channel| {
                channel.close();
                channel.close();
                Ok(())
            });
        let key = stage.events.add(ours, actor)?;
        stage.tells(&[expected])?;
        hold(stage.events.is_empty() && stage.events.channel(key).is_err(), || "the channel is still there".into())?;
        same("closing it again", stage.events.close(key).map_err(|why| why.kind()), Err(ErrorKind::Stale))?;
    }
    Ok(())
}

fn closed_in_connect<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let host = stage.net().host()?;
    let at = stage.net().address(&host)?;
    let actor = stage.actor("C").but(|ways| ways.writable = true).on(|_, _, channel| {
        channel.close();
        Ok(())
    });
    stage.events.connect(at, actor)?;
    stage.tells(&["C: connect"])?;
    hold(stage.events.is_empty(), || "the channel is still there".into())
}

fn closed_in_error<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let actor = stage.actor("A").on(|event, _, channel| {
        if event == "error" {
            channel.close();
            return Ok(());
        }
        Err(Error::user("asked to fail", 0))
    });
    let (_, mut theirs) = stage.pair(actor)?;
    stage.net().say(&mut theirs, b"ab")?;
    stage.tells(&["A: read ab", "A: error handler"])?;
    hold(stage.events.is_empty(), || "the channel is still there".into())
}

/// Whoever finds the end in each of its handlers, and that nothing can be sent, in one firing after the other.
fn found_again<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let net = stage.net();
    let (ours, theirs) = net.pair()?;
    net.hang_up(theirs);
    net.reached(&ours, &[Sign::End])?;
    // Nothing is received before the script does it.
    let ways = |ways: &mut Ways| (ways.writable, ways.chunk) = (true, 0);
    let actor = stage.actor("A").but(ways).on(|event, _, channel| {
        if event == "read" || event == "write" {
            for _ in 0..3 {
                let _ = channel.recv(&mut [0; 8]);
                let _ = channel.send(b"to nobody");
            }
            channel.send(b"to nobody")?;
        }
        Ok(())
    });
    let key = stage.events.add(ours, actor)?;
    for _ in 0..2 {
        let everything = Readiness::READABLE | Readiness::WRITABLE | Readiness::HANGUP | Readiness::ERROR;
        stage.events.dispatch(Fired { key, readiness: everything });
    }
    stage.events.run_turns(3, Some(Duration::from_millis(5)))?;
    let told = stage.log.of("A");
    let closes = told.iter().filter(|line| line.starts_with("close")).count();
    hold(closes == 1 && told.last().is_some_and(|line| line.starts_with("close")), || {
        format!("expected one close, and that last, came {told:?}")
    })?;
    hold(stage.events.is_empty(), || "the channel is still there".into())
}

fn one_close_for_a_reset<G: Ground, B: Backend<G> + Open>() -> Verdict {
    for writable in [false, true] {
        let mut stage = Stage::<G, B>::new()?;
        let net = stage.net();
        let (ours, theirs) = net.pair()?;
        net.reset(theirs)?;
        net.reached(&ours, &[Sign::HungUp, Sign::Error])?;
        stage.events.add(ours, stage.actor("A").but(|ways| ways.writable = writable))?;
        stage.tells(&["A: close ECONNRESET"])?;
        hold(stage.events.is_empty(), || "the channel is still there".into())?;
    }
    Ok(())
}

fn one_close_for_an_end<G: Ground, B: Backend<G> + Open>() -> Verdict {
    for writable in [false, true] {
        let mut stage = Stage::<G, B>::new()?;
        let net = stage.net();
        let (ours, mut theirs) = net.pair()?;
        net.half_close(&mut theirs, Half::Write)?;
        net.reached(&ours, &[Sign::End])?;
        stage.events.add(ours, stage.actor("A").but(|ways| ways.writable = writable))?;
        stage.tells(&["A: close end"])?;
        hold(stage.events.is_empty(), || "the channel is still there".into())?;
    }
    Ok(())
}

/// Hundreds are ready; whoever is told first closes them all, itself included.
fn all_closed<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    stage.net().room_for(600)?;
    let mut peers = Vec::new();
    for _ in 0..300 {
        let net = stage.net();
        let (ours, mut theirs) = net.sockets()?;
        same("bytes sent", net.send(&mut theirs, b"x")?, Some(1))?;
        net.reached(&ours, &[Sign::Data])?;
        let closer = stage.actor("A").on(|_, _, channel| {
            channel.for_each_neighbour(|_, neighbour| {
                neighbour.close();
                false
            });
            channel.close();
            Ok(())
        });
        stage.events.add(ours, closer)?;
        peers.push(theirs);
    }
    stage.tells(&["A: read x"])?;
    hold(stage.events.is_empty(), || format!("{} channels are still there", stage.events.len()))?;
    for theirs in &peers {
        stage.net().reached(theirs, &[Sign::End])?;
    }
    Ok(())
}
