//! The example `http_server`, with clients that know nothing of Stheno: plain sockets of std, `curl`, `wrk` and Chromium.
#![cfg(target_os = "linux")]

mod client;
mod clients;
mod descriptors;
mod drip;
mod ending;
mod files;
mod pressure;
#[path = "../programs/mod.rs"]
mod programs;
mod requests;
mod site;

const BACKENDS: [&str; 3] = ["select", "poll", "epoll"];
