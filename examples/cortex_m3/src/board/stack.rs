//! How deep the stack has been: `cortex-m-rt` paints it before the program begins.

use core::ptr::{addr_of, read_volatile};

use cortex_m_rt::STACK_PAINT_VALUE;

unsafe extern "C" {
    static _stack_start: u32;
    static _stack_end: u32;
}

/// How many bytes of it were used, to the deepest word whose paint is gone.
pub fn most() -> usize {
    let (top, bottom) = (addr_of!(_stack_start), addr_of!(_stack_end));
    let words = (top as usize).saturating_sub(bottom as usize) / size_of::<u32>();
    // SAFETY: the linker script puts the stack, in whole words, between the two, and nobody writes to its unused part.
    let painted = (0..words).take_while(|at| unsafe { read_volatile(bottom.wrapping_add(*at)) } == STACK_PAINT_VALUE);
    (words - painted.count()) * size_of::<u32>()
}
