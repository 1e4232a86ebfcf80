//! The suite finds what is wrong with a net: one that breaks a clause fails, and the same one without the fault passes.

use std::mem::ManuallyDrop;
use std::time::Duration;

use stheno::{
    Address, Datagram, Error, ErrorKind, Half, Instant, Layer, Net, Os, Poll, Received, Result, Socket, State,
};
use stheno_conformance::contract::Failure;
use stheno_conformance::ground::{Family, SharedBell, Sign};
use stheno_conformance::{Backing, Ground, Suite};

/// The operating system with a fault in one of its operations.
#[derive(Default)]
struct Faulty<F> {
    below: Os,
    fault: F,
}

/// What is done instead.
trait Fault: Default + 'static {
    fn recv(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Received> {
        Os.recv(socket, into)
    }
    fn recv_from(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Option<Datagram<Address>>> {
        Os.recv_from(socket, into)
    }
    fn send(&mut self, socket: &mut Socket, from: &[u8]) -> Result<Option<usize>> {
        Os.send(socket, from)
    }
    fn accept(&mut self, socket: &mut Socket) -> Result<Option<(Socket, Address)>> {
        Os.accept(socket)
    }
    fn take_error(&mut self, socket: &mut Socket) -> Result<Option<Error>> {
        Os.take_error(socket)
    }
    fn state(&mut self, socket: &Socket) -> Result<State> {
        Os.state(socket)
    }
    fn peer_address(&self, socket: &Socket) -> Result<Address> {
        Os.peer_address(socket)
    }
    fn close(&mut self, socket: Socket) {
        Os.close(socket);
    }
}

impl<F: Fault> Layer for Faulty<F> {
    type Below = Os;
    fn below(&self) -> &Os {
        &self.below
    }
    fn below_mut(&mut self) -> &mut Os {
        &mut self.below
    }
    fn recv(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Received> {
        self.fault.recv(socket, into)
    }
    fn recv_from(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Option<Datagram<Address>>> {
        self.fault.recv_from(socket, into)
    }
    fn send(&mut self, socket: &mut Socket, from: &[u8]) -> Result<Option<usize>> {
        self.fault.send(socket, from)
    }
    fn accept(&mut self, socket: &mut Socket) -> Result<Option<(Socket, Address)>> {
        self.fault.accept(socket)
    }
    fn take_error(&mut self, socket: &mut Socket) -> Result<Option<Error>> {
        self.fault.take_error(socket)
    }
    fn state(&mut self, socket: &Socket) -> Result<State> {
        self.fault.state(socket)
    }
    fn peer_address(&self, socket: &Socket) -> Result<Address> {
        self.fault.peer_address(socket)
    }
    fn close(&mut self, socket: Socket) {
        self.fault.close(socket);
    }
}

/// The far ends are those of the operating system, without a fault.
impl<F: Fault> Ground for Faulty<F> {
    type Peer = <Os as Ground>::Peer;
    type Shortage = <Os as Ground>::Shortage;
    type Later = <Os as Ground>::Later;

    fn open() -> Result<Self, Failure> {
        Ok(Self::default())
    }
    fn anywhere(family: Family) -> Result<Address, Failure> {
        Os::anywhere(family)
    }
    fn nowhere(&mut self) -> Result<Address, Failure> {
        self.below.nowhere()
    }
    fn pair(&mut self) -> Result<(Socket, Self::Peer), Failure> {
        self.below.pair()
    }
    fn local_pair(&mut self) -> Result<(Socket, Self::Peer), Failure> {
        self.below.local_pair()
    }
    fn sockets(&mut self) -> Result<(Socket, Socket), Failure> {
        self.below.sockets()
    }
    fn host(&mut self) -> Result<Self::Peer, Failure> {
        self.below.host()
    }
    fn take(&mut self, host: &mut Self::Peer) -> Result<Self::Peer, Failure> {
        self.below.take(host)
    }
    fn dial(&mut self, to: &Address) -> Result<Self::Peer, Failure> {
        self.below.dial(to)
    }
    fn mailbox(&mut self) -> Result<Socket, Failure> {
        self.below.mailbox()
    }
    fn sender(&mut self, to: &Address) -> Result<Self::Peer, Failure> {
        self.below.sender(to)
    }
    fn address(&self, peer: &Self::Peer) -> Result<Address, Failure> {
        self.below.address(peer)
    }
    fn say(&mut self, peer: &mut Self::Peer, data: &[u8]) -> Result<(), Failure> {
        self.below.say(peer, data)
    }
    fn urge(&mut self, peer: &mut Self::Peer, data: &[u8]) -> Result<(), Failure> {
        self.below.urge(peer, data)
    }
    fn hear(&mut self, peer: &mut Self::Peer, into: &mut [u8]) -> Result<Received, Failure> {
        self.below.hear(peer, into)
    }
    fn half_close(&mut self, peer: &mut Self::Peer, half: Half) -> Result<(), Failure> {
        self.below.half_close(peer, half)
    }
    fn hang_up(&mut self, peer: Self::Peer) {
        self.below.hang_up(peer);
    }
    fn reset(&mut self, peer: Self::Peer) -> Result<(), Failure> {
        self.below.reset(peer)
    }
    fn say_later(&mut self, after: Duration, peer: Self::Peer, data: &'static [u8]) -> Result<Self::Later, Failure> {
        self.below.say_later(after, peer, data)
    }
    fn done(&mut self, later: Self::Later) -> Result<Self::Peer, Failure> {
        self.below.done(later)
    }
    fn reached(&mut self, socket: &Socket, signs: &[Sign]) -> Result<(), Failure> {
        self.below.reached(socket, signs)
    }
    fn pass(&mut self, time: Duration) {
        self.below.pass(time);
    }
    fn clock(&self) -> Instant {
        self.below.clock()
    }
    fn close_behind(&mut self, socket: Socket) -> Result<ManuallyDrop<Socket>, Failure> {
        self.below.close_behind(socket)
    }
    fn bell(&mut self) -> Result<(SharedBell, Socket), Failure> {
        self.below.bell()
    }
    fn shortage(&mut self) -> Result<Self::Shortage, Failure> {
        self.below.shortage()
    }
    fn ease(&mut self, shortage: &mut Self::Shortage) {
        self.below.ease(shortage);
    }
    fn relieve(&mut self, shortage: Self::Shortage) {
        self.below.relieve(shortage);
    }
    fn room_for(&mut self, sockets: usize) -> Result<(), Failure> {
        self.below.room_for(sockets)
    }
}

#[derive(Default)]
struct Faultless;
impl Fault for Faultless {}

/// N1: waits for what is not there yet.
#[derive(Default)]
struct Waits;
impl Fault for Waits {
    fn recv(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Received> {
        // It waits boundedly, so that the case fails and does not hang.
        let _ = Os.reached(socket, &[Sign::Data]);
        Os.recv(socket, into)
    }
}

/// N2: that a connection is over is any error.
#[derive(Default)]
struct Vague;
impl Fault for Vague {
    fn recv(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Received> {
        Os.recv(socket, into).map_err(|_| Error::new(ErrorKind::Other, "something is wrong"))
    }
}

/// N3: an error comes before what was sent before it.
#[derive(Default)]
struct Hasty;
impl Fault for Hasty {
    fn recv(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Received> {
        match Os.take_error(socket)? {
            Some(why) => Err(why),
            None => Os.recv(socket, into),
        }
    }
}

/// N3: the end is no bytes.
#[derive(Default)]
struct Endless;
impl Fault for Endless {
    fn recv(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Received> {
        Ok(match Os.recv(socket, into)? {
            Received::End => Received::Data(0),
            received => received,
        })
    }
}

/// N3: the last byte of a receive goes astray.
#[derive(Default)]
struct Forgetful;
impl Fault for Forgetful {
    fn recv(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Received> {
        Ok(match Os.recv(socket, into)? {
            Received::Data(n @ 2..) => Received::Data(n - 1),
            received => received,
        })
    }
}

/// N4: an empty datagram is the end.
#[derive(Default)]
struct EndsDatagrams;
impl Fault for EndsDatagrams {
    fn recv(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Received> {
        Ok(match Os.recv(socket, into)? {
            Received::Data(0) => Received::End,
            received => received,
        })
    }
}

/// N4: does not say that a datagram was cut.
#[derive(Default)]
struct Cuts;
impl Fault for Cuts {
    fn recv_from(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Option<Datagram<Address>>> {
        Ok(Os.recv_from(socket, into)?.map(|datagram| Datagram { truncated: false, ..datagram }))
    }
}

/// N5: where there is no room, no byte is taken.
#[derive(Default)]
struct TakesNothing;
impl Fault for TakesNothing {
    fn send(&mut self, socket: &mut Socket, from: &[u8]) -> Result<Option<usize>> {
        Ok(Os.send(socket, from)?.or(Some(0)))
    }
}

/// N5: takes more than it says.
#[derive(Default)]
struct TakesMore;
impl Fault for TakesMore {
    fn send(&mut self, socket: &mut Socket, from: &[u8]) -> Result<Option<usize>> {
        Ok(Os.send(socket, from)?.map(|taken| taken.div_ceil(2)))
    }
}

/// N6: does not say how an attempt ended.
#[derive(Default)]
struct Silent;
impl Fault for Silent {
    fn take_error(&mut self, _: &mut Socket) -> Result<Option<Error>> {
        Ok(None)
    }
}

/// N7: tells an error again.
#[derive(Default)]
struct Repeats(Option<Error>);
impl Fault for Repeats {
    fn take_error(&mut self, socket: &mut Socket) -> Result<Option<Error>> {
        self.0 = Os.take_error(socket)?.or(self.0);
        Ok(self.0)
    }
}

/// N8: whoever cannot be let in was never there.
#[derive(Default)]
struct Overlooks;
impl Fault for Overlooks {
    fn accept(&mut self, socket: &mut Socket) -> Result<Option<(Socket, Address)>> {
        Os.accept(socket).or(Ok(None))
    }
}

/// N8: callers call from where they are let in.
#[derive(Default)]
struct Misplaces;
impl Fault for Misplaces {
    fn accept(&mut self, socket: &mut Socket) -> Result<Option<(Socket, Address)>> {
        let Some((guest, _)) = Os.accept(socket)? else { return Ok(None) };
        let here = Os.local_address(&guest)?;
        Ok(Some((guest, here)))
    }
    fn peer_address(&self, socket: &Socket) -> Result<Address> {
        Os.local_address(socket)
    }
}

/// N9: everything that was made elsewhere is connected.
#[derive(Default)]
struct TakesForConnected;
impl Fault for TakesForConnected {
    fn state(&mut self, _: &Socket) -> Result<State> {
        Ok(State::OPEN)
    }
}

/// N10: what is closed stays.
#[derive(Default)]
struct Keeps(Vec<Socket>);
impl Fault for Keeps {
    fn close(&mut self, socket: Socket) {
        self.0.push(socket);
    }
}

/// How many cases of this name fail.
fn failures<F: Fault>(cases: &str) -> usize {
    Suite::with_own_scenarios().filter(cases).run(&[Backing::on::<Faulty<F>, Poll>("faulty")]).failed()
}

/// One after the other, since cases use up descriptors.
#[test]
fn each_fault_is_found() {
    let report =
        Suite::with_own_scenarios().filter("contract/").run(&[Backing::on::<Faulty<Faultless>, Poll>("whole")]);
    assert!(report.failed() == 0 && report.passed() > 80, "without a fault: {report}");
    for (clause, found) in [
        ("N1", failures::<Waits>("contract/a-receive-does-not-wait")),
        ("N2", failures::<Vague>("contract/a-connection-that-was-reset-is-over")),
        ("N3, before a reset", failures::<Hasty>("contract/a-stream-gives-everything-before-a-reset")),
        ("N3, before the end", failures::<Endless>("contract/a-stream-gives-everything-before-its-end")),
        ("N3, every byte", failures::<Forgetful>("contract/a-stream-gives-everything-before-its-end")),
        ("N4, empty", failures::<EndsDatagrams>("contract/an-empty-datagram")),
        ("N4, cut", failures::<Cuts>("contract/a-datagram-that-does-not-fit")),
        ("N5, no byte", failures::<TakesNothing>("contract/what-a-send-took")),
        ("N5, other bytes", failures::<TakesMore>("contract/what-a-send-took")),
        ("N6", failures::<Silent>("contract/a-refusal-is-told-once")),
        ("N7", failures::<Repeats>("contract/the-error-of-a-reset-is-told-once")),
        ("N8, want of sockets", failures::<Overlooks>("contract/want-of-sockets-keeps-the-caller")),
        ("N8, from where", failures::<Misplaces>("contract/callers-come-in-order")),
        ("N9, what it is", failures::<TakesForConnected>("contract/a-socket-made-elsewhere")),
        ("N9, where it is", failures::<Misplaces>("contract/the-two-ends-of-a-connection")),
        ("N10", failures::<Keeps>("contract/a-closed-socket-makes-room")),
    ] {
        assert!(found > 0, "the suite does not find what breaks {clause}");
    }
}
