//! Serves the files below a folder, and tells at `/status` what the loop does meanwhile.
//!
//! | file | what it does |
//! |---|---|
//! | `main.rs` | reads the options, opens the door, turns, and drains when it is asked to end |
//! | `client.rs` | one connection: requests in, answers out, and a deadline for each phase |
//! | `request.rs` | what a request asks for, or what is wrong with it |
//! | `answer.rs` | what is said to it |
//! | `files.rs` | from a path to an open file, and nowhere else |
//! | `select.rs` | which part of a file, and whether it is needed at all |
//! | `status.rs` | the loop's counters as a page and as JSON |
//!
//! Nothing here is unbounded. A connection has 8 KiB for requests and 16 KiB for answers, and no more than one file open; a
//! file of any size passes through those 16 KiB. Who does not read is not read from, who takes too long is cut off, and
//! once the table is full callers wait in line with the system.
//!
//! Files are read while the loop waits, as the system calls for them always wait for the disk: 16 KiB at a time, so that
//! others have their turn in between.

mod answer;
mod client;
mod files;
mod options;
mod request;
mod select;
mod status;

use std::error::Error as StdError;
use std::io::{Write, stdout};
use std::num::NonZero;
use std::process::ExitCode;
use std::time::Instant;

use stheno::{AnyBackend, Backend, EventLoop, Open, Os, With, raise_descriptor_limit, waker};

use client::{Http, Server};
use files::Root;
use options::Options;

fn main() -> ExitCode {
    let done = Options::from_env().and_then(|options| match options {
        Some(options) => serve(&options),
        None => Ok(writeln!(stdout(), "{}", options::HELP)?),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("http_server: {why}");
            ExitCode::FAILURE
        }
    }
}

fn serve(options: &Options) -> Result<(), Box<dyn StdError>> {
    let root = Root::open(&options.root)?;
    let descriptors = raise_descriptor_limit()?;
    let most = options.max_connections.map_or_else(|| options::most_connections(descriptors), NonZero::get);

    let backend = options.backend.map_or_else(AnyBackend::open, AnyBackend::named)?;
    let server = Server {
        root,
        backend: Backend::<Os>::name(&backend),
        began: Instant::now(),
        timeouts: options.timeouts,
        max_requests: options.max_requests.get(),
        requests: 0,
        cut_off: 0,
    };
    let net = With { below: Os, shared: server };
    let mut events: EventLoop<Http, _, AnyBackend> = EventLoop::with_parts(net, backend, Vec::new());
    // Beside the connections there are the door and the waker.
    events.set_limit(most.saturating_add(2));
    events.set_byte_budget(64 * 1024);
    let door = events.listen((options.host, options.port), Http::Door)?;

    let waker = waker(&mut events)?;
    ctrlc::set_handler(move || waker.stop().unwrap_or_else(|why| eprintln!("cannot stop: {why}")))?;
    let at = events.channel(door)?.1.local_address()?;
    let backend = events.net().shared.backend;
    writeln!(stdout(), "listening on {at} ({backend}, up to {most} connections): http://{at}/")?;
    events.run()?;

    // The first signal ended the run; a second one ends the drain.
    let time = options.timeouts.drain;
    writeln!(stdout(), "finishing the answers under way, for {time:?} at most; once more to end at once")?;
    events.drain(time)?;
    writeln!(stdout(), "ended; {} were cut off", events.net().shared.cut_off)?;
    Ok(())
}
