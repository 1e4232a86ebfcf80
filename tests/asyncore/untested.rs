//! What CPython's tests leave untested, and users of asyncore ran into: the facts about channels, by their numbers in
//! [`names`](crate::names).

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use stheno::{
    Address, Channel, Dispatcher, Error, ErrorKind, Fired, Guest, Half, Key, Kind, Net, Os, Outbox, Readiness, Reason,
    Received, Result, Socket,
};

use crate::common::events::*;
use crate::{common, idle_pair, stage};

/// A listener of the same family that is in no loop, at an address of the system's choice.
fn host_like(at: &Address) -> (Socket, Address) {
    let at = if at.as_inet().is_some() { at } else { &Address::unnamed() };
    common::door(at, 4)
}

#[test]
fn fact_01_who_never_wants_to_write_is_told_of_its_connection() {
    on_each_family("fact-1", |backend, at| {
        let (mut events, _, at) = stage(backend, at, Actor::new(&Notes::default()));
        let notes = Notes::default();
        let key = events.connect(&at, Actor { readable: false, ..Actor::new(&notes) }).unwrap();
        turn_until(&mut events, |_| notes.has(&Told::Connect));
        turn_out(&mut events);
        assert_eq!(notes.all(), [Told::Connect]);
        assert!(events.channel(key).unwrap().1.connected());
    });
}

#[test]
fn fact_02_what_was_sent_before_a_hang_up_is_read_to_its_end() {
    on_each_family("fact-2", |backend, at| {
        for writable in [false, true] {
            let (mut host, at) = host_like(at);
            let (mut events, notes) = (events(backend), Notes::default());
            events.connect(&at, Actor { writable, ..Actor::new(&notes) }).unwrap();
            common::readable(&host);
            let (mut guest, _) = Os.accept(&mut host).unwrap().unwrap();
            let text: Vec<u8> = (0..15_000_u32).flat_map(u32::to_ne_bytes).collect();
            let mut sent = 0;
            while let Some(some @ 1..) = Os.send(&mut guest, &text[sent..]).unwrap() {
                sent += some;
            }
            drop(guest);
            turn_until(&mut events, |_| notes.closes() > 0);
            assert!(sent > 0 && notes.data() == text[..sent], "{} bytes of {sent}", notes.data().len());
            assert_eq!((notes.closes(), notes.errors()), (1, vec![]));
        }
    });
}

/// Finds the end again and again, and that nothing can be sent.
struct Stubborn(Notes);

impl Dispatcher<Os> for Stubborn {
    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        for _ in 0..3 {
            let _ = channel.recv(&mut [0; 8]);
            let _ = channel.send(b"to nobody");
        }
        channel.send(b"to nobody").map(drop)
    }
    fn handle_write(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.handle_read(channel)
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
fn fact_03_an_end_that_is_found_many_times_is_told_once() {
    on_each_backend(|backend| {
        let (mut events, notes) = (events(backend), Notes::default());
        let (here, there) = Socket::pair().unwrap();
        let key = events.add(here, Stubborn(notes.clone())).unwrap();
        drop(there);
        let all = Readiness::READABLE | Readiness::WRITABLE | Readiness::HANGUP | Readiness::ERROR;
        events.dispatch(Fired { key, readiness: all });
        events.dispatch(Fired { key, readiness: all });
        turn_out(&mut events);
        assert_eq!((notes.closes(), notes.errors(), events.len()), (1, vec![], 0), "{notes:?}");
    });
}

/// Closes itself in one of its handlers.
struct Leaver {
    at: At,
    notes: Notes,
}

impl Leaver {
    fn told(&self, at: At, what: Told, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.notes.add(what);
        if self.at == at {
            channel.close();
            assert!(!channel.connected() && !channel.connecting() && !channel.accepting());
        }
        Ok(())
    }
}

impl Dispatcher<Os> for Leaver {
    fn handle_connect(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.told(At::Connect, Told::Connect, channel)
    }
    fn handle_accepted(&mut self, _: &mut Guest<Os>, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.told(At::Accepted, Told::Accepted, channel)
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.told(At::Read, Told::Read(vec![]), channel)
    }
    fn handle_write(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.told(At::Write, Told::Write, channel)
    }
    fn handle_expt(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.told(At::Expt, Told::Expt(None), channel)
    }
    fn handle_timeout(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.told(At::Timeout, Told::Timeout, channel)
    }
    fn handle_error(&mut self, error: Error, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.told(At::Error, Told::Error(error), channel)?;
        Err(error)
    }
    fn handle_close(&mut self, reason: Reason, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.notes.add(Told::Close(reason));
        Ok(())
    }
}

#[test]
fn fact_04_close_inside_a_handler_is_the_end() {
    on_each_family("fact-4", |backend, at| {
        let notes = Notes::default();
        let (mut host, to) = host_like(at);
        let mut events = events(backend);
        events.connect(&to, Leaver { at: At::Connect, notes: notes.clone() }).unwrap();
        common::readable(&host);
        let (mut guest, _) = Os.accept(&mut host).unwrap().unwrap();
        Os.send(&mut guest, b"data").unwrap();
        turn_until(&mut events, |events| events.is_empty());
        assert_eq!(notes.all(), [Told::Connect]);
        common::readable(&guest);

        notes.clear();
        let door = events.listen(at, Leaver { at: At::Accepted, notes: notes.clone() }).unwrap();
        let to = events.channel(door).unwrap().1.local_address().unwrap();
        let _callers = [Peer::call(&to), Peer::call(&to)];
        turn_until(&mut events, |events| events.is_empty());
        assert_eq!(notes.all(), [Told::Accepted]);
    });
    on_each_backend(|backend| {
        for (at, told, readiness) in [
            (At::Read, Told::Read(vec![]), Readiness::READABLE),
            (At::Write, Told::Write, Readiness::WRITABLE),
            (At::Expt, Told::Expt(None), Readiness::PRIORITY),
        ] {
            let (mut events, notes) = (events(backend), Notes::default());
            let (here, mut there) = Socket::pair().unwrap();
            let key = events.add(here, Leaver { at, notes: notes.clone() }).unwrap();
            events.dispatch(Fired { key, readiness });
            events.dispatch(Fired { key, readiness });
            turn_out(&mut events);
            assert_eq!((notes.all(), events.len()), (vec![told], 0));
            assert_eq!(Os.recv(&mut there, &mut [0; 4]), Ok(Received::End));
        }
        let (mut events, notes) = (events(backend), Notes::default());
        let (here, _there) = Socket::pair().unwrap();
        let key = events.add(here, Leaver { at: At::Error, notes: notes.clone() }).unwrap();
        events.dispatch(Fired { key, readiness: Readiness::INVALID });
        turn_out(&mut events);
        let [Told::Error(why)] = notes.all()[..] else { panic!("{notes:?}") };
        assert_eq!((why.kind(), events.len()), (ErrorKind::BadDescriptor, 0));
    });
}

/// Closes its neighbours when it is read, and puts a newcomer into the table.
struct Usurper {
    neighbours: Rc<RefCell<Vec<Key>>>,
    newcomers: Rc<RefCell<Vec<Socket>>>,
    told: Rc<Cell<usize>>,
}

impl Dispatcher<Os> for Usurper {
    fn writable(&self) -> bool {
        false
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.told.set(self.told.get() + 1);
        channel.recv(&mut [0; 8])?;
        let own = channel.key();
        for key in self.neighbours.borrow_mut().drain(..).filter(|key| *key != own) {
            channel.neighbour(key)?.1.close();
            let (here, there) = Socket::pair()?;
            channel.add(here, Self { told: Rc::clone(&self.told), ..Self::new() })?;
            self.newcomers.borrow_mut().push(there);
        }
        Ok(())
    }
}

impl Usurper {
    fn new() -> Self {
        Self { neighbours: Rc::default(), newcomers: Rc::default(), told: Rc::default() }
    }
}

#[test]
fn fact_05_what_fired_for_a_channel_that_was_closed_is_not_told_to_its_successor() {
    on_each_backend(|backend| {
        let mut events = events(backend);
        let (first, mut peers) = (Usurper::new(), Vec::new());
        for _ in 0..4 {
            let (here, mut there) = Socket::pair().unwrap();
            Os.send(&mut there, b"data").unwrap();
            peers.push(there);
            let newcomers = Rc::clone(&first.newcomers);
            let other = Usurper { neighbours: Rc::clone(&first.neighbours), newcomers, told: Rc::clone(&first.told) };
            let key = events.add(here, other).unwrap();
            first.neighbours.borrow_mut().push(key);
        }
        events.turn(None).unwrap();
        turn_out(&mut events);
        assert_eq!((first.told.get(), events.len()), (1, 4), "one was read, and three came for the others");
        let mut newcomers = first.newcomers.take();
        for there in &mut newcomers {
            Os.send(there, b"x").unwrap();
        }
        turn_until(&mut events, |_| first.told.get() == 4);
    });
}

#[test]
fn fact_06_a_descriptor_that_is_not_open_is_an_error_and_close_whatever_the_handler_says() {
    on_each_backend(|backend| {
        let (mut events, notes) = (events(backend), Notes::default());
        let (here, mut there) = Socket::pair().unwrap();
        let key = events.add(here, Actor { forgives: true, ..Actor::new(&notes) }).unwrap();
        let (_, _other) = idle_pair(&mut events, &notes);
        events.dispatch(Fired { key, readiness: Readiness::INVALID | Readiness::READABLE });
        events.settle();
        let [Told::Error(why), Told::Close(Reason::Error(reason))] = notes.all()[..] else { panic!("{notes:?}") };
        assert_eq!((why, why.kind(), events.len()), (reason, ErrorKind::BadDescriptor, 1));
        assert_eq!(Os.recv(&mut there, &mut [0; 4]), Ok(Received::End));
    });
}

#[test]
fn fact_09_a_listener_accepts_a_batch_in_a_turn_and_the_rest_in_the_next() {
    on_each_family("fact-9", |backend, at| {
        let notes = Notes::default();
        let (mut events, _, at) = stage(backend, at, Actor::new(&notes));
        events.set_accept_budget(4);
        let _callers: Vec<_> = (0..10).map(|_| Peer::call(&at)).collect();
        for accepted in [4, 8, 10, 10] {
            events.turn(Some(Duration::ZERO)).unwrap();
            assert_eq!(notes.count(|told| *told == Told::Accepted), accepted);
        }
        assert_eq!(events.len(), 11);
    });
}

#[test]
fn fact_11_without_an_interest_and_without_a_timeout_the_loop_sleeps_until_it_is_woken() {
    on_each_backend(|backend| {
        let (mut events, notes) = (events(backend), Notes::default());
        let (here, there) = Socket::pair().unwrap();
        events.add(here, Actor { readable: false, ..Actor::new(&notes) }).unwrap();
        drop(there);
        let waker = stheno::waker(&mut events).unwrap();
        let began = Instant::now();
        let pause = Duration::from_millis(30);
        let waking = std::thread::spawn(move || {
            std::thread::sleep(pause);
            waker.wake()
        });
        let turn = events.turn(None).unwrap();
        assert!(turn.woken && began.elapsed() >= pause, "{turn:?} after {:?}", began.elapsed());
        waking.join().unwrap().unwrap();
        assert_eq!(notes.all(), []);
    });
}

#[test]
fn fact_13_a_unix_listener_whose_line_is_full_refuses_at_once_and_later_there_is_room() {
    on_each_backend(|backend| {
        let (mut host, at) = common::door(&Address::unnamed(), 0);
        let (mut events, notes) = (events(backend), Notes::default());
        let why = loop {
            match events.connect(&at, Actor::new(&notes)) {
                Ok(_) => assert!(events.len() < 16),
                Err(why) => break why,
            }
        };
        assert_eq!((why.kind(), stheno::errno_name(why.code())), (ErrorKind::Exhausted, Some("EAGAIN")));
        let inside = events.len();
        turn_until(&mut events, |_| notes.count(|told| *told == Told::Connect) == inside);
        assert_eq!(notes.all().len(), inside, "who found no room is no channel, and is told nothing");
        drop(Os.accept(&mut host).unwrap().unwrap());
        assert!(events.connect(&at, Actor::new(&notes)).is_ok());
    });
}

#[test]
fn fact_14_a_socket_that_is_not_connected_yet_is_silent_and_says_so() {
    on_each_family("fact-14", |backend, at| {
        let (mut events, _, at) = stage(backend, at, Actor::new(&Notes::default()));
        let notes = Notes::default();
        let key = events.create(Kind::Stream, &at, Actor { writable: true, ..Actor::new(&notes) }).unwrap();
        turn_out(&mut events);
        assert_eq!(notes.all(), []);
        let (_, mut io) = events.channel(key).unwrap();
        assert_eq!(io.send(b"x").unwrap_err().to_string(), "send: the channel is not connected");
        assert_eq!(io.recv(&mut [0; 4]).unwrap_err().to_string(), "recv: the channel is not connected");
        io.connect(&at).unwrap();
        turn_until(&mut events, |_| notes.has(&Told::Write));
        assert_eq!(notes.all()[..2], [Told::Connect, Told::Write]);
    });
}

#[test]
fn fact_15_what_a_send_did_not_take_follows_in_order() {
    on_each_family("fact-15", |backend, at| {
        let (mut host, at) = host_like(at);
        let (mut events, notes) = (events(backend), Notes::default());
        let key = events.connect(&at, Actor::new(&notes)).unwrap();
        common::readable(&host);
        let (mut guest, _) = Os.accept(&mut host).unwrap().unwrap();
        turn_until(&mut events, |_| notes.has(&Told::Connect));
        let (mut sent, mut back) = (Vec::new(), Vec::new());
        while events.dispatcher(key).unwrap().out.is_empty() {
            let piece: Vec<u8> = (0..10_007_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
            let (actor, mut io) = events.channel(key).unwrap();
            actor.out.send(&mut io, &piece).unwrap();
            sent.extend(piece);
            assert!(sent.len() < 1 << 26, "the system takes everything");
        }
        let left = events.dispatcher(key).unwrap().out.len();
        assert!(left > 0);
        turn_until(&mut events, |_| {
            back.extend(heard(&mut guest));
            back.len() >= sent.len()
        });
        assert!(back == sent, "a byte is wrong");
        assert!(events.dispatcher(key).unwrap().out.is_empty());
    });
}

#[test]
fn fact_12_a_half_that_is_shut_is_told_to_the_peer_and_the_other_half_goes_on() {
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
