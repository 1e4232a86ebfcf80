//! With ten thousand idle channels on epoll a turn makes exactly the system calls that its ready channels need.
//!
//! Needs strace. Not part of `cargo test`: `make strace` runs it.

mod programs;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use programs::{Program, until};

const IDLE: usize = 10_000;
const ECHOES: usize = 100;

#[test]
fn an_echo_is_one_wait_one_recv_and_one_send() {
    stheno::raise_descriptor_limit().unwrap();
    let trace = std::env::temp_dir().join(format!("stheno-calls-{}", std::process::id()));
    let server = Program::start("echo", &["--port", "0", "--backend", "epoll"]);
    // The loop itself, not the thread that its signals come by.
    let mut strace = Command::new("strace");
    let mut strace = strace.arg("-o").arg(&trace).arg("-p").arg(server.id().to_string()).spawn().unwrap();
    let calls = || std::fs::read_to_string(&trace).unwrap_or_default();
    until("the tracer", || calls().ends_with("epoll_pwait(3, "));

    let idle: Vec<_> = (0..IDLE).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    let mut active = TcpStream::connect(server.address).unwrap();
    active.set_nodelay(true).unwrap();
    echo(&mut active);
    until("quiet", || calls().ends_with("epoll_pwait(3, "));
    let before = calls().len();
    for _ in 0..ECHOES {
        echo(&mut active);
    }
    until("quiet", || calls().ends_with("epoll_pwait(3, "));
    let made = calls()[before..].to_owned();
    drop((idle, server));
    strace.wait().unwrap();
    std::fs::remove_file(&trace).unwrap();

    let mut counts = BTreeMap::<&str, usize>::new();
    for call in made.lines().filter_map(|line| line.split_once('(')) {
        *counts.entry(call.0).or_default() += 1;
    }
    println!("{ECHOES} echoes among {IDLE} idle channels: {counts:?}");
    // The wait that the last echo ended was begun before, and the last wait has not ended yet.
    assert_eq!(counts, BTreeMap::from([("epoll_pwait", ECHOES), ("recvfrom", ECHOES), ("sendto", ECHOES)]));
}

fn echo(client: &mut TcpStream) {
    let mut back = [0; 64];
    client.write_all(&[7; 64]).unwrap();
    client.read_exact(&mut back).unwrap();
}
