//! What the sessions share: a loop over a faulty net, clients that play their part, and what must hold in the end.
//!
//! Whatever fails:
//! - what a client was sent is exact, in order, once, as far as it came;
//! - no more clients miss some of it than there were faults that can end a connection, and those who do see the end of
//!   theirs: nobody hangs;
//! - a channel is told of its close once, and of nothing afterwards;
//! - when the clients have gone nothing is left but the door, neither channel nor socket;
//! - the loop takes no more than a few turns more.

use std::fmt::Debug;
use std::time::Duration;

pub use stheno_conformance::faults::Outcome;
use stheno_conformance::faults::{Call, Fault, Faulty, FaultyBackend};
use stheno_conformance::sim::{Address, Sim, Socket, Watch};
use stheno_core::{Dispatcher, EventLoop, Net, Received, Slot};

/// A whole session with these faults: what came of it, or what must not have.
pub type Session = fn(&[Fault]) -> Result<Played, String>;

/// So many calls of a session are the program's start: a fault there is the end of it.
pub const START: usize = 5;

pub type World = Faulty<Sim>;
pub type Events<T> = EventLoop<T, World, FaultyBackend<Watch>, Vec<Slot<T, World>>>;

/// What came of a session.
#[derive(Debug)]
pub struct Played {
    pub calls: Vec<Call>,
    pub struck: Vec<(Call, Outcome)>,
    /// How many clients did not get everything.
    pub incomplete: usize,
    pub turns: usize,
}

/// A loop over a net that is going to fail.
pub fn events<T: Dispatcher<World>>(plan: &[Fault]) -> Events<T> {
    let mut net = Faulty::new(Sim::new());
    plan.iter().for_each(|fault| net.fail(*fault));
    EventLoop::with_parts(net, FaultyBackend::default(), Vec::new())
}

/// Somebody who calls, speaks and listens.
pub struct Client {
    socket: Option<Socket>,
    pub to_say: Vec<u8>,
    pub heard: Vec<u8>,
    /// Its connection is over.
    pub over: bool,
}

impl Client {
    /// Who has nobody to call is over at once.
    pub fn dial(net: &mut Sim, at: Option<Address>, to_say: Vec<u8>) -> Self {
        let socket = at.and_then(|at| net.dial(at).ok());
        Self { over: socket.is_none(), socket, to_say, heard: Vec::new() }
    }

    /// The next caller of a host.
    pub fn taken(net: &mut Sim, host: &mut Socket) -> Option<Self> {
        let (socket, _) = net.outside(|net| net.accept(host)).ok().flatten()?;
        Some(Self { socket: Some(socket), to_say: Vec::new(), heard: Vec::new(), over: false })
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
        if turn.fired == 0 && events.net().calls().len() == before {
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

/// When the clients have gone, nothing may be left but the door.
pub fn nothing_is_left<T: Dispatcher<World>>(
    events: &mut Events<T>,
    clients: &mut [Client],
    turns: &mut usize,
) -> Result<(), String> {
    clients.iter_mut().for_each(|client| client.leave(&mut events.net_mut().below));
    rest(events, turns)?;
    let (channels, sockets) = (events.len(), events.net().below.held());
    if channels > 1 || sockets != channels || events.net().below.watched() > channels {
        return Err(format!("{channels} channels and {sockets} sockets are left"));
    }
    events.close_all();
    rest(events, turns)?;
    same("sockets of a loop that was closed", events.net().below.held(), 0)
}

pub fn played<T: Dispatcher<World>>(events: &Events<T>, incomplete: usize, turns: usize) -> Played {
    let net = events.net();
    Played { calls: net.calls().to_vec(), struck: net.struck().to_vec(), incomplete, turns }
}

pub fn same<T: PartialEq + Debug>(what: &str, came: T, expected: T) -> Result<(), String> {
    if came == expected { Ok(()) } else { Err(format!("{what}: expected {expected:?}, came {came:?}")) }
}
