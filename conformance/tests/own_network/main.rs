//! The whole suite on a network and a backend that are not Stheno's own: a small stack in C's manner, with sixteen sockets
//! and a `select` that says of an error that everything is ready, as lwIP's does.
//!
//! `stack` plays the C library; `net` and `backend` are what a port has to write, and this file is what makes the suite run.
#![cfg(target_os = "linux")]

mod backend;
mod net;
mod stack;

use std::time::Duration;

use backend::Select;
use net::{Handle, Small};
use std::net::{Ipv4Addr, SocketAddr};
use stheno::Instant;
use stheno_conformance::contract::Failure;
use stheno_conformance::ground::Later;
use stheno_conformance::{Backing, Loopback, Need, Sign, in_a_thread, suite};

impl Loopback for Small {
    fn open() -> Result<Self, Failure> {
        Ok(Self)
    }

    fn anywhere() -> SocketAddr {
        (Ipv4Addr::LOCALHOST, 0).into()
    }

    fn shows(&mut self, socket: &Handle, sign: Sign) -> Result<bool, Failure> {
        Ok(stack::shows(socket.number(), sign)?)
    }

    fn clock(&self) -> Instant {
        stack::now()
    }

    fn cut(&mut self, socket: Handle) -> Result<(), Failure> {
        Ok(stack::cut(socket.number())?)
    }

    fn later(after: Duration, peer: Handle, data: &'static [u8]) -> Result<Later<Self>, Failure> {
        Ok(in_a_thread::<Self>(after, peer, data))
    }
}

fn small_stack() -> Backing {
    Backing::on::<Small, Select>("small stack")
        .one_at_a_time()
        .with_at_most(stack::MOST, "the stack has that many, far ends included")
        .without(Need::Urgent, "the stack knows no urgent data")
        .without(Need::LocalPairs, "the stack has no socketpair")
        .without(Need::Windows, "the stack's buffers are as they are")
        .without(Need::Inet6, "the stack was built without it")
        .without(Need::ClosedBehind, "a handle is closed by its owner alone")
        .without(Need::Waker, "the port has no bell yet")
}

suite!(conforms, small_stack());

/// What the stack lacks it really lacks: nothing is declared for convenience.
#[test]
fn nothing_is_declared_needlessly() {
    assert_eq!(stheno_conformance::needless(&small_stack()), Vec::<String>::new());
}
