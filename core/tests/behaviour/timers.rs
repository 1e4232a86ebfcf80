//! Timers: channels without a socket, and when there will be something to do.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::actor::{Event, Log, events};
use crate::{NO_WAIT, ms};
use stheno_core::{Error, ErrorKind, Half, Instant, Kind, Next, State};

#[test]
fn a_timer_comes_once_and_is_over() {
    let (mut events, log) = (events(), Log::default());
    let key = events.add_timer(ms(10), log.actor("t")).unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events.channel(key).unwrap().1.state(), State::Timer);
    events.run().unwrap();
    log.tells(["t timeout"]);
    assert_eq!((events.net().elapsed(), events.len()), (ms(10), 0));
    assert!(events.channel(key).is_err(), "its key went with it");
    assert_eq!(events.net().count.but_waits(), 0, "a timer has nothing to do with the net");
}

/// The loop was away for more than two periods: one call makes up for all, and the beat is kept.
#[test]
fn a_repeated_timer_keeps_its_beat_and_catches_up_once() {
    let (mut events, log) = (events(), Log::default());
    let beats = Rc::new(Cell::new(0_u64));
    let beat = beats.clone();
    let timer = log.actor("t").on(move |event, channel| match event {
        Event::Timeout => {
            beat.set(beat.get() + 1);
            channel.repeat_timeout(ms(10));
            Some(Ok(()))
        }
        _ => None,
    });
    events.add_timer(ms(10), timer).unwrap();
    for beat in 1..=3 {
        events.turn(None).unwrap();
        assert_eq!((beats.get(), events.net().elapsed()), (beat, ms(10 * beat)));
    }
    events.net_mut().pass(ms(25));
    events.turn(None).unwrap();
    assert_eq!((beats.get(), events.net().elapsed()), (4, ms(55)), "late, and once");
    events.turn(None).unwrap();
    assert_eq!((beats.get(), events.net().elapsed()), (5, ms(60)), "on the beat again");
}

/// A period that has passed to the nanosecond is not told twice, nor left out.
#[test]
fn a_beat_that_is_exactly_one_period_late_is_one_of_the_beats() {
    let (mut events, log) = (events(), Log::default());
    let timer = log.actor("t").on(|event, channel| match event {
        Event::Timeout => {
            channel.repeat_timeout(ms(10));
            Some(Ok(()))
        }
        _ => None,
    });
    events.add_timer(ms(10), timer).unwrap();
    events.turn(NO_WAIT).unwrap();
    events.net_mut().pass(ms(20));
    events.turn(NO_WAIT).unwrap();
    log.tells(["t timeout"]);
    events.turn(NO_WAIT).unwrap();
    log.tells([]);
    events.turn(None).unwrap();
    log.tells(["t timeout"]);
    assert_eq!(events.net().elapsed(), ms(30));
}

/// Outside of its handler there is no beat to keep, and no time at all is none to be kept.
#[test]
fn a_beat_without_a_timeout_is_a_timeout() {
    let (mut events, log) = (events(), Log::default());
    let key = events.add_timer(ms(10), log.actor("t")).unwrap();
    events.net_mut().pass(ms(3));
    events.channel(key).unwrap().1.repeat_timeout(ms(20));
    events.run().unwrap();
    assert_eq!(events.net().elapsed(), ms(23));
    log.tells(["t timeout"]);
    let times = Rc::new(Cell::new(0));
    let count = times.clone();
    let restless = log.actor("z").on(move |event, channel| match event {
        Event::Timeout if count.replace(count.get() + 1) < 2 => {
            channel.repeat_timeout(Duration::ZERO);
            Some(Ok(()))
        }
        _ => None,
    });
    events.add_timer(Duration::ZERO, restless).unwrap();
    events.run().unwrap();
    assert_eq!(times.get(), 3, "each in a turn of its own");
}

#[test]
fn a_timer_that_is_called_off_is_over_without_a_word() {
    let (mut events, log) = (events(), Log::default());
    let key = events.add_timer(ms(10), log.actor("t")).unwrap();
    let other = events.add_timer(ms(20), log.actor("u")).unwrap();
    events.channel(key).unwrap().1.clear_timeout();
    events.close(other).unwrap();
    assert_eq!(events.len(), 0);
    events.run().unwrap();
    log.tells([]);
    assert_eq!(events.net().elapsed(), Duration::ZERO);
}

#[test]
fn a_timer_may_be_put_off_and_opens_others() {
    let (mut events, log) = (events(), Log::default());
    let second = log.clone();
    let timer = log.actor("t").on(move |event, channel| match event {
        Event::Timeout => Some(channel.add_timer(ms(5), second.actor("u")).map(drop)),
        _ => None,
    });
    let key = events.add_timer(ms(10), timer).unwrap();
    events.channel(key).unwrap().1.set_timeout(ms(30));
    events.run().unwrap();
    log.tells(["t timeout", "u timeout"]);
    assert_eq!(events.net().elapsed(), ms(35));
}

#[test]
fn a_timer_that_fails_is_closed_and_told_why() {
    let (mut events, log) = (events(), Log::default());
    let timer = log.actor("t").on(|event, channel| match event {
        Event::Timeout => {
            channel.set_timeout(ms(1));
            Some(Err(Error::user("oops", 1)))
        }
        _ => None,
    });
    events.add_timer(ms(10), timer).unwrap();
    events.run().unwrap();
    log.tells(["t timeout", "t error: oops (1)", "t close: oops (1)"]);
}

#[test]
fn a_timer_has_no_socket() {
    let (mut events, log) = (events(), Log::default());
    let key = events.add_timer(ms(10), log.actor("t")).unwrap();
    let (_, mut io) = events.channel(key).unwrap();
    let kinds = [
        io.recv(&mut [0]).map(drop),
        io.send(b"x").map(drop),
        io.shutdown(Half::Read),
        io.local_address().map(drop),
        io.socket().map(drop),
        io.net_and_socket().map(drop),
        io.take_error().map(drop),
    ]
    .map(|done| done.unwrap_err().kind());
    assert_eq!(kinds, [ErrorKind::Unsupported; 7]);
    assert_eq!(io.send(b"x").unwrap_err().to_string(), "a timer has no socket");
    // Readiness that a loop of one's own makes up implies nothing.
    events.handle_read_event(key);
    events.handle_write_event(key);
    log.tells([]);
    assert_eq!(events.len(), 1);
}

#[test]
fn timers_are_channels_of_the_table() {
    let (mut events, log) = (events(), Log::default());
    events.set_limit(2);
    events.add_timer(ms(10), log.actor("t")).unwrap();
    events.add_timer(ms(10), log.actor("u")).unwrap();
    let full = events.add_timer(ms(10), log.actor("v")).unwrap_err();
    assert_eq!((full.kind(), full.to_string()), (ErrorKind::Full, "add a timer: the table of channels is full".into()));
    assert_eq!(events.keys().count(), 2);
    events.run().unwrap();
    assert_eq!(log.take().len(), 2);
    events.add_timer(ms(10), log.actor("v")).unwrap();
}

#[test]
fn what_comes_next_is_told_in_words() {
    let (mut events, log) = (events(), Log::default());
    assert_eq!(events.next(), Next::Never);
    let (socket, far) = events.net_mut().connection();
    let key = events.add(socket, log.actor("a")).unwrap();
    assert_eq!(events.next(), Next::Now, "the new channel is to be settled");
    assert_eq!(events.turn(NO_WAIT).unwrap().next, Next::Never);
    events.channel(key).unwrap().1.set_timeout(ms(10));
    assert_eq!(events.next(), Next::Now, "the deadline is to be filed");
    let at = events.now() + ms(10);
    assert_eq!(events.turn(NO_WAIT).unwrap().next, Next::At(at));
    events.net_mut().say(far, b"x");
    assert_eq!(events.turn(NO_WAIT).unwrap().next, Next::At(at));
    assert_eq!(events.turn(None).unwrap().next, Next::Never, "it has come");
    events.channel(key).unwrap().1.stop();
    assert_eq!(events.next(), Next::Now);
    assert!(events.turn(None).unwrap().stopped);
    // Handlers that ran between two turns may have left something to do for the program: the next one does not wait.
    let (socket, _) = events.net_mut().connection();
    let other = events.add(socket, log.actor("b").not_reading()).unwrap();
    events.turn(NO_WAIT).unwrap();
    events.net_mut().failing_registrations = Some((0, 1));
    events.dispatcher(other).unwrap().wants.read.set(true);
    events.channel(other).unwrap().1.touch();
    events.settle();
    events.settle();
    assert_eq!(log.take().last().unwrap(), "b close: register: cannot be watched");
    assert_eq!(events.next(), Next::Now);
    events.turn(NO_WAIT).unwrap();
    assert_eq!(events.next(), Next::Never);
    let now = Instant::from_nanos(7);
    assert_eq!([Next::Now, Next::Never, Next::At(now)].map(|next| next.wait(now)), [NO_WAIT, None, NO_WAIT]);
}

/// Re-arming an idle timeout at each message reads the clock no oftener than a turn with a deadline does anyway.
#[test]
fn an_idle_timeout_that_moves_costs_no_clock() {
    let reads = |moves: bool| {
        let (mut events, log) = (events(), Log::default());
        let (socket, far) = events.net_mut().connection();
        let actor = log.actor("a").on(move |event, channel| {
            if let Event::Read = event
                && moves
            {
                channel.set_timeout(ms(1_000));
            }
            None
        });
        events.add(socket, actor).unwrap();
        events.add_timer(ms(100_000), log.actor("t")).unwrap();
        for time in 1..=20 {
            events.net_mut().after(ms(time), move |net| net.say(far, b"x"));
        }
        events.turn(NO_WAIT).unwrap();
        let before = events.net().clock_reads();
        events.run_turns(20, None).unwrap();
        assert_eq!(log.take().len(), 20);
        events.net().clock_reads() - before
    };
    assert_eq!((reads(false), reads(true)), (40, 41), "two in a turn: before the wait and behind it");
}

/// A million of them, each put off again and again, and called off: no memory, and no time that grows with their number.
#[cfg(feature = "alloc")]
#[test]
fn a_million_deadlines() {
    const MANY: u32 = if cfg!(miri) { 300 } else { 1_000_000 };
    struct Plain;
    impl stheno_core::Dispatcher<crate::memory::Memory> for Plain {
        fn handle_timeout(
            &mut self,
            _: &mut stheno_core::Channel<'_, crate::memory::Memory, Self>,
        ) -> stheno_core::Result<()> {
            Ok(())
        }
    }
    type Loop = stheno_core::EventLoop<
        Plain,
        crate::memory::Memory,
        crate::memory::Watch,
        Vec<stheno_core::Slot<Plain, crate::memory::Memory>>,
    >;
    let (net, watch) = crate::memory::pair();
    let mut events = Loop::with_parts(net, watch, Vec::new());
    let mut seed = 1_u32;
    let keys: Vec<_> = (0..MANY)
        .map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            events.add_timer(Duration::from_micros(u64::from(seed >> 20) + 1), Plain).unwrap()
        })
        .collect();
    events.turn(NO_WAIT).unwrap();
    // One in three is put off, one in three called off.
    for (number, key) in keys.iter().enumerate() {
        match number % 3 {
            0 => events.channel(*key).unwrap().1.set_timeout(ms(100)),
            1 => events.channel(*key).unwrap().1.clear_timeout(),
            _ => {}
        }
    }
    let (mut told, mut before) = (0, events.now());
    while !events.is_empty() {
        let turn = events.turn(None).unwrap();
        told += turn.timeouts;
        assert!(events.now() >= before, "none comes early, nor out of order");
        before = events.now();
    }
    assert_eq!(told, (0..keys.len()).filter(|number| number % 3 != 1).count());
}

/// A deadline on an idle channel, which has no other event, is told as well.
#[test]
fn an_idle_channel_has_deadlines_too() {
    let (mut events, log) = (events(), Log::default());
    let key = events.create(Kind::Stream, 7_u16, log.actor("i")).unwrap();
    events.channel(key).unwrap().1.set_timeout(ms(10));
    events.turn(None).unwrap();
    log.tells(["i timeout"]);
}
