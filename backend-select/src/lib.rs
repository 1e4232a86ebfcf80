#![no_std]
#![deny(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(feature = "alloc")]
extern crate alloc;

mod memory;
mod select;
mod sets;
mod system;

#[cfg(feature = "alloc")]
pub use memory::Heap;
pub use memory::{Fixed, Memory};
pub use select::Select;
pub use sets::BITS;
