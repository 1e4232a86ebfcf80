#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod backend;
pub mod buffer;
mod channel;
pub mod chat;
mod counters;
mod deadline;
mod diagnostics;
mod dispatcher;
#[cfg(feature = "embedded-io")]
pub mod embedded;
mod error;
mod event_loop;
mod firing;
#[cfg(feature = "defmt")]
mod format;
pub mod imply;
mod interest;
mod io;
mod key;
mod layer;
pub mod net;
mod outbox;
pub mod pool;
mod producer;
mod reach;
mod slot;
mod stage;
mod state;
pub mod storage;
mod time;
pub mod trace;
#[cfg(target_has_atomic = "8")]
pub mod waker;

pub use backend::{Backend, Fired, Open};
pub use buffer::Buffer;
pub use channel::{Channel, Guest};
#[cfg(feature = "counters")]
pub use counters::Counters;
pub use dispatcher::{Dispatcher, Eof, Reason};
pub use error::{Error, ErrorKind, Result};
pub use event_loop::{EventLoop, Next, Turn};
pub use interest::{Interest, Readiness};
pub use io::Io;
pub use key::Key;
pub use layer::{Layer, Untimed, With};
pub use net::{Datagram, Half, Kind, Net, Received};
pub use outbox::{Outbox, Watermark};
pub use pool::{Lending, Loan};
pub use producer::{Produced, Producer, Refused};
pub use reach::Reach;
pub use slot::Slot;
pub use state::{Shut, State};
pub use storage::Storage;
pub use time::Instant;
