//! The net's contract, where it speaks of descriptors, of what has none of a socket's ways, and of signals.

use std::fs::File;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::{FdFlags, fcntl_getfd};
use signal_hook::consts::SIGPIPE;
use stheno::{Address, Backend, ErrorKind, Half, Kind, Net, Open, Os, Readiness, Received, Shut, Socket, State};

use super::super::support::{PATIENCE, W, Watch, hold, same};
use super::super::system::Room;
use super::super::{Case, Verdict};
use crate::ground::Ground;

pub(super) fn cases<B: Backend<Os> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("descriptors-are-born-tame", "N9", born_tame),
        case("adopted-descriptors-are-made-tame", "N9", made_tame),
        case("a-descriptor-says-which-halves-it-has", "N9", halves),
        case("a-descriptor-that-is-no-socket-holds-no-error", "N7", no_error),
        case("a-send-to-nobody-raises-no-signal", "N5", no_signal),
        case("a-unix-connect-has-ended-at-once-and-is-told-all-the-same", "N6", ended_at_once::<B>),
        case("a-pipe-gives-everything-before-its-end", "N3 N1", pipe),
        case("a-datagram-socket-has-no-halves", "N4 N2", no_halves),
    ]
}

fn is_tame(what: &str, socket: &Socket) -> Verdict {
    hold(fcntl_getfl(socket)?.contains(OFlags::NONBLOCK), || format!("{what} blocks"))?;
    hold(fcntl_getfd(socket)?.contains(FdFlags::CLOEXEC), || format!("{what} stays open on exec"))
}

fn born_tame() -> Verdict {
    for at in ["127.0.0.1:0", "unix:nowhere"] {
        let at: Address = at.parse()?;
        is_tame("a fresh stream", &Os.socket(Kind::Stream, &at)?)?;
        is_tame("a fresh datagram socket", &Os.socket(Kind::Datagram, &at)?)?;
    }
    let at = Os::anywhere(crate::ground::Family::Inet)?;
    let mut door = Os.socket(Kind::Stream, &at)?;
    Os.bind(&mut door, &at)?;
    Os.listen(&mut door, 4)?;
    let _caller = Os.dial(&Os.local_address(&door)?)?;
    let (guest, _) = Os.accept(&mut door)?.ok_or("nobody called")?;
    is_tame("a guest", &guest)?;
    for (one, other) in [Socket::pair()?, Socket::datagram_pair()?, Socket::pipe()?] {
        is_tame("one of two", &one)?;
        is_tame("the other", &other)?;
    }
    Ok(())
}

/// Everything that std makes blocks, and is closed on exec; that too is taken away first, so that it must be made so.
fn made_tame() -> Verdict {
    let door = TcpListener::bind("127.0.0.1:0")?;
    let stream = TcpStream::connect(door.local_addr()?)?;
    let guest = door.accept()?.0;
    let (unix, unix_peer) = UnixStream::pair()?;
    let (datagrams, datagram_peer) = UnixDatagram::pair()?;
    let (reader, writer) = std::io::pipe()?;
    let wild: [(&str, OwnedFd); 10] = [
        ("a listener", door.into()),
        ("a stream", stream.into()),
        ("a guest", guest.into()),
        ("a datagram socket", UdpSocket::bind("127.0.0.1:0")?.into()),
        ("a Unix stream", unix.into()),
        ("its peer", unix_peer.into()),
        ("a Unix datagram socket", datagrams.into()),
        ("its peer", datagram_peer.into()),
        ("a pipe to read from", reader.into()),
        ("a pipe to write to", writer.into()),
    ];
    for (what, wild) in wild {
        rustix::io::fcntl_setfd(&wild, FdFlags::empty())?;
        hold(!fcntl_getfl(&wild)?.contains(OFlags::NONBLOCK), || format!("{what} does not block to begin with"))?;
        is_tame(what, &Socket::adopt(wild)?)?;
    }
    Ok(())
}

fn halves() -> Verdict {
    let (reader, writer) = Socket::pipe()?;
    same("a pipe to read from", Os.state(&reader)?, State::Open(Shut::Write))?;
    same("a pipe to write to", Os.state(&writer)?, State::Open(Shut::Read))?;
    same("a Unix stream", Os.state(&Socket::pair()?.0)?, State::OPEN)?;
    same("a Unix datagram socket", Os.state(&Socket::datagram_pair()?.0)?, State::Datagram)
}

fn no_error() -> Verdict {
    let (reader, writer) = Socket::pipe()?;
    let file = Socket::adopt(File::open("/dev/null")?)?;
    for mut other in [reader, writer, file] {
        same("the waiting error", Os.take_error(&mut other)?, None)?;
    }
    Ok(())
}

/// The signal is one that this program hears of, as it does at the end, when a plain write raises it.
fn no_signal() -> Verdict {
    let raised = Arc::new(AtomicBool::new(false));
    let listening = signal_hook::flag::register(SIGPIPE, raised.clone())?;
    let checked = (|| {
        let (mut ours, theirs) = Socket::pair()?;
        drop(theirs);
        let over = Err(ErrorKind::Disconnected);
        same("a send", Os.send(&mut ours, b"x").map_err(|why| why.kind()), over)?;
        same("a vectored send", Os.send_vectored(&mut ours, [b"x", b"y"]).map_err(|why| why.kind()), over)?;
        let (mut ours, _theirs) = Os.pair()?;
        Os.shutdown(&mut ours, Half::Write)?;
        same("a send", Os.send(&mut ours, b"x").map_err(|why| why.kind()), over)?;
        same(
            "an urgent byte",
            Os.send_urgent(&mut ours, b'!').map_err(|why| why.kind()),
            Err(ErrorKind::Disconnected),
        )?;
        hold(!raised.load(Ordering::SeqCst), || "SIGPIPE was raised".into())?;
        hold(rustix::io::write(&ours, b"x").is_err() && raised.load(Ordering::SeqCst), || {
            "SIGPIPE is not heard of, so nothing was shown".into()
        })
    })();
    signal_hook::low_level::unregister(listening);
    checked
}

fn ended_at_once<B: Backend<Os> + Open>() -> Verdict {
    let room = Room::new()?;
    let path = room.path("door");
    let door = UnixListener::bind(&path)?;
    let at = Address::try_from(path.as_path())?;
    let mut ours = Os.socket(Kind::Stream, &at)?;
    Os.connect(&mut ours, &at)?;
    let _theirs = door.accept()?.0;
    let mut watch = Watch::<Os, B>::open()?;
    watch.register(&ours, 0, W)?;
    same("what was told", watch.results(PATIENCE)?, [(0, Readiness::WRITABLE)])?;
    same("the waiting error", Os.take_error(&mut ours)?, None)?;
    same("whom it is connected to", Os.peer_address(&ours)?, at)
}

fn pipe() -> Verdict {
    let (mut reader, mut writer) = Socket::pipe()?;
    same("a receive", Os.recv(&mut reader, &mut [0; 8])?, Received::WouldBlock)?;
    same("bytes sent", Os.send_vectored(&mut writer, [b"01", b"23"])?, Some(4))?;
    drop(writer);
    let (mut one, mut other) = ([0; 1], [0; 2]);
    same("a receive", Os.recv_vectored(&mut reader, [&mut one, &mut other])?, Received::Data(3))?;
    same("what came", (one, other), (*b"0", *b"12"))?;
    same("a receive", Os.recv(&mut reader, &mut one)?, Received::Data(1))?;
    same("what came", one, *b"3")?;
    same("what came last", Os.recv(&mut reader, &mut one)?, Received::End)
}

fn no_halves() -> Verdict {
    let mut ours = Os.mailbox()?;
    for half in [Half::Read, Half::Write] {
        same("a shutdown", Os.shutdown(&mut ours, half).map_err(|why| why.kind()), Err(ErrorKind::Unsupported))?;
    }
    same("a receive", Os.recv(&mut ours, &mut [0; 8])?, Received::WouldBlock)
}
