//! Tables that stand well on a terminal and in Markdown.

use std::fmt;

/// Rows of text under titles; the first column is a name and the others are numbers.
pub struct Table {
    titles: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new<T: Into<String>>(titles: impl IntoIterator<Item = T>) -> Self {
        Self { titles: titles.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Cells that a row lacks are empty.
    pub fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
        let lines = || std::iter::once(&self.titles).chain(&self.rows);
        let width = |column| lines().map(|row| cell(row, column).chars().count()).max().unwrap_or(0).max(2);
        for (number, row) in lines().enumerate() {
            for column in 0..self.titles.len() {
                let (cell, width) = (cell(row, column), width(column));
                if column == 0 { write!(f, "| {cell:<width$} |")? } else { write!(f, " {cell:>width$} |")? }
            }
            writeln!(f)?;
            if number == 0 {
                for column in 0..self.titles.len() {
                    let dashes = "-".repeat(width(column) - 1);
                    if column == 0 { write!(f, "| {dashes}- |")? } else { write!(f, " {dashes}: |")? }
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }
}

/// A cost, and how often the floor's it is.
pub fn beside(cost: f64, floor: Option<f64>, digits: usize) -> String {
    match floor {
        Some(floor) if floor > 0.0 => format!("{cost:.digits$} ({:.2})", cost / floor),
        _ => format!("{cost:.digits$}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Table, beside};

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let mut table = Table::new(["server", "µs"]);
        table.row(["a", "12.5"]);
        table.row(["longer name"]);
        let text = "| server      |   µs |\n| ----------- | ---: |\n| a           | 12.5 |\n| longer name |      |\n";
        assert_eq!(table.to_string(), text);
    }

    #[test]
    fn a_ratio_is_to_the_floor_and_only_where_there_is_one() {
        assert_eq!(beside(3.0, Some(2.0), 1), "3.0 (1.50)");
        assert_eq!(beside(3.0, Some(0.0), 1), "3.0");
        assert_eq!(beside(3.25, None, 2), "3.25");
    }
}
