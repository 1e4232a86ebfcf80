//! An echo server of several loops, one to a thread: each has a listener of its own at the same port, and the system deals
//! out the callers. The loops share nothing, so there is nothing to lock.

use std::error::Error as StdError;
use std::io::{Write, stdout};
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use stheno::{
    Address, AnyBackend, Channel, Dispatcher, EventLoop, Guest, Kind, Os, Outbox, Received, Result, Waker,
    raise_descriptor_limit, waker,
};

const HELP: &str = "\
Sends back whatever its clients send, on several threads.

Usage: threads [--threads N] [--port N]

  --threads N  run so many loops, each in a thread of its own (default: as many as there are processors)
  --port N     listen on this port of 127.0.0.1; 0 takes a free one (default: 7007)
  --help       this text";

/// What a client may be behind with, in bytes.
const BUFFER: usize = 4096;

enum Echo {
    Door,
    Client(Outbox<Box<[u8]>>),
}

impl Dispatcher<Os> for Echo {
    fn readable(&self) -> bool {
        !matches!(self, Self::Client(waiting) if waiting.room() == 0)
    }

    fn writable(&self) -> bool {
        matches!(self, Self::Client(waiting) if !waiting.is_empty())
    }

    fn handle_accepted(&mut self, guest: &mut Guest<Os>, door: &mut Channel<'_, Os, Self>) -> Result<()> {
        door.adopt(guest, Self::Client(Outbox::over(vec![0; BUFFER].into()))).map(drop)
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        if let Self::Client(waiting) = self
            && let Received::Data(_) = waiting.fill_from(channel)?
        {
            waiting.flush(channel)?;
        }
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        match self {
            Self::Client(waiting) => waiting.flush(channel),
            Self::Door => Ok(()),
        }
    }
}

type Events = EventLoop<Echo, Os, AnyBackend>;

/// A loop with a listener at an address that others listen at too, and where that is.
fn listening(at: &Address) -> Result<(Events, Address)> {
    let mut events = Events::new()?;
    let door = events.create(Kind::Stream, at, Echo::Door)?;
    let (_, mut io) = events.channel(door)?;
    io.set_reuse_address()?;
    io.socket()?.set_reuse_port(true)?;
    io.bind(at)?;
    io.listen(1024)?;
    let at = io.local_address()?;
    Ok((events, at))
}

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("threads: {why}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> std::result::Result<(), Box<dyn StdError>> {
    let (mut threads, mut port) = (thread::available_parallelism()?.get(), 7007);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        use lexopt::prelude::*;
        match arg {
            Long("threads") => threads = args.value()?.parse_with(|n| n.parse().map(std::num::NonZeroUsize::get))?,
            Long("port") => port = args.value()?.parse()?,
            Long("help") | Short('h') => return Ok(writeln!(stdout(), "{HELP}")?),
            arg => return Err(arg.unexpected().into()),
        }
    }
    raise_descriptor_limit()?;
    // The first one finds a port, and the others share it.
    let (first, at) = listening(&Address::from((Ipv4Addr::LOCALHOST, port)))?;
    let mut loops = vec![first];
    for _ in 1..threads {
        loops.push(listening(&at)?.0);
    }
    let wakers: Arc<[Waker]> = loops.iter_mut().map(waker).collect::<Result<_>>()?;
    let stop_all = move || wakers.iter().try_for_each(Waker::stop);
    let on_signal = stop_all.clone();
    ctrlc::set_handler(move || on_signal().unwrap_or_else(|why| eprintln!("cannot stop: {why}")))?;
    writeln!(stdout(), "listening on {at} ({threads} threads)")?;

    let running: Vec<_> = loops
        .into_iter()
        .map(|mut events| {
            let stop_all = stop_all.clone();
            // One that fails takes the others with it.
            thread::spawn(move || events.run().and(stop_all()))
        })
        .collect();
    for thread in running {
        thread.join().map_err(|_| "a thread panicked")??;
    }
    Ok(())
}
