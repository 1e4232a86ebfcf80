//! The operating system's net, sockets of the Unix family.
#![allow(missing_docs)]

mod common;

use std::path::PathBuf;

use common::*;
use stheno::{Address, ErrorKind, Kind, Net, Os, Received, Socket, State};

/// A directory of this test's own, which goes with it.
struct Room(PathBuf);

impl Room {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("stheno-{}-{name}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn address(&self, name: &str) -> Address {
        Address::unix(self.0.join(name).to_str().unwrap()).unwrap()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn streams_have_paths() {
    let room = Room::new("stream");
    let at = room.address("door");
    let (mut door, bound_at) = door(&at, 4);
    assert_eq!(bound_at, at);
    assert_eq!(Os.state(&door), Ok(State::Listening));
    let mut caller = call(&at).unwrap();
    assert_eq!(Os.take_error(&mut caller), Ok(None));
    let (mut guest, from) = Os.accept(&mut door).unwrap().unwrap();
    assert!(from.is_unnamed());
    assert_eq!(Os.peer_address(&caller), Ok(at.clone()));
    assert_eq!(Os.local_address(&caller), Ok(Address::unnamed()));
    Os.send(&mut caller, b"hello").unwrap();
    Os.close(caller);
    assert_eq!(read_all(&mut guest), (b"hello".to_vec(), None));
    assert_eq!(Os.state(&guest), Ok(State::OPEN));
    let why = Os.send(&mut guest, b"?").unwrap_err();
    assert_eq!((why.kind(), stheno::errno_name(why.code())), (ErrorKind::Disconnected, Some("EPIPE")));

    let mut second = Os.socket(Kind::Stream, &at).unwrap();
    assert_eq!(Os.state(&second), Ok(State::Idle));
    let why = Os.bind(&mut second, &at).unwrap_err().to_string();
    assert!(why.starts_with("bind ") && why.contains("/door: address already in use"), "{why}");
    Os.close(door);
    let why = Os.connect(&mut second, &at).unwrap_err();
    assert_eq!((why.kind(), why.text()), (ErrorKind::Disconnected, "connection refused"));
    let why = Os.connect(&mut second, &room.address("nobody")).unwrap_err();
    assert_eq!(stheno::errno_name(why.code()), Some("ENOENT"));
}

#[test]
fn a_reset_comes_after_the_data() {
    let (mut here, mut there) = Socket::pair().unwrap();
    Os.send(&mut here, b"never read").unwrap();
    Os.send(&mut there, b"0123456789").unwrap();
    Os.close(there);
    let (all, why) = read_all(&mut here);
    assert_eq!((all, why.unwrap().kind()), (b"0123456789".to_vec(), ErrorKind::Disconnected));
    assert_eq!(Os.recv(&mut here, &mut [0; 8]), Ok(Received::End));
    assert_eq!(Os.state(&here), Ok(State::OPEN));
}

#[test]
fn datagrams_tell_their_senders_path() {
    let room = Room::new("datagram");
    let (mut here, at) = bound(Kind::Datagram, &room.address("here"));
    let (mut there, from) = bound(Kind::Datagram, &room.address("there"));
    assert_eq!(Os.send_to(&mut there, b"abc", &at), Ok(true));
    let datagram = Os.recv_from(&mut here, &mut [0; 2]).unwrap().unwrap();
    assert_eq!((datagram.len, datagram.truncated, &datagram.from), (2, true, &from));
    assert_eq!(from.as_inet(), None);
    let mut nobody = Os.socket(Kind::Datagram, &at).unwrap();
    assert_eq!(Os.send_to(&mut nobody, b"", &at), Ok(true));
    assert!(Os.recv_from(&mut here, &mut [0; 2]).unwrap().unwrap().from.is_unnamed());
    Os.close(here);
    let why = Os.send_to(&mut nobody, b"x", &at).unwrap_err();
    assert_eq!(why.kind(), ErrorKind::Disconnected);
    assert!(why.to_string().contains("/here: connection refused"), "{why}");
}

#[cfg(target_os = "linux")]
#[test]
fn abstract_names_need_no_file_system() {
    let at: Address = format!("unix:@stheno-{}", std::process::id()).parse().unwrap();
    let (mut door, bound_at) = door(&at, 4);
    assert_eq!(bound_at, at);
    let caller = call(&at).unwrap();
    assert_eq!(Os.peer_address(&caller), Ok(at));
    assert!(Os.accept(&mut door).unwrap().is_some());
    // An unnamed address lets the system choose.
    let (_chosen, name) = bound(Kind::Stream, &Address::unnamed());
    assert_eq!(name.abstract_name().map(<[u8]>::len), Some(5));
    let why = Os.connect(&mut Os.socket(Kind::Stream, &name).unwrap(), &Address::unnamed()).unwrap_err();
    assert_eq!(why.to_string(), format!("connect (unnamed): invalid argument (os error {})", why.code()));
}

/// The system says "would block", and nothing goes on: asyncore called it a connection.
#[cfg(target_os = "linux")]
#[test]
fn a_full_backlog_is_a_failure() {
    let (mut door, at) = door(&Address::unnamed(), 0);
    let mut callers = Vec::new();
    let why = loop {
        match call(&at) {
            Ok(caller) => callers.push(caller),
            Err(why) => break why,
        }
        assert!(callers.len() < 16);
    };
    assert_eq!(why.kind(), ErrorKind::Exhausted);
    let line = format!("connect {at}: the listener's backlog is full (os error {})", why.code());
    assert_eq!(why.to_string(), line);
    assert!(Os.accept(&mut door).unwrap().is_some());
    assert!(call(&at).is_ok(), "later there is room");
}

/// A path may fill the system's structure to its last byte; then its length points past the end.
#[cfg(all(target_os = "linux", feature = "std"))]
#[test]
fn a_peer_with_a_path_too_long_to_hold_is_unnamed() {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, connect, socket};
    let room = Room::new("long");
    let (mut door, _) = door(&room.address("door"), 4);
    let mut long = room.0.to_str().unwrap().to_owned() + "/";
    while long.len() < 108 {
        long.push('x');
    }
    let caller = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    bind(&caller, &SocketAddrUnix::new(&long).unwrap()).unwrap();
    connect(&caller, &SocketAddrUnix::new(room.address("door").path_bytes().unwrap()).unwrap()).unwrap();
    let (guest, from) = Os.accept(&mut door).unwrap().unwrap();
    assert!(from.is_unnamed());
    assert_eq!(Os.peer_address(&guest).unwrap_err().kind(), ErrorKind::Unsupported);
}
