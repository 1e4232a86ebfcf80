//! Error numbers: Linux's, with the kinds and the words that the operating system's net has for them.

use stheno_core::Error;
use stheno_core::ErrorKind::{self, *};

/// One of Linux's error numbers, as far as the simulated network has a use for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Errno(i32);

macro_rules! errnos {
    ($($name:ident $code:literal $kind:ident $text:literal)*) => {
        impl Errno {
            $(pub(super) const $name: Self = Self($code);)*
        }

        const fn known(code: i32) -> Option<(ErrorKind, &'static str)> {
            match code {
                $($code => Some(($kind, $text)),)*
                _ => None,
            }
        }

        /// A number's name.
        #[cfg(all(feature = "alloc", any(test, not(feature = "std"))))]
        pub(crate) const fn name(code: i32) -> Option<&'static str> {
            match code {
                $($code => Some(concat!("E", stringify!($name))),)*
                _ => None,
            }
        }

        /// Every one with its name.
        #[cfg(all(test, feature = "std"))]
        const ALL: &[(&str, i32)] = &[$((stringify!($name), $code),)*];
    };
}

errnos! {
    BADF 9 BadDescriptor "not an open descriptor"
    INVAL 22 Invalid "invalid argument"
    NFILE 23 Exhausted "too many open descriptors in the system"
    MFILE 24 Exhausted "too many open descriptors in this process"
    PIPE 32 Disconnected "broken pipe"
    DESTADDRREQ 89 Invalid "a destination is needed"
    MSGSIZE 90 Invalid "message too long"
    OPNOTSUPP 95 Unsupported "operation not supported"
    ADDRINUSE 98 Other "address already in use"
    CONNABORTED 103 Disconnected "connection aborted"
    CONNRESET 104 Disconnected "connection reset by peer"
    NOBUFS 105 Exhausted "no buffer space"
    ISCONN 106 Other "already connected"
    NOTCONN 107 Disconnected "not connected"
    CONNREFUSED 111 Disconnected "connection refused"
}

impl Errno {
    pub(super) const fn error(self) -> Error {
        match known(self.0) {
            Some((kind, text)) => Error::new(kind, text).with_code(self.0),
            None => Error::new(Other, UNKNOWN).with_code(self.0),
        }
    }

    pub(super) const fn doing(self, what: &'static str) -> Error {
        self.error().doing(what)
    }
}

const UNKNOWN: &str = "unknown error";

/// A number in words.
pub(super) const fn describe(code: i32) -> &'static str {
    match (code, known(code)) {
        (0, _) => "no error",
        (_, Some((_, text))) => text,
        _ => UNKNOWN,
    }
}

#[cfg(all(test, feature = "std", target_os = "linux"))]
mod tests {
    use super::*;
    use stheno::{Net, Os};

    #[test]
    fn numbers_names_and_words_are_those_of_the_system() {
        for (name, code) in ALL {
            assert_eq!(stheno::errno_name(*code).and_then(|known| known.strip_prefix('E')), Some(*name));
            assert_eq!(stheno::errno_name(*code), super::name(*code));
            assert_eq!(describe(*code), Os::describe(*code), "{name}");
        }
        assert_eq!((describe(0), describe(4000)), (Os::describe(0), Os::describe(4000)));
    }
}
