#![cfg_attr(feature = "std", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "std"),
    doc = "A simulated network: see [`sim`]. With the feature `alloc` it tells stories; the rest of the suite needs `std`."
)]
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

#[cfg(feature = "std")]
pub mod contract;
mod draw;
#[cfg(feature = "std")]
pub mod facts;
#[cfg(feature = "alloc")]
pub mod faults;
#[cfg(feature = "alloc")]
pub mod ground;
#[cfg(feature = "alloc")]
mod in_order;
#[cfg(feature = "std")]
mod judge;
#[cfg(feature = "std")]
pub mod matrix;
#[cfg(feature = "alloc")]
mod probe;
#[cfg(feature = "std")]
pub mod report;
#[cfg(feature = "std")]
pub mod run;
#[cfg(feature = "alloc")]
pub mod scenario;
pub mod sim;
#[cfg(feature = "alloc")]
mod story;
#[cfg(feature = "std")]
pub mod suite;
#[cfg(feature = "alloc")]
mod sum;
#[cfg(feature = "alloc")]
mod telling;
#[cfg(feature = "std")]
mod walk;

#[cfg(feature = "alloc")]
pub use ground::{Ground, Need, Sign};
#[cfg(feature = "std")]
pub use ground::{Loopback, in_a_thread};
#[cfg(feature = "std")]
pub use judge::{assert_conforms, assert_declared, conform, diverges, needless};
#[cfg(feature = "alloc")]
pub use probe::{Probe, Transcript, World};
#[cfg(feature = "std")]
pub use run::{Observer, Settings};
#[cfg(feature = "alloc")]
pub use scenario::Scenario;
#[cfg(feature = "alloc")]
pub use story::{agrees, tell, witness};
#[cfg(feature = "std")]
pub use suite::{Backing, Part, Suite};
#[cfg(feature = "alloc")]
pub use telling::{Telling, Wait};
#[cfg(feature = "std")]
pub use walk::walk;
