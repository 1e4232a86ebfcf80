//! What an error says without the feature `words`: the name of its kind.

use core::fmt;
use core::net::SocketAddr;

use super::ErrorKind;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Words;

impl Words {
    pub(super) const fn new(_: &'static str) -> Self {
        Self
    }

    pub(super) const fn doing(&mut self, _: &'static str) {}

    pub(super) const fn on_descriptor(&mut self, _: i32) {}

    pub(super) const fn on_address(&mut self, _: SocketAddr) {}

    pub(super) fn on_text(&mut self, _: &str) {}

    pub(super) const fn text(&self, kind: ErrorKind) -> &'static str {
        match kind {
            ErrorKind::WouldBlock => "would block",
            ErrorKind::Interrupted => "interrupted",
            ErrorKind::InProgress => "in progress",
            ErrorKind::Disconnected => "disconnected",
            ErrorKind::Exhausted => "exhausted",
            ErrorKind::BadDescriptor => "bad descriptor",
            ErrorKind::Full => "full",
            ErrorKind::Stale => "stale",
            ErrorKind::Unsupported => "unsupported",
            ErrorKind::Invalid => "invalid",
            ErrorKind::User => "failed",
            ErrorKind::Other => "other failure",
        }
    }

    pub(super) fn introduce(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}
