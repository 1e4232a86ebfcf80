//! A report in the forms in which it is read: by people, and by programs.

use std::io::{self, Write};

use crate::matrix::Report;

pub(crate) mod difference;
mod json;
mod junit;
mod text;

#[cfg(test)]
mod sample;

/// A form of a report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
    /// The XML that continuous integration reads: a suite for each backend.
    Junit,
}

impl Format {
    /// Every form by its name.
    pub const ALL: &[(&str, Self)] = &[("text", Self::Text), ("json", Self::Json), ("junit", Self::Junit)];

    /// The form of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(own, _)| *own == name).map(|(_, format)| *format)
    }
}

impl Report {
    /// Writes the report, with a newline at its end. Colours are for text alone.
    pub fn write(&self, format: Format, colour: bool, to: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Text => writeln!(to, "{}", text::Text { report: self, colour }),
            Format::Json => json::write(self, to),
            Format::Junit => junit::write(self, to),
        }
    }

    /// The command that repeats one cell, ready for a shell: with this crate's program, or, where that does not know the
    /// backend, with the tests of whoever does.
    pub(crate) fn command(&self, row: &crate::matrix::Row, backend: &str) -> String {
        let words = self.again(row, backend);
        if !["select", "poll", "epoll", "sim"].contains(&backend) {
            let name = words.last().map_or("", |name| name);
            let name = shlex::try_quote(name).unwrap_or(name.into());
            return format!("STHENO_CASES={name} cargo test");
        }
        let quoted = shlex::try_join(words.iter().map(String::as_str));
        format!("cargo {}", quoted.unwrap_or_else(|_| words.join(" ")))
    }
}
