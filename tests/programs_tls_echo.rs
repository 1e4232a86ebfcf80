//! `tls_echo`, with the clients `openssl s_client` and `socat`.
#![cfg(target_os = "linux")]

mod programs;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use programs::{BACKENDS, Program, dial, has, path_of, pattern, run, until};
use rustix::process::Signal;

/// A folder with a certificate that `openssl` made, removed at the end.
struct Paper(PathBuf);

impl Paper {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tls_echo-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let paper = Self(folder);
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
        openssl.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]);
        let made = run(openssl.arg("-keyout").arg(paper.key()).arg("-out").arg(paper.cert()));
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        paper
    }

    fn cert(&self) -> PathBuf {
        self.0.join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.0.join("key.pem")
    }
}

impl Drop for Paper {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn server(backend: &str, args: &[&str]) -> Program {
    let mut command = Command::new(path_of("tls_echo"));
    command.args(["--port", "0"]).args(args).env("STHENO_BACKEND", backend).stderr(Stdio::piped());
    Program::launch(command)
}

/// A client that is killed with its guard.
struct Client {
    child: Child,
    says: Option<ChildStdin>,
    hears: BufReader<ChildStdout>,
}

impl Client {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (says, hears) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, says, hears }
    }

    /// `-quiet`: nothing but the bytes, either way.
    fn openssl(server: &Program, args: &[&str]) -> Self {
        let at = server.address.to_string();
        Self::start(Command::new("openssl").args(["s_client", "-quiet", "-connect", &at]).args(args))
    }

    fn socat(server: &Program) -> Self {
        let at = format!("OPENSSL:{},verify=0", server.address);
        Self::start(Command::new("socat").args(["-t", "20", "-", &at]))
    }

    #[track_caller]
    fn says(&mut self, line: &str) {
        writeln!(self.says.as_mut().unwrap(), "{line}").unwrap();
    }

    #[track_caller]
    fn hears(&mut self, line: &str) {
        let mut heard = String::new();
        self.hears.read_line(&mut heard).unwrap();
        assert_eq!(heard.trim_end(), line);
    }

    /// Says all of this from a thread of its own, and then, if it is to, that nothing follows.
    fn says_all(&mut self, bytes: &[u8], ends: bool) -> thread::JoinHandle<Option<ChildStdin>> {
        let (mut says, bytes) = (self.says.take().unwrap(), bytes.to_vec());
        thread::spawn(move || {
            says.write_all(&bytes).unwrap();
            (!ends).then_some(says)
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ends the program, and gives what it has said of its clients.
#[track_caller]
fn complaints(server: Program) -> String {
    let (status, said) = server.end_with_errors(Signal::TERM);
    assert!(status.success(), "{status}");
    said
}

#[test]
fn s_client_gets_its_lines_back_on_every_backend_and_in_both_versions() {
    if !has("openssl") {
        return;
    }
    let paper = Paper::new("lines");
    let (cert, key) = (paper.cert(), paper.key());
    let (cert, key) = (cert.to_str().unwrap(), key.to_str().unwrap());
    for backend in BACKENDS {
        let server = server(backend, &["--cert", cert, "--key", key]);
        let before = server.descriptors();
        let trusting = ["-CAfile", cert, "-verify_return_error", "-verify_hostname", "localhost"];
        for version in ["-tls1_2", "-tls1_3"] {
            let mut args = trusting.to_vec();
            args.push(version);
            let mut client = Client::openssl(&server, &args);
            for line in ["hello", "", "again, with an ü"] {
                client.says(line);
                client.hears(line);
            }
        }
        until("everyone being gone", || server.descriptors() == before);
    }
}

#[test]
fn s_client_may_ask_for_new_keys_in_between() {
    if !has("openssl") {
        return;
    }
    let server = server("", &[]);
    let s_client = format!("exec openssl s_client -tls1_3 -connect {} 2>&1", server.address);
    let mut client = Client::start(Command::new("sh").args(["-c", &s_client]));
    // `K` has both sides change their keys, and is answered so; what else it prints is passed over.
    for (line, answer) in [("before", "before"), ("K", "KEYUPDATE"), ("after", "after"), ("K", "KEYUPDATE"), ("x", "x")]
    {
        client.says(line);
        assert!(client.hears.by_ref().lines().any(|heard| heard.unwrap() == answer), "{line} has no answer");
    }
    client.says("Q");
    assert!(client.child.wait().unwrap().success());
    assert_eq!(complaints(server), "", "it said goodbye");
}

#[test]
fn what_is_sent_at_once_comes_back_byte_by_byte_on_every_backend() {
    if !has("openssl") {
        return;
    }
    let sent = pattern(4 << 20);
    for backend in BACKENDS {
        let server = server(backend, &[]);
        let mut client = Client::openssl(&server, &[]);
        let saying = client.says_all(&sent, false);
        let mut heard = vec![0; sent.len()];
        client.hears.read_exact(&mut heard).unwrap();
        assert!(heard == sent, "{backend}: a byte is wrong");
        drop(saying.join().unwrap());
    }
}

/// Whoever has said all it had to say, and told so, is still to get the rest: also what the server had decrypted already
/// and could not send yet, of which no backend knows.
#[test]
fn a_client_that_has_said_its_last_word_gets_everything_back_on_every_backend() {
    if !has("socat") {
        return;
    }
    let sent = pattern(4 << 20);
    for backend in BACKENDS {
        let server = server(backend, &[]);
        let before = server.descriptors();
        let mut client = Client::socat(&server);
        let saying = client.says_all(&sent, true);
        let mut heard = Vec::new();
        client.hears.read_to_end(&mut heard).unwrap();
        assert!(heard == sent, "{backend}: {} bytes of {}", heard.len(), sent.len());
        assert!(client.child.wait().unwrap().success());
        saying.join().unwrap();
        until("it being gone", || server.descriptors() == before);
        assert_eq!(complaints(server), "", "{backend}");
    }
}

#[test]
fn a_client_that_does_not_read_is_not_read_either_and_costs_no_more() {
    if !has("openssl") {
        return;
    }
    let server = server("", &[]);
    let mut deaf = Client::openssl(&server, &[]);
    deaf.says("hello");
    deaf.hears("hello");
    let before = server.resident();
    let sent = pattern(32 << 20);
    let saying = deaf.says_all(&sent, false);
    // Until the server waits: it neither receives nor sends.
    let traffic = || std::fs::read_to_string(format!("/proc/{}/io", server.id())).unwrap();
    let mut last = traffic();
    until("the server being stalled", || {
        thread::sleep(Duration::from_millis(200));
        let now = traffic();
        std::mem::replace(&mut last, now.clone()) == now
    });
    assert!(!saying.is_finished(), "it took all of it");
    assert!(server.resident() < before + (1 << 20), "it grew by {}", server.resident() - before);
    let mut other = Client::openssl(&server, &[]);
    other.says("still here?");
    other.hears("still here?");
    let mut heard = vec![0; sent.len()];
    deaf.hears.read_exact(&mut heard).unwrap();
    assert!(heard == sent, "a byte is wrong");
    drop(saying.join().unwrap());
}

#[test]
fn a_handshake_that_fails_harms_nobody_else() {
    if !has("openssl") {
        return;
    }
    let server = server("", &[]);
    let mut inside = Client::openssl(&server, &[]);
    inside.says("one");
    inside.hears("one");
    let before = server.descriptors();

    // Another protocol: it is told in its own words, those of TLS, and sees an end.
    let mut plain = dial(server.address);
    plain.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    plain.read_to_end(&mut answer).unwrap();
    assert_eq!(answer[..3], [21, 3, 3], "an alert");
    drop(plain);
    // Too old.
    let at = server.address.to_string();
    let refused = run(Command::new("openssl")
        .args(["s_client", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0", "-connect"])
        .arg(&at));
    assert!(!refused.status.success());
    // Distrustful.
    let refused = run(Command::new("openssl").args(["s_client", "-verify_return_error", "-connect"]).arg(&at));
    assert!(!refused.status.success());
    // Gone in the middle.
    let mut half = dial(server.address);
    half.write_all(&[22, 3, 1, 2, 0, 1]).unwrap();
    drop(half);

    until("all of them being gone", || server.descriptors() == before);
    inside.says("two");
    inside.hears("two");
    let said = complaints(server);
    for what in ["corrupt message", "incompatible", "received fatal alert", "without a close_notify"] {
        assert!(said.contains(what), "{what}: {said}");
    }
    assert_eq!(said.lines().count(), 4, "one line each: {said}");
}

#[test]
fn an_end_is_told_apart_from_a_cut() {
    if !has("openssl") {
        return;
    }
    for (cut, told) in [(false, 0), (true, 1)] {
        let server = server("", &[]);
        let before = server.descriptors();
        let mut client = Client::openssl(&server, &["-no_ign_eof"]);
        client.says("hello");
        client.hears("hello");
        if cut {
            client.child.kill().unwrap();
        }
        drop(client.says.take());
        until("it being gone", || server.descriptors() == before);
        let said = complaints(server);
        assert_eq!(said.matches("without a close_notify: what came may be cut off").count(), told, "{cut}: {said}");
        assert_eq!(said.lines().count(), told, "{cut}: {said}");
    }
}

#[test]
fn who_is_silent_for_too_long_is_cut_off() {
    if !has("openssl") {
        return;
    }
    let server = server("", &["--timeout", "1"]);
    let mut never_shakes_hands = dial(server.address);
    let mut silent = Client::openssl(&server, &[]);
    silent.says("hello");
    silent.hears("hello");
    let mut rest = Vec::new();
    silent.hears.read_to_end(&mut rest).unwrap();
    assert_eq!((rest, never_shakes_hands.read(&mut [0]).unwrap()), (Vec::new(), 0));
    let said = complaints(server);
    assert_eq!(said.matches("silent for too long").count(), 2, "{said}");
}

#[test]
fn an_interrupted_server_says_goodbye_to_its_clients() {
    if !has("openssl") {
        return;
    }
    for backend in BACKENDS {
        let server = server(backend, &[]);
        let mut client = Client::openssl(&server, &[]);
        client.says("hello");
        client.hears("hello");
        let (status, said) = server.end_with_errors(Signal::INT);
        assert_eq!((status.success(), said.as_str()), (true, ""), "{backend}");
        let mut rest = Vec::new();
        client.hears.read_to_end(&mut rest).unwrap();
        assert!(client.child.wait().unwrap().success(), "{backend}: the client saw a cut");
    }
}

#[test]
fn what_is_asked_wrongly_is_answered_clearly() {
    let (nowhere, no_pem) = ("/nowhere/key.pem", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    for (args, answer) in [
        (&["--port", "x"][..], "cannot parse argument \"x\""),
        (&["--cert", no_pem], "--cert and --key belong together"),
        (&["--cert", no_pem, "--key", nowhere], "/nowhere/key.pem: "),
        (&["--cert", no_pem, "--key", no_pem], "Cargo.toml: "),
        (&["--loud"], "invalid option '--loud'"),
    ] {
        let out = run(Command::new(path_of("tls_echo")).args(args));
        let said = String::from_utf8(out.stderr).unwrap();
        assert!(said.starts_with("tls_echo: ") && said.contains(answer), "{args:?} said {said:?}");
        assert_eq!(out.status.code(), Some(1), "{args:?}");
    }
    let out = run(Command::new(path_of("tls_echo")).arg("--help"));
    assert!(out.status.success() && String::from_utf8(out.stdout).unwrap().contains("Usage: tls_echo"));
    let out = run(Command::new(path_of("tls_echo")).args(["--port", "0"]).env("STHENO_BACKEND", "kqueue"));
    assert!(String::from_utf8(out.stderr).unwrap().contains("choose backend kqueue"));
}
