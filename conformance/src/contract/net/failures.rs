//! N2: failures are classified once, where they happen.

use stheno::{ErrorKind, Half, Kind, Received};

use super::super::support::{hold, same};
use super::super::{Case, Verdict};
use super::{comes, fails, listener, next_caller, recv_all};
use crate::ground::{Family, Ground, Need, Sign};

pub(super) fn cases<G: Ground>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("a-connection-that-was-reset-is-over", "N2 N3", reset::<G>).needing(&[Need::Resets]),
        case("a-send-to-nobody-finds-the-connection-over", "N2 N5", broken::<G>).needing(&[Need::LocalPairs]),
        case("want-of-sockets-is-exhaustion-and-passes", "N2", exhausted::<G>).needing(&[Need::Shortage]),
        case("a-socket-that-is-not-open-is-a-bad-descriptor", "N2", closed_behind::<G>)
            .needing(&[Need::ClosedBehind, Need::HalfClose]),
        case("an-address-in-use-is-an-error-of-the-second", "N2", in_use::<G>),
        case("a-stream-has-no-datagrams", "N2", no_datagrams::<G>),
        case("a-socket-without-a-peer-does-not-say-whose-it-is", "N2", no_peer::<G>),
        case("a-socket-that-does-not-listen-accepts-nobody", "N2 N8", no_listener::<G>),
    ]
}

fn reset<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    for found_by_sending in [false, true] {
        let (mut ours, theirs) = net.pair()?;
        net.reset(theirs)?;
        net.reached(&ours, &[Sign::Error])?;
        if found_by_sending {
            fails("a send", net.send(&mut ours, b"x"), ErrorKind::Disconnected)?;
        } else {
            fails("a receive", net.recv(&mut ours, &mut [0; 8]), ErrorKind::Disconnected)?;
        }
        // Whatever is said after that, it is neither data nor a wait.
        let again = net.recv(&mut ours, &mut [0; 8]);
        hold(matches!(again, Ok(Received::End) | Err(_)), || format!("a receive after the reset: {again:?}"))?;
        fails("a send after the reset", net.send(&mut ours, b"x"), ErrorKind::Disconnected)?;
    }
    Ok(())
}

fn broken<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut ours, theirs) = net.local_pair()?;
    net.hang_up(theirs);
    fails("a send", net.send(&mut ours, b"x"), ErrorKind::Disconnected)?;
    fails("a vectored send", net.send_vectored(&mut ours, [b"x", b"y"]), ErrorKind::Disconnected)?;
    same("a receive", recv_all(&mut net, &mut ours, 8)?.1, Ok(Received::End))
}

fn exhausted<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let like = G::anywhere(Family::Inet)?;
    let mut shortage = net.shortage()?;
    let socket = |net: &mut G| net.socket(Kind::Stream, &like).map(|socket| net.close(socket));
    fails("a socket", socket(&mut net), ErrorKind::Exhausted)?;
    net.ease(&mut shortage);
    socket(&mut net)?;
    net.relieve(shortage);
    socket(&mut net)?;
    Ok(())
}

fn closed_behind<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (ours, theirs) = net.pair()?;
    let mut gone = net.close_behind(ours)?;
    let bad = ErrorKind::BadDescriptor;
    fails("a receive", net.recv(&mut gone, &mut [0; 8]), bad)?;
    fails("a vectored receive", net.recv_vectored(&mut gone, [&mut [0; 8], &mut [0; 8]]), bad)?;
    fails("a send", net.send(&mut gone, b"x"), bad)?;
    fails("a vectored send", net.send_vectored(&mut gone, [b"x", b"y"]), bad)?;
    fails("a shutdown", net.shutdown(&mut gone, Half::Write), bad)?;
    fails("the question for an error", net.take_error(&mut gone), bad)?;
    fails("the local address", net.local_address(&gone), bad)?;
    fails("the peer's address", net.peer_address(&gone), bad)?;
    fails("the state", net.state(&gone), bad)?;
    let (door, _) = listener(&mut net, 1)?;
    let mut gone = net.close_behind(door)?;
    fails("an accept", net.accept(&mut gone).map(drop), bad)?;
    net.hang_up(theirs);
    Ok(())
}

fn in_use<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut door, at) = listener(&mut net, 4)?;
    let mut second = net.socket(Kind::Stream, &at)?;
    let came = net.bind(&mut second, &at);
    // Whoever finds an address taken has no connection that could be over, and nothing that will pass by waiting.
    let kinds = [ErrorKind::Other, ErrorKind::Invalid];
    hold(came.is_err_and(|why| kinds.contains(&why.kind())), || format!("binding it again: {came:?}"))?;
    net.close(second);
    let mut caller = net.dial(&at)?;
    let (mut guest, _) = next_caller(&mut net, &mut door)?;
    net.say(&mut caller, b"hello")?;
    comes(&mut net, &mut guest, b"hello")
}

fn no_datagrams<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut ours, mut theirs) = net.pair()?;
    let anywhere = G::anywhere(Family::Inet)?;
    net.say(&mut theirs, b"ab")?;
    net.reached(&ours, &[Sign::Data])?;
    fails("a datagram from a stream", net.recv_from(&mut ours, &mut [0; 8]).map(drop), ErrorKind::Unsupported)?;
    fails("a datagram to a stream", net.send_to(&mut ours, b"x", &anywhere), ErrorKind::Unsupported)?;
    comes(&mut net, &mut ours, b"ab")
}

fn no_peer<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let fresh = net.socket(Kind::Stream, &G::anywhere(Family::Inet)?)?;
    let (door, _) = listener(&mut net, 1)?;
    for socket in [&fresh, &door] {
        let peer = net.peer_address(socket);
        hold(peer.is_err(), || format!("expected an error, came {peer:?}"))?;
    }
    Ok(())
}

fn no_listener<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut ours, mut theirs) = net.pair()?;
    let came = net.accept(&mut ours).map(|caller| caller.map(|(_, from)| from));
    hold(came.is_err(), || format!("expected an error, came {came:?}"))?;
    net.say(&mut theirs, b"ab")?;
    comes(&mut net, &mut ours, b"ab")
}
