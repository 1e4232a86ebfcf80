//! What the loop does, on a net in memory that asserts what the loop owes it: each file is about one thing.
#[path = "../actor/mod.rs"]
mod actor;
#[path = "../memory/mod.rs"]
mod memory;

mod at_once;
mod chat;
mod closing;
mod connecting;
mod counters;
mod datagrams;
mod deadlines;
mod drain;
#[cfg(feature = "embedded-io")]
mod embedded_io;
mod errors;
mod framing;
mod half_close;
mod interests;
mod interrupted;
mod keys;
mod layers;
mod lending;
mod listening;
mod loans_of_two_kinds;
mod loops;
mod one_slice;
mod order;
mod outboxes;
mod pressure;
mod producers;
mod seen;
mod sending;
mod shared;
mod silence;
mod tables;
mod timers;
mod trace;
mod untimed;
mod vectored;

use std::time::Duration;

/// For a turn that only looks.
const NO_WAIT: Option<Duration> = Some(Duration::ZERO);

const fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}
