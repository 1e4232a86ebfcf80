//! The loop and the channel in it, as the program sees them.

use std::rc::Rc;
use std::time::Duration;

use stheno_core::storage::Array;
use stheno_core::{EventLoop, Fired, Half, Interest, Key, Kind, Readiness, Slot, State};

use crate::judge::{ACCEPTS, Reported};
use crate::model::Model;
use crate::notes::{Deed, Note};
use crate::stage::{DUE, NEXT, OTHER_ONE, SUBJECT, Script, Scripted, Shared, Socket, Stage};
use crate::subject::{Subject, close, pause, say};

/// One step of a history: what the program does between two turns, and what the next turn is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Move {
    /// The backend reports this, of all the 64 there are.
    Report(Readiness),
    /// Nothing happens, or only this.
    Quiet(Option<Program>),
    /// Time passes, until whatever is armed comes due.
    Pass,
}

/// What the program can do with a channel from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Program {
    Close,
    Touch,
    Pause,
    ReadAgain,
    Say(Half),
    SetTimeout,
    ClearTimeout,
    Recv,
    RecvFrom,
    RecvUrgent,
    Send,
    Shutdown(Half),
    Connect,
    Listen,
    TakeError,
    /// Somebody else in the table goes, or comes.
    Other,
}

pub const PROGRAM: [Program; 18] = [
    Program::Close,
    Program::Touch,
    Program::Pause,
    Program::ReadAgain,
    Program::Say(Half::Read),
    Program::Say(Half::Write),
    Program::SetTimeout,
    Program::ClearTimeout,
    Program::Recv,
    Program::RecvFrom,
    Program::RecvUrgent,
    Program::Send,
    Program::Shutdown(Half::Read),
    Program::Shutdown(Half::Write),
    Program::Connect,
    Program::Listen,
    Program::TakeError,
    Program::Other,
];

/// How a channel begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Root {
    Idle,
    Connecting,
    Open,
    Datagram,
    Listening,
    /// In a table that has no other place; somebody else in it may go.
    Crowded,
}

pub const ROOTS: [Root; 6] = [Root::Idle, Root::Connecting, Root::Open, Root::Datagram, Root::Listening, Root::Crowded];

impl Root {
    pub fn model(self) -> Model {
        let state = match self {
            Self::Idle => State::Idle,
            Self::Connecting => State::Connecting,
            Self::Open => State::OPEN,
            Self::Datagram => State::Datagram,
            Self::Listening | Self::Crowded => State::Listening,
        };
        Model::new(state, self == Self::Crowded)
    }
}

type Events = EventLoop<Subject, Scripted, Script, Array<Slot<Subject, Scripted>, 2>>;

/// The loop, the channel in it, and what surrounds them.
pub struct World {
    pub stage: Shared,
    events: Events,
    key: Key,
    other: Option<Key>,
}

impl World {
    pub fn new(root: Root) -> Self {
        let stage = Rc::new(Stage::default());
        stage.curtain.set(true);
        stage.reads.set(true);
        stage.writes.set(true);
        let mut events = Events::with_parts(Scripted(stage.clone()), Script(stage.clone()), Array::default());
        events.set_accept_budget(ACCEPTS);
        let subject = Subject { stage: stage.clone(), bystander: false };
        let key = match root {
            Root::Idle => events.create(Kind::Stream, SUBJECT, subject),
            Root::Connecting => events.connect(SUBJECT, subject),
            Root::Open => {
                stage.open[SUBJECT].set(true);
                events.add(Socket(SUBJECT), subject)
            }
            Root::Datagram => events.bind(SUBJECT, subject),
            Root::Listening | Root::Crowded => events.listen(SUBJECT, subject),
        };
        let mut world = Self { key: key.unwrap(), other: None, stage, events };
        if root == Root::Crowded {
            world.other();
        }
        world.events.settle();
        world.stage.curtain.set(false);
        world
    }

    /// Somebody else in the table comes, or goes.
    fn other(&mut self) {
        if let Some(key) = self.other.take() {
            self.stage.note(Note::Did(Deed::Other(false)));
            self.events.close(key).unwrap();
        } else {
            let bystander = Subject { stage: self.stage.clone(), bystander: true };
            self.other = Some(self.events.create(Kind::Stream, OTHER_ONE, bystander).unwrap());
            self.stage.note(Note::Did(Deed::Other(true)));
        }
    }

    fn program(&mut self, program: Program) {
        if program == Program::Other {
            return self.other();
        }
        let stage = &self.stage;
        let did = |deed| stage.note(Note::Did(deed));
        let (_, mut io) = self.events.channel(self.key).unwrap();
        // The loop hears of what happened, whatever the program makes of it.
        let _ = match program {
            Program::Close => {
                close(stage, &mut io);
                Ok(())
            }
            Program::Touch => {
                did(Deed::Touch);
                io.touch();
                Ok(())
            }
            Program::Pause => {
                pause(stage, &mut io);
                Ok(())
            }
            Program::ReadAgain => {
                did(Deed::ReadAgain);
                io.read_again();
                Ok(())
            }
            Program::Say(half) => {
                say(stage, half);
                Ok(())
            }
            Program::SetTimeout => {
                did(Deed::SetTimeout);
                io.set_timeout(DUE);
                Ok(())
            }
            Program::ClearTimeout => {
                did(Deed::ClearTimeout);
                io.clear_timeout();
                Ok(())
            }
            Program::Recv => io.recv(&mut [0]).map(drop),
            Program::RecvFrom => io.recv_from(&mut [0]).map(drop),
            Program::RecvUrgent => io.recv_urgent().map(drop),
            Program::Send => io.send(&[1]).map(drop),
            Program::Shutdown(half) => io.shutdown(half),
            Program::Connect => io.connect(&SUBJECT),
            Program::Listen => io.listen(1),
            Program::TakeError => io.take_error().map(drop),
            Program::Other => Ok(()),
        };
    }

    /// One move; what the tape chose is in the stage.
    pub fn play(&mut self, step: Move, model: &Model) -> (Option<Duration>, Reported) {
        self.stage.notes.borrow_mut().clear();
        self.stage.left.set(None);
        let (patience, reported) = match step {
            Move::Report(readiness) => {
                self.stage.fired.set(Some(Fired { key: self.key, readiness }));
                (None, Reported::Readiness(readiness))
            }
            Move::Pass => {
                self.stage.passes.set(true);
                (if model.deadline { None } else { Some(DUE) }, Reported::Due)
            }
            Move::Quiet(program) => {
                // A listener that has rested may have to rest again.
                let may_rest = model.state == State::Listening && model.told;
                let armed = model.can_pass() || program == Some(Program::SetTimeout) || may_rest;
                if let Some(program) = program {
                    self.program(program);
                }
                (armed.then_some(Duration::ZERO), Reported::Nothing)
            }
        };
        self.stage.note(Note::Turn);
        let turn = self.events.turn(patience);
        assert!(turn.is_ok_and(|turn| !turn.stopped && !turn.woken));
        self.stage.fired.set(None);
        self.stage.passes.set(false);
        (patience, reported)
    }

    /// What can be seen of the channel from outside is what the model says.
    pub fn look(&mut self, model: &Model) {
        let watched = self.stage.watched.get().map_or(Interest::NONE, |(key, interest)| {
            assert_eq!(key, self.key);
            interest
        });
        assert_eq!(watched, model.watched, "what the backend knows");
        assert_eq!(self.events.len(), usize::from(model.is_live()) + usize::from(model.full));
        assert!(!self.stage.open[3].get(), "a caller was leaked");
        if model.is_live() {
            let (_, io) = self.events.channel(self.key).unwrap();
            let seen = (io.state(), io.has_timeout(), io.is_paused());
            assert_eq!(seen, (model.state, model.deadline, model.paused));
        } else {
            self.look_at_what_is_left(model);
        }
    }

    /// A channel that has ended: its key is stale, its socket closed, its slot free, and nothing is told any more.
    fn look_at_what_is_left(&mut self, model: &Model) {
        assert!(!self.stage.open[SUBJECT].get(), "the socket was leaked");
        assert!(self.events.dispatcher(self.key).is_none());
        assert!(self.events.close(self.key).is_err() && self.events.touch(self.key).is_err());
        self.stage.notes.borrow_mut().clear();
        let places = 2 - usize::from(model.full);
        let mut newcomers = Vec::new();
        for socket in [NEXT, 3].into_iter().take(places) {
            let bystander = Subject { stage: self.stage.clone(), bystander: true };
            newcomers.push(self.events.create(Kind::Stream, socket, bystander).expect("a slot was lost"));
        }
        assert!(!newcomers.contains(&self.key), "a key was given again");
        for readiness in [Readiness::ALL - Readiness::INVALID, Readiness::INVALID] {
            self.events.dispatch(Fired { key: self.key, readiness });
        }
        assert!(self.events.turn(Some(Duration::ZERO)).is_ok());
        assert_eq!(self.stage.notes.take(), [Note::Waited(Some(Duration::ZERO))], "something was told after the end");
        // Nor does the loop wake for its deadline; the end of a rest is the loop's own.
        self.stage.passes.set(true);
        assert!(self.events.turn(None).is_ok());
        let rest = model.resumes.then_some(Note::Waited(Some(DUE)));
        let waits: Vec<Note> = rest.into_iter().chain([Note::Waited(None)]).collect();
        assert_eq!(self.stage.notes.take(), waits, "the loop woke for a channel that is gone");
        self.events.close_all();
        assert_eq!(self.stage.notes.take(), []);
        assert!((0..4).all(|socket| !self.stage.open[socket].get()));
    }
}
