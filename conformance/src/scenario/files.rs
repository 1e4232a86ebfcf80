//! Stories in files.

use std::fmt;
use std::path::{Path, PathBuf};

use super::Scenario;

/// What is wrong with a scenario file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Malformed {
    /// The file.
    pub file: PathBuf,
    /// The line's number, from 1; 0 where the file could not be read.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file.display(), self.what),
            line => write!(f, "{}:{line}: {}", self.file.display(), self.what),
        }
    }
}

impl std::error::Error for Malformed {}

impl Scenario {
    /// Reads one file.
    pub fn load(file: &Path) -> Result<Self, Malformed> {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let unread = |what: std::io::Error| Malformed { file: file.into(), line: 0, what: what.to_string() };
        let source = std::fs::read_to_string(file).map_err(unread)?;
        Self::parse(&name, &source).map_err(|(line, what)| Malformed { file: file.into(), line, what })
    }

    /// Reads every `.scn` file of a folder, by name. One that is malformed does not keep the others from being told.
    pub fn load_all(folder: &Path) -> Result<Vec<Result<Self, Malformed>>, Malformed> {
        let unread = |what: std::io::Error| Malformed { file: folder.into(), line: 0, what: what.to_string() };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(unread)? {
            let file = entry.map_err(unread)?.path();
            if file.extension().is_some_and(|ending| ending == "scn") {
                files.push(file);
            }
        }
        files.sort();
        Ok(files.iter().map(|file| Self::load(file)).collect())
    }
}
