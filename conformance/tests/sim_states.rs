//! What the simulated network says of a socket in every state: the same as Linux, to whoever asks for what.

use core::time::Duration;

use stheno_conformance::sim::{Address, Fixed, Link, Memory, Network, Socket, Watch};
use stheno_core::net::Half;
use stheno_core::{Backend, Error, ErrorKind, Interest, Key, Kind, Net, Open, Readiness, Received, Result, State};

const R: Interest = Interest::READ;
const W: Interest = Interest::WRITE;
const P: Interest = Interest::PRIORITY;
const DOOR: Address = Address::new(7007);

/// What is told there, as letters: `RWP` to whoever asks for it, `H` and `E` to everybody.
#[track_caller]
fn told<M: Memory>(net: &mut Network<M>, socket: &Socket, letters: &str) {
    let mut watch = Watch::open().unwrap();
    let bit = |letter, bit: Readiness| bit.when(letters.contains(letter));
    for bits in 0..8 {
        let interest = Interest::from_bits_truncate(bits);
        let expected = if interest.is_empty() {
            Readiness::NONE
        } else {
            bit('R', Readiness::READABLE).when(interest.contains(R))
                | bit('W', Readiness::WRITABLE).when(interest.contains(W))
                | bit('P', Readiness::PRIORITY).when(interest.contains(P))
                | bit('H', Readiness::HANGUP)
                | bit('E', Readiness::ERROR)
        };
        let key = Key::new(1, 5);
        watch.register(net, socket, key, interest).unwrap();
        for _ in 0..2 {
            let found = watch.wait(net, Some(core::time::Duration::ZERO)).unwrap();
            let came = Backend::<Network<M>>::next(&mut watch);
            assert_eq!(found, usize::from(came.is_some()));
            assert_eq!(came.map_or(Readiness::NONE, |fired| fired.readiness), expected, "asked for {interest}");
            assert!(came.is_none_or(|fired| fired.key == key));
        }
        watch.deregister(net, socket, key).unwrap();
    }
}

fn listening<M: Memory>(net: &mut Network<M>, backlog: u32) -> Socket {
    let mut door = net.socket(Kind::Stream, &DOOR).unwrap();
    net.bind(&mut door, &DOOR).unwrap();
    net.listen(&mut door, backlog).unwrap();
    door
}

fn connecting<M: Memory>(net: &mut Network<M>) -> Socket {
    let mut caller = net.socket(Kind::Stream, &DOOR).unwrap();
    net.connect(&mut caller, &DOOR).unwrap();
    caller
}

fn fill<M: Memory>(net: &mut Network<M>, socket: &mut Socket) {
    while net.send(socket, &[0; 1000]).unwrap().is_some() {}
}

fn codes(why: Error) -> (ErrorKind, i32) {
    (why.kind(), why.code())
}

const REFUSED: (ErrorKind, i32) = (ErrorKind::Disconnected, 111);
const RESET: (ErrorKind, i32) = (ErrorKind::Disconnected, 104);
const PIPE: (ErrorKind, i32) = (ErrorKind::Disconnected, 32);
const NOT_CONNECTED: (ErrorKind, i32) = (ErrorKind::Disconnected, 107);

/// Runs the same with memory on the heap and in the value.
macro_rules! states {
    ($($name:ident($net:ident) $body:block)*) => {
        mod on_the_heap {
            use super::*;
            $(#[test] fn $name() -> Result<()> { let $net = &mut stheno_conformance::sim::Sim::new(); $body; Ok(()) })*
        }
        mod in_place {
            use super::*;
            $(#[test] fn $name() -> Result<()> { let $net = &mut Fixed::<6, 256>::new(); $body; Ok(()) })*
        }
    };
}

states! {
    created_is_hung_up(net) {
        let mut fresh = net.socket(Kind::Stream, &DOOR)?;
        told(net, &fresh, "RWH");
        assert_eq!(net.state(&fresh), Ok(State::Idle));
        assert_eq!(codes(net.recv(&mut fresh, &mut [0]).unwrap_err()), NOT_CONNECTED);
        assert_eq!(codes(net.send(&mut fresh, b"x").unwrap_err()), PIPE);
        assert_eq!(codes(net.shutdown(&mut fresh, Half::Write).unwrap_err()), NOT_CONNECTED);
        assert_eq!(codes(net.peer_address(&fresh).unwrap_err()), NOT_CONNECTED);
        assert_eq!(net.take_error(&mut fresh), Ok(None));
    }

    listening_is_silent_until_somebody_calls(net) {
        let mut door = listening(net, 5);
        told(net, &door, "");
        assert_eq!(net.state(&door), Ok(State::Listening));
        assert_eq!(net.accept(&mut door), Ok(None));
        let caller = connecting(net);
        told(net, &door, "R");
        let (guest, from) = net.accept(&mut door)?.unwrap();
        assert_eq!((from, net.local_address(&guest)?), (net.local_address(&caller)?, DOOR));
        assert_eq!((net.peer_address(&caller)?, net.peer_address(&guest)?), (DOOR, from));
        assert_eq!((net.state(&caller)?, net.state(&guest)?), (State::OPEN, State::OPEN));
        told(net, &door, "");
    }

    listener_that_was_shut_is_hung_up(net) {
        let mut door = listening(net, 5);
        net.shutdown(&mut door, Half::Write)?;
        told(net, &door, "");
        let caller = connecting(net);
        net.shutdown(&mut door, Half::Read)?;
        told(net, &door, "RWH");
        told(net, &caller, "RWHE");
        assert_eq!(net.state(&door), Ok(State::Idle));
    }

    connecting_is_silent_while_the_line_is_full(net) {
        let mut door = listening(net, 0);
        let _first = connecting(net);
        let mut second = connecting(net);
        told(net, &second, "");
        assert_eq!(net.state(&second), Ok(State::Connecting));
        assert_eq!(net.send(&mut second, b"x"), Ok(None));
        assert_eq!(net.recv(&mut second, &mut [0]), Ok(Received::WouldBlock));
        assert_eq!(net.take_error(&mut second), Ok(None));
        net.accept(&mut door)?.unwrap();
        told(net, &second, "W");
        assert_eq!(net.callers(&door), Ok(1));
    }

    refused_is_ready_and_says_why_once(net) {
        let mut caller = connecting(net);
        told(net, &caller, "RWHE");
        assert_eq!(codes(net.take_error(&mut caller)?.unwrap()), REFUSED);
        told(net, &caller, "RWH");
        assert_eq!(net.take_error(&mut caller), Ok(None));
        assert_eq!(net.recv(&mut caller, &mut [0]), Ok(Received::End));
        assert_eq!(codes(net.send(&mut caller, b"x").unwrap_err()), PIPE);
        assert_eq!(codes(net.connect(&mut caller, &DOOR).unwrap_err()), (ErrorKind::Disconnected, 103));
    }

    idle_is_writable(net) {
        let (ours, mut theirs) = net.pair()?;
        told(net, &ours, "W");
        net.send(&mut theirs, b"hello")?;
        told(net, &ours, "RW");
        told(net, &theirs, "W");
    }

    send_buffer_full_is_silent(net) {
        let (mut ours, mut theirs) = net.pair()?;
        fill(net, &mut ours);
        told(net, &ours, "");
        net.send(&mut theirs, b"hello")?;
        told(net, &ours, "R");
        net.recv(&mut theirs, &mut [0; 1])?;
        told(net, &ours, "RW");
        assert_eq!(net.send(&mut ours, b"xy"), Ok(Some(1)));
        told(net, &ours, "R");
    }

    peer_closed_is_readable_and_writable(net) {
        let (mut ours, mut theirs) = net.pair()?;
        net.send(&mut theirs, b"hello")?;
        net.close(theirs);
        told(net, &ours, "RW");
        assert_eq!(net.recv(&mut ours, &mut [0; 9]), Ok(Received::Data(5)));
        told(net, &ours, "RW");
        assert_eq!(net.recv(&mut ours, &mut [0; 9]), Ok(Received::End));
        // The first is sent and answered with a reset, which is a broken pipe to whoever had seen the end.
        assert_eq!(net.send(&mut ours, b"x"), Ok(Some(1)));
        told(net, &ours, "RWHE");
        assert_eq!(net.recv(&mut ours, &mut [0; 9]), Ok(Received::End));
        assert_eq!(codes(net.send(&mut ours, b"x").unwrap_err()), PIPE);
        told(net, &ours, "RWH");
    }

    peer_shut_its_writing_is_readable(net) {
        let (mut ours, mut theirs) = net.pair()?;
        net.shutdown(&mut theirs, Half::Write)?;
        told(net, &ours, "RW");
        told(net, &theirs, "W");
        assert_eq!(net.send(&mut ours, b"still"), Ok(Some(5)));
        assert_eq!(net.recv(&mut theirs, &mut [0; 9]), Ok(Received::Data(5)));
        assert_eq!(codes(net.send(&mut theirs, b"x").unwrap_err()), PIPE);
        net.shutdown(&mut ours, Half::Write)?;
        told(net, &ours, "RWH");
        told(net, &theirs, "RWH");
    }

    own_reading_shut_is_readable(net) {
        let (mut ours, mut theirs) = net.pair()?;
        net.shutdown(&mut ours, Half::Read)?;
        told(net, &ours, "RW");
        assert_eq!(net.recv(&mut ours, &mut [0]), Ok(Received::End));
        // As on Linux, what comes later can be received all the same.
        net.send(&mut theirs, b"x")?;
        assert_eq!(net.recv(&mut ours, &mut [0]), Ok(Received::Data(1)));
        net.shutdown(&mut ours, Half::Write)?;
        told(net, &ours, "RWH");
    }

    both_shut_with_data_is_hung_up(net) {
        let (mut ours, mut theirs) = net.pair()?;
        net.send(&mut theirs, b"hello")?;
        net.shutdown(&mut theirs, Half::Write)?;
        net.shutdown(&mut ours, Half::Write)?;
        told(net, &ours, "RWH");
        assert_eq!(net.recv(&mut ours, &mut [0; 9]), Ok(Received::Data(5)));
        assert_eq!(net.recv(&mut ours, &mut [0; 9]), Ok(Received::End));
    }

    reset_is_ready_behind_what_was_sent(net) {
        let (mut ours, mut theirs) = net.pair()?;
        net.send(&mut theirs, b"hello")?;
        net.reset(theirs);
        told(net, &ours, "RWHE");
        assert_eq!(net.recv(&mut ours, &mut [0; 9]), Ok(Received::Data(5)));
        assert_eq!(codes(net.recv(&mut ours, &mut [0; 9]).unwrap_err()), RESET);
        told(net, &ours, "RWH");
        assert_eq!(net.recv(&mut ours, &mut [0; 9]), Ok(Received::End));
        assert_eq!(codes(net.send(&mut ours, b"x").unwrap_err()), PIPE);
        assert_eq!(codes(net.shutdown(&mut ours, Half::Write).unwrap_err()), NOT_CONNECTED);
        assert_eq!(codes(net.peer_address(&ours).unwrap_err()), NOT_CONNECTED);
    }

    a_send_takes_the_error_away_too(net) {
        let (mut ours, theirs) = net.pair()?;
        net.reset(theirs);
        assert_eq!(codes(net.send(&mut ours, b"x").unwrap_err()), RESET);
        assert_eq!(net.take_error(&mut ours), Ok(None));
        assert_eq!(net.recv(&mut ours, &mut [0; 9]), Ok(Received::End));
    }

    closing_with_unread_data_resets(net) {
        let (mut ours, mut theirs) = net.pair()?;
        net.send(&mut ours, b"unread")?;
        net.send(&mut theirs, b"last words")?;
        net.close(theirs);
        told(net, &ours, "RWHE");
        assert_eq!(net.recv(&mut ours, &mut [0; 20]), Ok(Received::Data(10)));
        assert_eq!(codes(net.take_error(&mut ours)?.unwrap()), RESET);
    }

    urgent_is_priority_and_no_data(net) {
        let (mut ours, mut theirs) = net.pair()?;
        assert_eq!(net.recv_urgent(&mut ours), Ok(None));
        assert_eq!(net.send_urgent(&mut theirs, b'!'), Ok(true));
        told(net, &ours, "WP");
        net.send(&mut theirs, b"hello")?;
        told(net, &ours, "RWP");
        assert_eq!(net.recv_urgent(&mut ours), Ok(Some(b'!')));
        told(net, &ours, "RW");
        assert_eq!(net.recv(&mut ours, &mut [0; 9]), Ok(Received::Data(5)));
        assert_eq!(net.send_urgent(&mut theirs, b'?'), Ok(true));
        assert_eq!(net.recv_urgent(&mut ours), Ok(Some(b'?')));
    }

    urgent_bytes_are_read_up_to_and_past(net) {
        let (mut ours, mut theirs) = net.pair()?;
        let mut bytes = [0; 9];
        net.send(&mut theirs, b"ab")?;
        net.send_urgent(&mut theirs, b'!')?;
        net.send(&mut theirs, b"cd")?;
        assert_eq!((net.recv(&mut ours, &mut bytes), &bytes[..2]), (Ok(Received::Data(2)), &b"ab"[..]));
        told(net, &ours, "RWP");
        assert_eq!((net.recv(&mut ours, &mut bytes), &bytes[..2]), (Ok(Received::Data(2)), &b"cd"[..]));
        told(net, &ours, "W");
        assert_eq!(net.recv_urgent(&mut ours), Ok(None));
        // Alone it is nothing to read, and whoever tries loses it.
        net.send_urgent(&mut theirs, b'!')?;
        told(net, &ours, "WP");
        assert_eq!(net.recv(&mut ours, &mut bytes), Ok(Received::WouldBlock));
        told(net, &ours, "W");
    }

    a_second_urgent_byte_moves_the_mark(net) {
        let (mut ours, mut theirs) = net.pair()?;
        let mut bytes = [0; 9];
        net.send(&mut theirs, b"ab")?;
        net.send_urgent(&mut theirs, b'1')?;
        net.send_urgent(&mut theirs, b'2')?;
        assert_eq!(net.recv_urgent(&mut ours), Ok(Some(b'2')));
        assert_eq!((net.recv(&mut ours, &mut bytes), &bytes[..3]), (Ok(Received::Data(3)), &b"ab1"[..]));
        assert_eq!(net.recv(&mut ours, &mut bytes), Ok(Received::WouldBlock));
        // Where nothing is before it, it is gone.
        net.send_urgent(&mut theirs, b'3')?;
        net.send_urgent(&mut theirs, b'4')?;
        told(net, &ours, "WP");
        assert_eq!(net.recv_urgent(&mut ours), Ok(Some(b'4')));
        assert_eq!(net.recv(&mut ours, &mut bytes), Ok(Received::WouldBlock));
    }

    urgent_bytes_need_room(net) {
        let (mut ours, mut theirs) = net.pair()?;
        fill(net, &mut theirs);
        assert_eq!(net.send_urgent(&mut theirs, b'!'), Ok(false));
        assert_eq!(net.recv(&mut ours, &mut [0; 1]), Ok(Received::Data(1)));
        assert_eq!(net.send_urgent(&mut theirs, b'!'), Ok(true));
        told(net, &ours, "RWP");
        told(net, &theirs, "");
    }

    urgent_bytes_come_in_order_however_slowly(net) {
        let link = Link { latency: Duration::from_millis(5), segment: Some((1, 2)), window: 64, ..Link::PLAIN };
        net.set_link(link);
        let (mut ours, mut theirs) = net.pair()?;
        let mut heard = Vec::new();
        // More than travel each by itself, so that some of the marks are moved on the way.
        for round in 0..12 {
            net.send(&mut theirs, &[b'a' + round])?;
            assert_eq!(net.send_urgent(&mut theirs, b'0' + round), Ok(true));
        }
        told(net, &ours, "W");
        let mut urgent = Vec::new();
        let mut bytes = [0; 9];
        for _ in 0..100 {
            net.advance(Duration::from_millis(1));
            urgent.extend(net.recv_urgent(&mut ours)?);
            while let Received::Data(n) = net.recv(&mut ours, &mut bytes)? {
                heard.extend_from_slice(&bytes[..n]);
            }
        }
        assert_eq!(urgent.last(), Some(&b';'));
        assert!(urgent.is_sorted());
        let letters: Vec<u8> = heard.iter().copied().filter(u8::is_ascii_lowercase).collect();
        assert_eq!(letters, b"abcdefghijkl");
    }

    local_peer_that_closed_is_a_broken_pipe(net) {
        let (mut ours, theirs) = net.local_pair()?;
        told(net, &ours, "W");
        assert_eq!(net.local_address(&ours), Ok(Address::ANY));
        assert_eq!(net.state(&ours), Ok(State::OPEN));
        assert_eq!(codes(net.send_urgent(&mut ours, b'!').unwrap_err()), (ErrorKind::Unsupported, 95));
        net.close(theirs);
        told(net, &ours, "RWH");
        assert_eq!(codes(net.send(&mut ours, b"x").unwrap_err()), (ErrorKind::Disconnected, 32));
        assert_eq!(net.recv(&mut ours, &mut [0; 9]), Ok(Received::End));
        assert_eq!(net.shutdown(&mut ours, Half::Write), Ok(()));
    }

    local_peer_that_closed_without_reading_resets(net) {
        let (mut ours, mut theirs) = net.local_pair()?;
        net.send(&mut ours, b"unread")?;
        net.send(&mut theirs, b"last words")?;
        net.close(theirs);
        told(net, &ours, "RWHE");
        assert_eq!(codes(net.send(&mut ours, b"x").unwrap_err()), (ErrorKind::Disconnected, 32));
        assert_eq!(net.recv(&mut ours, &mut [0; 20]), Ok(Received::Data(10)));
        assert_eq!(codes(net.recv(&mut ours, &mut [0; 9]).unwrap_err()), RESET);
        assert_eq!(net.recv(&mut ours, &mut [0; 9]), Ok(Received::End));
        told(net, &ours, "RWH");
    }

    local_peer_that_shut_its_reading_takes_nothing(net) {
        let (mut ours, mut theirs) = net.local_pair()?;
        net.send(&mut theirs, b"hello")?;
        net.shutdown(&mut theirs, Half::Read)?;
        told(net, &ours, "RW");
        told(net, &theirs, "RW");
        assert_eq!(codes(net.send(&mut ours, b"x").unwrap_err()), (ErrorKind::Disconnected, 32));
        assert_eq!(net.recv(&mut ours, &mut [0; 9]), Ok(Received::Data(5)));
        // It still talks.
        assert_eq!(net.send(&mut theirs, b"more"), Ok(Some(4)));
        assert_eq!(net.recv(&mut ours, &mut [0; 9]), Ok(Received::Data(4)));
        assert_eq!(net.recv(&mut ours, &mut [0; 9]), Ok(Received::WouldBlock));
    }

    a_full_local_connection_is_not_writable_though_it_broke(net) {
        let (mut ours, mut theirs) = net.local_pair()?;
        fill(net, &mut ours);
        told(net, &ours, "");
        net.shutdown(&mut theirs, Half::Read)?;
        told(net, &ours, "");
        net.close(theirs);
        told(net, &ours, "RWHE");
    }

    local_pairs_have_no_way_to_be_slow(net) {
        net.set_link(Link { latency: Duration::from_secs(1), segment: Some((1, 1)), ..Link::ROUGH });
        let (mut ours, mut theirs) = net.local_pair()?;
        net.send(&mut theirs, b"hello")?;
        assert_eq!(net.recv(&mut ours, &mut [0; 9]), Ok(Received::Data(5)));
        net.close(theirs);
        assert_eq!(net.recv(&mut ours, &mut [0; 9]), Ok(Received::End));
        assert!(net.is_settled());
    }

    datagram_refused_is_ready_once(net) {
        let mut ours = net.socket(Kind::Datagram, &DOOR)?;
        told(net, &ours, "W");
        net.connect(&mut ours, &DOOR)?;
        assert_eq!(net.state(&ours), Ok(State::Datagram));
        for way in 0..3 {
            assert_eq!(net.send(&mut ours, b"hello"), Ok(Some(5)));
            told(net, &ours, "RWE");
            assert_eq!(codes(match way {
                0 => net.recv(&mut ours, &mut [0; 9]).unwrap_err(),
                1 => net.send(&mut ours, b"again").unwrap_err(),
                _ => net.take_error(&mut ours)?.unwrap(),
            }), REFUSED);
            told(net, &ours, "W");
        }
        assert_eq!(codes(net.shutdown(&mut ours, Half::Read).unwrap_err()), (ErrorKind::Unsupported, 0));
    }

    datagram_waiting_is_readable(net) {
        let mut ours = net.socket(Kind::Datagram, &DOOR)?;
        net.bind(&mut ours, &DOOR)?;
        let mut theirs = net.mailbox_at(Address::ANY)?;
        net.send_to(&mut theirs, b"", &DOOR)?;
        told(net, &ours, "RW");
        assert_eq!(net.recv(&mut ours, &mut [0; 9]), Ok(Received::Data(0)));
        told(net, &ours, "W");
        assert_eq!(net.recv(&mut ours, &mut [0; 9]), Ok(Received::WouldBlock));
    }

    callers_that_reset_are_handed_out_all_the_same(net) {
        let mut door = listening(net, 5);
        let mut caller = connecting(net);
        let from = net.local_address(&caller)?;
        net.send(&mut caller, b"bye")?;
        net.reset(caller);
        told(net, &door, "R");
        let (mut guest, came_from) = net.accept(&mut door)?.unwrap();
        assert_eq!(came_from, from);
        told(net, &guest, "RWHE");
        assert_eq!(net.recv(&mut guest, &mut [0; 9]), Ok(Received::Data(3)));
        assert_eq!(codes(net.recv(&mut guest, &mut [0; 9]).unwrap_err()), RESET);
    }
}
