//! The net's contract, clause by clause: each operation asked without a loop, and where readiness is a part of the promise
//! with a backend.

use std::fmt::Debug;
use std::time::Duration;

use stheno::{Backend, ErrorKind, Kind, Open, Received};

use super::support::{PATIENCE, hold, same};
use super::{Case, Failure, Verdict};
use crate::ground::{Family, Ground, Sign};

mod accepting;
mod blocking;
mod connecting;
mod datagrams;
mod failures;
mod receiving;
mod sending;
mod sockets;

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    [
        blocking::cases::<G, B>(),
        failures::cases::<G>(),
        receiving::cases::<G>(),
        datagrams::cases::<G>(),
        sending::cases::<G>(),
        connecting::cases::<G, B>(),
        accepting::cases::<G>(),
        sockets::cases::<G>(),
    ]
    .concat()
}

/// Holds where an operation failed, and was given this kind.
fn fails<T: Debug>(what: &str, came: stheno::Result<T>, kind: ErrorKind) -> Verdict {
    match came {
        Err(why) if why.kind() == kind => hold(!why.text().is_empty(), || format!("{what}: it does not say why")),
        came => Err(format!("{what}: expected an error of kind {kind:?}, came {came:?}").into()),
    }
}

/// A listening socket that the net itself made, and where it is.
fn listener<G: Ground>(net: &mut G, backlog: u32) -> Result<(G::Socket, G::Address), Failure> {
    let anywhere = G::anywhere(Family::Inet)?;
    let mut door = net.socket(Kind::Stream, &anywhere)?;
    net.set_reuse_address(&mut door)?;
    net.bind(&mut door, &anywhere)?;
    net.listen(&mut door, backlog)?;
    let at = net.local_address(&door)?;
    Ok((door, at))
}

/// The next caller, who is on its way.
fn next_caller<G: Ground>(net: &mut G, door: &mut G::Socket) -> Result<(G::Socket, G::Address), Failure> {
    let until = net.clock() + PATIENCE;
    loop {
        if let Some(caller) = net.accept(door)? {
            return Ok(caller);
        }
        hold(net.clock() < until, || format!("nobody called within {PATIENCE:?}"))?;
        net.pass(Duration::from_millis(1));
    }
}

/// Both ends of a connection, each a socket that the net itself made: who called, and who was accepted.
fn connection<G: Ground>(net: &mut G) -> Result<(G::Socket, G::Socket), Failure> {
    let (mut door, at) = listener(net, 4)?;
    let mut caller = net.socket(Kind::Stream, &at)?;
    net.connect(&mut caller, &at)?;
    let (guest, _) = next_caller(net, &mut door)?;
    same("the caller's error", net.take_error(&mut caller)?, None)?;
    net.close(door);
    Ok((caller, guest))
}

/// What a stream gives, so many bytes at a time, and what came after it: nothing for now, the end, or an error.
fn recv_all<G: Ground>(
    net: &mut G,
    socket: &mut G::Socket,
    chunk: usize,
) -> Result<(Vec<u8>, stheno::Result<Received>), Failure> {
    let (mut all, mut some) = (Vec::new(), vec![0; chunk]);
    loop {
        match net.recv(socket, &mut some) {
            Ok(Received::Data(0)) => return Err("a stream gave no bytes, and neither would block nor ended".into()),
            Ok(Received::Data(n)) => all.extend(&some[..n]),
            last => return Ok((all, last)),
        }
    }
}

/// Waits until this has come to a socket, and takes it.
fn comes<G: Ground>(net: &mut G, socket: &mut G::Socket, expected: &[u8]) -> Verdict {
    let mut all: Vec<u8> = Vec::new();
    while all.len() < expected.len() {
        net.reached(socket, &[Sign::Data])?;
        let (some, last) = recv_all(net, socket, 64)?;
        all.extend(&some);
        if last != Ok(Received::WouldBlock) && all.len() < expected.len() {
            return Err(format!("expected {expected:?}, came {all:?} and then {last:?}").into());
        }
    }
    same("what came", &*all, expected)
}

/// Bytes of which each tells where it belongs.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}
