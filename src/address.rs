//! Where a socket is, or whom it talks to: an IP address and port, or a name of the Unix family.
//!
//! Addresses are values without a heap. Each parses from a line of text and prints as one, and what is printed parses
//! back to the same address (but for IPv6's flow information, which has no place in the text); therefore bytes that do
//! not print are escaped, and a peer that chose its own name cannot write control characters into a log.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use core::str::FromStr;

#[cfg(feature = "alloc")]
use alloc::string::String;

use rustix::net::{AddressFamily, SocketAddrAny, SocketAddrUnix};
use stheno_core::{Error, ErrorKind, Result};

/// An IP address and port, a path or abstract name of the Unix family, or nothing (a socket without a name).
///
/// | text | means |
/// |---|---|
/// | `127.0.0.1:7007` | IPv4 |
/// | `[::1]:7007`, `[fe80::1%2]:7007` | IPv6, the second one with the number of its interface |
/// | `unix:/run/chat`, `unix:chat` | a socket in the file system |
/// | `unix:@chat` | an abstract name, which lies in no file system (Linux) |
///
/// In what follows `unix:`, `\xNN` stands for the byte NN, so that every name can be written; a path that begins with
/// an @ is `unix:\x40…` or `unix:./@…`. Names of hosts are not looked up: that would block (N1).
///
/// ```
/// use stheno::Address;
/// let at: Address = "[::1]:7007".parse()?;
/// assert_eq!(at.port(), Some(7007));
/// assert_eq!(at.to_string(), "[::1]:7007");
///
/// let at: Address = "unix:/run/chat".parse()?;
/// assert_eq!(at.path_bytes(), Some(&b"/run/chat"[..]));
///
/// let why = "localhost:7007".parse::<Address>().unwrap_err();
/// assert_eq!(why.to_string(), "parse address localhost:7007: not an IP address: names are not looked up");
/// # Ok::<(), stheno::Error>(())
/// ```
#[doc(alias = "sockaddr")]
#[doc(alias = "sockaddr_un")]
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address(Place);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Place {
    Inet(SocketAddr),
    /// A path or an abstract name, never an unnamed one.
    Unix(SocketAddrUnix),
    Unnamed,
}

impl Address {
    /// How many bytes a path or an abstract name may have: 107 on Linux, 103 where `sockaddr_un` is smaller.
    #[doc(alias = "sun_path")]
    pub const MAX_NAME: usize = if cfg!(any(target_os = "linux", target_os = "android")) { 107 } else { 103 };

    /// The address of a socket in the file system: 1 to [`MAX_NAME`](Self::MAX_NAME) bytes, none of them NUL.
    ///
    /// ```
    /// let at = stheno::Address::unix("/run/chat")?;
    /// assert_eq!(at.to_string(), "unix:/run/chat");
    /// # Ok::<(), stheno::Error>(())
    /// ```
    pub fn unix(path: impl AsRef<[u8]>) -> Result<Self> {
        let path = path.as_ref();
        path_address(path).map_err(|why| why.doing("use path").on_text(core::str::from_utf8(path).unwrap_or("?")))
    }

    /// An abstract name of the Unix family: 1 to [`MAX_NAME`](Self::MAX_NAME) bytes of any kind. Linux only;
    /// elsewhere [`Unsupported`](ErrorKind::Unsupported).
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// let at = stheno::Address::unix_abstract(b"chat\0")?;
    /// assert_eq!(at.to_string(), r"unix:@chat\x00");
    /// # }
    /// # Ok::<(), stheno::Error>(())
    /// ```
    pub fn unix_abstract(name: impl AsRef<[u8]>) -> Result<Self> {
        let name = name.as_ref();
        abstract_address(name).map_err(|why| why.doing("use name").on_text(core::str::from_utf8(name).unwrap_or("?")))
    }

    /// No name: what a Unix socket has that was not bound. On Linux, binding it lets the system choose an abstract one.
    pub const fn unnamed() -> Self {
        Self(Place::Unnamed)
    }

    /// The IP address and port, if it is one.
    pub const fn as_inet(&self) -> Option<SocketAddr> {
        match self.0 {
            Place::Inet(address) => Some(address),
            _ => None,
        }
    }

    /// The port, 0 to 65535, of an IP address.
    ///
    /// After binding to port 0, ask the socket's [local address](crate::Net::local_address) for the one it got.
    pub const fn port(&self) -> Option<u16> {
        match &self.0 {
            Place::Inet(address) => Some(address.port()),
            _ => None,
        }
    }

    /// The path of a socket in the file system, without a NUL at its end.
    pub fn path_bytes(&self) -> Option<&[u8]> {
        match &self.0 {
            // Of the longest paths, rustix gives the NUL too.
            Place::Unix(address) => address.path_bytes().map(|path| path.strip_suffix(b"\0").unwrap_or(path)),
            _ => None,
        }
    }

    /// The path of a socket in the file system.
    #[cfg(feature = "std")]
    pub fn as_path(&self) -> Option<&std::path::Path> {
        use std::os::unix::ffi::OsStrExt;
        self.path_bytes().map(|bytes| std::path::Path::new(std::ffi::OsStr::from_bytes(bytes)))
    }

    /// The abstract name, without the NUL that the system puts before it. `None` on systems without them.
    pub fn abstract_name(&self) -> Option<&[u8]> {
        match &self.0 {
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Place::Unix(address) => address.abstract_name(),
            _ => None,
        }
    }

    /// Whether it names nothing.
    pub const fn is_unnamed(&self) -> bool {
        matches!(self.0, Place::Unnamed)
    }

    pub(crate) const fn family(&self) -> AddressFamily {
        match self.0 {
            Place::Inet(SocketAddr::V4(_)) => AddressFamily::INET,
            Place::Inet(SocketAddr::V6(_)) => AddressFamily::INET6,
            Place::Unix(_) | Place::Unnamed => AddressFamily::UNIX,
        }
    }

    /// In the system's form; `None` where it knows no unnamed addresses as arguments.
    pub(crate) fn to_system(&self) -> Option<SocketAddrAny> {
        match &self.0 {
            Place::Inet(address) => Some((*address).into()),
            Place::Unix(address) => Some(address.clone().into()),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Place::Unnamed => Some(SocketAddrUnix::new_unnamed().into()),
            #[cfg(not(any(target_os = "linux", target_os = "android")))]
            Place::Unnamed => None,
        }
    }

    /// From the system's form; `None` for families not known here, and for paths that `sockaddr_un` cannot hold.
    ///
    /// Linux lets a peer bind a path of 108 bytes and then tells a length past the structure's end, on which the
    /// conversion below would panic; so lengths are looked at first.
    pub(crate) fn from_system(address: SocketAddrAny) -> Option<Self> {
        if address.address_family() != AddressFamily::UNIX {
            return SocketAddr::try_from(address).ok().map(Self::from);
        }
        match usize::try_from(address.addr_len()) {
            Ok(len) if len <= FAMILY => Some(Self::unnamed()),
            Ok(len) if len <= FAMILY + Self::MAX_NAME + 1 => {
                let address = SocketAddrUnix::try_from(address).ok()?;
                let named = !is_empty(&address);
                Some(Self(if named { Place::Unix(address) } else { Place::Unnamed }))
            }
            _ => None,
        }
    }

    /// The error, saying that this is the address it was done to.
    pub(crate) fn blame(&self, error: Error) -> Error {
        match self.0 {
            Place::Inet(address) => error.on_address(address),
            _ => error.on_text(Line::of(format_args!("{self}")).as_str()),
        }
    }
}

/// The bytes of a `sockaddr_un` before its name.
const FAMILY: usize = 2;

/// Where the system gives unnamed sockets a name of no bytes.
fn is_empty(address: &SocketAddrUnix) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let named = address.abstract_name().is_some();
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let named = false;
    !named && address.path_bytes().is_none()
}

fn path_address(path: &[u8]) -> Result<Address> {
    if path.is_empty() {
        return Err(invalid("the path is empty"));
    }
    if path.contains(&0) {
        return Err(invalid("the path holds a NUL byte"));
    }
    if path.len() > Address::MAX_NAME {
        return Err(invalid("the path is longer than the system allows"));
    }
    let address = SocketAddrUnix::new(path).map_err(|_| invalid("not a path"))?;
    Ok(Address(Place::Unix(address)))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn abstract_address(name: &[u8]) -> Result<Address> {
    if name.is_empty() {
        return Err(invalid("the name is empty"));
    }
    let address =
        SocketAddrUnix::new_abstract_name(name).map_err(|_| invalid("the name is longer than the system allows"))?;
    Ok(Address(Place::Unix(address)))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn abstract_address(_: &[u8]) -> Result<Address> {
    Err(Error::new(ErrorKind::Unsupported, "this system has no abstract names"))
}

const fn invalid(why: &'static str) -> Error {
    Error::new(ErrorKind::Invalid, why)
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        parse(text).map_err(|why| why.doing("parse address").on_text(text))
    }
}

fn parse(text: &str) -> Result<Address> {
    let Some(name) = text.strip_prefix("unix:") else {
        return text.parse::<SocketAddr>().map(Address::from).map_err(|_| invalid(what_is_wrong(text)));
    };
    let mut buffer = [0; Address::MAX_NAME + 1];
    match name.strip_prefix('@') {
        Some(name) => abstract_address(unescape(name, &mut buffer)),
        None => path_address(unescape(name, &mut buffer)),
    }
}

/// Why a text is not an IP address and port, the first thing to mend first.
fn what_is_wrong(text: &str) -> &'static str {
    if text.is_empty() {
        return "the address is empty";
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return "an IPv6 address stands in brackets, and the port after them";
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => return "the bracket is not closed",
        },
        None => text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return "the host is missing: 0.0.0.0 or [::] stand for all of them";
    }
    // The port is 1 here because only the host is in question; so read, the host may have an interface.
    let good = match text.starts_with('[') {
        true => Line::of(format_args!("[{host}]:1")).as_str().parse::<SocketAddrV6>().is_ok(),
        false => host.parse::<Ipv4Addr>().is_ok(),
    };
    match port {
        _ if !good => "not an IP address: names are not looked up",
        None | Some("") => "the port is missing",
        Some(_) => "the port is not a number from 0 to 65535",
    }
}

/// The bytes that a name stands for; those that the buffer cannot hold are left out, so that a name too long for the
/// system fills it.
fn unescape<'b>(name: &str, buffer: &'b mut [u8]) -> &'b [u8] {
    let mut rest = name.as_bytes();
    let mut len = 0;
    for slot in buffer.iter_mut() {
        let (byte, after) = match rest {
            [b'\\', b'x', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex(*high) << 4 | hex(*low), after)
            }
            [byte, after @ ..] => (*byte, after),
            [] => break,
        };
        *slot = byte;
        rest = after;
        len += 1;
    }
    buffer.get(..len).unwrap_or_default()
}

fn hex(digit: u8) -> u8 {
    char::from(digit).to_digit(16).unwrap_or(0) as u8
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Place::Inet(address) = &self.0 {
            return fmt::Display::fmt(address, f);
        }
        if let Some(name) = self.abstract_name() {
            f.write_str("unix:@")?;
            return escape(name, f);
        }
        match self.path_bytes() {
            Some([b'@', rest @ ..]) => {
                f.write_str(r"unix:\x40")?;
                escape(rest, f)
            }
            Some(path) => {
                f.write_str("unix:")?;
                escape(path, f)
            }
            None => f.write_str("(unnamed)"),
        }
    }
}

fn escape(name: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for chunk in name.utf8_chunks() {
        for letter in chunk.valid().chars() {
            if letter.is_control() || letter == '\\' {
                for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                    write!(f, r"\x{byte:02x}")?;
                }
            } else {
                fmt::Write::write_char(f, letter)?;
            }
        }
        for byte in chunk.invalid() {
            write!(f, r"\x{byte:02x}")?;
        }
    }
    Ok(())
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A line of text in place, cut at its end.
struct Line {
    bytes: [u8; Self::LEN],
    len: usize,
}

impl Line {
    /// A name of which each byte is escaped.
    const LEN: usize = 6 + 4 * (Address::MAX_NAME + 1);

    fn of(text: fmt::Arguments<'_>) -> Self {
        let mut line = Self { bytes: [0; Self::LEN], len: 0 };
        let _ = fmt::write(&mut line, text);
        line
    }

    fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|kept| core::str::from_utf8(kept).ok()).unwrap_or_default()
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let free = self.bytes.get_mut(self.len..).and_then(|free| free.get_mut(..text.len()));
        free.ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

impl TryFrom<&str> for Address {
    type Error = Error;
    fn try_from(text: &str) -> Result<Self> {
        text.parse()
    }
}

#[cfg(feature = "alloc")]
impl TryFrom<&String> for Address {
    type Error = Error;
    fn try_from(text: &String) -> Result<Self> {
        text.parse()
    }
}

#[cfg(feature = "alloc")]
impl TryFrom<String> for Address {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

#[cfg(feature = "std")]
impl TryFrom<&std::path::Path> for Address {
    type Error = Error;
    fn try_from(path: &std::path::Path) -> Result<Self> {
        use std::os::unix::ffi::OsStrExt;
        Self::unix(path.as_os_str().as_bytes())
    }
}

/// A host, which is an IP address without brackets, and a port, as asyncore takes them.
impl TryFrom<(&str, u16)> for Address {
    type Error = Error;
    fn try_from((host, port): (&str, u16)) -> Result<Self> {
        match host.parse::<IpAddr>() {
            Ok(host) => Ok((host, port).into()),
            Err(_) => {
                let why = match host {
                    "" => "the host is missing: 0.0.0.0 or :: stand for all of them",
                    _ => "not an IP address: names are not looked up",
                };
                Err(invalid(why).doing("parse address").on_text(host))
            }
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self(Place::Inet(address))
    }
}

impl From<SocketAddrV4> for Address {
    fn from(address: SocketAddrV4) -> Self {
        SocketAddr::V4(address).into()
    }
}

impl From<SocketAddrV6> for Address {
    fn from(address: SocketAddrV6) -> Self {
        SocketAddr::V6(address).into()
    }
}

impl From<(IpAddr, u16)> for Address {
    fn from(address: (IpAddr, u16)) -> Self {
        SocketAddr::from(address).into()
    }
}

impl From<(Ipv4Addr, u16)> for Address {
    fn from(address: (Ipv4Addr, u16)) -> Self {
        SocketAddr::from(address).into()
    }
}

impl From<(Ipv6Addr, u16)> for Address {
    fn from(address: (Ipv6Addr, u16)) -> Self {
        SocketAddr::from(address).into()
    }
}

impl From<&Address> for Address {
    fn from(address: &Address) -> Self {
        address.clone()
    }
}
