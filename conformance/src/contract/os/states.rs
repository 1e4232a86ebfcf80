//! The states that only descriptors of an operating system can be in.

use std::any::Any;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::net::sockopt;
use stheno::{Backend, Net, Open, Os, Socket};

use super::super::states::{Made, check, closed, made};
use super::super::system::high;
use super::super::{Case, Failure, Verdict};
use crate::ground::{Ground, Need, Sign};

/// The letters are those of the other states.
#[rustfmt::skip]
pub(super) fn cases<B: Backend<Os> + Open>() -> Vec<Case> {
    let state = |name, check: fn() -> Verdict| Case::new(name, "B5 B6", check);
    let ready = |name, check: fn() -> Verdict| Case::new(name, "B10", check);
    vec![
        state("state-urgent-byte-among-data-is-both",          || check::<Os, B>(urgent_inline,               "RWP--"))
            .needing(&[Need::Descriptors, Need::Urgent]),
        state("state-pipe-with-data-whose-writer-closed",      || check::<Os, B>(pipe_data_writer_closed,     "R--H-")),
        state("state-pipe-empty-whose-writer-closed",          || check::<Os, B>(pipe_writer_closed,          "R--H-")),
        state("state-pipe-whose-reader-closed",                || check::<Os, B>(pipe_reader_closed,          "RW--E")),
        state("state-full-pipe-whose-reader-closed",           || check::<Os, B>(full_pipe_reader_closed,     "RW--E")),
        state("state-unix-peer-closed-with-data",              || check::<Os, B>(unix_closed_with_data,       "RW-H-")),
        state("state-unix-peer-closed",                        || check::<Os, B>(unix_closed,                 "RW-H-")),
        state("state-unix-peer-closed-without-reading",        || check::<Os, B>(unix_closed_without_reading, "RW-HE")),
        state("state-unix-send-buffer-full-with-data",         || check::<Os, B>(unix_full_with_data,         "R----")),
        ready("state-regular-file-is-always-ready",            || check::<Os, B>(program,                     "RW---")),
        ready("state-dev-null-is-always-ready",                || check::<Os, B>(dev_null,                    "RW---")),
        ready("state-directory-is-always-ready",               || check::<Os, B>(directory,                   "RW---")),
        state("state-descriptor-past-1023-is-like-any-other",  || check::<Os, B>(past_1023,                   "RW---"))
            .needing(&[Need::Descriptors, Need::Sockets(1_100)]),
        Case::new("state-closed-highest-descriptor", "B12", || closed::<Os, B>(|low| high(&low, 1600)))
            .needing(&[Need::Descriptors, Need::Sockets(1_700)]),
    ]
}

type Descriptor = Result<Made<Os>, Failure>;

fn adopted(socket: impl TryInto<Socket, Error: Into<stheno::Error>>, keep: impl Any) -> Descriptor {
    made(socket.try_into().map_err(Into::into)?, keep)
}

fn urgent_inline(net: &mut Os) -> Descriptor {
    let (ours, mut theirs) = net.pair()?;
    sockopt::set_socket_oobinline(&ours, true)?;
    net.urge(&mut theirs, b"!")?;
    net.reached(&ours, &[Sign::Urgent, Sign::Data])?;
    made(ours, theirs)
}

fn pipe_data_writer_closed(net: &mut Os) -> Descriptor {
    let (reader, mut writer) = Socket::pipe()?;
    net.send(&mut writer, b"hello")?;
    made(reader, ())
}

fn pipe_writer_closed(_: &mut Os) -> Descriptor {
    made(Socket::pipe()?.0, ())
}

fn pipe_reader_closed(_: &mut Os) -> Descriptor {
    made(Socket::pipe()?.1, ())
}

fn full_pipe_reader_closed(net: &mut Os) -> Descriptor {
    let (reader, mut writer) = Socket::pipe()?;
    net.fill(&mut writer)?;
    drop(reader);
    made(writer, ())
}

fn unix_closed_with_data(_: &mut Os) -> Descriptor {
    let (ours, mut theirs) = UnixStream::pair()?;
    theirs.write_all(b"hello")?;
    adopted(ours, ())
}

fn unix_closed(_: &mut Os) -> Descriptor {
    adopted(UnixStream::pair()?.0, ())
}

fn unix_closed_without_reading(_: &mut Os) -> Descriptor {
    let (mut ours, theirs) = UnixStream::pair()?;
    ours.write_all(b"hello")?;
    drop(theirs);
    adopted(ours, ())
}

fn unix_full_with_data(net: &mut Os) -> Descriptor {
    let (mut ours, mut theirs) = net.local_pair()?;
    net.say(&mut theirs, b"hello")?;
    net.fill(&mut ours)?;
    made(ours, theirs)
}

fn opened(file: File) -> Descriptor {
    adopted(OwnedFd::from(file), ())
}

/// The one file that is there on every system.
fn program(_: &mut Os) -> Descriptor {
    opened(File::open(std::env::current_exe()?)?)
}

fn dev_null(_: &mut Os) -> Descriptor {
    opened(File::options().read(true).write(true).open("/dev/null")?)
}

fn directory(_: &mut Os) -> Descriptor {
    opened(File::open("/")?)
}

fn past_1023(_: &mut Os) -> Descriptor {
    let (ours, mut theirs) = UnixStream::pair()?;
    theirs.write_all(b"hello")?;
    let low = Socket::adopt(ours)?;
    made(high(&low, 1500)?, (low, theirs))
}
