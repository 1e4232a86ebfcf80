//! What a loop is lived on with: ends told apart, time, pressure, an end in good order, and what can be seen of it.

use stheno::{Backend, Open};

use super::Case;
use crate::ground::Ground;

mod draining;
mod half_close;
mod lending;
mod pressure;
mod seen;
mod timers;

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    [
        half_close::cases::<G, B>(),
        timers::cases::<G, B>(),
        pressure::cases::<G, B>(),
        lending::cases::<G, B>(),
        draining::cases::<G, B>(),
        seen::cases::<G, B>(),
    ]
    .concat()
}
