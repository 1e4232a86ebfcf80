//! What the end of a turn has to be.

use stheno_core::{ErrorKind, Interest, Shut, State};

use crate::judge::Judge;
use crate::notes::{Note, Why};

impl Judge<'_> {
    /// The end of a turn: what was found out, the interest, and the close.
    pub fn settle(&mut self) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        if self.model.is_live() {
            self.conclude();
        }
        if self.model.state == State::Draining {
            self.drain();
        }
        if self.model.is_live() {
            self.settle_interest();
        }
        self.dirty = self.model.state == State::Draining && !self.model.paused || self.model.serves();
        if self.model.state == State::Closing {
            if !self.model.watched.is_empty() {
                let Note::Deregistered(_) = self.next() else { panic!("B1: deregistered before it is closed") };
                self.model.watched = Interest::NONE;
            }
            self.expect(Note::Closed);
            self.model.state = State::Closed;
            (self.model.deadline, self.model.resting) = (false, false);
        }
        // Then time must pass.
        self.model.resumes |= std::mem::take(&mut self.starved) && self.model.resting;
        self.model.filed = self.model.deadline || self.model.filed && self.model.is_live();
        self.peek();
        self.asked.clear();
    }

    fn settle_interest(&mut self) {
        let model = &mut self.model;
        let wish = model.wish();
        // Rule 6: until the predicate has said no in between. The end of whom nobody can read is not an event that anyone
        // failed to handle.
        model.unhandled = if model.state == State::Open(Shut::Both) { Interest::NONE } else { model.unhandled & wish };
        let wanted = if model.resting { Interest::NONE } else { wish - model.unhandled };
        model.parked = model.parked.filter(|parked| *parked == wanted && !wanted.is_empty());
        let target = if model.parked.is_some() { Interest::NONE } else { wanted };
        let before = model.watched;
        if target == before {
            return;
        }
        let taken = match (before.is_empty(), target.is_empty()) {
            (true, _) => [Note::Registered(target, true), Note::Registered(target, false)],
            (false, false) => [Note::Reregistered(target, true), Note::Reregistered(target, false)],
            (false, true) => [Note::Deregistered(true), Note::Deregistered(false)],
        };
        let note = self.next();
        assert!(taken.contains(&note), "{note:?} instead of {:?}", taken[0]);
        if note == taken[0] {
            self.model.watched = target;
        } else if self.model.state == State::Listening && self.model.told && !target.is_empty() {
            // Rule 6: a listener that has rested for want of room is not closed because there is still none.
            self.model.resting = true;
            self.starved = true;
        } else {
            self.error(Why { kind: ErrorKind::Full, code: 28 }, true);
        }
    }
}
