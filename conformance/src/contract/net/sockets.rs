//! N9 and N10: what sockets are when they come into the world, and that they are gone when they are closed.

use stheno::{ErrorKind, Half, Kind, Received, State};

use super::super::far_end::hear_to_the_end;
use super::super::support::{hold, same};
use super::super::{Case, Verdict};
use super::{connection, fails, listener, next_caller};
use crate::ground::{Family, Ground, Need, Sign};

pub(super) fn cases<G: Ground>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("sockets-do-not-block-whoever-made-them", "N1 N9", made::<G>),
        case("a-datagram-socket-that-the-net-made-does-not-block", "N1 N4 N9", made_for_datagrams::<G>)
            .needing(&[Need::Datagrams]),
        case("a-socket-made-elsewhere-says-what-it-is", "N9", states::<G>),
        #[cfg(not(target_vendor = "apple"))]
        case("a-listener-made-elsewhere-is-known-for-one", "N9", listening::<G>),
        case("a-datagram-socket-made-elsewhere-is-known-for-one", "N9", datagram::<G>).needing(&[Need::Datagrams]),
        case("the-two-ends-of-a-connection-agree-where-they-are", "N9", addresses::<G>),
        case("a-closed-socket-is-gone-for-its-peer", "N10", closed::<G>),
        case("a-closed-listener-is-gone-and-its-address-free", "N10", closed_listener::<G>),
        case("a-closed-socket-makes-room-for-another", "N10", closed_for_another::<G>).needing(&[Need::Shortage]),
        case("a-broken-connection-can-be-closed", "N10", closed_though_broken::<G>)
            .needing(&[Need::Resets, Need::HalfClose]),
    ]
}

fn made<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (caller, guest) = connection(&mut net)?;
    let (adopted, _theirs) = net.pair()?;
    let mut sockets = [caller, guest, adopted];
    for socket in &mut sockets {
        same("a receive", net.recv(socket, &mut [0; 8])?, Received::WouldBlock)?;
    }
    for socket in &mut sockets {
        net.fill(socket)?;
        same("a send", net.send(socket, b"x")?, None)?;
    }
    Ok(())
}

fn made_for_datagrams<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let anywhere = G::anywhere(Family::Inet)?;
    let mut ours = net.socket(Kind::Datagram, &anywhere)?;
    net.bind(&mut ours, &anywhere)?;
    same("a receive", net.recv(&mut ours, &mut [0; 8])?, Received::WouldBlock)?;
    let at = net.local_address(&ours)?;
    let mut sender = net.sender(&at)?;
    net.say(&mut sender, b"here")?;
    net.reached(&ours, &[Sign::Data])?;
    same("a receive", net.recv(&mut ours, &mut [0; 8])?, Received::Data(4))?;
    same("a receive", net.recv(&mut ours, &mut [0; 8])?, Received::WouldBlock)
}

fn states<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let fresh = net.socket(Kind::Stream, &G::anywhere(Family::Inet)?)?;
    same("a fresh stream", net.state(&fresh)?, State::Idle)?;
    let (caller, guest) = connection(&mut net)?;
    same("who called", net.state(&caller)?, State::OPEN)?;
    same("who was accepted", net.state(&guest)?, State::OPEN)?;
    let (ours, theirs) = net.pair()?;
    same("one with a far end", net.state(&ours)?, State::OPEN)?;
    // One that is over is open still: there is something to receive, if only the end.
    net.hang_up(theirs);
    net.reached(&ours, &[Sign::End])?;
    same("one whose far end is gone", net.state(&ours)?, State::OPEN)?;
    let (one, other) = net.sockets()?;
    same("a pair", (net.state(&one)?, net.state(&other)?), (State::OPEN, State::OPEN))
}

#[cfg(not(target_vendor = "apple"))]
fn listening<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (door, _) = listener(&mut net, 4)?;
    same("a listener", net.state(&door)?, State::Listening)
}

fn datagram<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let fresh = net.socket(Kind::Datagram, &G::anywhere(Family::Inet)?)?;
    let bound = net.mailbox()?;
    same("a datagram socket", (net.state(&fresh)?, net.state(&bound)?), (State::Datagram, State::Datagram))
}

fn addresses<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (caller, guest) = connection(&mut net)?;
    same("the caller's peer", net.peer_address(&caller)?, net.local_address(&guest)?)?;
    same("the guest's peer", net.peer_address(&guest)?, net.local_address(&caller)?)?;
    hold(net.local_address(&caller)? != net.local_address(&guest)?, || "both are at the same place".into())?;
    // Two listeners anywhere are not at the same place either.
    let ((_one, here), (_other, there)) = (listener(&mut net, 1)?, listener(&mut net, 1)?);
    hold(here != there, || format!("two listeners are at {here:?}"))
}

fn closed<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut ours, mut theirs) = net.pair()?;
    same("bytes sent", net.send(&mut ours, b"farewell")?, Some(8))?;
    net.close(ours);
    same("what the far end heard", hear_to_the_end(&mut net, &mut theirs)?, b"farewell")
}

fn closed_listener<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut door, at) = listener(&mut net, 4)?;
    // Who was served before may be on its way out still.
    let mut caller = net.dial(&at)?;
    let (guest, _) = next_caller(&mut net, &mut door)?;
    net.close(guest);
    hear_to_the_end(&mut net, &mut caller)?;
    net.hang_up(caller);
    net.close(door);
    let mut late = net.socket(Kind::Stream, &at)?;
    let mut refused = net.connect(&mut late, &at);
    if refused.is_ok() {
        net.reached(&late, &[Sign::Error])?;
        refused = net.take_error(&mut late)?.map_or(Ok(()), Err);
    }
    fails("a call to a closed listener", refused, ErrorKind::Disconnected)?;
    net.close(late);
    let mut again = net.socket(Kind::Stream, &at)?;
    net.set_reuse_address(&mut again)?;
    net.bind(&mut again, &at)?;
    net.listen(&mut again, 4)?;
    let caller = net.dial(&at)?;
    let (_, from) = next_caller(&mut net, &mut again)?;
    same("who called", from, net.address(&caller)?)
}

fn closed_for_another<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let like = G::anywhere(Family::Inet)?;
    let old = net.socket(Kind::Stream, &like)?;
    let shortage = net.shortage()?;
    fails("one more", net.socket(Kind::Stream, &like).map(drop), ErrorKind::Exhausted)?;
    net.close(old);
    let new = net.socket(Kind::Stream, &like);
    net.relieve(shortage);
    net.close(new?);
    Ok(())
}

/// Reset, with its end unread, shut by itself: whatever is the matter with it, it goes.
fn closed_though_broken<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (ours, theirs) = net.pair()?;
    net.reset(theirs)?;
    net.reached(&ours, &[Sign::Error])?;
    net.close(ours);
    let (ours, mut theirs) = net.pair()?;
    net.say(&mut theirs, b"unread")?;
    net.reached(&ours, &[Sign::Data])?;
    net.close(ours);
    same("what the far end heard", hear_to_the_end(&mut net, &mut theirs)?, b"")?;
    let (mut ours, mut theirs) = net.pair()?;
    net.fill(&mut ours)?;
    net.shutdown(&mut ours, Half::Read)?;
    net.close(ours);
    let heard = hear_to_the_end(&mut net, &mut theirs)?;
    hold(!heard.is_empty() && heard.iter().all(|byte| *byte == b'z'), || "what was sent before did not come".into())
}
