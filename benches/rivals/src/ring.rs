//! What the rings of all loops have in common, as in the package's example of that name: the options, the pipes, and the rules
//! by which bytes go round.

use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::{Errno, read, write};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::pipe::{PipeFlags, pipe_with};

type Failure = Box<dyn std::error::Error>;

/// Where each link writes to, and how far the round is.
pub struct Ring {
    next: Vec<OwnedFd>,
    token: &'static [u8],
    writes: usize,
    read: usize,
}

impl Ring {
    fn pass_on(&mut self, link: usize) -> io::Result<()> {
        Ok(write(&self.next[link], self.token).map(drop)?)
    }

    /// Takes what this link's pipe holds, once, and passes it on if any writes are left. Whether there was something.
    pub fn take(&mut self, link: usize, reader: impl AsFd) -> io::Result<bool> {
        let mut token = [0; 8];
        match read(reader, &mut token[..self.token.len()]) {
            Ok(_) => self.read += 1,
            Err(Errno::AGAIN) => return Ok(false),
            Err(why) => return Err(why.into()),
        }
        if self.writes > 0 {
            self.writes -= 1;
            self.pass_on(link)?;
        }
        Ok(true)
    }
}

/// A loop that watches the reading ends.
pub trait Watch: Sized {
    fn over(readers: Vec<OwnedFd>) -> Result<Self, Failure>;

    /// Waits until something can be read, and takes all that was told of.
    fn turn(&mut self, ring: &mut Ring) -> Result<(), Failure>;
}

/// How a ring is played.
pub struct Options {
    pub n: usize,
    pub active: usize,
    pub writes: usize,
    pub rounds: usize,
    pub kind: String,
    pub backend: String,
}

impl Options {
    /// What the command line says; `None` where it asks for help, which is written.
    pub fn from_env(help: &str) -> Result<Option<Self>, Failure> {
        let mut this =
            Self { n: 100, active: 1, writes: 100, rounds: 25, kind: "pipe".into(), backend: "floor-epoll".into() };
        let mut args = lexopt::Parser::from_env();
        while let Some(arg) = args.next()? {
            use lexopt::prelude::*;
            match arg {
                Long("n") => this.n = args.value()?.parse()?,
                Long("active") => this.active = args.value()?.parse()?,
                Long("writes") => this.writes = args.value()?.parse()?,
                Long("rounds") => this.rounds = args.value()?.parse()?,
                Long("kind") => this.kind = args.value()?.string()?,
                Long("backend") => this.backend = args.value()?.string()?,
                Long("help") | Short('h') => {
                    writeln!(io::stdout(), "{help}")?;
                    return Ok(None);
                }
                arg => return Err(arg.unexpected().into()),
            }
        }
        if this.n == 0 || this.active == 0 || this.rounds == 0 {
            return Err("--n, --active and --rounds are 1 at the least".into());
        }
        if this.active > this.n {
            return Err(format!("{} of {} pipes cannot be active", this.active, this.n).into());
        }
        if this.active.checked_add(this.writes).is_none() {
            return Err("--writes is too much".into());
        }
        let limit = stheno::raise_descriptor_limit()?;
        if (this.n as u64).saturating_mul(2).saturating_add(SPARE) > limit {
            let fit = limit.saturating_sub(SPARE) / 2;
            let n = this.n;
            return Err(format!("{n} pipes are too many: {fit} fit into the {limit} descriptors of a process").into());
        }
        Ok(Some(this))
    }

    fn open(&self) -> Result<(OwnedFd, OwnedFd), Failure> {
        Ok(match &*self.kind {
            "pipe" => pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?,
            "pair" => {
                let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
                socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?
            }
            "eventfd" => {
                let flags = EventfdFlags::SEMAPHORE | EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC;
                let counter = eventfd(0, flags)?;
                (counter.try_clone()?, counter)
            }
            other => return Err(format!("there is no kind {other:?}; there are pipe, pair and eventfd").into()),
        })
    }

    /// The median microseconds of a round.
    pub fn play<W: Watch>(&self) -> Result<f64, Failure> {
        let (mut readers, mut next) = (Vec::new(), Vec::new());
        for _ in 0..self.n {
            let (reader, writer) = self.open()?;
            readers.push(reader);
            next.push(writer);
        }
        next.rotate_left(1);
        const ONE: [u8; 8] = 1_u64.to_ne_bytes();
        let token: &[u8] = if self.kind == "eventfd" { &ONE } else { b"e" };
        let mut ring = Ring { next, token, writes: 0, read: 0 };
        let mut watch = W::over(readers)?;
        let mut times = Vec::new();
        for _ in 0..=self.rounds {
            (ring.writes, ring.read) = (self.writes, 0);
            for number in 0..self.active {
                ring.pass_on(number * (self.n / self.active))?;
            }
            let begun = Instant::now();
            while ring.read < self.active + self.writes {
                watch.turn(&mut ring)?;
            }
            times.push(begun.elapsed().as_secs_f64() * 1e6);
        }
        let mut times = times.split_off(1);
        times.sort_by(f64::total_cmp);
        Ok(times[times.len() / 2])
    }
}

/// Descriptors that a program begins with, and the loop's own.
const SPARE: u64 = 16;
