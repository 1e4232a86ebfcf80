//! The other end of an echo server: opens connections, sends rounds of messages, and looks at every byte that comes back.

use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use stheno_rivals::alone;

const HELP: &str = "\
Opens connections to an echo server, sends rounds of messages, and looks at every byte that comes back.

Usage: load ADDRESS [--active A] [--idle I] [--requests R] [--size S] [--sources N] [--processor N]
            [--server PID] [--steps]

  --active A     connections with one message in flight in each round (default: 1)
  --idle I       connections that say nothing (default: 0)
  --requests R   messages in all, rounded up to whole rounds (default: 1000)
  --size S       bytes of a message (default: 64)
  --sources N    connect from so many addresses, 127.0.0.1 and on, in turn: each has 28,000 ports (default: 1)
  --processor N  run on this processor, and wait for its turn there (SCHED_BATCH)
  --server PID   begin a round only once this process, the server, sleeps
  --steps        do what standard input says, line by line, and answer each line on standard output:
                   idle N      have so many idle connections
                   once        send one message on each idle connection
                   requests R  send rounds
                 The end of input is the end.
  --help         this text

All messages of a round are sent before the first answer is read. On the server's processor (--processor) the server runs
only after that, if this user may have it so (SCHED_FIFO). With --server a round begins with nothing left over from the one before, so that what looks on, strace or
valgrind, does not change what the server does.";

type Failure = Box<dyn std::error::Error>;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// So many connections are opened before the server is seen to have accepted them, so that its line of callers is never full.
const IN_LINE: usize = 100;

struct Load {
    server: SocketAddrV4,
    sources: u32,
    opened: u32,
    active: Vec<TcpStream>,
    idle: Vec<TcpStream>,
    asleep: Option<Asleep>,
    /// Whether it may keep the server from running while it sends.
    first: bool,
    size: usize,
    sent: u64,
}

impl Load {
    /// Opens a connection, from the next of the addresses.
    fn dial(&mut self) -> Result<TcpStream, Failure> {
        let fd = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        if self.sources > 1 {
            late_port(&fd)?;
            let source = Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) + self.opened % self.sources);
            bind(&fd, &SocketAddrV4::new(source, 0))?;
        }
        connect(&fd, &self.server).map_err(|why| format!("{}: {why}", self.server))?;
        self.opened = self.opened.wrapping_add(1);
        let stream = TcpStream::from(fd);
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// Opens so many connections, and returns once the server has accepted them all.
    fn dial_all(&mut self, count: usize) -> Result<Vec<TcpStream>, Failure> {
        let mut streams = Vec::with_capacity(count);
        while streams.len() < count {
            for _ in 0..IN_LINE.min(count - streams.len()) {
                streams.push(self.dial()?);
            }
            // Callers are accepted in order: once a later one has its answer, all of these are the server's.
            let mut last = self.dial()?;
            self.round(std::slice::from_mut(&mut last))?;
        }
        Ok(streams)
    }

    fn have_idle(&mut self, count: usize) -> Result<(), Failure> {
        let more = count.checked_sub(self.idle.len()).ok_or("idle connections are only added")?;
        let more = self.dial_all(more)?;
        self.idle.extend(more);
        Ok(())
    }

    /// Sends one message on each of these connections, then reads all answers.
    fn round(&mut self, streams: &mut [TcpStream]) -> Result<(), Failure> {
        if let Some(asleep) = &self.asleep {
            asleep.wait()?;
        }
        let first = self.sent;
        let mut message = vec![0; self.size];
        let first_in_line = self.first && streams.len() > 1;
        if first_in_line {
            alone::first()?;
        }
        for stream in &mut *streams {
            fill(&mut message, self.sent);
            stream.write_all(&message)?;
            self.sent += 1;
        }
        if first_in_line {
            alone::in_turn()?;
        }
        let mut answer = vec![0; self.size];
        for (number, stream) in (first..).zip(streams) {
            stream.read_exact(&mut answer)?;
            fill(&mut message, number);
            if answer != message {
                return Err(format!("message {number} came back as another").into());
            }
        }
        Ok(())
    }

    fn once(&mut self) -> Result<(), Failure> {
        let mut idle = std::mem::take(&mut self.idle);
        let done = idle.chunks_mut(IN_LINE).try_for_each(|streams| self.round(streams));
        self.idle = idle;
        done
    }

    /// Sends at least so many messages, in whole rounds. How many it sent.
    fn requests(&mut self, count: u64) -> Result<u64, Failure> {
        let mut active = std::mem::take(&mut self.active);
        let rounds = count.div_ceil(active.len() as u64);
        let done = (0..rounds).try_for_each(|_| self.round(&mut active));
        self.active = active;
        done.map(|()| rounds * self.active.len() as u64)
    }

    /// Does what a line says.
    fn step(&mut self, line: &str) -> Result<String, Failure> {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["idle", count] => self.have_idle(count.parse()?).map(|()| format!("idle {}", self.idle.len())),
            ["once"] => self.once().map(|()| format!("once {}", self.idle.len())),
            ["requests", count] => self.requests(count.parse()?).map(|count| format!("requests {count}")),
            _ => Err(format!("there is no step {line:?} (--help lists them)").into()),
        }
    }
}

/// Has the port chosen when both ends are known: while only one is, the system looks for a port that nobody has at all.
fn late_port(socket: &OwnedFd) -> io::Result<()> {
    let (on, size) = (1_i32, size_of::<i32>() as libc::socklen_t);
    let option = libc::IP_BIND_ADDRESS_NO_PORT;
    // SAFETY: the value is as long as is said, and the call keeps no pointer to it.
    let set = unsafe { libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_IP, option, (&raw const on).cast(), size) };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whether another process sleeps.
struct Asleep(File);

impl Asleep {
    fn of(process: u32) -> Result<Self, Failure> {
        let file = File::open(format!("/proc/{process}/stat"));
        Ok(Self(file.map_err(|why| format!("process {process}: {why}"))?))
    }

    /// Returns once it does.
    fn wait(&self) -> Result<(), Failure> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let mut stat = [0; 64];
            let length = self.0.read_at(&mut stat, 0)?;
            // The state follows the name, which ends with the last parenthesis.
            let end = stat[..length].iter().rposition(|byte| *byte == b')').ok_or("a process has no state")?;
            if stat.get(end + 2) == Some(&b'S') {
                return Ok(());
            }
            std::thread::yield_now();
        }
        Err("the server does not come to rest".into())
    }
}

/// A message that no other message is like.
fn fill(message: &mut [u8], number: u64) {
    let mut state = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for piece in message.chunks_mut(8) {
        state = state.rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ number;
        piece.copy_from_slice(&state.to_le_bytes()[..piece.len()]);
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("load: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let (mut server, mut active, mut idle, mut requests, mut size) = (None, 1, 0, 1000, 64);
    let (mut sources, mut processor, mut asleep, mut steps) = (1, None, None, false);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        use lexopt::prelude::*;
        match arg {
            Long("active") => active = args.value()?.parse()?,
            Long("idle") => idle = args.value()?.parse()?,
            Long("requests") => requests = args.value()?.parse()?,
            Long("size") => size = args.value()?.parse()?,
            Long("sources") => sources = args.value()?.parse()?,
            Long("processor") => processor = Some(args.value()?.parse()?),
            Long("server") => asleep = Some(Asleep::of(args.value()?.parse()?)?),
            Long("steps") => steps = true,
            Long("help") | Short('h') => return Ok(writeln!(io::stdout(), "{HELP}")?),
            Value(at) if server.is_none() => server = Some(at.string()?.parse()?),
            arg => return Err(arg.unexpected().into()),
        }
    }
    let Some(SocketAddr::V4(server)) = server else { return Err("which server? an IPv4 address and port".into()) };
    if active == 0 || size == 0 || sources == 0 {
        return Err("--active, --size and --sources are 1 at the least".into());
    }
    if sources > 250 {
        return Err("--sources is 250 at the most".into());
    }
    let limit = stheno::raise_descriptor_limit()?;
    // What a program has open before it begins, and the connection that is used to look whether the others were accepted.
    if (active as u64).saturating_add(idle as u64) > limit.saturating_sub(8) {
        return Err(format!("a process may open {limit} descriptors: too few for {active} + {idle} connections").into());
    }
    let mut first = false;
    if let Some(processor) = processor {
        alone::on_processor(processor)?;
        first = alone::first().is_ok();
        alone::in_turn()?;
    }
    let mut load =
        Load { server, sources, opened: 0, active: Vec::new(), idle: Vec::new(), asleep, first, size, sent: 0 };
    load.active = load.dial_all(active)?;
    load.have_idle(idle)?;
    if !steps {
        let sent = load.requests(requests)?;
        println!("{sent} messages of {size} bytes came back, on {active} connections beside {idle} idle ones");
        return Ok(());
    }
    println!("active {active}");
    for line in io::stdin().lock().lines() {
        let answer = load.step(&line?)?;
        println!("{answer}");
    }
    Ok(())
}
