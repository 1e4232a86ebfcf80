//! One channel, to the fixpoint: every state that can be reached, and from each every move.

use std::collections::HashMap;

use stheno_core::{Readiness, State};

use crate::judge::Judge;
use crate::model::Model;
use crate::rules;
use crate::stage::Shared;
use crate::tape::Tape;
use crate::world::{Move, PROGRAM, Program, ROOTS, Root, World};

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
    /// A shortest way here, but for a root; and one from each other state that leads here.
    first: Option<Way>,
    others: Vec<Way>,
}

/// What an exploration has found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Found {
    pub states: usize,
    /// Moves that were played and judged.
    pub steps: u64,
    /// So many moves away from the roots no new state appears.
    pub depth: u32,
    /// States that were reached from others than the first, each of these counted; and the moves that were played and
    /// judged from there, too.
    pub others: usize,
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
    /// With `thorough`, every state is explored from the end of every way to it whose last step is from another state.
    pub fn of_one_channel(daring: u32, depth: u32, thorough: bool) -> Found {
        let mut all = Self { daring, known: Vec::new(), numbers: HashMap::new(), found: Found::default() };
        for root in ROOTS {
            let model = root.model();
            World::new(root).look(&model);
            all.numbers.insert(model.clone(), all.known.len());
            all.known.push(Known { model, root, depth: 0, first: None, others: Vec::new() });
        }
        let mut next = 0;
        while all.known.get(next).is_some_and(|known| known.depth < depth) {
            all.found.depth = all.known[next].depth + 1;
            all.from(next, None);
            next += 1;
        }
        all.found.states = all.known.len();
        if thorough {
            let before = all.found.steps;
            for number in 0..all.known.len() {
                for way in core::mem::take(&mut all.known[number].others) {
                    all.found.others += 1;
                    all.from(number, Some(way));
                }
            }
            (all.found.again, all.found.steps) = (all.found.steps - before, before);
            assert_eq!(all.known.len(), all.found.states, "equal states went on differently");
        }
        all.found
    }

    /// Plays every move from a state that was reached on this way, or on the first one.
    fn from(&mut self, number: usize, way: Option<Way>) {
        let model = self.known[number].model.clone();
        if !model.is_live() {
            return;
        }
        let (mut path, mut at) = (Vec::new(), number);
        let mut last = way.or_else(|| self.known[at].first.clone());
        while let Some(way) = last {
            at = way.from;
            path.push((way, self.known[at].model.clone()));
            last = self.known[at].first.clone();
        }
        let root = self.known[at].root;
        path.reverse();
        let reports = (0..64).map(|bits| Move::Report(Readiness::from_bits_truncate(bits)));
        let programs =
            PROGRAM.into_iter().filter(|program| *program != Program::Other || model.state == State::Listening);
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
        if let Some(known) = self.numbers.get(&after) {
            let known = &mut self.known[*known];
            if known.first.iter().chain(&known.others).all(|way| way.from != number) {
                known.others.push(way());
            }
        } else {
            self.numbers.insert(after.clone(), self.known.len());
            let depth = self.known[number].depth + 1;
            self.known.push(Known { model: after, root, depth, first: Some(way()), others: Vec::new() });
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
