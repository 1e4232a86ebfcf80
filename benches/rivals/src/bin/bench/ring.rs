//! The ring: rounds of bytes that go through few of many pipes.

use std::collections::HashMap;

use crate::counts::stdout_of;
use crate::figures::Spread;
use crate::kinds::floor_of;
use crate::table::{Table, beside};
use crate::{Failure, Plan};

/// So many pipes.
const PIPES: [usize; 5] = [100, 1_000, 9_000, 30_000, 100_000];
const ACTIVE: usize = 10;
const WRITES: usize = 1_000;

pub fn cost(plan: &Plan<'_>) -> Result<(), Failure> {
    let limit = stheno::raise_descriptor_limit()?;
    let (counts, too_many): (Vec<_>, Vec<_>) = PIPES.iter().partition(|n| 2 * **n as u64 + 16 <= limit);
    for n in too_many {
        println!("\nleft out: a ring of {n} pipes, as a process may open {limit} descriptors, and a pipe takes two");
    }
    // There is no ring on a runtime of tasks.
    let kinds: Vec<_> = plan.kinds.iter().copied().filter(|kind| *kind != "tokio").collect();
    for form in ["pipe", "eventfd"] {
        let mut times: HashMap<(&str, usize), Vec<f64>> = HashMap::new();
        for round in 0..plan.rounds {
            for place in 0..kinds.len() {
                let kind = kinds[(place + round) % kinds.len()];
                for n in &counts {
                    times.entry((kind, *n)).or_default().push(play(plan, kind, form, *n)?);
                }
            }
        }
        let time_of = |kind: &str, n| times.get(&(kind, n)).and_then(|times| Spread::of(times));
        println!(
            "\nA ring of {form}s, {ACTIVE} of them active, {WRITES} writes: microseconds of a round; in brackets, how often"
        );
        println!("the bare loop's; then the least and the most\n");
        let titles = std::iter::once(String::new()).chain(counts.iter().map(|n| format!("{n} {form}s")));
        let mut table = Table::new(titles);
        for kind in &kinds {
            let cell = |n: &usize| {
                let Some(time) = time_of(kind, *n) else { return String::new() };
                let floor = time_of(floor_of(kind), *n).map(|floor| floor.median);
                format!("{} {:.0}–{:.0}", beside(time.median, floor, 0), time.least, time.most)
            };
            table.row(std::iter::once((*kind).to_string()).chain(counts.iter().map(cell)));
        }
        print!("{table}");
    }
    Ok(())
}

/// The microseconds of a round.
fn play(plan: &Plan<'_>, kind: &str, form: &str, n: usize) -> Result<f64, Failure> {
    let (program, backend) = match kind.strip_prefix("stheno-") {
        Some(backend) => ("ring-stheno", backend),
        None => ("ring", kind),
    };
    let mut command = plan.programs.command(&[], &plan.programs.plain, program);
    command.args(["--n", &n.to_string(), "--active", &ACTIVE.to_string(), "--writes", &WRITES.to_string()]);
    command.args(["--rounds", "9", "--kind", form, "--backend", backend]);
    let median = stdout_of(&mut command).map_err(|why| format!("{kind}: {why}"))?;
    Ok(median.trim().parse()?)
}
