//! Echo servers that do the same thing on different grounds: sends back what it receives, and ends when its last client has
//! left.

mod on_calloop;
mod on_epoll;
mod on_mio;
mod on_poll;
mod on_polling;
mod on_select;
mod on_stheno;
mod on_tokio;

use std::io::{self, Write};
use std::net::TcpListener;
use std::process::ExitCode;

use stheno_rivals::{alone, echo};

const HELP: &str = "\
Sends back what it receives, until its last client has left.

Usage: echo --kind NAME [--processor N]

  --kind NAME    floor-epoll, floor-poll, floor-select, stheno-epoll, stheno-poll, stheno-select, mio, polling, calloop
                 or tokio
  --processor N  run on this processor, and wait for its turn there (SCHED_BATCH)
  --help         this text";

type Failure = Box<dyn std::error::Error>;
type Serve = fn(TcpListener) -> Result<(), Failure>;

const KINDS: [(&str, Serve); 10] = [
    ("floor-epoll", on_epoll::serve),
    ("floor-poll", on_poll::serve),
    ("floor-select", on_select::serve),
    ("stheno-epoll", on_stheno::serve::<stheno::Epoll>),
    ("stheno-poll", on_stheno::serve::<stheno::Poll>),
    ("stheno-select", on_stheno::serve::<stheno::Select>),
    ("mio", on_mio::serve),
    ("polling", on_polling::serve),
    ("calloop", on_calloop::serve),
    ("tokio", on_tokio::serve),
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("echo: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let (mut kind, mut processor) = (None, None);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        use lexopt::prelude::*;
        match arg {
            Long("kind") => kind = Some(args.value()?.string()?),
            Long("processor") => processor = Some(args.value()?.parse()?),
            Long("help") | Short('h') => return Ok(writeln!(io::stdout(), "{HELP}")?),
            arg => return Err(arg.unexpected().into()),
        }
    }
    let kind = kind.ok_or("which server? --kind NAME (--help lists them)")?;
    let serve = KINDS.iter().find(|(name, _)| *name == kind);
    let (_, serve) = serve.ok_or_else(|| format!("there is no server {kind:?} (--help lists them)"))?;
    if let Some(processor) = processor {
        alone::on_processor(processor)?;
    }
    stheno::raise_descriptor_limit()?;
    let door = TcpListener::bind("127.0.0.1:0")?;
    // Std lets 128 callers wait; calling listen again sets another number.
    rustix::net::listen(&door, echo::BACKLOG)?;
    door.set_nonblocking(true)?;
    println!("listening on {} as process {}", door.local_addr()?, std::process::id());
    serve(door)
}
