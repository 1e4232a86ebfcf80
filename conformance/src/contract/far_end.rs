//! What a far end hears.

use std::time::Duration;

use stheno::Received;

use super::Failure;
use super::support::{PATIENCE, hold};
use crate::ground::{Ground, is_reset};

/// Takes what has come to a far end; false where its connection is over.
pub(super) fn hear_all<G: Ground>(net: &mut G, peer: &mut G::Peer, into: &mut Vec<u8>) -> Result<bool, Failure> {
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

/// What a far end hears until so much has come, or its connection is over.
pub(super) fn hear<G: Ground>(net: &mut G, peer: &mut G::Peer, bytes: usize) -> Result<Vec<u8>, Failure> {
    let (mut heard, until) = (Vec::new(), net.clock() + PATIENCE);
    while hear_all(net, peer, &mut heard)? && heard.len() < bytes {
        hold(net.clock() < until, || format!("expected {bytes} bytes, came {} within {PATIENCE:?}", heard.len()))?;
        net.pass(Duration::from_millis(1));
    }
    Ok(heard)
}

/// What a far end hears until its connection is over.
pub(super) fn hear_to_the_end<G: Ground>(net: &mut G, peer: &mut G::Peer) -> Result<Vec<u8>, Failure> {
    hear(net, peer, usize::MAX)
}
