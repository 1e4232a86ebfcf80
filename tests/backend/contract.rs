//! The clauses of the backend's contract, one test for each, for whichever backend the parent module brings:
//! `fresh` (a backend that watches nothing), `narrow` (one that reports as few at a time as it can), `unasked` (what of a
//! readiness comes without being asked for), `BEHIND` (what is told of key 1 when its descriptor is closed behind it),
//! `KNOWS_KEYS` (whether deregistering goes by the key, or only by the descriptor's number), `ONE_KEY` (whether a second key
//! for a socket is refused; else a second socket under a key is) and `NAME`.

use std::time::Duration;

use rustix::net::{RecvFlags, SendFlags, Shutdown, shutdown};
use rustix::time::{ClockId, clock_gettime};
use stheno_core::{ErrorKind, Interest, Readiness};

use super::support::*;
use super::{BEHIND, KNOWS_KEYS, NAME, ONE_KEY, fresh, narrow, unasked};

const READABLE: Readiness = Readiness::READABLE;
const WRITABLE: Readiness = Readiness::WRITABLE;

#[test]
fn b2_a_key_is_registered_once() {
    let (mut watch, (a, b)) = (fresh(), pair());
    watch.register(&a, 1, R).unwrap();
    let why = watch.register(&a, 1, R | W).unwrap_err();
    assert_eq!(why.kind(), ErrorKind::Invalid);
    assert!(why.text().ends_with(" is registered already"), "{why}");
    assert_eq!(watch.look(), [], "the refused interest is not in force");
    send(&b);
    assert_eq!(watch.look(), [(1, READABLE)]);
}

#[test]
fn b2_a_second_key_for_a_socket_is_refused_or_watched_beside_the_first() {
    let (mut watch, (a, b)) = (fresh(), pair());
    send(&b);
    watch.register(&a, 1, R).unwrap();
    let second = watch.register(&a, 2, W).map_err(|why| why.kind());
    assert_eq!(second, if ONE_KEY { Err(ErrorKind::Invalid) } else { Ok(()) });
    if !ONE_KEY {
        assert_eq!(watch.look(), [(1, READABLE), (2, WRITABLE)]);
        watch.deregister(&a, 2).unwrap();
    }
    assert_eq!(watch.look(), [(1, READABLE)]);
}

#[test]
fn b2_a_second_socket_under_a_key_is_refused_or_watched_beside_the_first() {
    let (mut watch, (a, b), (c, _d)) = (fresh(), pair(), pair());
    send(&b);
    watch.register(&a, 1, R).unwrap();
    let second = watch.register(&c, 1, W).map_err(|why| why.kind());
    assert_eq!(second, if ONE_KEY { Ok(()) } else { Err(ErrorKind::Invalid) });
    if ONE_KEY {
        assert_eq!(watch.wait(Duration::ZERO), Ok(2));
        let told = [watch.next(), watch.next()];
        assert!(told.contains(&Some((1, READABLE))) && told.contains(&Some((1, WRITABLE))), "{told:?}");
        watch.deregister(&c, 1).unwrap();
    }
    assert_eq!(watch.look(), [(1, READABLE)]);
}

#[test]
fn b3_no_interest_is_out_of_the_set() {
    let (mut watch, (a, b)) = (fresh(), pair());
    drop(b);
    watch.register(&a, 1, Interest::NONE).unwrap();
    assert_eq!(watch.look(), []);
    watch.reregister(&a, 1, R).unwrap();
    assert!(watch.look()[0].1.contains(READABLE));
    watch.reregister(&a, 1, Interest::NONE).unwrap();
    watch.reregister(&a, 1, Interest::NONE).unwrap();
    assert_eq!(watch.look(), [], "not even the hang-up");
    watch.reregister(&a, 1, W).unwrap();
    assert!(watch.look()[0].1.contains(WRITABLE));
}

#[test]
fn b4_readiness_is_reported_for_as_long_as_it_holds() {
    let (mut watch, (a, b)) = (fresh(), pair());
    watch.register(&a, 1, R).unwrap();
    assert_eq!(watch.look(), []);
    send(&b);
    for _ in 0..3 {
        assert_eq!(watch.look(), [(1, READABLE)]);
    }
    receive(&a);
    assert_eq!(watch.look(), []);
}

#[test]
fn b5_only_what_was_asked_is_reported() {
    let (mut watch, (a, b)) = (fresh(), pair());
    send(&b);
    watch.register(&a, 1, R).unwrap();
    for (asked, told) in [
        (R, READABLE),
        (W, WRITABLE),
        (R | W, READABLE | WRITABLE),
        (P, Readiness::NONE),
        (Interest::ALL, READABLE | WRITABLE),
    ] {
        watch.reregister(&a, 1, asked).unwrap();
        let expected = if told.is_empty() { vec![] } else { vec![(1, told)] };
        assert_eq!(watch.look(), expected, "asked for {asked}");
    }
}

#[test]
fn b5_urgent_data_is_a_priority() {
    let (mut watch, (a, b)) = (fresh(), tcp_pair());
    watch.register(&a, 1, R | P).unwrap();
    assert_eq!(rustix::net::send(&b, b"!", SendFlags::OOB), Ok(1));
    assert_eq!(watch.wait(Duration::from_secs(5)), Ok(1));
    assert_eq!(watch.next(), Some((1, Readiness::PRIORITY)));
    watch.reregister(&a, 1, R).unwrap();
    assert_eq!(watch.look(), []);
    assert_eq!(rustix::net::recv(&a, &mut [0; 1], RecvFlags::OOB).map(|(_, read)| read), Ok(1));
}

#[test]
fn b6_a_hang_up_is_readable_for_readers() {
    let mut watch = fresh();
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    drop(writer);
    watch.register(&reader, 1, R).unwrap();
    assert_eq!(watch.look(), [(1, READABLE | unasked(Readiness::HANGUP))]);
    watch.reregister(&reader, 1, W).unwrap();
    let expected = unasked(Readiness::HANGUP);
    assert_eq!(watch.look(), if expected.is_empty() { vec![] } else { vec![(1, expected)] });
}

#[test]
fn b6_an_error_is_writable_for_writers() {
    let mut watch = fresh();
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::NONBLOCK).unwrap();
    while rustix::io::write(&writer, &[0; 4096]).is_ok() {}
    watch.register(&writer, 1, W).unwrap();
    assert_eq!(watch.look(), []);
    drop(reader);
    assert_eq!(watch.look(), [(1, WRITABLE | unasked(Readiness::ERROR))], "although the pipe is full");
    watch.reregister(&writer, 1, R).unwrap();
    assert_eq!(watch.look(), [(1, READABLE | unasked(Readiness::ERROR))]);
}

#[test]
fn b7_a_half_closed_peer_is_one_result() {
    let (mut watch, (a, b)) = (fresh(), pair());
    shutdown(&b, Shutdown::Write).unwrap();
    watch.register(&a, 1, R | W).unwrap();
    assert_eq!(watch.look(), [(1, READABLE | WRITABLE)]);
}

#[test]
fn b8_nobody_starves() {
    let mut watch = narrow();
    let pairs: Vec<_> = (0..6).map(|_| pair()).collect();
    for (key, (a, _)) in (0..).zip(&pairs) {
        watch.register(a, key, W).unwrap();
    }
    let mut seen = [0; 6];
    for _ in 0..3 {
        assert!(watch.wait(Duration::ZERO).unwrap() >= 2);
        for _ in 0..2 {
            seen[watch.next().unwrap().0 as usize] += 1;
        }
    }
    assert_eq!(seen, [1; 6], "two at a time, each came once in three waits");
}

/// Of several that are ready each comes first in its time, files (B10) among sockets and either by themselves.
#[test]
fn b8_whoever_takes_one_at_a_time_reaches_all() {
    for (sockets, files) in [(6, 0), (0, 2), (6, 2)] {
        let mut watch = fresh();
        let sockets: Vec<_> = (0..sockets).map(|_| pair()).collect();
        let files: Vec<_> = (0..files).map(|_| null()).collect();
        let all = sockets.iter().map(|(a, _)| a).chain(&files);
        let all = (0..).zip(all).map(|(key, fd)| watch.register(fd, key, W).unwrap()).count();
        let mut seen = [0; 8];
        let seen = seen.get_mut(..all).expect("as many as there is room for");
        for _ in 0..100 {
            assert_eq!(watch.wait(None), Ok(all));
            seen[watch.next().unwrap().0 as usize] += 1;
        }
        assert!(seen.iter().all(|times| *times > 100 / all / 4), "{seen:?} of {} files", files.len());
    }
}

#[test]
fn b9_an_event_ends_a_wait_of_any_length() {
    let (mut watch, (a, b)) = (fresh(), pair());
    send(&b);
    watch.register(&a, 1, R).unwrap();
    for micros in [0, 1, 500, 1_000, 1_500, 19_999, 20_000, 30_500] {
        assert_eq!(watch.wait(Duration::from_micros(micros)), Ok(1), "{micros} us");
        assert_eq!(watch.next(), Some((1, READABLE)));
    }
}

#[test]
fn b9_to_wait_is_to_sleep() {
    let (mut watch, (a, _b)) = (fresh(), pair());
    watch.register(&a, 1, R).unwrap();
    let used = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
    for (micros, times) in [(15_500, 6), (100_000, 1)] {
        let before = used();
        for _ in 0..times {
            watch.late(Duration::from_micros(micros));
        }
        let used = used() - before;
        // A tenth of a millisecond for each is plenty; who spins uses what the machine can spare in about a hundred.
        assert!(used < Duration::from_millis(4), "{times} waits of {micros} us kept a processor busy for {used:?}");
    }
}

#[test]
fn b9_a_wait_is_never_too_short_and_hardly_too_long() {
    let (mut watch, (a, _b)) = (fresh(), pair());
    watch.register(&a, 1, R).unwrap();
    for micros in [1, 200, 999, 1_000, 1_500, 3_000, 20_100] {
        watch.late(Duration::from_micros(micros));
    }
    let late = watch.least_late(Duration::from_micros(300));
    println!("300 us: at best {late:?} late");
    assert!(late < Duration::from_micros(600), "a wait of 300 us was {late:?} late, so it was rounded");
}

#[test]
fn b9_without_a_timeout_it_waits_for_the_event() {
    let (mut watch, (a, b)) = (fresh(), pair());
    watch.register(&a, 1, R).unwrap();
    let sender = std::thread::spawn(move || {
        send(&b);
        b
    });
    assert_eq!(watch.wait(None), Ok(1));
    assert_eq!(watch.next(), Some((1, READABLE)));
    sender.join().unwrap();
}

#[test]
fn b9_a_timeout_past_every_bound_is_no_error() {
    let (mut watch, (a, b)) = (fresh(), pair());
    send(&b);
    watch.register(&a, 1, R).unwrap();
    for timeout in [Duration::MAX, Duration::from_secs(1 << 40), Duration::from_secs(3_000_000)] {
        assert_eq!(watch.wait(timeout), Ok(1));
    }
}

#[test]
fn b10_files_are_always_ready() {
    let (mut watch, (a, _b)) = (fresh(), pair());
    let file = null();
    watch.register(&a, 0, W).unwrap();
    watch.register(&file, 1, R | W).unwrap();
    assert_eq!(watch.register(&file, 1, R).map_err(|why| why.kind()), Err(ErrorKind::Invalid));
    let both = [(0, WRITABLE), (1, READABLE | WRITABLE)];
    assert_eq!(watch.look(), both);
    assert_eq!(watch.wait(None), Ok(2), "nothing is waited for");
    watch.reregister(&a, 0, R).unwrap();
    watch.reregister(&file, 1, W).unwrap();
    assert_eq!(watch.look(), [(1, WRITABLE)]);
    assert_eq!(watch.wait(None), Ok(1), "nor for the others");
    watch.reregister(&file, 1, Interest::NONE).unwrap();
    assert_eq!(watch.look(), []);
    watch.late(Duration::from_millis(2));
    watch.reregister(&file, 1, R).unwrap();
    assert_eq!(watch.look(), [(1, READABLE)]);
    watch.deregister(&file, 1).unwrap();
    watch.deregister(&file, 1).unwrap();
    assert_eq!(watch.look(), []);
}

#[test]
fn b12_a_descriptor_closed_behind_harms_itself_alone() {
    let (mut watch, (a, b)) = (fresh(), pair());
    let (bad, good) = (high(&pair().0, 3000), high(&a, 3010));
    let number = number(&bad);
    watch.register(&bad, 1, R).unwrap();
    watch.register(&good, 2, R).unwrap();
    let bad = close_behind(bad);
    let mut told = Vec::new();
    for _ in 0..3 {
        told.extend(watch.look());
    }
    assert_eq!(told, BEHIND, "once or never");
    watch.late(Duration::from_millis(2));
    send(&b);
    assert_eq!(watch.look(), [(2, READABLE)]);

    // The number comes back to another socket, under another key.
    let again = high(&a, number);
    assert_eq!(super::support::number(&again), number);
    watch.register(&again, 3, R).unwrap();
    assert_eq!(watch.look(), [(2, READABLE), (3, READABLE)]);
    watch.deregister(&bad, 1).unwrap();
    if !KNOWS_KEYS {
        // This is the price of breaking B1.
        assert_eq!(watch.look(), [(2, READABLE)]);
        watch.reregister(&again, 3, R).unwrap();
    }
    assert_eq!(watch.look(), [(2, READABLE), (3, READABLE)]);
}

#[test]
fn b12_what_was_not_taken_does_not_come_again() {
    let mut watch = fresh();
    let bad = high(&pair().0, 3100);
    watch.register(&bad, 1, R).unwrap();
    let bad = close_behind(bad);
    assert_eq!(watch.wait(Duration::ZERO), Ok(BEHIND.len()));
    watch.late(Duration::from_millis(2));
    watch.deregister(&bad, 1).unwrap();
    watch.deregister(&bad, 1).unwrap();
}

#[test]
fn b14_results_not_taken_are_dropped() {
    let mut watch = fresh();
    let pairs: Vec<_> = (0..4).map(|_| pair()).collect();
    for (key, (a, _)) in (0..).zip(&pairs) {
        watch.register(a, key, W).unwrap();
    }
    assert_eq!(watch.wait(Duration::ZERO), Ok(4));
    watch.next().unwrap();
    for (a, _) in &pairs {
        rustix::io::ioctl_fionbio(a, true).unwrap();
        while rustix::io::write(a, &[0; 4096]).is_ok() {}
    }
    assert_eq!(watch.wait(Duration::ZERO), Ok(0));
    assert_eq!(watch.next(), None);
}

#[test]
fn b14_changes_between_results_neither_lose_nor_repeat_any() {
    let mut watch = fresh();
    let pairs: Vec<_> = (0..5).map(|_| pair()).collect();
    for (key, (a, _)) in (0..).zip(&pairs) {
        watch.register(a, key, W).unwrap();
    }
    for gone in 0..5 {
        assert_eq!(watch.wait(Duration::ZERO), Ok(5));
        let first = watch.next().unwrap();
        watch.deregister(&pairs[gone as usize].0, gone).unwrap();
        let mut told: Vec<_> =
            core::iter::once(first).chain(core::iter::from_fn(|| watch.next())).map(|(key, _)| key).collect();
        told.sort();
        let others: Vec<u32> = (0..5).filter(|key| *key != gone || told.contains(key)).collect();
        assert_eq!(told, others, "{gone} was deregistered");
        watch.register(&pairs[gone as usize].0, gone, W).unwrap();
    }
}

#[test]
fn b15_deregistering_again_is_no_error() {
    let (mut watch, (a, b)) = (fresh(), pair());
    send(&b);
    watch.deregister(&a, 1).unwrap();
    watch.register(&a, 1, R).unwrap();
    for _ in 0..2 {
        watch.deregister(&a, 1).unwrap();
        assert_eq!(watch.look(), []);
    }
    watch.register(&a, 2, R).unwrap();
    assert_eq!(watch.look(), [(2, READABLE)]);
}

#[test]
fn b16_the_clock_never_goes_back() {
    let mut watch = fresh();
    let mut last = watch.now();
    for _ in 0..1000 {
        let now = watch.now();
        assert!(now >= last);
        last = now;
    }
}

#[test]
fn it_has_a_name() {
    assert_eq!(stheno_core::Backend::<Fds>::name(&fresh().0), NAME);
}

#[test]
fn high_descriptors_are_like_any_other() {
    let (mut watch, (a, b)) = (fresh(), pair());
    let far = high(&a, 2500);
    watch.register(&far, 1, R | W).unwrap();
    send(&b);
    assert_eq!(watch.look(), [(1, READABLE | WRITABLE)]);
    watch.deregister(&far, 1).unwrap();
    assert_eq!(watch.look(), []);
}

fn tcp_pair() -> (rustix::fd::OwnedFd, rustix::fd::OwnedFd) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let a = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (a.into(), listener.accept().unwrap().0.into())
}
