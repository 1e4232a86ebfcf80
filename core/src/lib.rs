#![no_std]
#![forbid(unsafe_code)]
//! x
#[cfg(feature = "alloc")]
extern crate alloc;
pub mod backend;
mod error;
mod interest;
mod key;
mod layer;
pub mod net;
mod state;
pub mod storage;
mod time;
pub use backend::{Backend, Fired, Open};
pub use error::{Error, ErrorKind, Result};
pub use interest::{Interest, Readiness};
pub use key::Key;
pub use layer::{Layer, With};
pub use net::{Datagram, Half, Kind, Net, Received};
pub use state::{Shut, State};
pub use storage::Storage;
pub use time::Instant;
