//! The rules of the loop, on the real backends: where asyncore went wrong, and what is right.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use stheno::storage::Array;
use stheno::{
    Address, Backend, Error, ErrorKind, EventLoop, Half, Key, Kind, Net, Open, Os, Outbox, Slot, Socket, waker,
};

use super::support::{
    A_WHILE, Actor, Counted, Defaults, Log, PATIENCE, Shortage, Stage, door, drain_now, fill, hold, reached, reset,
    same, send, send_urgent, tcp,
};
use super::{Case, Failure, Verdict};

pub(super) fn cases<B: Backend<Os> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("one-firing-goes-read-write-expt-close", "rule 1", order::<B>),
        case("the-predicate-is-asked-before-each-step", "rule 1", asked_again::<B>),
        case("closing-in-a-handler-ends-the-firing", "rules 1 and 2", closed_in_a_handler::<B>),
        case("a-close-in-handle-connect-is-the-last-word", "rule 2", closed_in_connect::<B>),
        case("a-close-in-handle-error-is-the-last-word", "rule 2", closed_in_error::<B>),
        case("a-reset-is-one-close", "rule 2", one_close_for_a_reset::<B>),
        case("a-half-closed-peer-is-one-close", "rule 2", one_close_for_an_end::<B>),
        case("nothing-is-lost-before-an-end", "rule 3", nothing_lost_on_tcp::<B>),
        case("nothing-is-lost-in-a-pipe-whose-writer-is-gone", "rule 3", nothing_lost_in_a_pipe::<B>),
        case("nothing-is-lost-where-both-sides-shut-their-writing", "rule 3", nothing_lost_half_closed::<B>),
        case("nothing-is-lost-before-a-reset", "rule 3", nothing_lost_before_a_reset::<B>),
        case("nothing-is-lost-before-a-reset-with-urgent-data", "rules 1 and 3", nothing_lost_though_urgent::<B>),
        case("a-reset-that-a-send-met-is-no-end", "rules 2 and 3", reset_met_by_a_send::<B>),
        case("nothing-is-lost-after-a-send-broke", "rule 3", nothing_lost_after_a_broken_send::<B>),
        case("a-neighbour-closed-in-this-turn-hears-nothing", "rule 4", closed_neighbour::<B>),
        case("a-stale-key-names-nobody", "rule 4", stale_key::<B>),
        case("a-connect-is-told-to-whoever-wants-nothing", "rule 5", connect_told::<B>),
        case("a-connect-comes-before-the-first-write", "rule 5", connect_then_write::<B>),
        case("a-full-backlog-is-no-connect", "rule 5", full_backlog::<B>),
        case("what-does-not-connect-nor-listen-is-not-watched", "rule 6", idle_socket::<B>),
        case("defaults-never-spin", "rule 6", defaults::<B>),
        case("an-idle-loop-makes-one-wait-and-no-change", "rule 6", idle_loop::<B>),
        case("a-listener-that-does-not-accept-is-silent", "rule 6", listener_paused::<B>),
        case("want-of-descriptors-rests-the-listener", "rule 6", no_descriptors::<B>),
        case("a-failing-handler-harms-its-channel-alone", "rule 7", failing_handler::<B>),
        case("a-forgiven-error-closes-nothing", "rule 7", forgiven::<B>),
        case("a-disconnection-of-another-is-an-error-of-the-handler", "rule 7", foreign_disconnection::<B>),
        case("an-unreachable-datagram-is-an-error-and-no-end", "rule 7", icmp::<B>),
        case("a-datagram-error-is-told-by-the-operation-that-meets-it", "rules 7 and 10", icmp_while_writing::<B>),
        case("a-caller-that-has-reset-is-accepted-and-closed", "rule 7", reset_before_accept::<B>),
        case("a-full-table-lets-callers-wait", "rules 7 and 8", full_table::<B>),
        case("a-turn-accepts-within-its-budget", "rule 8", accept_budget::<B>),
        case("a-full-outbox-is-an-error-and-sends-nothing", "rule 8", full_outbox::<B>),
        case("a-deadline-is-never-early-and-ends-the-wait", "rule 9", deadline::<B>),
        case("a-turn-takes-its-time-though-a-deadline-is-later", "rule 9", exact_turns::<B>),
        case("a-waker-ends-the-wait-and-stops-the-loop", "rule 9", woken::<B>),
        case("urgent-data-comes-after-what-was-sent-before", "rule 1", urgent_after_data::<B>),
        case("two-loops-do-not-know-of-each-other", "rule 10", two_loops::<B>),
    ]
}

// Rule 1: order.

fn order<B: Backend<Os> + Open>() -> Verdict {
    let (ours, theirs) = tcp()?;
    send(&theirs, b"ab")?;
    send_urgent(&theirs, b'!')?;
    reached(&ours, PollFlags::IN | PollFlags::PRI)?;
    drop(theirs);
    reached(&ours, PollFlags::RDHUP)?;
    let mut stage = Stage::<B>::new()?;
    let actor = stage.actor("A").but(|ways| ways.writable = true).on(|event, ways, _| {
        ways.writable &= event != "write";
        Ok(())
    });
    stage.add(ours, actor)?;
    stage.tells(&["A: read ab", "A: write", "A: expt !", "A: close end"])
}

fn urgent_after_data<B: Backend<Os> + Open>() -> Verdict {
    let (ours, theirs) = tcp()?;
    let mut stage = Stage::<B>::new()?;
    stage.add(ours, stage.actor("A"))?;
    send_urgent(&theirs, b'!')?;
    stage.tells(&["A: expt !"])?;
    send(&theirs, b"ab")?;
    stage.tells(&["A: expt !", "A: read ab"])?;
    stage.rests(A_WHILE, 3)
}

fn asked_again<B: Backend<Os> + Open>() -> Verdict {
    let (ours, theirs) = UnixStream::pair()?;
    send(&theirs, b"ab")?;
    let mut stage = Stage::<B>::new()?;
    let actor = stage.actor("A").but(|ways| ways.writable = true).on(|event, ways, _| {
        ways.writable &= event != "read";
        Ok(())
    });
    stage.add(ours, actor)?;
    stage.tells(&["A: read ab"])?;
    stage.rests(A_WHILE, 3)
}

// Rule 2: at most one close, and nothing after it.

fn closed_in_a_handler<B: Backend<Os> + Open>() -> Verdict {
    for (readable, expected) in [(true, "A: read ab"), (false, "A: write")] {
        let (ours, theirs) = UnixStream::pair()?;
        send(&theirs, b"ab")?;
        drop(theirs);
        let mut stage = Stage::<B>::new()?;
        let actor =
            stage.actor("A").but(|ways| (ways.readable, ways.writable) = (readable, true)).on(|_, _, channel| {
                channel.close();
                channel.close();
                Ok(())
            });
        let key = stage.add(ours, actor)?;
        stage.tells(&[expected])?;
        hold(stage.events.is_empty() && stage.events.channel(key).is_err(), || "the channel is still there".into())?;
        same("closing it again", stage.events.close(key).map_err(|why| why.kind()), Err(ErrorKind::Stale))?;
    }
    Ok(())
}

fn closed_in_connect<B: Backend<Os> + Open>() -> Verdict {
    let door = door()?;
    let mut stage = Stage::<B>::new()?;
    let actor = stage.actor("C").but(|ways| ways.writable = true).on(|_, _, channel| {
        channel.close();
        Ok(())
    });
    stage.events.connect(door.local_addr()?, actor)?;
    stage.tells(&["C: connect"])?;
    hold(stage.events.is_empty(), || "the channel is still there".into())
}

fn closed_in_error<B: Backend<Os> + Open>() -> Verdict {
    let (ours, theirs) = UnixStream::pair()?;
    send(&theirs, b"ab")?;
    let mut stage = Stage::<B>::new()?;
    let actor = stage.actor("A").on(|event, _, channel| {
        if event == "error" {
            channel.close();
            return Ok(());
        }
        Err(Error::user("asked to fail", 0))
    });
    stage.add(ours, actor)?;
    stage.tells(&["A: read ab", "A: error handler"])
}

fn one_close_for_a_reset<B: Backend<Os> + Open>() -> Verdict {
    for writable in [false, true] {
        let (ours, theirs) = tcp()?;
        reset(theirs)?;
        reached(&ours, PollFlags::HUP | PollFlags::ERR)?;
        let mut stage = Stage::<B>::new()?;
        stage.add(ours, stage.actor("A").but(|ways| ways.writable = writable))?;
        stage.tells(&["A: close ECONNRESET"])?;
    }
    Ok(())
}

fn one_close_for_an_end<B: Backend<Os> + Open>() -> Verdict {
    for writable in [false, true] {
        let (ours, theirs) = tcp()?;
        theirs.shutdown(std::net::Shutdown::Write)?;
        reached(&ours, PollFlags::RDHUP)?;
        let mut stage = Stage::<B>::new()?;
        stage.add(ours, stage.actor("A").but(|ways| ways.writable = writable))?;
        stage.tells(&["A: close end"])?;
        hold(stage.events.is_empty(), || "the channel is still there".into())?;
    }
    Ok(())
}

// Rule 3: nothing is lost.

fn nothing_lost_on_tcp<B: Backend<Os> + Open>() -> Verdict {
    let (ours, theirs) = tcp()?;
    send(&theirs, b"0123456789")?;
    drop(theirs);
    reached(&ours, PollFlags::RDHUP)?;
    let mut stage = Stage::<B>::new()?;
    stage.add(ours, stage.actor("A").but(|ways| ways.chunk = 4))?;
    stage.tells(&["A: read 0123", "A: read 4567", "A: read 89", "A: close end"])
}

fn nothing_lost_in_a_pipe<B: Backend<Os> + Open>() -> Verdict {
    let (reader, mut writer) = Socket::pipe()?;
    Os.send(&mut writer, b"0123456789")?;
    drop(writer);
    let mut stage = Stage::<B>::new()?;
    stage.add(reader, stage.actor("A").but(|ways| ways.chunk = 4))?;
    stage.tells(&["A: read 0123", "A: read 4567", "A: read 89", "A: close end"])
}

fn nothing_lost_half_closed<B: Backend<Os> + Open>() -> Verdict {
    let (ours, theirs) = tcp()?;
    let mut stage = Stage::<B>::new()?;
    let watched = ours.try_clone()?;
    let key = stage.add(ours, stage.actor("A").but(|ways| (ways.chunk, ways.readable) = (2, false)))?;
    send(&theirs, b"012345")?;
    theirs.shutdown(std::net::Shutdown::Write)?;
    let (actor, mut io) = stage.events.channel(key)?;
    io.shutdown(Half::Write)?;
    reached(&watched, PollFlags::IN | PollFlags::HUP)?;
    actor.ways.readable = true;
    stage.tells(&["A: read 01", "A: read 23", "A: read 45", "A: close end"])
}

fn nothing_lost_before_a_reset<B: Backend<Os> + Open>() -> Verdict {
    let (ours, theirs) = tcp()?;
    send(&theirs, b"012345")?;
    reached(&ours, PollFlags::IN)?;
    reset(theirs)?;
    reached(&ours, PollFlags::HUP | PollFlags::ERR)?;
    let mut stage = Stage::<B>::new()?;
    stage.add(ours, stage.actor("A").but(|ways| ways.chunk = 4))?;
    stage.tells(&["A: read 0123", "A: read 45", "A: close ECONNRESET"])
}

/// The question for the waiting error, which urgent data has to ask first, must not cut off what is still unread.
fn nothing_lost_though_urgent<B: Backend<Os> + Open>() -> Verdict {
    let (ours, theirs) = tcp()?;
    send(&theirs, b"0123456789")?;
    send_urgent(&theirs, b'!')?;
    reached(&ours, PollFlags::IN | PollFlags::PRI)?;
    reset(theirs)?;
    reached(&ours, PollFlags::HUP | PollFlags::ERR)?;
    let mut stage = Stage::<B>::new()?;
    stage.add(ours, stage.actor("A").but(|ways| ways.chunk = 4))?;
    stage.tells(&["A: read 0123", "A: read 4567", "A: read 89", "A: close ECONNRESET"])
}

/// The system tells an error once, and then an end: whoever takes that for the end of the stream takes a part for all.
fn reset_met_by_a_send<B: Backend<Os> + Open>() -> Verdict {
    for data in [&b""[..], b"012345"] {
        let (ours, theirs) = tcp()?;
        send(&theirs, data)?;
        if !data.is_empty() {
            reached(&ours, PollFlags::IN)?;
        }
        reset(theirs)?;
        reached(&ours, PollFlags::HUP | PollFlags::ERR)?;
        let mut stage = Stage::<B>::new()?;
        let key = stage.add(ours, stage.actor("A"))?;
        let came = stage.events.channel(key)?.1.send(b"?").map_err(|why| why.kind());
        same("a send after the reset", came, Err(ErrorKind::Disconnected))?;
        let expected = ["A: read 012345", "A: close ECONNRESET"];
        stage.tells(if data.is_empty() { &expected[1..] } else { &expected })?;
    }
    Ok(())
}

fn nothing_lost_after_a_broken_send<B: Backend<Os> + Open>() -> Verdict {
    for chunk in [1, 4096] {
        let (ours, theirs) = UnixStream::pair()?;
        send(&theirs, &[b'x'; 40])?;
        drop(theirs);
        let mut stage = Stage::<B>::new()?;
        let key = stage.add(ours, stage.actor("A").but(|ways| ways.chunk = chunk))?;
        let came = stage.events.channel(key)?.1.send(b"?").map_err(|why| why.kind());
        same("a send to nobody", came, Err(ErrorKind::Disconnected))?;
        stage.until("the close", |lines| lines.iter().any(|line| line.starts_with("A: close")))?;
        let mut lines = stage.log.lines();
        same("the last word", lines.pop(), Some("A: close EPIPE".to_owned()))?;
        same("reads", lines.len(), if chunk == 1 { 40 } else { 1 })?;
    }
    Ok(())
}

// Rule 4: no stale events.

/// Two neighbours are ready in the same turn. Whoever is told first closes the other and opens a new channel, which
/// would have the other's descriptor if that were closed at once.
fn closed_neighbour<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<B>::new()?;
    let keys: Rc<RefCell<Vec<(Key, i32)>>> = Rc::default();
    let fresh: Rc<RefCell<Option<UnixStream>>> = Rc::default();
    let used: Rc<RefCell<Vec<i32>>> = Rc::default();
    let mut peers = Vec::new();
    for name in ["A", "A"] {
        let (all, fresh, used, log) = (keys.clone(), fresh.clone(), used.clone(), stage.log.clone());
        let actor = stage.actor(name).on(move |_, _, channel| {
            let own = channel.key();
            for (key, number) in all.borrow().iter().filter(|(key, _)| *key != own) {
                channel.neighbour(*key)?.1.close();
                used.borrow_mut().push(*number);
            }
            let failed = |_| Error::user("no pair", 0);
            let (ours, theirs) = UnixStream::pair().map_err(failed)?;
            used.borrow_mut().extend([ours.as_raw_fd(), theirs.as_raw_fd()]);
            fresh.replace(Some(theirs));
            channel.add(Socket::adopt(ours)?, Actor::new("D", &log)).map(drop)
        });
        let (ours, theirs) = UnixStream::pair()?;
        send(&theirs, b"hello")?;
        let number = ours.as_raw_fd();
        let key = stage.add(ours, actor)?;
        keys.borrow_mut().push((key, number));
        peers.push(theirs);
    }
    stage.tells(&["A: read hello"])?;
    let used = used.borrow().clone();
    hold(used.len() == 3 && used[0] != used[1] && used[0] != used[2], || {
        format!("a descriptor was used again within its turn: {used:?}")
    })?;
    let theirs = fresh.take().ok_or("no channel was opened")?;
    send(&theirs, b"news")?;
    stage.tells(&["A: read hello", "D: read news"])
}

fn stale_key<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<B>::new()?;
    let old = stage.add(UnixStream::pair()?.0, stage.actor("A"))?;
    stage.events.close(old)?;
    let (ours, _theirs) = UnixStream::pair()?;
    let new = stage.add(ours, stage.actor("B"))?;
    same("the slot", new.index(), old.index())?;
    let stale = Err(ErrorKind::Stale);
    same("the old key's channel", stage.events.channel(old).map(drop).map_err(|why| why.kind()), stale)?;
    same("the old key's touch", stage.events.touch(old).map_err(|why| why.kind()), stale)?;
    stage.events.handle_read_event(old);
    stage.events.handle_write_event(old);
    stage.events.settle();
    stage.rests(A_WHILE, 3)?;
    hold(stage.events.channel(new).is_ok(), || "the new channel is gone".into())
}

// Rule 5: connect is always told.

fn connect_told<B: Backend<Os> + Open>() -> Verdict {
    let door = door()?;
    let mut stage = Stage::<B>::new()?;
    let actor = stage
        .actor("C")
        .but(|ways| (ways.readable, ways.writable) = (false, false))
        .on(|_, _, channel| if channel.connected() { Ok(()) } else { Err(Error::user("not connected", 0)) });
    let key = stage.events.connect(door.local_addr()?, actor)?;
    stage.tells(&["C: connect"])?;
    stage.rests(A_WHILE, 3)?;
    hold(stage.events.channel(key)?.1.connected(), || "the channel is not connected".into())
}

fn connect_then_write<B: Backend<Os> + Open>() -> Verdict {
    let door = door()?;
    let mut stage = Stage::<B>::new()?;
    let actor = stage.actor("C").but(|ways| ways.writable = true).on(|event, ways, _| {
        ways.writable &= event != "write";
        Ok(())
    });
    stage.events.connect(door.local_addr()?, actor)?;
    stage.tells(&["C: connect", "C: write"])?;
    stage.rests(A_WHILE, 3)
}

/// In the Unix family, a line that is full refuses at once; it does not mean that an attempt goes on.
fn full_backlog<B: Backend<Os> + Open>() -> Verdict {
    let folder = std::env::temp_dir().join(format!("stheno-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let checked = (|| {
        let at = Address::try_from(folder.join("door").as_path())?;
        let mut stage = Stage::<B>::new()?;
        let door = stage.events.create(Kind::Stream, &at, stage.actor("L"))?;
        let (_, mut io) = stage.events.channel(door)?;
        io.bind(&at)?;
        io.listen(0)?;
        stage.events.channel(door)?.0.ways.readable = false;
        let mut connected = 0;
        let refused = loop {
            match stage.events.connect(&at, stage.actor("C")) {
                Ok(_) => connected += 1,
                Err(why) => break why,
            }
            hold(connected < 20, || "a backlog of 0 has no end".into())?;
        };
        same("the error", refused.kind(), ErrorKind::Exhausted)?;
        stage.tells(&vec!["C: connect"; connected])?;
        stage.rests(A_WHILE, 3)
    })();
    std::fs::remove_dir_all(&folder)?;
    checked
}

// Rule 6: silence is free.

fn idle_socket<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<B>::new()?;
    let key = stage.events.create(Kind::Stream, "127.0.0.1:0", stage.actor("A").but(|ways| ways.writable = true))?;
    stage.rests(A_WHILE, 3)?;
    let door = door()?;
    stage.events.channel(key)?.1.connect(&door.local_addr()?.into())?;
    stage.tells(&["A: connect", "A: write"])
}

fn defaults<B: Backend<Os> + Open>() -> Verdict {
    let mut events = EventLoop::<Defaults, Os, Counted<B>>::new()?;
    let door = events.listen("127.0.0.1:0", Defaults)?;
    let at = inet(&events.channel(door)?.1.local_address()?)?;
    let (idle, _idle_peer) = tcp()?;
    let (busy, busy_peer) = tcp()?;
    send(&busy_peer, b"hello")?;
    send_urgent(&busy_peer, b'!')?;
    reached(&busy, PollFlags::IN | PollFlags::PRI)?;
    events.add(Socket::try_from(idle)?, Defaults)?;
    events.add(Socket::try_from(busy)?, Defaults)?;
    // A caller that nobody takes is hung up on.
    let caller = TcpStream::connect(at)?;
    let deadline = Instant::now() + PATIENCE;
    while reached_now(&caller)? && Instant::now() < deadline {
        events.turn(Some(Duration::from_millis(1)))?;
    }
    events.run_turns(4, Some(Duration::from_millis(1)))?;
    let (before, began) = (events.backend().waits, Instant::now());
    events.turn(Some(A_WHILE))?;
    let (waits, took) = (events.backend().waits - before, began.elapsed());
    hold(waits <= 2 && took >= A_WHILE, || format!("expected a wait of {A_WHILE:?}, came {waits} in {took:?}"))?;
    same("channels", events.len(), 3)
}

/// Whether the caller's connection is still there.
fn reached_now(caller: &TcpStream) -> Result<bool, Failure> {
    let mut asked = [rustix::event::PollFd::new(caller, PollFlags::IN | PollFlags::RDHUP)];
    Ok(rustix::event::poll(&mut asked, Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 }))? == 0)
}

fn idle_loop<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<B>::new()?;
    let (ours, _theirs) = tcp()?;
    stage.add(ours, stage.actor("A"))?;
    stage.events.listen("127.0.0.1:0", stage.actor("L"))?;
    stage.rests(A_WHILE, 3)?;
    let (waits, changes) = (stage.events.backend().waits, stage.events.backend().changes);
    for _ in 0..5 {
        stage.events.turn(Some(Duration::from_millis(1)))?;
    }
    same("waits in 5 turns", stage.events.backend().waits - waits, 5)?;
    same("changes", stage.events.backend().changes - changes, 0)
}

fn listener_paused<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<B>::new()?;
    let actor = stage.actor("L").but(|ways| (ways.readable, ways.writable) = (false, true));
    let key = stage.events.listen("127.0.0.1:0", actor)?;
    let at = inet(&stage.events.channel(key)?.1.local_address()?)?;
    let _caller = TcpStream::connect(at)?;
    stage.rests(A_WHILE, 3)?;
    stage.events.channel(key)?.0.ways.readable = true;
    stage.tells(&["L: accept"])
}

fn no_descriptors<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<B>::new()?;
    let key = stage.events.listen("127.0.0.1:0", stage.actor("L"))?;
    let at = inet(&stage.events.channel(key)?.1.local_address()?)?;
    let callers = (0..4).map(|_| TcpStream::connect(at)).collect::<Result<Vec<_>, _>>()?;
    let mut shortage = Shortage::of_descriptors()?;
    stage.tells(&["L: error EMFILE"])?;
    // It tries again from time to time, and is told no more.
    stage.rests(Duration::from_millis(250), 12)?;
    shortage.ease();
    stage.tells(&["L: error EMFILE", "L: accept"])?;
    // A descriptor that the loop itself gives back is used again.
    callers[0].shutdown(std::net::Shutdown::Both)?;
    stage.tells(&["L: error EMFILE", "L: accept", "L.1: close end", "L: accept"])?;
    drop(shortage);
    let all = ["L: error EMFILE", "L: accept", "L.1: close end", "L: accept", "L: accept", "L: accept"];
    stage.tells(&all)?;
    stage.rests(A_WHILE, 3)?;
    hold(stage.events.channel(key).is_ok(), || "the listener is gone".into())?;
    // The next want of descriptors is told again.
    stage.log.clear();
    let callers_again = TcpStream::connect(at)?;
    let shortage = Shortage::of_descriptors()?;
    stage.tells(&["L: error EMFILE"])?;
    drop(shortage);
    stage.tells(&["L: error EMFILE", "L: accept"])?;
    drop(callers_again);
    Ok(())
}

// Rule 7: one bad channel harms itself alone.

fn failing_handler<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<B>::new()?;
    let ((bad, bad_peer), (good, good_peer)) = (UnixStream::pair()?, UnixStream::pair()?);
    send(&bad_peer, b"ab")?;
    send(&good_peer, b"cd")?;
    let actor = stage.actor("A").on(|event, _, _| match event {
        "read" => Err(Error::user("asked to fail", 0)),
        _ => Ok(()),
    });
    stage.add(bad, actor)?;
    stage.add(good, stage.actor("B"))?;
    stage.until("both", |lines| lines.len() >= 4)?;
    let of = |name: &str| stage.log.lines().into_iter().filter(|line| line.starts_with(name)).collect::<Vec<_>>();
    same("the one that failed", of("A"), vec!["A: read ab", "A: error handler", "A: close handler"])?;
    same("the other", of("B"), vec!["B: read cd"])
}

fn forgiven<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<B>::new()?;
    let (ours, theirs) = UnixStream::pair()?;
    let actor = stage.actor("A").but(|ways| ways.forgiving = true).on(|event, _, _| match event {
        "read" => Err(Error::user("asked to fail", 0)),
        _ => Ok(()),
    });
    stage.add(ours, actor)?;
    send(&theirs, b"ab")?;
    stage.tells(&["A: read ab", "A: error handler"])?;
    send(&theirs, b"cd")?;
    stage.tells(&["A: read ab", "A: error handler", "A: read cd", "A: error handler"])
}

/// A handler that fails because some other connection broke: its own has not.
fn foreign_disconnection<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<B>::new()?;
    let (ours, theirs) = UnixStream::pair()?;
    let actor = stage.actor("A").on(|event, _, _| match event {
        "read" => Err(Error::new(ErrorKind::Disconnected, "somebody else's").with_code(104)),
        _ => Ok(()),
    });
    stage.add(ours, actor)?;
    send(&theirs, b"ab")?;
    stage.tells(&["A: read ab", "A: error ECONNRESET", "A: close ECONNRESET"])
}

fn icmp<B: Backend<Os> + Open>() -> Verdict {
    let nobody = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let ours = || -> Result<UdpSocket, Failure> {
        let ours = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        ours.connect(nobody)?;
        ours.send(b"hello")?;
        reached(&ours, PollFlags::ERR)?;
        Ok(ours)
    };
    let mut stage = Stage::<B>::new()?;
    let key = stage.add(ours()?, stage.actor("U").but(|ways| ways.forgiving = true))?;
    stage.tells(&["U: error ECONNREFUSED"])?;
    stage.rests(A_WHILE, 3)?;
    hold(stage.events.channel(key).is_ok(), || "the channel is gone".into())?;
    let mut events = EventLoop::<Defaults, Os, Counted<B>>::new()?;
    let key = events.add(Socket::try_from(ours()?)?, Defaults)?;
    events.run_turns(4, Some(Duration::from_millis(1)))?;
    hold(events.channel(key).is_ok(), || "the default closes a datagram channel".into())
}

/// Who only wants to write hears of it when it sends, also where the system would tell before.
fn icmp_while_writing<B: Backend<Os> + Open>() -> Verdict {
    let nobody = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let ours = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    ours.connect(nobody)?;
    ours.send(b"hello")?;
    reached(&ours, PollFlags::ERR)?;
    let mut stage = Stage::<B>::new()?;
    let ways = |ways: &mut super::support::Ways| (ways.readable, ways.writable, ways.forgiving) = (false, true, true);
    let mut writes = 0;
    let actor = stage.actor("U").but(ways).on(move |event, ways, channel| {
        if event != "write" {
            return Ok(());
        }
        writes += 1;
        ways.writable = writes < 2;
        if writes == 2 { channel.send(b"again").map(drop) } else { Ok(()) }
    });
    stage.add(ours, actor)?;
    stage.tells(&["U: write", "U: error ECONNREFUSED"])
}

fn reset_before_accept<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<B>::new()?;
    let key = stage.events.listen("127.0.0.1:0", stage.actor("L"))?;
    let at = inet(&stage.events.channel(key)?.1.local_address()?)?;
    reset(TcpStream::connect(at)?)?;
    stage.tells(&["L: accept", "L.1: close ECONNRESET"])?;
    hold(stage.events.channel(key).is_ok(), || "the listener is gone".into())
}

// Rule 8: bounded.

fn full_table<B: Backend<Os> + Open>() -> Verdict {
    let log = Log::default();
    let mut events: EventLoop<Actor, Os, Counted<B>, Array<Slot<Actor, Os>, 2>> =
        EventLoop::with_parts(Os, Counted::open()?, Array::default());
    let key = events.listen("127.0.0.1:0", Actor::new("L", &log))?;
    let at = inet(&events.channel(key)?.1.local_address()?)?;
    let mut callers = (0..3).map(|_| TcpStream::connect(at)).collect::<Result<Vec<_>, _>>()?;
    let mut expected = vec!["L: accept", "L: error Full"];
    for next in ["L.1: close end", "L.2: close end"] {
        let until = Instant::now() + PATIENCE;
        while log.lines().len() < expected.len() && Instant::now() < until {
            events.turn(Some(Duration::from_millis(100)))?;
        }
        // Nobody spins for the callers that wait.
        let (before, began) = (events.backend().waits, Instant::now());
        events.run_turns(2, Some(A_WHILE))?;
        let waits = events.backend().waits - before;
        hold(waits <= 3 && began.elapsed() >= A_WHILE, || format!("{waits} waits in {:?}", began.elapsed()))?;
        same("what was told", log.lines(), expected.clone())?;
        callers.remove(0);
        expected.extend([next, "L: accept"]);
    }
    let until = Instant::now() + PATIENCE;
    while log.lines().len() < expected.len() && Instant::now() < until {
        events.turn(Some(Duration::from_millis(100)))?;
    }
    same("what was told in the end", log.lines(), expected)
}

fn accept_budget<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<B>::new()?;
    stage.events.set_accept_budget(2);
    let key = stage.events.listen("127.0.0.1:0", stage.actor("L"))?;
    let at = inet(&stage.events.channel(key)?.1.local_address()?)?;
    let _callers = (0..5).map(|_| TcpStream::connect(at)).collect::<Result<Vec<_>, _>>()?;
    let until = Instant::now() + PATIENCE;
    let (mut before, mut turns) = (0, 0);
    while before < 5 && Instant::now() < until {
        stage.events.turn(Some(Duration::from_millis(100)))?;
        let accepted = stage.log.lines().len();
        hold(accepted - before <= 2, || format!("a turn accepted {}, with a budget of 2", accepted - before))?;
        (before, turns) = (accepted, turns + 1);
    }
    hold(before == 5 && turns >= 3, || format!("expected 5 callers in 3 turns or more, came {before} in {turns}"))
}

fn full_outbox<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<B>::new()?;
    let (ours, theirs) = UnixStream::pair()?;
    let ours = Socket::adopt(ours)?;
    fill(&ours)?;
    let key = stage.add(ours, stage.actor("A"))?;
    let mut outbox = Outbox::<[u8; 8]>::new();
    let (_, mut io) = stage.events.channel(key)?;
    outbox.send(&mut io, b"01234")?;
    let came = outbox.send(&mut io, b"56789").map_err(|why| why.kind());
    same("more than there is room for", came, Err(ErrorKind::Full))?;
    same("bytes that wait", outbox.len(), 5)?;
    let stuffing = drain_now(&theirs);
    outbox.flush(&mut io)?;
    hold(outbox.is_empty() && stuffing > 0, || "the outbox is not empty".into())?;
    same("bytes that came", drain_now(&theirs), 5)
}

// Rule 9: time is exact.

fn deadline<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<B>::new()?;
    let (ours, _theirs) = UnixStream::pair()?;
    let key = stage.add(ours, stage.actor("A"))?;
    for micros in [300, 1_000, 5_000, 30_000] {
        stage.log.clear();
        let (time, began) = (Duration::from_micros(micros), Instant::now());
        stage.events.channel(key)?.1.set_timeout(time);
        // The first of them may not wait, since the channel was touched.
        for _ in 0..3 {
            if stage.log.lines().is_empty() {
                stage.events.turn(None)?;
            }
        }
        same("what was told", stage.log.lines(), ["A: timeout"])?;
        hold(began.elapsed() >= time, || format!("expected {time:?} or more, came {:?}", began.elapsed()))?;
    }
    // No time at all is the next turn's, and once in a turn however often it is asked for.
    stage.log.clear();
    let (ours, _theirs) = UnixStream::pair()?;
    let again = stage.actor("B").on(|_, _, channel| {
        channel.set_timeout(Duration::ZERO);
        Ok(())
    });
    let restless = stage.add(ours, again)?;
    stage.events.channel(restless)?.1.set_timeout(Duration::ZERO);
    for turns in 1..=3 {
        let turn = stage.events.turn(None)?;
        same("deadlines of a turn", turn.timeouts, 1)?;
        same("what was told", stage.log.lines().len(), turns)?;
    }
    stage.events.close(restless)?;
    stage.log.clear();
    // A later deadline replaces an earlier one, and one that is taken back never comes.
    let (_, mut io) = stage.events.channel(key)?;
    io.set_timeout(Duration::from_millis(2));
    io.set_timeout(Duration::from_secs(1_000));
    stage.rests(A_WHILE, 3)?;
    let (_, mut io) = stage.events.channel(key)?;
    io.set_timeout(Duration::from_millis(2));
    io.clear_timeout();
    stage.rests(A_WHILE, 3)
}

fn exact_turns<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<B>::new()?;
    let (ours, _theirs) = UnixStream::pair()?;
    let key = stage.add(ours, stage.actor("A"))?;
    stage.rests(A_WHILE, 3)?;
    for armed in [false, true] {
        if armed {
            stage.events.channel(key)?.1.set_timeout(Duration::from_secs(1_000));
        }
        for micros in [300, 1_000, 1_500, 10_000] {
            let (time, began) = (Duration::from_micros(micros), Instant::now());
            stage.events.turn(Some(time))?;
            hold(began.elapsed() >= time, || format!("a turn of {time:?} took {:?}", began.elapsed()))?;
        }
        let least = (0..20).map(|_| {
            let began = Instant::now();
            stage.events.turn(Some(Duration::ZERO)).map(|_| began.elapsed())
        });
        let least = least.collect::<stheno::Result<Vec<_>>>()?.into_iter().min().unwrap_or_default();
        hold(least < Duration::from_millis(1), || format!("a turn of no time took {least:?} at best"))?;
    }
    Ok(())
}

fn woken<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<B>::new()?;
    let (ours, _theirs) = UnixStream::pair()?;
    stage.add(ours, stage.actor("A"))?;
    let waker = waker(&mut stage.events)?;
    stage.rests(A_WHILE, 3)?;
    let elsewhere = waker.clone();
    let ringer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(2));
        (0..10).try_for_each(|_| elsewhere.wake())
    });
    let turn = stage.events.turn(None)?;
    ringer.join().map_err(|_| "the ringer panicked")??;
    hold(turn.woken && turn.fired == 0, || format!("expected to be woken, came {turn:?}"))?;
    stage.events.turn(Some(Duration::ZERO))?;
    stage.rests(A_WHILE, 3)?;
    let stopper = thread::spawn(move || waker.stop());
    stage.events.run()?;
    stopper.join().map_err(|_| "the stopper panicked")??;
    same("what was told", stage.log.lines(), Vec::<String>::new())?;
    same("channels", stage.events.len(), 1)
}

// Rule 10: the same story, whatever else goes on.

fn two_loops<B: Backend<Os> + Open>() -> Verdict {
    let (mut one, mut other) = (Stage::<B>::new()?, Stage::<B>::new()?);
    let door = one.events.listen("127.0.0.1:0", one.actor("L"))?;
    let at = one.events.channel(door)?.1.local_address()?;
    let key = other.events.connect(at, other.actor("C"))?;
    other.tells(&["C: connect"])?;
    one.tells(&["L: accept"])?;
    other.events.channel(key)?.1.send(b"hello")?;
    one.tells(&["L: accept", "L.1: read hello"])?;
    drop(one);
    other.tells(&["C: connect", "C: close end"])
}

fn inet(address: &Address) -> Result<SocketAddr, Failure> {
    Ok(address.as_inet().ok_or("not an internet address")?)
}
