//! Signals as events of a channel. They are the whole process's, so that each test is a process of its own: this program
//! again, which sends real signals to itself and to nobody else.
#![cfg(all(target_os = "linux", feature = "signals"))]
#![allow(missing_docs)]

mod common;

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::events::*;
use rustix::process::{Signal, getpid, kill_process};
use stheno::signals::*;
use stheno::{Channel, Dispatcher, Error, ErrorKind, Os, Reason, Result, waker};

const CHILD: &str = "STHENO_TEST_SIGNALS";

/// Runs a test as a process of its own; how that one ended.
fn alone(name: &str, test: impl FnOnce()) -> Option<ExitStatus> {
    if std::env::var_os(CHILD).is_some() {
        test();
        return None;
    }
    let child = Command::new(std::env::current_exe().unwrap()).args(["--exact", name]).env(CHILD, "1").output();
    let child = child.unwrap();
    let said = String::from_utf8_lossy(&child.stdout) + String::from_utf8_lossy(&child.stderr);
    if !child.status.success() {
        println!("{said}");
    }
    Some(child.status)
}

#[track_caller]
fn passes_alone(name: &str, test: impl FnOnce()) {
    if let Some(status) = alone(name, test) {
        assert!(status.success(), "{status}");
    }
}

/// To this process, as somebody else would.
fn send(signal: Signal) {
    kill_process(getpid(), signal).unwrap();
}

/// To this thread: the handler has run when it returns, so that of several none comes late.
fn raise(signal: i32) {
    signal_hook::low_level::raise(signal).unwrap();
}

/// Waits for a handler, boundedly: a signal to the process may be given to any of its threads, and is not there at once.
fn comes_to(handled: &AtomicUsize, count: usize) {
    let until = Instant::now() + Duration::from_secs(10);
    while handled.load(Ordering::SeqCst) < count {
        assert!(Instant::now() < until, "the handler was not called");
        std::thread::yield_now();
    }
    assert_eq!(handled.load(Ordering::SeqCst), count);
}

/// A channel of signals, which notes each as an octet.
struct Watch {
    signals: Signals,
    notes: Notes,
    /// Takes so many at a time, and leaves the others.
    takes: usize,
    /// Fails at this one.
    fails: i32,
}

impl Dispatcher<Os> for Watch {
    fn writable(&self) -> bool {
        false
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        for signal in self.signals.pending().take(self.takes) {
            self.notes.add(Told::Read(vec![signal as u8]));
            if signal == self.fails {
                return Err(ON_PURPOSE);
            }
            if signal == SIGTERM {
                channel.stop();
            }
        }
        Ok(())
    }
    fn handle_error(&mut self, error: Error, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.notes.add(Told::Error(error));
        Ok(())
    }
    fn handle_close(&mut self, reason: Reason, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.notes.add(Told::Close(reason));
        Ok(())
    }
}

fn watching(backend: stheno::BackendName, signals: &[i32]) -> (Loop<Watch>, Notes) {
    let (mut events, notes) = (events(backend), Notes::default());
    let signals = Signals::new(signals.iter().copied()).unwrap();
    let socket = signals.socket().unwrap();
    events.add(socket, Watch { signals, notes: notes.clone(), takes: usize::MAX, fails: 0 }).unwrap();
    (events, notes)
}

fn told(signals: &[i32]) -> Vec<Told> {
    signals.iter().map(|signal| Told::Read(vec![*signal as u8])).collect()
}

#[test]
fn signals_come_as_events_and_end_a_loop() {
    passes_alone("signals_come_as_events_and_end_a_loop", || {
        on_each_backend(|backend| {
            let (mut events, notes) = watching(backend, &[SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2]);
            for (signal, number) in
                [(Signal::HUP, SIGHUP), (Signal::INT, SIGINT), (Signal::USR1, SIGUSR1), (Signal::USR2, SIGUSR2)]
            {
                notes.clear();
                send(signal);
                turn_until(&mut events, |_| !notes.all().is_empty());
                assert_eq!(notes.all(), told(&[number]));
            }
            turn_out(&mut events);
            assert_eq!(notes.all().len(), 1, "and once");
            // One that comes while the loop waits, and ends it.
            notes.clear();
            let killer = thread::spawn(|| send(Signal::TERM));
            events.run().unwrap();
            killer.join().unwrap();
            assert_eq!((notes.all(), events.len()), (told(&[SIGTERM]), 1));
        });
    });
}

#[test]
fn they_coalesce_and_come_in_the_order_of_their_numbers() {
    passes_alone("they_coalesce_and_come_in_the_order_of_their_numbers", || {
        on_each_backend(|backend| {
            let (mut events, notes) = watching(backend, &[SIGUSR2, SIGUSR1, SIGHUP, SIGHUP]);
            [SIGUSR2, SIGHUP, SIGUSR1].repeat(100).into_iter().for_each(raise);
            turn_until(&mut events, |_| !notes.all().is_empty());
            assert_eq!(notes.all(), told(&[SIGHUP, SIGUSR1, SIGUSR2]));
            let began = Instant::now();
            let turn = events.turn(Some(Duration::from_millis(20))).unwrap();
            assert_eq!((turn.fired, notes.all().len()), (0, 3));
            assert!(began.elapsed() >= Duration::from_millis(20), "what was told is not told again, nor does it spin");
        });
    });
}

/// More than the stream between handler and loop holds: each has been told by the end.
#[test]
fn none_is_lost_in_a_storm() {
    passes_alone("none_is_lost_in_a_storm", || {
        on_each_backend(|backend| {
            const ROUNDS: usize = 2_000;
            let (mut events, notes) = watching(backend, &[SIGUSR1, SIGUSR2]);
            let (sent, heard) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let (sending, hearing) = (sent.clone(), heard.clone());
            // One signal is answered before the next is sent; the other comes at any time between.
            let sender = thread::spawn(move || {
                for round in 1..=ROUNDS {
                    send(Signal::USR2);
                    send(Signal::USR1);
                    sending.store(round, Ordering::Release);
                    send(Signal::USR2);
                    let began = Instant::now();
                    while hearing.load(Ordering::Acquire) < round {
                        assert!(began.elapsed() < PATIENCE, "round {round} was lost");
                        thread::yield_now();
                    }
                }
            });
            while heard.load(Ordering::Acquire) < ROUNDS {
                let before = notes.all().len();
                let turn = events.turn(Some(PATIENCE)).unwrap();
                assert!(turn.fired > 0, "a signal was lost: {} rounds", sent.load(Ordering::Acquire));
                let fresh = notes.all()[before..].to_vec();
                if fresh.contains(&told(&[SIGUSR1])[0]) {
                    heard.fetch_add(1, Ordering::AcqRel);
                }
                notes.clear();
            }
            sender.join().unwrap();

            // Nobody listens while the stream fills.
            for _ in 0..100_000 {
                raise(SIGUSR1);
            }
            raise(SIGUSR2);
            notes.clear();
            turn_until(&mut events, |_| notes.has(&told(&[SIGUSR2])[0]));
            assert!(notes.has(&told(&[SIGUSR1])[0]));
        });
    });
}

#[test]
fn what_a_handler_leaves_is_told_in_the_next_turn() {
    passes_alone("what_a_handler_leaves_is_told_in_the_next_turn", || {
        on_each_backend(|backend| {
            let (mut events, notes) = watching(backend, &[SIGHUP, SIGINT, SIGUSR1, SIGUSR2]);
            let key = events.keys().next().unwrap();
            events.channel(key).unwrap().0.takes = 1;
            [SIGHUP, SIGINT, SIGUSR1].into_iter().for_each(raise);
            for n in 1..=3 {
                let turn = events.turn(Some(PATIENCE)).unwrap();
                assert_eq!((turn.fired, notes.all().len()), (1, n), "one at a time");
            }
            assert_eq!(notes.all(), told(&[SIGHUP, SIGINT, SIGUSR1]));
            assert_eq!(events.turn(Some(Duration::from_millis(5))).unwrap().fired, 0);

            // A handler that fails amid them.
            notes.clear();
            let watch = events.channel(key).unwrap().0;
            (watch.takes, watch.fails) = (usize::MAX, SIGINT);
            [SIGHUP, SIGINT, SIGUSR2].into_iter().for_each(raise);
            turn_until(&mut events, |_| notes.has(&told(&[SIGUSR2])[0]));
            let mut expected = told(&[SIGHUP, SIGINT, SIGUSR2]);
            expected.insert(2, Told::Error(ON_PURPOSE));
            assert_eq!(notes.all(), expected);
        });
    });
}

#[test]
fn two_loops_watch_the_same_signal() {
    passes_alone("two_loops_watch_the_same_signal", || {
        on_each_backend(|backend| {
            let (mut one, first) = watching(backend, &[SIGUSR1, SIGTERM]);
            let (mut other, second) = watching(backend, &[SIGUSR1]);
            raise(SIGUSR1);
            turn_until(&mut one, |_| !first.all().is_empty());
            turn_until(&mut other, |_| !second.all().is_empty());
            assert_eq!((first.all(), second.all()), (told(&[SIGUSR1]), told(&[SIGUSR1])));
            // The one goes, and the other hears as before.
            drop(other);
            raise(SIGUSR1);
            raise(SIGTERM);
            one.run().unwrap();
            assert_eq!(first.all(), told(&[SIGUSR1, SIGUSR1, SIGTERM]));
            assert_eq!(second.all().len(), 1);
        });
    });
}

/// The dispatcher that holds the signals is not the channel that watches them: this sees the end of its stream.
struct Other(Notes);

impl Dispatcher<Os> for Other {
    fn writable(&self) -> bool {
        false
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        channel.recv(&mut [0; 8]).map(drop)
    }
    fn handle_close(&mut self, reason: Reason, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.0.add(Told::Close(reason));
        Ok(())
    }
}

#[test]
fn what_was_there_before_goes_on_when_nobody_watches() {
    passes_alone("what_was_there_before_goes_on_when_nobody_watches", || {
        let before = open_descriptors();
        let handled = Arc::new(AtomicUsize::new(0));
        let counting = handled.clone();
        // A handler of the program's own.
        // SAFETY: it adds to an atomic number, and nothing else.
        let handler = unsafe {
            signal_hook::low_level::register(SIGUSR1, move || {
                counting.fetch_add(1, Ordering::SeqCst);
            })
        };
        handler.unwrap();
        on_each_backend(|backend| {
            let (mut events, notes) = (events(backend), Notes::default());
            let signals = Signals::new([SIGUSR1, SIGUSR2]).unwrap();
            events.add(signals.socket().unwrap(), Other(notes.clone())).unwrap();
            let so_far = handled.load(Ordering::SeqCst);
            send(Signal::USR1);
            comes_to(&handled, so_far + 1); // it is called meanwhile
            drop(signals);
            events.run().unwrap();
            assert_eq!(notes.all(), [Told::Close(Reason::End)]);
            send(Signal::USR1);
            comes_to(&handled, so_far + 2); // and after it
            send(Signal::USR2); // has no effect any more, as is told
        });
        assert_eq!(open_descriptors(), before, "nothing is left");
    });
}

#[test]
fn what_cannot_be_watched_is_an_error_and_nothing_is() {
    passes_alone("what_cannot_be_watched_is_an_error_and_nothing_is", || {
        let before = open_descriptors();
        for (signal, said) in [
            (9, "watch signals SIGKILL: this signal cannot be watched"),
            (19, "watch signals SIGSTOP: this signal cannot be watched"),
            (SIGSEGV, "watch signals SIGSEGV: this signal cannot be watched"),
            (0, "watch signals: no signal has this number"),
            (-1, "watch signals: no signal has this number"),
            (128, "watch signals: no signal has this number"),
            (i32::MIN, "watch signals: no signal has this number"),
            (127, "watch signals: invalid argument (os error 22)"),
        ] {
            let why = Signals::new([SIGUSR1, signal]).unwrap_err();
            assert_eq!((why.kind(), why.to_string()), (ErrorKind::Invalid, said.into()));
        }
        assert_eq!(open_descriptors(), before);
        let mut none = Signals::new([]).unwrap();
        assert_eq!(none.pending().next(), None);
        assert_eq!(act_by_default(77).unwrap_err().to_string(), "act by default: invalid argument (os error 22)");
        act_by_default(SIGWINCH).expect("it is ignored by default");
    });
}

/// A list that cannot be watched does not take away what its other signals do.
#[test]
fn a_list_with_an_error_in_it_changes_nothing() {
    let name = "a_list_with_an_error_in_it_changes_nothing";
    for unknown in [127, 65] {
        let ended = alone(name, || {
            assert!(Signals::new([SIGTERM, unknown, SIGUSR1]).is_err());
            send(Signal::TERM);
            thread::sleep(PATIENCE);
        });
        if let Some(status) = ended {
            assert_eq!(status.signal(), Some(SIGTERM), "{status}");
        }
    }
}

/// A program that cleans up, and then ends by the signal that it was sent.
#[test]
fn a_program_ends_by_its_signal_after_all() {
    let name = "a_program_ends_by_its_signal_after_all";
    let ended = alone(name, || {
        let (mut events, notes) = watching(stheno::BackendName::ALL[0], &[SIGTERM]);
        send(Signal::TERM);
        events.run().unwrap();
        assert_eq!(notes.all(), told(&[SIGTERM]));
        act_by_default(SIGTERM).unwrap();
        unreachable!("it has ended");
    });
    if let Some(status) = ended {
        assert_eq!(status.signal(), Some(SIGTERM), "{status}");
    }
}

/// Ringing is one write: the handler may come at any time, also in the middle of a turn, and on the loop's own thread.
#[test]
fn a_waker_is_rung_in_a_signal_handler() {
    passes_alone("a_waker_is_rung_in_a_signal_handler", || {
        type Make = fn() -> Result<stheno::Sound>;
        let sounds: [Make; 4] =
            [stheno::Sound::eventfd, stheno::Sound::pipe, stheno::Sound::datagrams, stheno::Sound::udp];
        for make in sounds {
            on_each_backend(|backend| {
                let mut events = events::<Actor>(backend);
                let (here, _there) = stheno::Socket::pair().unwrap();
                events.add(here, Actor::new(&Notes::default())).unwrap();
                let waker = stheno::waker_with(&mut events, make().unwrap()).unwrap();
                let (rings, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
                let counting = rings.clone();
                // SAFETY: it adds to an atomic number, and rings, which is one write to a descriptor.
                let handler = unsafe {
                    signal_hook::low_level::register(SIGUSR1, move || {
                        counting.fetch_add(1, Ordering::SeqCst);
                        let _ = waker.wake();
                    })
                }
                .unwrap();
                // The handler runs on the thread that turns: Linux hands a signal for a thread's own number to that thread.
                let turning = rustix::process::Pid::from_raw(rustix::thread::gettid().as_raw_nonzero().get()).unwrap();
                let over = done.clone();
                let sender = thread::spawn(move || {
                    while !over.load(Ordering::SeqCst) {
                        kill_process(turning, Signal::USR1).unwrap();
                        thread::yield_now();
                    }
                });
                let mut woken = 0;
                while woken < 300 {
                    assert!(events.turn(Some(PATIENCE)).unwrap().woken, "a ring was lost after {woken}");
                    woken += 1;
                }
                done.store(true, Ordering::SeqCst);
                sender.join().unwrap();
                signal_hook::low_level::unregister(handler);
                assert!(rings.load(Ordering::SeqCst) >= woken);
            });
        }
    });
}

/// A waker that stops the loop, from the handler of a signal that nobody watches as a channel.
#[test]
fn a_signal_handler_stops_a_loop() {
    passes_alone("a_signal_handler_stops_a_loop", || {
        on_each_backend(|backend| {
            let mut events = events::<Actor>(backend);
            events.listen("127.0.0.1:0", Actor::new(&Notes::default())).unwrap();
            let waker = waker(&mut events).unwrap();
            // SAFETY: it sets a flag and rings.
            let handler = unsafe {
                signal_hook::low_level::register(SIGTERM, move || {
                    let _ = waker.stop();
                })
            };
            let killer = thread::spawn(|| send(Signal::TERM));
            events.run().unwrap();
            killer.join().unwrap();
            signal_hook::low_level::unregister(handler.unwrap());
        });
    });
}
