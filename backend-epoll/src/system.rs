//! The clock, timeouts and errors: from the system's words to core's.

use core::time::Duration;

use rustix::event::Timespec;
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};
use stheno_core::{Error, ErrorKind, Instant};

/// The monotonic clock, which is also the one that the kernel measures timeouts by. (B16)
pub(crate) fn now() -> Instant {
    let time = clock_gettime(ClockId::Monotonic);
    Instant::from_parts(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The time as the system call takes it, at most [`LONGEST`]; `wait_out` waits again for the rest.
pub(crate) fn timespec(time: Duration) -> Timespec {
    let time = time.min(LONGEST);
    Timespec { tv_sec: time.as_secs() as _, tv_nsec: time.subsec_nanos() as _ }
}

/// What a failed system call means.
pub(crate) fn failure(errno: Errno) -> Error {
    let (kind, text) = match errno {
        Errno::INTR => (ErrorKind::Interrupted, "a signal came"),
        Errno::BADF => (ErrorKind::BadDescriptor, "the descriptor is not open"),
        Errno::NOMEM => (ErrorKind::Exhausted, "no memory"),
        Errno::NOSPC => (ErrorKind::Exhausted, "too many watched descriptors (max_user_watches)"),
        Errno::MFILE | Errno::NFILE => (ErrorKind::Exhausted, "no more descriptors"),
        Errno::INVAL => (ErrorKind::Invalid, "a set cannot watch itself"),
        Errno::LOOP => (ErrorKind::Invalid, "sets watch each other, or too many inside one another"),
        Errno::NOENT => (ErrorKind::Invalid, "the descriptor is not registered"),
        _ => (ErrorKind::Other, "the system refused"),
    };
    Error::new(kind, text).with_code(errno.raw_os_error())
}

/// 23 days: fits the milliseconds of a 32-bit number, and every system's own bound on a timeout.
const LONGEST: Duration = Duration::from_secs(2_000_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_the_systems_up_to_the_longest() {
        let parts = |time| {
            let Timespec { tv_sec, tv_nsec } = timespec(time);
            (tv_sec as u64, tv_nsec as u32)
        };
        assert_eq!(parts(Duration::new(1, 999_999_999)), (1, 999_999_999));
        assert_eq!(parts(Duration::MAX), (2_000_000, 0));
    }

    #[test]
    fn an_errno_is_classified_and_kept() {
        use ErrorKind::*;
        for (errno, kind, words) in [
            (Errno::INTR, Interrupted, "signal"),
            (Errno::BADF, BadDescriptor, "not open"),
            (Errno::NOMEM, Exhausted, "memory"),
            (Errno::NOSPC, Exhausted, "max_user_watches"),
            (Errno::MFILE, Exhausted, "descriptors"),
            (Errno::NFILE, Exhausted, "descriptors"),
            (Errno::INVAL, Invalid, "itself"),
            (Errno::LOOP, Invalid, "each other"),
            (Errno::NOENT, Invalid, "not registered"),
            (Errno::IO, Other, "refused"),
        ] {
            let why = failure(errno);
            assert_eq!((why.kind(), why.code()), (kind, errno.raw_os_error()));
            assert!(why.text().contains(words), "{why}");
        }
    }
}
