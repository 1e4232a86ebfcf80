//! What can go wrong, by Linux's numbers.

use stheno_core::Error;
use stheno_core::ErrorKind::{self, *};

/// A failure, classified once. (N2)
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Errno {
    BadDescriptor,
    Invalid,
    NoSockets,
    Pipe,
    Unsupported,
    InUse,
    NoAddress,
    Reset,
    Connected,
    NotConnected,
    Refused,
}

impl Errno {
    pub(crate) const fn doing(self, what: &'static str) -> Error {
        let (code, kind, text): (i32, ErrorKind, _) = match self {
            Self::BadDescriptor => (9, BadDescriptor, "not a socket of this stack"),
            Self::Invalid => (22, Invalid, "invalid argument"),
            Self::NoSockets => (23, Exhausted, "no more sockets in this stack"),
            Self::Pipe => (32, Disconnected, "broken pipe"),
            Self::Unsupported => (95, Unsupported, "not on this stack"),
            Self::InUse => (98, Other, "address already in use"),
            Self::NoAddress => (99, Other, "no such address here"),
            Self::Reset => (104, Disconnected, "connection reset by peer"),
            Self::Connected => (106, Other, "already connected"),
            Self::NotConnected => (107, Disconnected, "not connected"),
            Self::Refused => (111, Disconnected, "connection refused"),
        };
        Error::new(kind, text).with_code(code).doing(what)
    }
}

/// A number in words.
pub(crate) const fn describe(code: i32) -> &'static str {
    match code {
        0 => "no error",
        9 => "not a socket of this stack",
        22 => "invalid argument",
        23 => "no more sockets in this stack",
        32 => "broken pipe",
        95 => "not on this stack",
        98 => "address already in use",
        99 => "no such address here",
        104 => "connection reset by peer",
        106 => "already connected",
        107 => "not connected",
        111 => "connection refused",
        _ => "unknown error",
    }
}
