//! The suite finds what is wrong with a net: one that breaks a clause fails, and the same one without the fault passes.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::time::Duration;

use stheno::{Datagram, Error, ErrorKind, Half, Instant, Layer, Os, Poll, Received, Result, State};
use stheno_conformance::contract::Failure;
use stheno_conformance::ground::{Family, SharedBell, Sign};
use stheno_conformance::matrix::Report;
use stheno_conformance::sim::{Sim, Watch};
use stheno_conformance::{Backing, Ground, Suite, agrees, tell, walk};

/// What is wrong with a net. One type has all of the faults, since each type takes the compiler through the whole suite.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    Nothing,
    /// N1: waits for what is not there yet.
    Waits,
    /// N2: that a connection is over is any error.
    Vague,
    /// N3: an error comes before what was sent before it.
    Hasty,
    /// N3: the end is no bytes.
    Endless,
    /// N3: the last byte of a receive goes astray.
    Forgetful,
    /// N4: an empty datagram is the end.
    EndsDatagrams,
    /// N4: does not say that a datagram was cut.
    Cuts,
    /// N5: where there is no room, no byte is taken.
    TakesNothing,
    /// N5: takes more than it says.
    TakesMore,
    /// N5: says that all was taken where a part was.
    Swallows,
    /// N6: does not say how an attempt ended.
    Silent,
    /// N7: tells an error again.
    Repeats,
    /// N8: whoever cannot be let in was never there.
    Overlooks,
    /// N8, N9: takes one end of a connection for the other.
    Misplaces,
    /// N9: everything that was made elsewhere is connected.
    TakesForConnected,
    /// N10: what is closed stays.
    Keeps,
}

thread_local! {
    /// The fault of the nets that this thread opens, which is where contract cases open theirs.
    static FAULT: Cell<Fault> = const { Cell::new(Fault::Nothing) };
}

/// A network with a fault in one of its operations.
struct Faulty<G: Ground> {
    below: G,
    fault: Fault,
    told: Option<Error>,
    kept: Vec<G::Socket>,
}

impl<G: Ground> Layer for Faulty<G> {
    type Below = G;
    fn below(&self) -> &G {
        &self.below
    }
    fn below_mut(&mut self) -> &mut G {
        &mut self.below
    }

    fn recv(&mut self, socket: &mut G::Socket, into: &mut [u8]) -> Result<Received> {
        if self.fault == Fault::Waits {
            // Boundedly, so that the case fails and does not hang.
            let _ = self.below.reached(socket, &[Sign::Data]);
        }
        if self.fault == Fault::Hasty
            && let Some(why) = self.below.take_error(socket)?
        {
            return Err(why);
        }
        match (self.below.recv(socket, into), self.fault) {
            (Err(_), Fault::Vague) => Err(Error::new(ErrorKind::Other, "something is wrong")),
            (Ok(Received::End), Fault::Endless) => Ok(Received::Data(0)),
            (Ok(Received::Data(n @ 2..)), Fault::Forgetful) => Ok(Received::Data(n - 1)),
            (Ok(Received::Data(0)), Fault::EndsDatagrams) => Ok(Received::End),
            (received, _) => received,
        }
    }

    fn recv_from(&mut self, socket: &mut G::Socket, into: &mut [u8]) -> Result<Option<Datagram<G::Address>>> {
        let cuts = self.fault == Fault::Cuts;
        let come = self.below.recv_from(socket, into)?;
        Ok(come.map(|datagram| Datagram { truncated: datagram.truncated && !cuts, ..datagram }))
    }

    fn send(&mut self, socket: &mut G::Socket, from: &[u8]) -> Result<Option<usize>> {
        let taken = self.below.send(socket, from)?;
        Ok(match self.fault {
            Fault::TakesNothing => taken.or(Some(0)),
            Fault::TakesMore => taken.map(|taken| taken.div_ceil(2)),
            Fault::Swallows => taken.map(|_| from.len()),
            _ => taken,
        })
    }

    fn accept(&mut self, socket: &mut G::Socket) -> Result<Option<(G::Socket, G::Address)>> {
        match (self.below.accept(socket), self.fault) {
            (Err(_), Fault::Overlooks) => Ok(None),
            (Ok(Some((guest, _))), Fault::Misplaces) => {
                let here = self.below.local_address(&guest)?;
                Ok(Some((guest, here)))
            }
            (accepted, _) => accepted,
        }
    }

    fn take_error(&mut self, socket: &mut G::Socket) -> Result<Option<Error>> {
        let waiting = self.below.take_error(socket)?;
        Ok(match self.fault {
            Fault::Silent => None,
            Fault::Repeats => {
                self.told = waiting.or(self.told);
                self.told
            }
            _ => waiting,
        })
    }

    fn state(&mut self, socket: &G::Socket) -> Result<State> {
        if self.fault == Fault::TakesForConnected { Ok(State::OPEN) } else { self.below.state(socket) }
    }

    fn peer_address(&self, socket: &G::Socket) -> Result<G::Address> {
        if self.fault == Fault::Misplaces { self.below.local_address(socket) } else { self.below.peer_address(socket) }
    }

    fn close(&mut self, socket: G::Socket) {
        if self.fault == Fault::Keeps {
            self.kept.push(socket);
        } else {
            self.below.close(socket);
        }
    }
}

/// The far ends are those of the network, without a fault.
impl<G: Ground> Ground for Faulty<G> {
    type Peer = G::Peer;
    type Shortage = G::Shortage;
    type Later = G::Later;

    fn open() -> Result<Self, Failure> {
        Ok(Self { below: G::open()?, fault: FAULT.get(), told: None, kept: Vec::new() })
    }
    fn anywhere(family: Family) -> Result<G::Address, Failure> {
        G::anywhere(family)
    }
    fn nowhere(&mut self) -> Result<G::Address, Failure> {
        self.below.nowhere()
    }
    fn pair(&mut self) -> Result<(G::Socket, Self::Peer), Failure> {
        self.below.pair()
    }
    fn local_pair(&mut self) -> Result<(G::Socket, Self::Peer), Failure> {
        self.below.local_pair()
    }
    fn sockets(&mut self) -> Result<(G::Socket, G::Socket), Failure> {
        self.below.sockets()
    }
    fn host(&mut self) -> Result<Self::Peer, Failure> {
        self.below.host()
    }
    fn take(&mut self, host: &mut Self::Peer) -> Result<Self::Peer, Failure> {
        self.below.take(host)
    }
    fn dial(&mut self, to: &G::Address) -> Result<Self::Peer, Failure> {
        self.below.dial(to)
    }
    fn mailbox(&mut self) -> Result<G::Socket, Failure> {
        self.below.mailbox()
    }
    fn sender(&mut self, to: &G::Address) -> Result<Self::Peer, Failure> {
        self.below.sender(to)
    }
    fn address(&self, peer: &Self::Peer) -> Result<G::Address, Failure> {
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
    fn reached(&mut self, socket: &G::Socket, signs: &[Sign]) -> Result<(), Failure> {
        self.below.reached(socket, signs)
    }
    fn narrow(&mut self, socket: &G::Socket, bytes: usize) -> Result<(), Failure> {
        self.below.narrow(socket, bytes)
    }
    fn narrow_peer(&mut self, peer: &mut Self::Peer, bytes: usize) -> Result<(), Failure> {
        self.below.narrow_peer(peer, bytes)
    }
    fn pass(&mut self, time: Duration) {
        self.below.pass(time);
    }
    fn clock(&self) -> Instant {
        self.below.clock()
    }
    fn close_behind(&mut self, socket: G::Socket) -> Result<ManuallyDrop<G::Socket>, Failure> {
        self.below.close_behind(socket)
    }
    fn bell(&mut self) -> Result<(SharedBell, G::Socket), Failure> {
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

/// Runs the cases of this name over a net with this fault.
fn run(fault: Fault, cases: &str) -> Report {
    FAULT.set(fault);
    Suite::with_own_scenarios().filter(cases).run(&[Backing::on::<Faulty<Os>, Poll>("faulty")])
}

/// One after the other, since cases use up descriptors.
#[test]
fn each_fault_is_found() {
    let whole = run(Fault::Nothing, "contract/");
    assert!(whole.failed() == 0 && whole.passed() > 80, "without a fault: {whole}");
    for (fault, case) in [
        (Fault::Waits, "a-receive-does-not-wait-for-what-comes-later"),
        (Fault::Vague, "a-connection-that-was-reset-is-over"),
        (Fault::Hasty, "a-stream-gives-everything-before-a-reset"),
        (Fault::Endless, "a-stream-gives-everything-before-its-end"),
        (Fault::Forgetful, "a-stream-gives-everything-before-its-end"),
        (Fault::EndsDatagrams, "an-empty-datagram-is-data-and-no-end"),
        (Fault::Cuts, "a-datagram-that-does-not-fit-is-cut-and-says-so"),
        (Fault::TakesNothing, "what-a-send-took-arrives-and-nothing-else"),
        (Fault::TakesMore, "what-a-send-took-arrives-and-nothing-else"),
        (Fault::Silent, "a-refusal-is-told-once-by-the-question-for-the-error"),
        (Fault::Repeats, "the-error-of-a-reset-is-told-once"),
        (Fault::Overlooks, "want-of-sockets-keeps-the-caller-in-line"),
        (Fault::Misplaces, "callers-come-in-order-and-say-from-where"),
        (Fault::Misplaces, "the-two-ends-of-a-connection-agree-where-they-are"),
        (Fault::TakesForConnected, "a-socket-made-elsewhere-says-what-it-is"),
        (Fault::Keeps, "a-closed-socket-makes-room-for-another"),
    ] {
        let report = run(fault, &format!("contract/{case}"));
        assert!(report.failed() > 0, "the suite does not find what is wrong: {fault:?} in {case}");
    }
}

/// What goes astray between the two ends shows in random walks: some of it only where more is sent than the network holds.
#[test]
fn walks_find_what_is_lost_and_what_comes_twice() {
    let goes_wrong = |seed: &u64| {
        let story = walk(*seed);
        !tell::<Faulty<Sim>, Watch>(&story).is_ok_and(|told| agrees(&story, &told))
    };
    let found = |fault| {
        FAULT.set(fault);
        (1..=Suite::WALKS).filter(goes_wrong).count()
    };
    assert_eq!(found(Fault::Nothing), 0);
    for fault in [Fault::Forgetful, Fault::TakesMore, Fault::Swallows, Fault::Endless, Fault::Hasty] {
        let found = found(fault);
        println!("{fault:?}: {found} of {} walks fail", Suite::WALKS);
        assert!(found > 0, "no walk finds what is wrong: {fault:?}");
    }
}
