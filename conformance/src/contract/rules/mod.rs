//! The rules of the loop, on any network: where asyncore went wrong, and what is right.

use stheno::{Backend, Open};

use super::Case;
use crate::ground::Ground;

mod bounds;
mod closing;
mod connecting;
mod harm;
mod interrupted;
mod loss;
mod order;
mod silence;
mod time;

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    [
        order::cases::<G, B>(),
        closing::cases::<G, B>(),
        loss::cases::<G, B>(),
        connecting::cases::<G, B>(),
        silence::cases::<G, B>(),
        harm::cases::<G, B>(),
        bounds::cases::<G, B>(),
        time::cases::<G, B>(),
        interrupted::cases::<G, B>(),
    ]
    .concat()
}
