//! A report for people.

use std::collections::BTreeMap;
use std::fmt;

use anstyle::{AnsiColor, Style};

use super::difference::{Pair, side_by_side};
use crate::matrix::{Cell, Evidence, Outcome, Report, Row};
use crate::telling::Wait;

/// A report as text, with colours or without.
pub(super) struct Text<'a> {
    pub(super) report: &'a Report,
    pub(super) colour: bool,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Text { report: self, colour: false }.fmt(f)
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.matrix(f)?;
        self.skipped(f)?;
        for (row, backend, outcome) in self.report.cells() {
            if matches!(outcome.cell, Cell::Failed(_)) {
                write!(f, "\n{}", Failure { text: self, row, backend, outcome })?;
            }
        }
        self.summary(f)
    }
}

/// One failure, and all there is to see of it.
pub(super) struct Failure<'a> {
    pub(super) text: &'a Text<'a>,
    pub(super) row: &'a Row,
    pub(super) backend: &'a str,
    pub(super) outcome: &'a Outcome,
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, row, backend, outcome } = self;
        let title = format!("{} on {backend} {}", row.name, word(outcome));
        writeln!(f, "{}\n    {}", text.paint(&title, BAD.bold()), row.about)?;
        if let Cell::Failed(why) = &outcome.cell {
            why.lines().try_for_each(|line| writeln!(f, "    {}", shown(line)))?;
        }
        if let Some(evidence) = &outcome.evidence {
            text.evidence(evidence, f)?;
        }
        writeln!(f, "  again:\n    {}", text.report.command(row, backend))
    }
}

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const PASSED_OVER: Style = AnsiColor::Yellow.on_default();

impl Text<'_> {
    fn matrix(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { backends, rows, .. } = self.report;
        let first = rows.iter().map(|row| width(&row.name)).max().unwrap_or(0).max("case".len());
        let words = rows.iter().flat_map(|row| &row.outcomes).map(|outcome| word(outcome).len());
        let least = words.max().unwrap_or(0);
        let widths: Vec<_> = backends.iter().map(|name| width(name).max(least)).collect();
        write!(f, "{:first$}", "case")?;
        for (name, width) in backends.iter().zip(&widths) {
            write!(f, "  {}", self.paint(&format!("{name:width$}"), Style::new().bold()))?;
        }
        writeln!(f)?;
        for row in rows {
            write!(f, "{:first$}", row.name)?;
            for (outcome, width) in row.outcomes.iter().zip(&widths) {
                let style = match outcome.cell {
                    Cell::Passed => GOOD,
                    Cell::Failed(_) => BAD.bold(),
                    Cell::Skipped(_) => PASSED_OVER,
                };
                write!(f, "  {}", self.paint(&format!("{:width$}", word(outcome)), style))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }

    /// What was skipped, by reason.
    fn skipped(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut reasons = BTreeMap::<&str, Vec<(&str, &str)>>::new();
        for (row, backend, outcome) in self.report.cells() {
            if let Cell::Skipped(why) = &outcome.cell {
                reasons.entry(why).or_default().push((&row.name, backend));
            }
        }
        for (why, cells) in reasons {
            writeln!(f, "\n{}", self.paint(&format!("skipped {}: {why}", cells.len()), PASSED_OVER))?;
            for of_case in cells.chunk_by(|one, next| one.0 == next.0) {
                let backends: Vec<_> = of_case.iter().map(|(_, backend)| *backend).collect();
                writeln!(f, "    {} on {}", of_case[0].0, backends.join(", "))?;
            }
        }
        Ok(())
    }

    fn evidence(&self, evidence: &Evidence, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  steps:")?;
        evidence.steps.iter().try_for_each(|step| writeln!(f, "    {step}"))?;
        let left = evidence.expected.iter().map(|line| width(line)).max().unwrap_or(0).max("expected".len());
        writeln!(f, "  {:1$}   told", "expected", left + 2)?;
        for pair in side_by_side(&evidence.expected, &evidence.told) {
            let (expected, mark, told) = match pair {
                Pair::Same(line) => (line, ' ', line),
                Pair::Missing(line) => (line, '<', ""),
                Pair::Extra(line) => ("", '>', line),
                Pair::Changed(one, other) => (one, '|', other),
            };
            let style = |of: Style| if mark == ' ' { Style::new() } else { of };
            let left = self.paint(&format!("{expected:left$}"), style(GOOD));
            let line = format!("    {left} {mark} {}", self.paint(told, style(BAD)));
            writeln!(f, "{}", line.trim_end())?;
        }
        writeln!(f, "  readiness, wait by wait:")?;
        let mut number = 1;
        for same in evidence.waits.chunk_by(|one, next| one == next) {
            let last = number + same.len() - 1;
            let numbers = if last == number { number.to_string() } else { format!("{number}-{last}") };
            writeln!(f, "    {numbers:>7}  {}", readiness(&same[0]))?;
            number = last + 1;
        }
        if evidence.waits.is_empty() {
            writeln!(f, "    there was no wait")?;
        }
        Ok(())
    }

    fn summary(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { backends, settings, took, stopped, .. } = self.report;
        let first = backends.iter().map(|name| width(name)).max().unwrap_or(0).max("backend".len());
        writeln!(f, "\n{:first$}  passed  failed  skipped", "backend")?;
        for (column, name) in backends.iter().enumerate() {
            let counts = self.report.counts_of(column);
            writeln!(f, "{name:first$}  {:6}  {:6}  {:7}", counts.passed, counts.failed, counts.skipped)?;
        }
        if let Some(why) = stopped {
            writeln!(f, "\n{}", self.paint(&format!("stopped before the end: {why}"), BAD.bold()))?;
        }
        let rounds = if settings.repeat.get() == 1 { String::new() } else { format!("{} rounds, ", settings.repeat) };
        writeln!(f, "\nseed {:#x}, {rounds}{} jobs, {:.1} s", settings.seed, settings.jobs, took.as_secs_f64())?;
        let counts = self.report.counts();
        let text = format!("{} passed, {} failed, {} skipped", counts.passed, counts.failed, counts.skipped);
        write!(f, "{}", self.paint(&text, if counts.failed == 0 { GOOD } else { BAD }.bold()))
    }

    fn paint(&self, text: &str, style: Style) -> String {
        if self.colour && style != Style::new() { format!("{style}{text}{style:#}") } else { text.into() }
    }
}

fn word(outcome: &Outcome) -> String {
    match outcome.cell {
        Cell::Passed => "ok".into(),
        Cell::Failed(_) if outcome.runs > 1 => format!("FAILED {} of {}", outcome.failures, outcome.runs),
        Cell::Failed(_) => "FAILED".into(),
        Cell::Skipped(_) => "skipped".into(),
    }
}

/// A wait as a line.
fn readiness(wait: &Wait) -> String {
    let fired: Vec<_> = wait.iter().map(|(name, readiness)| format!("{name} {readiness}")).collect();
    if fired.is_empty() { "nothing".into() } else { fired.join("; ") }
}

/// A line with what would move a terminal's cursor spelt out.
fn shown(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.into() }).collect()
}

fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::super::sample;

    #[test]
    fn a_report_reads_as_a_matrix() {
        let text = sample::report().to_string();
        let head = "\
case            poll           epoll        \n\
scenario/one    ok             FAILED 2 of 3\n\
scenario/other  FAILED 3 of 3  skipped      \n";
        assert!(text.starts_with(head), "{text}");
        assert!(text.ends_with("seed 0xff, 3 rounds, 4 jobs, 1.5 s\n1 passed, 2 failed, 1 skipped"), "{text}");
    }

    #[test]
    fn a_failure_shows_all_there_is_to_see() {
        let text = sample::report().to_string();
        let failure = "
scenario/one on epoll FAILED 2 of 3
    About <one> & \"all\".
    the transcript differs
  steps:
      2  listen S
      3  send P 'a b'
  expected       told
    A: connect   A: connect
    A: read a  | A: read b
    A: close   <
  readiness, wait by wait:
          1  A READABLE | HANGUP; B WRITABLE
        2-3  nothing
  again:
    cargo run -p stheno-conformance -- --backend epoll --seed 0xff --repeat 3 --exact scenario/one
";
        assert!(text.contains(failure), "{text}");
        // What came from outside moves no cursor.
        assert!(text.contains("\n    a ]]> b\\u{1b}[0m\n"), "{text}");
    }

    #[test]
    fn what_is_skipped_is_told_with_its_reason() {
        let text = sample::report().to_string();
        assert!(text.contains("\nskipped 1: cannot\n    scenario/other on epoll\n"), "{text}");
        let summary =
            "\nbackend  passed  failed  skipped\npoll          1       1        0\nepoll         0       1        1\n";
        assert!(text.contains(summary), "{text}");
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let report = sample::report();
        let coloured = super::Text { report: &report, colour: true }.to_string();
        assert!(coloured.contains("\x1b[32mok"), "{coloured:?}");
        assert!(coloured.contains("\x1b[31mA: read b\x1b[0m"), "{coloured:?}");
        // What a terminal would show, but for blanks at the ends of lines.
        let shown = anstream::adapter::strip_str(&coloured).to_string();
        let trimmed = |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
        assert_eq!(trimmed(&shown), trimmed(&report.to_string()));
    }

    #[test]
    fn an_early_end_is_said() {
        let mut report = sample::report();
        report.stopped = Some("interrupted".into());
        assert!(report.to_string().contains("\nstopped before the end: interrupted\n"));
    }
}
