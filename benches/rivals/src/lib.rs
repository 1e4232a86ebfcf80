//! What the measured programs have in common.

pub mod alone;
pub mod census;
pub mod echo;
#[cfg(feature = "parts")]
pub mod parts;
pub mod ring;
pub mod sets;
