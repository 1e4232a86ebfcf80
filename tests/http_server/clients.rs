//! Clients that others wrote.

use std::io::{Read, Write, stderr};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::BACKENDS;
use crate::programs::Program;
use crate::site::{SECRET, Site, serve, status};

/// Whether a client is there; says so, past what the test's harness keeps to itself, where it is not.
fn has(client: &str) -> bool {
    let found =
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|at| at.join(client).is_file());
    if !found {
        let _ = writeln!(stderr(), "skipped: {client} is not installed");
    }
    found
}

/// A client under way with all that it started, which ends with its guard.
struct Run(Child);

impl Drop for Run {
    fn drop(&mut self) {
        // Its helpers are of its group, and may outlive it.
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}

/// Runs a client to its end, and gives what it wrote.
#[track_caller]
fn run(command: &mut Command, within: Duration) -> Vec<u8> {
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut run = Run(command.spawn().unwrap());
    let (mut out, mut err) = (run.0.stdout.take().unwrap(), run.0.stderr.take().unwrap());
    let out = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        out.read_to_end(&mut bytes).map(|_| bytes)
    });
    let err = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        err.read_to_end(&mut bytes).map(|_| bytes)
    });
    let until = Instant::now() + within;
    let status = loop {
        match run.0.try_wait().unwrap() {
            Some(status) => break status,
            None => assert!(Instant::now() < until, "{command:?} does not end"),
        }
        std::thread::sleep(Duration::from_millis(5)); // between two looks
    };
    drop(run);
    let (out, err) = (out.join().unwrap().unwrap(), err.join().unwrap().unwrap());
    assert!(status.success(), "{command:?}: {status}\n{}", String::from_utf8_lossy(&err));
    out
}

fn curl(args: &[&str]) -> Vec<u8> {
    run(
        Command::new("curl").args(["--silent", "--show-error", "--path-as-is", "--max-time", "20"]).args(args),
        2 * MINUTE,
    )
}

const MINUTE: Duration = Duration::from_secs(60);

fn url(server: &Program, path: &str) -> String {
    format!("http://{}{path}", server.address)
}

#[test]
fn curl_fetches() {
    if !has("curl") {
        return;
    }
    let site = Site::new();
    let big = site.with_big_file("big", 20_000_000);
    for backend in BACKENDS {
        let server = serve(&site.root(), &["--backend", backend]);
        let text = |args: &[&str]| String::from_utf8(curl(args)).unwrap();
        let hello = url(&server, "/hello.txt");
        assert_eq!(text(&[&hello]), "hello, world\n");
        assert_eq!(text(&["--http1.0", &hello]), "hello, world\n");
        assert_eq!(text(&["--range", "7-11", &hello]), "world");
        assert_eq!(text(&["--range", "-6", "--write-out", "%{http_code}", &hello]), "world\n206");
        assert!(curl(&[&url(&server, "/big")]) == big, "a byte is wrong");
        assert_eq!(
            text(&["--location", "--write-out", "%{num_redirects}", &url(&server, "/folder")]),
            "<h1>a folder</h1>1"
        );
        let head = text(&["--head", &hello]);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("Content-Length: 13\r\n"), "{head}");

        let code = |args: &[&str]| text(&[&["--output", "/dev/null", "--write-out", "%{http_code}"], args].concat());
        assert_eq!(code(&[&url(&server, "/nothing")]), "404");
        assert_eq!(code(&["--range", "99-", &hello]), "416");
        assert_eq!(code(&["--request", "DELETE", &hello]), "405");
        assert_eq!(code(&["--data", "x=y", &hello]), "405");
        assert_eq!(code(&["--data-binary", &format!("@{}", site.root().join("big").display()), &hello]), "413");
        let file = site.root().join("hello.txt");
        assert_eq!(code(&["--upload-file", file.to_str().unwrap(), &hello]), "405");
        let date = format!("{}", site.root().join("hello.txt").display());
        assert_eq!(code(&["--time-cond", &date, &hello]), "304");

        for path in
            ["/../secret.txt", "/%2e%2e/secret.txt", "/folder/..%2f..%2fsecret.txt", "/out.txt", "/out/secret.txt"]
        {
            let answer = text(&["--write-out", "%{http_code}", &url(&server, path)]);
            assert!(answer.ends_with("404") && !answer.contains(SECRET), "{path}: {answer}");
        }
        let twice = text(&[&hello, &hello, "--write-out", "%{num_connects} "]);
        assert_eq!(twice, "hello, world\n1 hello, world\n0 ", "the second one took the first one's connection");
    }
}

#[test]
fn wrk_finds_no_fault() {
    if !has("wrk") {
        return;
    }
    let site = Site::new();
    let _ = site.with_big_file("big", 200_000);
    for backend in BACKENDS {
        let server = serve(&site.root(), &["--backend", backend]);
        for path in ["/hello.txt", "/big"] {
            let url = url(&server, path);
            let out = run(Command::new("wrk").args(["-t2", "-c64", "-d1s", "--timeout", "10s", &url]), MINUTE);
            let said = String::from_utf8(out).unwrap();
            let requests = said.lines().find_map(|line| line.trim().split_once(" requests in "));
            let requests: u64 = requests.unwrap_or_else(|| panic!("{said}")).0.parse().unwrap();
            assert!(requests > 10, "{backend} {path}: {said}");
            assert!(!said.contains("Socket errors") && !said.contains("Non-2xx"), "{backend} {path}: {said}");
        }
        let status = status(&server);
        assert_eq!((status.counter("errors"), status.counter("refusals"), status.counter("timeouts")), (0, 0, 0));
    }
}

/// Loads a page as a browser does, and gives what became of it.
fn chromium(url: &str, profile: &Path, args: &[&str]) -> Vec<u8> {
    let mut command = Command::new("chromium");
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]);
    command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
    command.args(["--disable-dev-shm-usage", "--dump-dom"]);
    command.arg(format!("--user-data-dir={}", profile.display())).args(args).arg(url);
    run(&mut command, 2 * MINUTE)
}

#[test]
fn chromium_shows_the_live_status() {
    if !has("chromium") {
        return;
    }
    let folder = Site::new();
    let site = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/site");
    for backend in BACKENDS {
        let server = serve(&site, &["--backend", backend]);
        let page = chromium(&url(&server, "/"), &folder.root().join(backend), &["--virtual-time-budget=4000"]);
        let page = String::from_utf8(page).unwrap();
        let state = page.split_once("<p id=\"state\" class=\"live\">").unwrap_or_else(|| panic!("not live: {page}")).1;
        assert!(state.starts_with(&format!("{backend}, up for ")), "{state}");
        let shown = |name: &str| -> u64 {
            let (_, rest) =
                page.split_once(&format!("<dt>{name}</dt><dd>")).unwrap_or_else(|| panic!("no {name}: {page}"));
            rest.split_once('<').unwrap().0.replace(',', "").parse().unwrap()
        };
        let now = status(&server);
        // The page, its style, script and picture, and then the status, more than once.
        assert!((6..=now.counter("requests")).contains(&shown("requests")), "{page}");
        assert!((1..=now.counter("turns")).contains(&shown("turns")), "{page}");
        assert!((1..=now.counter("accepts")).contains(&shown("accepts")), "{page}");
        assert_eq!((now.counter("errors"), now.counter("refusals")), (0, 0));
    }
    let server = serve(&site, &[]);
    let page = chromium(&url(&server, "/status"), &folder.root().join("plain"), &[]);
    assert!(String::from_utf8(page).unwrap().contains("<th>turns</th>"));
}
