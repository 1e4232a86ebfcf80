//! The clauses of the backend's contract as far as they speak of descriptors: duplicates, files, signals.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use stheno::{Backend, Interest, Open, Os, Readiness, Socket};

use super::super::clauses::{crowd, reaches_all, refuses_twice, second_of_a_key};
use super::super::support::{A_WHILE, P, PATIENCE, R, Stage, W, Watch, deliver, drain, drain_all, hold, same};
use super::super::system::Limit;
use super::super::{Case, Failure, Verdict};
use crate::ground::Ground;

pub(super) fn cases<B: Backend<Os> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        #[cfg(any(target_os = "linux", target_os = "android"))]
        case("an-epoll-descriptor-is-watched-like-any-other", "B4 B6", nested_epoll::<B>),
        case("deregistered-and-closed-is-silent-though-a-duplicate-lives", "B1", closed_with_a_duplicate::<B>),
        case("a-duplicate-is-a-socket-of-its-own", "B1 B2", duplicates::<B>),
        #[cfg(any(target_os = "linux", target_os = "android"))]
        case("sets-too-deep-within-one-another-are-refused-or-watched", "B11", nested_too_deep::<B>),
        case("a-file-and-a-socket-under-one-key-are-refused-or-watched-each", "B2 B10", file_under_a_sockets_key::<B>),
        case("a-wait-past-the-limit-of-descriptors-is-told-or-fails-and-changes-nothing", "B17", past_the_limit::<B>),
        case("a-file-registered-twice-is-refused-and-nothing-changes", "B2 B10", file_registered_twice::<B>),
        case("whoever-takes-few-reaches-all-files-included", "B8 B10 B14", few_taken_with_files::<B>),
        case("signals-neither-end-a-wait-nor-lengthen-it", "B9 rule 9", signals::<B>),
        case("a-file-is-ready-at-every-wait-beside-the-others", "B10", files::<B>),
        case("a-file-that-wants-nothing-lets-the-others-wait", "B3 B10", files_without_interest::<B>),
    ]
}

const READABLE: Readiness = Readiness::READABLE;
const WRITABLE: Readiness = Readiness::WRITABLE;

fn closed_with_a_duplicate<B: Backend<Os> + Open>() -> Verdict {
    let mut watch = Watch::<Os, B>::open()?;
    let (ours, mut theirs) = watch.net.local_pair()?;
    let _duplicate = Socket::duplicate(&ours)?;
    watch.register(&ours, 1, R | W)?;
    same("watched", watch.look()?, [(1, WRITABLE)])?;
    watch.deregister(&ours, 1)?;
    drop(ours);
    watch.net.say(&mut theirs, b"x")?;
    watch.rests(A_WHILE)
}

fn duplicates<B: Backend<Os> + Open>() -> Verdict {
    let mut watch = Watch::<Os, B>::open()?;
    let (one, mut theirs) = watch.net.local_pair()?;
    let other = Socket::duplicate(&one)?;
    watch.register(&one, 1, R)?;
    watch.register(&other, 2, R)?;
    watch.net.say(&mut theirs, b"x")?;
    same("both", watch.look()?, [(1, READABLE), (2, READABLE)])?;
    watch.reregister(&other, 2, W)?;
    same("both, for different things", watch.look()?, [(1, READABLE), (2, WRITABLE)])?;
    watch.deregister(&one, 1)?;
    drop(one);
    same("the one left", watch.look()?, [(2, WRITABLE)])
}

fn file_registered_twice<B: Backend<Os> + Open>() -> Verdict {
    let program = Socket::adopt(OwnedFd::from(File::open(std::env::current_exe()?)?))?;
    refuses_twice(&mut Watch::<Os, B>::open()?, &program, &[(1, READABLE)])
}

/// Whichever is registered first.
fn file_under_a_sockets_key<B: Backend<Os> + Open>() -> Verdict {
    let (mut watch, file) = (Watch::<Os, B>::open()?, file()?);
    let (socket, mut theirs) = watch.net.local_pair()?;
    watch.net.say(&mut theirs, b"x")?;
    second_of_a_key(&mut watch, &socket, &file)?;
    second_of_a_key(&mut Watch::<Os, B>::open()?, &file, &socket)
}

/// Who lowers the limit keeps what is open. A list that is longer than it is refused by the system, until it is shorter or
/// the limit is higher again; until then nobody is told that anything is wrong with a channel.
fn past_the_limit<B: Backend<Os> + Open>() -> Verdict {
    const PAIRS: u32 = 40;
    const LIMIT: u64 = 60;
    let mut watch = Watch::<Os, B>::open()?;
    let all = crowd(&mut watch, PAIRS, W)?;
    let everybody = |watch: &mut Watch<Os, B>, from: u32| {
        let told: Vec<_> = watch.look()?.into_iter().map(|(key, _)| key).collect();
        same("who is told", told, (from..2 * PAIRS).collect::<Vec<_>>())
    };
    everybody(&mut watch, 0)?;
    let mut stage = Stage::<Os, B>::new()?;
    let mut peers = Vec::new();
    for _ in 0..2 * PAIRS {
        peers.push(stage.pair(stage.actor("A"))?.1);
    }
    stage.rests(A_WHILE, 3)?;

    let limit = Limit::at(LIMIT)?;
    for timeout in [None, Some(Duration::ZERO), Some(A_WHILE)] {
        match watch.wait(timeout) {
            Ok(results) => same("results", results, 2 * PAIRS as usize)?,
            Err(why) => {
                hold(!why.text().is_empty(), || format!("it does not say why: {why:?}"))?;
                same("what there is to take", watch.next(), None)?;
            }
        }
        // A turn that fails for it ends nobody.
        let _ = stage.events.turn(Some(Duration::ZERO));
    }
    for (key, (one, other)) in (0..10).zip(&all) {
        watch.deregister(one, 2 * key)?;
        watch.deregister(other, 2 * key + 1)?;
    }
    everybody(&mut watch, 20)?;
    drop(limit);
    everybody(&mut watch, 20)?;
    same("channels", stage.events.len(), 2 * PAIRS as usize)?;
    stage.rests(A_WHILE, 3)?;
    stage.net().say(&mut peers[70], b"hello")?;
    stage.tells(&["A: read hello"])
}

fn few_taken_with_files<B: Backend<Os> + Open>() -> Verdict {
    for (pairs, files, take) in [(3, 2, 1), (300, 3, 7)] {
        let mut watch = Watch::<Os, B>::open()?;
        watch.net.room_for(610)?;
        let _all = crowd(&mut watch, pairs, W)?;
        let open_files = (0..files).map(|_| file()).collect::<Result<Vec<_>, _>>()?;
        for (key, file) in (2 * pairs..).zip(&open_files) {
            watch.register(file, key, W)?;
        }
        reaches_all(&mut watch, 2 * pairs + files, take)?;
    }
    Ok(())
}

/// Signals to the very thread that waits: with a handler each of them interrupts the system call.
fn signals<B: Backend<Os> + Open>() -> Verdict {
    const TIME: Duration = Duration::from_millis(50);
    let mut watch = Watch::<Os, B>::open()?;
    let (ours, mut theirs) = watch.net.local_pair()?;
    watch.register(&ours, 1, R)?;
    let (came, over) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    // SIGURG means nothing to whoever has no handler for it.
    let handler = signal_hook::flag::register(signal_hook::consts::SIGURG, came.clone())?;
    // Linux hands a signal for a thread's own number to that thread.
    let (waiting, done) = (rustix::thread::gettid(), over.clone());
    let sender = thread::spawn(move || {
        let mut sent = 0;
        while !done.load(Ordering::Relaxed) {
            sent += usize::from(rustix::process::kill_process(waiting, Signal::URG).is_ok());
            thread::sleep(Duration::from_millis(1));
        }
        sent
    });
    let mut check = || -> Verdict {
        let until = watch.now() + PATIENCE;
        while !came.load(Ordering::Relaxed) {
            hold(watch.now() < until, || "no signal came".into())?;
            watch.rests(Duration::from_millis(1))?;
        }
        // Never shorter; and at best hardly longer, although each signal begins the call anew.
        let mut least = Duration::MAX;
        for _ in 0..4 {
            let before = watch.now();
            watch.rests(TIME)?;
            least = least.min(watch.now().saturating_since(before));
        }
        hold(least < TIME * 3, || format!("expected about {TIME:?}, came {least:?} at best"))?;
        watch.net.say(&mut theirs, b"x")?;
        same("told among signals", watch.results(None)?, [(1, READABLE)])
    };
    let checked = check();
    over.store(true, Ordering::Relaxed);
    let sent = sender.join().map_err(|_| "the sender panicked")?;
    signal_hook::low_level::unregister(handler);
    checked?;
    hold(sent > 0 && came.load(Ordering::Relaxed), || format!("{sent} signals were sent, and none came"))
}

fn files<B: Backend<Os> + Open>() -> Verdict {
    let mut watch = Watch::<Os, B>::open()?;
    let ((ours, mut theirs), one, other) = (watch.net.local_pair()?, file()?, file()?);
    watch.register(&ours, 1, R)?;
    watch.register(&one, 2, R)?;
    watch.register(&other, 3, R | W)?;
    let (both, too) = ((3, READABLE | WRITABLE), (2, READABLE));
    for timeout in [None, Some(PATIENCE), Some(Duration::ZERO)] {
        same(&format!("files, waiting {timeout:?}"), watch.results(timeout)?, [too, both])?;
    }
    watch.net.say(&mut theirs, b"x")?;
    same("files and a socket", watch.look()?, [(1, READABLE), too, both])?;
    watch.deregister(&one, 2)?;
    watch.reregister(&other, 3, W)?;
    same("one file left", watch.look()?, [(1, READABLE), (3, WRITABLE)])?;
    watch.deregister(&other, 3)?;
    same("no file left", watch.look()?, [(1, READABLE)])
}

fn files_without_interest<B: Backend<Os> + Open>() -> Verdict {
    let mut watch = Watch::<Os, B>::open()?;
    let (silent, urgent) = (file()?, file()?);
    watch.register(&silent, 1, Interest::NONE)?;
    watch.register(&urgent, 2, P)?;
    watch.rests(A_WHILE)?;
    watch.reregister(&silent, 1, R)?;
    same("asked for", watch.look()?, [(1, READABLE)])?;
    watch.reregister(&silent, 1, Interest::NONE)?;
    watch.rests(A_WHILE)?;
    watch.deregister(&silent, 1)?;
    watch.deregister(&urgent, 2)?;
    watch.rests(A_WHILE)
}

fn file() -> Result<Socket, Failure> {
    Ok(Socket::adopt(OwnedFd::from(File::options().read(true).write(true).open("/dev/null")?))?)
}

/// Sets that watch each other one by one, as many as the system lets: one more, around them, is what a backend that is a
/// set itself would be.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn nested_too_deep<B: Backend<Os> + Open>() -> Verdict {
    use rustix::event::epoll;
    let mut watch = Watch::<Os, B>::open()?;
    let (mut ours, mut theirs) = watch.net.pair()?;
    let (good, _peer) = watch.net.pair()?;
    let fresh = || Ok::<_, Failure>(Socket::adopt(epoll::create(epoll::CreateFlags::CLOEXEC)?)?);
    let mut sets = vec![fresh()?];
    epoll::add(&sets[0], &ours, epoll::EventData::new_u64(0), epoll::EventFlags::IN)?;
    while sets.len() < 20 {
        let outer = fresh()?;
        match epoll::add(&outer, &sets[sets.len() - 1], epoll::EventData::new_u64(0), epoll::EventFlags::IN) {
            Ok(()) => sets.push(outer),
            Err(rustix::io::Errno::LOOP) => break,
            Err(why) => return Err(why.into()),
        }
    }
    hold(sets.len() < 20, || "the system lets sets be nested without an end".into())?;
    watch.register(&good, 2, W)?;
    deliver(&mut watch.net, &mut theirs, b"x", &ours)?;
    let deepest = &sets[sets.len() - 1];
    match watch.register(deepest, 1, R) {
        Err(why) => {
            hold(!why.text().is_empty(), || format!("it does not say why: {why:?}"))?;
            same("the other one", watch.look()?, [(2, WRITABLE)])?;
        }
        Ok(()) => {
            same("both", watch.look()?, [(1, READABLE), (2, WRITABLE)])?;
            drain(&mut watch.net, &mut ours, 1)?;
            same("the other one", watch.look()?, [(2, WRITABLE)])?;
            watch.deregister(deepest, 1)?;
        }
    }
    // A set that is less deep is watched.
    drain_all(&mut watch.net, &mut ours)?;
    watch.register(&sets[0], 1, R)?;
    same("nothing within is ready", watch.look()?, [(2, WRITABLE)])?;
    deliver(&mut watch.net, &mut theirs, b"x", &ours)?;
    same("what is watched within is ready", watch.look()?, [(1, READABLE), (2, WRITABLE)])
}

/// An epoll descriptor is readable while something that it watches is ready.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn nested_epoll<B: Backend<Os> + Open>() -> Verdict {
    use rustix::event::epoll;
    let mut watch = Watch::<Os, B>::open()?;
    let (mut ours, mut theirs) = watch.net.pair()?;
    let inner = Socket::adopt(epoll::create(epoll::CreateFlags::CLOEXEC)?)?;
    epoll::add(&inner, &ours, epoll::EventData::new_u64(0), epoll::EventFlags::IN)?;
    watch.register(&inner, 1, R)?;
    watch.rests(A_WHILE)?;
    for _ in 0..2 {
        deliver(&mut watch.net, &mut theirs, b"x", &ours)?;
        for _ in 0..2 {
            same("what is watched within is ready", watch.look()?, [(1, READABLE)])?;
        }
        drain(&mut watch.net, &mut ours, 1)?;
        watch.rests(A_WHILE)?;
    }
    Ok(())
}
