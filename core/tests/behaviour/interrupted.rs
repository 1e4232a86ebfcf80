//! Clause N2 and rule 9, where a net breaks the first of them: an interruption that comes out of it is no event. Whatever
//! was interrupted is asked again once readiness says so, and nobody is harmed.

use std::cell::RefCell;
use std::rc::Rc;

use crate::NO_WAIT;
use crate::memory::{Inside, Memory, RESET, Socket, Table, Watch, pair};
use stheno_core::{
    Channel, Datagram, Dispatcher, Error, ErrorKind, EventLoop, Guest, Half, Key, Kind, Layer, Net, Outbox, Reason,
    Received, Result, Slot, State,
};

const INTERRUPTED: Error = Error::new(ErrorKind::Interrupted, "a signal came").with_code(4);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Op {
    Connect,
    Accept,
    Recv,
    RecvFrom,
    RecvUrgent,
    Send,
    SendTo,
    SendUrgent,
    TakeError,
}

/// Lets interruptions out: each operation's next few calls.
struct Signalled {
    below: Memory,
    signals: Vec<(Op, u32)>,
    /// How many came out.
    came: u32,
    /// What comes out.
    what: Error,
}

impl Signalled {
    /// From now on so many calls of each operation are interrupted before one is made.
    fn every(&mut self, op: Op, times: u32) {
        self.signals.push((op, times));
    }

    fn signal(&mut self, op: Op) -> Result<()> {
        match self.signals.iter_mut().find(|(other, left)| *other == op && *left > 0) {
            Some((_, left)) => {
                *left -= 1;
                self.came += 1;
                Err(self.what)
            }
            None => Ok(()),
        }
    }
}

impl Layer for Signalled {
    type Below = Memory;
    fn below(&self) -> &Memory {
        &self.below
    }
    fn below_mut(&mut self) -> &mut Memory {
        &mut self.below
    }
    /// As POSIX has it, an attempt that was interrupted goes on by itself.
    fn connect(&mut self, socket: &mut Socket, to: &u16) -> Result<()> {
        self.below.connect(socket, to)?;
        self.signal(Op::Connect)
    }
    fn accept(&mut self, socket: &mut Socket) -> Result<Option<(Socket, u16)>> {
        self.signal(Op::Accept)?;
        self.below.accept(socket)
    }
    fn recv(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Received> {
        self.signal(Op::Recv)?;
        self.below.recv(socket, into)
    }
    fn recv_from(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Option<Datagram<u16>>> {
        self.signal(Op::RecvFrom)?;
        self.below.recv_from(socket, into)
    }
    fn recv_urgent(&mut self, socket: &mut Socket) -> Result<Option<u8>> {
        self.signal(Op::RecvUrgent)?;
        self.below.recv_urgent(socket)
    }
    fn send(&mut self, socket: &mut Socket, from: &[u8]) -> Result<Option<usize>> {
        self.signal(Op::Send)?;
        self.below.send(socket, from)
    }
    fn send_to(&mut self, socket: &mut Socket, from: &[u8], to: &u16) -> Result<bool> {
        self.signal(Op::SendTo)?;
        self.below.send_to(socket, from, to)
    }
    fn send_urgent(&mut self, socket: &mut Socket, byte: u8) -> Result<bool> {
        self.signal(Op::SendUrgent)?;
        self.below.send_urgent(socket, byte)
    }
    fn take_error(&mut self, socket: &mut Socket) -> Result<Option<Error>> {
        self.signal(Op::TakeError)?;
        self.below.take_error(socket)
    }
}

impl Inside for Signalled {
    fn memory(&self) -> &Memory {
        &self.below
    }
    fn memory_mut(&mut self) -> &mut Memory {
        &mut self.below
    }
}

type Log = Rc<RefCell<Vec<String>>>;

/// Does its I/O, passes every error on, and writes down what came.
struct Plain {
    name: &'static str,
    log: Log,
    waiting: Outbox<[u8; 32]>,
    chunk: usize,
}

impl Plain {
    fn new(log: &Log, name: &'static str) -> Self {
        Self { name, log: log.clone(), waiting: Outbox::new(), chunk: 16 }
    }

    fn say(&self, line: &str) {
        self.log.borrow_mut().push(format!("{} {line}", self.name));
    }
}

type Chan<'a> = Channel<'a, Signalled, Plain>;

impl Dispatcher<Signalled> for Plain {
    fn writable(&self) -> bool {
        !self.waiting.is_empty()
    }
    fn handle_connect(&mut self, _: &mut Chan<'_>) -> Result<()> {
        self.say("connect");
        Ok(())
    }
    fn handle_accepted(&mut self, guest: &mut Guest<Signalled>, door: &mut Chan<'_>) -> Result<()> {
        self.say("accepted");
        door.adopt(guest, Self::new(&self.log, "guest")).map(drop)
    }
    fn handle_read(&mut self, channel: &mut Chan<'_>) -> Result<()> {
        if channel.state() == State::Datagram {
            let mut bytes = [0; 16];
            if let Some(Datagram { len, .. }) = channel.recv_from(&mut bytes)? {
                self.say(&format!("letter {}", String::from_utf8_lossy(&bytes[..len])));
            }
            return Ok(());
        }
        let mut bytes = vec![0; self.chunk];
        if let Received::Data(n) = channel.recv(&mut bytes)? {
            self.say(&format!("read {}", String::from_utf8_lossy(&bytes[..n])));
        }
        Ok(())
    }
    fn handle_write(&mut self, channel: &mut Chan<'_>) -> Result<()> {
        self.waiting.flush(channel)
    }
    fn handle_expt(&mut self, channel: &mut Chan<'_>) -> Result<()> {
        if let Some(byte) = channel.recv_urgent()? {
            self.say(&format!("urgent {}", char::from(byte)));
        }
        Ok(())
    }
    fn handle_close(&mut self, reason: Reason, _: &mut Chan<'_>) -> Result<()> {
        self.say(&format!("close: {reason}"));
        Ok(())
    }
    fn handle_error(&mut self, error: Error, _: &mut Chan<'_>) -> Result<()> {
        self.say(&format!("error: {error}"));
        Err(error)
    }
}

type Events = EventLoop<Plain, Signalled, Watch, Table<Slot<Plain, Signalled>>>;

/// A loop over a net that lets so many interruptions out of each of these operations.
fn events(ops: &[Op], times: u32) -> (Events, Log) {
    let (below, watch) = pair();
    let mut net = Signalled { below, signals: Vec::new(), came: 0, what: INTERRUPTED };
    ops.iter().for_each(|op| net.every(*op, times));
    (EventLoop::with_parts(net, watch, Table::default()), Log::default())
}

fn turns(events: &mut Events) {
    for _ in 0..30 {
        events.turn(NO_WAIT).unwrap();
    }
}

#[track_caller]
fn told<const N: usize>(log: &Log, lines: [&str; N]) {
    assert_eq!(log.take(), lines);
}

fn memory(events: &mut Events) -> &mut Memory {
    events.net_mut().memory_mut()
}

#[test]
fn an_interrupted_receive_is_made_again() {
    for times in 1..4 {
        let (mut events, log) = events(&[Op::Recv, Op::RecvUrgent], times);
        let (socket, far) = memory(&mut events).connection();
        let key = events.add(socket, Plain::new(&log, "a")).unwrap();
        memory(&mut events).say(far, b"hello");
        memory(&mut events).urge(far, b'!');
        turns(&mut events);
        let mut lines = log.take();
        lines.sort();
        assert_eq!(lines, ["a read hello", "a urgent !"]);
        // Whoever asks by itself is told what a call that would have to wait says.
        events.net_mut().every(Op::Recv, 3);
        events.net_mut().every(Op::RecvUrgent, 1);
        memory(&mut events).say(far, b"again");
        let mut into = [0; 8];
        let mut buffer = stheno_core::Buffer::new([0; 8]);
        {
            let (_, mut io) = events.channel(key).unwrap();
            assert_eq!(io.recv(&mut into), Ok(Received::WouldBlock));
            assert_eq!(io.recv_vectored([&mut [], &mut into]), Ok(Received::WouldBlock));
            assert_eq!(io.recv_into(&mut buffer), Ok(Received::WouldBlock));
            assert_eq!(io.recv_urgent(), Ok(None));
            assert_eq!((buffer.len(), io.state()), (0, State::OPEN));
        }
        turns(&mut events);
        memory(&mut events).hang_up(far);
        turns(&mut events);
        told(&log, ["a read again", "a close: end of stream"]);
        assert_eq!(events.net().came, 2 * times + 4);
    }
}

#[test]
fn an_interrupted_send_loses_and_repeats_nothing() {
    for times in 1..4 {
        let (mut events, log) = events(&[Op::Send], times);
        memory(&mut events).gulp = 3;
        let (socket, far) = memory(&mut events).connection();
        let key = events.add(socket, Plain::new(&log, "a")).unwrap();
        let (plain, mut io) = events.channel(key).unwrap();
        plain.waiting.send(&mut io, b"0123456789").unwrap();
        events.net_mut().every(Op::Send, times);
        let mut heard = Vec::new();
        for _ in 0..20 {
            events.turn(NO_WAIT).unwrap();
            heard.extend(memory(&mut events).hear(far));
        }
        assert_eq!(heard, b"0123456789");
        events.net_mut().every(Op::Send, 2);
        events.net_mut().every(Op::SendUrgent, 1);
        let (_, mut io) = events.channel(key).unwrap();
        assert_eq!((io.send(b"x"), io.send_vectored([b"x", b"y"]), io.send_urgent(b'!')), (Ok(0), Ok(0), Ok(false)));
        assert_eq!((io.send(b"x"), io.send_urgent(b'!')), (Ok(1), Ok(true)));
        turns(&mut events);
        told(&log, []);
        assert!(memory(&mut events).hear(far) == b"x" && events.channel(key).is_ok());
    }
}

#[test]
fn an_interrupted_letter_is_received_and_sent_again() {
    let (mut events, log) = events(&[Op::RecvFrom, Op::SendTo, Op::Connect], 2);
    memory(&mut events).mailbox(9);
    let key = events.bind(5_u16, Plain::new(&log, "box")).unwrap();
    memory(&mut events).post(5, b"one", 9);
    memory(&mut events).post(5, b"two", 9);
    turns(&mut events);
    told(&log, ["box letter one", "box letter two"]);
    let (_, mut io) = events.channel(key).unwrap();
    let sent = [io.send_to(b"three", &9), io.send_to(b"three", &9), io.send_to(b"three", &9)];
    assert_eq!(sent, [Ok(false), Ok(false), Ok(true)]);
    assert_eq!((io.connect(&9), io.state()), (Ok(()), State::Datagram));
    assert_eq!(io.send(b"four"), Ok(4));
    let letters = memory(&mut events).letters(9).into_iter().map(|(bytes, _)| bytes);
    assert_eq!(letters.collect::<Vec<_>>(), [&b"three"[..], b"four"]);
    told(&log, []);
}

#[test]
fn an_interrupted_accept_leaves_the_caller_in_line() {
    for times in 1..4 {
        let (mut events, log) = events(&[Op::Accept], times);
        let door = events.listen(7_u16, Plain::new(&log, "door")).unwrap();
        memory(&mut events).call(7);
        memory(&mut events).call(7);
        for _ in 0..times {
            events.turn(NO_WAIT).unwrap();
            told(&log, []);
            assert_eq!(memory(&mut events).waiting(7), 2);
        }
        turns(&mut events);
        told(&log, ["door accepted", "door accepted"]);
        assert!(events.channel(door).is_ok() && events.len() == 3);
    }
}

/// Whoever was told that its attempt was interrupted knows that it goes on: by the loop, by a handler, by the channel.
#[test]
fn an_interrupted_connect_goes_on() {
    for slow in [false, true] {
        let (mut events, log) = events(&[Op::Connect], 2);
        memory(&mut events).slow_connects = slow;
        memory(&mut events).serve(7);
        let dialled = events.connect(7_u16, Plain::new(&log, "a")).unwrap();
        let made = events.create(Kind::Stream, 0_u16, Plain::new(&log, "b")).unwrap();
        let (_, mut io) = events.channel(made).unwrap();
        assert_eq!((io.connect(&7), io.connecting()), (Ok(()), true));
        turns(&mut events);
        memory(&mut events).let_through();
        turns(&mut events);
        let mut lines = log.take();
        lines.sort();
        assert_eq!(lines, ["a connect", "b connect"]);
        assert!([dialled, made].into_iter().all(|key| events.channel(key).unwrap().1.connected()));
        // How it ends is told as ever.
        events.net_mut().every(Op::Connect, 1);
        events.connect(8_u16, Plain::new(&log, "c")).unwrap();
        turns(&mut events);
        memory(&mut events).let_through();
        turns(&mut events);
        told(&log, ["c error: connect: refused (os error 111)", "c close: connect: refused (os error 111)"]);
    }
}

/// The question for the waiting error decides over a connection: without its answer nothing is decided.
#[test]
fn an_interrupted_question_is_put_again() {
    for times in 1..4 {
        let (mut events, log) = events(&[Op::TakeError], times);
        memory(&mut events).serve(7);
        events.connect(7_u16, Plain::new(&log, "good")).unwrap();
        turns(&mut events);
        told(&log, ["good connect"]);
        events.net_mut().every(Op::TakeError, times);
        events.connect(8_u16, Plain::new(&log, "bad")).unwrap();
        turns(&mut events);
        told(&log, ["bad error: connect: refused (os error 111)", "bad close: connect: refused (os error 111)"]);
        // Urgent data.
        let (socket, far) = memory(&mut events).connection();
        events.net_mut().every(Op::TakeError, times);
        events.add(socket, Plain::new(&log, "a")).unwrap();
        memory(&mut events).urge(far, b'!');
        turns(&mut events);
        told(&log, ["a urgent !"]);
        // The reason of an end that nobody reads.
        let (socket, far) = memory(&mut events).connection();
        let deaf = events.add(socket, Plain::new(&log, "deaf")).unwrap();
        for half in [Half::Read, Half::Write] {
            events.channel(deaf).unwrap().1.shutdown(half).unwrap();
        }
        events.net_mut().every(Op::TakeError, times);
        memory(&mut events).reset(far);
        turns(&mut events);
        told(&log, ["deaf close: reset (os error 104)"]);
    }
}

/// Any other failure of the question is an answer: what cannot be asked is not connected.
#[test]
fn a_question_that_fails_is_answered_by_that() {
    let (mut events, log) = events(&[Op::TakeError], 1);
    events.net_mut().what = Error::new(ErrorKind::Other, "nobody knows");
    memory(&mut events).serve(7);
    events.connect(7_u16, Plain::new(&log, "a")).unwrap();
    turns(&mut events);
    told(&log, ["a error: connect: nobody knows", "a close: connect: nobody knows"]);
    assert_eq!(events.len(), 0);
}

/// A channel whose sending half broke reads what is left, and an interruption is not the end of that (rule 3).
#[test]
fn what_a_peer_left_is_read_though_signals_come() {
    for times in [1, 2, 40] {
        let (mut events, log) = events(&[], 0);
        let (socket, far) = memory(&mut events).connection();
        let key: Key = events.add(socket, Plain { chunk: 2, ..Plain::new(&log, "a") }).unwrap();
        memory(&mut events).say(far, b"012345");
        memory(&mut events).reset(far);
        events.net_mut().every(Op::Recv, times);
        let (_, mut io) = events.channel(key).unwrap();
        assert_eq!(io.send(b"x").unwrap_err().code(), RESET);
        turns(&mut events);
        told(&log, ["a read 01", "a read 23", "a read 45", "a close: reset (os error 104)"]);
        assert_eq!(events.net().came, times);
    }
}
