//! The whole suite in a test: every case must pass, or be declared to be out of reach.

use std::collections::BTreeMap;
use std::env;
use std::time::Duration;

use crate::matrix::{Cell, Outcome, Report, Row};
use crate::run::Settings;
use crate::suite::{Backing, Part, Suite};

/// Makes a backend run the whole suite in `cargo test`: a module of this name, with a test for each [`Part`] and one for
/// the declarations.
///
/// What cannot be asked of the backend is declared ([`Backing::without`], [`Backing::with_at_most`],
/// [`Backing::leaving_out`]) and skipped, by name and with its reason; `cargo test -- --nocapture` shows all of it. The
/// environment variable `STHENO_CASES` lets only those cases through whose names contain it.
///
/// The tests take turns, so that none uses up the descriptors of another. A test of something else belongs in another file.
///
/// ```
/// use stheno_conformance::{Backing, Need, suite};
///
/// // In tests/conformance.rs; your own type here.
/// suite!(my_backend, Backing::of::<stheno::Poll>("mine").without(Need::Inet6, "the build machine has none"));
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! suite {
    ($name:ident, $backing:expr $(,)?) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            fn backing() -> $crate::Backing {
                $backing
            }

            #[test]
            fn declarations() {
                $crate::assert_declared(&backing());
            }

            #[test]
            fn scenarios() {
                $crate::assert_conforms(&backing(), $crate::Part::Scenarios);
            }

            #[test]
            fn walks() {
                $crate::assert_conforms(&backing(), $crate::Part::Walks);
            }

            #[test]
            fn net() {
                $crate::assert_conforms(&backing(), $crate::Part::Net);
            }

            #[test]
            fn chat() {
                $crate::assert_conforms(&backing(), $crate::Part::Chat);
            }

            #[test]
            fn contract() {
                $crate::assert_conforms(&backing(), $crate::Part::Contract);
            }
        }
    };
}

/// Runs the whole suite, and judges what is declared: the report, as an error where anything failed.
pub fn conform(backing: &Backing) -> Result<Report, Box<Report>> {
    let mut report = declared(backing);
    let run = Suite::with_own_scenarios().run(std::slice::from_ref(backing));
    report.rows.extend(run.rows);
    report.took = run.took;
    if report.failed() == 0 { Ok(report) } else { Err(report.into()) }
}

/// Runs a part of the suite, as far as `STHENO_CASES` lets it through, and prints the report.
///
/// # Panics
///
/// If a case failed; it names them.
#[track_caller]
pub fn assert_conforms(backing: &Backing, part: Part) {
    let filter = env::var("STHENO_CASES").unwrap_or_default();
    judge(&Suite::with_own_scenarios().part(part).called(&filter).run(std::slice::from_ref(backing)));
}

/// Makes sure that each declaration keeps some case from being run, and that what is left out by name is a case.
///
/// # Panics
///
/// If one does not; it names them.
#[track_caller]
pub fn assert_declared(backing: &Backing) {
    judge(&declared(backing));
}

#[track_caller]
fn judge(report: &Report) {
    println!("{report}");
    let failed: Vec<_> = failures(report).into_keys().collect();
    assert!(
        failed.is_empty(),
        "{} failed on {}: {}; one alone: STHENO_CASES=NAME cargo test",
        failed.len(),
        report.backends.join(", "),
        failed.join(", ")
    );
}

/// A row for each declaration: failed where no case is kept from being run.
fn declared(backing: &Backing) -> Report {
    let row = |(text, vain): (String, bool)| Row {
        name: format!("declared/{text}"),
        about: "keeps some case from being run".into(),
        outcomes: vec![Outcome::once(if vain { Cell::Failed("there is no such case".into()) } else { Cell::Passed })],
    };
    let declarations = backing.declarations(&Suite::with_own_scenarios());
    let rows = declarations.into_iter().map(|declared| (declared.text, declared.keeps.is_empty())).map(row).collect();
    Report {
        backends: vec![backing.name().into()],
        rows,
        settings: Settings::default(),
        folder: None,
        took: Duration::ZERO,
        stopped: None,
    }
}

/// The declarations without which everything passes all the same, since what they lack is there.
///
/// Runs each case that is kept from being run by any of them, which may take as long as cases that fail do.
pub fn needless(backing: &Backing) -> Vec<String> {
    let all = backing.with_everything();
    let mut passes = BTreeMap::new();
    let mut can = |name: &String| {
        *passes.entry(name.clone()).or_insert_with(|| {
            let report = Suite::with_own_scenarios().only(name).run(std::slice::from_ref(&all));
            report.rows.iter().any(|row| row.name == *name && row.outcomes[0].cell == Cell::Passed)
        })
    };
    let declarations = backing.declarations(&Suite::with_own_scenarios()).into_iter();
    declarations.filter(|declared| declared.keeps.iter().all(&mut can)).map(|declared| declared.text).collect()
}

/// Runs the whole suite on a backend that is known not to pass: the cases that fail must be those of the table, each with
/// what the backend does instead.
///
/// For a port that is on its way, and for what was written for another contract. The error says which case failed that is
/// not in the table, and which case of the table did not fail, so that the table stays true.
pub fn diverges(backing: &Backing, known: &[(&str, &str)]) -> Result<Report, String> {
    let report = conform(backing).unwrap_or_else(|report| *report);
    let mut failed = failures(&report);
    let mut wrong = Vec::new();
    for (case, instead) in known {
        if failed.remove(*case).is_none() {
            wrong.push(format!("{case} did not fail, though it is known for this: {instead}"));
        }
    }
    wrong.extend(failed.into_iter().map(|(case, why)| format!("{case} failed: {why}")));
    if wrong.is_empty() { Ok(report) } else { Err(wrong.join("\n")) }
}

/// The cases that failed, and how.
fn failures(report: &Report) -> BTreeMap<String, String> {
    let failed = |row: &Row| match &row.outcomes[..] {
        [Outcome { cell: Cell::Failed(why), .. }] => Some((row.name.clone(), why.clone())),
        _ => None,
    };
    report.rows.iter().filter_map(failed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::Need;

    fn poll() -> Backing {
        Backing::of::<stheno::Poll>("poll")
    }

    #[test]
    fn what_is_declared_in_vain_is_an_error() {
        let report = declared(
            &poll()
                .without(Need::Urgent, "none")
                .with_at_most(64, "64 places")
                .with_at_most(1 << 30, "many places")
                .leaving_out("contract/state-data-is-readable", "so")
                .leaving_out("contract/state-date-is-readable", "misspelt"),
        );
        let failed: Vec<_> = failures(&report).into_keys().collect();
        assert_eq!(
            failed,
            ["declared/leaving out contract/state-date-is-readable", "declared/without 1073741825 sockets at once"]
        );
        assert_eq!(report.passed(), 3);
    }

    #[test]
    fn at_most_so_many_are_not_too_many() {
        let few = poll().with_at_most(64, "64 places");
        assert_eq!(few.lacks(&[Need::Sockets(64)]), None);
        assert_eq!(few.lacks(&[Need::Sockets(65)]).as_deref(), Some("it needs 65 sockets at once: 64 places"));
    }

    #[test]
    fn what_is_left_out_is_skipped_by_name_and_with_the_reason() {
        let backing = poll().leaving_out("scenario/accept", "a reason").without(Need::Urgent, "another");
        let report = Suite::with_own_scenarios().filter("accept").run(std::slice::from_ref(&backing));
        let row = report.rows.iter().find(|row| row.name == "scenario/accept").expect("it is a case");
        assert_eq!(row.outcomes[0].cell, Cell::Skipped("left out: a reason".into()));
    }

    #[test]
    fn each_case_is_in_one_part() {
        let all = Suite::with_own_scenarios();
        let names = |suite: &Suite| suite.list(&[poll()]).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let mut parts: Vec<_> = Part::ALL.iter().flat_map(|part| names(&all.clone().part(*part))).collect();
        assert!(Part::ALL.iter().all(|part| names(&all.clone().part(*part)).len() >= 8));
        let mut whole = names(&all);
        parts.sort_unstable();
        whole.sort_unstable();
        assert_eq!(parts, whole);
    }
}
