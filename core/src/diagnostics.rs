//! What the defaults have to say: through the `log` crate where its feature is on, through `defmt` where that is, through
//! both where both are, else to nobody.

use crate::{Error, Key};

/// An event that no handler took.
#[cfg_attr(not(any(feature = "log", feature = "defmt")), expect(unused_variables))]
pub(crate) fn unhandled(key: Key, event: &str) {
    #[cfg(feature = "log")]
    log::warn!(target: "stheno", "channel {key}: unhandled {event} event");
    #[cfg(feature = "defmt")]
    defmt::warn!("channel {}: unhandled {=str} event", key, event);
}

/// A failure that the default `handle_error` met.
#[cfg_attr(not(any(feature = "log", feature = "defmt")), expect(unused_variables))]
pub(crate) fn failed(key: Key, what: &str, why: &Error) {
    #[cfg(feature = "log")]
    log::error!(target: "stheno", "channel {key}: {what}: {why}");
    #[cfg(feature = "defmt")]
    defmt::error!("channel {}: {=str}: {}", key, what, why);
}
