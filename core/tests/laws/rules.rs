//! The rules of the design, as laws over every state, readiness and outcome.

use proptest::prelude::*;
use proptest::sample::select;
use stheno_core::backend::told;
use stheno_core::imply::{Outcome, Step, Steps, Verdict, conclude, steps};
use stheno_core::{Half, Interest, Readiness, Shut, State};

use crate::cases;

const OVER: Readiness = Readiness::ERROR.union(Readiness::HANGUP);

fn states() -> impl Strategy<Value = State> {
    select(vec![
        State::Idle,
        State::Connecting,
        State::OPEN,
        State::Open(Shut::Read),
        State::Open(Shut::Write),
        State::Open(Shut::Both),
        State::Draining,
        State::Datagram,
        State::Listening,
        State::Timer,
        State::Closing,
        State::Closed,
    ])
}

fn readinesses() -> impl Strategy<Value = Readiness> {
    any::<u8>().prop_map(Readiness::from_bits_truncate)
}

fn any_step() -> impl Strategy<Value = Step> {
    select(vec![Step::Invalid, Step::Connect, Step::Accept, Step::Read, Step::Write, Step::Expt, Step::Otherwise])
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    select(vec![
        Outcome::Done,
        Outcome::End,
        Outcome::Disconnected,
        Outcome::SendBroken,
        Outcome::Refused,
        Outcome::Failed,
        Outcome::Exhausted,
    ])
}

fn all(state: State, readiness: Readiness) -> Vec<Step> {
    steps(state, readiness).collect()
}

proptest! {
    #![proptest_config(cases(2048))]

    /// Rule 1.
    #[test]
    fn steps_come_in_order_and_once(state in states(), readiness in readinesses()) {
        let all = all(state, readiness);
        prop_assert!(all.is_sorted_by(|a, b| (*a as u8) < *b as u8), "{:?}", all);
        prop_assert_eq!(steps(state, readiness).is_empty(), all.is_empty());
    }

    #[test]
    fn what_comes_after_a_step_stands_behind_it(state in states(), readiness in readinesses(), done in any_step()) {
        let after: Vec<Step> = steps(state, readiness).after(done).collect();
        let behind: Vec<Step> = all(state, readiness).into_iter().filter(|step| *step as u8 > done as u8).collect();
        prop_assert_eq!(after, behind);
    }

    #[test]
    fn a_step_is_one_that_the_state_has(state in states(), readiness in readinesses()) {
        for step in all(state, readiness) {
            prop_assert!(state.is_live() && state != State::Idle);
            match step {
                Step::Invalid => prop_assert!(readiness.contains(Readiness::INVALID)),
                Step::Connect => prop_assert_eq!(state, State::Connecting),
                Step::Accept => prop_assert_eq!(state, State::Listening),
                Step::Read => prop_assert!(state.can_read() && state != State::Listening),
                Step::Write => prop_assert!(state.can_write()),
                Step::Expt => prop_assert!(state.can_read() && readiness.contains(Readiness::PRIORITY)),
                Step::Otherwise => prop_assert!(readiness.intersects(OVER | Readiness::READABLE)),
            }
        }
    }

    #[test]
    fn no_readiness_implies_nothing(state in states()) {
        prop_assert_eq!(steps(state, Readiness::NONE), Steps::NONE);
    }

    /// More readiness implies no less; but a hang-up that is heard is no writer's business, an invalid descriptor has
    /// nothing else to say.
    #[test]
    fn more_readiness_implies_no_less(state in states(), a in readinesses(), b in readinesses()) {
        let (some, more) = (all(state, a), all(state, a | b));
        let write_unheard = a.intersects(OVER) && !a.contains(Readiness::READABLE | Readiness::WRITABLE);
        if !(a | b).contains(Readiness::INVALID) || a.contains(Readiness::INVALID) {
            for step in some {
                prop_assert!(more.contains(&step) || step == Step::Write && write_unheard, "{step:?} of {more:?}");
            }
        }
    }

    /// Rule 3: whatever else is said, who can read is asked to before the end is concluded.
    #[test]
    fn a_hang_up_is_read_first(state in states(), readiness in readinesses()) {
        if state.can_read() && readiness.intersects(OVER) && !readiness.contains(Readiness::INVALID) {
            let first = all(state, readiness)[0];
            prop_assert_eq!(first, if state == State::Listening { Step::Accept } else { Step::Read });
        }
    }

    /// Rule 6: readiness that lasts finds a step that somebody wants, or one that ends it. Who has no descriptor (an
    /// idle channel, a timer) is told of none.
    #[test]
    fn a_hang_up_finds_a_step(state in states(), readiness in readinesses(), interest: u8) {
        let interest = Interest::from_bits_truncate(interest);
        let watched = state.is_live() && !matches!(state, State::Idle | State::Timer | State::Draining);
        if watched && readiness.intersects(OVER) {
            let mut taken = all(state, readiness).into_iter().filter(|step| interest.contains(step.needs()));
            prop_assert!(taken.next().is_some());
        }
    }

    /// Rule 10: a backend that cannot tell a hang-up or an error by itself leads a reader to the same steps.
    #[test]
    fn a_backend_that_tells_less_leads_to_the_same_steps(
        state in select(vec![State::OPEN, State::Datagram, State::Listening]), system in readinesses(), write: bool
    ) {
        let write = write && state.can_write();
        let interest = Interest::READ | Interest::WRITE.when(write);
        let said = told(system, interest);
        let wanted = |readiness| {
            let wanted = |step: &Step| *step != Step::Otherwise && interest.contains(step.needs());
            all(state, readiness).into_iter().filter(wanted).collect::<Vec<_>>()
        };
        prop_assert_eq!(wanted(said), wanted(said - OVER));
    }

    /// Rules 2, 3, 5, 6 and 7, of what follows.
    #[test]
    fn verdicts_keep_the_rules(state in states(), step in any_step(), outcome in outcomes()) {
        let verdict = conclude(state, step, outcome);
        let closes = matches!(verdict, Verdict::Close | Verdict::ErrorAndClose);
        let stream_to_read = state.can_read() && matches!(state, State::Open(_) | State::Draining);
        if !state.is_live() {
            prop_assert_eq!(verdict, Verdict::Stop);
        }
        if step != Step::Invalid && matches!(state, State::Datagram | State::Listening) {
            prop_assert!(!closes);
        }
        if stream_to_read && closes && step != Step::Invalid {
            prop_assert!(matches!(outcome, Outcome::End | Outcome::Disconnected | Outcome::Refused));
        }
        if verdict == Verdict::Connected {
            prop_assert_eq!((state, outcome), (State::Connecting, Outcome::Done));
        }
        if verdict == Verdict::Rest {
            prop_assert_eq!((state, outcome), (State::Listening, Outcome::Exhausted));
        }
        if verdict == Verdict::Drain {
            prop_assert!(stream_to_read && outcome == Outcome::SendBroken);
        }
    }

    #[test]
    fn a_half_that_is_shut_stays_shut(state in states(), write: bool) {
        let half = if write { Half::Write } else { Half::Read };
        let shut = state.shut(half);
        prop_assert_eq!(shut.shut(half), shut);
        prop_assert_eq!(shut.is_live(), state.is_live());
        prop_assert!(shut.can_read() <= state.can_read() && shut.can_write() <= state.can_write());
        if let State::Open(_) = state {
            let works = if write { shut.can_write() } else { shut.can_read() };
            prop_assert!(!works);
        } else {
            prop_assert_eq!(shut, state);
        }
    }
}
