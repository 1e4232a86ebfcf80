//! A loop whose channels write down what they are told.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use stheno::{
    Backend, Channel, Dispatcher, Eof, Error, ErrorKind, EventLoop, Guest, Instant, Key, Open, Reason, Received,
};

use super::support::{Counted, PATIENCE, hold, same};
use super::{Failure, Verdict};
use crate::ground::{Family, Ground};
use crate::probe::name_of;
use crate::scenario::quote;

/// A loop in a fresh network.
pub(super) fn fresh_loop<T, G, B>() -> Result<EventLoop<T, G, Counted<B>>, Failure>
where
    T: Dispatcher<G>,
    G: Ground,
    B: Backend<G> + Open,
{
    Ok(EventLoop::with_parts(G::open()?, Counted::open()?, Vec::new()))
}

/// A loop of [`Actor`]s, and what they were told.
pub(super) struct Stage<G: Ground, B> {
    pub(super) events: EventLoop<Actor<G>, G, Counted<B>>,
    pub(super) log: Log,
}

impl<G: Ground, B: Backend<G> + Open> Stage<G, B> {
    pub(super) fn new() -> Result<Self, Failure> {
        Ok(Self { events: fresh_loop::<_, G, B>()?, log: Log::default() })
    }

    pub(super) fn actor(&self, name: &str) -> Actor<G> {
        Actor::new(name, &self.log)
    }

    /// The network, for the far ends.
    pub(super) fn net(&mut self) -> &mut G {
        self.events.net_mut()
    }

    /// A listening channel, and where it is.
    pub(super) fn listen(&mut self, actor: Actor<G>) -> Result<(Key, G::Address), Failure> {
        self.listen_at(&G::anywhere(Family::Inet)?, actor)
    }

    /// The same at this address, of which the network may choose a part.
    pub(super) fn listen_at(&mut self, at: &G::Address, actor: Actor<G>) -> Result<(Key, G::Address), Failure> {
        let key = self.events.listen(at.clone(), actor)?;
        let at = self.events.channel(key)?.1.local_address()?;
        Ok((key, at))
    }

    /// A connected channel, and its far end.
    pub(super) fn pair(&mut self, actor: Actor<G>) -> Result<(Key, G::Peer), Failure> {
        let (ours, theirs) = self.net().pair()?;
        Ok((self.events.add(ours, actor)?, theirs))
    }

    /// Turns until something holds of what was told.
    pub(super) fn until(&mut self, what: &str, done: impl Fn(&[String]) -> bool) -> Verdict {
        let until = self.net().clock() + PATIENCE;
        while !done(&self.log.lines()) {
            hold(self.net().clock() < until, || {
                format!("{what}: not within {PATIENCE:?}, only {:?}", self.log.lines())
            })?;
            self.events.turn(Some(Duration::from_millis(100)))?;
        }
        Ok(())
    }

    /// Turns until as much was told as is expected, and a little longer: that must be all, in this order.
    pub(super) fn tells(&mut self, expected: &[&str]) -> Verdict {
        let until = self.net().clock() + PATIENCE;
        while self.log.lines().len() < expected.len() && !self.events.is_empty() && self.net().clock() < until {
            self.events.turn(Some(Duration::from_millis(100)))?;
        }
        for _ in 0..3 {
            self.events.turn(Some(Duration::from_millis(5)))?;
        }
        same("what was told", self.log.lines(), expected.to_vec())
    }

    /// How long it is since then, by the network's clock.
    pub(super) fn elapsed(&self, since: Instant) -> Duration {
        self.events.net().clock().saturating_since(since)
    }

    /// Turns for this time, in which nothing must be told, and the backend must be asked a few times at most.
    pub(super) fn rests(&mut self, time: Duration, most_waits: usize) -> Verdict {
        let (lines, before, began) = (self.log.lines().len(), self.events.backend().waits, self.net().clock());
        let waits = |stage: &Self| stage.events.backend().waits - before;
        // A simulated clock may come to stand at the very end of it.
        while let Some(left) = time.checked_sub(self.elapsed(began)).filter(|left| !left.is_zero())
            && waits(self) <= most_waits
        {
            hold(!self.events.is_empty(), || "expected the channels to stay, none is left".into())?;
            self.events.turn(Some(left))?;
        }
        same("what was told while nothing happened", self.log.lines().split_off(lines), Vec::<String>::new())?;
        hold(waits(self) <= most_waits, || {
            format!("the loop spins: more than {most_waits} waits within {:?} of {time:?}", self.elapsed(began))
        })
    }
}

/// What the channels of a loop were told, line by line, and what each of them has heard.
#[derive(Clone, Default)]
pub(super) struct Log {
    lines: Rc<RefCell<Vec<String>>>,
    heard: Rc<RefCell<BTreeMap<String, Vec<u8>>>>,
}

impl Log {
    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }

    /// What one channel was told, without its name.
    pub(super) fn of(&self, name: &str) -> Vec<String> {
        let lines = self.lines.borrow();
        let told = lines.iter().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned));
        let mut told: Vec<_> = told.collect();
        // What came between two writes was told to others.
        told.dedup_by(|one, other| one == "write" && other == "write");
        told
    }

    /// All the bytes that one channel has heard.
    pub(super) fn heard(&self, name: &str) -> Vec<u8> {
        self.heard.borrow().get(name).cloned().unwrap_or_default()
    }

    pub(super) fn clear(&self) {
        self.lines.borrow_mut().clear();
    }

    /// Consecutive writes of a channel count once.
    pub(super) fn say(&self, line: String) {
        let mut lines = self.lines.borrow_mut();
        if !(line.ends_with(": write") && lines.last() == Some(&line)) {
            lines.push(line);
        }
    }
}

/// A channel that writes down what it is told, and then does what a plain user would.
pub(super) struct Actor<G: Ground> {
    name: String,
    log: Log,
    pub(super) ways: Ways,
    script: Option<Script<G>>,
    guests: usize,
}

/// What an actor wants, and how it goes about it.
pub(super) struct Ways {
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// How much it receives at a time; nothing at all where this is 0.
    pub(super) chunk: usize,
    /// Whether it takes errors upon itself.
    pub(super) forgiving: bool,
    /// Whether it goes on sending after the peer's end, which is then told as `eof`.
    pub(super) keeps_sending: bool,
    /// Whether it has something to do when the loop drains, which is then told as `drain`.
    pub(super) says_farewell: bool,
    /// Whether it stays while the loop drains.
    pub(super) stays: bool,
    /// What its guests say as soon as they are channels.
    pub(super) greeting: &'static [u8],
}

/// What an actor does in its handlers, by the event's name, besides writing it down.
type Script<G> = Box<dyn FnMut(&str, &mut Ways, &mut Channel<'_, G, Actor<G>>) -> stheno::Result<()>>;

impl<G: Ground> Actor<G> {
    pub(super) fn new(name: &str, log: &Log) -> Self {
        let ways = Ways {
            readable: true,
            writable: false,
            chunk: 4096,
            forgiving: false,
            keeps_sending: false,
            says_farewell: false,
            stays: false,
            greeting: b"",
        };
        Self { name: name.into(), log: log.clone(), ways, script: None, guests: 0 }
    }

    /// The same, with ways of its own.
    pub(super) fn but(mut self, change: impl FnOnce(&mut Ways)) -> Self {
        change(&mut self.ways);
        self
    }

    /// The same, with something to do in its handlers.
    pub(super) fn on(
        mut self,
        script: impl FnMut(&str, &mut Ways, &mut Channel<'_, G, Self>) -> stheno::Result<()> + 'static,
    ) -> Self {
        self.script = Some(Box::new(script));
        self
    }

    fn tell(&mut self, event: &str, detail: &str, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        let between = if detail.is_empty() { "" } else { " " };
        self.log.say(format!("{}: {event}{between}{detail}", self.name));
        match &mut self.script {
            Some(script) => script(event, &mut self.ways, channel),
            None => Ok(()),
        }
    }
}

impl<G: Ground> Dispatcher<G> for Actor<G> {
    fn readable(&self) -> bool {
        self.ways.readable
    }

    fn writable(&self) -> bool {
        self.ways.writable
    }

    fn stays(&self) -> bool {
        self.ways.stays
    }

    fn handle_connect(&mut self, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.tell("connect", "", channel)
    }

    fn handle_accepted(&mut self, guest: &mut Guest<G>, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.guests += 1;
        let name = format!("{}.{}", self.name, self.guests);
        let key = channel.adopt(guest, Self::new(&name, &self.log))?;
        if !self.ways.greeting.is_empty() {
            let sent = channel.neighbour(key)?.1.send(self.ways.greeting)?;
            if sent < self.ways.greeting.len() {
                return Err(Error::user("a fresh connection has no room for a greeting", 0));
            }
        }
        self.tell("accept", "", channel)
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        let mut data = vec![0; self.ways.chunk];
        match channel.recv(&mut data)? {
            Received::Data(n) if self.ways.chunk > 0 => {
                self.log.heard.borrow_mut().entry(self.name.clone()).or_default().extend(&data[..n]);
                self.tell("read", &quote(&data[..n]), channel)
            }
            Received::Data(_) => self.tell("read", "", channel),
            Received::WouldBlock | Received::End => Ok(()),
        }
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.tell("write", "", channel)
    }

    fn handle_expt(&mut self, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        let byte = channel.recv_urgent()?;
        self.tell("expt", &byte.map_or("nothing".into(), |byte| quote(&[byte])), channel)
    }

    fn handle_eof(&mut self, channel: &mut Channel<'_, G, Self>) -> stheno::Result<Eof> {
        if !self.ways.keeps_sending {
            return Ok(Eof::Close);
        }
        self.tell("eof", "", channel).map(|()| Eof::KeepSending)
    }

    fn handle_drain(&mut self, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        if self.ways.says_farewell { self.tell("drain", "", channel) } else { Ok(()) }
    }

    fn handle_timeout(&mut self, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.tell("timeout", "", channel)
    }

    fn handle_close(&mut self, reason: Reason, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.tell("close", &last_word(reason), channel)
    }

    fn handle_error(&mut self, error: Error, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.tell("error", &word(&error), channel)?;
        if self.ways.forgiving { Ok(()) } else { Err(error) }
    }
}

/// Why a channel ended.
pub(super) fn last_word(reason: Reason) -> String {
    match reason {
        Reason::End => "end".into(),
        Reason::Disconnected(why) | Reason::Error(why) => word(&why),
        Reason::Drained => "drained".into(),
        Reason::TimedOut => "timed out".into(),
    }
}

/// An error by its name; for that a descriptor is not open, or that none is left, networks have different numbers.
pub(super) fn word(error: &Error) -> String {
    match error.kind() {
        ErrorKind::BadDescriptor => "not open".into(),
        ErrorKind::Exhausted => "none left".into(),
        _ => name_of(error),
    }
}

/// A channel that leaves everything to the defaults.
pub(super) struct Defaults;

impl<G: Ground, T> Dispatcher<G, T> for Defaults {}
