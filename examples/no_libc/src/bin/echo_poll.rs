//! The echo server on poll.

#![no_std]
#![no_main]

use static_cell::{ConstStaticCell, StaticCell};
use stheno::poll;
use stheno_no_libc::echo::{CHANNELS, Events, Table, serve};
use stheno_no_libc::inet::Inet;

type Backend = poll::Poll<poll::Heapless<CHANNELS>>;

/// The table, and the loop with its backend, lie in memory that is there from the start.
static TABLE: ConstStaticCell<Table<Inet>> = ConstStaticCell::new(Table::new());
static EVENTS: StaticCell<Events<Inet, Backend>> = StaticCell::new();

fn main() -> i32 {
    let Some(table) = TABLE.try_take() else { return 1 };
    let Some(events) = EVENTS.try_init_with(|| Events::with_parts(Inet, Backend::default(), table)) else { return 1 };
    serve(events)
}

#[cfg(not(feature = "deadlines"))]
stheno_no_libc::program!(main);
// The look for the clock is rustix's, and checks itself.
#[cfg(feature = "deadlines")]
stheno_no_libc::program!(main, may panic);
