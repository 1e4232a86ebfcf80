//! Every short story of one connection, told by the simulated network and by Linux, over the loopback and within the Unix
//! family: the same outcomes, the same readiness.
#![cfg(target_os = "linux")]

use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::net::sockopt;
use stheno::{
    Backend, Error, ErrorKind, Half, Interest, Key, Net, Open, Os, Poll, Readiness, Received, Result, Socket,
};
use stheno_conformance::sim::{self, Sim, Watch};

/// What one end does; the first letter is who.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Act {
    Send(usize),
    Recv(usize),
    /// Two bytes at most.
    RecvFew(usize),
    Urge(usize),
    RecvUrgent(usize),
    Shut(usize, Half),
    TakeError(usize),
    Close,
    Reset,
}

const ACTS: [Act; 12] = [
    Act::Send(0),
    Act::Send(1),
    Act::Recv(0),
    Act::Recv(1),
    Act::Shut(0, Half::Write),
    Act::Shut(1, Half::Write),
    Act::Shut(0, Half::Read),
    Act::Shut(1, Half::Read),
    Act::TakeError(0),
    Act::TakeError(1),
    // Only the second end goes: the story is the first one's.
    Act::Close,
    Act::Reset,
];

/// What can happen to the first end's urgent data.
const URGENT: [Act; 8] = [
    Act::Send(1),
    Act::Urge(1),
    Act::RecvUrgent(0),
    Act::RecvFew(0),
    Act::Recv(0),
    Act::Shut(1, Half::Write),
    Act::Close,
    Act::Reset,
];

/// What came of an act.
#[derive(PartialEq, Debug)]
enum Outcome {
    Nothing,
    Sent(usize),
    Got(Vec<u8>),
    Urgent(u8),
    Found(i32),
    Failed(ErrorKind, i32),
}

fn told(done: Result<Option<Outcome>, Error>) -> Outcome {
    match done {
        Ok(outcome) => outcome.unwrap_or(Outcome::Nothing),
        Err(why) => Outcome::Failed(why.kind(), why.code()),
    }
}

fn got(bytes: &[u8], received: Received) -> Option<Outcome> {
    match received {
        Received::Data(n) => Some(Outcome::Got(bytes[..n].into())),
        Received::End => Some(Outcome::Got(Vec::new())),
        Received::WouldBlock => None,
    }
}

fn end<S>(ends: &mut [Option<S>; 2], at: usize) -> Option<&mut S> {
    ends.get_mut(at)?.as_mut()
}

/// A connection on some net: two ends, of which the second may be gone.
struct World<N: Net, B> {
    net: N,
    watch: B,
    ends: [Option<N::Socket>; 2],
    reset: fn(&mut N, N::Socket),
}

impl<N: Net, B: Backend<N>> World<N, B> {
    fn act(&mut self, act: Act) -> Option<Outcome> {
        let Self { net, ends, .. } = self;
        Some(told(match act {
            Act::Send(at) => net.send(end(ends, at)?, b"abc").map(|sent| sent.map(Outcome::Sent)),
            Act::Recv(at) | Act::RecvFew(at) => {
                let mut bytes = [0; 100];
                let most = if matches!(act, Act::Recv(_)) { 100 } else { 2 };
                net.recv(end(ends, at)?, &mut bytes[..most]).map(|received| got(&bytes, received))
            }
            Act::Urge(at) => net.send_urgent(end(ends, at)?, b'!').map(|sent| sent.then_some(Outcome::Sent(1))),
            Act::RecvUrgent(at) => net.recv_urgent(end(ends, at)?).map(|byte| byte.map(Outcome::Urgent)),
            Act::Shut(at, half) => net.shutdown(end(ends, at)?, half).map(|()| None),
            Act::TakeError(at) => net.take_error(end(ends, at)?).map(|why| why.map(|why| Outcome::Found(why.code()))),
            Act::Close => {
                net.close(ends[1].take()?);
                Ok(None)
            }
            Act::Reset => {
                (self.reset)(net, ends[1].take()?);
                Ok(None)
            }
        }))
    }

    fn ready(&mut self) -> [Readiness; 2] {
        let Self { net, watch, ends, .. } = self;
        ends.each_ref().map(|end| {
            let Some(end) = end else { return Readiness::NONE };
            watch.register(net, end, Key::new(0, 0), Interest::ALL).unwrap();
            watch.wait(net, Some(Duration::ZERO)).unwrap();
            let fired = watch.next();
            watch.deregister(net, end, Key::new(0, 0)).unwrap();
            fired.map_or(Readiness::NONE, |fired| fired.readiness)
        })
    }
}

/// How the two ends are connected.
#[derive(Clone, Copy)]
enum Family<'a> {
    Tcp(&'a TcpListener),
    Unix,
}

fn simulated(family: Family<'_>) -> World<Sim, Watch> {
    let mut net = Sim::new();
    let pair = match family {
        Family::Tcp(_) => net.pair(),
        Family::Unix => net.local_pair(),
    };
    let (ours, theirs) = pair.unwrap();
    World { net, watch: Watch::open().unwrap(), ends: [Some(ours), Some(theirs)], reset: reset_sim }
}

fn reset_sim(net: &mut Sim, socket: sim::Socket) {
    net.reset(socket);
}

fn real(family: Family<'_>) -> World<Os, Poll> {
    let ends = match family {
        Family::Tcp(door) => {
            let ours = TcpStream::connect(door.local_addr().unwrap()).unwrap();
            let (theirs, _) = door.accept().unwrap();
            [ours, theirs].map(Socket::adopt)
        }
        Family::Unix => {
            let (ours, theirs) = UnixStream::pair().unwrap();
            [ours, theirs].map(Socket::adopt)
        }
    };
    let ends = ends.map(|end| Some(end.unwrap()));
    World { net: Os, watch: Poll::open().unwrap(), ends, reset: reset_real }
}

fn reset_real(_: &mut Os, socket: Socket) {
    sockopt::set_socket_linger(&socket, Some(Duration::ZERO)).unwrap();
}

/// How long the loopback may take for what it does at once, unless the machine is busy.
const PATIENCE: Duration = Duration::from_secs(5);

/// The first difference there is in this story, each time that it is told: what the loopback does at once it may yet put
/// off for a moment in which nothing shows, when the machine is busy.
fn difference(family: Family<'_>, story: &[Act]) -> Option<String> {
    let mut found = None;
    for _ in 0..3 {
        found = Some(difference_once(family, story)?);
    }
    found
}

fn difference_once(family: Family<'_>, story: &[Act]) -> Option<String> {
    let (mut sim, mut linux) = (simulated(family), real(family));
    for (at, act) in story.iter().enumerate() {
        let (simulated, real) = (sim.act(*act), linux.act(*act));
        if simulated != real {
            return Some(format!("{:?}: simulated {simulated:?}, Linux {real:?}", &story[..=at]));
        }
        let simulated = sim.ready();
        let began = Instant::now();
        loop {
            let real = linux.ready();
            if simulated == real {
                break;
            }
            if began.elapsed() > PATIENCE {
                return Some(format!("{:?}: simulated {simulated:?}, Linux {real:?}", &story[..=at]));
            }
            std::thread::yield_now();
        }
    }
    None
}

/// Stories in which the simulation knowingly differs.
fn is_known(story: &[Act]) -> bool {
    // Linux answers data with a reset where both halves were shut before it came.
    let shut_both = |end| {
        let at = |half| story.iter().position(|act| *act == Act::Shut(end, half));
        at(Half::Read).zip(at(Half::Write)).map(|(one, other)| one.max(other))
    };
    let sends_after = |end, at: usize| story[at..].contains(&Act::Send(1 - end));
    (0..2).any(|end| shut_both(end).is_some_and(|at| sends_after(end, at)))
}

fn stories(acts: &[Act], len: u32) -> impl Iterator<Item = Vec<Act>> {
    (0..acts.len().pow(len)).map(move |mut number| {
        (0..len)
            .map(|_| {
                let act = acts[number % acts.len()];
                number /= acts.len();
                act
            })
            .collect()
    })
}

/// How many stories were told.
fn all_alike(family: Family<'_>, stories: impl Iterator<Item = Vec<Act>>) -> usize {
    let mut told = 0;
    let mut differences = Vec::new();
    for story in stories {
        told += 1;
        differences.extend(difference(family, &story));
        if differences.len() == 5 {
            break;
        }
    }
    assert!(differences.is_empty(), "{told} stories:\n{}", differences.join("\n"));
    told
}

#[test]
fn every_story_of_three_acts_is_told_alike() {
    let door = TcpListener::bind("127.0.0.1:0").unwrap();
    let stories = stories(&ACTS, 3).filter(|story| !is_known(story));
    assert!(all_alike(Family::Tcp(&door), stories) > 1_500);
}

#[test]
fn every_story_of_four_acts_with_urgent_data_is_told_alike() {
    let door = TcpListener::bind("127.0.0.1:0").unwrap();
    let stories = stories(&URGENT, 4).filter(|story| story.contains(&Act::Urge(1)));
    assert!(all_alike(Family::Tcp(&door), stories) > 1_500);
}

#[test]
fn every_story_of_four_acts_in_a_local_pair_is_told_alike() {
    assert_eq!(all_alike(Family::Unix, stories(&ACTS, 4)), 12 * 12 * 12 * 12);
}
