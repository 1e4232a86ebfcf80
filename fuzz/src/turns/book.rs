//! What an observer knows of everybody, and what must hold.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use stheno_core::{Key, Result};

use crate::tape::Tape;

/// What is known of one channel.
#[derive(Clone, Debug, Default)]
pub struct Player {
    pub key: Option<Key>,
    /// Closed by the program or a handler.
    pub closed: bool,
    /// How often `handle_connect` was told.
    pub connects: u32,
    /// How often `handle_close` was told.
    pub ends: u32,
    /// Its reading half was to be shut.
    pub deaf: bool,
}

/// The input, and what the observer knows.
pub struct Book<'a> {
    pub tape: Tape<'a>,
    pub players: Vec<Player>,
    /// How many bytes were sent from a port to a port, and received there; each is the last byte of its number.
    sent: BTreeMap<(u16, u16), usize>,
    received: BTreeMap<(u16, u16), usize>,
    /// How many handlers have run.
    pub events: u32,
    history: Vec<String>,
}

/// Without libFuzzer, which has no time for it, a history that goes wrong is told.
impl Drop for Book<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.history.iter().take(2000).for_each(|line| eprintln!("{line}"));
        }
    }
}

pub type Shared<'a> = Rc<RefCell<Book<'a>>>;

impl<'a> Book<'a> {
    pub fn new(tape: Tape<'a>) -> Self {
        Self {
            tape,
            players: Vec::new(),
            sent: BTreeMap::new(),
            received: BTreeMap::new(),
            events: 0,
            history: Vec::new(),
        }
    }

    /// Takes note of what is done.
    pub fn note(&mut self, what: impl FnOnce() -> String) {
        if cfg!(not(fuzzing)) {
            self.history.push(what());
        }
    }

    /// Someone new, not in the loop yet.
    pub fn enrol(&mut self) -> usize {
        self.players.push(Player::default());
        self.players.len() - 1
    }

    /// Notes who a channel is, or that it never came to be.
    pub fn opened(&mut self, id: usize, key: &Result<Key>) {
        match key {
            Ok(key) => self.players[id].key = Some(*key),
            Err(_) => self.players[id].closed = true,
        }
    }

    /// Rules 2 and 4: nobody is told anything after the end, and each only by the own key.
    pub fn told(&mut self, id: usize, event: &str, key: Key, live: bool) {
        self.events += 1;
        self.note(|| format!("{id} {event}"));
        let player = &mut self.players[id];
        assert_eq!(player.ends, 0, "{event} came after handle_close");
        assert!(!player.closed, "{event} came after close");
        assert!(player.key.is_none_or(|own| own == key), "{event} came to the wrong channel");
        match event {
            "close" => player.ends += 1,
            "connect" => {
                player.connects += 1;
                assert_eq!(player.connects, 1, "connected twice");
                assert!(live);
            }
            _ => assert!(live, "{event} came to a channel that does not live"),
        }
    }

    /// The next `count` bytes from a port to a port.
    pub fn numbered(&self, from: u16, to: u16, count: usize) -> Vec<u8> {
        let first = self.sent.get(&(from, to)).copied().unwrap_or(0);
        (first..first + count).map(|number| number as u8).collect()
    }

    pub fn sent(&mut self, from: u16, to: u16, count: usize) {
        *self.sent.entry((from, to)).or_default() += count;
    }

    /// Every byte comes once and in order.
    pub fn received(&mut self, from: u16, to: u16, bytes: &[u8]) {
        let next = self.received.entry((from, to)).or_default();
        for byte in bytes {
            assert_eq!(*byte, *next as u8, "byte {next} from {from} to {to} is another");
            *next += 1;
        }
    }

    /// Rule 3: what was sent has come.
    pub fn nothing_lost(&self, from: u16, to: u16) {
        let of = |counts: &BTreeMap<(u16, u16), usize>| counts.get(&(from, to)).copied().unwrap_or(0);
        assert_eq!(of(&self.received), of(&self.sent), "bytes from {from} to {to} were lost");
    }
}
