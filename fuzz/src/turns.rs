//! A whole loop on a network in memory: the world, the program and the handlers all do whatever the input says.
//!
//! The network and its backend assert what the loop owes them (see `core/tests/memory`); what else must hold, whatever
//! anybody does, stands at the assertions of the [`book`](book).

mod book;
mod member;
mod world;

use crate::tape::Tape;
use world::World;

/// Plays until nothing is left to decide, and then until nothing happens any more.
pub fn run(bytes: &[u8]) {
    let mut world = World::new(Tape::new(bytes));
    while !world.is_over() {
        world.step();
    }
    world.end();
}
