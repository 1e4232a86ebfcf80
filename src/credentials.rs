//! Who is at the other end of a socket of the Unix family.

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use rustix::io::Errno;
use stheno_core::{Error, ErrorKind, Result};

use crate::Socket;

/// A process, and the user and group that it acted for.
#[doc(alias = "ucred")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Credentials {
    /// Its number; `None` where it is one that has no number here, being outside of this container. By now it may be gone,
    /// and another process have the number.
    pub pid: Option<u32>,
    /// Its effective user: 0 is root.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
}

impl Socket {
    /// Who made this connection of the Unix family, or this pair: told by the system, and not by the peer. Of a
    /// connection they are the caller's as it called, and for the caller those of whoever made the listener listen.
    ///
    /// Linux only, with the feature `credentials`. An error of kind [`Unsupported`](ErrorKind::Unsupported) where the
    /// system knows of none: on sockets of other families, on those that are not connected, and on datagram sockets that
    /// are no pair.
    ///
    /// ```
    /// let (here, there) = stheno::Socket::pair()?;
    /// let peer = here.peer_credentials()?;
    /// assert_eq!(peer.pid, Some(std::process::id()));
    /// assert_eq!(peer, there.peer_credentials()?);
    /// # Ok::<(), stheno::Error>(())
    /// ```
    #[doc(alias = "SO_PEERCRED")]
    #[doc(alias = "peer_cred")]
    #[doc(alias = "getpeereid")]
    pub fn peer_credentials(&self) -> Result<Credentials> {
        const DOING: &str = "ask for the peer's credentials";
        // Not rustix's call, whose number of a process cannot be the 0 that the system says of those outside.
        let found = getsockopt(self, PeerCredentials).map_err(|errno| Errno::from_raw_os_error(errno as i32));
        let found = self.done(found, DOING)?;
        if found.uid() == NOBODY {
            return Err(self.about(Error::new(ErrorKind::Unsupported, "no peer is known").doing(DOING)));
        }
        let pid = u32::try_from(found.pid()).ok().filter(|pid| *pid > 0);
        Ok(Credentials { pid, uid: found.uid(), gid: found.gid() })
    }
}

/// What the system says where there is no user: the one number that is none's.
const NOBODY: u32 = u32::MAX;
