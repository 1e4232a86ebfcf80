//! See `stheno_fuzz::buffer`.
#![cfg_attr(fuzzing, no_main)]

stheno_fuzz::target!(buffer);
