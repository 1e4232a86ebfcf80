//! A server at the limit of its descriptors, and one whose table is full, in a storm of callers.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use crate::BACKENDS;
use crate::client::Client;
use crate::programs::{Program, until};
use crate::site::{Site, serve};

/// Lets the server have so many descriptors more than it has.
fn leave(server: &Program, more: usize) {
    let id = Pid::from_raw(server.id().cast_signed()).unwrap();
    let limit = Rlimit { current: Some((server.descriptors() + more) as u64), ..getrlimit(Resource::Nofile) };
    prlimit(Some(id), Resource::Nofile, limit).unwrap();
}

/// Those inside, of whom the first asks the others' turns.
struct Inside(Vec<Client>);

impl Inside {
    fn counter(&mut self, name: &str) -> u64 {
        self.0[0].get("/status.json").counter(name)
    }

    /// How many turns the loop takes in each second while those inside ask so many times, and nobody can come in; those that
    /// it takes for what they ask are not counted.
    #[track_caller]
    fn turns_of_a_second(&mut self, rounds: u32) -> u64 {
        let before = self.counter("turns");
        let began = Instant::now();
        for round in 1..=rounds {
            for client in &mut self.0 {
                assert_eq!(client.get("/status.json").status, 200);
            }
            // The second is divided among the rounds.
            std::thread::sleep((Duration::from_secs(1) * round / rounds).saturating_sub(began.elapsed()));
        }
        let asked = u64::from(rounds) * self.0.len() as u64;
        let turns = (self.counter("turns") - before).saturating_sub(asked);
        turns / began.elapsed().as_secs().max(1)
    }
}

/// Whoever in the storm has been let in by now, and is served.
fn served(storm: &mut Vec<Client>) -> Vec<Client> {
    let (inside, outside) = std::mem::take(storm).into_iter().partition(|client| has_something(client.stream()));
    *storm = outside;
    inside
}

fn has_something(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let peeked = stream.peek(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    peeked.is_ok_and(|bytes| bytes > 0)
}

const OLD: usize = 10;
const STORM: usize = 200;
const ASK: &str = "GET /status.json HTTP/1.1\r\nHost: x\r\n\r\n";

fn storm(server: &Program) -> Vec<Client> {
    let dial = |_| {
        let mut client = Client::dial(server.address);
        client.send(ASK);
        client
    };
    (0..STORM).map(dial).collect()
}

#[test]
fn without_descriptors_nothing_spins_and_when_there_are_some_all_are_served() {
    let site = Site::new();
    for backend in BACKENDS {
        let server = serve(&site.root(), &["--backend", backend, "--max-connections", "5000"]);
        let mut inside = Inside((0..OLD).map(|_| Client::dial(server.address)).collect());
        inside.0.iter_mut().for_each(|client| assert_eq!(client.get("/hello.txt").status, 200));
        leave(&server, 3);
        let mut outside = storm(&server);
        until("the door's resting", || inside.counter("rests") > 0);

        // A rest ends ten times a second, to look whether there is room by now.
        let turns = inside.turns_of_a_second(5);
        assert!(turns <= 25, "{backend}: {turns} turns a second, beside those for requests");
        let accepted = inside.counter("accepts") as usize - OLD;
        assert!((1..10).contains(&accepted), "{backend}: {accepted} found a descriptor");
        assert_eq!((inside.counter("errors"), inside.counter("refusals")), (1, 0), "{backend}: told once, nobody lost");
        // For a file there is no descriptor either, which is said, and the client is not lost for it.
        let answer = inside.0[1].get("/hello.txt");
        assert_eq!((answer.status, answer.field("Retry-After")), (503, "1"), "{backend}");

        // Some leave: as many come in, and at once.
        let mut new = served(&mut outside);
        assert_eq!(new.len(), accepted, "{backend}");
        let began = Instant::now();
        inside.0.truncate(OLD / 2);
        until("those behind them being served", || {
            new.extend(served(&mut outside));
            new.len() == accepted + OLD / 2
        });
        assert!(began.elapsed() < Duration::from_secs(5), "{backend}: {:?}", began.elapsed());
        let turns = inside.turns_of_a_second(5);
        assert!(turns <= 25, "{backend}: {turns} turns a second, beside those for requests");

        // The limit goes: everyone is served, and so are files.
        leave(&server, 5000);
        until("everyone being served", || {
            new.extend(served(&mut outside));
            outside.is_empty()
        });
        for client in &mut new {
            assert_eq!(client.response().status, 200, "{backend}");
        }
        assert_eq!(inside.0[0].get("/hello.txt").status, 200, "{backend}");
        assert_eq!(inside.counter("refusals"), 0, "{backend}");
    }
}

/// What the server does by itself: it lets in as many as can have a file open each, and the storm waits with the system.
#[test]
fn by_default_callers_wait_in_line_and_those_inside_get_their_files() {
    let site = Site::new();
    for backend in BACKENDS {
        let server = serve(&site.root(), &["--backend", backend, "--max-connections", &OLD.to_string()]);
        let mut inside = Inside((0..OLD).map(|_| Client::dial(server.address)).collect());
        inside.0.iter_mut().for_each(|client| assert_eq!(client.get("/hello.txt").status, 200));
        let mut outside = storm(&server);
        let turns = inside.turns_of_a_second(5);
        assert!(turns <= 25, "{backend}: {turns} turns a second, beside those for requests");
        inside.0.iter_mut().for_each(|client| assert_eq!(client.get("/hello.txt").status, 200));
        assert_eq!((inside.counter("accepts"), inside.counter("channels")), (OLD as u64, OLD as u64 + 1), "{backend}");
        assert_eq!(served(&mut outside).len(), 0, "{backend}");

        // One leaves, one comes in, to the last of them.
        inside.0.clear();
        let mut all = 0;
        until("everyone being served", || {
            all += served(&mut outside).len();
            outside.is_empty()
        });
        assert_eq!(all, STORM);
    }
}

#[test]
fn so_many_connections_as_can_have_a_file_each() {
    let site = Site::new();
    let mut command = std::process::Command::new("prlimit");
    command.arg("--nofile=132:132").arg(crate::programs::path_of("http_server"));
    command.args(["--port", "0", "--root"]).arg(site.root());
    let server = Program::launch(command);
    let _inside: Vec<_> = (0..50)
        .map(|_| {
            let mut client = Client::dial(server.address);
            assert_eq!(client.get("/hello.txt").status, 200);
            client
        })
        .collect();
    let mut outside = storm(&server);
    assert_eq!(served(&mut outside).len(), 0);
    drop(_inside);
    until("everyone being served", || {
        served(&mut outside);
        outside.is_empty()
    });
}
