//! The chip's registers.

use core::ptr::{read_volatile, write_volatile};

/// A register of the LM3S6965, by its address in the data sheet.
#[derive(Clone, Copy)]
pub(super) struct Register(usize);

impl Register {
    /// The register at this offset in the Ethernet controller.
    pub(super) const fn of_ethernet(offset: usize) -> Self {
        assert!(offset <= 0x38 && offset.is_multiple_of(4), "the controller's registers end there");
        Self(0x4004_8000 + offset)
    }

    /// The register at this offset in the system control.
    pub(super) const fn of_system(offset: usize) -> Self {
        assert!(offset <= 0x144 && offset.is_multiple_of(4), "the system control's registers end there");
        Self(0x400f_e000 + offset)
    }

    pub(super) fn read(self) -> u32 {
        // SAFETY: the constructors let nothing be made but addresses of registers, which are words and aligned; what a read
        // does beside is the register's business, and touches no memory of the program.
        unsafe { read_volatile(self.0 as *const u32) }
    }

    pub(super) fn write(self, value: u32) {
        // SAFETY: as for reading; neither of the two units moves memory by itself.
        unsafe { write_volatile(self.0 as *mut u32, value) }
    }
}
