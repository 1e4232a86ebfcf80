//! CPython's `BaseTestAPI`: a listener and a caller in one loop.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::{FdFlags, fcntl_getfd};
use rustix::net::{SocketType, sockopt};
use stheno::{Address, Channel, Dispatcher, Error, Kind, Os, Reason, Received, Result};

use crate::common::events::*;
use crate::{Defaults, common, stage};

#[test]
fn test_handle_connect() {
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
fn test_handle_accept() {
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
fn test_handle_accepted() {
    on_each_family("accepted", |backend, at| {
        let notes = Notes::default();
        let (mut events, _, at) = stage(backend, at, Actor::new(&notes));
        let _peer = Peer::call(&at);
        turn_until(&mut events, |_| notes.has(&Told::Accepted));
        assert_eq!((notes.all(), events.len()), (vec![Told::Accepted], 2));
    });
}

#[test]
fn test_handle_read() {
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
fn test_handle_write() {
    on_each_family("write", |backend, at| {
        let (mut events, _, at) = stage(backend, at, Actor::new(&Notes::default()));
        let notes = Notes::default();
        events.connect(&at, Actor { writable: true, ..Actor::new(&notes) }).unwrap();
        turn_until(&mut events, |_| notes.has(&Told::Write));
        assert_eq!(notes.all()[..2], [Told::Connect, Told::Write]);
    });
}

#[test]
fn test_handle_close() {
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
fn test_handle_close_after_conn_broken() {
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
fn test_handle_expt() {
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

#[test]
fn test_handle_error() {
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
fn test_connection_attributes() {
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
fn test_create_socket() {
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
fn test_bind() {
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
fn test_set_reuse_addr() {
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
fn test_quick_connect() {
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
