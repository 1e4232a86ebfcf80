//! What is fuzzed: a module for each target, with one function that takes any bytes and panics where something is wrong.
//!
//! None of it needs nightly. The targets in `fuzz_targets/` hand these functions to libFuzzer, and `tests/corpus.rs` plays
//! them the inputs that are kept in `corpus/`.

pub mod addresses;
pub mod buffer;
pub mod deadlines;
pub mod framing;
#[path = "../../core/tests/memory/mod.rs"]
#[allow(missing_docs)]
mod memory;
pub mod rules;
pub mod scenarios;
pub mod tape;
pub mod turns;

/// A target: its name, and what it does with some bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target there is.
pub const TARGETS: [Target; 7] = [
    ("addresses", addresses::run),
    ("buffer", buffer::run),
    ("deadlines", deadlines::run),
    ("framing", framing::run),
    ("rules", rules::run),
    ("scenarios", scenarios::run),
    ("turns", turns::run),
];

/// Plays files, and says so: what a target does without libFuzzer.
pub fn play(run: fn(&[u8])) -> std::io::Result<()> {
    for file in std::env::args_os().skip(1) {
        let bytes = std::fs::read(&file)?;
        println!("{}: {} bytes", file.display(), bytes.len());
        run(&bytes);
    }
    Ok(())
}

/// The program of a target: libFuzzer's under cargo-fuzz, one that plays files otherwise.
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $crate::$name::run(bytes));

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            $crate::play($crate::$name::run)
        }
    };
}
