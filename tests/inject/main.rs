//! Whole sessions of the example programs in which one system call after the other fails, as the system itself would
//! have it fail: every call that a program makes, with every error that it can return, at every place of the session.
//!
//! A plan is a system call, an error, and the first and last call that meet it; strace makes it come true. So that there
//! is something to wait for room with, there are plans of two faults too: a send finds no room, and then another call
//! fails. Whatever the plan, the program must go on serving, lose and leak nothing, and not spin; a connection that met a
//! fatal error is closed, and no other. A plan that hits the program's start may end it, with a clear message, and so may
//! one that leaves it without the memory to wait.
//!
//! A call whose error is injected is not made. So there are no plans of short sends and receives, which would lie about
//! what was transferred, nor of `EINPROGRESS`, which no end would follow; and while a `close` that fails does close on
//! Linux, one that is skipped does not: a plan for `close` leaves its descriptor open, which is allowed for. The
//! allocator's calls and the other thread's are left alone.
//!
//! Needs strace. Not part of `cargo test`: `make inject` runs it. `PLANS=200` takes so many at random, and those that
//! failed once; `SEED=7` takes others; `PLAN=echo/epoll/sendto:EPIPE:3..3` is that one alone.

#[path = "../programs/mod.rs"]
mod programs;

mod chat;
mod plan;
mod run;
mod streams;
mod traced;

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use plan::Plan;
use run::{Report, Stage};

const PROGRAMS: [&str; 3] = ["echo", "chat", "proxy"];
const BACKENDS: [&str; 3] = ["select", "poll", "epoll"];

/// Plans that failed once: every sample has them.
const FOUND: &[&str] = &[
    // A guest who was not welcomed for want of memory stayed, and was told nothing.
    "chat/epoll/sendto:ENOBUFS:1..1",
    // What a guest could not be told for want of memory was never told.
    "chat/epoll/sendto:ENOMEM:6..6",
    // The door was closed for it, and the program ended without a word.
    "echo/epoll/accept4:EPERM:1..2",
];

#[test]
fn no_system_call_that_fails_stops_the_programs_from_serving() {
    if Command::new("strace").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("skipped: strace is not installed");
        return;
    }
    let began = Instant::now();
    let stage = Stage::new(PROGRAMS);
    let mut plans = Vec::new();
    let mut usual = BTreeMap::new();
    for (program, backend) in PROGRAMS.into_iter().flat_map(|program| BACKENDS.map(|backend| (program, backend))) {
        let run = |plan: Option<&Plan>| {
            stage.run(program, backend, plan, true).unwrap_or_else(|why| panic!("{program} on {backend}: {why}"))
        };
        let report = run(None);
        let other = report.log.waits_otherwise(backend);
        assert!(other.is_none(), "{program} was told to use {backend}, and waits with {}", other.unwrap());
        plans.extend(plan::all(program, backend, &report.log));
        usual.insert((program, backend), report.waits);
        let stuck: &[_] = if text("PLAN").is_some() { &[] } else { &["EMFILE", "ENOMEM", "EPERM"] };
        for errno in stuck {
            let waits = stage.waits_with_a_stuck_door(program, backend, errno);
            assert!(waits <= 25, "{program} on {backend} waited {waits} times in half a second of {errno}: it spins");
        }
        let no_room = plan::no_room(program, backend, &report.log);
        plans.extend(plan::after(&no_room, &run(Some(&no_room)).log));
    }
    let all = plans.len();
    if let Some(text) = text("PLAN") {
        plans = vec![Plan::parse(&text).unwrap_or_else(|| panic!("{text} is no plan"))];
    } else if let Some(count) = number("PLANS") {
        plan::shuffle(&mut plans, number("SEED").unwrap_or(1));
        plans.truncate(count as usize);
        plans.extend(FOUND.iter().filter_map(|text| Plan::parse(text)));
    }
    let (most, begun) = (plan::MOST, began.elapsed());
    println!("{} plans of {all}, with {most} places of a call at the most, after {begun:.1?}", plans.len());

    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(plan) = plans.get(next.fetch_add(1, Ordering::Relaxed)) {
            let waits = usual[&(plan.program, plan.backend)];
            let outcome =
                stage.run(plan.program, plan.backend, Some(plan), false).and_then(|report| report.judge(plan, waits));
            if let Err(why) = &outcome {
                println!("{why}\n  repeat with: PLAN={plan} make inject");
            }
            done.lock().unwrap().push((plan, outcome));
        }
    };
    let workers = std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2));
    std::thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(work))));
    let done = done.into_inner().unwrap();
    summary(&done);
    println!("{} plans in {:.1?}", done.len(), began.elapsed());
    let failed = done.iter().filter(|(_, outcome)| outcome.is_err()).count();
    assert_eq!(failed, 0, "{failed} of {} plans failed", done.len());
}

fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

fn number(name: &str) -> Option<u64> {
    let text = text(name)?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// One line for each program on each backend.
fn summary(done: &[(&Plan, Result<Report, String>)]) {
    for (program, backend) in PROGRAMS.into_iter().flat_map(|program| BACKENDS.map(|backend| (program, backend))) {
        let here = || done.iter().filter(|(plan, _)| (plan.program, plan.backend) == (program, backend));
        let count =
            |what: &dyn Fn(&Report) -> bool| here().filter(|(_, outcome)| outcome.as_ref().is_ok_and(what)).count();
        println!(
            "{program} on {backend}: {} plans, {} failed; of the others {} ended the program's start, {} its waiting, \
             {} cost a connection, {} cost nothing, {} came after the session",
            here().count(),
            here().filter(|(_, outcome)| outcome.is_err()).count(),
            count(&|report| !report.started),
            count(&|report| report.started && report.ended),
            count(&|report| report.started && !report.ended && report.harmed > 0),
            count(&|report| report.started && !report.ended && report.harmed == 0 && report.faults() > 0),
            count(&|report| report.started && report.faults() == 0),
        );
    }
}
