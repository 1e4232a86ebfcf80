//! The clauses of the backend's contract, as far as the states and the divergences have not asked for them yet.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use stheno::{Backend, ErrorKind, Fired, Interest, Key, Net, Open, Os, Readiness, Socket};

use super::support::{A_WHILE, Limit, P, PATIENCE, R, W, Watch, close_behind, drain, fill, hold, same, send};
use super::{Case, Failure, Verdict};

pub(super) fn cases<B: Backend<Os> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("deregistered-and-closed-is-silent-though-a-duplicate-lives", "B1", closed_with_a_duplicate::<B>),
        case("a-duplicate-is-a-socket-of-its-own", "B1 B2", duplicates::<B>),
        case("a-key-registered-twice-is-refused-and-nothing-changes", "B2", registered_twice::<B>),
        case("no-interest-is-no-result-and-no-end", "B3", no_interest::<B>),
        case("readiness-is-told-until-it-is-over", "B4", level::<B>),
        case("room-to-send-comes-and-goes", "B4 B6", room::<B>),
        case("a-key-comes-back-whole", "B7", whole_keys::<B>),
        case("an-old-key-of-a-place-takes-nothing-from-the-new-one", "B7 B15", old_keys::<B>),
        case("six-hundred-ready-are-told-within-a-few-waits", "B7 B8", many_ready::<B>),
        case("whoever-takes-few-reaches-all", "B8 B14", few_taken::<B>),
        case("two-thousand-are-watched-and-one-is-found", "B7 B8", two_thousand::<B>),
        case("a-wait-is-never-early", "B9", never_early::<B>),
        case("a-wait-of-no-time-does-not-wait", "B9", no_time::<B>),
        case("a-wait-without-end-waits-for-what-comes", "B9", without_end::<B>),
        case("a-wait-ends-when-something-comes-and-not-later", "B9", ends_with_the_event::<B>),
        case("a-timeout-past-every-bound-is-no-error", "B9", endless_timeouts::<B>),
        case("signals-neither-end-a-wait-nor-lengthen-it", "B9 rule 9", signals::<B>),
        case("a-file-is-ready-at-every-wait-beside-the-others", "B10", files::<B>),
        case("a-file-that-wants-nothing-lets-the-others-wait", "B3 B10", files_without_interest::<B>),
        case("a-closed-descriptor-is-refused-or-told", "B11 B12", registered_closed::<B>),
        case("what-was-closed-and-not-taken-does-not-come-again", "B12 B14", invalid_not_taken::<B>),
        case("results-not-taken-are-dropped-or-told-again", "B4 B14", not_taken::<B>),
        case("changes-between-results-neither-lose-nor-repeat-any", "B7 B14", changed_between::<B>),
        case("deregistering-is-idempotent", "B15", deregistered_again::<B>),
        case("registered-and-left-a-thousand-times-nothing-stays", "B1 B15", churn::<B>),
        case("the-clock-goes-forward-with-the-waits", "B16", clock::<B>),
        case("two-backends-watch-one-socket", "B4", two_backends::<B>),
    ]
}

const READABLE: Readiness = Readiness::READABLE;
const WRITABLE: Readiness = Readiness::WRITABLE;

fn closed_with_a_duplicate<B: Backend<Os> + Open>() -> Verdict {
    let (ours, theirs) = UnixStream::pair()?;
    let _duplicate = ours.try_clone()?;
    let ours = Socket::adopt(ours)?;
    let mut watch = Watch::<B>::open()?;
    watch.register(&ours, 1, R | W)?;
    same("watched", watch.look()?, [(1, WRITABLE)])?;
    watch.deregister(&ours, 1)?;
    drop(ours);
    send(&theirs, b"x")?;
    watch.rests(A_WHILE)
}

fn duplicates<B: Backend<Os> + Open>() -> Verdict {
    let (one, theirs) = UnixStream::pair()?;
    let other = Socket::duplicate(&one)?;
    let one = Socket::adopt(one)?;
    let mut watch = Watch::<B>::open()?;
    watch.register(&one, 1, R)?;
    watch.register(&other, 2, R)?;
    send(&theirs, b"x")?;
    same("both", watch.look()?, [(1, READABLE), (2, READABLE)])?;
    watch.reregister(&other, 2, W)?;
    same("both, for different things", watch.look()?, [(1, READABLE), (2, WRITABLE)])?;
    watch.deregister(&one, 1)?;
    drop(one);
    same("the one left", watch.look()?, [(2, WRITABLE)])
}

fn registered_twice<B: Backend<Os> + Open>() -> Verdict {
    let mut watch = Watch::<B>::open()?;
    let (socket, _peer) = Socket::pair()?;
    let (file, _) = (Socket::adopt(OwnedFd::from(File::open(std::env::current_exe()?)?))?, ());
    for (what, socket, told) in [("a socket", &socket, vec![]), ("a file", &file, vec![(1, READABLE)])] {
        watch.register(socket, 1, R)?;
        for interest in [R, W, R | W] {
            let came = watch.register(socket, 1, interest).map_err(|why| why.kind());
            same(&format!("{what} registered again for {interest}"), came, Err(ErrorKind::Invalid))?;
            same(&format!("{what} as it was registered first"), watch.look()?, told.clone())?;
        }
        watch.deregister(socket, 1)?;
        watch.register(socket, 1, W)?;
        same(&format!("{what} registered after it was deregistered"), watch.look()?, [(1, WRITABLE)])?;
        watch.deregister(socket, 1)?;
    }
    Ok(())
}

fn no_interest<B: Backend<Os> + Open>() -> Verdict {
    let mut watch = Watch::<B>::open()?;
    let (ours, theirs) = UnixStream::pair()?;
    let ours = Socket::adopt(ours)?;
    watch.register(&ours, 1, Interest::NONE)?;
    send(&theirs, b"x")?;
    watch.rests(A_WHILE)?;
    watch.reregister(&ours, 1, Interest::NONE)?;
    watch.reregister(&ours, 1, R)?;
    same("asked for", watch.look()?, [(1, READABLE)])?;
    watch.reregister(&ours, 1, Interest::NONE)?;
    drop(theirs);
    watch.rests(A_WHILE)?;
    watch.deregister(&ours, 1)?;
    watch.register(&ours, 2, R)?;
    same("asked for by another key", watch.look_plainly()?, [(2, READABLE)])
}

fn level<B: Backend<Os> + Open>() -> Verdict {
    let mut watch = Watch::<B>::open()?;
    let (ours, theirs) = UnixStream::pair()?;
    let ours = Socket::adopt(ours)?;
    watch.register(&ours, 1, R | W)?;
    for _ in 0..3 {
        same("idle", watch.look()?, [(1, WRITABLE)])?;
    }
    send(&theirs, b"x")?;
    for _ in 0..3 {
        same("with data", watch.look()?, [(1, READABLE | WRITABLE)])?;
    }
    same("drained", drain(&ours), 1)?;
    same("idle again", watch.look()?, [(1, WRITABLE)])
}

fn room<B: Backend<Os> + Open>() -> Verdict {
    let mut watch = Watch::<B>::open()?;
    let (ours, theirs) = Socket::pair()?;
    watch.register(&ours, 1, W)?;
    for round in 0..2 {
        same(&format!("with room, round {round}"), watch.look()?, [(1, WRITABLE)])?;
        fill(&ours)?;
        same(&format!("full, round {round}"), watch.look()?, [])?;
        hold(drain(&theirs) > 0, || "nothing was sent".into())?;
    }
    Ok(())
}

fn whole_keys<B: Backend<Os> + Open>() -> Verdict {
    let mut backend = B::open()?;
    let keys = [Key::new(0, 0), Key::new(5, u32::MAX), Key::new(70, 1 << 31), Key::new(4000, 7)];
    let sockets = keys.iter().map(|_| Socket::pair()).collect::<Result<Vec<_>, _>>()?;
    for (key, (socket, _)) in keys.iter().zip(&sockets) {
        backend.register(&mut Os, socket, *key, Interest::ALL)?;
    }
    same("results", backend.wait(&mut Os, None)?, keys.len())?;
    let mut told: Vec<_> = std::iter::from_fn(|| backend.next()).collect();
    told.sort_by_key(|fired| fired.key.index());
    same("keys", told, keys.map(|key| Fired { key, readiness: WRITABLE }).to_vec())
}

fn old_keys<B: Backend<Os> + Open>() -> Verdict {
    let mut backend = B::open()?;
    let ((first, _a), (second, _b)) = (Socket::pair()?, Socket::pair()?);
    let (old, new) = (Key::new(9, 1), Key::new(9, 2));
    backend.register(&mut Os, &first, old, W)?;
    backend.deregister(&mut Os, &first, old)?;
    backend.register(&mut Os, &second, new, W)?;
    backend.deregister(&mut Os, &first, old)?;
    same("results", backend.wait(&mut Os, Some(Duration::ZERO))?, 1)?;
    same("the new key", backend.next(), Some(Fired { key: new, readiness: WRITABLE }))
}

/// Registers both ends of so many pairs, with the keys from 0 on.
fn crowd<B>(watch: &mut Watch<B>, pairs: u32, interest: Interest) -> Result<Vec<(Socket, Socket)>, Failure>
where
    B: Backend<Os> + Open,
{
    let all = (0..pairs).map(|_| Socket::pair()).collect::<Result<Vec<_>, _>>()?;
    for (at, (one, other)) in (0..).zip(&all) {
        watch.register(one, 2 * at, interest)?;
        watch.register(other, 2 * at + 1, interest)?;
    }
    Ok(all)
}

fn many_ready<B: Backend<Os> + Open>() -> Verdict {
    let _limit = Limit::at_least(700)?;
    let mut watch = Watch::<B>::open()?;
    let _all = crowd(&mut watch, 300, W)?;
    // Twice: after all have been told, all are told again.
    for _ in 0..2 {
        let (mut seen, mut waits) = (BTreeSet::new(), 0);
        while seen.len() < 600 && waits < 12 {
            seen.extend(watch.look()?.into_iter().map(|(key, _)| key));
            waits += 1;
        }
        hold(seen.len() == 600, || format!("expected 600 within {waits} waits, came {}", seen.len()))?;
    }
    Ok(())
}

fn few_taken<B: Backend<Os> + Open>() -> Verdict {
    let _limit = Limit::at_least(700)?;
    for (pairs, files, take) in [(2, 0, 1), (3, 0, 2), (3, 2, 1), (4, 0, 3), (256, 0, 3), (300, 3, 7)] {
        let mut watch = Watch::<B>::open()?;
        let _all = crowd(&mut watch, pairs, W)?;
        let open_files = (0..files)
            .map(|_| Ok(Socket::adopt(OwnedFd::from(File::options().write(true).open("/dev/null")?))?))
            .collect::<Result<Vec<_>, Failure>>()?;
        for (key, file) in (2 * pairs..).zip(&open_files) {
            watch.register(file, key, W)?;
        }
        let (ready, mut seen, mut waits) = (2 * pairs + files, BTreeSet::new(), 0);
        let most = 8 * ready / take;
        while seen.len() < ready as usize && waits < most {
            waits += 1;
            watch.wait(None)?;
            seen.extend((0..take).map_while(|_| watch.next()).map(|(key, _)| key));
        }
        let missing = || (0..ready).filter(|key| !seen.contains(key)).take(5).collect::<Vec<_>>();
        hold(seen.len() == ready as usize, || {
            format!("{take} taken of {ready}: after {waits} waits {} came, never {:?}…", seen.len(), missing())
        })?;
    }
    Ok(())
}

fn two_thousand<B: Backend<Os> + Open>() -> Verdict {
    let _limit = Limit::at_least(2_100)?;
    let mut watch = Watch::<B>::open()?;
    let mut all = crowd(&mut watch, 1_000, R)?;
    watch.rests(A_WHILE)?;
    for at in [0, 499, 999] {
        Os.send(&mut all[at].0, b"x")?;
        let key = 2 * at as u32 + 1;
        same("the one with data", watch.look()?, [(key, READABLE)])?;
        same("bytes drained", drain(&all[at].1), 1)?;
    }
    for (at, (one, other)) in (0..).zip(&all) {
        watch.deregister(one, 2 * at)?;
        watch.deregister(other, 2 * at + 1)?;
    }
    watch.rests(A_WHILE)
}

fn never_early<B: Backend<Os> + Open>() -> Verdict {
    let mut watch = Watch::<B>::open()?;
    let (ours, _theirs) = Socket::pair()?;
    watch.register(&ours, 1, R)?;
    for micros in [1, 300, 999, 1_000, 1_001, 2_500, 20_001, 50_000] {
        for _ in 0..3 {
            watch.rests(Duration::from_micros(micros))?;
        }
    }
    // Nor much too late, at least once in a while: the rest is the system's load.
    for (micros, most) in [(300, 20_000), (1_000, 20_000)] {
        let mut least = Duration::MAX;
        for _ in 0..20 {
            let before = watch.now();
            watch.rests(Duration::from_micros(micros))?;
            least = least.min(watch.now().saturating_since(before));
        }
        hold(least < Duration::from_micros(most), || format!("expected about {micros} us, came {least:?} at best"))?;
    }
    Ok(())
}

fn no_time<B: Backend<Os> + Open>() -> Verdict {
    let mut watch = Watch::<B>::open()?;
    let (ours, _theirs) = Socket::pair()?;
    let mut least = Duration::MAX;
    for round in 0..50 {
        let before = watch.now();
        same("results", watch.wait(Duration::ZERO)?, 0)?;
        least = least.min(watch.now().saturating_since(before));
        if round == 25 {
            watch.register(&ours, 1, R)?;
        }
    }
    hold(least < Duration::from_millis(1), || format!("expected no wait, came {least:?} at best"))
}

fn without_end<B: Backend<Os> + Open>() -> Verdict {
    let mut watch = Watch::<B>::open()?;
    let (ours, theirs) = UnixStream::pair()?;
    let ours = Socket::adopt(ours)?;
    watch.register(&ours, 1, R)?;
    let before = watch.now();
    let sender = send_after(A_WHILE, theirs);
    let told = watch.results(None)?;
    let took = watch.now().saturating_since(before);
    let _theirs = sender.join().map_err(|_| "the sender panicked")??;
    same("told", told, [(1, READABLE)])?;
    hold(took >= A_WHILE, || format!("expected a wait of {A_WHILE:?}, came {took:?}"))
}

fn ends_with_the_event<B: Backend<Os> + Open>() -> Verdict {
    let mut watch = Watch::<B>::open()?;
    let (ours, theirs) = UnixStream::pair()?;
    let ours = Socket::adopt(ours)?;
    watch.register(&ours, 1, R)?;
    let before = watch.now();
    let sender = send_after(Duration::from_millis(2), theirs);
    let told = watch.results(PATIENCE)?;
    let took = watch.now().saturating_since(before);
    let _theirs = sender.join().map_err(|_| "the sender panicked")??;
    same("told", told, [(1, READABLE)])?;
    hold(took < PATIENCE / 2, || format!("expected the end of the wait with the event, came {took:?}"))
}

/// Sends from another thread, late enough for the wait to have begun.
fn send_after(delay: Duration, theirs: UnixStream) -> thread::JoinHandle<std::io::Result<UnixStream>> {
    thread::spawn(move || {
        thread::sleep(delay);
        std::io::Write::write_all(&mut &theirs, b"x").map(|()| theirs)
    })
}

fn endless_timeouts<B: Backend<Os> + Open>() -> Verdict {
    let mut watch = Watch::<B>::open()?;
    let (ours, _theirs) = Socket::pair()?;
    watch.register(&ours, 1, W)?;
    for timeout in
        [Duration::MAX, Duration::from_secs(1 << 40), Duration::from_secs(3_000_000), Duration::from_nanos(1)]
    {
        same(&format!("told within {timeout:?}"), watch.results(timeout)?, [(1, WRITABLE)])?;
    }
    Ok(())
}

/// Signals to the very thread that waits: with a handler each of them interrupts the system call.
fn signals<B: Backend<Os> + Open>() -> Verdict {
    const TIME: Duration = Duration::from_millis(50);
    let mut watch = Watch::<B>::open()?;
    let (ours, theirs) = UnixStream::pair()?;
    let ours = Socket::adopt(ours)?;
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
        // Never shorter; and at best hardly longer, although each signal begins the call anew.
        let mut least = Duration::MAX;
        for _ in 0..4 {
            let before = watch.now();
            watch.rests(TIME)?;
            least = least.min(watch.now().saturating_since(before));
        }
        hold(least < TIME * 3, || format!("expected about {TIME:?}, came {least:?} at best"))?;
        send(&theirs, b"x")?;
        same("told among signals", watch.results(None)?, [(1, READABLE)])
    };
    let checked = check();
    over.store(true, Ordering::Relaxed);
    let sent = sender.join().map_err(|_| "the sender panicked")?;
    signal_hook::low_level::unregister(handler);
    checked?;
    hold(sent > 0 && came.load(Ordering::Relaxed), || format!("{sent} signals were sent, and none came"))
}

fn file() -> Result<Socket, Failure> {
    Ok(Socket::adopt(OwnedFd::from(File::options().read(true).write(true).open("/dev/null")?))?)
}

fn files<B: Backend<Os> + Open>() -> Verdict {
    let mut watch = Watch::<B>::open()?;
    let ((ours, theirs), one, other) = (UnixStream::pair()?, file()?, file()?);
    let ours = Socket::adopt(ours)?;
    watch.register(&ours, 1, R)?;
    watch.register(&one, 2, R)?;
    watch.register(&other, 3, R | W)?;
    let (both, too) = ((3, READABLE | WRITABLE), (2, READABLE));
    for timeout in [None, Some(PATIENCE), Some(Duration::ZERO)] {
        same(&format!("files, waiting {timeout:?}"), watch.results(timeout)?, [too, both])?;
    }
    send(&theirs, b"x")?;
    same("files and a socket", watch.look()?, [(1, READABLE), too, both])?;
    watch.deregister(&one, 2)?;
    watch.reregister(&other, 3, W)?;
    same("one file left", watch.look()?, [(1, READABLE), (3, WRITABLE)])?;
    watch.deregister(&other, 3)?;
    same("no file left", watch.look()?, [(1, READABLE)])
}

fn files_without_interest<B: Backend<Os> + Open>() -> Verdict {
    let mut watch = Watch::<B>::open()?;
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

fn registered_closed<B: Backend<Os> + Open>() -> Verdict {
    for interest in [R, W, Interest::ALL] {
        let mut watch = Watch::<B>::open()?;
        let ((bad, _a), (good, _b)) = (Socket::pair()?, Socket::pair()?);
        watch.register(&good, 2, W)?;
        let bad = close_behind(bad)?;
        match watch.register(&bad, 1, interest) {
            Err(why) => same("the error", why.kind(), ErrorKind::BadDescriptor)?,
            Ok(()) => {
                let mut told = Vec::new();
                for _ in 0..3 {
                    told.extend(watch.look()?.into_iter().filter(|(key, _)| *key == 1));
                }
                same("accepted, and then", told, [(1, Readiness::INVALID)])?;
            }
        }
        same("the other one", watch.look()?, [(2, WRITABLE)])?;
        watch.deregister(&good, 2)?;
        watch.rests(A_WHILE)?;
        watch.deregister(&bad, 1)?;
    }
    Ok(())
}

fn invalid_not_taken<B: Backend<Os> + Open>() -> Verdict {
    let mut watch = Watch::<B>::open()?;
    let ((bad, _a), (good, peer)) = (Socket::pair()?, UnixStream::pair()?);
    let good = Socket::adopt(good)?;
    watch.register(&bad, 1, R)?;
    watch.register(&good, 2, R)?;
    let bad = close_behind(bad)?;
    hold(watch.wait(Duration::ZERO)? <= 1, || "more than one result".into())?;
    // Nobody takes it.
    watch.rests(A_WHILE)?;
    send(&peer, b"x")?;
    same("the other one", watch.look()?, [(2, READABLE)])?;
    Ok(watch.deregister(&bad, 1)?)
}

fn not_taken<B: Backend<Os> + Open>() -> Verdict {
    let mut watch = Watch::<B>::open()?;
    let all = crowd(&mut watch, 2, W)?;
    same("results", watch.wait(None)?, 4)?;
    hold(watch.next().is_some(), || "expected a result, none came".into())?;
    // Two are not ready any longer, the others are told again.
    for (one, _) in &all {
        fill(one)?;
    }
    same("told again", watch.look()?, [(1, WRITABLE), (3, WRITABLE)])?;
    same("results", watch.wait(None)?, 2)?;
    for (_, other) in &all {
        fill(other)?;
    }
    same("nothing is ready", watch.wait(Duration::ZERO)?, 0)?;
    same("what was left of the wait before", watch.next(), None)
}

fn changed_between<B: Backend<Os> + Open>() -> Verdict {
    for gone in 0..6 {
        let mut watch = Watch::<B>::open()?;
        let all = crowd(&mut watch, 3, W)?;
        let ends: Vec<_> = all.iter().flat_map(|(one, other)| [one, other]).collect();
        let socket = |key: u32| ends[key as usize];
        same("results", watch.wait(None)?, 6)?;
        let first = watch.next().ok_or("expected a result, none came")?;
        watch.deregister(socket(gone), gone)?;
        let changed = (gone + 1) % 6;
        watch.reregister(socket(changed), changed, R | W)?;
        let mut told: Vec<_> =
            [first].into_iter().chain(std::iter::from_fn(|| watch.next())).map(|(key, _)| key).collect();
        told.sort_unstable();
        // The one that left may still be told, once; whose interest changed may have to wait for the next.
        let must: Vec<_> = (0..6).filter(|key| *key != gone && *key != changed).collect();
        let came: Vec<_> = told.iter().copied().filter(|key| *key != gone && *key != changed).collect();
        same(&format!("the others, while {gone} was deregistered"), came, must)?;
        hold(told.windows(2).all(|two| two[0] != two[1]), || format!("one came twice: {told:?}"))?;
        let rest: Vec<_> = (0..6).filter(|key| *key != gone).map(|key| (key, WRITABLE)).collect();
        same("the next wait", watch.look()?, rest)?;
    }
    Ok(())
}

fn deregistered_again<B: Backend<Os> + Open>() -> Verdict {
    let mut watch = Watch::<B>::open()?;
    let (ours, _theirs) = Socket::pair()?;
    watch.deregister(&ours, 1)?;
    watch.register(&ours, 1, W)?;
    for _ in 0..3 {
        watch.deregister(&ours, 1)?;
        same("deregistered", watch.look()?, [])?;
    }
    watch.register(&ours, 1, Interest::NONE)?;
    watch.deregister(&ours, 1)?;
    watch.deregister(&ours, 1)?;
    watch.register(&ours, 1, W)?;
    same("registered again", watch.look()?, [(1, WRITABLE)])?;
    let gone = close_behind(ours)?;
    watch.deregister(&gone, 1)?;
    watch.deregister(&gone, 1)?;
    watch.rests(A_WHILE)
}

fn churn<B: Backend<Os> + Open>() -> Verdict {
    let mut backend = B::open()?;
    let (keeper, _peer) = Socket::pair()?;
    backend.register(&mut Os, &keeper, Key::new(0, 0), W)?;
    for generation in 0..1_000 {
        let (ours, theirs) = Socket::pair()?;
        let (one, other) = (Key::new(1, generation), Key::new(2 + generation % 3, generation));
        backend.register(&mut Os, &ours, one, W)?;
        backend.register(&mut Os, &theirs, other, R)?;
        if generation % 100 == 0 {
            same("results", backend.wait(&mut Os, Some(Duration::ZERO))?, 2)?;
        }
        backend.deregister(&mut Os, &theirs, other)?;
        backend.deregister(&mut Os, &ours, one)?;
    }
    same("results", backend.wait(&mut Os, Some(Duration::ZERO))?, 1)?;
    same("who is left", backend.next(), Some(Fired { key: Key::new(0, 0), readiness: WRITABLE }))
}

fn clock<B: Backend<Os> + Open>() -> Verdict {
    let mut watch = Watch::<B>::open()?;
    let mut last = watch.now();
    for _ in 0..1_000 {
        let now = watch.now();
        hold(now >= last, || format!("the clock went back from {last:?} to {now:?}"))?;
        last = now;
    }
    // Two backends have one clock, if they are of one kind.
    let other = Watch::<B>::open()?.now();
    hold(other >= last, || format!("another clock: {other:?} after {last:?}"))?;
    watch.rests(Duration::from_millis(2))
}

fn two_backends<B: Backend<Os> + Open>() -> Verdict {
    let (mut one, mut other) = (Watch::<B>::open()?, Watch::<B>::open()?);
    let (ours, theirs) = UnixStream::pair()?;
    let ours = Socket::adopt(ours)?;
    one.register(&ours, 1, R)?;
    other.register(&ours, 2, R | W)?;
    send(&theirs, b"x")?;
    same("the one", one.look()?, [(1, READABLE)])?;
    same("the other", other.look()?, [(2, READABLE | WRITABLE)])?;
    one.deregister(&ours, 1)?;
    same("the other, alone", other.look()?, [(2, READABLE | WRITABLE)])?;
    drop(one);
    same("the other, after the first is gone", other.look()?, [(2, READABLE | WRITABLE)])
}
