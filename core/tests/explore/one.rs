//! One channel, to the fixpoint: every state that can be reached, and from each every move.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use stheno_core::storage::Array;
use stheno_core::{EventLoop, Fired, Half, Interest, Key, Kind, Readiness, Slot, State};

use crate::model::{ACCEPTS, Judge, Model, Reported};
use crate::notes::{Deed, Note};
use crate::rules;
use crate::stage::{DUE, NEXT, OTHER_ONE, SUBJECT, Script, Scripted, Shared, Socket, Stage};
use crate::subject::{Subject, close, say};
use crate::tape::Tape;

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

const PROGRAM: [Program; 16] = [
    Program::Close,
    Program::Touch,
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

const ROOTS: [Root; 6] = [Root::Idle, Root::Connecting, Root::Open, Root::Datagram, Root::Listening, Root::Crowded];

impl Root {
    fn model(self) -> Model {
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
struct World {
    stage: Shared,
    events: Events,
    key: Key,
    other: Option<Key>,
}

impl World {
    fn new(root: Root) -> Self {
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
    fn play(&mut self, step: Move, model: &Model) -> (Option<Duration>, Reported) {
        self.stage.notes.borrow_mut().clear();
        self.stage.flood.set(false);
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
                let armed = model.can_pass() || program == Some(Program::SetTimeout);
                if let Some(program) = program {
                    self.program(program);
                }
                (armed.then_some(Duration::ZERO), Reported::Nothing)
            }
        };
        self.stage.note(Note::Turn);
        let turn = self.events.turn(patience);
        assert!(turn.is_ok_and(|turn| !turn.stopped && !turn.woken));
        (self.stage.fired.take(), self.stage.passes.set(false));
        (patience, reported)
    }

    /// What can be seen of the channel from outside is what the model says.
    fn look(&mut self, model: &Model) {
        let watched = self.stage.watched.get().map_or(Interest::NONE, |(key, interest)| {
            assert_eq!(key, self.key);
            interest
        });
        assert_eq!(watched, model.watched, "what the backend knows");
        assert_eq!(self.events.len(), usize::from(model.is_live()) + usize::from(model.full));
        assert!(!self.stage.open[3].get(), "a caller was leaked");
        if model.is_live() {
            let (_, io) = self.events.channel(self.key).unwrap();
            assert_eq!((io.state(), io.has_timeout()), (model.state, model.deadline));
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
        self.events.close_all();
        assert_eq!(*self.stage.notes.borrow(), [], "something was told after the end");
        assert!((0..4).all(|socket| !self.stage.open[socket].get()));
    }
}

/// How a state was reached: from which one, by which move, and what was chosen meanwhile.
#[derive(Clone)]
struct Way {
    from: usize,
    step: Move,
    choices: Vec<(u8, u8)>,
}

struct Known {
    model: Model,
    root: Root,
    depth: u32,
    /// The first way that led here, which is a shortest one, and one that came later.
    ways: Vec<Way>,
}

/// What an exploration has found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Found {
    pub states: usize,
    /// Moves that were played and judged.
    pub steps: u64,
    /// So many moves away from the roots no new state appears.
    pub depth: u32,
    /// Further moves that were played and judged: those from states that had been reached in a second way, on it.
    pub again: u64,
}

pub struct Exploration {
    daring: u32,
    known: Vec<Known>,
    numbers: HashMap<Model, usize>,
    found: Found,
}

impl Exploration {
    /// Every state that can be reached within `depth` moves, if each move leaves the plain course `daring` times at the most.
    ///
    /// With `twice`, every state that was reached in two ways is explored from the end of both.
    pub fn of_one_channel(daring: u32, depth: u32, twice: bool) -> Found {
        let mut all = Self { daring, known: Vec::new(), numbers: HashMap::new(), found: Found::default() };
        for root in ROOTS {
            let model = root.model();
            World::new(root).look(&model);
            all.numbers.insert(model.clone(), all.known.len());
            all.known.push(Known { model, root, depth: 0, ways: Vec::new() });
        }
        let mut next = 0;
        while all.known.get(next).is_some_and(|known| known.depth < depth) {
            all.found.depth = all.known[next].depth + 1;
            all.from(next, 0);
            next += 1;
        }
        all.found.states = all.known.len();
        if twice {
            let before = all.found.steps;
            for number in 0..all.known.len() {
                if all.known[number].ways.len() > 1 {
                    all.from(number, 1);
                }
            }
            (all.found.again, all.found.steps) = (all.found.steps - before, before);
            assert_eq!(all.known.len(), all.found.states, "equal states went on differently");
        }
        all.found
    }

    fn from(&mut self, number: usize, way: usize) {
        let Known { model, root, .. } = &self.known[number];
        if !model.is_live() {
            return;
        }
        let (model, root) = (model.clone(), *root);
        let mut path = Vec::new();
        let (mut at, mut way) = (number, way);
        while let Some(step) = self.known[at].ways.get(way) {
            path.push((step.clone(), self.known[step.from].model.clone()));
            (at, way) = (step.from, 0);
        }
        let root = if path.is_empty() { root } else { self.known[at].root };
        path.reverse();
        let reports = (0..64).map(|bits| Move::Report(Readiness::from_bits_truncate(bits)));
        let programs = PROGRAM.into_iter().filter(|program| *program != Program::Other || root == Root::Crowded);
        let quiet = programs.map(|program| Move::Quiet(Some(program))).chain([Move::Quiet(None)]);
        let pass = model.can_pass().then_some(Move::Pass);
        for step in reports.chain(quiet).chain(pass) {
            let mut tape = Tape::new(self.daring);
            loop {
                tape = self.play(root, &path, number, step, tape);
                if !tape.turn_over() {
                    break;
                }
            }
        }
    }

    /// Plays a history again, and one move more.
    fn play(&mut self, root: Root, path: &[(Way, Model)], number: usize, step: Move, tape: Tape) -> Tape {
        let model = &self.known[number].model;
        let mut world = World::new(root);
        for (way, before) in path {
            *world.stage.tape.borrow_mut() = Tape::again(&way.choices);
            world.play(way.step, before);
        }
        *world.stage.tape.borrow_mut() = tape;
        let witness = Witness { root, path, step, world: &world.stage.clone(), model };
        let (patience, reported) = world.play(step, model);
        let notes = world.stage.notes.take();
        // For the witness.
        world.stage.notes.borrow_mut().clone_from(&notes);
        let program = matches!(step, Move::Quiet(Some(program)) if program != Program::Other);
        let after = Judge::new(model.clone(), &notes).turn(program, patience, reported);
        rules::hold(model, &notes, &after, reported);
        world.look(&after);
        drop(witness);
        self.found.steps += 1;
        let tape = world.stage.tape.take();
        let way = || Way { from: number, step, choices: tape.played().to_vec() };
        match self.numbers.get(&after) {
            Some(known) => {
                let known = &mut self.known[*known];
                // The roots are reached without a way.
                if (1..2).contains(&known.ways.len()) && (known.ways[0].from, known.ways[0].step) != (number, step) {
                    known.ways.push(way());
                }
            }
            None => {
                self.numbers.insert(after.clone(), self.known.len());
                let depth = self.known[number].depth + 1;
                self.known.push(Known { model: after, root, depth, ways: vec![way()] });
            }
        }
        tape
    }
}

/// Tells the history that went wrong.
struct Witness<'a> {
    root: Root,
    path: &'a [(Way, Model)],
    step: Move,
    world: &'a Shared,
    model: &'a Model,
}

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("it began as {:?}", self.root);
            for (way, _) in self.path {
                eprintln!("  {:?}, choices {:?}", way.step, way.choices);
            }
            eprintln!("  which made {:?}", self.model);
            eprintln!("  {:?}, and then:", self.step);
            if let Ok(notes) = self.world.notes.try_borrow() {
                notes.iter().for_each(|note| eprintln!("    {note:?}"));
            }
        }
    }
}
