//! The world outside of the program: peers, and what no program does to itself.

use stheno_core::{Kind, Net, Result};

use super::address::Address;
use super::entry::{End, Socket};
use super::memory::Memory;
use super::network::Network;
use super::stream::Stream;

impl<M: Memory> Network<M> {
    /// A connected pair: a socket for the program, and its peer, which does not count against the limit.
    pub fn pair(&mut self) -> Result<(Socket, Socket)> {
        self.pair_of(false)
    }

    /// A connected pair as within one machine (`socketpair` of the Unix family), whose ends see at once what the other does.
    ///
    /// To send to a peer that has closed, or that has shut its reading half, is a broken pipe from then on (`EPIPE`), and a
    /// peer's close is a hang-up, with an error where the peer left something unread (`ECONNRESET`). Neither end has an
    /// address, nothing is ever under way, a [`reset`](Self::reset) is a close, and there are no urgent bytes: to send one is
    /// an error (`EOPNOTSUPP`). Of the [links](Self::set_link) of its ends only the window counts.
    ///
    /// ```
    /// use stheno_conformance::sim::Sim;
    /// use stheno_core::{Half, Net};
    /// let mut net = Sim::new();
    /// let (mut ours, mut theirs) = net.local_pair()?;
    /// net.shutdown(&mut theirs, Half::Read)?;
    /// assert_eq!(net.send(&mut ours, b"hello").unwrap_err().code(), 32);
    /// # Ok::<(), stheno_core::Error>(())
    /// ```
    pub fn local_pair(&mut self) -> Result<(Socket, Socket)> {
        self.pair_of(true)
    }

    fn pair_of(&mut self, local: bool) -> Result<(Socket, Socket)> {
        let theirs = self.outside(|net| net.fresh(Kind::Stream))?;
        match self.pair_with(&theirs, local) {
            Ok(ours) => Ok((ours, theirs)),
            Err(why) => {
                self.close(theirs);
                Err(why.doing("make a pair"))
            }
        }
    }

    fn pair_with(&mut self, theirs: &Socket, local: bool) -> Result<Socket> {
        let ours = self.fresh(Kind::Stream)?;
        match self.join(&ours, theirs, local) {
            Ok(()) => Ok(ours),
            Err(why) => {
                self.close(ours);
                Err(why)
            }
        }
    }

    fn join(&mut self, ours: &Socket, theirs: &Socket, local: bool) -> Result<()> {
        let (here, there) = match local {
            true => (Address::ANY, Address::ANY),
            false => (self.settle_at(ours.0, Address::ANY)?, self.settle_at(theirs.0, Address::ANY)?),
        };
        self.entry_mut(ours.0)?.end = End::Stream(Stream { local, ..Stream::new(there, Some(theirs.0)) });
        self.entry_mut(theirs.0)?.end = End::Stream(Stream { local, ..Stream::new(here, Some(ours.0)) });
        Ok(())
    }

    /// A peer that begins to connect there.
    pub fn dial(&mut self, to: Address) -> Result<Socket> {
        self.outside(|net| {
            let mut caller = net.socket(Kind::Stream, &to)?;
            let begun = net.connect(&mut caller, &to);
            net.or_close(caller, begun)
        })
    }

    /// A peer that listens there, at any port that is free for [`Address::ANY`].
    pub fn host(&mut self, at: Address) -> Result<Socket> {
        self.outside(|net| {
            let mut host = net.socket(Kind::Stream, &at)?;
            let ready = net.bind(&mut host, &at).and_then(|()| net.listen(&mut host, 1024));
            net.or_close(host, ready)
        })
    }

    /// A peer that sends and receives datagrams there, at any port that is free for [`Address::ANY`].
    pub fn mailbox_at(&mut self, at: Address) -> Result<Socket> {
        self.outside(|net| {
            let mut mailbox = net.socket(Kind::Datagram, &at)?;
            let ready = net.bind(&mut mailbox, &at);
            net.or_close(mailbox, ready)
        })
    }

    fn or_close(&mut self, socket: Socket, done: Result<()>) -> Result<Socket> {
        match done {
            Ok(()) => Ok(socket),
            Err(why) => {
                self.close(socket);
                Err(why)
            }
        }
    }

    /// Closes a connection with a reset, as a peer that has crashed does. (`SO_LINGER` of no time) A [local
    /// one](Self::local_pair) knows none, and is closed.
    pub fn reset(&mut self, socket: Socket) {
        self.end(socket.0, true);
    }

    /// Closes a socket that somebody else holds, behind the back of the program and the backend: the handle is stale from
    /// then on.
    pub fn close_behind(&mut self, socket: &Socket) {
        self.end(socket.0, false);
    }
}
