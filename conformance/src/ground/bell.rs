//! Bells, for which a target needs atomics.

use alloc::sync::Arc;

use stheno_core::waker::{Bell, Ring};

/// A bell that threads share.
pub type SharedBell = Arc<Bell<dyn Ring>>;
