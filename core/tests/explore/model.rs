//! What the ten rules say of one channel, written down a second time and in another way: what there is to know of it
//! between two turns.
//!
//! It is all that can matter to what comes; so two histories that lead to equal models must go on alike, which the
//! exploration checks.

use stheno_core::{Interest, Shut, State};

/// A channel between two turns.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Model {
    pub state: State,
    /// What its predicates say.
    pub reads: bool,
    pub writes: bool,
    /// Wants nothing to read, whatever they say.
    pub paused: bool,
    /// Is to be told to read, as soon as it wants to.
    pub held: bool,
    /// What nobody handled (rule 6).
    pub unhandled: Interest,
    /// Hung up with nobody to tell, while it wanted this (rule 6).
    pub parked: Option<Interest>,
    pub watched: Interest,
    pub deadline: bool,
    /// The loop will look at the deadline, be it cleared since or not.
    pub filed: bool,
    /// A listener that waits for room; and whether time, too, will end that.
    pub resting: bool,
    pub resumes: bool,
    /// Its want of room has been told, and so many waits ago it last had callers.
    pub told: bool,
    pub since: u8,
    /// What broke the connection, while what is left is read.
    pub broken: i32,
    /// Whether the table has no vacant slot.
    pub full: bool,
}

impl Model {
    pub fn new(state: State, full: bool) -> Self {
        let mut model = Self {
            state,
            reads: true,
            writes: true,
            paused: false,
            held: false,
            unhandled: Interest::NONE,
            parked: None,
            watched: Interest::NONE,
            deadline: false,
            filed: false,
            resting: false,
            resumes: false,
            told: false,
            since: 0,
            broken: 0,
            full,
        };
        model.watched = model.wish();
        model
    }

    pub fn is_live(&self) -> bool {
        !matches!(self.state, State::Closing | State::Closed)
    }

    pub fn can_read(&self) -> bool {
        let open = matches!(self.state, State::Open(Shut::Neither) | State::Open(Shut::Write) | State::Draining);
        open || matches!(self.state, State::Datagram | State::Listening)
    }

    pub fn can_write(&self) -> bool {
        matches!(self.state, State::Open(Shut::Neither) | State::Open(Shut::Read) | State::Datagram)
    }

    /// What the state and the predicates ask for.
    pub fn wish(&self) -> Interest {
        let (read, write) = match self.state {
            State::Connecting => (self.reads && !self.paused, true),
            // Nobody is left to ask: the end is awaited.
            State::Open(Shut::Both) => (true, false),
            // Read at every turn, whether or not anything is reported.
            State::Draining => (false, false),
            _ => (self.can_read() && self.reads && !self.paused, self.can_write() && self.writes),
        };
        let streams = matches!(self.state, State::Connecting | State::Open(Shut::Neither | Shut::Write));
        let mut wish = Interest::NONE;
        for (interest, wanted) in
            [(Interest::READ, read), (Interest::WRITE, write), (Interest::PRIORITY, read && streams)]
        {
            if wanted {
                wish |= interest;
            }
        }
        wish
    }

    /// What does not matter any more is not what tells two states apart.
    pub fn forget_what_is_over(&mut self) {
        if !self.told || self.resting {
            self.since = 0;
        }
        if self.state != State::Draining {
            self.broken = 0;
        }
        if self.state == State::Closed {
            *self = Self { full: self.full, resumes: self.resumes, ..Self::new(State::Closed, false) };
        }
    }

    /// Whether the next turn has something for it to read, whether or not the network has.
    pub fn serves(&self) -> bool {
        let reads = matches!(self.state, State::Open(Shut::Neither | Shut::Write) | State::Datagram);
        reads && self.held && (self.wish() - self.unhandled).contains(Interest::READ)
    }

    /// Whether something comes of time alone.
    pub fn can_pass(&self) -> bool {
        self.filed || self.resumes
    }
}
