//! What asyncore's own tests assert, as facts about this loop: a module for each of CPython's test classes, a test of the
//! same name for each of its methods, each for IPv4, IPv6 and the Unix family where the fact knows families, and on each
//! backend. [`names`] holds the list that they are checked against, and says what does not apply and why.
#![cfg(feature = "std")]
#![allow(missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod base_test_api;
mod beyond;
mod dispatcher_tests;
mod dispatcher_with_send_tests;
mod file_wrapper_test;
mod helper_function_tests;
#[cfg(feature = "log")]
mod logs;
mod loops;
#[cfg(feature = "log")]
mod names;
mod own_loop;
mod untested;

use common::events::*;
use stheno::{Address, BackendName, Dispatcher, Key, Os, Socket};

/// Has no opinion on anything.
struct Defaults;

impl<T> Dispatcher<Os, T> for Defaults {}

/// A loop with a listener at this address, and where that is.
#[track_caller]
fn stage(backend: BackendName, at: &Address, door: Actor) -> (Loop<Actor>, Key, Address) {
    let mut events = events(backend);
    let key = events.listen(at, door).unwrap();
    let at = events.channel(key).unwrap().1.local_address().unwrap();
    (events, key, at)
}

/// A channel that nothing happens to, and its peer.
fn idle_pair(events: &mut Loop<Actor>, notes: &Notes) -> (Key, Socket) {
    let (here, there) = Socket::pair().unwrap();
    (events.add(here, Actor::new(notes)).unwrap(), there)
}
