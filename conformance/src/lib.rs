#![cfg_attr(feature = "std", doc = include_str!("../README.md"))]
#![cfg_attr(not(feature = "std"), doc = "A simulated network: see [`sim`]. The suite needs the feature `std`.")]
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

#[cfg(feature = "std")]
pub mod contract;
#[cfg(feature = "std")]
pub mod facts;
#[cfg(feature = "alloc")]
pub mod faults;
#[cfg(feature = "std")]
pub mod ground;
#[cfg(feature = "std")]
mod in_order;
#[cfg(feature = "std")]
mod judge;
#[cfg(feature = "std")]
pub mod matrix;
#[cfg(feature = "std")]
mod probe;
#[cfg(feature = "std")]
pub mod report;
#[cfg(feature = "std")]
pub mod run;
#[cfg(feature = "std")]
pub mod scenario;
pub mod sim;
#[cfg(feature = "std")]
mod story;
#[cfg(feature = "std")]
pub mod suite;
#[cfg(feature = "std")]
mod sum;
#[cfg(feature = "std")]
mod telling;
#[cfg(feature = "std")]
mod walk;

#[cfg(feature = "std")]
pub use ground::{Ground, Loopback, Need, Sign, in_a_thread};
#[cfg(feature = "std")]
pub use judge::{assert_conforms, assert_declared, conform, diverges, needless};
#[cfg(feature = "std")]
pub use probe::{Probe, Transcript, World};
#[cfg(feature = "std")]
pub use run::{Observer, Settings};
#[cfg(feature = "std")]
pub use scenario::Scenario;
#[cfg(feature = "std")]
pub use story::{agrees, tell, witness};
#[cfg(feature = "std")]
pub use suite::{Backing, Part, Suite};
#[cfg(feature = "std")]
pub use telling::{Telling, Wait};
#[cfg(feature = "std")]
pub use walk::walk;
