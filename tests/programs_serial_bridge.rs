//! `serial_bridge` on pseudo-terminals, with plain sockets and `nc` for clients.
#![cfg(target_os = "linux")]

mod programs;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use programs::{BACKENDS, Program, dial, has, path_of, pattern, run, until};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use stheno::tty::Mode;

/// A serial line: the far end, and the terminal at this one, kept open so that its mode outlasts whoever uses it.
struct Line {
    far: File,
    here: File,
    path: String,
}

impl Line {
    /// `None`, which is told, where there are no pseudo-terminals to be had.
    fn new() -> Option<Self> {
        let opened = Self::opened();
        if let Err(why) = &opened {
            println!("skipped: no pseudo-terminal: {why}");
        }
        opened.ok()
    }

    fn opened() -> rustix::io::Result<Self> {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let far: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&far)?;
        unlockpt(&far)?;
        let path = ptsname(&far, Vec::new())?.into_string().expect("its path is text");
        use rustix::fs::OFlags;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let here = rustix::fs::open(&path, flags, rustix::fs::Mode::empty())?;
        Ok(Self { far: far.into(), here: here.into(), path })
    }

    fn bridge(&self, backend: &str, args: &[&str]) -> Program {
        let mut command = Command::new(path_of("serial_bridge"));
        command.args(["--listen", "127.0.0.1:0", "--tty", &self.path]).args(args);
        command.env("STHENO_BACKEND", backend).stderr(Stdio::piped());
        Program::launch(command)
    }

    /// Reads so many bytes at the far end.
    #[track_caller]
    fn hears(&self, n: usize) -> Vec<u8> {
        let mut heard = vec![0; n];
        let mut at = 0;
        while at < n {
            let patience = Timespec { tv_sec: 10, tv_nsec: 0 };
            let ready = poll(&mut [PollFd::new(&self.far, PollFlags::IN)], Some(&patience)).unwrap();
            assert_eq!(ready, 1, "only {at} bytes of {n} came");
            at += (&self.far).read(&mut heard[at..]).unwrap();
        }
        heard
    }

    fn says(&self, bytes: &[u8]) {
        (&self.far).write_all(bytes).unwrap();
    }

    fn mode(&self) -> String {
        format!("{:?}", Mode::of(&self.here).unwrap())
    }
}

#[track_caller]
fn hears(stream: &mut TcpStream, words: &[u8]) {
    let mut heard = vec![0; words.len()];
    stream.read_exact(&mut heard).unwrap();
    assert_eq!(String::from_utf8_lossy(&heard), String::from_utf8_lossy(words));
}

#[test]
fn both_ways_are_exact_at_once_on_every_backend() {
    let Some(line) = Line::new() else { return };
    for backend in BACKENDS {
        let bridge = line.bridge(backend, &[]);
        let mut client = dial(bridge.address);
        let (there, back) = (pattern(200_000), pattern(150_001));
        let mut writer = client.try_clone().unwrap();
        let (far, said, saying) = (line.far.try_clone().unwrap(), back.clone(), there.clone());
        let speaking = [
            thread::spawn(move || writer.write_all(&saying).unwrap()),
            thread::spawn(move || (&far).write_all(&said).unwrap()),
        ];
        let hearing = thread::spawn(move || {
            let mut heard = vec![0; back.len()];
            client.read_exact(&mut heard).unwrap();
            assert!(heard == back, "a byte is wrong on the way to the client");
        });
        assert!(line.hears(there.len()) == there, "a byte is wrong on the way to the line");
        hearing.join().unwrap();
        speaking.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(bridge.end(Signal::TERM).0.success(), "{backend}");
    }
}

#[test]
fn the_terminal_is_raw_and_as_fast_as_asked_for_and_then_as_it_was() {
    let Some(line) = Line::new() else { return };
    let before = line.mode();
    for signal in [Signal::INT, Signal::TERM] {
        let bridge = line.bridge("", &["--baud", "115200"]);
        let mode = Mode::of(&line.here).unwrap();
        assert_eq!((mode.input_speed(), mode.output_speed()), (115_200, 115_200));
        let mut raw = mode.clone();
        raw.make_raw();
        assert_eq!(format!("{raw:?}"), format!("{mode:?}"));
        let mut client = dial(bridge.address);
        // Each of these would mean something to a terminal that is not raw.
        let special = b"\x03\x04\r\n\x11\x13\x1a\x7f\xff\0";
        client.write_all(special).unwrap();
        assert_eq!(line.hears(special.len()), special);
        line.says(special);
        hears(&mut client, special);
        assert!(bridge.end(signal).0.success());
        assert_eq!(line.mode(), before);
        assert_eq!(client.read(&mut [0]).unwrap_or(0), 0);
    }
}

#[test]
fn one_client_has_the_line_and_others_wait_for_it() {
    let Some(line) = Line::new() else { return };
    for backend in BACKENDS {
        let bridge = line.bridge(backend, &[]);
        line.says(b"said to nobody, ");
        let mut first = dial(bridge.address);
        hears(&mut first, b"said to nobody, ");
        let mut second = dial(bridge.address);
        second.write_all(b"second").unwrap();
        first.write_all(b"first").unwrap();
        line.says(b"to the first");
        hears(&mut first, b"to the first");
        assert_eq!(line.hears(5), b"first");
        drop(first);
        assert_eq!(line.hears(6), b"second");
        line.says(b"to the second");
        hears(&mut second, b"to the second");
        // Who says nothing more makes room for whoever waits.
        second.shutdown(Shutdown::Write).unwrap();
        let mut third = dial(bridge.address);
        assert_eq!(second.read(&mut [0]).unwrap(), 0);
        third.write_all(b"third").unwrap();
        assert_eq!(line.hears(5), b"third");
        assert!(bridge.end(Signal::INT).0.success());
    }
}

#[test]
fn nc_sends_a_command_and_hears_the_answer() {
    if !has("nc") {
        return;
    }
    let Some(line) = Line::new() else { return };
    let bridge = line.bridge("", &[]);
    let (host, port) = ("127.0.0.1", bridge.address.port().to_string());
    // `-N` shuts the sending half behind the command.
    let mut nc = Command::new("nc")
        .args(["-N", "-w", "10", host, &port])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    nc.stdin.take().unwrap().write_all(b"ATI\r").unwrap();
    assert_eq!(line.hears(4), b"ATI\r");
    line.says(b"MODEM 1\r\n");
    let mut heard = BufReader::new(nc.stdout.take().unwrap());
    let mut answer = String::new();
    heard.read_line(&mut answer).unwrap();
    assert_eq!(answer, "MODEM 1\r\n");
    let began = Instant::now();
    line.says(b"OK\r\n");
    answer.clear();
    heard.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "OK\r\n");
    assert!(began.elapsed() > Duration::from_secs(4), "it was shown out early");
    assert!(nc.wait().unwrap().success());
}

#[test]
fn a_client_that_does_not_read_stalls_the_line_and_loses_nothing() {
    let Some(line) = Line::new() else { return };
    for backend in BACKENDS {
        let bridge = line.bridge(backend, &[]);
        let mut client = dial(bridge.address);
        // Little room in the system, so that the bridge has to do with it.
        rustix::net::sockopt::set_socket_recv_buffer_size(&client, 1 << 16).unwrap();
        client.write_all(b"x").unwrap();
        line.hears(1);
        let before = bridge.resident();
        let sent = pattern(6 << 20);
        let far = line.far.try_clone().unwrap();
        let said = sent.clone();
        let saying = thread::spawn(move || (&far).write_all(&said).unwrap());
        let traffic = || std::fs::read_to_string(format!("/proc/{}/io", bridge.id())).unwrap();
        let mut last = traffic();
        until("the line being stalled", || {
            thread::sleep(Duration::from_millis(100));
            let now = traffic();
            std::mem::replace(&mut last, now.clone()) == now
        });
        assert!(!saying.is_finished(), "the line took all of it");
        assert!(bridge.resident() < before + (1 << 18), "it grew by {}", bridge.resident() - before);
        let mut heard = vec![0; sent.len()];
        client.read_exact(&mut heard).unwrap();
        assert!(heard == sent, "a byte is wrong");
        saying.join().unwrap();
    }
}

#[test]
fn a_client_that_leaves_a_stalled_line_frees_it() {
    let Some(line) = Line::new() else { return };
    let bridge = line.bridge("", &[]);
    let client = dial(bridge.address);
    rustix::net::sockopt::set_socket_recv_buffer_size(&client, 1 << 16).unwrap();
    let far = line.far.try_clone().unwrap();
    let saying = thread::spawn(move || (&far).write_all(&pattern(8 << 20)).unwrap());
    let before = bridge.descriptors();
    until("the client being in", || bridge.descriptors() == before);
    client.shutdown(Shutdown::Write).unwrap();
    drop(client);
    // Reads whatever is left of it, by and by.
    let mut next = dial(bridge.address);
    let mut heard = vec![0; 1 << 16];
    until("the line having said everything", || next.read(&mut heard).unwrap() > 0 && saying.is_finished());
}

#[test]
fn a_line_that_is_gone_ends_the_bridge_behind_what_it_said() {
    for backend in BACKENDS {
        let Some(line) = Line::new() else { return };
        let bridge = line.bridge(backend, &[]);
        let mut client = dial(bridge.address);
        client.write_all(b"x").unwrap();
        line.hears(1);
        line.says(b"last words");
        hears(&mut client, b"last words");
        drop(line);
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
        drop(client);
        let (status, said) = bridge.ends_with_errors();
        assert_eq!(status.code(), Some(1), "{backend}: {said}");
        assert!(said.contains("the line is gone: "), "{backend}: {said}");
    }
}

#[test]
fn what_is_asked_wrongly_is_answered_clearly() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let Some(line) = Line::new() else { return };
    for (args, answer) in [
        (&[][..], "Usage: serial_bridge"),
        (&["--tty", "/nowhere/tty"], "/nowhere/tty: "),
        (&["--tty", "/dev/null"], "/dev/null: ask the terminal's mode"),
        (&["--tty", &line.path, "--baud", "x"], "cannot parse argument \"x\""),
        (&["--tty", &line.path, "--listen", "there"], "parse address there: "),
        (&["--tty", &line.path, "--listen", &taken], "address already in use"),
        (&["--loud"], "invalid option '--loud'"),
    ] {
        let before = line.mode();
        let out = run(Command::new(path_of("serial_bridge")).args(args));
        let said = String::from_utf8(out.stderr).unwrap();
        assert!(said.starts_with("serial_bridge: ") && said.contains(answer), "{args:?} said {said:?}");
        assert_eq!(out.status.code(), Some(1), "{args:?}");
        assert_eq!(line.mode(), before, "{args:?}");
    }
    let out = run(Command::new(path_of("serial_bridge")).arg("--help"));
    assert!(out.status.success() && String::from_utf8(out.stdout).unwrap().contains("Usage: serial_bridge"));
}
