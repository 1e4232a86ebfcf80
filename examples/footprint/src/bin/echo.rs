//! An echo server: the loop, the rules, deadlines, and an outbox for each of five clients.

#![no_std]
#![no_main]

use stheno_footprint::board::Stack;
use stheno_footprint::echo::Echo;

stheno_footprint::echo_server!(Echo, Echo::Door, Stack, Stack, 6);
