//! Stheno on a Cortex-M3 with 256 KiB of flash and 64 KiB of RAM, an LM3S6965.
//!
//! What is told and asked here knows nothing of the board, so that the host runs it as well, and says the same.
#![no_std]

#[cfg(target_os = "none")]
pub mod board;
#[cfg(not(target_os = "none"))]
pub mod host;
pub mod parts;
pub mod server;
#[cfg(feature = "stories")]
pub mod stories;
pub mod tally;
