//! What a message costs beside connections that say nothing.

use std::collections::HashMap;

use crate::figures::{Spread, each};
use crate::kinds::{floor_of, looks_at_all};
use crate::table::{Table, beside};
use crate::{Failure, Plan, draw};

/// So many say nothing.
const IDLE: [usize; 4] = [0, 1_000, 5_000, 18_000];

/// What a process has open beside idle connections.
const OTHERS: u64 = 64;

pub fn cost(plan: &Plan<'_>) -> Result<(), Failure> {
    let limit = stheno::raise_descriptor_limit()?;
    let (counts, too_many): (Vec<_>, Vec<_>) = IDLE.iter().partition(|count| **count as u64 + OTHERS <= limit);
    for count in too_many {
        println!("\nleft out: {count} idle connections, as a process may open {limit} descriptors");
    }
    let mut costs: HashMap<(&str, usize), Vec<f64>> = HashMap::new();
    for round in 0..plan.rounds {
        for kind in plan.in_turn(round) {
            let server = plan.programs.server(&[], kind)?;
            let mut load = plan.programs.load(&server, 1)?;
            for count in &counts {
                load.idle(*count)?;
                // Where a wait looks at all, a message beside many takes long, and fewer tell as much.
                let requests = match count {
                    ..=1_000 => 4_000,
                    _ if !looks_at_all(kind) => 4_000,
                    ..=5_000 => 400,
                    _ => 100,
                };
                load.requests(requests / 4)?;
                let before = server.busy()?;
                let sent = load.requests(requests)?;
                let cost = each((0, before), (sent, server.busy()?)).ok_or("nothing was sent")? / 1_000.0;
                costs.entry((kind, *count)).or_default().push(cost);
            }
            load.end()?;
            server.end()?;
        }
    }
    let cost_of = |kind: &str, count| costs.get(&(kind, count)).and_then(|costs| Spread::of(costs));

    println!(
        "\nAn echo of 64 bytes beside idle connections, in microseconds of a processor; in brackets, how often the bare"
    );
    println!("loop's cost; then the least and the most\n");
    let name = |count: &usize| if *count == 0 { "none idle".into() } else { format!("{count} idle") };
    let mut table = Table::new(std::iter::once(String::new()).chain(counts.iter().map(name)));
    for kind in &plan.kinds {
        let cell = |count: &usize| {
            let Some(cost) = cost_of(kind, *count) else { return String::new() };
            let floor = cost_of(floor_of(kind), *count).map(|floor| floor.median);
            format!("{} {:.1}–{:.1}", beside(cost.median, floor, 1), cost.least, cost.most)
        };
        table.row(std::iter::once((*kind).to_string()).chain(counts.iter().map(cell)));
    }
    print!("{table}");

    let Some(folder) = &plan.draw else { return Ok(()) };
    for (file, title, is_in) in [
        ("idle-epoll.svg", "on epoll", (|kind| !looks_at_all(kind)) as fn(&str) -> bool),
        ("idle-poll-select.svg", "on poll and select", looks_at_all),
    ] {
        let curve = |kind: &&str| {
            let points = counts.iter().filter_map(|count| Some((*count as f64, cost_of(kind, *count)?.median)));
            draw::Curve { name: (*kind).to_string(), points: points.collect() }
        };
        let curves: Vec<_> = plan.kinds.iter().filter(|kind| is_in(kind)).map(curve).collect();
        if !curves.is_empty() {
            let title = format!("An echo of 64 bytes {title}: processor time, in µs");
            draw::curves(&folder.join(file), &title, "connections that say nothing", &curves)?;
        }
    }
    Ok(())
}
