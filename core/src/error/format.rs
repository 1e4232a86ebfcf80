//! An error for `defmt`: the parts of the line that it prints.

use defmt::{Format, Formatter, write};

use super::{Error, ErrorKind, Subject};

impl Format for Error {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "{=str}", self.doing);
        let mut between = if self.doing.is_empty() { "" } else { " " };
        match &self.subject {
            Subject::Nothing => {}
            Subject::Descriptor(number) => write!(f, "{=str}descriptor {=i32}", between, number),
            Subject::Address(address) => write!(f, "{=str}{}", between, address),
            Subject::Text { bytes, len, cut } => {
                let name = bytes.get(..usize::from(*len)).and_then(|kept| core::str::from_utf8(kept).ok());
                write!(f, "{=str}{=str}{=str}", between, if *cut { "…" } else { "" }, name.unwrap_or("?"));
            }
        }
        if !(self.doing.is_empty() && self.subject == Subject::Nothing) {
            between = ": ";
        }
        write!(f, "{=str}{=str}", between, self.text);
        match (self.code, self.kind) {
            (0, _) => {}
            (code, ErrorKind::User) => write!(f, " ({=i32})", code),
            (code, _) => write!(f, " (os error {=i32})", code),
        }
    }
}
