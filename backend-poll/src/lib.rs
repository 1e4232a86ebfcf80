#![no_std]
#![deny(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(feature = "alloc")]
extern crate alloc;

mod entries;
mod memory;
mod poll;
mod system;

pub use entries::{Entries, vacant};
#[cfg(feature = "alloc")]
pub use memory::Heap;
#[cfg(feature = "heapless")]
pub use memory::Heapless;
pub use memory::{Fixed, Lent, Memory, Place};
pub use poll::Poll;
