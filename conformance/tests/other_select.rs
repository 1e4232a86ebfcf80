//! The suite on the operating system's select as ESP-IDF has it: sockets begin at 54, the third set means trouble, and an eventfd
//! is the only waker there is. The same stories, as far as nobody asks for urgent bytes or for another waker.
#![cfg(unix)]

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::io::fcntl_dupfd_cloexec;
use stheno::backend::Except;
use stheno::select::{Heap, Select};
use stheno::{Backend, Fired, Instant, Interest, Key, Net, Open, Result};
use stheno_conformance::{Backing, Need, suite};

suite!(
    other_select,
    from_54()
        .without(Need::Urgent, "an urgent byte is taken for trouble")
        .leaving_out(
            "contract/closed-behind-the-backend-is-told-once-or-never",
            "who asks for urgent bytes alone is not watched"
        )
        .leaving_out("contract/each-sound-wakes-the-loop-and-rings-as-one", "an eventfd is the only one there is")
);

/// The number of the first socket.
const FIRST: i32 = 54;

/// Takes all numbers before the first socket's, for as long as the process lives.
fn from_54() -> Backing {
    static TAKEN: OnceLock<Vec<OwnedFd>> = OnceLock::new();
    TAKEN.get_or_init(|| {
        let mut taken = vec![OwnedFd::from(std::fs::File::open("/dev/null").expect("every system has it"))];
        loop {
            let copy = fcntl_dupfd_cloexec(&taken[0], 0).expect("there are numbers left");
            if copy.as_raw_fd() >= FIRST {
                return taken;
            }
            taken.push(copy);
        }
    });
    Backing::of::<Other>("select from 54, with trouble")
}

/// What has a lower number is refused, as there is no bit for it.
struct Other(Select<Heap>);

impl Open for Other {
    fn open() -> Result<Self> {
        Ok(Self(Select::with_base(Heap::default(), FIRST).excepting(Except::Trouble)))
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
