//! Rule 6: silence is free.

use std::cell::Cell;
use std::rc::Rc;

use crate::NO_WAIT;
use crate::actor::{Actor, Event, Log, events};
use crate::memory::{HANG, Memory, Table, Watch, pair};
use stheno_core::{Dispatcher, EventLoop, Fired, Half, Interest, Readiness, Slot};

/// All defaults.
struct Silent;
impl Dispatcher<Memory> for Silent {}

fn silent() -> EventLoop<Silent, Memory, Watch, Table<Slot<Silent, Memory>>> {
    let (net, watch) = pair();
    EventLoop::with_parts(net, watch, Table::default())
}

#[test]
fn defaults_do_not_spin() {
    let mut events = silent();
    let (socket, far) = events.net_mut().connection();
    let key = events.add(socket, Silent).unwrap();
    events.net_mut().say(far, b"unread");
    events.net_mut().urge(far, b'!');
    assert_eq!(events.run(), Err(HANG), "nothing is left to wake for");
    assert_eq!(events.net().count.wait, 2, "one for what nobody handled, one that lasts");
    assert_eq!(events.net().interest(key), None);
    events.net_mut().hang_up(far);
    assert_eq!(events.run(), Err(HANG), "nor for the hang-up");
    assert!(events.net().count.wait <= 4);
    // Rule 6: until the predicate is touched.
    events.touch(key).unwrap();
    events.settle();
    assert_eq!(events.net().interest(key), Some(Interest::ALL));
}

/// Of all defaults only PRIORITY is left; then the peer hangs up, and poll reports that for PRIORITY alone.
#[test]
fn priority_alone_is_parked_on_a_hangup() {
    let mut events = silent();
    let (socket, far) = events.net_mut().connection();
    let key = events.add(socket, Silent).unwrap();
    events.net_mut().say(far, b"unread");
    events.turn(NO_WAIT).unwrap();
    assert_eq!(events.net().interest(key), Some(Interest::PRIORITY));
    events.net_mut().hang_up(far);
    let waits = events.net().count.wait;
    assert_eq!(events.run(), Err(HANG));
    assert_eq!(events.net().count.wait, waits + 2);
    assert_eq!(events.net().interest(key), None, "parked");
    let calls = events.net().count.changes();
    events.channel(key).unwrap();
    assert_eq!(events.run(), Err(HANG));
    assert_eq!(events.net().count.changes(), calls, "asked again, it still wants the same");
    events.touch(key).unwrap();
    events.settle();
    assert_eq!(events.net().interest(key), Some(Interest::ALL), "its interest changed");
}

/// Nobody handles what can be read; with both halves shut there is nothing to handle, and the end is told.
#[test]
fn what_nobody_handled_does_not_hide_the_end() {
    let (mut events, log) = (crate::actor::events(), Log::default());
    let (socket, far) = events.net_mut().connection();
    let reader = log.actor("a").on(|event, channel| match event {
        crate::actor::Event::Read => Some(Unwritten.handle_read(channel)),
        _ => None,
    });
    let key = events.add(socket, reader).unwrap();
    events.net_mut().say(far, b"unread");
    events.turn(NO_WAIT).unwrap();
    log.tells(["a read"]);
    let (_, mut io) = events.channel(key).unwrap();
    io.shutdown(Half::Read).unwrap();
    io.shutdown(Half::Write).unwrap();
    events.net_mut().hang_up(far);
    events.run().unwrap();
    log.tells(["a close: end of stream"]);
}

/// What handlers are unless they are written.
struct Unwritten;
impl Dispatcher<Memory, Actor> for Unwritten {}

#[test]
fn a_slots_next_channel_is_not_muted() {
    let mut events = silent();
    let (socket, far) = events.net_mut().connection();
    let old = events.add(socket, Silent).unwrap();
    events.net_mut().say(far, b"unread");
    events.turn(NO_WAIT).unwrap();
    assert_ne!(events.net().interest(old), Some(Interest::ALL));
    events.close(old).unwrap();
    let (socket, _) = events.net_mut().connection();
    let new = events.add(socket, Silent).unwrap();
    assert_eq!((new.index(), events.net().interest(new)), (old.index(), Some(Interest::ALL)));
}

#[test]
fn an_idle_loop_makes_no_call_but_its_wait() {
    let (mut events, log) = (events(), Log::default());
    let mut asked = Vec::new();
    for _ in 0..100 {
        let (socket, _) = events.net_mut().connection();
        let actor = log.actor("a");
        asked.push(actor.wants.asked.clone());
        events.add(socket, actor).unwrap();
    }
    events.turn(NO_WAIT).unwrap();
    let (before, reads) = (events.net().count, events.net().clock_reads());
    let asks: u32 = asked.iter().map(|asked| asked.get()).sum();
    for _ in 0..50 {
        events.turn(NO_WAIT).unwrap();
    }
    let after = events.net().count;
    assert_eq!(after.wait, before.wait + 50);
    assert_eq!(after.but_waits(), before.but_waits());
    assert_eq!(events.net().clock_reads(), reads);
    assert_eq!(asked.iter().map(|asked| asked.get()).sum::<u32>(), asks, "nor is a predicate asked");
}

/// Its predicate said no when the hang-up was told, and yes again before the turn was settled: its interest is what it was.
#[test]
fn a_channel_that_wants_to_hear_again_in_the_same_turn_is_told_of_its_hang_up() {
    for write in [false, true] {
        let (mut events, log) = (events(), Log::default());
        let middle = if write { log.actor("middle").not_reading().writing() } else { log.actor("middle") };
        let wants = if write { middle.wants.write.clone() } else { middle.wants.read.clone() };
        let (off, on) = (wants.clone(), wants);
        let answering = |wants: Rc<Cell<bool>>, answer: bool| {
            log.actor("other").on(move |event, _| {
                if let Event::Read = event {
                    wants.set(answer);
                }
                None
            })
        };
        let mut fars = Vec::new();
        for actor in [answering(off, false), middle, answering(on, true)] {
            let (socket, far) = events.net_mut().connection();
            events.add(socket, actor).unwrap();
            fars.push(far);
        }
        events.net_mut().say(fars[0], b"x");
        events.net_mut().hang_up(fars[1]);
        events.net_mut().say(fars[2], b"x");
        events.turn(NO_WAIT).unwrap();
        log.tells(["other read x", "other read x"]);
        events.turn(NO_WAIT).unwrap();
        assert!(log.take()[0].starts_with(if write { "middle write" } else { "middle read" }));
    }
}

/// Says no the third time that it is asked whether it wants to write, which is when a hang-up is told.
struct Fickle(Cell<u32>);

impl Dispatcher<Memory> for Fickle {
    fn readable(&self) -> bool {
        false
    }
    fn writable(&self) -> bool {
        self.0.set(self.0.get() + 1);
        self.0.get() != 3
    }
}

/// Who changed its mind about a hang-up wants to write again, and there is room only if there was.
#[test]
fn who_is_parked_and_wants_to_write_is_told_only_where_there_was_room() {
    for (readiness, interest) in
        [(Readiness::HANGUP, None), (Readiness::HANGUP | Readiness::WRITABLE, Some(Interest::WRITE))]
    {
        let (net, watch) = pair();
        let mut events = EventLoop::<_, Memory, Watch, Table<_>>::with_parts(net, watch, Table::default());
        let (socket, _) = events.net_mut().connection();
        let key = events.add(socket, Fickle(Cell::new(0))).unwrap();
        events.settle();
        assert_eq!(events.net().interest(key), Some(Interest::WRITE));
        events.dispatch(Fired { key, readiness });
        events.settle();
        assert_eq!(events.net().interest(key), interest, "{readiness}");
    }
}
