//! One process of clients: opens connections when it is told to, says something on them, and expects it back.
//!
//! It is told a line at a time on its standard input, answers each with a line, and ends with its input.

use std::io::{BufRead, Write, stdin, stdout};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use stheno::{
    Address, Channel, Dispatcher, EventLoop, Io, Key, Kind, Os, Reason, Received, Result, With, raise_descriptor_limit,
};

use crate::Outcome;
use crate::children::FAILED;

const MESSAGE: usize = 64;
/// So many connections have something under way at a time while each says something once.
const AT_A_TIME: usize = 500;
/// How long nothing may happen.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Tally {
    connected: usize,
    /// Those that have had back all that they were to say.
    answered: usize,
    /// Messages that came back.
    messages: u64,
    /// Why the first one failed that did.
    failed: Option<String>,
}

type World = With<Os, Tally>;

struct Caller {
    /// No other has it.
    number: u32,
    /// How many messages have come back, and how many are still to be said.
    round: u32,
    left: u32,
    /// How much of the message was sent, and came back.
    sent: u8,
    back: u8,
}

impl Caller {
    fn message(&self) -> [u8; MESSAGE] {
        let seed = (u64::from(self.number) << 32 | u64::from(self.round)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        std::array::from_fn(|at| (seed.rotate_left(at as u32) >> 24) as u8 ^ at as u8)
    }

    fn say(&mut self, channel: &mut Io<'_, World>) -> Result<()> {
        if self.writable() {
            self.sent += channel.send(&self.message()[self.sent.into()..])? as u8;
        }
        Ok(())
    }

    fn writable(&self) -> bool {
        self.left > 0 && usize::from(self.sent) < MESSAGE
    }

    fn fails(&self, why: impl std::fmt::Display, channel: &mut Io<'_, World>) {
        let failed = &mut channel.net().shared.failed;
        failed.get_or_insert_with(|| format!("connection {}, after {} messages: {why}", self.number, self.round));
    }
}

impl Dispatcher<World> for Caller {
    fn writable(&self) -> bool {
        self.writable()
    }

    fn handle_connect(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        channel.net().shared.connected += 1;
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        self.say(channel)
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        // One byte more than may come, so that one too many is noticed.
        let mut came = [0; MESSAGE + 1];
        let Received::Data(n) = channel.recv(&mut came)? else { return Ok(()) };
        let (from, to) = (usize::from(self.back), usize::from(self.back) + n);
        if to > self.sent.into() || came[..n] != self.message()[from..to] {
            self.fails("other bytes came back than were sent", channel);
            channel.close();
            return Ok(());
        }
        self.back = to as u8;
        if to == MESSAGE {
            channel.net().shared.messages += 1;
            (self.sent, self.back, self.round, self.left) = (0, 0, self.round + 1, self.left - 1);
            if self.left == 0 {
                channel.net().shared.answered += 1;
            }
            self.say(channel)?;
        }
        Ok(())
    }

    fn handle_close(&mut self, reason: Reason, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        self.fails(format_args!("it ended: {reason}"), channel);
        Ok(())
    }
}

struct Clients {
    events: EventLoop<Caller, World>,
    keys: Vec<Key>,
    server: Address,
    /// The number of the first connection, and from which address it calls.
    first: u32,
    address: u32,
    /// How many call from one address.
    at_an_address: usize,
}

impl Clients {
    fn obey(&mut self, line: &str) -> Outcome<()> {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["open", count] => self.open(count.parse()?),
            ["echo"] => {
                for from in (0..self.keys.len()).step_by(AT_A_TIME) {
                    let some = self.keys[from..self.keys.len().min(from + AT_A_TIME)].to_vec();
                    self.talk(&some, 1)?;
                }
                Ok(())
            }
            ["talk", active, rounds] => {
                // Spread over all.
                let active = active.parse::<usize>()?.min(self.keys.len());
                let some: Vec<_> = (0..active).map(|number| self.keys[number * self.keys.len() / active]).collect();
                self.talk(&some, rounds.parse()?)
            }
            _ => Err(format!("there is no such order: {line}").into()),
        }
    }

    /// So many call at once, no more than the server's line holds.
    fn open(&mut self, count: usize) -> Outcome<()> {
        for _ in 0..count {
            self.call()?;
        }
        let all = self.keys.len();
        self.turn_until(|tally| tally.connected >= all)
    }

    fn call(&mut self) -> Outcome<()> {
        let at = self.keys.len();
        let address = Ipv4Addr::from(self.address + (at / self.at_an_address) as u32);
        let caller = Caller { number: self.first + at as u32, round: 0, left: 0, sent: 0, back: 0 };
        let key = self.events.create(Kind::Stream, self.server.clone(), caller)?;
        let (_, mut io) = self.events.channel(key)?;
        io.socket()?.set_nodelay(true)?;
        io.bind(&Address::from(SocketAddr::from((address, 0))))?;
        io.connect(&self.server)?;
        self.keys.push(key);
        Ok(())
    }

    /// Each of these says so many messages, one after the other.
    fn talk(&mut self, keys: &[Key], rounds: u32) -> Outcome<()> {
        self.events.net_mut().shared.answered = 0;
        for key in keys {
            let (caller, mut io) = self.events.channel(*key)?;
            caller.left = rounds;
            caller.say(&mut io)?;
        }
        while self.events.net().shared.answered < keys.len() {
            let before = self.events.net().shared.messages;
            self.turn_until(|tally| tally.messages > before)?;
        }
        Ok(())
    }

    /// Turns until something is so, which must come about in time.
    fn turn_until(&mut self, done: impl Fn(&Tally) -> bool) -> Outcome<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(why) = &self.events.net().shared.failed {
                return Err(why.clone().into());
            }
            if done(&self.events.net().shared) {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(format!("nothing happens for {PATIENCE:?}").into());
            }
            self.events.turn(Some(Duration::from_secs(1)))?;
        }
    }
}

/// Serves until its input ends.
pub fn serve(args: &[&str]) -> Outcome<()> {
    let [server, first, address, at_an_address] = args else { return Err("a client is told four things".into()) };
    raise_descriptor_limit()?;
    let mut clients = Clients {
        events: EventLoop::new()?,
        keys: Vec::new(),
        server: server.parse()?,
        first: first.parse()?,
        address: address.parse::<Ipv4Addr>()?.into(),
        at_an_address: at_an_address.parse()?,
    };
    for line in stdin().lock().lines() {
        match clients.obey(&line?) {
            Ok(()) => writeln!(stdout(), "done")?,
            Err(why) => return Ok(writeln!(stdout(), "{FAILED}{why}")?),
        }
    }
    Ok(())
}
