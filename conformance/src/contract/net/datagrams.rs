//! N4: datagrams have borders, may be empty, and do not end.

use stheno::{ErrorKind, Kind, Received};

use super::super::far_end::hear;
use super::super::support::{hold, same};
use super::super::{Case, Verdict};
use super::fails;
use crate::ground::{Ground, Need, Sign};

pub(super) fn cases<G: Ground>() -> Vec<Case> {
    let case = |name, clauses, check| Case::new(name, clauses, check).needing(&[Need::Datagrams]);
    vec![
        case("an-empty-datagram-is-data-and-no-end", "N4", empty::<G>),
        case("a-datagram-that-does-not-fit-is-cut-and-says-so", "N4", truncated::<G>),
        case("a-datagram-says-who-sent-it-and-can-be-answered", "N4", answered::<G>),
        case("a-connected-datagram-socket-has-a-peer", "N4 N6", connected::<G>),
        case("a-connected-datagram-socket-hears-its-peer-alone", "N4 N6", hears_its_peer_alone::<G>),
        case("a-datagram-socket-may-be-given-another-peer", "N4 N6", another_peer::<G>),
        case("a-datagram-that-is-too-long-is-refused-whole", "N2 N4 N5", too_long::<G>),
        case("a-datagram-error-is-told-once", "N2 N7", error::<G>).needing(&[Need::Datagrams, Need::DatagramErrors]),
    ]
}

fn empty<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let mut ours = net.mailbox()?;
    let at = net.local_address(&ours)?;
    let mut sender = net.sender(&at)?;
    let from = net.address(&sender)?;
    for said in [&b""[..], b"a", b"", b""] {
        net.say(&mut sender, said)?;
    }
    net.hang_up(sender);
    for expected in [0, 1] {
        net.reached(&ours, &[Sign::Data])?;
        same("a receive", net.recv(&mut ours, &mut [0; 8])?, Received::Data(expected))?;
    }
    net.reached(&ours, &[Sign::Data])?;
    let came = net.recv_from(&mut ours, &mut [0; 8])?.ok_or("no datagram came")?;
    same("an empty one", (came.len, came.truncated, came.from), (0, false, from))?;
    net.reached(&ours, &[Sign::Data])?;
    same("the last one", net.recv(&mut ours, &mut [0; 8])?, Received::Data(0))?;
    // The sender is gone, and others may come.
    same("and after that", net.recv(&mut ours, &mut [0; 8])?, Received::WouldBlock)
}

fn truncated<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let mut ours = net.mailbox()?;
    let at = net.local_address(&ours)?;
    let mut sender = net.sender(&at)?;
    for said in [b"012345", b"6789ab", b"cdefgh"] {
        net.say(&mut sender, said)?;
    }
    let mut into = [b'-'; 6];
    for (room, truncated, expected) in [(4, true, b"0123--"), (6, false, b"6789ab")] {
        net.reached(&ours, &[Sign::Data])?;
        let came = net.recv_from(&mut ours, &mut into[..room])?.ok_or("no datagram came")?;
        same("how much of it, and whether that is not all", (came.len, came.truncated), (room, truncated))?;
        same("what came", into, *expected)?;
    }
    // A plain receive cuts it too, and does not give the rest as another one.
    net.reached(&ours, &[Sign::Data])?;
    same("a receive", net.recv(&mut ours, &mut into[..2])?, Received::Data(2))?;
    same("what came", &into[..2], b"cd")?;
    same("and after that", net.recv(&mut ours, &mut into)?, Received::WouldBlock)
}

fn answered<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let mut ours = net.mailbox()?;
    let at = net.local_address(&ours)?;
    let (mut one, mut other) = (net.sender(&at)?, net.sender(&at)?);
    for (sender, answer) in [(&mut one, b"first"), (&mut other, b"other")] {
        net.say(sender, b"who am I?")?;
        net.reached(&ours, &[Sign::Data])?;
        let mut into = [0; 16];
        let came = net.recv_from(&mut ours, &mut into)?.ok_or("no datagram came")?;
        same("what came", &into[..came.len], b"who am I?")?;
        same("who sent it", &came.from, &net.address(sender)?)?;
        same("the answer is sent", net.send_to(&mut ours, answer, &came.from)?, true)?;
        same("what the sender hears", hear(&mut net, sender, answer.len())?, answer)?;
    }
    Ok(())
}

fn connected<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut ours, mut theirs) = (net.mailbox()?, net.mailbox()?);
    let (here, there) = (net.local_address(&ours)?, net.local_address(&theirs)?);
    hold(net.peer_address(&ours).is_err(), || "a socket that is connected to nobody has a peer".into())?;
    net.connect(&mut ours, &there)?;
    same("the peer", net.peer_address(&ours)?, there)?;
    same("the waiting error", net.take_error(&mut ours)?, None)?;
    for said in [&b"hello"[..], b""] {
        same("bytes sent", net.send(&mut ours, said)?, Some(said.len()))?;
        net.reached(&theirs, &[Sign::Data])?;
        let mut into = [0; 8];
        let came = net.recv_from(&mut theirs, &mut into)?.ok_or("no datagram came")?;
        same("what came", &into[..came.len], said)?;
        same("who sent it", &came.from, &here)?;
    }
    // One that the net makes need not be bound to send.
    let mut unbound = net.socket(Kind::Datagram, &here)?;
    same("it is sent", net.send_to(&mut unbound, b"hi", &here)?, true)
}

fn hears_its_peer_alone<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let mut ours = net.mailbox()?;
    let at = net.local_address(&ours)?;
    let (mut peer, mut other) = (net.sender(&at)?, net.sender(&at)?);
    let there = net.address(&peer)?;
    net.connect(&mut ours, &there)?;
    net.say(&mut other, b"not for you")?;
    net.say(&mut peer, b"hello")?;
    net.reached(&ours, &[Sign::Data])?;
    let mut into = [0; 16];
    let came = net.recv_from(&mut ours, &mut into)?.ok_or("no datagram came")?;
    same("what came", &into[..came.len], b"hello")?;
    same("who sent it", &came.from, &there)?;
    same("and after that", net.recv(&mut ours, &mut into)?, Received::WouldBlock)
}

fn another_peer<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut ours, mut one, mut other) = (net.mailbox()?, net.mailbox()?, net.mailbox()?);
    for (peer, said) in [(&mut one, b"first"), (&mut other, b"other")] {
        let there = net.local_address(peer)?;
        net.connect(&mut ours, &there)?;
        same("the peer", net.peer_address(&ours)?, there)?;
        same("bytes sent", net.send(&mut ours, said)?, Some(said.len()))?;
        net.reached(peer, &[Sign::Data])?;
        let mut into = [0; 8];
        same("a receive", net.recv(peer, &mut into)?, Received::Data(said.len()))?;
        same("what came", &into[..said.len()], said)?;
    }
    same("what the first one hears then", net.recv(&mut one, &mut [0; 8])?, Received::WouldBlock)
}

/// No network has room for this in one datagram, and a piece of it would be another one.
fn too_long<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut ours, mut theirs) = (net.mailbox()?, net.mailbox()?);
    let there = net.local_address(&theirs)?;
    let long = vec![b'x'; 70_000];
    fails("a datagram of 70,000 bytes", net.send_to(&mut ours, &long, &there), ErrorKind::Invalid)?;
    net.connect(&mut ours, &there)?;
    fails("a send of 70,000 bytes", net.send(&mut ours, &long), ErrorKind::Invalid)?;
    same("bytes sent", net.send(&mut ours, b"short")?, Some(5))?;
    net.reached(&theirs, &[Sign::Data])?;
    same("what came first", net.recv(&mut theirs, &mut [0; 8])?, Received::Data(5))
}

fn error<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let nobody = net.mailbox()?;
    let nowhere = net.local_address(&nobody)?;
    net.close(nobody);
    for taken in [true, false] {
        let mut ours = net.mailbox()?;
        net.connect(&mut ours, &nowhere)?;
        same("bytes sent", net.send(&mut ours, b"hello")?, Some(5))?;
        net.reached(&ours, &[Sign::Error])?;
        if taken {
            let why = net.take_error(&mut ours)?.ok_or("no error waits")?;
            same("its kind", why.kind(), ErrorKind::Disconnected)?;
        } else {
            fails("a receive", net.recv(&mut ours, &mut [0; 8]), ErrorKind::Disconnected)?;
        }
        same("another error", net.take_error(&mut ours)?, None)?;
        same("a receive", net.recv(&mut ours, &mut [0; 8])?, Received::WouldBlock)?;
    }
    Ok(())
}
