//! Descriptors made elsewhere: what they are taken for, and what reading and writing them means.
#![cfg(feature = "std")]
#![allow(missing_docs)]

mod common;

use std::fs::File;
use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

use common::*;
use rustix::event::PollFlags;
use rustix::fs::{OFlags, fcntl_getfl};
use stheno::{Address, Error, ErrorKind, Half, Kind, Net, Os, Received, Shut, Socket, State};

#[track_caller]
fn adopted(from: impl TryInto<Socket, Error = Error>, kind: Option<Kind>, state: State) -> Socket {
    let socket = from.try_into().unwrap();
    assert_eq!((socket.kind(), Os.state(&socket)), (kind, Ok(state)));
    assert!(fcntl_getfl(&socket).unwrap().contains(OFlags::NONBLOCK));
    socket
}

#[test]
fn sockets_of_std() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let stream = TcpStream::connect(at).unwrap();
    adopted(stream, Some(Kind::Stream), State::OPEN);
    let mut door = adopted(listener, Some(Kind::Stream), State::Listening);
    assert!(Os.accept(&mut door).unwrap().is_some());
    adopted(UdpSocket::bind("127.0.0.1:0").unwrap(), Some(Kind::Datagram), State::Datagram);
    adopted(UnixDatagram::unbound().unwrap(), Some(Kind::Datagram), State::Datagram);
    let (one, _two) = UnixStream::pair().unwrap();
    adopted(one, Some(Kind::Stream), State::OPEN);
    let path = std::env::temp_dir().join(format!("stheno-adopt-{}", std::process::id()));
    let unix = UnixListener::bind(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    adopted(unix, Some(Kind::Stream), State::Listening);
}

#[test]
fn sockets_go_back_to_std() {
    let (here, there) = Socket::pair().unwrap();
    let stream = UnixStream::from(OwnedFd::from(here));
    stream.set_nonblocking(false).unwrap();
    (&stream).write_all(b"hi").unwrap();
    let mut there = Socket::try_from(UnixStream::from(OwnedFd::from(there))).unwrap();
    assert_eq!(Os.recv(&mut there, &mut [0; 8]), Ok(Received::Data(2)));
}

#[test]
fn pipes() {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut reader = adopted(OwnedFd::from(reader), None, State::Open(Shut::Write));
    let mut writer = adopted(OwnedFd::from(writer), None, State::Open(Shut::Read));
    assert_eq!(Os.recv(&mut reader, &mut [0; 8]), Ok(Received::WouldBlock));
    assert_eq!(Os.send_vectored(&mut writer, [b"01234", b"56789"]), Ok(Some(10)));
    let (mut first, mut second) = ([0; 3], [0; 3]);
    assert_eq!(Os.recv_vectored(&mut reader, [&mut first, &mut second]), Ok(Received::Data(6)));
    assert_eq!((&first, &second), (b"012", b"345"));
    assert_eq!((Os.take_error(&mut reader), Os.take_error(&mut writer)), (Ok(None), Ok(None)));
    assert_eq!(Os.shutdown(&mut writer, Half::Write).unwrap_err().kind(), ErrorKind::BadDescriptor);
    assert_eq!(Os.local_address(&reader).unwrap_err().kind(), ErrorKind::BadDescriptor);
    Os.close(writer);
    assert_eq!(read_all(&mut reader), (b"6789".to_vec(), None));

    let (reader, mut writer) = Socket::pipe().unwrap();
    while Os.send(&mut writer, &[0; 4096]).unwrap().is_some() {}
    Os.close(reader);
    let why = Os.send(&mut writer, b"x").unwrap_err();
    assert_eq!((why.kind(), stheno::errno_name(why.code())), (ErrorKind::Disconnected, Some("EPIPE")));
}

#[test]
fn files_and_devices() {
    let path = std::env::temp_dir().join(format!("stheno-file-{}", std::process::id()));
    std::fs::write(&path, b"contents").unwrap();
    let mut file = adopted(OwnedFd::from(File::open(&path).unwrap()), None, State::Open(Shut::Write));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(read_all(&mut file), (b"contents".to_vec(), None));
    assert_eq!(Os.send(&mut file, b"x").unwrap_err().kind(), ErrorKind::BadDescriptor);
    let both = File::options().read(true).write(true).open("/dev/null").unwrap();
    let mut null = adopted(OwnedFd::from(both), None, State::OPEN);
    assert_eq!(Os.send(&mut null, b"xyz"), Ok(Some(3)));
    assert_eq!(Os.recv(&mut null, &mut [0; 8]), Ok(Received::End));
}

#[test]
fn a_duplicate_leaves_the_original_open() {
    let (here, there) = UnixStream::pair().unwrap();
    let mut copy = Socket::duplicate(&here).unwrap();
    Os.send(&mut copy, b"a").unwrap();
    Os.close(copy);
    (&here).write_all(b"b").unwrap();
    drop(here);
    assert_eq!(read_all(&mut Socket::adopt(there).unwrap()), (b"ab".to_vec(), None));
}

#[cfg(target_os = "linux")]
#[test]
fn records_count_as_a_stream() {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    let (one, two) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::empty(), None).unwrap();
    let mut one = adopted(one, Some(Kind::Stream), State::OPEN);
    let two = adopted(two, Some(Kind::Stream), State::OPEN);
    Os.close(two);
    ready(&one, PollFlags::IN);
    assert_eq!(Os.recv(&mut one, &mut [0; 8]), Ok(Received::End));
}

#[test]
fn a_family_unknown_here_has_no_address() {
    #[cfg(target_os = "linux")]
    {
        use rustix::net::{AddressFamily, SocketType, socket};
        let Ok(netlink) = socket(AddressFamily::NETLINK, SocketType::RAW, None) else { return };
        let netlink = adopted(netlink, Some(Kind::Datagram), State::Datagram);
        let why = Os.local_address(&netlink).unwrap_err();
        assert_eq!(why.kind(), ErrorKind::Unsupported);
    }
    assert_eq!(Os.local_address(&Socket::pair().unwrap().0), Ok(Address::unnamed()));
}
