//! Instructions, counted by callgrind: runs that go a step further each, whose differences are the steps'.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Mutex;

use stheno::Result;

use crate::world::{ACTIVE, ROUNDS, World};
use crate::{Outcome, SIZES};

/// How far a run goes that is counted: the last three, and those that talk, from where all are armed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Step {
    Made,
    Opened,
    Armed,
    /// Each has said something once, and has its own patience from then on.
    Begun,
    Talked,
    ClosedAll,
    ClosedByHandler,
    Expired,
}

use Step::{Armed, Begun, ClosedAll, ClosedByHandler, Expired, Made, Opened, Talked};

pub const STEPS: [Step; 8] = [Made, Opened, Armed, Begun, Talked, ClosedAll, ClosedByHandler, Expired];

/// Goes as far as this step, and ends the process without taking anything down.
pub fn play(channels: usize, step: Step) -> Result<()> {
    let mut world = World::with_room(channels)?;
    if step >= Opened {
        world.open(channels)?;
    }
    if step >= Armed {
        world.arm()?;
    }
    match step {
        Made | Opened | Armed => {}
        Begun => world.round()?,
        Talked => (0..=ROUNDS).try_for_each(|_| world.round())?,
        ClosedAll => world.close_all(),
        ClosedByHandler => world.close_from_a_handler()?,
        Expired => world.expire()?,
    }
    std::process::exit(0)
}

/// Runs this program as something else, under a tool or not, and gives what it said and what it complained of.
pub fn this(args: &[&str], under: &[&str]) -> Outcome<(String, String)> {
    let this = std::env::current_exe()?;
    let this = this.to_str().ok_or("the program's path is no text")?;
    let words = [under, &[this], args].concat();
    let run = Command::new(words[0]).args(&words[1..]).output().map_err(|why| format!("{}: {why}", words[0]))?;
    let [stdout, stderr] = [run.stdout, run.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    if run.status.success() { Ok((stdout, stderr)) } else { Err(format!("{words:?}: {}: {stderr}", run.status).into()) }
}

fn instructions(channels: usize, step: Step) -> Outcome<u64> {
    let step = format!("{step:?}");
    let callgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"];
    let (_, said) = this(&["play", &channels.to_string(), &step], &callgrind)?;
    let count = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    count.ok_or_else(|| format!("valgrind: {said}").into())
}

/// What each size took to go as far as each step, counted by as many at a time as there are processors.
pub fn count_all() -> Outcome<BTreeMap<(usize, Step), u64>> {
    // The longest first.
    let to_do = SIZES.iter().flat_map(|channels| STEPS.map(|step| (*channels, step)));
    let (to_do, done) = (Mutex::new(to_do.collect::<Vec<_>>()), Mutex::new(BTreeMap::new()));
    let worker = || -> Outcome<()> {
        loop {
            let Some((channels, step)) = to_do.lock().map_err(|_| "another failed")?.pop() else { return Ok(()) };
            let count = instructions(channels, step)?;
            done.lock().map_err(|_| "another failed")?.insert((channels, step), count);
        }
    };
    std::thread::scope(|scope| {
        let several = std::thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..several).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| "a count panicked")?)
    })?;
    Ok(done.into_inner()?)
}

/// Instructions for each channel or event.
pub struct Counts {
    pub event: f64,
    pub open: f64,
    pub arm: f64,
    pub expire: f64,
    pub close_all: f64,
    pub close_by_handler: f64,
}

pub fn counts(all: &BTreeMap<(usize, Step), u64>, channels: usize) -> Counts {
    let each = |step, after, number: usize| {
        let count = |step| all.get(&(channels, step)).map_or(f64::NAN, |count| *count as f64);
        (count(step) - count(after)) / number as f64
    };
    Counts {
        event: each(Talked, Begun, ROUNDS * channels.min(ACTIVE)),
        open: each(Opened, Made, channels),
        arm: each(Armed, Opened, channels),
        expire: each(Expired, Armed, channels),
        close_all: each(ClosedAll, Armed, channels),
        close_by_handler: each(ClosedByHandler, Armed, channels),
    }
}
