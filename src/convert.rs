//! What std has of sockets and their addresses, to and from what is here.
//!
//! A socket of std is [adopted](Socket::adopt): made non-blocking, and asked what it is. One that goes to std stays
//! non-blocking, which std's types are not by themselves: `set_nonblocking(false)` makes it so. It goes only to the type
//! that it is of; where it is of another one, the error says so and the socket is closed, as a failed `adopt` closes it.
//!
//! ```
//! use std::net::{TcpStream, UdpSocket};
//! use stheno::{Socket, State, Net, Os};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let plain = UdpSocket::bind("127.0.0.1:0")?;
//! let at = plain.local_addr()?;
//! let ours = Socket::try_from(plain)?;
//! let plain = UdpSocket::try_from(ours)?;
//! plain.set_nonblocking(false)?;
//! assert_eq!(plain.local_addr()?, at);
//!
//! let why = TcpStream::try_from(Socket::pair()?.0).unwrap_err();
//! assert!(why.to_string().ends_with("not a TCP stream"));
//! # Ok(()) }
//! ```

use std::ffi::OsStr;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram, UnixListener, UnixStream};

use rustix::net::{AddressFamily, SocketType, getsockname, sockopt};
use stheno_core::{Error, ErrorKind, Result};

use crate::socket::Class;
use crate::{Address, Socket, probe};

/// For each type of std: from it, and back to it where the socket is one.
macro_rules! sockets {
    ($($type:ty: $family:ident $sort:ident, $not:literal;)*) => {$(
        #[doc = concat!("[`Socket::adopt`].")]
        impl TryFrom<$type> for Socket {
            type Error = Error;
            fn try_from(socket: $type) -> Result<Self> {
                Self::adopt(socket)
            }
        }

        /// The socket, if it is one; it stays non-blocking. Otherwise it is closed.
        impl TryFrom<Socket> for $type {
            type Error = Error;
            fn try_from(socket: Socket) -> Result<Self> {
                const NOT: Error = Error::new(ErrorKind::Unsupported, $not).doing("convert");
                if !(Family::$family.is_of(&socket)? && Sort::$sort.is_of(&socket)?) {
                    return Err(socket.about(NOT));
                }
                Ok(OwnedFd::from(socket).into())
            }
        }
    )*};
}
sockets! {
    TcpListener: Inet Listener, "not a TCP listener";
    TcpStream: Inet Stream, "not a TCP stream";
    UdpSocket: Inet Datagrams, "not a UDP socket";
    UnixListener: Unix Listener, "not a listener of the Unix family";
    UnixStream: Unix Stream, "not a stream of the Unix family";
    UnixDatagram: Unix Datagrams, "not a datagram socket of the Unix family";
}

enum Family {
    Inet,
    Unix,
}

impl Family {
    fn is_of(&self, socket: &Socket) -> Result<bool> {
        if socket.class() == Class::Other {
            return Ok(false);
        }
        let family = socket.done(getsockname(socket), "convert")?.address_family();
        Ok(match self {
            Self::Inet => matches!(family, AddressFamily::INET | AddressFamily::INET6),
            Self::Unix => family == AddressFamily::UNIX,
        })
    }
}

enum Sort {
    Listener,
    Stream,
    Datagrams,
}

impl Sort {
    /// Where the system does not tell which streams listen, each may be either.
    fn is_of(&self, socket: &Socket) -> Result<bool> {
        let kind = socket.done(sockopt::socket_type(socket), "convert")?;
        let listens = |wanted| Ok(cfg!(target_vendor = "apple") || probe::is_listening(socket)? == wanted);
        match self {
            Self::Datagrams => Ok(kind == SocketType::DGRAM),
            _ if kind != SocketType::STREAM => Ok(false),
            Self::Listener => listens(true),
            Self::Stream => listens(false),
        }
    }
}

/// A path, an abstract name (Linux), or no name. A path that fills the system's structure to its last byte is an error of
/// kind [`Invalid`](ErrorKind::Invalid).
impl TryFrom<&UnixAddress> for Address {
    type Error = Error;
    fn try_from(address: &UnixAddress) -> Result<Self> {
        if let Some(path) = address.as_pathname() {
            return Self::unix(path.as_os_str().as_bytes());
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(name) = abstract_name(address) {
            return Self::unix_abstract(name);
        }
        Ok(Self::unnamed())
    }
}

/// A path, an abstract name (Linux), or no name; of an IP address an error of kind [`Invalid`](ErrorKind::Invalid).
impl TryFrom<&Address> for UnixAddress {
    type Error = Error;
    fn try_from(address: &Address) -> Result<Self> {
        const NOT: Error = Error::new(ErrorKind::Invalid, "not an address of the Unix family").doing("convert");
        let converted = match (address.path_bytes(), address.abstract_name()) {
            (Some(path), _) => Self::from_pathname(OsStr::from_bytes(path)),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            (None, Some(name)) => from_abstract_name(name),
            _ if address.is_unnamed() => Self::from_pathname(""),
            _ => return Err(address.blame(NOT)),
        };
        converted.map_err(|_| address.blame(NOT))
    }
}

#[cfg(target_os = "android")]
use std::os::android::net::SocketAddrExt;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;

#[cfg(any(target_os = "linux", target_os = "android"))]
fn abstract_name(address: &UnixAddress) -> Option<&[u8]> {
    address.as_abstract_name()
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn from_abstract_name(name: &[u8]) -> std::io::Result<UnixAddress> {
    UnixAddress::from_abstract_name(name)
}
