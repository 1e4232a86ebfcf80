//! The same echo server whose clients have their memory on loan: two chunks for five of them.

#![no_std]
#![no_main]

use static_cell::{ConstStaticCell, StaticCell};
use stheno_core::pool::{Lending, Place, bytes};
use stheno_core::{EventLoop, Slot};
use stheno_footprint::board::{Port, Ready, Stack};
use stheno_footprint::echo::{BUFFER, Lent};

type Memory = [u8; bytes(2, BUFFER)];
type Net = Lending<Stack, &'static mut Memory, heapless::Vec<Place, 6>>;
type Table = heapless::Vec<Slot<Lent, Net>, 6>;
type Events = EventLoop<Lent, Net, Ready, &'static mut Table>;

static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new([0; bytes(2, BUFFER)]);
static TABLE: ConstStaticCell<Table> = ConstStaticCell::new(Table::new());
static EVENTS: StaticCell<Events> = StaticCell::new();

fn serve() -> i32 {
    let (Some(memory), Some(table)) = (MEMORY.try_take(), TABLE.try_take()) else { return 1 };
    let Ok(net) = Lending::new(Stack, memory, BUFFER, heapless::Vec::new()) else { return 1 };
    let Some(events) = EVENTS.try_init_with(|| Events::with_parts(net, Ready, table)) else { return 1 };
    i32::from(events.listen(Port(7), Lent::Door).and_then(|_| events.run()).is_err())
}

stheno_footprint::program!(serve);
