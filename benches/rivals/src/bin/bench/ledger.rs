//! The instructions that are checked in, and what has changed since.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;

use crate::counts::{instructions, instructions_in, stdout_of};
use crate::figures::each;
use crate::kinds::ALL;
use crate::programs::Programs;
use crate::table::Table;
use crate::{Failure, echoes};

/// What has grown by more than this fails.
const GROWTH: f64 = 0.03;

/// How often a part is done, in two runs of which the difference counts.
const TIMES: [u64; 2] = [100, 1_100];

fn path() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.md").into()
}

/// Counts everything, and says what has changed; an error where something has grown.
pub fn check(programs: &Programs) -> Result<(), Failure> {
    let accepted = std::fs::read_to_string(path()).map_err(|why| format!("{}: {why}", path().display()))?;
    let compiler = compiler()?;
    if !accepted.contains(&compiler) {
        println!("the table was made with another compiler than {compiler}, whose code differs");
    }
    let compared = compare(&rows_of(&accepted), &count(programs)?);
    print!("{}", compared.table);
    let how = "make bench-accept writes the table anew";
    match compared.grown {
        0 => {
            println!("\nnothing has grown by more than {:.0} % ({how})", 100.0 * GROWTH);
            Ok(())
        }
        1 => Err(format!("one has grown by more than {:.0} %, or is not in the table ({how})", 100.0 * GROWTH).into()),
        more => {
            let most = 100.0 * GROWTH;
            Err(format!("{more} have grown by more than {most:.0} %, or are not in the table ({how})").into())
        }
    }
}

/// Counts everything, and writes it down.
pub fn accept(programs: &Programs) -> Result<(), Failure> {
    let counted = count(programs)?;
    let mut table = Table::new(["", "instructions"]);
    for (name, instructions) in &counted {
        table.row([name.clone(), format!("{instructions:.1}")]);
    }
    let mut text = String::new();
    writeln!(text, "# What the parts cost, in instructions\n")?;
    writeln!(
        text,
        "Counted by callgrind, for each event, message, line or deadline, on x86_64, of code that was compiled by"
    )?;
    writeln!(text, "{}. `make bench-check` fails where one has grown by more than 3 %;", compiler()?)?;
    writeln!(text, "`make bench-accept` writes this table anew.\n")?;
    write!(text, "{table}")?;
    std::fs::write(path(), text)?;
    print!("{table}");
    Ok(())
}

/// What the compiler calls itself.
fn compiler() -> Result<String, Failure> {
    let compiler = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    Ok(stdout_of(Command::new(compiler).arg("--version"))?.trim().into())
}

/// The parts, and Stheno's echo servers.
fn count(programs: &Programs) -> Result<Vec<(String, f64)>, Failure> {
    let mut counted = Vec::new();
    let parts = stdout_of(&mut programs.command(&[], &programs.watched, "parts"))?;
    for line in parts.lines() {
        let (of, name) = line.split_once('\t').ok_or("a part has a number and a name")?;
        let of: u64 = of.parse()?;
        let mut runs = [(0, 0); 2];
        for (run, times) in runs.iter_mut().zip(TIMES) {
            let tool = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"];
            let out = programs.command(&tool, &programs.watched, "parts").args([name, &times.to_string()]).output()?;
            let said = String::from_utf8_lossy(&out.stderr);
            let count = instructions_in(&said).filter(|_| out.status.success());
            *run = (times * of, count.ok_or_else(|| format!("{name}: {said}"))?);
        }
        let [short, long] = runs;
        counted.push((name.replace('/', ": "), each(short, long).ok_or("two runs were of one length")?));
    }
    for kind in ALL.iter().filter(|kind| kind.starts_with("stheno")) {
        for active in echoes::ACTIVE {
            let name = format!("server: {kind}, {active} at a time");
            counted.push((name, instructions(programs, kind, active)?));
        }
    }
    Ok(counted)
}

/// The rows of a table in Markdown: a name and a number.
fn rows_of(text: &str) -> Vec<(String, f64)> {
    let row = |line: &str| {
        let (name, number) = line.strip_prefix('|')?.strip_suffix('|')?.split_once('|')?;
        Some((name.trim().to_string(), number.trim().parse().ok()?))
    };
    text.lines().filter_map(row).collect()
}

struct Compared {
    table: Table,
    /// How many have grown too much, or are missing on one side.
    grown: usize,
}

fn compare(accepted: &[(String, f64)], counted: &[(String, f64)]) -> Compared {
    let find = |rows: &[(String, f64)], name: &str| rows.iter().find(|row| row.0 == name).map(|row| row.1);
    let mut compared = Compared { table: Table::new(["", "accepted", "now", "", ""]), grown: 0 };
    for (name, now) in counted {
        let Some(before) = find(accepted, name) else {
            compared.grown += 1;
            compared.table.row([name.clone(), String::new(), format!("{now:.1}"), String::new(), "NEW".into()]);
            continue;
        };
        let change = (now - before) / before;
        let verdict = if change > GROWTH { "GROWN" } else { "" };
        compared.grown += usize::from(change > GROWTH);
        let change = format!("{:+.1} %", 100.0 * change);
        compared.table.row([name.clone(), format!("{before:.1}"), format!("{now:.1}"), change, verdict.into()]);
    }
    for (name, before) in accepted {
        if find(counted, name).is_none() {
            compared.grown += 1;
            compared.table.row([name.clone(), format!("{before:.1}"), String::new(), String::new(), "GONE".into()]);
        }
    }
    compared
}

#[cfg(test)]
mod tests {
    use super::{compare, rows_of};

    fn rows(rows: &[(&str, f64)]) -> Vec<(String, f64)> {
        rows.iter().map(|(name, number)| ((*name).to_string(), *number)).collect()
    }

    #[test]
    fn a_table_is_read_as_it_is_written() {
        let text = "# Title\n\nWords | with | strokes\n\n|    | instructions |\n| -- | -----------: |\n| a: b, 1 |  12.5 |\n| c |  1000.0 |\n";
        assert_eq!(rows_of(text), rows(&[("a: b, 1", 12.5), ("c", 1000.0)]));
    }

    #[test]
    fn only_growth_past_the_bound_counts_and_what_is_missing() {
        let accepted = rows(&[("same", 10.0), ("less", 10.0), ("grown a little", 100.0), ("grown", 100.0)]);
        let counted = rows(&[("same", 10.0), ("less", 5.0), ("grown a little", 102.9), ("grown", 103.1)]);
        let compared = compare(&accepted, &counted);
        assert_eq!(compared.grown, 1, "{}", compared.table);
        let marked: Vec<_> =
            compared.table.to_string().lines().filter(|line| line.contains("GROWN")).map(String::from).collect();
        assert!(marked.len() == 1 && marked[0].starts_with("| grown "), "{marked:?}");
        assert_eq!(compare(&accepted[1..], &counted).grown, 2, "one is new");
        assert_eq!(compare(&accepted, &counted[1..]).grown, 2, "one is gone");
    }
}
