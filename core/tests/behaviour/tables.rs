//! When a table is asked to grow.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::NO_WAIT;
use crate::actor::{Actor, Events, Log, events};
use crate::memory::{Memory, Watch, pair};
use stheno_core::{EventLoop, Slot, Storage};

/// A heap whose end moves; counts how often it was asked for more.
struct Elastic<T> {
    items: Vec<T>,
    end: Rc<Cell<usize>>,
    asked: Rc<Cell<u32>>,
}

impl<T> Storage<T> for Elastic<T> {
    fn as_slice(&self) -> &[T] {
        &self.items
    }
    fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.items
    }
    fn push(&mut self, item: T) -> Result<(), T> {
        self.asked.set(self.asked.get() + 1);
        if self.items.len() == self.end.get() {
            return Err(item);
        }
        self.items.push(item);
        Ok(())
    }
    fn truncate(&mut self, len: usize) {
        self.items.truncate(len);
    }
}

#[test]
fn a_heap_that_was_full_is_asked_again_each_turn() {
    let (log, (net, watch)) = (Log::default(), pair());
    let (end, asked) = (Rc::new(Cell::new(1)), Rc::new(Cell::new(0)));
    let storage = Elastic::<Slot<Actor, Memory>> { items: Vec::new(), end: end.clone(), asked: asked.clone() };
    let mut events: EventLoop<Actor, Memory, Watch, _> = EventLoop::with_parts(net, watch, storage);
    events.set_spare(2);
    events.listen(7_u16, log.actor("door")).unwrap();
    events.net_mut().call(7);
    events.turn(NO_WAIT).unwrap();
    log.tells(["door error: accept: the table of channels is full"]);
    asked.set(0);
    for _ in 0..5 {
        events.turn(NO_WAIT).unwrap();
    }
    assert!((5..=10).contains(&asked.get()), "asked {} times in five turns", asked.get());
    log.tells([]);
    end.set(3);
    events.turn(NO_WAIT).unwrap();
    events.turn(NO_WAIT).unwrap();
    log.tells(["door accepted"]);
    assert_eq!(events.net().elapsed(), Duration::ZERO, "no pause was needed");

    // One place is vacant now; that there is no second one is found out once.
    asked.set(0);
    for _ in 0..5 {
        events.turn(NO_WAIT).unwrap();
    }
    assert!(asked.get() <= 1, "asked {} times for more than it needs", asked.get());
}

#[test]
fn what_has_been_used_is_used_again_first_and_no_slot_is_lost() {
    let (mut events, log) = (events(), Log::default());
    events.set_spare(3);
    let add = |events: &mut Events| {
        let (socket, _) = events.net_mut().connection();
        events.add(socket, log.actor("a")).unwrap()
    };
    let first = add(&mut events);
    add(&mut events);
    events.turn(NO_WAIT).unwrap();
    // Three are vacant; with the first one four, which is too few from now on.
    events.set_spare(6);
    events.close(first).unwrap();
    let taken = [(); 6].map(|()| add(&mut events).index());
    assert_eq!(taken, [0, 2, 3, 4, 5, 6]);
}

/// A loop that grows does not move what it holds, as long as the list has room.
#[cfg(feature = "alloc")]
#[test]
fn slots_stay_where_they_are_while_the_table_has_room() {
    const CHANNELS: usize = if cfg!(miri) { 200 } else { 1_000 };
    let (log, (net, watch)) = (Log::default(), pair());
    let table: Vec<Slot<Actor, Memory>> = Vec::with_capacity(CHANNELS + 64);
    let mut events: EventLoop<Actor, Memory, Watch, _> = EventLoop::with_parts(net, watch, table);
    let mut places = Vec::new();
    for number in 0..CHANNELS {
        let (socket, _) = events.net_mut().connection();
        let key = events.add(socket, log.actor("a")).unwrap();
        assert_eq!(key.index(), number, "the lowest number that was never used");
        places.push((key, std::ptr::from_ref(events.dispatcher(key).unwrap())));
        // The turn before which it keeps slots vacant.
        if number % 100 == 0 {
            events.turn(NO_WAIT).unwrap();
        }
    }
    events.turn(NO_WAIT).unwrap();
    for (key, place) in places {
        assert_eq!(std::ptr::from_ref(events.dispatcher(key).unwrap()), place, "{key} has moved");
    }
}

#[test]
fn who_comes_is_given_the_slot_that_was_left_last() {
    let (mut events, log) = (events(), Log::default());
    let add = |events: &mut Events| {
        let (socket, _) = events.net_mut().connection();
        events.add(socket, log.actor("a")).unwrap()
    };
    let keys: Vec<_> = (0..8).map(|_| add(&mut events)).collect();
    for left in [5, 1, 6] {
        events.close(keys[left]).unwrap();
    }
    let taken = [(); 4].map(|()| add(&mut events).index());
    assert_eq!(taken, [6, 1, 5, 8]);
}
