//! Processes that end with this one, however that ends, and what they say, with a bound on how long they are waited for.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, getppid, kill_process, pidfd_open, set_parent_process_death_signal};

use crate::{Failure, Outcome};

/// Nobody is waited for longer than this.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long one waits for a better explanation.
const AFTERTHOUGHT: Duration = Duration::from_secs(2);

enum News {
    Said(usize, String),
    Ended(usize),
    Interrupted,
}

struct Kid {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    said: VecDeque<String>,
}

impl Kid {
    /// Why it could not go on, where it said so.
    fn failed(&self) -> Option<&str> {
        self.said.iter().find_map(|line| line.strip_prefix(FAILED))
    }
}

/// The processes that were started here, by number. They are killed when this is dropped.
pub struct Children {
    kids: Vec<Kid>,
    news: Receiver<News>,
    sender: Sender<News>,
}

/// What a child begins a line with that cannot go on.
pub const FAILED: &str = "failed: ";

impl Children {
    /// None yet. From here on this process is not ended by Ctrl-C and the like: whoever waits for a child is told.
    pub fn new() -> Outcome<Self> {
        let (sender, news) = channel();
        let interrupted = sender.clone();
        ctrlc::set_handler(move || {
            // Where nobody waits any more, all is over.
            let _ = interrupted.send(News::Interrupted);
        })?;
        Ok(Self { kids: Vec::new(), news, sender })
    }

    /// Starts this very program as something else, in a process group of its own: a Ctrl-C is for this process, which
    /// sees to the others.
    pub fn start(&mut self, name: String, args: &[&str]) -> Outcome<usize> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["under", &std::process::id().to_string()])
            .args(args)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let number = self.kids.len();
        self.kids.push(Kid { name, child, stdin, said: VecDeque::new() });
        let sender = self.sender.clone();
        let lines = BufReader::new(stdout.ok_or("it was asked for")?).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if sender.send(News::Said(number, line)).is_err() {
                    return;
                }
            }
            let _ = sender.send(News::Ended(number));
        });
        Ok(number)
    }

    pub fn id(&self, number: usize) -> u32 {
        self.kids[number].child.id()
    }

    pub fn tell(&mut self, number: usize, line: &str) -> Outcome<()> {
        let told = match &mut self.kids[number].stdin {
            Some(stdin) => writeln!(stdin, "{line}"),
            None => Ok(()),
        };
        // One that has gone has failed, or somebody else has before it.
        told.map_err(|_| self.explain().unwrap_or_else(|| self.obituary(number)))
    }

    /// The next line that a child says. An error where any child fails or ends, or this process is asked to end.
    pub fn hear(&mut self, number: usize) -> Outcome<String> {
        let until = Instant::now() + PATIENCE;
        loop {
            if self.kids[number].failed().is_some() {
                return Err(self.why(number));
            }
            if let Some(line) = self.kids[number].said.pop_front() {
                return Ok(line);
            }
            match self.news.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(News::Said(other, line)) => self.kids[other].said.push_back(line),
                Ok(News::Ended(other)) => return Err(self.why(other)),
                Ok(News::Interrupted) => return Err("interrupted".into()),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("{} says nothing for {PATIENCE:?}", self.kids[number].name).into());
                }
                Err(RecvTimeoutError::Disconnected) => return Err("nobody is left to hear".into()),
            }
        }
    }

    /// Whether all is well with everybody.
    pub fn check(&mut self) -> Outcome<()> {
        loop {
            match self.news.try_recv() {
                Ok(News::Said(other, line)) => self.kids[other].said.push_back(line),
                Ok(News::Ended(other)) => return Err(self.why(other)),
                Ok(News::Interrupted) => return Err("interrupted".into()),
                Err(_) => return Ok(()),
            }
        }
    }

    /// Closes a child's input, or sends it a signal, and waits for the end that it comes to.
    pub fn end(&mut self, number: usize, signal: Option<Signal>) -> Outcome<()> {
        let kid = &mut self.kids[number];
        kid.stdin = None;
        if let Some(signal) = signal {
            kill_process(Pid::from_child(&kid.child), signal)?;
        }
        loop {
            match self.news.recv_timeout(PATIENCE) {
                Ok(News::Ended(other)) if other == number => break,
                Ok(News::Ended(other)) => return Err(self.why(other)),
                Ok(News::Said(other, line)) => self.kids[other].said.push_back(line),
                Ok(News::Interrupted) => return Err("interrupted".into()),
                Err(_) => return Err(format!("{} does not end", self.kids[number].name).into()),
            }
        }
        if self.kids[number].failed().is_some() {
            return Err(self.why(number));
        }
        let kid = &mut self.kids[number];
        match wait(&mut kid.child)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("{} ended badly: {status}", kid.name).into()),
            None => Err(format!("{} does not end", kid.name).into()),
        }
    }

    /// Why a child has ended, or cannot go on.
    fn why(&mut self, number: usize) -> Failure {
        let another = self.kids[number].failed().is_some().then(|| self.explain()).flatten();
        another.unwrap_or_else(|| self.obituary(number))
    }

    /// Who has ended without a word, if that is heard of soon: the others fail because of it.
    fn explain(&mut self) -> Option<Failure> {
        let until = Instant::now() + AFTERTHOUGHT;
        loop {
            match self.news.recv_timeout(until.saturating_duration_since(Instant::now())).ok()? {
                News::Said(other, line) => self.kids[other].said.push_back(line),
                News::Ended(other) if self.kids[other].failed().is_none() => return Some(self.obituary(other)),
                News::Ended(_) => {}
                News::Interrupted => return Some("interrupted".into()),
            }
        }
    }

    fn obituary(&mut self, number: usize) -> Failure {
        let kid = &mut self.kids[number];
        // Its own words are the better ones.
        if let Some(why) = kid.failed() {
            return format!("{}: {why}", kid.name).into();
        }
        match wait(&mut kid.child) {
            Ok(Some(status)) => format!("{} died: {status}", kid.name).into(),
            _ => format!("{} has closed its output, and does not end", kid.name).into(),
        }
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for kid in &mut self.kids {
            // Fails where it has ended already.
            let _ = kid.child.kill();
        }
        for kid in &mut self.kids {
            let _ = kid.child.wait();
        }
    }
}

/// Waits for a child's end; `None` where it takes too long.
fn wait(child: &mut Child) -> Outcome<Option<ExitStatus>> {
    if let Some(status) = child.try_wait()? {
        return Ok(Some(status));
    }
    let ending = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let bound = Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
    poll(&mut [PollFd::new(&ending, PollFlags::IN)], Some(&bound))?;
    Ok(child.try_wait()?)
}

/// Becomes another program, which the system kills when the process with this number has ended.
pub fn become_child_of(parent: &str, program: &str, args: &[&str]) -> Failure {
    if let Err(why) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return why.into();
    }
    // It may have ended before that.
    if getppid().map(|id| id.as_raw_nonzero().get().to_string()).as_deref() != Some(parent) {
        return "whoever started this has gone".into();
    }
    format!("{program}: {}", Command::new(program).args(args).exec()).into()
}
