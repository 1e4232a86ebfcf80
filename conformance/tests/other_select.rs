//! The suite on the operating system's select as systems have it whose sockets begin at a high number, and whose third set
//! means trouble: the same stories, as far as nobody asks for urgent bytes.
#![cfg(unix)]

use std::os::fd::AsFd;
use std::time::Duration;

use stheno::backend::Except;
use stheno::select::{Heap, Select};
use stheno::{Backend, Fired, Instant, Interest, Key, Net, Open, Result};
use stheno_conformance::{Backing, Need, suite};

suite!(
    other_select,
    Backing::of::<Other>("select from 3, with trouble")
        .without(Need::Urgent, "an urgent byte is taken for trouble")
        .leaving_out(
            "contract/closed-behind-the-backend-is-told-once-or-never",
            "who asks for urgent bytes alone is not watched"
        )
);

/// Descriptors 0 to 2 are open in every process, and nobody watches them here.
struct Other(Select<Heap>);

impl Open for Other {
    fn open() -> Result<Self> {
        Ok(Self(Select::with_base(Heap::default(), 3).excepting(Except::Trouble)))
    }
}

impl<N: Net<Socket: AsFd>> Backend<N> for Other {
    fn register(&mut self, net: &mut N, socket: &N::Socket, key: Key, interest: Interest) -> Result<()> {
        self.0.register(net, socket, key, interest)
    }
    fn reregister(&mut self, net: &mut N, socket: &N::Socket, key: Key, interest: Interest) -> Result<()> {
        self.0.reregister(net, socket, key, interest)
    }
    fn deregister(&mut self, net: &mut N, socket: &N::Socket, key: Key) -> Result<()> {
        self.0.deregister(net, socket, key)
    }
    fn wait(&mut self, net: &mut N, timeout: Option<Duration>) -> Result<usize> {
        self.0.wait(net, timeout)
    }
    fn next(&mut self) -> Option<Fired> {
        Backend::<N>::next(&mut self.0)
    }
    fn now(&mut self, net: &N) -> Instant {
        self.0.now(net)
    }
    fn name(&self) -> &'static str {
        Backend::<N>::name(&self.0)
    }
}
