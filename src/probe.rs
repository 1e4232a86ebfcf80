//! Finding out what state a descriptor is in that was made elsewhere.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::{Errno, retry_on_intr};
use rustix::net;
use stheno_core::{Result, Shut, State};

use crate::Socket;
use crate::socket::Class;

pub(crate) fn state(socket: &Socket) -> Result<State> {
    match socket.class() {
        Class::Datagram => Ok(State::Datagram),
        Class::Stream if is_listening(socket)? => Ok(State::Listening),
        Class::Stream => match net::getpeername(socket) {
            Ok(_) => Ok(State::OPEN),
            // BSD's word for a connection that was reset.
            Err(Errno::INVAL) => Ok(State::OPEN),
            Err(Errno::NOTCONN) => without_peer(socket),
            Err(errno) => Err(socket.broke(errno, "ask the state")),
        },
        Class::Other => {
            let flags = socket.done(fcntl_getfl(socket), "ask the state")?;
            // Neither bit says "to be read", so the two are compared as the number that they are.
            Ok(match flags & OFlags::RWMODE {
                OFlags::RDONLY => State::Open(Shut::Write),
                OFlags::WRONLY => State::Open(Shut::Read),
                _ => State::OPEN,
            })
        }
    }
}

/// A stream that has no peer has none yet, or has none any more; only its readiness tells which.
///
/// On Linux a fresh one is writable and hung up, one that is connecting is silent (or merely writable, if that ended
/// just now), and one whose connection or attempt is over is readable, so that reading finds out why.
fn without_peer(socket: &Socket) -> Result<State> {
    let mut asked = [PollFd::new(socket, PollFlags::IN | PollFlags::OUT)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    socket.done(retry_on_intr(|| poll(&mut asked, Some(&at_once))), "ask the state")?;
    let [ready] = asked.map(|asked| asked.revents());
    Ok(if ready.intersects(PollFlags::IN | PollFlags::ERR) {
        State::OPEN
    } else if ready.contains(PollFlags::HUP) || !CONNECTING_IS_SILENT {
        State::Idle
    } else {
        State::Connecting
    })
}

/// Whether silence tells a connecting socket from a fresh one.
const CONNECTING_IS_SILENT: bool = cfg!(any(target_os = "linux", target_os = "android"));

#[cfg(not(target_vendor = "apple"))]
pub(crate) fn is_listening(socket: &Socket) -> Result<bool> {
    socket.done(net::sockopt::socket_acceptconn(socket), "ask the state")
}

/// Apple's systems have no answer to this, and finding out by accepting would lose a caller.
#[cfg(target_vendor = "apple")]
pub(crate) fn is_listening(_: &Socket) -> Result<bool> {
    Ok(false)
}
