//! What CPython's own tests of asyncore assert, as facts about this loop: a module for each of their classes, a case of the
//! same name for each of their methods.
//!
//! `facts` lists them all, with the reasons for those that cannot be asked here. CPython runs the methods of `BaseTestAPI`
//! for IPv4, for IPv6 and in the Unix family; so do these, where the network has the family.

use std::time::Duration;

use stheno::{Backend, Dispatcher, EventLoop, Kind, Open};

use super::support::{Counted, PATIENCE, hold};
use super::{Case, Failure, Verdict};
use crate::ground::Ground;

pub(super) mod base_test_api;
mod dispatcher_tests;
pub(super) mod dispatcher_with_send_tests;
mod file_wrapper_test;
mod helper_function_tests;

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    [
        helper_function_tests::cases::<G, B>(),
        dispatcher_tests::cases::<G, B>(),
        dispatcher_with_send_tests::cases::<G, B>(),
        file_wrapper_test::cases::<G, B>(),
        base_test_api::cases::<G, B>(),
    ]
    .concat()
}

/// Two cases of one check, which takes the address to listen at: one for each family of addresses.
macro_rules! for_both_families {
    ($name:literal, $clauses:literal, $check:ident $(, $need:expr)*) => {
        [
            Case::new($name, $clauses, || $check::<G, B>(&G::anywhere(Family::Inet)?)).needing(&[$($need),*]),
            Case::new(concat!($name, "-inet6"), $clauses, || $check::<G, B>(&G::anywhere(Family::Inet6)?))
                .needing(&[Need::Inet6 $(, $need)*]),
        ]
    };
}
use for_both_families;

type Events<T, G, B> = EventLoop<T, G, Counted<B>>;

/// Turns until it is so.
fn turn_until<T, G, B>(
    events: &mut Events<T, G, B>,
    what: &str,
    mut done: impl FnMut(&mut Events<T, G, B>) -> Result<bool, Failure>,
) -> Verdict
where
    T: Dispatcher<G>,
    G: Ground,
    B: Backend<G>,
{
    let until = events.net().clock() + PATIENCE;
    while !done(events)? {
        hold(events.net().clock() < until, || format!("{what}: not within {PATIENCE:?}"))?;
        events.turn(Some(Duration::from_millis(20)))?;
    }
    Ok(())
}

/// A listening socket in nobody's loop, and where it is.
fn door<G: Ground>(net: &mut G, at: &G::Address) -> Result<(G::Socket, G::Address), Failure> {
    let mut door = net.socket(Kind::Stream, at)?;
    net.bind(&mut door, at)?;
    net.listen(&mut door, 4)?;
    let at = net.local_address(&door)?;
    Ok((door, at))
}

/// A socket in nobody's loop that calls this address.
fn caller<G: Ground>(net: &mut G, to: &G::Address) -> Result<G::Socket, Failure> {
    let mut caller = net.socket(Kind::Stream, to)?;
    net.connect(&mut caller, to)?;
    Ok(caller)
}
