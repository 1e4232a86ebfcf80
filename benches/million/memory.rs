//! A network in memory with nothing in it but what a loop needs, as anybody would write one: sockets are places in a table
//! of what waits there, readiness is a list, and the clock is a number.
//!
//! The suite's simulated network is not fit for this: it looks at each socket in each wait, as poll does.

use std::collections::VecDeque;
use std::time::Duration;

use stheno::backend::{REGISTERED_TWICE, told};
use stheno::{
    Backend, Error, ErrorKind, Fired, Instant, Interest, Key, Kind, Lending, Net, Readiness, Received, Result,
};

/// What a peer says, and expects back.
pub const MESSAGE: usize = 64;

/// How many results a wait brings at the most; the default of the epoll backend.
const BATCH: usize = 256;

/// A place in the table of ends.
pub struct Socket(u32);

/// One end of a connection, whose other end the program plays.
#[derive(Clone, Copy)]
struct End {
    key: Key,
    asked: Interest,
    registered: bool,
    /// Whether it stands in the list of those that may be ready.
    listed: bool,
    /// Bytes that were said and not received yet, and such as were received and did not come back yet.
    unread: u8,
    owed: u8,
    /// Where in the pattern its messages begin.
    seed: u8,
}

const VACANT: End =
    End { key: Key::new(0, 0), asked: Interest::NONE, registered: false, listed: false, unread: 0, owed: 0, seed: 0 };

pub struct Memory {
    ends: Vec<End>,
    /// Those that something happened to since they were last found to have nothing.
    ready: VecDeque<u32>,
    now: u64,
    open: usize,
    /// Bytes that do not repeat soon; a message is a part of it.
    pattern: [u8; 256 + MESSAGE],
}

impl Memory {
    /// As many ends as there will be sockets.
    pub fn new(ends: usize) -> Self {
        let pattern = std::array::from_fn(|at| (at.wrapping_mul(2_654_435_761) >> 11) as u8);
        Self { ends: vec![VACANT; ends], ready: VecDeque::with_capacity(20_000), now: 1, open: 0, pattern }
    }

    /// The socket of an end that is not open yet.
    pub fn open(&mut self, index: u32) -> Socket {
        self.open += 1;
        Socket(index)
    }

    /// How many sockets are open.
    pub const fn sockets(&self) -> usize {
        self.open
    }

    /// The peer says a message, all of whose last one must have come back.
    pub fn say(&mut self, index: u32) {
        let end = &mut self.ends[index as usize];
        assert_eq!((end.unread, end.owed), (0, 0), "the message before did not come back whole");
        end.seed = end.seed.wrapping_add(index as u8 | 1);
        (end.unread, end.owed) = (MESSAGE as u8, MESSAGE as u8);
        self.list(index);
    }

    /// Whether all that was said there has come back.
    pub fn is_answered(&self, index: u32) -> bool {
        self.ends[index as usize].owed == 0
    }

    pub fn pass(&mut self, time: Duration) {
        self.now += time.as_nanos() as u64;
    }

    fn list(&mut self, index: u32) {
        let end = &mut self.ends[index as usize];
        if !std::mem::replace(&mut end.listed, true) {
            self.ready.push_back(index);
        }
    }
}

const UNSUPPORTED: Error = Error::new(ErrorKind::Unsupported, "not on this network");
const WRONG: Error = Error::new(ErrorKind::Other, "other bytes came back than were sent");

impl Net for Memory {
    type Socket = Socket;
    type Address = ();
    const VECTORED: bool = false;

    fn recv(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Received> {
        let end = &mut self.ends[socket.0 as usize];
        if end.unread == 0 {
            return Ok(Received::WouldBlock);
        }
        let n = into.len().min(end.unread.into());
        let from = usize::from(end.seed) + MESSAGE - usize::from(end.unread);
        into[..n].copy_from_slice(&self.pattern[from..from + n]);
        end.unread -= n as u8;
        Ok(Received::Data(n))
    }

    fn send(&mut self, socket: &mut Socket, from: &[u8]) -> Result<Option<usize>> {
        let end = &mut self.ends[socket.0 as usize];
        let began = usize::from(end.seed) + MESSAGE - usize::from(end.owed);
        if from.len() > usize::from(end.owed - end.unread) || from != &self.pattern[began..began + from.len()] {
            return Err(WRONG);
        }
        end.owed -= from.len() as u8;
        Ok(Some(from.len()))
    }

    fn close(&mut self, socket: Socket) {
        let end = &mut self.ends[socket.0 as usize];
        assert!(!end.registered, "a socket is deregistered before it is closed");
        *end = End { listed: end.listed, ..VACANT };
        self.open -= 1;
    }

    fn take_error(&mut self, _: &mut Socket) -> Result<Option<Error>> {
        Ok(None)
    }

    // Its sockets come from `open`.
    fn socket(&mut self, _: Kind, (): &()) -> Result<Socket> {
        Err(UNSUPPORTED)
    }
    fn bind(&mut self, _: &mut Socket, (): &()) -> Result<()> {
        Err(UNSUPPORTED)
    }
    fn listen(&mut self, _: &mut Socket, _: u32) -> Result<()> {
        Err(UNSUPPORTED)
    }
    fn connect(&mut self, _: &mut Socket, (): &()) -> Result<()> {
        Err(UNSUPPORTED)
    }
    fn accept(&mut self, _: &mut Socket) -> Result<Option<(Socket, ())>> {
        Err(UNSUPPORTED)
    }
    fn local_address(&self, _: &Socket) -> Result<()> {
        Ok(())
    }
    fn peer_address(&self, _: &Socket) -> Result<()> {
        Ok(())
    }
}

/// The results of a wait. What is asked for stands with the sockets, as an operating system has it.
pub struct Watch {
    found: Vec<Fired>,
    taken: usize,
}

impl Watch {
    pub fn new() -> Self {
        Self { found: Vec::with_capacity(BATCH), taken: 0 }
    }
}

impl Backend<Lending<Memory>> for Watch {
    fn register(&mut self, net: &mut Lending<Memory>, socket: &Socket, key: Key, interest: Interest) -> Result<()> {
        let end = &mut net.below.ends[socket.0 as usize];
        if end.registered {
            return Err(REGISTERED_TWICE);
        }
        (end.registered, end.key) = (true, key);
        self.reregister(net, socket, key, interest)
    }

    fn reregister(&mut self, net: &mut Lending<Memory>, socket: &Socket, _: Key, interest: Interest) -> Result<()> {
        let end = &mut net.below.ends[socket.0 as usize];
        end.asked = interest;
        if interest.contains(Interest::WRITE) || end.unread > 0 {
            net.below.list(socket.0);
        }
        Ok(())
    }

    fn deregister(&mut self, net: &mut Lending<Memory>, socket: &Socket, _: Key) -> Result<()> {
        let end = &mut net.below.ends[socket.0 as usize];
        (end.registered, end.asked) = (false, Interest::NONE);
        Ok(())
    }

    /// Who is ready stays in the list, at its end, and is looked at again; there is always room to send.
    fn wait(&mut self, net: &mut Lending<Memory>, timeout: Option<Duration>) -> Result<usize> {
        let net = &mut net.below;
        self.found.clear();
        self.taken = 0;
        for _ in 0..net.ready.len() {
            if self.found.len() == BATCH {
                break;
            }
            let Some(index) = net.ready.pop_front() else { break };
            let end = &mut net.ends[index as usize];
            let system = if end.unread > 0 { Readiness::READABLE } else { Readiness::NONE };
            let readiness = told(system.union(Readiness::WRITABLE), end.asked);
            if readiness.is_empty() {
                end.listed = false;
            } else {
                self.found.push(Fired { key: end.key, readiness });
                net.ready.push_back(index);
            }
        }
        if self.found.is_empty() {
            net.pass(timeout.ok_or(Error::new(ErrorKind::Other, "nothing will ever happen"))?);
        }
        Ok(self.found.len())
    }

    fn next(&mut self) -> Option<Fired> {
        let next = self.found.get(self.taken).copied();
        self.taken += 1;
        next
    }

    fn now(&mut self, net: &Lending<Memory>) -> Instant {
        Instant::from_nanos(net.below.now)
    }

    fn name(&self) -> &'static str {
        "memory"
    }
}
