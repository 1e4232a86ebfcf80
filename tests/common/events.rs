//! What the tests of whole programs share: a loop on each backend, bounded turns, and an actor that notes what it is
//! told.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use stheno::{
    Address, AnyBackend, BackendName, Channel, Dispatcher, Error, EventLoop, Guest, Net, Os, Outbox, Reason, Received,
    Result, Slot, Socket, Storage,
};

pub type Loop<T, N = Os> = EventLoop<T, N, AnyBackend>;

/// No test waits longer than this for what must come.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub fn events<T: Dispatcher<Os>>(backend: BackendName) -> Loop<T> {
    EventLoop::with_parts(Os, AnyBackend::named(backend).unwrap(), Vec::new())
}

/// Says where a test failed that runs at several places.
pub struct Place(pub String);

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed on {}", self.0);
        }
    }
}

pub fn on_each_backend(mut test: impl FnMut(BackendName)) {
    for backend in BackendName::ALL {
        let _place = Place(backend.to_string());
        test(*backend);
    }
}

/// A directory of this test's own, which goes with it.
pub struct Room(PathBuf);

impl Room {
    #[track_caller]
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("stheno-{}-{name}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn address(&self, name: &str) -> Address {
        Address::try_from(&*self.path(name)).unwrap()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An address of each IP family that there is here, with a port of the system's choice.
pub fn inet() -> Vec<Address> {
    let all: [Address; 2] = ["127.0.0.1:0", "[::1]:0"].map(|at| at.parse().unwrap());
    all.into_iter().filter(|at| std::net::TcpListener::bind(at.as_inet().unwrap()).is_ok()).collect()
}

/// Runs a test for IPv4, IPv6 and the Unix family, each on each backend.
pub fn on_each_family(name: &str, mut test: impl FnMut(BackendName, &Address)) {
    for at in inet() {
        on_each_backend(|backend| {
            let _place = Place(at.to_string());
            test(backend, &at);
        });
    }
    on_each_backend(|backend| {
        let room = Room::new(&format!("{name}-{backend}"));
        let _place = Place("the Unix family".into());
        test(backend, &room.address("door"));
    });
}

/// Turns until it is so, within [`PATIENCE`].
#[track_caller]
pub fn turn_until<T, N, B, S>(
    events: &mut stheno::EventLoop<T, N, B, S>,
    mut done: impl FnMut(&mut stheno::EventLoop<T, N, B, S>) -> bool,
) where
    T: Dispatcher<N>,
    N: Net,
    B: stheno::Backend<N>,
    S: Storage<Slot<T, N>>,
{
    let began = Instant::now();
    while !done(events) {
        assert!(began.elapsed() < PATIENCE, "it does not happen");
        events.turn(Some(Duration::from_millis(20))).unwrap();
    }
}

/// Turns without waiting, often enough for whatever is ready to be told.
pub fn turn_out<T, N, B, S>(events: &mut stheno::EventLoop<T, N, B, S>)
where
    T: Dispatcher<N>,
    N: Net,
    B: stheno::Backend<N>,
    S: Storage<Slot<T, N>>,
{
    for _ in 0..8 {
        events.turn(Some(Duration::ZERO)).unwrap();
    }
}

/// What an actor was told.
#[derive(Clone, PartialEq, Debug)]
pub enum Told {
    Connect,
    Accepted,
    /// What was received.
    Read(Vec<u8>),
    /// The channel became writable with nothing to send.
    Write,
    Expt(Option<u8>),
    Timeout,
    Error(Error),
    Close(Reason),
}

/// What several actors were told, in order.
#[derive(Clone, Default, Debug)]
pub struct Notes(Rc<RefCell<Vec<Told>>>);

impl Notes {
    pub fn add(&self, told: Told) {
        self.0.borrow_mut().push(told);
    }

    pub fn all(&self) -> Vec<Told> {
        self.0.borrow().clone()
    }

    pub fn count(&self, what: impl Fn(&Told) -> bool) -> usize {
        self.0.borrow().iter().filter(|told| what(told)).count()
    }

    pub fn has(&self, what: &Told) -> bool {
        self.0.borrow().contains(what)
    }

    /// Everything that was received, in one piece.
    pub fn data(&self) -> Vec<u8> {
        let parts = self.0.borrow();
        parts
            .iter()
            .filter_map(|told| if let Told::Read(data) = told { Some(&data[..]) } else { None })
            .collect::<Vec<_>>()
            .concat()
    }

    pub fn closes(&self) -> usize {
        self.count(|told| matches!(told, Told::Close(_)))
    }

    pub fn errors(&self) -> Vec<Error> {
        self.0.borrow().iter().filter_map(|told| if let Told::Error(why) = told { Some(*why) } else { None }).collect()
    }

    pub fn reason(&self) -> Option<Reason> {
        self.0.borrow().iter().find_map(|told| if let Told::Close(why) = told { Some(*why) } else { None })
    }

    pub fn clear(&self) {
        self.0.borrow_mut().clear();
    }
}

/// Where an actor can be made to fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum At {
    Nowhere,
    Connect,
    Accepted,
    Read,
    Write,
    Expt,
    Timeout,
    Error,
    Close,
}

/// Notes what it is told, and does what a plain program would.
pub struct Actor {
    pub notes: Notes,
    /// What those are told that it adopts as a listener.
    pub guests: Notes,
    pub readable: bool,
    pub writable: bool,
    /// Sends back what it receives, and so do its guests.
    pub echoes: bool,
    /// Its guests say this first.
    pub greeting: &'static [u8],
    pub fails: At,
    /// Takes errors upon itself.
    pub forgives: bool,
    pub out: Outbox<Box<[u8]>>,
}

pub const ON_PURPOSE: Error = Error::user("on purpose", 7);

impl Actor {
    /// One that reads, and writes only what its outbox holds.
    pub fn new(notes: &Notes) -> Self {
        Self {
            notes: notes.clone(),
            guests: Notes::default(),
            readable: true,
            writable: false,
            echoes: false,
            greeting: b"",
            fails: At::Nowhere,
            forgives: false,
            out: Outbox::over(vec![0; 65536].into()),
        }
    }

    /// One that sends back what it receives, or whose guests do.
    pub fn echo(notes: &Notes) -> Self {
        Self { echoes: true, ..Self::new(notes) }
    }

    pub fn failing(at: At, notes: &Notes) -> Self {
        Self { fails: at, ..Self::new(notes) }
    }

    fn done(&self, at: At) -> Result<()> {
        if self.fails == at { Err(ON_PURPOSE) } else { Ok(()) }
    }
}

impl<N: Net> Dispatcher<N> for Actor {
    fn readable(&self) -> bool {
        self.readable
    }

    fn writable(&self) -> bool {
        self.writable || !self.out.is_empty()
    }

    fn handle_connect(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
        assert!(channel.connected() && !channel.connecting() && !channel.accepting());
        self.notes.add(Told::Connect);
        self.done(At::Connect)
    }

    fn handle_accepted(&mut self, guest: &mut Guest<N>, channel: &mut Channel<'_, N, Self>) -> Result<()> {
        self.notes.add(Told::Accepted);
        self.done(At::Accepted)?;
        let mut host = Self { echoes: self.echoes, ..Self::new(&self.guests) };
        host.out.push(self.greeting)?;
        channel.adopt(guest, host).map(drop)
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
        self.done(At::Read)?;
        let mut data = vec![0; 4096];
        if let Received::Data(n) = channel.recv(&mut data)? {
            data.truncate(n);
            if self.echoes {
                self.out.send(channel, &data)?;
            }
            self.notes.add(Told::Read(data));
        }
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
        if self.out.is_empty() {
            self.notes.add(Told::Write);
        }
        self.done(At::Write)?;
        self.out.flush(channel)
    }

    fn handle_expt(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
        self.done(At::Expt)?;
        self.notes.add(Told::Expt(channel.recv_urgent()?));
        Ok(())
    }

    fn handle_timeout(&mut self, _: &mut Channel<'_, N, Self>) -> Result<()> {
        self.notes.add(Told::Timeout);
        self.done(At::Timeout)
    }

    fn handle_error(&mut self, error: Error, channel: &mut Channel<'_, N, Self>) -> Result<()> {
        self.notes.add(Told::Error(error));
        self.done(At::Error)?;
        if self.forgives || channel.state() == stheno::State::Datagram { Ok(()) } else { Err(error) }
    }

    fn handle_close(&mut self, reason: Reason, _: &mut Channel<'_, N, Self>) -> Result<()> {
        self.notes.add(Told::Close(reason));
        self.done(At::Close)
    }
}

/// A blocking socket of std, which has nothing of Stheno in it.
pub enum Peer {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

impl Peer {
    #[track_caller]
    pub fn call(to: &Address) -> Self {
        match (to.as_inet(), to.as_path()) {
            (Some(to), _) => {
                let stream = std::net::TcpStream::connect(to).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                Self::Tcp(stream)
            }
            (_, Some(path)) => {
                let stream = std::os::unix::net::UnixStream::connect(path).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                Self::Unix(stream)
            }
            _ => panic!("no address to call"),
        }
    }

    #[track_caller]
    pub fn say(&mut self, what: &[u8]) {
        use std::io::Write;
        match self {
            Self::Tcp(stream) => stream.write_all(what).unwrap(),
            Self::Unix(stream) => stream.write_all(what).unwrap(),
        }
    }

    #[track_caller]
    pub fn hear(&mut self, count: usize) -> Vec<u8> {
        use std::io::Read;
        let mut heard = vec![0; count];
        match self {
            Self::Tcp(stream) => stream.read_exact(&mut heard).unwrap(),
            Self::Unix(stream) => stream.read_exact(&mut heard).unwrap(),
        }
        heard
    }
}

/// Everything that waits in a socket now.
pub fn heard(socket: &mut Socket) -> Vec<u8> {
    let (mut all, mut some) = (Vec::new(), [0; 4096]);
    while let Ok(Received::Data(n @ 1..)) = Os.recv(socket, &mut some) {
        all.extend(&some[..n]);
    }
    all
}

/// How many descriptors this process has.
pub fn open_descriptors() -> usize {
    // The one that reads the directory is not counted.
    std::fs::read_dir("/proc/self/fd").unwrap().count() - 1
}

/// A loop over the system's net with room for so many channels.
pub type Fixed<T, const N: usize> = EventLoop<T, Os, AnyBackend, stheno::storage::Array<Slot<T, Os>, N>>;

pub fn fixed<T: Dispatcher<Os>, const N: usize>(backend: BackendName) -> Fixed<T, N> {
    EventLoop::with_parts(Os, AnyBackend::named(backend).unwrap(), Default::default())
}
