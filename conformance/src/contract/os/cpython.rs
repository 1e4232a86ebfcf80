//! What CPython's own tests of asyncore assert of files, of descriptors, and in the Unix family.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::{FdFlags, fcntl_getfd};
use rustix::net::{AddressFamily, SocketType, sockopt};
use stheno::{Address, Backend, ErrorKind, Kind, Net, Open, Os, Received, Shut, Socket, State};

use super::super::cpython::base_test_api as base;
use super::super::cpython::dispatcher_with_send_tests::send;
use super::super::support::{Defaults, Stage, fresh_loop, hold, same};
use super::super::system::{Hole, Room};
use super::super::{Case, Failure, Verdict};
use crate::ground::{Family, Ground};

pub(super) fn cases<B: Backend<Os> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("test_recv", "B10 rule 3", recv::<B>),
        case("FileWrapperTest.test_send", "B10 rule 8", file_send::<B>),
        case("test_dispatcher", "B10 rule 3", dispatcher::<B>),
        case("test_close_twice-closed-underneath", "B15 rules 2 and 7", close_twice::<B>),
        case("test_create_socket-descriptor", "N9", create_socket::<B>),
        case("test_set_reuse_addr-option", "N9", set_reuse_addr::<B>),
        case("DispatcherWithSendTests.test_send-unix", "rules 5 and 8", || in_a_room(send::<Os, B>)),
        case("test_handle_connect-unix", "rule 5", || in_a_room(base::handle_connect::<Os, B>)),
        case("test_handle_accept-unix", "rule 7", || in_a_room(base::handle_accept::<Os, B>)),
        case("test_handle_accepted-unix", "rule 7", || in_a_room(base::handle_accepted::<Os, B>)),
        case("test_handle_read-unix", "rules 3 and 5", || in_a_room(base::handle_read::<Os, B>)),
        case("test_handle_write-unix", "rules 1 and 5", || in_a_room(base::handle_write::<Os, B>)),
        case("test_handle_close-unix", "rules 2 and 3", || in_a_room(base::handle_close::<Os, B>)),
        case("test_handle_close_after_conn_broken-unix", "rules 2 and 7", || {
            in_a_room(base::handle_close_after_conn_broken::<Os, B>)
        }),
        case("test_handle_error-unix", "rules 2 and 7", || in_a_room(base::handle_error::<Os, B>)),
        case("test_connection_attributes-unix", "rules 2 and 5", || in_a_room(base::connection_attributes::<Os, B>)),
        case("test_create_socket-unix", "rule 6", || in_a_room(base::create_socket::<Os, B>)),
        case("test_bind-unix", "rule 7", || in_a_room(base::bind::<Os, B>)),
    ]
}

/// Checks something at an address of the Unix family.
fn in_a_room(check: fn(&Address) -> Verdict) -> Verdict {
    let room = Room::new()?;
    check(&Address::try_from(room.path("door").as_path())?)
}

/// What a channel reads of something until its end.
fn content<B: Backend<Os> + Open>(socket: Socket) -> Result<Vec<u8>, Failure> {
    let mut stage = Stage::<Os, B>::new()?;
    stage.events.add(socket, stage.actor("A"))?;
    stage.until("the end", |lines| lines.iter().any(|line| line == "A: close end"))?;
    hold(stage.events.is_empty(), || "the channel is still there".into())?;
    Ok(stage.log.heard("A"))
}

/// A duplicate outlives what it was made of, reads on where the last read ended, and cannot be read once it is closed.
fn recv<B: Backend<Os> + Open>() -> Verdict {
    let room = Room::new()?;
    let path = room.path("file");
    std::fs::write(&path, b"It's not dead, it's sleeping!")?;
    let file = File::open(&path)?;
    let mut copy = Socket::duplicate(&file)?;
    hold(copy.as_raw_fd() != file.as_raw_fd(), || "the duplicate has the number of what it was made of".into())?;
    drop(file);
    let mut some = [0; 13];
    same("a receive", Os.recv(&mut copy, &mut some)?, Received::Data(13))?;
    same("what came", &some, b"It's not dead")?;
    let (mut one, mut other) = ([0; 2], [0; 4]);
    same("a vectored receive", Os.recv_vectored(&mut copy, [&mut one, &mut other])?, Received::Data(6))?;
    same("what came", (&one, &other), (b", ", b"it's"))?;
    let rest = content::<B>(Socket::duplicate(&copy)?)?;
    same("the rest, by another duplicate", &*rest, b" sleeping!")?;
    same("the end, which they share", Os.recv(&mut copy, &mut some)?, Received::End)?;
    let mut stage = Stage::<Os, B>::new()?;
    let key = stage.events.add(copy, stage.actor("A"))?;
    let (_, mut io) = stage.events.channel(key)?;
    io.close();
    same("a receive, closed", io.recv(&mut some).map_err(|why| why.kind()), Err(ErrorKind::Stale))
}

fn file_send<B: Backend<Os> + Open>() -> Verdict {
    let room = Room::new()?;
    let path = room.path("file");
    let mut stage = Stage::<Os, B>::new()?;
    let mut waiting: Vec<u8> = b"line 1\nline 2\n".into();
    let actor = stage.actor("A").but(|ways| ways.writable = true).on(move |event, ways, channel| {
        if event == "write" {
            let sent = channel.send(&waiting)?;
            waiting.drain(..sent);
            ways.writable = !waiting.is_empty();
        }
        Ok(())
    });
    let key = stage.events.add(Socket::adopt(OwnedFd::from(File::create(&path)?))?, actor)?;
    same("what it can do", stage.events.channel(key)?.1.state(), State::Open(Shut::Read))?;
    stage.tells(&["A: write"])?;
    same("the file", std::fs::read(&path)?, b"line 1\nline 2\n")?;
    let (_, mut io) = stage.events.channel(key)?;
    same("bytes sent", io.send(b"line 3\n")?, 7)?;
    same("bytes of two slices", io.send_vectored([b"line", b" 4\n"])?, 7)?;
    same("the file, behind what was there", std::fs::read(&path)?, b"line 1\nline 2\nline 3\nline 4\n")
}

fn dispatcher<B: Backend<Os> + Open>() -> Verdict {
    let room = Room::new()?;
    let path = room.path("file");
    let text: Vec<u8> = (0..10_000_u32).flat_map(u32::to_ne_bytes).collect();
    std::fs::write(&path, &text)?;
    let whole = |what: &str, came: Vec<u8>| hold(came == text, || format!("{what}: {} bytes came", came.len()));
    whole("a file", content::<B>(Socket::adopt(OwnedFd::from(File::open(&path)?))?)?)?;
    let file = File::open(&path)?;
    let copy = Socket::duplicate(&file)?;
    drop(file);
    whole("a duplicate of one that is closed", content::<B>(copy)?)?;
    let (reader, mut writer) = std::io::pipe()?;
    writer.write_all(b"through a pipe")?;
    drop(writer);
    same("a pipe, to its end", &*content::<B>(Socket::adopt(OwnedFd::from(reader))?)?, b"through a pipe")
}

/// The first close of what was closed underneath fails and the second does nothing, asyncore says. Here the first is the
/// end, whatever the system says of the descriptor, and the second is an error of whoever asks for it.
fn close_twice<B: Backend<Os> + Open>() -> Verdict {
    let mut stage = Stage::<Os, B>::new()?;
    let (ours, mut theirs) = stage.net().local_pair()?;
    let number = ours.as_raw_fd();
    let key = stage.events.add(ours, stage.actor("A"))?;
    let hole = Hole::none();
    hole.open(number)?;
    let _guard = hole.guard();
    let (_, mut io) = stage.events.channel(key)?;
    io.close();
    same("another operation", io.send(b"x").map_err(|why| why.kind()), Err(ErrorKind::Stale))?;
    io.close();
    // The number is somebody's again by the time that the loop closes it: std ends a program that closes what is not open.
    hole.fill();
    stage.events.settle();
    same("closing it by its key", stage.events.close(key).map_err(|why| why.kind()), Err(ErrorKind::Stale))?;
    same("what was told", stage.log.lines(), Vec::<String>::new())?;
    same("the far end's", stage.net().hear(&mut theirs, &mut [0; 8])?, Received::End)?;
    same("channels", stage.events.len(), 0)
}

fn create_socket<B: Backend<Os> + Open>() -> Verdict {
    let room = Room::new()?;
    let unix = Address::try_from(room.path("door").as_path())?;
    let inet = Os::anywhere(Family::Inet)?;
    for (at, family) in [(&inet, AddressFamily::INET), (&unix, AddressFamily::UNIX)] {
        let mut events = fresh_loop::<Defaults, Os, B>()?;
        for (kind, known) in [(Kind::Stream, SocketType::STREAM), (Kind::Datagram, SocketType::DGRAM)] {
            let key = events.create(kind, at, Defaults)?;
            let (_, io) = events.channel(key)?;
            let socket = io.socket()?;
            same("its type", sockopt::socket_type(socket)?, known)?;
            is_tame(socket, family)?;
        }
        // And those that listen, connect, or are accepted.
        let mut stage = Stage::<Os, B>::new()?;
        let (_, at) = stage.listen_at(at, stage.actor("S"))?;
        stage.events.connect(&at, stage.actor("C"))?;
        stage.until("both ends", |lines| lines.len() >= 2)?;
        let all: Vec<_> = stage.events.keys().collect();
        same("channels", all.len(), 3)?;
        for key in all {
            is_tame(stage.events.channel(key)?.1.socket()?, family)?;
        }
    }
    Ok(())
}

fn is_tame(socket: &Socket, family: AddressFamily) -> Verdict {
    same("its family", sockopt::socket_domain(socket)?, family)?;
    hold(fcntl_getfl(socket)?.contains(OFlags::NONBLOCK), || "it blocks".into())?;
    hold(fcntl_getfd(socket)?.contains(FdFlags::CLOEXEC), || "it stays open on exec".into())
}

fn set_reuse_addr<B: Backend<Os> + Open>() -> Verdict {
    let at = Os::anywhere(Family::Inet)?;
    let mut events = fresh_loop::<Defaults, Os, B>()?;
    let key = events.create(Kind::Stream, &at, Defaults)?;
    let (_, mut io) = events.channel(key)?;
    same("fresh", sockopt::socket_reuseaddr(io.socket()?)?, false)?;
    io.set_reuse_address()?;
    same("set", sockopt::socket_reuseaddr(io.socket()?)?, true)?;
    let key = events.listen(&at, Defaults)?;
    same("a listener's", sockopt::socket_reuseaddr(events.channel(key)?.1.socket()?)?, true)
}
