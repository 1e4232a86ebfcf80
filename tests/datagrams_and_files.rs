//! Channels that are no streams of a network: datagrams, pipes, regular files, terminals; on each backend.
#![cfg(all(target_os = "linux", feature = "std"))]
#![allow(missing_docs)]

mod common;

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use common::events::*;
use rustix::fd::OwnedFd;
use stheno::{
    Address, Channel, Dispatcher, Error, ErrorKind, Half, Kind, Net, Os, Reason, Received, Result, Shut, Socket, State,
};

/// Sends each datagram back to where it came from.
struct Echo(Notes);

impl Dispatcher<Os> for Echo {
    fn writable(&self) -> bool {
        false
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let mut data = vec![0; 2048];
        while let Some(datagram) = channel.recv_from(&mut data)? {
            self.0.add(Told::Read(data[..datagram.len].to_vec()));
            if !datagram.from.is_unnamed() {
                channel.send_to(&data[..datagram.len], &datagram.from)?;
            }
        }
        Ok(())
    }
    fn handle_error(&mut self, error: Error, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.0.add(Told::Error(error));
        Ok(())
    }
    fn handle_close(&mut self, reason: Reason, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.0.add(Told::Close(reason));
        Ok(())
    }
}

const PAYLOADS: [&[u8]; 5] = [b"one", b"", b"", b"a longer one", &[b'x'; 1400]];

#[test]
fn datagrams_are_echoed_one_by_one_the_empty_ones_too() {
    for at in inet() {
        on_each_backend(|backend| {
            let (mut events, notes) = (events::<Echo>(backend), Notes::default());
            let key = events.bind(&at, Echo(notes.clone())).unwrap();
            let (_, io) = events.channel(key).unwrap();
            assert_eq!((io.state(), io.connected(), io.accepting()), (State::Datagram, false, false));
            let to = io.local_address().unwrap().as_inet().unwrap();
            let peer = UdpSocket::bind(at.as_inet().unwrap()).unwrap();
            peer.set_read_timeout(Some(PATIENCE)).unwrap();
            peer.connect(to).unwrap();
            for payload in PAYLOADS {
                peer.send(payload).unwrap();
            }
            turn_until(&mut events, |_| notes.all().len() == PAYLOADS.len());
            assert_eq!(notes.all(), PAYLOADS.map(|payload| Told::Read(payload.to_vec())));
            for payload in PAYLOADS {
                let mut back = [0; 2048];
                let n = peer.recv(&mut back).unwrap();
                assert_eq!(&back[..n], payload);
            }
            turn_out(&mut events);
            assert_eq!((notes.all().len(), events.len()), (PAYLOADS.len(), 1));
        });
    }
}

#[test]
fn datagrams_of_the_unix_family_are_echoed() {
    on_each_backend(|backend| {
        let room = Room::new(&format!("datagrams-{backend}"));
        let (mut events, notes) = (events::<Echo>(backend), Notes::default());
        events.bind(room.address("echo"), Echo(notes.clone())).unwrap();
        let peer = UnixDatagram::bind(room.path("peer")).unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        for (n, payload) in PAYLOADS.into_iter().enumerate() {
            peer.send_to(payload, room.path("echo")).unwrap();
            turn_until(&mut events, |_| notes.all().len() > n);
            let mut back = [0; 2048];
            let n = peer.recv(&mut back).unwrap();
            assert_eq!(&back[..n], payload);
        }
        let nameless = UnixDatagram::unbound().unwrap();
        nameless.send_to(b"from nobody", room.path("echo")).unwrap();
        turn_until(&mut events, |_| notes.has(&Told::Read(b"from nobody".to_vec())));

        // Who has gone before the answer is an error, and the others are served.
        peer.send_to(b"gone", room.path("echo")).unwrap();
        drop(peer);
        turn_until(&mut events, |_| !notes.errors().is_empty());
        let why = notes.errors()[0].to_string();
        assert!(
            why.starts_with("send a datagram ") && why.ends_with("/peer: connection refused (os error 111)"),
            "{why}"
        );
        nameless.send_to(b"still there?", room.path("echo")).unwrap();
        turn_until(&mut events, |_| notes.has(&Told::Read(b"still there?".to_vec())));
        assert_eq!((notes.closes(), events.len()), (0, 1));
    });
}

#[test]
fn a_port_where_nobody_listens_is_an_error_and_the_channel_goes_on() {
    for at in inet() {
        on_each_backend(|backend| {
            let gone = UdpSocket::bind(at.as_inet().unwrap()).unwrap();
            let nowhere = Address::from(gone.local_addr().unwrap());
            drop(gone);
            let (mut events, notes) = (events::<Echo>(backend), Notes::default());
            let key = events.bind(&at, Echo(notes.clone())).unwrap();
            let (_, mut io) = events.channel(key).unwrap();
            io.connect(&nowhere).unwrap();
            for n in 1..=3 {
                let (_, mut io) = events.channel(key).unwrap();
                assert_eq!(io.send(b"anyone?"), Ok(7));
                turn_until(&mut events, |_| notes.errors().len() == n);
            }
            for why in notes.errors() {
                assert_eq!((why.kind(), why.text()), (ErrorKind::Disconnected, "connection refused"));
            }
            let peer = UdpSocket::bind(at.as_inet().unwrap()).unwrap();
            let (_, mut io) = events.channel(key).unwrap();
            io.connect(&peer.local_addr().unwrap().into()).unwrap();
            peer.send_to(b"here", io.local_address().unwrap().as_inet().unwrap()).unwrap();
            turn_until(&mut events, |_| notes.data() == b"here");
            assert_eq!((notes.closes(), events.len()), (0, 1));
        });
    }
}

/// Knows nothing of errors.
struct Plain(Notes);

impl Dispatcher<Os> for Plain {
    fn writable(&self) -> bool {
        false
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let mut data = vec![0; 64];
        if let Received::Data(n) = channel.recv(&mut data)? {
            data.truncate(n);
            self.0.add(Told::Read(data));
        }
        Ok(())
    }
    fn handle_close(&mut self, reason: Reason, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.0.add(Told::Close(reason));
        Ok(())
    }
}

#[test]
fn the_default_handle_error_lets_a_datagram_channel_go_on() {
    on_each_backend(|backend| {
        let (silent, nowhere) = common::bound(Kind::Datagram, &common::loopback());
        drop(silent);
        let (mut events, notes) = (events::<Plain>(backend), Notes::default());
        let key = events.bind("127.0.0.1:0", Plain(notes.clone())).unwrap();
        let (_, mut io) = events.channel(key).unwrap();
        io.connect(&nowhere).unwrap();
        io.send(b"anyone?").unwrap();
        let at = io.local_address().unwrap();
        common::readable(io.socket().unwrap());
        turn_out(&mut events);
        assert_eq!((notes.all(), events.len()), (vec![], 1));
        let (mut peer, from) = common::bound(Kind::Datagram, &common::loopback());
        events.channel(key).unwrap().1.connect(&from).unwrap();
        Os.send_to(&mut peer, b"", &at).unwrap();
        Os.send_to(&mut peer, b"hello", &at).unwrap();
        turn_until(&mut events, |_| notes.all().len() == 2);
        assert_eq!(notes.all(), [Told::Read(vec![]), Told::Read(b"hello".to_vec())], "an empty datagram is no end");
    });
}

#[test]
fn a_datagram_channel_is_written_when_there_is_room() {
    on_each_backend(|backend| {
        let (here, mut there) = Socket::datagram_pair().unwrap();
        let (mut events, notes) = (events(backend), Notes::default());
        let key = events.add(here, Actor::new(&notes)).unwrap();
        let (_, mut io) = events.channel(key).unwrap();
        let mut sent = 0;
        while io.send(&[b'x'; 1000]).unwrap() == 1000 {
            sent += 1;
        }
        assert!(sent > 0);
        events.channel(key).unwrap().0.writable = true;
        turn_out(&mut events);
        assert_eq!(notes.all(), [], "no room, no word");
        for _ in 0..sent {
            assert_eq!(Os.recv(&mut there, &mut [0; 2000]), Ok(Received::Data(1000)));
        }
        turn_until(&mut events, |_| notes.has(&Told::Write));
        let why = events.channel(key).unwrap().1.shutdown(Half::Write).unwrap_err();
        assert_eq!(why.to_string(), "shut down: the channel is not connected");
    });
}

#[test]
fn pipes_go_one_way_each() {
    on_each_backend(|backend| {
        let (mut events, notes) = (events(backend), Notes::default());
        let (reader, mut far) = std::io::pipe().unwrap();
        let inward =
            events.add(Socket::adopt(reader).unwrap(), Actor { writable: true, ..Actor::new(&notes) }).unwrap();
        assert_eq!(events.channel(inward).unwrap().1.state(), State::Open(Shut::Write));
        far.write_all(b"in it comes").unwrap();
        turn_until(&mut events, |_| notes.data() == b"in it comes");
        far.write_all(b" and more").unwrap();
        drop(far);
        turn_until(&mut events, |_| notes.closes() > 0);
        assert_eq!((notes.data(), notes.reason()), (b"in it comes and more".to_vec(), Some(Reason::End)));
        assert_eq!((notes.count(|told| *told == Told::Write), events.len()), (0, 0), "a reader is never writable");

        let notes = Notes::default();
        let (mut far, writer) = std::io::pipe().unwrap();
        let mut actor = Actor::new(&notes);
        let text: Vec<u8> = (0..60_000_u32).map(|n| n as u8).collect();
        actor.out.push(&text).unwrap();
        let outward = events.add(Socket::adopt(writer).unwrap(), actor).unwrap();
        assert_eq!(events.channel(outward).unwrap().1.state(), State::Open(Shut::Read));
        turn_until(&mut events, |events| events.dispatcher(outward).unwrap().out.is_empty());
        events.close(outward).unwrap();
        let mut got = Vec::new();
        far.read_to_end(&mut got).unwrap();
        assert!(got == text);
        assert_eq!(notes.all(), []);
    });
}

#[test]
fn a_pipe_whose_reader_is_gone_is_closed_once() {
    on_each_backend(|backend| {
        let (mut events, notes) = (events(backend), Notes::default());
        let (far, writer) = std::io::pipe().unwrap();
        let key = events.add(Socket::adopt(writer).unwrap(), Actor::new(&notes)).unwrap();
        turn_out(&mut events);
        drop(far);
        let began = Instant::now();
        let mut turns = 0;
        while began.elapsed() < Duration::from_millis(30) {
            events.turn(Some(Duration::from_millis(30))).unwrap();
            turns += 1;
        }
        assert!(turns <= 3, "{turns} turns for a pipe that nobody writes to");
        let (actor, mut io) = events.channel(key).unwrap();
        let why = actor.out.send(&mut io, b"anybody?").unwrap_err();
        assert_eq!((why.kind(), why.text()), (ErrorKind::Disconnected, "broken pipe"));
        turn_until(&mut events, |events| events.is_empty());
        let told = notes.all();
        let [Told::Close(Reason::Disconnected(why))] = told[..] else { panic!("{told:?}") };
        assert_eq!(why.to_string(), "broken pipe (os error 32)");

        // The same, found out by the turn.
        let notes = Notes::default();
        let (far, writer) = std::io::pipe().unwrap();
        let mut actor = Actor::new(&notes);
        actor.out.push(b"never read").unwrap();
        events.add(Socket::adopt(writer).unwrap(), actor).unwrap();
        drop(far);
        events.run().unwrap();
        assert_eq!(notes.all(), told);
    });
}

#[test]
fn a_regular_file_is_always_ready_beside_the_others() {
    let room = Room::new("ready");
    let text = vec![b'.'; 100_000];
    std::fs::write(room.path("file"), &text).unwrap();
    on_each_backend(|backend| {
        let mut events = events(backend);
        let (file, pair) = (Notes::default(), Notes::default());
        let opened = std::fs::File::options().read(true).write(true).open(room.path("file")).unwrap();
        let key = events.add(Socket::adopt(opened).unwrap(), Actor::new(&file)).unwrap();
        assert_eq!(events.channel(key).unwrap().1.state(), State::OPEN);
        let (here, mut there) = Socket::pair().unwrap();
        events.add(here, Actor::echo(&pair)).unwrap();
        let began = Instant::now();
        events.turn(None).unwrap();
        assert_eq!(file.data().len(), 4096, "one read a turn");
        Os.send(&mut there, b"ping").unwrap();
        events.turn(None).unwrap();
        assert_eq!((file.data().len(), pair.data().len()), (8192, 4), "and nobody starves");

        events.channel(key).unwrap().0.readable = false;
        assert_eq!(events.turn(Some(Duration::from_millis(10))).unwrap().fired, 0);
        assert_eq!(events.turn(Some(Duration::from_millis(10))).unwrap().fired, 0);
        assert!(began.elapsed() >= Duration::from_millis(10), "paused, it lets the loop sleep");
        events.channel(key).unwrap().0.readable = true;
        turn_until(&mut events, |_| file.closes() > 0);
        assert!(file.data() == text);
        assert_eq!((file.reason(), events.len()), (Some(Reason::End), 1));
        let turn = events.turn(Some(Duration::from_millis(5))).unwrap();
        assert_eq!(turn.fired, 0, "nothing is left of it in the backend");
    });
}

#[test]
fn devices_that_are_always_ready_are_served_too() {
    on_each_backend(|backend| {
        let (mut events, notes) = (events(backend), Notes::default());
        let zero = std::fs::File::open("/dev/zero").unwrap();
        let null = std::fs::File::open("/dev/null").unwrap();
        let key = events.add(Socket::adopt(zero).unwrap(), Actor::new(&notes)).unwrap();
        let end = Notes::default();
        events.add(Socket::adopt(null).unwrap(), Actor::new(&end)).unwrap();
        turn_until(&mut events, |_| notes.data().len() >= 3 * 4096 && end.closes() == 1);
        assert_eq!((end.reason(), end.data()), (Some(Reason::End), vec![]));
        events.close(key).unwrap();
        assert!(events.is_empty());
    });
}

/// A terminal and whoever sits at it; `None` where there are none to be had.
fn terminal() -> Option<(OwnedFd, OwnedFd)> {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).ok()?;
    grantpt(&master).ok()?;
    unlockpt(&master).ok()?;
    let name = ptsname(&master, Vec::new()).ok()?;
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
    let slave = rustix::fs::open(name, flags, rustix::fs::Mode::empty()).ok()?;
    Some((master, slave))
}

#[test]
fn a_terminal_is_read_line_by_line_and_written_to() {
    on_each_backend(|backend| {
        let Some((master, slave)) = terminal() else { return eprintln!("no terminals here") };
        let (mut events, notes) = (events(backend), Notes::default());
        let key = events.add(Socket::adopt(slave).unwrap(), Actor::new(&notes)).unwrap();
        assert_eq!(events.channel(key).unwrap().1.state(), State::OPEN);
        assert_eq!(events.channel(key).unwrap().1.socket().unwrap().kind(), None);
        let mut master = Socket::adopt(master).unwrap();
        Os.send(&mut master, b"half a ").unwrap();
        turn_out(&mut events);
        assert_eq!(notes.all(), [], "a line that has no end yet");
        Os.send(&mut master, b"line\n").unwrap();
        turn_until(&mut events, |_| notes.data() == b"half a line\n");
        let (actor, mut io) = events.channel(key).unwrap();
        actor.out.send(&mut io, b"answer").unwrap();
        let mut seen = Vec::new();
        turn_until(&mut events, |_| {
            seen.extend(heard(&mut master));
            seen.ends_with(b"answer")
        });
        drop(master);
        turn_until(&mut events, |events| events.is_empty());
        assert_eq!(notes.closes(), 1, "hung up: {notes:?}");
    });
}
