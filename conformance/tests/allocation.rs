//! Neither a wait, nor taking its results, nor a turn in which nothing is opened takes memory. (B13)

mod counting;

use std::os::fd::OwnedFd;
use std::time::Duration;

use counting::ASKED;
use stheno::{
    Backend, Channel, Dispatcher, Epoll, EventLoop, Fired, Instant, Interest, Key, Net, Open, Os, Poll, Received,
    Result, Select, Socket,
};

/// How often a backend asks for memory, by its name.
fn asked_by_waits<B: Backend<Os> + Open>() -> Result<(usize, &'static str)> {
    let mut backend = B::open()?;
    let all: Vec<_> = (0..150).map(|_| Socket::pair()).collect::<Result<_>>()?;
    let file = Socket::try_from(OwnedFd::from(std::fs::File::open("/dev/null").expect("there is /dev/null")))?;
    for (index, (one, other)) in (0..).zip(&all) {
        backend.register(&mut Os, one, Key::new(2 * index, 0), Interest::WRITE)?;
        backend.register(&mut Os, other, Key::new(2 * index + 1, 0), Interest::READ)?;
    }
    backend.register(&mut Os, &file, Key::new(1_000, 0), Interest::READ)?;
    let before = ASKED.get();
    for timeout in [None, Some(Duration::ZERO), Some(Duration::from_micros(300))] {
        assert!(backend.wait(&mut Os, timeout)? > 100);
        while backend.next().is_some() {}
        // Results left where they are, and a change in between.
        backend.wait(&mut Os, timeout)?;
        backend.next();
        backend.reregister(&mut Os, &all[0].0, Key::new(0, 0), Interest::ALL)?;
    }
    Ok((ASKED.get() - before, Backend::<Os>::name(&backend)))
}

/// Breaks the clause: makes its list of results anew for each wait.
struct Lavish {
    below: Poll,
    results: Vec<Fired>,
}

impl Open for Lavish {
    fn open() -> Result<Self> {
        Ok(Self { below: Poll::open()?, results: Vec::new() })
    }
}

impl Backend<Os> for Lavish {
    fn register(&mut self, net: &mut Os, socket: &Socket, key: Key, interest: Interest) -> Result<()> {
        self.below.register(net, socket, key, interest)
    }
    fn reregister(&mut self, net: &mut Os, socket: &Socket, key: Key, interest: Interest) -> Result<()> {
        self.below.reregister(net, socket, key, interest)
    }
    fn deregister(&mut self, net: &mut Os, socket: &Socket, key: Key) -> Result<()> {
        self.below.deregister(net, socket, key)
    }
    fn wait(&mut self, net: &mut Os, timeout: Option<Duration>) -> Result<usize> {
        self.below.wait(net, timeout)?;
        self.results = std::iter::from_fn(|| Backend::<Os>::next(&mut self.below)).collect();
        Ok(self.results.len())
    }
    fn next(&mut self) -> Option<Fired> {
        self.results.pop()
    }
    fn now(&mut self, net: &Os) -> Instant {
        self.below.now(net)
    }
    fn name(&self) -> &'static str {
        "lavish"
    }
}

struct Echo;

impl Dispatcher<Os> for Echo {
    fn writable(&self) -> bool {
        false
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let mut data = [0; 64];
        if let Received::Data(n) = channel.recv(&mut data)? {
            channel.send(&data[..n])?;
        }
        Ok(())
    }
}

fn turns_take_no_memory<B: Backend<Os> + Open>() -> Result<()> {
    let mut events = EventLoop::<Echo, Os, B>::new()?;
    let (ours, mut theirs) = Socket::pair()?;
    let key = events.add(ours, Echo)?;
    events.turn(Some(Duration::ZERO))?;
    let before = ASKED.get();
    for _ in 0..10 {
        Os.send(&mut theirs, b"hello")?;
        events.channel(key)?.1.set_timeout(Duration::from_secs(1));
        events.turn(Some(Duration::from_millis(10)))?;
        assert_eq!(Os.recv(&mut theirs, &mut [0; 64])?, Received::Data(5));
    }
    assert_eq!(ASKED.get(), before, "{}", Backend::<Os>::name(events.backend()));
    Ok(())
}

#[test]
fn waits_and_results_take_no_memory() -> Result<()> {
    assert_eq!(asked_by_waits::<Select>()?, (0, "select"));
    assert_eq!(asked_by_waits::<Poll>()?, (0, "poll"));
    assert_eq!(asked_by_waits::<Epoll>()?, (0, "epoll"));
    Ok(())
}

#[test]
fn a_backend_that_takes_memory_for_its_results_is_found() -> Result<()> {
    let (asked, _) = asked_by_waits::<Lavish>()?;
    assert!(asked >= 6, "it asked for memory {asked} times in 6 waits");
    Ok(())
}

#[test]
fn turns_that_open_nothing_take_no_memory() -> Result<()> {
    turns_take_no_memory::<Select>()?;
    turns_take_no_memory::<Poll>()?;
    turns_take_no_memory::<Epoll>()
}
