//! Ten thousand clients at once, each echoing 100 KiB in random pieces, every byte checked; and what they cost when they say
//! nothing.
//!
//! The server is another process, since a process has descriptors for only one side of that. Not part of `cargo test`:
//! `make load` runs it, optimised.

mod programs;

use std::io::{Read, Write};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use programs::{Program, until};
use stheno::{Channel, Dispatcher, EventLoop, Os, Reason, Received, Result, With, raise_descriptor_limit};

const CLIENTS: usize = 10_000;
const BYTES: u64 = 100 * 1024;
/// How far a client is ahead of its echo, at the most.
const AHEAD: u64 = 16 * 1024;
const PATIENCE: Duration = Duration::from_secs(300);

/// One test at a time: each takes most of the descriptors that a process can have.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[derive(Default)]
struct Tally {
    connected: usize,
    finished: usize,
    /// Clients that ended before their last byte came back, and why.
    failed: Vec<String>,
}

type World = With<Os, Tally>;

/// Sends a stream of bytes that only it sends, and expects it back.
struct Client {
    number: u64,
    random: u64,
    started: bool,
    sent: u64,
    back: u64,
}

impl Client {
    /// The byte at this place of this client's stream.
    const fn byte(&self, at: u64) -> u8 {
        ((self.number.wrapping_mul(0x9e37_79b9) ^ at.wrapping_mul(0x85eb_ca6b)) >> 7) as u8
    }

    /// A number from 1 to `most`.
    const fn piece(&mut self, most: u64) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (1 + self.random % most) as usize
    }
}

impl Dispatcher<World> for Client {
    fn writable(&self) -> bool {
        self.started && self.sent < BYTES && self.sent - self.back < AHEAD
    }

    fn handle_connect(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        channel.net().shared.connected += 1;
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        let most = (BYTES - self.sent).min(AHEAD - (self.sent - self.back)).min(8192);
        let bytes: Vec<u8> = (0..self.piece(most) as u64).map(|offset| self.byte(self.sent + offset)).collect();
        self.sent += channel.send(&bytes)? as u64;
        Ok(())
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        let mut room = [0; 8192];
        let most = self.piece(room.len() as u64);
        let Received::Data(n) = channel.recv(&mut room[..most])? else { return Ok(()) };
        for byte in &room[..n] {
            if self.back >= self.sent || *byte != self.byte(self.back) {
                channel.net().shared.failed.push(format!("client {}: wrong byte at {}", self.number, self.back));
                channel.close();
                return Ok(());
            }
            self.back += 1;
        }
        if self.back == BYTES {
            channel.net().shared.finished += 1;
            channel.close();
        }
        Ok(())
    }

    fn handle_close(&mut self, reason: Reason, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        channel.net().shared.failed.push(format!("client {} ended at {}: {reason}", self.number, self.back));
        Ok(())
    }
}

fn ten_thousand_on(backend: &str) {
    raise_descriptor_limit().unwrap();
    let server = Program::start("echo", &["--port", "0", "--backend", backend]);
    let before = server.descriptors();
    let began = Instant::now();

    let mut events = EventLoop::<Client, World>::new().unwrap();
    let mut keys = Vec::new();
    while keys.len() < CLIENTS {
        // In small waves, so that no call is lost for want of room in the line.
        for _ in 0..100 {
            let number = keys.len() as u64;
            let client = Client { number, random: number * 2 + 1, started: false, sent: 0, back: 0 };
            keys.push(events.connect(server.address, client).unwrap());
        }
        turn_until(&mut events, |tally| tally.connected >= keys.len());
    }
    until("everyone being inside", || server.descriptors() >= before + CLIENTS);
    let connected = began.elapsed();

    for key in keys {
        events.channel(key).unwrap().0.started = true;
    }
    turn_until(&mut events, |tally| tally.finished + tally.failed.len() >= CLIENTS);
    let tally = &events.net().shared;
    assert!(tally.failed.is_empty(), "{} failed, the first: {}", tally.failed.len(), tally.failed[0]);
    assert_eq!(tally.finished, CLIENTS);
    println!(
        "{backend}: {CLIENTS} clients in {connected:.1?}, {} MiB there and back in {:.1?}, server {} MiB",
        CLIENTS as u64 * BYTES >> 20,
        began.elapsed() - connected,
        server.resident() >> 20,
    );
    until("everyone being gone", || server.descriptors() == before);
    let (status, _) = server.end(rustix::process::Signal::INT);
    assert!(status.success(), "{status}");
}

#[track_caller]
fn turn_until(events: &mut EventLoop<Client, World>, done: impl Fn(&Tally) -> bool) {
    let until = Instant::now() + PATIENCE;
    while !done(&events.net().shared) {
        assert!(Instant::now() < until, "it takes too long");
        events.turn(Some(Duration::from_secs(1))).unwrap();
    }
}

#[test]
fn ten_thousand_clients_echo_on_every_backend() {
    let _alone = alone();
    for backend in ["epoll", "poll", "select"] {
        ten_thousand_on(backend);
    }
}

/// What a connection costs the server that has nothing waiting for it, before it ever said something and after: its place in
/// the table, and its place in the pool.
#[test]
fn an_idle_connection_costs_at_most_80_bytes() {
    let _alone = alone();
    raise_descriptor_limit().unwrap();
    let server = Program::start("echo", &["--port", "0", "--backend", "epoll"]);
    let mut clients = Vec::new();
    let mut sizes = Vec::new();
    // The first few touch what has nothing to do with their number.
    for count in [200, 1_000, CLIENTS] {
        let before = server.descriptors();
        let more = count - clients.len();
        while clients.len() < count {
            clients.push(programs::dial(server.address));
        }
        until("everyone being inside", || server.descriptors() >= before + more);
        let idle = server.resident();
        for client in &mut clients {
            let mut back = [0; 5];
            client.write_all(b"hello").unwrap();
            client.read_exact(&mut back).unwrap();
            assert_eq!(&back, b"hello");
        }
        sizes.push((count, idle, server.resident()));
    }
    let (few, _, least) = sizes[0];
    for (count, idle, echoed) in sizes.into_iter().skip(1) {
        let each = |now: usize| (now - least) as f64 / (count - few) as f64;
        println!("{count} connections: {:.1} bytes each, {:.1} once each has echoed", each(idle), each(echoed));
        // Memory comes in pages, and a few more or less are nobody's.
        let most = 80.0 + 64.0 * 1024.0 / count as f64;
        assert!(each(echoed) <= most, "{} bytes each", each(echoed));
    }
}
