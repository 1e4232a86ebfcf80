//! The rules, walked by a channel that is told arbitrary readiness and whose steps come to arbitrary ends.
//!
//! The oracle knows nothing of the table: it has what the channel could do (receive, send, be called) and the rules in the
//! words of the design. What each assertion is for stands at it.

use stheno_core::imply::{Outcome, Step, Verdict, conclude, steps};
use stheno_core::{Half, Interest, Readiness, Shut, State};

use crate::tape::Tape;

const BEGINNINGS: [State; 8] = [
    State::Connecting,
    State::OPEN,
    State::Open(Shut::Read),
    State::Open(Shut::Write),
    State::Open(Shut::Both),
    State::Datagram,
    State::Listening,
    State::Idle,
];

const OUTCOMES: [Outcome; 7] = [
    Outcome::Done,
    Outcome::End,
    Outcome::Disconnected,
    Outcome::SendBroken,
    Outcome::Refused,
    Outcome::Failed,
    Outcome::Exhausted,
];

const OVER: Readiness = Readiness::ERROR.union(Readiness::HANGUP);

/// A life: where it begins, and then one readiness after the other.
pub fn run(bytes: &[u8]) {
    let mut tape = Tape::new(bytes);
    let mut life = Life { state: tape.one_of(&BEGINNINGS), closes: 0, connects: 0 };
    while !tape.is_over() {
        match tape.up_to(9) {
            0 => life.shut(Half::Read),
            1 => life.shut(Half::Write),
            _ => life.fire(&mut tape),
        }
    }
}

struct Life {
    state: State,
    closes: u32,
    connects: u32,
}

impl Life {
    fn shut(&mut self, half: Half) {
        let before = self.state;
        self.state = before.shut(half);
        let (reads, writes) = (before.can_read(), before.can_write());
        if matches!(before, State::Open(_)) {
            assert_eq!(self.state.can_read(), reads && half != Half::Read);
            assert_eq!(self.state.can_write(), writes && half != Half::Write);
        } else {
            assert_eq!(self.state, before, "only an open channel has halves");
        }
    }

    fn fire(&mut self, tape: &mut Tape<'_>) {
        let readiness = Readiness::from_bits_truncate(tape.any());
        let wants = Interest::from_bits_truncate(tape.any());
        let all: Vec<Step> = steps(self.state, readiness).collect();
        assert_eq!(all, implied(self.state, readiness), "{:?}, {readiness}", self.state);
        // Rule 1: the order is that of the numbers; nothing comes twice.
        assert!(all.windows(2).all(|pair| (pair[0] as u8) < pair[1] as u8), "{all:?}");

        let (mut left, mut taken) = (steps(self.state, readiness), false);
        while let Some(step) = left.next() {
            if !wants.contains(step.needs()) || step == Step::Otherwise && taken {
                continue;
            }
            let outcome = tape.one_of(&OUTCOMES);
            let verdict = conclude(self.state, step, outcome);
            self.check(step, outcome, verdict);
            let goes_on = self.obey(verdict, tape);
            if !goes_on {
                return;
            }
            taken = true;
            left = steps(self.state, readiness).after(step);
            assert!(left.clone().all(|next| next as u8 > step as u8), "{left:?} after {step:?}");
        }
    }

    /// What no verdict may be, whatever the table says.
    fn check(&self, step: Step, outcome: Outcome, verdict: Verdict) {
        let (state, what) = (self.state, format!("{:?}, {step:?}, {outcome:?}: {verdict:?}", self.state));
        let closes = matches!(verdict, Verdict::Close | Verdict::ErrorAndClose);
        // Rule 2.
        assert!(state.is_live() || verdict == Verdict::Stop, "{what}");
        // Rule 3: a channel that can receive from its peer ends only because a receive, or its descriptor, said so.
        let stream = matches!(state, State::Open(_) | State::Draining);
        if stream && state.can_read() && closes {
            let said = matches!(outcome, Outcome::End | Outcome::Disconnected | Outcome::Refused);
            assert!(said || step == Step::Invalid, "{what}");
        }
        assert_eq!(
            verdict == Verdict::Drain,
            matches!(state, State::Open(_))
                && state.can_read()
                && outcome == Outcome::SendBroken
                && !matches!(step, Step::Invalid | Step::Otherwise),
            "{what}"
        );
        // The end of a stream leaves the other half open, where there is one to be told of it.
        assert_eq!(
            verdict == Verdict::Eof,
            matches!(state, State::Open(_))
                && outcome == Outcome::End
                && !matches!(step, Step::Invalid | Step::Otherwise),
            "{what}"
        );
        // Rule 5: connected only by a completion without an error; a refusal is an error and then close.
        assert_eq!(
            verdict == Verdict::Connected,
            (state, step, outcome) == (State::Connecting, Step::Connect, Outcome::Done),
            "{what}"
        );
        if step == Step::Connect && state == State::Connecting && outcome != Outcome::Done {
            assert_eq!(verdict, Verdict::ErrorAndClose, "{what}");
        }
        // Rule 6: a listener that lacks something rests, and nobody else does.
        assert_eq!(
            verdict == Verdict::Rest,
            state == State::Listening && outcome == Outcome::Exhausted && step != Step::Invalid,
            "{what}"
        );
        // Rule 7: what has no connection cannot lose it.
        if matches!(state, State::Datagram | State::Listening) && step != Step::Invalid {
            assert!(!closes, "{what}");
        }
        // An error is never passed over.
        if outcome == Outcome::Failed && state.is_live() && step != Step::Otherwise {
            assert!(matches!(verdict, Verdict::Error | Verdict::ErrorAndClose), "{what}");
        }
    }

    fn obey(&mut self, verdict: Verdict, tape: &mut Tape<'_>) -> bool {
        match verdict {
            Verdict::GoOn => return true,
            Verdict::Connected => {
                self.connects += 1;
                assert_eq!(self.connects, 1, "connected twice");
                self.state = State::OPEN;
                return true;
            }
            // Whether an error closes is for its handler to say; the program may close as well.
            Verdict::Error if tape.any() => return true,
            Verdict::Close | Verdict::Error | Verdict::ErrorAndClose => {
                self.closes += 1;
                assert_eq!(self.closes, 1, "rule 2: at most one close");
                self.state = State::Closing;
            }
            Verdict::Eof => {
                self.state = self.state.shut(Half::Read);
                if self.state.can_write() && tape.any() {
                    return true;
                }
                return self.obey(Verdict::Close, tape);
            }
            Verdict::Drain => self.state = State::Draining,
            Verdict::Stop | Verdict::Park | Verdict::Rest => {}
        }
        false
    }
}

/// The steps, from what a channel can do.
fn implied(state: State, readiness: Readiness) -> Vec<Step> {
    let over = readiness.intersects(OVER);
    let says = |bit: Readiness| readiness.contains(bit);
    let watched = state.is_live() && !matches!(state, State::Idle | State::Timer);
    if !watched || readiness == Readiness::NONE {
        return Vec::new();
    }
    if says(Readiness::INVALID) {
        return vec![Step::Invalid];
    }
    if state == State::Connecting {
        return vec![Step::Connect];
    }
    let mut all = Vec::new();
    let heard = says(Readiness::READABLE) || over;
    if state.can_read() && heard {
        all.push(if state == State::Listening { Step::Accept } else { Step::Read });
    }
    // A hang-up that somebody may read is not the writer's business.
    if state.can_write() && (says(Readiness::WRITABLE) || over && !says(Readiness::READABLE)) {
        all.push(Step::Write);
    }
    if says(Readiness::PRIORITY) && state.can_read() && !matches!(state, State::Listening | State::Draining) {
        all.push(Step::Expt);
    }
    let awaits_the_end = state == State::Open(Shut::Both) && heard;
    if awaits_the_end || over && state != State::Draining {
        all.push(Step::Otherwise);
    }
    all
}
