//! A million channels in one loop: what an event costs beside them, what each of them takes, and what it costs to open, arm,
//! expire and close them all, beside what it is with fewer.
//!
//! Runs on a network in memory, so that nothing is counted but the loop and as little as there can be below it. Instructions
//! are callgrind's, the difference of two runs of which one goes a step further, and are the same in each run; times are
//! medians of rounds in which the sizes take turns. Fails where an event takes more than a tenth more instructions beside a
//! million channels than beside a thousand, where a channel takes more than 128 bytes, or where to close one of a million
//! takes more than half as many again as to close one of ten thousand.
//!
//! Needs valgrind, and some 300 MB of memory: `make million-sim`.
#![allow(missing_docs)]

mod count;
mod measure;
mod memory;
mod world;

use std::error::Error;
use std::process::ExitCode;

use count::{Counts, STEPS, count_all, counts, play, this};
use measure::{grow, time_events, time_lives, weigh};
use memory::{MESSAGE, Memory};
use stheno::pool::Place;
use stheno::{Lending, Result, Slot};
use world::{ACTIVE, Echo, room};

type Outcome<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A line of the second table, and where its figure stands.
type Row = (&'static str, fn(&Counts) -> f64);

const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// What a channel may take, in bytes.
const MOST_BYTES: f64 = 128.0;

fn compare() -> Outcome<()> {
    let told = |number: usize| {
        let digits = number.to_string();
        let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
        groups.join(",")
    };
    let (events, lives) = (time_events()?, time_lives()?);
    let counted = count_all()?;
    let counts = SIZES.map(|channels| counts(&counted, channels));

    println!("An echo of {MESSAGE} bytes with an idle timeout that moves; {} channels are active.", told(ACTIVE));
    println!("{:>10}  {:>12}  {:>22}  {:>18}", "", "an event:", "", "a channel, bytes:");
    println!(
        "{:>10}  {:>12}  {:>22}  {:>8}  {:>8}",
        "channels", "instructions", "ns (half of them)", "measured", "by types"
    );
    let slot = Slot::<Echo, Lending<Memory>>::BYTES;
    let (place, mut heaviest) = (size_of::<Place>(), 0.0_f64);
    for (number, channels) in SIZES.into_iter().enumerate() {
        let bytes: f64 = this(&["weigh", &channels.to_string()], &[])?.0.trim().parse()?;
        // What a few pages and the first chunk are to a thousand is nobody's.
        if channels >= 10_000 {
            heaviest = heaviest.max(bytes);
        }
        let [median, low, high] = events[number];
        let times = format!("{median:.1} ({low:.1} to {high:.1})");
        let (channels, event) = (told(channels), counts[number].event);
        println!("{channels:>10}  {event:>12.1}  {times:>22}  {bytes:>8.1}  {:>8}", slot + place);
    }
    println!(
        "A channel is a slot of {slot} bytes and a place in the pool of {place}. The backend keeps nothing of it, as epoll"
    );
    println!("does not, and of the pool's chunks so many are there as were ever used at a time, which is one.");

    let rows: [Row; 5] = [
        ("open", |c| c.open),
        ("arm a deadline", |c| c.arm),
        ("expire", |c| c.expire),
        ("close_all", |c| c.close_all),
        ("close from a handler", |c| c.close_by_handler),
    ];
    println!("\nFor each channel, all in one turn: instructions, and ns");
    println!("{:<21}{}", "", SIZES.map(|channels| format!("{:>18}", told(channels))).concat());
    for (row, (name, count)) in rows.into_iter().enumerate() {
        let cells = [0, 1, 2, 3].map(|size| format!("{:>9.0} {:>8.1}", count(&counts[size]), lives[size][row][0]));
        println!("{name:<21}{}", cells.concat());
    }

    println!();
    let most = SIZES[SIZES.len() - 1];
    for (room, how) in [(room(most), "with room for all"), (0, "from nothing, doubling")] {
        // What else the machine does is in some of them.
        let mut grown = (0..5).map(|_| grow(most, room)).collect::<Result<Vec<_>>>()?;
        grown.sort();
        let (longest, moves) = grown[0];
        println!(
            "{} channels, {how}: the table moved {moves} times; the slowest to move in took {longest:.1?}",
            told(most)
        );
    }

    let [first, second, .., last] = &counts;
    let dearer = |few: f64, many: f64| 100.0 * (many / few - 1.0);
    let mut failed = Vec::new();
    println!("\nAn event beside {} channels takes {:+.1} % instructions.", told(most), dearer(first.event, last.event));
    if last.event.is_nan() || last.event > 1.1 * first.event {
        failed.push("an event takes more than a tenth more");
    }
    if heaviest > MOST_BYTES {
        failed.push("a channel takes more than 128 bytes");
    }
    for close in [|c: &Counts| c.close_all, |c: &Counts| c.close_by_handler] {
        if close(last).is_nan() || close(last) > 1.5 * close(second) {
            failed.push("to close one of many takes more than half as many instructions again");
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ").into()) }
}

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let done = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["play", channels, step] => match (channels.parse(), STEPS.iter().find(|known| format!("{known:?}") == step)) {
            (Ok(channels), Some(step)) => play(channels, *step).map_err(Into::into),
            _ => Err("there is no such step".into()),
        },
        ["weigh", channels] => channels.parse().map_err(Into::into).and_then(weigh),
        // What `cargo bench` passes.
        [] | ["--bench"] => compare(),
        _ => Err(format!("unknown arguments: {args:?}\n\nUsage: cargo bench --bench million (needs valgrind)").into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("million: {why}");
            ExitCode::FAILURE
        }
    }
}
