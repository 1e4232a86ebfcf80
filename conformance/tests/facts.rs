//! Every fact is shown where it is said to be.

use std::collections::BTreeSet;
use std::path::Path;

use stheno_conformance::facts::{self, Shown};
use stheno_conformance::{Backing, Suite};

#[test]
fn every_fact_is_shown_where_it_is_said_to_be() {
    let suite = Suite::with_own_scenarios();
    let cases: BTreeSet<_> =
        suite.list(&[Backing::of::<stheno::Poll>("poll")]).into_iter().map(|(name, _)| name).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project's folder");
    let mut wrong = Vec::new();
    for fact in facts::all() {
        let missing: Vec<_> = match fact.shown {
            Shown::Cases(named) => {
                named.iter().filter(|case| !cases.contains(**case)).map(ToString::to_string).collect()
            }
            Shown::Tests(named) => named
                .iter()
                .filter(|(file, name)| {
                    let source = std::fs::read_to_string(root.join(file)).unwrap_or_default();
                    !source.contains(&format!("fn {name}("))
                })
                .map(|(file, name)| format!("{name} in {file}"))
                .collect(),
            Shown::Not(why) => {
                if why.len() < 20 {
                    vec!["no reason".into()]
                } else {
                    vec![]
                }
            }
        };
        wrong.extend(
            missing.into_iter().map(|missing| format!("{}: {}: there is no {missing}", fact.source, fact.fact)),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(facts::all().count() >= 100, "some facts have gone");
}
