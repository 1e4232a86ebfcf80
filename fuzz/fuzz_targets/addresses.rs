//! See `stheno_fuzz::addresses`.
#![cfg_attr(fuzzing, no_main)]

stheno_fuzz::target!(addresses);
