//! What an error says: the reason, what was being done, and to what.

use core::fmt;
use core::net::SocketAddr;

use super::{Error, ErrorKind};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Words {
    text: &'static str,
    pub(super) doing: &'static str,
    pub(super) subject: Subject,
}

/// What an operation was done to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    Nothing,
    Descriptor(i32),
    Address(SocketAddr),
    /// The end of a text of which the beginning may be cut off.
    Text {
        bytes: [u8; Error::TEXT],
        len: u8,
        cut: bool,
    },
}

impl Words {
    pub(super) const fn new(text: &'static str) -> Self {
        Self { text, doing: "", subject: Subject::Nothing }
    }

    pub(super) const fn doing(&mut self, what: &'static str) {
        if self.doing.is_empty() {
            self.doing = what;
        }
    }

    pub(super) const fn on_descriptor(&mut self, number: i32) {
        self.subject = Subject::Descriptor(number);
    }

    pub(super) const fn on_address(&mut self, address: SocketAddr) {
        self.subject = Subject::Address(address);
    }

    pub(super) fn on_text(&mut self, name: &str) {
        let mut from = name.len().saturating_sub(Error::TEXT);
        while !name.is_char_boundary(from) {
            from += 1;
        }
        let kept = name.get(from..).unwrap_or_default().as_bytes();
        let mut bytes = [0; Error::TEXT];
        for (to, byte) in bytes.iter_mut().zip(kept) {
            *to = *byte;
        }
        self.subject = Subject::Text { bytes, len: kept.len() as u8, cut: from > 0 };
    }

    pub(super) const fn text(&self, _: ErrorKind) -> &'static str {
        self.text
    }

    /// Says what was being done, and to what, as far as that is known.
    pub(super) fn introduce(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.doing)?;
        let between = if self.doing.is_empty() { "" } else { " " };
        match &self.subject {
            Subject::Nothing => {}
            Subject::Descriptor(number) => write!(f, "{between}descriptor {number}")?,
            Subject::Address(address) => write!(f, "{between}{address}")?,
            Subject::Text { bytes, len, cut } => {
                let name = bytes.get(..usize::from(*len)).and_then(|kept| core::str::from_utf8(kept).ok());
                write!(f, "{between}{}{}", if *cut { "…" } else { "" }, name.unwrap_or("?"))?;
            }
        }
        f.write_str(if self.doing.is_empty() && self.subject == Subject::Nothing { "" } else { ": " })
    }
}
