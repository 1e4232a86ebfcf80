//! The rules as tables that can be read against the design. Every state meets every readiness, and every step and
//! outcome; each combination must be in exactly one row.

extern crate std;

use super::*;
use crate::Shut;
use std::string::String;
use std::vec::Vec;
use std::{assert_eq, format, println};

const STATES: [(&str, State); 12] = [
    ("Idle", State::Idle),
    ("Connecting", State::Connecting),
    ("Open", State::Open(Shut::Neither)),
    ("OpenShutRead", State::Open(Shut::Read)),
    ("OpenShutWrite", State::Open(Shut::Write)),
    ("OpenShutBoth", State::Open(Shut::Both)),
    ("Draining", State::Draining),
    ("Datagram", State::Datagram),
    ("Listening", State::Listening),
    ("Timer", State::Timer),
    ("Closing", State::Closing),
    ("Closed", State::Closed),
];

const OUTCOMES: [Outcome; 7] = [
    Outcome::Done,
    Outcome::End,
    Outcome::Disconnected,
    Outcome::SendBroken,
    Outcome::Refused,
    Outcome::Failed,
    Outcome::Exhausted,
];

/// The readiness column has five places:
/// - `I` INVALID;
/// - `o` ERROR or HANGUP or both;
/// - `R` READABLE, `W` WRITABLE, `P` PRIORITY.
///
/// A letter: it is there. `-`: it is not. `.`: either.
const STEPS: &str = "
    Idle Timer Closing Closed                                             | . . . . . |

    Connecting Open OpenShutRead OpenShutWrite OpenShutBoth Draining      | I . . . . | Invalid
    Datagram Listening                                                    | I . . . . | Invalid

    Connecting                                                            | - - - - - |
    Connecting                                                            | - o . . . | Connect
    Connecting                                                            | - - R . . | Connect
    Connecting                                                            | - - - W . | Connect
    Connecting                                                            | - - - - P | Connect

    Listening                                                             | - - - . . |
    Listening                                                             | - - R . . | Accept
    Listening                                                             | - o . . . | Accept Otherwise

    Open Datagram                                                         | - - - - - |
    Open Datagram                                                         | - - - - P | Expt
    Open Datagram                                                         | - - - W - | Write
    Open Datagram                                                         | - - - W P | Write Expt
    Open Datagram                                                         | - - R - - | Read
    Open Datagram                                                         | - - R - P | Read Expt
    Open Datagram                                                         | - - R W - | Read Write
    Open Datagram                                                         | - - R W P | Read Write Expt
    Open Datagram                                                         | - o - . - | Read Write Otherwise
    Open Datagram                                                         | - o - . P | Read Write Expt Otherwise
    Open Datagram                                                         | - o R - - | Read Otherwise
    Open Datagram                                                         | - o R - P | Read Expt Otherwise
    Open Datagram                                                         | - o R W - | Read Write Otherwise
    Open Datagram                                                         | - o R W P | Read Write Expt Otherwise

    OpenShutRead                                                          | - - . - . |
    OpenShutRead                                                          | - - . W . | Write
    OpenShutRead                                                          | - o - . . | Write Otherwise
    OpenShutRead                                                          | - o R - . | Otherwise
    OpenShutRead                                                          | - o R W . | Write Otherwise

    OpenShutWrite                                                         | - - - . - |
    OpenShutWrite                                                         | - - - . P | Expt
    OpenShutWrite                                                         | - - R . - | Read
    OpenShutWrite                                                         | - - R . P | Read Expt
    OpenShutWrite                                                         | - o . . - | Read Otherwise
    OpenShutWrite                                                         | - o . . P | Read Expt Otherwise

    OpenShutBoth                                                          | - - - . . |
    OpenShutBoth                                                          | - - R . . | Otherwise
    OpenShutBoth                                                          | - o . . . | Otherwise

    Draining                                                              | - - - . . |
    Draining                                                              | - - R . . | Read
    Draining                                                              | - o . . . | Read
";

/// `*` is every step or outcome; `Middle` is Connect, Accept,  Read, Write and Expt.
const VERDICTS: &str = "
    Closing Closed                                     | *         | *                                    | Stop
    Idle Timer                                         | *         | Failed                               | Error
    Idle Timer                                         | *         | Done End Disconnected        | Stop
    Idle Timer                                         | *         | SendBroken Refused Exhausted         | Stop

    Connecting Open OpenShutRead OpenShutWrite         | Invalid   | *                                    | ErrorAndClose
    OpenShutBoth Draining Datagram Listening           | Invalid   | *                                    | ErrorAndClose

    Connecting                                         | Connect   | Done                         | Connected
    Connecting                                         | Connect   | End Disconnected SendBroken Refused  | ErrorAndClose
    Connecting                                         | Connect   | Failed Exhausted                     | ErrorAndClose
    Connecting                                         | Accept Read Write Expt | Done  | GoOn
    Connecting                                         | Accept Read Write Expt | End           | ErrorAndClose
    Connecting                                         | Accept Read Write Expt | Disconnected  | ErrorAndClose
    Connecting                                         | Accept Read Write Expt | SendBroken    | ErrorAndClose
    Connecting                                         | Accept Read Write Expt | Refused       | ErrorAndClose
    Connecting                                         | Accept Read Write Expt | Failed        | Error
    Connecting                                         | Accept Read Write Expt | Exhausted     | Error
    Connecting                                         | Otherwise | *                                    | Park

    Listening                                          | Middle Otherwise | Exhausted                     | Rest
    Listening                                          | Middle    | Done End                     | GoOn
    Listening                                          | Middle    | Disconnected SendBroken Refused      | Error
    Listening                                          | Middle    | Failed                               | Error
    Listening                                          | Otherwise | Done End Disconnected        | Park
    Listening                                          | Otherwise | SendBroken Refused Failed            | Park

    Datagram                                           | Middle    | Done End                     | GoOn
    Datagram                                           | Middle    | Disconnected SendBroken Refused      | Error
    Datagram                                           | Middle    | Failed Exhausted                     | Error
    Datagram                                           | Otherwise | *                                    | Park

    Open OpenShutRead OpenShutWrite OpenShutBoth       | Middle    | Done                         | GoOn
    Open OpenShutRead OpenShutWrite OpenShutBoth       | Middle    | End                          | Eof
    Open OpenShutRead OpenShutWrite OpenShutBoth       | Middle    | Disconnected Refused                 | Close
    Open OpenShutRead OpenShutWrite OpenShutBoth       | Middle    | Failed Exhausted                     | Error
    Open OpenShutWrite                                 | Middle    | SendBroken                           | Drain
    OpenShutRead OpenShutBoth                          | Middle    | SendBroken                           | Close
    Open OpenShutWrite                                 | Otherwise | *                                    | Park
    OpenShutRead OpenShutBoth                          | Otherwise | *                                    | Close

    Draining                                           | Middle    | Done SendBroken              | GoOn
    Draining                                           | Middle    | End Disconnected Refused             | Close
    Draining                                           | Middle    | Failed Exhausted                     | Error
    Draining                                           | Otherwise | *                                    | Park
";

/// The rows of a table, in their columns.
fn rows(table: &'static str) -> Vec<Vec<&'static str>> {
    let lines = table.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| line.split('|').map(str::trim).collect()).collect()
}

fn has(cell: &str, word: &str) -> bool {
    cell.split_whitespace().any(|other| other == word)
}

/// The one row that holds for a combination.
fn the_row<'a>(rows: &'a [Vec<&'static str>], what: &str, fits: impl Fn(&[&str]) -> bool) -> &'a [&'static str] {
    let found: Vec<_> = rows.iter().filter(|row| fits(row)).collect();
    assert_eq!(found.len(), 1, "{what} must be in one row, and is in {found:?}");
    found[0]
}

fn fits(pattern: &str, readiness: Readiness) -> bool {
    let is = |bit| readiness.contains(bit);
    let (error, hangup) = (is(Readiness::ERROR), is(Readiness::HANGUP));
    let places: Vec<char> = pattern.chars().filter(|c| !c.is_whitespace()).collect();
    assert_eq!(places.len(), 5, "{pattern:?}");
    let over = match places[1] {
        '.' => true,
        '-' => !error && !hangup,
        'o' => error || hangup,
        other => panic!("{other:?} in {pattern:?}"),
    };
    let plain = [
        (0, 'I', is(Readiness::INVALID)),
        (2, 'R', is(Readiness::READABLE)),
        (3, 'W', is(Readiness::WRITABLE)),
        (4, 'P', is(Readiness::PRIORITY)),
    ];
    over && plain.into_iter().all(|(place, letter, there)| match places[place] {
        '.' => true,
        '-' => !there,
        other => {
            assert_eq!(other, letter, "{pattern:?}");
            there
        }
    })
}

fn names(steps: Steps) -> String {
    steps.map(|step| format!("{step:?}")).collect::<Vec<_>>().join(" ")
}

/// Every combination is asked of the tables; one in so many, where an interpreter does.
const EVERY: usize = if cfg!(miri) { 37 } else { 1 };

#[test]
fn what_readiness_implies() {
    let (rows, mut asked) = (rows(STEPS), 0_usize);
    for (name, state) in STATES {
        for readiness in (0..64).map(Readiness::from_bits_truncate) {
            asked += 1;
            if !asked.is_multiple_of(EVERY) {
                continue;
            }
            let what = format!("{name}, {readiness}");
            let row = the_row(&rows, &what, |row| has(row[0], name) && fits(row[1], readiness));
            assert_eq!(names(steps(state, readiness)), row[2], "{what}");
        }
    }
    assert_eq!(asked, 12 * 64);
    println!("{asked} combinations in {} rows", rows.len());
}

#[test]
fn what_follows_from_an_outcome() {
    let (rows, mut asked) = (rows(VERDICTS), 0_usize);
    for (name, state) in STATES {
        for step in Step::ALL {
            for outcome in OUTCOMES {
                asked += 1;
                if !asked.is_multiple_of(EVERY) {
                    continue;
                }
                let what = format!("{name}, {step:?}, {outcome:?}");
                let (step_name, outcome_name) = (format!("{step:?}"), format!("{outcome:?}"));
                let middle = !matches!(step, Step::Invalid | Step::Otherwise);
                let row = the_row(&rows, &what, |row| {
                    has(row[0], name)
                        && (row[1] == "*" || has(row[1], &step_name) || middle && has(row[1], "Middle"))
                        && (row[2] == "*" || has(row[2], &outcome_name))
                });
                assert_eq!(format!("{:?}", conclude(state, step, outcome)), row[3], "{what}");
            }
        }
    }
    assert_eq!(asked, 12 * 7 * 7);
    println!("{asked} combinations in {} rows", rows.len());
}

#[test]
fn steps_come_in_the_order_of_rule_one() {
    let all = Steps(u8::MAX);
    assert!(all.eq(Step::ALL));
    assert!(Step::ALL.is_sorted_by_key(|step| *step as u8));
    let order = "Invalid Connect Accept Read Write Expt Otherwise";
    assert_eq!(names(all), order);
}

#[test]
fn what_is_left_after_a_step_stands_behind_it() {
    for bits in (0..1 << Step::ALL.len()).step_by(EVERY) {
        for (place, done) in Step::ALL.into_iter().enumerate() {
            let left: Vec<Step> = Steps(bits).after(done).collect();
            let expected: Vec<Step> =
                Step::ALL.into_iter().skip(place + 1).filter(|step| bits & *step as u8 != 0).collect();
            assert_eq!(left, expected, "{:?} after {done:?}", Steps(bits));
        }
    }
}

#[test]
fn steps_run_out() {
    for bits in 0..1 << Step::ALL.len() {
        let mut steps = Steps(bits);
        assert_eq!(steps.is_empty(), bits == 0);
        assert_eq!(steps.by_ref().count() as u32, bits.count_ones());
        assert_eq!((steps, steps.next()), (Steps::NONE, None));
    }
    assert_eq!(format!("{:?}", steps(State::OPEN, Readiness::READABLE | Readiness::PRIORITY)), "[Read, Expt]");
}

/// Whatever a step needs is what its channel can be registered for; the others need no asking.
#[test]
fn what_steps_need() {
    for step in Step::ALL {
        let needs = match step {
            Step::Accept | Step::Read => Interest::READ,
            Step::Write => Interest::WRITE,
            Step::Expt => Interest::PRIORITY,
            _ => Interest::NONE,
        };
        assert_eq!(step.needs(), needs);
    }
}
