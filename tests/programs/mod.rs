//! Starts the example programs, as a user would, and sees to it that none is left behind.
#![allow(dead_code)] // each test uses a part of it

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

pub const BACKENDS: [&str; 3] = ["select", "poll", "epoll"];
pub const PATIENCE: Option<Duration> = Some(Duration::from_secs(10));

/// A program that runs, and is killed with its guard.
pub struct Program {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// Where it said that it listens.
    pub address: SocketAddr,
}

/// Whether a client is installed; that it is not is said.
pub fn has(client: &str) -> bool {
    let found =
        Command::new(client).arg("-h").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_err() {
        println!("skipped: {client} is not installed");
    }
    found.is_ok()
}

/// A connection that waits for nothing longer than [`PATIENCE`].
#[track_caller]
pub fn dial(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(PATIENCE).expect("not zero");
    stream.set_write_timeout(PATIENCE).expect("not zero");
    stream
}

/// Bytes that repeat nowhere soon.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 11) as u8).collect()
}

/// Runs a command to its end, without an input.
pub fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().expect("the program starts")
}

/// The path of an example, built with the profile that the test itself was built with.
pub fn path_of(example: &str) -> PathBuf {
    let this = std::env::current_exe().expect("a running test has a path");
    let profile = this.ancestors().nth(2).expect("tests lie in target/PROFILE/deps");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]);
    build.args(["--example", example]).args(profile.ends_with("release").then_some("--release"));
    // What cargo says to a test of its package would have dependencies built anew whose build scripts look at it.
    let said = |name: &str| ["CARGO_MANIFEST_", "CARGO_PKG_"].iter().any(|prefix| name.starts_with(prefix));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(said)) {
        build.env_remove(name);
    }
    assert!(build.status().expect("cargo runs").success(), "{example} does not build");
    profile.join("examples").join(example)
}

/// The address that a program says it listens at: whole, or a port of this host.
pub fn address_in(line: &str) -> Option<SocketAddr> {
    let whole = line.split_whitespace().find_map(|word| word.trim_end_matches(';').parse().ok());
    whole.or_else(|| Some(SocketAddr::from(([127, 0, 0, 1], line.split_whitespace().last()?.parse().ok()?))))
}

impl Program {
    /// Starts an example and waits until it says that it listens.
    #[track_caller]
    pub fn start(example: &str, args: &[&str]) -> Self {
        let mut command = Command::new(path_of(example));
        command.args(args);
        Self::launch(command)
    }

    /// Starts any command that says where it listens as the examples do.
    #[track_caller]
    pub fn launch(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it was asked for"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("its output is text");
        assert!(line.starts_with("listening"), "it said {line:?}");
        let address = address_in(&line).expect("the line names a port");
        Self { child, stdout, address }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How many descriptors it has open.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.id())).expect("it runs").count()
    }

    /// How many bytes of memory it holds.
    pub fn resident(&self) -> usize {
        let pages = std::fs::read_to_string(format!("/proc/{}/statm", self.id())).expect("it runs");
        pages.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("the second number") * 4096
    }

    /// Sends a signal and waits for the end.
    #[track_caller]
    pub fn end(mut self, signal: rustix::process::Signal) -> (ExitStatus, String) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).expect("it runs");
        let status = self.wait();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("its output is text");
        (status, rest)
    }

    /// The same, and gives what it said on its standard error, which must have been asked for.
    #[track_caller]
    pub fn end_with_errors(self, signal: rustix::process::Signal) -> (ExitStatus, String) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).expect("it runs");
        self.ends_with_errors()
    }

    /// Waits for the end, which comes by itself, and gives what it said on its standard error.
    #[track_caller]
    pub fn ends_with_errors(mut self) -> (ExitStatus, String) {
        let mut stderr = self.child.stderr.take().expect("it was asked for");
        let status = self.wait();
        let mut said = String::new();
        stderr.read_to_string(&mut said).expect("its errors are text");
        (status, said)
    }

    #[track_caller]
    fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(status) = self.child.try_wait().expect("it was started here") {
                return status;
            }
            assert!(Instant::now() < until, "it does not end");
            std::thread::yield_now();
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a condition holds, for ten seconds at the most.
#[track_caller]
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < patience, "{what} did not come about");
        std::thread::yield_now();
    }
}
