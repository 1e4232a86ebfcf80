//! A program under strace: what it says, what it holds, and the log of its calls.

use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};

use crate::plan::Plan;

/// Nothing takes longer than this but what would never come.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Dropped, it is killed.
pub struct Traced {
    child: Child,
    log: PathBuf,
}

impl Traced {
    /// The program is a child of this process, and strace sits beside it. The log is of what the plan needs, or whole.
    pub fn launch(
        program: &Path,
        args: &[&str],
        backend: &str,
        log: PathBuf,
        plan: Option<&Plan>,
        whole: bool,
    ) -> Self {
        let mut strace = Command::new("strace");
        strace.args(["-D", "-f", "--seccomp-bpf", "-o"]).arg(&log);
        if let Some(plan) = plan {
            let calls = plan.faults.iter().map(|fault| fault.call).chain(crate::plan::WAITS.iter().copied());
            let calls = calls.chain(["write"]).collect::<Vec<_>>().join(",");
            strace.args(["-e", &if whole { "trace=all".into() } else { format!("trace={calls}") }]);
            strace.args(plan.faults.iter().flat_map(|fault| ["-e".into(), fault.injection()]));
        }
        strace.arg(program).args(args).env("STHENO_BACKEND", backend);
        strace.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { child: strace.spawn().expect("strace starts"), log }
    }

    /// Where it says that it listens; `None` where it ends without a word.
    pub fn address(&mut self) -> Result<Option<SocketAddr>, String> {
        let (until, mut said) = (Instant::now() + PATIENCE, Vec::new());
        let stdout = self.child.stdout.as_mut().expect("it was asked for");
        while !said.ends_with(b"\n") {
            let left = until.saturating_duration_since(Instant::now());
            let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
            let mut byte = [0];
            if poll(&mut [PollFd::new(stdout, PollFlags::IN)], Some(&left)) == Ok(0) {
                return Err("it neither listens nor ends".into());
            }
            match stdout.read(&mut byte) {
                Ok(0) => return Ok(None),
                Ok(_) => said.push(byte[0]),
                Err(why) => return Err(format!("its output cannot be read: {why}")),
            }
        }
        crate::programs::address_in(&String::from_utf8_lossy(&said)).map(Some).ok_or("it names no address".into())
    }

    /// How many descriptors it has open.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).map_or(0, Iterator::count)
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        // If it has ended by itself, its status tells.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
    }

    /// Waits for its end: its status and what it said on its standard error.
    pub fn end(&mut self) -> Result<(ExitStatus, String), String> {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(1)),
                _ => return Err("it does not end".into()),
            }
        };
        let mut said = String::new();
        let stderr = self.child.stderr.as_mut().expect("it was asked for");
        stderr.read_to_string(&mut said).map_err(|why| format!("its errors cannot be read: {why}"))?;
        Ok((status, said))
    }

    /// Whether it has ended, and how.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// What is in the log by now.
    pub fn log(&self) -> Log {
        Log { process: self.child.id(), text: std::fs::read_to_string(&self.log).unwrap_or_default() }
    }

    /// The whole log, once the program has ended.
    pub fn whole_log(&self) -> Result<Log, String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            if log.lines().any(|(_, line)| line.starts_with("+++ ")) {
                return Ok(log);
            }
            if Instant::now() > until {
                return Err("the log has no end".into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.log);
    }
}

/// What strace wrote.
#[derive(Debug)]
pub struct Log {
    process: u32,
    text: String,
}

/// A call in a log.
pub struct Call<'a> {
    pub name: &'a str,
    pub text: &'a str,
    pub line: usize,
    /// The how manieth of its name it is, from 1 on.
    pub number: usize,
}

impl Log {
    /// The lines of the main thread, without its number.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let process = self.process.to_string();
        self.text.lines().enumerate().filter_map(move |(at, line)| {
            Some((at, line.split_once(' ').filter(|(id, _)| *id == process)?.1.trim_start()))
        })
    }

    /// The calls of the main thread.
    pub fn calls(&self) -> impl Iterator<Item = Call<'_>> {
        let mut numbers = std::collections::BTreeMap::new();
        let begun = self.lines().filter(|(_, text)| text.starts_with(|first: char| first.is_ascii_lowercase()));
        begun.filter_map(move |(line, text)| {
            let name = text.split_once('(')?.0;
            let number = numbers.entry(name).or_insert(0);
            *number += 1;
            Some(Call { name, text, line, number: *number })
        })
    }

    /// The line on which the program itself begins, behind what the loader and the runtime do.
    pub fn own(&self) -> usize {
        let first = |call: &Call<'_>| match call.name {
            "socket" | "epoll_create1" => true,
            _ => call.text.contains("RLIMIT_NOFILE"),
        };
        self.calls().find(first).map_or(0, |call| call.line)
    }

    /// How often the program waited, once it had said that it listens.
    pub fn waits(&self) -> usize {
        let calls = self.calls().skip_while(|call| !call.text.starts_with("write(1, \"listening"));
        calls.filter(|call| crate::plan::WAITS.contains(&call.name)).count()
    }

    /// A wait of the program's own that is not one of this backend's.
    pub fn waits_otherwise(&self, backend: &str) -> Option<&str> {
        let (own, waits) = (self.own(), crate::plan::waits_of(backend));
        let mut others = self.calls().filter(|call| call.line >= own && !waits.contains(&call.name));
        others.find(|call| crate::plan::WAITS.contains(&call.name)).map(|call| call.text)
    }

    /// How many calls failed by plan.
    pub fn faults(&self) -> usize {
        self.text.lines().filter(|line| line.ends_with("(INJECTED)")).count()
    }

    /// The line of the first call that failed by plan.
    pub fn first_fault(&self) -> Option<usize> {
        self.text.lines().position(|line| line.ends_with("(INJECTED)"))
    }

    /// How many descriptors were not closed, by plan.
    pub fn left_open(&self) -> usize {
        self.text.lines().filter(|line| line.ends_with("(INJECTED)") && line.contains("close")).count()
    }
}
