//! See `stheno_fuzz::scenarios`.
#![cfg_attr(fuzzing, no_main)]

stheno_fuzz::target!(scenarios);
