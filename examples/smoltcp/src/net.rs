//! The stack as a [`Net`].

use smoltcp::phy::Device;
use smoltcp::socket::tcp::{ConnectError, RecvError, SendError};
use smoltcp::wire::{IpEndpoint, IpListenEndpoint};
use stheno_core::{Error, Half, Kind, Net, Received, Result, State};

use crate::clock::Clock;
use crate::errno::{Errno, describe};
use crate::place::{Place, Role, Socket};
use crate::stack::Stack;

impl<D: Device, C: Clock, const N: usize> Stack<'_, D, C, N> {
    fn binds(&mut self, socket: &Socket, at: IpEndpoint) -> Result<(), Errno> {
        let place = self.place(socket)?;
        if place.role != Role::Fresh || place.door.is_some() {
            return Err(Errno::Invalid);
        }
        let reuse = place.reuse;
        if !at.addr.is_unspecified() && !self.interface.has_ip_addr(at.addr) {
            return Err(Errno::NoAddress);
        }
        let port = if at.port == 0 { self.port()? } else { at.port };
        let at = IpEndpoint::new(at.addr, port);
        if !self.is_free(at, reuse) {
            return Err(Errno::InUse);
        }
        self.both(socket)?.0.door = Some(at);
        Ok(())
    }

    fn listens(&mut self, socket: &Socket, backlog: u32) -> Result<(), Errno> {
        let place = self.place(socket)?;
        match (place.role, place.door) {
            (Role::Listener { .. }, _) => {}
            (Role::Fresh, Some(door)) => self.begin_listening(socket.place, door)?,
            _ => return Err(Errno::Invalid),
        }
        self.both(socket)?.0.role = Role::Listener { backlog };
        self.tend_lines();
        Ok(())
    }

    fn connects(&mut self, socket: &Socket, to: IpEndpoint) -> Result<(), Errno> {
        let place = self.place(socket)?;
        let door = match place.role {
            Role::Fresh => place.door,
            Role::Listener { .. } => return Err(Errno::Invalid),
            _ => return Err(Errno::Connected),
        };
        let port = match door {
            Some(at) => at.port,
            None => self.port()?,
        };
        let from = IpListenEndpoint { addr: door.map(|at| at.addr).filter(|at| !at.is_unspecified()), port };
        let place = self.places.get_mut(socket.place).ok_or(Errno::BadDescriptor)?;
        let stream =
            self.sockets.get_mut::<smoltcp::socket::tcp::Socket<'_>>(place.handle.ok_or(Errno::BadDescriptor)?);
        stream.connect(self.interface.context(), to, from).map_err(|why| match why {
            ConnectError::InvalidState => Errno::Invalid,
            ConnectError::Unaddressable => Errno::NoAddress,
        })?;
        (place.role, place.was) = (Role::Connecting, stream.state());
        (place.here, place.peer) = (stream.local_endpoint(), Some(to));
        Ok(())
    }

    fn receives(&mut self, socket: &Socket, into: &mut [u8]) -> Result<Received, Errno> {
        let (place, stream) = self.both(socket)?;
        match place.role {
            Role::Connecting => return Ok(Received::WouldBlock),
            Role::Stream => {}
            _ => return Err(Errno::NotConnected),
        }
        if into.is_empty() {
            return Ok(Received::Data(0));
        }
        match stream.recv_slice(into) {
            Ok(0) => {}
            Ok(len) => return Ok(Received::Data(len)),
            Err(RecvError::Finished) => return Ok(Received::End),
            Err(RecvError::InvalidState) => {}
        }
        if place.ended {
            return Ok(Received::End);
        }
        match place.error.take() {
            Some(why) => Err(why),
            None if place.shut.0 || place.is_over() => Ok(Received::End),
            None => Ok(Received::WouldBlock),
        }
    }

    fn sends(&mut self, socket: &Socket, from: &[u8]) -> Result<Option<usize>, Errno> {
        let (place, stream) = self.both(socket)?;
        match place.role {
            Role::Connecting => return Ok(None),
            Role::Stream => {}
            _ => return Err(Errno::Pipe),
        }
        if let Some(why) = place.error.take() {
            return Err(why);
        }
        if place.shut.1 {
            return Err(Errno::Pipe);
        }
        match stream.send_slice(from) {
            Ok(0) if !from.is_empty() => Ok(None),
            Ok(len) => Ok(Some(len)),
            Err(SendError::InvalidState) => Err(Errno::Pipe),
        }
    }

    fn shuts(&mut self, socket: &Socket, half: Half) -> Result<(), Errno> {
        if let Role::Listener { .. } = self.place(socket)?.role {
            // As on Linux: who hears nothing lets nobody in, and what else it would say does not matter.
            if half == Half::Read {
                self.unlisten(socket.place);
            }
            return Ok(());
        }
        let (place, stream) = self.both(socket)?;
        if place.role != Role::Stream || place.peer.is_none() {
            return Err(Errno::NotConnected);
        }
        match half {
            Half::Read => place.shut.0 = true,
            Half::Write => {
                place.shut.1 = true;
                stream.close();
                // Not noticed as an end of the peer's: it is ours.
                place.was = stream.state();
            }
        }
        Ok(())
    }

    fn is(&mut self, socket: &Socket) -> Result<State, Errno> {
        Ok(match self.place(socket)?.role {
            Role::Listener { .. } => State::Listening,
            Role::Connecting => State::Connecting,
            Role::Stream => State::OPEN,
            _ => State::Idle,
        })
    }
}

impl<D: Device, C: Clock, const N: usize> Net for Stack<'_, D, C, N> {
    type Socket = Socket;
    type Address = IpEndpoint;

    fn describe(code: i32) -> &'static str {
        describe(code)
    }

    fn socket(&mut self, kind: Kind, _: &IpEndpoint) -> Result<Socket> {
        let made = match kind {
            Kind::Stream => self.vacancy().and_then(|at| self.occupy(at, Role::Fresh)),
            Kind::Datagram => Err(Errno::Unsupported),
        };
        made.map_err(|why| why.doing("make a socket"))
    }

    fn set_reuse_address(&mut self, socket: &mut Socket) -> Result<()> {
        let set = self.both(socket).map(|(place, _)| place.reuse = true);
        set.map_err(|why| why.doing("set reuse address"))
    }

    fn bind(&mut self, socket: &mut Socket, at: &IpEndpoint) -> Result<()> {
        self.binds(socket, *at).map_err(|why| why.doing("bind"))
    }

    /// Who calls while `backlog` and one more wait, or while there is no vacant socket, is refused.
    fn listen(&mut self, socket: &mut Socket, backlog: u32) -> Result<()> {
        self.listens(socket, backlog).map_err(|why| why.doing("listen"))
    }

    fn connect(&mut self, socket: &mut Socket, to: &IpEndpoint) -> Result<()> {
        self.connects(socket, *to).map_err(|why| why.doing("connect"))
    }

    fn accept(&mut self, socket: &mut Socket) -> Result<Option<(Socket, IpEndpoint)>> {
        let accept = |net: &mut Self| {
            let Role::Listener { .. } = net.place(socket)?.role else { return Err(Errno::Invalid) };
            let Some(caller) = net.let_in(socket.place)? else { return Ok(None) };
            let from = net.place(&caller)?.peer.ok_or(Errno::NotConnected)?;
            Ok(Some((caller, from)))
        };
        accept(self).map_err(|why| why.doing("accept"))
    }

    fn recv(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Received> {
        self.receives(socket, into).map_err(|why| why.doing("receive"))
    }

    fn send(&mut self, socket: &mut Socket, from: &[u8]) -> Result<Option<usize>> {
        self.sends(socket, from).map_err(|why| why.doing("send"))
    }

    fn shutdown(&mut self, socket: &mut Socket, half: Half) -> Result<()> {
        self.shuts(socket, half).map_err(|why| why.doing("shut down"))
    }

    fn take_error(&mut self, socket: &mut Socket) -> Result<Option<Error>> {
        let (place, _) = self.both(socket).map_err(|why| why.doing("take the error"))?;
        Ok(place.error.take().map(|why| why.doing("")))
    }

    fn state(&mut self, socket: &Socket) -> Result<State> {
        self.is(socket).map_err(|why| why.doing("ask the state"))
    }

    fn local_address(&self, socket: &Socket) -> Result<IpEndpoint> {
        let of = |place: &Place| match place.role {
            Role::Listener { .. } | Role::Fresh => place.door,
            _ => place.here.or(place.door),
        };
        let known = self.place(socket).and_then(|place| of(place).ok_or(Errno::Invalid));
        known.map_err(|why| why.doing("ask the local address"))
    }

    fn peer_address(&self, socket: &Socket) -> Result<IpEndpoint> {
        let connected = |place: &Place| place.peer.filter(|_| place.role == Role::Stream).ok_or(Errno::NotConnected);
        self.place(socket).and_then(connected).map_err(|why| why.doing("ask the peer's address"))
    }

    fn close(&mut self, socket: Socket) {
        match self.place(&socket).map(|place| place.role) {
            Ok(Role::Listener { .. }) => {
                self.unlisten(socket.place);
                self.vacate(socket.place);
            }
            Ok(Role::Fresh) => self.vacate(socket.place),
            Ok(_) => self.orphan(socket.place),
            Err(_) => {}
        }
    }
}
