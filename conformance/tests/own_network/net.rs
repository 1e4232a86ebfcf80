//! The stack as a [`Net`]: a handle that closes itself, and each failure classified in one place.

use std::net::SocketAddr;

use stheno::ErrorKind::{self, BadDescriptor, Disconnected, Exhausted, Interrupted, Invalid, Other, Unsupported};
use stheno::net::Datagram;
use stheno::{Error, Half, Kind, Net, Received, Result, State};
use stheno_conformance::Sign;

use crate::stack::{self, Errno};

/// The network, of which there is one to a process.
#[derive(Clone, Copy, Debug)]
pub struct Small;

/// A socket: a number, closed when it is dropped.
#[derive(Debug)]
pub struct Handle {
    number: u8,
    kind: Kind,
}

impl Handle {
    pub fn number(&self) -> u8 {
        self.number
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        stack::close(self.number);
    }
}

impl Net for Small {
    type Socket = Handle;
    type Address = SocketAddr;

    fn socket(&mut self, kind: Kind, _: &SocketAddr) -> Result<Handle> {
        let number = stack::socket(kind).map_err(|why| failed(why, "make a socket"))?;
        Ok(Handle { number, kind })
    }

    fn set_reuse_address(&mut self, socket: &mut Handle) -> Result<()> {
        stack::reuse_address(socket.number).map_err(|why| failed(why, "set reuse address"))
    }

    fn bind(&mut self, socket: &mut Handle, at: &SocketAddr) -> Result<()> {
        stack::bind(socket.number, at).map_err(|why| failed(why, "bind"))
    }

    fn listen(&mut self, socket: &mut Handle, backlog: u32) -> Result<()> {
        stack::listen(socket.number, backlog).map_err(|why| failed(why, "listen"))
    }

    fn connect(&mut self, socket: &mut Handle, to: &SocketAddr) -> Result<()> {
        match stack::connect(socket.number, to) {
            Ok(()) | Err(Errno::INPROGRESS) => Ok(()),
            Err(why) => Err(failed(why, "connect")),
        }
    }

    fn accept(&mut self, socket: &mut Handle) -> Result<Option<(Handle, SocketAddr)>> {
        match stack::accept(socket.number) {
            Ok((number, from)) => Ok(Some((Handle { number, kind: Kind::Stream }, from))),
            // Nobody is there, or who was there has gone.
            Err(Errno::AGAIN | Errno::CONNABORTED) => Ok(None),
            Err(why) => Err(failed(why, "accept")),
        }
    }

    fn recv(&mut self, socket: &mut Handle, into: &mut [u8]) -> Result<Received> {
        if into.is_empty() {
            return Ok(Received::Data(0));
        }
        match stack::recv(socket.number, into) {
            Ok(0) if socket.kind == Kind::Stream => Ok(Received::End),
            Ok(len) => Ok(Received::Data(len)),
            Err(Errno::AGAIN) => Ok(Received::WouldBlock),
            Err(why) => Err(failed(why, "receive")),
        }
    }

    fn recv_from(&mut self, socket: &mut Handle, into: &mut [u8]) -> Result<Option<Datagram<SocketAddr>>> {
        only_for_datagrams(socket)?;
        match stack::recv_from(socket.number, into) {
            Ok((len, from)) => Ok(Some(Datagram { len: len.min(into.len()), truncated: len > into.len(), from })),
            Err(Errno::AGAIN) => Ok(None),
            Err(why) => Err(failed(why, "receive a datagram")),
        }
    }

    fn send(&mut self, socket: &mut Handle, from: &[u8]) -> Result<Option<usize>> {
        match stack::send(socket.number, from) {
            Ok(len) => Ok(Some(len)),
            Err(Errno::AGAIN) => Ok(None),
            Err(why) => Err(failed(why, "send")),
        }
    }

    fn send_to(&mut self, socket: &mut Handle, from: &[u8], to: &SocketAddr) -> Result<bool> {
        only_for_datagrams(socket)?;
        match stack::send_to(socket.number, from, to) {
            Ok(_) => Ok(true),
            Err(Errno::AGAIN) => Ok(false),
            Err(why) => Err(failed(why, "send a datagram")),
        }
    }

    fn shutdown(&mut self, socket: &mut Handle, half: Half) -> Result<()> {
        stack::shutdown(socket.number, half).map_err(|why| failed(why, "shut down"))
    }

    fn take_error(&mut self, socket: &mut Handle) -> Result<Option<Error>> {
        let waiting = stack::error(socket.number).map_err(|why| failed(why, "take the error"))?;
        Ok(waiting.err().map(|why| failed(why, "")))
    }

    fn state(&mut self, socket: &Handle) -> Result<State> {
        if socket.kind == Kind::Datagram {
            return Ok(State::Datagram);
        }
        if stack::is_listening(socket.number).map_err(|why| failed(why, "ask the state"))? {
            return Ok(State::Listening);
        }
        // Whoever has no peer any more has something to read still: the end, or why it ended.
        let over = stack::shows(socket.number, Sign::Data) == Ok(true);
        Ok(if over || stack::peer_name(socket.number).is_ok() { State::OPEN } else { State::Idle })
    }

    fn local_address(&self, socket: &Handle) -> Result<SocketAddr> {
        stack::name(socket.number).map_err(|why| failed(why, "ask the local address"))
    }

    fn peer_address(&self, socket: &Handle) -> Result<SocketAddr> {
        stack::peer_name(socket.number).map_err(|why| failed(why, "ask the peer's address"))
    }

    fn close(&mut self, socket: Handle) {
        drop(socket);
    }
}

/// A stream would take it for a plain call, and forget the address.
fn only_for_datagrams(socket: &Handle) -> Result<()> {
    match socket.kind {
        Kind::Datagram => Ok(()),
        Kind::Stream => Err(Error::new(Unsupported, "a stream has no datagrams")),
    }
}

/// What a number means for the channel. (N2)
pub fn failed(why: Errno, doing: &'static str) -> Error {
    let (kind, text): (ErrorKind, _) = match why {
        Errno::INTR => (Interrupted, "interrupted"),
        Errno::CONNRESET => (Disconnected, "connection reset by peer"),
        Errno::CONNREFUSED => (Disconnected, "connection refused"),
        Errno::PIPE | Errno::NOTCONN => (Disconnected, "not connected"),
        Errno::TIMEDOUT | Errno::HOSTUNREACH | Errno::NETUNREACH => (Disconnected, "the peer is out of reach"),
        Errno::NFILE | Errno::MFILE | Errno::NOBUFS | Errno::NOMEM => (Exhausted, "no more sockets or buffers"),
        Errno::BADF => (BadDescriptor, "not an open handle"),
        Errno::OPNOTSUPP => (Unsupported, "not in this state"),
        Errno::MSGSIZE => (Invalid, "too long for a datagram"),
        Errno::INVAL | Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT => (Invalid, "that makes no sense here"),
        _ => (Other, "the stack refused"),
    };
    // Transcripts name errors by their numbers.
    Error::new(kind, text).with_code(why.raw_os_error()).doing(doing)
}
