//! The echo server on poll over the whole of `stheno::Os`: what its addresses, families and errors cost. It can panic, where
//! rustix's conversions of addresses and options check themselves.

#![no_std]
#![no_main]

use static_cell::{ConstStaticCell, StaticCell};
use stheno::{Os, poll};
use stheno_no_libc::echo::{CHANNELS, Events, Table, serve};

#[cfg(feature = "deadlines")]
type Network = Os;
#[cfg(not(feature = "deadlines"))]
type Network = stheno::Untimed<Os>;

type Backend = poll::Poll<poll::Heapless<CHANNELS>>;

static TABLE: ConstStaticCell<Table<Network>> = ConstStaticCell::new(Table::new());
static EVENTS: StaticCell<Events<Network, Backend>> = StaticCell::new();

fn main() -> i32 {
    let Some(table) = TABLE.try_take() else { return 1 };
    let Some(events) = EVENTS.try_init_with(|| Events::with_parts(Network::default(), Backend::default(), table))
    else {
        return 1;
    };
    serve(events)
}

stheno_no_libc::program!(main, may panic);
