//! Runs the suite and tells what came of it.

use std::process::ExitCode;

mod program;

fn main() -> ExitCode {
    program::main()
}
