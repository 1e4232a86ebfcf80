//! What the kernel and the list refuse, batches, and keys at their end.

#[path = "../../tests/backend/support.rs"]
mod support;

use std::time::Duration;

use rustix::fd::{AsFd, AsRawFd};
use stheno_core::storage::Array;
use stheno_core::{Backend, ErrorKind, Interest, Key, Readiness};
use stheno_epoll::{AlwaysReady, Epoll};
use support::*;

type Small<const BATCH: usize> = Epoll<BATCH, Array<AlwaysReady, 2>>;

#[test]
fn the_list_of_files_has_an_end() {
    let mut watch = Watch(Small::<4>::new().unwrap());
    let files = [null(), null(), null()];
    watch.register(&files[0], 0, R).unwrap();
    watch.register(&files[1], 1, W).unwrap();
    let why = watch.register(&files[2], 2, R).unwrap_err();
    assert_eq!((why.kind(), why.text()), (ErrorKind::Full, "no room for another file that is always ready"));
    watch.register(&files[2], 2, Interest::NONE).unwrap();
    watch.reregister(&files[2], 2, P).unwrap();
    assert_eq!(watch.look(), [(0, Readiness::READABLE), (1, Readiness::WRITABLE)]);
    assert_eq!(watch.reregister(&files[2], 2, R).unwrap_err().kind(), ErrorKind::Full);
    watch.deregister(&files[0], 0).unwrap();
    watch.reregister(&files[2], 2, R).unwrap();
    assert_eq!(watch.look(), [(1, Readiness::WRITABLE), (2, Readiness::READABLE)]);
}

#[test]
fn a_file_without_interest_lets_the_others_wait() {
    let mut watch = Watch(Small::<4>::new().unwrap());
    let file = null();
    watch.register(&file, 0, P).unwrap();
    watch.late(Duration::from_millis(2));
}

#[test]
fn files_and_sockets_are_told_together() {
    let mut watch = Watch(Small::<1>::new().unwrap());
    let (a, _b) = pair();
    let (one, two) = (null(), null());
    watch.register(&one, 0, R).unwrap();
    watch.register(&two, 1, R).unwrap();
    watch.register(&a, 2, W).unwrap();
    assert_eq!(watch.wait(None), Ok(3));
    assert_eq!(watch.next(), Some((2, Readiness::WRITABLE)));
    assert_eq!(watch.next(), Some((0, Readiness::READABLE)));
    // Neither the one that was taken nor the one that is still to come is lost or doubled.
    watch.deregister(&one, 0).unwrap();
    assert_eq!(watch.next(), Some((1, Readiness::READABLE)));
    assert_eq!(watch.next(), None);
}

#[test]
fn a_closed_descriptor_is_refused() {
    let mut watch = Watch(Small::<4>::new().unwrap());
    let nobody = never_open(9000);
    let why = watch.register(&nobody, 0, R).unwrap_err();
    assert_eq!(why.to_string(), "register descriptor 9000: the descriptor is not open (os error 9)");
    assert_eq!(why.kind(), ErrorKind::BadDescriptor);
    assert_eq!(watch.reregister(&nobody, 0, W).unwrap_err().kind(), ErrorKind::BadDescriptor);
    watch.deregister(&nobody, 0).unwrap();
}

#[test]
fn sets_that_watch_each_other_are_refused() {
    let mut outer = Small::<4>::new().unwrap();
    let same = rustix::io::fcntl_dupfd_cloexec(&outer, 0).unwrap();
    let why = outer.register(&mut Fds, &same, Key::new(0, 0), R).unwrap_err();
    assert_eq!((why.kind(), why.text()), (ErrorKind::Invalid, "a set cannot watch itself"));
    let mut inner = Small::<4>::new().unwrap();
    inner.register(&mut Fds, &same, Key::new(0, 0), R).unwrap();
    let around = rustix::io::fcntl_dupfd_cloexec(&inner, 0).unwrap();
    let why = outer.register(&mut Fds, &around, Key::new(0, 0), R).unwrap_err();
    let words = "sets watch each other, or too many inside one another (os error 40)";
    assert_eq!(
        (why.kind(), why.to_string()),
        (ErrorKind::Invalid, format!("register descriptor {}: {words}", number(&around)))
    );
    // Neither is the worse for it.
    let (a, _b) = pair();
    outer.register(&mut Fds, &a, Key::new(0, 0), W).unwrap();
    assert_eq!(outer.wait(&mut Fds, Some(Duration::ZERO)), Ok(1));
    assert_eq!(inner.wait(&mut Fds, Some(Duration::ZERO)), Ok(1), "the set that it watches has something to tell");
}

#[test]
fn a_wait_that_fails_leaves_nothing_to_take() {
    let mut watch = Watch(Small::<4>::new().unwrap());
    let ((a, _b), file) = (pair(), null());
    watch.register(&a, 0, W).unwrap();
    watch.register(&file, 1, R).unwrap();
    assert_eq!(watch.wait(None), Ok(2));
    let set = watch.0.as_fd().as_raw_fd();
    let kept = rustix::io::fcntl_dupfd_cloexec(&watch.0, 0).unwrap();
    // The set's number names something else for a while.
    let mut there = never_open(set);
    rustix::io::dup2(&file, &mut there).unwrap();
    for timeout in [None, Some(Duration::ZERO), Some(Duration::from_millis(1))] {
        let why = watch.wait(timeout).unwrap_err();
        assert_eq!((why.kind(), why.to_string().starts_with("wait: ")), (ErrorKind::Invalid, true), "{why}");
        assert_eq!(watch.next(), None);
    }
    rustix::io::dup2(&kept, &mut there).unwrap();
    assert_eq!(watch.look(), [(0, Readiness::WRITABLE), (1, Readiness::READABLE)]);
}

#[test]
fn a_key_may_be_a_files_and_a_sockets() {
    let mut watch = Watch(Small::<4>::new().unwrap());
    let ((a, _b), file) = (pair(), null());
    watch.register(&a, 0, W).unwrap();
    watch.register(&file, 0, R).unwrap();
    assert_eq!(watch.wait(None), Ok(2));
    watch.reregister(&a, 0, Interest::NONE).unwrap();
    assert_eq!(watch.look(), [(0, Readiness::READABLE)], "the file's own");
    watch.reregister(&a, 0, W).unwrap();
    watch.deregister(&file, 0).unwrap();
    assert_eq!(watch.look(), [(0, Readiness::WRITABLE)], "the socket's own");
    watch.deregister(&a, 0).unwrap();
    assert_eq!(watch.look(), []);
}

#[test]
fn keys_have_an_end() {
    let mut epoll = Small::<4>::new().unwrap();
    let (a, _b) = pair();
    let (last, past) = (Key::new((1 << 29) - 1, u32::MAX), Key::new(1 << 29, 0));
    assert_eq!(epoll.register(&mut Fds, &a, past, W).unwrap_err().kind(), ErrorKind::Invalid);
    epoll.deregister(&mut Fds, &a, past).unwrap();
    epoll.register(&mut Fds, &a, last, W).unwrap();
    assert_eq!(epoll.wait(&mut Fds, None), Ok(1));
    assert_eq!(Backend::<Fds>::next(&mut epoll).map(|fired| fired.key), Some(last));
}

#[test]
fn results_not_taken_follow_the_interest() {
    let mut watch = Watch(Small::<4>::new().unwrap());
    let pairs = [pair(), pair(), pair()];
    for (key, (a, b)) in (0..).zip(&pairs) {
        send(b);
        watch.register(a, key, R | W).unwrap();
    }
    assert_eq!(watch.wait(None), Ok(3));
    watch.reregister(&pairs[0].0, 0, W).unwrap();
    watch.reregister(&pairs[1].0, 1, Interest::NONE).unwrap();
    watch.deregister(&pairs[2].0, 2).unwrap();
    assert_eq!(watch.next(), Some((0, Readiness::WRITABLE)));
    assert_eq!(watch.next(), None);
}

#[test]
fn timeouts_of_every_length() {
    let mut watch = Watch(Small::<4>::new().unwrap());
    for (micros, most) in [(250, 600), (2_250, 600), (5_000, 900)] {
        let late = watch.least_late(Duration::from_micros(micros));
        println!("{micros} us: at best {late:?} late");
        assert!(late < Duration::from_micros(most), "a wait of {micros} us was {late:?} late");
    }
}

#[cfg(feature = "alloc")]
#[test]
fn the_list_grows_on_the_heap() {
    use stheno_core::Open;
    let mut watch = Watch(Epoll::<4>::open().unwrap());
    let files: Vec<_> = (0..20).map(|_| null()).collect();
    for (key, file) in (0..).zip(&files) {
        watch.register(file, key, R).unwrap();
    }
    assert_eq!(watch.look().len(), 20);
}
