//! Whole sessions of an echo server, a chat room and a proxy on the simulated network, in which every call fails in turn.
//!
//! Each session is played once without a fault, which says what calls it makes; then once for every call and every outcome
//! that the contract allows there; and then with pairs of faults at random, for `FAULT_SECONDS` (half a second without it),
//! from `STHENO_SEED`. What must hold whatever fails is said in [`session`].

mod chat;
mod echo;
mod proxy;
mod session;

use std::time::{Duration, Instant};

use fastrand::Rng;
use session::{Outcome, Played, Session};
use stheno_conformance::faults::{Call, Fault};
use stheno_conformance::sim;

#[test]
fn every_call_of_an_echo_server_fails() {
    every_call_fails("echo", echo::session);
}

#[test]
fn every_call_of_a_chat_room_fails() {
    every_call_fails("chat", chat::session);
}

#[test]
fn every_call_of_a_proxy_fails() {
    every_call_fails("proxy", proxy::session);
}

fn every_call_fails(name: &str, session: Session) {
    let whole = session(&[]).unwrap_or_else(|wrong| panic!("{name} without a fault: {wrong}"));
    assert!(whole.struck.is_empty() && whole.incomplete == 0, "{name} without a fault: {whole:?}");
    let singles = plans(&whole.calls);
    for fault in &singles {
        assert_eq!(play(name, session, &whole, &[*fault]), 1, "{name}: {fault:?} did not happen");
    }
    let (pairs, seed) = random_pairs(name, session, &whole, &singles);
    println!(
        "{name}: {} calls; {} plans of one fault and {pairs} of two were played, the latter from seed {seed}",
        whole.calls.len(),
        singles.len(),
    );
    assert!(singles.len() > 150, "{name} makes too few calls");
}

/// Every call, with every outcome that it may have.
fn plans(calls: &[Call]) -> Vec<Fault> {
    let of = |(at, call): (usize, &Call)| call.outcomes().iter().map(move |outcome| Fault { at, outcome: *outcome });
    calls.iter().enumerate().flat_map(of).collect()
}

fn random_pairs(name: &str, session: Session, whole: &Played, singles: &[Fault]) -> (usize, u64) {
    let seconds = std::env::var("FAULT_SECONDS").map(|text| text.parse().expect("FAULT_SECONDS is a number"));
    let until = Instant::now() + seconds.map_or(Duration::from_millis(500), Duration::from_secs_f64);
    let seed = sim::seed().expect("STHENO_SEED is a number");
    let (mut rng, mut pairs) = (Rng::with_seed(seed), 0);
    while Instant::now() < until {
        let mut fault = || singles[rng.usize(..singles.len())];
        // The first fault may lead elsewhere than to the second.
        pairs += usize::from(play(name, session, whole, &[fault(), fault()]) == 2);
    }
    (pairs, seed)
}

/// Plays a plan, and says how many of its faults happened. How many clients it may cost depends on which did.
fn play(name: &str, session: Session, whole: &Played, plan: &[Fault]) -> usize {
    let said = |what: String| panic!("{name} with {plan:?}: {what}");
    let played = session(plan).unwrap_or_else(said);
    let rested = played.struck.contains(&(Call::Accept, Outcome::Exhausted));
    let cost = |(call, outcome): &(Call, Outcome)| match (call, outcome) {
        // A door that has rested, and then cannot be watched for another reason than want of room, is shut as well.
        (Call::Register, Outcome::Other) if rested => usize::MAX,
        // The program did not start, or its door is shut: nobody is served any more.
        (Call::Bind | Call::Listen | Call::SetReuseAddress, _) | (Call::Accept, Outcome::Other) => usize::MAX,
        (_, Outcome::WouldBlock | Outcome::Short) | (Call::Accept, Outcome::Exhausted) => 0,
        _ => 1,
    };
    let start = plan.iter().any(|fault| fault.at < session::START);
    let may_cost = played.struck.iter().map(cost).fold(0, usize::saturating_add);
    if !start && played.incomplete > may_cost {
        said(format!("{} clients were cut off by {:?}", played.incomplete, played.struck));
    }
    if played.turns > 3 * whole.turns + 100 {
        said(format!("{} turns instead of {}: it spins", played.turns, whole.turns));
    }
    played.struck.len()
}
