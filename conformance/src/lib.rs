#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod contract;
pub mod facts;
pub mod ground;
mod in_order;
pub mod matrix;
mod probe;
pub mod scenario;
mod story;
pub mod suite;
mod sum;
mod walk;

pub use ground::{Ground, Need};
pub use probe::{Probe, Transcript, World};
pub use scenario::Scenario;
pub use story::{agrees, tell};
pub use suite::{Backing, Suite};
pub use walk::walk;
