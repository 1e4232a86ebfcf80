//! An echo server that stands on the kernel alone: no std, no heap, no libc, and no way to panic.
//!
//! [`echo`] is the server, safe code throughout and the same everywhere. The programs beside it name a backend and a place for
//! its memory. [`inet`] is the net, in [`kernel`]'s system calls; [`ground`] is what a C library would do otherwise.

#![no_std]

pub mod echo;
pub mod ground;
pub mod inet;
pub mod kernel;
