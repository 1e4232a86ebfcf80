//! What the ten rules say of one channel, written down a second time and in another way: what a move has to be.
//!
//! The judge reads the notes of a move, in order, and says of each whether it is what has to come there. It knows nothing
//! of how core decides: no step, outcome or verdict of `imply` is asked.

use std::time::Duration;

use stheno_core::{ErrorKind, Half, Interest, Readiness, Shut, State};

use crate::model::Model;
use crate::notes::{Deed, End, Event, Note, Op, Outcome, Why};
use crate::stage::DUE;

/// How often one pass reads what a peer left, and how many callers it accepts.
const READS: u32 = 16;
pub const ACCEPTS: u32 = 2;

/// What comes over a channel between two turns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reported {
    Nothing,
    Readiness(Readiness),
    /// All that is armed comes due.
    Due,
}

/// Reads the notes of one move.
pub struct Judge<'n> {
    pub model: Model,
    pub notes: &'n [Note],
    /// What the predicates said since the last thing that happened.
    pub asked: Vec<(Half, bool)>,
    pub dirty: bool,
    /// A handler ran, which may have changed anything.
    busy: bool,
    /// What the channel's I/O found, until it is concluded from.
    pub ended: bool,
    pub receive_broke: bool,
    pub send_broke: bool,
    pub received: bool,
    /// A listener lacks what only the system can give back.
    pub starved: bool,
}

impl<'n> Judge<'n> {
    pub fn new(model: Model, notes: &'n [Note]) -> Self {
        let dirty = model.state == State::Draining && !model.paused || model.serves();
        Self {
            model,
            notes,
            asked: Vec::new(),
            dirty,
            busy: false,
            ended: false,
            receive_broke: false,
            send_broke: false,
            received: false,
            starved: false,
        }
    }

    /// A move: what the program does, and then a turn with `patience`, in which this is reported.
    pub fn turn(mut self, program: bool, patience: Option<Duration>, reported: Reported) -> Model {
        if program {
            self.dirty = true;
        }
        assert_eq!(self.body(), Note::Turn);
        if self.dirty && self.model.held && self.conclude() && self.may_serve() && self.wants(Half::Read) {
            self.model.held = false;
            self.handler(Event::Read);
            self.dirty = true;
        }
        self.settle();
        if self.model.is_live() || self.model.full {
            self.waited(patience);
            match reported {
                Reported::Nothing => {}
                Reported::Due => self.due(),
                Reported::Readiness(readiness) => self.fire(readiness),
            }
            self.settle();
        }
        assert_eq!(self.peek(), None, "nothing more was to come");
        assert!(self.asked.is_empty(), "a predicate was asked although nothing had happened (silence is free)");
        self.model.forget_what_is_over();
        self.model
    }

    /// Whose bytes may be here already.
    fn may_serve(&self) -> bool {
        matches!(self.model.state, State::Open(Shut::Neither | Shut::Write) | State::Datagram)
    }

    fn waited(&mut self, patience: Option<Duration>) {
        let due = self.model.can_pass().then_some(DUE);
        let patience = if self.dirty || self.busy { Some(Duration::ZERO) } else { patience };
        let patience = patience.into_iter().chain(due).min();
        assert_eq!(self.next(), Note::Waited(patience), "the loop was to wait for that long");
        self.model.since = (self.model.since + 1).min(2);
    }

    /// All that was armed is due.
    fn due(&mut self) {
        if std::mem::take(&mut self.model.resumes) && self.model.resting {
            self.wake();
        }
        if std::mem::take(&mut self.model.filed) && std::mem::take(&mut self.model.deadline) {
            self.dirty = true;
            self.handler(Event::Timeout);
        }
    }

    pub fn wake(&mut self) {
        self.model.resting = false;
        self.model.since = 0;
        self.dirty = true;
    }

    /// Rule 1: connect, read, write, expt, then close.
    fn fire(&mut self, readiness: Readiness) {
        let has = |flag| readiness.contains(flag);
        if !self.model.is_live() {
            return;
        }
        // Whatever it is: its interest is settled again.
        self.dirty = true;
        if readiness.is_empty() || self.model.state == State::Idle {
            return;
        }
        if has(Readiness::INVALID) {
            self.error(Why { kind: ErrorKind::BadDescriptor, code: 0 }, true);
            return;
        }
        let over = has(Readiness::ERROR) || has(Readiness::HANGUP);
        let mut anyone = false;
        if self.model.state == State::Connecting {
            // Rule 5.
            if let Some(why) = self.question() {
                self.error(why, true);
                return;
            }
            self.model.state = State::OPEN;
            anyone = true;
            if !self.handler(Event::Connect) {
                return;
            }
        }
        // Who reads finds everything: data, callers, the end, and the error behind them (rule 3).
        if (over || has(Readiness::READABLE)) && self.wants(Half::Read) {
            if self.model.state == State::Listening {
                return self.accept();
            }
            anyone = true;
            if !self.handler(Event::Read) {
                return;
            }
        }
        // Clause B6: who was asked to write is told so of an error, unless it shows as readable.
        if (has(Readiness::WRITABLE) || over && !has(Readiness::READABLE)) && self.wants(Half::Write) {
            anyone = true;
            if !self.handler(Event::Write) {
                return;
            }
        }
        if has(Readiness::PRIORITY) && self.wants_urgent() {
            anyone = true;
            // Rule 1: SO_ERROR is asked first.
            match self.question() {
                Some(why) => {
                    if self.model.state == State::Datagram {
                        self.error(why, false);
                    } else {
                        self.model.broken = why.code;
                        self.model.state = State::Draining;
                        self.drain();
                    }
                    return;
                }
                None if !self.handler(Event::Expt) => return,
                None => {}
            }
        }
        if anyone {
            return;
        }
        match self.model.state {
            // Rule 2: the end of whom nobody reads from is a close.
            State::Open(Shut::Read) if over => self.end_of_the_deaf(),
            State::Open(Shut::Both) if over || has(Readiness::READABLE) => self.end_of_the_deaf(),
            // Rule 6: out of the set until the interest changes.
            State::Draining => {}
            _ if over => self.model.parked = Some(self.model.parked.unwrap_or(self.model.watched)),
            _ => {}
        }
    }

    fn end_of_the_deaf(&mut self) {
        let end = self.question().map_or(End::Stream, End::Disconnected);
        self.close(end);
    }

    /// Rule 6: want of room rests the listener, is told once, and never closes it.
    fn accept(&mut self) {
        if std::mem::take(&mut self.model.since) > 1 {
            self.model.told = false;
        }
        for accepted in 0..ACCEPTS {
            if accepted > 0 && !self.wants(Half::Read) {
                return;
            }
            if self.model.full {
                return self.rest(Why { kind: ErrorKind::Full, code: 0 });
            }
            self.was_asked(Half::Read);
            let Note::Io(Op::Accept, outcome) = self.next() else { panic!("a caller was to be accepted") };
            self.busy = true;
            let failed = match outcome {
                Outcome::Ok => {
                    self.expect(Note::Told(Event::Accepted));
                    self.returned()
                }
                Outcome::Err(why) => Some(why),
                _ => None,
            };
            match failed {
                // After the first it is not known whether there are more.
                Some(why) if why.kind == ErrorKind::Exhausted && outcome != Outcome::Ok && accepted > 0 => return,
                Some(why) if why.kind == ErrorKind::Exhausted => return self.rest(why),
                Some(why) if self.model.is_live() && !self.error(why, false) => return,
                Some(_) if !self.model.is_live() => return,
                _ => {}
            }
            if outcome != Outcome::Ok {
                break;
            }
        }
        self.model.told = false;
    }

    fn rest(&mut self, why: Why) {
        if !self.model.is_live() {
            return;
        }
        self.model.resting = true;
        self.starved |= why.kind == ErrorKind::Exhausted;
        if !std::mem::replace(&mut self.model.told, true) {
            self.expect(Note::Told(Event::Error(why)));
            self.returned();
        }
    }

    /// Whether a step that needs this is to be taken; it must not be without.
    fn wants(&self, half: Half) -> bool {
        let model = &self.model;
        let (interest, can, says) = match half {
            Half::Read => (Interest::READ, model.can_read(), model.reads && !model.paused),
            Half::Write => (Interest::WRITE, model.can_write(), model.writes),
        };
        model.is_live() && can && says && !model.unhandled.intersects(interest) && !model.resting
    }

    fn wants_urgent(&self) -> bool {
        let model = &self.model;
        let can = matches!(model.state, State::Open(Shut::Neither | Shut::Write) | State::Datagram);
        can && model.reads && !model.paused && !model.unhandled.intersects(Interest::PRIORITY)
    }

    /// `SO_ERROR`.
    fn question(&mut self) -> Option<Why> {
        match self.next() {
            Note::Io(Op::TakeError, Outcome::Err(why)) => Some(why),
            Note::Io(Op::TakeError, _) => None,
            other => panic!("the error that waits was to be asked for, not {other:?}"),
        }
    }

    /// A handler, and what follows from what it did. Says whether the next one may be told.
    fn handler(&mut self, event: Event) -> bool {
        match event {
            Event::Read => self.was_asked(Half::Read),
            Event::Write => self.was_asked(Half::Write),
            _ => {}
        }
        self.busy = true;
        self.expect(Note::Told(event));
        if self.peek() == Some(Note::Did(Deed::LeaveIt)) {
            self.model.unhandled |= match event {
                Event::Read => Interest::READ,
                Event::Write => Interest::WRITE,
                Event::Expt => Interest::PRIORITY,
                _ => Interest::NONE,
            };
        }
        let returned = self.returned();
        if !self.model.is_live() {
            return false;
        }
        // That the own connection broke is no failure of the handler.
        let broke = self.receive_broke || self.send_broke || self.model.state == State::Draining;
        if let Some(why) = returned.filter(|why| !(why.kind == ErrorKind::Disconnected && broke))
            && !self.error(why, false)
        {
            return false;
        }
        self.conclude()
    }

    /// Rule 2: what the I/O found implies close, whatever the handler made of it; rule 3: not before all is read.
    pub fn conclude(&mut self) -> bool {
        let (ended, receive_broke, send_broke) = (
            std::mem::take(&mut self.ended),
            std::mem::take(&mut self.receive_broke),
            std::mem::take(&mut self.send_broke),
        );
        let why = Why { kind: ErrorKind::Disconnected, code: self.model.broken };
        let drains = self.model.state == State::Draining;
        match self.model.state {
            _ if !(ended || receive_broke || send_broke) => return self.model.is_live(),
            State::Idle | State::Closing | State::Closed => {}
            // An attempt that failed in another way.
            State::Connecting => return self.error(why, true),
            _ if receive_broke || ended && drains => self.close(End::Disconnected(why)),
            _ if ended => return self.eof(),
            State::Draining => return true,
            _ if self.model.can_read() => {
                self.model.state = State::Draining;
                self.drain();
            }
            _ => self.close(End::Disconnected(why)),
        }
        false
    }

    /// The peer has finished sending: closed, unless the channel has something to send by and wants to go on.
    fn eof(&mut self) -> bool {
        let mute = matches!(self.model.state, State::Open(Shut::Write | Shut::Both));
        let shut = if mute { Shut::Both } else { Shut::Read };
        self.model.state = State::Open(shut);
        assert_eq!(self.peek(), Some(Note::Told(Event::Eof)), "the end of the stream was to be told");
        let left = self.notes.get(1) == Some(&Note::Did(Deed::LeaveIt));
        if !self.handler(Event::Eof) {
            return false;
        }
        if left || !self.model.can_write() {
            self.close(End::Stream);
            return false;
        }
        true
    }

    /// Rule 3: reads until nothing comes, and closes.
    pub fn drain(&mut self) {
        let why = Why { kind: ErrorKind::Disconnected, code: self.model.broken };
        for _ in 0..READS {
            // Who paused reads what is left when it resumes.
            if self.model.paused {
                return;
            }
            if !self.wants(Half::Read) {
                return self.close(End::Disconnected(why));
            }
            self.received = false;
            if !self.handler(Event::Read) {
                return;
            }
            if !self.received {
                return self.close(End::Disconnected(why));
            }
        }
    }

    /// Rule 7: an error is told to the channel; if it does not take it upon itself, or it is the end in any case, it is
    /// closed. Says whether it goes on.
    pub fn error(&mut self, why: Why, fatal: bool) -> bool {
        self.expect(Note::Told(Event::Error(why)));
        self.busy = true;
        let left = self.peek() == Some(Note::Did(Deed::LeaveIt));
        let returned = self.returned();
        if left {
            let harmless = matches!(why.kind, ErrorKind::Full | ErrorKind::Exhausted | ErrorKind::Disconnected);
            let goes_on = self.model.state == State::Datagram || self.model.state == State::Listening && harmless;
            assert_eq!(returned, (!goes_on).then_some(why), "what the trait's own handler makes of an error");
        }
        match returned {
            None if !fatal => return self.model.is_live(),
            None => self.close(End::Error(why)),
            Some(why) => self.close(End::Error(why)),
        }
        false
    }

    /// Rule 2: told once, and not if the program closed the channel itself.
    fn close(&mut self, end: End) {
        if self.model.is_live() {
            self.model.state = State::Closing;
            self.dirty = true;
            self.busy = true;
            self.expect(Note::Told(Event::Close(end)));
            self.returned();
        }
    }
}
