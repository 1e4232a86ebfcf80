//! Core's parts, checked in memory of fixed size: no heap, no system, no clock but the simulated one.

use core::fmt::{self, Write};

use stheno_core::{Error, Result};

use crate::tally::{Digest, Tally};

mod buffer;
mod deadlines;
mod framing;
mod rules;
mod turns;

/// A case: what it found, in a form that must be the same on every machine, goes into the digest.
type Case = (&'static str, fn(&mut Digest) -> Result<()>);

const CASES: &[&[Case]] = &[buffer::CASES, framing::CASES, rules::CASES, deadlines::CASES, turns::CASES];

/// Checks all there is, and says what came of each case in a line.
pub fn check_all(out: &mut impl Write) -> core::result::Result<Tally, fmt::Error> {
    let mut tally = Tally::default();
    for (name, check) in CASES.iter().copied().flatten() {
        let mut digest = Digest::default();
        match check(&mut digest) {
            Ok(()) => {
                tally.passed += 1;
                writeln!(out, "passed   {name}: {digest}")?;
            }
            Err(why) => {
                tally.failed += 1;
                writeln!(out, "FAILED   {name}: {why}")?;
            }
        }
    }
    Ok(tally)
}

/// An error unless this holds.
fn holds(condition: bool, what: &'static str) -> Result<()> {
    if condition { Ok(()) } else { Err(Error::user(what, 0)) }
}

/// Writes it into the digest, which takes everything.
fn note(digest: &mut Digest, what: fmt::Arguments<'_>) -> Result<()> {
    digest.write_fmt(what).map_err(|_| Error::user("a value cannot be written", 0))
}
