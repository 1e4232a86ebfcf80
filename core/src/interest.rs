//! What a channel wants to be told, and what the system says of it.
//!
//! Both are small sets with the operators one expects of sets. They are separate types so that a readiness can never be
//! passed where an interest is meant: the system may say more ([`Readiness::HANGUP`]) than a channel can ask for.

use core::fmt;
use core::ops::{BitAnd, BitOr, BitOrAssign, Sub};

/// What a channel wants to be told of.
///
/// ```
/// use stheno_core::Interest;
/// let both = Interest::READ | Interest::WRITE;
/// assert!(both.contains(Interest::READ));
/// assert_eq!((both - Interest::READ).to_string(), "WRITE");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Interest(u8);

/// What the system says of a channel.
///
/// | bit | select | poll | epoll |
/// |---|---|---|---|
/// | `READABLE` | in the read set | `POLLIN`; `POLLHUP` or `POLLERR` where READ was asked | `EPOLLIN`; `EPOLLHUP` or `EPOLLERR` where READ was asked |
/// | `WRITABLE` | in the write set | `POLLOUT`; `POLLERR` where WRITE was asked | `EPOLLOUT`; `EPOLLERR` where WRITE was asked |
/// | `PRIORITY` | in the except set | `POLLPRI` | `EPOLLPRI` |
/// | `ERROR` | – (shows as readable and writable) | `POLLERR` | `EPOLLERR` |
/// | `HANGUP` | – (shows as readable) | `POLLHUP` | `EPOLLHUP` |
/// | `INVALID` | `EBADF`, then found by asking each descriptor | `POLLNVAL` | – (the kernel forgets a closed descriptor) |
///
/// ```
/// use stheno_core::Readiness;
/// let fired = Readiness::READABLE | Readiness::HANGUP;
/// assert!(fired.intersects(Readiness::HANGUP | Readiness::ERROR));
/// assert_eq!(fired.to_string(), "READABLE | HANGUP");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Readiness(u8);

impl Interest {
    /// Data, a caller, or the end of the stream. (`POLLIN`, the read set)
    pub const READ: Self = Self(1);
    /// Room to send, or the end of a connection attempt. (`POLLOUT`, the write set)
    pub const WRITE: Self = Self(1 << 1);
    /// Urgent data. (`POLLPRI`, the except set)
    pub const PRIORITY: Self = Self(1 << 2);

    pub(crate) const NAMES: &'static [(&'static str, Self)] =
        &[("READ", Self::READ), ("WRITE", Self::WRITE), ("PRIORITY", Self::PRIORITY)];
}

impl Readiness {
    /// `recv` or `accept` has something to say: data, a caller, the end, or an error.
    pub const READABLE: Self = Self(1);
    /// `send` has something to say: room, or an error.
    pub const WRITABLE: Self = Self(1 << 1);
    /// There is urgent data; on some small systems, an error or the end of the stream.
    pub const PRIORITY: Self = Self(1 << 2);
    /// An error is waiting in the socket, or the reader of a pipe is gone.
    pub const ERROR: Self = Self(1 << 3);
    /// Both directions are finished. What the peer sent before may still be unread.
    pub const HANGUP: Self = Self(1 << 4);
    /// The descriptor is not open.
    pub const INVALID: Self = Self(1 << 5);

    pub(crate) const NAMES: &'static [(&'static str, Self)] = &[
        ("READABLE", Self::READABLE),
        ("WRITABLE", Self::WRITABLE),
        ("PRIORITY", Self::PRIORITY),
        ("ERROR", Self::ERROR),
        ("HANGUP", Self::HANGUP),
        ("INVALID", Self::INVALID),
    ];
}

macro_rules! small_set {
    ($set:ident, $all:literal) => {
        impl $set {
            /// The empty set.
            pub const NONE: Self = Self(0);
            /// Every bit there is.
            pub const ALL: Self = Self($all);

            /// The bits as a number; see [`from_bits_truncate`](Self::from_bits_truncate).
            pub const fn bits(self) -> u8 {
                self.0
            }

            /// The set of these bits; bits that mean nothing are dropped.
            pub const fn from_bits_truncate(bits: u8) -> Self {
                Self(bits & $all)
            }

            /// Whether nothing is in the set.
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// Whether everything in `other` is in this set.
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether anything in `other` is in this set.
            pub const fn intersects(self, other: Self) -> bool {
                self.0 & other.0 != 0
            }

            /// Both sets together; [`|`](BitOr) for constants.
            pub const fn union(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// This set where `condition` holds, else nothing.
            pub const fn when(self, condition: bool) -> Self {
                if condition { self } else { Self::NONE }
            }
        }

        impl BitOr for $set {
            type Output = Self;
            fn bitor(self, other: Self) -> Self {
                self.union(other)
            }
        }

        impl BitOrAssign for $set {
            fn bitor_assign(&mut self, other: Self) {
                self.0 |= other.0;
            }
        }

        impl BitAnd for $set {
            type Output = Self;
            fn bitand(self, other: Self) -> Self {
                Self(self.0 & other.0)
            }
        }

        impl Sub for $set {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }
        }

        impl fmt::Display for $set {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut between = "";
                for (name, bit) in Self::NAMES {
                    if self.intersects(*bit) {
                        f.write_str(between)?;
                        f.write_str(name)?;
                        between = " | ";
                    }
                }
                if between.is_empty() { f.write_str("nothing") } else { Ok(()) }
            }
        }

        impl fmt::Debug for $set {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

small_set!(Interest, 0b111);
small_set!(Readiness, 0b11_1111);

#[cfg(feature = "bitflags")]
mod flags {
    use super::{Interest, Readiness};
    use bitflags::{Flag, Flags};

    impl Flags for Interest {
        const FLAGS: &'static [Flag<Self>] =
            &[Flag::new("READ", Self::READ), Flag::new("WRITE", Self::WRITE), Flag::new("PRIORITY", Self::PRIORITY)];
        type Bits = u8;
        fn bits(&self) -> u8 {
            self.0
        }
        fn from_bits_retain(bits: u8) -> Self {
            Self::from_bits_truncate(bits)
        }
    }

    impl Flags for Readiness {
        const FLAGS: &'static [Flag<Self>] = &[
            Flag::new("READABLE", Self::READABLE),
            Flag::new("WRITABLE", Self::WRITABLE),
            Flag::new("PRIORITY", Self::PRIORITY),
            Flag::new("ERROR", Self::ERROR),
            Flag::new("HANGUP", Self::HANGUP),
            Flag::new("INVALID", Self::INVALID),
        ];
        type Bits = u8;
        fn bits(&self) -> u8 {
            self.0
        }
        fn from_bits_retain(bits: u8) -> Self {
            Self::from_bits_truncate(bits)
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn names_are_iterated_and_parsed() {
            let set = Readiness::READABLE | Readiness::HANGUP;
            assert!(set.iter_names().map(|(name, _)| name).eq(["READABLE", "HANGUP"]));
            let parsed: Interest = bitflags::parser::from_str("READ | PRIORITY").unwrap();
            assert_eq!(parsed, Interest::READ | Interest::PRIORITY);
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn sets_add_subtract_and_meet() {
        for a in 0..8 {
            for b in 0..8 {
                let (x, y) = (Interest::from_bits_truncate(a), Interest::from_bits_truncate(b));
                assert_eq!((x | y).bits(), a | b);
                assert_eq!((x & y).bits(), a & b);
                assert_eq!((x - y).bits(), a & !b);
                assert_eq!(x.contains(y), a & b == b);
                assert_eq!(x.intersects(y), a & b != 0);
                assert_eq!(x.is_empty(), a == 0);
            }
        }
        assert_eq!(Interest::from_bits_truncate(0xff), Interest::ALL);
        assert_eq!((Interest::READ.when(false), Interest::READ.when(true)), (Interest::NONE, Interest::READ));
    }

    #[test]
    fn a_set_is_told_by_its_names() {
        for (set, told) in
            [(Interest::NONE, "nothing"), (Interest::WRITE, "WRITE"), (Interest::ALL, "READ | WRITE | PRIORITY")]
        {
            assert_eq!(std::format!("{set} {set:?}"), std::format!("{told} {told}"));
        }
        let all = "READABLE | WRITABLE | PRIORITY | ERROR | HANGUP | INVALID";
        assert_eq!(std::format!("{}", Readiness::ALL), all);
        let mut fired = Readiness::READABLE;
        fired |= Readiness::ERROR | Readiness::READABLE;
        assert_eq!(std::format!("{fired} {fired:?}"), "READABLE | ERROR READABLE | ERROR");
    }
}
