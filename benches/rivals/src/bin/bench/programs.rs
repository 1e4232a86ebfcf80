//! The measured programs: how they are built, started, and spoken to.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use crate::Failure;

/// Where the programs are, and where they run.
pub struct Programs {
    /// As a user builds them.
    pub plain: PathBuf,
    /// For valgrind.
    pub watched: PathBuf,
    /// The processor that servers and loads run on.
    pub processor: usize,
}

impl Programs {
    /// Builds them, beside this program, with and without what valgrind needs.
    pub fn build(processor: usize, valgrind: bool) -> Result<Self, Failure> {
        let this = std::env::current_exe()?;
        let plain = this.parent().ok_or("a program lies in a folder")?.to_owned();
        let target = plain.parent().ok_or("a program lies in a folder of the target's")?;
        let watched = target.join("valgrind");
        build(target, &["--bins"])?;
        if valgrind {
            build(&watched, &["--features", "valgrind", "--bin", "echo"])?;
            build(&watched, &["--features", "valgrind,parts", "--bin", "parts"])?;
        }
        Ok(Self { plain, watched: watched.join("release"), processor })
    }

    /// A program as a user builds it, under a tool or under none.
    pub fn command(&self, tool: &[&str], folder: &Path, program: &str) -> Command {
        let path = folder.join(program);
        match tool {
            [] => Command::new(path),
            [tool, arguments @ ..] => {
                let mut command = Command::new(tool);
                command.args(arguments).arg(path);
                command
            }
        }
    }

    /// An echo server of this kind.
    pub fn server(&self, tool: &[&str], kind: &str) -> Result<Server, Failure> {
        let folder = if tool.first() == Some(&"valgrind") { &self.watched } else { &self.plain };
        let mut command = self.command(tool, folder, "echo");
        command.args(["--kind", kind, "--processor", &self.processor.to_string()]);
        Server::start(command).map_err(|why| format!("{kind}: {why}").into())
    }

    /// The other end of a server, with so many connections that are active.
    pub fn load(&self, server: &Server, active: usize) -> Result<Load, Failure> {
        let mut command = self.command(&[], &self.plain, "load");
        command.args([&server.address, "--steps", "--sources", "4"]);
        command.args(["--active", &active.to_string(), "--server", &server.process.to_string()]);
        command.args(["--processor", &self.processor.to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take().map(BufReader::new));
        let mut load = Load { child, input, output: output.ok_or("a load has an output")? };
        load.hear("active")?;
        Ok(load)
    }
}

fn build(target: &Path, what: &[&str]) -> Result<(), Failure> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(["build", "--quiet", "--release", "--manifest-path"]);
    cargo.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).arg("--target-dir").arg(target).args(what);
    if cargo.status()?.success() { Ok(()) } else { Err("the programs do not build".into()) }
}

/// A server that runs; killed with its guard.
pub struct Server {
    child: Child,
    said: Option<JoinHandle<std::io::Result<String>>>,
    pub address: String,
    /// The server itself, which under strace is another process than what was started.
    pub process: u32,
}

impl Server {
    fn start(mut command: Command) -> Result<Self, Failure> {
        let tool = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.map_err(|why| format!("{tool}: {why}"))?;
        let mut stderr = child.stderr.take().ok_or("no standard error")?;
        // Read as it comes: a tool that nobody listens to waits.
        let said = std::thread::spawn(move || {
            let mut said = String::new();
            stderr.read_to_string(&mut said).map(|_| said)
        });
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no standard output")?).read_line(&mut line)?;
        let mut server = Self { child, said: Some(said), address: String::new(), process: 0 };
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["listening", "on", address, "as", "process", process] => {
                (server.address, server.process) = (address.into(), process.parse()?);
                Ok(server)
            }
            _ => Err(format!("it did not start: {}", server.end()?).into()),
        }
    }

    /// Waits for the end, which comes when the load has left, and gives what was said on standard error.
    pub fn end(mut self) -> Result<String, Failure> {
        let status = self.child.wait()?;
        let said = self.said.take().and_then(|said| said.join().ok()).ok_or("standard error was lost")??;
        if status.success() { Ok(said) } else { Err(format!("{status}: {said}").into()) }
    }

    /// The nanoseconds that it has had a processor for, in its own code and in the kernel.
    pub fn busy(&self) -> Result<u64, Failure> {
        let path = format!("/proc/{}/schedstat", self.process);
        let stat = std::fs::read_to_string(&path).map_err(|why| format!("{path}: {why}"))?;
        Ok(stat.split_whitespace().next().ok_or("no time in schedstat")?.parse()?)
    }

    /// The bytes of memory that it holds, page by page: `VmRSS` counts for each processor apart, and is off by as much.
    pub fn resident(&self) -> Result<u64, Failure> {
        let path = format!("/proc/{}/smaps_rollup", self.process);
        let maps = std::fs::read_to_string(&path).map_err(|why| format!("{path}: {why}"))?;
        let line = maps.lines().find_map(|line| line.strip_prefix("Rss:")).ok_or("no Rss in smaps_rollup")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The other end of a server; killed with its guard.
pub struct Load {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Load {
    fn hear(&mut self, word: &str) -> Result<u64, Failure> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            [first, number] if first == word => Ok(number.parse()?),
            _ => Err(format!("the load said {line:?} when it was to say {word}").into()),
        }
    }

    fn say(&mut self, line: &str) -> Result<(), Failure> {
        let input = self.input.as_mut().ok_or("the load has no input")?;
        writeln!(input, "{line}")?;
        Ok(input.flush()?)
    }

    /// Has so many idle connections.
    pub fn idle(&mut self, count: usize) -> Result<(), Failure> {
        self.say(&format!("idle {count}"))?;
        self.hear("idle").map(drop)
    }

    /// Sends one message on each idle connection.
    pub fn once(&mut self) -> Result<(), Failure> {
        self.say("once")?;
        self.hear("once").map(drop)
    }

    /// Sends so many messages, in whole rounds. How many it were.
    pub fn requests(&mut self, count: u64) -> Result<u64, Failure> {
        self.say(&format!("requests {count}"))?;
        self.hear("requests")
    }

    /// Hangs up on the server.
    pub fn end(mut self) -> Result<(), Failure> {
        self.input = None;
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the load ended with {status}").into()) }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
