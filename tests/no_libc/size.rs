//! `make size`: what the programs for small ground take, beside what the table in the repository says.
//!
//! Fails where something has grown by more than a fiftieth. `make size-accept` writes the table anew.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(missing_docs, dead_code)] // the tests of the servers use the rest of what is shared

mod built;
mod clients;
#[path = "../common/mod.rs"]
mod common;
mod lines;
mod server;

use std::path::Path;
use std::time::Duration;

use built::{AARCH64, CORTEX_M3, Package, Parts, X86_64};
use clients::hammer;
use common::skipped;
use server::Server;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/footprint/sizes.md");

/// The rows by package: programs that are linked alike.
const ROWS: [(Package, &[&str]); 5] = [
    (Package::plain("no_libc", X86_64), &["echo_poll", "echo_select", "echo_epoll", "echo_os"]),
    (Package { name: "no_libc", target: X86_64, features: "deadlines" }, &["echo_poll", "echo_select", "echo_epoll"]),
    (Package::plain("no_libc", AARCH64), &["echo_poll", "echo_select", "echo_epoll"]),
    (
        Package::plain("footprint", CORTEX_M3),
        &["rules", "one", "echo_untimed", "echo", "echo_observed", "echo_lines", "echo_lent"],
    ),
    (Package::plain("footprint", CORTEX_M3), &["channel"]),
];

/// The columns: code, constants, variables with and without a value to begin with, and how deep the stack was.
const COLUMNS: [&str; 5] = [".text", ".rodata", ".data", ".bss", "stack"];

/// What a server on a Cortex-M3 has to do with, of which it takes what it uses: symbols that tell of it, who has them, and who
/// does not.
const DROPPED: [(&str, &str, &str); 3] = [
    ("stheno_core8deadline", "echo", "echo_untimed"),
    ("stheno_core5trace", "echo_observed", "echo"),
    ("stheno_core4chat", "echo_lines", "echo"),
];

/// The loop, the rules, deadlines and an outbox take no more of a Cortex-M3's flash.
const CORE_MOST: u64 = 8 * 1024;

/// The server without libc takes no more code on poll, without deadlines; and on the others no more than so many hundredths of
/// that.
const POLL_MOST: u64 = 12 * 1024;
const OTHERS_MOST: u64 = 115;

struct Row {
    name: String,
    numbers: [Option<u64>; 5],
}

#[test]
fn nothing_has_grown() {
    let rows: Vec<Row> = ROWS.iter().flat_map(|(package, programs)| measure(package, programs)).collect();
    let table = print(&rows);
    println!("{table}");
    if std::env::var_os("SIZE_ACCEPT").is_some() {
        let text = std::fs::read_to_string(TABLE).expect("the table is there");
        let (above, _) = text.split_once("| program").expect("the table begins with its head");
        std::fs::write(TABLE, format!("{above}{table}")).expect("the table can be written");
        return;
    }
    core_stays_small(&rows);
    servers_stay_small(&rows);
    let known = read(&std::fs::read_to_string(TABLE).expect("the table is there"));
    let grown: Vec<String> = rows.iter().flat_map(|row| compare(row, &known)).collect();
    let here = |name: &str| rows.iter().any(|row| row.name.rsplit(", ").next() == name.rsplit(", ").next());
    for gone in known.iter().filter(|known| here(&known.name) && !rows.iter().any(|row| row.name == known.name)) {
        panic!("{} is in the table, and was not measured", gone.name);
    }
    assert!(
        grown.is_empty(),
        "{}\n`make size-accept` takes the new sizes over, where they are meant",
        grown.join("\n")
    );
}

/// The table's programs are linked with names and lines, which take no memory there.
#[test]
fn what_a_program_does_not_use_is_not_in_it() {
    let package = Package::plain("footprint", CORTEX_M3);
    let Some(folder) = package.build() else {
        return skipped(package.name, format!("the toolchain has nothing for {}", package.target));
    };
    for (symbol, user, other) in DROPPED {
        let has = |program| Parts::of(&folder.join(program)).symbols.iter().any(|(name, _)| name.contains(symbol));
        assert!(has(user), "{user} has no {symbol}, by which it could be told");
        assert!(!has(other), "{other} does not use {symbol}, and has it");
    }
}

fn core_stays_small(rows: &[Row]) {
    for row in rows.iter().filter(|row| row.name.starts_with(CORES_PART)) {
        let flash: u64 = row.numbers.iter().take(2).flatten().sum();
        assert!(flash <= CORE_MOST, "{}: {flash} bytes of flash, of which {CORE_MOST} are the most", row.name);
    }
}

fn servers_stay_small(rows: &[Row]) {
    for (features, on) in [("", "x86_64"), (" with deadlines", "x86_64"), ("", "aarch64")] {
        let text = |program: &str| {
            let name = format!("{program}{features}, {on}");
            rows.iter().find(|row| row.name == name).and_then(|row| row.numbers[0])
        };
        let Some(poll) = text("echo_poll") else { continue };
        assert!(
            poll <= POLL_MOST || !features.is_empty(),
            "echo_poll on {on}: {poll} bytes of code, {POLL_MOST} are the most"
        );
        for other in ["echo_select", "echo_epoll"] {
            let code = text(other).expect("it was built with the others");
            assert!(
                code * 100 <= poll * OTHERS_MOST,
                "{other}{features} on {on}: {code} bytes of code, {poll} on poll"
            );
        }
    }
}

const CORES_PART: &str = "core's part of echo";

fn measure(package: &Package, programs: &[&str]) -> Vec<Row> {
    let features = if package.features.is_empty() { String::new() } else { format!(" with {}", package.features) };
    let on = package.target.split('-').next().unwrap_or_default();
    let Some(folder) = package.build() else {
        skipped(package.name, format!("the toolchain has nothing for {}", package.target));
        return Vec::new();
    };
    let row = |program: &&str| {
        let parts = Parts::of(&folder.join(program));
        if *program == "channel" {
            let numbers = |name| [None, None, None, Some(parts.length_of(name)), None];
            return vec![
                Row { name: format!("a channel's own state, {on}"), numbers: numbers("CHANNEL_STATE") },
                Row { name: format!("a channel with an outbox of 256 bytes, {on}"), numbers: numbers("CHANNEL_WHOLE") },
            ];
        }
        let runs_here = package.target == X86_64;
        let stack = if runs_here { stack(&folder.join(program)) } else { None };
        let numbers = [Some(parts.text), Some(parts.rodata), Some(parts.data), Some(parts.bss), stack];
        let mut rows = vec![Row { name: format!("{program}{features}, {on}"), numbers }];
        if *program == "echo" {
            let core = lines::bytes_of(&folder.join(program), &Path::new(env!("CARGO_MANIFEST_DIR")).join("core/src"));
            // Who put the constants there is not told: all of them are counted.
            rows.push(Row {
                name: format!("{CORES_PART}, {on}"),
                numbers: [Some(core), Some(parts.rodata), None, None, None],
            });
        }
        rows
    };
    programs.iter().flat_map(row).collect()
}

/// How deep the stack is after sixteen clients have come and gone in every way for a second.
fn stack(program: &Path) -> Option<u64> {
    let server = Server::start(program, None);
    hammer(server.at, 16, Duration::from_secs(1));
    server.stack()
}

fn print(rows: &[Row]) -> String {
    let mut table = format!("| program | {} |\n|---|{}\n", COLUMNS.join(" | "), "--:|".repeat(COLUMNS.len()));
    for row in rows {
        let cell = |number: &Option<u64>| number.map_or_else(|| "–".to_owned(), |number| number.to_string());
        table.push_str(&format!("| {} | {} |\n", row.name, row.numbers.each_ref().map(cell).join(" | ")));
    }
    table
}

fn read(text: &str) -> Vec<Row> {
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| program"));
    let row = |line: &str| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let name = cells.next()?.to_owned();
        let mut numbers = [None; 5];
        for (number, cell) in numbers.iter_mut().zip(cells) {
            *number = cell.parse().ok();
        }
        Some(Row { name, numbers })
    };
    rows.filter_map(row).collect()
}

fn compare(row: &Row, known: &[Row]) -> Vec<String> {
    let Some(before) = known.iter().find(|known| known.name == row.name) else {
        return vec![format!("{}: not in the table", row.name)];
    };
    let pairs = COLUMNS.iter().zip(before.numbers.iter().zip(row.numbers));
    let grown = |(column, (before, now)): (&&str, (&Option<u64>, Option<u64>))| match (before, now) {
        (Some(before), Some(now)) if now * 50 > before * 51 => {
            Some(format!("{}: {column} has grown from {before} to {now}", row.name))
        }
        (None, Some(now)) => Some(format!("{}: {column} is {now}, and not in the table", row.name)),
        _ => None,
    };
    pairs.filter_map(grown).collect()
}
