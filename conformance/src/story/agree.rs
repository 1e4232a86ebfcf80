//! Whether what was told is what a story accepts.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::scenario::Scenario;

/// Whether a transcript is one of those that a story accepts.
///
/// The comparison is exact, but for what no program can rely on and no backend can promise:
/// - where a stream's sender did not wait between two sends, one read may bring what two would have (rule 10);
/// - asyncore follows `handle_connect` with `handle_write` without asking `writable` again, and so the probe asks for
///   one; a transcript of what is right (`expect`) may leave that `write` out (rule 1).
pub fn agrees(story: &Scenario, told: &[String]) -> bool {
    story.accepted().into_iter().any(|accepted| {
        let normal = |lines: &[String]| in_normal_form(story, lines);
        told == accepted
            || normal(told) == normal(accepted)
            || !story.is_asyncore() && normal(&without_unasked_writes(told, accepted)) == normal(accepted)
    })
}

/// A transcript in the normal form of rule 10: adjacent reads of one stream are one.
pub(crate) fn in_normal_form(story: &Scenario, lines: &[String]) -> Vec<String> {
    let datagrams: BTreeSet<_> = story.datagram_channels();
    let mut merged: Vec<String> = Vec::new();
    for line in lines {
        let parts = |line: &str| {
            let (name, data) = line.split_once(": read ")?;
            (!datagrams.contains(name)).then(|| (name.to_owned(), data.to_owned()))
        };
        match (merged.last().and_then(|last| parts(last)), parts(line)) {
            (Some((last, before)), Some((name, data))) if last == name => {
                let data = join(&before, &data);
                merged.pop();
                merged.push(format!("{name}: read {data}"));
            }
            _ => merged.push(line.clone()),
        }
    }
    merged
}

fn join(before: &str, after: &str) -> String {
    let count = |text: &str| text.strip_suffix(" bytes").and_then(|number| number.parse::<usize>().ok());
    let length = |text: &str| count(text).unwrap_or_else(|| text.len() - 3 * text.matches("\\x").count());
    let both = length(before) + length(after);
    if both > 32 { format!("{both} bytes") } else { format!("{before}{after}") }
}

/// A transcript without the write that came with a connect, where the accepted one has fewer.
fn without_unasked_writes(told: &[String], accepted: &[String]) -> Vec<String> {
    let mut kept = told.to_vec();
    let names: Vec<_> = told.iter().filter_map(|line| line.strip_suffix(": connect")).collect();
    for name in names {
        let write = format!("{name}: write");
        let count = |lines: &[String]| lines.iter().filter(|line| **line == write).count();
        let connect = kept.iter().position(|line| *line == format!("{name}: connect"));
        // In the same event: straight after the connect, or after what was read with it.
        let after = |offset: usize| connect.map(|at| at + offset).filter(|at| kept.get(*at) == Some(&write));
        let read = connect.is_some_and(|at| kept.get(at + 1).is_some_and(|line| line.contains(": read ")));
        if count(&kept) > count(accepted)
            && let Some(at) = after(1).or_else(|| after(2).filter(|_| read))
        {
            kept.remove(at);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn story(blocks: &str) -> Scenario {
        Scenario::parse("it", &format!("datagrams U\n{blocks}")).unwrap()
    }

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(Into::into).collect()
    }

    #[test]
    fn adjacent_reads_of_a_stream_are_one() {
        let story = story("--- asyncore\nA: read one\nA: read two\nA: close\n");
        assert!(agrees(&story, &lines("A: read onetwo\nA: close")));
        assert!(!agrees(&story, &lines("A: read onetw\nA: close")));
        assert!(!agrees(&story, &lines("A: read one\nA: close\nA: read two")));
    }

    #[test]
    fn long_reads_are_added_up() {
        let story = story("--- expect\nA: read 33 bytes\nA: read \\x00b\nA: read c\n");
        assert!(agrees(&story, &lines("A: read 36 bytes")));
        assert!(!agrees(&story, &lines("A: read 35 bytes")));
    }

    #[test]
    fn datagrams_keep_their_borders() {
        let story = story("--- asyncore\nU: read one\nU: read two\n");
        assert!(!agrees(&story, &lines("U: read onetwo")));
    }

    #[test]
    fn a_correction_may_leave_out_the_write_that_comes_with_a_connect() {
        let recorded = story("--- asyncore\nC: connect\nC: write\nC: close\n");
        assert!(agrees(&recorded, &lines("C: connect\nC: write\nC: close")));
        assert!(!agrees(&recorded, &lines("C: connect\nC: close")));
        let corrected = story("--- expect\nC: connect\nC: read a\nC: close\n");
        assert!(agrees(&corrected, &lines("C: connect\nC: read a\nC: close")));
        assert!(agrees(&corrected, &lines("C: connect\nC: write\nC: read a\nC: close")));
        assert!(agrees(&corrected, &lines("C: connect\nC: read a\nC: write\nC: close")));
        assert!(!agrees(&corrected, &lines("C: connect\nC: read a\nC: close\nC: write")));
        let owed = story("--- expect\nC: connect\nC: write\nC: close\n");
        assert!(!agrees(&owed, &lines("C: connect\nC: close")));
        assert!(!agrees(&owed, &lines("C: connect\nC: close\nC: write")));
    }
}
