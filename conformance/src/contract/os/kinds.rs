//! Descriptors that are neither sockets nor pipes, and are channels all the same: of timers, counters, events of the file
//! system, signals, processes, terminals, and of other loops. Linux has them all.

use std::cell::RefCell;
use std::fs::File;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::inotify;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use stheno::signals::{SIGURG, SIGWINCH, Signals};
use stheno::waker::{Bell, BellHandle, Ring, Waker};
use stheno::{Backend, Channel, Dispatcher, Epoll, EventLoop, Net, Open, Os, Socket, Sound};

use super::super::states::{Made, check, made};
use super::super::support::{A_WHILE, Actor, Stage, hold, same};
use super::super::{Case, Failure, Verdict};
use crate::ground::{Ground, Sign};

#[rustfmt::skip]
pub(super) fn cases<B: Backend<Os> + Open>() -> Vec<Case> {
    let state = |name, check: fn() -> Verdict| Case::new(name, "B5 B6", check);
    let case = Case::new;
    vec![
        state("state-timer-descriptor-armed-is-silent",        || check::<Os, B>(timer_armed,                 "-----")),
        state("state-timer-descriptor-expired-is-readable",    || check::<Os, B>(timer_expired,               "R----")),
        state("state-counter-at-zero-is-writable",             || check::<Os, B>(counter_at_zero,             "-W---")),
        state("state-counter-above-zero-is-both",              || check::<Os, B>(counter_above_zero,          "RW---")),
        state("state-counter-that-is-full-is-readable",        || check::<Os, B>(counter_full,                "R----")),
        state("state-watch-of-files-without-news-is-silent",   || check::<Os, B>(no_file_made,                "-----")),
        state("state-watch-of-files-with-news-is-readable",    || check::<Os, B>(file_made,                   "R----")),
        state("state-process-that-runs-is-silent",             || check::<Os, B>(process_running,             "-----")),
        state("state-process-that-ended-is-readable",          || check::<Os, B>(process_ended,               "R----")),
        state("state-signal-descriptor-without-any-is-silent", || check::<Os, B>(no_signal,                   "-----")),
        state("state-signal-descriptor-with-one-is-readable",  || check::<Os, B>(one_signal,                  "R----")),
        case("a-timer-descriptor-is-a-channel", "B6 rule 6", timer::<B>),
        case("a-counter-descriptor-is-a-channel", "B6 rule 6", counter::<B>),
        case("a-watch-of-files-is-a-channel", "B6 rule 6", files::<B>),
        case("a-process-descriptor-is-a-channel", "B6 rule 6", process::<B>),
        case("a-signal-descriptor-is-a-channel", "B6 rule 6", signal_descriptor::<B>),
        case("a-signal-is-an-event-of-a-channel", "rules 6 and 9", signals::<B>),
        case("each-sound-wakes-the-loop-and-rings-as-one", "rule 9", sounds::<B>),
        case("a-loop-within-a-loop-is-a-channel", "B6 rules 6 and 10", loop_within::<B>),
    ]
}

type Descriptor = Result<Made<Os>, Failure>;

fn adopted(descriptor: impl Into<std::os::fd::OwnedFd>) -> Result<Socket, Failure> {
    Ok(Socket::adopt(descriptor)?)
}

/// A timer that expires after this time, and again whenever as much has passed.
fn timer_of(time: Duration) -> Result<Socket, Failure> {
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
    let time = Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: time, it_value: time })?;
    adopted(timer)
}

fn timer_armed(_: &mut Os) -> Descriptor {
    made(timer_of(Duration::from_secs(1_000))?, ())
}

fn timer_expired(net: &mut Os) -> Descriptor {
    let timer = timer_of(Duration::from_nanos(1))?;
    net.reached(&timer, &[Sign::Data])?;
    made(timer, ())
}

fn counter_of(count: u32) -> Result<Socket, Failure> {
    adopted(eventfd(count, EventfdFlags::CLOEXEC)?)
}

fn counter_at_zero(_: &mut Os) -> Descriptor {
    made(counter_of(0)?, ())
}

fn counter_above_zero(_: &mut Os) -> Descriptor {
    made(counter_of(3)?, ())
}

fn counter_full(net: &mut Os) -> Descriptor {
    let mut counter = counter_of(0)?;
    same("bytes sent", net.send(&mut counter, &(u64::MAX - 1).to_ne_bytes())?, Some(8))?;
    same("one more than there is room for", net.send(&mut counter, &1_u64.to_ne_bytes())?, None)?;
    made(counter, ())
}

/// A folder that is watched for new files, and goes with its guard.
struct Folder(std::path::PathBuf);

impl Folder {
    fn watched(name: &str) -> Result<(Socket, Self), Failure> {
        let folder = Self(std::env::temp_dir().join(format!("stheno-kinds-{name}-{}", std::process::id())));
        std::fs::create_dir_all(&folder.0)?;
        let watch = inotify::init(inotify::CreateFlags::CLOEXEC)?;
        inotify::add_watch(&watch, &folder.0, inotify::WatchFlags::CREATE)?;
        Ok((adopted(watch)?, folder))
    }

    fn make(&self, file: &str) -> Verdict {
        Ok(File::create(self.0.join(file)).map(drop)?)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn no_file_made(_: &mut Os) -> Descriptor {
    let (watch, folder) = Folder::watched("none")?;
    made(watch, folder)
}

fn file_made(_: &mut Os) -> Descriptor {
    let (watch, folder) = Folder::watched("one")?;
    folder.make("file")?;
    made(watch, folder)
}

/// A process that waits for its input to end, and is waited for with its guard.
struct Child(std::process::Child);

impl Child {
    fn watched() -> Result<(Socket, Self), Failure> {
        let child = Self(Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?);
        let pid = Pid::from_child(&child.0);
        Ok((adopted(pidfd_open(pid, PidfdFlags::empty())?)?, child))
    }

    fn end(&mut self) {
        drop(self.0.stdin.take());
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end();
        let _ = self.0.wait();
    }
}

fn process_running(_: &mut Os) -> Descriptor {
    let (process, child) = Child::watched()?;
    made(process, child)
}

fn process_ended(net: &mut Os) -> Descriptor {
    let (process, mut child) = Child::watched()?;
    child.end();
    net.reached(&process, &[Sign::Data])?;
    made(process, child)
}

/// A signal that this thread does not take as such any more, until this is dropped: one that has no effect on whoever has
/// no handler for it.
struct Blocked {
    before: SigSet,
}

impl Blocked {
    fn watched() -> Result<(Socket, Self), Failure> {
        let mut urgent = SigSet::empty();
        urgent.add(Signal::SIGURG);
        let before = urgent.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let blocked = Self { before };
        let descriptor = SignalFd::with_flags(&urgent, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        Ok((Socket::duplicate(descriptor)?, blocked))
    }

    /// To this very thread.
    fn raise(&self) -> Verdict {
        Ok(nix::sys::signal::raise(Signal::SIGURG)?)
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // One that is still waiting has no effect then.
        let _ = self.before.thread_set_mask();
    }
}

fn no_signal(_: &mut Os) -> Descriptor {
    let (descriptor, blocked) = Blocked::watched()?;
    made(descriptor, blocked)
}

fn one_signal(_: &mut Os) -> Descriptor {
    let (descriptor, blocked) = Blocked::watched()?;
    blocked.raise()?;
    made(descriptor, blocked)
}

// As channels: told when there is something, and silent when there is not.

fn reads(lines: &[String]) -> usize {
    lines.iter().filter(|line| line.contains(": read ")).count()
}

fn timer<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<Os, B>::new()?;
    let key = stage.events.add(timer_of(Duration::from_millis(2))?, stage.actor("T"))?;
    stage.until("a timer that goes on", |lines| reads(lines) >= 3)?;
    let bytes = stage.log.lines();
    // How often it has expired is a number of eight bytes, and a small one: the bytes that it does not need are zeros.
    let zeros = |count| "\\x00".repeat(count);
    let is_number = |line: &String| line.contains(&zeros(6)) && !line.contains(&zeros(8));
    hold(bytes.iter().all(is_number), || format!("no number came: {bytes:?}"))?;
    // Paused, it expires unheard.
    stage.events.channel(key)?.0.ways.readable = false;
    stage.rests(A_WHILE, 3)?;
    stage.log.clear();
    stage.events.channel(key)?.0.ways.readable = true;
    stage.until("what was missed", |lines| reads(lines) > 0)
}

fn counter<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<Os, B>::new()?;
    let key = stage.events.add(counter_of(0)?, stage.actor("C"))?;
    stage.rests(A_WHILE, 3)?;
    for _ in 0..7 {
        stage.events.channel(key)?.1.send(&6_u64.to_ne_bytes())?;
    }
    stage.until("the sum", |lines| reads(lines) > 0)?;
    let sum = 42_u64.to_ne_bytes();
    same("what was told", stage.log.lines(), [format!("C: read {}", crate::scenario::quote(&sum))])?;
    stage.rests(A_WHILE, 3)
}

fn files<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<Os, B>::new()?;
    let (watch, folder) = Folder::watched("channel")?;
    stage.events.add(watch, stage.actor("F"))?;
    stage.rests(A_WHILE, 3)?;
    for n in 1..=2 {
        folder.make(&format!("file-{n}"))?;
        stage.until("a new file", |lines| reads(lines) == n)?;
    }
    stage.rests(A_WHILE, 3)
}

/// There is nothing to be received from a process: that it is readable says it all, and whoever hears of it closes.
fn process<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<Os, B>::new()?;
    let (process, mut child) = Child::watched()?;
    let actor = stage.actor("P").but(|ways| ways.chunk = 0).on(|event, _, channel| {
        if event == "read" {
            channel.close();
        }
        Ok(())
    });
    stage.events.add(process, actor)?;
    stage.rests(A_WHILE, 3)?;
    child.end();
    stage.tells(&["P: read"])?;
    same("channels that are left", stage.events.len(), 0)?;
    hold(child.0.wait()?.success(), || "the process failed".into())
}

fn signal_descriptor<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<Os, B>::new()?;
    let (descriptor, blocked) = Blocked::watched()?;
    stage.events.add(descriptor, stage.actor("S"))?;
    stage.rests(A_WHILE, 3)?;
    for n in 1..=2 {
        blocked.raise()?;
        stage.until("a signal", |lines| reads(lines) == n)?;
    }
    stage.rests(A_WHILE, 3)
}

/// Writes down the signals that came.
struct Watchman {
    signals: Signals,
    told: Rc<RefCell<Vec<i32>>>,
}

impl Dispatcher<Os> for Watchman {
    fn writable(&self) -> bool {
        false
    }
    fn handle_read(&mut self, _: &mut Channel<'_, Os, Self>) -> stheno::Result<()> {
        self.told.borrow_mut().extend(self.signals.pending());
        Ok(())
    }
}

/// Signals that mean nothing to whoever does not watch them; once they were watched, they mean nothing to anybody.
fn signals<B: Backend<Os> + Open>() -> Verdict {
    let mut events = EventLoop::<Watchman, Os, B>::with_parts(Os, B::open()?, Vec::new());
    let told: Rc<RefCell<Vec<i32>>> = Rc::default();
    let signals = Signals::new([SIGURG, SIGWINCH])?;
    let socket = signals.socket()?;
    events.add(socket, Watchman { signals, told: told.clone() })?;
    same("results of silence", events.turn(Some(A_WHILE))?.fired, 0)?;
    for _ in 0..100 {
        signal_hook::low_level::raise(SIGWINCH)?;
        signal_hook::low_level::raise(SIGURG)?;
    }
    let turn = events.turn(None)?;
    same("results", turn.fired, 1)?;
    same("what was told", told.take(), [SIGURG, SIGWINCH])?;
    same("results of silence", events.turn(Some(A_WHILE))?.fired, 0)?;
    signal_hook::low_level::raise(SIGURG)?;
    events.turn(None)?;
    same("what was told", told.take(), [SIGURG])
}

fn sounds<B: Backend<Os> + Open>() -> Verdict {
    type Make = fn() -> stheno::Result<Sound>;
    let sounds: [(&str, Make); 4] = [
        ("an eventfd", Sound::eventfd),
        ("a pipe", Sound::pipe),
        ("a pair of the Unix family", Sound::datagrams),
        ("a pair of UDP", Sound::udp),
    ];
    for (name, make) in sounds {
        let mut stage = Stage::<Os, B>::new()?;
        let (_, _theirs) = stage.pair(stage.actor("A"))?;
        let bell = Arc::new(Bell::new(make()?));
        let socket = bell.sound().socket()?;
        stage.events.attach(BellHandle::Shared(bell.clone()), socket)?;
        stage.rests(A_WHILE, 3)?;
        let waker = Waker::new(bell.clone());
        let elsewhere = waker.clone();
        let ringer = std::thread::spawn(move || (0..100).try_for_each(|_| elsewhere.wake()));
        let turn = stage.events.turn(None)?;
        ringer.join().map_err(|_| "the ringer panicked")??;
        hold(turn.woken && turn.fired == 0, || format!("{name}: expected to be woken, came {turn:?}"))?;
        stage.events.turn(Some(Duration::ZERO))?;
        stage.rests(A_WHILE, 3)?;
        // Past the flag that makes many rings one: as many sounds as there is room for, and they are one all the same.
        for _ in 0..1_000 {
            bell.sound().ring()?;
        }
        waker.stop()?;
        stage.events.run()?;
        stage.rests(A_WHILE, 3)?;
        same("what was told", stage.log.lines(), Vec::<String>::new())?;
    }
    Ok(())
}

/// The inner loop's descriptor is readable while any of its channels is ready; told of it, it turns without waiting.
fn loop_within<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<Os, B>::new()?;
    let mut within = EventLoop::<Actor<Os>, Os, Epoll>::with_parts(Os, Epoll::open()?, Vec::new());
    let (ours, mut theirs) = Os.local_pair()?;
    within.add(ours, Actor::new("inner", &stage.log))?;
    let descriptor = Socket::duplicate(within.backend())?;
    let outer = stage.actor("outer").but(|ways| ways.chunk = 0).on(move |event, _, _| {
        if event == "read" {
            within.turn(Some(Duration::ZERO))?;
        }
        Ok(())
    });
    stage.events.add(descriptor, outer)?;
    stage.rests(A_WHILE, 3)?;
    Os.say(&mut theirs, b"hello")?;
    stage.tells(&["outer: read", "inner: read hello"])?;
    stage.rests(A_WHILE, 3)?;
    Os.hang_up(theirs);
    stage.tells(&["outer: read", "inner: read hello", "outer: read", "inner: close end"])?;
    stage.rests(A_WHILE, 3)
}
