//! The backend over a net that fails on order.

use core::cell::RefCell;
use core::time::Duration;

use stheno_core::backend::{Open, wait_out};
use stheno_core::{Backend, Fired, Instant, Interest, Key, Net, Result};

use super::{Call, Faulty, Outcome, error};

/// A backend for a [`Faulty`] net whose registrations fail on order, and whose waits are interrupted.
#[derive(Debug, Default)]
pub struct FaultyBackend<B>(pub B);

impl<B: Open> Open for FaultyBackend<B> {
    fn open() -> Result<Self> {
        B::open().map(Self)
    }
}

impl<N: Net, B: Backend<N>> Backend<Faulty<N>> for FaultyBackend<B> {
    fn register(&mut self, net: &mut Faulty<N>, socket: &N::Socket, key: Key, interest: Interest) -> Result<()> {
        net.fails(Call::Register, Some(socket))?;
        self.0.register(&mut net.below, socket, key, interest)
    }
    fn reregister(&mut self, net: &mut Faulty<N>, socket: &N::Socket, key: Key, interest: Interest) -> Result<()> {
        net.fails(Call::Reregister, Some(socket))?;
        self.0.reregister(&mut net.below, socket, key, interest)
    }
    fn deregister(&mut self, net: &mut Faulty<N>, socket: &N::Socket, key: Key) -> Result<()> {
        self.0.deregister(&mut net.below, socket, key)
    }
    fn wait(&mut self, net: &mut Faulty<N>, timeout: Option<Duration>) -> Result<usize> {
        if net.strike(Call::Wait, None).is_none() {
            return self.0.wait(&mut net.below, timeout);
        }
        let parts = RefCell::new((&mut self.0, &mut net.below));
        let mut interrupted = false;
        let now = || {
            let (backend, net) = &mut *parts.borrow_mut();
            backend.now(net)
        };
        wait_out(timeout, now, |left| {
            let (backend, net) = &mut *parts.borrow_mut();
            if interrupted {
                return backend.wait(net, left);
            }
            // The signal comes after half of the time, or when something has been found: that is found again (B4).
            interrupted = true;
            backend.wait(net, Some(left.unwrap_or_default() / 2))?;
            Err(error(Call::Wait, Outcome::Interrupted))
        })
    }
    fn next(&mut self) -> Option<Fired> {
        self.0.next()
    }
    fn now(&mut self, net: &Faulty<N>) -> Instant {
        self.0.now(&net.below)
    }
    fn name(&self) -> &'static str {
        self.0.name()
    }
}
