//! Measures Stheno beside bare loops and its neighbours, and prints tables.

mod counts;
mod draw;
mod echoes;
mod figures;
mod idle;
mod kinds;
mod ledger;
mod programs;
mod ring;
mod table;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use programs::Programs;
use stheno_rivals::alone;

const HELP: &str = "\
Measures Stheno beside bare loops and its neighbours, and prints tables.

Usage: bench [--part NAME]… [--kind NAME]… [--rounds N] [--processor N] [--draw FOLDER]
       bench --check | --accept

  --part NAME    echo, memory, idle or ring; several may be named (default: all)
  --kind NAME    measure this server; several may be named (default: all)
  --rounds N     measure times so often, all servers in turn, and tell the median (default: 5)
  --processor N  run server and load on this processor (default: the last one)
  --draw FOLDER  draw the curves of the part idle into this folder
  --check        compare instruction counts of parts and servers with those in instructions.md; fails where one has grown
                 by more than 3 %
  --accept       write instructions.md anew
  --help         this text

System calls are counted where there is strace, instructions where there is valgrind.";

type Failure = Box<dyn std::error::Error>;

type Part = fn(&Plan<'_>) -> Result<(), Failure>;

const PARTS: [(&str, Part); 4] =
    [("echo", echoes::cost), ("memory", echoes::memory), ("idle", idle::cost), ("ring", ring::cost)];

/// What is to be measured.
struct Plan<'a> {
    programs: Programs,
    kinds: Vec<&'a str>,
    rounds: usize,
    strace: bool,
    valgrind: bool,
    draw: Option<PathBuf>,
}

impl<'a> Plan<'a> {
    /// The servers, with another one first in each round, so that none always follows the same.
    fn in_turn(&self, round: usize) -> impl Iterator<Item = &'a str> {
        self.kinds.iter().copied().cycle().skip(round % self.kinds.len()).take(self.kinds.len())
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let (mut parts, mut kinds, mut rounds) = (Vec::new(), Vec::new(), 5);
    let mut processor = std::thread::available_parallelism()?.get() - 1;
    let (mut draw, mut on_ledger) = (None, None);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        use lexopt::prelude::*;
        match arg {
            Long("part") => parts.push(args.value()?.string()?),
            Long("kind") => kinds.push(args.value()?.string()?),
            Long("rounds") => rounds = args.value()?.parse()?,
            Long("processor") => processor = args.value()?.parse()?,
            Long("check") => on_ledger = Some(ledger::check as fn(&Programs) -> Result<(), Failure>),
            Long("accept") => on_ledger = Some(ledger::accept),
            Long("draw") => draw = Some(PathBuf::from(args.value()?)),
            Long("help") | Short('h') => return Ok(writeln!(io::stdout(), "{HELP}")?),
            arg => return Err(arg.unexpected().into()),
        }
    }
    if rounds == 0 {
        return Err("--rounds is 1 at the least".into());
    }
    for (what, name, known) in (parts.iter().map(|part| ("part", part, PARTS.map(|(name, _)| name).to_vec())))
        .chain(kinds.iter().map(|kind| ("server", kind, kinds::ALL.to_vec())))
    {
        if !known.contains(&name.as_str()) {
            return Err(format!("there is no {what} {name:?}; there are {}", known.join(", ")).into());
        }
    }
    if let Some(folder) = &draw {
        std::fs::create_dir_all(folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    }
    let wanted = |names: &[String], name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let (strace, valgrind) = (is_there("strace"), is_there("valgrind"));
    let kinds = kinds::ALL.into_iter().filter(|kind| wanted(&kinds, kind)).collect();
    if !alone::may_be_first() {
        println!(
            "not allowed to keep servers from running while the load sends (SCHED_FIFO): some rounds come in parts"
        );
    }
    let programs = Programs::build(processor, valgrind)?;
    if let Some(on_ledger) = on_ledger {
        return if valgrind { on_ledger(&programs) } else { Err("instructions are counted by valgrind".into()) };
    }
    let plan = Plan { programs, kinds, rounds, strace, valgrind, draw };
    for (name, part) in PARTS {
        if wanted(&parts, name) {
            part(&plan)?;
        }
    }
    Ok(())
}

/// Whether a tool is installed; that it is not is said.
fn is_there(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        println!("skipped: {tool} is not installed");
    }
    found
}
