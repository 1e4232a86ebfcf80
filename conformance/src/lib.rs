#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod contract;
mod in_order;
pub mod matrix;
mod peers;
mod probe;
pub mod scenario;
mod story;
pub mod suite;

pub use probe::{Probe, Transcript, World};
pub use scenario::Scenario;
pub use story::{agrees, tell};
pub use suite::{Backing, Suite};
