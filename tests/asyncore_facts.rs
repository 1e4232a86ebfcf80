//! What asyncore's own tests assert, as facts about this loop: each for IPv4, IPv6 and the Unix family where the fact
//! knows families, and on each backend.
#![cfg(feature = "std")]
#![allow(missing_docs)]

mod common;

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;
use std::time::{Duration, Instant};

use common::events::*;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::AsRawFd;
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::{FdFlags, fcntl_getfd};
use rustix::net::{SocketType, sockopt};
use stheno::{
    Address, BackendName, Channel, Dispatcher, Error, ErrorKind, Guest, Half, Key, Kind, Os, Outbox, Reason, Received,
    Result, Shut, Socket, State,
};

/// Has no opinion on anything.
struct Defaults;
impl Dispatcher<Os> for Defaults {}

/// A loop with a listener at this address, and where that is.
#[track_caller]
fn stage(backend: BackendName, at: &Address, door: Actor) -> (Loop<Actor>, Key, Address) {
    let mut events = events(backend);
    let key = events.listen(at, door).unwrap();
    let at = events.channel(key).unwrap().1.local_address().unwrap();
    (events, key, at)
}

#[test]
fn a_fresh_dispatcher_wants_to_read_and_to_write() {
    assert!(Dispatcher::<Os>::readable(&Defaults));
    assert!(Dispatcher::<Os>::writable(&Defaults));
}

#[test]
fn handle_connect_is_called_on_the_client_once() {
    on_each_family("connect", |backend, at| {
        let (mut events, _, at) = stage(backend, at, Actor::new(&Notes::default()));
        let notes = Notes::default();
        let key = events.connect(&at, Actor::new(&notes)).unwrap();
        turn_until(&mut events, |_| notes.has(&Told::Connect));
        turn_out(&mut events);
        assert_eq!(notes.all(), [Told::Connect]);
        assert_eq!(events.channel(key).unwrap().1.peer_address(), Ok(at));
    });
}

/// Accepts by itself, as handlers did before there was `handle_accepted`.
struct Doorman(Rc<RefCell<Vec<Address>>>);

impl Dispatcher<Os> for Doorman {
    fn handle_accept(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Some(guest) = channel.accept()? else { return Ok(()) };
        self.0.borrow_mut().push(guest.address().clone());
        channel.hang_up(guest);
        Ok(())
    }
}

#[test]
fn handle_accept_is_called_when_a_client_connects() {
    on_each_family("accept", |backend, at| {
        let callers = Rc::default();
        let mut events = events(backend);
        let door = events.listen(at, Doorman(Rc::clone(&callers))).unwrap();
        let at = events.channel(door).unwrap().1.local_address().unwrap();
        let peer = Peer::call(&at);
        turn_until(&mut events, |_| !callers.borrow().is_empty());
        turn_out(&mut events);
        let from = match &peer {
            Peer::Tcp(stream) => stream.local_addr().unwrap().into(),
            Peer::Unix(_) => Address::unnamed(),
        };
        assert_eq!(*callers.borrow(), [from]);
        assert_eq!(events.len(), 1);
    });
}

#[test]
fn handle_accept_leads_to_handle_accepted() {
    on_each_family("accepted", |backend, at| {
        let notes = Notes::default();
        let (mut events, _, at) = stage(backend, at, Actor::new(&notes));
        let _peer = Peer::call(&at);
        turn_until(&mut events, |_| notes.has(&Told::Accepted));
        assert_eq!((notes.all(), events.len()), (vec![Told::Accepted], 2));
    });
}

#[test]
fn handle_read_is_called_when_the_peer_has_sent() {
    on_each_family("read", |backend, at| {
        let door = Actor { greeting: &[b'x'; 1024], ..Actor::new(&Notes::default()) };
        let (mut events, _, at) = stage(backend, at, door);
        let notes = Notes::default();
        events.connect(&at, Actor::new(&notes)).unwrap();
        turn_until(&mut events, |_| notes.data().len() >= 1024);
        assert_eq!(notes.data(), [b'x'; 1024]);
        assert_eq!((notes.closes(), notes.errors()), (0, vec![]));
    });
}

#[test]
fn handle_write_is_called_on_a_connected_client() {
    on_each_family("write", |backend, at| {
        let (mut events, _, at) = stage(backend, at, Actor::new(&Notes::default()));
        let notes = Notes::default();
        events.connect(&at, Actor { writable: true, ..Actor::new(&notes) }).unwrap();
        turn_until(&mut events, |_| notes.has(&Told::Write));
        assert_eq!(notes.all()[..2], [Told::Connect, Told::Write]);
    });
}

#[test]
fn handle_close_is_called_when_the_peer_closes() {
    on_each_family("close", |backend, at| {
        let door = Actor { greeting: b"bye", ..Actor::new(&Notes::default()) };
        let (mut events, _, at) = stage(backend, at, door);
        let notes = Notes::default();
        events.connect(&at, Actor::new(&notes)).unwrap();
        turn_until(&mut events, |_| notes.data() == b"bye");
        let guest = events.keys().nth(2).expect("the door, the caller, the guest");
        events.close(guest).unwrap();
        turn_until(&mut events, |_| notes.closes() > 0);
        turn_out(&mut events);
        assert_eq!(notes.reason(), Some(Reason::End));
        assert_eq!((notes.closes(), notes.errors(), events.len()), (1, vec![], 1));
    });
}

/// Sends whenever it may.
struct Chatter(Notes);

impl Dispatcher<Os> for Chatter {
    fn handle_connect(&mut self, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        Ok(())
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        channel.recv(&mut [0; 64]).map(drop)
    }
    fn handle_write(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        channel.send(&[b'x'; 1024]).map(drop)
    }
    fn handle_error(&mut self, error: Error, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.0.add(Told::Error(error));
        Err(error)
    }
    fn handle_close(&mut self, reason: Reason, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.0.add(Told::Close(reason));
        Ok(())
    }
}

#[test]
fn a_connection_that_broke_while_sending_is_closed_once_and_is_no_error() {
    on_each_family("broken", |backend, at| {
        let mut events = events(backend);
        let (mut door, at) = common::door(at, 4);
        let notes = Notes::default();
        events.connect(&at, Chatter(notes.clone())).unwrap();
        common::readable(&door);
        let (mut guest, _) = stheno::Net::accept(&mut Os, &mut door).unwrap().unwrap();
        turn_until(&mut events, |_| stheno::Net::recv(&mut Os, &mut guest, &mut [0; 10]) == Ok(Received::Data(10)));
        drop(guest);
        turn_until(&mut events, |events| events.is_empty());
        let told = notes.all();
        let [Told::Close(Reason::Disconnected(why))] = told[..] else { panic!("{told:?}") };
        assert!(matches!(stheno::errno_name(why.code()), Some("ECONNRESET" | "EPIPE")), "{why}");
    });
}

#[test]
fn handle_expt_is_called_for_urgent_data() {
    for at in inet() {
        on_each_backend(|backend| {
            let (mut events, _, at) = stage(backend, &at, Actor::new(&Notes::default()));
            let notes = Notes::default();
            let caller = events.connect(&at, Actor::new(&notes)).unwrap();
            turn_until(&mut events, |events| notes.has(&Told::Connect) && events.len() == 3);
            let guest = events.keys().find(|key| ![0, caller.index()].contains(&key.index())).unwrap();
            turn_until(&mut events, |events| events.channel(guest).unwrap().1.send_urgent(244).unwrap());
            turn_until(&mut events, |_| notes.has(&Told::Expt(Some(244))));
            turn_out(&mut events);
            assert_eq!(notes.all(), [Told::Connect, Told::Expt(Some(244))], "nothing else, and once");
        });
    }
}

/// What the peer sent before it closed is told before the close, the urgent byte too (rule 3).
#[test]
fn urgent_data_is_told_before_the_close_that_followed_it() {
    for at in inet() {
        on_each_backend(|backend| {
            let (mut host, at) = common::door(&at, 4);
            let (mut events, notes) = (events(backend), Notes::default());
            let key = events.connect(&at, Actor::new(&notes)).unwrap();
            common::readable(&host);
            let (mut guest, _) = stheno::Net::accept(&mut Os, &mut host).unwrap().unwrap();
            turn_until(&mut events, |_| notes.has(&Told::Connect));
            stheno::Net::send(&mut Os, &mut guest, b"data").unwrap();
            stheno::Net::send_urgent(&mut Os, &mut guest, b'!').unwrap();
            common::ready(events.channel(key).unwrap().1.socket().unwrap(), PollFlags::PRI);
            drop(guest);
            turn_until(&mut events, |_| notes.closes() > 0);
            assert_eq!((notes.data(), notes.reason()), (b"data".to_vec(), Some(Reason::End)));
            assert!(notes.has(&Told::Expt(Some(b'!'))), "{notes:?}");
        });
    }
}

#[test]
fn handle_error_is_given_the_error_of_the_handler() {
    on_each_family("error", |backend, at| {
        let (mut events, _, at) = stage(backend, at, Actor::new(&Notes::default()));
        let notes = Notes::default();
        events.connect(&at, Actor { writable: true, ..Actor::failing(At::Write, &notes) }).unwrap();
        turn_until(&mut events, |_| notes.closes() > 0);
        turn_out(&mut events);
        let expected = [Told::Connect, Told::Write, Told::Error(ON_PURPOSE), Told::Close(Reason::Error(ON_PURPOSE))];
        assert_eq!(notes.all(), expected);
    });
}

#[test]
fn connected_and_accepting_say_what_is() {
    on_each_family("attributes", |backend, at| {
        let mut events = events(backend);
        let is = |events: &mut Loop<Actor>, key| {
            let (_, io) = events.channel(key).unwrap();
            (io.connected(), io.connecting(), io.accepting())
        };
        let (nothing, listens) = ((false, false, false), (false, false, true));

        let door = events.create(Kind::Stream, at, Actor::new(&Notes::default())).unwrap();
        assert_eq!(is(&mut events, door), nothing);
        events.channel(door).unwrap().1.bind(at).unwrap();
        assert_eq!(is(&mut events, door), nothing);
        events.channel(door).unwrap().1.listen(4).unwrap();
        assert_eq!(is(&mut events, door), listens);
        let at = events.channel(door).unwrap().1.local_address().unwrap();

        let notes = Notes::default();
        let caller = events.create(Kind::Stream, &at, Actor::new(&notes)).unwrap();
        assert_eq!(is(&mut events, caller), nothing);
        events.channel(caller).unwrap().1.connect(&at).unwrap();
        assert_eq!(is(&mut events, caller), (false, true, false));
        assert_eq!(is(&mut events, door), listens);
        turn_until(&mut events, |_| notes.has(&Told::Connect));
        assert_eq!(is(&mut events, caller), (true, false, false));
        turn_until(&mut events, |events| events.len() == 3);
        assert_eq!(is(&mut events, door), listens);

        let (_, mut io) = events.channel(caller).unwrap();
        io.close();
        assert_eq!((io.connected(), io.connecting(), io.accepting()), nothing);
        let (_, mut io) = events.channel(door).unwrap();
        io.close();
        assert!(!io.accepting());
        turn_out(&mut events);
        assert!(events.channel(caller).is_err() && events.channel(door).is_err());
        assert_eq!(notes.all(), [Told::Connect], "the program's own close is not told");
    });
}

#[test]
fn a_created_socket_is_a_stream_of_the_family_non_blocking_and_not_inherited() {
    on_each_family("create", |backend, at| {
        let mut events = events(backend);
        let key = events.create(Kind::Stream, at, Defaults).unwrap();
        let (_, io) = events.channel(key).unwrap();
        let socket = io.socket().unwrap();
        assert_eq!(sockopt::socket_type(socket), Ok(SocketType::STREAM));
        let family = match at.as_inet() {
            Some(at) if at.is_ipv4() => rustix::net::AddressFamily::INET,
            Some(_) => rustix::net::AddressFamily::INET6,
            None => rustix::net::AddressFamily::UNIX,
        };
        assert_eq!(sockopt::socket_domain(socket), Ok(family));
        assert!(fcntl_getfl(socket).unwrap().contains(OFlags::NONBLOCK));
        assert!(fcntl_getfd(socket).unwrap().contains(FdFlags::CLOEXEC));
    });
}

#[test]
fn what_is_accepted_or_listens_or_connects_is_tame_too() {
    on_each_family("tame", |backend, at| {
        let (mut events, _, at) = stage(backend, at, Actor::new(&Notes::default()));
        events.connect(&at, Actor::new(&Notes::default())).unwrap();
        turn_until(&mut events, |events| events.len() == 3);
        for key in events.keys().collect::<Vec<_>>() {
            let (_, io) = events.channel(key).unwrap();
            assert!(fcntl_getfl(io.socket().unwrap()).unwrap().contains(OFlags::NONBLOCK));
            assert!(fcntl_getfd(io.socket().unwrap()).unwrap().contains(FdFlags::CLOEXEC));
        }
    });
}

#[test]
fn an_address_is_bound_once() {
    on_each_family("bind", |backend, at| {
        let (mut events, _, at) = stage(backend, at, Actor::new(&Notes::default()));
        let second = events.create(Kind::Stream, &at, Actor::new(&Notes::default())).unwrap();
        let bound = events.channel(second).unwrap().1.bind(&at).unwrap_err();
        assert_eq!(stheno::errno_name(bound.code()), Some("EADDRINUSE"));
        let listened = events.listen(&at, Actor::new(&Notes::default())).unwrap_err();
        assert_eq!(listened, bound);
        assert_eq!(events.len(), 2, "what failed to listen is gone");
    });
}

#[test]
fn the_address_is_reused_only_where_asked_for() {
    for at in inet() {
        on_each_backend(|backend| {
            let mut events = events(backend);
            let key = events.create(Kind::Stream, &at, Defaults).unwrap();
            let (_, mut io) = events.channel(key).unwrap();
            assert_eq!(sockopt::socket_reuseaddr(io.socket().unwrap()), Ok(false));
            io.set_reuse_address().unwrap();
            assert_eq!(sockopt::socket_reuseaddr(io.socket().unwrap()), Ok(true));
            let key = events.listen(&at, Defaults).unwrap();
            let (_, io) = events.channel(key).unwrap();
            assert_eq!(sockopt::socket_reuseaddr(io.socket().unwrap()), Ok(true), "listeners do");
        });
    }
}

#[test]
fn who_connects_and_resets_at_once_does_the_server_no_harm() {
    for at in inet() {
        on_each_backend(|backend| {
            let notes = Notes::default();
            let (mut events, _, at) = stage(backend, &at, Actor::echo(&notes));
            for _ in 0..3 {
                let Peer::Tcp(stream) = Peer::call(&at) else { unreachable!() };
                sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
                drop(stream);
            }
            turn_out(&mut events);
            let mut peer = Peer::call(&at);
            peer.say(b"still there?");
            turn_until(&mut events, |events| {
                events.keys().count() == 2
                    && events.dispatcher(events.keys().next().unwrap()).unwrap().guests.data() == b"still there?"
            });
            assert_eq!(peer.hear(12), b"still there?");
            assert_eq!(notes.errors(), []);
        });
    }
}

#[test]
fn close_all_closes_every_channel_and_tells_none() {
    on_each_backend(|backend| {
        let (mut events, notes, mut peers) = (events(backend), Notes::default(), Vec::new());
        for _ in 0..10 {
            let (here, there) = Socket::pair().unwrap();
            events.add(here, Actor::new(&notes)).unwrap();
            peers.push(there);
        }
        assert_eq!((events.len(), events.keys().count()), (10, 10));
        events.close_all();
        assert_eq!((events.len(), events.keys().count(), events.is_empty()), (0, 0, true));
        for peer in &mut peers {
            assert_eq!(stheno::Net::recv(&mut Os, peer, &mut [0; 1]), Ok(Received::End));
        }
        assert_eq!(events.run(), Ok(()));
        assert_eq!(notes.all(), []);
        let (here, _there) = Socket::pair().unwrap();
        events.add(here, Actor::new(&notes)).expect("the loop is as good as new");
    });
}

/// asyncore's dispatcher_with_send.
#[test]
fn what_an_outbox_was_given_before_any_turn_arrives_in_order() {
    on_each_family("send", |backend, at| {
        let door = Actor::new(&Notes::default());
        let guests = door.guests.clone();
        let (mut events, _, at) = stage(backend, at, door);
        let caller = events.connect(&at, Actor { readable: false, ..Actor::new(&Notes::default()) }).unwrap();
        let mut expected = Vec::new();
        for part in [&b"first "[..], &[b'-'; 20_000], b" last\n"] {
            let (actor, mut io) = events.channel(caller).unwrap();
            actor.out.send(&mut io, part).unwrap();
            expected.extend(part);
        }
        assert!(!events.dispatcher(caller).unwrap().out.is_empty(), "nothing is sent while connecting");
        turn_until(&mut events, |events| events.dispatcher(caller).unwrap().out.is_empty());
        turn_until(&mut events, |_| guests.data().len() >= expected.len());
        assert!(guests.data() == expected);
    });
}

/// Reads a whole file, in pieces, until its end.
fn content(backend: BackendName, socket: Socket) -> Vec<u8> {
    let (mut events, notes) = (events(backend), Notes::default());
    events.add(socket, Actor::new(&notes)).unwrap();
    turn_until(&mut events, |events| events.is_empty());
    assert_eq!((notes.reason(), notes.errors()), (Some(Reason::End), vec![]));
    notes.data()
}

/// asyncore's file_dispatcher.
#[test]
fn adopted_files_and_pipes_are_read_whole() {
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

#[test]
fn a_file_is_written_to() {
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
    });
}

#[test]
fn closing_twice_is_closing_once() {
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
        assert_eq!(stheno::Net::recv(&mut Os, &mut there, &mut [0; 4]), Ok(Received::End));
        assert_eq!((notes.all(), events.len()), (vec![], 0));
    });
}

// The loop: timeout, map and count.

fn idle_pair(events: &mut Loop<Actor>, notes: &Notes) -> (Key, Socket) {
    let (here, there) = Socket::pair().unwrap();
    (events.add(here, Actor::new(notes)).unwrap(), there)
}

#[test]
fn run_ends_when_no_channel_is_left() {
    on_each_backend(|backend| {
        let (mut events, notes) = (events(backend), Notes::default());
        let (_, one) = idle_pair(&mut events, &notes);
        let (_, other) = idle_pair(&mut events, &notes);
        drop((one, other));
        events.run().unwrap();
        assert_eq!((events.len(), notes.closes()), (0, 2));
        events.run().unwrap();
    });
}

#[test]
fn run_turns_counts_turns_and_not_events() {
    on_each_backend(|backend| {
        let (mut events, notes) = (events(backend), Notes::default());
        let (here, _there) = Socket::pair().unwrap();
        let key = events.add(here, Actor { writable: true, ..Actor::new(&notes) }).unwrap();
        events.run_turns(3, None).unwrap();
        assert_eq!(notes.count(|told| *told == Told::Write), 3);
        events.run_turns(0, None).unwrap();
        assert_eq!(notes.count(|told| *told == Told::Write), 3);

        events.channel(key).unwrap().0.writable = false;
        let began = Instant::now();
        events.run_turns(2, Some(Duration::from_millis(15))).unwrap();
        assert!(began.elapsed() >= Duration::from_millis(30), "each waits its timeout");

        events.channel(key).unwrap().1.close();
        events.run_turns(1000, None).unwrap();
        assert!(events.is_empty(), "it ends when no channel is left");
    });
}

#[test]
fn an_empty_loop_does_not_wait() {
    on_each_backend(|backend| {
        let mut events = events::<Defaults>(backend);
        let began = Instant::now();
        assert_eq!(events.turn(None), Ok(Default::default()));
        assert_eq!(events.turn(Some(PATIENCE)), Ok(Default::default()));
        let _waker = stheno::waker(&mut events).unwrap();
        assert_eq!(events.turn(None), Ok(Default::default()), "a bell is no channel");
        assert!(began.elapsed() < PATIENCE);
    });
}

#[test]
fn a_turn_waits_as_long_as_it_was_told() {
    on_each_backend(|backend| {
        let (mut events, notes) = (events(backend), Notes::default());
        let (_, mut there) = idle_pair(&mut events, &notes);
        for timeout in [1_u64, 700, 20_000, 50_001].map(Duration::from_micros) {
            let began = Instant::now();
            assert_eq!(events.turn(Some(timeout)).unwrap().fired, 0);
            assert!(began.elapsed() >= timeout, "never too early: {timeout:?}");
        }
        assert_eq!(events.turn(Some(Duration::ZERO)).unwrap().fired, 0);
        stheno::Net::send(&mut Os, &mut there, b"x").unwrap();
        assert_eq!(events.turn(Some(Duration::ZERO)).unwrap().fired, 1, "zero looks all the same");
        stheno::Net::send(&mut Os, &mut there, b"x").unwrap();
        assert_eq!(events.turn(None).unwrap().fired, 1);
        assert_eq!(notes.data(), b"xx");
    });
}

#[test]
fn channels_that_want_nothing_let_the_loop_sleep() {
    on_each_backend(|backend| {
        let (mut events, notes) = (events(backend), Notes::default());
        let (here, there) = Socket::pair().unwrap();
        events.add(here, Actor { readable: false, ..Actor::new(&notes) }).unwrap();
        events.create(Kind::Stream, "127.0.0.1:0", Actor::new(&notes)).unwrap();
        drop(there);
        let began = Instant::now();
        let mut turns = 0;
        while began.elapsed() < Duration::from_millis(50) {
            events.turn(Some(Duration::from_millis(50))).unwrap();
            turns += 1;
        }
        assert!(turns <= 3, "{turns} turns for nothing");
        assert_eq!(notes.all(), [], "not even a hang-up is told to who does not want to know");
    });
}

#[test]
fn loops_are_independent_of_each_other() {
    on_each_backend(|backend| {
        let (near, far) = (Notes::default(), Notes::default());
        let (mut here, mut there) = (events(backend), events(backend));
        let (one, other) = Socket::pair().unwrap();
        let mut caller = Actor::new(&near);
        caller.out.push(b"from loop to loop").unwrap();
        let near_key = here.add(one, caller).unwrap();
        let far_key = there.add(other, Actor::echo(&far)).unwrap();
        assert_eq!(near_key, far_key, "keys are a loop's own");
        turn_out(&mut here);
        assert_eq!(far.all(), []);
        turn_until(&mut there, |_| far.data() == b"from loop to loop");
        assert_eq!(near.all(), []);
        turn_until(&mut here, |_| near.data() == b"from loop to loop");
        here.close_all();
        assert_eq!((here.len(), there.len()), (0, 1));
        there.run().unwrap();
        assert_eq!(far.reason(), Some(Reason::End));
    });
}

// The doors for a program with a loop of its own.

/// One round of a program that asks poll(2) by itself.
fn own_round(events: &mut Loop<Actor>) {
    let mut asked = Vec::new();
    for key in events.keys().collect::<Vec<_>>() {
        let (actor, io) = events.channel(key).unwrap();
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN | PollFlags::PRI, Dispatcher::<Os>::readable(actor) && !io.connecting());
        let writable = Dispatcher::<Os>::writable(actor) && !io.accepting();
        flags.set(PollFlags::OUT, writable || io.connecting());
        asked.push((key, Socket::duplicate(io.socket().unwrap()).unwrap(), flags));
    }
    let mut watched: Vec<_> = asked.iter().map(|(_, socket, flags)| PollFd::new(socket, *flags)).collect();
    poll(&mut watched, Some(&Timespec { tv_sec: 0, tv_nsec: 20_000_000 })).unwrap();
    let fired: Vec<_> = asked.iter().zip(&watched).map(|((key, ..), watched)| (*key, watched.revents())).collect();
    for (key, flags) in fired {
        if flags.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
            events.handle_read_event(key);
        }
        if flags.contains(PollFlags::OUT) {
            events.handle_write_event(key);
        }
        if flags.contains(PollFlags::PRI) {
            events.handle_expt_event(key);
        }
    }
    events.settle();
}

#[test]
fn a_program_with_its_own_loop_comes_in_by_the_low_doors() {
    for at in inet() {
        on_each_backend(|backend| {
            let notes = Notes::default();
            let (mut events, _, at) = stage(backend, &at, Actor::echo(&Notes::default()));
            let mut caller = Actor::new(&notes);
            caller.out.push(b"hello").unwrap();
            let caller = events.connect(&at, caller).unwrap();
            let began = Instant::now();
            while notes.data() != b"hello" {
                assert!(began.elapsed() < PATIENCE, "{notes:?}");
                own_round(&mut events);
            }
            let guest = events.keys().find(|key| ![0, caller.index()].contains(&key.index())).unwrap();
            events.channel(guest).unwrap().1.send_urgent(b'!').unwrap();
            while !notes.has(&Told::Expt(Some(b'!'))) {
                assert!(began.elapsed() < PATIENCE, "{notes:?}");
                own_round(&mut events);
            }
            events.close(guest).unwrap();
            while notes.closes() == 0 {
                assert!(began.elapsed() < PATIENCE, "{notes:?}");
                own_round(&mut events);
            }
            assert_eq!((notes.reason(), notes.errors(), events.len()), (Some(Reason::End), vec![], 1));
            assert!(events.channel(caller).is_err());
        });
    }
}

#[test]
fn one_event_is_one_handler() {
    on_each_backend(|backend| {
        let (mut events, notes) = (events(backend), Notes::default());
        let (here, mut there) = Socket::pair().unwrap();
        let key = events.add(here, Actor { writable: true, ..Actor::new(&notes) }).unwrap();
        stheno::Net::send(&mut Os, &mut there, b"data").unwrap();
        events.handle_read_event(key);
        assert_eq!(notes.all(), [Told::Read(b"data".to_vec())]);
        events.handle_write_event(key);
        assert_eq!(notes.all().len(), 2);
        assert_eq!(notes.all()[1], Told::Write);
        notes.clear();
        events.handle_expt_event(key);
        assert_eq!(notes.all(), [Told::Expt(None)]);
        notes.clear();
        events.channel(key).unwrap().0.writable = false;
        events.handle_write_event(key);
        assert_eq!(notes.all(), [], "who does not want it is not told");
        drop(there);
        events.handle_read_event(key);
        assert_eq!(notes.all(), [Told::Close(Reason::End)]);
        events.handle_read_event(key);
        events.handle_write_event(key);
        events.settle();
        events.handle_read_event(key);
        assert_eq!((notes.all().len(), events.len()), (1, 0), "and nothing comes after the close");
    });
}

#[test]
fn a_connection_attempt_is_judged_by_its_error_at_the_low_door_too() {
    on_each_backend(|backend| {
        let (silent, at) = common::bound(Kind::Stream, &common::loopback());
        let (mut events, notes) = (events(backend), Notes::default());
        let key = events.connect(&at, Actor::new(&notes)).unwrap();
        common::ready(events.channel(key).unwrap().1.socket().unwrap(), PollFlags::OUT);
        events.handle_write_event(key);
        events.settle();
        let [Told::Error(why), Told::Close(Reason::Error(reason))] = notes.all()[..] else { panic!("{notes:?}") };
        assert_eq!((why, stheno::errno_name(why.code())), (reason, Some("ECONNREFUSED")));
        assert!(events.is_empty());
        drop(silent);
    });
}

// What the defaults log.

#[cfg(feature = "log")]
thread_local! {
    /// Tests run beside each other, so each thread has a log of its own.
    static LOGGED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

#[cfg(feature = "log")]
struct Logger;

#[cfg(feature = "log")]
impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &log::Record<'_>) {
        assert_eq!(record.target(), "stheno");
        LOGGED.with_borrow_mut(|logged| logged.push(format!("{}: {}", record.level(), record.args())));
    }
    fn flush(&self) {}
}

#[cfg(feature = "log")]
/// What was logged since the last time.
fn logged() -> Vec<String> {
    static LOGGER: Logger = Logger;
    let _ = log::set_logger(&LOGGER);
    log::set_max_level(log::LevelFilter::Trace);
    LOGGED.take()
}

#[cfg(feature = "log")]
#[test]
fn events_that_nobody_handles_are_logged_once_and_cost_nothing_after() {
    on_each_backend(|backend| {
        let mut events = events::<Defaults>(backend);
        let door = events.listen("127.0.0.1:0", Defaults).unwrap();
        let at = events.channel(door).unwrap().1.local_address().unwrap();
        logged();
        let caller = events.connect(&at, Defaults).unwrap();
        turn_out(&mut events);
        let mut log = logged();
        log.sort();
        let unhandled = |key: Key, event: &str| format!("WARN: channel {key}: unhandled {event} event");
        let mut expected = vec![unhandled(door, "accepted")];
        // The guest is hung up on: with the default handlers nobody receives the end.
        expected.extend(["connect", "read", "write"].map(|event| unhandled(caller, event)));
        assert_eq!(log, expected);

        let (mut host, at) = common::door(&common::loopback(), 4);
        let caller = events.connect(&at, Defaults).unwrap();
        common::readable(&host);
        let (mut guest, _) = stheno::Net::accept(&mut Os, &mut host).unwrap().unwrap();
        turn_out(&mut events);
        assert_eq!(logged(), [unhandled(caller, "connect"), unhandled(caller, "write")]);
        stheno::Net::send(&mut Os, &mut guest, b"data").unwrap();
        turn_out(&mut events);
        assert_eq!(logged(), [unhandled(caller, "read")]);
        stheno::Net::send(&mut Os, &mut guest, b"more").unwrap();
        let began = Instant::now();
        let mut turns = 0;
        while began.elapsed() < Duration::from_millis(30) {
            events.turn(Some(Duration::from_millis(30))).unwrap();
            turns += 1;
        }
        assert!(turns <= 3, "{turns} turns of an idle loop");
        assert_eq!(logged(), [""; 0]);

        events.channel(caller).unwrap().1.set_timeout(Duration::from_millis(1));
        turn_until(&mut events, |_| LOGGED.with_borrow(|logged| !logged.is_empty()));
        assert_eq!(logged(), [unhandled(caller, "timeout")]);
        events.touch(caller).unwrap();
        turn_out(&mut events);
        assert_eq!(logged(), [""; 0], "told again after a touch, but logged once");
    });
}

#[cfg(feature = "log")]
#[test]
fn urgent_data_that_nobody_handles_is_logged_once() {
    on_each_backend(|backend| {
        let mut events = events::<Defaults>(backend);
        let (mut host, at) = common::door(&common::loopback(), 4);
        let caller = events.connect(&at, Defaults).unwrap();
        common::readable(&host);
        let (mut guest, _) = stheno::Net::accept(&mut Os, &mut host).unwrap().unwrap();
        turn_out(&mut events);
        logged();
        for _ in 0..2 {
            stheno::Net::send_urgent(&mut Os, &mut guest, b'!').unwrap();
            common::ready(events.channel(caller).unwrap().1.socket().unwrap(), PollFlags::PRI);
            turn_out(&mut events);
        }
        let log = logged();
        let line = format!("WARN: channel {caller}: unhandled incoming priority event");
        assert_eq!(log.iter().filter(|logged| **logged == line).count(), 1, "{log:?}");
    });
}

#[cfg(feature = "log")]
/// Fails when it is written to.
struct Failing;

#[cfg(feature = "log")]
impl Dispatcher<Os> for Failing {
    fn handle_write(&mut self, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        Err(ON_PURPOSE)
    }
    fn handle_accepted(&mut self, _: &mut Guest<Os>, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        Ok(())
    }
    fn handle_close(&mut self, _: Reason, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        Err(Error::user("too late", 3))
    }
}

#[cfg(feature = "log")]
#[test]
fn errors_that_nobody_handles_are_logged_and_close_the_channel() {
    on_each_backend(|backend| {
        let mut events = events::<Failing>(backend);
        let (here, _there) = Socket::pair().unwrap();
        let key = events.add(here, Failing).unwrap();
        logged();
        turn_out(&mut events);
        let expected = [
            format!("ERROR: channel {key}: error, closing the channel: on purpose (7)"),
            format!("ERROR: channel {key}: handle_close failed: too late (3)"),
        ];
        assert_eq!(logged(), expected);
        assert!(events.is_empty());
    });
}

#[cfg(feature = "log")]
#[test]
fn a_refusal_that_nobody_handles_is_logged_with_what_was_being_done() {
    on_each_backend(|backend| {
        let (silent, at) = common::bound(Kind::Stream, &common::loopback());
        let mut events = events::<Defaults>(backend);
        logged();
        let key = events.connect(&at, Defaults).unwrap();
        let descriptor = events.channel(key).unwrap().1.socket().unwrap().as_raw_fd();
        turn_until(&mut events, |events| events.is_empty());
        let why = format!("connection refused (os error {})", rustix::io::Errno::CONNREFUSED.raw_os_error());
        let expected = [
            format!("ERROR: channel {key}: error, closing the channel: connect descriptor {descriptor}: {why}"),
            format!("WARN: channel {key}: unhandled close event"),
        ];
        assert_eq!(logged(), expected);
        drop(silent);
    });
}

#[test]
fn a_half_that_is_shut_is_told_to_the_peer_and_the_other_half_goes_on() {
    on_each_family("halves", |backend, at| {
        let door = Actor::echo(&Notes::default());
        let guests = door.guests.clone();
        let (mut events, _, at) = stage(backend, at, door);
        let notes = Notes::default();
        let mut actor = Actor::new(&notes);
        actor.out = Outbox::over(vec![0; 64].into());
        let caller = events.connect(&at, actor).unwrap();
        turn_until(&mut events, |_| notes.has(&Told::Connect));
        let (actor, mut io) = events.channel(caller).unwrap();
        actor.out.send(&mut io, b"last words").unwrap();
        io.shutdown(Half::Write).unwrap();
        assert!(io.connected());
        turn_until(&mut events, |_| notes.data() == b"last words");
        turn_until(&mut events, |_| notes.closes() > 0);
        assert_eq!((guests.reason(), notes.reason()), (Some(Reason::End), Some(Reason::End)));
    });
}
