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

mod memory;

use std::collections::BTreeMap;
use std::error::Error;
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use memory::{MESSAGE, Memory, Watch};
use stheno::pool::Place;
use stheno::{Channel, Dispatcher, EventLoop, Key, Lending, Loan, Received, Result, Slot};

type Failure = Box<dyn Error + Send + Sync>;

const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// So many channels have something to say, where there are so many.
const ACTIVE: usize = 10_000;
/// How long a channel that has something to say may be silent, and how often it does.
const PATIENCE: Duration = Duration::from_millis(640);
const BEAT: Duration = Duration::from_millis(10);
/// In so many beats all who are active come due once under the time that they had first, and are put off.
const ROUNDS: usize = 64;
/// The others', at the least.
const HOUR: Duration = Duration::from_secs(3600);
/// What a channel may take, in bytes.
const MOST_BYTES: f64 = 128.0;

enum Echo {
    Client(Loan),
    /// Closes everybody, and itself, as soon as it is told anything.
    End,
    /// Its time was up.
    Late,
}

impl Dispatcher<Lending<Memory>> for Echo {
    fn readable(&self) -> bool {
        !matches!(self, Self::Client(waiting) if waiting.is_full())
    }

    fn writable(&self) -> bool {
        matches!(self, Self::Client(waiting) if waiting.writable())
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, Lending<Memory>, Self>) -> Result<()> {
        match self {
            Self::Client(waiting) => {
                if let Received::Data(_) = waiting.fill_from(channel)? {
                    waiting.flush(channel)?;
                    channel.set_timeout(PATIENCE);
                }
            }
            Self::End | Self::Late => {
                channel.for_each_neighbour(|_, neighbour| {
                    neighbour.close();
                    true
                });
                channel.close();
            }
        }
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, Lending<Memory>, Self>) -> Result<()> {
        match self {
            Self::Client(waiting) => waiting.flush(channel),
            Self::End | Self::Late => Ok(()),
        }
    }

    fn handle_timeout(&mut self, _: &mut Channel<'_, Lending<Memory>, Self>) -> Result<()> {
        *self = Self::Late;
        Ok(())
    }
}

type Table = Vec<Slot<Echo, Lending<Memory>>>;

/// A loop with so many channels, a few of which are active.
struct World {
    events: EventLoop<Echo, Lending<Memory>, Watch, Table>,
    keys: Vec<Key>,
    active: Vec<u32>,
}

impl World {
    fn new(channels: usize, table: Table, places: Vec<Place>) -> Result<Self> {
        const CHUNK: usize = 4096;
        let chunks = stheno::pool::Heap::new(stheno::pool::bytes(64, CHUNK))?;
        let net = Lending::new(Memory::new(channels), chunks, CHUNK, places)?;
        let active = channels.min(ACTIVE);
        // Spread evenly, each at another place of its stretch, and not in the order of the table.
        let stretch = (channels / active) as u32;
        let at = |number: u32| number * stretch + number.wrapping_mul(0x9e37_79b1) % stretch;
        let active = (0..active as u32).map(|number| at((number * 7_919) % active as u32)).collect();
        // Touched, so that they count as what was there before.
        let mut keys = vec![Key::new(1, 1); channels];
        keys.clear();
        Ok(Self { events: EventLoop::with_parts(net, Watch::new(), table), keys, active })
    }

    /// With room set aside for all of them, as whoever expects so many does.
    fn with_room(channels: usize) -> Result<Self> {
        let room = room(channels);
        Self::new(channels, Vec::with_capacity(room), Vec::with_capacity(room))
    }

    fn open(&mut self, channels: usize) -> Result<()> {
        for index in 0..channels as u32 {
            self.open_one(index)?;
        }
        self.turn()
    }

    fn open_one(&mut self, index: u32) -> Result<()> {
        let socket = self.events.net_mut().below.open(index);
        self.keys.push(self.events.add(socket, Echo::Client(Loan::new()))?);
        Ok(())
    }

    /// Arms a deadline for each, in no order.
    fn arm(&mut self) -> Result<()> {
        for (number, key) in (0_u64..).zip(&self.keys) {
            let later = Duration::from_nanos(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 22);
            self.events.channel(*key)?.1.set_timeout(HOUR + later);
        }
        self.turn()
    }

    /// Everyone who is active says something, and has it back.
    fn round(&mut self) -> Result<()> {
        self.events.net_mut().below.pass(BEAT);
        for index in &self.active {
            self.events.net_mut().below.say(*index);
        }
        let mut fired = 0;
        while fired < self.active.len() {
            let turn = self.events.turn(Some(Duration::ZERO))?;
            assert!(turn.fired > 0 && turn.timeouts == 0, "{turn:?}");
            fired += turn.fired;
        }
        assert_eq!(fired, self.active.len());
        let net = &self.events.net().below;
        assert!(self.active.iter().all(|index| net.is_answered(*index)));
        Ok(())
    }

    /// Time goes by until every deadline has come, and one turn tells all of them.
    fn expire(&mut self) -> Result<()> {
        self.events.net_mut().below.pass(100 * HOUR);
        let turn = self.events.turn(Some(Duration::ZERO))?;
        assert_eq!(turn.timeouts, self.keys.len());
        Ok(())
    }

    fn close_all(&mut self) {
        self.events.close_all();
        self.assert_closed();
    }

    /// One channel's handler closes all others, and one turn does what that implies.
    fn close_from_a_handler(&mut self) -> Result<()> {
        let one = self.active[0];
        *self.events.channel(self.keys[one as usize])?.0 = Echo::End;
        self.events.net_mut().below.say(one);
        self.events.turn(Some(Duration::ZERO))?;
        self.assert_closed();
        Ok(())
    }

    fn assert_closed(&self) {
        assert!(self.events.is_empty());
        assert_eq!(self.events.net().below.sockets(), 0, "every socket is closed");
    }

    fn turn(&mut self) -> Result<()> {
        self.events.turn(Some(Duration::ZERO)).map(drop)
    }
}

/// So many slots hold so many channels, and those that a loop keeps vacant for handlers.
const fn room(channels: usize) -> usize {
    channels + 64
}

/// How far a run goes that is counted: the last three, and those that talk, from where all are armed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Step {
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

const STEPS: [Step; 8] = [Made, Opened, Armed, Begun, Talked, ClosedAll, ClosedByHandler, Expired];

/// Goes as far as this step, and ends the process without taking anything down.
fn play(channels: usize, step: Step) -> Result<()> {
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

/// How many bytes of this process's memory are there.
fn resident() -> std::result::Result<usize, Failure> {
    let status = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = status.lines().find_map(|line| line.strip_prefix("Rss:")).ok_or("the system does not say")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<usize>()? * 1024)
}

/// Prints by how much the process grows when so many channels move in and have been used, in bytes for each.
fn weigh(channels: usize) -> std::result::Result<(), Failure> {
    let mut world = World::with_room(channels)?;
    let before = resident()?;
    world.open(channels)?;
    world.arm()?;
    world.round()?;
    println!("{}", (resident()? - before) as f64 / channels as f64);
    Ok(())
}

fn this(args: &[&str], under: &[&str]) -> std::result::Result<(String, String), Failure> {
    let this = std::env::current_exe()?;
    let this = this.to_str().ok_or("the program's path is no text")?;
    let words = [under, &[this], args].concat();
    let run = Command::new(words[0]).args(&words[1..]).output().map_err(|why| format!("{}: {why}", words[0]))?;
    let [stdout, stderr] = [run.stdout, run.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    if run.status.success() { Ok((stdout, stderr)) } else { Err(format!("{words:?}: {}: {stderr}", run.status).into()) }
}

fn instructions(channels: usize, step: Step) -> std::result::Result<u64, Failure> {
    let step = format!("{step:?}");
    let callgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"];
    let (_, said) = this(&["play", &channels.to_string(), &step], &callgrind)?;
    let count = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    count.ok_or_else(|| format!("valgrind: {said}").into())
}

/// What each size took to go as far as each step, counted by as many at a time as there are processors.
fn count_all() -> std::result::Result<BTreeMap<(usize, Step), u64>, Failure> {
    // The longest first.
    let to_do = SIZES.iter().flat_map(|channels| STEPS.map(|step| (*channels, step)));
    let (to_do, done) = (Mutex::new(to_do.collect::<Vec<_>>()), Mutex::new(BTreeMap::new()));
    let worker = || -> std::result::Result<(), Failure> {
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
struct Counts {
    event: f64,
    open: f64,
    arm: f64,
    expire: f64,
    close_all: f64,
    close_by_handler: f64,
}

fn counts(all: &BTreeMap<(usize, Step), u64>, channels: usize) -> Counts {
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
fn time_events() -> Result<Vec<[f64; 3]>> {
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
fn time_lives() -> Result<Vec<[[f64; 3]; 5]>> {
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
fn grow(channels: usize, room: usize) -> Result<(Duration, usize)> {
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

fn compare() -> std::result::Result<(), Failure> {
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
        "A channel is a slot of {slot} bytes and a place in the pool of {place}; this backend keeps nothing of it,"
    );
    println!(
        "as epoll's does not. The chunk is shared: {} bytes, of which as many are there as were ever used at a time.",
        4096
    );

    let rows: [(&str, fn(&Counts) -> f64); 5] = [
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
        let (longest, moves) = grow(most, room)?;
        println!("{} channels, {how}: the table moved {moves} times; the slowest took {longest:.1?}", told(most));
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
