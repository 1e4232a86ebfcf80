//! The rules of the loop, on any network: where asyncore went wrong, and what is right.

use stheno::{Backend, Open, Received};

use super::{Case, Failure};
use crate::ground::{Ground, is_reset};

mod bounds;
mod closing;
mod connecting;
mod harm;
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
    ]
    .concat()
}

/// Takes what has come to a far end; false where its connection is over.
fn hear_all<G: Ground>(net: &mut G, peer: &mut G::Peer, into: &mut Vec<u8>) -> Result<bool, Failure> {
    let mut some = [0; 4096];
    loop {
        match net.hear(peer, &mut some) {
            Ok(Received::Data(n)) => into.extend(&some[..n]),
            Ok(Received::WouldBlock) => return Ok(true),
            Ok(Received::End) => return Ok(false),
            Err(why) if is_reset(&why) => return Ok(false),
            Err(why) => return Err(why),
        }
    }
}
