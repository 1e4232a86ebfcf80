//! What a message costs in system calls and in instructions: exact counts, from runs of two lengths.

use std::process::Command;

use crate::Failure;
use crate::figures::each;
use crate::programs::Programs;

/// System calls for each message, as strace counts them.
pub fn calls(programs: &Programs, kind: &str, active: usize) -> Result<f64, Failure> {
    let tool = ["strace", "-f", "-qq", "-c", "--summary-columns=calls,name"];
    difference(programs, &tool, kind, active, [640, 3_200], calls_in)
}

/// Instructions in the program's own space for each message, as callgrind counts them.
pub fn instructions(programs: &Programs, kind: &str, active: usize) -> Result<f64, Failure> {
    let tool = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"];
    difference(programs, &tool, kind, active, [640, 3_200], instructions_in)
}

fn difference(
    programs: &Programs,
    tool: &[&str],
    kind: &str,
    active: usize,
    lengths: [u64; 2],
    count_in: fn(&str) -> Option<u64>,
) -> Result<f64, Failure> {
    let mut counts = [(0, 0); 2];
    for (count, length) in counts.iter_mut().zip(lengths) {
        let server = programs.server(tool, kind)?;
        let mut load = programs.load(&server, active)?;
        let sent = load.requests(length)?;
        load.end()?;
        let said = server.end()?;
        *count = (sent, count_in(&said).ok_or_else(|| format!("{} counted nothing: {said}", tool[0]))?);
    }
    let [short, long] = counts;
    Ok(each(short, long).ok_or("two runs were of one length")?)
}

/// The sum in strace's summary.
fn calls_in(said: &str) -> Option<u64> {
    let total = said.lines().find(|line| line.split_whitespace().last() == Some("total"))?;
    total.split_whitespace().next()?.parse().ok()
}

/// What callgrind collected.
pub fn instructions_in(said: &str) -> Option<u64> {
    said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}

/// What a program writes.
pub fn stdout_of(command: &mut Command) -> Result<String, Failure> {
    let out = command.output()?;
    if !out.status.success() {
        return Err(String::from_utf8_lossy(&out.stderr).into());
    }
    Ok(String::from_utf8(out.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::{calls_in, instructions_in};

    #[test]
    fn a_summary_is_read() {
        let said = "    calls syscall\n--------- ----------------\n     2002 sendto\n        3 total_of_none\n--------- ----------------\n     4117 total\n";
        assert_eq!(calls_in(said), Some(4117));
        assert_eq!(calls_in("strace: exec: no such file"), None);
    }

    #[test]
    fn a_collection_is_read() {
        let said = "==7== Events    : Ir\n==7== Collected : 123456\n==7== \n";
        assert_eq!(instructions_in(said), Some(123_456));
        assert_eq!(instructions_in("valgrind: no such tool"), None);
    }
}
