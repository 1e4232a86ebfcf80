//! One of the servers at work, and what the kernel knows of it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A server, stopped when it is dropped.
pub struct Server {
    child: Child,
    pub at: SocketAddr,
}

impl Server {
    /// Starts it, by way of an emulator where it is for another processor.
    #[track_caller]
    pub fn start(program: &Path, emulator: Option<&str>) -> Self {
        let mut command = emulator.map_or_else(
            || Command::new(program),
            |emulator| {
                let mut command = Command::new(emulator);
                command.arg(program);
                command
            },
        );
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("it says where it is");
        let at = line.trim().parse().unwrap_or_else(|_| panic!("not an address: {line:?}"));
        Self { child, at }
    }

    /// Whether it has ended, which it should not.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it is a child").is_some()
    }

    /// How many descriptors it has open.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("it runs").count()
    }

    /// Its memory that is there, in KiB: stack, variables and what is mapped of the program.
    #[must_use]
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("processes have memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Names of what is mapped: with a heap there would be one.
    #[must_use]
    pub fn has_heap(&self) -> bool {
        self.maps().contains("[heap]")
    }

    fn maps(&self) -> String {
        std::fs::read_to_string(format!("/proc/{}/maps", self.child.id())).expect("it runs")
    }

    /// How deep its stack has been: the kernel hands out memory that is zero, so the lowest byte that is not was written.
    /// `None` where the kernel does not let a process look at its child.
    #[must_use]
    pub fn stack(&self) -> Option<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        // The name, which may hold spaces, ends with the last parenthesis; the 28th field is where the stack began.
        let begin: u64 = stat.rsplit_once(')')?.1.split_whitespace().nth(25)?.parse().ok().filter(|at| *at != 0)?;
        let maps = self.maps();
        let line = maps.lines().find(|line| line.ends_with("[stack]"))?;
        let low = u64::from_str_radix(line.split('-').next()?, 16).ok()?;
        let mut memory = File::open(format!("/proc/{}/mem", self.child.id())).ok()?;
        memory.seek(SeekFrom::Start(low)).ok()?;
        let mut below = vec![0; usize::try_from(begin - low).ok()?];
        memory.read_exact(&mut below).ok()?;
        let first = below.iter().position(|byte| *byte != 0)?;
        Some((below.len() - first) as u64)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
