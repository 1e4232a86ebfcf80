//! A net and a backend that do as a tape says, and write down what is asked of them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use stheno_core::{
    Backend, Datagram, Error, ErrorKind, Fired, Half, Instant, Interest, Key, Kind, Net, Received, Result, State,
};

use crate::notes::{Note, Op, Outcome, Why};
use crate::tape::Tape;

/// What the net, the backend and the channel share.
#[derive(Default)]
pub struct Stage {
    pub tape: RefCell<Tape>,
    pub notes: RefCell<Vec<Note>>,
    /// The predicates' answers.
    pub reads: Cell<bool>,
    pub writes: Cell<bool>,
    /// What the channel under test is watched for.
    pub watched: Cell<Option<(Key, Interest)>>,
    /// What the next wait reports.
    pub fired: Cell<Option<Fired>>,
    /// Whether the next wait lasts until whatever is armed comes due.
    pub passes: Cell<bool>,
    pub now: Cell<u64>,
    /// Whether sockets with these numbers are open.
    pub open: [Cell<bool>; 4],
    /// While the curtain is down all goes well, and nothing is written down.
    pub curtain: Cell<bool>,
    /// What a peer that has gone left: more than a turn reads, or nothing.
    pub left: Cell<Option<bool>>,
}

/// All that is armed comes due this much later: deadlines are set to it, and listeners rest as long.
pub const DUE: Duration = Duration::from_millis(100);

impl Stage {
    pub fn choose(&self, of: u8) -> u8 {
        if self.curtain.get() { 0 } else { self.tape.borrow_mut().choose(of) }
    }

    pub fn note(&self, note: Note) {
        if !self.curtain.get() {
            self.notes.borrow_mut().push(note);
        }
    }

    /// How an operation ends: one of these, the plain one first.
    fn outcome<const N: usize>(&self, op: Op, outcomes: [Outcome; N]) -> Outcome {
        let outcome = outcomes[usize::from(self.choose(N as u8))];
        self.note(Note::Io(op, outcome));
        outcome
    }
}

pub type Shared = Rc<Stage>;

pub fn broken(code: i32) -> Error {
    Error::new(ErrorKind::Disconnected, "broken").with_code(code)
}

fn error(why: Why) -> Error {
    Error::new(why.kind, "as the tape says").with_code(why.code)
}

const OTHER: Outcome = Outcome::Err(Why { kind: ErrorKind::Other, code: 5 });
const LACK: Outcome = Outcome::Err(Why { kind: ErrorKind::Exhausted, code: 24 });

const fn gone(code: i32) -> Outcome {
    Outcome::Err(Why { kind: ErrorKind::Disconnected, code })
}

/// A socket is its number.
#[derive(Debug)]
pub struct Socket(pub usize);

/// The channel under test, somebody else in the table, who comes when they are gone, and callers.
pub const SUBJECT: usize = 0;
pub const OTHER_ONE: usize = 1;
pub const NEXT: usize = 2;
pub const CALLER: usize = 3;

pub struct Scripted(pub Shared);

impl Scripted {
    fn opened(&self, number: usize) -> Socket {
        assert!(!self.0.open[number].replace(true), "socket {number} is open already");
        Socket(number)
    }

    fn on(&self, socket: &Socket) -> &Stage {
        assert!(self.0.open[socket.0].get(), "a closed socket was used");
        &self.0
    }

    fn sent(&self, socket: &Socket, op: Op) -> Result<Option<usize>> {
        match self.on(socket).outcome(op, [Outcome::Ok, Outcome::Nothing, gone(32), OTHER]) {
            Outcome::Err(why) => Err(error(why)),
            outcome => Ok((outcome == Outcome::Ok).then_some(1)),
        }
    }

    fn done(&self, socket: &Socket, op: Op) -> Result<()> {
        match self.on(socket).outcome(op, [Outcome::Ok, gone(107), OTHER]) {
            Outcome::Err(why) => Err(error(why)),
            _ => Ok(()),
        }
    }
}

impl Net for Scripted {
    type Socket = Socket;
    type Address = usize;

    fn socket(&mut self, _: Kind, like: &usize) -> Result<Socket> {
        Ok(self.opened(*like))
    }

    fn bind(&mut self, _: &mut Socket, _: &usize) -> Result<()> {
        Ok(())
    }

    fn listen(&mut self, socket: &mut Socket, _: u32) -> Result<()> {
        self.done(socket, Op::Listen)
    }

    fn connect(&mut self, socket: &mut Socket, _: &usize) -> Result<()> {
        self.done(socket, Op::Connect)
    }

    fn accept(&mut self, socket: &mut Socket) -> Result<Option<(Socket, usize)>> {
        match self.on(socket).outcome(Op::Accept, [Outcome::Ok, Outcome::Nothing, LACK, OTHER, gone(103)]) {
            Outcome::Err(why) => Err(error(why)),
            Outcome::Ok => Ok(Some((self.opened(CALLER), 0))),
            _ => Ok(None),
        }
    }

    fn recv(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Received> {
        let stage = self.on(socket);
        into[0] = 1;
        if let Some(more) = stage.left.get() {
            stage.note(Note::Io(Op::Recv, if more { Outcome::Ok } else { Outcome::Nothing }));
            return Ok(if more { Received::Data(1) } else { Received::WouldBlock });
        }
        match stage.outcome(Op::Recv, [Outcome::Ok, Outcome::Nothing, Outcome::End, gone(104), OTHER, LACK]) {
            Outcome::Err(why) => Err(error(why)),
            Outcome::Ok => Ok(Received::Data(1)),
            Outcome::End => Ok(Received::End),
            Outcome::Nothing => Ok(Received::WouldBlock),
        }
    }

    fn recv_urgent(&mut self, socket: &mut Socket) -> Result<Option<u8>> {
        match self.on(socket).outcome(Op::RecvUrgent, [Outcome::Ok, Outcome::Nothing, gone(103), OTHER]) {
            Outcome::Err(why) => Err(error(why)),
            outcome => Ok((outcome == Outcome::Ok).then_some(1)),
        }
    }

    fn recv_from(&mut self, socket: &mut Socket, _: &mut [u8]) -> Result<Option<Datagram<usize>>> {
        match self.on(socket).outcome(Op::RecvFrom, [Outcome::Nothing, gone(111), OTHER]) {
            Outcome::Err(why) => Err(error(why)),
            _ => Ok(None),
        }
    }

    fn send(&mut self, socket: &mut Socket, _: &[u8]) -> Result<Option<usize>> {
        self.sent(socket, Op::Send)
    }

    fn shutdown(&mut self, socket: &mut Socket, half: Half) -> Result<()> {
        self.done(socket, Op::Shutdown(half))
    }

    fn take_error(&mut self, socket: &mut Socket) -> Result<Option<Error>> {
        match self.on(socket).outcome(Op::TakeError, [Outcome::Nothing, gone(110), OTHER]) {
            // Whether it waits in the socket or nobody can tell, it is an error.
            Outcome::Err(why) if why.kind == ErrorKind::Other => Err(error(why)),
            Outcome::Err(why) => Ok(Some(error(why))),
            _ => Ok(None),
        }
    }

    fn state(&mut self, socket: &Socket) -> Result<State> {
        Ok(if socket.0 == SUBJECT { State::OPEN } else { State::Idle })
    }

    fn local_address(&self, socket: &Socket) -> Result<usize> {
        Ok(socket.0)
    }

    fn peer_address(&self, socket: &Socket) -> Result<usize> {
        Ok(socket.0)
    }

    fn close(&mut self, socket: Socket) {
        assert!(self.0.open[socket.0].replace(false), "socket {} was closed twice", socket.0);
        if socket.0 == SUBJECT {
            assert_eq!(self.0.watched.get(), None, "B1: a registered socket was closed");
            self.0.note(Note::Closed);
        }
    }
}

/// The backend: strict about what the loop owes it.
pub struct Script(pub Shared);

const CANNOT: Error = Error::new(ErrorKind::Full, "cannot be watched").with_code(28);

impl Script {
    /// Whether the backend takes it; it need not (clause B11).
    fn takes(&self) -> Result<()> {
        if self.0.choose(2) == 0 { Ok(()) } else { Err(CANNOT) }
    }
}

impl Backend<Scripted> for Script {
    fn register(&mut self, _: &mut Scripted, socket: &Socket, key: Key, interest: Interest) -> Result<()> {
        assert_eq!((socket.0, self.0.watched.get()), (SUBJECT, None), "B2: a key was registered twice");
        assert!(!interest.is_empty() && self.0.open[SUBJECT].get());
        let done = self.takes();
        self.0.note(Note::Registered(interest, done.is_ok()));
        if done.is_ok() {
            self.0.watched.set(Some((key, interest)));
        }
        done
    }

    fn reregister(&mut self, _: &mut Scripted, _: &Socket, key: Key, interest: Interest) -> Result<()> {
        let (known, before) = self.0.watched.get().expect("what changed was never registered");
        assert_eq!(known, key);
        assert_ne!(before, interest, "an interest was changed to what it was");
        assert!(!interest.is_empty() && self.0.open[SUBJECT].get());
        let done = self.takes();
        self.0.note(Note::Reregistered(interest, done.is_ok()));
        if done.is_ok() {
            self.0.watched.set(Some((key, interest)));
        }
        done
    }

    fn deregister(&mut self, _: &mut Scripted, _: &Socket, key: Key) -> Result<()> {
        if let Some((known, _)) = self.0.watched.take() {
            assert_eq!(known, key);
        }
        assert!(self.0.open[SUBJECT].get(), "what was deregistered is closed");
        let done = self.takes();
        self.0.note(Note::Deregistered(done.is_ok()));
        done
    }

    fn wait(&mut self, _: &mut Scripted, timeout: Option<Duration>) -> Result<usize> {
        self.0.note(Note::Waited(timeout));
        if self.0.passes.take() {
            self.0.now.set(self.0.now.get() + DUE.as_nanos() as u64);
        }
        Ok(usize::from(self.0.fired.get().is_some()))
    }

    fn next(&mut self) -> Option<Fired> {
        self.0.fired.take()
    }

    fn now(&mut self, _: &Scripted) -> Instant {
        Instant::from_nanos(self.0.now.get())
    }

    fn name(&self) -> &'static str {
        "script"
    }
}
