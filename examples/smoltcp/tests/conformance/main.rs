//! The suite over smoltcp, on its loopback device and a clock that stands still until somebody waits.

mod host;

use host::Host;
use stheno_conformance::{Backing, Need, suite};
use stheno_smoltcp::Watch;

fn smoltcp() -> Backing {
    Backing::on::<Host, Watch<16>>("smoltcp")
        .with_at_most(host::SOCKETS as u32, "the stack has that many, far ends included")
        .without(Need::Urgent, "smoltcp ignores the urgent pointer")
        .without(Need::Datagrams, "the port has streams alone")
        .without(Need::DatagramErrors, "the port has streams alone")
        .without(Need::LocalPairs, "smoltcp has no socketpair")
        .without(Need::ClosedBehind, "a socket is closed by its owner alone")
        .without(Need::Backlog, "smoltcp refuses whom no socket listens for")
        .without(Need::Later, "no other thread can reach the stack")
        .without(Need::Waker, "no other thread can reach the stack")
        .without(Need::TwoLoops, "a stack is one loop's own")
}

suite!(conforms, smoltcp());

/// What the stack lacks it really lacks: nothing is declared for convenience.
#[test]
fn nothing_is_declared_needlessly() {
    assert_eq!(stheno_conformance::needless(&smoltcp()), Vec::<String>::new());
}
