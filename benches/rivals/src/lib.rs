//! What the measured programs have in common.

pub mod alone;
pub mod census;
pub mod echo;
pub mod ring;
pub mod sets;
