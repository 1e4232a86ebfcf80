//! Clients that send a stream each and expect it back, and leave in every way there is.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_linger;

/// Numbers that are the same in every run.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// How a client leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leaving {
    /// Says that it has sent everything, and reads the rest.
    InOrder,
    /// Closes with bytes under way.
    Amid,
    /// Resets the connection.
    Reset,
}

/// What clients have seen.
#[derive(Clone, Copy, Default, Debug)]
pub struct Tally {
    pub connections: u64,
    pub bytes: u64,
}

/// The byte at this place of a stream.
const fn byte(stream: u64, at: u64) -> u8 {
    ((stream.wrapping_mul(0x9e37_79b9) ^ at.wrapping_mul(0x85eb_ca6b)) >> 7) as u8
}

/// One connection: sends so many bytes in pieces, reads at random, checks each byte that comes back, and leaves.
#[track_caller]
pub fn converse(to: SocketAddr, stream: u64, bytes: u64, leaving: Leaving, random: &mut Random) -> u64 {
    let mut socket = TcpStream::connect(to).expect("the server listens");
    socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a time limit");
    let (mut sent, mut back) = (0, 0);
    let mut piece = [0; 2048];
    while back < bytes {
        // No more than so much ahead: a server that is full does not read, and neither would this.
        let ahead = (bytes - sent).min(4096 - (sent - back)).min(2048);
        if ahead > 0 {
            let length = 1 + random.below(ahead);
            let now: Vec<u8> = (sent..sent + length).map(|at| byte(stream, at)).collect();
            socket.write_all(&now).expect("the server is there");
            sent += length;
        }
        if leaving != Leaving::InOrder && sent >= bytes / 2 {
            break;
        }
        if sent == bytes && leaving == Leaving::InOrder {
            let _ = socket.shutdown(Shutdown::Write);
        }
        if sent > back {
            let most = 1 + random.below(piece.len() as u64) as usize;
            let got = match socket.read(&mut piece[..most]) {
                Ok(0) => break,
                Ok(got) => got,
                Err(why) if why.kind() == ErrorKind::Interrupted => 0,
                Err(why) => panic!("stream {stream}, byte {back}: {why}"),
            };
            for got in &piece[..got] {
                assert_eq!(*got, byte(stream, back), "stream {stream}, byte {back}");
                back += 1;
            }
        }
    }
    if leaving == Leaving::InOrder {
        assert_eq!(
            (back, socket.read(&mut piece).ok()),
            (bytes, Some(0)),
            "stream {stream}: all of it, and then the end"
        );
    }
    if leaving == Leaving::Reset {
        let _ = set_socket_linger(&socket, Some(Duration::ZERO));
    }
    back
}

/// So many clients at once, one connection after the other, until the time is over.
#[track_caller]
pub fn hammer(to: SocketAddr, clients: u64, time: Duration) -> Tally {
    let until = Instant::now() + time;
    let work = |client: u64| {
        let mut random = Random(client);
        let mut tally = Tally::default();
        while Instant::now() < until {
            let leaving = [Leaving::InOrder, Leaving::Amid, Leaving::Reset][random.below(3) as usize];
            let bytes = 1 + random.below(20_000);
            tally.bytes += converse(to, client << 32 | tally.connections, bytes, leaving, &mut random);
            tally.connections += 1;
        }
        tally
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..clients).map(|client| scope.spawn(move || work(client))).collect();
        running.into_iter().map(|client| client.join().expect("every byte is right")).fold(
            Tally::default(),
            |all, one| Tally { connections: all.connections + one.connections, bytes: all.bytes + one.bytes },
        )
    })
}
