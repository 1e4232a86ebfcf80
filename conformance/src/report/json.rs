//! A report as JSON: one object, as the crate's README describes it.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::matrix::{Cell, Evidence, Outcome, Report, Row};

pub(super) fn write(report: &Report, to: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *to, &object(report))?;
    writeln!(to)
}

fn object(report: &Report) -> Value {
    let backends = report.backends.iter().enumerate().map(|(column, name)| {
        let counts = report.counts_of(column);
        json!({ "name": name, "passed": counts.passed, "failed": counts.failed, "skipped": counts.skipped })
    });
    let cases = report.rows.iter().map(|row| {
        let outcomes = report.backends.iter().zip(&row.outcomes);
        let outcomes: Vec<_> = outcomes.map(|(backend, outcome)| cell(report, row, backend, outcome)).collect();
        json!({ "name": row.name, "about": row.about, "outcomes": outcomes })
    });
    json!({
        // A number of 64 bits is more than some readers of JSON hold.
        "seed": format!("{:#x}", report.settings.seed),
        "repeat": report.settings.repeat,
        "jobs": report.settings.jobs,
        "seconds": report.took.as_secs_f64(),
        "stopped": report.stopped,
        "passed": report.passed(),
        "failed": report.failed(),
        "skipped": report.skipped(),
        "backends": backends.collect::<Vec<_>>(),
        "cases": cases.collect::<Vec<_>>(),
    })
}

fn cell(report: &Report, row: &Row, backend: &str, outcome: &Outcome) -> Value {
    let mut value = json!({
        "backend": backend,
        "status": "passed",
        "runs": outcome.runs,
        "failures": outcome.failures,
        "seconds": outcome.took.as_secs_f64(),
    });
    match &outcome.cell {
        Cell::Passed => {}
        Cell::Skipped(why) => {
            value["status"] = "skipped".into();
            value["why"] = why.as_str().into();
        }
        Cell::Failed(why) => {
            value["status"] = "failed".into();
            value["why"] = why.as_str().into();
            value["again"] = report.command(row, backend).into();
            if let Some(evidence) = &outcome.evidence {
                value["evidence"] = of(evidence);
            }
        }
    }
    value
}

fn of(evidence: &Evidence) -> Value {
    let waits = evidence.waits.iter().map(|wait| {
        let fired = wait.iter().map(|(channel, readiness)| {
            let names = readiness.to_string();
            json!({ "channel": channel, "readiness": names.split(" | ").collect::<Vec<_>>() })
        });
        fired.collect::<Vec<_>>()
    });
    json!({
        "steps": evidence.steps,
        "expected": evidence.expected,
        "told": evidence.told,
        "waits": waits.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Format, sample};
    use super::*;

    fn written(report: &Report) -> Value {
        let mut text = Vec::new();
        report.write(Format::Json, true, &mut text).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    #[test]
    fn the_whole_is_counted() {
        let value = written(&sample::report());
        assert_eq!(value["seed"], "0xff");
        assert_eq!((&value["repeat"], &value["jobs"], &value["seconds"]), (&json!(3), &json!(4), &json!(1.5)));
        assert_eq!((&value["passed"], &value["failed"], &value["skipped"]), (&json!(1), &json!(2), &json!(1)));
        assert_eq!(value["stopped"], Value::Null);
        assert_eq!(value["backends"][1], json!({ "name": "epoll", "passed": 0, "failed": 1, "skipped": 1 }));
    }

    #[test]
    fn a_failure_has_its_evidence() {
        let value = written(&sample::report());
        let expected = json!({
            "backend": "epoll",
            "status": "failed",
            "runs": 3,
            "failures": 2,
            "seconds": 0.25,
            "why": "the transcript differs",
            "again": "cargo run -p stheno-conformance -- --backend epoll --seed 0xff --repeat 3 --exact scenario/one",
            "evidence": {
                "steps": ["  2  listen S", "  3  send P 'a b'"],
                "expected": ["A: connect", "A: read a", "A: close"],
                "told": ["A: connect", "A: read b"],
                "waits": [
                    [
                        { "channel": "A", "readiness": ["READABLE", "HANGUP"] },
                        { "channel": "B", "readiness": ["WRITABLE"] },
                    ],
                    [],
                    [],
                ],
            },
        });
        assert_eq!(value["cases"][0]["outcomes"][1], expected);
        assert_eq!(value["cases"][0]["about"], "About <one> & \"all\".");
    }

    #[test]
    fn what_is_skipped_says_why() {
        let value = written(&sample::report());
        let expected = json!({ "backend": "epoll", "status": "skipped", "runs": 0, "failures": 0, "seconds": 0.0, "why": "cannot" });
        assert_eq!(value["cases"][1]["outcomes"][1], expected);
        assert_eq!(value["cases"][1]["outcomes"][0]["why"], "a ]]> b\u{1b}[0m");
    }
}
