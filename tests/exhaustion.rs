//! A process that has no descriptors left (rule 6: it costs a pause, not a listener and not the processor). The limit
//! is the whole process's, so all of it is one test, which nothing runs beside.
#![cfg(all(target_os = "linux", feature = "std"))]
#![allow(missing_docs)]

mod common;

use std::net::TcpStream;
use std::time::{Duration, Instant};

use common::events::*;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use stheno::{
    Address, AnyBackend, BackendName, Channel, Dispatcher, Error, ErrorKind, EventLoop, Guest, Key, Kind, Os, Reason,
    Result, Socket, errno_name,
};

#[test]
fn descriptors_run_out() {
    on_each_backend(|backend| {
        let before = open_descriptors();
        the_listener_rests(backend);
        to_have_the_last_descriptor_is_not_to_lack_one(backend);
        a_handler_that_dials_in_vain_does_not_close_the_door(backend);
        nothing_new_can_be_had(backend);
        no_descriptor_is_left_over_by_what_failed(backend);
        assert_eq!(open_descriptors(), before, "a descriptor leaked");
    });
}

/// Lets no more descriptors be opened than it is told, until dropped.
struct Limit {
    before: Rlimit,
    fill: Vec<Socket>,
}

impl Limit {
    fn to(free: usize) -> Self {
        let numbers = std::fs::read_dir("/proc/self/fd").unwrap();
        let highest = numbers.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse::<u64>().unwrap()).max();
        let (one, _) = Socket::pair().unwrap();
        let before = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(highest.unwrap() + 32), ..before }).unwrap();
        let mut limit = Self { before, fill: vec![one] };
        limit.fill_up();
        limit.free(free);
        limit
    }

    /// Takes whatever can still be opened.
    fn fill_up(&mut self) {
        while let Ok(copy) = Socket::duplicate(&self.fill[0]) {
            self.fill.push(copy);
        }
    }

    /// Lets so many more be opened.
    fn free(&mut self, count: usize) {
        self.fill.truncate(self.fill.len() - count);
        assert!(!self.fill.is_empty());
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        setrlimit(Resource::Nofile, self.before).unwrap();
    }
}

fn call(at: &Address) -> TcpStream {
    let Peer::Tcp(stream) = Peer::call(at) else { unreachable!() };
    stream
}

fn echo(events: &mut Loop<Actor>, stream: &mut TcpStream) {
    use std::io::{Read, Write};
    stream.write_all(b"ping").unwrap();
    stream.set_nonblocking(true).unwrap();
    let mut back: Vec<u8> = Vec::new();
    turn_until(events, |_| {
        let mut some = [0; 8];
        if let Ok(n) = stream.read(&mut some) {
            back.extend(&some[..n]);
        }
        back == b"ping"
    });
    stream.set_nonblocking(false).unwrap();
}

/// Counts the turns that a second takes.
fn turns_of_a_second(events: &mut Loop<Actor>) -> usize {
    let (began, second) = (Instant::now(), Duration::from_secs(1));
    let mut turns = 0;
    while let Some(left) = second.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
        events.turn(Some(left)).unwrap();
        turns += 1;
    }
    turns
}

fn the_listener_rests(backend: BackendName) {
    let mut events: Loop<Actor> = events(backend);
    let notes = Notes::default();
    let door = events.listen("127.0.0.1:0", Actor::echo(&notes)).unwrap();
    let at = events.channel(door).unwrap().1.local_address().unwrap();
    let mut callers: Vec<_> = (0..10).map(|_| call(&at)).collect();
    let mut limit = Limit::to(3);

    turn_until(&mut events, |_| !notes.errors().is_empty());
    assert_eq!(notes.count(|told| *told == Told::Accepted), 3);
    let turns = turns_of_a_second(&mut events);
    assert!(turns <= 25, "{turns} turns of a second in which nothing could be done");
    let why = notes.errors()[0];
    assert_eq!((why.kind(), errno_name(why.code())), (ErrorKind::Exhausted, Some("EMFILE")));
    let number = rustix::fd::AsRawFd::as_raw_fd(events.channel(door).unwrap().1.socket().unwrap());
    let text = format!("accept descriptor {number}: too many open descriptors in this process (os error 24)");
    assert_eq!(why.to_string(), text);

    // Those inside are served meanwhile, and not at the pace of the listener's rests.
    let began = Instant::now();
    for _ in 0..30 {
        for caller in &mut callers[..3] {
            echo(&mut events, caller);
        }
    }
    assert!(began.elapsed() < Duration::from_secs(5), "90 echoes in {:?}", began.elapsed());

    // Who leaves makes room at once: without a wait nobody can have waited for the pause.
    for left in (0..7).rev() {
        drop(callers.remove(0));
        // The caller's own descriptor, which a client elsewhere would not have taken from here.
        limit.fill.push(Socket::duplicate(&limit.fill[0]).unwrap());
        let inside = notes.count(|told| *told == Told::Accepted);
        for _ in 0..10 {
            events.turn(Some(Duration::ZERO)).unwrap();
        }
        assert_eq!(notes.count(|told| *told == Told::Accepted), inside + 1, "{left} still wait");
    }
    assert_eq!(notes.errors().len(), 1, "told once in an episode: {notes:?}");
    callers.iter_mut().for_each(|caller| echo(&mut events, caller));

    // The line is empty and there is room: what comes now is another episode.
    limit.free(2);
    turn_until(&mut events, |_| notes.count(|told| *told == Told::Accepted) == 10);
    callers.push(call(&at));
    turn_until(&mut events, |_| notes.count(|told| *told == Told::Accepted) == 11);
    limit.free(1);
    callers.push(call(&at));
    turn_until(&mut events, |_| notes.errors().len() == 2);
    // Room that comes from elsewhere in the process is found after a pause.
    limit.free(1);
    turn_until(&mut events, |_| notes.count(|told| *told == Told::Accepted) == 12);
    echo(&mut events, callers.last_mut().unwrap());
    assert_eq!((notes.errors().len(), notes.closes()), (2, 0), "a listener is never closed for it: {notes:?}");
    assert!(events.dispatcher(door).is_some());
    events.close_all();
}

fn to_have_the_last_descriptor_is_not_to_lack_one(backend: BackendName) {
    let mut events: Loop<Actor> = events(backend);
    let notes = Notes::default();
    let door = events.listen("127.0.0.1:0", Actor::echo(&notes)).unwrap();
    let at = events.channel(door).unwrap().1.local_address().unwrap();
    let mut caller = call(&at);
    let _limit = Limit::to(1);
    turn_until(&mut events, |_| notes.has(&Told::Accepted));
    turn_out(&mut events);
    echo(&mut events, &mut caller);
    assert_eq!(notes.all(), [Told::Accepted], "nobody is waiting");
}

/// A proxy, with nothing to say: for each caller it dials out.
struct Proxy {
    to: Option<Address>,
    notes: Notes,
}

impl Dispatcher<Os> for Proxy {
    fn writable(&self) -> bool {
        false
    }
    fn handle_connect(&mut self, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        Ok(())
    }
    fn handle_accepted(&mut self, guest: &mut Guest<Os>, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Some(to) = &self.to else { return Ok(()) };
        channel.connect_to(to, Self { to: None, notes: self.notes.clone() })?;
        channel.adopt(guest, Self { to: None, notes: self.notes.clone() })?;
        self.notes.add(Told::Accepted);
        Ok(())
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        channel.recv(&mut [0; 64]).map(drop)
    }
    /// The default's answer, noted.
    fn handle_error(&mut self, error: Error, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.notes.add(Told::Error(error));
        Err(error)
    }
    fn handle_close(&mut self, reason: Reason, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        if self.to.is_some() {
            self.notes.add(Told::Close(reason));
        }
        Ok(())
    }
}

/// What the accept itself still got, its handler does not get: the same lack, and the same rest.
fn a_handler_that_dials_in_vain_does_not_close_the_door(backend: BackendName) {
    let (host, to) = common::door(&common::loopback(), 8);
    let mut events: Loop<Proxy> = events(backend);
    let notes = Notes::default();
    let door = events.listen("127.0.0.1:0", Proxy { to: Some(to), notes: notes.clone() }).unwrap();
    let at = events.channel(door).unwrap().1.local_address().unwrap();
    let _callers = [call(&at), call(&at)];
    let mut limit = Limit::to(1);
    turn_until(&mut events, |_| !notes.errors().is_empty());
    let why = "make a socket: too many open descriptors in this process (os error 24)";
    assert_eq!(notes.errors()[0].to_string(), why);
    limit.free(3);
    let _more = call(&at);
    turn_until(&mut events, |_| notes.has(&Told::Accepted));
    assert_eq!(notes.closes(), 0, "{notes:?}");
    assert!(events.dispatcher(door).is_some());
    drop(host);
}

fn nothing_new_can_be_had(backend: BackendName) {
    let mut events: Loop<Actor> = events(backend);
    let notes = Notes::default();
    let (here, mut there) = Socket::pair().unwrap();
    let key = events.add(here, Actor::echo(&notes)).unwrap();
    let limit = Limit::to(0);

    let none = "too many open descriptors in this process (os error 24)";
    let actor = || Actor::new(&Notes::default());
    let refusals = [
        events.listen("127.0.0.1:0", actor()),
        events.connect("127.0.0.1:9", actor()),
        events.bind("[::1]:0", actor()),
        events.create(Kind::Stream, "unix:/nowhere", actor()),
    ];
    for refusal in refusals {
        let why = refusal.unwrap_err();
        assert_eq!((why.kind(), why.to_string()), (ErrorKind::Exhausted, format!("make a socket: {none}")));
    }
    let why = stheno::waker(&mut events).unwrap_err();
    assert_eq!((why.kind(), why.to_string()), (ErrorKind::Exhausted, format!("make a waker: {none}")));
    let why = Socket::pair().unwrap_err();
    assert_eq!(why.to_string(), format!("make a pair of sockets: {none}"));
    let why = Socket::pipe().unwrap_err();
    assert_eq!(why.to_string(), format!("make a pipe: {none}"));
    let why = Socket::duplicate(&there).unwrap_err();
    assert!(why.to_string().starts_with("duplicate descriptor ") && why.to_string().ends_with(none), "{why}");
    match AnyBackend::named(backend) {
        Ok(_) => assert_ne!(backend.to_string(), "epoll"),
        Err(why) => {
            assert_eq!((why.kind(), backend.to_string().as_str()), (ErrorKind::Exhausted, "epoll"));
            assert_eq!(why.to_string(), "open an epoll set: no more descriptors (os error 24)");
            assert!(EventLoop::<Actor>::new().is_err());
        }
    }
    // What there is goes on.
    stheno::Net::send(&mut Os, &mut there, b"ping").unwrap();
    turn_until(&mut events, |_| notes.data() == b"ping");
    turn_until(&mut events, |_| heard(&mut there) == b"ping");
    assert_eq!(events.len(), 1);
    drop(limit);
    assert!(events.channel(key).is_ok());
    let waker = stheno::waker(&mut events).unwrap();
    waker.wake().unwrap();
    assert!(events.turn(None).unwrap().woken);
}

fn no_descriptor_is_left_over_by_what_failed(backend: BackendName) {
    let before = open_descriptors();
    {
        let mut events = fixed::<Actor, 2>(backend);
        let actor = || Actor::new(&Notes::default());
        let door = events.listen("127.0.0.1:0", actor()).unwrap();
        let at = events.channel(door).unwrap().1.local_address().unwrap();
        let (here, _there) = Socket::pair().unwrap();
        events.add(here, actor()).unwrap();
        let full = open_descriptors();
        for _ in 0..3 {
            assert!(events.listen(&at, actor()).is_err(), "the address is taken");
            assert!(events.connect(&at, actor()).is_err(), "the table is full");
            assert!(events.connect("unix:/no/such", actor()).is_err());
            assert!(events.bind("203.0.113.1:7", actor()).is_err());
            assert!(stheno::waker(&mut events).is_err());
            events.turn(Some(Duration::ZERO)).unwrap();
        }
        assert_eq!(open_descriptors(), full);
        let _caller = call(&at);
        turn_out(&mut events);
        assert_eq!(open_descriptors(), full + 1, "the caller waits in line");
        let keys: Vec<Key> = events.keys().collect();
        events.close(keys[0]).unwrap();
        events.close(keys[1]).unwrap();
        let waker = stheno::waker(&mut events).unwrap();
        for _ in 0..3 {
            stheno::waker(&mut events).unwrap();
        }
        drop(waker);
    }
    assert_eq!(open_descriptors(), before, "a loop takes everything with it");
}
