//! Where a frame ends.

use crate::{Error, ErrorKind, Result};

/// Where a frame ends: asynchat's terminator, and besides a length that the peer announces.
///
/// Lengths are unsigned, so that a negative one cannot be said. An empty terminator and a length of nothing are refused where
/// they are set ([`Framing::set_terminator`](super::Framing::set_terminator)), as they would end without end.
///
/// ```
/// use stheno_core::chat::{Prefix, Terminator};
/// assert_eq!(Terminator::from(b"\r\n"), Terminator::Bytes(b"\r\n"));
/// assert_eq!(Terminator::from("\n"), Terminator::Bytes(b"\n"));
/// assert_eq!(Terminator::from(512), Terminator::Length(512));
/// assert_eq!(Terminator::from(Prefix::U16Be), Terminator::Prefixed(Prefix::U16Be));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Terminator<'a> {
    /// Nowhere: everything is collected as it comes, and nothing is ever found.
    #[default]
    None,
    /// Behind so many bytes, again and again.
    Length(usize),
    /// At these bytes, which are not part of the frame.
    Bytes(&'a [u8]),
    /// Behind so many bytes as a number before the frame says; that number is not part of it.
    Prefixed(Prefix),
}

impl<'a> From<&'a [u8]> for Terminator<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Terminator<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a> From<&'a str> for Terminator<'a> {
    fn from(text: &'a str) -> Self {
        Self::Bytes(text.as_bytes())
    }
}

impl From<usize> for Terminator<'_> {
    fn from(length: usize) -> Self {
        Self::Length(length)
    }
}

impl From<Prefix> for Terminator<'_> {
    fn from(prefix: Prefix) -> Self {
        Self::Prefixed(prefix)
    }
}

/// How the length of a frame is written before it; it counts the bytes that follow it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Prefix {
    /// One byte.
    U8,
    /// Two bytes, the high one first, as networks have it.
    U16Be,
    /// Two bytes, the low one first.
    U16Le,
    /// Four bytes, the high one first, as networks have it.
    U32Be,
    /// Four bytes, the low one first.
    U32Le,
    /// Seven bits to a byte, the low ones first, the eighth bit set in all but the last: one to five bytes. (LEB128, as
    /// Protocol Buffers and MQTT have it)
    #[doc(alias = "LEB128")]
    Varint,
}

impl Prefix {
    /// How long a prefix is at most, in bytes.
    pub const MOST: usize = 5;

    /// The prefix for a frame of so many bytes: the first so many of these five. `None` where the length is too great to be
    /// written so.
    ///
    /// ```
    /// use stheno_core::chat::Prefix;
    /// let (bytes, len) = Prefix::Varint.write(300).unwrap();
    /// assert_eq!(bytes[..len], [0xac, 0x02]);
    /// assert_eq!(Prefix::U8.write(256), None);
    /// ```
    pub fn write(self, length: usize) -> Option<([u8; Self::MOST], usize)> {
        let length = u32::try_from(length).ok()?;
        let mut bytes = [0; Self::MOST];
        let len = match self {
            Self::U8 => copy(&mut bytes, &u8::try_from(length).ok()?.to_be_bytes()),
            Self::U16Be => copy(&mut bytes, &u16::try_from(length).ok()?.to_be_bytes()),
            Self::U16Le => copy(&mut bytes, &u16::try_from(length).ok()?.to_le_bytes()),
            Self::U32Be => copy(&mut bytes, &length.to_be_bytes()),
            Self::U32Le => copy(&mut bytes, &length.to_le_bytes()),
            Self::Varint => {
                let (mut rest, mut len) = (length, 0);
                for byte in &mut bytes {
                    let more = if rest > 0x7f { 0x80 } else { 0 };
                    (*byte, rest, len) = (rest as u8 & 0x7f | more, rest >> 7, len + 1);
                    if more == 0 {
                        break;
                    }
                }
                len
            }
        };
        Some((bytes, len))
    }

    /// How long this one is at most.
    pub(super) const fn most(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16Be | Self::U16Le => 2,
            Self::U32Be | Self::U32Le => 4,
            Self::Varint => Self::MOST,
        }
    }

    /// How long the prefix is that these bytes begin with, and what it says; `None` where it is not all there yet.
    pub(super) fn read<'a>(self, bytes: impl Iterator<Item = &'a u8>) -> Result<Option<(usize, usize)>> {
        let width = self.most();
        let (mut value, mut len) = (0_u64, 0_usize);
        for byte in bytes.take(width) {
            let byte = u64::from(*byte);
            value = match self {
                Self::U8 | Self::U16Be | Self::U32Be => value << 8 | byte,
                Self::U16Le | Self::U32Le => value | byte << (8 * len),
                Self::Varint => value | (byte & 0x7f) << (7 * len),
            };
            len += 1;
            if self == Self::Varint && byte & 0x80 == 0 {
                return length(value).map(|value| Some((len, value)));
            }
        }
        match (self, len == width) {
            (_, false) => Ok(None),
            (Self::Varint, true) => Err(NO_LENGTH),
            _ => length(value).map(|value| Some((len, value))),
        }
    }
}

/// More than 32 bits hold is no length, and neither is what this machine could not count.
fn length(value: u64) -> Result<usize> {
    u32::try_from(value).ok().and_then(|value| usize::try_from(value).ok()).ok_or(NO_LENGTH)
}

fn copy(into: &mut [u8; Prefix::MOST], bytes: &[u8]) -> usize {
    for (to, from) in into.iter_mut().zip(bytes) {
        *to = *from;
    }
    bytes.len()
}

const NO_LENGTH: Error = Error::new(ErrorKind::Invalid, "a prefix is no length").doing("receive");
