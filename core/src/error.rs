//! Errors that say what was being done, to what, and why it failed.
//!
//! An error is plain data: no heap, no formatting until someone prints it. Whoever does the I/O classifies its failure
//! once, into an [`ErrorKind`]; everything after that goes by the kind and never looks at the system's number.

use core::convert::Infallible;
use core::fmt;
use core::net::SocketAddr;

#[cfg(not(feature = "words"))]
#[path = "error/no_words.rs"]
mod words;
#[cfg(feature = "words")]
mod words;

use words::Words;

/// The result of everything here that can fail.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// What an error means for the channel it came from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ErrorKind {
    /// Nothing to receive, or no room to send, right now. Most operations report this as a value instead.
    WouldBlock,
    /// A signal came; the same call may be made again.
    Interrupted,
    /// The connection attempt goes on; its end is told by [`handle_connect`](crate::Dispatcher::handle_connect).
    InProgress,
    /// The connection is over: reset, broken pipe, timed out, unreachable, refused.
    Disconnected,
    /// The system has no more descriptors, buffers or memory for now.
    Exhausted,
    /// The descriptor is not open, or not the kind that the operation needs.
    BadDescriptor,
    /// A table, buffer or outbox of fixed size has no room left.
    Full,
    /// The [`Key`](crate::Key) names a channel that is closed.
    Stale,
    /// The operation does not exist here: for this state of the channel, or on this network.
    Unsupported,
    /// An argument makes no sense: an address that does not parse, a descriptor past a set's size.
    Invalid,
    /// A handler's own failure; see [`Error::user`].
    User,
    /// Anything else the system said.
    Other,
}

/// What failed, on what, and why.
///
/// Prints as one line: what was being done, to what, the reason, and the system's number where there is one.
///
/// ```
/// use stheno_core::{Error, ErrorKind};
/// let why = Error::new(ErrorKind::Other, "address already in use").with_code(98).doing("bind");
/// # #[cfg(feature = "words")]
/// assert_eq!(why.to_string(), "bind: address already in use (os error 98)");
/// # #[cfg(feature = "words")]
/// assert_eq!(Error::user("no such room", 7).to_string(), "no such room (7)");
/// ```
///
/// Words are kept with the feature `words`, which is on unless it is turned off. Without it an error is a kind and a number
/// and takes 8 bytes, so that programs for small machines are a good deal smaller; it reads as the kind's name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error {
    words: Words,
    code: i32,
    kind: ErrorKind,
}

impl Error {
    /// How many bytes of a name [`on_text`](Self::on_text) keeps: its last ones.
    pub const TEXT: usize = 46;

    /// An error of this kind, with the reason in words.
    pub const fn new(kind: ErrorKind, text: &'static str) -> Self {
        Self { words: Words::new(text), code: 0, kind }
    }

    /// A handler's own failure: a text, and a number of the program's choice.
    ///
    /// Returned from a handler it becomes [`handle_error`](crate::Dispatcher::handle_error) on that channel alone.
    pub const fn user(text: &'static str, code: i32) -> Self {
        Self::new(ErrorKind::User, text).with_code(code)
    }

    /// The same error with the system's number, which core hands on and never looks at.
    #[must_use]
    pub const fn with_code(mut self, code: i32) -> Self {
        self.code = code;
        self
    }

    /// The same error, saying what was being done; the first word said stays.
    #[must_use]
    pub const fn doing(mut self, what: &'static str) -> Self {
        self.words.doing(what);
        self
    }

    /// The same error, saying which descriptor it was done to.
    #[must_use]
    pub const fn on_descriptor(mut self, number: i32) -> Self {
        self.words.on_descriptor(number);
        self
    }

    /// The same error, saying which address it was done to.
    #[must_use]
    pub const fn on_address(mut self, address: SocketAddr) -> Self {
        self.words.on_address(address);
        self
    }

    /// The same error, naming what it was done to; of a long name the last [`TEXT`](Self::TEXT) bytes are kept.
    #[must_use]
    pub fn on_text(mut self, name: &str) -> Self {
        self.words.on_text(name);
        self
    }

    /// What it means for the channel.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The system's number (errno), or the user's own; 0 where there is none.
    #[doc(alias = "errno")]
    pub const fn code(&self) -> i32 {
        self.code
    }

    /// The reason in words, without what was being done.
    pub const fn text(&self) -> &'static str {
        self.words.text(self.kind)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.words.introduce(f)?;
        f.write_str(self.text())?;
        match (self.code, self.kind) {
            (0, _) => Ok(()),
            (code, ErrorKind::User) => write!(f, " ({code})"),
            (code, _) => write!(f, " (os error {code})"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({self})", self.kind)
    }
}

impl core::error::Error for Error {}

/// So that an address that needs no parsing can stand where one that does is asked for.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

#[cfg(feature = "defmt")]
mod format;

#[cfg(all(test, feature = "words"))]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn says_what_was_done_to_what_and_why() {
        let why = Error::new(ErrorKind::Disconnected, "connection refused").with_code(111);
        assert_eq!(why.to_string(), "connection refused (os error 111)");
        let at = SocketAddr::from(([127, 0, 0, 1], 7));
        assert_eq!(
            why.doing("connect").on_address(at).to_string(),
            "connect 127.0.0.1:7: connection refused (os error 111)"
        );
        assert_eq!(
            why.doing("recv").on_descriptor(5).doing("send").to_string(),
            "recv descriptor 5: connection refused (os error 111)"
        );
        assert_eq!((why.kind(), why.code(), why.text()), (ErrorKind::Disconnected, 111, "connection refused"));
        assert_eq!(std::format!("{why:?}"), "Disconnected(connection refused (os error 111))");
    }

    #[test]
    fn long_names_keep_their_end() {
        let why = Error::new(ErrorKind::Other, "no").doing("bind");
        assert_eq!(why.on_text("unix:/s").to_string(), "bind unix:/s: no");
        let long = "ä".repeat(60);
        assert_eq!(why.on_text(&long).to_string(), std::format!("bind …{}: no", "ä".repeat(23)));
        let odd = long + "x";
        assert_eq!(why.on_text(&odd).to_string(), std::format!("bind …{}x: no", "ä".repeat(22)));
    }
}

#[cfg(all(test, not(feature = "words")))]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn without_words_it_is_a_kind_and_a_number() {
        assert_eq!(size_of::<Error>(), 8);
        let why = Error::new(ErrorKind::Disconnected, "connection refused").with_code(111).doing("recv").on_text("x");
        assert_eq!((why.kind(), why.code(), why.text()), (ErrorKind::Disconnected, 111, "disconnected"));
        assert_eq!(why.to_string(), "disconnected (os error 111)");
        assert_eq!(Error::user("no such room", 7).on_descriptor(5).to_string(), "failed (7)");
    }
}
