//! Does one of Stheno's parts so many times, for a tool that counts what that takes.

use std::io::{self, Write};
use std::process::ExitCode;

use stheno_rivals::parts::ALL;

const HELP: &str = "\
Does one of Stheno's parts again and again.

Usage: parts [NAME TIMES]

Without a name it lists the parts, and how many of what is counted each does at a time.";

fn run() -> Result<(), Box<dyn std::error::Error>> {
    match &std::env::args().skip(1).collect::<Vec<_>>()[..] {
        [] => {
            for part in ALL {
                writeln!(io::stdout(), "{}\t{}", part.of, part.name)?;
            }
            Ok(())
        }
        [name, times] => {
            let part = ALL.iter().find(|part| part.name == name).ok_or_else(|| format!("there is no part {name:?}"))?;
            let times: u64 = times.parse()?;
            let mut again = (part.set_up)()?;
            (0..times).for_each(|_| again());
            Ok(())
        }
        [help] if help == "--help" || help == "-h" => Ok(writeln!(io::stdout(), "{HELP}")?),
        _ => Err("a name and a number are needed (--help)".into()),
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("parts: {why}");
            ExitCode::FAILURE
        }
    }
}
