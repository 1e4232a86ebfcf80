//! What the network does to what is sent.

use core::time::Duration;

/// What a socket's way into the network is like: how long what it sends takes, and what becomes of it on the way; and how
/// much the socket itself takes in.
///
/// A plain value: take [`PLAIN`](Self::PLAIN) or [`ROUGH`](Self::ROUGH) and change what the test is about. Rates are per
/// mille, and 1000 or more is always.
///
/// ```
/// use core::time::Duration;
/// use stheno_conformance::sim::{Link, Sim};
/// let mut net = Sim::seeded(7);
/// net.set_link(Link { latency: Duration::from_millis(20), segment: Some((1, 3)), ..Link::PLAIN });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    /// How long what is sent is under way, at least.
    pub latency: Duration,
    /// How much longer it may take; drawn anew each time. Streams stay in order.
    pub jitter: Duration,
    /// Least and most bytes of a stream that arrive together; `None` is as many as were sent. Between two of them there is
    /// a nanosecond at least, and the jitter at most.
    pub segment: Option<(usize, usize)>,
    /// How many bytes of a stream a socket takes in before its peer has to wait; never less than 1. What is under way
    /// counts. Memory of fixed size may hold fewer.
    pub window: usize,
    /// How many datagrams wait in a socket; those that come when it is full are lost. Never less than 1.
    pub inbox: usize,
    /// How many datagrams of a thousand are lost.
    pub loss: u16,
    /// How many datagrams of a thousand come twice.
    pub duplication: u16,
    /// How many datagrams of a thousand are held up, so that later ones may pass them.
    pub reordering: u16,
}

impl Link {
    /// What a loopback is like: everything arrives at once, and whole.
    pub const PLAIN: Self = Self {
        latency: Duration::ZERO,
        jitter: Duration::ZERO,
        segment: None,
        window: 1 << 16,
        inbox: 256,
        loss: 0,
        duplication: 0,
        reordering: 0,
    };

    /// What a bad line is like: slow, uneven, narrow, in small pieces, and careless with datagrams.
    pub const ROUGH: Self = Self {
        latency: Duration::from_millis(5),
        jitter: Duration::from_millis(20),
        segment: Some((1, 120)),
        window: 1_000,
        inbox: 16,
        loss: 50,
        duplication: 50,
        reordering: 100,
    };
}

impl Default for Link {
    fn default() -> Self {
        Self::PLAIN
    }
}

/// What became of datagrams and of deeds, counted since the beginning.
///
/// `sent + duplicated` is `lost + overflowed + undeliverable`, plus what was received, waits or is under way.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Count {
    /// Datagrams that were sent.
    pub sent: u64,
    /// Those that were lost on the way.
    pub lost: u64,
    /// Those of which a second one was made.
    pub duplicated: u64,
    /// Those that were held up.
    pub reordered: u64,
    /// Those that found an inbox full.
    pub overflowed: u64,
    /// Those that found nobody, and those that nobody had received when their socket was closed.
    pub undeliverable: u64,
    /// Deeds that failed when their time came; see [`take_failure`](super::Network::take_failure).
    pub failed_deeds: u64,
}
