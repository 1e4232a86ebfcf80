//! The suite on the crate `polling`, in its level mode: what it does otherwise than the contract says.
#![cfg(target_os = "linux")]

mod neighbours;

use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use neighbours::{DIVERGENCES, Keys, Results, failure, gone, token};
use polling::{Event, Events, PollMode, Poller};
use stheno::backend::REGISTERED_TWICE;
use stheno::{Backend, Fired, Instant, Interest, Key, Net, Open, Os, Readiness, Result};
use stheno_conformance::{Backing, Ground, diverges};

/// What fails besides, and what `polling` does instead.
#[rustfmt::skip]
const BESIDES: &[(&str, &str)] = &[
    ("contract/no-interest-is-no-result-and-no-end", SPINS),
    ("contract/out-of-the-set-a-hang-up-is-silent", SPINS),
    ("contract/out-of-the-set-a-hang-up-of-a-unix-pair-or-a-pipe-is-silent", SPINS),
    ("contract/state-pipe-empty-whose-writer-closed", HUNG_UP),
    ("contract/state-pipe-with-data-whose-writer-closed", HUNG_UP),
];

const SPINS: &str =
    "Event::none still ends every wait once the peer has hung up, and tells nothing: the loop would spin";
const HUNG_UP: &str = "a hang-up is told as room to send";

/// Hands everything on, and hides nothing but what was not asked for: an interest in nothing is [`Event::none`], a wait is
/// a wait.
struct Polling {
    poller: Poller,
    events: Events,
    keys: Keys,
    results: Results,
}

impl Open for Polling {
    fn open() -> Result<Self> {
        let poller = Poller::new().map_err(failure)?;
        Ok(Self { poller, events: Events::new(), keys: Keys::default(), results: Results::default() })
    }
}

fn asked(key: Key, interest: Interest) -> Event {
    let event = Event::new(token(key), interest.contains(Interest::READ), interest.contains(Interest::WRITE));
    if interest.contains(Interest::PRIORITY) { event.with_priority() } else { event }
}

fn said(event: &Event) -> Readiness {
    Readiness::READABLE.when(event.readable)
        | Readiness::WRITABLE.when(event.writable)
        | Readiness::PRIORITY.when(event.is_priority())
        | Readiness::HANGUP.when(event.is_interrupt())
        | Readiness::ERROR.when(event.is_err() == Some(true))
}

impl<N: Net<Socket: AsFd>> Backend<N> for Polling {
    fn register(&mut self, _: &mut N, socket: &N::Socket, key: Key, interest: Interest) -> Result<()> {
        if self.keys.known(token(key)).is_some() {
            return Err(REGISTERED_TWICE);
        }
        let fd = socket.as_fd();
        // SAFETY: the source must be deleted before it is closed, which clause B1 promises; where a case breaks that on
        // purpose, epoll forgets the descriptor by itself, and nothing is read or written through it.
        unsafe { self.poller.add_with_mode(&fd, asked(key, interest), PollMode::Level) }.map_err(failure)?;
        self.keys.set(token(key), fd.as_raw_fd(), interest);
        Ok(())
    }

    fn reregister(&mut self, _: &mut N, socket: &N::Socket, key: Key, interest: Interest) -> Result<()> {
        let fd = socket.as_fd();
        self.poller.modify_with_mode(fd, asked(key, interest), PollMode::Level).map_err(failure)?;
        self.keys.set(token(key), fd.as_raw_fd(), interest);
        Ok(())
    }

    fn deregister(&mut self, _: &mut N, socket: &N::Socket, key: Key) -> Result<()> {
        if !self.keys.forget(token(key)) {
            return Ok(());
        }
        gone(self.poller.delete(socket.as_fd()))
    }

    fn wait(&mut self, _: &mut N, timeout: Option<Duration>) -> Result<usize> {
        self.events.clear();
        self.poller.wait(&mut self.events, timeout).map_err(failure)?;
        let keys = &self.keys;
        Ok(self.results.fill(self.events.iter().filter_map(|event| keys.fired(event.key, said(&event)))))
    }

    fn next(&mut self) -> Option<Fired> {
        self.results.take()
    }

    fn now(&mut self, _: &N) -> Instant {
        Os.clock()
    }

    fn name(&self) -> &'static str {
        "polling"
    }
}

#[test]
fn polling_diverges_as_it_is_known_to() {
    match diverges(&Backing::of::<Polling>("polling"), &[DIVERGENCES, BESIDES].concat()) {
        Ok(report) => println!("{report}"),
        Err(why) => panic!("{why}"),
    }
}
