//! A channel for which nothing has changed is done with where its handler returns; the others are settled when all that fired
//! has been served.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::NO_WAIT;
use crate::actor::{Event, Log, events};
use crate::memory::{Memory, Table, Watch, pair};
use stheno_core::trace::{Observer, Seen, Traced};
use stheno_core::{Channel, Dispatcher, EventLoop, Interest, Result, Slot};

/// The predicates of `a` are asked after its handler; that its answer depends on what `b` does later is for `b` to say.
#[test]
fn who_changes_anothers_answer_touches_it() {
    for touches in [false, true] {
        let (log, mut events) = (Log::default(), events());
        let a = log.actor("a");
        let writes = a.wants.write.clone();
        let (near, far_a) = events.net_mut().connection();
        let a = events.add(near, a).unwrap();
        let (near, far_b) = events.net_mut().connection();
        let b = log.actor("b").on(move |event, channel| {
            if let Event::Read = event {
                writes.set(true);
                if touches {
                    channel.neighbour(a).unwrap().1.touch();
                }
            }
            None
        });
        events.add(near, b).unwrap();
        events.run_turns(1, NO_WAIT).unwrap();
        events.net_mut().say(far_a, b"1");
        events.net_mut().say(far_b, b"2");
        events.run_turns(1, NO_WAIT).unwrap();
        assert_eq!(events.net().interest(a).unwrap().contains(Interest::WRITE), touches);
    }
}

#[derive(Default, Clone)]
struct Look(Rc<RefCell<Vec<Seen>>>);

impl Observer for Look {
    fn see(&mut self, seen: Seen) {
        self.0.borrow_mut().push(seen);
    }
}

type Watched = EventLoop<Reader, Traced<Memory, Look>, Watch, Table<Slot<Reader, Traced<Memory, Look>>>>;

/// Reads, and wants to write once it has been told to.
struct Reader(Rc<Cell<bool>>);

impl Dispatcher<Traced<Memory, Look>> for Reader {
    fn writable(&self) -> bool {
        self.0.get()
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Traced<Memory, Look>, Self>) -> Result<()> {
        channel.recv(&mut [0; 8]).map(drop)
    }
}

#[test]
fn who_stays_as_it_is_is_seen_at_once_and_who_changes_at_the_end() {
    let (below, watch) = pair();
    let look = Look::default();
    let mut events = Watched::with_parts(Traced { below, observer: look.clone() }, watch, Table::default());
    let (stays, changes) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    let [a, b] = [&changes, &stays].map(|writes| {
        let (near, far) = events.net_mut().below.connection();
        (events.add(near, Reader(writes.clone())).unwrap(), far)
    });
    events.run_turns(1, NO_WAIT).unwrap();
    changes.set(true);
    for (_, far) in [a, b] {
        events.net_mut().below.say(far, b"1");
    }
    look.0.borrow_mut().clear();
    events.run_turns(1, NO_WAIT).unwrap();
    let seen = look.0.take();
    let order: Vec<_> = seen
        .iter()
        .filter_map(|seen| match seen {
            Seen::Fired(key, _) => Some(("fired", *key)),
            Seen::Watched(key, _) => Some(("watched", *key)),
            _ => None,
        })
        .collect();
    assert_eq!(order, [("fired", a.0), ("fired", b.0), ("watched", b.0), ("watched", a.0)]);
}
