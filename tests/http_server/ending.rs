//! How the server ends, and how it does not begin.

use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::BACKENDS;
use crate::client::Client;
use crate::programs::{path_of, until};
use crate::site::{Site, serve};

fn refuses(at: SocketAddr) -> bool {
    std::net::TcpStream::connect(at).is_err()
}

#[test]
fn a_signal_finishes_what_is_under_way_and_nothing_else() {
    let site = Site::new();
    let big = site.with_big_file("big", 24 << 20);
    for backend in BACKENDS {
        for signal in [Signal::INT, Signal::TERM] {
            let server = serve(&site.root(), &["--backend", backend]);
            let mut idle = Client::dial(server.address);
            idle.get("/hello.txt");
            let mut half = Client::dial(server.address);
            half.send("GET / HTT");
            let mut busy = Client::dial(server.address);
            busy.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\nGET /hello.txt HTTP/1.1\r\nHost: x\r\n\r\n");
            assert_eq!(busy.head().status, 200);

            let at = server.address;
            let ending = thread::spawn(move || server.end(signal));
            idle.is_hung_up_on();
            half.is_hung_up_on();
            assert!(busy.read(big.len()) == big, "a byte is wrong");
            busy.is_hung_up_on();
            let (status, said) = ending.join().unwrap();
            assert!(status.success(), "{status}");
            assert_eq!(
                said,
                "finishing the answers under way, for 5s at most; once more to end at once\nended; 0 were cut off\n"
            );
            assert!(refuses(at));
        }
    }
}

#[test]
fn who_takes_too_long_is_cut_off_and_counted() {
    let site = Site::new();
    let _big = site.with_big_file("big", 32 << 20);
    let server = serve(&site.root(), &["--drain-timeout", "0.5"]);
    let mut deaf = Client::dial(server.address);
    deaf.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(deaf.head().status, 200);
    let began = Instant::now();
    let (status, said) = server.end(Signal::TERM);
    assert!(began.elapsed() >= Duration::from_millis(500));
    assert!(status.success() && said.ends_with("ended; 1 were cut off\n"), "{status}: {said}");
    assert!(deaf.rest().len() < 32 << 20);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let site = Site::new();
    let _big = site.with_big_file("big", 24 << 20);
    for backend in BACKENDS {
        let server = serve(&site.root(), &["--backend", backend, "--drain-timeout", "3600"]);
        let mut deaf = Client::dial(server.address);
        deaf.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(deaf.head().status, 200);
        kill_process(Pid::from_raw(server.id().cast_signed()).unwrap(), Signal::TERM).unwrap();
        until("the door's being shut", || refuses(server.address));
        let (status, said) = server.end(Signal::INT);
        assert!(status.success() && said.ends_with("ended; 1 were cut off\n"), "{status}: {said}");
    }
}

#[test]
fn what_is_asked_wrongly_is_answered_clearly() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let site = Site::new();
    let root = site.root().to_str().unwrap().to_owned();
    let file = format!("{root}/hello.txt");
    for (args, answer) in [
        (&["--root", &root, "--port", &port][..], format!("bind 127.0.0.1:{port}: address already in use")),
        (&["--root", "/no/such/folder"], "the root /no/such/folder: No such file or directory".into()),
        (&["--root", &file], format!("the root {file}: Not a directory")),
        (&["--root", &root, "--port", "65536"], "cannot parse argument \"65536\"".into()),
        (&["--root", &root, "--backend", "kqueue"], "choose backend kqueue: no such backend here".into()),
        (&["--idle-timeout", "soon"], "cannot parse argument \"soon\": not a number of seconds".into()),
        (&["--idle-timeout", "-1"], "cannot parse argument \"-1\"".into()),
        (&["--idle-timeout", "1e99"], "cannot parse argument \"1e99\"".into()),
        (&["--host", "localhost"], "cannot parse argument \"localhost\"".into()),
        (&["--max-connections", "0"], "cannot parse argument \"0\"".into()),
        (&["--max-connections"], "missing argument for option '--max-connections'".into()),
        (&["--loud"], "invalid option '--loud'".into()),
        (&["x"], "unexpected argument \"x\"".into()),
    ] {
        let out = Command::new(path_of("http_server")).args(args).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8(out.stderr).unwrap();
        assert!(said.starts_with("http_server: ") && said.contains(&answer), "{args:?} said {said:?}");
        assert_eq!(out.status.code(), Some(1), "{args:?}");
    }
    let out = Command::new(path_of("http_server")).arg("--help").output().unwrap();
    assert!(out.status.success() && String::from_utf8(out.stdout).unwrap().contains("Usage: http_server"));
}

#[test]
fn the_environment_chooses_the_backend() {
    let site = Site::new();
    let mut command = Command::new(path_of("http_server"));
    command.args(["--port", "0", "--root"]).arg(site.root()).env("STHENO_BACKEND", "poll");
    let server = crate::programs::Program::launch(command);
    let status = Client::dial(server.address).get("/status.json").text();
    assert!(status.contains("\"backend\":\"poll\""), "{status}");
}
