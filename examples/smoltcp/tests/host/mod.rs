//! The stack on the host: loopback, memory on the heap, and time that only waits spend.
#![allow(dead_code)] // each test uses some of it

use std::time::Duration;

use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::phy::{Loopback as Wire, Medium};
use smoltcp::socket::tcp;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr, IpEndpoint};
use stheno::{Error, ErrorKind, Instant, Layer, Result};
use stheno_conformance::contract::Failure;
use stheno_conformance::{Loopback, Sign};
use stheno_smoltcp::{Clock, Socket, Stack};

/// How many sockets there are, those at the far ends and those beside listeners included.
pub const SOCKETS: usize = 64;
/// How much each holds for each direction: as much as goes without a scaled window, with which smoltcp 0.12 panics in
/// `last_scaled_window` where both sides have more to send than it holds.
const MEMORY: usize = 65_535;

/// A clock that stands still until somebody rests.
#[derive(Default, Debug)]
pub struct Still(Duration);

impl Clock for Still {
    fn now(&self) -> Instant {
        Instant::from_nanos(0) + self.0
    }

    fn rest(&mut self, until: Option<Instant>) -> Result<()> {
        let until = until.ok_or(Error::new(ErrorKind::Other, "nothing can end this wait").doing("wait"))?;
        self.0 += until.saturating_since(self.now());
        Ok(())
    }
}

/// A stack of so many sockets, with 127.0.0.1 and ::1.
pub fn stack<const N: usize>() -> Stack<'static, Wire, Still, N> {
    let mut wire = Wire::new(Medium::Ip);
    let start = smoltcp::time::Instant::ZERO;
    let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut wire, start);
    interface.update_ip_addrs(|addresses| {
        let both = [IpCidr::new(IpAddress::v4(127, 0, 0, 1), 8), IpCidr::new(LOCAL6, 128)];
        assert!(addresses.extend_from_slice(&both).is_ok(), "there is room for two addresses");
    });
    let mut sockets = SocketSet::new(Vec::new());
    for _ in 0..N {
        let memory = || tcp::SocketBuffer::new(vec![0; MEMORY]);
        sockets.add(tcp::Socket::new(memory(), memory()));
    }
    Stack::new(wire, interface, sockets, Still::default())
}

/// The stack, of which the suite may say what it needs.
pub struct Host {
    stack: Stack<'static, Wire, Still, SOCKETS>,
}

impl Layer for Host {
    type Below = Stack<'static, Wire, Still, SOCKETS>;
    fn below(&self) -> &Self::Below {
        &self.stack
    }
    fn below_mut(&mut self) -> &mut Self::Below {
        &mut self.stack
    }
}

impl Loopback for Host {
    fn open() -> std::result::Result<Self, Failure> {
        Ok(Self { stack: stack() })
    }

    fn anywhere() -> IpEndpoint {
        IpEndpoint::new(IpAddress::v4(127, 0, 0, 1), 0)
    }

    fn anywhere6() -> std::result::Result<IpEndpoint, Failure> {
        Ok(IpEndpoint::new(LOCAL6, 0))
    }

    /// All that is under way arrives; that it shows is what the backend under test is asked for.
    fn shows(&mut self, _: &Socket, _: Sign) -> std::result::Result<bool, Failure> {
        Loopback::pass(self, Duration::from_millis(20));
        Ok(true)
    }

    fn pass(&mut self, time: Duration) {
        // It knows an end, and so does not fail.
        let _ = self.stack.pass(time);
    }

    fn clock(&self) -> Instant {
        self.stack.clock().now()
    }

    fn cut(&mut self, socket: Socket) -> std::result::Result<(), Failure> {
        self.stack.reset(socket);
        Ok(())
    }

    /// A stream holds no more than that anyway.
    fn narrow(&mut self, _: &Socket, _: usize) -> std::result::Result<(), Failure> {
        Ok(())
    }
}

const LOCAL6: IpAddress = IpAddress::v6(0, 0, 0, 0, 0, 0, 0, 1);
