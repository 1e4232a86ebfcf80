//! What the system says of processes and of itself.

use std::fs::{metadata, read_dir, read_to_string};
use std::path::Path;

use crate::Outcome;

fn read(path: &str) -> Outcome<String> {
    read_to_string(path).map_err(|why| format!("{path}: {why}").into())
}

/// The numbers in a file; `None` where there is no such file.
pub fn numbers(path: &str) -> Outcome<Option<Vec<u64>>> {
    if !Path::new(path).exists() {
        return Ok(None);
    }
    let words = read(path)?;
    // What is more than 64 bits can hold is no limit.
    Ok(Some(words.split_whitespace().map(|word| word.parse().unwrap_or(u64::MAX)).collect()))
}

pub fn number(path: &str) -> Outcome<Option<u64>> {
    Ok(numbers(path)?.and_then(|numbers| numbers.first().copied()))
}

/// A line like `Slab:  1234 kB`, in bytes.
fn line(path: &str, name: &str) -> Outcome<u64> {
    let all = read(path)?;
    let line = all.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    Ok(1024 * kilobytes.ok_or_else(|| format!("{path} does not say {name}"))?)
}

pub fn system_memory(name: &str) -> Outcome<u64> {
    line("/proc/meminfo", name)
}

/// How many bytes of memory a process holds.
pub fn resident(process: u32) -> Outcome<u64> {
    line(&format!("/proc/{process}/smaps_rollup"), "Rss")
}

/// How many descriptors a process has open.
pub fn descriptors(process: u32) -> Outcome<u64> {
    let path = format!("/proc/{process}/fd");
    // Since Linux 6.2 the directory's length says so; before, they must be counted.
    match metadata(&path)?.len() {
        0 => Ok(read_dir(path)?.count() as u64),
        number => Ok(number),
    }
}

/// How long a process's first thread has run, in nanoseconds; in the echo server it is the loop's.
pub fn run_time(process: u32) -> Outcome<u64> {
    let path = format!("/proc/{process}/schedstat");
    Ok(number(&path)?.ok_or_else(|| format!("the system does not keep {path}"))?)
}

/// Pages in the buffers of all TCP sockets.
pub fn tcp_pages() -> Outcome<u64> {
    let all = read("/proc/net/sockstat")?;
    let pages =
        all.lines().find(|line| line.starts_with("TCP:")).and_then(|line| line.rsplit(' ').next()?.parse().ok());
    Ok(pages.ok_or("/proc/net/sockstat does not say how many pages TCP has")?)
}

/// How much memory this process's control group may have beyond what it has.
pub fn group_memory() -> Outcome<Option<u64>> {
    let groups = read("/proc/self/cgroup")?;
    let Some(path) = groups.lines().find_map(|line| line.strip_prefix("0::")) else { return Ok(None) };
    let of = |name: &str| number(&format!("/sys/fs/cgroup{}/{name}", path.trim_end_matches('/')));
    Ok(of("memory.max")?.zip(of("memory.current")?).map(|(most, now)| most.saturating_sub(now)))
}
