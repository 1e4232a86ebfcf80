//! The emulator, which does not outlive whoever started it, nor its time.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::Failure;

/// How long a program may run.
const TIME: Duration = Duration::from_secs(180);
/// How the board is called.
const BOARD: [&str; 10] = [
    "-machine",
    "lm3s6965evb",
    "-display",
    "none",
    "-monitor",
    "none",
    "-serial",
    "none",
    "-semihosting-config",
    "enable=on,target=native",
];

/// A program that runs on the board.
pub struct Emulator {
    child: Child,
    lines: Receiver<String>,
    heard: Vec<String>,
    until: Instant,
}

/// What a program said, and how it ended.
pub struct Ended {
    lines: Vec<String>,
    status: ExitStatus,
}

impl Emulator {
    /// Starts a program.
    pub fn start(program: &Path, more: &[&str]) -> Result<Self, Failure> {
        let mut command = Command::new("qemu-system-arm");
        command.args(BOARD).args(more).arg("-kernel").arg(program);
        // What the emulator itself has to say is about timers that stand still.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|why| format!("qemu-system-arm: {why}"))?;
        let out = child.stdout.take().ok_or("the emulator has no output")?;
        let (tell, lines) = channel();
        // It ends with the emulator, whose output it reads.
        thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Ok(Self { child, lines, heard: Vec::new(), until: Instant::now() + TIME })
    }

    /// The next line; none once the program has ended.
    fn next(&mut self) -> Result<Option<String>, Failure> {
        match self.lines.recv_timeout(self.until.saturating_duration_since(Instant::now())) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => {
                let last = self.heard.last().map_or("nothing", String::as_str);
                Err(format!("it did not end within {TIME:?}; the last that was heard is: {last}").into())
            }
        }
    }

    /// Listens until the program has said this.
    pub fn wait_for(&mut self, words: &str) -> Result<(), Failure> {
        while let Some(line) = self.next()? {
            let found = line == words;
            self.heard.push(line);
            if found {
                return Ok(());
            }
        }
        Err(format!("it ended without having said {words}: {:?}", self.heard).into())
    }

    /// Listens until the program has ended.
    pub fn finish(mut self) -> Result<Ended, Failure> {
        while let Some(line) = self.next()? {
            self.heard.push(line);
        }
        // Its output is closed: it is about to end.
        let status = self.child.wait()?;
        Ok(Ended { lines: std::mem::take(&mut self.heard), status })
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Whether it has ended by itself already or not, there is none afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    const MEMORY: &str = "memory: ";

    /// What the program said, but for what it took.
    pub fn told(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str).filter(|line| !line.starts_with(Self::MEMORY))
    }

    /// What it took.
    pub fn memory(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().filter_map(|line| line.strip_prefix(Self::MEMORY))
    }

    /// Its own last words.
    pub fn tally(&self) -> &str {
        self.lines.last().map_or("it said nothing", String::as_str)
    }

    /// The last lines, for whoever wants to know how it came.
    pub fn tail(&self) -> String {
        let from = self.lines.len().saturating_sub(8);
        self.lines.iter().skip(from).map(|line| format!("  {line}\n")).collect()
    }

    /// Whether the verdict is good.
    pub fn is_good(&self) -> bool {
        self.status.success()
    }

    /// The verdict.
    pub fn verdict(&self) -> String {
        self.status.to_string()
    }
}

/// Ports of the loopback that are free, as far as one can know.
pub fn ports<const N: usize>() -> Result<[u16; N], Failure> {
    let mut ports = [0; N];
    let mut held = Vec::new();
    for port in &mut ports {
        let holder = TcpListener::bind(("127.0.0.1", 0))?;
        *port = holder.local_addr()?.port();
        held.push(holder);
    }
    Ok(ports)
}
