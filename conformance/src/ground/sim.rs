//! The simulated network as a ground: the far ends are sockets of the same world, used without the loop.

use core::mem::ManuallyDrop;
use core::time::Duration;

use stheno_core::{Error, ErrorKind, Half, Instant, Kind, Net, Received};

use super::{Failure, Family, Ground, Sign};
use crate::sim::{Address, Deed, Link, Sim, Socket};

/// What is sent later, and by whom.
#[derive(Debug)]
pub struct Later(Socket);

impl Ground for Sim {
    type Peer = Socket;
    /// How many sockets may be held.
    type Shortage = usize;
    type Later = Later;

    fn open() -> Result<Self, Failure> {
        let mut net = Self::new();
        // As much as a loopback takes before the sender has to wait.
        net.set_link(Link { window: 1 << 20, ..Link::PLAIN });
        Ok(net)
    }

    fn anywhere(_: Family) -> Result<Address, Failure> {
        Ok(Address::ANY)
    }

    fn nowhere(&mut self) -> Result<Address, Failure> {
        let host = self.host(Address::ANY)?;
        let at = self.local_address(&host)?;
        self.close(host);
        Ok(at)
    }

    fn pair(&mut self) -> Result<(Socket, Socket), Failure> {
        Ok(Sim::pair(self)?)
    }

    fn local_pair(&mut self) -> Result<(Socket, Socket), Failure> {
        Ok(Sim::local_pair(self)?)
    }

    fn sockets(&mut self) -> Result<(Socket, Socket), Failure> {
        Ok(Sim::pair(self)?)
    }

    fn host(&mut self) -> Result<Socket, Failure> {
        Ok(Sim::host(self, Address::ANY)?)
    }

    fn take(&mut self, host: &mut Socket) -> Result<Socket, Failure> {
        self.settle();
        let (taken, _) = self.outside(|net| net.accept(host))?.ok_or("nobody called")?;
        Ok(taken)
    }

    fn dial(&mut self, to: &Address) -> Result<Socket, Failure> {
        let mut caller = Sim::dial(self, *to)?;
        self.settle();
        match self.take_error(&mut caller)? {
            Some(why) => Err(why.into()),
            None => Ok(caller),
        }
    }

    fn mailbox(&mut self) -> Result<Socket, Failure> {
        let mut mailbox = self.socket(Kind::Datagram, &Address::ANY)?;
        self.bind(&mut mailbox, &Address::ANY)?;
        Ok(mailbox)
    }

    fn sender(&mut self, to: &Address) -> Result<Socket, Failure> {
        let mut sender = self.mailbox_at(Address::ANY)?;
        self.connect(&mut sender, to)?;
        Ok(sender)
    }

    fn address(&self, peer: &Socket) -> Result<Address, Failure> {
        Ok(self.local_address(peer)?)
    }

    fn say(&mut self, peer: &mut Socket, data: &[u8]) -> Result<(), Failure> {
        // An empty datagram is one; nothing at all on a stream is nothing.
        let mut sent = self.send(peer, data)?.ok_or(NO_ROOM)?;
        while sent < data.len() {
            sent += self.send(peer, &data[sent..])?.ok_or(NO_ROOM)?;
        }
        Ok(())
    }

    fn urge(&mut self, peer: &mut Socket, data: &[u8]) -> Result<(), Failure> {
        // As TCP has it, the last byte is the urgent one.
        let (last, first) = data.split_last().ok_or("nothing is urgent")?;
        if !first.is_empty() {
            self.say(peer, first)?;
        }
        if self.send_urgent(peer, *last)? { Ok(()) } else { Err(NO_ROOM.into()) }
    }

    fn hear(&mut self, peer: &mut Socket, into: &mut [u8]) -> Result<Received, Failure> {
        Ok(self.recv(peer, into)?)
    }

    fn half_close(&mut self, peer: &mut Socket, half: Half) -> Result<(), Failure> {
        Ok(self.shutdown(peer, half)?)
    }

    fn hang_up(&mut self, peer: Socket) {
        self.close(peer);
    }

    fn reset(&mut self, peer: Socket) -> Result<(), Failure> {
        Sim::reset(self, peer);
        Ok(())
    }

    fn say_later(&mut self, after: Duration, peer: Socket, data: &'static [u8]) -> Result<Later, Failure> {
        self.after(after, &peer, Deed::Send(data))?;
        Ok(Later(peer))
    }

    fn done(&mut self, later: Later) -> Result<Socket, Failure> {
        match self.take_failure() {
            Some(why) => Err(why.into()),
            None => Ok(later.0),
        }
    }

    /// All that is under way arrives; that it shows is what the backend under test is asked for.
    fn reached(&mut self, _: &Socket, _: &[Sign]) -> Result<(), Failure> {
        self.settle();
        Ok(())
    }

    fn narrow(&mut self, socket: &Socket, bytes: usize) -> Result<(), Failure> {
        Ok(self.set_link_of(socket, Link { window: bytes, ..Link::PLAIN })?)
    }

    fn narrow_peer(&mut self, peer: &mut Socket, bytes: usize) -> Result<(), Failure> {
        self.narrow(peer, bytes)
    }

    fn pass(&mut self, time: Duration) {
        self.advance(time);
    }

    fn clock(&self) -> Instant {
        self.now()
    }

    fn close_behind(&mut self, socket: Socket) -> Result<ManuallyDrop<Socket>, Failure> {
        Sim::close_behind(self, &socket);
        Ok(ManuallyDrop::new(socket))
    }

    fn shortage(&mut self) -> Result<usize, Failure> {
        let held = self.held();
        self.set_limit(held);
        Ok(held)
    }

    fn ease(&mut self, shortage: &mut usize) {
        *shortage += 1;
        self.set_limit(*shortage);
    }

    fn relieve(&mut self, _: usize) {
        self.set_limit(usize::MAX);
    }
}

const NO_ROOM: Error = Error::new(ErrorKind::Full, "there is no room at the other end");
