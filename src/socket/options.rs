//! The options that a server sets on its sockets, by the names that std and the manuals give them.
//!
//! They are set on the socket and not through the net: [`Io::socket`](crate::Io::socket) gives it in a handler, and
//! [`EventLoop::create`](crate::EventLoop::create) a channel whose socket is neither bound nor connected yet. An option
//! that the socket does not have (it is no TCP, no socket at all) is an error of kind
//! [`Unsupported`](stheno_core::ErrorKind::Unsupported) or [`BadDescriptor`](stheno_core::ErrorKind::BadDescriptor).

use core::time::Duration;

use rustix::net::sockopt;
use stheno_core::Result;

use super::Socket;

impl Socket {
    // Before binding.

    /// Lets the address be bound although an earlier connection on it has not quite gone.
    ///
    /// [`EventLoop::listen`](crate::EventLoop::listen) does so by itself.
    #[doc(alias = "SO_REUSEADDR")]
    #[doc(alias = "set_reuse_addr")]
    pub fn set_reuse_address(&self, on: bool) -> Result<()> {
        self.done(sockopt::set_socket_reuseaddr(self, on), "set reuse address")
    }

    /// Whether the address may be bound although an earlier connection on it has not quite gone.
    #[doc(alias = "SO_REUSEADDR")]
    pub fn reuse_address(&self) -> Result<bool> {
        self.done(sockopt::socket_reuseaddr(self), "ask reuse address")
    }

    /// Lets several sockets be bound to one address, all of which ask for it and belong to one user. The system deals
    /// out the callers, or the datagrams, to them: so each of several loops has a listener of its own.
    ///
    /// Callers who wait in line at a listener that closes are lost with it: Linux resets them.
    ///
    /// ```
    /// use stheno::{Address, Dispatcher, EventLoop, Kind, Os};
    /// # struct Door;
    /// # impl Dispatcher<Os> for Door {}
    /// # fn main() -> stheno::Result<()> {
    /// let mut at: Address = "127.0.0.1:0".parse()?;
    /// let mut loops = Vec::new();
    /// for _ in 0..2 {
    ///     let mut events = EventLoop::<Door>::new()?;
    ///     let door = events.create(Kind::Stream, &at, Door)?;
    ///     let (_, mut io) = events.channel(door)?;
    ///     io.socket()?.set_reuse_port(true)?;
    ///     io.bind(&at)?;
    ///     io.listen(128)?;
    ///     at = io.local_address()?; // the port that the first one got is the others' as well
    ///     loops.push(events);
    /// }
    /// # Ok(()) }
    /// ```
    #[cfg(not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin")))]
    #[doc(alias = "SO_REUSEPORT")]
    pub fn set_reuse_port(&self, on: bool) -> Result<()> {
        self.done(sockopt::set_socket_reuseport(self, on), "set reuse port")
    }

    /// Whether several sockets may be bound to its address.
    #[cfg(not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin")))]
    #[doc(alias = "SO_REUSEPORT")]
    pub fn reuse_port(&self) -> Result<bool> {
        self.done(sockopt::socket_reuseport(self), "ask reuse port")
    }

    /// Whether an IPv6 socket leaves IPv4 alone. To be set before binding; otherwise the system's default holds.
    #[doc(alias = "IPV6_V6ONLY")]
    pub fn set_only_v6(&self, on: bool) -> Result<()> {
        self.done(sockopt::set_ipv6_v6only(self, on), "set only v6")
    }

    /// Whether an IPv6 socket leaves IPv4 alone.
    #[doc(alias = "IPV6_V6ONLY")]
    pub fn only_v6(&self) -> Result<bool> {
        self.done(sockopt::ipv6_v6only(self), "ask only v6")
    }

    // TCP.

    /// Sends small pieces at once instead of waiting for more to send with them. TCP only.
    #[doc(alias = "TCP_NODELAY")]
    pub fn set_nodelay(&self, on: bool) -> Result<()> {
        self.done(sockopt::set_tcp_nodelay(self, on), "set nodelay")
    }

    /// Whether small pieces are sent at once.
    #[doc(alias = "TCP_NODELAY")]
    pub fn nodelay(&self) -> Result<bool> {
        self.done(sockopt::tcp_nodelay(self), "ask nodelay")
    }

    /// Asks a silent peer from time to time whether it is still there, and ends the connection if it does not answer.
    ///
    /// The system says how often (Linux: after two hours, then nine times, 75 seconds apart), unless
    /// [`set_keepalive_time`](Self::set_keepalive_time) and its kin do.
    #[doc(alias = "SO_KEEPALIVE")]
    pub fn set_keepalive(&self, on: bool) -> Result<()> {
        self.done(sockopt::set_socket_keepalive(self, on), "set keepalive")
    }

    /// Whether a silent peer is asked from time to time.
    #[doc(alias = "SO_KEEPALIVE")]
    pub fn keepalive(&self) -> Result<bool> {
        self.done(sockopt::socket_keepalive(self), "ask keepalive")
    }

    /// How long the peer is silent before it is asked the first time: whole seconds, rounded up, at least one (Linux: at
    /// most 32,767).
    #[cfg(not(any(target_os = "haiku", target_os = "nto", target_os = "openbsd", target_os = "redox")))]
    #[doc(alias = "TCP_KEEPIDLE")]
    #[doc(alias = "TCP_KEEPALIVE")]
    pub fn set_keepalive_time(&self, time: Duration) -> Result<()> {
        self.done(sockopt::set_tcp_keepidle(self, time), "set the keepalive time")
    }

    /// How long the peer is silent before it is asked the first time.
    #[cfg(not(any(target_os = "haiku", target_os = "nto", target_os = "openbsd", target_os = "redox")))]
    #[doc(alias = "TCP_KEEPIDLE")]
    #[doc(alias = "TCP_KEEPALIVE")]
    pub fn keepalive_time(&self) -> Result<Duration> {
        self.done(sockopt::tcp_keepidle(self), "ask the keepalive time")
    }

    /// How long an answer is waited for before the peer is asked again; seconds, as for
    /// [`set_keepalive_time`](Self::set_keepalive_time).
    #[cfg(not(any(target_os = "haiku", target_os = "nto", target_os = "openbsd", target_os = "redox")))]
    #[doc(alias = "TCP_KEEPINTVL")]
    pub fn set_keepalive_interval(&self, time: Duration) -> Result<()> {
        self.done(sockopt::set_tcp_keepintvl(self, time), "set the keepalive interval")
    }

    /// How long an answer is waited for before the peer is asked again.
    #[cfg(not(any(target_os = "haiku", target_os = "nto", target_os = "openbsd", target_os = "redox")))]
    #[doc(alias = "TCP_KEEPINTVL")]
    pub fn keepalive_interval(&self) -> Result<Duration> {
        self.done(sockopt::tcp_keepintvl(self), "ask the keepalive interval")
    }

    /// How often a peer that does not answer is asked before the connection is over (`ETIMEDOUT`): at least once (Linux:
    /// at most 127 times).
    #[cfg(not(any(target_os = "haiku", target_os = "nto", target_os = "openbsd", target_os = "redox")))]
    #[doc(alias = "TCP_KEEPCNT")]
    pub fn set_keepalive_retries(&self, times: u32) -> Result<()> {
        self.done(sockopt::set_tcp_keepcnt(self, times), "set the keepalive retries")
    }

    /// How often a peer that does not answer is asked.
    #[cfg(not(any(target_os = "haiku", target_os = "nto", target_os = "openbsd", target_os = "redox")))]
    #[doc(alias = "TCP_KEEPCNT")]
    pub fn keepalive_retries(&self) -> Result<u32> {
        self.done(sockopt::tcp_keepcnt(self), "ask the keepalive retries")
    }

    /// How long what was sent may go unacknowledged before the connection is over; milliseconds, rounded up, at most 24
    /// days. `None` leaves it to the system (many minutes).
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[doc(alias = "TCP_USER_TIMEOUT")]
    pub fn set_user_timeout(&self, time: Option<Duration>) -> Result<()> {
        let millis = time.unwrap_or_default().as_nanos().div_ceil(1_000_000);
        // The system refuses what does not fit, and takes none for its own way, which no time at all must not be.
        let millis = u32::try_from(millis).unwrap_or(u32::MAX).max(u32::from(time.is_some()));
        self.done(sockopt::set_tcp_user_timeout(self, millis), "set the user timeout")
    }

    /// How long what was sent may go unacknowledged; `None` where the system says.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[doc(alias = "TCP_USER_TIMEOUT")]
    pub fn user_timeout(&self) -> Result<Option<Duration>> {
        let millis = self.done(sockopt::tcp_user_timeout(self), "ask the user timeout")?;
        Ok((millis > 0).then(|| Duration::from_millis(millis.into())))
    }

    // Every socket.

    /// What closing does with bytes not yet sent: `None` sends them in the background (the default), zero throws them
    /// away and resets the connection, and of any other time whole seconds count, rounded up.
    ///
    /// Closing never waits when the time is `None` or zero; with another one it may, and the loop with it (N1).
    #[doc(alias = "SO_LINGER")]
    pub fn set_linger(&self, time: Option<Duration>) -> Result<()> {
        self.done(sockopt::set_socket_linger(self, time), "set linger")
    }

    /// What closing does with bytes not yet sent.
    #[doc(alias = "SO_LINGER")]
    pub fn linger(&self) -> Result<Option<Duration>> {
        self.done(sockopt::socket_linger(self), "ask linger")
    }

    /// How many bytes the system may hold for the program to read. Linux doubles it for its own needs, and bounds it.
    #[doc(alias = "SO_RCVBUF")]
    pub fn set_recv_buffer_size(&self, bytes: usize) -> Result<()> {
        self.done(sockopt::set_socket_recv_buffer_size(self, bytes), "set the receive buffer's size")
    }

    /// How many bytes the system holds for the program to read, in the system's counting.
    #[doc(alias = "SO_RCVBUF")]
    pub fn recv_buffer_size(&self) -> Result<usize> {
        self.done(sockopt::socket_recv_buffer_size(self), "ask the receive buffer's size")
    }

    /// How many bytes the system may hold until the peer takes them. Linux doubles it for its own needs, and bounds it.
    #[doc(alias = "SO_SNDBUF")]
    pub fn set_send_buffer_size(&self, bytes: usize) -> Result<()> {
        self.done(sockopt::set_socket_send_buffer_size(self, bytes), "set the send buffer's size")
    }

    /// How many bytes the system holds until the peer takes them, in the system's counting.
    #[doc(alias = "SO_SNDBUF")]
    pub fn send_buffer_size(&self) -> Result<usize> {
        self.done(sockopt::socket_send_buffer_size(self), "ask the send buffer's size")
    }
}
