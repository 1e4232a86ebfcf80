//! What the tests of the operating system's net share: waiting with a bound, and small casts of sockets.
#![allow(dead_code, missing_docs)] // each test program uses some of it

#[cfg(feature = "std")]
pub mod events;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use stheno::{Address, Error, Kind, Net, Os, Received, Result, Socket};

/// Says that a test, or a part of it, cannot be run here and was not: past the capture of passing tests' output.
pub fn skipped(what: &str, why: impl std::fmt::Display) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "skipped: {what}: {why}");
}

/// Waits until the socket is ready for any of this, two seconds at most, and says for what.
#[track_caller]
pub fn ready(socket: &Socket, wanted: PollFlags) -> PollFlags {
    let mut asked = [PollFd::new(socket, wanted)];
    let bound = Timespec { tv_sec: 2, tv_nsec: 0 };
    assert_eq!(poll(&mut asked, Some(&bound)), Ok(1), "nothing became ready");
    asked[0].revents()
}

#[track_caller]
pub fn readable(socket: &Socket) {
    ready(socket, PollFlags::IN);
}

pub fn loopback() -> Address {
    "127.0.0.1:0".parse().unwrap()
}

/// A socket bound to an address of the system's choice, and which one that is.
#[track_caller]
pub fn bound(kind: Kind, at: &Address) -> (Socket, Address) {
    let mut socket = Os.socket(kind, at).unwrap();
    Os.bind(&mut socket, at).unwrap();
    let at = Os.local_address(&socket).unwrap();
    (socket, at)
}

#[track_caller]
pub fn door(at: &Address, backlog: u32) -> (Socket, Address) {
    let (mut door, at) = bound(Kind::Stream, at);
    Os.listen(&mut door, backlog).unwrap();
    (door, at)
}

#[track_caller]
pub fn call(to: &Address) -> Result<Socket> {
    let mut caller = Os.socket(Kind::Stream, to).unwrap();
    Os.connect(&mut caller, to).map(|()| caller)
}

/// Two ends of a TCP connection: the caller's and the guest's.
#[track_caller]
pub fn connection() -> (Socket, Socket) {
    let (mut door, at) = door(&loopback(), 4);
    let caller = call(&at).unwrap();
    readable(&door);
    let (guest, from) = Os.accept(&mut door).unwrap().unwrap();
    assert_eq!(from, Os.local_address(&caller).unwrap());
    (caller, guest)
}

/// Everything that comes until the end or an error, and which it was; asks for a few bytes at a time.
#[track_caller]
pub fn read_all(socket: &mut Socket) -> (Vec<u8>, Option<Error>) {
    let (mut all, mut some) = (Vec::new(), [0; 3]);
    loop {
        match Os.recv(socket, &mut some) {
            Ok(Received::Data(n)) => all.extend(&some[..n]),
            Ok(Received::WouldBlock) => readable(socket),
            Ok(Received::End) => return (all, None),
            Err(why) => return (all, Some(why)),
        }
    }
}
