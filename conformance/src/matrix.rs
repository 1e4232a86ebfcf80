//! What came of a run: cases down, backends across.

use std::fmt;

use crate::suite::Backing;

/// What came of one case on one backend.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cell {
    /// As it should be.
    Passed,
    /// Not as it should be, and how.
    Failed(String),
    /// Not run, and why.
    Skipped(String),
}

impl Cell {
    /// A failure that shows how two transcripts differ.
    pub fn differs(expected: &[String], told: &[String]) -> Self {
        Self::Failed(difference(expected, told))
    }

    const fn word(&self) -> &'static str {
        match self {
            Self::Passed => "ok",
            Self::Failed(_) => "FAILED",
            Self::Skipped(_) => "skipped",
        }
    }

    fn detail(&self) -> Option<&str> {
        match self {
            Self::Passed => None,
            Self::Failed(why) | Self::Skipped(why) => Some(why),
        }
    }
}

/// One case on every backend.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The case.
    pub name: String,
    /// What came of it, backend by backend.
    pub cells: Vec<Cell>,
}

impl Row {
    pub(crate) fn new(name: String, backings: &[Backing]) -> Self {
        Self { name, cells: vec![Cell::Skipped("not run".into()); backings.len()] }
    }
}

/// What came of a run. Prints as a matrix, with the reasons below it and a closing line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The columns.
    pub backends: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
}

impl Report {
    /// How many cells failed.
    pub fn failed(&self) -> usize {
        self.count(|cell| matches!(cell, Cell::Failed(_)))
    }

    /// How many cells passed.
    pub fn passed(&self) -> usize {
        self.count(|cell| *cell == Cell::Passed)
    }

    /// How many cells were not run.
    pub fn skipped(&self) -> usize {
        self.count(|cell| matches!(cell, Cell::Skipped(_)))
    }

    fn count(&self, which: impl Fn(&Cell) -> bool) -> usize {
        self.rows.iter().flat_map(|row| &row.cells).filter(|cell| which(cell)).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max("case".len());
        let widths: Vec<_> = self.backends.iter().map(|name| name.len().max("skipped".len())).collect();
        write!(f, "{:first$}", "case")?;
        for (name, width) in self.backends.iter().zip(&widths) {
            write!(f, "  {name:width$}")?;
        }
        writeln!(f)?;
        for row in &self.rows {
            write!(f, "{:first$}", row.name)?;
            for (cell, width) in row.cells.iter().zip(&widths) {
                write!(f, "  {:width$}", cell.word())?;
            }
            writeln!(f)?;
        }
        for row in &self.rows {
            for (cell, backend) in row.cells.iter().zip(&self.backends) {
                if let Some(detail) = cell.detail() {
                    writeln!(f, "\n{} on {backend} {}:", row.name, cell.word())?;
                    detail.lines().try_for_each(|line| writeln!(f, "    {line}"))?;
                }
            }
        }
        write!(f, "\n{} passed, {} failed, {} skipped", self.passed(), self.failed(), self.skipped())
    }
}

/// Two transcripts side by side, line by line: `-` is missing, `+` is too much.
pub(crate) fn difference(expected: &[String], told: &[String]) -> String {
    // The longest common subsequence, by the book: transcripts are short.
    let (rows, columns) = (expected.len(), told.len());
    let mut common = vec![vec![0_usize; columns + 1]; rows + 1];
    for i in (0..rows).rev() {
        for j in (0..columns).rev() {
            common[i][j] =
                if expected[i] == told[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < rows || j < columns {
        if i < rows && j < columns && expected[i] == told[j] {
            lines.push(format!("  {}", expected[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == columns || i < rows && common[i + 1][j] >= common[i][j + 1] {
            lines.push(format!("- {}", expected[i]));
            i += 1;
        } else {
            lines.push(format!("+ {}", told[j]));
            j += 1;
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.split(' ').map(Into::into).collect()
    }

    #[test]
    fn differences_are_line_by_line() {
        assert_eq!(difference(&lines("a b c"), &lines("a x c d")), "  a\n- b\n+ x\n  c\n+ d");
        assert_eq!(difference(&lines("a"), &[]), "- a");
    }

    #[test]
    fn a_report_reads_as_a_matrix() {
        let report = Report {
            backends: vec!["poll".into(), "epoll".into()],
            rows: vec![
                Row { name: "one".into(), cells: vec![Cell::Passed, Cell::Failed("- a\n+ b".into())] },
                Row { name: "other".into(), cells: vec![Cell::Skipped("no".into()), Cell::Passed] },
            ],
        };
        let text = report.to_string();
        assert!(text.starts_with("case   poll     epoll  \none    ok       FAILED \nother  skipped  ok"), "{text}");
        assert!(text.contains("one on epoll FAILED:\n    - a\n    + b\n"), "{text}");
        assert!(text.ends_with("2 passed, 1 failed, 1 skipped"), "{text}");
    }
}
