//! How many instructions an echo costs, what the kernel does aside, and how many more where somebody looks on; counted by
//! callgrind, so that they are the same in each run.
//!
//! Needs valgrind: `make observers`.
#![allow(missing_docs)]

use std::error::Error;
use std::process::{Command, ExitCode};
use std::time::Duration;

use stheno::trace::{Seen, Trace, Traced};
use stheno::{Channel, Dispatcher, Epoll, EventLoop, Net, Os, Outbox, Received, Result, Socket};

/// Echoes enough for what happens once not to matter, and so few that valgrind is done in a moment.
const ROUNDS: [u64; 2] = [100, 1_100];

struct Echo(Outbox<[u8; 256]>);

impl<N: Net> Dispatcher<N> for Echo {
    fn readable(&self) -> bool {
        self.0.room() > 0
    }
    fn writable(&self) -> bool {
        !self.0.is_empty()
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
        if let Received::Data(_) = self.0.fill_from(channel)? {
            self.0.flush(channel)?;
        }
        Ok(())
    }
    fn handle_write(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
        self.0.flush(channel)
    }
}

/// So many rounds, in each of which every channel sends back 64 bytes in one turn.
fn play<N: Net<Socket = Socket>>(net: N, channels: u64, rounds: u64) -> Result<EventLoop<Echo, N, Epoll>> {
    let mut events = EventLoop::with_parts(net, Epoll::new()?, Vec::new());
    let mut peers = Vec::new();
    for _ in 0..channels {
        let (ours, theirs) = Socket::pair()?;
        events.add(ours, Echo(Outbox::new()))?;
        peers.push(theirs);
    }
    for _ in 0..rounds {
        for peer in &mut peers {
            assert_eq!(Os.send(peer, &[7; 64])?, Some(64));
        }
        assert_eq!(events.turn(Some(Duration::ZERO))?.fired as u64, channels);
        for peer in &mut peers {
            assert_eq!(Os.recv(peer, &mut [0; 64])?, Received::Data(64));
        }
    }
    Ok(events)
}

/// The nets that are compared: nobody looks, a closure counts the handlers, and the last turn is kept to be printed.
const NETS: [&str; 3] = ["plain", "counting", "traced"];

fn play_on(net: &str, channels: u64, rounds: u64) -> Result<()> {
    match net {
        "plain" => play(Os, channels, rounds).map(drop),
        "counting" => {
            let mut told = 0;
            play(Traced::new(Os, |seen| told += u64::from(matches!(seen, Seen::Told(..)))), channels, rounds)?;
            assert_eq!(told, channels * rounds);
            Ok(())
        }
        "traced" => {
            let events = play(Traced::new(Os, Trace::<64>::new()), channels, rounds)?;
            assert_eq!(events.net().observer.len() as u64, channels);
            Ok(())
        }
        _ => Err(stheno::Error::user("there is no such net", 0)),
    }
}

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().collect();
    let done = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "play", net, channels, rounds] => {
            play_on(net, channels.parse().unwrap(), rounds.parse().unwrap()).map_err(Into::into)
        }
        _ => compare(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("observers: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Fails where a closure that looks on costs more than a twentieth.
fn compare() -> std::result::Result<(), Box<dyn Error>> {
    println!("instructions for an echo of 64 bytes, its peer's two calls included");
    println!("                {}", NETS.map(|net| format!("{net:>10}")).concat());
    for channels in [1, 64] {
        let mut costs = [0.0; NETS.len()];
        for (cost, net) in costs.iter_mut().zip(NETS) {
            let [few, many] = ROUNDS.map(|rounds| instructions(net, channels, rounds));
            *cost = (many? - few?) as f64 / ((ROUNDS[1] - ROUNDS[0]) * channels) as f64;
        }
        println!("{channels:>5} in a turn {}", costs.map(|cost| format!("{cost:10.1}")).concat());
        let [plain, counting, _] = costs;
        if counting > 1.05 * plain {
            return Err("who looks on costs too much".into());
        }
    }
    Ok(())
}

/// What callgrind counts of this program, playing that.
fn instructions(net: &str, channels: u64, rounds: u64) -> std::result::Result<u64, Box<dyn Error>> {
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["play", net, &channels.to_string(), &rounds.to_string()])
        .output()?;
    let said = String::from_utf8_lossy(&run.stderr);
    let count = said.lines().find_map(|line| line.split_once("Collected : ")?.1.parse().ok());
    match count {
        Some(count) if run.status.success() => Ok(count),
        _ => Err(format!("valgrind: {said}").into()),
    }
}
