//! The same echo server without deadlines.

#![no_std]
#![no_main]

use stheno_core::Untimed;
use stheno_footprint::board::Stack;
use stheno_footprint::echo::Echo;

stheno_footprint::echo_server!(Echo, Echo::Door, Untimed<Stack>, Untimed(Stack), 6);
