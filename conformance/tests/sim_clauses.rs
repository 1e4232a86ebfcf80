//! The backend's contract, clause by clause, over the simulated network.

use std::time::Duration;

use stheno_conformance::sim::{Address, Batch, Deed, Sim, Socket, Watch};
use stheno_core::{Backend, ErrorKind, Fired, Interest, Key, Kind, Net, Open, Readiness, Received, Result};

const R: Interest = Interest::READ;
const W: Interest = Interest::WRITE;
const READABLE: Readiness = Readiness::READABLE;
const WRITABLE: Readiness = Readiness::WRITABLE;

fn key(index: u32) -> Key {
    Key::new(index, 9)
}

fn results<const MOST: usize>(
    watch: &mut Batch<MOST>,
    net: &mut Sim,
    timeout: impl Into<Option<Duration>>,
) -> Result<Vec<(u32, Readiness)>> {
    let found = watch.wait(net, timeout.into())?;
    let all: Vec<_> = std::iter::from_fn(|| Backend::<Sim>::next(watch)).collect();
    assert_eq!(found, all.len());
    assert!(all.iter().all(|fired| fired.key.generation() == 9));
    let mut all: Vec<_> = all.iter().map(|fired| (fired.key.index() as u32, fired.readiness)).collect();
    all.sort_by_key(|(key, _)| *key);
    assert!(all.windows(2).all(|two| two[0].0 != two[1].0), "B7: each key once");
    Ok(all)
}

fn look<const MOST: usize>(watch: &mut Batch<MOST>, net: &mut Sim) -> Result<Vec<(u32, Readiness)>> {
    results(watch, net, Duration::ZERO)
}

fn new_world() -> (Sim, Watch) {
    (Sim::new(), Watch::open().unwrap())
}

#[test]
fn b2_a_key_registered_twice_is_refused_and_nothing_changes() -> Result<()> {
    let (mut net, mut watch) = new_world();
    let (ours, theirs) = net.pair()?;
    watch.register(&mut net, &ours, key(1), W)?;
    for (socket, other) in [(&ours, key(1)), (&theirs, key(1)), (&ours, key(2))] {
        let why = watch.register(&mut net, socket, other, R).unwrap_err();
        assert_eq!(why.kind(), ErrorKind::Invalid);
    }
    assert_eq!(look(&mut watch, &mut net)?, [(1, WRITABLE)]);
    assert_eq!((net.interest(key(1)), net.interest(key(2)), net.watched()), (Some(W), None, 1));
    watch.deregister(&mut net, &ours, key(1))?;
    watch.register(&mut net, &ours, key(2), W)?;
    assert_eq!(look(&mut watch, &mut net)?, [(2, WRITABLE)]);
    assert_eq!(watch.reregister(&mut net, &ours, key(1), R).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(look(&mut watch, &mut net)?, [(2, WRITABLE)]);
    Ok(())
}

#[test]
fn b3_no_interest_is_no_result_and_no_end() -> Result<()> {
    let (mut net, mut watch) = new_world();
    let (ours, mut theirs) = net.pair()?;
    watch.register(&mut net, &ours, key(1), Interest::NONE)?;
    net.send(&mut theirs, b"x")?;
    net.reset(theirs);
    let before = net.now();
    assert_eq!(results(&mut watch, &mut net, Duration::from_millis(5))?, []);
    assert_eq!(net.now(), before + Duration::from_millis(5));
    watch.reregister(&mut net, &ours, key(1), R)?;
    assert_eq!(look(&mut watch, &mut net)?, [(1, READABLE | Readiness::ERROR | Readiness::HANGUP)]);
    Ok(())
}

#[test]
fn b4_readiness_is_told_until_it_is_over() -> Result<()> {
    let (mut net, mut watch) = new_world();
    let (mut ours, mut theirs) = net.pair()?;
    watch.register(&mut net, &ours, key(1), R)?;
    net.send(&mut theirs, b"xyz")?;
    for _ in 0..3 {
        assert_eq!(look(&mut watch, &mut net)?, [(1, READABLE)]);
        assert_eq!(net.recv(&mut ours, &mut [0])?, Received::Data(1));
    }
    assert_eq!(look(&mut watch, &mut net)?, []);
    Ok(())
}

/// Both ends of so many pairs, all writable, with the keys from 0 on.
fn crowd<const MOST: usize>(net: &mut Sim, watch: &mut Batch<MOST>, pairs: u32) -> Result<Vec<Socket>> {
    let mut all = Vec::new();
    for _ in 0..pairs {
        all.extend(<[Socket; 2]>::from(net.pair()?));
    }
    for (index, socket) in (0..).zip(&all) {
        watch.register(net, socket, key(index), W)?;
    }
    Ok(all)
}

fn everybody_gets_a_turn<const MOST: usize>() -> Result<()> {
    // An interpreter takes its time.
    for taken in (1..=MOST).step_by(if cfg!(miri) { 21 } else { 1 }) {
        let (mut net, mut watch) = (Sim::new(), Batch::<MOST>::open()?);
        let all = crowd(&mut net, &mut watch, 5)?;
        // Nobody waits longer than it takes to go around once.
        let mut since = vec![0; all.len()];
        for _ in 0..if cfg!(miri) { 15 } else { 50 } {
            assert_eq!(watch.wait(&mut net, None)?, MOST.min(10));
            since.iter_mut().for_each(|waits| *waits += 1);
            for _ in 0..taken {
                let Some(fired) = Backend::<Sim>::next(&mut watch) else { break };
                since[fired.key.index()] = 0;
            }
            let most = 10_usize.div_ceil(taken.min(10));
            assert!(since.iter().all(|waits| *waits <= most), "{taken} of {MOST} taken: {since:?}");
        }
    }
    Ok(())
}

#[test]
fn b8_everybody_gets_a_turn() -> Result<()> {
    everybody_gets_a_turn::<1>()?;
    everybody_gets_a_turn::<3>()?;
    everybody_gets_a_turn::<7>()?;
    everybody_gets_a_turn::<64>()
}

#[test]
fn b8_six_hundred_ready_are_told_within_ten_waits() -> Result<()> {
    let (mut net, mut watch) = new_world();
    let pairs = if cfg!(miri) { 40 } else { 300 };
    let _all = crowd(&mut net, &mut watch, pairs)?;
    for _ in 0..2 {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..(2 * pairs).div_ceil(64) {
            seen.extend(look(&mut watch, &mut net)?.into_iter().map(|(key, _)| key));
        }
        assert_eq!(seen.len(), 2 * pairs as usize);
    }
    Ok(())
}

#[test]
fn b9_a_wait_ends_exactly_when_something_comes_or_the_time_is_over() -> Result<()> {
    let (mut net, mut watch) = new_world();
    let (mut ours, theirs) = net.pair()?;
    watch.register(&mut net, &ours, key(1), R)?;
    let began = net.now();
    for nanos in [1, 300, 999_999, 1_000_001] {
        let before = net.now();
        assert_eq!(results(&mut watch, &mut net, Duration::from_nanos(nanos))?, []);
        assert_eq!(net.now(), before + Duration::from_nanos(nanos));
        assert_eq!(Backend::now(&mut watch, &net), net.now());
    }
    let before = net.now();
    assert_eq!(look(&mut watch, &mut net)?, []);
    assert_eq!(net.now(), before);
    for timeout in [None, Some(Duration::MAX), Some(Duration::from_secs(3))] {
        let before = net.now();
        net.after(Duration::from_secs(2), &theirs, Deed::Send(b"x"))?;
        assert_eq!(results(&mut watch, &mut net, timeout)?, [(1, READABLE)]);
        assert_eq!(net.now(), before + Duration::from_secs(2));
        assert_eq!(net.recv(&mut ours, &mut [0])?, Received::Data(1));
    }
    // What comes at the very end of the time is told; what comes after it is not.
    net.after(Duration::from_secs(1), &theirs, Deed::Send(b"x"))?;
    assert_eq!(results(&mut watch, &mut net, Duration::from_nanos(999_999_999))?, []);
    assert_eq!(results(&mut watch, &mut net, Duration::from_nanos(1))?, [(1, READABLE)]);
    assert_eq!(net.recv(&mut ours, &mut [0])?, Received::Data(1));
    // And where nothing comes, that is said.
    for timeout in [None, Some(Duration::MAX)] {
        let before = net.now();
        let why = watch.wait(&mut net, timeout).unwrap_err();
        assert_eq!(why.to_string(), "wait: nothing can end this wait");
        assert_eq!(net.now(), before);
    }
    assert!(net.now() > began);
    Ok(())
}

#[test]
fn b11_a_closed_socket_is_refused() -> Result<()> {
    let (mut net, mut watch) = new_world();
    let ((bad, _a), (good, _b)) = (net.pair()?, net.pair()?);
    watch.register(&mut net, &good, key(2), W)?;
    net.close_behind(&bad);
    let why = watch.register(&mut net, &bad, key(1), W).unwrap_err();
    assert_eq!(why.to_string(), "register descriptor 1: not an open descriptor (os error 9)");
    // Its place is used again, and the old handle is still nobody's.
    let (again, _c) = net.pair()?;
    assert_eq!(again.number().min(_c.number()), bad.number());
    assert_eq!(watch.register(&mut net, &bad, key(1), W).unwrap_err().kind(), ErrorKind::BadDescriptor);
    assert_eq!(look(&mut watch, &mut net)?, [(2, WRITABLE)]);
    Ok(())
}

#[test]
fn b12_closed_behind_is_invalid_once_for_its_own_key() -> Result<()> {
    for taken in [true, false] {
        let (mut net, mut watch) = new_world();
        let ((bad, _a), (good, mut peer)) = (net.pair()?, net.pair()?);
        watch.register(&mut net, &bad, key(1), R)?;
        watch.register(&mut net, &good, key(2), R)?;
        net.close_behind(&bad);
        if taken {
            assert_eq!(results(&mut watch, &mut net, None)?, [(1, Readiness::INVALID)]);
        } else {
            assert_eq!(watch.wait(&mut net, None)?, 1);
        }
        assert_eq!(results(&mut watch, &mut net, Duration::from_millis(1))?, []);
        net.send(&mut peer, b"x")?;
        assert_eq!(look(&mut watch, &mut net)?, [(2, READABLE)]);
        assert_eq!(watch.reregister(&mut net, &bad, key(1), W).unwrap_err().kind(), ErrorKind::BadDescriptor);
        // Nobody gets its number before it is let go.
        let (other, _b) = net.pair()?;
        assert_ne!(other.number(), bad.number());
        for _ in 0..2 {
            watch.deregister(&mut net, &bad, key(1))?;
        }
        let (other, _c) = net.pair()?;
        assert!([other.number(), _c.number()].contains(&bad.number()));
    }
    Ok(())
}

#[test]
fn b12_closed_without_interest_is_silent() -> Result<()> {
    let (mut net, mut watch) = new_world();
    let (ours, _theirs) = net.pair()?;
    watch.register(&mut net, &ours, key(1), Interest::NONE)?;
    net.close_behind(&ours);
    assert_eq!(results(&mut watch, &mut net, Duration::from_millis(1))?, []);
    watch.deregister(&mut net, &ours, key(1))
}

#[test]
fn b14_results_not_taken_are_dropped_or_told_again() -> Result<()> {
    let (mut net, mut watch) = new_world();
    let mut all = crowd(&mut net, &mut watch, 2)?;
    assert_eq!(watch.wait(&mut net, None)?, 4);
    assert!(Backend::<Sim>::next(&mut watch).is_some());
    for at in [0, 2] {
        while net.send(&mut all[at], &[0; 10_000])?.is_some() {}
    }
    assert_eq!(look(&mut watch, &mut net)?, [(1, WRITABLE), (3, WRITABLE)]);
    assert_eq!(watch.wait(&mut net, None)?, 2);
    for at in [1, 3] {
        while net.send(&mut all[at], &[0; 10_000])?.is_some() {}
    }
    assert_eq!(watch.wait(&mut net, Some(Duration::ZERO))?, 0);
    assert_eq!(Backend::<Sim>::next(&mut watch), None);
    Ok(())
}

#[test]
fn b15_deregistering_is_idempotent_and_an_old_key_takes_nothing() -> Result<()> {
    let (mut net, mut watch) = new_world();
    let (ours, _theirs) = net.pair()?;
    let (old, new) = (Key::new(4, 1), Key::new(4, 2));
    watch.deregister(&mut net, &ours, old)?;
    watch.register(&mut net, &ours, old, W)?;
    watch.deregister(&mut net, &ours, old)?;
    watch.register(&mut net, &ours, new, W)?;
    watch.deregister(&mut net, &ours, old)?;
    assert_eq!(watch.wait(&mut net, Some(Duration::ZERO))?, 1);
    assert_eq!(Backend::<Sim>::next(&mut watch), Some(Fired { key: new, readiness: WRITABLE }));
    watch.deregister(&mut net, &ours, new)?;
    watch.deregister(&mut net, &ours, new)?;
    assert_eq!(net.watched(), 0);
    Ok(())
}

#[test]
fn b16_the_clock_never_goes_back() -> Result<()> {
    let (mut net, mut watch) = new_world();
    let (ours, theirs) = net.pair()?;
    watch.register(&mut net, &ours, key(1), R)?;
    let mut last = net.now();
    for round in 0..if cfg!(miri) { 20 } else { 200_u64 } {
        match round % 4 {
            0 => net.advance(Duration::from_nanos(round)),
            1 => net.after(Duration::from_nanos(round), &theirs, Deed::Urgent(1))?,
            2 => net.settle(),
            _ => drop(watch.wait(&mut net, Some(Duration::from_nanos(round % 7)))?),
        }
        assert!(net.now() >= last);
        last = net.now();
    }
    net.advance(Duration::MAX);
    assert_eq!(net.now(), stheno_core::Instant::NEVER);
    net.advance(Duration::from_secs(1));
    assert_eq!(watch.wait(&mut net, Some(Duration::from_secs(1))).unwrap_err().kind(), ErrorKind::Other);
    Ok(())
}

#[test]
fn stale_handles_are_nobody() -> Result<()> {
    let mut net = Sim::new();
    let (mut ours, theirs) = net.pair()?;
    net.close_behind(&ours);
    net.reset(theirs);
    // Its place is taken by others.
    let _others = (net.pair()?, net.pair()?);
    let mut bytes = [0; 4];
    let at = Address::ANY;
    let kinds = [
        net.bind(&mut ours, &at).map(drop),
        net.listen(&mut ours, 1).map(drop),
        net.connect(&mut ours, &at).map(drop),
        net.accept(&mut ours).map(drop),
        net.recv(&mut ours, &mut bytes).map(drop),
        net.recv_urgent(&mut ours).map(drop),
        net.recv_from(&mut ours, &mut bytes).map(drop),
        net.send(&mut ours, b"x").map(drop),
        net.send_urgent(&mut ours, 1).map(drop),
        net.send_to(&mut ours, b"x", &at).map(drop),
        net.shutdown(&mut ours, stheno_core::Half::Read).map(drop),
        net.take_error(&mut ours).map(drop),
        net.state(&ours).map(drop),
        net.local_address(&ours).map(drop),
        net.peer_address(&ours).map(drop),
        net.set_reuse_address(&mut ours).map(drop),
        net.after(Duration::ZERO, &ours, Deed::Close),
    ];
    for (at, done) in kinds.into_iter().enumerate() {
        assert_eq!(done.map_err(|why| why.kind()), Err(ErrorKind::BadDescriptor), "operation {at}");
    }
    let before = net.len();
    net.close_behind(&ours);
    net.close(ours);
    assert_eq!(net.len(), before);
    assert_eq!(net.socket(Kind::Stream, &at).map(|socket| net.close(socket)), Ok(()));
    Ok(())
}
