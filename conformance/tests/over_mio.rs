//! The suite on the crate `mio`, made level-triggered as far as it can be: what it does otherwise than the contract says.
#![cfg(target_os = "linux")]

mod neighbours;

use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Poll, Token};
use neighbours::{DIVERGENCES, Keys, Results, failure, gone, token};
use stheno::backend::{REGISTERED_TWICE, wait_out};
use stheno::{Backend, Fired, Instant, Interest, Key, Net, Open, Os, Readiness, Result};
use stheno_conformance::{Backing, Ground, Suite, diverges};

/// What a careful user of `mio` writes who needs levels. `mio` tells edges; registering again asks anew, and so that is
/// done before each wait for whatever was told by the one before. It has no interest in nothing: that is not to be
/// registered. Its waits may end early, which it says, and are waited out.
struct Mio<const AGAIN: bool> {
    poll: Poll,
    events: Events,
    keys: Keys,
    results: Results,
    /// What the last wait told.
    told: Vec<usize>,
}

impl<const AGAIN: bool> Open for Mio<AGAIN> {
    fn open() -> Result<Self> {
        let poll = Poll::new().map_err(failure)?;
        let events = Events::with_capacity(1024);
        Ok(Self { poll, events, keys: Keys::default(), results: Results::default(), told: Vec::new() })
    }
}

/// What `mio` is asked for; it cannot be asked for nothing.
fn asked(interest: Interest) -> Option<mio::Interest> {
    let all = [
        (Interest::READ, mio::Interest::READABLE),
        (Interest::WRITE, mio::Interest::WRITABLE),
        (Interest::PRIORITY, mio::Interest::PRIORITY),
    ];
    let asked = all.into_iter().filter(|(ours, _)| interest.contains(*ours)).map(|(_, theirs)| theirs);
    asked.reduce(mio::Interest::add)
}

fn said(event: &mio::event::Event) -> Readiness {
    Readiness::READABLE.when(event.is_readable() || event.is_read_closed())
        | Readiness::WRITABLE.when(event.is_writable())
        | Readiness::PRIORITY.when(event.is_priority())
        | Readiness::HANGUP.when(event.is_read_closed() && event.is_write_closed())
        | Readiness::ERROR.when(event.is_error())
}

impl<const AGAIN: bool> Mio<AGAIN> {
    /// From one interest to another: in, out, or changed.
    fn settle(&mut self, fd: RawFd, key: usize, before: Interest, after: Interest) -> Result<()> {
        let (registry, mut source, token) = (self.poll.registry(), SourceFd(&fd), Token(key));
        match (asked(before), asked(after)) {
            (None, None) => Ok(()),
            (None, Some(interest)) => registry.register(&mut source, token, interest).map_err(failure),
            (Some(_), Some(interest)) => registry.reregister(&mut source, token, interest).map_err(failure),
            (Some(_), None) => registry.deregister(&mut source).map_err(failure),
        }?;
        self.keys.set(key, fd, after);
        Ok(())
    }
}

impl<N: Net<Socket: AsFd>, const AGAIN: bool> Backend<N> for Mio<AGAIN> {
    fn register(&mut self, _: &mut N, socket: &N::Socket, key: Key, interest: Interest) -> Result<()> {
        if self.keys.known(token(key)).is_some() {
            return Err(REGISTERED_TWICE);
        }
        self.settle(socket.as_fd().as_raw_fd(), token(key), Interest::NONE, interest)
    }

    fn reregister(&mut self, _: &mut N, socket: &N::Socket, key: Key, interest: Interest) -> Result<()> {
        let before = self.keys.known(token(key)).map_or(Interest::NONE, |(_, interest)| interest);
        self.settle(socket.as_fd().as_raw_fd(), token(key), before, interest)
    }

    fn deregister(&mut self, _: &mut N, socket: &N::Socket, key: Key) -> Result<()> {
        let watched = self.keys.known(token(key)).is_some_and(|(_, interest)| !interest.is_empty());
        self.keys.forget(token(key));
        if !watched {
            return Ok(());
        }
        gone(self.poll.registry().deregister(&mut SourceFd(&socket.as_fd().as_raw_fd())))
    }

    fn wait(&mut self, _: &mut N, timeout: Option<Duration>) -> Result<usize> {
        for key in self.told.drain(..).filter(|_| AGAIN) {
            if let Some((fd, interest)) = self.keys.known(key)
                && let Some(interest) = asked(interest)
            {
                // What was closed behind its back is told no more.
                gone(self.poll.registry().reregister(&mut SourceFd(&fd), Token(key), interest))?;
            }
        }
        wait_out(
            timeout,
            || Os.clock(),
            |left| {
                self.poll.poll(&mut self.events, left).map_err(failure)?;
                self.told.extend(self.events.iter().map(|event| event.token().0));
                let keys = &self.keys;
                let fired = self.events.iter().filter_map(|event| keys.fired(event.token().0, said(event)));
                Ok(self.results.fill(fired))
            },
        )
    }

    fn next(&mut self) -> Option<Fired> {
        self.results.take()
    }

    fn now(&mut self, _: &N) -> Instant {
        Os.clock()
    }

    fn name(&self) -> &'static str {
        "mio"
    }
}

#[test]
fn mio_diverges_as_it_is_known_to() {
    match diverges(&Backing::of::<Mio<true>>("mio"), DIVERGENCES) {
        Ok(report) => println!("{report}"),
        Err(why) => panic!("{why}"),
    }
}

/// As it comes, what was told once is not told again.
#[test]
fn as_it_comes_mio_tells_edges() {
    let case = "contract/readiness-is-told-until-it-is-over";
    let failed = |backing| Suite::with_own_scenarios().filter(case).run(&[backing]).failed();
    assert_eq!(failed(Backing::of::<Mio<false>>("edges")), 1);
    assert_eq!(failed(Backing::of::<Mio<true>>("levels")), 0);
}
