//! What other suites assert and what the system calls really do, fact by fact, and where each is shown here.
//!
//! The lists: what CPython's own tests of asyncore and asynchat assert, what they leave out and what asynchat gets wrong,
//! what libevent's suite asserts, what libuv's does, the pitfalls of select, poll and epoll that their users met, and what
//! embedded systems make of them. Each fact is shown by cases of this suite, by a test elsewhere in the project, or stands
//! here with the reason why it does not apply. A test of this crate fails where a case or a test that is named here is not
//! there, and where a method of CPython's has neither a case of its name nor a reason.
//!
//! `stheno-conformance --facts` prints them.

use std::fmt;

mod asynchat;
mod cpython;
mod embedded;
mod libevent;
mod libuv;
mod pitfalls;

/// Something that holds of multiplexing, and where that is shown.
#[derive(Clone, Copy, Debug)]
pub struct Fact {
    /// Who asserts it: a suite and its test, or a system call.
    pub source: &'static str,
    /// What holds.
    pub fact: &'static str,
    /// Where it is shown.
    pub shown: Shown,
}

/// Where a fact is shown.
#[derive(Clone, Copy, Debug)]
pub enum Shown {
    /// By these cases of the matrix, by their full names.
    Cases(&'static [&'static str]),
    /// By these tests: a file of the project, and a function in it.
    Tests(&'static [(&'static str, &'static str)]),
    /// Nowhere, since it does not apply: the reason.
    Not(&'static str),
}

impl Fact {
    const fn cases(source: &'static str, fact: &'static str, cases: &'static [&'static str]) -> Self {
        Self { source, fact, shown: Shown::Cases(cases) }
    }

    const fn tests(source: &'static str, fact: &'static str, tests: &'static [(&'static str, &'static str)]) -> Self {
        Self { source, fact, shown: Shown::Tests(tests) }
    }

    const fn not(source: &'static str, fact: &'static str, why: &'static str) -> Self {
        Self { source, fact, shown: Shown::Not(why) }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n  ", self.source, self.fact)?;
        match self.shown {
            Shown::Cases(cases) => write!(f, "shown by {}", cases.join(", ")),
            Shown::Tests(tests) => {
                let tests: Vec<_> = tests.iter().map(|(file, name)| format!("{name} in {file}")).collect();
                write!(f, "shown by {}", tests.join(", "))
            }
            Shown::Not(why) => write!(f, "does not apply: {why}"),
        }
    }
}

/// Every fact, list by list.
pub fn all() -> impl Iterator<Item = &'static Fact> {
    let lists = [cpython::FACTS, asynchat::FACTS, libevent::FACTS, libuv::FACTS, pitfalls::FACTS, embedded::FACTS];
    lists.into_iter().flatten()
}
