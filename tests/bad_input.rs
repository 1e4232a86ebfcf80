//! What goes wrong, goes wrong for one channel, says what and why, and the loop goes on serving the others (rule 7).
#![cfg(all(target_os = "linux", feature = "std"))]
#![allow(missing_docs)]

mod common;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use common::events::*;
use rustix::event::PollFlags;
use rustix::fd::AsRawFd;
use stheno::{
    Address, Backend, BackendName, Channel, Dispatcher, Error, ErrorKind, Fired, Guest, Half, Key, Kind, Net, Os,
    Outbox, Readiness, Reason, Received, Result, Slot, Socket, State, Storage,
};

/// A channel of the loop that has nothing to do with what goes wrong, and must not hear of it.
struct Witness {
    key: Key,
    notes: Notes,
    peer: Socket,
}

impl Witness {
    #[track_caller]
    fn of<B: Backend<Os>, S: Storage<Slot<Actor, Os>>>(events: &mut stheno::EventLoop<Actor, Os, B, S>) -> Self {
        let (here, peer) = Socket::pair().unwrap();
        let notes = Notes::default();
        let key = events.add(here, Actor::echo(&notes)).unwrap();
        Self { key, notes, peer }
    }

    /// Sends something through the loop and waits for it to come back.
    #[track_caller]
    fn is_served<B: Backend<Os>, S: Storage<Slot<Actor, Os>>>(
        &mut self,
        events: &mut stheno::EventLoop<Actor, Os, B, S>,
    ) {
        self.notes.clear();
        Os.send(&mut self.peer, b"ping").unwrap();
        let peer = &mut self.peer;
        let mut back = Vec::new();
        turn_until(events, |_| {
            back.extend(heard(peer));
            back == b"ping"
        });
        assert_eq!(self.notes.all(), [Told::Read(b"ping".to_vec())]);
        assert!(events.dispatcher(self.key).is_some());
    }
}

fn quiet() -> Actor {
    Actor::new(&Notes::default())
}

// Nowhere to go.

#[test]
fn a_refusal_is_an_error_and_then_close_of_that_channel() {
    for at in inet() {
        on_each_backend(|backend| {
            let (silent, at) = common::bound(Kind::Stream, &at);
            let (mut events, notes) = (events(backend), Notes::default());
            let mut witness = Witness::of(&mut events);
            let key = events.connect(&at, Actor { forgives: true, ..Actor::new(&notes) }).unwrap();
            let descriptor = events.channel(key).unwrap().1.socket().unwrap().as_raw_fd();
            turn_until(&mut events, |_| notes.closes() > 0);
            let told = notes.all();
            let [Told::Error(why), Told::Close(Reason::Error(reason))] = told[..] else { panic!("{told:?}") };
            assert_eq!(why, reason);
            assert_eq!(why.to_string(), format!("connect descriptor {descriptor}: connection refused (os error 111)"));
            witness.is_served(&mut events);
            assert_eq!((notes.all(), events.len()), (told, 1));
            drop(silent);
        });
    }
}

#[test]
fn port_0_is_nobody() {
    on_each_backend(|backend| {
        let (mut events, notes) = (events(backend), Notes::default());
        let mut witness = Witness::of(&mut events);
        // Some systems know at once, some later.
        if let Err(why) = events.connect("127.0.0.1:0", Actor::new(&notes)) {
            assert!(why.to_string().starts_with("connect 127.0.0.1:0: "), "{why}");
        } else {
            turn_until(&mut events, |_| notes.closes() > 0);
            assert!(notes.errors()[0].to_string().starts_with("connect descriptor "), "{notes:?}");
        }
        witness.is_served(&mut events);
        assert_eq!(events.len(), 1);
    });
}

#[test]
fn an_address_of_another_family_is_refused_by_name() {
    on_each_backend(|backend| {
        let (mut events, notes) = (events(backend), Notes::default());
        let mut witness = Witness::of(&mut events);
        let key = events.create(Kind::Stream, "127.0.0.1:0", Actor::new(&notes)).unwrap();
        for to in ["[::1]:9", "unix:/nowhere/at/all"] {
            let to: Address = to.parse().unwrap();
            let why = events.channel(key).unwrap().1.connect(&to).unwrap_err();
            assert!(why.to_string().starts_with(&format!("connect {to}: ")), "{why}");
            let why = events.channel(key).unwrap().1.bind(&to).unwrap_err();
            assert!(why.to_string().starts_with(&format!("bind {to}: ")), "{why}");
        }
        witness.is_served(&mut events);
        assert_eq!(events.channel(key).unwrap().1.state(), State::Idle, "it may be tried again");
        assert_eq!(notes.all(), [], "who called knows already");
    });
}

#[test]
fn a_path_where_nobody_listens_is_refused_by_name() {
    on_each_backend(|backend| {
        let room = Room::new(&format!("nobody-{backend}"));
        let mut events = events(backend);
        let mut witness = Witness::of(&mut events);
        let why = events.connect(room.address("nobody"), quiet()).unwrap_err();
        assert!(why.to_string().starts_with("connect "), "{why}");
        assert!(why.to_string().ends_with("/nobody: no such file (os error 2)"), "{why}");
        std::fs::write(room.path("file"), b"no socket").unwrap();
        drop(common::door(&room.address("left"), 1));
        for name in ["file", "left"] {
            let why = events.connect(room.address(name), quiet()).unwrap_err();
            assert!(why.to_string().ends_with(&format!("/{name}: connection refused (os error 111)")), "{why}");
        }
        let why = events.listen(room.address("left"), quiet()).unwrap_err();
        assert!(why.to_string().ends_with("/left: address already in use (os error 98)"), "{why}");
        let why = events.bind(room.address("no/such/directory"), quiet()).unwrap_err();
        assert!(why.to_string().starts_with("bind "), "{why}");
        witness.is_served(&mut events);
        assert_eq!(events.len(), 1);
    });
}

#[test]
fn a_taken_address_is_named() {
    for at in inet() {
        on_each_backend(|backend| {
            let mut events = events(backend);
            let mut witness = Witness::of(&mut events);
            let key = events.listen(&at, quiet()).unwrap();
            let taken = events.channel(key).unwrap().1.local_address().unwrap();
            let why = events.listen(&taken, quiet()).unwrap_err();
            assert_eq!(why.to_string(), format!("bind {taken}: address already in use (os error 98)"));
            let key = events.bind(&at, quiet()).unwrap();
            let taken = events.channel(key).unwrap().1.local_address().unwrap();
            let why = events.bind(&taken, quiet()).unwrap_err();
            assert_eq!(why.to_string(), format!("bind {taken}: address already in use (os error 98)"));
            witness.is_served(&mut events);
            assert_eq!(events.len(), 3);
        });
    }
}

#[test]
fn an_address_that_is_not_here_is_named() {
    on_each_backend(|backend| {
        let mut events = events(backend);
        let mut witness = Witness::of(&mut events);
        let why = events.listen("203.0.113.1:7007", quiet()).unwrap_err();
        assert_eq!(why.to_string(), "bind 203.0.113.1:7007: address not available (os error 99)");
        witness.is_served(&mut events);
    });
}

#[test]
fn malformed_addresses_are_refused_before_anything_is_done() {
    on_each_backend(|backend| {
        let mut events = events(backend);
        let mut witness = Witness::of(&mut events);
        for (text, why) in [
            ("", "parse address : the address is empty"),
            ("localhost:7007", "parse address localhost:7007: not an IP address: names are not looked up"),
            ("127.0.0.1", "parse address 127.0.0.1: the port is missing"),
            ("127.0.0.1:70000", "parse address 127.0.0.1:70000: the port is not a number from 0 to 65535"),
            ("unix:", "parse address unix:: the path is empty"),
        ] {
            let refusals = [
                events.listen(text, quiet()),
                events.connect(text, quiet()),
                events.bind(text, quiet()),
                events.create(Kind::Stream, text, quiet()),
            ];
            for refusal in refusals {
                let refusal = refusal.unwrap_err();
                assert_eq!((refusal.kind(), refusal.to_string()), (ErrorKind::Invalid, why.into()));
            }
        }
        let why = events.listen(("localhost", 80), quiet()).unwrap_err();
        assert_eq!(why.to_string(), "parse address localhost: not an IP address: names are not looked up");
        witness.is_served(&mut events);
        assert_eq!(events.len(), 1);
    });
}

/// Dials out when it is told to, and hands on what came of it.
struct Dialler {
    to: &'static str,
    notes: Notes,
    forgives: bool,
}

impl Dispatcher<Os> for Dialler {
    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        channel.recv(&mut [0; 8])?;
        let next = Self { to: self.to, notes: self.notes.clone(), forgives: self.forgives };
        channel.connect_to(self.to, next).map(drop)
    }
    fn handle_error(&mut self, error: Error, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.notes.add(Told::Error(error));
        if self.forgives { Ok(()) } else { Err(error) }
    }
}

#[test]
fn a_dial_from_a_handler_that_cannot_begin_is_the_handlers_error() {
    on_each_backend(|backend| {
        for (to, why) in [
            ("unix:/no/such/socket", "connect unix:/no/such/socket: no such file (os error 2)"),
            ("nowhere", "parse address nowhere: not an IP address: names are not looked up"),
        ] {
            let (mut events, notes) = (events(backend), Notes::default());
            let (here, mut there) = Socket::pair().unwrap();
            events.add(here, Dialler { to, notes: notes.clone(), forgives: true }).unwrap();
            for n in 1..=2 {
                Os.send(&mut there, b"go").unwrap();
                turn_until(&mut events, |_| notes.errors().len() == n);
            }
            assert!(notes.errors().iter().all(|error| error.to_string() == why), "{notes:?}");
            assert_eq!(events.len(), 1, "forgiven, it goes on");
        }
    });
}

// No room.

#[test]
fn a_full_table_refuses_and_closes_what_it_was_given() {
    on_each_backend(|backend| {
        let mut events = fixed::<Actor, 2>(backend);
        let mut witness = Witness::of(&mut events);
        let door = events.listen("127.0.0.1:0", quiet()).unwrap();
        let at = events.channel(door).unwrap().1.local_address().unwrap();
        let (here, mut there) = Socket::pair().unwrap();
        let refusals = [
            events.add(here, quiet()),
            events.listen("127.0.0.1:0", quiet()),
            events.connect(&at, quiet()),
            events.bind("127.0.0.1:0", quiet()),
            events.create(Kind::Stream, &at, quiet()),
        ];
        for refusal in refusals {
            let refusal = refusal.unwrap_err();
            assert_eq!(refusal.to_string(), "add a channel: the table of channels is full");
            assert_eq!(refusal.kind(), ErrorKind::Full);
        }
        assert_eq!(Os.recv(&mut there, &mut [0; 4]), Ok(Received::End));
        witness.is_served(&mut events);
        events.close(door).unwrap();
        events.connect(&at, quiet()).expect("there is room again at once");
    });
}

#[test]
fn a_listener_of_a_full_table_lets_its_callers_wait_and_is_told_once() {
    on_each_backend(|backend| {
        let mut events = fixed::<Actor, 3>(backend);
        let mut witness = Witness::of(&mut events);
        let notes = Notes::default();
        let door = events.listen("127.0.0.1:0", Actor::echo(&notes)).unwrap();
        let at = events.channel(door).unwrap().1.local_address().unwrap();
        let mut peers: Vec<_> = (0..3).map(|_| Peer::call(&at)).collect();
        turn_until(&mut events, |_| !notes.errors().is_empty());
        for _ in 0..3 {
            witness.is_served(&mut events);
        }
        assert_eq!(notes.count(|told| *told == Told::Accepted), 1);
        assert_eq!(notes.errors().len(), 1, "{notes:?}");
        assert_eq!(notes.errors()[0].to_string(), "accept: the table of channels is full");
        // Whoever leaves makes room for the next one, without a pause.
        for peer in &mut peers {
            peer.say(b"in?");
        }
        while let Some(mut peer) = (!peers.is_empty()).then(|| peers.remove(0)) {
            for _ in 0..20 {
                events.turn(Some(Duration::ZERO)).unwrap();
            }
            assert_eq!(peer.hear(3), b"in?");
        }
        turn_until(&mut events, |events| events.len() == 2);
        assert_eq!((notes.count(|told| *told == Told::Accepted), notes.closes()), (3, 0));
        assert_eq!(notes.errors().len(), 1, "one episode, one word");

        let _peers = [(); 2].map(|()| Peer::call(&at));
        turn_until(&mut events, |_| notes.errors().len() == 2);
        witness.is_served(&mut events);
    });
}

/// Adopts each guest, and two companions for it.
enum Pairing {
    Door(Notes),
    Member,
}

impl Dispatcher<Os> for Pairing {
    fn handle_accepted(&mut self, guest: &mut Guest<Os>, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        channel.adopt(guest, Self::Member)?;
        assert_eq!(channel.adopt(guest, Self::Member).unwrap_err().to_string(), "adopt: the guest has been taken");
        assert!(guest.socket().is_err() && guest.take().is_none());
        let (one, other) = Socket::pair()?;
        channel.add(one, Self::Member)?;
        channel.add(other, Self::Member).map(drop)
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        channel.recv(&mut [0; 8]).map(drop)
    }
    fn writable(&self) -> bool {
        false
    }
    fn handle_error(&mut self, error: Error, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        if let Self::Door(notes) = self {
            notes.add(Told::Error(error));
        }
        Err(error)
    }
    fn handle_close(&mut self, reason: Reason, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        if let Self::Door(notes) = self {
            notes.add(Told::Close(reason));
        }
        Ok(())
    }
}

/// A handler that finds no room halfway has met the same lack as the accept itself (rule 6).
#[test]
fn a_listener_whose_handler_fills_the_table_is_not_closed_for_it() {
    on_each_backend(|backend| {
        let mut events = fixed::<Pairing, 2>(backend);
        let notes = Notes::default();
        let door = events.listen("127.0.0.1:0", Pairing::Door(notes.clone())).unwrap();
        let at = events.channel(door).unwrap().1.local_address().unwrap();
        let peer = Peer::call(&at);
        turn_until(&mut events, |_| !notes.errors().is_empty());
        assert_eq!(notes.errors()[0].to_string(), "add a channel: the table of channels is full");
        turn_out(&mut events);
        assert!(events.dispatcher(door).is_some(), "{notes:?}");
        drop(peer);
        turn_until(&mut events, |events| events.len() == 1);
        let _peer = Peer::call(&at);
        turn_until(&mut events, |events| events.len() == 2);
        assert_eq!(notes.closes(), 0);
    });
}

/// The same where the table grows, which it does between turns only: a crowd is taken in over some turns.
#[test]
fn a_listener_whose_handler_outruns_a_growing_table_is_not_closed_for_it() {
    on_each_backend(|backend| {
        let mut events = events::<Pairing>(backend);
        events.set_accept_budget(1000);
        let notes = Notes::default();
        let door = events.listen("127.0.0.1:0", Pairing::Door(notes.clone())).unwrap();
        let at = events.channel(door).unwrap().1.local_address().unwrap();
        let crowd: Vec<_> = (0..100).map(|_| Peer::call(&at)).collect();
        turn_until(&mut events, |_| !notes.errors().is_empty());
        turn_out(&mut events);
        assert_eq!(notes.closes(), 0, "{notes:?}");
        let before = events.len();
        let _another = Peer::call(&at);
        turn_until(&mut events, |events| events.len() > before);
        drop(crowd);
    });
}

/// Adopts whatever was laid before it.
struct Adopter {
    pile: Rc<RefCell<Vec<Socket>>>,
    refusals: Notes,
}

impl Dispatcher<Os> for Adopter {
    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        channel.recv(&mut [0; 8])?;
        while let Some(socket) = { self.pile.borrow_mut().pop() } {
            let next = Self { pile: Rc::clone(&self.pile), refusals: self.refusals.clone() };
            if let Err(why) = channel.add(socket, next) {
                self.refusals.add(Told::Error(why));
            }
        }
        Ok(())
    }
    fn writable(&self) -> bool {
        false
    }
}

#[test]
fn a_handler_that_adopts_too_many_is_told_and_they_are_closed() {
    on_each_backend(|backend| {
        let mut events = fixed::<Adopter, 4>(backend);
        let (pile, refusals) = (Rc::default(), Notes::default());
        let (here, mut there) = Socket::pair().unwrap();
        events.add(here, Adopter { pile: Rc::clone(&pile), refusals: refusals.clone() }).unwrap();
        let mut peers = Vec::new();
        for _ in 0..6 {
            let (one, other) = Socket::pair().unwrap();
            pile.borrow_mut().push(one);
            peers.push(other);
        }
        Os.send(&mut there, b"go").unwrap();
        turn_until(&mut events, |_| pile.borrow().is_empty());
        assert_eq!((events.len(), refusals.errors().len()), (4, 3));
        assert_eq!(refusals.errors()[0].to_string(), "add a channel: the table of channels is full");
        let closed = peers.iter_mut().filter_map(|peer| Os.recv(peer, &mut [0; 1]).ok());
        assert_eq!(closed.filter(|got| *got == Received::End).count(), 3);
    });
}

/// Storage that is growing takes as many as one likes, over some turns.
#[test]
fn a_table_that_grows_takes_whole_crowds() {
    on_each_backend(|backend| {
        let (mut events, notes) = (events(backend), Notes::default());
        let door = events.listen("127.0.0.1:0", Actor::echo(&notes)).unwrap();
        events.set_accept_budget(1000);
        let at = events.channel(door).unwrap().1.local_address().unwrap();
        let peers: Vec<_> = (0..200).map(|_| Peer::call(&at)).collect();
        turn_until(&mut events, |events| events.len() == 201);
        assert_eq!((notes.errors(), peers.len()), (vec![], 200));
    });
}

/// Of the new channels that a backend has no room for, each hears of it, and nobody else.
#[cfg(feature = "poll")]
fn a_backend_without_room<B: Backend<Os>>(backend: B, fits: usize, text: &str) {
    let _place = Place(Backend::<Os>::name(&backend).into());
    let mut events: stheno::EventLoop<Actor, Os, B> = stheno::EventLoop::with_parts(Os, backend, Vec::new());
    let mut witness = Witness::of(&mut events);
    let mut peers = Vec::new();
    while events.len() < fits {
        let (here, there) = Socket::pair().unwrap();
        events.add(here, quiet()).unwrap();
        peers.push(there);
    }
    let (here, mut there) = Socket::pair().unwrap();
    let descriptor = here.as_raw_fd();
    let why = events.add(here, quiet()).unwrap_err();
    assert_eq!(why.to_string(), format!("register descriptor {descriptor}: {text}"));
    assert_eq!(Os.recv(&mut there, &mut [0; 1]), Ok(Received::End));
    witness.is_served(&mut events);

    // The last place goes to a listener, and each of its guests is one too many.
    let last = events.keys().last().unwrap();
    events.close(last).unwrap();
    let door = Actor::new(&Notes::default());
    let guests = door.guests.clone();
    let door = events.listen("127.0.0.1:0", door).unwrap();
    let at = events.channel(door).unwrap().1.local_address().unwrap();
    let _peers = [(); 2].map(|()| Peer::call(&at));
    turn_until(&mut events, |_| guests.closes() == 2);
    let errors = guests.errors();
    assert_eq!(errors.len(), 2);
    for why in errors {
        assert!(why.to_string().starts_with("register descriptor "), "{why}");
        assert!(why.to_string().ends_with(&format!(": {text}")), "{why}");
    }
    witness.is_served(&mut events);
    assert_eq!(events.len(), fits);
}

#[cfg(feature = "poll")]
#[test]
fn a_full_backend_is_an_error_of_the_new_channel() {
    let poll = stheno::poll::Poll::<stheno::poll::Fixed<3>>::default();
    a_backend_without_room(poll, 3, "no room for another socket");
}

#[cfg(feature = "select")]
#[test]
fn a_descriptor_past_selects_sets_is_an_error_of_that_channel() {
    let select = stheno::select::Select::new(stheno::select::Fixed::<1, 64>::default());
    let mut events: stheno::EventLoop<Actor, Os, _> = stheno::EventLoop::with_parts(Os, select, Vec::new());
    let mut witness = Witness::of(&mut events);
    let (here, _there) = Socket::pair().unwrap();
    let high = rustix::io::fcntl_dupfd_cloexec(&here, 200).unwrap();
    let number = high.as_raw_fd();
    let why = events.add(Socket::adopt(high).unwrap(), quiet()).unwrap_err();
    assert_eq!(why.to_string(), format!("register descriptor {number}: the descriptor is past the size of the sets"));
    witness.is_served(&mut events);
}

#[cfg(feature = "epoll")]
#[test]
fn a_file_too_many_for_epoll_is_an_error_of_that_channel() {
    use stheno::epoll::{AlwaysReady, Epoll};
    use stheno::storage::Array;
    let room = Room::new("always");
    std::fs::write(room.path("file"), b"text").unwrap();
    let open = || Socket::adopt(std::fs::File::open(room.path("file")).unwrap()).unwrap();
    let epoll = Epoll::<8, Array<AlwaysReady, 1>>::new().unwrap();
    let mut events: stheno::EventLoop<Actor, Os, _> = stheno::EventLoop::with_parts(Os, epoll, Vec::new());
    let mut witness = Witness::of(&mut events);
    let notes = Notes::default();
    events.add(open(), Actor::new(&notes)).unwrap();
    let second = open();
    let number = second.as_raw_fd();
    let why = events.add(second, quiet()).unwrap_err();
    let text = "no room for another file that is always ready";
    assert_eq!(why.to_string(), format!("register descriptor {number}: {text}"));
    turn_until(&mut events, |_| notes.closes() == 1);
    assert_eq!(notes.data(), b"text");
    events.add(open(), quiet()).expect("the place is free again");
    turn_until(&mut events, |events| events.len() == 1);
    witness.is_served(&mut events);
}

#[test]
fn a_full_outbox_sends_nothing_and_loses_nothing() {
    on_each_backend(|backend| {
        let (mut events, notes) = (events(backend), Notes::default());
        let mut witness = Witness::of(&mut events);
        let (here, mut there) = Socket::pair().unwrap();
        here.set_send_buffer_size(4096).unwrap();
        let key = events.add(here, Actor::new(&notes)).unwrap();
        events.channel(key).unwrap().0.out = Outbox::over(vec![0; 1000].into());
        let (actor, mut io) = events.channel(key).unwrap();
        let why = actor.out.send(&mut io, &[b'!'; 1001]).unwrap_err();
        assert_eq!((why.kind(), why.to_string()), (ErrorKind::Full, "send: the outbox is full".into()));
        assert!(actor.out.is_empty());
        let mut expected = Vec::new();
        let mut refused = None;
        for n in 0..10_000_u32 {
            let line = [n.to_ne_bytes(); 50].concat();
            match actor.out.send(&mut io, &line) {
                Ok(()) => expected.extend(line),
                Err(why) => {
                    refused = Some(why);
                    break;
                }
            }
        }
        assert_eq!(refused, Some(why), "the network is not endless");
        assert_eq!(actor.out.push(&[0; 1000]), Err(why));
        witness.is_served(&mut events);
        let mut got = Vec::new();
        turn_until(&mut events, |_| {
            got.extend(heard(&mut there));
            got.len() >= expected.len()
        });
        turn_out(&mut events);
        got.extend(heard(&mut there));
        assert!(got == expected);
        assert_eq!(notes.all(), []);
    });
}

// Handlers that fail.

/// Brings the actor into the situation in which the handler in question runs, and keeps its peer.
fn situation(events: &mut Loop<Actor>, at: At, actor: Actor) -> (Key, Vec<Peer>, Vec<Socket>) {
    let (mut door, here) = common::door(&common::loopback(), 4);
    match at {
        At::Accepted => {
            let key = events.listen("127.0.0.1:0", actor).unwrap();
            let at = events.channel(key).unwrap().1.local_address().unwrap();
            (key, vec![Peer::call(&at)], vec![])
        }
        _ => {
            let key = events.connect(&here, actor).unwrap();
            common::readable(&door);
            let (mut guest, _) = Os.accept(&mut door).unwrap().unwrap();
            match at {
                At::Read => drop(Os.send(&mut guest, b"data").unwrap()),
                At::Expt => {
                    Os.send_urgent(&mut guest, b'!').unwrap();
                    common::ready(events.channel(key).unwrap().1.socket().unwrap(), PollFlags::PRI);
                }
                At::Timeout => events.channel(key).unwrap().1.set_timeout(Duration::from_millis(1)),
                At::Write => events.channel(key).unwrap().0.writable = true,
                At::Close => return (key, vec![], vec![door]),
                _ => {}
            }
            (key, vec![], vec![guest])
        }
    }
}

#[test]
fn a_handler_that_fails_harms_its_own_channel_alone() {
    on_each_backend(|backend| {
        for at in [At::Connect, At::Accepted, At::Read, At::Write, At::Expt, At::Timeout] {
            let _place = Place(format!("{at:?}"));
            let (mut events, notes) = (events(backend), Notes::default());
            let mut witness = Witness::of(&mut events);
            let (key, _peers, _sockets) = situation(&mut events, at, Actor::failing(at, &notes));
            turn_until(&mut events, |_| notes.closes() > 0);
            assert_eq!(notes.errors(), [ON_PURPOSE]);
            assert_eq!(notes.all().last(), Some(&Told::Close(Reason::Error(ON_PURPOSE))), "and nothing after it");
            witness.is_served(&mut events);
            assert_eq!((notes.closes(), events.len()), (1, 1));
            assert!(events.channel(key).is_err());
        }
    });
}

#[test]
fn a_failure_that_handle_error_takes_upon_itself_changes_nothing() {
    on_each_backend(|backend| {
        for at in [At::Connect, At::Accepted, At::Read, At::Write, At::Expt, At::Timeout] {
            let _place = Place(format!("{at:?}"));
            let (mut events, notes) = (events(backend), Notes::default());
            let mut witness = Witness::of(&mut events);
            let actor = Actor { forgives: true, ..Actor::failing(at, &notes) };
            let (key, _peers, _sockets) = situation(&mut events, at, actor);
            turn_until(&mut events, |_| !notes.errors().is_empty());
            events.channel(key).unwrap().0.readable = false;
            events.channel(key).unwrap().0.writable = false;
            witness.is_served(&mut events);
            assert_eq!((notes.errors()[0], notes.closes(), events.len()), (ON_PURPOSE, 0, 2));
        }
    });
}

#[test]
fn a_failing_handle_error_closes_and_a_failing_handle_close_changes_nothing() {
    on_each_backend(|backend| {
        let (mut events, notes) = (events(backend), Notes::default());
        let mut witness = Witness::of(&mut events);
        let (silent, nowhere) = common::bound(Kind::Stream, &common::loopback());
        let actor = Actor { forgives: true, ..Actor::failing(At::Error, &notes) };
        events.connect(&nowhere, actor).unwrap();
        turn_until(&mut events, |_| notes.closes() > 0);
        assert_eq!(notes.reason(), Some(Reason::Error(ON_PURPOSE)));
        witness.is_served(&mut events);
        drop(silent);

        let notes = Notes::default();
        let (_, _, door) = situation(&mut events, At::Close, Actor::failing(At::Close, &notes));
        drop(door);
        turn_until(&mut events, |_| notes.closes() > 0);
        witness.is_served(&mut events);
        assert_eq!((notes.closes(), notes.errors(), events.len()), (1, vec![], 1));
    });
}

/// Closes itself in `handle_error`, and fails there too.
struct Suicidal(Notes);

impl Dispatcher<Os> for Suicidal {
    fn handle_write(&mut self, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        Err(ON_PURPOSE)
    }
    fn handle_error(&mut self, error: Error, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.0.add(Told::Error(error));
        channel.close();
        Err(error)
    }
    fn handle_close(&mut self, reason: Reason, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.0.add(Told::Close(reason));
        Ok(())
    }
}

#[test]
fn who_closes_itself_in_handle_error_is_not_told_again() {
    on_each_backend(|backend| {
        let (mut events, notes) = (events(backend), Notes::default());
        let (here, mut there) = Socket::pair().unwrap();
        events.add(here, Suicidal(notes.clone())).unwrap();
        turn_out(&mut events);
        assert_eq!((notes.all(), events.len()), (vec![Told::Error(ON_PURPOSE)], 0));
        assert_eq!(Os.recv(&mut there, &mut [0; 1]), Ok(Received::End));
    });
}

// The wrong thing at the wrong time.

#[test]
fn what_a_state_does_not_allow_says_so_and_harms_nothing() {
    on_each_backend(|backend| {
        let (mut events, notes) = (events(backend), Notes::default());
        let mut witness = Witness::of(&mut events);
        let at = common::loopback();
        let idle = events.create(Kind::Stream, &at, Actor::new(&notes)).unwrap();
        let door = events.listen(&at, Actor::new(&notes)).unwrap();
        for key in [idle, door] {
            let (_, mut io) = events.channel(key).unwrap();
            assert_eq!(io.recv(&mut [0; 4]).unwrap_err().to_string(), "recv: the channel is not connected");
            assert_eq!(io.send(b"x").unwrap_err().to_string(), "send: the channel is not connected");
            assert_eq!(io.send_urgent(1).unwrap_err().to_string(), "send: the channel is not connected");
            let why = io.shutdown(Half::Write).unwrap_err();
            assert_eq!(why.to_string(), "shut down: the channel is not connected");
        }
        let (_, mut io) = events.channel(door).unwrap();
        let why = io.connect(&at).unwrap_err();
        assert_eq!(why.to_string(), "connect: the channel is connected or listening");
        let (_, mut io) = events.channel(witness.key).unwrap();
        assert_eq!(io.listen(1).unwrap_err().to_string(), "listen: the channel is connected");
        let why = io.connect(&at).unwrap_err();
        assert_eq!(why.to_string(), "connect: the channel is connected or listening");
        let why = io.recv_from(&mut [0; 4]).unwrap_err();
        assert_eq!(why.kind(), ErrorKind::Unsupported);
        assert!(why.to_string().starts_with("receive a datagram"), "{why}");
        assert_eq!(events.channel(idle).unwrap().1.set_reuse_address(), Ok(()));
        witness.is_served(&mut events);
        assert_eq!((notes.all(), events.len()), (vec![], 3));
    });
}

/// Tries everything with a key that it was given.
struct Prober {
    key: Key,
    found: Rc<RefCell<Vec<ErrorKind>>>,
}

impl Dispatcher<Os> for Prober {
    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        channel.recv(&mut [0; 8])?;
        let mut found = self.found.borrow_mut();
        found.extend(channel.neighbour(self.key).err().map(|why| why.kind()));
        found.extend(channel.with_neighbour(self.key).err().map(|why| why.kind()));
        assert_eq!(channel.accept().err().map(|why| why.to_string()).unwrap(), "accept: the channel does not listen");
        Ok(())
    }
    fn writable(&self) -> bool {
        false
    }
}

#[test]
fn stale_keys_find_nobody() {
    on_each_backend(|backend| {
        let (mut events, notes) = (events::<Actor>(backend), Notes::default());
        events.settle();
        let (one, _other) = Socket::pair().unwrap();
        let old = events.add(one, Actor::new(&notes)).unwrap();
        events.close(old).unwrap();
        let mut witness = Witness::of(&mut events);
        assert_eq!((old.index(), old == witness.key), (witness.key.index(), false), "the slot is used again");
        let waker = stheno::waker(&mut events).unwrap();
        let bell = Key::new(witness.key.index() as u32 + 1, 0);
        for key in [old, bell, Key::new(0, 77), Key::new(5, 0), Key::new(u32::MAX, 0), Key::new(9_999, 9)] {
            assert_eq!(events.channel(key).err().map(|why| why.to_string()).unwrap(), "the channel is closed");
            assert_eq!(events.close(key).unwrap_err().kind(), ErrorKind::Stale);
            assert_eq!(events.touch(key).unwrap_err().kind(), ErrorKind::Stale);
            assert!(events.dispatcher(key).is_none());
            events.handle_read_event(key);
            events.handle_write_event(key);
            events.handle_expt_event(key);
            for bits in 0..64 {
                events.dispatch(Fired { key, readiness: Readiness::from_bits_truncate(bits) });
            }
            events.settle();
        }
        assert_eq!(witness.notes.all(), []);
        witness.is_served(&mut events);
        waker.wake().unwrap();
        assert!(events.turn(Some(PATIENCE)).unwrap().woken, "the bell is still there");
        assert_eq!(notes.all(), []);
    });
}

#[test]
fn stale_keys_find_nobody_in_handlers_either() {
    on_each_backend(|backend: BackendName| {
        let mut events = events::<Prober>(backend);
        let found = Rc::new(RefCell::new(Vec::new()));
        let (one, mut other) = Socket::pair().unwrap();
        let prober = events.add(one, Prober { key: Key::new(3, 3), found: Rc::clone(&found) }).unwrap();
        let (one, _other) = Socket::pair().unwrap();
        let closed = events.add(one, Prober { key: prober, found: Rc::clone(&found) }).unwrap();
        events.close(closed).unwrap();
        let _waker = stheno::waker(&mut events).unwrap();
        let keys = [closed, prober, Key::new(1, 1), Key::new(u32::MAX, u32::MAX)];
        for (n, key) in keys.into_iter().enumerate() {
            events.channel(prober).unwrap().0.key = key;
            Os.send(&mut other, b"?").unwrap();
            turn_until(&mut events, |_| found.borrow().len() == 2 * (n + 1));
        }
        assert!(found.borrow().iter().all(|kind| *kind == ErrorKind::Stale), "its own key too");
        assert_eq!(events.len(), 1);
    });
}
