//! Deadlines, on a clock that goes on only when somebody waits.

use std::time::Duration;

use stheno::{Channel, Dispatcher, Key, Net, Result};
use stheno_conformance::sim::EventLoop;

use super::Again;

/// Time enough for whatever is done to the others.
const HOUR: Duration = Duration::from_secs(3_600);

/// Is told, and wants to be told again when so much more has passed.
struct Timer(Duration);

impl<N: Net> Dispatcher<N> for Timer {
    fn handle_timeout(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
        channel.set_timeout(self.0);
        Ok(())
    }
}

/// So many timers, each with a deadline of its own, in no order.
fn timers(count: u64) -> Result<(EventLoop<Timer>, Vec<Key>)> {
    let mut events = EventLoop::<Timer>::new()?;
    let keys = (0..count).map(|number| {
        let period = HOUR + Duration::from_nanos(place(number, count) * SPACING);
        events.add_timer(period, Timer(period))
    });
    let keys = keys.collect::<Result<Vec<_>>>()?;
    events.settle();
    Ok((events, keys))
}

/// Nanoseconds between two deadlines.
const SPACING: u64 = 1_000;

/// Another place for each number below `count`, as a prime that divides none of the counts multiplies them.
const fn place(number: u64, count: u64) -> u64 {
    number * 7_368_787 % count
}

/// Moves one deadline after another into the future.
pub fn later(count: u64) -> Result<Again> {
    let (mut events, keys) = timers(count)?;
    let (mut number, mut time) = (0, 2 * HOUR);
    Ok(Box::new(move || {
        let key = keys[place(number % count, count) as usize];
        (number, time) = (number + 1, time + Duration::from_nanos(1));
        move_to(&mut events, key, time);
    }))
}

/// Moves one deadline after another to before all others.
pub fn earlier(count: u64) -> Result<Again> {
    let (mut events, keys) = timers(count)?;
    let (mut number, mut time) = (0, HOUR);
    Ok(Box::new(move || {
        let key = keys[place(number % count, count) as usize];
        (number, time) = (number + 1, time - Duration::from_nanos(1));
        move_to(&mut events, key, time);
    }))
}

fn move_to(events: &mut EventLoop<Timer>, key: Key, time: Duration) {
    let (_, mut channel) = events.channel(key).expect("nothing is due");
    channel.set_timeout(time);
    events.settle();
}

/// Opens a timer among the others, and closes it.
pub fn armed(count: u64) -> Result<Again> {
    let (mut events, _) = timers(count)?;
    let mut number = 0;
    Ok(Box::new(move || {
        number += 1;
        let time = HOUR + Duration::from_nanos(place(number % count, count) * SPACING);
        let key = events.add_timer(time, Timer(time)).expect("the heap has room");
        events.settle();
        events.close(key).expect("nothing is due");
    }))
}

/// Lets the next one come due, whose handler sets it anew, behind all others.
pub fn expired(count: u64) -> Result<Again> {
    let (mut events, _) = timers(count)?;
    Ok(Box::new(move || {
        let turn = events.turn(None).expect("a deadline ends the wait");
        assert_eq!(turn.timeouts, 1);
    }))
}
