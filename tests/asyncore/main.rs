//! What asyncore did beside its channels: its loop, its log, its words for errors, and its doors for a program that has a
//! loop of its own. What CPython's own tests assert are cases of the conformance suite.
#![cfg(feature = "std")]
#![allow(missing_docs)]

#[path = "../common/mod.rs"]
mod common;

#[cfg(feature = "log")]
mod logs;
mod loops;
mod own_loop;
mod words;

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
