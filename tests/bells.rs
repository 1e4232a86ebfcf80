//! What wakes a loop is pluggable: each sound there is, on each backend, keeps what a waker promises.
#![cfg(all(target_os = "linux", feature = "std"))]
#![allow(missing_docs)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::events::*;
use common::readable;
use stheno::waker::{Bell, Ring};
use stheno::{BackendName, Net, Os, Result, Socket, Sound, waker_with};

type Make = fn() -> Result<Sound>;

const SOUNDS: [(&str, Make); 4] =
    [("eventfd", Sound::eventfd), ("pipe", Sound::pipe), ("datagrams", Sound::datagrams), ("udp", Sound::udp)];

fn with_each_sound(mut test: impl FnMut(BackendName, Make)) {
    for (name, make) in SOUNDS {
        let _place = Place(name.into());
        on_each_backend(|backend| test(backend, make));
    }
}

/// A loop with one channel on which nothing happens, and that channel's peer.
fn idle(backend: BackendName) -> (Loop<Actor>, Socket) {
    let mut events = events(backend);
    let (here, there) = Socket::pair().unwrap();
    events.add(here, Actor::new(&Notes::default())).unwrap();
    (events, there)
}

#[test]
fn each_wakes_and_stops_a_loop_from_another_thread() {
    with_each_sound(|backend, make| {
        let (mut events, _there) = idle(backend);
        let waker = waker_with(&mut events, make().unwrap()).unwrap();
        let other = waker.clone();
        let ringer = thread::spawn(move || other.wake());
        let turn = events.turn(None).unwrap();
        assert_eq!((turn.woken, turn.fired, turn.stopped), (true, 0, false));
        ringer.join().unwrap().unwrap();
        let stopper = thread::spawn(move || waker.stop());
        events.run().unwrap();
        stopper.join().unwrap().unwrap();
        assert_eq!(events.len(), 1);
    });
}

#[test]
fn a_thousand_rings_are_one_turn() {
    with_each_sound(|backend, make| {
        let (mut events, _there) = idle(backend);
        let waker = waker_with(&mut events, make().unwrap()).unwrap();
        for _ in 0..3 {
            for _ in 0..1000 {
                waker.wake().unwrap();
            }
            assert!(events.turn(None).unwrap().woken);
            let turn = events.turn(Some(Duration::from_millis(5))).unwrap();
            assert_eq!((turn.woken, turn.fired), (false, 0), "and nothing is left over");
        }
    });
}

/// Each round is asked for while the loop is about to sleep, or has just woken up.
#[test]
fn no_ring_is_lost() {
    with_each_sound(|backend, make| {
        const ROUNDS: u64 = 2_000;
        let (mut events, _there) = idle(backend);
        let waker = waker_with(&mut events, make().unwrap()).unwrap();
        let asked = Arc::new(AtomicU64::new(0));
        let (answer, answers) = mpsc::channel();
        let asking = Arc::clone(&asked);
        let asker = thread::spawn(move || {
            for round in 1..=ROUNDS {
                asking.store(round, Ordering::Release);
                waker.wake().unwrap();
                assert_eq!(answers.recv_timeout(PATIENCE), Ok(round));
            }
        });
        let mut answered = 0;
        while answered < ROUNDS {
            let turn = events.turn(Some(PATIENCE)).unwrap();
            let now = asked.load(Ordering::Acquire);
            assert!(turn.woken, "a ring was lost at round {now}");
            if now > answered {
                answered = now;
                answer.send(now).unwrap();
            }
        }
        asker.join().unwrap();
    });
}

/// Past the bell, which would have coalesced them, as many as the system holds and more.
#[test]
fn one_that_is_full_rings_and_is_drained_to_the_last() {
    for (name, make) in SOUNDS {
        let _place = Place(name.into());
        let sound = make().unwrap();
        for _ in 0..20_000 {
            sound.ring().expect("full is no error");
        }
        let mut watched = sound.socket().unwrap();
        readable(&watched);
        sound.drain().unwrap();
        let mut left = [0; 8];
        assert_eq!(Os.recv(&mut watched, &mut left), Ok(stheno::Received::WouldBlock), "drained");
        sound.drain().expect("nothing to drain is no error");
        sound.ring().unwrap();
        readable(&watched);
    }
}

#[test]
fn a_full_one_wakes_its_loop_and_the_next_is_heard() {
    with_each_sound(|backend, make| {
        let (mut events, _there) = idle(backend);
        let bell = Arc::new(Bell::new(make().unwrap()));
        let socket = bell.sound().socket().unwrap();
        events.attach(Arc::clone(&bell), socket).unwrap();
        let waker = stheno::waker::Waker::new(Arc::clone(&bell));
        for _ in 0..2 {
            for _ in 0..20_000 {
                bell.sound().ring().unwrap();
            }
            waker.wake().unwrap();
            assert!(events.turn(None).unwrap().woken);
            assert!(!events.turn(Some(Duration::ZERO)).unwrap().woken);
        }
    });
}

#[test]
fn each_may_be_rung_when_its_loop_is_gone() {
    with_each_sound(|backend, make| {
        let (mut events, there) = idle(backend);
        let waker = waker_with(&mut events, make().unwrap()).unwrap();
        drop((events, there));
        // Nobody answers, so that the first makes a sound and the others do not; further down each does.
        for _ in 0..100 {
            waker.wake().unwrap();
            waker.stop().unwrap();
        }
    });
    for (name, make) in SOUNDS {
        let _place = Place(name.into());
        let sound = make().unwrap();
        drop(sound.socket().unwrap());
        for _ in 0..20_000 {
            sound.ring().expect("a loop that is gone is no error");
        }
    }
}

#[test]
fn a_sound_costs_no_more_descriptors_than_it_says() {
    if std::env::var_os("STHENO_TEST_COUNTS").is_none() {
        // Alone in a process, so that no other test opens any meanwhile.
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_sound_costs_no_more_descriptors_than_it_says"])
            .env("STHENO_TEST_COUNTS", "1")
            .status()
            .unwrap();
        return assert!(status.success());
    }
    let before = open_descriptors();
    for ((name, make), cost) in SOUNDS.into_iter().zip([1, 2, 2, 2]) {
        let sound = make().unwrap();
        assert_eq!(open_descriptors(), before + cost, "{name}");
        let socket = sound.socket().unwrap();
        assert_eq!(open_descriptors(), before + cost + 1, "{name}");
        drop((sound, socket));
        assert_eq!(open_descriptors(), before, "{name}");
    }
}
