//! A backend over another one, with a fault in between.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::thread::LocalKey;
use std::time::Duration;

use stheno::{Backend, Error, ErrorKind, Fired, Instant, Interest, Key, Open, Os, Result};
use stheno_conformance::sim::Sim;
use stheno_conformance::{Ground, World};

/// What is done instead of what the contract says; by default nothing else.
pub trait Fault<G: Ground> {
    /// Whether those who were told longest ago come first.
    fn is_fair(&self) -> bool {
        true
    }
    fn register(&mut self, mut ask: Ask<'_, G>, below: &mut dyn Backend<G>) -> Result<()> {
        ask.register(below)
    }
    fn reregister(&mut self, mut ask: Ask<'_, G>, below: &mut dyn Backend<G>) -> Result<()> {
        ask.reregister(below)
    }
    fn deregister(&mut self, mut ask: Ask<'_, G>, below: &mut dyn Backend<G>) -> Result<()> {
        ask.deregister(below)
    }
    fn wait(&mut self, below: &mut dyn Backend<G>, net: &mut G, timeout: Option<Duration>) -> Result<usize> {
        below.wait(net, timeout)
    }
    /// What becomes of what a wait found, and of what nobody took of the wait before.
    fn spoil(&mut self, _found: &mut Vec<Fired>, _untaken: &[Fired]) -> Result<()> {
        Ok(())
    }
    /// What becomes of the results that are still to be taken when a registration changes.
    fn changed(&mut self, _results: &mut VecDeque<Fired>) {}
    fn now(&mut self, now: Instant) -> Instant {
        now
    }
}

/// What is asked of a backend about a socket.
pub struct Ask<'a, G: Ground> {
    pub net: &'a mut G,
    pub socket: &'a G::Socket,
    pub key: Key,
    pub interest: Interest,
}

impl<G: Ground> Ask<'_, G> {
    pub fn register(&mut self, below: &mut dyn Backend<G>) -> Result<()> {
        below.register(self.net, self.socket, self.key, self.interest)
    }
    pub fn reregister(&mut self, below: &mut dyn Backend<G>) -> Result<()> {
        below.reregister(self.net, self.socket, self.key, self.interest)
    }
    pub fn deregister(&mut self, below: &mut dyn Backend<G>) -> Result<()> {
        below.deregister(self.net, self.socket, self.key)
    }
}

/// A network on which backends can be given a fault.
pub trait Breakable: Ground {
    /// The fault of the backends that this thread opens: one type of backend has them all, so that the suite is compiled
    /// once for each network.
    fn fault() -> &'static LocalKey<Cell<NewFault<Self>>>;
}

pub type NewFault<G> = fn() -> Box<dyn Fault<G>>;

/// A fault that begins as its type says.
pub fn new<F: Fault<G> + Default + 'static, G: Ground>() -> Box<dyn Fault<G>> {
    Box::new(F::default())
}

/// None at all.
#[derive(Default)]
pub struct Faultless;
impl<G: Ground> Fault<G> for Faultless {}

thread_local! {
    static SIMULATED: Cell<NewFault<Sim>> = const { Cell::new(new::<Faultless, Sim>) };
    static OF_DESCRIPTORS: Cell<NewFault<Os>> = const { Cell::new(new::<Faultless, Os>) };
}

impl Breakable for Sim {
    fn fault() -> &'static LocalKey<Cell<NewFault<Self>>> {
        &SIMULATED
    }
}

impl Breakable for Os {
    fn fault() -> &'static LocalKey<Cell<NewFault<Self>>> {
        &OF_DESCRIPTORS
    }
}

/// A backend with a fault. Without one it keeps the contract as the one below does.
pub struct Faulty<G, B> {
    below: B,
    fault: Box<dyn Fault<G>>,
    results: VecDeque<Fired>,
    /// When each key was told last, by the number of results.
    told: HashMap<Key, u64>,
    taken: u64,
    waits: u32,
}

/// No case waits so often; whoever does will not end.
const MOST_WAITS: u32 = 50_000;
const ENDLESS: Error = Error::new(ErrorKind::Other, "the case does not end").doing("wait");

/// How long at most a wait goes on where all that holds is hidden: longer than any case expects silence.
const LONG: Duration = Duration::from_secs(1);

impl<G: Breakable, B: Open> Open for Faulty<G, B> {
    fn open() -> Result<Self> {
        Ok(Self {
            below: B::open()?,
            fault: G::fault().get()(),
            results: VecDeque::new(),
            told: HashMap::new(),
            taken: 0,
            waits: 0,
        })
    }
}

impl<G: Ground, B: Backend<G>> Backend<G> for Faulty<G, B> {
    fn register(&mut self, net: &mut G, socket: &G::Socket, key: Key, interest: Interest) -> Result<()> {
        let done = self.fault.register(Ask { net, socket, key, interest }, &mut self.below);
        self.fault.changed(&mut self.results);
        done
    }

    fn reregister(&mut self, net: &mut G, socket: &G::Socket, key: Key, interest: Interest) -> Result<()> {
        let done = self.fault.reregister(Ask { net, socket, key, interest }, &mut self.below);
        self.fault.changed(&mut self.results);
        done
    }

    fn deregister(&mut self, net: &mut G, socket: &G::Socket, key: Key) -> Result<()> {
        let done = self.fault.deregister(Ask { net, socket, key, interest: Interest::NONE }, &mut self.below);
        self.fault.changed(&mut self.results);
        done
    }

    fn wait(&mut self, net: &mut G, timeout: Option<Duration>) -> Result<usize> {
        self.waits += 1;
        if self.waits > MOST_WAITS {
            return Err(ENDLESS);
        }
        let untaken: Vec<_> = self.results.drain(..).collect();
        let until = net.clock() + timeout.map_or(LONG, |time| time.min(LONG));
        let mut left = timeout;
        loop {
            self.fault.wait(&mut self.below, net, left)?;
            let mut found: Vec<_> = std::iter::from_fn(|| Backend::<G>::next(&mut self.below)).collect();
            let nothing = found.is_empty();
            self.fault.spoil(&mut found, &untaken)?;
            let rest = until.saturating_since(net.clock());
            if !found.is_empty() || nothing || rest.is_zero() {
                if self.fault.is_fair() {
                    found.sort_by_key(|fired| self.told.get(&fired.key).copied());
                }
                self.results = found.into();
                return Ok(self.results.len());
            }
            // All that holds is hidden: the wait goes on as though it did not hold.
            net.pass(rest.min(Duration::from_millis(25)));
            left = timeout.map(|_| until.saturating_since(net.clock()));
        }
    }

    fn next(&mut self) -> Option<Fired> {
        let fired = self.results.pop_front()?;
        self.taken += 1;
        self.told.insert(fired.key, self.taken);
        Some(fired)
    }

    fn now(&mut self, net: &G) -> Instant {
        self.fault.now(self.below.now(net))
    }

    fn name(&self) -> &'static str {
        "faulty"
    }
}

/// The same in a story, whose net has the transcript beside it.
impl<G: Breakable, B: Backend<G>> Backend<World<G>> for Faulty<G, B> {
    fn register(&mut self, net: &mut World<G>, socket: &G::Socket, key: Key, interest: Interest) -> Result<()> {
        Backend::<G>::register(self, &mut net.below, socket, key, interest)
    }

    fn reregister(&mut self, net: &mut World<G>, socket: &G::Socket, key: Key, interest: Interest) -> Result<()> {
        Backend::<G>::reregister(self, &mut net.below, socket, key, interest)
    }

    fn deregister(&mut self, net: &mut World<G>, socket: &G::Socket, key: Key) -> Result<()> {
        Backend::<G>::deregister(self, &mut net.below, socket, key)
    }

    fn wait(&mut self, net: &mut World<G>, timeout: Option<Duration>) -> Result<usize> {
        Backend::<G>::wait(self, &mut net.below, timeout)
    }

    fn next(&mut self) -> Option<Fired> {
        Backend::<G>::next(self)
    }

    fn now(&mut self, net: &World<G>) -> Instant {
        Backend::<G>::now(self, &net.below)
    }

    fn name(&self) -> &'static str {
        "faulty"
    }
}
