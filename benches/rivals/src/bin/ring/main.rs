//! The package's example `ring` on bare loops and on Stheno's neighbours.

mod bare;
mod neighbours;

use std::io::{self, Write};
use std::process::ExitCode;

use stheno_rivals::ring::Options;

const HELP: &str = "\
Sends bytes around a ring of pipes, and prints the median time of a round in microseconds.

Usage: ring [--n N] [--active A] [--writes W] [--rounds R] [--kind pipe|pair|eventfd] [--backend NAME]

  --n N           watch so many pipes (default: 100)
  --active A      begin a round with a byte in each of so many, evenly spread (default: 1)
  --writes W      pass bytes on so many times in a round (default: 100)
  --rounds R      measure so many rounds, after one that is not (default: 25)
  --kind KIND     pipes, pairs of sockets, or eventfds, which are descriptors that count (default: pipe)
  --backend NAME  floor-epoll, floor-poll, floor-select, mio, polling or calloop (default: floor-epoll)
  --help          this text";

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let Some(options) = Options::from_env(HELP)? else { return Ok(()) };
    let median = match &*options.backend {
        "floor-epoll" => options.play::<bare::OnEpoll>(),
        "floor-poll" => options.play::<bare::OnPoll>(),
        "floor-select" => options.play::<bare::OnSelect>(),
        "mio" => options.play::<neighbours::OnMio>(),
        "polling" => options.play::<neighbours::OnPolling>(),
        "calloop" => options.play::<neighbours::OnCalloop>(),
        other => Err(format!("there is no backend {other:?} (--help lists them)").into()),
    }?;
    Ok(writeln!(io::stdout(), "{median:.1}")?)
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("ring: {why}");
            ExitCode::FAILURE
        }
    }
}
