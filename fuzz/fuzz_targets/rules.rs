//! See `stheno_fuzz::rules`.
#![cfg_attr(fuzzing, no_main)]

stheno_fuzz::target!(rules);
