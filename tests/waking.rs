//! Waking and stopping the loop from elsewhere: no ring is lost, and many cost as little as one.
#![cfg(feature = "std")]
#![allow(missing_docs)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use common::events::*;
use stheno::waker::{Bell, Ring};
use stheno::{Channel, Dispatcher, Error, ErrorKind, Net, Os, Reason, Received, Result, Socket, Sound, Waker, waker};

/// A loop with one channel on which nothing happens, and that channel's peer.
fn idle(backend: stheno::BackendName) -> (Loop<Actor>, Socket) {
    let mut events = events(backend);
    let (here, there) = Socket::pair().unwrap();
    events.add(here, Actor::new(&Notes::default())).unwrap();
    (events, there)
}

#[test]
fn ten_thousand_rounds_and_none_is_lost() {
    on_each_backend(|backend| {
        const ROUNDS: u64 = 10_000;
        let (mut events, _there) = idle(backend);
        let waker = waker(&mut events).unwrap();
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

#[test]
fn a_storm_of_rings_coalesces_and_the_last_one_is_heard() {
    on_each_backend(|backend| {
        const THREADS: usize = 4;
        const RINGS: usize = 5_000;
        let (mut events, _there) = idle(backend);
        let waker = waker(&mut events).unwrap();
        let done = Arc::new(AtomicUsize::new(0));
        let ringers: Vec<_> = (0..THREADS)
            .map(|_| {
                let (waker, done) = (waker.clone(), Arc::clone(&done));
                thread::spawn(move || {
                    for _ in 0..RINGS {
                        done.fetch_add(1, Ordering::AcqRel);
                        waker.wake().unwrap();
                    }
                })
            })
            .collect();
        let mut woken = 0;
        while done.load(Ordering::Acquire) < THREADS * RINGS {
            assert!(events.turn(Some(PATIENCE)).unwrap().woken, "a ring was lost");
            woken += 1;
        }
        ringers.into_iter().for_each(|ringer| ringer.join().unwrap());
        assert!(woken <= THREADS * RINGS);
        // At most one sound is left over.
        events.turn(Some(Duration::ZERO)).unwrap();
        assert!(!events.turn(Some(Duration::ZERO)).unwrap().woken);

        for _ in 0..1000 {
            waker.wake().unwrap();
        }
        assert!(events.turn(None).unwrap().woken);
        assert!(!events.turn(Some(Duration::ZERO)).unwrap().woken, "a thousand rings are one turn");
    });
}

#[test]
fn a_waker_ends_the_wait_and_is_no_event_of_a_channel() {
    on_each_backend(|backend| {
        let (mut events, mut there) = idle(backend);
        let waker = waker(&mut events).unwrap();
        assert_eq!((events.len(), events.keys().count()), (1, 1), "a bell is no channel");
        let ringer = thread::spawn(move || waker.wake());
        let turn = events.turn(None).unwrap();
        assert_eq!((turn.woken, turn.fired, turn.timeouts, turn.stopped), (true, 0, 0, false));
        ringer.join().unwrap().unwrap();
        Os.send(&mut there, b"x").unwrap();
        let turn = events.turn(None).unwrap();
        assert_eq!((turn.woken, turn.fired), (false, 1));
        drop(there);
        events.run().unwrap();
        assert!(events.is_empty(), "a bell does not keep a loop going");
    });
}

#[test]
fn stop_from_a_thread_ends_run() {
    on_each_backend(|backend| {
        let (mut events, there) = idle(backend);
        let waker = waker(&mut events).unwrap();
        for _ in 0..3 {
            let stopper = waker.clone();
            let thread = thread::spawn(move || stopper.stop());
            events.run().unwrap();
            thread.join().unwrap().unwrap();
            assert_eq!(events.len(), 1, "the channels stay");
        }
        waker.stop().unwrap();
        events.run().unwrap();
        waker.stop().unwrap();
        let began = Instant::now();
        events.run_turns(1000, Some(PATIENCE)).unwrap();
        assert!(began.elapsed() < PATIENCE);
        drop(there);
        events.run().unwrap();
        assert!(events.is_empty(), "no request is left over");
    });
}

/// Stops the loop at each word that it reads, and closes itself at a full stop.
struct Stopper;

impl Dispatcher<Os> for Stopper {
    fn writable(&self) -> bool {
        false
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let mut word = [0; 8];
        if let Received::Data(n) = channel.recv(&mut word)? {
            channel.stop();
            if word[..n].contains(&b'.') {
                channel.close();
            }
        }
        Ok(())
    }
    fn handle_timeout(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        channel.stop();
        Ok(())
    }
    fn handle_close(&mut self, _: Reason, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        channel.stop();
        Ok(())
    }
}

#[test]
fn stop_from_a_handler_ends_run() {
    on_each_backend(|backend| {
        let mut events = events::<Stopper>(backend);
        let (here, mut there) = Socket::pair().unwrap();
        let key = events.add(here, Stopper).unwrap();
        for _ in 0..2 {
            Os.send(&mut there, b"go").unwrap();
            events.run().unwrap();
            assert_eq!(events.len(), 1);
        }
        events.channel(key).unwrap().1.set_timeout(Duration::from_millis(1));
        events.run().unwrap();
        assert_eq!(events.len(), 1);
        let (_, mut io) = events.channel(key).unwrap();
        io.stop();
        events.run().unwrap();
        assert_eq!(events.len(), 1, "also when asked before");
        let (another, _peer) = Socket::pair().unwrap();
        events.add(another, Stopper).unwrap();
        drop(there);
        events.run().unwrap();
        assert_eq!(events.len(), 1, "also from handle_close");
    });
}

#[test]
fn a_request_to_stop_is_for_one_run() {
    on_each_backend(|backend| {
        let mut events = events::<Stopper>(backend);
        let (here, mut there) = Socket::pair().unwrap();
        events.add(here, Stopper).unwrap();
        Os.send(&mut there, b"the end.").unwrap();
        events.run().unwrap();
        assert!(events.is_empty(), "it stopped and it was the last");
        let (here, mut there) = Socket::pair().unwrap();
        events.add(here, Stopper).unwrap();
        let sender = thread::spawn(move || Os.send(&mut there, b"stop").map(|_| there));
        events.run().unwrap();
        let mut there = sender.join().unwrap().unwrap();
        Os.send(&mut there, b"x").unwrap();
        assert!(events.turn(Some(Duration::ZERO)).unwrap().fired == 1, "what was left over did not end the next run");
    });
}

/// Who turns by itself is told of the request, once, and does not spin for it.
#[test]
fn a_turn_says_that_the_loop_is_asked_to_stop() {
    on_each_backend(|backend| {
        let (mut events, _there) = idle(backend);
        let waker = waker(&mut events).unwrap();
        waker.stop().unwrap();
        let turn = events.turn(None).unwrap();
        assert!(turn.stopped && turn.woken);
        let began = Instant::now();
        let mut turns = 0;
        while began.elapsed() < Duration::from_millis(50) {
            assert!(!events.turn(Some(Duration::from_millis(50))).unwrap().stopped);
            turns += 1;
        }
        assert!(turns <= 2, "{turns} turns of an idle loop");
    });
}

#[test]
fn a_waker_outlives_its_loop() {
    on_each_backend(|backend| {
        let (mut events, there) = idle(backend);
        let waker = waker(&mut events).unwrap();
        let other = waker.clone();
        drop((events, there));
        for waker in [waker, other] {
            thread::spawn(move || {
                for _ in 0..100 {
                    waker.wake().unwrap();
                    waker.stop().unwrap();
                }
            })
            .join()
            .unwrap();
        }
    });
}

#[test]
fn clones_ring_the_same_bell_from_anywhere() {
    fn is_shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    on_each_backend(|backend| {
        let (mut events, _there) = idle(backend);
        let first = waker(&mut events).unwrap();
        is_shared(&first);
        let second = first.clone();
        drop(first);
        let third = second.clone();
        for waker in [second, third] {
            let ringer = thread::spawn(move || waker.wake());
            assert!(events.turn(None).unwrap().woken);
            ringer.join().unwrap().unwrap();
        }
    });
}

#[test]
fn the_bell_that_was_attached_last_is_answered() {
    on_each_backend(|backend| {
        let (mut events, _there) = idle(backend);
        let old = waker(&mut events).unwrap();
        old.wake().unwrap();
        let new = waker(&mut events).unwrap();
        assert!(!events.turn(Some(Duration::ZERO)).unwrap().woken);
        old.stop().unwrap();
        let turn = events.turn(Some(Duration::from_millis(5))).unwrap();
        assert_eq!((turn.woken, turn.stopped, turn.fired), (false, false, 0), "nobody listens to the old one");
        new.wake().unwrap();
        assert!(events.turn(None).unwrap().woken);
        for _ in 0..100 {
            waker(&mut events).unwrap().wake().unwrap();
            assert!(events.turn(None).unwrap().woken);
        }
        assert_eq!(events.len(), 1);
    });
}

#[test]
fn a_bell_needs_a_place_in_the_table() {
    on_each_backend(|backend| {
        let mut events = fixed::<Actor, 2>(backend);
        let mut peers = Vec::new();
        let mut keys = Vec::new();
        for _ in 0..2 {
            let (here, there) = Socket::pair().unwrap();
            keys.push(events.add(here, Actor::new(&Notes::default())).unwrap());
            peers.push(there);
        }
        let why = waker(&mut events).unwrap_err();
        assert_eq!(
            (why.kind(), why.to_string()),
            (ErrorKind::Full, "attach a bell: the table of channels is full".into())
        );
        assert_eq!(events.len(), 2);
        events.turn(Some(Duration::ZERO)).unwrap();

        events.close(keys[0]).unwrap();
        let first = waker(&mut events).unwrap();
        let (here, mut there) = Socket::pair().unwrap();
        let why = events.add(here, Actor::new(&Notes::default())).unwrap_err();
        assert_eq!(why.to_string(), "add a channel: the table of channels is full");
        assert_eq!(Os.recv(&mut there, &mut [0; 1]), Ok(Received::End));
        first.wake().unwrap();
        assert!(events.turn(None).unwrap().woken);
        // One bell for another needs no more room than before.
        let second = waker(&mut events).unwrap();
        second.wake().unwrap();
        assert!(events.turn(None).unwrap().woken);
        assert_eq!(events.len(), 1);
    });
}

#[test]
fn a_bell_may_live_as_long_as_the_program() {
    on_each_backend(|backend| {
        let (mut events, _there) = idle(backend);
        // What a static would be.
        let bell: &'static Bell<Pipe> = Box::leak(Box::new(Bell::new(Pipe::new())));
        events.attach(bell, bell.sound().listen()).unwrap();
        let waker = stheno::waker::Waker::new(bell);
        let ringer = thread::spawn(move || waker.wake());
        assert!(events.turn(None).unwrap().woken);
        ringer.join().unwrap().unwrap();
        stheno::waker::Waker::new(bell).stop().unwrap();
        events.run().unwrap();
    });
}

/// A sound of one's own: a pipe, which can be made to fail.
struct Pipe {
    ends: std::sync::Mutex<(Socket, Socket)>,
    broken: std::sync::atomic::AtomicBool,
}

impl Pipe {
    fn new() -> Self {
        Self { ends: Socket::pipe().unwrap().into(), broken: false.into() }
    }

    fn listen(&self) -> Socket {
        Socket::duplicate(&self.ends.lock().unwrap().0).unwrap()
    }
}

impl Ring for Pipe {
    fn ring(&self) -> Result<()> {
        Os.send(&mut self.ends.lock().unwrap().1, b"!").map(drop)
    }
    fn drain(&self) -> Result<()> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(Error::user("the bell is broken", 5));
        }
        heard(&mut self.ends.lock().unwrap().0);
        Ok(())
    }
}

#[test]
fn a_broken_bell_is_an_error_of_one_turn_and_is_let_go() {
    on_each_backend(|backend| {
        let (mut events, mut there) = idle(backend);
        let bell = Arc::new(Bell::new(Pipe::new()));
        events.attach(Arc::clone(&bell), bell.sound().listen()).unwrap();
        bell.sound().broken.store(true, Ordering::SeqCst);
        stheno::waker::Waker::new(Arc::clone(&bell)).wake().unwrap();
        assert_eq!(events.turn(None), Err(Error::user("the bell is broken", 5)));
        assert_eq!(events.turn(Some(Duration::from_millis(5))).map(|turn| turn.woken), Ok(false));
        Os.send(&mut there, b"x").unwrap();
        assert_eq!(events.turn(None).map(|turn| turn.fired), Ok(1), "the channels go on");
        let again = waker(&mut events).unwrap();
        again.wake().unwrap();
        assert!(events.turn(None).unwrap().woken);
    });
}

#[test]
fn rings_while_channels_are_busy_starve_nobody() {
    on_each_backend(|backend| {
        let mut events = events(backend);
        let (here, mut there) = Socket::pair().unwrap();
        let notes = Notes::default();
        events.add(here, Actor { writable: true, ..Actor::new(&notes) }).unwrap();
        let waker: Waker = waker(&mut events).unwrap();
        for n in 0..50 {
            waker.wake().unwrap();
            Os.send(&mut there, b"x").unwrap();
            let turn = events.turn(None).unwrap();
            assert_eq!((turn.woken, turn.fired), (true, 1), "round {n}");
        }
        assert_eq!(notes.data(), [b'x'; 50]);
    });
}

#[test]
fn a_sound_can_be_made_and_drained_by_itself() {
    let sound = Sound::new().unwrap();
    for _ in 0..3 {
        sound.ring().unwrap();
        sound.ring().unwrap();
        sound.drain().unwrap();
        sound.drain().expect("nothing to drain is no error");
    }
}
