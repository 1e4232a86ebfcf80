//! The clock: the core's own timer, at 50 MHz.

use core::cell::Cell;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use cortex_m::interrupt;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{SCB, SYST};
use stheno_core::{Instant, Result};
use stheno_smoltcp::Clock;

use super::ethernet;
use super::register::Register;

/// How many milliseconds have begun, in as many bits as an exception can count.
static BEGUN: AtomicU32 = AtomicU32::new(0);

const HERTZ: u32 = 50_000_000;
const EACH: u32 = HERTZ / 1_000;
const NANOS: u64 = 1_000_000_000 / HERTZ as u64;

/// A clock of 20 ns, whose milliseconds are counted by the exception of the core's timer: it calls [`tick`](Self::tick).
pub struct Ticks {
    /// What was read last: the clock goes on from there, though the count begins again after seven weeks.
    last: Cell<u64>,
}

impl Ticks {
    /// Sets the chip to 50 MHz, and its timer to milliseconds.
    pub fn begin(mut timer: SYST) -> Self {
        set_speed();
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(EACH - 1);
        timer.clear_current();
        timer.enable_counter();
        timer.enable_interrupt();
        Self { last: Cell::new(0) }
    }

    /// A millisecond is over.
    pub fn tick() {
        BEGUN.store(BEGUN.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// The count, in the timer's own ticks.
    fn count(&self) -> u64 {
        let (begun, left) = interrupt::free(|_| {
            let (begun, left) = (BEGUN.load(Relaxed), SYST::get_current());
            // A millisecond that is over, and not counted yet: the timer has begun another.
            if SCB::is_pendst_pending() { (begun.wrapping_add(1), SYST::get_current()) } else { (begun, left) }
        });
        let last = self.last.get();
        let (whole, part) = (last / u64::from(EACH), u64::from(EACH - 1 - left.min(EACH - 1)));
        let since = u64::from(begun.wrapping_sub(whole as u32));
        // Whatever a timer does at its turning point, a clock never goes back.
        let count = if since > u64::from(u32::MAX / 2) { last } else { (whole + since) * u64::from(EACH) + part };
        self.last.set(count.max(last));
        count.max(last)
    }
}

impl Clock for Ticks {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.count() * NANOS)
    }

    /// Sleeps until the next interrupt, which is a packet or the end of a millisecond.
    fn rest(&mut self, until: Option<Instant>) -> Result<()> {
        // With interrupts held back none can come between the look and the sleep, which they end all the same.
        interrupt::free(|_| {
            if !ethernet::is_waiting() && until.is_none_or(|until| self.now() < until) {
                ethernet::listen();
                cortex_m::asm::wfi();
            }
        });
        Ok(())
    }
}

/// The main oscillator of 8 MHz, through the PLL of 200 MHz, by four.
fn set_speed() {
    const STATUS: Register = Register::of_system(0x50);
    const CONFIGURATION: Register = Register::of_system(0x60);
    const BYPASS: u32 = 1 << 11;
    const DIVIDES: u32 = 1 << 22;
    const PLL_OFF: u32 = 1 << 13;
    const CRYSTAL_8_MHZ: u32 = 0xe << 6;
    const BY_FOUR: u32 = 3 << 23;
    const LOCKED: u32 = 1 << 6;
    const FIELDS: u32 = 0xf << 23 | DIVIDES | PLL_OFF | 0x1f << 6 | 3 << 4 | 1;
    let before = CONFIGURATION.read();
    CONFIGURATION.write((before | BYPASS) & !DIVIDES);
    let wanted = (before | BYPASS) & !FIELDS | CRYSTAL_8_MHZ | BY_FOUR | DIVIDES;
    CONFIGURATION.write(wanted);
    while STATUS.read() & LOCKED == 0 {}
    CONFIGURATION.write(wanted & !BYPASS);
}
