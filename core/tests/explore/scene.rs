//! Every history of a small scene, to a stated depth, under the eyes of an observer.
//!
//! The scene: a door with a caller in line, and two channels, A and B, that are connected with each other or each with a
//! plain peer that has said something. Whatever event any channel of the loop is told of, newcomers included, it does the
//! next thing in a script: one of [`ACTIONS`], on itself or on another. Two spans of scripts are played: all of few
//! actions, and of many actions those that leave the plain course seldom; what happens after the last action is served
//! plainly. Each is played with results in rising and in falling order, in a table with room and in one that is soon
//! full, with a hang-up or a reset as the end of the plain peers; in half of these settings an accept lacks descriptors at
//! first and the backend refuses one newcomer, and in half of them the three act on each other in a ring.
//!
//! No history is left out because it looks like another one: what the loop holds cannot be seen whole from outside.
//!
//! What the observer wants to see is written at each of its assertions, here and in [`member`](crate::member).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use stheno_core::storage::Array;
use stheno_core::{EventLoop, Key, Received, Shut, Slot, State};

use crate::member::{ACTIONS, DOOR, Member, Shared, opened};
use crate::memory::{Far, Memory, Watch, pair};
use crate::tape::Tape;

type Scene<const N: usize> = EventLoop<Member, Memory, Watch, Array<Slot<Member, Memory>, N>>;

#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// A and B are connected with each other.
    together: bool,
    backwards: bool,
    /// Plain peers end with a reset.
    reset: bool,
    /// An accept lacks descriptors, and the backend refuses a newcomer.
    poor: bool,
    /// The door acts on A, A on B, and B on the door.
    ring: bool,
    /// The table is soon full.
    narrow: bool,
}

impl Setting {
    const ALL: usize = 16;

    fn number(number: usize) -> Self {
        let is = |bit: u32| number >> bit & 1 != 0;
        let (together, backwards, reset, narrow) = (is(0), is(1), is(2), is(3));
        Self { together, backwards, reset, narrow, poor: together != reset, ring: together != (backwards != narrow) }
    }
}

/// Which scripts are played: so many events are answered, `daring` of them at the most with something out of the ordinary.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub depth: u32,
    pub daring: u32,
}

/// Turns until nothing happens any more.
fn play<const N: usize>(events: &mut Scene<N>) {
    for _ in 0..60 {
        let (before, waits) = (events.net().elapsed(), events.net().count.wait);
        let patience = Duration::from_millis(300);
        let turn = events.turn(Some(patience)).unwrap();
        let waited = events.net().elapsed() - before;
        assert!(events.net().count.wait - waits <= 4, "one turn waited too often");
        if (turn.fired, turn.timeouts) == (0, 0) && (waited == patience || events.is_empty()) {
            return;
        }
    }
    panic!("it never comes to rest");
}

/// What must hold whenever nothing happens any more.
fn look<const N: usize>(events: &mut Scene<N>, book: &Shared) {
    let live: Vec<Key> = events.keys().collect();
    assert_eq!(events.len(), live.len());
    assert_eq!(events.net().held(), live.len(), "a socket was leaked, or lost");
    assert!(events.net().watched() <= live.len(), "a registration was leaked");
    for player in &book.borrow().players {
        let lives = player.key.is_some_and(|key| live.contains(&key));
        assert!(!(player.closed && player.told > 0), "{player:?}: told of its own close");
        assert!(player.told <= 1, "{player:?}");
        assert_eq!(lives, !player.closed && player.told == 0, "{player:?}: neither live nor closed, or both");
    }
    let room = events.len() < N;
    for key in live {
        let (member, mut io) = events.channel(key).unwrap();
        let (state, reads) = (io.state(), member.reads);
        match state {
            State::Listening if reads && room => {
                assert_eq!(io.net().waiting(DOOR), 0, "a caller was left in line");
            }
            State::Listening => {}
            State::Open(Shut::Neither | Shut::Write) if reads => {
                let mut byte = [0];
                assert_eq!(io.recv(&mut byte), Ok(Received::WouldBlock), "something was not told");
                let (here, there) = (io.local_address().unwrap(), io.peer_address().unwrap());
                let pages = book.borrow();
                let of = |counts: &BTreeMap<(u16, u16), u8>| counts.get(&(there, here)).copied().unwrap_or(0);
                assert_eq!(of(&pages.received), of(&pages.sent), "bytes were lost on the way");
            }
            State::Open(Shut::Both) => panic!("the end of a channel was not told"),
            State::Open(_) => {}
            other => panic!("a channel hangs in {other:?}"),
        }
    }
}

/// One history; gives the script back, and says how many events there were.
fn tell<const N: usize>(setting: Setting, span: Span, script: Tape) -> (Tape, u64) {
    let book = Shared::default();
    {
        let mut pages = book.borrow_mut();
        (pages.script, pages.left, pages.ring) = (script, span.depth, setting.ring);
    }
    let (net, watch) = pair();
    let mut events = Scene::<N>::with_parts(net, watch, Array::default());
    events.net_mut().backwards = setting.backwards;
    let mut peers: Vec<Far> = Vec::new();

    let (sockets, plain) = if setting.together {
        let (a, b) = events.net_mut().connected_pair();
        ([a, b], Vec::new())
    } else {
        let ((a, far_a), (b, far_b)) = (events.net_mut().connection(), events.net_mut().connection());
        ([a, b], vec![far_a, far_b])
    };
    let door = Member::new(&book, "door");
    let key = events.listen(DOOR, door);
    opened(&book, 0, key).unwrap();
    for (socket, name) in sockets.into_iter().zip(["A", "B"]) {
        let member = Member::new(&book, name);
        let id = member.id;
        let key = events.add(socket, member);
        opened(&book, id, key).unwrap();
    }
    peers.extend(plain);
    peers.push(events.net_mut().call(DOOR));
    for far in &peers {
        let (from, to) = events.net().addresses(*far);
        events.net_mut().say(*far, &[0, 1, 2]);
        book.borrow_mut().sent.insert((from, to), 3);
    }
    if setting.poor {
        events.net_mut().exhausted_accepts = 1;
        events.net_mut().failing_registrations = Some((0, 1));
    }
    play(&mut events);
    look(&mut events, &book);

    // The plain peers end; who is connected with another channel of the loop goes on.
    for far in peers {
        if setting.reset {
            events.net_mut().reset(far);
        } else {
            events.net_mut().hang_up(far);
        }
    }
    play(&mut events);
    look(&mut events, &book);

    events.close_all();
    assert_eq!((events.net().held(), events.net().watched()), (0, 0), "something is left");
    assert_eq!(events.net().count.hangs, 0);
    events.net_mut().failing_registrations = None;
    // Every slot can be used again, and there are no more of them than there were.
    for place in 0..N {
        let (socket, _) = events.net_mut().connection();
        assert!(events.add(socket, Member::new(&book, "last")).is_ok(), "slot {place} is lost");
    }
    let (socket, _) = events.net_mut().connection();
    assert!(events.add(socket, Member::new(&book, "last")).is_err());

    let mut pages = book.borrow_mut();
    (core::mem::take(&mut pages.script), pages.events)
}

/// How many histories there were, and how many events in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub histories: u64,
    pub events: u64,
}

/// Plays every script in one setting.
fn tell_all<const N: usize>(setting: Setting, span: Span) -> Told {
    let (mut script, mut told) = (Tape::new(span.daring), Told::default());
    loop {
        let shown = script.clone();
        let Ok((played, events)) = std::panic::catch_unwind(|| tell::<N>(setting, span, script)) else {
            panic!("in a table of {N}, {setting:?}, with the script {shown:?}");
        };
        told.histories += 1;
        told.events += events;
        script = played;
        if !script.turn_over() {
            return told;
        }
    }
}

/// Plays every script in every setting, a setting to a thread.
pub fn every_history(span: Span) -> Told {
    let next = AtomicUsize::new(0);
    let explore = || {
        let mut told = Told::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= Setting::ALL {
                return told;
            }
            let setting = Setting::number(number);
            let more = if setting.narrow { tell_all::<4>(setting, span) } else { tell_all::<8>(setting, span) };
            told.histories += more.histories;
            told.events += more.events;
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let told = std::thread::scope(|scope| {
        let explorers: Vec<_> = (0..threads).map(|_| scope.spawn(explore)).collect();
        explorers.into_iter().map(|explorer| explorer.join().expect("a history went wrong")).fold(
            Told::default(),
            |all, told| Told { histories: all.histories + told.histories, events: all.events + told.events },
        )
    });
    let Span { depth, daring } = span;
    println!("{told:?}: {depth} events answered in {} ways, {daring} of them at the most not plainly", ACTIONS.len());
    told
}
