//! Faults on order: a net, and a backend, that fail at the call they are told to.
//!
//! Put [`Faulty`] around a net and [`FaultyBackend`] around the backend, run a session once without a [`Fault`] to see
//! which calls it makes ([`calls`](Faulty::calls)), and then once for each call and each [`Outcome`] that it may have
//! ([`Call::outcomes`]). What fails is not done: the net below does not hear of it, so nothing is lost by a fault itself.
//! Afterwards [`struck`](Faulty::struck) says which faults happened, and on which socket each of them; with what
//! [`sockets`](Faulty::sockets) knows of those it can be traced to a connection, which is the only one that it may harm.
//!
//! ```
//! use stheno_conformance::faults::{Call, Fault, Faulty, Outcome};
//! use stheno_conformance::sim::{Sim, Socket};
//! use stheno_core::{Net, Received};
//!
//! let mut net = Faulty::new(Sim::new(), Socket::number);
//! let (mut ours, mut theirs) = net.below.pair()?;
//! net.below.send(&mut theirs, b"hello")?;
//! net.fail(Fault { at: 0, outcome: Outcome::WouldBlock });
//! net.fail(Fault { at: 1, outcome: Outcome::Short });
//! assert_eq!(net.recv(&mut ours, &mut [0; 8])?, Received::WouldBlock);
//! assert_eq!(net.recv(&mut ours, &mut [0; 8])?, Received::Data(1));
//! assert_eq!(net.recv(&mut ours, &mut [0; 8])?, Received::Data(4));
//! assert_eq!(net.calls(), [Call::Recv; 3]);
//! assert!(net.struck().iter().all(|struck| struck.socket == Some(0)));
//! # Ok::<(), stheno_core::Error>(())
//! ```

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use stheno_core::net::Datagram;
use stheno_core::{Error, ErrorKind, Half, Kind, Layer, Net, Received, Result};

mod backend;

pub use backend::FaultyBackend;

/// What a program asks of its net or its backend.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[allow(missing_docs)] // each is the operation of that name
pub enum Call {
    Socket,
    SetReuseAddress,
    Bind,
    Listen,
    Connect,
    Accept,
    Recv,
    RecvFrom,
    RecvUrgent,
    Send,
    SendTo,
    SendUrgent,
    Shutdown,
    TakeError,
    Register,
    Reregister,
    Wait,
}

/// How a call fails.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Outcome {
    /// It would have to wait, although it would not.
    WouldBlock,
    /// One byte, although there are more, or is room for more.
    Short,
    /// A signal comes. A connect has begun all the same, and a wait is made by
    /// [`wait_out`](stheno_core::backend::wait_out).
    Interrupted,
    /// The connection has broken.
    Disconnected,
    /// The system lacks something: descriptors, buffers.
    Exhausted,
    /// Something else is wrong.
    Other,
}

impl Call {
    /// The outcomes that the contract of the net or of the backend allows; and of a net, which must not let it out (N2),
    /// that it was interrupted, which must harm nobody even so.
    pub const fn outcomes(self) -> &'static [Outcome] {
        use Outcome::{Disconnected, Exhausted, Interrupted, Other, Short, WouldBlock};
        match self {
            Self::Recv | Self::Send => &[WouldBlock, Short, Interrupted, Disconnected, Exhausted, Other],
            Self::RecvFrom | Self::RecvUrgent | Self::SendTo | Self::SendUrgent => {
                &[WouldBlock, Interrupted, Exhausted, Other]
            }
            Self::Accept => &[WouldBlock, Interrupted, Exhausted, Other],
            Self::TakeError => &[Interrupted, Disconnected, Other],
            Self::Connect => &[Interrupted, Exhausted, Other],
            Self::Socket | Self::Register => &[Exhausted, Other],
            Self::SetReuseAddress | Self::Bind | Self::Listen | Self::Shutdown | Self::Reregister => &[Other],
            Self::Wait => &[Interrupted],
        }
    }
}

/// One fault: which call, counted from 0, and how it fails. Where the call there does not know the outcome, none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The number of the call.
    pub at: usize,
    /// How it fails.
    pub outcome: Outcome,
}

/// A fault that happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Struck {
    /// What was ordered.
    pub fault: Fault,
    /// The call that met it.
    pub call: Call,
    /// The socket that the call was made on, by its place in [`Faulty::sockets`]; of a wait, and of a socket that was to
    /// be made, none.
    pub socket: Option<usize>,
    /// How many sockets the program had had by then.
    pub sockets: usize,
}

/// What is known of a socket that the program has had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin<A> {
    /// Whether a listener brought it.
    pub accepted: bool,
    /// Where it is, once it is connected.
    pub here: Option<A>,
    /// Whom it is connected to.
    pub there: Option<A>,
}

/// A net that fails on order.
pub struct Faulty<N: Net> {
    /// The net that does the work.
    pub below: N,
    name: fn(&N::Socket) -> usize,
    /// The places of the sockets that are open, by name.
    open: BTreeMap<usize, usize>,
    sockets: Vec<Origin<N::Address>>,
    plan: Vec<Fault>,
    next: Vec<(Call, Outcome)>,
    calls: Vec<Call>,
    struck: Vec<Struck>,
}

impl<N: Net> Faulty<N> {
    /// A net over this one that does not fail yet. `name` tells open sockets apart: a descriptor's number, a handle's.
    pub const fn new(below: N, name: fn(&N::Socket) -> usize) -> Self {
        Self {
            below,
            name,
            open: BTreeMap::new(),
            sockets: Vec::new(),
            plan: Vec::new(),
            next: Vec::new(),
            calls: Vec::new(),
            struck: Vec::new(),
        }
    }

    /// Orders a fault.
    pub fn fail(&mut self, fault: Fault) {
        self.plan.push(fault);
    }

    /// Orders that the next call of this kind fails so, and if that is ordered again, the one after it.
    pub fn fail_next(&mut self, call: Call, outcome: Outcome) {
        self.next.push((call, outcome));
    }

    /// The calls that were made, in order.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// The faults that happened, in order.
    pub fn struck(&self) -> &[Struck] {
        &self.struck
    }

    /// The sockets that the program has had, in the order in which they were made, accepted or first used.
    pub fn sockets(&self) -> &[Origin<N::Address>] {
        &self.sockets
    }

    /// The place of a socket among those that the program has had.
    fn meet(&mut self, socket: &N::Socket) -> usize {
        let Self { name, open, sockets, .. } = self;
        *open.entry(name(socket)).or_insert_with(|| {
            sockets.push(Origin { accepted: false, here: None, there: None });
            sockets.len() - 1
        })
    }

    /// Remembers whom a socket is connected to.
    fn joined(&mut self, socket: &N::Socket, accepted: bool, there: &N::Address) {
        let (here, place) = (self.below.local_address(socket).ok(), self.meet(socket));
        if let Some(origin) = self.sockets.get_mut(place) {
            *origin = Origin { accepted, here, there: Some(there.clone()) };
        }
    }

    /// Counts a call; how it is to fail, if it is.
    fn strike(&mut self, call: Call, socket: Option<&N::Socket>) -> Option<Outcome> {
        let socket = socket.map(|socket| self.meet(socket));
        let at = self.calls.len();
        self.calls.push(call);
        let outcome = self.ordered(at, call).filter(|outcome| call.outcomes().contains(outcome))?;
        self.struck.push(Struck { fault: Fault { at, outcome }, call, socket, sockets: self.sockets.len() });
        Some(outcome)
    }

    fn ordered(&mut self, at: usize, call: Call) -> Option<Outcome> {
        if let Some(fault) = self.plan.iter().find(|fault| fault.at == at) {
            return Some(fault.outcome);
        }
        let next = self.next.iter().position(|(kind, _)| *kind == call)?;
        Some(self.next.remove(next).1)
    }

    /// The same, where every outcome is an error.
    fn fails(&mut self, call: Call, socket: Option<&N::Socket>) -> Result<()> {
        self.strike(call, socket).map_or(Ok(()), |outcome| Err(error(call, outcome)))
    }
}

/// The error of a fault, as Linux numbers it.
fn error(call: Call, outcome: Outcome) -> Error {
    let of = |kind, text, code| Error::new(kind, text).with_code(code);
    match (outcome, call) {
        (Outcome::Interrupted, _) => of(ErrorKind::Interrupted, "ordered: a signal came", 4),
        (Outcome::Disconnected, Call::TakeError) => of(ErrorKind::Disconnected, "ordered: connection refused", 111),
        (Outcome::Disconnected, _) => of(ErrorKind::Disconnected, "ordered: connection reset", 104),
        (Outcome::Exhausted, Call::Accept | Call::Socket) => {
            of(ErrorKind::Exhausted, "ordered: no descriptor left", 24)
        }
        (Outcome::Exhausted, _) => of(ErrorKind::Exhausted, "ordered: no buffer left", 105),
        _ => of(ErrorKind::Other, "ordered: something else", 5),
    }
}

impl<N: Net> Layer for Faulty<N> {
    type Below = N;

    fn below(&self) -> &N {
        &self.below
    }
    fn below_mut(&mut self) -> &mut N {
        &mut self.below
    }
    fn socket(&mut self, kind: Kind, like: &N::Address) -> Result<N::Socket> {
        self.fails(Call::Socket, None)?;
        let socket = self.below.socket(kind, like)?;
        self.meet(&socket);
        Ok(socket)
    }
    fn set_reuse_address(&mut self, socket: &mut N::Socket) -> Result<()> {
        self.fails(Call::SetReuseAddress, Some(socket))?;
        self.below.set_reuse_address(socket)
    }
    fn bind(&mut self, socket: &mut N::Socket, at: &N::Address) -> Result<()> {
        self.fails(Call::Bind, Some(socket))?;
        self.below.bind(socket, at)
    }
    fn listen(&mut self, socket: &mut N::Socket, backlog: u32) -> Result<()> {
        self.fails(Call::Listen, Some(socket))?;
        self.below.listen(socket, backlog)
    }
    fn connect(&mut self, socket: &mut N::Socket, to: &N::Address) -> Result<()> {
        let outcome = self.strike(Call::Connect, Some(socket));
        if outcome.is_none_or(|outcome| outcome == Outcome::Interrupted) {
            self.below.connect(socket, to)?;
            self.joined(socket, false, to);
        }
        outcome.map_or(Ok(()), |outcome| Err(error(Call::Connect, outcome)))
    }
    fn accept(&mut self, socket: &mut N::Socket) -> Result<Option<(N::Socket, N::Address)>> {
        match self.strike(Call::Accept, Some(socket)) {
            None => {
                let guest = self.below.accept(socket)?;
                if let Some((socket, from)) = &guest {
                    self.joined(socket, true, from);
                }
                Ok(guest)
            }
            Some(Outcome::WouldBlock) => Ok(None),
            Some(outcome) => Err(error(Call::Accept, outcome)),
        }
    }
    fn recv(&mut self, socket: &mut N::Socket, into: &mut [u8]) -> Result<Received> {
        match self.strike(Call::Recv, Some(socket)) {
            None => self.below.recv(socket, into),
            Some(Outcome::WouldBlock) => Ok(Received::WouldBlock),
            Some(Outcome::Short) => self.below.recv(socket, into.get_mut(..1).unwrap_or_default()),
            Some(outcome) => Err(error(Call::Recv, outcome)),
        }
    }
    fn recv_urgent(&mut self, socket: &mut N::Socket) -> Result<Option<u8>> {
        match self.strike(Call::RecvUrgent, Some(socket)) {
            None => self.below.recv_urgent(socket),
            Some(Outcome::WouldBlock) => Ok(None),
            Some(outcome) => Err(error(Call::RecvUrgent, outcome)),
        }
    }
    fn recv_from(&mut self, socket: &mut N::Socket, into: &mut [u8]) -> Result<Option<Datagram<N::Address>>> {
        match self.strike(Call::RecvFrom, Some(socket)) {
            None => self.below.recv_from(socket, into),
            Some(Outcome::WouldBlock) => Ok(None),
            Some(outcome) => Err(error(Call::RecvFrom, outcome)),
        }
    }
    fn send(&mut self, socket: &mut N::Socket, from: &[u8]) -> Result<Option<usize>> {
        match self.strike(Call::Send, Some(socket)) {
            None => self.below.send(socket, from),
            Some(Outcome::WouldBlock) => Ok(None),
            Some(Outcome::Short) => self.below.send(socket, from.get(..1).unwrap_or_default()),
            Some(outcome) => Err(error(Call::Send, outcome)),
        }
    }
    fn send_urgent(&mut self, socket: &mut N::Socket, byte: u8) -> Result<bool> {
        match self.strike(Call::SendUrgent, Some(socket)) {
            None => self.below.send_urgent(socket, byte),
            Some(Outcome::WouldBlock) => Ok(false),
            Some(outcome) => Err(error(Call::SendUrgent, outcome)),
        }
    }
    fn send_to(&mut self, socket: &mut N::Socket, from: &[u8], to: &N::Address) -> Result<bool> {
        match self.strike(Call::SendTo, Some(socket)) {
            None => self.below.send_to(socket, from, to),
            Some(Outcome::WouldBlock) => Ok(false),
            Some(outcome) => Err(error(Call::SendTo, outcome)),
        }
    }
    fn shutdown(&mut self, socket: &mut N::Socket, half: Half) -> Result<()> {
        self.fails(Call::Shutdown, Some(socket))?;
        self.below.shutdown(socket, half)
    }
    fn take_error(&mut self, socket: &mut N::Socket) -> Result<Option<Error>> {
        match self.strike(Call::TakeError, Some(socket)) {
            None => self.below.take_error(socket),
            Some(Outcome::Disconnected) => Ok(Some(error(Call::TakeError, Outcome::Disconnected))),
            Some(outcome) => Err(error(Call::TakeError, outcome)),
        }
    }
    fn close(&mut self, socket: N::Socket) {
        self.open.remove(&(self.name)(&socket));
        self.below.close(socket);
    }
}
