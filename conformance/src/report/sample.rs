//! A report in which everything comes, for the tests of its forms.

use std::num::NonZeroUsize;
use std::time::Duration;

use stheno::Readiness;

use crate::matrix::{Cell, Evidence, Outcome, Report, Row};
use crate::run::Settings;

pub(super) fn report() -> Report {
    let lines = |text: &str| text.lines().map(Into::into).collect::<Vec<_>>();
    let evidence = Evidence {
        steps: lines("  2  listen S\n  3  send P 'a b'"),
        expected: lines("A: connect\nA: read a\nA: close"),
        told: lines("A: connect\nA: read b"),
        waits: vec![
            vec![("A".into(), Readiness::READABLE | Readiness::HANGUP), ("B".into(), Readiness::WRITABLE)],
            vec![],
            vec![],
        ],
    };
    let took = Duration::from_millis(250);
    let outcome = |cell, runs, failures, evidence| Outcome { cell, runs, failures, took, evidence, instead: None };
    let differs = Cell::Failed("the transcript differs".into());
    Report {
        backends: vec!["poll".into(), "epoll".into()],
        rows: vec![
            Row {
                name: "scenario/one".into(),
                about: "About <one> & \"all\".".into(),
                outcomes: vec![outcome(Cell::Passed, 3, 0, None), outcome(differs, 3, 2, Some(evidence))],
            },
            Row {
                name: "scenario/other".into(),
                about: "B1".into(),
                outcomes: vec![
                    outcome(Cell::Failed("a ]]> b\u{1b}[0m".into()), 3, 3, None),
                    Outcome::skipped("cannot"),
                ],
            },
        ],
        settings: Settings {
            seed: 255,
            repeat: NonZeroUsize::new(3).unwrap(),
            jobs: NonZeroUsize::new(4).unwrap(),
            fail_fast: false,
        },
        folder: None,
        took: Duration::from_millis(1_500),
        stopped: None,
    }
}
