//! Waking the loop from elsewhere: another thread, a signal handler, an interrupt.
//!
//! A [`Bell`] is what the loop answers and wakers ring. It owns whatever makes the sound (an eventfd, a pipe) and outlives
//! the loop, since wakers share it: `Waker<Arc<Bell<_>>>` on the heap, `Waker<&'static Bell<_>>` without one.
//!
//! Rings coalesce, and none is lost: who rings sets what is to be seen *before* the flag, and only who finds the flag down
//! makes a sound; who answers drains the sound *first*, then takes the flag down, and looks last.

use core::ops::Deref;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::Result;

/// What makes the sound: an eventfd, a pipe, a pair of datagram sockets.
///
/// Both must be callable from any thread, and [`ring`](Self::ring) from a signal handler where wakers are used in one.
pub trait Ring: Send + Sync {
    /// Makes the descriptor that the loop watches readable. A full pipe rings already and is no error.
    fn ring(&self) -> Result<()>;

    /// Makes it unreadable again.
    fn drain(&self) -> Result<()>;
}

/// A flag, a request, and the thing that makes the sound.
///
/// ```
/// use stheno_core::waker::{Bell, Ring, Waker};
/// struct Silent;
/// impl Ring for Silent {
///     fn ring(&self) -> stheno_core::Result<()> { Ok(()) }
///     fn drain(&self) -> stheno_core::Result<()> { Ok(()) }
/// }
/// static BELL: Bell<Silent> = Bell::new(Silent);
/// let waker = Waker::new(&BELL);
/// waker.stop().unwrap();
/// assert!(BELL.answer().unwrap(), "the loop is asked to stop");
/// assert!(!BELL.answer().unwrap(), "a request is answered once");
/// ```
#[derive(Debug)]
pub struct Bell<R: ?Sized> {
    rung: AtomicBool,
    stop: AtomicBool,
    ring: R,
}

impl<R> Bell<R> {
    /// A bell that nobody has rung.
    pub const fn new(ring: R) -> Self {
        Self { rung: AtomicBool::new(false), stop: AtomicBool::new(false), ring }
    }
}

impl<R: Ring + ?Sized> Bell<R> {
    /// Takes in everything that was rung so far: whether the loop was asked to stop. Where the sound cannot be drained,
    /// nothing was taken in.
    pub fn answer(&self) -> Result<bool> {
        // This order loses nothing: whoever rings after the flag is down makes a new sound, and whoever rang before has
        // set its request already.
        self.ring.drain()?;
        self.rung.swap(false, Ordering::AcqRel);
        Ok(self.stop.swap(false, Ordering::AcqRel))
    }

    /// The thing that makes the sound.
    pub const fn sound(&self) -> &R {
        &self.ring
    }

    fn ring(&self) -> Result<()> {
        if self.rung.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.ring.ring().inspect_err(|_| {
            // The next one to ring tries again.
            self.rung.store(false, Ordering::Release);
        })
    }
}

/// Wakes the loop that answers its bell; cheap to clone, usable from any thread and in signal handlers.
///
/// A waker outlives its loop: ringing for a loop that is gone does nothing.
#[derive(Clone, Debug)]
pub struct Waker<B>(B);

impl<B: Deref<Target = Bell<R>>, R: Ring + ?Sized> Waker<B> {
    /// A waker for this bell.
    pub const fn new(bell: B) -> Self {
        Self(bell)
    }

    /// Ends the loop's wait; the turn under way returns.
    #[doc(alias = "notify")]
    pub fn wake(&self) -> Result<()> {
        self.0.ring()
    }

    /// Asks the loop to end: [`run`](crate::EventLoop::run) returns after the turn under way.
    pub fn stop(&self) -> Result<()> {
        self.0.stop.store(true, Ordering::Release);
        self.0.ring()
    }
}

/// How a loop holds a bell: it does not care what makes the sound.
#[derive(Clone)]
pub enum BellHandle {
    /// Lives as long as the program.
    Static(&'static Bell<dyn Ring>),
    /// Shared on the heap with its wakers.
    #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
    Shared(alloc::sync::Arc<Bell<dyn Ring>>),
}

impl BellHandle {
    pub(crate) fn answer(&self) -> Result<bool> {
        match self {
            Self::Static(bell) => bell.answer(),
            #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
            Self::Shared(bell) => bell.answer(),
        }
    }
}

impl<R: Ring> From<&'static Bell<R>> for BellHandle {
    fn from(bell: &'static Bell<R>) -> Self {
        Self::Static(bell)
    }
}

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
impl<R: Ring + 'static> From<alloc::sync::Arc<Bell<R>>> for BellHandle {
    fn from(bell: alloc::sync::Arc<Bell<R>>) -> Self {
        Self::Shared(bell)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::{Error, ErrorKind};
    use core::sync::atomic::AtomicUsize;

    /// Counts its sounds, and can be broken.
    #[derive(Default)]
    struct Counting {
        rings: AtomicUsize,
        broken: AtomicBool,
    }

    impl Ring for Counting {
        fn ring(&self) -> Result<()> {
            if self.broken.load(Ordering::SeqCst) {
                return Err(Error::new(ErrorKind::Other, "broken"));
            }
            self.rings.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
        fn drain(&self) -> Result<()> {
            self.rings.store(0, Ordering::SeqCst);
            Ok(())
        }
    }

    #[test]
    fn rings_coalesce_until_answered() {
        let bell = Bell::new(Counting::default());
        let waker = Waker::new(&bell);
        for _ in 0..3 {
            waker.wake().unwrap();
        }
        assert_eq!(bell.sound().rings.load(Ordering::SeqCst), 1);
        assert_eq!(bell.answer(), Ok(false));
        waker.wake().unwrap();
        assert_eq!(bell.sound().rings.load(Ordering::SeqCst), 1, "an answered bell rings again");
    }

    #[test]
    fn a_failed_ring_is_tried_again_by_the_next() {
        let bell = Bell::new(Counting::default());
        let waker = Waker::new(&bell);
        bell.sound().broken.store(true, Ordering::SeqCst);
        assert!(waker.wake().is_err());
        bell.sound().broken.store(false, Ordering::SeqCst);
        waker.wake().unwrap();
        assert_eq!(bell.sound().rings.load(Ordering::SeqCst), 1);
    }

    /// Somebody rings while the loop is in the middle of an answer, just before or just after the sound dies away. Were the
    /// flag taken down first, the sound of the former would be drained while its flag stays up: a bell that is dumb for
    /// ever. Were the request looked for first, it would be found only by chance.
    #[test]
    fn a_ring_in_the_middle_of_an_answer_is_not_lost() {
        type Deed = std::boxed::Box<dyn FnOnce() + Send>;
        struct Meddling {
            sounds: AtomicUsize,
            before: bool,
            deed: std::sync::Mutex<Option<Deed>>,
        }
        impl Meddling {
            fn meddle(&self, before: bool) {
                let deed = if before == self.before { self.deed.lock().unwrap().take() } else { None };
                if let Some(deed) = deed {
                    deed();
                }
            }
        }
        impl Ring for Meddling {
            fn ring(&self) -> Result<()> {
                self.sounds.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }
            fn drain(&self) -> Result<()> {
                self.meddle(true);
                self.sounds.store(0, Ordering::SeqCst);
                self.meddle(false);
                Ok(())
            }
        }
        for before in [true, false] {
            let sound = Meddling { sounds: AtomicUsize::new(0), before, deed: std::sync::Mutex::new(None) };
            let bell = std::sync::Arc::new(Bell::new(sound));
            let sounds = || bell.sound().sounds.load(Ordering::SeqCst);
            let waker = Waker::new(bell.clone());
            waker.wake().unwrap();
            let in_between = waker.clone();
            *bell.sound().deed.lock().unwrap() = Some(std::boxed::Box::new(move || in_between.stop().unwrap()));
            let seen_at_once = bell.answer().unwrap();
            assert!(seen_at_once || sounds() > 0, "the request would be found only by chance");
            waker.wake().unwrap();
            assert_eq!(sounds(), 1, "the bell can be rung after it");
        }
    }
}
