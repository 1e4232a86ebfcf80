//! What each backend says of a socket in every state that there is: the same, whatever is below.

use std::any::Any;

use stheno::{Backend, Half, Interest, Kind, Open, Readiness};

use super::support::{A_WHILE, HINTS, P, R, W, Watch, hold, same};
use super::{Case, Failure, Verdict};
use crate::ground::{Family, Ground, Need, Sign};
use crate::in_order::asked_for;

/// Every state, and what is told there: `R` to whoever asks for READ, `W` for WRITE, `P` for PRIORITY; `H` and `E` are
/// the hints, HANGUP and ERROR, that may come with it.
#[rustfmt::skip]
pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let state = |name, check: fn() -> Verdict| Case::new(name, "B5 B6", check);
    let half = |name, check| state(name, check).needing(&[Need::HalfClose]);
    let cut = |name, check| state(name, check).needing(&[Need::Resets]);
    let line = |name, check| state(name, check).needing(&[Need::Backlog]);
    let urge = |name, check| state(name, check).needing(&[Need::Urgent]);
    let mail = |name, check| state(name, check).needing(&[Need::Datagrams]);
    let lost = |name, check| state(name, check).needing(&[Need::Datagrams, Need::DatagramErrors]);
    let hole = |name, clauses, check| Case::new(name, clauses, check).needing(&[Need::ClosedBehind]);
    vec![
        state("state-tcp-created-is-hung-up",                  || check::<G, B>(created,                     "RW-H-")),
        state("state-listening-idle-is-silent",                || check::<G, B>(listening_idle,              "-----")),
        state("state-listening-with-a-caller-is-readable",     || check::<G, B>(listening_pending,           "R----")),
        half ("state-listener-that-was-shut-is-hung-up",       || check::<G, B>(listener_shut,               "RW-H-")),
        line ("state-connecting-is-silent",                    || check::<G, B>(syn_sent,                    "-----")),
        state("state-connect-refused-is-ready",                || check::<G, B>(refused,                     "RW-HE")),
        state("state-refused-and-asked-why-is-ready",          || check::<G, B>(refused_and_asked,           "RW-H-")),
        state("state-connected-idle-is-writable",              || check::<G, B>(idle,                        "-W---")),
        state("state-data-is-readable",                        || check::<G, B>(data,                        "RW---")),
        state("state-send-buffer-full-is-silent",              || check::<G, B>(full,                        "-----")),
        state("state-send-buffer-full-with-data-is-readable",  || check::<G, B>(full_with_data,              "R----")),
        state("state-peer-closed-with-data-is-readable",       || check::<G, B>(peer_closed_with_data,       "RW---")),
        state("state-peer-closed-is-readable",                 || check::<G, B>(peer_closed,                 "RW---")),
        half ("state-peer-shut-its-writing-is-readable",       || check::<G, B>(peer_shut,                   "RW---")),
        half ("state-own-reading-shut-is-readable",            || check::<G, B>(reading_shut,                "RW---")),
        half ("state-own-writing-shut-is-writable",            || check::<G, B>(writing_shut,                "-W---")),
        half ("state-both-shut-with-data-is-hung-up",          || check::<G, B>(both_shut_with_data,         "RW-H-")),
        cut  ("state-reset-with-data-is-ready",                || check::<G, B>(reset_with_data,             "RW-HE")),
        cut  ("state-reset-is-ready",                          || check::<G, B>(reset_idle,                  "RW-HE")),
        urge ("state-urgent-byte-is-priority-and-no-data",     || check::<G, B>(urgent,                      "-WP--")),
        lost ("state-datagram-refused-is-ready",               || check::<G, B>(icmp,                        "RW--E")),
        mail ("state-datagram-waiting-is-readable",            || check::<G, B>(datagram,                    "RW---")),
        hole ("state-closed-low-descriptor",                   "B12", closed_low::<G, B>),
        hole ("state-closed-without-interest-is-silent",       "B3 B12", closed_and_unasked::<G, B>),
    ]
}

/// How many callers may wait at a listener where that does not matter.
const LINE: u32 = 16;

/// A socket in some state, and whatever must live for it to stay there.
pub(super) struct Made<G: Ground> {
    socket: G::Socket,
    _keep: Box<dyn Any>,
}

type Maker<G> = fn(&mut G) -> Result<Made<G>, Failure>;

/// Everything that may be asked for, most of it first.
const INTERESTS: [Interest; 8] = [Interest::ALL, R, W, P, R.union(W), R.union(P), W.union(P), Interest::NONE];

/// Asks for each interest, freshly registered and changed to, and looks twice each time.
pub(super) fn check<G: Ground, B: Backend<G> + Open>(make: Maker<G>, told: &str) -> Verdict {
    let told = Told::parse(told);
    let mut watch = Watch::<G, B>::open()?;
    let Made { socket, _keep } = make(&mut watch.net)?;
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
    fn is_what<G, B>(&self, key: u32, watch: &mut Watch<G, B>, interest: Interest, how: &str) -> Verdict
    where
        G: Ground,
        B: Backend<G> + Open,
    {
        let owed = self.owed & asked_for(interest);
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

pub(super) fn made<G: Ground>(socket: G::Socket, keep: impl Any) -> Result<Made<G>, Failure> {
    Ok(Made { socket, _keep: Box::new(keep) })
}

fn created<G: Ground>(net: &mut G) -> Result<Made<G>, Failure> {
    made(net.socket(Kind::Stream, &G::anywhere(Family::Inet)?)?, ())
}

fn listening_idle<G: Ground>(net: &mut G) -> Result<Made<G>, Failure> {
    made(door(net, LINE)?.0, ())
}

fn listening_pending<G: Ground>(net: &mut G) -> Result<Made<G>, Failure> {
    let (door, at) = door(net, LINE)?;
    let caller = net.dial(&at)?;
    net.reached(&door, &[Sign::Data])?;
    made(door, caller)
}

/// That nothing is received any longer takes a listener out of its state; there is no other half to it.
fn listener_shut<G: Ground>(net: &mut G) -> Result<Made<G>, Failure> {
    let (mut door, _) = door(net, LINE)?;
    net.shutdown(&mut door, Half::Read)?;
    made(door, ())
}

/// A listener with room for one caller has one, and does not answer the next.
fn syn_sent<G: Ground>(net: &mut G) -> Result<Made<G>, Failure> {
    let (door, at) = door(net, 0)?;
    let first = caller(net, &at)?;
    net.reached(&door, &[Sign::Data])?;
    made(caller(net, &at)?, (door, first))
}

fn refused<G: Ground>(net: &mut G) -> Result<Made<G>, Failure> {
    let nobody = net.nowhere()?;
    let caller = caller(net, &nobody)?;
    net.reached(&caller, &[Sign::Error, Sign::HungUp])?;
    made(caller, ())
}

fn refused_and_asked<G: Ground>(net: &mut G) -> Result<Made<G>, Failure> {
    let mut made = refused(net)?;
    let why = net.take_error(&mut made.socket)?;
    hold(why.is_some(), || "expected an error, none waits".into())?;
    Ok(made)
}

fn idle<G: Ground>(net: &mut G) -> Result<Made<G>, Failure> {
    let (ours, theirs) = net.pair()?;
    made(ours, theirs)
}

fn data<G: Ground>(net: &mut G) -> Result<Made<G>, Failure> {
    let (ours, theirs) = greeted(net)?;
    made(ours, theirs)
}

fn full<G: Ground>(net: &mut G) -> Result<Made<G>, Failure> {
    let (mut ours, theirs) = net.pair()?;
    net.fill(&mut ours)?;
    made(ours, theirs)
}

fn full_with_data<G: Ground>(net: &mut G) -> Result<Made<G>, Failure> {
    let (mut ours, theirs) = greeted(net)?;
    net.fill(&mut ours)?;
    made(ours, theirs)
}

fn peer_closed_with_data<G: Ground>(net: &mut G) -> Result<Made<G>, Failure> {
    let (ours, theirs) = greeted(net)?;
    net.hang_up(theirs);
    net.reached(&ours, &[Sign::Data, Sign::End])?;
    made(ours, ())
}

fn peer_closed<G: Ground>(net: &mut G) -> Result<Made<G>, Failure> {
    let (ours, theirs) = net.pair()?;
    net.hang_up(theirs);
    net.reached(&ours, &[Sign::End])?;
    made(ours, ())
}

fn peer_shut<G: Ground>(net: &mut G) -> Result<Made<G>, Failure> {
    let (ours, mut theirs) = net.pair()?;
    net.half_close(&mut theirs, Half::Write)?;
    net.reached(&ours, &[Sign::End])?;
    made(ours, theirs)
}

fn reading_shut<G: Ground>(net: &mut G) -> Result<Made<G>, Failure> {
    let (mut ours, theirs) = net.pair()?;
    net.shutdown(&mut ours, Half::Read)?;
    made(ours, theirs)
}

fn writing_shut<G: Ground>(net: &mut G) -> Result<Made<G>, Failure> {
    let (mut ours, theirs) = net.pair()?;
    net.shutdown(&mut ours, Half::Write)?;
    made(ours, theirs)
}

fn both_shut_with_data<G: Ground>(net: &mut G) -> Result<Made<G>, Failure> {
    let (mut ours, mut theirs) = greeted(net)?;
    net.half_close(&mut theirs, Half::Write)?;
    net.shutdown(&mut ours, Half::Write)?;
    net.reached(&ours, &[Sign::Data, Sign::HungUp])?;
    made(ours, theirs)
}

fn reset_with_data<G: Ground>(net: &mut G) -> Result<Made<G>, Failure> {
    let (ours, theirs) = greeted(net)?;
    net.reset(theirs)?;
    net.reached(&ours, &[Sign::Error, Sign::HungUp])?;
    made(ours, ())
}

fn reset_idle<G: Ground>(net: &mut G) -> Result<Made<G>, Failure> {
    let (ours, theirs) = net.pair()?;
    net.reset(theirs)?;
    net.reached(&ours, &[Sign::Error, Sign::HungUp])?;
    made(ours, ())
}

fn urgent<G: Ground>(net: &mut G) -> Result<Made<G>, Failure> {
    let (ours, mut theirs) = net.pair()?;
    net.urge(&mut theirs, b"!")?;
    net.reached(&ours, &[Sign::Urgent])?;
    made(ours, theirs)
}

fn icmp<G: Ground>(net: &mut G) -> Result<Made<G>, Failure> {
    let gone = net.mailbox()?;
    let nobody = net.local_address(&gone)?;
    net.close(gone);
    let mut ours = net.mailbox()?;
    net.connect(&mut ours, &nobody)?;
    same("bytes sent", net.send(&mut ours, b"hello")?, Some(5))?;
    net.reached(&ours, &[Sign::Error])?;
    made(ours, ())
}

fn datagram<G: Ground>(net: &mut G) -> Result<Made<G>, Failure> {
    let ours = net.mailbox()?;
    let at = net.local_address(&ours)?;
    let mut theirs = net.sender(&at)?;
    net.say(&mut theirs, b"")?;
    net.reached(&ours, &[Sign::Data])?;
    made(ours, theirs)
}

/// A socket that listens, and where.
fn door<G: Ground>(net: &mut G, backlog: u32) -> Result<(G::Socket, G::Address), Failure> {
    let at = G::anywhere(Family::Inet)?;
    let mut door = net.socket(Kind::Stream, &at)?;
    net.bind(&mut door, &at)?;
    net.listen(&mut door, backlog)?;
    let at = net.local_address(&door)?;
    Ok((door, at))
}

/// A socket that has begun to connect.
fn caller<G: Ground>(net: &mut G, to: &G::Address) -> Result<G::Socket, Failure> {
    let mut caller = net.socket(Kind::Stream, to)?;
    net.connect(&mut caller, to)?;
    Ok(caller)
}

/// A pair whose far end has said something, which has arrived.
fn greeted<G: Ground>(net: &mut G) -> Result<(G::Socket, G::Peer), Failure> {
    let (ours, mut theirs) = net.pair()?;
    net.say(&mut theirs, b"hello")?;
    net.reached(&ours, &[Sign::Data])?;
    Ok((ours, theirs))
}

// Closed behind the backend's back: INVALID once for its own key, or silence; the others go on.

fn closed_low<G: Ground, B: Backend<G> + Open>() -> Verdict {
    closed::<G, B>(Ok)
}

pub(super) fn closed<G, B>(number: fn(G::Socket) -> Result<G::Socket, Failure>) -> Verdict
where
    G: Ground,
    B: Backend<G> + Open,
{
    for interest in [Interest::ALL, R, W, P] {
        let mut watch = Watch::<G, B>::open()?;
        let ((bad, _keep), (good, mut peer)) = (watch.net.pair()?, watch.net.pair()?);
        let bad = number(bad)?;
        watch.register(&bad, 1, interest)?;
        watch.register(&good, 2, R)?;
        let bad = watch.net.close_behind(bad)?;
        let first = watch.look()?;
        hold(first.is_empty() || first == [(1, Readiness::INVALID)], || {
            format!("closed with {interest}: expected silence or INVALID alone, came {first:?}")
        })?;
        watch.rests(A_WHILE)?;
        watch.net.say(&mut peer, b"x")?;
        watch.net.reached(&good, &[Sign::Data])?;
        same("the other one", watch.look()?, [(2, Readiness::READABLE)])?;
        watch.deregister(&bad, 1)?;
        watch.deregister(&bad, 1)?;
        same("the other one, afterwards", watch.look()?, [(2, Readiness::READABLE)])?;
    }
    Ok(())
}

fn closed_and_unasked<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let (ours, _theirs) = watch.net.pair()?;
    watch.register(&ours, 1, Interest::ALL)?;
    watch.reregister(&ours, 1, Interest::NONE)?;
    let ours = watch.net.close_behind(ours)?;
    watch.rests(A_WHILE)?;
    Ok(watch.deregister(&ours, 1)?)
}
