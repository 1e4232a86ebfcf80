//! A conversation with commands, a line each: what SMTP, FTP and their kin are made of.
//!
//! What a client may say and what it is answered stands in `visitor.rs`. No client costs more than its two buffers, whatever
//! it says, however long the answers are, and whether it reads them or not; who is silent for too long is shown out.

mod count;
mod visitor;

use std::error::Error as StdError;
use std::io::{Write, stdout};
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use stheno::{Address, AnyBackend, Channel, Dispatcher, Eof, EventLoop, Guest, Os, Result, waker};

use visitor::{GOODBYE, Visitor};

const HELP: &str = "\
A conversation with commands, to be visited with nc.

Usage: line_server [--port N] [--timeout SECONDS]

  --port N           listen on this port of 127.0.0.1; 0 takes a free one (default: 7007)
  --timeout SECONDS  how long a client may be silent (default: 60)
  --help             this text";

enum Server {
    Door { patience: Duration },
    Visitor(Box<Visitor>),
}

impl Dispatcher<Os> for Server {
    fn readable(&self) -> bool {
        match self {
            Self::Door { .. } => true,
            Self::Visitor(visitor) => visitor.readable(),
        }
    }

    fn writable(&self) -> bool {
        matches!(self, Self::Visitor(visitor) if visitor.writable())
    }

    fn handle_accepted(&mut self, guest: &mut Guest<Os>, door: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Self::Door { patience } = self else { return Ok(()) };
        let key = door.adopt(guest, Self::Visitor(Box::new(Visitor::new(*patience)?)))?;
        let (Self::Visitor(visitor), mut io) = door.neighbour(key)? else { return Ok(()) };
        if visitor.greet(&mut io).is_err() {
            // Whatever happened to the visitor is none of the door's faults.
            io.close();
        }
        Ok(())
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Self::Visitor(visitor) = self else { return Ok(()) };
        visitor.listen(channel)
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Self::Visitor(visitor) = self else { return Ok(()) };
        visitor.speak(channel)
    }

    fn handle_eof(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<Eof> {
        let Self::Visitor(visitor) = self else { return Ok(Eof::Close) };
        visitor.has_said_all(channel)
    }

    fn handle_timeout(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Self::Visitor(visitor) = self else { return Ok(()) };
        visitor.is_silent(channel)
    }

    fn handle_drain(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Self::Visitor(visitor) = self else { return Ok(()) };
        visitor.show_out(b"BYE the server ends\n", channel)
    }
}

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("line_server: {why}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> std::result::Result<(), Box<dyn StdError>> {
    let (mut port, mut patience) = (7007, 60);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        use lexopt::prelude::*;
        match arg {
            Long("port") => port = args.value()?.parse()?,
            Long("timeout") => patience = args.value()?.parse()?,
            Long("help") | Short('h') => return Ok(writeln!(stdout(), "{HELP}")?),
            arg => return Err(arg.unexpected().into()),
        }
    }
    let mut events = EventLoop::<Server, Os, AnyBackend>::new()?;
    let door = Server::Door { patience: Duration::from_secs(patience) };
    let door = events.listen(Address::from((Ipv4Addr::LOCALHOST, port)), door)?;
    let waker = waker(&mut events)?;
    ctrlc::set_handler(move || waker.stop().unwrap_or_else(|why| eprintln!("cannot stop: {why}")))?;
    writeln!(stdout(), "listening on {}", events.channel(door)?.1.local_address()?)?;
    events.run()?;
    Ok(events.drain(GOODBYE)?)
}
