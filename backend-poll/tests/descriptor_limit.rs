//! A list that is longer than the process may have descriptors, since somebody lowered the limit. Alone in its process, to
//! which the limit belongs.

#[path = "../../tests/backend/support.rs"]
mod support;

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use stheno_core::{ErrorKind, Readiness};
use stheno_poll::{Fixed, Poll};
use support::*;

#[test]
fn a_list_past_the_limit_is_an_error_of_the_wait_until_it_is_shorter() {
    const PAIRS: u32 = 20;
    let mut watch = Watch(Poll::<Fixed<{ PAIRS as usize }>>::default());
    let pairs: Vec<_> = (0..PAIRS).map(|_| pair()).collect();
    for (key, (a, _)) in (0..).zip(&pairs) {
        watch.register(a, key, W).unwrap();
    }
    let all: Vec<_> = (0..PAIRS).map(|key| (key, Readiness::WRITABLE)).collect();
    assert_eq!(watch.look(), all);

    let before = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(16), maximum: before.maximum }).unwrap();
    for timeout in [None, Some(Duration::ZERO), Some(Duration::from_millis(1))] {
        let why = watch.wait(timeout).unwrap_err();
        let words = "wait: more descriptors than the process may have (RLIMIT_NOFILE) (os error 22)";
        assert_eq!((why.kind(), why.to_string()), (ErrorKind::Invalid, words.to_owned()));
        assert_eq!(watch.next(), None);
    }
    for (key, (a, _)) in (0..4).zip(&pairs) {
        watch.deregister(a, key).unwrap();
    }
    assert_eq!(watch.look(), all[4..]);
    for (key, (a, _)) in (0..4).zip(&pairs) {
        watch.register(a, key, W).unwrap();
    }
    assert_eq!(watch.wait(None).map_err(|why| why.kind()), Err(ErrorKind::Invalid));
    setrlimit(Resource::Nofile, before).unwrap();
    assert_eq!(watch.look(), all);
}
