//! N8: callers come one after the other, and none is lost.

use stheno::{ErrorKind, Received};

use super::super::far_end::hear;
use super::super::support::same;
use super::super::{Case, Verdict};
use super::{comes, fails, listener, next_caller};
use crate::ground::{Ground, Need, Sign};

pub(super) fn cases<G: Ground>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("callers-come-in-order-and-say-from-where", "N8", in_order::<G>),
        case("a-caller-that-has-gone-is-no-error", "N8", gone::<G>),
        case("a-caller-that-has-reset-is-no-error", "N8", reset::<G>).needing(&[Need::Resets]),
        case("want-of-sockets-keeps-the-caller-in-line", "N2 N8", exhausted::<G>).needing(&[Need::Shortage]),
    ]
}

fn in_order<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut door, at) = listener(&mut net, 8)?;
    let mut callers = (0..3).map(|_| net.dial(&at)).collect::<Result<Vec<_>, _>>()?;
    for caller in &mut callers {
        net.say(caller, b"hello")?;
        let (mut guest, from) = next_caller(&mut net, &mut door)?;
        same("where it calls from", &from, &net.address(caller)?)?;
        same("and who the guest's peer is", net.peer_address(&guest)?, from)?;
        same("where the guest is", net.local_address(&guest)?, at.clone())?;
        comes(&mut net, &mut guest, b"hello")?;
        same("bytes sent", net.send(&mut guest, b"welcome")?, Some(7))?;
        same("what the caller hears", hear(&mut net, caller, 7)?, b"welcome")?;
    }
    same("another caller", net.accept(&mut door)?.map(|(_, from)| from), None)
}

/// It may be accepted with what it said, or be as if it had never called; who comes after it is served.
fn gone<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut door, at) = listener(&mut net, 8)?;
    let mut caller = net.dial(&at)?;
    net.say(&mut caller, b"never mind")?;
    net.reached(&door, &[Sign::Data])?;
    net.hang_up(caller);
    if let Some((mut guest, _)) = net.accept(&mut door)? {
        comes(&mut net, &mut guest, b"never mind")?;
        net.reached(&guest, &[Sign::End])?;
        same("what came last", net.recv(&mut guest, &mut [0; 8])?, Received::End)?;
    }
    served(&mut net, &mut door, &at)
}

fn reset<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut door, at) = listener(&mut net, 8)?;
    let caller = net.dial(&at)?;
    net.reached(&door, &[Sign::Data])?;
    net.reset(caller)?;
    if let Some((mut guest, _)) = net.accept(&mut door)? {
        net.reached(&guest, &[Sign::Error])?;
        fails("a receive", net.recv(&mut guest, &mut [0; 8]), ErrorKind::Disconnected)?;
    }
    served(&mut net, &mut door, &at)
}

fn served<G: Ground>(net: &mut G, door: &mut G::Socket, at: &G::Address) -> Verdict {
    let caller = net.dial(at)?;
    let (_, from) = next_caller(net, door)?;
    same("the next caller", from, net.address(&caller)?)
}

fn exhausted<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut door, at) = listener(&mut net, 8)?;
    let callers = (0..2).map(|_| net.dial(&at)).collect::<Result<Vec<_>, _>>()?;
    net.reached(&door, &[Sign::Data])?;
    let mut shortage = net.shortage()?;
    for _ in 0..3 {
        fails("an accept", net.accept(&mut door).map(drop), ErrorKind::Exhausted)?;
    }
    net.reached(&door, &[Sign::Data])?;
    net.ease(&mut shortage);
    let first = net.accept(&mut door)?.map(|(_, from)| from);
    net.relieve(shortage);
    same("the first caller", first, Some(net.address(&callers[0])?))?;
    let (_, second) = next_caller(&mut net, &mut door)?;
    same("the second caller", second, net.address(&callers[1])?)
}
