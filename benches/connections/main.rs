//! As many connections as the machine lets one server have, a million of them if it does: what each of them costs the
//! example `echo`, and what a request costs beside all that say nothing.
//!
//! The clients are processes of their own, as many as it takes for their descriptors, and call from many addresses of the
//! loopback device, so that ports do not run out. Every byte that comes back is looked at. What stopped it below the million
//! is named, with the commands that raise it. However it ends, no process stays: not where a part of it dies, nor where it
//! is interrupted or killed itself.
//!
//! Linux only: `make million` (CONNECTIONS=1000000).
#![allow(missing_docs)]

#[cfg(target_os = "linux")]
mod children;
#[cfg(target_os = "linux")]
mod client;
#[cfg(target_os = "linux")]
mod limits;
#[cfg(target_os = "linux")]
mod proc;
#[cfg(target_os = "linux")]
mod run;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    run::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: connections are counted on Linux only");
}

/// A number as people write it.
#[cfg(target_os = "linux")]
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

#[cfg(target_os = "linux")]
type Failure = Box<dyn std::error::Error + Send + Sync>;
#[cfg(target_os = "linux")]
type Outcome<T> = std::result::Result<T, Failure>;
