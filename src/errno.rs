//! What the system's error numbers are called, what they mean for a channel, and how they read: one table.
//!
//! This is the one place that classifies (N2). Two operations know better than the table and say so where they stand:
//! `connect`, for which "would block" is a failure, and `accept`, for which a caller's misfortune is none of the
//! listener's, and what is forbidden now may be tried later.

use rustix::io::Errno;
use stheno_core::Error;
use stheno_core::ErrorKind::{self, *};

/// The name of a system's error number, as C spells it; `None` for numbers not known here.
///
/// ```
/// # #[cfg(target_os = "linux")]
/// assert_eq!(stheno::errno_name(111), Some("ECONNREFUSED"));
/// assert_eq!(stheno::errno_name(0), None);
/// ```
#[doc(alias = "errorcode")]
#[doc(alias = "strerrorname_np")]
pub fn errno_name(code: i32) -> Option<&'static str> {
    find(code).map(|known| known.name)
}

/// A number in words, lower case and without a full stop.
pub(crate) fn describe(code: i32) -> &'static str {
    if code == 0 { "no error" } else { find(code).map_or("unknown error", |known| known.text) }
}

/// The error that a failed system call is.
pub(crate) fn failed(errno: Errno, doing: &'static str) -> Error {
    waiting(errno).doing(doing)
}

/// The same, where nobody has said yet what was being done.
pub(crate) fn waiting(errno: Errno) -> Error {
    with_number(errno.raw_os_error())
}

/// The error that has this number, which need not be one that the system knows.
pub(crate) fn with_number(code: i32) -> Error {
    let kind = find(code).map_or(Other, |known| known.kind);
    Error::new(kind, describe(code)).with_code(code)
}

/// A walk along the table, as errors are rare; "would block", which is not, never comes here.
fn find(code: i32) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.errno.raw_os_error() == code)
}

struct Known {
    errno: Errno,
    name: &'static str,
    kind: ErrorKind,
    text: &'static str,
}

const fn row(errno: Errno, name: &'static str, kind: ErrorKind, text: &'static str) -> Known {
    Known { errno, name, kind, text }
}

/// Where two names have one number, the first one counts.
#[rustfmt::skip]
static KNOWN: &[Known] = &[
    // It is not over.
    row(Errno::AGAIN, "EAGAIN", WouldBlock, "would block"),
    row(Errno::INTR, "EINTR", Interrupted, "interrupted by a signal"),
    row(Errno::INPROGRESS, "EINPROGRESS", InProgress, "in progress"),
    row(Errno::ALREADY, "EALREADY", InProgress, "already in progress"),

    // The connection is over, or there never was one.
    row(Errno::CONNRESET, "ECONNRESET", Disconnected, "connection reset by peer"),
    row(Errno::CONNREFUSED, "ECONNREFUSED", Disconnected, "connection refused"),
    row(Errno::CONNABORTED, "ECONNABORTED", Disconnected, "connection aborted"),
    row(Errno::PIPE, "EPIPE", Disconnected, "broken pipe"),
    row(Errno::NOTCONN, "ENOTCONN", Disconnected, "not connected"),
    row(Errno::SHUTDOWN, "ESHUTDOWN", Disconnected, "the socket is shut down"),
    row(Errno::TIMEDOUT, "ETIMEDOUT", Disconnected, "connection timed out"),
    row(Errno::HOSTUNREACH, "EHOSTUNREACH", Disconnected, "no route to host"),
    row(Errno::HOSTDOWN, "EHOSTDOWN", Disconnected, "host is down"),
    row(Errno::NETUNREACH, "ENETUNREACH", Disconnected, "network is unreachable"),
    row(Errno::NETDOWN, "ENETDOWN", Disconnected, "network is down"),
    row(Errno::NETRESET, "ENETRESET", Disconnected, "connection reset by network"),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    row(Errno::NONET, "ENONET", Disconnected, "not on the network"),

    // Later, perhaps.
    row(Errno::MFILE, "EMFILE", Exhausted, "too many open descriptors in this process"),
    row(Errno::NFILE, "ENFILE", Exhausted, "too many open descriptors in the system"),
    row(Errno::NOBUFS, "ENOBUFS", Exhausted, "no buffer space"),
    row(Errno::NOMEM, "ENOMEM", Exhausted, "out of memory"),
    row(Errno::NOSPC, "ENOSPC", Exhausted, "no space left"),
    row(Errno::DQUOT, "EDQUOT", Exhausted, "quota exceeded"),

    // The wrong descriptor.
    row(Errno::BADF, "EBADF", BadDescriptor, "not an open descriptor"),
    row(Errno::NOTSOCK, "ENOTSOCK", BadDescriptor, "not a socket"),

    // Not here.
    row(Errno::NOSYS, "ENOSYS", Unsupported, "the system has no such call"),
    row(Errno::OPNOTSUPP, "EOPNOTSUPP", Unsupported, "operation not supported"),
    row(Errno::NOTSUP, "ENOTSUP", Unsupported, "not supported"),
    row(Errno::AFNOSUPPORT, "EAFNOSUPPORT", Unsupported, "address family not supported"),
    row(Errno::PFNOSUPPORT, "EPFNOSUPPORT", Unsupported, "protocol family not supported"),
    row(Errno::PROTONOSUPPORT, "EPROTONOSUPPORT", Unsupported, "protocol not supported"),
    row(Errno::SOCKTNOSUPPORT, "ESOCKTNOSUPPORT", Unsupported, "socket type not supported"),
    row(Errno::NOPROTOOPT, "ENOPROTOOPT", Unsupported, "no such socket option"),
    row(Errno::NOTTY, "ENOTTY", Unsupported, "the device has no such control"),
    row(Errno::SPIPE, "ESPIPE", Unsupported, "cannot seek"),

    // An argument that makes no sense.
    row(Errno::INVAL, "EINVAL", Invalid, "invalid argument"),
    row(Errno::FAULT, "EFAULT", Invalid, "bad address"),
    row(Errno::MSGSIZE, "EMSGSIZE", Invalid, "message too long"),
    row(Errno::DESTADDRREQ, "EDESTADDRREQ", Invalid, "a destination is needed"),
    row(Errno::PROTOTYPE, "EPROTOTYPE", Invalid, "wrong kind of socket"),
    row(Errno::NAMETOOLONG, "ENAMETOOLONG", Invalid, "name too long"),
    row(Errno::DOM, "EDOM", Invalid, "argument out of domain"),
    row(Errno::RANGE, "ERANGE", Invalid, "result out of range"),
    row(Errno::OVERFLOW, "EOVERFLOW", Invalid, "value too large"),
    row(Errno::ILSEQ, "EILSEQ", Invalid, "invalid sequence of bytes"),
    row(Errno::TOOBIG, "E2BIG", Invalid, "too many arguments"),

    // The rest.
    row(Errno::ADDRINUSE, "EADDRINUSE", Other, "address already in use"),
    row(Errno::ADDRNOTAVAIL, "EADDRNOTAVAIL", Other, "address not available"),
    row(Errno::ISCONN, "EISCONN", Other, "already connected"),
    row(Errno::ACCESS, "EACCES", Other, "permission denied"),
    row(Errno::PERM, "EPERM", Other, "operation not permitted"),
    row(Errno::NOENT, "ENOENT", Other, "no such file"),
    row(Errno::NOTDIR, "ENOTDIR", Other, "not a directory"),
    row(Errno::ISDIR, "EISDIR", Other, "is a directory"),
    row(Errno::NOTEMPTY, "ENOTEMPTY", Other, "directory not empty"),
    row(Errno::EXIST, "EEXIST", Other, "already exists"),
    row(Errno::LOOP, "ELOOP", Other, "too many symbolic links"),
    row(Errno::MLINK, "EMLINK", Other, "too many links"),
    row(Errno::XDEV, "EXDEV", Other, "on another device"),
    row(Errno::ROFS, "EROFS", Other, "read-only file system"),
    row(Errno::FBIG, "EFBIG", Other, "file too large"),
    row(Errno::TXTBSY, "ETXTBSY", Other, "file is being executed"),
    row(Errno::BUSY, "EBUSY", Other, "device or resource busy"),
    row(Errno::IO, "EIO", Other, "input/output error"),
    row(Errno::NXIO, "ENXIO", Other, "no such device or address"),
    row(Errno::NODEV, "ENODEV", Other, "no such device"),
    row(Errno::PROTO, "EPROTO", Other, "protocol error"),
    row(Errno::BADMSG, "EBADMSG", Other, "bad message"),
    row(Errno::CANCELED, "ECANCELED", Other, "canceled"),
    row(Errno::DEADLK, "EDEADLK", Other, "deadlock avoided"),
    row(Errno::NOLCK, "ENOLCK", Other, "no locks available"),
    row(Errno::STALE, "ESTALE", Other, "stale file handle"),
    row(Errno::TOOMANYREFS, "ETOOMANYREFS", Other, "too many descriptors in flight"),
    row(Errno::USERS, "EUSERS", Other, "too many users"),
    row(Errno::SRCH, "ESRCH", Other, "no such process"),
    row(Errno::CHILD, "ECHILD", Other, "no child processes"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_one_to_one() {
        for (n, known) in KNOWN.iter().enumerate() {
            assert!(known.name.starts_with('E') && !known.text.is_empty());
            let same = KNOWN.iter().skip(n + 1).find(|other| other.name == known.name || other.text == known.text);
            assert!(same.is_none(), "{} is there twice", known.name);
            if known.name != "ENOTSUP" {
                assert_eq!(errno_name(known.errno.raw_os_error()), Some(known.name));
            }
        }
    }

    #[test]
    fn an_unknown_number_is_told_as_such() {
        let why = failed(Errno::from_raw_os_error(4000), "recv");
        assert_eq!((why.kind(), why.code(), why.text()), (Other, 4000, "unknown error"));
        assert_eq!(errno_name(4000), None);
    }
}
