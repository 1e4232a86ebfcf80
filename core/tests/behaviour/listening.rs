//! Rules 6 and 8 for listeners: they rest when there is no room, and are never closed for it.

use std::time::Duration;

use crate::actor::{Actor, Event, Events, Log, events};
use crate::memory::{HANG, Memory, Watch, pair};
use crate::{NO_WAIT, ms};
use stheno_core::storage::Array;
use stheno_core::{Channel, Dispatcher, Error, ErrorKind, EventLoop, Guest, Key, Result, Slot};

fn at_door(door: Actor) -> (Events, Key) {
    let mut events = events();
    let key = events.listen(7_u16, door).unwrap();
    (events, key)
}

#[test]
fn callers_are_adopted_and_heard() {
    let log = Log::default();
    let (mut events, _) = at_door(log.actor("door"));
    let far = events.net_mut().call(7);
    events.net_mut().say(far, b"hello");
    events.turn(NO_WAIT).unwrap();
    log.tells(["door accepted"]);
    events.turn(NO_WAIT).unwrap();
    log.tells(["guest read hello"]);
}

#[test]
fn accepts_have_a_budget() {
    let log = Log::default();
    let (mut events, _) = at_door(log.actor("door"));
    events.set_accept_budget(3);
    for _ in 0..7 {
        events.net_mut().call(7);
    }
    for (turn, waiting) in [(1, 4), (2, 1), (3, 0)] {
        events.turn(NO_WAIT).unwrap();
        assert_eq!(events.net().waiting(7), waiting, "turn {turn}");
    }
    events.set_accept_budget(0);
    events.net_mut().call(7);
    events.turn(NO_WAIT).unwrap();
    assert_eq!(events.net().waiting(7), 0, "never less than one");
}

#[test]
fn a_listener_that_does_not_want_callers_leaves_them_in_line() {
    let log = Log::default();
    let door = log.actor("door");
    let wants = door.wants.clone();
    let door = door.on(move |event, _| {
        if let Event::Accepted(_) = event {
            wants.read.set(false);
        }
        None
    });
    let (mut events, key) = at_door(door);
    for _ in 0..3 {
        events.net_mut().call(7);
    }
    assert_eq!(events.run(), Err(HANG));
    assert_eq!(events.net().waiting(7), 2, "the predicate is asked before each");
    assert_eq!(events.net().interest(key), None);
}

#[test]
fn a_guest_that_nobody_takes_is_hung_up_on() {
    let log = Log::default();
    let (mut events, _) = at_door(log.actor("door").on(|event, _| match event {
        Event::Accepted(guest) => {
            assert_eq!(*guest.address(), 40_002);
            Some(Ok(()))
        }
        _ => None,
    }));
    let far = events.net_mut().call(7);
    events.turn(NO_WAIT).unwrap();
    assert!(events.net_mut().has_ended(far));
    assert_eq!(events.net().held(), 1);
}

#[test]
fn a_guest_can_be_taken_once() {
    let log = Log::default();
    let (mut events, _) = at_door(log.actor("door").on(|event, channel| match event {
        Event::Accepted(guest) => {
            let socket = guest.take().unwrap();
            assert_eq!(guest.socket().unwrap_err().kind(), ErrorKind::Stale);
            let late = Log::default().actor("late");
            assert_eq!(channel.adopt(guest, late).unwrap_err().kind(), ErrorKind::Stale);
            let again = Log::default().actor("again");
            Some(channel.add(socket, again).map(drop))
        }
        _ => None,
    }));
    events.net_mut().call(7);
    events.turn(NO_WAIT).unwrap();
    assert_eq!((events.len(), events.net().held()), (2, 2));
}

/// EMFILE: told once, tried again after a pause, and no spinning in between.
#[test]
fn a_starved_listener_rests_and_resumes_after_a_pause() {
    let log = Log::default();
    let (mut events, key) = at_door(log.actor("door"));
    events.net_mut().call(7);
    events.net_mut().exhausted_accepts = 3;
    assert_eq!(events.run(), Err(HANG), "accepted in the end, and nothing is left to do");
    log.tells(["door error: accept: too many sockets", "door accepted"]);
    assert!(events.channel(key).unwrap().1.accepting());
    let (count, elapsed) = (events.net().count, events.net().elapsed());
    assert_eq!(count.accept, 5, "three that failed, one that did not, one that found nobody");
    assert!(count.wait <= 10, "{count:?}");
    assert!((ms(100)..ms(1000)).contains(&elapsed), "{elapsed:?}");
}

/// While it rests it is out of the backend's set, and may find no place there when it comes back.
#[test]
fn a_starved_listener_that_cannot_be_watched_again_rests_on() {
    let log = Log::default();
    let (mut events, key) = at_door(log.actor("door"));
    events.net_mut().call(7);
    events.net_mut().exhausted_accepts = 1;
    events.net_mut().failing_registrations = Some((0, 2));
    assert_eq!(events.run(), Err(HANG), "accepted in the end, and nothing is left to do");
    log.tells(["door error: accept: too many sockets", "door accepted"]);
    assert!(events.channel(key).unwrap().1.accepting());
    assert!((ms(300)..ms(1000)).contains(&events.net().elapsed()), "{:?}", events.net().elapsed());
}

#[test]
fn want_that_comes_back_is_told_again() {
    let log = Log::default();
    let (mut events, _) = at_door(log.actor("door").on(|event, _| match event {
        Event::Accepted(_) => Some(Ok(())),
        _ => None,
    }));
    for _ in 0..2 {
        events.net_mut().call(7);
        events.net_mut().exhausted_accepts = 2;
        assert_eq!(events.run(), Err(HANG));
        log.tells(["door error: accept: too many sockets", "door accepted"]);
    }
}

#[test]
fn want_is_told_again_where_the_caller_has_gone_meanwhile() {
    let log = Log::default();
    let (mut events, _) = at_door(log.actor("door"));
    for _ in 0..2 {
        events.net_mut().call(7);
        events.net_mut().exhausted_accepts = 1;
        events.turn(NO_WAIT).unwrap();
        log.tells(["door error: accept: too many sockets"]);
        events.net_mut().answer(7).unwrap();
        for _ in 0..4 {
            events.turn(Some(ms(100))).unwrap();
        }
        log.tells([]);
    }
}

/// Systems look for a descriptor first, and for a caller then: behind one that was accepted there may be nobody.
#[test]
fn want_behind_a_caller_is_told_when_it_is_known() {
    let log = Log::default();
    let (mut events, key) = at_door(log.actor("door"));
    events.net_mut().limit = 2;
    for _ in 0..2 {
        events.net_mut().call(7);
    }
    events.turn(NO_WAIT).unwrap();
    log.tells(["door accepted"]);
    assert!(events.net().interest(key).is_some());
    events.turn(NO_WAIT).unwrap();
    log.tells(["door error: accept: too many sockets"]);
    assert_eq!(events.net().interest(key), None);
}

#[test]
fn a_starved_listener_resumes_when_a_socket_is_closed() {
    let log = Log::default();
    let (mut events, _) = at_door(log.actor("door"));
    let (socket, _) = events.net_mut().connection();
    let other = events.add(socket, log.actor("other")).unwrap();
    events.net_mut().limit = 2;
    events.net_mut().call(7);
    events.turn(NO_WAIT).unwrap();
    log.tells(["door error: accept: too many sockets"]);
    let accepts = events.net().count.accept;
    for _ in 0..20 {
        events.turn(NO_WAIT).unwrap();
    }
    assert_eq!(events.net().count.accept, accepts, "it rests");
    events.close(other).unwrap();
    events.turn(NO_WAIT).unwrap();
    log.tells(["door accepted"]);
    assert_eq!(events.net().elapsed(), Duration::ZERO, "no pause was needed");
}

#[test]
fn a_starved_listener_is_never_closed_for_it() {
    for takes in [true, false] {
        let log = Log::default();
        let (mut events, key) = at_door(log.actor("door").on(move |event, _| match event {
            Event::Error(why) => Some(if takes { Ok(()) } else { Err(*why) }),
            _ => None,
        }));
        events.net_mut().call(7);
        events.net_mut().exhausted_accepts = u32::MAX;
        for _ in 0..30 {
            events.turn(Some(ms(50))).unwrap();
        }
        log.tells(["door error: accept: too many sockets"]);
        let (elapsed, tries) = (events.net().elapsed(), events.net().count.accept);
        assert!(elapsed >= ms(900), "{elapsed:?}");
        assert!(tries <= 1 + elapsed.as_millis() as u32 / 100, "{tries} tries in {elapsed:?}");
        events.close(key).unwrap();
        assert_eq!(events.net().held(), 0);
    }
}

/// Accepts by itself, and says nothing of what came of it.
struct Stoic;
impl Dispatcher<Memory> for Stoic {
    fn handle_accept(&mut self, channel: &mut Channel<'_, Memory, Self>) -> Result<()> {
        let _ = channel.accept();
        Ok(())
    }
    fn handle_error(&mut self, _: Error, _: &mut Channel<'_, Memory, Self>) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_listener_rests_also_where_its_handler_swallows_the_want() {
    let (net, watch) = pair();
    let mut events: EventLoop<Stoic, Memory, Watch, Array<Slot<Stoic, Memory>, 4>> =
        EventLoop::with_parts(net, watch, Array::default());
    let key = events.listen(7_u16, Stoic).unwrap();
    events.net_mut().limit = 1;
    events.net_mut().call(7);
    events.turn(NO_WAIT).unwrap();
    assert_eq!((events.net().count.accept, events.net().interest(key)), (1, None));
}

/// Two listeners rest; whichever is closed leaves the other in the list.
#[test]
fn listeners_rest_side_by_side() {
    for closed in 0..3_usize {
        let (mut events, log) = (events(), Log::default());
        let keys = [1_u16, 2, 3].map(|port| events.listen(port, log.actor("door")).unwrap());
        for port in [1, 2, 3] {
            events.net_mut().call(port);
        }
        events.net_mut().exhausted_accepts = 3;
        events.turn(NO_WAIT).unwrap();
        assert_eq!(log.take().len(), 3);
        events.close(keys[closed]).unwrap();
        events.turn(NO_WAIT).unwrap();
        log.tells(["door accepted", "door accepted"]);
    }
}

/// An error that only looks like that of an accept must not be lost with it.
#[test]
fn exhaustion_elsewhere_is_told_also_after_a_rest() {
    let log = Log::default();
    let (mut events, key) = at_door(log.actor("door").on(|event, _| match event {
        Event::Timeout => Some(Err(Error::new(ErrorKind::Exhausted, "no memory"))),
        Event::Error(_) => Some(Ok(())),
        _ => None,
    }));
    events.net_mut().call(7);
    events.net_mut().exhausted_accepts = 1;
    events.turn(NO_WAIT).unwrap();
    log.tells(["door error: accept: too many sockets"]);
    events.channel(key).unwrap().1.set_timeout(ms(1));
    events.turn(Some(ms(2))).unwrap();
    log.tells(["door timeout", "door error: no memory"]);
}

/// Whatever is done with a listener that rests, the list of those that do stays whole.
#[test]
fn an_odd_receive_on_a_resting_listener_harms_nobody() {
    let (mut events, log) = (events(), Log::default());
    events.net_mut().recv_from_error = Error::new(ErrorKind::Disconnected, "not connected").with_code(107);
    let keys = [1_u16, 2].map(|port| events.listen(port, log.actor("door")).unwrap());
    for port in [1, 2] {
        events.net_mut().call(port);
    }
    events.net_mut().exhausted_accepts = 2;
    events.turn(NO_WAIT).unwrap();
    assert_eq!(log.take().len(), 2);
    for key in keys {
        assert!(events.channel(key).unwrap().1.recv_from(&mut [0]).is_err());
    }
    events.turn(Some(ms(200))).unwrap();
    log.tells(["door accepted", "door accepted"]);
}

type Small<const N: usize> = EventLoop<Actor, Memory, Watch, Array<Slot<Actor, Memory>, N>>;

fn small<const N: usize>(log: &Log) -> Small<N> {
    let (net, watch) = pair();
    let mut events = Small::with_parts(net, watch, Array::default());
    events.listen(7_u16, log.actor("door")).unwrap();
    events
}

#[test]
fn with_a_full_table_callers_stay_in_line() {
    let log = Log::default();
    let mut events = small::<3>(&log);
    let first = events.net_mut().call(7);
    for _ in 0..3 {
        events.net_mut().call(7);
    }
    for _ in 0..20 {
        events.turn(NO_WAIT).unwrap();
    }
    log.tells(["door accepted", "door accepted", "door error: accept: the table of channels is full"]);
    assert_eq!((events.len(), events.net().waiting(7)), (3, 2));
    let accepts = events.net().count.accept;
    assert_eq!(events.run(), Err(HANG), "no spinning");
    assert_eq!(events.net().count.accept, accepts);
    assert_eq!(events.net().elapsed(), Duration::ZERO, "nor trying again without cause");

    events.net_mut().hang_up(first);
    for _ in 0..9 {
        events.turn(NO_WAIT).unwrap();
    }
    log.tells(["guest read (end)", "guest close: end of stream", "door accepted"]);
    assert_eq!((events.len(), events.net().waiting(7)), (3, 1));
}

#[test]
fn a_table_that_is_just_full_is_no_error() {
    let log = Log::default();
    let mut events = small::<3>(&log);
    for _ in 0..2 {
        events.net_mut().call(7);
    }
    for _ in 0..5 {
        events.turn(NO_WAIT).unwrap();
    }
    log.tells(["door accepted", "door accepted"]);
    assert_eq!(events.len(), 3);
}

#[test]
fn a_table_without_a_place_refuses_at_once() {
    let (net, watch) = pair();
    let mut events = Small::<1>::with_parts(net, watch, Array::default());
    let log = Log::default();
    events.listen(7_u16, log.actor("door")).unwrap();
    assert_eq!(events.connect(8_u16, log.actor("a")).unwrap_err().kind(), ErrorKind::Full);
    assert_eq!(events.net().held(), 1, "the socket was closed");
    let (net, watch) = pair();
    let mut events = Small::<0>::with_parts(net, watch, Array::default());
    assert_eq!(events.listen(7_u16, log.actor("door")).unwrap_err().kind(), ErrorKind::Full);
    assert_eq!(events.net().held(), 0);
}

/// A handler that fills the table itself is told so, and the guest stays a guest.
#[test]
fn adopting_past_the_table_is_full() {
    let log = Log::default();
    let (net, watch) = pair();
    let mut events = Small::<2>::with_parts(net, watch, Array::default());
    events.net_mut().serve(9);
    let more = log.clone();
    let door = log.actor("door").on(move |event, channel| match event {
        Event::Accepted(guest) => {
            channel.connect_to(9_u16, more.actor("upstream")).unwrap();
            assert_eq!(channel.connect_to(9_u16, more.actor("b")).unwrap_err().kind(), ErrorKind::Full);
            let full = channel.adopt(guest, more.actor("c")).unwrap_err();
            assert_eq!(full.kind(), ErrorKind::Full);
            assert!(guest.socket().is_ok());
            Some(Err(full))
        }
        Event::Error(_) => Some(Ok(())),
        _ => None,
    });
    let key = events.listen(7_u16, door).unwrap();
    let far = events.net_mut().call(7);
    events.turn(NO_WAIT).unwrap();
    log.tells(["door accepted", "door error: adopt: the table of channels is full"]);
    assert_eq!(events.net().interest(key), None, "it rests");
    assert!(events.net_mut().has_ended(far), "hung up on");
    assert_eq!(events.net().held(), 2);
}

#[test]
fn adopting_past_the_spare_slots_is_for_the_next_turn() {
    let log = Log::default();
    let more = log.clone();
    let (mut events, _) = at_door(log.actor("door").on(move |event, channel| match event {
        Event::Accepted(guest) => {
            channel.adopt(guest, more.actor("a")).unwrap();
            Some(channel.connect_to(7_u16, more.actor("b")).map(drop))
        }
        Event::Error(_) => Some(Ok(())),
        _ => None,
    }));
    events.set_spare(1);
    events.net_mut().call(7);
    events.turn(NO_WAIT).unwrap();
    log.tells(["door accepted", "door error: add a channel: no vacant slot is left for this turn"]);
    assert_eq!(events.len(), 2);
    events.set_spare(2);
    events.net_mut().call(7);
    events.turn(NO_WAIT).unwrap();
    events.turn(NO_WAIT).unwrap();
    assert_eq!((events.len(), log.take().iter().any(|line| line.contains("error"))), (4, false));
}

/// Where the table can grow it does, between turns; callers wait in line for that long.
#[test]
fn a_table_that_can_grow_takes_everybody() {
    let log = Log::default();
    let (mut events, _) = at_door(log.actor("door"));
    events.set_accept_budget(1000);
    let callers = if cfg!(miri) { 100 } else { 300 };
    for _ in 0..callers {
        events.net_mut().call(7);
    }
    for _ in 0..9 {
        events.turn(NO_WAIT).unwrap();
    }
    assert_eq!((events.len(), events.net().waiting(7)), (callers + 1, 0));
    assert!(log.take().iter().all(|line| line == "door accepted"));
}

/// A listener with the default `handle_error`, whose handler fails with every caller.
struct Unlucky(ErrorKind);

impl Dispatcher<Memory> for Unlucky {
    fn handle_accepted(&mut self, _: &mut Guest<Memory>, _: &mut Channel<'_, Memory, Self>) -> Result<()> {
        Err(Error::new(self.0, "unlucky"))
    }
}

#[test]
fn a_handler_without_room_for_a_caller_does_not_close_its_listener() {
    use ErrorKind::{Disconnected, Exhausted, Full, User};
    for (kind, goes_on) in [Full, Exhausted, Disconnected, User].map(|kind| (kind, kind != User)) {
        let (net, watch) = pair();
        let mut events: EventLoop<Unlucky, Memory, Watch, Array<Slot<Unlucky, Memory>, 4>> =
            EventLoop::with_parts(net, watch, Array::default());
        let door = events.listen(7_u16, Unlucky(kind)).unwrap();
        let far = events.net_mut().call(7);
        events.turn(NO_WAIT).unwrap();
        assert_eq!(events.channel(door).is_ok(), goes_on, "{kind:?}");
        let rests = events.net().interest(door).is_none();
        assert_eq!(rests, matches!(kind, Exhausted | User), "{kind:?}: there is room in the table");
        assert!(events.net_mut().has_ended(far), "the caller is hung up on");
    }
}
