//! What the cases share: a backend by itself, a loop whose channels write down what they are told, and peers.

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::io::Write;
use std::mem::ManuallyDrop;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use stheno::{
    Backend, Channel, Dispatcher, Error, ErrorKind, EventLoop, Fired, Guest, Interest, Key, Net, Open, Os, Readiness,
    Reason, Received, Socket,
};

use super::{Failure, Verdict};
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

/// A backend whose keys are small numbers.
pub(super) struct Watch<B>(pub(super) B);

impl<B: Backend<Os> + Open> Watch<B> {
    pub(super) fn open() -> stheno::Result<Self> {
        B::open().map(Self)
    }

    pub(super) fn register(&mut self, socket: &Socket, key: u32, interest: Interest) -> stheno::Result<()> {
        self.0.register(&mut Os, socket, Key::new(key, GENERATION), interest)
    }

    pub(super) fn reregister(&mut self, socket: &Socket, key: u32, interest: Interest) -> stheno::Result<()> {
        self.0.reregister(&mut Os, socket, Key::new(key, GENERATION), interest)
    }

    pub(super) fn deregister(&mut self, socket: &Socket, key: u32) -> stheno::Result<()> {
        self.0.deregister(&mut Os, socket, Key::new(key, GENERATION))
    }

    pub(super) fn wait(&mut self, timeout: impl Into<Option<Duration>>) -> stheno::Result<usize> {
        self.0.wait(&mut Os, timeout.into())
    }

    pub(super) fn next(&mut self) -> Option<(u32, Readiness)> {
        self.0.next().map(|Fired { key, readiness }| {
            // A key that was never given is shown as one that no case uses.
            let index = if key.generation() == GENERATION { key.index() as u32 } else { u32::MAX };
            (index, readiness)
        })
    }

    pub(super) fn now(&mut self) -> stheno::Instant {
        self.0.now(&Os)
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

// A loop.

/// A loop of [`Actor`]s, and what they were told.
pub(super) struct Stage<B> {
    pub(super) events: EventLoop<Actor, Os, Counted<B>>,
    pub(super) log: Log,
}

impl<B: Backend<Os> + Open> Stage<B> {
    pub(super) fn new() -> stheno::Result<Self> {
        Ok(Self { events: EventLoop::new()?, log: Log::default() })
    }

    pub(super) fn actor(&self, name: &str) -> Actor {
        Actor::new(name, &self.log)
    }

    /// Makes a descriptor a channel.
    pub(super) fn add(
        &mut self,
        socket: impl TryInto<Socket, Error: Into<Error>>,
        actor: Actor,
    ) -> stheno::Result<Key> {
        self.events.add(socket.try_into().map_err(Into::into)?, actor)
    }

    /// Turns until something holds of what was told.
    pub(super) fn until(&mut self, what: &str, done: impl Fn(&[String]) -> bool) -> Verdict {
        let until = Instant::now() + PATIENCE;
        while !done(&self.log.lines()) {
            hold(Instant::now() < until, || format!("{what}: not within {PATIENCE:?}, only {:?}", self.log.lines()))?;
            self.events.turn(Some(Duration::from_millis(100)))?;
        }
        Ok(())
    }

    /// Turns until as much was told as is expected, and a little longer: that must be all, in this order.
    pub(super) fn tells(&mut self, expected: &[&str]) -> Verdict {
        let until = Instant::now() + PATIENCE;
        while self.log.lines().len() < expected.len() && !self.events.is_empty() && Instant::now() < until {
            self.events.turn(Some(Duration::from_millis(100)))?;
        }
        for _ in 0..3 {
            self.events.turn(Some(Duration::from_millis(5)))?;
        }
        same("what was told", self.log.lines(), expected.to_vec())
    }

    /// Turns for this time, in which nothing must be told, and the backend must be asked a few times at most.
    pub(super) fn rests(&mut self, time: Duration, most_waits: usize) -> Verdict {
        let (lines, before, began) = (self.log.lines().len(), self.events.backend().waits, Instant::now());
        let waits = |stage: &Self| stage.events.backend().waits - before;
        while let Some(left) = time.checked_sub(began.elapsed())
            && waits(self) <= most_waits
        {
            hold(!self.events.is_empty(), || "expected the channels to stay, none is left".into())?;
            self.events.turn(Some(left))?;
        }
        same("what was told while nothing happened", self.log.lines().split_off(lines), Vec::<String>::new())?;
        hold(waits(self) <= most_waits, || {
            format!("the loop spins: more than {most_waits} waits within {:?} of {time:?}", began.elapsed())
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
pub(super) struct Actor {
    name: String,
    log: Log,
    pub(super) ways: Ways,
    script: Option<Script>,
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
}

/// What an actor does in its handlers, by the event's name, besides writing it down.
type Script = Box<dyn FnMut(&str, &mut Ways, &mut Channel<'_, Os, Actor>) -> stheno::Result<()>>;

impl Actor {
    pub(super) fn new(name: &str, log: &Log) -> Self {
        let ways = Ways { readable: true, writable: false, chunk: 4096, forgiving: false };
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
        script: impl FnMut(&str, &mut Ways, &mut Channel<'_, Os, Self>) -> stheno::Result<()> + 'static,
    ) -> Self {
        self.script = Some(Box::new(script));
        self
    }

    fn tell(&mut self, event: &str, detail: &str, channel: &mut Channel<'_, Os, Self>) -> stheno::Result<()> {
        let between = if detail.is_empty() { "" } else { " " };
        self.log.say(format!("{}: {event}{between}{detail}", self.name));
        match &mut self.script {
            Some(script) => script(event, &mut self.ways, channel),
            None => Ok(()),
        }
    }
}

impl Dispatcher<Os> for Actor {
    fn readable(&self) -> bool {
        self.ways.readable
    }

    fn writable(&self) -> bool {
        self.ways.writable
    }

    fn handle_connect(&mut self, channel: &mut Channel<'_, Os, Self>) -> stheno::Result<()> {
        self.tell("connect", "", channel)
    }

    fn handle_accepted(&mut self, guest: &mut Guest<Os>, channel: &mut Channel<'_, Os, Self>) -> stheno::Result<()> {
        self.guests += 1;
        let name = format!("{}.{}", self.name, self.guests);
        channel.adopt(guest, Self::new(&name, &self.log))?;
        self.tell("accept", "", channel)
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> stheno::Result<()> {
        let mut data = vec![0; self.ways.chunk];
        match channel.recv(&mut data)? {
            Received::Data(n) if self.ways.chunk > 0 => self.tell("read", &quote(&data[..n]), channel),
            Received::Data(_) => self.tell("read", "", channel),
            Received::WouldBlock | Received::End => Ok(()),
        }
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, Os, Self>) -> stheno::Result<()> {
        self.tell("write", "", channel)
    }

    fn handle_expt(&mut self, channel: &mut Channel<'_, Os, Self>) -> stheno::Result<()> {
        let byte = channel.recv_urgent()?;
        self.tell("expt", &byte.map_or("nothing".into(), |byte| quote(&[byte])), channel)
    }

    fn handle_timeout(&mut self, channel: &mut Channel<'_, Os, Self>) -> stheno::Result<()> {
        self.tell("timeout", "", channel)
    }

    fn handle_close(&mut self, reason: Reason, channel: &mut Channel<'_, Os, Self>) -> stheno::Result<()> {
        let why = match reason {
            Reason::End => "end".into(),
            Reason::Disconnected(why) | Reason::Error(why) => word(&why),
        };
        self.tell("close", &why, channel)
    }

    fn handle_error(&mut self, error: Error, channel: &mut Channel<'_, Os, Self>) -> stheno::Result<()> {
        self.tell("error", &word(&error), channel)?;
        if self.ways.forgiving { Ok(()) } else { Err(error) }
    }
}

/// An error by its name; that a descriptor is not open is told with the system's number or without.
pub(super) fn word(error: &Error) -> String {
    if error.kind() == ErrorKind::BadDescriptor { "not open".into() } else { name_of(error) }
}

/// A channel that leaves everything to the defaults.
pub(super) struct Defaults;

impl Dispatcher<Os> for Defaults {}

// Descriptors and peers.

/// Waits until all of these flags hold, and asks for nothing else.
pub(super) fn reached(fd: impl AsFd, flags: PollFlags) -> Verdict {
    let until = Instant::now() + PATIENCE;
    loop {
        let mut asked = [PollFd::new(&fd, flags)];
        let _ = poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 50_000_000 }));
        if asked[0].revents().contains(flags) {
            return Ok(());
        }
        hold(Instant::now() < until, || format!("{flags:?} did not come, only {:?}", asked[0].revents()))?;
    }
}

/// Two ends of a TCP connection over the loopback: ours and the peer's.
pub(super) fn tcp() -> Result<(TcpStream, TcpStream), Failure> {
    let door = door()?;
    let ours = TcpStream::connect(door.local_addr()?)?;
    Ok((ours, door.accept()?.0))
}

pub(super) fn door() -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
}

/// Closes with a reset instead of an end.
pub(super) fn reset(peer: TcpStream) -> Verdict {
    Ok(sockopt::set_socket_linger(&peer, Some(Duration::ZERO))?)
}

/// Sends one urgent byte.
pub(super) fn send_urgent(peer: impl AsFd, byte: u8) -> Verdict {
    same("urgent bytes sent", rustix::net::send(peer, &[byte], rustix::net::SendFlags::OOB)?, 1)
}

/// Sends until there is no room, and none comes for a while: the peer takes nothing, but its system may.
pub(super) fn fill(socket: &Socket) -> Verdict {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        while rustix::io::write(socket, &[b'z'; 1 << 16]).is_ok() {}
        let mut asked = [PollFd::new(socket, PollFlags::OUT)];
        if poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 20_000_000 }))? == 0 {
            return Ok(());
        }
    }
    Err("the buffer is never full".into())
}

/// Takes everything that waits in a socket, without the loop or the backend.
pub(super) fn drain(socket: impl AsFd) -> usize {
    let (mut all, mut some) = (0, [0; 4096]);
    while let Ok(n @ 1..) = rustix::io::read(&socket, &mut some[..]) {
        all += n;
    }
    all
}

/// The same of a socket that would wait for more.
pub(super) fn drain_now(socket: &UnixStream) -> usize {
    if socket.set_nonblocking(true).is_ok() { drain(socket) } else { 0 }
}

/// The same thing under a number from `least` on, which is nobody else's in this process.
pub(super) fn high(socket: &Socket, least: i32) -> Result<Socket, Failure> {
    let _limit = Limit::at_least(least as u64 + 64)?;
    Ok(Socket::adopt(rustix::io::fcntl_dupfd_cloexec(socket, least)?)?)
}

/// How many descriptors the process may have, until it is dropped.
pub(super) struct Limit {
    before: Rlimit,
}

impl Limit {
    pub(super) fn at_least(count: u64) -> Result<Self, Failure> {
        let before = getrlimit(Resource::Nofile);
        let limit = Self { before: Rlimit { ..before } };
        if before.current.is_some_and(|current| current < count) {
            let raised = Rlimit { current: Some(count), maximum: before.maximum };
            setrlimit(Resource::Nofile, raised)
                .map_err(|why| format!("the case needs {count} descriptors, and may not have them: {why}"))?;
        }
        Ok(limit)
    }

    fn at(count: u64) -> Result<Self, Failure> {
        let before = getrlimit(Resource::Nofile);
        let limit = Self { before: Rlimit { ..before } };
        setrlimit(Resource::Nofile, Rlimit { current: Some(count), maximum: before.maximum })?;
        Ok(limit)
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        // It is what was allowed before.
        let _ = setrlimit(Resource::Nofile, Rlimit { ..self.before });
    }
}

/// Closes the descriptor and keeps its number, as a program does that breaks clause B1.
pub(super) fn close_behind(socket: Socket) -> Result<ManuallyDrop<Socket>, Failure> {
    nix::unistd::close(socket.as_raw_fd())?;
    Ok(ManuallyDrop::new(socket))
}

/// A number that is closed behind the back of the loop whose channel owns it.
///
/// The loop will close it once more, which std's own checks of ownership take for the error that it is, and end the
/// program; so the number is given a new meaning before that.
#[derive(Clone)]
pub(super) struct Hole(Rc<Cell<Option<i32>>>);

impl Hole {
    pub(super) fn none() -> Self {
        Self(Rc::default())
    }

    pub(super) fn open(&self, number: i32) -> Verdict {
        nix::unistd::close(number)?;
        self.0.set(Some(number));
        Ok(())
    }

    /// Gives the number a new meaning: `/dev/null`.
    pub(super) fn fill(&self) {
        let Some(number) = self.0.take() else { return };
        let Ok(null) = std::fs::File::open("/dev/null") else { return };
        let copy = rustix::io::fcntl_dupfd_cloexec(&null, number).ok();
        for fd in [Some(null.into()), copy].into_iter().flatten().filter(|fd: &OwnedFd| fd.as_raw_fd() == number) {
            // It belongs to the channel from now on.
            let _ = ManuallyDrop::new(fd);
        }
    }

    /// Fills the hole when dropped, which is to be before the loop is.
    pub(super) fn guard(&self) -> impl Drop + use<> {
        Filling(self.clone())
    }
}

struct Filling(Hole);

impl Drop for Filling {
    fn drop(&mut self) {
        self.0.fill();
    }
}

/// No descriptor is left, until it is dropped.
pub(super) struct Shortage {
    hoard: Vec<std::fs::File>,
    _limit: Limit,
}

impl Shortage {
    pub(super) fn of_descriptors() -> Result<Self, Failure> {
        let null = std::fs::File::open("/dev/null")?;
        // All numbers below it are in use, so it need not be far away.
        let limit = Limit::at(null.as_raw_fd() as u64 + 32)?;
        let mut hoard: Vec<_> = std::iter::from_fn(|| null.try_clone().ok()).collect();
        hoard.push(null);
        Ok(Self { hoard, _limit: limit })
    }

    /// Lets go of one descriptor.
    pub(super) fn ease(&mut self) {
        self.hoard.pop();
    }
}

/// Sends all of it, to a peer that has room.
pub(super) fn send(mut peer: impl Write, data: &[u8]) -> Verdict {
    Ok(peer.write_all(data)?)
}
