//! The loop, with room for one channel, which sinks what it receives; no deadlines.

#![no_std]
#![no_main]

use static_cell::StaticCell;
use stheno_core::{EventLoop, Slot, Untimed};
use stheno_footprint::board::{Ready, Stack, look};
use stheno_footprint::echo::Sink;

type Table = heapless::Vec<Slot<Sink, Untimed<Stack>>, 1>;
type Events = EventLoop<Sink, Untimed<Stack>, Ready, Table>;

static EVENTS: StaticCell<Events> = StaticCell::new();

fn sink() -> i32 {
    let events = EVENTS.try_init_with(|| Events::with_parts(Untimed(Stack), Ready, Table::new()));
    let Some(events) = events else { return 1 };
    i32::from(events.add(i32::from(look()), Sink(0)).and_then(|_| events.run()).is_err())
}

stheno_footprint::program!(sink);
