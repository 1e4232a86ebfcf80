//! N3: a stream gives everything, in order, before its end or an error.

use stheno::{ErrorKind, Half, Received};

use super::super::far_end::hear_to_the_end;
use super::super::support::{hold, same};
use super::super::{Case, Verdict};
use super::{fails, pattern, recv_all};
use crate::ground::{Ground, Need, Sign};

pub(super) fn cases<G: Ground>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("a-stream-gives-everything-before-its-end", "N3", before_the_end::<G>),
        case("a-stream-gives-everything-before-a-reset", "N3", before_a_reset::<G>).needing(&[Need::Resets]),
        case("a-stream-gives-everything-though-a-send-broke", "N3", after_a_broken_send::<G>)
            .needing(&[Need::LocalPairs]),
        case("a-stream-gives-everything-though-its-other-half-is-shut", "N3", half_shut::<G>)
            .needing(&[Need::HalfClose]),
        case("an-empty-slice-takes-nothing", "N3", empty_slice::<G>),
        case("two-slices-are-filled-in-order", "N3", vectored::<G>),
        case("an-urgent-byte-is-received-once-and-beside-the-stream", "N3", urgent::<G>).needing(&[Need::Urgent]),
    ]
}

fn before_the_end<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    for chunk in [1, 7, 4096] {
        let (mut ours, mut theirs) = net.pair()?;
        let all = pattern(3000);
        net.say(&mut theirs, &all[..1000])?;
        net.say(&mut theirs, &all[1000..])?;
        net.hang_up(theirs);
        net.reached(&ours, &[Sign::Data, Sign::End])?;
        let (came, last) = recv_all(&mut net, &mut ours, chunk)?;
        hold(came == all, || format!("{} bytes came in pieces of {chunk}, or not in order", came.len()))?;
        same("what came last", last, Ok(Received::End))?;
        same("and after that", net.recv(&mut ours, &mut [0; 8]), Ok(Received::End))?;
        net.close(ours);
    }
    Ok(())
}

fn before_a_reset<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    for chunk in [1, 7, 4096] {
        let (mut ours, mut theirs) = net.pair()?;
        let all = pattern(100);
        net.say(&mut theirs, &all)?;
        net.reached(&ours, &[Sign::Data])?;
        net.reset(theirs)?;
        net.reached(&ours, &[Sign::Error])?;
        let (came, last) = recv_all(&mut net, &mut ours, chunk)?;
        same("what came", came, all)?;
        fails("what came last", last, ErrorKind::Disconnected)?;
        for _ in 0..3 {
            let again = net.recv(&mut ours, &mut [0; 8]);
            hold(matches!(again, Ok(Received::End) | Err(_)), || format!("a receive after the reset: {again:?}"))?;
        }
        net.close(ours);
    }
    Ok(())
}

fn after_a_broken_send<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut ours, mut theirs) = net.local_pair()?;
    net.say(&mut theirs, b"last words")?;
    net.hang_up(theirs);
    fails("a send", net.send(&mut ours, b"x"), ErrorKind::Disconnected)?;
    let (came, last) = recv_all(&mut net, &mut ours, 4)?;
    same("what came", &*came, b"last words")?;
    same("what came last", last, Ok(Received::End))
}

fn half_shut<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut ours, mut theirs) = net.pair()?;
    same("bytes sent", net.send(&mut ours, b"over")?, Some(4))?;
    net.shutdown(&mut ours, Half::Write)?;
    same("what the far end heard", hear_to_the_end(&mut net, &mut theirs)?, b"over")?;
    net.say(&mut theirs, b"and out")?;
    net.half_close(&mut theirs, Half::Write)?;
    net.reached(&ours, &[Sign::Data, Sign::End])?;
    let (came, last) = recv_all(&mut net, &mut ours, 4)?;
    same("what came", &*came, b"and out")?;
    same("what came last", last, Ok(Received::End))
}

fn empty_slice<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut ours, mut theirs) = net.pair()?;
    net.say(&mut theirs, b"ab")?;
    net.reached(&ours, &[Sign::Data])?;
    same("a receive of nothing", net.recv(&mut ours, &mut [])?, Received::Data(0))?;
    let nothing: [&mut [u8]; 2] = [&mut [], &mut []];
    same("a vectored receive of nothing", net.recv_vectored(&mut ours, nothing)?, Received::Data(0))?;
    same("what came", recv_all(&mut net, &mut ours, 8)?, (b"ab".to_vec(), Ok(Received::WouldBlock)))
}

fn vectored<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    for (first, second) in [(3, 5), (0, 4), (4, 0), (1, 1), (100, 100)] {
        let (mut ours, mut theirs) = net.pair()?;
        let all = pattern(20);
        net.say(&mut theirs, &all)?;
        net.hang_up(theirs);
        net.reached(&ours, &[Sign::Data, Sign::End])?;
        let mut came = Vec::new();
        loop {
            let (mut one, mut other) = (vec![0; first], vec![0; second]);
            match net.recv_vectored(&mut ours, [&mut one, &mut other])? {
                Received::Data(n) => {
                    hold(1 <= n && n <= first + second, || format!("{n} bytes for {first} and {second}"))?;
                    came.extend([one, other].concat().drain(..n));
                }
                Received::WouldBlock => return Err("it would block before the end".into()),
                Received::End => break,
            }
        }
        same(&format!("what came into {first} and {second}"), came, all)?;
        net.close(ours);
    }
    Ok(())
}

fn urgent<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut ours, mut theirs) = net.pair()?;
    net.say(&mut theirs, b"ab")?;
    net.urge(&mut theirs, b"!")?;
    net.say(&mut theirs, b"cd")?;
    net.reached(&ours, &[Sign::Data, Sign::Urgent])?;
    same("the urgent byte", net.recv_urgent(&mut ours)?, Some(b'!'))?;
    same("and again", net.recv_urgent(&mut ours)?, None)?;
    super::comes(&mut net, &mut ours, b"abcd")
}
