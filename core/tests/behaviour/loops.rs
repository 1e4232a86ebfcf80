//! The loop: `run`, `run_turns`, stopping and waking it, doors for loops of one's own, tables of every kind.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use crate::actor::{Actor, Event, Events, Log, events};
use crate::memory::{HANG, Memory, Socket, Watch, pair};
use crate::{NO_WAIT, ms};
use stheno_core::storage::{Array, Borrowed};
use stheno_core::waker::{Bell, Ring, Waker};
use stheno_core::{Error, ErrorKind, EventLoop, Fired, Readiness, Slot, Storage};

fn stopping(log: &Log) -> Actor {
    log.actor("a").on(|event, channel| {
        if let Event::Read = event {
            channel.stop();
        }
        None
    })
}

#[test]
fn run_ends_with_the_last_channel() {
    let (mut events, log) = (events(), Log::default());
    assert_eq!(events.run(), Ok(()));
    assert_eq!(events.turn(None).unwrap(), stheno_core::Turn::default());
    assert_eq!(events.net().count.wait, 0, "nothing to wait for");
    let (socket, far) = events.net_mut().connection();
    events.add(socket, log.actor("a")).unwrap();
    events.net_mut().hang_up(far);
    assert_eq!(events.run(), Ok(()));
    assert!(events.is_empty());
}

/// The last word of a channel that cannot be watched closes all the others, while the turn is being settled.
#[test]
fn when_run_ends_every_socket_is_closed() {
    let (mut events, log) = (events(), Log::default());
    let (socket, far) = events.net_mut().connection();
    let more = log.clone();
    let actor = log.actor("a").on(move |event, channel| {
        let Event::Read = event else { return None };
        let last = more.actor("last").on(|event, channel| {
            if let Event::Error(_) = event {
                channel.for_each_neighbour(|_, io| {
                    io.close();
                    false
                });
            }
            None
        });
        let (socket, _) = channel.net().connection();
        channel.add(socket, last).unwrap();
        None
    });
    events.add(socket, actor).unwrap();
    let (socket, other) = events.net_mut().connection();
    events.add(socket, log.actor("b")).unwrap();
    events.turn(NO_WAIT).unwrap();
    events.net_mut().failing_registrations = Some((0, 1));
    events.net_mut().say(far, b"x");
    events.run().unwrap();
    assert_eq!(log.take().last().unwrap(), "last close: register: cannot be watched");
    assert_eq!((events.net().held(), events.net().watched()), (0, 0));
    assert!(events.net_mut().has_ended(other));
}

#[test]
fn run_ends_when_a_handler_says_so() {
    let (mut events, log) = (events(), Log::default());
    let (socket, far) = events.net_mut().connection();
    events.add(socket, stopping(&log)).unwrap();
    for _ in 0..2 {
        events.net_mut().say(far, b"x");
        assert_eq!(events.run(), Ok(()));
        log.tells(["a read x"]);
    }
    assert_eq!(events.run(), Err(HANG), "a request is answered once");
}

/// A request to stop belongs to the turn in which it was made.
#[test]
fn a_stop_that_was_answered_does_not_end_the_next_run() {
    let (mut events, log) = (events(), Log::default());
    let (socket, far) = events.net_mut().connection();
    let actor = log.actor("a").on(|event, channel| {
        if let Event::Read = event {
            channel.stop();
            channel.close();
        }
        None
    });
    events.add(socket, actor).unwrap();
    events.net_mut().say(far, b"x");
    events.run().unwrap();
    log.tells(["a read"]);
    let (socket, far) = events.net_mut().connection();
    events.add(socket, log.actor("b")).unwrap();
    events.net_mut().hang_up(far);
    events.run().unwrap();
    log.tells(["b read (end)", "b close: end of stream"]);
}

/// A program that turns by itself sees the request, and its later turns wait again.
#[test]
fn a_stop_is_told_by_its_turn() {
    let (mut events, log) = (events(), Log::default());
    let (socket, far) = events.net_mut().connection();
    let key = events.add(socket, stopping(&log)).unwrap();
    events.net_mut().say(far, b"x");
    assert!(events.turn(None).unwrap().stopped);
    assert!(!events.turn(Some(ms(10))).unwrap().stopped);
    assert_eq!(events.net().elapsed(), ms(10), "the turn after it waits");
    events.channel(key).unwrap().1.stop();
    assert!(events.turn(None).unwrap().stopped, "and did not wait");
    events.channel(key).unwrap().1.stop();
    assert_eq!(events.run(), Ok(()));
}

#[test]
fn run_turns_counts_and_ends_early() {
    let (mut events, log) = (events(), Log::default());
    let (socket, far) = events.net_mut().connection();
    events.add(socket, stopping(&log)).unwrap();
    events.run_turns(5, Some(ms(2))).unwrap();
    assert_eq!((events.net().count.wait, events.net().elapsed()), (5, ms(10)));
    events.run_turns(0, None).unwrap();
    events.net_mut().say(far, b"x");
    events.run_turns(5, None).unwrap();
    log.tells(["a read x"]);
    events.net_mut().hang_up(far);
    events.run_turns(1, None).unwrap();
    log.tells(["a read (end)", "a close: end of stream"]);
    events.run_turns(1000, None).unwrap();
}

#[test]
fn close_all_closes_all_and_tells_none() {
    let (mut events, log) = (events(), Log::default());
    events.listen(7_u16, log.actor("door")).unwrap();
    events.net_mut().slow_connects = true;
    events.connect(7_u16, log.actor("dialling")).unwrap();
    events.bind(8_u16, log.actor("box")).unwrap();
    let (socket, far) = events.net_mut().connection();
    let key = events.add(socket, log.actor("a")).unwrap();
    events.channel(key).unwrap().1.set_timeout(ms(1));
    events.net_mut().hang_up(far);
    let caller = events.net_mut().call(7);
    events.close_all();
    log.tells([]);
    assert_eq!((events.len(), events.net().held(), events.net().watched()), (0, 0, 0));
    assert!(events.net_mut().has_ended(caller), "who waits in line is not left there");
    assert_eq!(events.keys().count(), 0);
    events.run().unwrap();
    events.close_all();
}

#[test]
fn what_changed_between_turns_is_settled_before_the_wait() {
    let (mut events, log) = (events(), Log::default());
    let (socket, _) = events.net_mut().connection();
    events.add(socket, log.actor("silent")).unwrap();
    let (socket, far) = events.net_mut().connection();
    let key = events.add(socket, log.actor("a")).unwrap();
    events.turn(NO_WAIT).unwrap();
    events.net_mut().hang_up(far);
    assert!(events.channel(key).unwrap().1.send(b"x").is_err());
    // Handlers run before the wait; what they did may be all that the program waits for.
    events.turn(Some(ms(50))).unwrap();
    log.tells(["a read (end)", "a close: broken pipe (os error 32)"]);
    assert_eq!(events.net().elapsed(), Duration::ZERO);
}

#[test]
fn a_loop_of_ones_own_dispatches_and_settles() {
    let (mut events, log) = (events(), Log::default());
    let (socket, far) = events.net_mut().connection();
    let key = events.add(socket, log.actor("a").writing()).unwrap();
    events.net_mut().say(far, b"x");
    events.handle_read_event(key);
    log.tells(["a read x"]);
    events.handle_write_event(key);
    log.tells(["a write"]);
    events.handle_expt_event(key);
    log.tells(["a expt"]);
    events.dispatch(Fired { key, readiness: Readiness::NONE });
    log.tells([]);
    events.net_mut().hang_up(far);
    events.handle_read_event(key);
    log.tells(["a read (end)", "a close: end of stream"]);
    assert_eq!((events.len(), events.net().held()), (0, 1), "closed only when it is settled");
    events.settle();
    assert_eq!((events.net().held(), events.net().watched(), events.net().count.wait), (0, 0, 0));
}

#[test]
fn loops_do_not_know_of_each_other() {
    let (log, other_log) = (Log::default(), Log::default());
    let (mut events, mut other) = (events(), crate::actor::events());
    let (socket, far) = events.net_mut().connection();
    let key = events.add(socket, log.actor("a")).unwrap();
    let (socket, _) = other.net_mut().connection();
    let other_key = other.add(socket, other_log.actor("b")).unwrap();
    assert_eq!(key, other_key, "keys name channels of their own loop");
    events.net_mut().say(far, b"x");
    events.turn(NO_WAIT).unwrap();
    other.turn(NO_WAIT).unwrap();
    log.tells(["a read x"]);
    other_log.tells([]);
}

/// The same story, whatever the table lies in.
fn story<S: Storage<Slot<Actor, Memory>>>(storage: S) {
    let log = Log::default();
    let (net, watch) = pair();
    let mut events: EventLoop<Actor, Memory, Watch, S> = EventLoop::with_parts(net, watch, storage);
    events.listen(7_u16, log.actor("door")).unwrap();
    for _ in 0..3 {
        let far = events.net_mut().call(7);
        events.net_mut().say(far, b"x");
        events.net_mut().finish(far);
        for _ in 0..4 {
            events.turn(NO_WAIT).unwrap();
        }
        log.tells(["door accepted", "guest read x", "guest read (end)", "guest close: end of stream"]);
    }
    assert_eq!(events.len(), 1);
    events.close_all();
    assert_eq!(events.net().held(), 0);
}

#[test]
fn tables_lie_anywhere() {
    #[cfg(feature = "alloc")]
    story(Vec::new());
    story(Array::<_, 2>::default());
    story(Borrowed::new(&mut [Slot::default(), Slot::default()]));
    #[cfg(feature = "heapless")]
    story(heapless::Vec::<_, 2>::new());
}

// The bell.

/// Rings by a flag, which the test hands on to the network.
#[derive(Default)]
struct Sound {
    ringing: AtomicBool,
    rings: AtomicU32,
    stuck: AtomicBool,
}

impl Ring for Sound {
    fn ring(&self) -> stheno_core::Result<()> {
        self.rings.fetch_add(1, Ordering::SeqCst);
        self.ringing.store(true, Ordering::SeqCst);
        Ok(())
    }
    fn drain(&self) -> stheno_core::Result<()> {
        if self.stuck.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Other, "stuck"));
        }
        self.ringing.store(false, Ordering::SeqCst);
        Ok(())
    }
}

/// A bell lives as long as the program, or is shared on the heap. The program keeps it in sight, so that it is no leak.
fn leaked() -> &'static Bell<Sound> {
    static BELLS: Mutex<Vec<&Bell<Sound>>> = Mutex::new(Vec::new());
    let bell = Box::leak(Box::new(Bell::new(Sound::default())));
    BELLS.lock().unwrap().push(bell);
    bell
}

struct Belfry {
    bell: &'static Bell<Sound>,
    waker: Waker<&'static Bell<Sound>>,
    number: usize,
}

fn with_bell(events: &mut Events) -> Belfry {
    let bell = leaked();
    let (socket, _): (Socket, _) = events.net_mut().connection();
    let number = socket.number();
    events.attach(bell, socket).unwrap();
    Belfry { waker: Waker::new(bell), bell, number }
}

impl Belfry {
    /// What the descriptor says of itself.
    fn hand_on(&self, net: &mut Memory) {
        net.forced.retain(|(number, _)| *number != self.number);
        if self.bell.sound().ringing.load(Ordering::SeqCst) {
            net.forced.push((self.number, Readiness::READABLE));
        }
    }
}

#[test]
fn a_wake_ends_the_wait_and_is_no_channels_event() {
    let (mut events, log) = (events(), Log::default());
    let belfry = with_bell(&mut events);
    assert!(events.is_empty(), "a bell is no channel");
    assert_eq!(events.run(), Ok(()), "and does not keep run going");
    let (socket, far) = events.net_mut().connection();
    events.add(socket, log.actor("a")).unwrap();
    events.net_mut().say(far, b"hello");
    let turn = events.turn(None).unwrap();
    assert_eq!((turn.woken, turn.fired), (false, 1));
    log.tells(["a read hello"]);
    for _ in 0..3 {
        belfry.waker.wake().unwrap();
    }
    assert_eq!(belfry.bell.sound().rings.load(Ordering::SeqCst), 1, "rings coalesce");
    belfry.hand_on(events.net_mut());
    let turn = events.turn(None).unwrap();
    assert_eq!((turn.woken, turn.fired, turn.stopped), (true, 0, false));
    belfry.hand_on(events.net_mut());
    assert_eq!(events.turn(None), Err(HANG), "drained");
    log.tells([]);
    assert_eq!(events.len(), 1);
    assert_eq!(events.keys().count(), 1);
}

#[test]
fn a_waker_stops_run() {
    let (mut events, log) = (events(), Log::default());
    let belfry = with_bell(&mut events);
    let (socket, _) = events.net_mut().connection();
    events.add(socket, log.actor("a")).unwrap();
    belfry.waker.stop().unwrap();
    belfry.hand_on(events.net_mut());
    assert_eq!(events.run(), Ok(()));
    belfry.hand_on(events.net_mut());
    assert_eq!(events.run(), Err(HANG), "a request is answered once");
}

#[test]
fn a_waker_outlives_its_loop() {
    let belfry = with_bell(&mut events());
    belfry.waker.wake().unwrap();
    belfry.waker.stop().unwrap();
}

#[cfg(feature = "alloc")]
#[test]
fn a_bell_may_be_shared() {
    let (mut events, log) = (events(), Log::default());
    let bell = std::sync::Arc::new(Bell::new(Sound::default()));
    let (socket, _) = events.net_mut().connection();
    events.attach(bell.clone(), socket).unwrap();
    let (socket, _) = events.net_mut().connection();
    events.add(socket, log.actor("a")).unwrap();
    Waker::new(bell).stop().unwrap();
    events.net_mut().forced.push((0, Readiness::READABLE));
    assert_eq!(events.run(), Ok(()));
}

#[test]
fn close_all_leaves_the_bell() {
    let (mut events, log) = (events(), Log::default());
    let belfry = with_bell(&mut events);
    events.close_all();
    assert_eq!((events.net().held(), events.net().watched()), (1, 1));
    let (socket, _) = events.net_mut().connection();
    events.add(socket, log.actor("a")).unwrap();
    belfry.waker.wake().unwrap();
    belfry.hand_on(events.net_mut());
    assert!(events.turn(None).unwrap().woken);
}

#[test]
fn another_bell_takes_the_place_of_the_first() {
    let (mut events, log) = (events(), Log::default());
    let first = with_bell(&mut events);
    let second = with_bell(&mut events);
    assert_eq!(events.net().held(), 1, "the first one's descriptor is closed");
    let (socket, _) = events.net_mut().connection();
    events.add(socket, log.actor("a")).unwrap();
    first.waker.wake().unwrap();
    second.waker.wake().unwrap();
    second.hand_on(events.net_mut());
    assert!(events.turn(None).unwrap().woken);
    let (socket, _) = events.net_mut().connection();
    events.net_mut().failing_registrations = Some((0, 1));
    assert!(events.attach(first.bell, socket).is_err());
    assert_eq!(events.net().held(), 1, "only the channel is left");
}

/// A bell that cannot be drained would end every wait. It is let go, and whoever fired beside it loses nothing.
#[test]
fn a_bell_that_sticks_is_let_go() {
    for backwards in [false, true] {
        let (mut events, log) = (events(), Log::default());
        events.net_mut().backwards = backwards;
        let (socket, far) = events.net_mut().connection();
        events.add(socket, log.actor("a")).unwrap();
        let belfry = with_bell(&mut events);
        let (socket, gone) = events.net_mut().connection();
        events.add(socket, log.actor("b")).unwrap();
        events.net_mut().say(far, b"x");
        events.net_mut().finish(gone);
        belfry.bell.sound().stuck.store(true, Ordering::SeqCst);
        belfry.waker.wake().unwrap();
        belfry.hand_on(events.net_mut());
        assert_eq!(events.turn(None).unwrap_err().to_string(), "stuck");
        events.net_mut().forced.clear();
        for _ in 0..2 {
            events.turn(NO_WAIT).unwrap();
        }
        let mut told = log.take();
        told.sort();
        assert_eq!(told, ["a read x", "b close: end of stream", "b read (end)"]);
        assert_eq!((events.len(), events.net().held()), (1, 1));
    }
}

#[test]
fn a_full_table_has_no_place_for_a_bell() {
    let log = Log::default();
    let (net, watch) = pair();
    let mut events: EventLoop<Actor, Memory, Watch, Array<_, 1>> = EventLoop::with_parts(net, watch, Array::default());
    let (socket, _) = events.net_mut().connection();
    let key = events.add(socket, log.actor("a")).unwrap();
    let bell = leaked();
    let (socket, _) = events.net_mut().connection();
    assert_eq!(events.attach(bell, socket).unwrap_err().kind(), ErrorKind::Full);
    assert_eq!(events.net().held(), 1);
    events.close(key).unwrap();
    let (socket, _) = events.net_mut().connection();
    events.attach(bell, socket).unwrap();
    let (socket, _) = events.net_mut().connection();
    events.attach(bell, socket).expect("the old bell makes room for the new one");
    assert_eq!(events.net().held(), 1);
}
