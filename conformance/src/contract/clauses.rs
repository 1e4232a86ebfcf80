//! The clauses of the backend's contract, as far as the states and the divergences have not asked for them yet.

use std::collections::BTreeSet;
use std::time::Duration;

use stheno::{Backend, ErrorKind, Fired, Interest, Key, Net, Open, Readiness};

use super::support::{A_WHILE, PATIENCE, R, W, Watch, deliver, drain, drain_all, hang_up_whole, hold, same};
use super::{Case, Failure, Verdict};
use crate::ground::{Ground, Need, Sign};

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("a-key-registered-twice-is-refused-and-nothing-changes", "B2", registered_twice::<G, B>),
        case("a-second-key-for-a-socket-is-refused-or-watched-beside-the-first", "B2", second_key::<G, B>),
        case("a-second-socket-under-a-key-is-refused-or-watched-beside-the-first", "B2", second_socket::<G, B>),
        case("no-interest-is-no-result-and-no-end", "B3", no_interest::<G, B>).needing(&[Need::HalfClose]),
        case("readiness-is-told-until-it-is-over", "B4", level::<G, B>),
        case("room-to-send-comes-and-goes", "B4 B6", room::<G, B>),
        case("a-key-comes-back-whole", "B7", whole_keys::<G, B>),
        case("each-is-told-once-and-what-holds-of-it", "B7", each_its_own::<G, B>),
        case("an-old-key-of-a-place-takes-nothing-from-the-new-one", "B7 B15", old_keys::<G, B>),
        case("six-hundred-ready-are-told-within-a-few-waits", "B7 B8", many_ready::<G, B>)
            .needing(&[Need::Sockets(600)]),
        case("whoever-takes-few-reaches-all", "B8 B14", few_taken::<G, B>),
        case("whoever-takes-few-of-many-reaches-all", "B8 B14", few_of_many_taken::<G, B>)
            .needing(&[Need::Sockets(512)]),
        case("two-thousand-are-watched-and-one-is-found", "B7 B8", two_thousand::<G, B>)
            .needing(&[Need::Sockets(2_000)]),
        case("a-closed-descriptor-is-refused-or-told", "B11 B12", registered_closed::<G, B>)
            .needing(&[Need::ClosedBehind]),
        case("beside-what-was-closed-the-others-are-told", "B12", beside_the_closed::<G, B>)
            .needing(&[Need::ClosedBehind]),
        case("what-was-closed-and-not-taken-does-not-come-again", "B12 B14", invalid_not_taken::<G, B>)
            .needing(&[Need::ClosedBehind]),
        case("results-not-taken-are-dropped-or-told-again", "B4 B14", not_taken::<G, B>),
        case("changes-between-results-neither-lose-nor-repeat-any", "B7 B14", changed_between::<G, B>),
        case("deregistering-is-idempotent", "B15", deregistered_again::<G, B>),
        case("deregistering-what-was-closed-behind-is-idempotent", "B12 B15", deregistered_when_gone::<G, B>)
            .needing(&[Need::ClosedBehind]),
        case("registered-and-left-a-thousand-times-nothing-stays", "B1 B15", churn::<G, B>),
        case("two-backends-watch-one-socket", "B4", two_backends::<G, B>).needing(&[Need::TwoLoops]),
    ]
}

const READABLE: Readiness = Readiness::READABLE;
const WRITABLE: Readiness = Readiness::WRITABLE;

fn registered_twice<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let (socket, _peer) = watch.net.pair()?;
    refuses_twice(&mut watch, &socket, &[])
}

/// Registers something twice that tells this to who reads.
pub(super) fn refuses_twice<G, B>(watch: &mut Watch<G, B>, socket: &G::Socket, told: &[(u32, Readiness)]) -> Verdict
where
    G: Ground,
    B: Backend<G> + Open,
{
    watch.register(socket, 1, R)?;
    for interest in [R, W, R | W] {
        let came = watch.register(socket, 1, interest).map_err(|why| why.kind());
        same(&format!("registered again for {interest}"), came, Err(ErrorKind::Invalid))?;
        same("as it was registered first", watch.look()?, told)?;
    }
    watch.deregister(socket, 1)?;
    watch.register(socket, 1, W)?;
    same("registered after it was deregistered", watch.look()?, [(1, WRITABLE)])?;
    watch.deregister(socket, 1)?;
    Ok(())
}

/// Whichever it is, the first registration is none the worse, and once both are over the other can be made.
fn second_key<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let (ours, mut theirs) = watch.net.pair()?;
    deliver(&mut watch.net, &mut theirs, b"x", &ours)?;
    watch.register(&ours, 1, R)?;
    for round in 0..2 {
        match watch.register(&ours, 2, W) {
            Err(why) => same("the refusal", why.kind(), ErrorKind::Invalid)?,
            Ok(()) => {
                same(&format!("both, round {round}"), watch.look()?, [(1, READABLE), (2, WRITABLE)])?;
                watch.reregister(&ours, 2, R | W)?;
                same("both, and one changed", watch.look()?, [(1, READABLE), (2, READABLE | WRITABLE)])?;
                watch.deregister(&ours, 2)?;
            }
        }
        same(&format!("the first key, round {round}"), watch.look()?, [(1, READABLE)])?;
    }
    watch.deregister(&ours, 1)?;
    same("neither", watch.look()?, [])?;
    watch.register(&ours, 2, W)?;
    same("the second key alone", watch.look()?, [(2, WRITABLE)])
}

fn second_socket<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let ((first, mut theirs), (second, _peer)) = (watch.net.pair()?, watch.net.pair()?);
    deliver(&mut watch.net, &mut theirs, b"x", &first)?;
    second_of_a_key(&mut watch, &first, &second)
}

/// Registers two sockets under one key: the first has something to read, the second has room.
pub(super) fn second_of_a_key<G, B>(watch: &mut Watch<G, B>, first: &G::Socket, second: &G::Socket) -> Verdict
where
    G: Ground,
    B: Backend<G> + Open,
{
    watch.register(first, 1, R)?;
    for round in 0..2 {
        match watch.register(second, 1, W) {
            Err(why) => same("the refusal", why.kind(), ErrorKind::Invalid)?,
            Ok(()) => {
                // One key for two things: that it comes once for each is the doing of who registered it so.
                same(&format!("results of both, round {round}"), watch.wait(Duration::ZERO)?, 2)?;
                let mut told: Vec<_> = std::iter::from_fn(|| watch.next()).map(|(_, readiness)| readiness).collect();
                told.sort_unstable_by_key(|readiness| readiness.bits());
                same("what is told of them", told, [READABLE, WRITABLE])?;
                watch.deregister(second, 1)?;
            }
        }
        same(&format!("the first socket, round {round}"), watch.look()?, [(1, READABLE)])?;
    }
    watch.deregister(first, 1)?;
    same("neither", watch.look()?, [])?;
    watch.register(second, 1, W)?;
    same("the second socket alone", watch.look()?, [(1, WRITABLE)])
}

fn no_interest<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let (mut ours, mut theirs) = watch.net.pair()?;
    watch.register(&ours, 1, Interest::NONE)?;
    deliver(&mut watch.net, &mut theirs, b"x", &ours)?;
    watch.rests(A_WHILE)?;
    watch.reregister(&ours, 1, Interest::NONE)?;
    watch.reregister(&ours, 1, R)?;
    same("asked for", watch.look()?, [(1, READABLE)])?;
    watch.reregister(&ours, 1, Interest::NONE)?;
    hang_up_whole(&mut watch.net, &mut ours, theirs)?;
    watch.rests(A_WHILE)?;
    watch.deregister(&ours, 1)?;
    watch.register(&ours, 2, R)?;
    same("asked for by another key", watch.look_plainly()?, [(2, READABLE)])
}

fn level<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let (mut ours, mut theirs) = watch.net.pair()?;
    watch.register(&ours, 1, R | W)?;
    for _ in 0..3 {
        same("idle", watch.look()?, [(1, WRITABLE)])?;
    }
    deliver(&mut watch.net, &mut theirs, b"x", &ours)?;
    for _ in 0..3 {
        same("with data", watch.look()?, [(1, READABLE | WRITABLE)])?;
    }
    drain(&mut watch.net, &mut ours, 1)?;
    same("idle again", watch.look()?, [(1, WRITABLE)])
}

fn room<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let (mut ours, mut theirs) = watch.net.sockets()?;
    watch.register(&ours, 1, W)?;
    same("with room", watch.look()?, [(1, WRITABLE)])?;
    for round in 0..2 {
        watch.net.fill(&mut ours)?;
        same(&format!("full, round {round}"), watch.look()?, [])?;
        hold(drain_all(&mut watch.net, &mut theirs)? > 0, || "nothing was sent".into())?;
        same(&format!("room comes, round {round}"), watch.results(PATIENCE)?, [(1, WRITABLE)])?;
        same(&format!("with room, round {round}"), watch.look()?, [(1, WRITABLE)])?;
    }
    Ok(())
}

fn whole_keys<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let (mut net, mut backend) = (G::open()?, B::open()?);
    let keys = [Key::new(0, 0), Key::new(5, u32::MAX), Key::new(70, 1 << 31), Key::new(70_000, 7)];
    let sockets = keys.iter().map(|_| net.sockets()).collect::<Result<Vec<_>, _>>()?;
    for (key, (socket, _)) in keys.iter().zip(&sockets) {
        backend.register(&mut net, socket, *key, Interest::ALL)?;
    }
    same("results", backend.wait(&mut net, None)?, keys.len())?;
    let mut told: Vec<_> = std::iter::from_fn(|| backend.next()).collect();
    told.sort_by_key(|fired| fired.key.index());
    same("keys", told, keys.map(|key| Fired { key, readiness: WRITABLE }).to_vec())
}

/// Three at once, of each of which something else holds, and of one of them two things.
fn each_its_own<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let mut all = (0..3).map(|_| watch.net.pair()).collect::<Result<Vec<_>, _>>()?;
    for (key, (ours, theirs)) in (1..).zip(&mut all) {
        watch.register(ours, key, [R, W, R | W][key as usize - 1])?;
        deliver(&mut watch.net, theirs, b"x", ours)?;
    }
    let mut expected = [(1, READABLE), (2, WRITABLE), (3, READABLE | WRITABLE)];
    same("each", watch.look()?, expected)?;
    for (key, interest) in [(1, W), (2, R)] {
        watch.reregister(&all[key as usize - 1].0, key, interest)?;
    }
    expected[..2].copy_from_slice(&[(1, WRITABLE), (2, READABLE)]);
    same("each, after two have changed their minds", watch.look()?, expected)
}

fn old_keys<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let (mut net, mut backend) = (G::open()?, B::open()?);
    let ((first, _a), (second, _b)) = (net.pair()?, net.pair()?);
    let (old, new) = (Key::new(9, 1), Key::new(9, 2));
    backend.register(&mut net, &first, old, W)?;
    backend.deregister(&mut net, &first, old)?;
    backend.register(&mut net, &second, new, W)?;
    backend.deregister(&mut net, &first, old)?;
    same("results", backend.wait(&mut net, Some(Duration::ZERO))?, 1)?;
    same("the new key", backend.next(), Some(Fired { key: new, readiness: WRITABLE }))
}

/// Registers both ends of so many pairs, with the keys from 0 on.
pub(super) fn crowd<G, B>(watch: &mut Watch<G, B>, pairs: u32, interest: Interest) -> Result<Crowd<G>, Failure>
where
    G: Ground,
    B: Backend<G> + Open,
{
    let all = (0..pairs).map(|_| watch.net.sockets()).collect::<Result<Vec<_>, _>>()?;
    for (at, (one, other)) in (0..).zip(&all) {
        watch.register(one, 2 * at, interest)?;
        watch.register(other, 2 * at + 1, interest)?;
    }
    Ok(all)
}

type Crowd<G> = Vec<(<G as Net>::Socket, <G as Net>::Socket)>;

fn many_ready<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    watch.net.room_for(600)?;
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

fn few_taken<G: Ground, B: Backend<G> + Open>() -> Verdict {
    for (pairs, take) in [(2, 1), (3, 2), (4, 3)] {
        let mut watch = Watch::<G, B>::open()?;
        let _all = crowd(&mut watch, pairs, W)?;
        reaches_all(&mut watch, 2 * pairs, take)?;
    }
    Ok(())
}

fn few_of_many_taken<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    watch.net.room_for(512)?;
    let _all = crowd(&mut watch, 256, W)?;
    reaches_all(&mut watch, 512, 3)
}

/// Takes a few results of each wait until so many, the first keys, were told.
pub(super) fn reaches_all<G, B>(watch: &mut Watch<G, B>, ready: u32, take: u32) -> Verdict
where
    G: Ground,
    B: Backend<G> + Open,
{
    let (mut seen, mut waits) = (BTreeSet::new(), 0);
    let most = 8 * ready / take;
    while seen.len() < ready as usize && waits < most {
        waits += 1;
        watch.wait(None)?;
        seen.extend((0..take).map_while(|_| watch.next()).map(|(key, _)| key));
    }
    let missing = || (0..ready).filter(|key| !seen.contains(key)).take(5).collect::<Vec<_>>();
    hold(seen.len() == ready as usize, || {
        format!("{take} taken of {ready}: after {waits} waits {} came, never {:?}…", seen.len(), missing())
    })
}

fn two_thousand<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    watch.net.room_for(2_000)?;
    let mut all = crowd(&mut watch, 1_000, R)?;
    watch.rests(A_WHILE)?;
    for at in [0, 499, 999] {
        let (one, other) = &mut all[at];
        same("bytes sent", watch.net.send(one, b"x")?, Some(1))?;
        watch.net.reached(other, &[Sign::Data])?;
        let key = 2 * at as u32 + 1;
        same("the one with data", watch.look()?, [(key, READABLE)])?;
        drain(&mut watch.net, other, 1)?;
    }
    for (at, (one, other)) in (0..).zip(&all) {
        watch.deregister(one, 2 * at)?;
        watch.deregister(other, 2 * at + 1)?;
    }
    watch.rests(A_WHILE)
}

fn registered_closed<G: Ground, B: Backend<G> + Open>() -> Verdict {
    for interest in [R, W, Interest::ALL] {
        let mut watch = Watch::<G, B>::open()?;
        let ((bad, _a), (good, _b)) = (watch.net.pair()?, watch.net.pair()?);
        watch.register(&good, 2, W)?;
        let bad = watch.net.close_behind(bad)?;
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

/// The others are ready in the very wait that finds out, before it and behind it.
fn beside_the_closed<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let ((first, _a), (bad, _b), (last, _c)) = (watch.net.pair()?, watch.net.pair()?, watch.net.pair()?);
    for (key, socket) in (1..).zip([&first, &bad, &last]) {
        watch.register(socket, key, W)?;
    }
    let bad = watch.net.close_behind(bad)?;
    let ready = [(1, WRITABLE), (3, WRITABLE)];
    let mut closed = Vec::new();
    for _ in 0..3 {
        let (of_it, others): (Vec<_>, Vec<_>) = watch.look()?.into_iter().partition(|(key, _)| *key == 2);
        // The wait that finds out may leave the others to the next.
        if of_it.is_empty() || !others.is_empty() {
            same("the others", others, ready)?;
        }
        closed.extend(of_it);
    }
    hold(closed.is_empty() || closed == [(2, Readiness::INVALID)], || {
        format!("expected silence or INVALID once, came {closed:?}")
    })?;
    Ok(watch.deregister(&bad, 2)?)
}

fn invalid_not_taken<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let ((bad, _a), (good, mut peer)) = (watch.net.pair()?, watch.net.pair()?);
    watch.register(&bad, 1, R)?;
    watch.register(&good, 2, R)?;
    let bad = watch.net.close_behind(bad)?;
    hold(watch.wait(Duration::ZERO)? <= 1, || "more than one result".into())?;
    // Nobody takes it.
    watch.rests(A_WHILE)?;
    deliver(&mut watch.net, &mut peer, b"x", &good)?;
    same("the other one", watch.look()?, [(2, READABLE)])?;
    Ok(watch.deregister(&bad, 1)?)
}

fn not_taken<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let mut all = crowd(&mut watch, 2, W)?;
    same("results", watch.wait(None)?, 4)?;
    hold(watch.next().is_some(), || "expected a result, none came".into())?;
    // Two are not ready any longer, the others are told again.
    for (one, _) in &mut all {
        watch.net.fill(one)?;
    }
    same("told again", watch.look()?, [(1, WRITABLE), (3, WRITABLE)])?;
    same("results", watch.wait(None)?, 2)?;
    for (_, other) in &mut all {
        watch.net.fill(other)?;
    }
    same("nothing is ready", watch.wait(Duration::ZERO)?, 0)?;
    same("what was left of the wait before", watch.next(), None)
}

fn changed_between<G: Ground, B: Backend<G> + Open>() -> Verdict {
    for gone in 0..6 {
        let mut watch = Watch::<G, B>::open()?;
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

fn deregistered_again<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let (ours, _theirs) = watch.net.pair()?;
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
    watch.deregister(&ours, 1)?;
    watch.rests(A_WHILE)
}

fn deregistered_when_gone<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let (ours, _theirs) = watch.net.pair()?;
    watch.register(&ours, 1, W)?;
    let gone = watch.net.close_behind(ours)?;
    watch.deregister(&gone, 1)?;
    watch.deregister(&gone, 1)?;
    watch.rests(A_WHILE)
}

fn churn<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let (mut net, mut backend) = (G::open()?, B::open()?);
    let (keeper, _peer) = net.pair()?;
    backend.register(&mut net, &keeper, Key::new(0, 0), W)?;
    for generation in 0..1_000 {
        let (ours, theirs) = net.sockets()?;
        let (one, other) = (Key::new(1, generation), Key::new(2 + generation % 3, generation));
        backend.register(&mut net, &ours, one, W)?;
        backend.register(&mut net, &theirs, other, R)?;
        if generation % 100 == 0 {
            same("results", backend.wait(&mut net, Some(Duration::ZERO))?, 2)?;
        }
        backend.deregister(&mut net, &theirs, other)?;
        backend.deregister(&mut net, &ours, one)?;
        net.close(theirs);
        net.close(ours);
    }
    same("results", backend.wait(&mut net, Some(Duration::ZERO))?, 1)?;
    same("who is left", backend.next(), Some(Fired { key: Key::new(0, 0), readiness: WRITABLE }))
}

fn two_backends<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let (mut watch, mut other) = (Watch::<G, B>::open()?, B::open()?);
    let (ours, mut theirs) = watch.net.pair()?;
    watch.register(&ours, 1, R)?;
    through(&mut other, &mut watch, |watch| watch.register(&ours, 2, R | W))?;
    deliver(&mut watch.net, &mut theirs, b"x", &ours)?;
    same("the one", watch.look()?, [(1, READABLE)])?;
    same("the other", through(&mut other, &mut watch, Watch::look)?, [(2, READABLE | WRITABLE)])?;
    watch.deregister(&ours, 1)?;
    same("the other, alone", through(&mut other, &mut watch, Watch::look)?, [(2, READABLE | WRITABLE)])?;
    drop(std::mem::replace(&mut watch.backend, other));
    same("the other, after the first is gone", watch.look()?, [(2, READABLE | WRITABLE)])
}

/// Watches the same network through another backend for once.
fn through<G, B, T>(other: &mut B, watch: &mut Watch<G, B>, deed: impl FnOnce(&mut Watch<G, B>) -> T) -> T {
    std::mem::swap(&mut watch.backend, other);
    let done = deed(watch);
    std::mem::swap(&mut watch.backend, other);
    done
}
