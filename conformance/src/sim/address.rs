//! Where a simulated socket is: a port, and nothing else.

use core::fmt;
use core::str::FromStr;

use stheno_core::{Error, ErrorKind, Result};

/// A place on the simulated network, written `sim:7007`.
///
/// There is one host. Port 0 is no place: to bind it is to ask for any port that is free.
///
/// ```
/// use stheno_conformance::sim::Address;
/// let at: Address = "sim:7007".parse()?;
/// assert_eq!((at, at.port()), (Address::new(7007), 7007));
/// assert_eq!(at.to_string(), "sim:7007");
/// assert!("127.0.0.1:7007".parse::<Address>().is_err());
/// # Ok::<(), stheno_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Address(u16);

impl Address {
    /// Any port that is free.
    pub const ANY: Self = Self(0);

    /// The address of this port.
    pub const fn new(port: u16) -> Self {
        Self(port)
    }

    /// The port.
    pub const fn port(self) -> u16 {
        self.0
    }

    /// The same error, saying that it concerns this address.
    pub(super) fn blame(self, why: Error) -> Error {
        let mut digits = [0; Self::LONGEST];
        let mut at = digits.len();
        let mut rest = self.0;
        loop {
            at -= 1;
            if let Some(place) = digits.get_mut(at) {
                *place = b'0' + (rest % 10) as u8;
            }
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        let from = at - PREFIX.len();
        for (to, letter) in digits.iter_mut().skip(from).zip(PREFIX.bytes()) {
            *to = letter;
        }
        let text = digits.get(from..).and_then(|text| core::str::from_utf8(text).ok());
        why.on_text(text.unwrap_or(PREFIX))
    }

    const LONGEST: usize = PREFIX.len() + 5;
}

const PREFIX: &str = "sim:";

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why| Error::new(ErrorKind::Invalid, why).doing("parse address").on_text(text);
        let port = text.strip_prefix(PREFIX).ok_or_else(|| wrong("not of the simulated network: sim:PORT is"))?;
        // Digits alone: the standard library takes a sign, too.
        match port.bytes().all(|letter| letter.is_ascii_digit()).then(|| port.parse()) {
            Some(Ok(port)) => Ok(Self(port)),
            _ => Err(wrong("the port is not a number from 0 to 65535")),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<u16> for Address {
    fn from(port: u16) -> Self {
        Self(port)
    }
}

impl TryFrom<&str> for Address {
    type Error = Error;
    fn try_from(text: &str) -> Result<Self> {
        text.parse()
    }
}

#[cfg(feature = "alloc")]
impl TryFrom<&alloc::string::String> for Address {
    type Error = Error;
    fn try_from(text: &alloc::string::String) -> Result<Self> {
        text.parse()
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn every_port_is_written_and_read() {
        for port in 0..=u16::MAX {
            let at = Address::new(port);
            assert_eq!(at.to_string().parse(), Ok(at));
            assert_eq!(at.blame(Error::new(ErrorKind::Other, "no")).to_string(), alloc::format!("{at}: no"));
        }
    }

    #[test]
    fn what_is_no_address_says_why() {
        for text in ["", "sim", "7007", "127.0.0.1:7", "unix:/x"] {
            let why = text.parse::<Address>().unwrap_err();
            assert_eq!((why.kind(), why.text()), (ErrorKind::Invalid, "not of the simulated network: sim:PORT is"));
        }
        for text in ["sim:", "sim:+1", "sim:-1", "sim:65536", "sim:1 ", "sim:sim:1"] {
            let why = text.parse::<Address>().unwrap_err();
            let said = alloc::format!("parse address {text}: the port is not a number from 0 to 65535");
            assert_eq!((why.kind(), why.to_string()), (ErrorKind::Invalid, said));
        }
    }
}
