//! Silence is free (rule 6): what nothing happened to costs nothing, and what happened costs no more than it must.
#![cfg(feature = "std")]
#![allow(missing_docs)]

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use common::events::on_each_backend;
use stheno::{
    AnyBackend, Backend, BackendName, Channel, Dispatcher, EventLoop, Fired, Instant, Interest, Key, Layer, Net, Os,
    Received, Result, Socket,
};

/// What was done, in all.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Count {
    readable: usize,
    writable: usize,
    registers: usize,
    reregisters: usize,
    deregisters: usize,
    waits: usize,
    recvs: usize,
    sends: usize,
    other: usize,
}

type Counted = Rc<Cell<Count>>;

fn count(counted: &Counted, what: impl FnOnce(&mut Count)) {
    let mut now = counted.get();
    what(&mut now);
    counted.set(now);
}

/// What `f` costs.
fn cost(counted: &Counted, f: impl FnOnce()) -> Count {
    counted.take();
    f();
    counted.get()
}

/// A backend that counts what it is asked.
struct Watched {
    below: AnyBackend,
    counted: Counted,
}

impl<N: Net<Socket = Socket>> Backend<N> for Watched {
    fn register(&mut self, net: &mut N, socket: &Socket, key: Key, interest: Interest) -> Result<()> {
        count(&self.counted, |count| count.registers += 1);
        self.below.register(net, socket, key, interest)
    }
    fn reregister(&mut self, net: &mut N, socket: &Socket, key: Key, interest: Interest) -> Result<()> {
        count(&self.counted, |count| count.reregisters += 1);
        self.below.reregister(net, socket, key, interest)
    }
    fn deregister(&mut self, net: &mut N, socket: &Socket, key: Key) -> Result<()> {
        count(&self.counted, |count| count.deregisters += 1);
        self.below.deregister(net, socket, key)
    }
    fn wait(&mut self, net: &mut N, timeout: Option<Duration>) -> Result<usize> {
        count(&self.counted, |count| count.waits += 1);
        self.below.wait(net, timeout)
    }
    fn next(&mut self) -> Option<Fired> {
        Backend::<N>::next(&mut self.below)
    }
    fn now(&mut self, net: &N) -> Instant {
        count(&self.counted, |count| count.other += 1);
        self.below.now(net)
    }
    fn name(&self) -> &'static str {
        Backend::<N>::name(&self.below)
    }
}

/// A net that counts its system calls.
struct Metered {
    below: Os,
    counted: Counted,
}

impl Layer for Metered {
    type Below = Os;
    fn below(&self) -> &Os {
        &self.below
    }
    fn below_mut(&mut self) -> &mut Os {
        &mut self.below
    }
    fn recv(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Received> {
        count(&self.counted, |count| count.recvs += 1);
        Net::recv(&mut self.below, socket, into)
    }
    fn send(&mut self, socket: &mut Socket, from: &[u8]) -> Result<Option<usize>> {
        count(&self.counted, |count| count.sends += 1);
        Net::send(&mut self.below, socket, from)
    }
    fn take_error(&mut self, socket: &mut Socket) -> Result<Option<stheno::Error>> {
        count(&self.counted, |count| count.other += 1);
        Net::take_error(&mut self.below, socket)
    }
    fn state(&mut self, socket: &Socket) -> Result<stheno::State> {
        count(&self.counted, |count| count.other += 1);
        Net::state(&mut self.below, socket)
    }
}

/// Sends back what it receives, and counts how often it is asked what it wants.
struct Echo {
    counted: Counted,
    out: stheno::Outbox<[u8; 64]>,
    paused: bool,
}

impl Dispatcher<Metered> for Echo {
    fn readable(&self) -> bool {
        count(&self.counted, |count| count.readable += 1);
        !self.paused && self.out.room() > 0
    }
    fn writable(&self) -> bool {
        count(&self.counted, |count| count.writable += 1);
        !self.out.is_empty()
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Metered, Self>) -> Result<()> {
        if let Received::Data(_) = self.out.fill_from(channel)? {
            self.out.flush(channel)?;
        }
        Ok(())
    }
    fn handle_write(&mut self, channel: &mut Channel<'_, Metered, Self>) -> Result<()> {
        self.out.flush(channel)
    }
}

type Hall = EventLoop<Echo, Metered, Watched>;

/// A loop with so many channels, their keys and their peers, all of it settled.
fn hall(backend: BackendName, channels: usize) -> (Hall, Counted, Vec<Key>, Vec<Socket>) {
    let counted = Counted::default();
    let net = Metered { below: Os, counted: Rc::clone(&counted) };
    let backend = Watched { below: AnyBackend::named(backend).unwrap(), counted: Rc::clone(&counted) };
    let mut events = EventLoop::with_parts(net, backend, Vec::new());
    let (mut keys, mut peers) = (Vec::new(), Vec::new());
    for _ in 0..channels {
        let (here, there) = Socket::pair().unwrap();
        let echo = Echo { counted: Rc::clone(&counted), out: Default::default(), paused: false };
        keys.push(events.add(here, echo).unwrap());
        peers.push(there);
    }
    for _ in 0..3 {
        events.turn(Some(Duration::ZERO)).unwrap();
    }
    (events, counted, keys, peers)
}

const ECHO: Count = Count {
    readable: 2,
    writable: 1,
    registers: 0,
    reregisters: 0,
    deregisters: 0,
    waits: 1,
    recvs: 1,
    sends: 1,
    other: 0,
};

#[test]
fn among_a_thousand_idle_channels_only_the_busy_one_is_asked() {
    on_each_backend(|backend| {
        let (mut events, counted, _, mut peers) = hall(backend, 1001);
        for n in [0, 500, 1000, 500, 500] {
            Os.send(&mut peers[n], b"ping").unwrap();
            let spent = cost(&counted, || assert_eq!(events.turn(None).unwrap().fired, 1));
            // Once before the step, and once to settle what it wants from now on.
            assert_eq!(spent, ECHO);
            assert_eq!(Os.recv(&mut peers[n], &mut [0; 8]), Ok(Received::Data(4)));
        }
        let spent = cost(&counted, || {
            for _ in 0..10 {
                events.turn(Some(Duration::ZERO)).unwrap();
            }
        });
        assert!(spent.waits >= 10, "a turn looks once, or twice after handlers ran");
        assert_eq!(Count { waits: 0, ..spent }, Count::default(), "idle turns ask nobody, nor the clock");
    });
}

#[test]
fn an_echo_is_one_wait_one_recv_and_one_send() {
    on_each_backend(|backend| {
        let (mut events, counted, _, mut peers) = hall(backend, 1);
        for _ in 0..100 {
            Os.send(&mut peers[0], b"0123456789").unwrap();
            assert_eq!(cost(&counted, || assert!(events.turn(None).is_ok())), ECHO);
        }
    });
}

#[test]
fn an_interest_that_changes_is_told_to_the_backend_once() {
    on_each_backend(|backend| {
        let (mut events, counted, keys, mut peers) = hall(backend, 3);
        let spent = cost(&counted, || {
            events.channel(keys[1]).unwrap().0.paused = true;
            for _ in 0..5 {
                events.touch(keys[1]).unwrap();
            }
            events.turn(Some(Duration::ZERO)).unwrap();
        });
        assert_eq!((spent.registers, spent.reregisters, spent.deregisters), (0, 0, 1));
        assert_eq!((spent.readable, spent.writable), (1, 1), "touched often, asked once");
        Os.send(&mut peers[1], b"later").unwrap();
        assert_eq!(events.turn(Some(Duration::ZERO)).unwrap().fired, 0);
        let spent = cost(&counted, || {
            events.channel(keys[1]).unwrap().0.paused = false;
            events.turn(Some(Duration::ZERO)).unwrap();
        });
        assert_eq!((spent.registers, spent.reregisters, spent.deregisters, spent.recvs), (1, 0, 0, 1));

        // There and back again within a turn is no change.
        let spent = cost(&counted, || {
            events.channel(keys[0]).unwrap().0.paused = true;
            events.channel(keys[0]).unwrap().0.paused = false;
            events.turn(Some(Duration::ZERO)).unwrap();
        });
        assert_eq!((spent.registers, spent.reregisters, spent.deregisters), (0, 0, 0));
    });
}

#[test]
fn only_what_waits_for_room_wants_to_write() {
    on_each_backend(|backend| {
        let (mut events, counted, keys, mut peers) = hall(backend, 2);
        let spent = cost(&counted, || {
            events.channel(keys[0]).unwrap().0.out.push(b"soon").unwrap();
            for _ in 0..4 {
                events.turn(Some(Duration::ZERO)).unwrap();
            }
        });
        assert_eq!((spent.registers, spent.reregisters, spent.deregisters, spent.sends), (0, 2, 0, 1));
        assert_eq!(Os.recv(&mut peers[0], &mut [0; 8]), Ok(Received::Data(4)));
    });
}

#[test]
fn a_channel_costs_a_registration_and_a_deregistration() {
    on_each_backend(|backend| {
        let (mut events, counted, _, _peers) = hall(backend, 1);
        let (here, _there) = Socket::pair().unwrap();
        let echo = Echo { counted: Rc::clone(&counted), out: Default::default(), paused: false };
        let spent = cost(&counted, || {
            let key = events.add(here, echo).unwrap();
            for _ in 0..3 {
                events.turn(Some(Duration::ZERO)).unwrap();
            }
            events.close(key).unwrap();
        });
        assert_eq!((spent.registers, spent.reregisters, spent.deregisters), (1, 0, 1));
        assert_eq!((spent.recvs, spent.sends, spent.other), (0, 0, 1), "one question for its state");
    });
}
