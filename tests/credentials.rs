//! Who is at the other end of a socket of the Unix family: the system says it, and says nothing where it knows nothing.
#![cfg(all(target_os = "linux", feature = "credentials"))]
#![allow(missing_docs)]

mod common;

use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use common::events::Room;
use common::*;
use stheno::{Address, Credentials, ErrorKind, Kind, Net, Os, Socket};

const CHILD: &str = "STHENO_TEST_CALLS";

fn myself() -> Credentials {
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    Credentials { pid: Some(std::process::id()), uid: uid.as_raw(), gid: gid.as_raw() }
}

#[test]
fn both_ends_of_a_pair_are_this_process() {
    for (one, other) in [Socket::pair().unwrap(), Socket::datagram_pair().unwrap()] {
        assert_eq!((one.peer_credentials(), other.peer_credentials()), (Ok(myself()), Ok(myself())));
    }
}

/// This test, as another process that calls its parent.
#[test]
fn a_caller_is_told_from_its_listener() {
    if let Some(path) = std::env::var_os(CHILD) {
        let caller = Socket::adopt(UnixStream::connect(path).unwrap()).unwrap();
        let host = caller.peer_credentials().unwrap();
        assert_eq!(host.pid, Some(std::os::unix::process::parent_id()), "who listens");
        // Until the parent has looked.
        common::readable(&caller);
        return;
    }
    let room = Room::new("credentials");
    let (mut door, _) = door(&room.address("door"), 4);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_caller_is_told_from_its_listener"])
        .env(CHILD, room.path("door"))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    common::readable(&door);
    let (guest, _) = Os.accept(&mut door).unwrap().unwrap();
    let caller = guest.peer_credentials();
    drop(guest);
    assert!(child.wait().unwrap().success(), "the child saw someone else");
    assert_eq!(caller, Ok(Credentials { pid: Some(child.id()), ..myself() }));
}

#[test]
fn where_nobody_is_known_nobody_is_told() {
    let (tcp, _guest) = connection();
    let room = Room::new("nobody");
    let fresh = Os.socket(Kind::Stream, &Address::unnamed()).unwrap();
    let (_host, at) = bound(Kind::Datagram, &room.address("datagrams"));
    let mut datagrams = Os.socket(Kind::Datagram, &at).unwrap();
    Os.connect(&mut datagrams, &at).unwrap();
    for socket in [tcp, fresh, datagrams] {
        let why = socket.peer_credentials().unwrap_err();
        assert_eq!((why.kind(), why.text()), (ErrorKind::Unsupported, "no peer is known"));
        assert!(why.to_string().starts_with("ask for the peer's credentials descriptor "), "{why}");
    }
    let why = Socket::pipe().unwrap().0.peer_credentials().unwrap_err();
    assert_eq!(why.kind(), ErrorKind::BadDescriptor);
}
