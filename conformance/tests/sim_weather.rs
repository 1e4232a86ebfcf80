//! Whatever the weather: streams arrive exact, in order and once; of datagrams everything adds up.

use std::time::Duration;

use proptest::prelude::*;
use stheno_conformance::sim::{Address, Deed, Fixed, Link, Memory, Network, Sim, Socket};
use stheno_core::{Half, Net, Received};

const THERE: Address = Address::new(9);

fn weather() -> impl Strategy<Value = Link> {
    let segment = prop_oneof![Just(None), (0_usize..50, 0_usize..300).prop_map(Some)];
    let (rate, window) = (0_u16..=1000, 0_usize..3_000);
    (0_u64..3_000, 0_u64..3_000, segment, window, 0_usize..40, rate.clone(), rate.clone(), rate).prop_map(
        |(latency, jitter, segment, window, inbox, loss, duplication, reordering)| Link {
            latency: Duration::from_nanos(latency),
            jitter: Duration::from_nanos(jitter),
            segment,
            window,
            inbox,
            loss,
            duplication,
            reordering,
        },
    )
}

/// A step of somebody who sends, receives, or lets time pass.
#[derive(Clone, Copy, Debug)]
enum Step {
    Send(usize, usize),
    Recv(usize, usize),
    Plan(u64, usize),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0_usize..2, 0_usize..500).prop_map(|(who, n)| Step::Send(who, n)),
        3 => (0_usize..2, 0_usize..500).prop_map(|(who, n)| Step::Recv(who, n)),
        1 => (0_u64..5_000, 0_usize..60).prop_map(|(when, n)| Step::Plan(when, n)),
        2 => (0_u64..4_000).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 0..60)
}

fn recv<M: Memory>(net: &mut Network<M>, from: &mut Socket, most: usize, into: &mut Vec<u8>) -> Received {
    let mut bytes = vec![0; most];
    let received = net.recv(from, &mut bytes).unwrap();
    if let Received::Data(n) = received {
        into.extend(&bytes[..n]);
    }
    received
}

/// Both ends send numbered bytes; the second one's deeds send more, in between. At last both finish.
fn a_stream_arrives<M: Memory>(mut net: Network<M>, link: Link, steps: &[Step]) -> Result<(), TestCaseError> {
    net.set_link(link);
    let (ours, theirs) = net.pair().unwrap();
    let mut ends = [ours, theirs];
    let (mut sent, mut came) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    // What deeds send has bytes of its own: no order is promised between the two.
    let (mut next, mut planned) = ([0_u8, 0], 0_u8);
    for step in steps {
        match *step {
            Step::Send(who, n) => {
                let bytes: Vec<u8> = (0..n).map(|i| (next[who].wrapping_add(i as u8)) % 128).collect();
                let n = net.send(&mut ends[who], &bytes).unwrap().unwrap_or(0);
                prop_assert!(n <= bytes.len());
                next[who] = next[who].wrapping_add(n as u8) % 128;
                sent[who].extend(&bytes[..n]);
            }
            Step::Recv(who, n) => drop(recv(&mut net, &mut ends[who], n, &mut came[who])),
            Step::Plan(when, n) => {
                // Planned one after another, so that their order is that of their planning.
                net.settle();
                let bytes: Vec<u8> = (0..n).map(|i| 128 + (planned.wrapping_add(i as u8)) % 128).collect();
                if net.after(Duration::from_nanos(when), &ends[1], Deed::Send(&bytes)).is_ok() {
                    planned = planned.wrapping_add(n as u8) % 128;
                    sent[1].extend(&bytes);
                }
            }
            Step::Pass(nanos) => net.advance(Duration::from_nanos(nanos)),
        }
        prop_assert!(came[0].len() <= sent[1].len() && came[1].len() <= sent[0].len());
    }
    // Everything that was planned is sent before the end is.
    while net.planned() > 0 {
        net.settle();
        recv(&mut net, &mut ends[0], 100, &mut came[0]);
    }
    for end in &mut ends {
        net.shutdown(end, Half::Write).unwrap();
    }
    for (end, came) in ends.iter_mut().zip(&mut came) {
        loop {
            match recv(&mut net, end, 77, came) {
                Received::Data(n) => prop_assert!(n > 0),
                Received::WouldBlock => {
                    prop_assert!(!net.is_settled(), "nothing is under way, and the end has not come");
                    net.advance(Duration::from_nanos(100));
                }
                Received::End => break,
            }
        }
    }
    let parts = |bytes: &[u8]| -> (Vec<u8>, Vec<u8>) { bytes.iter().partition(|byte| **byte < 128) };
    prop_assert_eq!(&came[1], &sent[0]);
    prop_assert_eq!(parts(&came[0]), parts(&sent[1]));
    prop_assert_eq!(net.count().failed_deeds, 0);
    for end in ends {
        net.close(end);
    }
    prop_assert!(net.is_empty() && net.is_settled());
    Ok(())
}

fn datagrams_add_up<M: Memory>(mut net: Network<M>, link: Link, steps: &[Step]) -> Result<(), TestCaseError> {
    net.set_link(link);
    let mut to = net.mailbox_at(THERE).unwrap();
    let mut from = net.mailbox_at(Address::ANY).unwrap();
    let (mut sent, mut came) = (0_u32, Vec::new());
    let mut bytes = [0; 64];
    let mut take = |net: &mut Network<M>, came: &mut Vec<u32>| {
        let Some(letter) = net.recv_from(&mut to, &mut bytes).unwrap() else { return false };
        assert!(letter.len == 4 && !letter.truncated);
        came.push(u32::from_le_bytes(bytes[..4].try_into().unwrap()));
        true
    };
    for step in steps {
        match *step {
            Step::Send(..) | Step::Plan(..) => match net.send_to(&mut from, &sent.to_le_bytes(), &THERE) {
                Ok(went) => {
                    prop_assert!(went);
                    sent += 1;
                }
                // Only memory of fixed size can be full.
                Err(why) => prop_assert_eq!(why.code(), 105),
            },
            Step::Recv(..) => drop(take(&mut net, &mut came)),
            Step::Pass(nanos) => net.advance(Duration::from_nanos(nanos)),
        }
    }
    net.settle();
    while take(&mut net, &mut came) {}
    let count = net.count();
    prop_assert_eq!(count.sent, u64::from(sent));
    prop_assert_eq!(
        count.sent + count.duplicated,
        came.len() as u64 + count.lost + count.overflowed + count.undeliverable
    );
    let mut once = came.clone();
    once.sort_unstable();
    once.dedup();
    prop_assert!(once.iter().all(|number| *number < sent));
    prop_assert!(came.len() - once.len() <= count.duplicated as usize);
    if link.loss == 0 && count.overflowed == 0 {
        prop_assert_eq!(once.len(), sent as usize);
    }
    if link.reordering == 0 {
        prop_assert!(came.is_sorted());
    }
    Ok(())
}

/// No rate at all, as often as any.
fn sometimes_none(mut link: Link, none: u8) -> Link {
    for (bit, rate) in [&mut link.loss, &mut link.duplication, &mut link.reordering].into_iter().enumerate() {
        if none & 1 << bit != 0 {
            *rate = 0;
        }
    }
    link
}

/// An interpreter takes its time.
const CASES: u32 = if cfg!(miri) { 4 } else { 300 };

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn streams_arrive_exact_in_order_and_once(link in weather(), steps in steps(), seed: u64) {
        a_stream_arrives(Sim::seeded(seed), link, &steps)?;
        a_stream_arrives(Fixed::<2, 60>::seeded(seed), link, &steps)?;
    }

    #[test]
    fn datagrams_add_up_whatever_happens_to_them(link in weather(), none in 0_u8..8, steps in steps(), seed: u64) {
        let link = sometimes_none(link, none);
        datagrams_add_up(Sim::seeded(seed), link, &steps)?;
        datagrams_add_up(Fixed::<2, 4>::seeded(seed), link, &steps)?;
    }
}

#[test]
fn each_rate_has_its_effect() {
    let tries = if cfg!(miri) { 200 } else { 2_000 };
    let with = |link: Link| {
        let mut net = Sim::seeded(5);
        net.set_link(Link { inbox: 10_000, ..link });
        let (mut to, mut from) = (net.mailbox_at(THERE).unwrap(), net.mailbox_at(Address::ANY).unwrap());
        let mut came = Vec::new();
        for number in 0..tries {
            net.send_to(&mut from, &(number as u32).to_le_bytes(), &THERE).unwrap();
            net.advance(Duration::from_nanos(300));
            let mut bytes = [0; 4];
            while net.recv_from(&mut to, &mut bytes).unwrap().is_some() {
                came.push(u32::from_le_bytes(bytes));
            }
        }
        (net.count(), came.is_sorted())
    };
    let near = |came: u64| (tries / 10 - tries / 25..tries / 10 + tries / 25).contains(&came);
    let (count, sorted) = with(Link { loss: 100, ..Link::PLAIN });
    assert!(near(count.lost) && count.duplicated == 0 && count.reordered == 0 && sorted);
    let (count, sorted) = with(Link { duplication: 100, ..Link::PLAIN });
    assert!(near(count.duplicated) && count.lost == 0 && count.reordered == 0 && sorted);
    let (count, sorted) = with(Link { reordering: 100, ..Link::PLAIN });
    assert!(near(count.reordered) && count.lost == 0 && count.duplicated == 0 && !sorted);
    let (count, _) = with(Link { loss: 1000, ..Link::PLAIN });
    assert_eq!(count.lost, tries);
}

#[test]
fn segments_and_latency_show() {
    let mut net = Sim::seeded(11);
    net.set_link(Link { latency: Duration::from_millis(3), segment: Some((10, 20)), ..Link::PLAIN });
    let (mut ours, mut theirs) = net.pair().unwrap();
    assert_eq!(net.send(&mut theirs, &[1; 1_000]), Ok(Some(1_000)));
    net.advance(Duration::from_nanos(2_999_999));
    let mut bytes = [0; 1_000];
    assert_eq!(net.recv(&mut ours, &mut bytes), Ok(Received::WouldBlock));
    let mut pieces = Vec::new();
    for _ in 0..200 {
        net.advance(Duration::from_nanos(1));
        match net.recv(&mut ours, &mut bytes).unwrap() {
            Received::Data(n) => pieces.push(n),
            other => assert_eq!(other, Received::WouldBlock),
        }
    }
    assert_eq!(pieces.iter().sum::<usize>(), 1_000);
    let (last, rest) = pieces.split_last().unwrap();
    assert!(*last <= 20 && rest.iter().all(|n| (10..=20).contains(n)), "{pieces:?}");
    assert!(rest.iter().any(|n| *n != rest[0]), "{pieces:?}");
}
