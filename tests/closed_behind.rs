//! Descriptors that someone closed behind the loop's back (rule 7): an error of that channel at the latest when it is
//! used or changed, and no spinning until then. Numbers are used again by whoever opens something next, so all of it is
//! one test, which nothing runs beside.
#![cfg(all(target_os = "linux", feature = "std"))]
#![allow(missing_docs)]

mod common;

use std::time::{Duration, Instant};

use common::events::*;
use rustix::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use stheno::{AnyBackend, BackendName, ErrorKind, EventLoop, Key, Layer, Net, Os, Reason, Received, Result, Socket};

#[test]
fn descriptors_that_are_closed_behind_the_loops_back() {
    on_each_backend(|backend| {
        nothing_spins_and_the_next_use_is_an_error(backend);
        the_next_change_of_interest_is_an_error(backend);
        the_programs_own_close_is_no_error(backend);
        a_listener_is_told_too(backend);
        many_at_once_harm_nobody_else(backend);
        a_number_that_is_used_again_belongs_to_its_new_owner(backend);
    });
}

/// The system, but for what was closed already, which must not be closed again: the number may be someone else's.
#[derive(Default)]
struct Careful {
    below: Os,
    gone: Vec<RawFd>,
}

impl Layer for Careful {
    type Below = Os;
    fn below(&self) -> &Os {
        &self.below
    }
    fn below_mut(&mut self) -> &mut Os {
        &mut self.below
    }
    fn recv_vectored(&mut self, socket: &mut Socket, into: [&mut [u8]; 2]) -> Result<Received> {
        Net::recv_vectored(&mut self.below, socket, into)
    }
    fn close(&mut self, socket: Socket) {
        let number = socket.as_raw_fd();
        match self.gone.iter().position(|gone| *gone == number) {
            Some(index) => {
                self.gone.swap_remove(index);
                let _ = OwnedFd::from(socket).into_raw_fd();
            }
            None => Net::close(&mut self.below, socket),
        }
    }
}

type Stage = EventLoop<Actor, Careful, AnyBackend>;

fn stage(backend: BackendName) -> (Stage, Notes, Socket) {
    let mut events: Stage = EventLoop::with_parts(Careful::default(), AnyBackend::named(backend).unwrap(), Vec::new());
    let (here, there) = Socket::pair().unwrap();
    let notes = Notes::default();
    events.add(here, Actor::echo(&notes)).unwrap();
    turn_out(&mut events);
    (events, notes, there)
}

/// Closes a channel's descriptor as some other part of a program would.
fn close_behind(events: &mut Stage, key: Key) -> RawFd {
    let (_, mut io) = events.channel(key).unwrap();
    let number = io.socket().unwrap().as_raw_fd();
    io.net().gone.push(number);
    // SAFETY: the number is open, and whoever owns it, the loop, is kept from closing it again by `Careful`.
    drop(unsafe { OwnedFd::from_raw_fd(number) });
    number
}

/// How many turns it takes to wait that long.
fn turns(events: &mut Stage, time: Duration) -> usize {
    let began = Instant::now();
    let mut turns = 0;
    while let Some(left) = time.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
        events.turn(Some(left)).unwrap();
        turns += 1;
    }
    turns
}

#[track_caller]
fn still_serves(events: &mut Stage, notes: &Notes, there: &mut Socket) {
    notes.clear();
    Os.send(there, b"ping").unwrap();
    turn_until(events, |_| notes.data() == b"ping");
    assert_eq!(notes.all().len(), 1);
    common::readable(there);
    assert_eq!(heard(there), b"ping");
}

fn is_told(notes: &Notes) {
    let told = notes.all();
    let [Told::Error(why), Told::Close(Reason::Error(reason))] = told[..] else { panic!("{told:?}") };
    assert_eq!((why, why.kind()), (reason, ErrorKind::BadDescriptor), "{told:?}");
    let text = why.to_string();
    assert!(text.contains("descriptor"), "{text}");
    assert!(
        ["watch", "register", "reregister", "receive", "send", "accept"].iter().any(|doing| text.starts_with(doing)),
        "{text}"
    );
}

fn nothing_spins_and_the_next_use_is_an_error(backend: BackendName) {
    let (mut events, served, mut there) = stage(backend);
    let (here, _peer) = Socket::pair().unwrap();
    let notes = Notes::default();
    let key = events.add(here, Actor::new(&notes)).unwrap();
    turn_out(&mut events);
    close_behind(&mut events, key);
    let turns = turns(&mut events, Duration::from_millis(100));
    assert!(turns <= 5, "{turns} turns for a descriptor that is not there");
    still_serves(&mut events, &served, &mut there);
    // Select and poll can see it; epoll is told nothing, and the next use finds out.
    if let Ok((actor, mut io)) = events.channel(key) {
        let why = io.send(b"x").unwrap_err();
        assert_eq!(why.kind(), ErrorKind::BadDescriptor);
        assert!(why.to_string().ends_with(": not an open descriptor (os error 9)"), "{why}");
        actor.writable = true;
        turn_until(&mut events, |_| notes.closes() > 0);
    }
    is_told(&notes);
    still_serves(&mut events, &served, &mut there);
    assert_eq!(events.len(), 1);
}

fn the_next_change_of_interest_is_an_error(backend: BackendName) {
    for (readable, writable) in [(false, true), (true, true)] {
        let (mut events, served, mut there) = stage(backend);
        let (here, _peer) = Socket::pair().unwrap();
        let notes = Notes::default();
        let key = events.add(here, Actor::new(&notes)).unwrap();
        turn_out(&mut events);
        close_behind(&mut events, key);
        if let Ok((actor, _)) = events.channel(key) {
            (actor.readable, actor.writable) = (readable, writable);
        }
        let turns = turns(&mut events, Duration::from_millis(30));
        assert!(turns <= 5, "{turns} turns");
        is_told(&notes);
        still_serves(&mut events, &served, &mut there);
    }
}

fn the_programs_own_close_is_no_error(backend: BackendName) {
    let (mut events, served, mut there) = stage(backend);
    let (here, _peer) = Socket::pair().unwrap();
    let notes = Notes::default();
    let key = events.add(here, Actor::new(&notes)).unwrap();
    close_behind(&mut events, key);
    events.close(key).unwrap();
    still_serves(&mut events, &served, &mut there);
    assert_eq!((notes.all(), events.len(), events.net().gone.len()), (vec![], 1, 0));
}

fn a_listener_is_told_too(backend: BackendName) {
    let (mut events, served, mut there) = stage(backend);
    let notes = Notes::default();
    let key = events.listen("127.0.0.1:0", Actor::new(&notes)).unwrap();
    turn_out(&mut events);
    close_behind(&mut events, key);
    if let Ok((actor, _)) = events.channel(key) {
        actor.readable = false;
    }
    turn_out(&mut events);
    if let Ok((actor, _)) = events.channel(key) {
        actor.readable = true;
    }
    turn_out(&mut events);
    is_told(&notes);
    still_serves(&mut events, &served, &mut there);
}

fn many_at_once_harm_nobody_else(backend: BackendName) {
    let (mut events, served, mut there) = stage(backend);
    let (mut peers, mut keys, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..100 {
        let (here, peer) = Socket::pair().unwrap();
        let notes = Notes::default();
        keys.push(events.add(here, Actor::new(&notes)).unwrap());
        all.push(notes);
        peers.push(peer);
    }
    turn_out(&mut events);
    for key in keys.iter().step_by(3) {
        close_behind(&mut events, *key);
    }
    for peer in &mut peers {
        // Of those that are closed, the peer has been told.
        let _ = Os.send(peer, b"hello");
    }
    turn_out(&mut events);
    still_serves(&mut events, &served, &mut there);
    for (n, (key, notes)) in keys.iter().zip(&all).enumerate() {
        if n % 3 != 0 {
            assert_eq!(notes.all(), [Told::Read(b"hello".to_vec())]);
        } else if let Ok((actor, _)) = events.channel(*key) {
            actor.readable = false;
            actor.writable = true;
        }
    }
    turn_out(&mut events);
    all.iter().step_by(3).for_each(is_told);
    still_serves(&mut events, &served, &mut there);
    assert_eq!((events.len(), events.net().gone.len()), (1 + 66, 0));
}

/// Another channel that gets the number must neither hear what was meant for the first one, nor be forgotten with it.
fn a_number_that_is_used_again_belongs_to_its_new_owner(backend: BackendName) {
    let (mut events, served, mut there) = stage(backend);
    let (here, _peer) = Socket::pair().unwrap();
    let notes = Notes::default();
    let old = events.add(here, Actor::new(&notes)).unwrap();
    turn_out(&mut events);
    close_behind(&mut events, old);
    // The loop finds out, or is told by the program, before the number is used again.
    turn_out(&mut events);
    if events.channel(old).is_ok() {
        events.close(old).unwrap();
    }
    let (one, mut other) = Socket::pair().unwrap();
    let fresh = Notes::default();
    events.add(one, Actor::echo(&fresh)).unwrap();
    still_serves(&mut events, &fresh, &mut other);
    still_serves(&mut events, &served, &mut there);
    assert!(notes.data().is_empty());
}
