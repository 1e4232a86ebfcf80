//! See `stheno_fuzz::deadlines`.
#![cfg_attr(fuzzing, no_main)]

stheno_fuzz::target!(deadlines);
