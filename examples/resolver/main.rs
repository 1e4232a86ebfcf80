//! Asks a name server for the addresses of names, many at once.
//!
//! Each question is a channel: a datagram socket of its own that is connected to the server, so that its port is one more
//! thing to be guessed by whoever would forge an answer, and the system tells where there is no server instead of keeping
//! silent about it. See `query.rs` for what a question does.

mod query;

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::io::{Write, stdout};
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Duration;

use simple_dns::TYPE;
use stheno::{Address, AnyBackend, EventLoop, Open, Os, With, waker};

use query::{Query, Work, World};

const HELP: &str = "\
Asks a name server for the addresses of names, many at once.

Usage: resolver [--server ADDRESS] [--timeout MS] [--tries N] [--at-once N] [-4 | -6] NAME ...

  --server ADDRESS  192.0.2.1, 192.0.2.1:53 or [2001:db8::1]:53 (default: the first one in /etc/resolv.conf)
  --timeout MS      how long to wait for an answer before asking again; twice as long each time (default: 1000)
  --tries N         how often to ask, 1 to 10 times (default: 3)
  --at-once N       how many questions may wait for their answers at a time, 1 to 1000 (default: 16)
  -4, -6            ask for addresses of this family only
  --help            this text

Writes a line for each address. Its status is 0 if every name has one.";

fn main() -> ExitCode {
    match resolve() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("resolver: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every name has an address.
fn resolve() -> Result<bool, Box<dyn StdError>> {
    let (mut server, mut patience, mut tries, mut at_once) = (None, 1000, 3, 16);
    let (mut kinds, mut names) = (&[TYPE::A, TYPE::AAAA][..], Vec::new());
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        use lexopt::prelude::*;
        match arg {
            Long("server") => server = Some(address(&args.value()?.string()?)?),
            Long("timeout") => patience = args.value()?.parse()?,
            Long("tries") => tries = args.value()?.parse()?,
            Long("at-once") => at_once = args.value()?.parse()?,
            Short('4') => kinds = &[TYPE::A],
            Short('6') => kinds = &[TYPE::AAAA],
            Long("help") | Short('h') => return Ok(writeln!(stdout(), "{HELP}").map(|()| true)?),
            Value(name) => names.push(name.string()?),
            arg => return Err(arg.unexpected().into()),
        }
    }
    if names.is_empty() {
        return Err(HELP.into());
    }
    if !(1..=10).contains(&tries) || !(1..=1000).contains(&at_once) || patience == 0 {
        return Err("--timeout is from 1, --tries from 1 to 10, --at-once from 1 to 1000".into());
    }
    let mut todo = VecDeque::new();
    for name in &names {
        for kind in kinds {
            todo.push_back(Query::new(name, *kind)?);
        }
    }
    let server = server.map_or_else(first_server, Ok)?;
    let patience = Duration::from_millis(patience);
    let work = Work { server, patience, tries, todo, resolved: Vec::new() };
    let net = World { below: Os, shared: work };
    let mut events: EventLoop<Query, With<Os, Work>, AnyBackend> =
        EventLoop::with_parts(net, AnyBackend::open()?, Vec::new());
    let waker = waker(&mut events)?;
    ctrlc::set_handler(move || waker.stop().unwrap_or_else(|why| eprintln!("cannot stop: {why}")))?;
    for _ in 0..at_once {
        let Some(query) = events.net_mut().shared.todo.pop_front() else { break };
        let socket = events.net().shared.connect()?;
        events.add(socket, query)?;
    }
    events.run()?;
    if !events.is_empty() {
        return Err(format!("stopped, with {} questions open", events.len() + events.net().shared.todo.len()).into());
    }
    let resolved = &events.net().shared.resolved;
    Ok(names.iter().all(|name| resolved.contains(name)))
}

/// An address with a port, or without one.
fn address(text: &str) -> stheno::Result<Address> {
    text.parse::<IpAddr>().map_or_else(|_| text.parse(), |host| Ok((host, 53).into()))
}

fn first_server() -> Result<Address, Box<dyn StdError>> {
    const PATH: &str = "/etc/resolv.conf";
    let text = std::fs::read_to_string(PATH).map_err(|why| format!("{PATH}: {why}; say --server"))?;
    let mut lines = text.lines().map(str::split_whitespace);
    let found = lines.find_map(|mut words| if words.next() == Some("nameserver") { words.next() } else { None });
    Ok(address(found.ok_or_else(|| format!("{PATH} names no server; say --server"))?)?)
}
