//! Where the backends of one library are known to tell different stories of the same program, ours tell one.

use std::time::Duration;

use stheno::{Backend, EventLoop, Half, Interest, Open, Readiness, Received};

use super::support::{
    A_WHILE, Counted, Defaults, P, PATIENCE, R, Stage, W, Watch, deliver, drain, fresh_loop, hang_up_whole, hold, same,
};
use super::{Case, Verdict};
use crate::ground::{Ground, Need, Sign};

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("new-data-after-a-drain-elsewhere-is-told", "B4", drained::<G, B>),
        case("more-data-after-a-partial-read-is-told", "B4", partial::<G, B>),
        case("changing-and-leaving-after-a-hang-up-is-no-error", "B15", after_a_hang_up::<G, B>)
            .needing(&[Need::HalfClose]),
        case("closed-behind-the-backend-is-told-once-or-never", "B12 rule 7", closed_behind::<G, B>)
            .needing(&[Need::ClosedBehind]),
        case("an-urgent-byte-is-told-to-who-wants-only-that", "B5", only_priority::<G, B>).needing(&[Need::Urgent]),
        case("a-hang-up-is-level-and-told-to-the-channel-once", "B4 rule 2", hang_up_again::<G, B>)
            .needing(&[Need::HalfClose]),
        case("out-of-the-set-a-hang-up-is-silent", "B3", paused_in_the_backend::<G, B>)
            .needing(&[Need::HalfClose, Need::Resets]),
        case("paused-a-hang-up-is-silent-and-nothing-is-lost", "rules 3 and 6", paused_in_the_loop::<G, B>)
            .needing(&[Need::LocalPairs, Need::Resets]),
        case("wanting-only-what-cannot-come-a-hang-up-is-silent", "rule 6", parked::<G, B>)
            .needing(&[Need::LocalPairs, Need::HalfClose]),
        case("a-refused-connect-is-an-error-and-a-close", "rule 5", refused::<G, B>),
        case("a-writer-without-room-is-told-that-its-peer-has-gone", "B6 rule 2", full_writer::<G, B>)
            .needing(&[Need::LocalPairs, Need::Resets]),
    ]
}

const READABLE: Readiness = Readiness::READABLE;
const WRITABLE: Readiness = Readiness::WRITABLE;

fn drained<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let (mut ours, mut theirs) = watch.net.pair()?;
    watch.register(&ours, 1, R)?;
    for round in 0..3 {
        deliver(&mut watch.net, &mut theirs, b"hello", &ours)?;
        same(&format!("data, round {round}"), watch.look()?, [(1, READABLE)])?;
        drain(&mut watch.net, &mut ours, 5)?;
        same(&format!("drained, round {round}"), watch.look()?, [])?;
    }
    Ok(())
}

fn partial<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let (mut ours, mut theirs) = watch.net.pair()?;
    watch.register(&ours, 1, R)?;
    deliver(&mut watch.net, &mut theirs, b"hello", &ours)?;
    for round in 0..3 {
        same(&format!("before read {round}"), watch.look()?, [(1, READABLE)])?;
        same("a partial read", watch.net.recv(&mut ours, &mut [0; 2])?, Received::Data(2))?;
        same(&format!("what is left of round {round}"), watch.look()?, [(1, READABLE)])?;
        watch.net.say(&mut theirs, b"hello")?;
    }
    drain(&mut watch.net, &mut ours, 14)?;
    same("drained", watch.look()?, [])
}

fn after_a_hang_up<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let (mut ours, theirs) = watch.net.pair()?;
    hang_up_whole(&mut watch.net, &mut ours, theirs)?;
    watch.register(&ours, 1, R)?;
    for interest in [W, R | W, R] {
        hold(!watch.look()?.is_empty(), || "expected a result, none came".into())?;
        watch.reregister(&ours, 1, interest)?;
    }
    same("reader", watch.look_plainly()?, [(1, READABLE)])?;
    watch.deregister(&ours, 1)?;
    same("deregistered", watch.look()?, [])
}

/// Whatever was asked for, and however many are closed at once: nothing is told twice, and no result is without a flag.
fn closed_behind<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let mut closed = Vec::new();
    for (key, interest) in [(1, R), (2, W), (3, P), (4, Interest::ALL), (5, R)] {
        let (ours, theirs) = watch.net.pair()?;
        watch.register(&ours, key, interest)?;
        watch.net.hang_up(theirs);
        closed.push(ours);
    }
    let closed = closed.into_iter().map(|socket| watch.net.close_behind(socket)).collect::<Result<Vec<_>, _>>()?;
    let mut told = Vec::new();
    for _ in 0..4 {
        told.extend(watch.look()?);
    }
    told.sort_by_key(|(key, _)| *key);
    let invalid: Vec<_> = (1..=5).map(|key| (key, Readiness::INVALID)).collect();
    hold(told.is_empty() || told == invalid, || format!("expected silence or {invalid:?}, came {told:?}"))?;
    watch.rests(A_WHILE)?;
    for (key, bad) in (1..).zip(&closed) {
        watch.deregister(bad, key)?;
    }
    watch.rests(A_WHILE)
}

fn only_priority<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let (ours, mut theirs) = watch.net.pair()?;
    watch.register(&ours, 1, P)?;
    deliver(&mut watch.net, &mut theirs, b"hello", &ours)?;
    same("plain data", watch.look()?, [])?;
    watch.net.urge(&mut theirs, b"!")?;
    same("an urgent byte", watch.results(PATIENCE)?, [(1, Readiness::PRIORITY)])?;
    same("the second wait", watch.look()?, [(1, Readiness::PRIORITY)])
}

fn hang_up_again<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let (mut ours, theirs) = watch.net.pair()?;
    watch.register(&ours, 1, R)?;
    hang_up_whole(&mut watch.net, &mut ours, theirs)?;
    for _ in 0..3 {
        same("a hang-up", watch.look_plainly()?, [(1, READABLE)])?;
    }
    watch.deregister(&ours, 1)?;
    watch.rests(A_WHILE)?;

    let mut stage = Stage::<G, B>::new()?;
    let (mut ours, theirs) = stage.net().pair()?;
    hang_up_whole(stage.net(), &mut ours, theirs)?;
    stage.events.add(ours, stage.actor("A").but(|ways| ways.writable = true))?;
    stage.tells(&["A: close end"])?;
    hold(stage.events.is_empty(), || "the channel is still there".into())
}

fn paused_in_the_backend<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let ((mut over, over_peer), (cut, cut_peer)) = (watch.net.pair()?, watch.net.pair()?);
    watch.register(&over, 1, R)?;
    watch.register(&cut, 2, R | W | P)?;
    watch.reregister(&over, 1, Interest::NONE)?;
    watch.reregister(&cut, 2, Interest::NONE)?;
    hang_up_whole(&mut watch.net, &mut over, over_peer)?;
    watch.net.reset(cut_peer)?;
    watch.net.reached(&cut, &[Sign::HungUp, Sign::Error])?;
    watch.rests(A_WHILE)?;
    for (key, socket) in [(1, &over), (2, &cut)] {
        watch.reregister(socket, key, W)?;
    }
    same("asked again", watch.look_plainly()?, [(1, WRITABLE), (2, WRITABLE)])
}

fn paused_in_the_loop<G: Ground, B: Backend<G> + Open>() -> Verdict {
    for cut in [false, true] {
        let mut stage = Stage::<G, B>::new()?;
        let actor = stage.actor("A").but(|ways| ways.readable = false);
        let net = stage.net();
        let (ours, mut theirs) = if cut { net.pair()? } else { net.local_pair()? };
        deliver(net, &mut theirs, b"hello", &ours)?;
        if cut {
            net.reset(theirs)?;
        } else {
            net.hang_up(theirs);
        }
        net.reached(&ours, &[Sign::HungUp])?;
        let key = stage.events.add(ours, actor)?;
        stage.rests(A_WHILE, 3)?;
        stage.events.channel(key)?.0.ways.readable = true;
        stage.tells(&["A: read hello", if cut { "A: close ECONNRESET" } else { "A: close end" }])?;
    }
    Ok(())
}

/// Who handles nothing is asked for nothing that comes unasked, either.
fn parked<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (ours, theirs) = stage.net().local_pair()?;
    // Both halves: what the peer sends is not wanted, and there is nothing to send.
    let key = stage.events.add(ours, stage.actor("A").but(|ways| (ways.readable, ways.writable) = (true, false)))?;
    stage.events.channel(key)?.1.shutdown(Half::Read)?;
    stage.rests(A_WHILE, 3)?;
    stage.net().hang_up(theirs);
    stage.rests(A_WHILE, 3)?;

    let mut events: EventLoop<Defaults, G, Counted<B>> = fresh_loop()?;
    let (ours, mut theirs) = events.net_mut().local_pair()?;
    deliver(events.net_mut(), &mut theirs, b"hello", &ours)?;
    let key = events.add(ours, Defaults)?;
    // Read and write are told and not handled; what is left is to want urgent data, which there is none of.
    events.run_turns(3, Some(Duration::from_millis(1)))?;
    events.net_mut().hang_up(theirs);
    events.run_turns(3, Some(Duration::from_millis(1)))?;
    for touched in [false, true] {
        if touched {
            // Read and write are told, and not handled, once more.
            events.touch(key)?;
            events.run_turns(3, Some(Duration::from_millis(1)))?;
        }
        let (before, began) = (events.backend().waits, events.net().clock());
        events.turn(Some(A_WHILE))?;
        let (waits, took) = (events.backend().waits - before, events.net().clock().saturating_since(began));
        hold(waits <= 2 && took >= A_WHILE, || format!("expected a wait of {A_WHILE:?}, came {waits} in {took:?}"))?;
    }
    same("channels", events.len(), 1)
}

fn refused<G: Ground, B: Backend<G> + Open>() -> Verdict {
    for writable in [false, true] {
        let mut stage = Stage::<G, B>::new()?;
        let nobody = stage.net().nowhere()?;
        stage.events.connect(nobody.clone(), stage.actor("C").but(|ways| ways.writable = writable))?;
        stage.tells(&["C: error ECONNREFUSED", "C: close ECONNREFUSED"])?;
        hold(stage.events.is_empty(), || "the channel is still there".into())?;
        hold(stage.net().dial(&nobody).is_err(), || "somebody listens there".into())?;
    }
    Ok(())
}

/// Who wants only to write, and waits for room, hears of nothing until its peer goes without reading; then of that.
fn full_writer<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let (mut ours, theirs) = watch.net.local_pair()?;
    watch.net.fill(&mut ours)?;
    watch.register(&ours, 1, W)?;
    watch.rests(A_WHILE)?;
    watch.net.hang_up(theirs);
    watch.net.reached(&ours, &[Sign::Error, Sign::HungUp])?;
    for _ in 0..2 {
        same("after the peer has gone", watch.look_plainly()?, [(1, WRITABLE)])?;
    }

    let mut stage = Stage::<G, B>::new()?;
    let (mut ours, theirs) = stage.net().local_pair()?;
    stage.net().fill(&mut ours)?;
    let writer = stage.actor("A").but(|ways| (ways.readable, ways.writable) = (false, true));
    let writer = writer.on(|event, _, channel| if event == "write" { channel.send(b"x").map(drop) } else { Ok(()) });
    stage.events.add(ours, writer)?;
    stage.rests(A_WHILE, 3)?;
    stage.net().hang_up(theirs);
    stage.until("the close", |lines| lines.iter().any(|line| line.starts_with("A: close")))?;
    // Not every network says in the same way that nobody will read it.
    let lines = stage.log.lines();
    let told = matches!(&lines[..], [write, _] if write == "A: write");
    hold(told && stage.events.is_empty(), || format!("expected a write and a close, came {lines:?}"))
}
