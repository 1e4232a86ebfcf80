//! How far datagrams go: to one host, to all of a network, to a group.
//!
//! A group is an address that many hosts listen to (IPv4: 224.0.0.0/4, IPv6: ff00::/8). To receive what is sent to one, a
//! socket is bound to its port, on all addresses or on the group's own, and [joins](Socket::join_multicast_v4) it on an
//! interface; to send to one nothing needs to be joined. Several programs of one host that listen to the same group
//! [share its port](Socket::set_reuse_address).
//!
//! Interfaces are named as the system's own calls do it: for IPv4 by one of their addresses, for IPv6 by their number.

use core::net::{Ipv4Addr, Ipv6Addr};

use rustix::net::sockopt;
use stheno_core::Result;

use super::Socket;

impl Socket {
    /// Allows datagrams to broadcast addresses, which are forbidden otherwise (`EACCES`). IPv4 only.
    #[doc(alias = "SO_BROADCAST")]
    pub fn set_broadcast(&self, on: bool) -> Result<()> {
        self.done(sockopt::set_socket_broadcast(self, on), "set broadcast")
    }

    /// Whether datagrams to broadcast addresses are allowed.
    #[doc(alias = "SO_BROADCAST")]
    pub fn broadcast(&self) -> Result<bool> {
        self.done(sockopt::socket_broadcast(self), "ask broadcast")
    }

    // To one host.

    /// How many routers IPv4 packets pass at the most, 1 to 255; of streams and datagrams.
    #[doc(alias = "IP_TTL")]
    pub fn set_ttl(&self, hops: u8) -> Result<()> {
        self.done(sockopt::set_ip_ttl(self, hops.into()), "set the ttl")
    }

    /// How many routers IPv4 packets pass at the most.
    #[doc(alias = "IP_TTL")]
    pub fn ttl(&self) -> Result<u8> {
        self.done(sockopt::ip_ttl(self), "ask the ttl").map(small)
    }

    /// How many routers IPv6 packets pass at the most; of streams and datagrams.
    #[doc(alias = "IPV6_UNICAST_HOPS")]
    pub fn set_unicast_hops_v6(&self, hops: u8) -> Result<()> {
        self.done(sockopt::set_ipv6_unicast_hops(self, Some(hops)), "set the hops")
    }

    /// How many routers IPv6 packets pass at the most.
    #[doc(alias = "IPV6_UNICAST_HOPS")]
    pub fn unicast_hops_v6(&self) -> Result<u8> {
        self.done(sockopt::ipv6_unicast_hops(self), "ask the hops")
    }

    // To a group: receiving.

    /// Receives what is sent to a group, as it comes in on the interface that has this address; 0.0.0.0 lets the system
    /// choose one. Fails where the socket has joined it already (`EADDRINUSE`), or has joined too many (`ENOBUFS`).
    ///
    /// ```no_run
    /// use std::net::Ipv4Addr;
    /// use stheno::{EventLoop, Kind, Os};
    /// # struct Finder;
    /// # impl stheno::Dispatcher<Os> for Finder {}
    /// # fn main() -> stheno::Result<()> {
    /// let mut events = EventLoop::<Finder>::new()?;
    /// let finder = events.create(Kind::Datagram, "0.0.0.0:5353", Finder)?;
    /// let (_, mut io) = events.channel(finder)?;
    /// io.set_reuse_address()?; // others on this host may listen as well
    /// io.bind(&"0.0.0.0:5353".parse()?)?;
    /// io.socket()?.join_multicast_v4(&Ipv4Addr::new(224, 0, 0, 251), &Ipv4Addr::UNSPECIFIED)?;
    /// # Ok(()) }
    /// ```
    #[doc(alias = "IP_ADD_MEMBERSHIP")]
    pub fn join_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> Result<()> {
        self.done(sockopt::set_ip_add_membership(self, group, interface), "join a group")
    }

    /// Receives what is sent to a group no more. Fails where it was not joined there (`EADDRNOTAVAIL`). Closing leaves all
    /// groups.
    #[doc(alias = "IP_DROP_MEMBERSHIP")]
    pub fn leave_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> Result<()> {
        self.done(sockopt::set_ip_drop_membership(self, group, interface), "leave a group")
    }

    /// Receives what is sent to a group, as it comes in on the interface that has this number; 0 lets the system choose
    /// one. Fails as [`join_multicast_v4`](Self::join_multicast_v4) does.
    #[doc(alias = "IPV6_ADD_MEMBERSHIP")]
    #[doc(alias = "IPV6_JOIN_GROUP")]
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> Result<()> {
        self.done(sockopt::set_ipv6_add_membership(self, group, interface), "join a group")
    }

    /// Receives what is sent to a group no more. Fails where it was not joined there (`EADDRNOTAVAIL`).
    #[doc(alias = "IPV6_DROP_MEMBERSHIP")]
    #[doc(alias = "IPV6_LEAVE_GROUP")]
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> Result<()> {
        self.done(sockopt::set_ipv6_drop_membership(self, group, interface), "leave a group")
    }

    // To a group: sending.

    /// Through which interface datagrams to IPv4 groups leave: the one that has this address; 0.0.0.0 leaves it to the
    /// system.
    #[doc(alias = "IP_MULTICAST_IF")]
    pub fn set_multicast_if_v4(&self, interface: &Ipv4Addr) -> Result<()> {
        self.done(sockopt::set_ip_multicast_if(self, interface), "set the groups' interface")
    }

    /// Through which interface datagrams to IPv4 groups leave; 0.0.0.0 where the system chooses.
    #[doc(alias = "IP_MULTICAST_IF")]
    pub fn multicast_if_v4(&self) -> Result<Ipv4Addr> {
        self.done(sockopt::ip_multicast_if(self), "ask the groups' interface")
    }

    /// Through which interface datagrams to IPv6 groups leave: the one that has this number; 0 leaves it to the system.
    #[doc(alias = "IPV6_MULTICAST_IF")]
    pub fn set_multicast_if_v6(&self, interface: u32) -> Result<()> {
        self.done(sockopt::set_ipv6_multicast_if(self, interface), "set the groups' interface")
    }

    /// Through which interface datagrams to IPv6 groups leave; 0 where the system chooses.
    #[doc(alias = "IPV6_MULTICAST_IF")]
    pub fn multicast_if_v6(&self) -> Result<u32> {
        self.done(sockopt::ipv6_multicast_if(self), "ask the groups' interface")
    }

    /// Whether this host's own members of an IPv4 group receive what is sent to it from here; so it is unless set. (The
    /// loopback interface gives everything back in any case.)
    #[doc(alias = "IP_MULTICAST_LOOP")]
    pub fn set_multicast_loop_v4(&self, on: bool) -> Result<()> {
        self.done(sockopt::set_ip_multicast_loop(self, on), "set multicast loop")
    }

    /// Whether this host's own members of an IPv4 group receive what is sent to it from here.
    #[doc(alias = "IP_MULTICAST_LOOP")]
    pub fn multicast_loop_v4(&self) -> Result<bool> {
        self.done(sockopt::ip_multicast_loop(self), "ask multicast loop")
    }

    /// Whether this host's own members of an IPv6 group receive what is sent to it from here; so it is unless set. (The
    /// loopback interface gives everything back in any case.)
    #[doc(alias = "IPV6_MULTICAST_LOOP")]
    pub fn set_multicast_loop_v6(&self, on: bool) -> Result<()> {
        self.done(sockopt::set_ipv6_multicast_loop(self, on), "set multicast loop")
    }

    /// Whether this host's own members of an IPv6 group receive what is sent to it from here.
    #[doc(alias = "IPV6_MULTICAST_LOOP")]
    pub fn multicast_loop_v6(&self) -> Result<bool> {
        self.done(sockopt::ipv6_multicast_loop(self), "ask multicast loop")
    }

    /// How many routers datagrams to IPv4 groups pass at the most; 1 unless set, which is the own network, and 0 is the
    /// own host.
    #[doc(alias = "IP_MULTICAST_TTL")]
    pub fn set_multicast_ttl_v4(&self, hops: u8) -> Result<()> {
        self.done(sockopt::set_ip_multicast_ttl(self, hops.into()), "set the groups' ttl")
    }

    /// How many routers datagrams to IPv4 groups pass at the most.
    #[doc(alias = "IP_MULTICAST_TTL")]
    pub fn multicast_ttl_v4(&self) -> Result<u8> {
        self.done(sockopt::ip_multicast_ttl(self), "ask the groups' ttl").map(small)
    }

    /// How many routers datagrams to IPv6 groups pass at the most; 1 unless set, which is the own network, and 0 is the
    /// own host.
    #[doc(alias = "IPV6_MULTICAST_HOPS")]
    pub fn set_multicast_hops_v6(&self, hops: u8) -> Result<()> {
        self.done(sockopt::set_ipv6_multicast_hops(self, hops.into()), "set the groups' hops")
    }

    /// How many routers datagrams to IPv6 groups pass at the most.
    #[doc(alias = "IPV6_MULTICAST_HOPS")]
    pub fn multicast_hops_v6(&self) -> Result<u8> {
        self.done(sockopt::ipv6_multicast_hops(self), "ask the groups' hops").map(small)
    }
}

/// The system's number is of more bits, and never past these.
fn small(hops: u32) -> u8 {
    u8::try_from(hops).unwrap_or(u8::MAX)
}
