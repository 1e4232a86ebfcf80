//! An error for `defmt`: the parts of the line that it prints.

use defmt::{Format, Formatter, write};

use super::{Error, ErrorKind};

impl Format for Error {
    fn format(&self, f: Formatter<'_>) {
        #[cfg(feature = "words")]
        introduce(&self.words, f);
        write!(f, "{=str}", self.text());
        match (self.code, self.kind) {
            (0, _) => {}
            (code, ErrorKind::User) => write!(f, " ({=i32})", code),
            (code, _) => write!(f, " (os error {=i32})", code),
        }
    }
}

#[cfg(feature = "words")]
fn introduce(words: &super::Words, f: Formatter<'_>) {
    use super::words::Subject;

    write!(f, "{=str}", words.doing);
    let between = if words.doing.is_empty() { "" } else { " " };
    match &words.subject {
        Subject::Nothing => {}
        Subject::Descriptor(number) => write!(f, "{=str}descriptor {=i32}", between, number),
        Subject::Address(address) => write!(f, "{=str}{}", between, address),
        Subject::Text { bytes, len, cut } => {
            let name = bytes.get(..usize::from(*len)).and_then(|kept| core::str::from_utf8(kept).ok());
            write!(f, "{=str}{=str}{=str}", between, if *cut { "…" } else { "" }, name.unwrap_or("?"));
        }
    }
    write!(f, "{=str}", if words.doing.is_empty() && words.subject == Subject::Nothing { "" } else { ": " });
}
