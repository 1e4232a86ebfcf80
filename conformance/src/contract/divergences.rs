//! Where the backends of one library are known to tell different stories of the same program, ours tell one.

use std::io::Write;
use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use stheno::{Backend, EventLoop, Half, Interest, Net, Open, Os, Readiness, Received, Socket};

use super::support::{
    A_WHILE, Counted, Defaults, Hole, P, PATIENCE, R, Stage, W, Watch, close_behind, door, drain, hold, reached, reset,
    same, send, send_urgent, tcp,
};
use super::{Case, Failure, Verdict};

pub(super) fn cases<B: Backend<Os> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("new-data-after-a-drain-elsewhere-is-told", "B4", drained::<B>),
        case("more-data-after-a-partial-read-is-told", "B4", partial::<B>),
        case("changing-and-leaving-after-a-hang-up-is-no-error", "B15", after_a_hang_up::<B>),
        case("closed-behind-the-backend-is-told-once-or-never", "B12 rule 7", closed_behind::<B>),
        case("closed-behind-the-loop-is-an-error-by-the-next-change", "B12 rule 7", closed_behind_the_loop::<B>),
        case("closed-behind-the-loop-is-an-error-of-the-next-operation", "B12 rule 7", used_after_closed_behind::<B>),
        case("a-number-used-again-can-be-registered", "B1 B12 rule 4", number_registered_again::<B>),
        case("data-on-a-number-used-again-is-the-new-channels", "B1 rule 4", number_used_again::<B>),
        case("an-urgent-byte-is-told-to-who-wants-only-that", "B5", only_priority::<B>),
        case("a-hang-up-is-level-and-told-to-the-channel-once", "B4 rule 2", hang_up_again::<B>),
        case("a-pipe-without-reader-is-no-failed-connect", "rule 5", writer_without_reader::<B>),
        case("out-of-the-set-a-hang-up-is-silent", "B3", paused_in_the_backend::<B>),
        case("paused-a-hang-up-is-silent-and-nothing-is-lost", "rules 3 and 6", paused_in_the_loop::<B>),
        case("wanting-only-what-cannot-come-a-hang-up-is-silent", "rule 6", parked::<B>),
        case("a-refused-connect-is-an-error-and-a-close", "rule 5", refused::<B>),
    ]
}

const READABLE: Readiness = Readiness::READABLE;

fn drained<B: Backend<Os> + Open>() -> Verdict {
    let (ours, mut theirs) = UnixStream::pair()?;
    let ours = Socket::adopt(ours)?;
    let mut watch = Watch::<B>::open()?;
    watch.register(&ours, 1, R)?;
    for round in 0..3 {
        theirs.write_all(b"hello")?;
        same(&format!("data, round {round}"), watch.look()?, [(1, READABLE)])?;
        same("bytes drained", drain(&ours), 5)?;
        same(&format!("drained, round {round}"), watch.look()?, [])?;
    }
    Ok(())
}

fn partial<B: Backend<Os> + Open>() -> Verdict {
    let (ours, mut theirs) = UnixStream::pair()?;
    let mut ours = Socket::adopt(ours)?;
    let mut watch = Watch::<B>::open()?;
    watch.register(&ours, 1, R)?;
    theirs.write_all(b"hello")?;
    for round in 0..3 {
        same(&format!("before read {round}"), watch.look()?, [(1, READABLE)])?;
        same("a partial read", Os.recv(&mut ours, &mut [0; 2])?, Received::Data(2))?;
        same(&format!("what is left of round {round}"), watch.look()?, [(1, READABLE)])?;
        theirs.write_all(b"hello")?;
    }
    same("bytes drained", drain(&ours), 14)?;
    same("drained", watch.look()?, [])
}

fn after_a_hang_up<B: Backend<Os> + Open>() -> Verdict {
    let ours = Socket::adopt(UnixStream::pair()?.0)?;
    let mut watch = Watch::<B>::open()?;
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
fn closed_behind<B: Backend<Os> + Open>() -> Verdict {
    let mut watch = Watch::<B>::open()?;
    let mut closed = Vec::new();
    for (key, interest) in [(1, R), (2, W), (3, P), (4, Interest::ALL), (5, R)] {
        let (ours, _theirs) = Socket::pair()?;
        watch.register(&ours, key, interest)?;
        closed.push(ours);
    }
    let closed = closed.into_iter().map(close_behind).collect::<Result<Vec<_>, _>>()?;
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

/// A channel whose descriptor is closed behind its back, and another beside it.
fn with_a_hole<B: Backend<Os> + Open>() -> Result<(Stage<B>, stheno::Key, Hole, UnixStream, UnixStream), Failure> {
    let mut stage = Stage::<B>::new()?;
    let ((bad, bad_peer), (good, good_peer)) = (UnixStream::pair()?, UnixStream::pair()?);
    let bad = Socket::adopt(bad)?;
    let number = bad.as_raw_fd();
    stage.add(good, stage.actor("good"))?;
    // The channel is registered before the descriptor goes.
    let hole = Hole::none();
    let fills = hole.clone();
    let actor = stage.actor("bad").on(move |event, _, _| {
        if event == "close" {
            fills.fill();
        }
        Ok(())
    });
    let key = stage.add(bad, actor)?;
    stage.rests(A_WHILE, 3)?;
    hole.open(number)?;
    Ok((stage, key, hole, bad_peer, good_peer))
}

fn closed_behind_the_loop<B: Backend<Os> + Open>() -> Verdict {
    let (mut stage, key, hole, _bad_peer, good_peer) = with_a_hole::<B>()?;
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
    send(&good_peer, b"hello")?;
    stage.tells(&["bad: error not open", "bad: close not open", "good: read hello"])?;
    stage.rests(A_WHILE, 3)
}

fn used_after_closed_behind<B: Backend<Os> + Open>() -> Verdict {
    let (mut stage, key, hole, _bad_peer, good_peer) = with_a_hole::<B>()?;
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
    send(&good_peer, b"hello")?;
    stage.tells(&["bad: error not open", "bad: close not open", "good: read hello"])
}

fn number_registered_again<B: Backend<Os> + Open>() -> Verdict {
    let mut watch = Watch::<B>::open()?;
    // As it should be: deregistered, closed, and the number comes back.
    let (first, _peer) = UnixStream::pair()?;
    let first = Socket::adopt(first)?;
    let number = first.as_raw_fd();
    watch.register(&first, 1, R)?;
    watch.deregister(&first, 1)?;
    drop(first);
    let (again, mut peer) = numbered(number)?;
    watch.register(&again, 2, R)?;
    same("nothing of the first", watch.look()?, [])?;
    peer.write_all(b"x")?;
    same("the number's new owner", watch.look()?, [(2, READABLE)])?;
    watch.deregister(&again, 2)?;
    // As it should not be, found out by a wait before the number comes back.
    watch.register(&again, 3, R)?;
    let _gone = close_behind(again)?;
    hold(watch.look()?.len() <= 1, || "more than one result".into())?;
    let (third, mut peer) = numbered(number)?;
    watch.register(&third, 4, R)?;
    same("nothing of the closed one", watch.look()?, [])?;
    peer.write_all(b"x")?;
    same("the number's owner after a breach", watch.look()?, [(4, READABLE)])
}

/// A fresh socket with this number, which is free.
fn numbered(number: i32) -> Result<(Socket, UnixStream), Failure> {
    let (ours, theirs) = UnixStream::pair()?;
    if ours.as_raw_fd() == number {
        return Ok((Socket::adopt(ours)?, theirs));
    }
    if theirs.as_raw_fd() == number {
        return Ok((Socket::adopt(theirs)?, ours));
    }
    let moved: OwnedFd = rustix::io::fcntl_dupfd_cloexec(ours.as_fd(), number)?;
    same("the number used again", moved.as_raw_fd(), number)?;
    Ok((Socket::adopt(moved)?, theirs))
}

fn number_used_again<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<B>::new()?;
    let (first, _first_peer) = UnixStream::pair()?;
    let first = Socket::adopt(first)?;
    let number = first.as_raw_fd();
    let old = stage.add(first, stage.actor("first"))?;
    stage.rests(A_WHILE, 3)?;
    stage.events.close(old)?;
    let (second, peer) = numbered(number)?;
    let new = stage.add(second, stage.actor("second"))?;
    hold(old != new, || format!("both channels are called {old}"))?;
    send(&peer, b"hello")?;
    stage.tells(&["second: read hello"])?;
    drop(peer);
    stage.tells(&["second: read hello", "second: close end"])
}

fn only_priority<B: Backend<Os> + Open>() -> Verdict {
    let (ours, theirs) = tcp()?;
    let ours = Socket::adopt(ours)?;
    let mut watch = Watch::<B>::open()?;
    watch.register(&ours, 1, P)?;
    send(&theirs, b"hello")?;
    reached(&ours, PollFlags::IN)?;
    same("plain data", watch.look()?, [])?;
    send_urgent(&theirs, b'!')?;
    same("an urgent byte", watch.results(PATIENCE)?, [(1, Readiness::PRIORITY)])?;
    same("the second wait", watch.look()?, [(1, Readiness::PRIORITY)])
}

fn hang_up_again<B: Backend<Os> + Open>() -> Verdict {
    let (ours, theirs) = UnixStream::pair()?;
    let ours = Socket::adopt(ours)?;
    let mut watch = Watch::<B>::open()?;
    watch.register(&ours, 1, R)?;
    drop(theirs);
    for _ in 0..3 {
        same("a hang-up", watch.look_plainly()?, [(1, READABLE)])?;
    }
    watch.deregister(&ours, 1)?;
    watch.rests(A_WHILE)?;

    let mut stage = Stage::<B>::new()?;
    stage.add(ours, stage.actor("A").but(|ways| ways.writable = true))?;
    stage.tells(&["A: close end"])?;
    hold(stage.events.is_empty(), || "the channel is still there".into())
}

fn writer_without_reader<B: Backend<Os> + Open>() -> Verdict {
    let (reader, writer) = Socket::pipe()?;
    let mut stage = Stage::<B>::new()?;
    let actor = stage
        .actor("A")
        .but(|ways| ways.writable = true)
        .on(|event, _, channel| if event == "write" { channel.send(b"x").map(drop) } else { Ok(()) });
    drop(reader);
    stage.add(writer, actor)?;
    stage.tells(&["A: write", "A: close EPIPE"])
}

fn paused_in_the_backend<B: Backend<Os> + Open>() -> Verdict {
    let ((unix, unix_peer), (tcp, tcp_peer)) = (UnixStream::pair()?, tcp()?);
    let ((unix, tcp), (reader, writer)) = ((Socket::adopt(unix)?, Socket::adopt(tcp)?), Socket::pipe()?);
    let mut watch = Watch::<B>::open()?;
    watch.register(&unix, 1, R)?;
    watch.register(&tcp, 2, R | W | P)?;
    watch.register(&writer, 3, Interest::NONE)?;
    watch.reregister(&unix, 1, Interest::NONE)?;
    watch.reregister(&tcp, 2, Interest::NONE)?;
    drop((unix_peer, reader));
    reset(tcp_peer)?;
    reached(&tcp, PollFlags::HUP | PollFlags::ERR)?;
    watch.rests(A_WHILE)?;
    for (key, socket) in [(1, &unix), (2, &tcp), (3, &writer)] {
        watch.reregister(socket, key, W)?;
    }
    let all = [(1, Readiness::WRITABLE), (2, Readiness::WRITABLE), (3, Readiness::WRITABLE)];
    same("asked again", watch.look_plainly()?, all)
}

fn paused_in_the_loop<B: Backend<Os> + Open>() -> Verdict {
    for over_tcp in [false, true] {
        let mut stage = Stage::<B>::new()?;
        let actor = stage.actor("A").but(|ways| ways.readable = false);
        let key = if over_tcp {
            let (ours, theirs) = tcp()?;
            send(&theirs, b"hello")?;
            reached(&ours, PollFlags::IN)?;
            reset(theirs)?;
            reached(&ours, PollFlags::HUP)?;
            stage.add(ours, actor)?
        } else {
            let (ours, theirs) = UnixStream::pair()?;
            send(&theirs, b"hello")?;
            drop(theirs);
            stage.add(ours, actor)?
        };
        stage.rests(A_WHILE, 3)?;
        stage.events.channel(key)?.0.ways.readable = true;
        stage.tells(&["A: read hello", if over_tcp { "A: close ECONNRESET" } else { "A: close end" }])?;
    }
    Ok(())
}

/// Who handles nothing is asked for nothing that comes unasked, either.
fn parked<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<B>::new()?;
    let (ours, theirs) = UnixStream::pair()?;
    // Both halves: what the peer sends is not wanted, and there is nothing to send.
    let key = stage.add(ours, stage.actor("A").but(|ways| (ways.readable, ways.writable) = (true, false)))?;
    stage.events.channel(key)?.1.shutdown(Half::Read)?;
    stage.rests(A_WHILE, 3)?;
    drop(theirs);
    stage.rests(A_WHILE, 3)?;

    let mut events = EventLoop::<Defaults, Os, Counted<B>>::new()?;
    let (ours, theirs) = UnixStream::pair()?;
    send(&theirs, b"hello")?;
    let key = events.add(Socket::adopt(ours)?, Defaults)?;
    // Read and write are told and not handled; what is left is to want urgent data, which there is none of.
    events.run_turns(3, Some(Duration::from_millis(1)))?;
    drop(theirs);
    events.run_turns(3, Some(Duration::from_millis(1)))?;
    for touched in [false, true] {
        if touched {
            // Read and write are told, and not handled, once more.
            events.touch(key)?;
            events.run_turns(3, Some(Duration::from_millis(1)))?;
        }
        let (before, began) = (events.backend().waits, Instant::now());
        events.turn(Some(A_WHILE))?;
        let (waits, took) = (events.backend().waits - before, began.elapsed());
        hold(waits <= 2 && took >= A_WHILE, || format!("expected a wait of {A_WHILE:?}, came {waits} in {took:?}"))?;
    }
    same("channels", events.len(), 1)
}

fn refused<B: Backend<Os> + Open>() -> Verdict {
    for writable in [false, true] {
        let nobody = door()?.local_addr()?;
        let mut stage = Stage::<B>::new()?;
        stage.events.connect(nobody, stage.actor("C").but(|ways| ways.writable = writable))?;
        stage.tells(&["C: error ECONNREFUSED", "C: close ECONNREFUSED"])?;
        hold(stage.events.is_empty(), || "the channel is still there".into())?;
        hold(TcpStream::connect(nobody).is_err(), || "somebody listens there".into())?;
    }
    Ok(())
}
