//! The example programs, with clients that know nothing of Stheno: plain sockets of std, and `nc` and `curl` where there
//! are any.

mod programs;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use programs::{BACKENDS, PATIENCE, Program, dial, has, path_of, pattern, run, until};
use rustix::process::Signal;

/// Eight clients at once, each in a thread of its own, until they have gone again.
fn eight_clients(server: &Program, each: fn(TcpStream)) {
    let before = server.descriptors();
    let threads = [(); 8].map(|()| dial(server.address)).map(|stream| thread::spawn(move || each(stream)));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    until("everyone being gone", || server.descriptors() == before);
}

#[test]
fn echo_gives_back_a_mebibyte_to_each_of_eight_clients_on_every_backend() {
    for backend in BACKENDS {
        let server = Program::start("echo", &["--port", "0", "--backend", backend]);
        eight_clients(&server, |mut stream| {
            let (sent, mut back) = (pattern(1 << 20), vec![0; 1 << 20]);
            let mut writer = stream.try_clone().unwrap();
            let writing = sent.clone();
            let writing = thread::spawn(move || writer.write_all(&writing).unwrap());
            stream.read_exact(&mut back).unwrap();
            writing.join().unwrap();
            assert!(back == sent, "a byte is wrong");
        });
    }
}

/// More clients than buffers, who listen only when they have said everything: each hears all of it, and the end.
#[test]
fn echo_serves_more_clients_than_it_has_buffers() {
    for backend in BACKENDS {
        let server = Program::start("echo", &["--port", "0", "--buffers", "2", "--backend", backend]);
        eight_clients(&server, |mut stream| {
            let (sent, mut back) = (pattern(1 << 20), Vec::new());
            let mut writer = stream.try_clone().unwrap();
            let writing = sent.clone();
            let writing = thread::spawn(move || {
                writer.write_all(&writing).unwrap();
                writer.shutdown(Shutdown::Write).unwrap();
            });
            stream.read_to_end(&mut back).unwrap();
            writing.join().unwrap();
            assert!(back == sent, "a byte is wrong, or missing");
        });
    }
}

#[test]
fn echo_hangs_up_on_who_takes_nothing_while_others_wait() {
    let server = Program::start("echo", &["--port", "0", "--buffers", "1", "--patience", "1"]);
    let mut deaf = dial(server.address);
    deaf.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let piece = pattern(1 << 16);
    while deaf.write_all(&piece).is_ok() {}
    // It waits for the one buffer there is.
    let mut other = dial(server.address);
    other.write_all(b"and I?").unwrap();
    let mut back = [0; 6];
    other.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"and I?");
}

#[test]
fn echo_holds_no_more_for_a_client_that_never_reads() {
    let server = Program::start("echo", &["--port", "0"]);
    let mut deaf = dial(server.address);
    deaf.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let before = server.resident();
    let piece = pattern(1 << 16);
    // The kernel's buffers fill, then the server's; after that nobody takes anything.
    while deaf.write_all(&piece).is_ok() {}
    assert!(server.resident() < before + (1 << 20), "it grew by {}", server.resident() - before);
    let mut other = dial(server.address);
    other.write_all(b"still here?").unwrap();
    let mut back = [0; 11];
    other.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"still here?");
}

#[test]
fn echo_lets_in_no_more_than_it_was_told() {
    for backend in BACKENDS {
        let server = Program::start("echo", &["--port", "0", "--max", "2", "--backend", backend]);
        let (mut first, mut second, mut third) = (dial(server.address), dial(server.address), dial(server.address));
        let mut back = [0; 1];
        for inside in [&mut first, &mut second] {
            inside.write_all(b"x").unwrap();
            inside.read_exact(&mut back).unwrap();
        }
        third.write_all(b"y").unwrap();
        third.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        assert!(third.read_exact(&mut back).is_err(), "the third was served beside two others");
        third.set_read_timeout(PATIENCE).unwrap();
        drop(first);
        third.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"y");
    }
}

#[test]
fn servers_end_with_status_0_on_sigint_and_sigterm() {
    for signal in [Signal::INT, Signal::TERM] {
        for backend in BACKENDS {
            let server = Program::start("echo", &["--port", "0", "--backend", backend]);
            let _inside = dial(server.address);
            assert!(server.end(signal).0.success());
        }
        assert!(Program::start("chat", &["0"]).end(signal).0.success());
        assert!(Program::start("proxy", &["127.0.0.1:0", "127.0.0.1:1"]).end(signal).0.success());
    }
}

#[test]
fn the_environment_chooses_the_backend() {
    for (example, args) in [
        ("echo", &["--port", "0"][..]),
        ("threads", &["--port", "0"]),
        ("chat", &["0"]),
        ("proxy", &["127.0.0.1:0", "127.0.0.1:1"]),
    ] {
        let out = run(Command::new(path_of(example)).args(args).env("STHENO_BACKEND", "kqueue"));
        assert_eq!(out.status.code(), Some(1), "{example}");
        let said = String::from_utf8(out.stderr).unwrap();
        assert!(said.contains("choose backend kqueue: no such backend here"), "{example}: {said}");
    }
}

#[test]
fn what_is_asked_wrongly_is_answered_clearly() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let in_use = format!("bind 127.0.0.1:{port}: address already in use");
    for (example, args, answer) in [
        ("echo", &["--port", &port][..], in_use.as_str()),
        ("echo", &["--port", "x"], "cannot parse argument \"x\""),
        ("echo", &["--backend", "nope"], "choose backend nope: no such backend here"),
        ("echo", &["--loud"], "invalid option '--loud'"),
        ("echo", &["--buffers", "0"], "make a pool: the memory has not room for a chunk"),
        ("echo", &["--buffers", "99999999999999"], "make a pool: there is not so much memory"),
        ("threads", &["--port", &port], &in_use),
        ("threads", &["--threads", "0"], "cannot parse argument \"0\""),
        ("threads", &["--threads"], "missing argument for option '--threads'"),
        ("chat", &["x"], "x is no port"),
        ("chat", &[&port], &in_use),
        ("proxy", &["127.0.0.1:0"], "Usage: proxy"),
        ("proxy", &["127.0.0.1:0", "there"], "parse address there: "),
        ("http_client", &[], "Usage: http_client"),
        ("http_client", &["ftp://x/"], "ftp://x/ does not begin with http://"),
        ("http_client", &["http://127.0.0.1:1/"], "connection refused"),
    ] {
        let out = run(Command::new(path_of(example)).args(args));
        let said = String::from_utf8(out.stderr).unwrap();
        assert!(said.contains(answer), "{example} {args:?} said {said:?}");
        assert_eq!(out.status.code(), Some(1), "{example} {args:?}");
    }
    for example in ["echo", "threads", "chat", "proxy", "http_client"] {
        let out = run(Command::new(path_of(example)).arg("--help"));
        assert!(out.status.success(), "{example} --help");
        assert!(String::from_utf8(out.stdout).unwrap().contains("Usage: "), "{example} --help");
    }
}

/// Which thread serves whom is the system's business: every client is served, whatever it is.
#[test]
fn threads_serve_every_client_and_end_together() {
    for (backend, signal) in BACKENDS.into_iter().zip([Signal::INT, Signal::TERM, Signal::INT]) {
        let mut command = Command::new(path_of("threads"));
        command.args(["--threads", "3", "--port", "0"]).env("STHENO_BACKEND", backend);
        let server = Program::launch(command);
        // One waits for the others, and one for signals.
        let threads = || std::fs::read_dir(format!("/proc/{}/task", server.id())).unwrap().count();
        until("a thread for each loop", || threads() == 3 + 2);
        let before = server.descriptors();
        let clients: Vec<_> = (0..48)
            .map(|n| {
                let mut stream = dial(server.address);
                thread::spawn(move || {
                    let sent = pattern(2000 + n);
                    for _ in 0..10 {
                        stream.write_all(&sent).unwrap();
                        let mut back = vec![0; sent.len()];
                        stream.read_exact(&mut back).unwrap();
                        assert!(back == sent, "a byte is wrong");
                    }
                    stream
                })
            })
            .collect();
        let served: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
        assert_eq!(server.descriptors(), before + served.len(), "all of them at once");
        drop(served);
        until("everyone being gone", || server.descriptors() == before);
        let _inside = dial(server.address);
        assert!(server.end(signal).0.success(), "on {backend}");
    }
}

/// Somebody in the chat room.
struct Visitor(BufReader<TcpStream>);

impl Visitor {
    fn come(room: &Program, name: &str) -> Self {
        let mut visitor = Self(BufReader::new(dial(room.address)));
        visitor.hears("Welcome. What is your name?");
        visitor.says(name);
        visitor.hears("Whatever you type is heard by all.");
        visitor
    }

    fn says(&mut self, line: &str) {
        self.0.get_mut().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    #[track_caller]
    fn hears(&mut self, line: &str) {
        let mut heard = String::new();
        self.0.read_line(&mut heard).unwrap();
        assert_eq!(heard.trim_end(), line);
    }
}

#[test]
fn everyone_in_the_room_hears_the_others() {
    let room = Program::start("chat", &["0"]);
    let mut ann = Visitor::come(&room, "Ann");
    let mut bob = Visitor::come(&room, "  Bob ");
    ann.hears("* Bob came");
    let mut cyd = Visitor::come(&room, "Cyd");
    ann.hears("* Cyd came");
    bob.hears("* Cyd came");
    bob.says("hello");
    ann.hears("Bob: hello");
    cyd.hears("Bob: hello");
    drop(bob);
    ann.hears("* Bob left");
    cyd.hears("* Bob left");
    ann.0.get_mut().write_all(&[b'x'; 2000]).unwrap();
    cyd.hears("* Ann left");
}

#[test]
fn a_slow_reader_stalls_nobody() {
    let room = Program::start("chat", &["0"]);
    let mut slow = Visitor::come(&room, "Slow");
    let mut fast = Visitor::come(&room, "Fast");
    let mut talker = Visitor::come(&room, "Talker");
    fast.hears("* Talker came");
    slow.hears("* Fast came");
    let line = "x".repeat(500);
    // Much more than the kernel's buffers and the room's own can hold for one who does not read.
    let mut shown_out = false;
    for _ in 0..40_000 {
        talker.says(&line);
        let mut heard = String::new();
        fast.0.read_line(&mut heard).unwrap();
        if heard.trim_end() == "* Slow was too slow" {
            shown_out = true;
            break;
        }
        assert_eq!(heard.trim_end(), format!("Talker: {line}"));
    }
    assert!(shown_out, "the one who does not read is still in the room");
}

#[test]
fn nc_is_a_visitor_too() {
    if !has("nc") {
        return;
    }
    let room = Program::start("chat", &["0"]);
    let mut ann = Visitor::come(&room, "Ann");
    let mut nc = Command::new("nc")
        .args(["127.0.0.1", &room.address.port().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    nc.stdin.as_mut().unwrap().write_all(b"Nick\nhello\n").unwrap();
    ann.hears("* Nick came");
    ann.hears("Nick: hello");
    ann.says("bye");
    let mut heard = BufReader::new(nc.stdout.take().unwrap()).lines();
    assert!(heard.any(|line| line.unwrap() == "Ann: bye"));
    nc.kill().unwrap();
    nc.wait().unwrap();
    ann.hears("* Nick left");
}

/// An HTTP/1.0 server that gives everyone the same answer, in pieces.
fn http_server(answer: Vec<u8>) -> (SocketAddr, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(PATIENCE).unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        answer.chunks(7000).for_each(|piece| drop(stream.write_all(piece)));
        String::from_utf8(request).unwrap()
    });
    (address, serving)
}

fn fetch(answer: &[u8]) -> (Output, String) {
    let (address, serving) = http_server(answer.to_vec());
    let out = run(Command::new(path_of("http_client")).arg(format!("http://{address}/a/path?x=y")));
    (out, serving.join().unwrap())
}

#[test]
fn http_client_writes_the_body_and_nothing_else() {
    let body = pattern(300_000);
    let (out, request) = fetch(&[b"HTTP/1.0 200 OK\r\nContent-Type: x/y\r\n\r\n", &body[..]].concat());
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(out.stdout == body, "{} bytes came of {}", out.stdout.len(), body.len());
    assert!(request.starts_with("GET /a/path?x=y HTTP/1.0\r\nHost: 127.0.0.1:"), "{request}");
}

#[test]
fn http_client_says_what_is_wrong() {
    for (answer, said) in [
        (&b"HTTP/1.0 404 Not Found\r\n\r\nno"[..], "the server answered with a status (404)"),
        (b"", "the server closed without an answer"),
        (b"SSH-2.0-x\r\n\r\n", "the server does not speak HTTP"),
        (b"HTTP/1.0 200 OK\r\nHalf", "the server closed without an answer"),
    ] {
        let (out, _) = fetch(answer);
        let error = String::from_utf8(out.stderr).unwrap();
        assert!(error.contains(said), "{said}: {error}");
        assert_eq!(out.status.code(), Some(1));
    }
}

#[test]
fn proxy_joins_its_callers_with_the_target() {
    let target = Program::start("echo", &["--port", "0"]);
    let proxy = Program::start("proxy", &["127.0.0.1:0", &target.address.to_string()]);
    let before = proxy.descriptors();
    let mut stream = dial(proxy.address);
    let (sent, mut back) = (pattern(1 << 20), vec![0; 1 << 20]);
    let mut writer = stream.try_clone().unwrap();
    let writing = sent.clone();
    let writing = thread::spawn(move || writer.write_all(&writing).unwrap());
    stream.read_exact(&mut back).unwrap();
    writing.join().unwrap();
    assert!(back == sent, "a byte is wrong");
    drop(stream);
    until("both sides being gone", || proxy.descriptors() == before);
}

#[test]
fn proxy_passes_on_the_last_words() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Program::start("proxy", &["127.0.0.1:0", &listener.local_addr().unwrap().to_string()]);
    let mut caller = dial(proxy.address);
    let (mut target, _) = listener.accept().unwrap();
    let words = pattern(100_000);
    target.write_all(&words).unwrap();
    drop(target);
    let mut heard = Vec::new();
    caller.read_to_end(&mut heard).unwrap();
    assert!(heard == words, "{} bytes of {}", heard.len(), words.len());
}

#[test]
fn proxy_hangs_up_when_nobody_is_at_home() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = Program::start("proxy", &["127.0.0.1:0", &nobody.to_string()]);
    for _ in 0..3 {
        let mut caller = dial(proxy.address);
        caller.shutdown(Shutdown::Write).unwrap();
        assert_eq!(caller.read(&mut [0]).unwrap_or(0), 0);
    }
    assert!(proxy.end(Signal::TERM).0.success());
}

#[test]
fn proxy_holds_no_more_than_its_buffers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Program::start("proxy", &["127.0.0.1:0", &listener.local_addr().unwrap().to_string()]);
    let mut fast = dial(proxy.address);
    let (_never_reads, _) = listener.accept().unwrap();
    fast.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let before = proxy.resident();
    let piece = pattern(1 << 16);
    while fast.write_all(&piece).is_ok() {}
    assert!(proxy.resident() < before + (1 << 20), "it grew by {}", proxy.resident() - before);
}

#[test]
fn curl_fetches_through_the_proxy() {
    if !has("curl") {
        return;
    }
    let (address, serving) = http_server(b"HTTP/1.0 200 OK\r\n\r\nhello".to_vec());
    let proxy = Program::start("proxy", &["127.0.0.1:0", &address.to_string()]);
    let out = run(Command::new("curl").args(["--silent", "--max-time", "10", &format!("http://{}/", proxy.address)]));
    assert_eq!(String::from_utf8_lossy(&out.stdout), "hello");
    serving.join().unwrap();
}

#[test]
fn a_caller_that_is_gone_already_harms_nobody() {
    let room = Program::start("chat", &["0"]);
    let mut ann = Visitor::come(&room, "Ann");
    let id = rustix::process::Pid::from_raw(room.id().cast_signed()).unwrap();
    // While the room sleeps, callers come and are gone again with a reset.
    rustix::process::kill_process(id, Signal::STOP).unwrap();
    for _ in 0..3 {
        let caller = dial(room.address);
        rustix::net::sockopt::set_socket_linger(&caller, Some(Duration::ZERO)).unwrap();
    }
    rustix::process::kill_process(id, Signal::CONT).unwrap();
    let mut bob = Visitor::come(&room, "Bob");
    ann.hears("* Bob came");
    bob.says("hello");
    ann.hears("Bob: hello");
}

#[test]
fn ring_prints_the_time_of_a_round_and_nothing_else() {
    for backend in BACKENDS {
        for kind in ["pipe", "pair", "eventfd"] {
            let ring = ["--n", "30", "--active", "7", "--writes", "50", "--rounds", "3", "--kind", kind];
            let out = run(Command::new(path_of("ring")).args(ring).args(["--backend", backend]));
            assert!(out.status.success(), "{backend}, {kind}: {}", String::from_utf8_lossy(&out.stderr));
            let said = String::from_utf8(out.stdout).unwrap();
            let time: f64 = said.trim_end().parse().unwrap_or_else(|why| panic!("{backend}, {kind}: {said:?} ({why})"));
            assert!(time > 0.0 && said.ends_with('\n') && said.lines().count() == 1, "{backend}, {kind}: {said:?}");
        }
    }
}

#[test]
fn ring_passes_bytes_on_where_several_come_together() {
    // Every pipe is active, and one pipe is passed into by itself.
    for ring in [["--n", "5", "--active", "5"], ["--n", "1", "--active", "1"], ["--n", "5", "--active", "4"]] {
        for writes in ["0", "1", "500"] {
            let out = run(Command::new(path_of("ring")).args(ring).args(["--writes", writes, "--rounds", "2"]));
            assert!(out.status.success(), "{ring:?}, {writes}: {}", String::from_utf8_lossy(&out.stderr));
        }
    }
}

#[test]
fn ring_says_what_cannot_be() {
    for (args, said) in [
        (&["--n", "0"][..], "--n, --active and --rounds are 1 at the least"),
        (&["--active", "0"], "--n, --active and --rounds are 1 at the least"),
        (&["--rounds", "0"], "--n, --active and --rounds are 1 at the least"),
        (&["--n", "5", "--active", "6"], "6 of 5 pipes cannot be active"),
        (&["--n", "4000000000"], "4000000000 pipes are too many: "),
        (&["--n", "18446744073709551615"], "18446744073709551615 pipes are too many: "),
        (&["--writes", "18446744073709551615"], "--writes is too much"),
        (&["--kind", "socket"], "there is no kind \"socket\"; there are pipe, pair and eventfd"),
        (&["--backend", "kqueue"], "no such backend here; there may be select, poll and epoll"),
    ] {
        let out = run(Command::new(path_of("ring")).args(args));
        let error = String::from_utf8(out.stderr).unwrap();
        assert!(error.contains(said), "{args:?}: {error}");
        assert_eq!((out.status.code(), out.stdout.len()), (Some(1), 0), "{args:?}");
    }
    // The limit is the one that the process was started with, and is told.
    let limited = format!("ulimit -n 100; exec {} --n 60", path_of("ring").display());
    let out = run(Command::new("sh").args(["-c", &limited]));
    let error = String::from_utf8(out.stderr).unwrap();
    assert!(error.contains("60 pipes are too many: 42 fit into the 100 descriptors of a process"), "{error}");
    let out = run(Command::new("sh").args(["-c", &limited.replace("60", "42")]));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}
