//! What each backend says of a descriptor in every state that there is: the same, whatever the system call.

use std::any::Any;
use std::fs::File;
use std::io::Write;
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::event::PollFlags;
use rustix::net::sockopt;
use stheno::{Backend, Interest, Kind, Net, Open, Os, Readiness, Socket};

use super::support::{
    A_WHILE, HINTS, P, R, W, Watch, close_behind, door, fill, high, hold, reached, reset, same, send_urgent, tcp,
};
use super::{Case, Failure, Verdict};

/// Every state, and what is told there: `R` to whoever asks for READ, `W` for WRITE, `P` for PRIORITY; `H` and `E` are
/// the hints, HANGUP and ERROR, that may come with it.
#[rustfmt::skip]
pub(super) fn cases<B: Backend<Os> + Open>() -> Vec<Case> {
    let state = |name, check: fn() -> Verdict| Case::new(name, "B5 B6", check);
    let ready = |name, check: fn() -> Verdict| Case::new(name, "B10", check);
    vec![
        state("state-tcp-created-is-hung-up",                  || check::<B>(created,                     "RW-H-")),
        state("state-listening-idle-is-silent",                || check::<B>(listening_idle,              "-----")),
        state("state-listening-with-a-caller-is-readable",     || check::<B>(listening_pending,           "R----")),
        state("state-listener-that-was-shut-is-hung-up",       || check::<B>(listener_shut,               "RW-H-")),
        state("state-connecting-is-silent",                    || check::<B>(syn_sent,                    "-----")),
        state("state-connect-refused-is-ready",                || check::<B>(refused,                     "RW-HE")),
        state("state-refused-and-asked-why-is-ready",          || check::<B>(refused_and_asked,           "RW-H-")),
        state("state-connected-idle-is-writable",              || check::<B>(idle,                        "-W---")),
        state("state-data-is-readable",                        || check::<B>(data,                        "RW---")),
        state("state-send-buffer-full-is-silent",              || check::<B>(full,                        "-----")),
        state("state-send-buffer-full-with-data-is-readable",  || check::<B>(full_with_data,              "R----")),
        state("state-peer-closed-with-data-is-readable",       || check::<B>(peer_closed_with_data,       "RW---")),
        state("state-peer-closed-is-readable",                 || check::<B>(peer_closed,                 "RW---")),
        state("state-peer-shut-its-writing-is-readable",       || check::<B>(peer_shut,                   "RW---")),
        state("state-own-reading-shut-is-readable",            || check::<B>(reading_shut,                "RW---")),
        state("state-own-writing-shut-is-writable",            || check::<B>(writing_shut,                "-W---")),
        state("state-both-shut-with-data-is-hung-up",          || check::<B>(both_shut_with_data,         "RW-H-")),
        state("state-reset-with-data-is-ready",                || check::<B>(reset_with_data,             "RW-HE")),
        state("state-reset-is-ready",                          || check::<B>(reset_idle,                  "RW-HE")),
        state("state-urgent-byte-is-priority-and-no-data",     || check::<B>(urgent,                      "-WP--")),
        state("state-urgent-byte-among-data-is-both",          || check::<B>(urgent_inline,               "RWP--")),
        state("state-pipe-with-data-whose-writer-closed",      || check::<B>(pipe_data_writer_closed,     "R--H-")),
        state("state-pipe-empty-whose-writer-closed",          || check::<B>(pipe_writer_closed,          "R--H-")),
        state("state-pipe-whose-reader-closed",                || check::<B>(pipe_reader_closed,          "RW--E")),
        state("state-full-pipe-whose-reader-closed",           || check::<B>(full_pipe_reader_closed,     "RW--E")),
        state("state-unix-peer-closed-with-data",              || check::<B>(unix_closed_with_data,       "RW-H-")),
        state("state-unix-peer-closed",                        || check::<B>(unix_closed,                 "RW-H-")),
        state("state-unix-peer-closed-without-reading",        || check::<B>(unix_closed_without_reading, "RW-HE")),
        state("state-datagram-refused-is-ready",               || check::<B>(icmp,                        "RW--E")),
        state("state-datagram-waiting-is-readable",            || check::<B>(datagram,                    "RW---")),
        ready("state-regular-file-is-always-ready",            || check::<B>(program,                     "RW---")),
        ready("state-dev-null-is-always-ready",                || check::<B>(dev_null,                    "RW---")),
        ready("state-directory-is-always-ready",               || check::<B>(directory,                   "RW---")),
        state("state-descriptor-past-1023-is-like-any-other",  || check::<B>(past_1023,                   "RW---")),
        Case::new("state-closed-low-descriptor", "B12", closed_low::<B>),
        Case::new("state-closed-highest-descriptor", "B12", closed_high::<B>),
        Case::new("state-closed-without-interest-is-silent", "B3 B12", closed_and_unasked::<B>),
    ]
}

/// A socket in some state, and whatever must live for it to stay there.
struct Made {
    socket: Socket,
    _keep: Box<dyn Any>,
}

type Maker = fn() -> Result<Made, Failure>;

/// Everything that may be asked for, most of it first.
const INTERESTS: [Interest; 8] = [Interest::ALL, R, W, P, R.union(W), R.union(P), W.union(P), Interest::NONE];

/// Asks for each interest, freshly registered and changed to, and looks twice each time.
fn check<B: Backend<Os> + Open>(make: Maker, told: &str) -> Verdict {
    let told = Told::parse(told);
    let Made { socket, _keep } = make()?;
    let mut watch = Watch::<B>::open()?;
    for interest in INTERESTS {
        watch.register(&socket, 1, interest)?;
        told.is_what(1, &mut watch, interest, "registered")?;
        watch.deregister(&socket, 1)?;
        same("after deregistering", watch.look()?, [])?;
    }
    watch.register(&socket, 2, Interest::NONE)?;
    for interest in INTERESTS {
        watch.reregister(&socket, 2, interest)?;
        told.is_what(2, &mut watch, interest, "reregistered")?;
    }
    // Silence is no illness: the same again after it.
    watch.reregister(&socket, 2, Interest::ALL)?;
    told.is_what(2, &mut watch, Interest::ALL, "reregistered after silence")?;
    watch.deregister(&socket, 2)?;
    Ok(())
}

/// What is owed to whoever asks for everything, and what may come with it.
struct Told {
    owed: Readiness,
    hints: Readiness,
}

impl Told {
    fn parse(letters: &str) -> Self {
        let bit = |letter, bit: Readiness| bit.when(letters.contains(letter));
        Self {
            owed: bit('R', Readiness::READABLE) | bit('W', Readiness::WRITABLE) | bit('P', Readiness::PRIORITY),
            hints: bit('H', Readiness::HANGUP) | bit('E', Readiness::ERROR),
        }
    }

    /// Fails unless this is what the key is told, twice in a row.
    fn is_what<B>(&self, key: u32, watch: &mut Watch<B>, interest: Interest, how: &str) -> Verdict
    where
        B: Backend<Os> + Open,
    {
        let asked = Readiness::READABLE.when(interest.contains(R))
            | Readiness::WRITABLE.when(interest.contains(W))
            | Readiness::PRIORITY.when(interest.contains(P));
        let owed = self.owed & asked;
        let allowed = self.hints.when(!interest.is_empty());
        let first = watch.look()?;
        let came = match first[..] {
            [] => Readiness::NONE,
            [(of, readiness)] if of == key => readiness,
            _ => return Err(format!("{how} for {interest}: expected key {key} once, came {first:?}").into()),
        };
        hold(came - HINTS == owed && allowed.contains(came & HINTS), || {
            format!("{how} for {interest}: expected {owed}, with nothing else but {allowed}; came {came}")
        })?;
        same(&format!("{how} for {interest}, the second wait"), watch.look()?, first)
    }
}

// How each state is made.

fn made(socket: impl TryInto<Socket, Error: Into<stheno::Error>>, keep: impl Any) -> Result<Made, Failure> {
    Ok(Made { socket: socket.try_into().map_err(Into::into)?, _keep: Box::new(keep) })
}

fn created() -> Result<Made, Failure> {
    made(Os.socket(Kind::Stream, &"127.0.0.1:0".parse()?)?, ())
}

fn listening_idle() -> Result<Made, Failure> {
    made(door()?, ())
}

fn listening_pending() -> Result<Made, Failure> {
    let door = door()?;
    let caller = TcpStream::connect(door.local_addr()?)?;
    reached(&door, PollFlags::IN)?;
    made(door, caller)
}

fn listener_shut() -> Result<Made, Failure> {
    let door = door()?;
    rustix::net::shutdown(&door, rustix::net::Shutdown::Both)?;
    made(door, ())
}

/// A listener with room for one caller has one, and does not answer the next.
fn syn_sent() -> Result<Made, Failure> {
    let at = "127.0.0.1:0".parse()?;
    let mut door = Os.socket(Kind::Stream, &at)?;
    Os.bind(&mut door, &at)?;
    Os.listen(&mut door, 0)?;
    let at = Os.local_address(&door)?;
    let mut first = Os.socket(Kind::Stream, &at)?;
    Os.connect(&mut first, &at)?;
    reached(&door, PollFlags::IN)?;
    let mut second = Os.socket(Kind::Stream, &at)?;
    Os.connect(&mut second, &at)?;
    made(second, (door, first))
}

fn refused() -> Result<Made, Failure> {
    let nobody = door()?.local_addr()?.into();
    let mut caller = Os.socket(Kind::Stream, &nobody)?;
    Os.connect(&mut caller, &nobody)?;
    reached(&caller, PollFlags::ERR | PollFlags::HUP)?;
    made(caller, ())
}

fn refused_and_asked() -> Result<Made, Failure> {
    let mut made = refused()?;
    let why = Os.take_error(&mut made.socket)?;
    hold(why.is_some(), || "expected an error, none waits".into())?;
    Ok(made)
}

fn idle() -> Result<Made, Failure> {
    let (ours, theirs) = tcp()?;
    made(ours, theirs)
}

fn data() -> Result<Made, Failure> {
    let (ours, mut theirs) = tcp()?;
    theirs.write_all(b"hello")?;
    reached(&ours, PollFlags::IN)?;
    made(ours, theirs)
}

fn full() -> Result<Made, Failure> {
    let (ours, theirs) = tcp()?;
    sockopt::set_socket_send_buffer_size(&ours, 1 << 14)?;
    let made = made(ours, theirs)?;
    fill(&made.socket)?;
    Ok(made)
}

fn full_with_data() -> Result<Made, Failure> {
    let (ours, mut theirs) = UnixStream::pair()?;
    theirs.write_all(b"hello")?;
    let made = made(ours, theirs)?;
    fill(&made.socket)?;
    Ok(made)
}

fn peer_closed_with_data() -> Result<Made, Failure> {
    let (ours, mut theirs) = tcp()?;
    theirs.write_all(b"hello")?;
    drop(theirs);
    reached(&ours, PollFlags::IN | PollFlags::RDHUP)?;
    made(ours, ())
}

fn peer_closed() -> Result<Made, Failure> {
    let (ours, theirs) = tcp()?;
    drop(theirs);
    reached(&ours, PollFlags::RDHUP)?;
    made(ours, ())
}

fn peer_shut() -> Result<Made, Failure> {
    let (ours, theirs) = tcp()?;
    theirs.shutdown(Shutdown::Write)?;
    reached(&ours, PollFlags::RDHUP)?;
    made(ours, theirs)
}

fn reading_shut() -> Result<Made, Failure> {
    let (ours, theirs) = tcp()?;
    ours.shutdown(Shutdown::Read)?;
    made(ours, theirs)
}

fn writing_shut() -> Result<Made, Failure> {
    let (ours, theirs) = tcp()?;
    ours.shutdown(Shutdown::Write)?;
    made(ours, theirs)
}

fn both_shut_with_data() -> Result<Made, Failure> {
    let (ours, mut theirs) = tcp()?;
    theirs.write_all(b"hello")?;
    theirs.shutdown(Shutdown::Write)?;
    ours.shutdown(Shutdown::Write)?;
    reached(&ours, PollFlags::IN | PollFlags::HUP)?;
    made(ours, theirs)
}

fn reset_with_data() -> Result<Made, Failure> {
    let (ours, mut theirs) = tcp()?;
    theirs.write_all(b"hello")?;
    reached(&ours, PollFlags::IN)?;
    reset(theirs)?;
    reached(&ours, PollFlags::ERR | PollFlags::HUP)?;
    made(ours, ())
}

fn reset_idle() -> Result<Made, Failure> {
    let (ours, theirs) = tcp()?;
    reset(theirs)?;
    reached(&ours, PollFlags::ERR | PollFlags::HUP)?;
    made(ours, ())
}

fn urgent() -> Result<Made, Failure> {
    let (ours, theirs) = tcp()?;
    send_urgent(&theirs, b'!')?;
    reached(&ours, PollFlags::PRI)?;
    made(ours, theirs)
}

fn urgent_inline() -> Result<Made, Failure> {
    let (ours, theirs) = tcp()?;
    sockopt::set_socket_oobinline(&ours, true)?;
    send_urgent(&theirs, b'!')?;
    reached(&ours, PollFlags::PRI | PollFlags::IN)?;
    made(ours, theirs)
}

fn pipe_data_writer_closed() -> Result<Made, Failure> {
    let (reader, mut writer) = Socket::pipe()?;
    Os.send(&mut writer, b"hello")?;
    made(reader, ())
}

fn pipe_writer_closed() -> Result<Made, Failure> {
    made(Socket::pipe()?.0, ())
}

fn pipe_reader_closed() -> Result<Made, Failure> {
    made(Socket::pipe()?.1, ())
}

fn full_pipe_reader_closed() -> Result<Made, Failure> {
    let (reader, writer) = Socket::pipe()?;
    fill(&writer)?;
    drop(reader);
    made(writer, ())
}

fn unix_closed_with_data() -> Result<Made, Failure> {
    let (ours, mut theirs) = UnixStream::pair()?;
    theirs.write_all(b"hello")?;
    made(ours, ())
}

fn unix_closed() -> Result<Made, Failure> {
    made(UnixStream::pair()?.0, ())
}

fn unix_closed_without_reading() -> Result<Made, Failure> {
    let (mut ours, theirs) = UnixStream::pair()?;
    ours.write_all(b"hello")?;
    drop(theirs);
    made(ours, ())
}

fn icmp() -> Result<Made, Failure> {
    let nobody = UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
    let ours = UdpSocket::bind("127.0.0.1:0")?;
    ours.connect(nobody)?;
    ours.send(b"hello")?;
    reached(&ours, PollFlags::ERR)?;
    made(ours, ())
}

fn datagram() -> Result<Made, Failure> {
    let (ours, theirs) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    theirs.send_to(b"", ours.local_addr()?)?;
    reached(&ours, PollFlags::IN)?;
    made(ours, theirs)
}

fn opened(file: File) -> Result<Made, Failure> {
    made(OwnedFd::from(file), ())
}

/// The one file that is there on every system.
fn program() -> Result<Made, Failure> {
    opened(File::open(std::env::current_exe()?)?)
}

fn dev_null() -> Result<Made, Failure> {
    opened(File::options().read(true).write(true).open("/dev/null")?)
}

fn directory() -> Result<Made, Failure> {
    opened(File::open("/")?)
}

fn past_1023() -> Result<Made, Failure> {
    let (ours, mut theirs) = UnixStream::pair()?;
    theirs.write_all(b"hello")?;
    let low = Socket::adopt(ours)?;
    made(high(&low, 1500)?, (low, theirs))
}

// Closed behind the backend's back: INVALID once for its own key, or silence; the others go on.

fn closed_low<B: Backend<Os> + Open>() -> Verdict {
    closed::<B>(Ok)
}

fn closed_high<B: Backend<Os> + Open>() -> Verdict {
    closed::<B>(|low| high(&low, 1600))
}

fn closed<B: Backend<Os> + Open>(number: fn(Socket) -> Result<Socket, Failure>) -> Verdict {
    for interest in [Interest::ALL, R, W, P] {
        let ((bad, _keep), (good, mut peer)) = (Socket::pair()?, Socket::pair()?);
        let bad = number(bad)?;
        let mut watch = Watch::<B>::open()?;
        watch.register(&bad, 1, interest)?;
        watch.register(&good, 2, R)?;
        let bad = close_behind(bad)?;
        let first = watch.look()?;
        hold(first.is_empty() || first == [(1, Readiness::INVALID)], || {
            format!("closed with {interest}: expected silence or INVALID alone, came {first:?}")
        })?;
        watch.rests(A_WHILE)?;
        Os.send(&mut peer, b"x")?;
        same("the other one", watch.look()?, [(2, Readiness::READABLE)])?;
        watch.deregister(&bad, 1)?;
        watch.deregister(&bad, 1)?;
        same("the other one, afterwards", watch.look()?, [(2, Readiness::READABLE)])?;
    }
    Ok(())
}

fn closed_and_unasked<B: Backend<Os> + Open>() -> Verdict {
    let (ours, _theirs) = Socket::pair()?;
    let mut watch = Watch::<B>::open()?;
    watch.register(&ours, 1, Interest::ALL)?;
    watch.reregister(&ours, 1, Interest::NONE)?;
    let ours = close_behind(ours)?;
    watch.rests(A_WHILE)?;
    Ok(watch.deregister(&ours, 1)?)
}
