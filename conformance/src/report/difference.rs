//! How two transcripts differ.

/// One line of two transcripts side by side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pair<'a> {
    /// In both.
    Same(&'a str),
    /// Expected, and not told.
    Missing(&'a str),
    /// Told, and not expected.
    Extra(&'a str),
    /// One in the place of the other.
    Changed(&'a str, &'a str),
}

/// Two transcripts side by side, with as many lines in common as there can be.
pub(crate) fn side_by_side<'a>(expected: &'a [String], told: &'a [String]) -> Vec<Pair<'a>> {
    // The longest common subsequence, by the book: transcripts are short.
    let (rows, columns) = (expected.len(), told.len());
    let mut common = vec![vec![0_usize; columns + 1]; rows + 1];
    for i in (0..rows).rev() {
        for j in (0..columns).rev() {
            common[i][j] =
                if expected[i] == told[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    let (mut missing, mut extra) = (0, 0);
    while i < rows || j < columns {
        if i < rows && j < columns && expected[i] == told[j] {
            beside(&expected[missing..i], &told[extra..j], &mut pairs);
            pairs.push(Pair::Same(&expected[i]));
            (i, j) = (i + 1, j + 1);
            (missing, extra) = (i, j);
        } else if j == columns || i < rows && common[i + 1][j] >= common[i][j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    beside(&expected[missing..], &told[extra..], &mut pairs);
    pairs
}

/// Lines that have nothing in common: what came instead stands beside what did not, channel by channel.
fn beside<'a>(mut missing: &'a [String], mut extra: &'a [String], pairs: &mut Vec<Pair<'a>>) {
    loop {
        match (missing, extra) {
            ([one, ones @ ..], [other, others @ ..]) if channel(one) == channel(other) => {
                pairs.push(Pair::Changed(one, other));
                (missing, extra) = (ones, others);
            }
            // Transcripts are sorted by channel.
            ([one, ones @ ..], others) if others.first().is_none_or(|other| channel(one) < channel(other)) => {
                pairs.push(Pair::Missing(one));
                missing = ones;
            }
            (_, [other, others @ ..]) => {
                pairs.push(Pair::Extra(other));
                extra = others;
            }
            (_, []) => break,
        }
    }
}

/// Of several transcripts that would do, the one that has least to be changed.
pub(crate) fn nearest<'a>(accepted: &[&'a [String]], told: &[String]) -> &'a [String] {
    let distance =
        |lines: &[String]| side_by_side(lines, told).iter().filter(|pair| !matches!(pair, Pair::Same(_))).count();
    accepted.iter().copied().min_by_key(|lines| distance(lines)).unwrap_or_default()
}

fn channel(line: &str) -> Option<&str> {
    line.split_once(": ").map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::Pair::{Changed, Extra, Missing, Same};
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.split(' ').map(Into::into).collect()
    }

    #[test]
    fn differences_are_line_by_line() {
        let (expected, told) = (lines("a b c"), lines("a x c d"));
        assert_eq!(side_by_side(&expected, &told), [Same("a"), Changed("b", "x"), Same("c"), Extra("d")]);
        assert_eq!(side_by_side(&lines("a"), &[]), [Missing("a")]);
        assert_eq!(side_by_side(&[], &lines("a")), [Extra("a")]);
    }

    #[test]
    fn lines_of_two_channels_are_not_one_changed() {
        let (expected, told) = (["A: end".to_owned()], ["B: end".to_owned()]);
        assert_eq!(side_by_side(&expected, &told), [Missing("A: end"), Extra("B: end")]);
        assert_eq!(side_by_side(&told, &expected), [Extra("A: end"), Missing("B: end")]);
    }

    #[test]
    fn the_nearest_is_compared_with() {
        let (one, other) = (lines("a b c"), lines("x b c"));
        assert_eq!(nearest(&[&one, &other], &lines("x b d")), other);
        assert_eq!(nearest(&[&one, &other], &lines("a b d")), one);
    }
}
