//! The run: the limits, the server, the clients, and what it prints.

use std::io::{Write, stdout};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::children::{Children, become_child_of};
use crate::limits::{MOST_CLIENTS, Plan, plan};
use crate::{Outcome, client, grouped, proc};

const HELP: &str = "\
Opens as many connections to the example `echo` as the machine's limits allow, and says what they cost.

Usage: make million (CONNECTIONS=1000000), or
       cargo bench --bench connections -- [--connections N] [--clients N]

  --connections N  no more than N (default: 1000000)
  --clients N      from N processes at the least (default: as many as it takes)
  --help           this text";

/// So many are measured first, so that what the process takes by itself is not taken for theirs.
const FEW: u64 = 1_000;
/// So many have something to say at a time.
const ACTIVE: u64 = 1_000;
/// How many messages each of them says, so many times.
const ROUNDS: u64 = 50;
const TIMES: usize = 7;
/// How many callers wait in the server's line, if the system lets it have so many.
const LINE: u64 = 1_024;
/// How often one is told how far it is.
const TOLD: u64 = 100_000;
/// How long the server may take to let in those who have called, or to let go of those who have left.
const PATIENCE: Duration = Duration::from_secs(120);

pub fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        // What this program starts of itself.
        ["under", parent, program, ref rest @ ..] => Err(become_child_of(parent, program, rest)),
        ["client", ref rest @ ..] => client::serve(rest),
        _ => measure(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("connections: {why}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Outcome<()> {
    let (mut connections, mut clients) = (1_000_000, 1);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        use lexopt::prelude::*;
        match arg {
            Long("connections") => connections = args.value()?.parse()?,
            Long("clients") => clients = args.value()?.parse()?,
            Long("help") | Short('h') => return Ok(writeln!(stdout(), "{HELP}")?),
            // What `cargo bench` passes.
            Long("bench") => {}
            arg => return Err(arg.unexpected().into()),
        }
    }
    let bounds = |number: u64, most, name| match number {
        1.. if number <= most => Ok(number),
        _ => Err(format!("--{name} is from 1 to {most}, not {number}")),
    };
    run(bounds(connections, 4_000_000_000, "connections")?, bounds(clients, MOST_CLIENTS, "clients")?)
}

fn run(wanted: u64, clients: u64) -> Outcome<()> {
    let plan = plan(wanted, clients)?;
    plan.explain();
    let few = plan.connections.min(FEW);
    if few == 0 {
        return Err(format!("there is no room for a single connection: {}", plan.stopped_by()).into());
    }
    let kernel = (proc::system_memory("Slab")?, proc::tcp_pages()?);
    let mut house = House::open(&plan)?;
    println!(
        "\n{} connections from {} addresses, {} client processes; {} of the connections are active.",
        grouped(plan.connections),
        house.addresses,
        plan.clients,
        grouped(few.min(ACTIVE)),
    );

    house.admit(few)?;
    house.echo()?;
    let alone = house.talk()?;
    let before = house.resident()?;

    let began = Instant::now();
    house.admit(plan.connections)?;
    let opened = began.elapsed();
    let idle = house.resident()?;
    let in_kernel = proc::system_memory("Slab")?.saturating_sub(kernel.0);
    let pages = proc::tcp_pages()?.saturating_sub(kernel.1);
    let began = Instant::now();
    house.echo()?;
    let echoed = began.elapsed();
    let after = house.resident()?;
    let among = house.talk()?;
    let more = plan.connections - few;
    house.close()?;

    println!("{} more opened in {opened:.1?}; each of all has echoed 64 bytes in {echoed:.1?}", grouped(more));
    println!("stopped by: {}\n", plan.stopped_by());
    if more > 0 {
        let each = |now: u64| (now as f64 - before as f64) / more as f64;
        println!("the server's memory: {} MiB, for each connection beyond the first {}:", after >> 20, grouped(few));
        println!("  {:>8.1} bytes while it has said nothing", each(idle));
        println!("  {:>8.1} bytes once it has echoed", each(after));
        println!("the kernel's, both ends of a connection together, idle:");
        println!("  {:>8.1} bytes of its own structures (Slab)", in_kernel as f64 / plan.connections as f64);
        let most = proc::numbers("/proc/sys/net/ipv4/tcp_mem")?.and_then(|numbers| numbers.get(2).copied());
        let most = most.map_or("any number".into(), grouped);
        println!("  {pages:>8} pages of buffers for all of them (sockstat), of {most} that there may be (tcp_mem)");
    }
    let active = grouped(few.min(ACTIVE));
    println!(
        "the server's processor time for a request of 64 bytes, {active} at a time (the middle half of {TIMES} runs):"
    );
    let rows = [(0, alone), (more, among)];
    for (beside, [median, low, high]) in &rows[..if more > 0 { 2 } else { 1 }] {
        println!("  {median:>8.2} µs ({low:.2} to {high:.2}) beside {} idle connections", grouped(*beside));
    }
    Ok(())
}

/// The server, and the clients.
struct House {
    children: Children,
    server: usize,
    clients: Vec<usize>,
    /// How many connections there are, and how many each of the clients has.
    inside: u64,
    each: u64,
    addresses: u64,
    /// How many may call at a time; more would have to call again.
    line: u64,
    /// The server's descriptors before anybody called.
    own: u64,
}

impl House {
    fn open(plan: &Plan) -> Outcome<Self> {
        let mut children = Children::new()?;
        let server = children.start("the server".into(), &[&echo()?, "--port", "0", "--backend", "epoll"])?;
        let said = children.hear(server)?;
        let address = said.split_whitespace().find(|word| word.contains(':')).ok_or(format!("it said {said:?}"))?;
        let own = proc::descriptors(children.id(server))?;

        let this = std::env::current_exe()?;
        let this = this.to_str().ok_or("the program's path is no text")?;
        let each = plan.connections.div_ceil(plan.clients);
        let addresses = each.div_ceil(plan.at_an_address);
        // Others than those of the last run, whose ports may still be kept for what is late.
        let network = u32::from(Ipv4Addr::new(127, 1 + (std::process::id() % 250) as u8, 0, 1));
        let mut clients = Vec::new();
        for number in 0..plan.clients {
            let first = (number * each).to_string();
            let from = Ipv4Addr::from(network + (number * addresses) as u32).to_string();
            let args = [this, "client", address, &first, &from, &plan.at_an_address.to_string()];
            clients.push(children.start(format!("client {number}"), &args)?);
        }
        let addresses = addresses * plan.clients;
        let line = proc::number("/proc/sys/net/core/somaxconn")?.map_or(128, |most| most.clamp(2, LINE)) / 2;
        Ok(Self { children, server, clients, inside: 0, each, addresses, line, own })
    }

    /// Has the clients call until so many connections are there, and waits until the server has let in all of them.
    fn admit(&mut self, connections: u64) -> Outcome<()> {
        let began = Instant::now();
        while self.inside < connections {
            let client = self.clients[(self.inside / self.each) as usize];
            let left = self.each - self.inside % self.each;
            let calls = self.line.min(left).min(connections - self.inside);
            self.children.tell(client, &format!("open {calls}"))?;
            self.done(&[client])?;
            self.inside += calls;
            self.await_descriptors(self.own + self.inside, "let in all who called")?;
            if self.inside / TOLD > (self.inside - calls) / TOLD {
                println!("  {} are inside after {:.1?}", grouped(self.inside), began.elapsed());
            }
        }
        Ok(())
    }

    /// Has each connection echo a message.
    fn echo(&mut self) -> Outcome<()> {
        self.order("echo")
    }

    /// The server's processor time for a request of those who are active: its median, and its quarters, in microseconds.
    fn talk(&mut self) -> Outcome<[f64; 3]> {
        let server = self.children.id(self.server);
        let clients = self.clients.clone();
        // Each client has as large a part of the active as it has of all.
        let (active, inside, each) = (self.inside.min(ACTIVE), self.inside, self.each);
        let until = |all: u64| all * active / inside;
        let mut times = Vec::new();
        for _ in 0..=TIMES {
            let before = proc::run_time(server)?;
            for (number, client) in (0..).zip(&clients) {
                let (from, to) = ((number * each).min(inside), ((number + 1) * each).min(inside));
                self.children.tell(*client, &format!("talk {} {ROUNDS}", until(to) - until(from)))?;
            }
            self.done(&clients)?;
            times.push((proc::run_time(server)? - before) as f64 / (active * ROUNDS) as f64 / 1000.0);
        }
        // The first time is for the caches.
        times.remove(0);
        times.sort_by(f64::total_cmp);
        Ok([TIMES / 2, TIMES / 4, TIMES * 3 / 4].map(|at| times[at]))
    }

    fn resident(&self) -> Outcome<u64> {
        proc::resident(self.children.id(self.server))
    }

    fn order(&mut self, what: &str) -> Outcome<()> {
        let clients = self.clients.clone();
        for client in &clients {
            self.children.tell(*client, what)?;
        }
        self.done(&clients)
    }

    /// Waits until these clients have done what they were told.
    fn done(&mut self, clients: &[usize]) -> Outcome<()> {
        for client in clients {
            let said = self.children.hear(*client)?;
            if said != "done" {
                return Err(format!("a client said {said:?}").into());
            }
        }
        self.children.check()
    }

    /// Ends the clients, sees that the server has let go of all of them, and ends it as a user would.
    fn close(mut self) -> Outcome<()> {
        for client in self.clients.clone() {
            self.children.end(client, None)?;
        }
        self.await_descriptors(self.own, "let go of all who left")?;
        self.children.end(self.server, Some(Signal::INT))
    }

    fn await_descriptors(&mut self, number: u64, what: &str) -> Outcome<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let now = proc::descriptors(self.children.id(self.server));
            self.children.check()?;
            if now? == number {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(format!("the server has not {what} after {PATIENCE:?}").into());
            }
            std::thread::yield_now();
        }
    }
}

/// The path of the example, built with the profile that this was built with.
fn echo() -> Outcome<String> {
    let this = std::env::current_exe()?;
    let profile = this.ancestors().nth(2).ok_or("benches lie in target/PROFILE/deps")?;
    let path: PathBuf = profile.join("examples").join("echo");
    if !path.exists() {
        return Err(format!("{} is not there: cargo build --release --example echo", path.display()).into());
    }
    Ok(path.to_str().ok_or("the program's path is no text")?.into())
}
