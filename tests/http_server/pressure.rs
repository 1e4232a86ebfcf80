//! Big files, slow readers, and everybody else meanwhile.

use std::fs;
use std::io::{ErrorKind, Read};
use std::thread;
use std::time::{Duration, Instant};

use crate::BACKENDS;
use crate::client::{Client, PATIENCE};
use crate::programs::{Program, until};
use crate::site::{Site, serve, status};

const REQUEST: &str = "GET /big HTTP/1.1\r\nHost: x\r\n\r\n";

#[test]
fn a_big_file_comes_to_each_of_many_without_a_byte_wrong() {
    let site = Site::new();
    let big = site.with_big_file("big", 8_000_001);
    for backend in BACKENDS {
        let server = serve(&site.root(), &["--backend", backend]);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let response = Client::dial(server.address).get("/big");
                    assert!(response.content == big, "a byte is wrong");
                });
            }
        });
        until("everyone being gone", || status(&server).counter("channels") == 2);
    }
}

#[test]
fn a_slow_reader_gets_every_byte() {
    let site = Site::new();
    let big = site.with_big_file("big", 24 << 20);
    for backend in BACKENDS {
        // The time in which nothing is taken is much shorter than the time that all of it takes.
        let server = serve(&site.root(), &["--backend", backend, "--write-timeout", "1.5"]);
        let mut client = Client::dial(server.address);
        client.send(REQUEST);
        let length: usize = client.head().field("Content-Length").parse().unwrap();
        let (began, mut heard) = (Instant::now(), Vec::new());
        while heard.len() < length {
            let piece = client.read((length - heard.len()).min(512 * 1024));
            heard.extend(piece);
            // The pace of a slow line: some three seconds for all.
            thread::sleep(Duration::from_millis(60));
        }
        assert!(heard == big, "a byte is wrong");
        assert!(began.elapsed() > Duration::from_secs(2), "it was not slow");
        assert_eq!(client.get("/hello.txt").status, 200, "the connection goes on");
    }
}

#[test]
fn who_takes_nothing_is_cut_off_and_who_waits_beside_is_not() {
    let site = Site::new();
    let length = 64 << 20;
    fs::File::create(site.root().join("big")).unwrap().set_len(length as u64).unwrap();
    for backend in BACKENDS {
        let server = serve(&site.root(), &["--backend", backend, "--write-timeout", "0.5"]);
        let mut idle = Client::dial(server.address);
        idle.get("/hello.txt");
        let mut deaf = Client::dial(server.address);
        deaf.send(REQUEST);
        until("the deaf one being cut off", || status(&server).counter("timeouts") == 1);
        assert!(deaf.rest().len() < length, "it heard everything");
        assert_eq!(idle.get("/hello.txt").status, 200);
    }
}

/// Every connection costs its two buffers and a file, however much it asks for and however little it takes.
#[test]
fn a_connection_that_does_not_read_costs_its_buffers_and_no_more() {
    const DEAF: usize = 100;
    let site = Site::new();
    fs::File::create(site.root().join("big")).unwrap().set_len(64 << 20).unwrap();
    let server = serve(&site.root(), &[]);
    let mut other = Client::dial(server.address);
    other.get("/hello.txt");
    let before = server.resident();
    let mut deaf: Vec<_> = (0..DEAF).map(|_| Client::dial(server.address)).collect();
    let many = REQUEST.repeat(10_000);
    for client in &mut deaf {
        client.stream().set_nonblocking(true).unwrap();
        // As many requests as the systems hold, none of them answered in full.
        while client.try_send(&many) {}
    }
    let mut turns = || other.get("/status.json").counter("turns");
    // Until the systems' buffers are full as well.
    until("no turn but those for requests", || {
        let before = turns();
        (0..20).map(|_| turns()).last() <= Some(before + 22)
    });
    let each = (server.resident() - before) / DEAF;
    assert!(each < 32 * 1024, "{each} bytes each");
    drop(deaf);
    until("everyone being gone", || other.get("/status.json").counter("channels") == 2);
}

#[test]
fn those_who_want_little_are_served_while_others_want_much() {
    let site = Site::new();
    let length = 256 << 20;
    fs::File::create(site.root().join("big")).unwrap().set_len(length).unwrap();
    for backend in BACKENDS {
        let server = serve(&site.root(), &["--backend", backend, "--max-requests", "1000000"]);
        let mut greedy: Vec<_> = (0..4).map(|_| Client::dial(server.address)).collect();
        greedy.iter_mut().for_each(|client| client.send(REQUEST));
        thread::scope(|scope| {
            let downloads: Vec<_> = greedy.iter_mut().map(|client| scope.spawn(|| skip(client))).collect();
            let mut other = Client::dial(server.address);
            let mut waits: Vec<_> = Vec::new();
            while !downloads.iter().any(|download| download.is_finished()) || waits.is_empty() {
                let began = Instant::now();
                assert_eq!(other.get("/hello.txt").status, 200);
                waits.push(began.elapsed());
            }
            waits.sort_unstable();
            let (half, most) = (waits[waits.len() / 2], waits[waits.len() - 1]);
            assert!(half < Duration::from_millis(500), "half of {} took more than {half:?}, one {most:?}", waits.len());
            assert!(waits.len() > 10, "{} were served while a gigabyte went out", waits.len());
            downloads.into_iter().for_each(|download| assert_eq!(download.join().unwrap(), length));
        });
    }
}

/// Reads a response to its end, and says how long its content was.
fn skip(client: &mut Client) -> u64 {
    let length: u64 = client.head().field("Content-Length").parse().unwrap();
    let mut left = length as usize;
    while left > 0 {
        left -= client.read(left.min(1 << 20)).len();
    }
    length
}

#[test]
fn a_file_that_becomes_shorter_ends_its_answer_and_its_connection() {
    let site = Site::new();
    let length = 64 << 20;
    let big = fs::File::create(site.root().join("big")).unwrap();
    big.set_len(length).unwrap();
    for backend in BACKENDS {
        big.set_len(length).unwrap();
        let server = serve(&site.root(), &["--backend", backend]);
        let mut client = Client::dial(server.address);
        client.send(REQUEST);
        assert_eq!(client.head().field("Content-Length"), length.to_string());
        big.set_len(1000).unwrap();
        assert!(client.rest().len() < length as usize);
        assert_eq!(status(&server).counter("channels"), 2, "and nobody else's");
    }
}

/// A file that grows is sent as long as it was said to be, and what follows is another answer.
#[test]
fn a_file_that_grows_is_as_long_as_it_was() {
    let site = Site::new();
    let big = site.with_big_file("big", 8 << 20);
    let server = serve(&site.root(), &[]);
    let mut client = Client::dial(server.address);
    client.send(REQUEST);
    let mut file = fs::File::options().append(true).open(site.root().join("big")).unwrap();
    std::io::Write::write_all(&mut file, &[b'x'; 100_000]).unwrap();
    // How far it had grown when it was asked for is the same to the server.
    let content = client.response().content;
    assert!(content[..big.len()] == big, "a byte is wrong");
    assert!((big.len()..=big.len() + 100_000).contains(&content.len()));
    assert_eq!(client.get("/hello.txt").text(), "hello, world\n");
}

#[test]
fn who_says_nothing_is_shown_out() {
    let site = Site::new();
    for backend in BACKENDS {
        let options = ["--backend", backend, "--request-timeout", "0.7", "--idle-timeout", "0.3"];
        let server = serve(&site.root(), &options);
        // One that never says a word, one that said half a request, one that was answered, one amid its content.
        let began = Instant::now();
        let mut silent = Client::dial(server.address);
        let mut slow = Client::dial(server.address);
        slow.send("GET / HTTP/1.1\r\nHost:");
        let mut answered = Client::dial(server.address);
        answered.get("/hello.txt");
        let mut amid = Client::dial(server.address);
        amid.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nxxx");
        assert_eq!(amid.response().status, 405);

        answered.is_hung_up_on();
        let idle = began.elapsed();
        assert_eq!(slow.response().status, 408);
        slow.is_hung_up_on();
        silent.is_hung_up_on();
        let request = began.elapsed();
        assert_eq!(amid.response().status, 408);
        amid.is_hung_up_on();
        assert!(idle >= Duration::from_millis(300) && idle < Duration::from_secs(10), "{idle:?}");
        assert!(request >= Duration::from_millis(700) && request < Duration::from_secs(10), "{request:?}");
        assert_eq!(timeouts(&server), 4);
    }
}

fn timeouts(server: &Program) -> u64 {
    status(server).counter("timeouts")
}

/// Hangs on after the last answer, and goes on sending: it is not waited for without an end.
#[test]
fn who_does_not_hang_up_is_hung_up_on() {
    let site = Site::new();
    let server = serve(&site.root(), &[]);
    let mut client = Client::dial(server.address);
    client.send("GET /hello.txt HTTP/1.0\r\n\r\n");
    assert_eq!(client.response().status, 200);
    let began = Instant::now();
    assert_eq!(client.stream().read(&mut [0]).unwrap(), 0, "it says that it is done");
    assert!(began.elapsed() < Duration::from_secs(1));
    while client.try_send("x") {
        assert!(began.elapsed() < PATIENCE, "it listens for ever");
        thread::sleep(Duration::from_millis(50));
    }
    let lingered = began.elapsed();
    assert!(lingered > Duration::from_secs(1), "{lingered:?}");
    let gone = client.stream().read(&mut [0]);
    assert!(matches!(&gone, Ok(0)) || gone.is_err_and(|why| why.kind() == ErrorKind::ConnectionReset));
}
