//! How the judge reads notes, and what it learns from what handlers and the program do.

use stheno_core::{ErrorKind, Half, Interest, Shut, State};

use crate::judge::Judge;
use crate::notes::{Deed, Note, Op, Outcome, Why};

impl Judge<'_> {
    pub fn was_asked(&mut self, half: Half) {
        self.peek();
        let said = self.asked.iter().rev().find(|(asked, _)| *asked == half);
        assert_eq!(said, Some(&(half, true)), "the predicate is asked before each step");
    }

    /// What comes next, predicates apart.
    pub fn peek(&mut self) -> Option<Note> {
        while let Some((Note::Asked(half, says), rest)) = self.notes.split_first() {
            self.asked.push((*half, *says));
            self.notes = rest;
        }
        self.notes.first().copied()
    }

    pub fn next(&mut self) -> Note {
        let next = self.peek().expect("more was to come");
        self.notes = &self.notes[1..];
        self.asked.clear();
        next
    }

    pub fn expect(&mut self, note: Note) {
        assert_eq!(self.next(), note, "what is told, and what was to be told");
    }

    /// The rest of a handler, and what it returned.
    pub fn returned(&mut self) -> Option<Why> {
        match self.body() {
            Note::Returned(why) => why,
            other => panic!("{other:?} in the middle of a handler"),
        }
    }

    /// What a handler or the program does, up to whatever ends it.
    pub fn body(&mut self) -> Note {
        loop {
            match self.next() {
                Note::Io(op, outcome) => self.found(op, outcome),
                Note::Did(deed) => self.did(deed),
                end => return end,
            }
        }
    }

    fn found(&mut self, op: Op, outcome: Outcome) {
        let state = self.model.state;
        let stream = !matches!(state, State::Datagram | State::Listening);
        let deaf = matches!(state, State::Open(Shut::Read | Shut::Both));
        let mute = matches!(state, State::Open(Shut::Write | Shut::Both) | State::Draining);
        let unconnected = matches!(state, State::Idle | State::Connecting | State::Listening);
        assert!(self.model.is_live(), "{op:?} on a closed channel");
        match (op, outcome) {
            (Op::Recv, _) if deaf || unconnected => panic!("a receive that cannot be"),
            (Op::Send, _) if mute || unconnected => panic!("a send that cannot be"),
            (Op::Recv, Outcome::Ok) => self.received = true,
            (Op::Recv, Outcome::End) if stream => self.ended = true,
            (Op::Connect, Outcome::Ok) if state == State::Idle => self.model.state = State::Connecting,
            (Op::Listen, Outcome::Ok) => self.model.state = State::Listening,
            (Op::Shutdown(half), Outcome::Ok) => {
                self.model.state = match (state, half) {
                    (State::Open(Shut::Neither | Shut::Read), Half::Read) => State::Open(Shut::Read),
                    (State::Open(Shut::Neither | Shut::Write), Half::Write) => State::Open(Shut::Write),
                    (State::Open(_), _) => State::Open(Shut::Both),
                    (other, _) => other,
                };
            }
            (Op::Recv | Op::RecvFrom, Outcome::Err(why)) if stream && why.kind == ErrorKind::Disconnected => {
                self.model.broken = why.code;
                self.receive_broke = true;
            }
            (Op::Send | Op::RecvUrgent | Op::Shutdown(_), Outcome::Err(why))
                if stream && why.kind == ErrorKind::Disconnected =>
            {
                self.model.broken = why.code;
                self.send_broke = true;
            }
            _ => {}
        }
    }

    fn did(&mut self, deed: Deed) {
        match deed {
            Deed::Close if self.model.is_live() => self.model.state = State::Closing,
            Deed::Say(Half::Read, says) => self.model.reads = says,
            Deed::Say(Half::Write, says) => self.model.writes = says,
            Deed::Touch => self.model.unhandled = Interest::NONE,
            Deed::Pause(paused) => self.model.paused = paused,
            Deed::ReadAgain => self.model.held = true,
            Deed::SetTimeout => self.model.deadline = true,
            Deed::ClearTimeout => self.model.deadline = false,
            Deed::Other(comes) => {
                self.model.full = comes;
                if !comes && self.model.resting {
                    self.wake();
                }
                return;
            }
            Deed::Close | Deed::LeaveIt => {}
        }
        self.dirty = true;
    }
}
