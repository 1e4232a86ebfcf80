//! CPython's `FileWrapperTest`: files and pipes as channels.

use std::io::Write;

use rustix::fd::AsRawFd;
use stheno::{BackendName, ErrorKind, Net, Os, Reason, Received, Shut, Socket, State};

use crate::common::events::*;

/// Reads a whole file, in pieces, until its end.
fn content(backend: BackendName, socket: Socket) -> Vec<u8> {
    let (mut events, notes) = (events(backend), Notes::default());
    events.add(socket, Actor::new(&notes)).unwrap();
    turn_until(&mut events, |events| events.is_empty());
    assert_eq!((notes.reason(), notes.errors()), (Some(Reason::End), vec![]));
    notes.data()
}

/// A duplicate outlives what it was made of, reads on where the last read ended, and cannot be read once it is closed.
#[test]
fn test_recv() {
    let room = Room::new("recv");
    std::fs::write(room.path("file"), b"It's not dead, it's sleeping!").unwrap();
    let file = std::fs::File::open(room.path("file")).unwrap();
    let mut copy = Socket::duplicate(&file).unwrap();
    assert_ne!(copy.as_raw_fd(), file.as_raw_fd());
    drop(file);
    let mut some = [0; 13];
    assert_eq!((Os.recv(&mut copy, &mut some), &some), (Ok(Received::Data(13)), b"It's not dead"));
    assert_eq!((Os.recv(&mut copy, &mut some[..6]), &some[..6]), (Ok(Received::Data(6)), &b", it's"[..]));
    on_each_backend(|backend| {
        let (mut events, notes) = (events(backend), Notes::default());
        let key = events.add(Socket::duplicate(&copy).unwrap(), Actor::new(&notes)).unwrap();
        let (_, mut io) = events.channel(key).unwrap();
        io.close();
        assert_eq!(io.recv(&mut [0; 4]).unwrap_err().kind(), ErrorKind::Stale);
        assert_eq!(io.recv_vectored([&mut [0; 4], &mut [0; 4]]).unwrap_err().kind(), ErrorKind::Stale);
    });
}

#[test]
fn test_send() {
    let room = Room::new("written");
    on_each_backend(|backend| {
        let path = room.path(&backend.to_string());
        let file = std::fs::File::create(&path).unwrap();
        let mut events = events(backend);
        let mut actor = Actor::new(&Notes::default());
        actor.out.push(b"line 1\nline 2\n").unwrap();
        let key = events.add(Socket::adopt(file).unwrap(), actor).unwrap();
        assert_eq!(events.channel(key).unwrap().1.state(), State::Open(Shut::Read));
        turn_until(&mut events, |events| events.dispatcher(key).unwrap().out.is_empty());
        assert_eq!(std::fs::read(&path).unwrap(), b"line 1\nline 2\n");
        let (_, mut io) = events.channel(key).unwrap();
        assert_eq!((io.send(b"line 3\n"), io.send_vectored([b"line", b" 4\n"])), (Ok(7), Ok(7)));
        assert_eq!(std::fs::read(&path).unwrap(), b"line 1\nline 2\nline 3\nline 4\n", "both go behind what is there");
    });
}

#[test]
fn test_dispatcher() {
    let room = Room::new("files");
    let text: Vec<u8> = (0..10_000_u32).flat_map(|n| n.to_ne_bytes()).collect();
    std::fs::write(room.path("file"), &text).unwrap();
    on_each_backend(|backend| {
        let open = || std::fs::File::open(room.path("file")).unwrap();
        let owned = rustix::fd::OwnedFd::from(open());
        assert!(content(backend, Socket::adopt(owned).unwrap()) == text);

        let file = open();
        let copy = Socket::duplicate(&file).unwrap();
        assert_ne!(copy.as_raw_fd(), file.as_raw_fd());
        drop(file);
        assert!(content(backend, copy) == text, "a duplicate outlives what it was made of");

        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"through a pipe").unwrap();
        drop(writer);
        assert_eq!(content(backend, Socket::adopt(reader).unwrap()), b"through a pipe", "also what is left at the end");
    });
}

/// With the descriptor open; one that was closed underneath is a test of its own, `closed_behind`.
#[test]
fn test_close_twice() {
    on_each_backend(|backend| {
        let (mut events, notes) = (events(backend), Notes::default());
        let (here, mut there) = Socket::pair().unwrap();
        let key = events.add(here, Actor::new(&notes)).unwrap();
        let (_, mut io) = events.channel(key).unwrap();
        io.close();
        io.close();
        assert_eq!(io.recv(&mut [0; 4]).unwrap_err().kind(), ErrorKind::Stale);
        assert_eq!(io.send(b"x").unwrap_err().to_string(), "the channel is closed");
        assert_eq!(events.close(key).unwrap_err().kind(), ErrorKind::Stale);
        turn_out(&mut events);
        assert_eq!(events.close(key).unwrap_err().kind(), ErrorKind::Stale);
        assert_eq!(Os.recv(&mut there, &mut [0; 4]), Ok(Received::End));
        assert_eq!((notes.all(), events.len()), (vec![], 0));
    });
}
