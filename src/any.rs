//! Choosing a backend while the program runs.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use stheno_core::{Backend, Error, ErrorKind, Fired, Instant, Interest, Key, Net, Open, Result};

use crate::Socket;

/// The names of the backends that are built in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BackendName {
    /// Everywhere, and for few descriptors.
    #[cfg(feature = "select")]
    Select,
    /// Everywhere, and for any number of descriptors that are mostly busy.
    #[cfg(feature = "poll")]
    Poll,
    /// For any number of descriptors, however many are idle.
    #[cfg(all(feature = "epoll", any(target_os = "linux", target_os = "android")))]
    Epoll,
}

impl BackendName {
    /// Every backend that is built in, the best one last.
    pub const ALL: &'static [Self] = &[
        #[cfg(feature = "select")]
        Self::Select,
        #[cfg(feature = "poll")]
        Self::Poll,
        #[cfg(all(feature = "epoll", any(target_os = "linux", target_os = "android")))]
        Self::Epoll,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            #[cfg(feature = "select")]
            Self::Select => "select",
            #[cfg(feature = "poll")]
            Self::Poll => "poll",
            #[cfg(all(feature = "epoll", any(target_os = "linux", target_os = "android")))]
            Self::Epoll => "epoll",
        }
    }
}

impl FromStr for BackendName {
    type Err = Error;

    /// The backend of this name; an error where there is none, or it is not built in.
    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.iter().find(|backend| backend.as_str() == name);
        found.copied().ok_or_else(|| {
            let known = Error::new(ErrorKind::Invalid, "no such backend here; there may be select, poll and epoll");
            known.doing("choose backend").on_text(name)
        })
    }
}

impl fmt::Display for BackendName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A backend that is chosen while the program runs.
///
/// [`AnyBackend::open`](Open::open) takes the one that the environment variable `STHENO_BACKEND` names (feature `std`),
/// else the best there is; [`named`](Self::named) the one that the program names.
///
/// ```
/// use stheno::{AnyBackend, Backend, EventLoop, Os};
/// # fn main() -> stheno::Result<()> {
/// # struct Nothing;
/// # impl stheno::Dispatcher<Os> for Nothing {}
/// let backend = AnyBackend::named("poll".parse()?)?;
/// let events: EventLoop<Nothing, Os, AnyBackend> = EventLoop::with_parts(Os, backend, Vec::new());
/// assert_eq!(Backend::<Os>::name(events.backend()), "poll");
/// assert!("kqueue".parse::<stheno::BackendName>().is_err());
/// # Ok(()) }
/// ```
#[allow(clippy::large_enum_variant)] // there is one to a loop, and it is not moved
pub enum AnyBackend {
    /// The select backend.
    #[cfg(feature = "select")]
    Select(crate::Select),
    /// The poll backend.
    #[cfg(feature = "poll")]
    Poll(crate::Poll),
    /// The epoll backend.
    #[cfg(all(feature = "epoll", any(target_os = "linux", target_os = "android")))]
    Epoll(crate::Epoll),
}

impl AnyBackend {
    /// A fresh backend of this name. Fails where the system has no descriptor left for it.
    pub fn named(name: BackendName) -> Result<Self> {
        Ok(match name {
            #[cfg(feature = "select")]
            BackendName::Select => Self::Select(crate::Select::open()?),
            #[cfg(feature = "poll")]
            BackendName::Poll => Self::Poll(crate::Poll::open()?),
            #[cfg(all(feature = "epoll", any(target_os = "linux", target_os = "android")))]
            BackendName::Epoll => Self::Epoll(crate::Epoll::open()?),
        })
    }
}

impl Open for AnyBackend {
    fn open() -> Result<Self> {
        #[cfg(feature = "std")]
        if let Some(name) = std::env::var_os("STHENO_BACKEND").filter(|name| !name.is_empty()) {
            return Self::named(name.to_string_lossy().parse()?);
        }
        match BackendName::ALL.last() {
            Some(best) => Self::named(*best),
            None => Err(Error::new(ErrorKind::Unsupported, "no backend is built in")),
        }
    }
}

/// Hands a call to whichever backend it is.
macro_rules! whichever {
    ($self:ident, $backend:ident => $call:expr) => {
        match $self {
            #[cfg(feature = "select")]
            Self::Select($backend) => $call,
            #[cfg(feature = "poll")]
            Self::Poll($backend) => $call,
            #[cfg(all(feature = "epoll", any(target_os = "linux", target_os = "android")))]
            Self::Epoll($backend) => $call,
        }
    };
}

impl<N: Net<Socket = Socket>> Backend<N> for AnyBackend {
    fn register(&mut self, net: &mut N, socket: &Socket, key: Key, interest: Interest) -> Result<()> {
        whichever!(self, backend => backend.register(net, socket, key, interest))
    }
    fn reregister(&mut self, net: &mut N, socket: &Socket, key: Key, interest: Interest) -> Result<()> {
        whichever!(self, backend => backend.reregister(net, socket, key, interest))
    }
    fn deregister(&mut self, net: &mut N, socket: &Socket, key: Key) -> Result<()> {
        whichever!(self, backend => backend.deregister(net, socket, key))
    }
    fn wait(&mut self, net: &mut N, timeout: Option<Duration>) -> Result<usize> {
        whichever!(self, backend => backend.wait(net, timeout))
    }
    fn next(&mut self) -> Option<Fired> {
        whichever!(self, backend => Backend::<N>::next(backend))
    }
    fn now(&mut self, net: &N) -> Instant {
        whichever!(self, backend => backend.now(net))
    }
    fn name(&self) -> &'static str {
        whichever!(self, backend => Backend::<N>::name(backend))
    }
}
