//! The rules of the loop, where they speak of descriptors.

use std::cell::RefCell;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use stheno::{Address, Backend, Error, ErrorKind, Key, Kind, Net, Open, Os, Socket};

use super::super::far_end::hear_to_the_end;
use super::super::support::{A_WHILE, Actor, Stage, hold, same};
use super::super::system::Room;
use super::super::{Case, Verdict};
use crate::ground::{Ground, Sign};

pub(super) fn cases<B: Backend<Os> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("nothing-is-lost-in-a-pipe-whose-writer-is-gone", "rule 3", nothing_lost_in_a_pipe::<B>),
        case("a-descriptor-is-not-used-again-within-its-turn", "rule 4", closed_neighbour::<B>),
        case("a-full-backlog-is-no-connect", "rule 5", full_backlog::<B>),
        case("a-loop-that-is-dropped-hangs-up", "rule 10", dropped_loop::<B>),
        case("a-loop-that-goes-amid-its-results-hangs-up", "rule 10", gone_amid_results::<B>),
    ]
}

fn nothing_lost_in_a_pipe<B: Backend<Os> + Open>() -> Verdict {
    let (reader, mut writer) = Socket::pipe()?;
    Os.send(&mut writer, b"0123456789")?;
    drop(writer);
    let mut stage = Stage::<Os, B>::new()?;
    stage.events.add(reader, stage.actor("A").but(|ways| ways.chunk = 4))?;
    stage.tells(&["A: read 0123", "A: read 4567", "A: read 89", "A: close end"])
}

/// Two neighbours are ready in the same turn. Whoever is told first closes the other and opens a new channel, which
/// would have the other's descriptor if that were closed at once.
fn closed_neighbour<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<Os, B>::new()?;
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
        let (ours, mut theirs) = Os.local_pair()?;
        Os.say(&mut theirs, b"hello")?;
        let number = ours.as_raw_fd();
        let key = stage.events.add(ours, actor)?;
        keys.borrow_mut().push((key, number));
        peers.push(theirs);
    }
    stage.tells(&["A: read hello"])?;
    let used = used.borrow().clone();
    hold(used.len() == 3 && used[0] != used[1] && used[0] != used[2], || {
        format!("a descriptor was used again within its turn: {used:?}")
    })?;
    let mut theirs = Socket::adopt(fresh.take().ok_or("no channel was opened")?)?;
    same("bytes sent", Os.send(&mut theirs, b"news")?, Some(4))?;
    stage.tells(&["A: read hello", "D: read news"])
}

/// In the Unix family, a line that is full refuses at once; it does not mean that an attempt goes on. Who found no room is
/// no channel, and may try again.
fn full_backlog<B: Backend<Os> + Open>() -> Verdict {
    let room = Room::new()?;
    let at = Address::try_from(room.path("door").as_path())?;
    let mut stage = Stage::<Os, B>::new()?;
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
    stage.rests(A_WHILE, 3)?;
    same("channels", stage.events.len(), connected + 1)?;
    stage.log.clear();
    stage.events.channel(door)?.0.ways.readable = true;
    stage.until("the line moves on", |lines| lines.len() == connected)?;
    stage.events.connect(&at, stage.actor("D"))?;
    stage.until("whom there is room for now", |lines| lines.iter().any(|line| line == "D: connect"))
}

/// The descriptors of a loop are its own, and go with it.
fn dropped_loop<B: Backend<Os> + Open>() -> Verdict {
    let (mut one, mut other) = (Stage::<Os, B>::new()?, Stage::<Os, B>::new()?);
    let (_, mut theirs) = one.pair(one.actor("A"))?;
    let (ours, kept) = Os.sockets()?;
    one.events.add(ours, one.actor("B"))?;
    Os.say(&mut theirs, b"hello")?;
    one.tells(&["A: read hello"])?;
    drop(one);
    Os.reached(&kept, &[Sign::HungUp])?;
    other.events.add(kept, other.actor("K"))?;
    other.tells(&["K: close end"])?;
    same("the far end's", Os.hear(&mut theirs, &mut [0; 8])?, stheno::Received::End)
}

/// It goes with a handler that panics, while there are results that nobody was told.
fn gone_amid_results<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<Os, B>::new()?;
    let mut peers = Vec::new();
    for _ in 0..3 {
        let (ours, mut theirs) = Os.local_pair()?;
        Os.say(&mut theirs, b"hello")?;
        // A panic that says nothing.
        let actor = stage.actor("A").on(|_, _, _| resume_unwind(Box::new(())));
        stage.events.add(ours, actor)?;
        peers.push(theirs);
    }
    let log = stage.log.clone();
    let turn = catch_unwind(AssertUnwindSafe(move || stage.events.turn(None).map(drop)));
    hold(turn.is_err(), || "nobody panicked".into())?;
    same("what was told", log.lines(), ["A: read hello"])?;
    for mut theirs in peers {
        same("what a far end heard", hear_to_the_end(&mut Os, &mut theirs)?, Vec::<u8>::new())?;
    }
    Ok(())
}
