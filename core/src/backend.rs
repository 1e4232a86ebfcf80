//! Who knows what is ready: the contract between the loop and a backend.
//!
//! # The contract
//!
//! - **B1** A registered socket is deregistered before it is closed. The loop owes this, and every backend relies on it.
//! - **B2** A key is registered once, and a socket under one key; the loop owes this, too. Registering the same two again
//!   is an error of kind [`Invalid`](ErrorKind::Invalid), and changes nothing. Another key for the socket, or another
//!   socket under the key, is the same error, or is watched beside the first and deregistered by itself: some backends
//!   know sockets (select, epoll), some keys (poll), some both. What is out of the set (B3) need not be known.
//! - **B3** An interest of [`NONE`](Interest::NONE) is out of the set: nothing is reported, not even a hang-up, until
//!   [`reregister`](Backend::reregister) asks for something.
//! - **B4** Readiness is level-triggered: it is reported by every wait for as long as it holds.
//! - **B5** READABLE, WRITABLE and PRIORITY are reported only where asked for. ERROR, HANGUP and INVALID come unasked, as
//!   long as anything is asked for.
//! - **B6** Whoever asked for READ is told READABLE whenever `recv` would not block: data, the end, a hang-up or an
//!   error. Whoever asked for WRITE is told WRITABLE whenever `send` would not block, an error included. So a backend
//!   that cannot tell errors apart leads to the same steps as one that can.
//! - **B7** Each wait reports a key at most once, with the key that it was registered under.
//! - **B8** Where more is ready than one wait reports, the others come first in one of the next waits: nobody starves.
//! - **B9** A wait with a timeout never ends before it unless something is reported; a zero timeout does not wait; no
//!   timeout waits until something is ready. Signals do not end a wait, nor lengthen it.
//! - **B10** What the system cannot watch because it is always ready (a regular file) is reported ready at every wait.
//! - **B11** What a backend cannot take (a descriptor past its size, a full list, a closed descriptor that it can see)
//!   is an error at registration; nothing else changes.
//! - **B12** A descriptor that was closed behind the backend's back is INVALID for its key alone, or silent; the others
//!   go on, and no wait ends at once because of it more than once.
//! - **B13** Nothing is allocated by a wait, nor by taking its results.
//! - **B14** Results stay inside and leave one by one; what was not taken before the next wait is dropped (and, by B4,
//!   reported again). A key deregistered in between may still be reported once.
//! - **B15** Deregistering is idempotent: a key that is not registered, or whose descriptor is gone, is no error.
//! - **B16** [`now`](Backend::now) never goes back, and is the clock that timeouts are measured by.
//! - **B17** A wait that fails leaves nothing to take, and changes nothing: the next one tells what holds then.

use core::time::Duration;

use crate::{Error, ErrorKind, Instant, Interest, Key, Net, Readiness, Result};

/// What a wait found about one channel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Fired {
    /// Which channel.
    pub key: Key,
    /// What holds of it.
    pub readiness: Readiness,
}

/// Turns interests into readiness. See the [module](self) for the contract.
///
/// For operating systems a backend is implemented for every net whose sockets have a descriptor; a simulated network is
/// net and backend in one value.
pub trait Backend<N: Net> {
    /// Watches a socket under this key. (B2, B3, B11)
    #[doc(alias = "EPOLL_CTL_ADD")]
    fn register(&mut self, net: &mut N, socket: &N::Socket, key: Key, interest: Interest) -> Result<()>;

    /// Changes what a registered socket is watched for. (B3)
    #[doc(alias = "EPOLL_CTL_MOD")]
    fn reregister(&mut self, net: &mut N, socket: &N::Socket, key: Key, interest: Interest) -> Result<()>;

    /// Watches no longer. (B1, B15)
    #[doc(alias = "EPOLL_CTL_DEL")]
    fn deregister(&mut self, net: &mut N, socket: &N::Socket, key: Key) -> Result<()>;

    /// Waits until something is ready, or for the timeout, and says how many results there are to take. (B4, B8, B9, B17)
    #[doc(alias = "epoll_wait")]
    fn wait(&mut self, net: &mut N, timeout: Option<Duration>) -> Result<usize>;

    /// The next result of the last wait. (B7, B14)
    fn next(&mut self) -> Option<Fired>;

    /// The time. (B16)
    fn now(&mut self, net: &N) -> Instant;

    /// What the backend is called: `select`, `poll`, `epoll` or a name of its own.
    fn name(&self) -> &'static str;
}

/// A backend that can be had without being given anything, as one with its lists on the heap can.
pub trait Open: Sized {
    /// A fresh backend that watches nothing.
    fn open() -> Result<Self>;
}

/// Waits as clause B9 says, on top of a system call that may end early.
///
/// Calls `attempt` with what is left of the time until it reports something, fails, or the time is over. An attempt that
/// ends with nothing, or with [`Interrupted`](ErrorKind::Interrupted), before the time is over is made again: so a system
/// call that is capped, rounded down or interrupted still makes an exact wait. The clock is asked only where the timeout
/// is neither none nor zero.
pub fn wait_out(
    timeout: Option<Duration>,
    mut now: impl FnMut() -> Instant,
    mut attempt: impl FnMut(Option<Duration>) -> Result<usize>,
) -> Result<usize> {
    let until = match timeout {
        Some(time) if !time.is_zero() => Some(now() + time),
        _ => None,
    };
    let mut left = timeout;
    loop {
        match attempt(left) {
            Ok(0) if left.is_some_and(|left| left.is_zero()) => return Ok(0),
            Ok(0) => {}
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
        if let Some(until) = until {
            let rest = until.saturating_since(now());
            if rest.is_zero() {
                return Ok(0);
            }
            left = Some(rest);
        }
    }
}

/// Waits for a loop over `N`: as [`wait_out`] does, or, where `N` has no [deadlines](Net::DEADLINES), without a clock, so that
/// none is linked.
///
/// Without a clock what a signal interrupts begins anew, and only that: a timed wait that ends early is over.
pub fn wait_on<N: Net>(
    timeout: Option<Duration>,
    now: impl FnMut() -> Instant,
    mut attempt: impl FnMut(Option<Duration>) -> Result<usize>,
) -> Result<usize> {
    if N::DEADLINES {
        return wait_out(timeout, now, attempt);
    }
    loop {
        match attempt(timeout) {
            Ok(0) if timeout.is_none() => {}
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// What a system's own flags say to whoever has this interest: what was asked for, and a hang-up or an error as what leads
/// to it (clauses B3, B5 and B6).
///
/// ```
/// use stheno_core::{Interest, Readiness, backend::told};
/// let hung_up = Readiness::HANGUP;
/// assert_eq!(told(hung_up, Interest::READ), Readiness::READABLE | Readiness::HANGUP);
/// assert_eq!(told(hung_up, Interest::WRITE), Readiness::HANGUP);
/// assert_eq!(told(hung_up, Interest::NONE), Readiness::NONE);
/// ```
#[inline]
pub const fn told(system: Readiness, interest: Interest) -> Readiness {
    if interest.is_empty() {
        return Readiness::NONE;
    }
    let over = Readiness::ERROR.union(Readiness::HANGUP);
    let mut leads = system.bits();
    if system.contains(Readiness::ERROR) {
        leads |= Readiness::READABLE.union(Readiness::WRITABLE).bits();
    }
    if system.contains(Readiness::HANGUP) {
        leads |= Readiness::READABLE.bits();
    }
    // What is asked for and what is told of it have the same bits.
    Readiness::from_bits_truncate(leads & interest.bits() | system.bits() & over.bits())
}

const _: () = assert!(
    Readiness::READABLE.bits() == Interest::READ.bits()
        && Readiness::WRITABLE.bits() == Interest::WRITE.bits()
        && Readiness::PRIORITY.bits() == Interest::PRIORITY.bits()
);

/// What it means on a system that `select` leaves a socket in its third set, the one that POSIX calls "except".
///
/// ```
/// use stheno_core::{Interest, Readiness, backend::Except};
/// assert_eq!(Except::Urgent.says(Interest::READ | Interest::PRIORITY), Readiness::PRIORITY);
/// assert_eq!(Except::Trouble.says(Interest::READ | Interest::PRIORITY), Readiness::READABLE);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Except {
    /// There is an urgent byte, and nothing else: Linux, the BSDs, macOS.
    #[default]
    Urgent,
    /// There was an error or the stream has ended, which the other two sets need not show then: NuttX, Zephyr, ESP-IDF,
    /// lwIP, FreeRTOS+TCP. It leads to whatever the channel wants, where it finds out which of them it was (B6); urgent
    /// bytes are not told there.
    Trouble,
}

impl Except {
    /// Whether a socket that is watched for this goes into the third set.
    #[inline]
    pub const fn watches(self, interest: Interest) -> bool {
        match self {
            Self::Urgent => interest.contains(Interest::PRIORITY),
            Self::Trouble => interest.intersects(Interest::READ.union(Interest::WRITE)),
        }
    }

    /// What a socket that comes back in the third set says to whoever has this interest.
    #[inline]
    pub const fn says(self, interest: Interest) -> Readiness {
        match self {
            Self::Urgent => Readiness::PRIORITY.when(interest.contains(Interest::PRIORITY)),
            Self::Trouble => Readiness::READABLE
                .when(interest.contains(Interest::READ))
                .union(Readiness::WRITABLE.when(interest.contains(Interest::WRITE))),
        }
    }
}

/// The error of clause B2, for backends to return.
pub const REGISTERED_TWICE: Error = Error::new(ErrorKind::Invalid, "the key is registered already").doing("register");

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;

    const INTERRUPTED: Error = Error::new(ErrorKind::Interrupted, "interrupted");

    #[test]
    fn interruptions_and_early_ends_shorten_what_is_left() {
        let clock = Cell::new(100_u64);
        let asked = Cell::new(0);
        let waited = wait_out(
            Some(Duration::from_nanos(30)),
            || Instant::from_nanos(clock.get()),
            |left| {
                let expected = [30, 20, 10][asked.get()];
                assert_eq!(left, Some(Duration::from_nanos(expected)));
                asked.set(asked.get() + 1);
                clock.set(clock.get() + 10);
                if asked.get() == 1 { Err(INTERRUPTED) } else { Ok(0) }
            },
        );
        assert_eq!((waited, asked.get(), clock.get()), (Ok(0), 3, 130));
    }

    #[test]
    fn zero_and_none_ask_no_clock() {
        let no_clock = || -> Instant { panic!("the clock was asked") };
        assert_eq!(wait_out(Some(Duration::ZERO), no_clock, |_| Ok(0)), Ok(0));
        let mut tries = 0;
        let found = wait_out(None, no_clock, |left| {
            assert_eq!(left, None);
            tries += 1;
            if tries < 3 { Err(INTERRUPTED) } else { Ok(4) }
        });
        assert_eq!((found, tries), (Ok(4), 3));
    }

    #[test]
    fn an_interrupted_look_is_taken_again() {
        let mut tries = 0;
        let found = wait_out(
            Some(Duration::ZERO),
            || Instant::NEVER,
            |_| {
                tries += 1;
                if tries < 3 { Err(INTERRUPTED) } else { Ok(0) }
            },
        );
        assert_eq!((found, tries), (Ok(0), 3));
    }

    #[test]
    fn a_failure_ends_the_wait() {
        const BROKEN: Error = Error::new(ErrorKind::Other, "broken");
        let mut tries = 0;
        let failed = wait_out(
            None,
            || Instant::NEVER,
            |_| {
                tries += 1;
                if tries == 1 { Err(BROKEN) } else { Ok(1) }
            },
        );
        assert_eq!(failed, Err(BROKEN));
    }

    /// Whoever is watched can be told, and who is not is told nothing.
    #[test]
    fn the_third_set_is_for_those_to_whom_it_says_something() {
        for except in [Except::Urgent, Except::Trouble] {
            for interest in (0..8).map(Interest::from_bits_truncate) {
                assert_eq!(except.watches(interest), !except.says(interest).is_empty(), "{except:?} for {interest}");
            }
        }
        use Readiness as R;
        let both = Interest::READ | Interest::WRITE;
        assert_eq!(Except::Trouble.says(both), R::READABLE | R::WRITABLE);
        assert_eq!(Except::Trouble.says(Interest::WRITE), R::WRITABLE);
        assert_eq!(Except::Trouble.says(Interest::PRIORITY), R::NONE);
        assert_eq!(Except::Urgent.says(Interest::ALL), R::PRIORITY);
    }

    /// What one bit of the system's says to READ, to WRITE and to PRIORITY; of several, each says its own.
    #[test]
    fn each_bit_says_its_own_to_each_interest() {
        use Readiness as R;
        let words = [
            (R::READABLE, [R::READABLE, R::NONE, R::NONE]),
            (R::WRITABLE, [R::NONE, R::WRITABLE, R::NONE]),
            (R::PRIORITY, [R::NONE, R::NONE, R::PRIORITY]),
            (R::ERROR, [R::READABLE | R::ERROR, R::WRITABLE | R::ERROR, R::ERROR]),
            (R::HANGUP, [R::READABLE | R::HANGUP, R::HANGUP, R::HANGUP]),
            (R::INVALID, [R::NONE; 3]),
        ];
        for system in (0..64).map(R::from_bits_truncate) {
            for interest in (0..8).map(Interest::from_bits_truncate) {
                let asked = [Interest::READ, Interest::WRITE, Interest::PRIORITY].map(|bit| interest.contains(bit));
                let said =
                    words.iter().filter(|(bit, _)| system.contains(*bit)).flat_map(|(_, says)| says.iter().zip(asked));
                let expected = said.filter(|(_, asked)| *asked).fold(R::NONE, |all, (word, _)| all | *word);
                assert_eq!(told(system, interest), expected, "{system} for {interest}");
            }
        }
    }
}
