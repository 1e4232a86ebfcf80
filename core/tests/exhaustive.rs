//! Every history of a small scene, to a stated depth, under the eyes of an observer.
//!
//! The scene: a door with a caller in line, and two channels, A and B, that are connected with each other or each with a
//! plain peer that has said something. Whatever event any channel of the loop is told of, newcomers included, it does the
//! next thing in a script: one of [`ACTIONS`]. All scripts of [`DEPTH`] actions are played; what happens after the last
//! one is served plainly. Each is played with results in rising and in falling order, in a table with room and in one that
//! is soon full, with a hang-up or a reset as the end of the plain peers; in half of these settings an accept lacks
//! descriptors at first and the backend refuses one newcomer.
//!
//! What the observer wants to see is written at each of its assertions.

mod memory;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use memory::{Far, Memory, Watch, pair};
use stheno_core::storage::Array;
use stheno_core::{
    Channel, Dispatcher, Error, EventLoop, Guest, Half, Io, Key, Reason, Received, Result, Shut, Slot, State,
};

/// So many events of a history are answered in every possible way.
const DEPTH: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Nothing,
    CloseSelf,
    CloseOther,
    /// At the door: adopt the caller. Elsewhere: take up a socket that somebody else opened.
    Adopt,
    /// Call the own door.
    DialOut,
    Send,
    /// Send on the other's channel.
    SendOnOther,
    TouchOther,
    Fail,
    ShutRead,
    ShutWrite,
    SetTimeout,
    StopReading,
}

const ACTIONS: [Action; 13] = [
    Action::Nothing,
    Action::CloseSelf,
    Action::CloseOther,
    Action::Adopt,
    Action::DialOut,
    Action::Send,
    Action::SendOnOther,
    Action::TouchOther,
    Action::Fail,
    Action::ShutRead,
    Action::ShutWrite,
    Action::SetTimeout,
    Action::StopReading,
];

const DOOR: u16 = 7;

/// What is known of one channel.
#[derive(Clone, Debug, Default)]
struct Player {
    name: &'static str,
    key: Option<Key>,
    /// Closed by a handler.
    closed: bool,
    /// How often `handle_close` was told.
    told: u32,
    /// Its reading half was to be shut.
    deaf: bool,
}

/// The script, and what the observer knows.
#[derive(Default)]
struct Book {
    script: Vec<usize>,
    /// How much of the script has been played.
    at: usize,
    players: Vec<Player>,
    /// How many bytes were sent from a port to a port, and received there.
    sent: BTreeMap<(u16, u16), u8>,
    received: BTreeMap<(u16, u16), u8>,
    history: Vec<(usize, &'static str, Option<Action>)>,
}

/// A history that goes wrong is told.
impl Drop for Book {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for (id, event, action) in &self.history {
                let name = self.players[*id].name;
                eprintln!("{name}{id} {event}: {}", action.map_or("-".into(), |action| format!("{action:?}")));
            }
        }
    }
}

type Shared = Rc<RefCell<Book>>;

struct Member {
    id: usize,
    book: Shared,
    reads: bool,
    writes: bool,
}

impl Member {
    fn new(book: &Shared, name: &'static str) -> Self {
        let mut pages = book.borrow_mut();
        pages.players.push(Player { name, ..Player::default() });
        Self { id: pages.players.len() - 1, book: book.clone(), reads: true, writes: name == "A" }
    }
}

type Chan<'a> = Channel<'a, Memory, Member>;

/// Notes who a channel is, or that it never came to be.
fn opened(book: &Shared, id: usize, key: Result<Key>) -> Result<()> {
    let mut pages = book.borrow_mut();
    match key {
        Ok(key) => pages.players[id].key = Some(key),
        Err(_) => pages.players[id].closed = true,
    }
    key.map(drop)
}

/// Bytes are numbered, each direction of each connection by itself.
fn send(book: &Shared, io: &mut Io<'_, Memory>) -> Result<()> {
    let (Ok(here), Ok(there)) = (io.local_address(), io.peer_address()) else { return Ok(()) };
    let first = book.borrow().sent.get(&(here, there)).copied().unwrap_or(0);
    let sent = io.send(&[first, first + 1, first + 2])?;
    *book.borrow_mut().sent.entry((here, there)).or_default() += sent as u8;
    Ok(())
}

impl Member {
    /// Nothing is told that must not be, and then the script goes on.
    fn told(&mut self, event: &'static str, channel: &mut Chan<'_>) -> Option<Action> {
        let mut pages = self.book.borrow_mut();
        let player = &mut pages.players[self.id];
        assert_eq!(player.told, 0, "{event} came after handle_close");
        assert!(!player.closed, "{event} came after close");
        assert!(player.key.is_none_or(|key| key == channel.key()), "the wrong channel was told");
        if event == "close" {
            player.told += 1;
        } else {
            assert!(channel.state().is_live(), "{event} came to a channel that does not live");
        }
        if pages.at == DEPTH {
            pages.history.push((self.id, event, None));
            return None;
        }
        if pages.at == pages.script.len() {
            pages.script.push(0);
        }
        let action = ACTIONS[pages.script[pages.at]];
        pages.at += 1;
        pages.history.push((self.id, event, Some(action)));
        Some(action)
    }

    fn act(&mut self, action: Option<Action>, guest: Option<&mut Guest<Memory>>, channel: &mut Chan<'_>) -> Result<()> {
        let other = {
            let pages = self.book.borrow();
            let other = if self.id == 1 { 2 } else { 1 };
            pages.players[other].key.unwrap()
        };
        match (action.unwrap_or(Action::Nothing), guest) {
            (Action::Adopt, Some(guest)) => return self.adopt(guest, channel),
            (_, Some(guest)) if action.is_none() => return self.adopt(guest, channel),
            (Action::Nothing, _) => {}
            (Action::CloseSelf, _) => {
                if channel.state().is_live() {
                    self.book.borrow_mut().players[self.id].closed = true;
                }
                channel.close();
                channel.close();
            }
            (Action::CloseOther, _) => {
                if let Ok((member, mut io)) = channel.neighbour(other) {
                    self.book.borrow_mut().players[member.id].closed = true;
                    io.close();
                }
                assert!(channel.neighbour(other).is_err(), "a channel that was closed was found");
            }
            (Action::Adopt, None) => {
                let (socket, _) = channel.net().connection();
                let newcomer = Member::new(&self.book, "found");
                let id = newcomer.id;
                return opened(&self.book, id, channel.add(socket, newcomer));
            }
            (Action::DialOut, _) => {
                let newcomer = Member::new(&self.book, "dial");
                let id = newcomer.id;
                return opened(&self.book, id, channel.connect_to(DOOR, newcomer));
            }
            (Action::Send, _) => return send(&self.book, channel),
            (Action::SendOnOther, _) => {
                let Ok((_, mut io)) = channel.neighbour(other) else { return Ok(()) };
                return send(&self.book, &mut io);
            }
            (Action::TouchOther, _) => {
                if let Ok((_, mut io)) = channel.neighbour(other) {
                    io.touch();
                }
            }
            (Action::Fail, _) => return Err(Error::user("oops", 1)),
            (Action::ShutRead, _) => {
                self.book.borrow_mut().players[self.id].deaf = true;
                return channel.shutdown(Half::Read);
            }
            (Action::ShutWrite, _) => return channel.shutdown(Half::Write),
            (Action::SetTimeout, _) => channel.set_timeout(Duration::from_millis(5)),
            (Action::StopReading, _) => self.reads = false,
        }
        Ok(())
    }

    fn adopt(&mut self, guest: &mut Guest<Memory>, channel: &mut Chan<'_>) -> Result<()> {
        let newcomer = Member::new(&self.book, "guest");
        let id = newcomer.id;
        opened(&self.book, id, channel.adopt(guest, newcomer))
    }
}

impl Dispatcher<Memory> for Member {
    fn readable(&self) -> bool {
        self.reads
    }
    fn writable(&self) -> bool {
        self.writes
    }
    fn handle_connect(&mut self, channel: &mut Chan<'_>) -> Result<()> {
        let action = self.told("connect", channel);
        self.act(action, None, channel)
    }
    fn handle_accepted(&mut self, guest: &mut Guest<Memory>, channel: &mut Chan<'_>) -> Result<()> {
        let action = self.told("accepted", channel);
        self.act(action, Some(guest), channel)
    }
    fn handle_read(&mut self, channel: &mut Chan<'_>) -> Result<()> {
        let action = self.told("read", channel);
        let (here, there) = (channel.local_address()?, channel.peer_address()?);
        let mut bytes = [0; 2];
        if let Received::Data(n) = channel.recv(&mut bytes)? {
            let mut pages = self.book.borrow_mut();
            let next = pages.received.entry((there, here)).or_default();
            for byte in &bytes[..n] {
                assert_eq!(*byte, *next, "bytes are out of order");
                *next += 1;
            }
        }
        self.act(action, None, channel)
    }
    fn handle_write(&mut self, channel: &mut Chan<'_>) -> Result<()> {
        let action = self.told("write", channel);
        self.writes = false;
        self.act(action, None, channel)
    }
    fn handle_expt(&mut self, channel: &mut Chan<'_>) -> Result<()> {
        panic!("nobody sent anything urgent to {}", channel.key());
    }
    fn handle_close(&mut self, reason: Reason, channel: &mut Chan<'_>) -> Result<()> {
        let action = self.told("close", channel);
        // A connection that ended by itself, and not because of an error that was made here, has been read to its end.
        let (socket, reads) = (channel.socket().is_ok(), self.reads);
        if let (true, true, Reason::End | Reason::Disconnected(_)) = (socket, reads, reason)
            && let (Ok(here), Ok(there)) = (channel.local_address(), channel.peer_address())
            && !self.book.borrow().players[self.id].deaf
        {
            let pages = self.book.borrow();
            let of = |counts: &BTreeMap<(u16, u16), u8>| counts.get(&(there, here)).copied().unwrap_or(0);
            assert_eq!(of(&pages.received), of(&pages.sent), "bytes were lost before {reason}");
        }
        self.act(action, None, channel)
    }
    fn handle_error(&mut self, error: Error, channel: &mut Chan<'_>) -> Result<()> {
        match self.told("error", channel) {
            None | Some(Action::Nothing) => Err(error),
            action => self.act(action, None, channel),
        }
    }
    fn handle_timeout(&mut self, channel: &mut Chan<'_>) -> Result<()> {
        let action = self.told("timeout", channel);
        self.act(action, None, channel)
    }
}

type Scene<const N: usize> = EventLoop<Member, Memory, Watch, Array<Slot<Member, Memory>, N>>;

#[derive(Clone, Copy, Debug)]
struct Setting {
    /// A and B are connected with each other.
    together: bool,
    backwards: bool,
    /// Plain peers end with a reset.
    reset: bool,
    /// An accept lacks descriptors, and the backend refuses a newcomer.
    poor: bool,
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

/// One history; gives the script back as far as it was played.
fn tell<const N: usize>(setting: Setting, script: Vec<usize>) -> Vec<usize> {
    let book = Shared::default();
    book.borrow_mut().script = script;
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
    let played = pages.at;
    let mut script = core::mem::take(&mut pages.script);
    script.truncate(played);
    script
}

/// Plays every script that begins with `first`, and counts them.
fn explore<const N: usize>(setting: Setting, first: usize) -> u64 {
    let (mut script, mut histories) = (vec![first], 0);
    loop {
        let shown = script.clone();
        let played = std::panic::catch_unwind(|| tell::<N>(setting, shown.clone()));
        let Ok(played) = played else {
            let actions: Vec<_> = shown.iter().map(|digit| ACTIONS[*digit]).collect();
            panic!("in a table of {N}, {setting:?}, after {actions:?}");
        };
        histories += 1;
        script = played;
        while script.last() == Some(&(ACTIONS.len() - 1)) {
            script.pop();
        }
        match script[..] {
            [] | [_] => return histories,
            [.., ref mut last] => *last += 1,
        }
    }
}

#[test]
fn every_history() {
    let mut settings = Vec::new();
    for bits in 0..8 {
        let (together, backwards, reset) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0);
        settings.push(Setting { together, backwards, reset, poor: together != reset });
    }
    let histories: u64 = std::thread::scope(|scope| {
        let explorers: Vec<_> = (0..ACTIONS.len())
            .map(|first| {
                let settings = &settings;
                scope.spawn(move || {
                    settings
                        .iter()
                        .map(|setting| explore::<8>(*setting, first) + explore::<4>(*setting, first))
                        .sum::<u64>()
                })
            })
            .collect();
        explorers.into_iter().map(|explorer| explorer.join().expect("a history went wrong")).sum()
    });
    println!("{histories} histories of {DEPTH} actions, each one of {}", ACTIONS.len());
    assert!(histories > 16 * (ACTIONS.len() as u64).pow(DEPTH as u32 - 1));
}
