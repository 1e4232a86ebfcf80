//! Lists of every kind, what they refuse, and entries that move.

#[path = "../../tests/backend/support.rs"]
mod support;

use stheno_core::storage::{Array, Borrowed};
use stheno_core::{Backend, ErrorKind, Interest, Key, Readiness};
use stheno_poll::{Entries, Fixed, Lent, Memory, Place, Poll, vacant};
use support::*;

fn holds_three<M: Memory>(poll: Poll<M>) {
    let mut watch = Watch(poll);
    let pairs: Vec<_> = (0..4).map(|_| pair()).collect();
    for (key, (a, _)) in (0..3).zip(&pairs) {
        watch.register(a, key, W).unwrap();
    }
    let all: Vec<_> = (0..3).map(|key| (key, Readiness::WRITABLE)).collect();
    let why = watch.register(&pairs[3].0, 3, W).unwrap_err();
    assert_eq!((why.kind(), why.text()), (ErrorKind::Full, "no room for another socket"));
    assert_eq!(watch.look(), all);
    watch.deregister(&pairs[0].0, 0).unwrap();
    assert_eq!(watch.look(), all[1..]);
    watch.register(&pairs[0].0, 0, W).unwrap();
    assert_eq!(watch.look(), all);
}

#[test]
fn every_list_holds_what_it_says() {
    holds_three(Poll::<Fixed<3>>::default());
    let mut entries: [_; 3] = core::array::from_fn(|_| vacant());
    let (mut owners, mut places) = ([0; 3], [Place::default(); 3]);
    holds_three::<Lent<'_>>(Poll::new(
        Borrowed::new(&mut entries),
        Borrowed::new(&mut owners),
        Borrowed::new(&mut places),
    ));
    #[cfg(feature = "heapless")]
    holds_three(Poll::<stheno_poll::Heapless<3>>::default());
}

#[cfg(feature = "alloc")]
#[test]
fn the_heap_has_room() {
    use stheno_core::Open;
    let mut watch = Watch(Poll::<stheno_poll::Heap>::open().unwrap());
    let (a, _b) = pair();
    let fds: Vec<_> = (0..200).map(|i| high(&a, 1100 + i)).collect();
    for (key, fd) in (0..).zip(&fds) {
        watch.register(fd, key, W).unwrap();
    }
    assert_eq!(watch.look().len(), 200);
}

#[test]
fn a_refused_interest_changes_nothing() {
    enum TwoOfMany {}
    impl Memory for TwoOfMany {
        type Entries = Entries<2>;
        type Owners = Array<u32, 2>;
        type Places = Array<Place, 8>;
    }
    let mut watch = Watch(Poll::<TwoOfMany>::default());
    let pairs: Vec<_> = (0..3).map(|_| pair()).collect();
    for (key, interest) in [(0, W), (1, W), (2, Interest::NONE)] {
        watch.register(&pairs[key].0, key as u32, interest).unwrap();
    }
    assert_eq!(watch.reregister(&pairs[2].0, 2, W).unwrap_err().kind(), ErrorKind::Full);
    assert_eq!(watch.look(), [(0, Readiness::WRITABLE), (1, Readiness::WRITABLE)]);
    watch.reregister(&pairs[0].0, 0, Interest::NONE).unwrap();
    watch.reregister(&pairs[2].0, 2, W).unwrap();
    assert_eq!(watch.look(), [(1, Readiness::WRITABLE), (2, Readiness::WRITABLE)]);
}

#[test]
fn an_entry_that_moved_is_still_its_keys() {
    let mut watch = Watch(Poll::<Fixed<4>>::default());
    let pairs: Vec<_> = (0..4).map(|_| pair()).collect();
    for (key, (a, _)) in (0..).zip(&pairs) {
        watch.register(a, key, W).unwrap();
    }
    watch.deregister(&pairs[0].0, 0).unwrap();
    watch.reregister(&pairs[3].0, 3, R).unwrap();
    assert_eq!(watch.look(), [(1, Readiness::WRITABLE), (2, Readiness::WRITABLE)]);
    watch.deregister(&pairs[1].0, 1).unwrap();
    watch.deregister(&pairs[3].0, 3).unwrap();
    assert_eq!(watch.look(), [(2, Readiness::WRITABLE)]);
}

#[test]
fn old_keys_find_nobody() {
    let mut poll = Poll::<Fixed<4>>::default();
    let (a, _b) = pair();
    let (old, new) = (Key::new(1, 1), Key::new(1, 2));
    poll.register(&mut Fds, &a, old, W).unwrap();
    let why = poll.register(&mut Fds, &a, new, W).unwrap_err();
    assert_eq!(why.text(), "an earlier key of the same index is still registered");
    assert_eq!(why.kind(), ErrorKind::Invalid);
    poll.deregister(&mut Fds, &a, old).unwrap();
    poll.register(&mut Fds, &a, new, W).unwrap();
    poll.deregister(&mut Fds, &a, old).unwrap();
    assert!(poll.reregister(&mut Fds, &a, old, R).is_err());
    assert_eq!(poll.wait(&mut Fds, Some(core::time::Duration::ZERO)), Ok(1));
    assert_eq!(Backend::<Fds>::next(&mut poll).map(|fired| fired.key), Some(new));
}

#[test]
fn an_invalid_entry_returns_when_it_is_asked_for_again() {
    let mut watch = Watch(Poll::<Fixed<4>>::default());
    let bad = high(&pair().0, 1500);
    watch.register(&bad, 1, R).unwrap();
    let bad = close_behind(bad);
    for _ in 0..2 {
        assert_eq!(watch.look(), [(1, Readiness::INVALID)]);
        assert_eq!(watch.look(), []);
        watch.reregister(&bad, 1, W).unwrap();
    }
}
