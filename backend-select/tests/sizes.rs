//! Sets of every size: what they hold, what they refuse, and what they cost.

#[path = "../../tests/backend/support.rs"]
mod support;

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::net::SendFlags;
use stheno_core::backend::Except;
use stheno_core::{ErrorKind, Readiness};
use stheno_select::{BITS, Fixed, Select};
use support::*;

#[test]
fn what_is_past_the_sets_is_refused() {
    let (a, _b) = pair();
    let last = high(&a, 4 * BITS as i32 - 1);
    let past = high(&a, 4 * BITS as i32);
    assert_eq!((number(&last), number(&past)), (4 * BITS as i32 - 1, 4 * BITS as i32), "nobody else is up there");
    let mut watch = Watch(Select::new(Fixed::<4, { 8 * BITS }>::default()));
    watch.register(&last, 1, W).unwrap();
    let why = watch.register(&past, 2, W).unwrap_err();
    assert_eq!(why.kind(), ErrorKind::Invalid);
    let expected = format!("register descriptor {}: the descriptor is past the size of the sets", number(&past));
    assert_eq!(why.to_string(), expected);
    assert!(watch.reregister(&past, 2, W).is_err());
    watch.deregister(&past, 2).unwrap();
    assert_eq!(watch.look(), [(1, Readiness::WRITABLE)]);
}

#[test]
fn keys_begin_at_the_base() {
    let (a, _b) = pair();
    let base = 5 * BITS as i32 + 4;
    let fds: Vec<_> = (base - 1..base + 3).map(|least| high(&a, least)).collect();
    assert_eq!(number(&fds[3]), base + 2, "nobody else is up there");
    let mut lent = Fixed::<6, 2>::default();
    let mut watch = Watch(Select::with_base(&mut lent, base));
    let refused = [0, 3].map(|i| watch.register(&fds[i], 9, W).unwrap_err().text());
    assert_eq!(
        refused,
        ["the descriptor is below the first that can be watched", "the descriptor is past the size of the sets"]
    );
    watch.register(&fds[1], 1, W).unwrap();
    watch.register(&fds[2], 2, W).unwrap();
    assert_eq!(watch.look(), [(1, Readiness::WRITABLE), (2, Readiness::WRITABLE)]);
}

#[test]
fn a_descriptor_has_one_key() {
    let (a, _b) = pair();
    let mut watch = Watch(Select::new(Fixed::<8, 512>::default()));
    watch.register(&a, 1, W).unwrap();
    assert_eq!(watch.register(&a, 2, R).unwrap_err().text(), "the descriptor is registered under another key");
    assert_eq!(watch.reregister(&a, 2, R).unwrap_err().kind(), ErrorKind::Invalid);
    watch.deregister(&a, 2).unwrap();
    assert_eq!(watch.look(), [(1, Readiness::WRITABLE)]);
}

#[test]
fn many_words_many_results_and_a_few_closed_ones() {
    let (a, b) = pair();
    let base = 10 * BITS as i32;
    let fds: Vec<_> = (0..3 * BITS as i32 + 7).map(|i| high(&a, base + i)).collect();
    let mut watch = Watch(Select::new(Fixed::<16, { 16 * BITS }>::default()));
    for (key, fd) in (0..).zip(&fds) {
        watch.register(fd, key, [R, W, R | W][key as usize % 3]).unwrap();
    }
    send(&b);
    let told = |key: u32| {
        [Readiness::READABLE, Readiness::WRITABLE, Readiness::READABLE | Readiness::WRITABLE][key as usize % 3]
    };
    let all: Vec<_> = (0..fds.len() as u32).map(|key| (key, told(key))).collect();
    assert_eq!(watch.look(), all);

    let (closed, fds): (Vec<_>, Vec<_>) = (0_u32..).zip(fds).partition(|(key, _)| [5, 6, 150].contains(key));
    for (_, fd) in closed {
        close_behind(fd);
    }
    assert_eq!(watch.look(), [5, 6, 150].map(|key| (key, Readiness::INVALID)));
    let rest: Vec<_> = all.into_iter().filter(|(key, _)| ![5, 6, 150].contains(key)).collect();
    assert_eq!(watch.look(), rest);
    for (key, fd) in &fds {
        watch.deregister(fd, *key).unwrap();
    }
    assert_eq!(watch.wait(Duration::ZERO), Ok(0));
}

#[test]
fn a_closed_one_that_nobody_took_does_not_come_as_another() {
    let (a, _b) = pair();
    let [low, first, second] = [39 * BITS + 1, 40 * BITS + 3, 40 * BITS + 9].map(|least| high(&a, least as i32));
    let mut watch = Watch(Select::new(Fixed::<48, { 48 * BITS }>::default()));
    watch.register(&first, 1, W).unwrap();
    assert_eq!(watch.look(), [(1, Readiness::WRITABLE)], "the next search begins behind the first");
    watch.deregister(&first, 1).unwrap();
    watch.register(&low, 0, W).unwrap();
    watch.register(&second, 2, W).unwrap();
    let _second = close_behind(second);
    assert_eq!(watch.wait(Duration::ZERO), Ok(1));
    assert_eq!(watch.look(), [(0, Readiness::WRITABLE)]);
}

#[test]
fn bits_above_the_kernels_table_are_no_results() {
    // The kernel does not look at words past its table of this process's descriptors, nor clears them.
    let (a, b) = pair();
    let nobody = never_open(9000);
    let mut watch = Watch(Select::new(Fixed::<256, 16384>::default()));
    watch.register(&a, 1, R).unwrap();
    watch.register(&nobody, 2, R | W).unwrap();
    assert_eq!(watch.look(), []);
    send(&b);
    for _ in 0..2 {
        assert_eq!(watch.look(), [(1, Readiness::READABLE)]);
    }
}

#[cfg(feature = "alloc")]
#[test]
fn sets_on_the_heap_grow_to_their_end() {
    use stheno_core::Open;
    use stheno_select::Heap;
    let (a, _b) = pair();
    let far = high(&a, 3900);
    let mut watch = Watch(Select::<Heap>::open().unwrap());
    watch.register(&far, 1, W).unwrap();
    watch.register(&a, 0, W).unwrap();
    assert_eq!(watch.look(), [(0, Readiness::WRITABLE), (1, Readiness::WRITABLE)]);
    let mut small = Watch(Select::new(Heap::up_to(number(&far) as usize)));
    assert_eq!(small.register(&far, 1, W).unwrap_err().kind(), ErrorKind::Invalid);
    small.register(&a, 1, W).unwrap();
    assert_eq!(small.look(), [(1, Readiness::WRITABLE)]);
}

/// Where the third set means trouble it leads to what is wanted; an urgent byte is what raises it here.
#[test]
fn the_third_set_may_mean_trouble() {
    let door = TcpListener::bind("127.0.0.1:0").unwrap();
    let theirs = TcpStream::connect(door.local_addr().unwrap()).unwrap();
    let ours = OwnedFd::from(door.accept().unwrap().0);
    for (interest, told) in
        [(R, Readiness::READABLE), (W, Readiness::WRITABLE), (R | W, Readiness::READABLE | Readiness::WRITABLE)]
    {
        let mut watch = Watch(Select::new(Fixed::<8, 512>::default()).excepting(Except::Trouble));
        watch.register(&ours, 1, interest).unwrap();
        if interest == R {
            assert_eq!(watch.look(), []);
            rustix::net::send(&theirs, b"!", SendFlags::OOB).unwrap();
            assert_eq!(watch.wait(Duration::from_secs(10)), Ok(1));
        }
        assert_eq!(watch.look(), [(1, told)]);
        watch.reregister(&ours, 1, P).unwrap();
        assert_eq!(watch.look(), [], "an urgent byte is nothing that is told there");
    }
}
