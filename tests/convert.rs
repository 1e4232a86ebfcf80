//! Sockets and addresses of std: to the loop and back, and nothing taken for what it is not.
#![cfg(feature = "std")]
#![allow(missing_docs)]

mod common;

use std::fmt::Debug;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};

use common::*;
use stheno::{Address, Error, ErrorKind, Kind, Net, Os, Result, Socket};

/// There and back again: the same descriptor.
#[track_caller]
fn returns<T>(plain: T) -> T
where
    T: AsRawFd + Debug + TryFrom<Socket, Error = Error>,
    Socket: TryFrom<T, Error = Error>,
{
    let number = plain.as_raw_fd();
    let socket = Socket::try_from(plain).unwrap();
    assert_eq!(socket.as_raw_fd(), number);
    let plain = T::try_from(socket).unwrap();
    assert_eq!(plain.as_raw_fd(), number);
    plain
}

#[test]
fn each_type_goes_there_and_back() {
    for at in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(listener) = TcpListener::bind(at) else {
            skipped("each_type_goes_there_and_back", at);
            continue;
        };
        let listener = returns(listener);
        let stream = returns(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        stream.set_nonblocking(false).unwrap();
        listener.set_nonblocking(false).unwrap();
        let (mut guest, _) = listener.accept().unwrap();
        (&stream).write_all(b"hello").unwrap();
        let mut heard = [0; 5];
        guest.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"hello");
        returns(guest);
        returns(UdpSocket::bind(at).unwrap());
    }
    let path = std::env::temp_dir().join(format!("stheno-convert-{}", std::process::id()));
    let unix = UnixListener::bind(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    returns(unix);
    let (one, other) = UnixStream::pair().unwrap();
    returns(one);
    returns(other);
    returns(UnixDatagram::unbound().unwrap());
}

/// What a listener was told apart from, over each of the kinds there are.
#[test]
fn nothing_is_taken_for_what_it_is_not() {
    type Try = fn(Socket) -> Result<()>;
    let tries: [(Try, &str); 6] = [
        (|socket| TcpListener::try_from(socket).map(drop), "not a TCP listener"),
        (|socket| TcpStream::try_from(socket).map(drop), "not a TCP stream"),
        (|socket| UdpSocket::try_from(socket).map(drop), "not a UDP socket"),
        (|socket| UnixListener::try_from(socket).map(drop), "not a listener of the Unix family"),
        (|socket| UnixStream::try_from(socket).map(drop), "not a stream of the Unix family"),
        (|socket| UnixDatagram::try_from(socket).map(drop), "not a datagram socket of the Unix family"),
    ];
    type Make = fn() -> Socket;
    // What each is, by its place in the list above; none of them, where it is past the end.
    let made: [(Make, usize); 9] = [
        (|| door(&loopback(), 4).0, 0),
        (|| connection().0, 1),
        (|| bound(Kind::Datagram, &loopback()).0, 2),
        #[cfg(target_os = "linux")]
        (|| door(&Address::unnamed(), 4).0, 3),
        (|| Socket::pair().unwrap().0, 4),
        (|| Socket::datagram_pair().unwrap().0, 5),
        (|| Socket::pipe().unwrap().0, 6),
        (|| Socket::adopt(std::fs::File::open("/dev/null").unwrap()).unwrap(), 6),
        #[cfg(target_os = "linux")]
        (records, 6),
    ];
    for (make, is) in made {
        for (place, (convert, not)) in tries.into_iter().enumerate() {
            let socket = make();
            let (number, whole) = (socket.as_raw_fd(), format!("{socket:?}"));
            match convert(socket) {
                Ok(()) => assert_eq!(place, is, "{whole} is {not}"),
                Err(why) => {
                    assert_ne!(place, is, "{why}");
                    let expected = format!("convert descriptor {number}: {not}");
                    assert_eq!((why.kind(), why.to_string()), (ErrorKind::Unsupported, expected));
                }
            }
        }
    }
}

/// A stream here, as its records come in order and it has an end; none for std, which would lose their borders.
#[cfg(target_os = "linux")]
fn records() -> Socket {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    let (one, _) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::empty(), None).unwrap();
    Socket::adopt(one).unwrap()
}

#[test]
fn any_descriptor_comes_and_goes() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let number = reader.as_raw_fd();
    let socket = Socket::try_from(OwnedFd::from(reader)).unwrap();
    let mut reader = std::io::PipeReader::from(OwnedFd::from(socket));
    assert_eq!(reader.as_raw_fd(), number);
    writer.write_all(b"x").unwrap();
    assert_eq!(reader.read(&mut [0; 8]).unwrap(), 1);
}

#[test]
fn addresses_of_the_unix_family_go_there_and_back() {
    let mut texts = vec!["unix:/run/chat".to_owned(), format!("unix:/{}", "x".repeat(106))];
    if cfg!(target_os = "linux") {
        texts.extend([r"unix:@chat\x00".to_owned(), format!("unix:@{}", "x".repeat(107))]);
    }
    for text in texts {
        let at: Address = text.parse().unwrap();
        let std = SocketAddr::try_from(&at).unwrap();
        assert_eq!(Address::try_from(&std), Ok(at), "{std:?}");
    }
    let unnamed = SocketAddr::try_from(&Address::unnamed()).unwrap();
    assert!(unnamed.is_unnamed());
    assert_eq!(Address::try_from(&unnamed), Ok(Address::unnamed()));
    let of_std = UnixDatagram::unbound().unwrap().local_addr().unwrap();
    assert_eq!(Address::try_from(&of_std), Ok(Address::unnamed()));
    let why = SocketAddr::try_from(&loopback()).unwrap_err();
    assert_eq!(why.to_string(), "convert 127.0.0.1:0: not an address of the Unix family");
}

/// A listener of std's with a name of the Unix family is called through the address that std tells.
#[cfg(target_os = "linux")]
#[test]
fn an_address_that_std_tells_is_called() {
    use std::os::linux::net::SocketAddrExt;
    let name = format!("stheno-convert-{}", std::process::id());
    let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let at = Address::try_from(&listener.local_addr().unwrap()).unwrap();
    assert_eq!(at.to_string(), format!("unix:@{name}"));
    let caller = call(&at).unwrap();
    listener.accept().unwrap();
    assert_eq!(Os.peer_address(&caller), Ok(at));
}
