#![no_std]
#![deny(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(feature = "alloc")]
extern crate alloc;

mod always;
mod batch;
mod epoll;
mod system;
mod ticket;

pub use always::AlwaysReady;
pub use epoll::Epoll;
