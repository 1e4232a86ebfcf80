//! Sends back whatever its clients send, to as many of them as the system allows, in memory that is known beforehand.
//!
//! Each client has one buffer: what was read from it waits there until it can be sent back, and while the buffer is full
//! nothing more is read. So a client that does not read costs no more than one that does.

use std::error::Error as StdError;
use std::io::{Write, stdout};
use std::net::Ipv4Addr;
use std::process::ExitCode;

use stheno::{
    Address, AnyBackend, Backend, Channel, Dispatcher, EventLoop, Guest, Key, Open, Os, Outbox, Reason, Received,
    Result, raise_descriptor_limit, waker,
};

const HELP: &str = "\
Sends back whatever its clients send.

Usage: echo [--backend NAME] [--port N] [--max N]

  --backend NAME  wait with select, poll or epoll (default: $STHENO_BACKEND, else the best there is)
  --port N        listen on this port of 127.0.0.1; 0 takes a free one (default: 7007)
  --max N         serve at most N clients at a time, and let others wait in line (default: no limit)
  --help          this text";

/// What a client may be behind with, in bytes.
const BUFFER: usize = 4096;

enum Echo {
    Door { clients: usize, max: usize },
    Client { door: Key, waiting: Outbox<Box<[u8]>> },
}

impl Dispatcher<Os> for Echo {
    fn readable(&self) -> bool {
        match self {
            Self::Door { clients, max } => clients < max,
            Self::Client { waiting, .. } => waiting.room() > 0,
        }
    }

    fn writable(&self) -> bool {
        matches!(self, Self::Client { waiting, .. } if !waiting.is_empty())
    }

    fn handle_accepted(&mut self, guest: &mut Guest<Os>, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        if let Self::Door { clients, .. } = self {
            // A caller that has gone already has no options to set; reading will tell.
            let _ = guest.socket()?.set_nodelay(true);
            channel
                .adopt(guest, Self::Client { door: channel.key(), waiting: Outbox::over(vec![0; BUFFER].into()) })?;
            *clients += 1;
        }
        Ok(())
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        if let Self::Client { waiting, .. } = self
            && let Received::Data(_) = waiting.fill_from(channel)?
        {
            waiting.flush(channel)?;
        }
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        match self {
            Self::Client { waiting, .. } => waiting.flush(channel),
            Self::Door { .. } => Ok(()),
        }
    }

    fn handle_close(&mut self, _: Reason, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        if let Self::Client { door, .. } = self
            && let Ok((Self::Door { clients, .. }, _)) = channel.neighbour(*door)
        {
            *clients -= 1;
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("echo: {why}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> std::result::Result<(), Box<dyn StdError>> {
    let (mut backend, mut port, mut max) = (None, 7007, usize::MAX);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        use lexopt::prelude::*;
        match arg {
            Long("backend") => backend = Some(AnyBackend::named(args.value()?.string()?.parse()?)?),
            Long("port") => port = args.value()?.parse()?,
            Long("max") => max = args.value()?.parse()?,
            Long("help") | Short('h') => return Ok(writeln!(stdout(), "{HELP}")?),
            arg => return Err(arg.unexpected().into()),
        }
    }
    raise_descriptor_limit()?;
    let backend = backend.map_or_else(AnyBackend::open, Ok)?;
    let mut events: EventLoop<Echo, Os, AnyBackend> = EventLoop::with_parts(Os, backend, Vec::new());
    let at = Address::from((Ipv4Addr::LOCALHOST, port));
    let door = events.listen(at, Echo::Door { clients: 0, max })?;

    let waker = waker(&mut events)?;
    ctrlc::set_handler(move || waker.stop().unwrap_or_else(|why| eprintln!("cannot stop: {why}")))?;
    let at = events.channel(door)?.1.local_address()?;
    writeln!(stdout(), "listening on {at} ({})", Backend::<Os>::name(events.backend()))?;
    Ok(events.run()?)
}
