//! See `stheno_fuzz::framing`.
#![cfg_attr(fuzzing, no_main)]

stheno_fuzz::target!(framing);
