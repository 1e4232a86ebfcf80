//! A thousand clients that send a byte at a time.

use std::io::{ErrorKind, Read, Write, stderr};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::programs::Program;
use crate::site::{Site, serve, status};

const CLIENTS: usize = 1000;
/// How it begins; it never ends.
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nX: ";
/// How late one may be cut off, on a machine that has other things to do.
const LATE: Duration = Duration::from_secs(10);

/// One that sends a request which never ends.
struct Drip {
    stream: TcpStream,
    began: Instant,
    heard: Vec<u8>,
    /// How long it took until it was hung up on.
    cut: Option<Duration>,
}

impl Drip {
    fn dial(server: &Program) -> Self {
        let began = Instant::now();
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.set_nonblocking(true).unwrap();
        // Who never says a word is hung up on without one.
        stream.write_all(&REQUEST[..1]).unwrap();
        Self { stream, began, heard: Vec::new(), cut: None }
    }

    /// Sends the next byte, and looks whether it was hung up on.
    fn drip(&mut self, byte: u8) {
        let mut some = [0; 1024];
        while self.cut.is_none() {
            match self.stream.read(&mut some) {
                Ok(n @ 1..) => self.heard.extend(&some[..n]),
                Err(why) if why.kind() == ErrorKind::WouldBlock => break,
                _ => self.cut = Some(self.began.elapsed()),
            }
        }
        if self.cut.is_none() {
            // That it is too late shows in the next read.
            let _ = self.stream.write(&[byte]);
        }
    }
}

/// In a second and a half here, a byte every tenth of one. `DRIP=10` takes ten, a byte a second, as `make drip` does.
#[test]
fn a_thousand_clients_that_drip_are_cut_off_and_others_are_served() {
    stheno::raise_descriptor_limit().unwrap();
    let seconds = std::env::var("DRIP").map_or(1.5, |seconds| seconds.parse().expect("DRIP is a number of seconds"));
    let pace = Duration::from_secs_f64(if seconds < 5.0 { 0.1 } else { 1.0 });
    let deadline = Duration::from_secs_f64(seconds);
    let site = Site::new();
    for backend in ["poll", "epoll"] {
        let server = serve(&site.root(), &["--backend", backend, "--request-timeout", &seconds.to_string()]);
        let done = AtomicBool::new(false);
        let mut drips = Vec::new();
        let waits = thread::scope(|scope| {
            let others = scope.spawn(|| be_served(&server, &done));
            drips.extend((0..CLIENTS).map(|_| Drip::dial(&server)));
            let mut request = REQUEST[1..].iter().copied().chain(std::iter::repeat(b'x'));
            let mut next = Instant::now();
            while drips.iter().any(|drip| drip.cut.is_none())
                && next.duration_since(drips[0].began) < deadline + 2 * LATE
            {
                let byte = request.next().unwrap();
                drips.iter_mut().for_each(|drip| drip.drip(byte));
                next += pace;
                // The pace of the drip.
                thread::sleep(next.saturating_duration_since(Instant::now()));
            }
            done.store(true, Ordering::Relaxed);
            others.join().unwrap()
        });
        let cuts: Vec<_> = drips.iter().filter_map(|drip| drip.cut).collect();
        assert_eq!(cuts.len(), CLIENTS, "{backend}: so many were cut off");
        let (first, last) = (*cuts.iter().min().unwrap(), *cuts.iter().max().unwrap());
        assert!(first >= deadline, "{backend}: one was cut off after {first:?} already");
        assert!(last < deadline + LATE, "{backend}: one was cut off after {last:?} only");
        let told = drips.iter().filter(|drip| drip.heard.starts_with(b"HTTP/1.1 408 ")).count();
        assert_eq!(told, CLIENTS, "{backend}: so many were told why");

        let half = waits[waits.len() / 2];
        assert!(
            waits.len() > 20 && half < Duration::from_millis(500),
            "{backend}: {} served, half in {half:?}",
            waits.len()
        );
        let status = status(&server);
        assert_eq!((status.counter("timeouts"), status.counter("channels")), (CLIENTS as u64, 2));
        // Straight to the terminal: what is printed in a test that passes is not shown.
        let most = waits.last().unwrap();
        let _ = writeln!(
            stderr(),
            "{backend}: {CLIENTS} drips cut after {first:.1?} to {last:.1?}; {} others served meanwhile, half of them within \
             {half:.1?}, the slowest in {most:.1?}",
            waits.len()
        );
    }
}

/// Asks for a file, again and again, on new connections and old ones; how long each answer took, sorted.
fn be_served(server: &Program, done: &AtomicBool) -> Vec<Duration> {
    let mut old = Client::dial(server.address);
    let mut waits = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let began = Instant::now();
        assert_eq!(old.get("/hello.txt").status, 200);
        waits.push(began.elapsed());
        let began = Instant::now();
        assert_eq!(Client::dial(server.address).get("/hello.txt").status, 200);
        waits.push(began.elapsed());
        if waits.len() % 1000 == 998 {
            old = Client::dial(server.address);
        }
    }
    waits.sort_unstable();
    waits
}
