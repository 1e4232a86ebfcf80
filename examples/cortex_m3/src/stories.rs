//! The stories that every backend must tell, told over the simulated network, one after the other.

use core::fmt::{self, Write};

use stheno_conformance::sim::{Sim, Watch};
use stheno_conformance::{Scenario, agrees, witness};

use crate::tally::{Digest, Tally};

/// How many bytes the words of a story may stand for. What it sends is kept at both ends and on the way.
pub const VOLUME: usize = 4_096;

/// Tells each story, judges it as the suite does, and says what came of it in a line: its name, and a checksum of its
/// transcript, word for word.
pub fn tell_all(out: &mut impl Write) -> Result<Tally, fmt::Error> {
    let mut tally = Tally::default();
    for (name, text) in Scenario::own() {
        let story = match Scenario::parse(name, text) {
            Ok(story) => story,
            Err((line, what)) => {
                tally.failed += 1;
                writeln!(out, "FAILED   {name}: line {line}: {what}")?;
                continue;
            }
        };
        let volume = story.volume();
        if volume > VOLUME {
            tally.skipped += 1;
            writeln!(out, "skipped  {name}: it is about {volume} bytes, more than {VOLUME}")?;
            continue;
        }
        let telling = witness::<Sim, Watch>(&story);
        let good = telling.broke.is_none() && agrees(&story, &telling.transcript);
        let mut digest = Digest::default();
        for line in &telling.transcript {
            writeln!(digest, "{line}")?;
        }
        if good {
            tally.passed += 1;
            writeln!(out, "passed   {name}: {} lines, {digest}", telling.transcript.len())?;
            continue;
        }
        tally.failed += 1;
        writeln!(out, "FAILED   {name}: {}", telling.broke.as_deref().unwrap_or("the transcript differs"))?;
        for accepted in story.accepted() {
            accepted.iter().try_for_each(|line| writeln!(out, "  expected  {line}"))?;
        }
        telling.transcript.iter().try_for_each(|line| writeln!(out, "  told      {line}"))?;
    }
    Ok(tally)
}
