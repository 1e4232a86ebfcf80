//! Whole sessions of an echo server, a chat room, a conversation in lines and a proxy on the simulated network, in which
//! every call fails in turn.
//!
//! Each session is played once without a fault, which says what calls it makes; then once for every call and every outcome
//! that there is for it ([`Call::outcomes`]); and then with pairs of faults at random, for `FAULT_SECONDS` (half a second
//! without it), from `STHENO_SEED`. What must hold whatever fails is said in [`session`], and whom a fault may hurt in
//! [`verdict`].

mod chat;
mod echo;
mod life;
mod line;
mod proxy;
mod session;
mod verdict;

use std::time::{Duration, Instant};

use echo::Mischief;
use fastrand::Rng;
use session::{Played, Session};
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
fn every_call_of_a_conversation_fails() {
    every_call_fails("line", line::session);
}

#[test]
fn every_call_of_a_proxy_fails() {
    every_call_fails("proxy", proxy::session);
}

fn every_call_fails(name: &str, session: Session) {
    let whole = whole(name, session);
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

/// The session in which nothing fails.
fn whole(name: &str, session: Session) -> Played {
    let whole = session(&[]).unwrap_or_else(|wrong| panic!("{name} without a fault: {wrong}"));
    assert!(whole.struck.is_empty(), "{name} without a fault: {whole:?}");
    whole
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

/// Plays a plan, and says how many of its faults happened.
fn play(name: &str, session: Session, whole: &Played, plan: &[Fault]) -> usize {
    let said = |what: String| panic!("{name} with {plan:?}: {what}");
    let played = session(plan).unwrap_or_else(said);
    if played.turns > 3 * whole.turns + 100 {
        said(format!("{} turns instead of {}: it spins", played.turns, whole.turns));
    }
    // A wait that is interrupted goes on, and nobody can tell (B9).
    let story = |played: &Played| (played.calls.clone(), played.fates.clone(), played.turns, played.time);
    if played.struck.iter().all(|struck| struck.call == Call::Wait) && story(&played) != story(whole) {
        said(format!("an interrupted wait has changed the story: {played:?}"));
    }
    played.struck.len()
}

/// What a program does wrong when something fails is found, and said of the client whom it hurts.
#[test]
fn mischief_is_found() {
    let found = |session: Session, expected: &str| {
        let plans = plans(&whole("mischief", session).calls);
        let wrongs: Vec<_> = plans.iter().filter_map(|fault| session(&[*fault]).err()).collect();
        let named = wrongs.iter().filter(|wrong| wrong.contains(expected)).count();
        assert!(named > 0 && named < plans.len(), "{expected:?} was said {named} times among {wrongs:?}");
    };
    found(|plan| echo::with(Mischief::ClosesAnother, plan), "client 0 was cut off");
    found(|plan| echo::with(Mischief::ClosesAnother, plan), "client 1 was cut off");
    found(|plan| echo::with(Mischief::PassesOver, plan), "client 2 goes on as if nothing had happened");
    found(|plan| echo::with(Mischief::LosesShort, plan), "heard");
    found(|plan| echo::with(Mischief::AddsToShort, plan), "heard");
}
