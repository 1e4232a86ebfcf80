//! What the sessions share: a loop over a faulty net, clients that play their part, and what must hold in the end.
//!
//! Whatever fails:
//! - what a client was sent is exact, in order, once, as far as it came;
//! - only those miss some of it, or see the end of their connection, whose connection [met](crate::verdict) a fault that can
//!   end one, and those do see the end: nobody hangs, and nobody else loses anything;
//! - a channel is told of its close [once](crate::life), and of nothing afterwards;
//! - when the clients have gone nothing is left but the door, neither channel nor socket;
//! - the loop takes no more than a few turns more.

use std::fmt::Debug;
use std::time::Duration;

use stheno_conformance::faults::{Call, Fault, Faulty, FaultyBackend, Struck};
use stheno_conformance::sim::{Address, Sim, Socket, Watch};
use stheno_core::{Dispatcher, EventLoop, Net, Received, Slot};

use crate::life::{Book, Whose};
use crate::verdict::{Fate, Manners, judge};

/// A whole session with these faults: what came of it, or what must not have.
pub type Session = fn(&[Fault]) -> Result<Played, String>;

pub type World = Faulty<Sim>;
pub type Events<T> = EventLoop<T, World, FaultyBackend<Watch>, Vec<Slot<T, World>>>;

/// What came of a session.
#[derive(Debug)]
pub struct Played {
    pub calls: Vec<Call>,
    pub struck: Vec<Struck>,
    pub fates: Vec<Fate>,
    pub turns: usize,
    /// How long it took, by the clock of the network.
    pub time: Duration,
}

/// A loop over a net that is going to fail.
pub fn events<T: Dispatcher<World>>(plan: &[Fault]) -> Events<T> {
    let mut net = Faulty::new(Sim::new(), Socket::number);
    plan.iter().for_each(|fault| net.fail(*fault));
    EventLoop::with_parts(net, FaultyBackend::default(), Vec::new())
}

/// Somebody who calls, speaks and listens.
pub struct Client {
    socket: Option<Socket>,
    /// Where it calls from, or whom it was called by.
    pub address: Option<Address>,
    pub to_say: Vec<u8>,
    pub heard: Vec<u8>,
    /// Its connection is over.
    pub over: bool,
}

impl Client {
    /// Who has nobody to call is over at once.
    pub fn dial(net: &mut Sim, at: Option<Address>, to_say: Vec<u8>) -> Self {
        let socket = at.and_then(|at| net.dial(at).ok());
        let address = socket.as_ref().and_then(|socket| net.local_address(socket).ok());
        Self { over: socket.is_none(), socket, address, to_say, heard: Vec::new() }
    }

    /// The next caller of a host.
    pub fn taken(net: &mut Sim, host: &mut Socket) -> Option<Self> {
        let (socket, from) = net.outside(|net| net.accept(host)).ok().flatten()?;
        Some(Self { socket: Some(socket), address: Some(from), to_say: Vec::new(), heard: Vec::new(), over: false })
    }

    /// Speaks a piece and listens to what has come; whether anything happened.
    pub fn go_on(&mut self, net: &mut Sim, piece: usize) -> bool {
        let Some(socket) = &mut self.socket else { return false };
        let mut happened = false;
        if !self.to_say.is_empty() && !self.over {
            let piece = piece.min(self.to_say.len());
            match net.send(socket, &self.to_say[..piece]) {
                Ok(sent) => {
                    self.to_say.drain(..sent.unwrap_or(0));
                    happened |= sent.is_some();
                }
                // What broke is heard by listening.
                Err(_) => self.to_say.clear(),
            }
        }
        let mut into = [0; 512];
        while !self.over {
            match net.recv(socket, &mut into) {
                Ok(Received::Data(n)) => self.heard.extend(&into[..n]),
                Ok(Received::WouldBlock) => break,
                Ok(Received::End) | Err(_) => self.over = true,
            }
            happened = true;
        }
        happened
    }

    /// How it fared, who was to hear this and nothing else.
    pub fn fate(&self, due: &[u8]) -> Result<Fate, String> {
        match due.starts_with(&self.heard) {
            true => Ok(Fate { got: self.heard.len(), due: due.len(), over: self.over, goes: false }),
            false => Err(format!("the client from {:?} heard {:?} instead of {due:?}", self.address, self.heard)),
        }
    }

    /// Hangs up.
    pub fn leave(&mut self, net: &mut Sim) {
        if let Some(socket) = self.socket.take() {
            net.close(socket);
        }
        self.over = true;
    }
}

/// Turns the loop until nothing is ready any more; the number of turns, or that there is no end of it.
pub fn rest<T: Dispatcher<World>>(events: &mut Events<T>, turns: &mut usize) -> Result<(), String> {
    // Longer than a listener rests for want of descriptors, which passes in no time here.
    const LONG: Duration = Duration::from_secs(1);
    for quiet in 0.. {
        *turns += 1;
        let before = events.net().calls().len();
        let turn = events.turn(Some(LONG)).map_err(|why| format!("the loop ended: {why}"))?;
        if turn.fired == 0 && events.net().calls()[before..].iter().all(|call| *call == Call::Wait) {
            return Ok(());
        }
        if quiet > 10_000 {
            return Err("the loop does not come to rest".into());
        }
    }
    Ok(())
}

/// Everyone goes on until nothing happens any more.
pub fn play<T: Dispatcher<World>>(
    events: &mut Events<T>,
    clients: &mut [Client],
    piece: usize,
    turns: &mut usize,
) -> Result<(), String> {
    for _ in 0..1_000 {
        let mut happened = false;
        for client in &mut *clients {
            happened |= client.go_on(&mut events.net_mut().below, piece);
        }
        rest(events, turns)?;
        if !happened {
            return Ok(());
        }
    }
    Err("the clients never come to an end".into())
}

/// Nothing happens any more: judges how the clients fared, then lets them leave, and `others` with them. Nothing may be left
/// but the door.
pub fn end<T: Dispatcher<World>>(
    mut events: Events<T>,
    book: &Book,
    mut clients: Vec<Client>,
    fates: Vec<Fate>,
    others: Vec<Client>,
    manners: Manners,
    mut turns: usize,
) -> Result<Played, String> {
    judge(events.net(), &clients, &fates, manners)?;
    let over = |from: Address| clients.iter().any(|client| client.address == Some(from) && client.over);
    let shut = events.is_empty() || events.keys().all(|key| key.index() != DOOR);
    book.look(|whose| match whose {
        Whose::Door => shut,
        Whose::Caller(from) | Whose::Joined(from) => over(from),
    })?;

    let net = &mut events.net_mut().below;
    clients.iter_mut().for_each(|client| client.leave(net));
    others.into_iter().for_each(|mut other| other.leave(net));
    rest(&mut events, &mut turns)?;
    let (channels, sockets) = (events.len(), events.net().below.held());
    if channels > 1 || sockets != channels || events.net().below.watched() > channels {
        return Err(format!("{channels} channels and {sockets} sockets are left"));
    }
    book.look(|whose| whose != Whose::Door || channels == 0)?;
    events.close_all();
    rest(&mut events, &mut turns)?;
    same("sockets of a loop that was closed", events.net().below.held(), 0)?;
    let net = events.net();
    let (calls, struck) = (net.calls().to_vec(), net.struck().to_vec());
    Ok(Played { calls, struck, fates, turns, time: net.below.elapsed() })
}

/// The door is the first channel of every session.
const DOOR: usize = 0;

fn same<T: PartialEq + Debug>(what: &str, came: T, expected: T) -> Result<(), String> {
    if came == expected { Ok(()) } else { Err(format!("{what}: expected {expected:?}, came {came:?}")) }
}
