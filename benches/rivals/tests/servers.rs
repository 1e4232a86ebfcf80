//! Every server does what the others do: also for a client that sends and does not read, and for one that is gone.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const KINDS: [&str; 10] = [
    "floor-epoll",
    "floor-poll",
    "floor-select",
    "stheno-epoll",
    "stheno-poll",
    "stheno-select",
    "mio",
    "polling",
    "calloop",
    "tokio",
];

const PATIENCE: Option<Duration> = Some(Duration::from_secs(30));

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(kind: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_echo"));
        let mut child = command.args(["--kind", kind]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split_whitespace().nth(2).unwrap_or_else(|| panic!("{kind} said {line:?}")).to_string();
        Self { child, address }
    }

    fn dial(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(PATIENCE).unwrap();
        stream.set_write_timeout(PATIENCE).unwrap();
        stream
    }

    /// Ends by itself, as its last client has left.
    fn ends(mut self) {
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Bytes that repeat nowhere soon.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 11) as u8).collect()
}

#[test]
fn a_client_that_does_not_read_gets_every_byte_when_it_does_and_others_meanwhile() {
    for kind in KINDS {
        let server = Server::start(kind);
        let (mut client, mut other) = (server.dial(), server.dial());
        let sent = pattern(64 << 20);
        // Until nothing more goes in: then the server holds what it could not send, and has stopped reading.
        client.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
        let mut written = 0;
        let stuck = loop {
            match client.write(&sent[written..sent.len().min(written + (1 << 16))]) {
                Ok(n) => written += n,
                Err(why) => break why.kind(),
            }
        };
        assert!(matches!(stuck, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{kind}: {stuck}");
        let mut answer = [0; 5];
        other.write_all(b"hello").unwrap();
        other.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"hello", "{kind}");

        client.set_write_timeout(PATIENCE).unwrap();
        let mut writer = client.try_clone().unwrap();
        let more = &sent[written..sent.len().min(written + (1 << 20))];
        let mut came = vec![0; written + more.len()];
        std::thread::scope(|scope| {
            scope.spawn(move || writer.write_all(more).unwrap());
            client.read_exact(&mut came).unwrap();
        });
        assert!(came == sent[..came.len()], "{kind}: a byte is wrong");
        drop((client, other));
        server.ends();
    }
}

#[test]
fn a_client_that_resets_harms_nobody() {
    for kind in KINDS {
        let server = Server::start(kind);
        let mut stays = server.dial();
        let mut resets = server.dial();
        // What it has not read when it closes makes the close a reset.
        resets.write_all(&pattern(1 << 16)).unwrap();
        resets.read_exact(&mut [0]).unwrap();
        drop(resets);
        let mut answer = [0; 5];
        stays.write_all(b"still").unwrap();
        stays.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"still", "{kind}");
        drop(stays);
        server.ends();
    }
}

#[test]
fn the_load_looks_at_what_comes_back() {
    let server = Server::start("floor-epoll");
    let mut load = Command::new(env!("CARGO_BIN_EXE_load"));
    let args = ["--active", "7", "--idle", "120", "--requests", "100", "--size", "100", "--sources", "3"];
    let out = load.arg(&server.address).args(args).output().unwrap();
    let said = String::from_utf8(out.stdout).unwrap();
    assert_eq!(said, "105 messages of 100 bytes came back, on 7 connections beside 120 idle ones\n");
    server.ends();

    // A server that changes one byte of one message.
    let door = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = door.local_addr().unwrap().to_string();
    let mut load = Command::new(env!("CARGO_BIN_EXE_load"));
    let child = load.args([&address, "--requests", "3"]).stderr(Stdio::piped()).spawn().unwrap();
    let (mut active, _) = door.accept().unwrap();
    let (mut looking, _) = door.accept().unwrap();
    let mut message = [0; 64];
    looking.read_exact(&mut message).unwrap();
    looking.write_all(&message).unwrap();
    for number in 0..3 {
        active.read_exact(&mut message).unwrap();
        message[63] ^= u8::from(number == 2);
        active.write_all(&message).unwrap();
    }
    let out = child.wait_with_output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    // One message went over the connection that looks whether callers were accepted.
    assert_eq!(said, "load: message 3 came back as another\n");
    assert!(!out.status.success());
}
