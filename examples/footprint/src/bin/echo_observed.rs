//! The same echo server, and someone who looks on: what the last turn did to six channels, kept in memory.

#![no_std]
#![no_main]

use stheno_core::trace::{Trace, Traced};
use stheno_footprint::board::Stack;
use stheno_footprint::echo::Echo;

stheno_footprint::echo_server!(Echo, Echo::Door, Traced<Stack, Trace<6>>, Traced::new(Stack, Trace::new()), 6);
