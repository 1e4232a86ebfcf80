//! A member of the scene: whatever it is told of, it does the next thing in its script, and an observer sees to it that
//! nothing is told that must not be.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use stheno_core::{Channel, Dispatcher, Error, Guest, Half, Io, Key, Reason, Received, Result, State};

use crate::memory::Memory;
use crate::tape::Tape;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
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
    /// Turns what the other wants to read and to send around.
    RewireOther,
    /// Trades its own wishes for the other's.
    TradeWishes,
    SetTimeoutOfOther,
    ShutWriteOfOther,
}

pub const ACTIONS: [Action; 17] = [
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
    Action::RewireOther,
    Action::TradeWishes,
    Action::SetTimeoutOfOther,
    Action::ShutWriteOfOther,
];

pub const DOOR: u16 = 7;

/// What is known of one channel.
#[derive(Clone, Debug, Default)]
pub struct Player {
    name: &'static str,
    pub key: Option<Key>,
    /// Closed by a handler.
    pub closed: bool,
    /// How often `handle_close` was told.
    pub told: u32,
    /// Its reading half was to be shut.
    deaf: bool,
    /// How its attempt to connect ended has been told: as a connection, or as an error.
    connected: bool,
    failed: bool,
    /// The last wait after which it was told something, and the place of that in the order of rule 1.
    last: (u32, u8),
}

impl Player {
    /// Rule 1: connect, read, write, expt and then close, after each wait. Rule 5: connect, or the error that is instead of
    /// it, comes before everything else. What a peer left that has gone is read out of its order.
    fn is_in_order(&mut self, event: &str, state: State, wait: u32) {
        let before = if self.last.0 == wait { self.last.1 } else { 0 };
        let place = match event {
            "connect" => 1,
            "accepted" | "read" => 2,
            "write" => 3,
            "close" => 5,
            // An error and a deadline come where they come.
            _ => before,
        };
        assert!(place >= before || state == State::Draining, "{event} came too late: {self:?}");
        self.last = (wait, place.max(before));
        self.failed |= event == "error";
        let dialled = self.name == "dial";
        if event == "connect" {
            assert!(dialled && !self.connected && !self.failed, "connected out of the blue: {self:?}");
            self.connected = true;
        } else if dialled && !self.connected {
            assert!(event == "error" || event == "close" && self.failed, "{event} came before connect: {self:?}");
        }
    }
}

/// The script, and what the observer knows.
#[derive(Default)]
pub struct Book {
    pub script: Tape,
    /// So many events are still answered by the script.
    pub left: u32,
    /// Whether the door acts on A, A on B and B on the door; else A and B act on each other.
    pub ring: bool,
    pub players: Vec<Player>,
    /// How many bytes were sent from a port to a port, and received there.
    pub sent: BTreeMap<(u16, u16), u8>,
    pub received: BTreeMap<(u16, u16), u8>,
    /// How many events were told.
    pub events: u64,
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

pub type Shared = Rc<RefCell<Book>>;

pub struct Member {
    pub id: usize,
    book: Shared,
    pub reads: bool,
    writes: bool,
}

impl Member {
    pub fn new(book: &Shared, name: &'static str) -> Self {
        let mut pages = book.borrow_mut();
        pages.players.push(Player { name, ..Player::default() });
        Self { id: pages.players.len() - 1, book: book.clone(), reads: true, writes: name == "A" }
    }
}

type Chan<'a> = Channel<'a, Memory, Member>;

/// Notes who a channel is, or that it never came to be.
pub fn opened(book: &Shared, id: usize, key: Result<Key>) -> Result<()> {
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
        player.is_in_order(event, channel.state(), channel.net().count.wait);
        pages.events += 1;
        if pages.left == 0 {
            pages.history.push((self.id, event, None));
            return None;
        }
        pages.left -= 1;
        let action = ACTIONS[usize::from(pages.script.choose(ACTIONS.len() as u8))];
        pages.history.push((self.id, event, Some(action)));
        Some(action)
    }

    fn act(&mut self, action: Option<Action>, guest: Option<&mut Guest<Memory>>, channel: &mut Chan<'_>) -> Result<()> {
        let other = {
            let pages = self.book.borrow();
            let other = match (self.id, pages.ring) {
                (1, _) => 2,
                (2, true) => 0,
                _ => 1,
            };
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
            (Action::RewireOther, _) => {
                if let Ok((member, _)) = channel.neighbour(other) {
                    (member.reads, member.writes) = (!member.reads, !member.writes);
                }
            }
            (Action::TradeWishes, _) => {
                if let Ok((_, member)) = channel.with_neighbour(other) {
                    core::mem::swap(&mut self.reads, &mut member.reads);
                    core::mem::swap(&mut self.writes, &mut member.writes);
                }
            }
            (Action::SetTimeoutOfOther, _) => {
                if let Ok((_, mut io)) = channel.neighbour(other) {
                    io.set_timeout(Duration::from_millis(5));
                }
            }
            (Action::ShutWriteOfOther, _) => {
                let Ok((_, mut io)) = channel.neighbour(other) else { return Ok(()) };
                return io.shutdown(Half::Write);
            }
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
