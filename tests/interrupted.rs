//! Signals that come amid a call (N2): interruptions are retried inside and never come out.
//!
//! Of the operations that do not block, Linux interrupts only the writing to a terminal: it looks for signals before it
//! writes. What would have to wait says instead that it would, so that for the others `make inject` has to step in. Waits
//! are asked about by the conformance suite.
#![cfg(all(target_os = "linux", feature = "std"))]
#![allow(missing_docs)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use stheno::{Net, Os, Received, Socket};

/// How long to wait for what must come.
const PATIENCE: Duration = Duration::from_secs(20);
/// So many interruptions are enough to be sure that they come.
const ENOUGH: usize = 10;

/// A terminal that changes nothing of what is written, and whoever sits at it.
fn terminal() -> Option<(OwnedFd, OwnedFd)> {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).ok()?;
    grantpt(&master).ok()?;
    unlockpt(&master).ok()?;
    let name = ptsname(&master, Vec::new()).ok()?;
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
    let slave = rustix::fs::open(name, flags, rustix::fs::Mode::empty()).ok()?;
    let mut modes = rustix::termios::tcgetattr(&slave).ok()?;
    modes.make_raw();
    rustix::termios::tcsetattr(&slave, rustix::termios::OptionalActions::Now, &modes).ok()?;
    Some((master, slave))
}

extern "C" fn nothing(_: libc::c_int) {}

/// Has a handler for SIGURG, which means nothing to this program, that interrupts the call that it comes in.
fn hear_signals() {
    // SAFETY: all of it zero is an action without flags and with an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // SAFETY: the handler does nothing, which is safe at any time.
    let done = unsafe { libc::sigaction(libc::SIGURG, &action, std::ptr::null_mut()) };
    assert_eq!(done, 0);
}

/// Two processors: a signal meets a call only where it is sent while the call is going on.
fn two_processors() -> Option<[usize; 2]> {
    let all = sched_getaffinity(None).ok()?;
    let mut here = (0..CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu));
    Some([here.next()?, here.next()?])
}

/// Lets this thread run on one processor alone.
fn stay_on(cpu: usize) {
    let mut alone = CpuSet::new();
    alone.set(cpu);
    sched_setaffinity(None, &alone).expect("a thread may stay where it was allowed to be");
}

/// Runs this, on one processor, while signals rain on it from another.
fn in_the_rain<T>([here, there]: [usize; 2], deed: impl FnOnce() -> T) -> T {
    stay_on(here);
    // SAFETY: it only says which thread this is.
    let target = unsafe { libc::pthread_self() };
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            stay_on(there);
            while !over.load(Ordering::Relaxed) {
                // SAFETY: the thread waits for this one at the end of the scope, so that it is there.
                unsafe { libc::pthread_kill(target, libc::SIGURG) };
            }
        });
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(deed));
        over.store(true, Ordering::Relaxed);
        done.unwrap_or_else(|why| std::panic::resume_unwind(why))
    })
}

/// Everything that has come to the master.
fn read(master: &mut Socket, came: &mut Vec<u8>) {
    let mut some = [0; 4096];
    while let Received::Data(n) = Os.recv(master, &mut some).expect("a terminal can be read") {
        came.extend(&some[..n]);
    }
}

#[test]
fn a_write_that_a_signal_interrupted_is_made_again() {
    let Some((master, slave)) = terminal() else { return eprintln!("no terminals here") };
    let Some(processors) = two_processors() else { return eprintln!("only one processor here") };
    hear_signals();
    let (mut master, mut slave) = (Socket::adopt(master).unwrap(), Socket::adopt(slave).unwrap());
    let (mut came, mut said) = (Vec::new(), Vec::new());

    // What the system says: so many of so many calls are interrupted.
    let (mut calls, mut interrupted) = (0, 0);
    let began = Instant::now();
    in_the_rain(processors, || {
        while interrupted < ENOUGH && began.elapsed() < PATIENCE {
            calls += 1;
            match rustix::io::write(&slave, b"plain ") {
                Ok(n) => said.extend(&b"plain "[..n]),
                Err(Errno::INTR) => interrupted += 1,
                Err(why) => panic!("{why}"),
            }
            read(&mut master, &mut came);
        }
    });
    if interrupted < ENOUGH {
        return eprintln!(
            "of {calls} writes in {PATIENCE:?} only {interrupted} met a signal: the processors are too busy"
        );
    }

    // What comes out: four times as many calls, and of none that it was interrupted.
    let began = Instant::now();
    in_the_rain(processors, || {
        for call in (0..4 * calls).take_while(|_| began.elapsed() < PATIENCE) {
            let sent = if call % 2 == 0 {
                Os.send(&mut slave, b"made again ")
            } else {
                Os.send_vectored(&mut slave, [b"made ", b"again "])
            };
            match sent {
                Ok(Some(n)) => said.extend(&b"made again "[..n]),
                Ok(None) => {}
                Err(why) => panic!("call {call}: {why:?}"),
            }
            read(&mut master, &mut came);
        }
    });
    let until = Instant::now() + PATIENCE;
    while came.len() < said.len() {
        assert!(Instant::now() < until, "{} of {} bytes came", came.len(), said.len());
        read(&mut master, &mut came);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(came == said, "a write that was made again is written once");
    println!("{interrupted} of {calls} plain writes were interrupted, and of {} others none", 4 * calls);
}
