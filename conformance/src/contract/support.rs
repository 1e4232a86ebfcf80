//! What the cases share: a backend by itself, a loop whose channels write down what they are told, and peers.

use std::cell::RefCell;
use std::fmt::Debug;
use std::rc::Rc;
use std::time::Duration;

use stheno::{
    Backend, Channel, Dispatcher, Eof, Error, ErrorKind, EventLoop, Fired, Guest, Half, Instant, Interest, Key, Net,
    Open, Readiness, Reason, Received,
};

use super::{Failure, Verdict};
use crate::ground::{Family, Ground, Sign};
use crate::probe::name_of;
use crate::scenario::quote;

pub(super) const R: Interest = Interest::READ;
pub(super) const W: Interest = Interest::WRITE;
pub(super) const P: Interest = Interest::PRIORITY;

/// How long to wait for what must come. Never waited out where all is well.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How long nothing must happen for it to be believed.
pub(super) const A_WHILE: Duration = Duration::from_millis(25);

// Saying what is wrong.

pub(super) fn same<T: PartialEq<U> + Debug, U: Debug>(what: &str, came: T, expected: U) -> Verdict {
    hold(came == expected, || format!("{what}: expected {expected:?}, came {came:?}"))
}

pub(super) fn hold(holds: bool, otherwise: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(otherwise().into()) }
}

// A backend by itself.

/// A backend whose keys are small numbers, and the network that it watches.
pub(super) struct Watch<G, B> {
    pub(super) net: G,
    pub(super) backend: B,
}

impl<G: Ground, B: Backend<G> + Open> Watch<G, B> {
    pub(super) fn open() -> Result<Self, Failure> {
        Ok(Self { net: G::open()?, backend: B::open()? })
    }

    pub(super) fn register(&mut self, socket: &G::Socket, key: u32, interest: Interest) -> stheno::Result<()> {
        self.backend.register(&mut self.net, socket, Key::new(key, GENERATION), interest)
    }

    pub(super) fn reregister(&mut self, socket: &G::Socket, key: u32, interest: Interest) -> stheno::Result<()> {
        self.backend.reregister(&mut self.net, socket, Key::new(key, GENERATION), interest)
    }

    pub(super) fn deregister(&mut self, socket: &G::Socket, key: u32) -> stheno::Result<()> {
        self.backend.deregister(&mut self.net, socket, Key::new(key, GENERATION))
    }

    pub(super) fn wait(&mut self, timeout: impl Into<Option<Duration>>) -> stheno::Result<usize> {
        self.backend.wait(&mut self.net, timeout.into())
    }

    pub(super) fn next(&mut self) -> Option<(u32, Readiness)> {
        self.backend.next().map(|Fired { key, readiness }| {
            // A key that was never given is shown as one that no case uses.
            let index = if key.generation() == GENERATION { key.index() as u32 } else { u32::MAX };
            (index, readiness)
        })
    }

    pub(super) fn now(&mut self) -> stheno::Instant {
        self.backend.now(&self.net)
    }

    /// What is ready now, in the order of the keys.
    pub(super) fn look(&mut self) -> Result<Vec<(u32, Readiness)>, Failure> {
        self.results(Duration::ZERO)
    }

    /// What a wait brings, in the order of the keys: as many as it says, each key once, none without readiness. (B7)
    pub(super) fn results(&mut self, timeout: impl Into<Option<Duration>>) -> Result<Vec<(u32, Readiness)>, Failure> {
        let said = self.wait(timeout)?;
        let mut told: Vec<_> = std::iter::from_fn(|| self.next()).collect();
        told.sort_by_key(|(key, _)| *key);
        same("results to take", told.len(), said)?;
        hold(told.windows(2).all(|two| two[0].0 != two[1].0), || format!("a key came twice in one wait: {told:?}"))?;
        hold(told.iter().all(|(_, readiness)| !readiness.is_empty()), || format!("a result says nothing: {told:?}"))?;
        Ok(told)
    }

    /// The same without the hints that not every system has.
    pub(super) fn look_plainly(&mut self) -> Result<Vec<(u32, Readiness)>, Failure> {
        let told = self.look()?.into_iter().map(|(key, readiness)| (key, readiness - HINTS));
        Ok(told.filter(|(_, readiness)| !readiness.is_empty()).collect())
    }

    /// Fails unless a wait of this time brings nothing, and takes all of it.
    pub(super) fn rests(&mut self, time: Duration) -> Verdict {
        let before = self.now();
        let told = self.results(time)?;
        let took = self.now().saturating_since(before);
        hold(told.is_empty() && took >= time, || format!("expected {time:?} of silence, came {told:?} after {took:?}"))
    }
}

const GENERATION: u32 = 3;

/// What comes unasked, and only where the system can tell.
pub(super) const HINTS: Readiness = Readiness::ERROR.union(Readiness::HANGUP);

/// A backend that counts what the loop asks of it.
pub(super) struct Counted<B> {
    below: B,
    pub(super) waits: usize,
    pub(super) changes: usize,
}

impl<N: Net, B: Backend<N>> Backend<N> for Counted<B> {
    fn register(&mut self, net: &mut N, socket: &N::Socket, key: Key, interest: Interest) -> stheno::Result<()> {
        self.changes += 1;
        self.below.register(net, socket, key, interest)
    }
    fn reregister(&mut self, net: &mut N, socket: &N::Socket, key: Key, interest: Interest) -> stheno::Result<()> {
        self.changes += 1;
        self.below.reregister(net, socket, key, interest)
    }
    fn deregister(&mut self, net: &mut N, socket: &N::Socket, key: Key) -> stheno::Result<()> {
        self.changes += 1;
        self.below.deregister(net, socket, key)
    }
    fn wait(&mut self, net: &mut N, timeout: Option<Duration>) -> stheno::Result<usize> {
        self.waits += 1;
        self.below.wait(net, timeout)
    }
    fn next(&mut self) -> Option<Fired> {
        self.below.next()
    }
    fn now(&mut self, net: &N) -> stheno::Instant {
        self.below.now(net)
    }
    fn name(&self) -> &'static str {
        self.below.name()
    }
}

impl<B: Open> Open for Counted<B> {
    fn open() -> stheno::Result<Self> {
        Ok(Self { below: B::open()?, waits: 0, changes: 0 })
    }
}

// Both ends of a connection, without the backend.

/// Lets a far end say something to a socket of the loop, and waits until it has arrived.
pub(super) fn deliver<G: Ground>(net: &mut G, peer: &mut G::Peer, data: &[u8], to: &G::Socket) -> Verdict {
    net.say(peer, data)?;
    net.reached(to, &[Sign::Data])
}

/// Takes so many bytes out of a socket, and waits for them where it must; there must not be more.
pub(super) fn drain<G: Ground>(net: &mut G, socket: &mut G::Socket, count: usize) -> Verdict {
    let mut all = 0;
    while all < count {
        net.reached(socket, &[Sign::Data])?;
        all += drain_all(net, socket)?;
    }
    same("bytes drained", all, count)?;
    same("bytes that are left", drain_all(net, socket)?, 0)
}

/// Takes everything that has arrived at a socket.
pub(super) fn drain_all<G: Ground>(net: &mut G, socket: &mut G::Socket) -> Result<usize, Failure> {
    let (mut all, mut some) = (0, [0; 4096]);
    while let Received::Data(n) = net.recv(socket, &mut some)? {
        all += n;
    }
    Ok(all)
}

/// Ends both directions of a stream, so that it has hung up and not only ended: nothing is sent from here, and the far
/// end closes. ([`Need::HalfClose`](crate::Need::HalfClose))
pub(super) fn hang_up_whole<G: Ground>(net: &mut G, socket: &mut G::Socket, peer: G::Peer) -> Verdict {
    net.shutdown(socket, Half::Write)?;
    net.hang_up(peer);
    net.reached(socket, &[Sign::HungUp])
}

// A loop.

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
        let key = self.events.listen(G::anywhere(Family::Inet)?, actor)?;
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

/// What the channels of a loop were told, line by line.
#[derive(Clone, Default)]
pub(super) struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    pub(super) fn lines(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    pub(super) fn clear(&self) {
        self.0.borrow_mut().clear();
    }

    /// Consecutive writes of a channel count once.
    pub(super) fn say(&self, line: String) {
        let mut lines = self.0.borrow_mut();
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

    fn handle_connect(&mut self, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.tell("connect", "", channel)
    }

    fn handle_accepted(&mut self, guest: &mut Guest<G>, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.guests += 1;
        let name = format!("{}.{}", self.name, self.guests);
        channel.adopt(guest, Self::new(&name, &self.log))?;
        self.tell("accept", "", channel)
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        let mut data = vec![0; self.ways.chunk];
        match channel.recv(&mut data)? {
            Received::Data(n) if self.ways.chunk > 0 => self.tell("read", &quote(&data[..n]), channel),
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
        let why = match reason {
            Reason::End => "end".into(),
            Reason::Disconnected(why) | Reason::Error(why) => word(&why),
            Reason::Drained => "drained".into(),
            Reason::TimedOut => "timed out".into(),
        };
        self.tell("close", &why, channel)
    }

    fn handle_error(&mut self, error: Error, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.tell("error", &word(&error), channel)?;
        if self.ways.forgiving { Ok(()) } else { Err(error) }
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

impl<G: Ground> Dispatcher<G> for Defaults {}
