//! See `stheno_fuzz::turns`.
#![cfg_attr(fuzzing, no_main)]

stheno_fuzz::target!(turns);
