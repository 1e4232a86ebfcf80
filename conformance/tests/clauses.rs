//! Nothing is promised without a case: each clause of the two contracts, and each rule of the loop, is named by one, and
//! no case names what there is not.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use stheno::{Os, Poll};
use stheno_conformance::contract::{Case, cases, os_cases};

/// What is checked by a test that is no case of the suite, and by which: a file of this package that names the clause.
const ELSEWHERE: &[(Clause, &str)] = &[(Clause::Backend(13), "tests/allocation.rs")];

/// Something that is promised.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Clause {
    Backend(u32),
    Net(u32),
    Rule(u32),
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backend(number) => write!(f, "B{number}"),
            Self::Net(number) => write!(f, "N{number}"),
            Self::Rule(number) => write!(f, "rule {number}"),
        }
    }
}

/// What a case says that it asks: clauses by their names, then `rule 1`, `rules 1 and 2` or `rules 1, 2 and 3`.
fn parse(text: &str) -> Result<Vec<Clause>, String> {
    let (clauses, rules) = match text.find("rule") {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let mut named = clauses.split_whitespace().map(clause).collect::<Result<Vec<_>, _>>()?;
    match rules.split_whitespace().collect::<Vec<_>>()[..] {
        [] => {}
        ["rule", number] => named.push(Clause::Rule(self::number(number)?)),
        ["rules", ref before @ .., "and", last] if !before.is_empty() => {
            let rule = |word: &&str| number(word).map(Clause::Rule);
            let (next_to_last, first) = before.split_last().expect("it is not empty");
            let first: Option<Vec<_>> = first.iter().map(|word| word.strip_suffix(',')).collect();
            let first = first.ok_or_else(|| format!("a comma is missing in {rules:?}"))?;
            for word in first.iter().chain([next_to_last, &last]) {
                named.push(rule(word)?);
            }
        }
        _ => return Err(format!("{rules:?} is no list of rules")),
    }
    if named.is_empty() {
        return Err("it names no clause and no rule".into());
    }
    Ok(named)
}

fn clause(word: &str) -> Result<Clause, String> {
    match (word.strip_prefix('B'), word.strip_prefix('N')) {
        (Some(digits), _) => number(digits).map(Clause::Backend),
        (_, Some(digits)) => number(digits).map(Clause::Net),
        _ => Err(format!("{word:?} is no clause")),
    }
}

/// A number as it is written in a list: without a sign or zeros before it.
fn number(digits: &str) -> Result<u32, String> {
    let number = digits.parse().map_err(|why| format!("{digits:?} is no number: {why}"))?;
    if u32::to_string(&number) == digits {
        Ok(number)
    } else {
        Err(format!("{digits:?} is not written as a number is"))
    }
}

/// Everything that is promised, read where it is promised.
fn promised() -> BTreeSet<Clause> {
    let backend = between(&read("../core/src/backend.rs"), "//! - **B", "**", Clause::Backend);
    let net = between(&read("../core/src/net.rs"), "//! - **N", "**", Clause::Net);
    let rules = section(&read("README.md"), "## The rules of the loop");
    let rules = between(&rules, "", ". **", Clause::Rule);
    for (what, numbered) in [("backend.rs", &backend), ("net.rs", &net), ("the rules", &rules)] {
        assert!(numbered.len() >= 10, "{what}: only {numbered:?} were found");
    }
    [backend, net, rules].concat().into_iter().collect()
}

/// The numbers that stand between these at the beginning of a line; they count from 1, so that none is overlooked.
fn between(text: &str, before: &str, after: &str, clause: fn(u32) -> Clause) -> Vec<Clause> {
    let numbered = text.lines().filter_map(|line| line.strip_prefix(before)?.split_once(after)?.0.parse().ok());
    let numbers: Vec<u32> = numbered.collect();
    assert!(numbers.iter().copied().eq(1..=numbers.len() as u32), "{before}: {numbers:?} do not count from 1");
    numbers.into_iter().map(clause).collect()
}

fn section(text: &str, heading: &str) -> String {
    let body = text.lines().skip_while(|line| *line != heading).skip(1).take_while(|line| !line.starts_with("## "));
    body.collect::<Vec<_>>().join("\n")
}

fn read(file: &str) -> String {
    let path = in_this_package(file);
    fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

fn in_this_package(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn all_cases() -> Vec<Case> {
    [cases::<Os, Poll>(), os_cases::<Poll>()].concat()
}

#[test]
fn nothing_is_promised_without_a_case() {
    let asked = all_cases().iter().filter_map(|case| parse(case.clauses).ok()).flatten().collect::<BTreeSet<_>>();
    let elsewhere = ELSEWHERE.iter().map(|(clause, _)| *clause).collect();
    let without = &(&promised() - &asked) - &elsewhere;
    let without: Vec<_> = without.iter().map(Clause::to_string).collect();
    assert!(without.is_empty(), "no case asks for {}", without.join(", "));
}

#[test]
fn no_case_asks_for_what_is_not_promised() {
    let promised = promised();
    let facts = stheno_conformance::facts::all().count();
    println!("{} clauses and rules, {} contract cases, {facts} facts", promised.len(), all_cases().len());
    let wrong = |case: &Case| match parse(case.clauses) {
        Ok(named) => {
            let unknown = named.into_iter().find(|clause| !promised.contains(clause))?;
            Some(format!("{}: there is no {unknown}", case.name))
        }
        Err(why) => Some(format!("{}: {why}", case.name)),
    };
    let wrong: Vec<_> = all_cases().iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_checked_elsewhere_is_checked_there() {
    let promised = promised();
    for (clause, file) in ELSEWHERE {
        assert!(promised.contains(clause), "there is no {clause}");
        let test = read(file);
        let words: Vec<_> = test.split(|c: char| !c.is_alphanumeric()).collect();
        assert!(words.contains(&clause.to_string().as_str()), "{file} does not name {clause}");
        assert!(test.lines().any(|line| line == "#[test]"), "{file} tests nothing");
    }
}

/// A backend's cell is found by the case's name.
#[test]
fn no_two_cases_have_the_same_name() {
    let mut names = BTreeSet::new();
    for case in all_cases() {
        assert!(names.insert(case.name), "there are two cases {}", case.name);
    }
}

/// Stories say in their comments which rule asyncore breaks.
#[test]
fn no_scenario_speaks_of_a_rule_that_there_is_not() {
    let promised = promised();
    let mut mentioned = 0;
    for file in fs::read_dir(in_this_package("scenarios")).expect("there are scenarios") {
        let path = file.expect("the folder can be read").path();
        let story = fs::read_to_string(&path).expect("a scenario is text");
        for word in story.lines().filter(|line| line.starts_with('#')).flat_map(|line| line.split("(rule ").skip(1)) {
            let digits = word.split_once(')').map_or(word, |(digits, _)| digits);
            let rule = number(digits).map(Clause::Rule);
            assert!(rule.as_ref().is_ok_and(|rule| promised.contains(rule)), "{}: {rule:?}", path.display());
            mentioned += 1;
        }
    }
    assert!(mentioned > 0, "no scenario mentions a rule");
}

#[test]
fn what_a_case_says_is_read_strictly() {
    use Clause::{Backend, Net, Rule};
    assert_eq!(parse("B1"), Ok(vec![Backend(1)]));
    assert_eq!(parse("B1 N3 rule 4"), Ok(vec![Backend(1), Net(3), Rule(4)]));
    assert_eq!(parse("rules 3 and 6"), Ok(vec![Rule(3), Rule(6)]));
    assert_eq!(parse("N10 rules 1, 2 and 10"), Ok(vec![Net(10), Rule(1), Rule(2), Rule(10)]));
    for wrong in
        ["", "B", "b1", "B1,", "B01", "B+1", "X1", "1", "rule", "rule 1 2", "rules 1", "rules 1 2 and 3", "rule 1 B2"]
    {
        assert!(parse(wrong).is_err(), "{wrong:?} was read as {:?}", parse(wrong));
    }
}
