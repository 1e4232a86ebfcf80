//! N5: a send takes a byte at least, or would block, or fails.

use stheno::{ErrorKind, Half};

use super::super::far_end::hear;
use super::super::support::{PATIENCE, hold, same};
use super::super::{Case, Verdict};
use super::{connection, fails, pattern};
use crate::ground::{Ground, Need, Sign};

pub(super) fn cases<G: Ground>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("what-a-send-took-arrives-and-nothing-else", "N5", taken::<G>),
        case("two-slices-are-sent-in-order", "N5", vectored::<G>),
        case("a-send-after-the-half-was-shut-fails", "N5", half_shut::<G>).needing(&[Need::HalfClose]),
        case("an-urgent-byte-is-sent", "N5", urgent::<G>).needing(&[Need::Urgent]),
    ]
}

/// Sends until there is no room, never told that nothing was taken; all of it arrives, in order.
fn taken<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut ours, mut theirs) = net.pair()?;
    let (all, mut taken) = (pattern(251 * 64), 0_usize);
    let until = net.clock() + PATIENCE;
    while let Some(n) = net.send(&mut ours, &all[taken % 251..])? {
        hold(1 <= n && n <= all.len() - taken % 251, || format!("{n} bytes were taken"))?;
        taken += n;
        hold(net.clock() < until, || format!("the room has no end: {taken} bytes were taken"))?;
    }
    let heard = hear(&mut net, &mut theirs, taken)?;
    same("bytes that came", heard.len(), taken)?;
    let wrong = heard.iter().enumerate().find(|(at, byte)| **byte != (at % 251) as u8);
    same("the first that is not in order", wrong.map(|(at, _)| at), None)
}

fn vectored<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut ours, mut theirs) = net.pair()?;
    for [first, second] in [[&b"abc"[..], b"defg"], [b"", b"hij"], [b"klm", b""], [b"n", b"o"]] {
        let all = [first, second].concat();
        let mut taken = 0;
        while taken < all.len() {
            let [one, other] =
                if taken < first.len() { [&first[taken..], second] } else { [&[][..], &second[taken - first.len()..]] };
            let n = net.send_vectored(&mut ours, [one, other])?.ok_or("there is no room for a few bytes")?;
            hold(1 <= n && n <= all.len() - taken, || format!("{n} of {} bytes were taken", all.len() - taken))?;
            taken += n;
        }
        same("what the far end heard", hear(&mut net, &mut theirs, all.len())?, all)?;
    }
    Ok(())
}

fn half_shut<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut ours, _theirs) = net.pair()?;
    net.shutdown(&mut ours, Half::Write)?;
    fails("a send", net.send(&mut ours, b"x"), ErrorKind::Disconnected)?;
    fails("a vectored send", net.send_vectored(&mut ours, [b"x", b"y"]), ErrorKind::Disconnected)
}

fn urgent<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut caller, mut guest) = connection(&mut net)?;
    same("it is sent", net.send_urgent(&mut caller, b'!')?, true)?;
    net.reached(&guest, &[Sign::Urgent])?;
    same("what came", net.recv_urgent(&mut guest)?, Some(b'!'))
}
