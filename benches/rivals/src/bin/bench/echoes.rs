//! What an echo costs, and what a connection does that says nothing.

use std::collections::HashMap;

use crate::figures::{Spread, each};
use crate::kinds::floor_of;
use crate::programs::Programs;
use crate::table::{Table, beside};
use crate::{Failure, Plan, counts};

/// How many connections have a message in flight.
pub const ACTIVE: [usize; 2] = [1, 64];

/// Messages before the clock is looked at, and while it is.
const WARM_UP: u64 = 2_048;
const MEASURED: u64 = 20_480;

/// Idle connections whose memory is compared.
const FEW: usize = 1_000;
const MANY: usize = 10_000;

/// The table of what a message costs.
pub fn cost(plan: &Plan<'_>) -> Result<(), Failure> {
    for active in ACTIVE {
        let mut times = HashMap::new();
        for round in 0..plan.rounds {
            for kind in plan.in_turn(round) {
                let time = processor_time(&plan.programs, kind, active)?;
                times.entry(kind).or_insert_with(Vec::new).push(time);
            }
        }
        let times: HashMap<_, _> = times.iter().filter_map(|(kind, times)| Some((*kind, Spread::of(times)?))).collect();
        let mut calls = HashMap::new();
        let mut instructions = HashMap::new();
        for kind in &plan.kinds {
            if plan.strace {
                calls.insert(*kind, counts::calls(&plan.programs, kind, active)?);
            }
            if plan.valgrind {
                instructions.insert(*kind, counts::instructions(&plan.programs, kind, active)?);
            }
        }
        println!("\nAn echo of 64 bytes, {active} at a time; in brackets, how often the bare loop's cost\n");
        let mut table = Table::new(["", "system calls", "instructions", "processor, µs", "least", "most"]);
        for kind in &plan.kinds {
            let floor = floor_of(kind);
            let counted = |counts: &HashMap<&str, f64>, digits| {
                let cost = counts.get(kind).copied();
                cost.map_or_else(|| "not counted".into(), |cost| beside(cost, counts.get(floor).copied(), digits))
            };
            let Some(time) = times.get(kind) else { continue };
            table.row([
                (*kind).into(),
                counted(&calls, 2),
                counted(&instructions, 0),
                beside(time.median, times.get(floor).map(|floor| floor.median), 2),
                format!("{:.2}", time.least),
                format!("{:.2}", time.most),
            ]);
        }
        print!("{table}");
    }
    Ok(())
}

/// The microseconds of a processor's time that a message takes of the server.
fn processor_time(programs: &Programs, kind: &str, active: usize) -> Result<f64, Failure> {
    let server = programs.server(&[], kind)?;
    let mut load = programs.load(&server, active)?;
    load.requests(WARM_UP)?;
    let before = server.busy()?;
    let sent = load.requests(MEASURED)?;
    let after = server.busy()?;
    load.end()?;
    server.end()?;
    Ok(each((0, before), (sent, after)).ok_or("nothing was sent")? / 1_000.0)
}

/// The table of what an idle connection takes of the server's memory.
pub fn memory(plan: &Plan<'_>) -> Result<(), Failure> {
    println!("\nResident bytes of the server for each idle connection, from {FEW} to {MANY}\n");
    let mut table = Table::new(["", "never spoke", "has echoed once"]);
    for kind in &plan.kinds {
        let silent = resident(&plan.programs, kind, false)?;
        let spoke = resident(&plan.programs, kind, true)?;
        table.row([(*kind).into(), format!("{silent:.0}"), format!("{spoke:.0}")]);
    }
    print!("{table}");
    Ok(())
}

fn resident(programs: &Programs, kind: &str, speaks: bool) -> Result<f64, Failure> {
    let server = programs.server(&[], kind)?;
    let mut load = programs.load(&server, 1)?;
    let mut held = [(0, 0); 2];
    for (held, count) in held.iter_mut().zip([FEW, MANY]) {
        load.idle(count)?;
        if speaks {
            load.once()?;
        }
        *held = (count as u64, server.resident()?);
    }
    load.end()?;
    server.end()?;
    let [few, many] = held;
    Ok(each(few, many).ok_or("few are as many")?)
}
