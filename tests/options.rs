//! The options of sockets: what is set is what is asked, what makes no sense says so, and what they change is changed.
#![cfg(all(target_os = "linux", feature = "std"))]
#![allow(missing_docs)]

mod common;

use std::fmt::Debug;
use std::time::Duration;

use common::events::*;
use common::{connection, loopback};
use stheno::{Address, ErrorKind, Kind, Net, Os, Result, Socket};

fn socket(kind: Kind, like: &str) -> Socket {
    Os.socket(kind, &like.parse().unwrap()).unwrap()
}

#[track_caller]
fn switched(socket: &Socket, set: fn(&Socket, bool) -> Result<()>, asked: fn(&Socket) -> Result<bool>) {
    for on in [true, false, true] {
        assert_eq!((set(socket, on), asked(socket)), (Ok(()), Ok(on)));
    }
}

#[test]
fn switches_are_as_they_were_set() {
    let (tcp, _guest) = connection();
    switched(&tcp, Socket::set_nodelay, Socket::nodelay);
    switched(&tcp, Socket::set_keepalive, Socket::keepalive);
    let fresh = socket(Kind::Stream, "127.0.0.1:0");
    switched(&fresh, Socket::set_reuse_address, Socket::reuse_address);
    switched(&fresh, Socket::set_reuse_port, Socket::reuse_port);
    switched(&socket(Kind::Stream, "[::1]:0"), Socket::set_only_v6, Socket::only_v6);
    let datagrams = socket(Kind::Datagram, "127.0.0.1:0");
    assert_eq!(datagrams.broadcast(), Ok(false));
    switched(&datagrams, Socket::set_broadcast, Socket::broadcast);
    assert_eq!(datagrams.multicast_loop_v4(), Ok(true));
    switched(&datagrams, Socket::set_multicast_loop_v4, Socket::multicast_loop_v4);
    switched(&socket(Kind::Datagram, "[::1]:0"), Socket::set_multicast_loop_v6, Socket::multicast_loop_v6);
}

#[track_caller]
fn hops(socket: &Socket, set: fn(&Socket, u8) -> Result<()>, asked: fn(&Socket) -> Result<u8>, at_first: u8) {
    assert_eq!(asked(socket), Ok(at_first));
    for hops in [1, 64, 255] {
        assert_eq!((set(socket, hops), asked(socket)), (Ok(()), Ok(hops)));
    }
}

#[test]
fn hops_are_counted_for_each_family_and_for_groups_by_themselves() {
    for kind in [Kind::Stream, Kind::Datagram] {
        hops(&socket(kind, "127.0.0.1:0"), Socket::set_ttl, Socket::ttl, 64);
        hops(&socket(kind, "[::1]:0"), Socket::set_unicast_hops_v6, Socket::unicast_hops_v6, 64);
    }
    let (four, six) = (socket(Kind::Datagram, "127.0.0.1:0"), socket(Kind::Datagram, "[::1]:0"));
    hops(&four, Socket::set_multicast_ttl_v4, Socket::multicast_ttl_v4, 1);
    hops(&six, Socket::set_multicast_hops_v6, Socket::multicast_hops_v6, 1);
    assert_eq!((four.set_multicast_ttl_v4(0), four.multicast_ttl_v4()), (Ok(()), Ok(0)));
    assert_eq!((four.ttl(), six.unicast_hops_v6()), (Ok(64), Ok(64)), "one is not the other");
    assert_eq!(four.set_ttl(0).unwrap_err().kind(), ErrorKind::Invalid, "nothing would ever leave");
}

/// A time that is set, and what the system makes of it.
#[track_caller]
fn timed<T: PartialEq + Debug>(socket: &Socket, set: Result<()>, asked: fn(&Socket) -> Result<T>, expected: T) {
    assert_eq!((set, asked(socket)), (Ok(()), Ok(expected)));
}

#[test]
fn times_are_rounded_up_and_never_down() {
    let (tcp, _guest) = connection();
    let (millis, secs) = (Duration::from_millis, Duration::from_secs);
    timed(&tcp, tcp.set_keepalive_time(millis(1500)), Socket::keepalive_time, secs(2));
    timed(&tcp, tcp.set_keepalive_interval(millis(1)), Socket::keepalive_interval, secs(1));
    timed(&tcp, tcp.set_keepalive_retries(3), Socket::keepalive_retries, 3);
    assert_eq!(tcp.linger(), Ok(None));
    for (set, asked) in [(secs(0), secs(0)), (millis(1), secs(1)), (millis(2001), secs(3))] {
        timed(&tcp, tcp.set_linger(Some(set)), Socket::linger, Some(asked));
    }
    timed(&tcp, tcp.set_linger(None), Socket::linger, None);
    assert_eq!(tcp.user_timeout(), Ok(None));
    for (set, asked) in [(millis(30_000), 30_000), (Duration::from_nanos(1_000_001), 2), (secs(0), 1)] {
        timed(&tcp, tcp.set_user_timeout(Some(set)), Socket::user_timeout, Some(millis(asked)));
    }
    timed(&tcp, tcp.set_user_timeout(None), Socket::user_timeout, None);
    for refused in [
        tcp.set_keepalive_time(Duration::ZERO),
        tcp.set_keepalive_time(secs(40_000)),
        tcp.set_keepalive_interval(Duration::MAX),
        tcp.set_keepalive_retries(0),
        tcp.set_keepalive_retries(128),
        tcp.set_linger(Some(Duration::MAX)),
        tcp.set_user_timeout(Some(Duration::MAX)),
    ] {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Invalid);
    }
    assert_eq!((tcp.keepalive_time(), tcp.keepalive_retries(), tcp.linger()), (Ok(secs(2)), Ok(3), Ok(None)));
}

#[test]
fn buffers_have_about_the_size_that_was_asked_for() {
    let socket = socket(Kind::Stream, "127.0.0.1:0");
    for bytes in [8192, 32_768] {
        socket.set_recv_buffer_size(bytes).unwrap();
        socket.set_send_buffer_size(bytes).unwrap();
        for size in [socket.recv_buffer_size().unwrap(), socket.send_buffer_size().unwrap()] {
            assert!((bytes..=2 * bytes).contains(&size), "{size} of {bytes}");
        }
    }
    // The system has a bound, and says so by what it gives.
    socket.set_recv_buffer_size(i32::MAX as usize).unwrap();
    assert!(socket.recv_buffer_size().unwrap() < i32::MAX as usize);
}

/// Each option on something that does not have it.
#[test]
fn what_is_not_there_says_so() {
    let (unix, (pipe, _writer)) = (Socket::pair().unwrap().0, Socket::pipe().unwrap());
    let datagrams = socket(Kind::Datagram, "127.0.0.1:0");
    for (asked, what) in [
        (unix.set_nodelay(true), "set nodelay"),
        (unix.nodelay().map(drop), "ask nodelay"),
        (unix.set_keepalive_time(Duration::from_secs(1)), "set the keepalive time"),
        (unix.set_ttl(1), "set the ttl"),
        (unix.unicast_hops_v6().map(drop), "ask the hops"),
        (unix.set_only_v6(true), "set only v6"),
        (datagrams.set_nodelay(true), "set nodelay"),
        (datagrams.user_timeout().map(drop), "ask the user timeout"),
        (datagrams.multicast_hops_v6().map(drop), "ask the groups' hops"),
    ] {
        let why = asked.expect_err(what);
        assert_eq!(why.kind(), ErrorKind::Unsupported, "{why}");
        assert!(why.to_string().starts_with(&format!("{what} descriptor ")), "{why}");
    }
    let number = rustix::fd::AsRawFd::as_raw_fd(&pipe);
    for (asked, what) in [
        (pipe.set_reuse_port(true), "set reuse port"),
        (pipe.linger().map(drop), "ask linger"),
        (pipe.set_broadcast(true), "set broadcast"),
        (pipe.recv_buffer_size().map(drop), "ask the receive buffer's size"),
    ] {
        let why = asked.expect_err(what);
        assert_eq!(why.kind(), ErrorKind::BadDescriptor);
        assert_eq!(why.to_string(), format!("{what} descriptor {number}: not a socket (os error 88)"));
    }
}

#[test]
fn an_ipv6_listener_takes_ipv4_callers_unless_told_otherwise() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return common::skipped("an_ipv6_listener_takes_ipv4_callers", "no IPv6 here");
    }
    for only in [false, true] {
        let mut door = socket(Kind::Stream, "[::]:0");
        door.set_only_v6(only).unwrap();
        Os.bind(&mut door, &"[::]:0".parse().unwrap()).unwrap();
        Os.listen(&mut door, 4).unwrap();
        let port = Os.local_address(&door).unwrap().port().unwrap();
        assert_eq!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err(), only);
        assert!(std::net::TcpStream::connect(("::1", port)).is_ok());
    }
}

/// Two loops with a listener each at one port, opened as a program does it: the option before the address.
#[test]
fn listeners_share_a_port_and_every_caller_is_served() {
    on_each_backend(|backend| {
        let (mut loops, notes) = (Vec::new(), Notes::default());
        let mut at = loopback();
        for _ in 0..2 {
            let mut events = events(backend);
            let door = events.create(Kind::Stream, &at, Actor::echo(&notes)).unwrap();
            let (_, mut io) = events.channel(door).unwrap();
            io.socket().unwrap().set_reuse_port(true).unwrap();
            io.bind(&at).unwrap();
            io.listen(64).unwrap();
            at = io.local_address().unwrap();
            loops.push(events);
        }
        // Who does not ask for it gets nothing.
        let why = events(backend).listen(&at, Actor::new(&Notes::default())).unwrap_err();
        assert_eq!(why.text(), "address already in use");

        let mut callers: Vec<_> = (0..32).map(|_| Peer::call(&at)).collect();
        callers.iter_mut().for_each(|caller| caller.say(b"ping"));
        let began = std::time::Instant::now();
        while notes.count(|told| *told == Told::Accepted) < callers.len() {
            assert!(began.elapsed() < PATIENCE, "only {notes:?}");
            for events in &mut loops {
                events.turn(Some(Duration::from_millis(1))).unwrap();
            }
        }
        loops.iter_mut().for_each(turn_out);
        callers.iter_mut().for_each(|caller| assert_eq!(caller.hear(4), b"ping"));
        assert_eq!(loops.iter().map(|events| events.len()).sum::<usize>(), callers.len() + loops.len());
    });
}

#[test]
fn an_option_is_set_on_a_guest_before_it_is_a_channel() {
    let (_caller, guest) = connection();
    guest.set_nodelay(true).unwrap();
    let mut events = events(stheno::BackendName::ALL[0]);
    let key = events.add(guest, Actor::new(&Notes::default())).unwrap();
    let (_, io) = events.channel(key).unwrap();
    assert_eq!(io.socket().unwrap().nodelay(), Ok(true));
    let at: Address = io.local_address().unwrap();
    assert!(at.port().is_some());
}
