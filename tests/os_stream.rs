//! The operating system's net, streams over TCP: each clause of the contract.
#![allow(missing_docs)]

mod common;

use std::time::Duration;

use common::*;
use rustix::event::PollFlags;
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::{FdFlags, fcntl_getfd};
use stheno::{Address, ErrorKind, Half, Kind, Net, Os, Received, Shut, Socket, State};

#[test]
fn n1_nothing_blocks() {
    let (mut caller, mut guest) = connection();
    assert_eq!(Os.recv(&mut caller, &mut [0; 8]), Ok(Received::WouldBlock));
    assert_eq!(Os.recv_vectored(&mut caller, [&mut [0; 8], &mut [0; 8]]), Ok(Received::WouldBlock));
    let (mut door, _) = door(&loopback(), 4);
    assert!(Os.accept(&mut door).unwrap().is_none());
    let mut full = 0;
    while let Some(taken) = Os.send(&mut guest, &[7; 65536]).unwrap() {
        assert!(taken > 0);
        full += taken;
    }
    assert_eq!(Os.send_vectored(&mut guest, [b"a", b"b"]), Ok(None));
    let mut back = 0;
    while back < full {
        readable(&caller);
        match Os.recv(&mut caller, &mut [0; 65536]).unwrap() {
            Received::Data(n) => back += n,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(Os.recv(&mut caller, &mut [0; 8]), Ok(Received::WouldBlock));
}

#[test]
fn n3_an_end_comes_after_the_data_and_stays() {
    let (mut caller, mut guest) = connection();
    assert_eq!(Os.send(&mut guest, b"0123456789"), Ok(Some(10)));
    Os.shutdown(&mut guest, Half::Write).unwrap();
    assert_eq!(read_all(&mut caller), (b"0123456789".to_vec(), None));
    assert_eq!(Os.recv(&mut caller, &mut [0; 8]), Ok(Received::End));
    // The other half is open.
    assert_eq!(Os.send(&mut caller, b"still"), Ok(Some(5)));
    readable(&guest);
    assert_eq!(Os.recv(&mut guest, &mut [0; 8]), Ok(Received::Data(5)));
    let why = Os.send(&mut guest, b"no").unwrap_err();
    assert_eq!((why.kind(), stheno::errno_name(why.code())), (ErrorKind::Disconnected, Some("EPIPE")));
}

#[test]
fn n3_a_reset_comes_after_the_data() {
    let (mut caller, mut guest) = connection();
    Os.send(&mut guest, b"0123456789").unwrap();
    readable(&caller);
    guest.set_linger(Some(Duration::ZERO)).unwrap();
    Os.close(guest);
    assert!(ready(&caller, PollFlags::RDHUP).contains(PollFlags::ERR));
    let (all, why) = read_all(&mut caller);
    assert_eq!(all, b"0123456789");
    let why = why.expect("a reset");
    assert_eq!((why.kind(), stheno::errno_name(why.code())), (ErrorKind::Disconnected, Some("ECONNRESET")));
    let fd = rustix::fd::AsRawFd::as_raw_fd(&caller);
    let line = format!("receive descriptor {fd}: connection reset by peer (os error {})", why.code());
    assert_eq!(why.to_string(), line);
    assert_eq!(Os.recv(&mut caller, &mut [0; 8]), Ok(Received::End));
}

#[test]
fn n3_no_room_is_no_end() {
    let (mut caller, mut guest) = connection();
    Os.send(&mut guest, b"x").unwrap();
    readable(&caller);
    assert_eq!(Os.recv(&mut caller, &mut []), Ok(Received::Data(0)));
    assert_eq!(Os.recv_vectored(&mut caller, [&mut [], &mut []]), Ok(Received::Data(0)));
    assert_eq!(Os.recv_vectored(&mut caller, [&mut [], &mut [0; 4]]), Ok(Received::Data(1)));
    assert_eq!(Os.send(&mut caller, b""), Ok(Some(0)));
    assert_eq!(Os.send_vectored(&mut caller, [b"", b""]), Ok(Some(0)));
}

#[test]
fn two_slices_go_and_come_in_one_call() {
    let (mut caller, mut guest) = connection();
    assert_eq!(Os.send_vectored(&mut guest, [b"hello ", b"world"]), Ok(Some(11)));
    readable(&caller);
    let (mut first, mut second) = ([0; 4], [0; 16]);
    assert_eq!(Os.recv_vectored(&mut caller, [&mut first, &mut second]), Ok(Received::Data(11)));
    assert_eq!((&first, &second[..7]), (b"hell", &b"o world"[..]));
    Os.close(guest);
    readable(&caller);
    assert_eq!(Os.recv_vectored(&mut caller, [&mut first, &mut second]), Ok(Received::End));
}

#[test]
fn n6_a_connection_becomes_writable_without_an_error() {
    let (door, at) = door(&loopback(), 4);
    let mut caller = call(&at).unwrap();
    assert_eq!(ready(&caller, PollFlags::OUT), PollFlags::OUT);
    assert_eq!(Os.take_error(&mut caller), Ok(None));
    assert_eq!(Os.state(&caller), Ok(State::OPEN));
    assert_eq!(Os.peer_address(&caller), Ok(at));
    // Linux answers the second call with how the attempt ended, and only the third one with what is.
    let _ = Os.connect(&mut caller, &Os.local_address(&door).unwrap());
    let why = Os.connect(&mut caller, &Os.local_address(&door).unwrap()).unwrap_err();
    assert_eq!(stheno::errno_name(why.code()), Some("EISCONN"));
}

#[test]
fn n6_n7_a_refusal_is_taken_once() {
    let (_silent, at) = bound(Kind::Stream, &loopback());
    let mut caller = call(&at).unwrap();
    assert!(ready(&caller, PollFlags::OUT).contains(PollFlags::OUT | PollFlags::ERR));
    assert_eq!(Os.state(&caller), Ok(State::OPEN), "reading it finds out");
    let why = Os.take_error(&mut caller).unwrap().unwrap();
    assert_eq!(why.kind(), ErrorKind::Disconnected);
    let line = format!("connect {at}: connection refused (os error {})", why.code());
    assert_eq!(at.as_inet().map(|at| why.doing("connect").on_address(at).to_string()), Some(line));
    assert_eq!(Os.take_error(&mut caller), Ok(None));
    assert_eq!(Os.state(&caller), Ok(State::OPEN));
    assert_eq!(Os.recv(&mut caller, &mut [0; 8]), Ok(Received::End));
}

#[test]
fn n8_a_caller_that_reset_in_line_does_no_harm() {
    let (mut door, at) = door(&loopback(), 4);
    let caller = call(&at).unwrap();
    readable(&door);
    caller.set_linger(Some(Duration::ZERO)).unwrap();
    Os.close(caller);
    // Linux hands it out, dead; BSD says that it has gone.
    if let Some((mut guest, _)) = Os.accept(&mut door).unwrap() {
        readable(&guest);
        let state = Os.state(&guest);
        assert_eq!(state, Ok(State::OPEN), "not mistaken for one that never was connected");
        assert_eq!(Os.recv(&mut guest, &mut [0; 8]).unwrap_err().kind(), ErrorKind::Disconnected);
        assert_eq!(Os.state(&guest), Ok(State::OPEN));
    }
    assert!(Os.accept(&mut door).unwrap().is_none());
}

#[test]
fn n8_who_does_not_listen_cannot_accept() {
    let (mut idle, _) = bound(Kind::Stream, &loopback());
    assert_eq!(Os.accept(&mut idle).unwrap_err().kind(), ErrorKind::Invalid);
    let (mut datagrams, _) = bound(Kind::Datagram, &loopback());
    assert_eq!(Os.accept(&mut datagrams).unwrap_err().kind(), ErrorKind::Unsupported);
    let (mut reader, _writer) = Socket::pipe().unwrap();
    assert_eq!(Os.accept(&mut reader).unwrap_err().kind(), ErrorKind::BadDescriptor);
}

#[track_caller]
fn is_tame(socket: &Socket) {
    assert!(fcntl_getfl(socket).unwrap().contains(OFlags::NONBLOCK));
    assert!(fcntl_getfd(socket).unwrap().contains(FdFlags::CLOEXEC));
}

#[test]
fn n9_sockets_are_born_tame() {
    let (door, at) = door(&loopback(), 4);
    is_tame(&door);
    let (caller, guest) = connection();
    is_tame(&caller);
    is_tame(&guest);
    is_tame(&Os.socket(Kind::Datagram, &at).unwrap());
    for (one, other) in [Socket::pair(), Socket::datagram_pair(), Socket::pipe()].map(Result::unwrap) {
        is_tame(&one);
        is_tame(&other);
    }
}

#[test]
fn states_of_streams() {
    let at = loopback();
    let mut fresh = Os.socket(Kind::Stream, &at).unwrap();
    assert_eq!(Os.state(&fresh), Ok(State::Idle));
    Os.bind(&mut fresh, &at).unwrap();
    assert_eq!(Os.state(&fresh), Ok(State::Idle));
    Os.listen(&mut fresh, 4).unwrap();
    assert_eq!(Os.state(&fresh), Ok(State::Listening));
    let (caller, guest) = connection();
    assert_eq!((Os.state(&caller), Os.state(&guest)), (Ok(State::OPEN), Ok(State::OPEN)));
    assert_eq!(Os.state(&Os.socket(Kind::Datagram, &at).unwrap()), Ok(State::Datagram));
    let (reader, writer) = Socket::pipe().unwrap();
    assert_eq!(Os.state(&reader), Ok(State::Open(Shut::Write)));
    assert_eq!(Os.state(&writer), Ok(State::Open(Shut::Read)));
}

/// A listener whose line is full lets callers wait without an answer.
#[cfg(target_os = "linux")]
#[test]
fn a_socket_that_is_connecting_says_so() {
    let (_door, at) = door(&loopback(), 0);
    let callers: Vec<_> = (0..4).map(|_| call(&at).unwrap()).collect();
    let waiting = callers.last().unwrap();
    assert_eq!(Os.state(waiting), Ok(State::Connecting));
    let mut again = callers.into_iter().next_back().unwrap();
    Os.connect(&mut again, &at).expect("the attempt goes on");
}

#[test]
fn urgent_data_goes_its_own_way() {
    let (mut caller, mut guest) = connection();
    assert_eq!(Os.recv_urgent(&mut caller), Ok(None));
    Os.send(&mut guest, b"ab").unwrap();
    assert_eq!(Os.send_urgent(&mut guest, b'!'), Ok(true));
    ready(&caller, PollFlags::PRI);
    assert_eq!(Os.recv_urgent(&mut caller), Ok(Some(b'!')));
    assert_eq!(Os.recv_urgent(&mut caller), Ok(None), "taken already");
    assert_eq!(Os.recv(&mut caller, &mut [0; 8]), Ok(Received::Data(2)));
    Os.close(guest);
    readable(&caller);
    assert_eq!(Os.recv_urgent(&mut caller), Ok(None));
    assert_eq!(Os.recv(&mut caller, &mut [0; 8]), Ok(Received::End));
}

#[test]
fn errors_say_what_was_done_to_what() {
    let (_door, at) = door(&loopback(), 4);
    let mut second = Os.socket(Kind::Stream, &at).unwrap();
    Os.set_reuse_address(&mut second).unwrap();
    let why = Os.bind(&mut second, &at).unwrap_err();
    assert_eq!(why.to_string(), format!("bind {at}: address already in use (os error {})", why.code()));
    assert_eq!((why.kind(), stheno::errno_name(why.code())), (ErrorKind::Other, Some("EADDRINUSE")));
    assert_eq!(Os::describe(why.code()), "address already in use");
    assert_eq!((Os::describe(0), Os::describe(-7)), ("no error", "unknown error"));

    let fd = rustix::fd::AsRawFd::as_raw_fd(&second);
    let why = Os.shutdown(&mut second, Half::Read).unwrap_err();
    assert_eq!(why.kind(), ErrorKind::Disconnected);
    assert_eq!(why.to_string(), format!("shut down descriptor {fd}: not connected (os error {})", why.code()));
    assert_eq!(Os.peer_address(&second).unwrap_err().kind(), ErrorKind::Disconnected);

    let mut stream = Os.socket(Kind::Stream, &at).unwrap();
    assert_eq!(Os.recv(&mut stream, &mut [0; 4]).unwrap_err().kind(), ErrorKind::Disconnected);
    assert_eq!(Os.recv_from(&mut stream, &mut [0; 4]).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(Os.send_to(&mut stream, b"x", &at).unwrap_err().kind(), ErrorKind::Unsupported);
    let nowhere: Address = "[::1]:9".parse().unwrap();
    let why = Os.connect(&mut stream, &nowhere).unwrap_err();
    assert!(why.to_string().starts_with("connect [::1]:9: "), "{why}");
}

#[test]
fn options() {
    let (caller, _guest) = connection();
    caller.set_nodelay(true).unwrap();
    caller.set_keepalive(true).unwrap();
    caller.set_recv_buffer_size(4096).unwrap();
    assert!(caller.recv_buffer_size().unwrap() >= 4096);
    caller.set_send_buffer_size(8192).unwrap();
    assert!(caller.send_buffer_size().unwrap() >= 8192);
    caller.set_linger(None).unwrap();
    Os.socket(Kind::Datagram, &loopback()).unwrap().set_broadcast(true).unwrap();
    let (pipe, _other) = Socket::pipe().unwrap();
    let why = pipe.set_nodelay(true).unwrap_err();
    assert_eq!(why.kind(), ErrorKind::BadDescriptor);
    assert!(why.to_string().starts_with("set nodelay descriptor "), "{why}");
}

#[test]
fn ipv6_works_where_there_is_any() {
    let at: Address = "[::1]:0".parse().unwrap();
    let Ok(mut listener) = Os.socket(Kind::Stream, &at) else { return };
    listener.set_only_v6(true).unwrap();
    if Os.bind(&mut listener, &at).is_err() {
        return; // no loopback of this family
    }
    Os.listen(&mut listener, 4).unwrap();
    let at = Os.local_address(&listener).unwrap();
    let caller = call(&at).unwrap();
    readable(&listener);
    let (guest, from) = Os.accept(&mut listener).unwrap().unwrap();
    assert_eq!(from, Os.local_address(&caller).unwrap());
    assert_eq!(Os.peer_address(&guest), Ok(from.clone()));
    assert!(from.to_string().starts_with("[::1]:") && from.as_inet().unwrap().is_ipv6());
}
