//! Stheno's parts, each as something that can be done again and again: for criterion, which tells the time, and for callgrind,
//! which counts instructions.

mod bytes;
mod deadlines;
mod rules;
mod turns;

use stheno::Result;

/// Does the thing once more.
pub type Again = Box<dyn FnMut()>;

/// Something to be measured.
pub struct Part {
    /// What it is: a group, a stroke, and what of it.
    pub name: &'static str,
    /// How many of what is counted (events, messages) one call does.
    pub of: u64,
    /// Sets it up.
    pub set_up: fn() -> Result<Again>,
}

const fn part(name: &'static str, of: u64, set_up: fn() -> Result<Again>) -> Part {
    Part { name, of, set_up }
}

/// All of them.
pub const ALL: &[Part] = &[
    part("rules/event", rules::EVENTS, rules::events),
    part("buffer/64 bytes in and out", 1, bytes::buffer),
    part("framing/line of 20 bytes", bytes::LINES, bytes::lines),
    part("framing/frame of 1000 bytes", bytes::FRAMES, bytes::frames),
    part("deadlines/later, 100 armed", 1, || deadlines::later(100)),
    part("deadlines/later, 10000 armed", 1, || deadlines::later(10_000)),
    part("deadlines/later, 1000000 armed", 1, || deadlines::later(1_000_000)),
    part("deadlines/earlier, 100 armed", 1, || deadlines::earlier(100)),
    part("deadlines/earlier, 10000 armed", 1, || deadlines::earlier(10_000)),
    part("deadlines/earlier, 1000000 armed", 1, || deadlines::earlier(1_000_000)),
    part("deadlines/armed and closed, 100 armed", 1, || deadlines::armed(100)),
    part("deadlines/armed and closed, 10000 armed", 1, || deadlines::armed(10_000)),
    part("deadlines/armed and closed, 1000000 armed", 1, || deadlines::armed(1_000_000)),
    part("deadlines/expired, 100 armed", 1, || deadlines::expired(100)),
    part("deadlines/expired, 10000 armed", 1, || deadlines::expired(10_000)),
    part("deadlines/expired, 1000000 armed", 1, || deadlines::expired(1_000_000)),
    part("echo/simulated, 1 at a time", 1, || turns::simulated(1)),
    part("echo/simulated, 64 at a time", 64, || turns::simulated(64)),
    part("echo/socket pair, 1 at a time", 1, || turns::on_pairs(1)),
    part("echo/socket pair, 64 at a time", 64, || turns::on_pairs(64)),
];

#[cfg(test)]
mod tests {
    #[test]
    fn every_part_can_be_done_again_and_again() {
        let mut names = std::collections::HashSet::new();
        for part in super::ALL {
            assert!(names.insert(part.name), "{} is there twice", part.name);
            let mut again = (part.set_up)().unwrap();
            (0..300).for_each(|_| again());
        }
    }
}
