//! The machine that one channel is, explored to the fixpoint, and [scenes](scene) of several channels, to a depth.
//!
//! # One channel
//!
//! Nothing of core is copied: the real loop is driven, over a net and a backend that end every operation in each way that
//! the contracts leave open, and with a dispatcher that does each thing that a handler may do. A [`tape`] holds what was
//! chosen; all tapes are played. What the loop did is judged twice: by a [`judge`] who says of every call whether it is
//! the one that has to come, and by [`rules`] that foretell nothing.
//!
//! From every state come all 64 sets of readiness, whether or not a backend would report them there, everything that the
//! program can do between turns, and the passing of time. Each move may leave its plain course (data to receive, room to
//! send, no error, handlers that only do their I/O) a few times: once in `cargo test`, twice in `make explore`.
//! Whatever needs more than that within one move is not explored; what needs more over several moves is.
//!
//! A state is what a [`model`] holds between two turns. For every move it is reached anew from the beginning, on a shortest
//! way. That two histories with equal models go on alike is not taken for granted: `make explore`, with one departure a
//! move, explores every state from the end of a way over each state that leads to it.

mod judge;
mod member;
#[path = "../memory/mod.rs"]
mod memory;
mod model;
mod notes;
mod one;
mod reading;
mod rules;
mod scene;
mod settling;
mod stage;
mod subject;
mod tape;
mod world;

use one::{Exploration, Found};
use scene::{Span, every_history};

/// What there is to find with one departure a move, and with two. The documentation of `imply` says the same.
const KNOWN: [Found; 2] = [
    Found { states: 1_538, steps: 2_208_156, depth: 11, others: 17_693, again: 24_149_127 },
    Found { states: 1_550, steps: 22_009_115, depth: 8, others: 0, again: 0 },
];

/// Explores, and finds what is known.
fn explore(daring: u32, thorough: bool) {
    let found = Exploration::of_one_channel(daring, u32::MAX, thorough);
    let Found { states, steps, depth, others, again } = found;
    println!("one channel, {daring} departures a move: {states} states, {steps} steps;");
    println!("no new state appears {depth} moves away from the beginning; {again} more steps on {others} other ways");
    if let Some(known) = (daring as usize).checked_sub(1).and_then(|number| KNOWN.get(number)) {
        let known = if thorough { *known } else { Found { others: 0, again: 0, ..*known } };
        assert_eq!(found, known, "another machine than the one that was known");
    }
}

#[test]
fn one_channel_to_the_fixpoint() {
    if cfg!(miri) {
        let found = Exploration::of_one_channel(0, 1, false);
        assert!(found.steps > 400, "{found:?}");
        return;
    }
    match std::env::var("DARING") {
        Ok(daring) => {
            explore(1, true);
            explore(daring.parse().expect("DARING is a number"), false);
        }
        Err(_) => explore(1, false),
    }
}

/// As deep as `DEPTH` says.
#[test]
fn every_history_of_few_events() {
    let depth = std::env::var("DEPTH").map_or(3, |depth| depth.parse().expect("DEPTH is a number"));
    // An interpreter takes a second for each: the plain courses of the scenes are enough for it.
    let depth = if cfg!(miri) { 0 } else { depth };
    let told = every_history(Span { depth, daring: depth });
    // A history may come to its end before its script does.
    assert!(told.histories > 14 * 17_u64.pow(depth));
}

/// Further, with few departures from the plain course; `DARING` says how many.
#[test]
fn every_history_with_few_surprises() {
    let daring = std::env::var("DARING").map_or(1, |daring| daring.parse().expect("DARING is a number"));
    let spans = [Span { depth: 12, daring }, Span { depth: 8, daring: daring + 1 }];
    let spans = if cfg!(miri) { &[] } else { &spans[..] };
    for span in spans {
        let told = every_history(*span);
        assert!(told.histories > 16 * 16 * u64::from(span.depth / 2));
    }
}
