//! An echo server that cuts what it receives into lines: the same with a conversation in place of the outbox.

#![no_std]
#![no_main]

use stheno_footprint::board::Stack;
use stheno_footprint::echo::Lines;

stheno_footprint::echo_server!(Lines, Lines::Door, Stack, Stack, 6);
