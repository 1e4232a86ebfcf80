//! What the host has in the board's place.

extern crate std;

use core::fmt;
use std::io::Write;
use std::process::ExitCode;

use crate::tally::Tally;

/// The standard output.
#[derive(Clone, Copy, Debug)]
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        std::io::stdout().write_all(text.as_bytes()).map_err(|_| fmt::Error)
    }
}

/// Says what came of it.
pub fn ends(told: Result<Tally, fmt::Error>) -> ExitCode {
    let Ok(tally) = told else { return ExitCode::FAILURE };
    std::println!("{tally}");
    if tally.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
