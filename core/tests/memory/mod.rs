//! A network in memory, and a backend over it, both strict: what the loop owes them by contract they assert.
//!
//! Time stands still until someone waits for it. Sockets have small numbers that are used again, as descriptors are.
#![allow(dead_code)]

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use stheno_core::pool::{self, Place};
use stheno_core::trace::{Observer, Traced};
use stheno_core::{
    Backend, Datagram, Error, ErrorKind, Fired, Half, Instant, Interest, Key, Kind, Lending, Net, Readiness, Received,
    Result, State, Storage, Untimed, With,
};

/// A table with room for everybody: on the heap where the crate may use it.
#[cfg(feature = "alloc")]
pub type Table<T> = Vec<T>;
#[cfg(not(feature = "alloc"))]
pub type Table<T> = stheno_core::storage::Array<T, 400>;

/// A socket that the loop holds; its number is used again once it is closed.
#[derive(Debug, PartialEq, Eq)]
pub struct Socket(usize);

impl Socket {
    pub fn number(&self) -> usize {
        self.0
    }
}

/// The far end of a connection, played by the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Far(usize);

pub const BROKEN_PIPE: i32 = 32;
pub const RESET: i32 = 104;
pub const REFUSED: i32 = 111;

/// How often everything was asked of the net and of the backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub accept: u32,
    pub recv: u32,
    pub send: u32,
    pub take_error: u32,
    pub close: u32,
    /// Addresses that were to be used again.
    pub reuse: u32,
    pub register: u32,
    pub reregister: u32,
    pub deregister: u32,
    pub wait: u32,
    /// Waits that nothing could ever have ended.
    pub hangs: u32,
}

impl Count {
    /// Calls by which an interest was made known.
    pub fn changes(&self) -> u32 {
        self.register + self.reregister + self.deregister
    }

    /// Every call but the waits.
    pub fn but_waits(&self) -> u32 {
        self.accept + self.recv + self.send + self.take_error + self.close + self.changes()
    }
}

#[derive(Debug)]
enum End {
    Gone,
    Fresh(Kind, u16),
    Listener { port: u16, line: VecDeque<usize>, backlog: usize },
    Stream(Stream),
    Mailbox { port: u16, peer: Option<u16>, letters: VecDeque<(Vec<u8>, u16)>, error: Option<i32> },
}

#[derive(Debug, Default)]
struct Stream {
    here: u16,
    there: u16,
    peer: Option<usize>,
    inbox: VecDeque<u8>,
    urgent: Option<u8>,
    /// The attempt to connect has not ended.
    pending: bool,
    /// The peer sends nothing more.
    ended: bool,
    /// The peer has closed.
    gone: bool,
    /// Refused, or reset.
    over: bool,
    /// The own halves that were shut.
    deaf: bool,
    mute: bool,
    error: Option<i32>,
}

impl Stream {
    fn can_recv(&self) -> bool {
        !self.pending && (!self.inbox.is_empty() || self.ended || self.deaf || self.over || self.error.is_some())
    }

    fn is_broken(&self) -> bool {
        self.mute || self.gone || self.over || self.error.is_some()
    }

    fn has_hung_up(&self) -> bool {
        !self.pending && (self.over || self.gone || ((self.ended || self.deaf) && self.mute))
    }
}

type Event = Box<dyn FnOnce(&mut Memory)>;

/// The network.
pub struct Memory {
    ends: Vec<End>,
    /// What the loop holds, by number.
    numbers: Vec<Option<usize>>,
    watched: Vec<Option<(Key, Interest)>>,
    /// Ends that were ever watched.
    seen: Vec<usize>,
    taking: Rc<Cell<bool>>,
    now: u64,
    later: Vec<(u64, Event)>,
    next_port: u16,
    clock_reads: Cell<u32>,
    rotation: usize,
    /// How many bytes a receiver holds.
    pub capacity: usize,
    /// How many bytes one call moves, at most.
    pub gulp: usize,
    /// How many results a wait has room for.
    pub batch: usize,
    /// Results come in falling order of sockets.
    pub backwards: bool,
    /// How many sockets the loop may hold.
    pub limit: usize,
    /// How many accepts will lack resources.
    pub exhausted_accepts: u32,
    /// How many registrations will fail after so many good ones.
    pub failing_registrations: Option<(u32, u32)>,
    pub failing_reregistrations: u32,
    /// What those say.
    pub registration_error: Error,
    /// Numbers that are reported INVALID.
    pub invalid: Vec<usize>,
    /// Reported of every wait, whatever holds: (number, readiness).
    pub forced: Vec<(usize, Readiness)>,
    /// Connects stay pending until [`Memory::let_through`].
    pub slow_connects: bool,
    /// What `recv_from` says on anything but a datagram socket.
    pub recv_from_error: Error,
    /// Every timeout that was waited with.
    pub patience: Vec<Option<Duration>>,
    pub count: Count,
}

/// A network, and the backend that watches it.
pub fn pair() -> (Memory, Watch) {
    let taking = Rc::new(Cell::new(false));
    let net = Memory {
        ends: Vec::new(),
        numbers: Vec::new(),
        watched: Vec::new(),
        seen: Vec::new(),
        taking: taking.clone(),
        now: 1_000,
        later: Vec::new(),
        next_port: 40_000,
        clock_reads: Cell::new(0),
        rotation: 0,
        capacity: 64,
        gulp: usize::MAX,
        batch: usize::MAX,
        backwards: false,
        limit: usize::MAX,
        exhausted_accepts: 0,
        failing_registrations: None,
        failing_reregistrations: 0,
        registration_error: CANNOT_WATCH,
        invalid: Vec::new(),
        forced: Vec::new(),
        slow_connects: false,
        recv_from_error: Error::new(ErrorKind::Unsupported, "not a datagram socket"),
        patience: Vec::new(),
        count: Count::default(),
    };
    (net, Watch { results: VecDeque::new(), taking })
}

const CANNOT_WATCH: Error = Error::new(ErrorKind::Full, "cannot be watched").doing("register");
/// What a wait says that nothing could end.
pub const HANG: Error = Error::new(ErrorKind::Other, "nothing can end this wait");

fn broken(code: i32) -> Error {
    Error::new(ErrorKind::Disconnected, Memory::describe(code)).with_code(code)
}

/// What a test does: the world outside of the loop.
impl Memory {
    fn make(&mut self, end: End) -> usize {
        self.ends.push(end);
        self.ends.len() - 1
    }

    fn port(&mut self) -> u16 {
        self.next_port += 1;
        self.next_port
    }

    fn hand_out(&mut self, uid: usize) -> Socket {
        let free = self.numbers.iter().position(Option::is_none).unwrap_or(self.numbers.len());
        if free == self.numbers.len() {
            self.numbers.push(None);
            self.watched.push(None);
        }
        self.numbers[free] = Some(uid);
        Socket(free)
    }

    fn uid(&self, socket: &Socket) -> usize {
        self.numbers.get(socket.0).copied().flatten().expect("the loop used a socket that is closed")
    }

    fn stream(&mut self, uid: usize) -> Option<&mut Stream> {
        match &mut self.ends[uid] {
            End::Stream(stream) => Some(stream),
            _ => None,
        }
    }

    fn new_pair(&mut self, here: u16, there: u16) -> (usize, usize) {
        let near = self.make(End::Stream(Stream { here, there, ..Stream::default() }));
        let far = self.make(End::Stream(Stream { here: there, there: here, peer: Some(near), ..Stream::default() }));
        self.stream(near).unwrap().peer = Some(far);
        (near, far)
    }

    /// A connected socket for the loop, and its far end.
    pub fn connection(&mut self) -> (Socket, Far) {
        let (here, there) = (self.port(), self.port());
        let (near, far) = self.new_pair(here, there);
        (self.hand_out(near), Far(far))
    }

    /// Two connected sockets, both for the loop.
    pub fn connected_pair(&mut self) -> (Socket, Socket) {
        let (near, far) = self.connection();
        (near, self.hand_out(far.0))
    }

    fn listener(&mut self, at: u16) -> Option<&mut VecDeque<usize>> {
        self.ends.iter_mut().find_map(|end| match end {
            End::Listener { port, line, backlog } if *port == at && line.len() < *backlog => Some(line),
            _ => None,
        })
    }

    /// Someone calls a listener; its far end, if there was one.
    pub fn try_call(&mut self, port: u16) -> Option<Far> {
        self.listener(port)?;
        let here = self.port();
        let (near, far) = self.new_pair(port, here);
        self.listener(port)?.push_back(near);
        Some(Far(far))
    }

    pub fn call(&mut self, port: u16) -> Far {
        self.try_call(port).expect("nobody listens there")
    }

    /// A listener that the test plays.
    pub fn serve(&mut self, port: u16) {
        self.make(End::Listener { port, line: VecDeque::new(), backlog: 1024 });
    }

    /// Accepts the next caller of such a listener.
    pub fn answer(&mut self, port: u16) -> Option<Far> {
        let at = |end: &&mut End| matches!(end, End::Listener { port: it, .. } if *it == port);
        match self.ends.iter_mut().find(at) {
            Some(End::Listener { line, .. }) => line.pop_front().map(Far),
            _ => None,
        }
    }

    /// How many callers wait in line at a port.
    pub fn waiting(&self, at: u16) -> usize {
        let line = |end: &End| match end {
            End::Listener { port, line, .. } if *port == at => line.len(),
            _ => 0,
        };
        self.ends.iter().map(line).sum()
    }

    /// Lets the connects that were held back come to their end.
    pub fn let_through(&mut self) {
        for uid in 0..self.ends.len() {
            if let Some(stream) = self.stream(uid)
                && core::mem::take(&mut stream.pending)
            {
                let to = stream.there;
                self.finish_connect(uid, to);
            }
        }
    }

    pub fn say(&mut self, far: Far, bytes: &[u8]) {
        let peer = self.stream(far.0).expect("hung up").peer;
        if let Some(near) = peer.and_then(|uid| self.stream(uid)) {
            near.inbox.extend(bytes);
        }
    }

    /// Says as much as the network takes, and how much that was.
    pub fn try_say(&mut self, far: Far, bytes: &[u8]) -> usize {
        let peer = self.stream(far.0).expect("hung up").peer;
        let held = peer.and_then(|uid| self.stream(uid)).map_or(0, |near| near.inbox.len());
        let taken = bytes.len().min(self.capacity.saturating_sub(held));
        self.say(far, &bytes[..taken]);
        taken
    }

    pub fn urge(&mut self, far: Far, byte: u8) {
        let peer = self.stream(far.0).expect("hung up").peer;
        if let Some(near) = peer.and_then(|uid| self.stream(uid)) {
            near.urgent = Some(byte);
        }
    }

    /// The port of a far end, and the one that it is connected with.
    pub fn addresses(&self, far: Far) -> (u16, u16) {
        match &self.ends[far.0] {
            End::Stream(it) => (it.here, it.there),
            _ => panic!("hung up"),
        }
    }

    /// What the far end has received since the last time.
    pub fn hear(&mut self, far: Far) -> Vec<u8> {
        self.stream(far.0).map(|end| end.inbox.drain(..).collect()).unwrap_or_default()
    }

    /// A part of it.
    pub fn hear_some(&mut self, far: Far, most: usize) -> Vec<u8> {
        let drained = |end: &mut Stream| end.inbox.drain(..most.min(end.inbox.len())).collect();
        self.stream(far.0).map(drained).unwrap_or_default()
    }

    /// Whether the far end was told that nothing more comes.
    pub fn has_ended(&mut self, far: Far) -> bool {
        self.stream(far.0).is_none_or(|end| end.ended || end.over)
    }

    /// The far end sends nothing more, and goes on receiving.
    pub fn finish(&mut self, far: Far) {
        let peer = self.stream(far.0).expect("hung up").peer;
        if let Some(near) = peer.and_then(|uid| self.stream(uid)) {
            near.ended = true;
        }
    }

    /// The far end closes: HANGUP, behind everything that it sent.
    pub fn hang_up(&mut self, far: Far) {
        self.shut_down(far.0);
    }

    /// The far end breaks the connection off.
    pub fn reset(&mut self, far: Far) {
        if let Some(near) = self.stream(far.0).and_then(|end| end.peer) {
            self.break_off(near, RESET);
        }
        self.ends[far.0] = End::Gone;
    }

    fn break_off(&mut self, uid: usize, code: i32) {
        if let Some(end) = self.stream(uid) {
            end.error = Some(code);
            (end.over, end.ended, end.gone) = (true, true, true);
        }
    }

    /// A letter for whoever sits at a port.
    pub fn post(&mut self, to: u16, bytes: &[u8], from: u16) -> bool {
        let mailbox = self.ends.iter_mut().find_map(|end| match end {
            End::Mailbox { port, letters, .. } if *port == to => Some(letters),
            _ => None,
        });
        mailbox.map(|letters| letters.push_back((bytes.to_vec(), from))).is_some()
    }

    /// The letters at a port.
    pub fn letters(&mut self, at: u16) -> Vec<(Vec<u8>, u16)> {
        let mailbox = self.ends.iter_mut().find_map(|end| match end {
            End::Mailbox { port, letters, .. } if *port == at => Some(letters),
            _ => None,
        });
        mailbox.map(|letters| letters.drain(..).collect()).unwrap_or_default()
    }

    /// A mailbox that the test plays.
    pub fn mailbox(&mut self, port: u16) {
        self.make(End::Mailbox { port, peer: None, letters: VecDeque::new(), error: None });
    }

    /// Someone on the way says that a letter could not be delivered.
    pub fn undeliverable(&mut self, at: u16) {
        for end in &mut self.ends {
            if let End::Mailbox { port, error, .. } = end
                && *port == at
            {
                *error = Some(REFUSED);
            }
        }
    }

    /// Has something happen while the loop waits.
    pub fn after(&mut self, time: Duration, event: impl FnOnce(&mut Self) + 'static) {
        let when = self.now + time.as_nanos() as u64;
        let at = self.later.partition_point(|(other, _)| *other <= when);
        self.later.insert(at, (when, Box::new(event)));
    }

    /// Time passes while nobody waits.
    pub fn pass(&mut self, time: Duration) {
        self.now += time.as_nanos() as u64;
    }

    /// Time since the beginning.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.now - 1_000)
    }

    pub fn clock_reads(&self) -> u32 {
        self.clock_reads.get()
    }

    /// How many sockets the loop holds.
    pub fn held(&self) -> usize {
        self.numbers.iter().flatten().count()
    }

    /// How many sockets the backend watches.
    pub fn watched(&self) -> usize {
        self.watched.iter().flatten().count()
    }

    /// What a key is watched for.
    pub fn interest(&self, key: Key) -> Option<Interest> {
        self.watched.iter().flatten().find(|(other, _)| *other == key).map(|(_, interest)| *interest)
    }

    /// Which socket a key is watched as.
    pub fn number(&self, key: Key) -> Option<usize> {
        self.watched.iter().position(|watched| watched.is_some_and(|(other, _)| other == key))
    }

    fn shut_down(&mut self, uid: usize) {
        match core::mem::replace(&mut self.ends[uid], End::Gone) {
            End::Stream(Stream { peer: Some(peer), inbox, .. }) => {
                if !inbox.is_empty() {
                    self.break_off(peer, RESET);
                } else if let Some(peer) = self.stream(peer) {
                    (peer.ended, peer.gone) = (true, true);
                }
            }
            End::Listener { line, .. } => {
                for caller in line {
                    let peer = self.stream(caller).and_then(|end| end.peer);
                    self.ends[caller] = End::Gone;
                    if let Some(peer) = peer {
                        self.break_off(peer, RESET);
                    }
                }
            }
            _ => {}
        }
    }

    fn finish_connect(&mut self, uid: usize, to: u16) {
        let here = self.stream(uid).unwrap().here;
        if self.listener(to).is_none() {
            return self.break_off(uid, REFUSED);
        }
        let near = self.make(End::Stream(Stream { here: to, there: here, peer: Some(uid), ..Stream::default() }));
        self.stream(uid).unwrap().peer = Some(near);
        self.listener(to).unwrap().push_back(near);
    }

    fn room(&self, stream: &Stream) -> usize {
        match stream.peer.map(|uid| &self.ends[uid]) {
            Some(End::Stream(peer)) if !peer.deaf => self.capacity.saturating_sub(peer.inbox.len()),
            _ => self.capacity,
        }
    }

    fn readiness(&self, number: usize, interest: Interest) -> Readiness {
        if interest.is_empty() {
            return Readiness::NONE;
        }
        if self.invalid.contains(&number) {
            return Readiness::INVALID;
        }
        let (reads, writes, urgent, error, hangup) = match &self.ends[self.numbers[number].unwrap()] {
            End::Gone => unreachable!("a socket that the loop holds is gone"),
            End::Fresh(..) => (false, true, false, false, true),
            End::Listener { line, .. } => (!line.is_empty(), false, false, false, false),
            End::Mailbox { letters, error, .. } => {
                (!letters.is_empty() || error.is_some(), true, false, error.is_some(), false)
            }
            End::Stream(it) => (
                it.can_recv(),
                !it.pending && (it.is_broken() || self.room(it) > 0),
                it.urgent.is_some(),
                it.error.is_some(),
                it.has_hung_up(),
            ),
        };
        Readiness::READABLE.when(reads && interest.contains(Interest::READ))
            | Readiness::WRITABLE.when(writes && interest.contains(Interest::WRITE))
            | Readiness::PRIORITY.when(urgent && interest.contains(Interest::PRIORITY))
            | Readiness::ERROR.when(error)
            | Readiness::HANGUP.when(hangup)
    }

    fn fired(&mut self) -> VecDeque<Fired> {
        let mut all = VecDeque::new();
        for (number, watched) in self.watched.iter().enumerate() {
            let Some((key, interest)) = *watched else { continue };
            let forced = self.forced.iter().filter(|(it, _)| *it == number);
            let readiness = forced.fold(self.readiness(number, interest), |all, (_, more)| all | *more);
            if !readiness.is_empty() {
                all.push_back(Fired { key, readiness });
            }
        }
        if self.backwards {
            all.make_contiguous().reverse();
        }
        if all.len() > self.batch {
            let first = self.rotation % all.len();
            all.rotate_left(first);
            all.truncate(self.batch);
            self.rotation = first + self.batch;
        }
        all
    }
}

impl Net for Memory {
    type Socket = Socket;
    type Address = u16;

    fn describe(code: i32) -> &'static str {
        match code {
            BROKEN_PIPE => "broken pipe",
            RESET => "reset",
            REFUSED => "refused",
            _ => "?",
        }
    }

    fn socket(&mut self, kind: Kind, _: &u16) -> Result<Socket> {
        if self.held() >= self.limit {
            return Err(Error::new(ErrorKind::Exhausted, "too many sockets").doing("open"));
        }
        let port = self.port();
        let uid = match kind {
            Kind::Stream => self.make(End::Fresh(kind, port)),
            Kind::Datagram => self.make(End::Mailbox { port, peer: None, letters: VecDeque::new(), error: None }),
        };
        Ok(self.hand_out(uid))
    }

    fn set_reuse_address(&mut self, socket: &mut Socket) -> Result<()> {
        self.uid(socket);
        self.count.reuse += 1;
        Ok(())
    }

    fn bind(&mut self, socket: &mut Socket, at: &u16) -> Result<()> {
        let taken = self.ends.iter().any(
            |end| matches!(end, End::Listener { port, .. } | End::Mailbox { port, .. } | End::Fresh(_, port) if port == at),
        );
        if taken {
            return Err(Error::new(ErrorKind::Other, "address in use").doing("bind"));
        }
        let uid = self.uid(socket);
        match &mut self.ends[uid] {
            End::Fresh(_, port) | End::Mailbox { port, .. } => *port = *at,
            _ => return Err(Error::new(ErrorKind::Unsupported, "bound already")),
        }
        Ok(())
    }

    fn listen(&mut self, socket: &mut Socket, backlog: u32) -> Result<()> {
        let uid = self.uid(socket);
        match &mut self.ends[uid] {
            End::Fresh(_, port) => {
                self.ends[uid] = End::Listener { port: *port, line: VecDeque::new(), backlog: backlog as usize };
                Ok(())
            }
            End::Listener { .. } => Ok(()),
            _ => Err(Error::new(ErrorKind::Unsupported, "cannot listen")),
        }
    }

    fn connect(&mut self, socket: &mut Socket, to: &u16) -> Result<()> {
        let uid = self.uid(socket);
        let slow = self.slow_connects;
        match &mut self.ends[uid] {
            End::Mailbox { peer, .. } => {
                *peer = Some(*to);
                return Ok(());
            }
            End::Fresh(_, port) => {
                let stream = Stream { here: *port, there: *to, pending: slow, ..Stream::default() };
                self.ends[uid] = End::Stream(stream);
            }
            _ => return Err(Error::new(ErrorKind::Unsupported, "cannot connect")),
        }
        if !slow {
            self.finish_connect(uid, *to);
        }
        Ok(())
    }

    fn accept(&mut self, socket: &mut Socket) -> Result<Option<(Socket, u16)>> {
        self.count.accept += 1;
        let lacking = self.held() >= self.limit;
        let uid = self.uid(socket);
        let End::Listener { line, .. } = &mut self.ends[uid] else { panic!("accept on a socket that does not listen") };
        if line.is_empty() {
            return Ok(None);
        }
        if lacking || self.exhausted_accepts > 0 {
            self.exhausted_accepts = self.exhausted_accepts.saturating_sub(1);
            return Err(Error::new(ErrorKind::Exhausted, "too many sockets").doing("accept"));
        }
        let caller = line.pop_front().unwrap();
        let from = self.stream(caller).unwrap().there;
        Ok(Some((self.hand_out(caller), from)))
    }

    fn recv(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Received> {
        self.count.recv += 1;
        let most = into.len().min(self.gulp);
        let uid = self.uid(socket);
        match &mut self.ends[uid] {
            End::Mailbox { letters, error, .. } => {
                if let Some(code) = error.take() {
                    return Err(broken(code));
                }
                let Some((bytes, _)) = letters.pop_front() else { return Ok(Received::WouldBlock) };
                let n = bytes.len().min(into.len());
                into[..n].copy_from_slice(&bytes[..n]);
                Ok(Received::Data(n))
            }
            End::Stream(it) => {
                assert!(!into.is_empty(), "the loop asked for nothing");
                if !it.can_recv() {
                    return Ok(Received::WouldBlock);
                }
                let n = if it.deaf { 0 } else { it.inbox.len().min(most) };
                if n > 0 {
                    for (to, byte) in into.iter_mut().zip(it.inbox.drain(..n)) {
                        *to = byte;
                    }
                    return Ok(Received::Data(n));
                }
                it.error.take().map_or(Ok(Received::End), |code| Err(broken(code)))
            }
            _ => Err(Error::new(ErrorKind::Unsupported, "not connected").doing("recv")),
        }
    }

    fn recv_urgent(&mut self, socket: &mut Socket) -> Result<Option<u8>> {
        let uid = self.uid(socket);
        let it = self.stream(uid).expect("urgent data without a stream");
        match (it.urgent.take(), it.error) {
            (None, Some(code)) => {
                it.error = None;
                Err(broken(code))
            }
            (byte, _) => Ok(byte),
        }
    }

    fn recv_from(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Option<Datagram<u16>>> {
        let uid = self.uid(socket);
        let End::Mailbox { letters, error, .. } = &mut self.ends[uid] else { return Err(self.recv_from_error) };
        if let Some(code) = error.take() {
            return Err(broken(code));
        }
        let Some((bytes, from)) = letters.pop_front() else { return Ok(None) };
        let len = bytes.len().min(into.len());
        into[..len].copy_from_slice(&bytes[..len]);
        Ok(Some(Datagram { len, truncated: len < bytes.len(), from }))
    }

    fn send(&mut self, socket: &mut Socket, from: &[u8]) -> Result<Option<usize>> {
        self.count.send += 1;
        let uid = self.uid(socket);
        if let End::Mailbox { port, peer, error, .. } = &mut self.ends[uid] {
            if let Some(code) = error.take() {
                return Err(broken(code));
            }
            let (port, to) = (*port, peer.ok_or(Error::new(ErrorKind::Unsupported, "no peer"))?);
            self.post(to, from, port);
            return Ok(Some(from.len()));
        }
        assert!(!from.is_empty(), "the loop sent nothing");
        let Some(it) = self.stream(uid) else { return Err(Error::new(ErrorKind::Unsupported, "not connected")) };
        if it.pending {
            return Ok(None);
        }
        if it.is_broken() {
            let code = if it.mute { BROKEN_PIPE } else { it.error.take().unwrap_or(BROKEN_PIPE) };
            return Err(broken(code));
        }
        let End::Stream(it) = &self.ends[uid] else { unreachable!() };
        let (peer, n) = (it.peer, self.room(it).min(from.len()).min(self.gulp));
        if n == 0 {
            return Ok(None);
        }
        if let Some(peer) = peer.and_then(|peer| self.stream(peer))
            && !peer.deaf
        {
            peer.inbox.extend(&from[..n]);
        }
        Ok(Some(n))
    }

    fn send_urgent(&mut self, socket: &mut Socket, byte: u8) -> Result<bool> {
        let uid = self.uid(socket);
        let peer = self.stream(uid).and_then(|it| it.peer);
        if let Some(peer) = peer.and_then(|peer| self.stream(peer)) {
            peer.urgent = Some(byte);
        }
        Ok(true)
    }

    fn send_to(&mut self, socket: &mut Socket, from: &[u8], to: &u16) -> Result<bool> {
        let uid = self.uid(socket);
        let End::Mailbox { port, .. } = self.ends[uid] else { panic!("send_to without a mailbox") };
        self.post(*to, from, port);
        Ok(true)
    }

    fn shutdown(&mut self, socket: &mut Socket, half: Half) -> Result<()> {
        let uid = self.uid(socket);
        let Some(it) = self.stream(uid) else { return Err(Error::new(ErrorKind::Unsupported, "not connected")) };
        if it.over {
            return Err(Error::new(ErrorKind::Disconnected, "not connected").with_code(107).doing("shut down"));
        }
        match half {
            Half::Read => it.deaf = true,
            Half::Write => {
                it.mute = true;
                if let Some(peer) = it.peer.and_then(|peer| self.stream(peer)) {
                    peer.ended = true;
                }
            }
        }
        Ok(())
    }

    fn take_error(&mut self, socket: &mut Socket) -> Result<Option<Error>> {
        self.count.take_error += 1;
        let uid = self.uid(socket);
        Ok(match &mut self.ends[uid] {
            End::Stream(it) => it.error.take().map(broken),
            End::Mailbox { error, .. } => error.take().map(broken),
            _ => None,
        })
    }

    fn state(&mut self, socket: &Socket) -> Result<State> {
        Ok(match &self.ends[self.uid(socket)] {
            End::Fresh(..) | End::Gone => State::Idle,
            End::Listener { .. } => State::Listening,
            End::Mailbox { .. } => State::Datagram,
            End::Stream(_) => State::OPEN,
        })
    }

    fn local_address(&self, socket: &Socket) -> Result<u16> {
        Ok(match &self.ends[self.uid(socket)] {
            End::Fresh(_, port) | End::Listener { port, .. } | End::Mailbox { port, .. } => *port,
            End::Stream(it) => it.here,
            End::Gone => unreachable!(),
        })
    }

    fn peer_address(&self, socket: &Socket) -> Result<u16> {
        match &self.ends[self.uid(socket)] {
            End::Stream(it) => Ok(it.there),
            _ => Err(Error::new(ErrorKind::Unsupported, "no peer")),
        }
    }

    fn close(&mut self, socket: Socket) {
        self.count.close += 1;
        let uid = self.uid(&socket);
        // B1, and rule 4: what a wait reported is told before any of its sockets goes. (A guest that nobody took may go in
        // between: nothing was reported of it.)
        assert!(self.watched[socket.0].is_none(), "a registered socket was closed");
        assert!(!self.taking.get() || !self.seen.contains(&uid), "a socket was closed in the middle of a turn");
        self.numbers[socket.0] = None;
        self.invalid.retain(|number| *number != socket.0);
        self.shut_down(uid);
    }
}

/// A net that has a [`Memory`] inside.
pub trait Inside: Net<Socket = Socket> {
    fn memory(&self) -> &Memory;
    fn memory_mut(&mut self) -> &mut Memory;
}

impl Inside for Memory {
    fn memory(&self) -> &Memory {
        self
    }
    fn memory_mut(&mut self) -> &mut Memory {
        self
    }
}

impl<N: Inside, S> Inside for With<N, S> {
    fn memory(&self) -> &Memory {
        self.below.memory()
    }
    fn memory_mut(&mut self) -> &mut Memory {
        self.below.memory_mut()
    }
}

impl<N: Inside> Inside for Untimed<N> {
    fn memory(&self) -> &Memory {
        self.0.memory()
    }
    fn memory_mut(&mut self) -> &mut Memory {
        self.0.memory_mut()
    }
}

impl<N: Inside, S: pool::Memory, W: Storage<Place>> Inside for Lending<N, S, W> {
    fn memory(&self) -> &Memory {
        self.below.memory()
    }
    fn memory_mut(&mut self) -> &mut Memory {
        self.below.memory_mut()
    }
}

impl<N: Inside, O: Observer> Inside for Traced<N, O> {
    fn memory(&self) -> &Memory {
        self.below.memory()
    }
    fn memory_mut(&mut self) -> &mut Memory {
        self.below.memory_mut()
    }
}

/// The backend: what it knows is in the net, only its results are its own.
pub struct Watch {
    results: VecDeque<Fired>,
    taking: Rc<Cell<bool>>,
}

impl<N: Inside> Backend<N> for Watch {
    fn register(&mut self, net: &mut N, socket: &Socket, key: Key, interest: Interest) -> Result<()> {
        let net = net.memory_mut();
        net.count.register += 1;
        let uid = net.uid(socket);
        assert!(net.watched[socket.0].is_none(), "{socket:?} was registered twice");
        assert!(net.interest(key).is_none(), "{key} was registered twice");
        if let Some((good, bad)) = &mut net.failing_registrations {
            if *good == 0 && *bad > 0 {
                *bad -= 1;
                return Err(net.registration_error);
            }
            *good = good.saturating_sub(1);
        }
        net.watched[socket.0] = Some((key, interest));
        net.seen.push(uid);
        Ok(())
    }

    fn reregister(&mut self, net: &mut N, socket: &Socket, key: Key, interest: Interest) -> Result<()> {
        let net = net.memory_mut();
        net.count.reregister += 1;
        net.uid(socket);
        let (known, before) = net.watched[socket.0].expect("an interest changed that was never registered");
        assert_eq!(known, key, "a socket changed its key");
        assert_ne!(before, interest, "an interest was changed to what it was");
        if net.failing_reregistrations > 0 {
            net.failing_reregistrations -= 1;
            return Err(net.registration_error.doing("reregister"));
        }
        net.watched[socket.0] = Some((key, interest));
        Ok(())
    }

    fn deregister(&mut self, net: &mut N, socket: &Socket, key: Key) -> Result<()> {
        let net = net.memory_mut();
        net.count.deregister += 1;
        net.uid(socket);
        if let Some((known, _)) = net.watched[socket.0].take() {
            assert_eq!(known, key, "a socket was deregistered under another's key");
        }
        Ok(())
    }

    fn wait(&mut self, net: &mut N, timeout: Option<Duration>) -> Result<usize> {
        let net = net.memory_mut();
        net.count.wait += 1;
        assert!(net.count.wait < 10_000, "the loop spins");
        net.patience.push(timeout);
        let until = timeout.map(|time| net.now + time.as_nanos() as u64);
        loop {
            self.results = net.fired();
            if !self.results.is_empty() {
                break;
            }
            match (net.later.first().map(|(when, _)| *when), until) {
                (Some(when), until) if until.is_none_or(|until| when <= until) => {
                    let (when, event) = net.later.remove(0);
                    net.now = net.now.max(when);
                    event(net);
                }
                (_, Some(until)) => {
                    net.now = until;
                    break;
                }
                (_, None) => {
                    net.count.hangs += 1;
                    return Err(HANG);
                }
            }
        }
        self.taking.set(!self.results.is_empty());
        Ok(self.results.len())
    }

    fn next(&mut self) -> Option<Fired> {
        let next = self.results.pop_front();
        self.taking.set(next.is_some());
        next
    }

    fn now(&mut self, net: &N) -> Instant {
        let net = net.memory();
        net.clock_reads.set(net.clock_reads.get() + 1);
        Instant::from_nanos(net.now)
    }

    fn name(&self) -> &'static str {
        "memory"
    }
}
