//! Bounds, addresses, lines of callers, datagrams and deeds: what does not fit or makes no sense is a clear error.

use std::time::Duration;

use stheno_conformance::sim::{Address, Deed, Fixed, Link, Sim};
use stheno_core::{Datagram, Error, ErrorKind, Half, Kind, Net, Received, Result};

const DOOR: Address = Address::new(7007);
const ANY: Address = Address::ANY;

fn codes<T: std::fmt::Debug>(done: Result<T>) -> (ErrorKind, i32) {
    let why: Error = done.unwrap_err();
    (why.kind(), why.code())
}

#[test]
fn past_the_limit_sockets_are_refused_and_callers_stay_in_line() -> Result<()> {
    let mut net = Sim::new();
    let mut door = net.socket(Kind::Stream, &DOOR)?;
    net.bind(&mut door, &DOOR)?;
    net.listen(&mut door, 5)?;
    let (_one, _other) = (net.dial(DOOR)?, net.dial(DOOR)?);
    net.set_limit(2);
    let (guest, _) = net.accept(&mut door)?.unwrap();
    for _ in 0..3 {
        let why = net.accept(&mut door).unwrap_err();
        assert_eq!((why.kind(), why.code()), (ErrorKind::Exhausted, 24));
        assert_eq!(why.to_string(), "accept descriptor 0: too many open descriptors in this process (os error 24)");
        assert_eq!(codes(net.socket(Kind::Datagram, &DOOR)), (ErrorKind::Exhausted, 24));
        assert_eq!(codes(net.pair()), (ErrorKind::Exhausted, 24));
        assert_eq!((net.held(), net.callers(&door)?, net.len()), (2, 1, 5));
    }
    assert!(net.outside(|net| net.socket(Kind::Stream, &DOOR)).is_ok());
    net.close(guest);
    assert!(net.accept(&mut door)?.is_some());
    Ok(())
}

#[test]
fn a_full_world_says_so() -> Result<()> {
    let mut net = Fixed::<3, 8, 2, 1>::new();
    let mut door = net.host(DOOR)?;
    let mut caller = net.dial(DOOR)?;
    // The guest in line took the last place.
    assert_eq!(codes(net.socket(Kind::Stream, &DOOR)), (ErrorKind::Exhausted, 23));
    assert_eq!(codes(net.dial(DOOR)), (ErrorKind::Exhausted, 23));
    let (mut guest, _) = net.outside(|net| net.accept(&mut door))?.unwrap();
    assert_eq!(net.send(&mut caller, b"0123456789"), Ok(Some(8)));
    assert_eq!(net.send(&mut caller, b"89"), Ok(None));
    let mut bytes = [0; 16];
    assert_eq!(net.recv(&mut guest, &mut bytes), Ok(Received::Data(8)));
    assert_eq!(&bytes[..8], b"01234567");
    // One deed, of eight bytes at most.
    let second = Duration::from_secs(1);
    assert_eq!(codes(net.after(second, &caller, Deed::Send(b"012345678"))), (ErrorKind::Full, 0));
    net.after(second, &caller, Deed::Send(b"01234567"))?;
    assert_eq!(codes(net.after(second, &caller, Deed::Close)), (ErrorKind::Full, 0));
    net.settle();
    assert_eq!(net.recv(&mut guest, &mut bytes), Ok(Received::Data(8)));
    net.after(second, &caller, Deed::Close)?;
    // A call that finds no place for its guest is told.
    net.close(guest);
    let mut other = net.dial(DOOR)?;
    assert_eq!(net.take_error(&mut other)?.map(|why| (why.kind(), why.code())), Some((ErrorKind::Exhausted, 105)));
    Ok(())
}

#[test]
fn memory_for_datagrams_is_bounded() -> Result<()> {
    let mut net = Fixed::<2, 8, 2, 1>::new();
    let (mut to, mut from) = (net.mailbox_at(DOOR)?, net.mailbox_at(ANY)?);
    assert_eq!(codes(net.send_to(&mut from, &[0; 9], &DOOR)), (ErrorKind::Invalid, 90));
    assert_eq!(net.send_to(&mut from, b"one", &DOOR), Ok(true));
    assert_eq!(net.send_to(&mut from, b"two", &DOOR), Ok(true));
    assert_eq!(codes(net.send_to(&mut from, b"three", &DOOR)), (ErrorKind::Exhausted, 105));
    assert_eq!(net.recv(&mut to, &mut [0; 8]), Ok(Received::Data(3)));
    assert_eq!(net.send_to(&mut from, b"three", &DOOR), Ok(true));
    net.close(to);
    assert_eq!((net.count().sent, net.count().undeliverable), (3, 2));
    Ok(())
}

#[test]
fn datagrams_have_borders_and_senders() -> Result<()> {
    let mut net = Sim::new();
    let (mut to, mut from) = (net.mailbox_at(DOOR)?, net.mailbox_at(ANY)?);
    let sender = net.local_address(&from)?;
    for bytes in [&b"hello"[..], b"", b"12345678"] {
        assert_eq!(net.send_to(&mut from, bytes, &DOOR), Ok(true));
    }
    let mut bytes = [0; 5];
    let whole = Datagram { len: 5, truncated: false, from: sender };
    assert_eq!(net.recv_from(&mut to, &mut bytes), Ok(Some(whole)));
    assert_eq!(net.recv_from(&mut to, &mut bytes), Ok(Some(Datagram { len: 0, ..whole })));
    assert_eq!(net.recv_from(&mut to, &mut bytes), Ok(Some(Datagram { truncated: true, ..whole })));
    assert_eq!((net.recv_from(&mut to, &mut bytes), &bytes), (Ok(None), b"12345"));
    // Connected, it hears its peer alone.
    let mut stranger = net.mailbox_at(ANY)?;
    net.connect(&mut to, &sender)?;
    net.send_to(&mut stranger, b"psst", &DOOR)?;
    assert_eq!(net.recv(&mut to, &mut bytes), Ok(Received::WouldBlock));
    assert_eq!(net.send(&mut to, b"answer"), Ok(Some(6)));
    assert_eq!(net.recv(&mut from, &mut bytes), Ok(Received::Data(5)));
    assert_eq!(net.peer_address(&to), Ok(sender));
    // What makes no sense.
    assert_eq!(codes(net.send(&mut from, b"whither")), (ErrorKind::Invalid, 89));
    assert_eq!(codes(net.send_to(&mut from, b"whither", &ANY)), (ErrorKind::Invalid, 89));
    assert_eq!(codes(net.listen(&mut from, 1)), (ErrorKind::Unsupported, 95));
    let (mut stream, _peer) = net.pair()?;
    assert_eq!(codes(net.send_to(&mut stream, b"x", &DOOR)), (ErrorKind::Unsupported, 0));
    assert_eq!(codes(net.recv_from(&mut stream, &mut bytes)), (ErrorKind::Unsupported, 0));
    assert_eq!(codes(net.send_to(&mut from, &[0; 65_508], &DOOR)), (ErrorKind::Invalid, 90));
    Ok(())
}

#[test]
fn a_full_inbox_loses_and_counts() -> Result<()> {
    let mut net = Sim::new();
    net.set_link(Link { inbox: 3, ..Link::PLAIN });
    let (mut to, mut from) = (net.mailbox_at(DOOR)?, net.mailbox_at(ANY)?);
    for number in 0..5 {
        assert_eq!(net.send_to(&mut from, &[number], &DOOR), Ok(true));
    }
    let mut came = Vec::new();
    let mut byte = [0];
    while net.recv_from(&mut to, &mut byte)?.is_some() {
        came.extend(byte);
    }
    assert_eq!((came, net.count().overflowed), (vec![0, 1, 2], 2));
    Ok(())
}

#[test]
fn news_that_nobody_is_there_takes_its_time() -> Result<()> {
    let mut net = Sim::new();
    net.set_link(Link { latency: Duration::from_millis(4), ..Link::PLAIN });
    let mut from = net.mailbox_at(ANY)?;
    net.send_to(&mut from, b"unconnected", &DOOR)?;
    net.settle();
    assert_eq!((net.take_error(&mut from), net.count().undeliverable), (Ok(None), 1));
    let began = net.now();
    net.connect(&mut from, &DOOR)?;
    net.send(&mut from, b"connected")?;
    net.advance(Duration::from_nanos(7_999_999));
    assert_eq!(net.take_error(&mut from), Ok(None));
    net.settle();
    assert_eq!(net.now(), began + Duration::from_millis(8));
    assert_eq!(net.take_error(&mut from)?.map(|why| why.code()), Some(111));
    assert_eq!(net.take_error(&mut from), Ok(None));
    Ok(())
}

#[test]
fn addresses_are_taken_and_let_go() -> Result<()> {
    let mut net = Sim::new();
    let mut door = net.host(DOOR)?;
    let mut other = net.socket(Kind::Stream, &DOOR)?;
    let why = net.bind(&mut other, &DOOR).unwrap_err();
    assert_eq!(why.to_string(), "bind sim:7007: address already in use (os error 98)");
    // A datagram socket has a port of its own.
    let _mailbox = net.mailbox_at(DOOR)?;
    assert_eq!(codes(net.mailbox_at(DOOR)), (ErrorKind::Other, 98));
    let _caller = net.dial(DOOR)?;
    let guest = net.accept(&mut door)?.unwrap().0;
    net.close(door);
    assert_eq!(codes(net.bind(&mut other, &DOOR)), (ErrorKind::Other, 98));
    net.set_reuse_address(&mut other)?;
    net.bind(&mut other, &DOOR)?;
    assert_eq!(codes(net.bind(&mut other, &Address::new(8))), (ErrorKind::Invalid, 22));
    net.close(guest);
    // Fresh ones differ.
    let (one, two) = (net.host(ANY)?, net.host(ANY)?);
    assert_ne!(net.local_address(&one)?, net.local_address(&two)?);
    assert_ne!(net.local_address(&one)?, ANY);
    // States in which an operation makes no sense.
    let (mut stream, _peer) = net.pair()?;
    assert_eq!(codes(net.listen(&mut stream, 1)), (ErrorKind::Invalid, 22));
    assert_eq!(codes(net.accept(&mut stream)), (ErrorKind::Invalid, 22));
    assert_eq!(codes(net.bind(&mut stream, &ANY)), (ErrorKind::Invalid, 22));
    let why = net.connect(&mut stream, &DOOR).unwrap_err();
    assert_eq!(why.to_string(), "connect sim:7007: already connected (os error 106)");
    let mut listener = one;
    assert_eq!(codes(net.connect(&mut listener, &DOOR)), (ErrorKind::Other, 106));
    assert_eq!(codes(net.recv(&mut listener, &mut [0])), (ErrorKind::Disconnected, 107));
    assert_eq!(codes(net.send(&mut listener, b"x")), (ErrorKind::Disconnected, 32));
    Ok(())
}

#[test]
fn ports_that_are_taken_are_passed_over() -> Result<()> {
    let mut net = Sim::new();
    for port in 32_768..32_800 {
        net.host(Address::new(port))?;
    }
    let host = net.host(ANY)?;
    assert_eq!(net.local_address(&host)?.port(), 32_800);
    Ok(())
}

#[test]
fn whoever_finds_the_line_full_waits_for_room_in_order() -> Result<()> {
    let mut net = Sim::new();
    let mut door = net.socket(Kind::Stream, &DOOR)?;
    net.bind(&mut door, &DOOR)?;
    net.listen(&mut door, 1)?;
    let mut callers = Vec::new();
    for _ in 0..5 {
        callers.push(net.dial(DOOR)?);
    }
    let from: Vec<_> = callers.iter().map(|caller| net.local_address(caller).unwrap()).collect();
    assert_eq!((net.callers(&door)?, net.len()), (2, 8));
    // One gives up before its turn.
    net.close(callers.remove(3));
    let mut came = Vec::new();
    while let Some((_, from)) = net.accept(&mut door)? {
        came.push(from);
    }
    assert_eq!(came, [from[0], from[1], from[2], from[4]]);
    // A longer line lets more in, and a closed door nobody.
    let mut more = Vec::new();
    for _ in 0..6 {
        more.push(net.dial(DOOR)?);
    }
    net.listen(&mut door, 3)?;
    assert_eq!(net.callers(&door)?, 4);
    net.close(door);
    let whys: Vec<_> = more.iter_mut().map(|caller| net.take_error(caller).unwrap().unwrap().code()).collect();
    assert_eq!(whys, [104, 104, 104, 104, 111, 111]);
    Ok(())
}

#[test]
fn deeds_are_done_in_order_and_wait_for_room() -> Result<()> {
    let mut net = Sim::new();
    net.set_link(Link { window: 4, ..Link::PLAIN });
    let (mut ours, theirs) = net.pair()?;
    let at = |millis| Duration::from_millis(millis);
    net.after(at(2), &theirs, Deed::Shut(Half::Write))?;
    net.after(at(1), &theirs, Deed::Send(b"0123456789"))?;
    net.after(at(1), &theirs, Deed::Send(b"ab"))?;
    net.settle();
    assert_eq!((net.planned(), net.elapsed()), (3, at(2)));
    let mut all: Vec<u8> = Vec::new();
    let mut bytes = [0; 3];
    while let Received::Data(n) = net.recv(&mut ours, &mut bytes)? {
        all.extend(&bytes[..n]);
    }
    assert_eq!(all, b"0123456789ab");
    assert_eq!((net.recv(&mut ours, &mut bytes)?, net.planned()), (Received::End, 0));
    // Of two that wait, the second may end the wait of the first.
    let (mine, other) = net.pair()?;
    net.after(at(1), &mine, Deed::Send(b"0123456789"))?;
    net.after(at(2), &other, Deed::Reset)?;
    net.settle();
    assert_eq!((net.planned(), net.count().failed_deeds), (0, 1));
    assert_eq!(net.take_failure().map(|why| why.code()), Some(104));
    // What fails is counted, and says why.
    net.after(at(1), &theirs, Deed::Send(b"too late"))?;
    net.after(at(2), &theirs, Deed::Reset)?;
    net.after(at(3), &theirs, Deed::Close)?;
    net.settle();
    assert_eq!(net.count().failed_deeds, 3);
    assert_eq!(net.take_failure().map(|why| (why.kind(), why.code())), Some((ErrorKind::BadDescriptor, 9)));
    assert_eq!(net.take_failure(), None);
    Ok(())
}

#[test]
fn deeds_of_datagram_sockets_and_callers() -> Result<()> {
    let mut net = Sim::new();
    let (mut to, from) = (net.mailbox_at(DOOR)?, net.mailbox_at(ANY)?);
    let at = |millis| Duration::from_millis(millis);
    net.after(at(1), &from, Deed::SendTo(b"letter", DOOR))?;
    net.after(at(2), &from, Deed::Connect(DOOR))?;
    net.after(at(3), &from, Deed::Send(b"another"))?;
    net.settle();
    let mut bytes = [0; 9];
    assert_eq!(net.recv(&mut to, &mut bytes), Ok(Received::Data(6)));
    assert_eq!(net.recv(&mut to, &mut bytes), Ok(Received::Data(7)));
    // A deed of someone whose call waits in line waits, too.
    let mut door = net.socket(Kind::Stream, &DOOR)?;
    net.bind(&mut door, &DOOR)?;
    net.listen(&mut door, 0)?;
    let (_first, second) = (net.dial(DOOR)?, net.dial(DOOR)?);
    net.after(at(1), &second, Deed::Send(b"hello"))?;
    net.settle();
    assert_eq!(net.planned(), 1);
    net.accept(&mut door)?.unwrap();
    let (mut guest, _) = net.accept(&mut door)?.unwrap();
    assert_eq!((net.planned(), net.recv(&mut guest, &mut bytes)), (0, Ok(Received::Data(5))));
    Ok(())
}

#[test]
fn two_slices_are_filled_and_sent_as_one() -> Result<()> {
    let mut net = Sim::new();
    let (mut ours, mut theirs) = net.pair()?;
    assert_eq!(net.send_vectored(&mut theirs, [b"abc", b"defg"]), Ok(Some(7)));
    let (mut one, mut other) = ([0; 2], [0; 9]);
    assert_eq!(net.recv_vectored(&mut ours, [&mut one, &mut other]), Ok(Received::Data(7)));
    assert_eq!((&one, &other[..5]), (b"ab", &b"cdefg"[..]));
    net.set_link_of(&ours, Link { window: 5, ..Link::PLAIN })?;
    assert_eq!(net.send_vectored(&mut theirs, [b"abc", b"defg"]), Ok(Some(5)));
    assert_eq!(net.send_vectored(&mut theirs, [b"", b"x"]), Ok(None));
    Ok(())
}

#[test]
fn nobody_takes_no_more_than_the_network_holds() -> Result<()> {
    let mut net = Sim::new();
    net.set_link(Link { window: 5, ..Link::PLAIN });
    let (mut ours, theirs) = net.pair()?;
    net.close(theirs);
    assert_eq!(net.send(&mut ours, b"abcdefg"), Ok(Some(5)));
    assert_eq!(net.send(&mut ours, b"fg").unwrap_err().kind(), ErrorKind::Disconnected);
    Ok(())
}

#[cfg(feature = "std")]
#[test]
fn a_story_that_ends_badly_says_how_to_tell_it_again() {
    let this = std::env::current_exe().unwrap();
    let told = std::process::Command::new(this)
        .args(["--exact", "ends_badly_if_asked_to", "--nocapture"])
        .env("STHENO_SEED", "4711")
        .env("STHENO_END_BADLY", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&told.stderr);
    assert!(!told.status.success());
    assert!(said.contains("sim: the seed of this network was 4711; STHENO_SEED=4711 tells the same story"), "{said}");
}

/// The child of the test above.
#[cfg(feature = "std")]
#[test]
fn ends_badly_if_asked_to() -> Result<()> {
    let mut net = Sim::seeded(stheno_conformance::sim::seed()?);
    net.set_link(Link::ROUGH);
    let mut from = net.mailbox_at(ANY)?;
    net.send_to(&mut from, b"x", &DOOR)?;
    assert!(std::env::var_os("STHENO_END_BADLY").is_none(), "as asked");
    Ok(())
}
