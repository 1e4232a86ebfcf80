//! What a channel takes of memory, as the sizes of two symbols.

#![no_std]
#![no_main]

use core::ptr::addr_of;

use stheno_core::Slot;
use stheno_footprint::board::Stack;
use stheno_footprint::echo::Echo;

/// As long as a channel's own state.
static CHANNEL_STATE: [u8; Slot::<Echo, Stack>::STATE_BYTES] = [1; Slot::<Echo, Stack>::STATE_BYTES];

/// As long as a place in the table, with its dispatcher and the outbox in that.
static CHANNEL_WHOLE: [u8; size_of::<Slot<Echo, Stack>>()] = [1; size_of::<Slot<Echo, Stack>>()];

fn both() -> i32 {
    (addr_of!(CHANNEL_STATE).addr() ^ addr_of!(CHANNEL_WHOLE).addr()) as i32
}

stheno_footprint::program!(both);
