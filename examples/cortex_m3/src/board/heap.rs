//! A heap that remembers how much of it was in use at once.

use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use embedded_alloc::LlffHeap;

/// The heap: memory of fixed size, of which the first hole that fits is taken.
pub struct Heap {
    below: LlffHeap,
    begun: AtomicBool,
    most: AtomicUsize,
}

impl Heap {
    /// A heap without memory.
    pub const fn new() -> Self {
        Self { below: LlffHeap::empty(), begun: AtomicBool::new(false), most: AtomicUsize::new(0) }
    }

    /// Gives it memory, once and for good; a second time it is not taken.
    pub fn begin(&self, memory: &'static mut [u8]) {
        if memory.is_empty() || self.begun.swap(true, Relaxed) {
            return;
        }
        // SAFETY: it is called once, and the memory is nobody else's from here on, as the exclusive borrow never ends.
        unsafe { self.below.init(memory.as_mut_ptr() as usize, memory.len()) }
    }

    /// How many bytes were in use at once.
    pub fn most(&self) -> usize {
        self.most.load(Relaxed)
    }
}

impl Default for Heap {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: it is the heap below that allocates; nothing here touches the memory.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: what the caller owes here it owes there.
        let memory = unsafe { self.below.alloc(layout) };
        self.most.fetch_max(self.below.used(), Relaxed);
        memory
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: what the caller owes here it owes there.
        unsafe { self.below.dealloc(memory, layout) }
    }
}
