//! The board, and the emulator's ear: what is said, and how it ends.

use core::fmt::{self, Write};

use cortex_m_semihosting::debug::{self, EXIT_FAILURE, EXIT_SUCCESS};
use cortex_m_semihosting::hio::{HostStream, hstdout};

mod clock;
mod ethernet;
mod heap;
mod register;
mod stack;

pub use clock::Ticks;
pub use ethernet::{Ethernet, hush};
pub use heap::Heap;

use crate::tally::Tally;

/// What is written here is heard outside, a line at a time.
#[derive(Default)]
pub struct Console {
    out: Option<HostStream>,
}

impl Console {
    /// Nothing is said yet.
    pub const fn new() -> Self {
        Self { out: None }
    }
}

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.out.is_none() {
            self.out = Some(hstdout().map_err(|()| fmt::Error)?);
        }
        let out = self.out.as_mut().ok_or(fmt::Error)?;
        out.write_all(text.as_bytes()).map_err(|()| fmt::Error)
    }
}

/// Says what came of it and how much memory it took, and ends the emulator with the verdict.
pub fn ends(told: Result<Tally, fmt::Error>, heap: Option<&Heap>) -> ! {
    let good = told.is_ok_and(|tally| says(tally, heap).is_ok() && tally.is_good());
    debug::exit(if good { EXIT_SUCCESS } else { EXIT_FAILURE });
    // A debugger that takes no end leaves it here.
    loop {
        cortex_m::asm::wfi();
    }
}

fn says(tally: Tally, heap: Option<&Heap>) -> fmt::Result {
    let mut out = Console::new();
    writeln!(out, "memory: {} bytes of stack", stack::most())?;
    if let Some(heap) = heap {
        writeln!(out, "memory: {} bytes of heap", heap.most())?;
    }
    writeln!(out, "{tally}")
}
