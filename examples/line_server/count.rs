//! A long answer, made while it is sent.

use std::collections::VecDeque;
use std::io::{Read, Write};

use stheno::{Produced, Producer, Result};

/// Gives its numbers as there is room for them.
pub struct Count {
    next: usize,
    to: usize,
    /// What is left of the line under way.
    line: VecDeque<u8>,
}

impl Count {
    /// From 1 to this.
    pub fn to(to: usize) -> Self {
        Self { next: 1, to, line: VecDeque::new() }
    }
}

impl Producer for Count {
    fn more(&mut self, into: &mut [u8]) -> Result<Produced> {
        let mut filled = 0;
        while filled < into.len() {
            if self.line.is_empty() && self.next <= self.to {
                // Writing to memory does not fail.
                let _ = writeln!(self.line, "{}", self.next);
                self.next += 1;
            }
            match self.line.read(&mut into[filled..]) {
                Ok(0) | Err(_) => break,
                Ok(n) => filled += n,
            }
        }
        Ok(if filled == 0 { Produced::Done } else { Produced::Data(filled) })
    }
}
