//! The world as a [`Net`], and nets that have one inside.

use stheno_core::{Datagram, Error, Half, Kind, Layer, Net, Received, Result, State};

use super::address::Address;
use super::entry::{End, Socket};
use super::errno::{Errno, describe};
use super::memory::Memory;
use super::network::Network;

/// A net that has a simulated network inside, or is one: what [`Watch`](super::Watch) watches.
///
/// Every [`Layer`] over a simulated net is one, however many there are.
pub trait Simulated: Net<Socket = Socket, Address = Address> {
    /// Where the simulated network has its memory.
    type Memory: Memory;
    /// The simulated network, to be used and changed.
    fn sim(&mut self) -> &mut Network<Self::Memory>;
    /// The simulated network.
    fn sim_ref(&self) -> &Network<Self::Memory>;
}

impl<M: Memory> Simulated for Network<M> {
    type Memory = M;
    fn sim(&mut self) -> &mut Self {
        self
    }
    fn sim_ref(&self) -> &Self {
        self
    }
}

impl<L: Layer> Simulated for L
where
    L::Below: Simulated,
{
    type Memory = <L::Below as Simulated>::Memory;
    fn sim(&mut self) -> &mut Network<Self::Memory> {
        self.below_mut().sim()
    }
    fn sim_ref(&self) -> &Network<Self::Memory> {
        self.below().sim_ref()
    }
}

impl<M: Memory> Network<M> {
    fn on<T>(&self, socket: &Socket, doing: &'static str, done: Result<T>) -> Result<T> {
        done.map_err(|why| why.doing(doing).on_descriptor(socket.number() as i32))
    }
}

impl<M: Memory> Net for Network<M> {
    type Socket = Socket;
    type Address = Address;

    fn describe(code: i32) -> &'static str {
        describe(code)
    }

    fn socket(&mut self, kind: Kind, _: &Address) -> Result<Socket> {
        self.fresh(kind).map_err(|why| why.doing("make a socket"))
    }

    fn set_reuse_address(&mut self, socket: &mut Socket) -> Result<()> {
        let done = self.entry_mut(socket.0).map(|entry| entry.reuse = true);
        self.on(socket, "set reuse address", done)
    }

    fn bind(&mut self, socket: &mut Socket, at: &Address) -> Result<()> {
        self.bind_to(socket.0, *at).map_err(|why| at.blame(why.doing("bind")))
    }

    /// As on Linux, `backlog` and one more may wait; whoever calls then is neither accepted nor refused until there is room.
    fn listen(&mut self, socket: &mut Socket, backlog: u32) -> Result<()> {
        let done = self.listen_on(socket.0, backlog);
        self.on(socket, "listen", done)
    }

    fn connect(&mut self, socket: &mut Socket, to: &Address) -> Result<()> {
        self.call(socket.0, *to).map_err(|why| to.blame(why.doing("connect")))
    }

    fn accept(&mut self, socket: &mut Socket) -> Result<Option<(Socket, Address)>> {
        let done = self.accept_from(socket.0);
        self.on(socket, "accept", done)
    }

    fn recv(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Received> {
        self.recv_vectored(socket, [into, &mut []])
    }

    /// Datagrams go into the first slice that has room.
    fn recv_vectored(&mut self, socket: &mut Socket, into: [&mut [u8]; 2]) -> Result<Received> {
        let done = match self.entry(socket.0).map(|entry| &entry.end) {
            Ok(End::Mailbox(_)) => {
                let [first, second] = into;
                let into = if first.is_empty() { second } else { first };
                match into {
                    [] => Ok(Received::Data(0)),
                    into => self.recv_letter(socket.0, into).map(|letter| match letter {
                        Some(letter) => Received::Data(letter.len),
                        None => Received::WouldBlock,
                    }),
                }
            }
            _ => self.recv_bytes(socket.0, into),
        };
        self.on(socket, "receive", done)
    }

    fn recv_urgent(&mut self, socket: &mut Socket) -> Result<Option<u8>> {
        let done = self.recv_urgent_byte(socket.0);
        self.on(socket, "receive urgent data", done)
    }

    fn recv_from(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Option<Datagram<Address>>> {
        self.only_datagrams(socket, "receive a datagram")?;
        let done = self.recv_letter(socket.0, into);
        self.on(socket, "receive a datagram", done)
    }

    fn send(&mut self, socket: &mut Socket, from: &[u8]) -> Result<Option<usize>> {
        let done = match self.entry(socket.0).map(|entry| &entry.end) {
            Ok(End::Mailbox(_)) => self.send_letter(socket.0, from, None).map(|()| Some(from.len())),
            _ => self.send_bytes(socket.0, from),
        };
        self.on(socket, "send", done)
    }

    /// Datagrams come from the first slice that holds anything.
    fn send_vectored(&mut self, socket: &mut Socket, from: [&[u8]; 2]) -> Result<Option<usize>> {
        let [first, second] = from;
        if first.is_empty() || second.is_empty() || self.stream(socket.0).is_none() {
            return self.send(socket, if first.is_empty() { second } else { first });
        }
        match self.send(socket, first)? {
            // What goes wrong with the rest is told to whoever sends it again.
            Some(n) if n == first.len() && self.would_send(socket) => {
                self.send(socket, second).map(|more| Some(n + more.unwrap_or(0)))
            }
            sent => Ok(sent),
        }
    }

    /// As TCP has it, it is one mark at a place of the stream: another one, sent before the peer has taken this, moves it.
    fn send_urgent(&mut self, socket: &mut Socket, byte: u8) -> Result<bool> {
        let done = self.send_urgently(socket.0, byte);
        self.on(socket, "send urgent data", done)
    }

    fn send_to(&mut self, socket: &mut Socket, from: &[u8], to: &Address) -> Result<bool> {
        self.only_datagrams(socket, "send a datagram")?;
        let done = self.send_letter(socket.0, from, Some(*to));
        done.map(|()| true).map_err(|why| to.blame(why.doing("send a datagram")))
    }

    fn shutdown(&mut self, socket: &mut Socket, half: Half) -> Result<()> {
        let done = self.shut_half(socket.0, half);
        self.on(socket, "shut down", done)
    }

    fn take_error(&mut self, socket: &mut Socket) -> Result<Option<Error>> {
        let found = self.entry_mut(socket.0).map(|entry| match &mut entry.end {
            End::Stream(stream) => stream.error.take(),
            End::Mailbox(mailbox) => mailbox.error.take(),
            _ => None,
        });
        let found = self.on(socket, "ask for an error", found)?;
        Ok(found.map(|why| why.error().on_descriptor(socket.number() as i32)))
    }

    fn state(&mut self, socket: &Socket) -> Result<State> {
        let state = self.entry(socket.0).map(|entry| match &entry.end {
            End::Fresh | End::Vacant | End::Ghost { .. } => State::Idle,
            End::Listener(_) => State::Listening,
            End::Mailbox(_) => State::Datagram,
            // How it ended has arrived where it stands in the socket, and an attempt that ended is open: receiving tells.
            End::Stream(stream) => match stream.call {
                Some(_) => State::Connecting,
                None => State::OPEN,
            },
        });
        self.on(socket, "ask the state", state)
    }

    fn local_address(&self, socket: &Socket) -> Result<Address> {
        let here = self.entry(socket.0).map(|entry| entry.here);
        self.on(socket, "ask the local address", here)
    }

    fn peer_address(&self, socket: &Socket) -> Result<Address> {
        let there = self.entry(socket.0).and_then(|entry| match &entry.end {
            End::Stream(stream) if stream.local => Ok(stream.there),
            End::Stream(stream) if stream.call.is_none() && !stream.is_disconnected() => Ok(stream.there),
            End::Mailbox(mailbox) => mailbox.peer.ok_or(Errno::NOTCONN.error()),
            _ => Err(Errno::NOTCONN.error()),
        });
        self.on(socket, "ask the peer's address", there)
    }

    fn close(&mut self, socket: Socket) {
        self.end(socket.0, false);
    }
}

impl<M: Memory> Network<M> {
    fn only_datagrams(&self, socket: &Socket, doing: &'static str) -> Result<()> {
        let end = self.entry(socket.0).map(|entry| &entry.end);
        match self.on(socket, doing, end)? {
            End::Mailbox(_) => Ok(()),
            _ => Err(Error::new(stheno_core::ErrorKind::Unsupported, "not a datagram socket").doing(doing)),
        }
    }

    /// Whether another send would find room, and no error.
    fn would_send(&self, socket: &Socket) -> bool {
        self.stream(socket.0).is_some_and(|stream| !stream.is_broken() && self.room(stream) > 0)
    }
}
