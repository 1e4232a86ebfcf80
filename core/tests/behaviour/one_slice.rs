//! A net that takes one slice at a time and says so: what wraps around the end of a memory goes, and comes, in two calls.

use crate::NO_WAIT;
use crate::memory::{Inside, Memory, Socket, Table, Watch, pair};
use stheno_core::pool::{Lending, Loan, Place, bytes};
use stheno_core::{
    Buffer, Channel, Dispatcher, ErrorKind, EventLoop, Kind, Layer, Net, Outbox, Received, Result, Slot,
};

/// Nobody calls what it does not have.
struct OneSlice(Memory);

impl Layer for OneSlice {
    type Below = Memory;
    const VECTORED: bool = false;
    fn below(&self) -> &Memory {
        &self.0
    }
    fn below_mut(&mut self) -> &mut Memory {
        &mut self.0
    }
    fn recv_vectored(&mut self, _: &mut Socket, _: [&mut [u8]; 2]) -> Result<Received> {
        unreachable!("it was asked to receive into two slices")
    }
    fn send_vectored(&mut self, _: &mut Socket, _: [&[u8]; 2]) -> Result<Option<usize>> {
        unreachable!("it was asked to send two slices")
    }
}

impl Inside for OneSlice {
    fn memory(&self) -> &Memory {
        &self.0
    }
    fn memory_mut(&mut self) -> &mut Memory {
        &mut self.0
    }
}

struct Quiet;

impl<N: Net> Dispatcher<N> for Quiet {
    fn readable(&self) -> bool {
        false
    }
    fn writable(&self) -> bool {
        false
    }
    fn handle_read(&mut self, _: &mut Channel<'_, N, Self>) -> Result<()> {
        Ok(())
    }
}

type Events = EventLoop<Quiet, OneSlice, Watch, Table<Slot<Quiet, OneSlice>>>;

fn events() -> Events {
    let (net, watch) = pair();
    EventLoop::with_parts(OneSlice(net), watch, Table::default())
}

#[test]
fn the_first_slice_that_holds_anything_is_used() {
    let mut events = events();
    let (socket, far) = events.net_mut().0.connection();
    let key = events.add(socket, Quiet).unwrap();
    let (_, mut io) = events.channel(key).unwrap();
    assert_eq!(io.send_vectored([b"ab", b"cd"]), Ok(2));
    assert_eq!(io.send_vectored([b"", b"cd"]), Ok(2));
    assert_eq!(io.send_vectored([b"", b""]), Ok(0));
    io.net().0.say(far, b"xyz");
    let (mut first, mut second) = ([0; 2], [0; 2]);
    assert_eq!(io.recv_vectored([&mut first, &mut second]), Ok(Received::Data(2)));
    assert_eq!(io.recv_vectored([&mut [], &mut second]), Ok(Received::Data(1)));
    assert_eq!((first, second), (*b"xy", *b"z\0"));
    assert_eq!(io.net().0.hear(far), b"abcd");
}

#[test]
fn what_wraps_around_goes_in_two_calls() {
    let mut events = events();
    let (socket, far) = events.net_mut().0.connection();
    let key = events.add(socket, Quiet).unwrap();
    let (_, mut io) = events.channel(key).unwrap();

    let mut buffer = Buffer::new([0; 4]);
    assert_eq!(buffer.push(b"abc"), 3);
    buffer.consume(2);
    io.net().0.say(far, b"def");
    assert_eq!(io.recv_into(&mut buffer), Ok(Received::Data(1)));
    assert_eq!(io.recv_into(&mut buffer), Ok(Received::Data(2)));
    assert_eq!(buffer.filled().concat(), b"cdef");

    let mut outbox = Outbox::<[u8; 4]>::new();
    outbox.push(b"123").unwrap();
    outbox.flush(&mut io).unwrap();
    outbox.push(b"4567").unwrap();
    while !outbox.is_empty() {
        outbox.flush(&mut io).unwrap();
    }
    assert_eq!(io.net().0.hear(far), b"1234567");
}

#[test]
fn a_datagram_in_pieces_is_refused_as_a_whole() {
    let mut events = events();
    events.net_mut().0.mailbox(9);
    let mut socket = events.net_mut().0.socket(Kind::Datagram, &7).unwrap();
    events.net_mut().0.bind(&mut socket, &7).unwrap();
    let key = events.add(socket, Quiet).unwrap();
    let (_, mut io) = events.channel(key).unwrap();
    io.connect(&9).unwrap();
    assert_eq!(io.send_vectored([b"ab", b"cd"]).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(io.send_vectored([b"", b"cd"]), Ok(2));
    assert_eq!(events.net_mut().0.letters(9), [(b"cd".to_vec(), 7)]);
}

#[test]
fn a_loan_wraps_around_as_well() {
    type Pooled = Lending<OneSlice, [u8; bytes(1, 4)], Table<Place>>;
    let (net, watch) = pair();
    let net = Pooled::new(OneSlice(net), [0; bytes(1, 4)], 4, Table::default()).unwrap();
    let mut events: EventLoop<Quiet, Pooled, Watch, Table<Slot<Quiet, Pooled>>> =
        EventLoop::with_parts(net, watch, Table::default());
    let (socket, far) = events.net_mut().below.0.connection();
    let key = events.add(socket, Quiet).unwrap();
    events.run_turns(1, NO_WAIT).unwrap();
    events.net_mut().below.0.say(far, b"abcdef");
    let (_, mut io) = events.channel(key).unwrap();
    let mut loan = Loan::new();
    assert_eq!(loan.fill_from(&mut io), Ok(Received::Data(4)));
    loan.consume(&mut io, 2).unwrap();
    assert_eq!(loan.fill_from(&mut io), Ok(Received::Data(2)));
    loan.flush(&mut io).unwrap();
    assert_eq!(loan.len(), 2);
    loan.flush(&mut io).unwrap();
    assert!(loan.is_empty());
    assert_eq!(io.net().below.0.hear(far), b"cdef");
}
