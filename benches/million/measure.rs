//! Time and memory, as this machine has them.

use std::time::{Duration, Instant};

use stheno::Result;

use crate::world::{ACTIVE, World};
use crate::{Outcome, SIZES};

/// Nanoseconds that something takes, for each of so many.
fn timed(number: usize, what: impl FnOnce() -> Result<()>) -> Result<f64> {
    let began = Instant::now();
    what()?;
    Ok(began.elapsed().as_nanos() as f64 / number as f64)
}

/// The median, and the quarters below and above which lies the rest.
fn spread(mut times: Vec<f64>) -> [f64; 3] {
    times.sort_by(f64::total_cmp);
    [times.len() / 2, times.len() / 4, times.len() * 3 / 4].map(|at| times[at])
}

/// How long an event takes at each size; the sizes take turns, so that what else the machine does meets all of them.
pub fn time_events() -> Result<Vec<[f64; 3]>> {
    let mut worlds = Vec::new();
    for channels in SIZES {
        let mut world = World::with_room(channels)?;
        world.open(channels)?;
        world.arm()?;
        world.round()?;
        worlds.push((world, Vec::new()));
    }
    for _ in 0..101 {
        for (world, times) in &mut worlds {
            // As many events at each size.
            let rounds = ACTIVE / world.active.len();
            times.push(timed(ACTIVE, || (0..rounds).try_for_each(|_| world.round()))?);
        }
    }
    Ok(worlds.into_iter().map(|(_, times)| spread(times)).collect())
}

/// How long it takes to open, to arm, to expire, to close all, and to close from a handler, for each channel.
pub fn time_lives() -> Result<Vec<[[f64; 3]; 5]>> {
    let mut lives = SIZES.map(|_| [(); 5].map(|()| Vec::new()));
    for _ in 0..5 {
        for (channels, [open, arm, expire, close_all, close]) in SIZES.into_iter().zip(&mut lives) {
            let mut world = World::with_room(channels)?;
            open.push(timed(channels, || world.open(channels))?);
            arm.push(timed(channels, || world.arm())?);
            expire.push(timed(channels, || world.expire())?);
            let mut world = World::with_room(channels)?;
            world.open(channels)?;
            world.arm()?;
            close_all.push(timed(channels, || {
                world.close_all();
                Ok(())
            })?);
            let mut world = World::with_room(channels)?;
            world.open(channels)?;
            world.arm()?;
            close.push(timed(channels, || world.close_from_a_handler())?);
        }
    }
    Ok(lives.into_iter().map(|life| life.map(spread)).collect())
}

/// The longest that one channel took to move in while a loop grew to this size, and how often the table moved.
pub fn grow(channels: usize, room: usize) -> Result<(Duration, usize)> {
    let mut world = World::new(channels, Vec::with_capacity(room), Vec::with_capacity(room))?;
    let (mut longest, mut moves, mut place) = (Duration::ZERO, 0, std::ptr::null());
    for index in 0..channels as u32 {
        let began = Instant::now();
        world.open_one(index)?;
        longest = longest.max(began.elapsed());
        let first = world.events.dispatcher(world.keys[0]).map_or(std::ptr::null(), std::ptr::from_ref);
        moves += usize::from(std::mem::replace(&mut place, first) != first);
    }
    Ok((longest, moves - 1))
}

/// How many bytes of this process's memory are there.
fn resident() -> Outcome<usize> {
    let status = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = status.lines().find_map(|line| line.strip_prefix("Rss:")).ok_or("the system does not say")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<usize>()? * 1024)
}

/// Prints by how much the process grows when so many channels move in and have been used, in bytes for each.
pub fn weigh(channels: usize) -> Outcome<()> {
    let mut world = World::with_room(channels)?;
    let before = resident()?;
    world.open(channels)?;
    world.arm()?;
    world.round()?;
    println!("{}", (resident()? - before) as f64 / channels as f64);
    Ok(())
}
