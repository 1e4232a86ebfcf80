//! The classic benchmark of event loops, libevent's: a ring of many pipes of which few are active.
//!
//! A byte is in flight in each active pipe. Whoever reads one writes one into the next pipe, until so many writes were made;
//! a round ends when everything that was written has been read. What it takes tells how the cost of an event depends on how
//! many channels there are that say nothing.

use std::error::Error as StdError;
use std::io::{Write, stdout};
use std::process::ExitCode;
use std::time::Instant;

use stheno::{
    AnyBackend, Channel, Dispatcher, Error, ErrorKind, EventLoop, Net, Open, Os, Received, Result, Socket, With,
    raise_descriptor_limit,
};

const HELP: &str = "\
Sends bytes around a ring of pipes, and prints the median time of a round in microseconds.

Usage: ring [--n N] [--active A] [--writes W] [--rounds R] [--kind pipe|pair|eventfd] [--backend NAME]

  --n N           watch so many pipes (default: 100)
  --active A      begin a round with a byte in each of so many, evenly spread (default: 1)
  --writes W      pass bytes on so many times in a round (default: 100)
  --rounds R      measure so many rounds, after one that is not (default: 25)
  --kind KIND     pipes, pairs of sockets, or eventfds, which are descriptors that count (default: pipe)
  --backend NAME  wait with select, poll or epoll (default: $STHENO_BACKEND, else the best there is)
  --help          this text";

/// What the links of the ring share.
struct Ring {
    /// Where each link writes to: into the next one.
    next: Vec<Socket>,
    /// What is written, and read, as one: a byte, or the number 1 as an eventfd has it.
    token: &'static [u8],
    /// How many writes are left in this round.
    writes: usize,
    /// How many tokens were read in it.
    read: usize,
}

type World = With<Os, Ring>;

impl Ring {
    /// Writes a token into the pipe behind this link.
    fn pass_on(&mut self, link: usize) -> Result<()> {
        match Os.send(&mut self.next[link], self.token)? {
            Some(_) => Ok(()),
            None => Err(Error::new(ErrorKind::Full, "too many bytes are in one pipe").doing("send")),
        }
    }
}

/// The reading end of a pipe, and its place in the ring.
struct Link(usize);

impl Dispatcher<World> for Link {
    fn writable(&self) -> bool {
        false
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        let mut token = [0; 8];
        let width = channel.net().shared.token.len();
        let Received::Data(_) = channel.recv(&mut token[..width])? else { return Ok(()) };
        let ring = &mut channel.net().shared;
        ring.read += 1;
        if ring.writes > 0 {
            ring.writes -= 1;
            ring.pass_on(self.0)?;
        }
        Ok(())
    }

    /// Nothing of a benchmark may fail.
    fn handle_error(&mut self, error: Error, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        channel.stop();
        Err(error)
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Pipe,
    Pair,
    Eventfd,
}

impl Kind {
    fn named(name: &str) -> std::result::Result<Self, String> {
        match name {
            "pipe" => Ok(Self::Pipe),
            "pair" => Ok(Self::Pair),
            "eventfd" => Ok(Self::Eventfd),
            _ => Err(format!("there is no kind {name:?}; there are pipe, pair and eventfd")),
        }
    }

    /// An end to read from, and one to write to.
    fn open(self) -> Result<(Socket, Socket)> {
        match self {
            Self::Pipe => Socket::pipe(),
            Self::Pair => Socket::pair(),
            Self::Eventfd => {
                let counter = counter()?;
                Ok((Socket::duplicate(&counter)?, counter))
            }
        }
    }

    fn token(self) -> &'static [u8] {
        const ONE: [u8; 8] = 1_u64.to_ne_bytes();
        match self {
            Self::Pipe | Self::Pair => b"e",
            Self::Eventfd => &ONE,
        }
    }
}

/// An eventfd that is a semaphore: each read takes one of what was written.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn counter() -> Result<Socket> {
    use rustix::event::{EventfdFlags, eventfd};
    let counter = eventfd(0, EventfdFlags::SEMAPHORE | EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
    Socket::adopt(
        counter.map_err(|errno| {
            Error::new(ErrorKind::Exhausted, "no eventfd can be had").with_code(errno.raw_os_error())
        })?,
    )
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn counter() -> Result<Socket> {
    Err(Error::new(ErrorKind::Unsupported, "this system has no eventfds"))
}

struct Options {
    n: usize,
    active: usize,
    writes: usize,
    rounds: usize,
    kind: Kind,
    backend: AnyBackend,
}

/// What was asked for; `None` where that was help.
fn options() -> std::result::Result<Option<Options>, Box<dyn StdError>> {
    let (mut n, mut active, mut writes, mut rounds) = (100_usize, 1_usize, 100_usize, 25_usize);
    let (mut kind, mut backend) = (Kind::Pipe, None);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        use lexopt::prelude::*;
        match arg {
            Long("n") => n = args.value()?.parse()?,
            Long("active") => active = args.value()?.parse()?,
            Long("writes") => writes = args.value()?.parse()?,
            Long("rounds") => rounds = args.value()?.parse()?,
            Long("kind") => kind = Kind::named(&args.value()?.string()?)?,
            Long("backend") => backend = Some(AnyBackend::named(args.value()?.string()?.parse()?)?),
            Long("help") | Short('h') => return Ok(None),
            arg => return Err(arg.unexpected().into()),
        }
    }
    if n == 0 || active == 0 || rounds == 0 {
        return Err("--n, --active and --rounds are 1 at the least".into());
    }
    if active > n {
        return Err(format!("{active} of {n} pipes cannot be active").into());
    }
    if active.checked_add(writes).is_none() {
        return Err("--writes is too much".into());
    }
    let limit = raise_descriptor_limit()?;
    // Beside the pipes there are those that a program begins with, and the backend's own.
    let needed = (n as u64).saturating_mul(2).saturating_add(16);
    if needed > limit {
        let fit = limit.saturating_sub(16) / 2;
        return Err(format!("{n} pipes are too many: {fit} fit into the {limit} descriptors of a process").into());
    }
    let backend = backend.map_or_else(AnyBackend::open, Ok)?;
    Ok(Some(Options { n, active, writes, rounds, kind, backend }))
}

/// The microseconds that each round took.
fn play(options: Options) -> Result<Vec<f64>> {
    let Options { n, active, writes, rounds, kind, backend } = options;
    let (mut readers, mut next) = (Vec::new(), Vec::new());
    for _ in 0..n {
        let (reader, writer) = kind.open()?;
        readers.push(reader);
        next.push(writer);
    }
    next.rotate_left(1);
    let ring = Ring { next, token: kind.token(), writes: 0, read: 0 };
    let mut events: EventLoop<Link, World, AnyBackend> =
        EventLoop::with_parts(With { below: Os, shared: ring }, backend, Vec::new());
    for (place, reader) in readers.into_iter().enumerate() {
        events.add(reader, Link(place))?;
    }
    let mut times = Vec::new();
    for _ in 0..=rounds {
        let ring = &mut events.net_mut().shared;
        (ring.writes, ring.read) = (writes, 0);
        for number in 0..active {
            ring.pass_on(number * (n / active))?;
        }
        let begun = Instant::now();
        while events.net().shared.read < active + writes {
            if events.turn(None)?.stopped {
                return Err(Error::user("a pipe failed", 0));
            }
        }
        times.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    // The first round finds everything cold.
    Ok(times.split_off(1))
}

fn main() -> ExitCode {
    let played = options().and_then(|options| match options {
        None => Ok(writeln!(stdout(), "{HELP}")?),
        Some(options) => {
            let mut times = play(options)?;
            times.sort_by(f64::total_cmp);
            Ok(writeln!(stdout(), "{:.1}", times[times.len() / 2])?)
        }
    });
    match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("ring: {why}");
            ExitCode::FAILURE
        }
    }
}
