//! What the defaults have to say: through the `log` crate where the feature is on, else to nobody.

use core::fmt::Arguments;

use crate::{Error, Key};

/// An event that no handler took.
pub(crate) fn unhandled(key: Key, event: &str) {
    warn(format_args!("channel {key}: unhandled {event} event"));
}

/// A failure that the default `handle_error` met.
pub(crate) fn failed(key: Key, what: &str, why: &Error) {
    error(format_args!("channel {key}: {what}: {why}"));
}

#[cfg(feature = "log")]
fn warn(what: Arguments<'_>) {
    log::warn!(target: "stheno", "{what}");
}

#[cfg(feature = "log")]
fn error(what: Arguments<'_>) {
    log::error!(target: "stheno", "{what}");
}

#[cfg(not(feature = "log"))]
fn warn(_: Arguments<'_>) {}

#[cfg(not(feature = "log"))]
fn error(_: Arguments<'_>) {}
