//! Faults on order: a net, and a backend, that fail at the call they are told to.
//!
//! Put [`Faulty`] around a net and [`FaultyBackend`] around the backend, run a session once without a [`Fault`] to see
//! which calls it makes ([`calls`](Faulty::calls)), and then once for each call and each [`Outcome`] that the contract
//! allows there ([`Call::outcomes`]). What fails is not done: the net below does not hear of it, so nothing is lost by
//! a fault itself.
//!
//! ```
//! use stheno_conformance::faults::{Call, Fault, Faulty, Outcome};
//! use stheno_conformance::sim::Sim;
//! use stheno_core::{Net, Received};
//!
//! let mut net = Faulty::new(Sim::new());
//! let (mut ours, mut theirs) = net.below.pair()?;
//! net.below.send(&mut theirs, b"hello")?;
//! net.fail(Fault { at: 0, outcome: Outcome::WouldBlock });
//! net.fail(Fault { at: 1, outcome: Outcome::Short });
//! assert_eq!(net.recv(&mut ours, &mut [0; 8])?, Received::WouldBlock);
//! assert_eq!(net.recv(&mut ours, &mut [0; 8])?, Received::Data(1));
//! assert_eq!(net.recv(&mut ours, &mut [0; 8])?, Received::Data(4));
//! assert_eq!(net.calls(), [Call::Recv; 3]);
//! # Ok::<(), stheno_core::Error>(())
//! ```

use alloc::vec::Vec;
use core::time::Duration;

use stheno_core::backend::Open;
use stheno_core::net::Datagram;
use stheno_core::{Backend, Error, ErrorKind, Fired, Half, Instant, Interest, Key, Kind, Layer, Net, Received, Result};

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
}

/// How a call fails.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Outcome {
    /// It would have to wait, although it would not.
    WouldBlock,
    /// One byte, although there are more, or is room for more.
    Short,
    /// The connection has broken.
    Disconnected,
    /// The system lacks something: descriptors, buffers.
    Exhausted,
    /// Something else is wrong.
    Other,
}

impl Call {
    /// The outcomes that the contract of the net or of the backend allows. That a call was interrupted never comes out of
    /// a net (N2), nor of a wait (B9).
    pub const fn outcomes(self) -> &'static [Outcome] {
        use Outcome::{Disconnected, Exhausted, Other, Short, WouldBlock};
        match self {
            Self::Recv => &[WouldBlock, Short, Disconnected, Exhausted, Other],
            Self::Send => &[WouldBlock, Short, Disconnected, Exhausted, Other],
            Self::RecvFrom | Self::RecvUrgent | Self::SendTo | Self::SendUrgent => &[WouldBlock, Exhausted, Other],
            Self::Accept => &[WouldBlock, Exhausted, Other],
            Self::TakeError => &[Disconnected, Other],
            Self::Socket | Self::Connect | Self::Register => &[Exhausted, Other],
            Self::SetReuseAddress | Self::Bind | Self::Listen | Self::Shutdown | Self::Reregister => &[Other],
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

/// A net that fails on order.
#[derive(Debug)]
pub struct Faulty<N> {
    /// The net that does the work.
    pub below: N,
    plan: Vec<Fault>,
    calls: Vec<Call>,
    struck: Vec<(Call, Outcome)>,
}

impl<N> Faulty<N> {
    /// A net over this one that does not fail yet.
    pub const fn new(below: N) -> Self {
        Self { below, plan: Vec::new(), calls: Vec::new(), struck: Vec::new() }
    }

    /// Orders a fault.
    pub fn fail(&mut self, fault: Fault) {
        self.plan.push(fault);
    }

    /// The calls that were made, in order.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// The faults that happened.
    pub fn struck(&self) -> &[(Call, Outcome)] {
        &self.struck
    }

    /// Counts a call; how it is to fail, if it is.
    fn strike(&mut self, call: Call) -> Option<Outcome> {
        let at = self.calls.len();
        self.calls.push(call);
        let ordered = self.plan.iter().find(|fault| fault.at == at)?;
        let outcome = Some(ordered.outcome).filter(|outcome| call.outcomes().contains(outcome))?;
        self.struck.push((call, outcome));
        Some(outcome)
    }

    /// The same, where every outcome is an error.
    fn fails(&mut self, call: Call) -> Result<()> {
        self.strike(call).map_or(Ok(()), |outcome| Err(error(call, outcome)))
    }
}

/// The error of a fault, as Linux numbers it.
fn error(call: Call, outcome: Outcome) -> Error {
    let of = |kind, text, code| Error::new(kind, text).with_code(code);
    match (outcome, call) {
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
        self.fails(Call::Socket)?;
        self.below.socket(kind, like)
    }
    fn set_reuse_address(&mut self, socket: &mut N::Socket) -> Result<()> {
        self.fails(Call::SetReuseAddress)?;
        self.below.set_reuse_address(socket)
    }
    fn bind(&mut self, socket: &mut N::Socket, at: &N::Address) -> Result<()> {
        self.fails(Call::Bind)?;
        self.below.bind(socket, at)
    }
    fn listen(&mut self, socket: &mut N::Socket, backlog: u32) -> Result<()> {
        self.fails(Call::Listen)?;
        self.below.listen(socket, backlog)
    }
    fn connect(&mut self, socket: &mut N::Socket, to: &N::Address) -> Result<()> {
        self.fails(Call::Connect)?;
        self.below.connect(socket, to)
    }
    fn accept(&mut self, socket: &mut N::Socket) -> Result<Option<(N::Socket, N::Address)>> {
        match self.strike(Call::Accept) {
            None => self.below.accept(socket),
            Some(Outcome::WouldBlock) => Ok(None),
            Some(outcome) => Err(error(Call::Accept, outcome)),
        }
    }
    fn recv(&mut self, socket: &mut N::Socket, into: &mut [u8]) -> Result<Received> {
        match self.strike(Call::Recv) {
            None => self.below.recv(socket, into),
            Some(Outcome::WouldBlock) => Ok(Received::WouldBlock),
            Some(Outcome::Short) => self.below.recv(socket, into.get_mut(..1).unwrap_or_default()),
            Some(outcome) => Err(error(Call::Recv, outcome)),
        }
    }
    fn recv_urgent(&mut self, socket: &mut N::Socket) -> Result<Option<u8>> {
        match self.strike(Call::RecvUrgent) {
            None => self.below.recv_urgent(socket),
            Some(Outcome::WouldBlock) => Ok(None),
            Some(outcome) => Err(error(Call::RecvUrgent, outcome)),
        }
    }
    fn recv_from(&mut self, socket: &mut N::Socket, into: &mut [u8]) -> Result<Option<Datagram<N::Address>>> {
        match self.strike(Call::RecvFrom) {
            None => self.below.recv_from(socket, into),
            Some(Outcome::WouldBlock) => Ok(None),
            Some(outcome) => Err(error(Call::RecvFrom, outcome)),
        }
    }
    fn send(&mut self, socket: &mut N::Socket, from: &[u8]) -> Result<Option<usize>> {
        match self.strike(Call::Send) {
            None => self.below.send(socket, from),
            Some(Outcome::WouldBlock) => Ok(None),
            Some(Outcome::Short) => self.below.send(socket, from.get(..1).unwrap_or_default()),
            Some(outcome) => Err(error(Call::Send, outcome)),
        }
    }
    fn send_urgent(&mut self, socket: &mut N::Socket, byte: u8) -> Result<bool> {
        match self.strike(Call::SendUrgent) {
            None => self.below.send_urgent(socket, byte),
            Some(Outcome::WouldBlock) => Ok(false),
            Some(outcome) => Err(error(Call::SendUrgent, outcome)),
        }
    }
    fn send_to(&mut self, socket: &mut N::Socket, from: &[u8], to: &N::Address) -> Result<bool> {
        match self.strike(Call::SendTo) {
            None => self.below.send_to(socket, from, to),
            Some(Outcome::WouldBlock) => Ok(false),
            Some(outcome) => Err(error(Call::SendTo, outcome)),
        }
    }
    fn shutdown(&mut self, socket: &mut N::Socket, half: Half) -> Result<()> {
        self.fails(Call::Shutdown)?;
        self.below.shutdown(socket, half)
    }
    fn take_error(&mut self, socket: &mut N::Socket) -> Result<Option<Error>> {
        match self.strike(Call::TakeError) {
            None => self.below.take_error(socket),
            Some(Outcome::Disconnected) => Ok(Some(error(Call::TakeError, Outcome::Disconnected))),
            Some(outcome) => Err(error(Call::TakeError, outcome)),
        }
    }
}

/// A backend over a [`Faulty`] net whose registrations fail on order.
#[derive(Debug, Default)]
pub struct FaultyBackend<B>(pub B);

impl<B: Open> Open for FaultyBackend<B> {
    fn open() -> Result<Self> {
        B::open().map(Self)
    }
}

impl<N: Net, B: Backend<Faulty<N>>> Backend<Faulty<N>> for FaultyBackend<B> {
    fn register(&mut self, net: &mut Faulty<N>, socket: &N::Socket, key: Key, interest: Interest) -> Result<()> {
        net.fails(Call::Register)?;
        self.0.register(net, socket, key, interest)
    }
    fn reregister(&mut self, net: &mut Faulty<N>, socket: &N::Socket, key: Key, interest: Interest) -> Result<()> {
        net.fails(Call::Reregister)?;
        self.0.reregister(net, socket, key, interest)
    }
    fn deregister(&mut self, net: &mut Faulty<N>, socket: &N::Socket, key: Key) -> Result<()> {
        self.0.deregister(net, socket, key)
    }
    fn wait(&mut self, net: &mut Faulty<N>, timeout: Option<Duration>) -> Result<usize> {
        self.0.wait(net, timeout)
    }
    fn next(&mut self) -> Option<Fired> {
        self.0.next()
    }
    fn now(&mut self, net: &Faulty<N>) -> Instant {
        self.0.now(net)
    }
    fn name(&self) -> &'static str {
        self.0.name()
    }
}
