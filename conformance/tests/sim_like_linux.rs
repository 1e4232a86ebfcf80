//! Every short story of one connection, told by the simulated network and by Linux's loopback: the same outcomes, the same
//! readiness.
#![cfg(target_os = "linux")]

use std::net::{TcpListener, TcpStream};
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

/// What came of an act.
type Outcome = Result<Option<usize>, (ErrorKind, i32)>;

fn told(done: Result<Option<usize>, Error>) -> Outcome {
    done.map_err(|why| (why.kind(), why.code()))
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
            Act::Send(at) => net.send(end(ends, at)?, b"abc"),
            Act::Recv(at) => net.recv(end(ends, at)?, &mut [0; 100]).map(|received| match received {
                Received::Data(n) => Some(n),
                Received::End => Some(0),
                Received::WouldBlock => None,
            }),
            Act::Shut(at, half) => net.shutdown(end(ends, at)?, half).map(|()| None),
            Act::TakeError(at) => net.take_error(end(ends, at)?).map(|why| why.map(|why| why.code() as usize)),
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

fn simulated() -> World<Sim, Watch> {
    let mut net = Sim::new();
    let (ours, theirs) = net.pair().unwrap();
    World { net, watch: Watch::open().unwrap(), ends: [Some(ours), Some(theirs)], reset: reset_sim }
}

fn reset_sim(net: &mut Sim, socket: sim::Socket) {
    net.reset(socket);
}

fn real(door: &TcpListener) -> World<Os, Poll> {
    let ours = TcpStream::connect(door.local_addr().unwrap()).unwrap();
    let (theirs, _) = door.accept().unwrap();
    let ends = [ours, theirs].map(|end| Some(Socket::adopt(end).unwrap()));
    World { net: Os, watch: Poll::open().unwrap(), ends, reset: reset_real }
}

fn reset_real(_: &mut Os, socket: Socket) {
    sockopt::set_socket_linger(&socket, Some(Duration::ZERO)).unwrap();
}

/// How long the loopback may take for what it does at once, unless the machine is busy.
const PATIENCE: Duration = Duration::from_secs(5);

/// The first difference there is in this story.
fn difference(door: &TcpListener, story: &[Act]) -> Option<String> {
    let (mut sim, mut linux) = (simulated(), real(door));
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

fn stories(len: u32) -> impl Iterator<Item = Vec<Act>> {
    (0..ACTS.len().pow(len)).map(move |mut number| {
        (0..len)
            .map(|_| {
                let act = ACTS[number % ACTS.len()];
                number /= ACTS.len();
                act
            })
            .collect()
    })
}

#[test]
fn every_story_of_three_acts_is_told_alike() {
    let door = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut told = 0;
    let mut differences = Vec::new();
    for story in stories(3).filter(|story| !is_known(story)) {
        told += 1;
        differences.extend(difference(&door, &story));
        if differences.len() == 5 {
            break;
        }
    }
    assert!(differences.is_empty(), "{told} stories:\n{}", differences.join("\n"));
    assert!(told > 1_500);
}
