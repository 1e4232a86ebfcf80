//! Every fact is shown where it is said to be, and none of CPython's is left out.

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
                    !is_a_test(&source, name)
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

/// Whether this is a function, and marked as a test.
fn is_a_test(source: &str, name: &str) -> bool {
    let lines: Vec<_> = source.lines().map(str::trim).collect();
    let Some(at) = lines.iter().position(|line| line.starts_with(&format!("fn {name}("))) else { return false };
    let marks = lines[..at].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("///"));
    marks.into_iter().any(|line| *line == "#[test]")
}

/// The classes of CPython's `test_asyncore`, and their methods: 31 of 3.6 to 3.11, and `test_issue_8594` of 2.7.
const METHODS: [(&str, &[&str]); 5] = [
    (
        "HelperFunctionTests",
        &["test_readwriteexc", "test_readwrite", "test_closeall", "test_closeall_default", "test_compact_traceback"],
    ),
    (
        "DispatcherTests",
        &["test_basic", "test_repr", "test_log", "test_log_info", "test_unhandled", "test_strerror", "test_issue_8594"],
    ),
    ("DispatcherWithSendTests", &["test_send"]),
    ("FileWrapperTest", &["test_recv", "test_send", "test_dispatcher", "test_resource_warning", "test_close_twice"]),
    (
        "BaseTestAPI",
        &[
            "test_handle_connect",
            "test_handle_accept",
            "test_handle_accepted",
            "test_handle_read",
            "test_handle_write",
            "test_handle_close",
            "test_handle_close_after_conn_broken",
            "test_handle_expt",
            "test_handle_error",
            "test_connection_attributes",
            "test_create_socket",
            "test_bind",
            "test_set_reuse_addr",
            "test_quick_connect",
        ],
    ),
];

/// Each method has a case of the same name (where two classes have the name, with the class before it), or a reason.
#[test]
fn each_method_of_cpython_is_a_case_of_the_same_name_or_argued() {
    let names = || METHODS.iter().flat_map(|(_, methods)| methods.iter());
    let (mut methods, mut argued, mut known) = (0, 0, BTreeSet::new());
    for (class, method) in METHODS.iter().flat_map(|(class, methods)| methods.iter().map(move |method| (class, method)))
    {
        let whole = format!("{class}.{method}");
        let alone = names().filter(|name| *name == method).count() == 1;
        let case = if alone { format!("contract/{method}") } else { format!("contract/{whole}") };
        let facts: Vec<_> = facts::all().filter(|fact| fact.source == whole).collect();
        let is_case =
            |fact: &&&facts::Fact| matches!(fact.shown, Shown::Cases(cases) if cases.contains(&case.as_str()));
        let is_argued = |fact: &&&facts::Fact| matches!(fact.shown, Shown::Not(_));
        let (shown, reasons) = (facts.iter().filter(is_case).count(), facts.iter().filter(is_argued).count());
        assert!(shown + reasons == 1, "{whole}: {shown} cases of its name, and {reasons} reasons why there is none");
        (methods, argued) = (methods + 1, argued + reasons);
        known.insert(whole);
    }
    assert_eq!(methods, 32, "31, and one of 2.7");
    assert!(argued <= 6, "{argued} of them are only argued");
    let of_a_class = |source: &str| METHODS.iter().any(|(class, _)| source.split('.').next() == Some(class));
    let strange: Vec<_> = facts::all().filter(|fact| of_a_class(fact.source) && !known.contains(fact.source)).collect();
    assert!(strange.is_empty(), "no methods of CPython's: {strange:?}");
}

/// What CPython leaves untested is numbered, so that none is left out.
#[test]
fn what_cpython_leaves_untested_is_numbered_without_a_gap() {
    let numbers = facts::all().filter_map(|fact| fact.source.strip_prefix("untested by CPython, ")?.parse().ok());
    assert_eq!(numbers.collect::<BTreeSet<u32>>(), (1..=24).collect());
}

#[test]
fn a_function_that_is_no_test_shows_nothing() {
    let source = "/// One.\n#[test]\nfn one() {}\n\nfn two(it: u8) {}\n#[test]\n#[cfg(unix)]\nfn three() {}\n";
    assert_eq!(["one", "two", "three", "four"].map(|name| is_a_test(source, name)), [true, false, true, false]);
}
