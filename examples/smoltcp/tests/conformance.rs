//! The suite over smoltcp, on its loopback device and a clock that stands still until somebody waits.

mod host;

use host::Host;
use stheno_conformance::{Backing, Need, suite};
use stheno_smoltcp::Watch;

/// What it lacks is a fresh socket under the listener, which only the last of the line can miss: `tests/line.rs` shows that.
const LET_IN: &str = "whoever waits in line has a socket of the stack, so that letting it in takes none";

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
        .leaving_out("scenario/big-cross-plain", "it tells of a network that takes 300,000 bytes at once")
        .leaving_out("contract/want-of-sockets-keeps-the-caller-in-line", LET_IN)
        .leaving_out("contract/want-of-descriptors-rests-the-listener", LET_IN)
}

suite!(conforms, smoltcp());

/// What the stack lacks it really lacks: nothing is declared for convenience.
#[test]
fn nothing_is_declared_needlessly() {
    assert_eq!(stheno_conformance::needless(&smoltcp()), Vec::<String>::new());
}
