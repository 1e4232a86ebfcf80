//! The operating system's net, datagrams.
#![allow(missing_docs)]

mod common;

use common::*;
use rustix::event::PollFlags;
use stheno::{Address, Datagram, ErrorKind, Half, Kind, Net, Os, Received, Socket, State};

#[test]
fn n4_an_empty_datagram_is_no_end() {
    let (mut here, at) = bound(Kind::Datagram, &loopback());
    let (mut there, from) = bound(Kind::Datagram, &loopback());
    assert_eq!(Os.recv(&mut here, &mut [0; 8]), Ok(Received::WouldBlock));
    assert_eq!(Os.recv_from(&mut here, &mut [0; 8]), Ok(None));
    for payload in [&b""[..], b"", b"abc"] {
        assert_eq!(Os.send_to(&mut there, payload, &at), Ok(true));
    }
    readable(&here);
    assert_eq!(Os.recv(&mut here, &mut [0; 8]), Ok(Received::Data(0)));
    readable(&here);
    let empty = Datagram { len: 0, truncated: false, from };
    assert_eq!(Os.recv_from(&mut here, &mut [0; 8]), Ok(Some(empty)));
    readable(&here);
    assert_eq!(Os.recv(&mut here, &mut []), Ok(Received::Data(0)), "takes nothing");
    assert_eq!(Os.recv_vectored(&mut here, [&mut [0; 2], &mut [0; 2]]), Ok(Received::Data(3)));
}

#[test]
fn what_was_cut_off_is_told() {
    let (mut here, at) = bound(Kind::Datagram, &loopback());
    let (mut there, from) = bound(Kind::Datagram, &loopback());
    for _ in 0..3 {
        Os.send_to(&mut there, b"12345", &at).unwrap();
    }
    let mut buffer = [0; 4];
    readable(&here);
    let cut = Datagram { len: 4, truncated: true, from: from.clone() };
    assert_eq!(Os.recv_from(&mut here, &mut buffer), Ok(Some(cut)));
    assert_eq!(&buffer, b"1234");
    readable(&here);
    let whole = Datagram { len: 5, truncated: false, from: from.clone() };
    assert_eq!(Os.recv_from(&mut here, &mut [0; 5]), Ok(Some(whole)));
    readable(&here);
    let none = Datagram { len: 0, truncated: true, from };
    assert_eq!(Os.recv_from(&mut here, &mut []), Ok(Some(none)));
    assert_eq!(Os.recv_from(&mut here, &mut []), Ok(None));
}

#[test]
fn a_peer_may_be_named() {
    let (mut here, at) = bound(Kind::Datagram, &loopback());
    let (mut there, from) = bound(Kind::Datagram, &loopback());
    Os.connect(&mut there, &at).unwrap();
    assert_eq!((Os.take_error(&mut there), Os.peer_address(&there)), (Ok(None), Ok(at)));
    assert_eq!(ready(&there, PollFlags::OUT), PollFlags::OUT);
    assert_eq!(Os.send(&mut there, b""), Ok(Some(0)));
    assert_eq!(Os.send_vectored(&mut there, [b"ab", b"cd"]), Ok(Some(4)));
    readable(&here);
    assert_eq!(Os.recv_from(&mut here, &mut [0; 8]).unwrap().unwrap(), Datagram { len: 0, truncated: false, from });
    readable(&here);
    assert_eq!(Os.recv(&mut here, &mut [0; 8]), Ok(Received::Data(4)), "two slices are one datagram");
    assert_eq!(Os.state(&there), Ok(State::Datagram));
}

#[test]
fn a_refusal_is_an_error_and_the_socket_lives_on() {
    let (gone, at) = bound(Kind::Datagram, &loopback());
    let (mut here, _) = bound(Kind::Datagram, &loopback());
    Os.connect(&mut here, &at).unwrap();
    Os.close(gone);
    Os.send(&mut here, b"anyone?").unwrap();
    ready(&here, PollFlags::IN);
    let why = Os.recv(&mut here, &mut [0; 8]).unwrap_err();
    assert_eq!((why.kind(), stheno::errno_name(why.code())), (ErrorKind::Disconnected, Some("ECONNREFUSED")));
    assert_eq!(Os.recv(&mut here, &mut [0; 8]), Ok(Received::WouldBlock));
}

#[test]
fn what_cannot_be_sent_says_so() {
    let (mut here, at) = bound(Kind::Datagram, &loopback());
    let why = Os.send(&mut here, b"to whom?").unwrap_err();
    assert_eq!((why.kind(), why.text()), (ErrorKind::Invalid, "a destination is needed"));
    let why = Os.send_to(&mut here, &[0; 70_000], &at).unwrap_err();
    assert_eq!(why.to_string(), format!("send a datagram {at}: message too long (os error {})", why.code()));
    assert_eq!(Os.shutdown(&mut here, Half::Read).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn a_pair_has_no_names() {
    let (mut here, mut there) = Socket::datagram_pair().unwrap();
    assert_eq!((here.kind(), Os.local_address(&here)), (Some(Kind::Datagram), Ok(Address::unnamed())));
    assert_eq!(Os.peer_address(&here), Ok(Address::unnamed()));
    Os.send(&mut there, b"x").unwrap();
    let one = Datagram { len: 1, truncated: false, from: Address::unnamed() };
    assert_eq!(Os.recv_from(&mut here, &mut [0; 8]), Ok(Some(one)));
    let mut sent = 0;
    while Os.send(&mut there, &[0; 1000]).unwrap().is_some() {
        sent += 1;
    }
    assert!(sent > 0, "a full queue is no error");
}
