//! The machine that one channel is, explored to the fixpoint.
//!
//! Nothing of core is copied: the real loop is driven, over a net and a backend that end every operation in each way that
//! the contracts leave open, and with a dispatcher that does each thing that a handler may do. A [`tape`] holds what was
//! chosen; all tapes are played. What the loop did is judged twice: by a [`model`] that says of every call whether it is
//! the one that has to come, and by [`rules`] that foretell nothing.
//!
//! From every state come all 64 sets of readiness, whether or not a backend would report them there, everything that the
//! program can do between turns, and the passing of time. Each move may leave its plain course (nothing to receive, room
//! to send, no error, handlers that only do their I/O) a few times: once in `cargo test`, twice in `make explore`.
//! Whatever needs more than that within one move is not explored; what needs more over several moves is.
//!
//! A state is what the model holds between two turns. For every move it is reached anew from the beginning, on a shortest
//! way. That two histories with equal models go on alike is not taken for granted: `make explore` explores every state
//! that was reached in two ways from the end of both.

mod model;
mod notes;
mod one;
mod rules;
mod stage;
mod subject;
mod tape;

use one::{Exploration, Found};

/// What there is to find, for each daring.
const KNOWN: [Found; 3] = [
    Found { states: 170, steps: 13_612, depth: 8, again: 12_151 },
    Found { states: 284, steps: 278_498, depth: 8, again: 269_995 },
    Found { states: 318, steps: 2_894_563, depth: 7, again: 2_797_941 },
];

#[test]
fn one_channel_to_the_fixpoint() {
    let daring = std::env::var("DARING").map_or(1, |daring| daring.parse().expect("DARING is a number"));
    if cfg!(miri) {
        let found = Exploration::of_one_channel(0, 1, false);
        assert!(found.steps > 400, "{found:?}");
        return;
    }
    let thorough = daring > 1;
    let found = Exploration::of_one_channel(daring, u32::MAX, thorough);
    let Found { states, steps, depth, again } = found;
    println!("one channel, {daring} departures a move: {states} states, {steps} steps, {again} more on second ways;");
    println!("no new state appears {depth} moves away from the beginning");
    if let Some(known) = KNOWN.get(daring as usize) {
        let again = if thorough { known.again } else { 0 };
        assert_eq!(found, Found { again, ..*known }, "another machine than the one that was known");
    }
}
