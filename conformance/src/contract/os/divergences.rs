//! Where backends are known to tell different stories of descriptors: numbers used again, holes, pipes and Unix pairs.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use stheno::{Backend, Interest, Key, Open, Os, Readiness, Socket};

use super::super::support::{A_WHILE, R, Stage, W, Watch, hold, same};
use super::super::system::Hole;
use super::super::{Case, Failure, Verdict};
use crate::ground::Ground;
use crate::ground::os::Peer;

pub(super) fn cases<B: Backend<Os> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("closed-behind-the-loop-is-an-error-by-the-next-change", "B12 rule 7", closed_behind_the_loop::<B>),
        case("closed-behind-the-loop-is-an-error-of-the-next-operation", "B12 rule 7", used_after_closed_behind::<B>),
        case("a-number-used-again-can-be-registered", "B1 B12 rule 4", number_registered_again::<B>),
        case("data-on-a-number-used-again-is-the-new-channels", "B1 rule 4", number_used_again::<B>),
        case("a-pipe-without-reader-is-no-failed-connect", "rule 5", writer_without_reader::<B>),
        case("a-hang-up-of-a-unix-pair-is-level-and-told-to-the-channel-once", "B4 B15 rule 2", hang_up_of_a_pair::<B>),
        case("out-of-the-set-a-hang-up-of-a-unix-pair-or-a-pipe-is-silent", "B3", paused_before_a_pair::<B>),
    ]
}

const READABLE: Readiness = Readiness::READABLE;
const WRITABLE: Readiness = Readiness::WRITABLE;

/// A channel whose descriptor is closed behind its back, and another beside it.
fn with_a_hole<B: Backend<Os> + Open>() -> Result<Holed<B>, Failure> {
    let mut stage = Stage::<Os, B>::new()?;
    let ((bad, bad_peer), (good, good_peer)) = (stage.net().local_pair()?, stage.net().local_pair()?);
    let number = bad.as_raw_fd();
    stage.events.add(good, stage.actor("good"))?;
    // The channel is registered before the descriptor goes.
    let hole = Hole::none();
    let fills = hole.clone();
    let actor = stage.actor("bad").on(move |event, _, _| {
        if event == "close" {
            fills.fill();
        }
        Ok(())
    });
    let key = stage.events.add(bad, actor)?;
    stage.rests(A_WHILE, 3)?;
    hole.open(number)?;
    Ok((stage, key, hole, [bad_peer, good_peer]))
}

type Holed<B> = (Stage<Os, B>, Key, Hole, [Peer; 2]);

fn closed_behind_the_loop<B: Backend<Os> + Open>() -> Verdict {
    let (mut stage, key, hole, [_bad_peer, mut good_peer]) = with_a_hole::<B>()?;
    let _guard = hole.guard();
    // One wait may end at once, the one that finds out; a few more go to settling what that implies.
    let before = stage.events.backend().waits;
    for _ in 0..5 {
        stage.events.turn(Some(A_WHILE / 5))?;
    }
    let waits = stage.events.backend().waits - before;
    hold(waits <= 8, || format!("the loop spins: {waits} waits in 5 turns"))?;
    // Whoever has not been told yet is told now: by the channel's next change of interest.
    if let Ok((actor, _)) = stage.events.channel(key) {
        actor.ways.writable = true;
    }
    stage.tells(&["bad: error not open", "bad: close not open"])?;
    hold(stage.events.channel(key).is_err(), || "the channel is still there".into())?;
    stage.net().say(&mut good_peer, b"hello")?;
    stage.tells(&["bad: error not open", "bad: close not open", "good: read hello"])?;
    stage.rests(A_WHILE, 3)
}

fn used_after_closed_behind<B: Backend<Os> + Open>() -> Verdict {
    let (mut stage, key, hole, [_bad_peer, mut good_peer]) = with_a_hole::<B>()?;
    let _guard = hole.guard();
    let (_, mut io) = stage.events.channel(key)?;
    let came = io.send(b"x").map_err(|why| why.kind());
    same("the next operation", came, Err(stheno::ErrorKind::BadDescriptor))?;
    stage.events.turn(Some(A_WHILE))?;
    if let Ok((actor, _)) = stage.events.channel(key) {
        actor.ways.readable = false;
        actor.ways.writable = true;
    }
    stage.tells(&["bad: error not open", "bad: close not open"])?;
    stage.net().say(&mut good_peer, b"hello")?;
    stage.tells(&["bad: error not open", "bad: close not open", "good: read hello"])
}

fn number_registered_again<B: Backend<Os> + Open>() -> Verdict {
    let mut watch = Watch::<Os, B>::open()?;
    // As it should be: deregistered, closed, and the number comes back.
    let (first, _peer) = watch.net.local_pair()?;
    let number = first.as_raw_fd();
    watch.register(&first, 1, R)?;
    watch.deregister(&first, 1)?;
    drop(first);
    let (again, mut peer) = numbered(number)?;
    watch.register(&again, 2, R)?;
    same("nothing of the first", watch.look()?, [])?;
    watch.net.say(&mut peer, b"x")?;
    same("the number's new owner", watch.look()?, [(2, READABLE)])?;
    watch.deregister(&again, 2)?;
    // As it should not be, found out by a wait before the number comes back.
    watch.register(&again, 3, R)?;
    let _gone = watch.net.close_behind(again)?;
    hold(watch.look()?.len() <= 1, || "more than one result".into())?;
    let (third, mut peer) = numbered(number)?;
    watch.register(&third, 4, R)?;
    same("nothing of the closed one", watch.look()?, [])?;
    watch.net.say(&mut peer, b"x")?;
    same("the number's owner after a breach", watch.look()?, [(4, READABLE)])
}

/// A fresh socket with this number, which is free.
fn numbered(number: i32) -> Result<(Socket, Peer), Failure> {
    let (ours, theirs) = UnixStream::pair()?;
    if ours.as_raw_fd() == number {
        return Ok((Socket::adopt(ours)?, Peer::Local(theirs)));
    }
    if theirs.as_raw_fd() == number {
        return Ok((Socket::adopt(theirs)?, Peer::Local(ours)));
    }
    let moved: OwnedFd = rustix::io::fcntl_dupfd_cloexec(ours.as_fd(), number)?;
    same("the number used again", moved.as_raw_fd(), number)?;
    Ok((Socket::adopt(moved)?, Peer::Local(theirs)))
}

fn number_used_again<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<Os, B>::new()?;
    let (first, _first_peer) = stage.net().local_pair()?;
    let number = first.as_raw_fd();
    let old = stage.events.add(first, stage.actor("first"))?;
    stage.rests(A_WHILE, 3)?;
    stage.events.close(old)?;
    let (second, mut peer) = numbered(number)?;
    let new = stage.events.add(second, stage.actor("second"))?;
    hold(old != new, || format!("both channels are called {old}"))?;
    stage.net().say(&mut peer, b"hello")?;
    stage.tells(&["second: read hello"])?;
    stage.net().hang_up(peer);
    stage.tells(&["second: read hello", "second: close end"])
}

fn writer_without_reader<B: Backend<Os> + Open>() -> Verdict {
    let (reader, writer) = Socket::pipe()?;
    let mut stage = Stage::<Os, B>::new()?;
    let actor = stage
        .actor("A")
        .but(|ways| ways.writable = true)
        .on(|event, _, channel| if event == "write" { channel.send(b"x").map(drop) } else { Ok(()) });
    drop(reader);
    stage.events.add(writer, actor)?;
    stage.tells(&["A: write", "A: close EPIPE"])
}

/// Where the far end's close is the end of both directions, as it is for a Unix pair and for a pipe.
fn hang_up_of_a_pair<B: Backend<Os> + Open>() -> Verdict {
    let mut watch = Watch::<Os, B>::open()?;
    let (ours, theirs) = watch.net.local_pair()?;
    watch.register(&ours, 1, R)?;
    watch.net.hang_up(theirs);
    for interest in [W, R | W, R] {
        hold(!watch.look()?.is_empty(), || "expected a result, none came".into())?;
        watch.reregister(&ours, 1, interest)?;
    }
    for _ in 0..3 {
        same("a hang-up", watch.look_plainly()?, [(1, READABLE)])?;
    }
    watch.deregister(&ours, 1)?;
    watch.rests(A_WHILE)?;

    let mut stage = Stage::<Os, B>::new()?;
    stage.events.add(ours, stage.actor("A").but(|ways| ways.writable = true))?;
    stage.tells(&["A: close end"])?;
    hold(stage.events.is_empty(), || "the channel is still there".into())
}

fn paused_before_a_pair<B: Backend<Os> + Open>() -> Verdict {
    let mut watch = Watch::<Os, B>::open()?;
    let ((unix, mut unix_peer), (reader, writer)) = (watch.net.local_pair()?, Socket::pipe()?);
    watch.register(&unix, 1, Interest::NONE)?;
    watch.net.say(&mut unix_peer, b"x")?;
    watch.rests(A_WHILE)?;
    watch.reregister(&unix, 1, R)?;
    same("asked for", watch.look()?, [(1, READABLE)])?;
    watch.reregister(&unix, 1, Interest::NONE)?;
    watch.register(&writer, 2, Interest::NONE)?;
    drop((unix_peer, reader));
    watch.rests(A_WHILE)?;
    for (key, socket) in [(1, &unix), (2, &writer)] {
        watch.reregister(socket, key, W)?;
    }
    same("asked again", watch.look_plainly()?, [(1, WRITABLE), (2, WRITABLE)])
}
