//! What the kernel reports in one wait.

use rustix::event::epoll::{Event, EventData, EventFlags};

/// Room for so many events, of which each has a number with it and never a pointer.
pub(crate) struct Batch<const N: usize>(pub(crate) [Event; N]);

impl<const N: usize> Batch<N> {
    pub(crate) const EMPTY: Self = Self([Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; N]);
}

// SAFETY: an event is not `Send` by itself only because its data might be a pointer. In here it is a number: each event was
// made above, or by the kernel with the data that was registered, which are tickets and nothing else.
#[allow(unsafe_code)]
unsafe impl<const N: usize> Send for Batch<N> {}
