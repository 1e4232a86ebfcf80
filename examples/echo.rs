//! Sends back whatever its clients send, to as many of them as the system allows, in memory that is known beforehand.
//!
//! A client has a buffer on loan from a pool, and only while something waits to be sent back to it: an idle one costs its
//! place in the table and nothing else. While all buffers are lent the others wait for one in line, unread, and while its
//! buffer is full nothing more is read from a client. So one that does not read costs no more than one that does, and
//! for so long only: then it is hung up on, as others wait for its buffer.

use std::error::Error as StdError;
use std::io::{Write, stdout};
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use stheno::pool::{Heap, bytes};
use stheno::{
    Address, AnyBackend, Backend, Channel, Dispatcher, Eof, Error, EventLoop, Guest, Key, Lending, Loan, Open, Os,
    Reason, Received, Result, Shut, State, With, raise_descriptor_limit, waker,
};

const HELP: &str = "\
Sends back whatever its clients send.

Usage: echo [--backend NAME] [--port N] [--max N] [--buffers N] [--patience N]

  --backend NAME  wait with select, poll or epoll (default: $STHENO_BACKEND, else the best there is)
  --port N        listen on this port of 127.0.0.1; 0 takes a free one (default: 7007)
  --max N         serve at most N clients at a time, and let others wait in line (default: no limit)
  --buffers N     share N buffers of 4 KiB among those who have something waiting (default: 1024)
  --patience N    hang up on who takes nothing of what waits for N seconds (default: 60)
  --help          this text";

/// What a client may be behind with, in bytes.
const BUFFER: usize = 4096;

/// So many channels at the most have memory set aside for them; there may be more.
const SET_ASIDE: u64 = 1 << 20;

/// What the channels share.
struct House {
    door: Option<Key>,
    clients: usize,
    max: usize,
    patience: Duration,
}

type World = Lending<With<Os, House>>;

enum Echo {
    Door,
    Client(Loan),
}

impl Dispatcher<World> for Echo {
    fn readable(&self) -> bool {
        !matches!(self, Self::Client(waiting) if waiting.is_full())
    }

    fn writable(&self) -> bool {
        matches!(self, Self::Client(waiting) if waiting.writable())
    }

    fn handle_accepted(&mut self, guest: &mut Guest<World>, door: &mut Channel<'_, World, Self>) -> Result<()> {
        // A caller that has gone already has no options to set; reading will tell.
        let _ = guest.socket()?.set_nodelay(true);
        door.adopt(guest, Self::Client(Loan::new()))?;
        let house = &mut door.net().below.shared;
        house.clients += 1;
        if house.clients >= house.max {
            door.pause();
        }
        Ok(())
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        if let Self::Client(waiting) = self
            && let Received::Data(_) = waiting.fill_from(channel)?
        {
            send_back(waiting, channel)?;
        }
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        if let Self::Client(waiting) = self {
            send_back(waiting, channel)?;
            // A client that sends no more has all that it sent.
            if waiting.is_empty() && channel.state() == State::Open(Shut::Read) {
                channel.close();
                make_room(channel);
            }
        }
        Ok(())
    }

    fn handle_eof(&mut self, _: &mut Channel<'_, World, Self>) -> Result<Eof> {
        Ok(if self.writable() { Eof::KeepSending } else { Eof::Close })
    }

    fn handle_timeout(&mut self, _: &mut Channel<'_, World, Self>) -> Result<()> {
        Err(Error::user("it takes nothing", 0))
    }

    fn handle_close(&mut self, _: Reason, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        if let Self::Client(_) = self {
            make_room(channel);
        }
        Ok(())
    }
}

/// Sends what there is room for. Its time begins when something is left, and again whenever some of it is taken.
fn send_back(waiting: &mut Loan, channel: &mut Channel<'_, World, Echo>) -> Result<()> {
    let before = waiting.len();
    waiting.flush(channel)?;
    if waiting.is_empty() {
        channel.clear_timeout();
    } else if waiting.len() < before || !channel.has_timeout() {
        let patience = channel.net().below.shared.patience;
        channel.set_timeout(patience);
    }
    Ok(())
}

/// A client has gone: the door may let in another one.
fn make_room(channel: &mut Channel<'_, World, Echo>) {
    let house = &mut channel.net().below.shared;
    house.clients -= 1;
    let door = house.door;
    if let Some(Ok((_, mut door))) = door.map(|key| channel.neighbour(key)) {
        door.resume();
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
    let (mut backend, mut port, mut buffers) = (None, 7007, 1024);
    let mut house = House { door: None, clients: 0, max: usize::MAX, patience: Duration::from_secs(60) };
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        use lexopt::prelude::*;
        match arg {
            Long("backend") => backend = Some(AnyBackend::named(args.value()?.string()?.parse()?)?),
            Long("port") => port = args.value()?.parse()?,
            Long("max") => house.max = args.value()?.parse()?,
            Long("buffers") => buffers = args.value()?.parse()?,
            Long("patience") => house.patience = Duration::from_secs(args.value()?.parse()?),
            Long("help") | Short('h') => return Ok(writeln!(stdout(), "{HELP}")?),
            arg => return Err(arg.unexpected().into()),
        }
    }
    let descriptors = raise_descriptor_limit()?;
    let backend = backend.map_or_else(AnyBackend::open, Ok)?;
    let closed = house.max == 0;
    // Set aside in one piece, so that growing leaves no gaps; what is not used is not there for the system.
    let most = descriptors.min(SET_ASIDE) as usize;
    let memory = Heap::new(bytes(buffers, BUFFER))?;
    let net = Lending::new(With { below: Os, shared: house }, memory, BUFFER, Vec::with_capacity(most))?;
    let table = Vec::with_capacity(most);
    let mut events: EventLoop<Echo, World, AnyBackend> = EventLoop::with_parts(net, backend, table);
    let at = Address::from((Ipv4Addr::LOCALHOST, port));
    let key = events.listen(at, Echo::Door)?;
    events.net_mut().below.shared.door = Some(key);
    if closed {
        events.channel(key)?.1.pause();
    }

    let waker = waker(&mut events)?;
    ctrlc::set_handler(move || waker.stop().unwrap_or_else(|why| eprintln!("cannot stop: {why}")))?;
    let at = events.channel(key)?.1.local_address()?;
    writeln!(stdout(), "listening on {at} ({})", Backend::<World>::name(events.backend()))?;
    Ok(events.run()?)
}
