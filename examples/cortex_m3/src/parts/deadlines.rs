//! Deadlines: in order, exact, and in no memory of their own.

use core::time::Duration;

use stheno_conformance::sim::{Batch, Fixed};
use stheno_core::storage::Array;
use stheno_core::{Channel, Dispatcher, EventLoop, Result, Slot, With};

use super::{Case, holds, note};
use crate::tally::Digest;

pub(super) const CASES: &[Case] = &[
    ("deadlines/come-in-order-and-neither-early-nor-late", in_order),
    ("deadlines/one-that-was-moved-comes-at-its-new-time", moved),
    ("deadlines/a-beat-does-not-drift", beat),
];

/// What came due when, in microseconds.
#[derive(Default)]
struct Log {
    times: [u64; 24],
    len: usize,
}

type Net = With<Fixed<2, 16, 1, 1>, Log>;
type Events = EventLoop<Timer, Net, Batch<4>, Array<Slot<Timer, Net>, 12>>;

/// Writes down when it is due, and how often it will be.
struct Timer {
    left: usize,
    beat: Duration,
}

impl Dispatcher<Net> for Timer {
    fn handle_timeout(&mut self, channel: &mut Channel<'_, Net, Self>) -> Result<()> {
        let now = channel.net().below.elapsed();
        let log = &mut channel.net().shared;
        if let Some(place) = log.times.get_mut(log.len) {
            (*place, log.len) = (now.as_micros() as u64, log.len + 1);
        }
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            channel.close();
        } else {
            channel.repeat_timeout(self.beat);
        }
        Ok(())
    }
}

const ONCE: Timer = Timer { left: 1, beat: Duration::ZERO };

fn events() -> Events {
    let mut events =
        Events::with_parts(With { below: Fixed::new(), shared: Log::default() }, Batch::new(), Array::default());
    events.set_spare(1);
    events
}

/// Until no timer is left: what was written down.
fn all(mut events: Events, digest: &mut Digest) -> Result<Log> {
    events.run()?;
    let log = core::mem::take(&mut events.net_mut().shared);
    note(digest, format_args!("{:?}", &log.times[..log.len]))?;
    Ok(log)
}

const fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

fn in_order(digest: &mut Digest) -> Result<()> {
    let mut events = events();
    for time in [70, 20, 90, 10, 50, 30, 80, 60, 40] {
        events.add_timer(ms(time), ONCE)?;
    }
    let log = all(events, digest)?;
    holds(log.times[..log.len].iter().copied().eq((1..=9).map(|n| n * 10_000)), "each at its time")
}

fn moved(digest: &mut Digest) -> Result<()> {
    let mut events = events();
    let (late, early) = (events.add_timer(ms(10), ONCE)?, events.add_timer(ms(50), ONCE)?);
    events.channel(late)?.1.set_timeout(ms(40));
    events.channel(early)?.1.set_timeout(ms(20));
    let log = all(events, digest)?;
    holds(log.times[..log.len] == [20_000, 40_000], "the new times, and no others")
}

fn beat(digest: &mut Digest) -> Result<()> {
    let mut events = events();
    events.add_timer(ms(7), Timer { left: 20, beat: ms(7) })?;
    let log = all(events, digest)?;
    holds(log.times[..log.len].iter().copied().eq((1..=20).map(|n| n * 7_000)), "twenty beats of seven")
}
