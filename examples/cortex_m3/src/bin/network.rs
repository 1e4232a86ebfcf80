//! Serves an echo and a conversation in lines on the board's Ethernet, over smoltcp, in memory of fixed size; until somebody
//! says `shutdown`.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod on_board {
    use core::fmt::{self, Write};
    use core::time::Duration;

    use cortex_m_rt::{entry, exception};
    use panic_semihosting as _;
    use smoltcp::iface::{Config, Interface, SocketSet, SocketStorage};
    use smoltcp::socket::tcp::{Socket, SocketBuffer};
    use smoltcp::time::Instant;
    use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr, IpEndpoint, Ipv4Address};
    use stheno_core::{Error, EventLoop, Slot};
    use stheno_cortex_m3::board::{Console, Ethernet, Ticks, ends, hush};
    use stheno_cortex_m3::server::{ECHO, LINES, Server};
    use stheno_cortex_m3::tally::Tally;
    use stheno_smoltcp::{Stack, Watch};

    /// How many sockets the stack has, with so many bytes for each direction of each.
    const SOCKETS: usize = 10;
    const MEMORY: usize = 1024;
    /// How many channels there are, doors included.
    const CHANNELS: usize = 10;

    type Net = Stack<'static, Ethernet, Ticks, SOCKETS>;
    type Events = EventLoop<Server, Net, Watch<CHANNELS>, &'static mut Table>;
    type Table = heapless::Vec<Slot<Server, Net>, CHANNELS>;

    #[exception]
    fn SysTick() {
        Ticks::tick();
    }

    /// The one interrupt that is enabled is the Ethernet controller's.
    #[exception]
    unsafe fn DefaultHandler(_: i16) {
        hush();
    }

    #[entry]
    fn main() -> ! {
        static mut MEMORIES: [[[u8; MEMORY]; 2]; SOCKETS] = [[[0; MEMORY]; 2]; SOCKETS];
        static mut PLACES: [SocketStorage<'static>; SOCKETS] = [SocketStorage::EMPTY; SOCKETS];
        static mut TABLE: Table = Table::new();
        let mut sockets = SocketSet::new(&mut PLACES[..]);
        for [received, sent] in MEMORIES {
            sockets.add(Socket::new(SocketBuffer::new(&mut received[..]), SocketBuffer::new(&mut sent[..])));
        }
        ends(serve(sockets, TABLE), None)
    }

    /// The emulator's user network gives this address to the first who comes.
    const HERE: Ipv4Address = Ipv4Address::new(10, 0, 2, 15);
    const GATEWAY: Ipv4Address = Ipv4Address::new(10, 0, 2, 2);
    const CARD: EthernetAddress = EthernetAddress([0x02, 0, 0, 0, 0, 0x07]);

    fn serve(sockets: SocketSet<'static>, table: &'static mut Table) -> Result<Tally, fmt::Error> {
        let mut out = Console::new();
        let Some(core) = cortex_m::Peripherals::take() else { return Err(fmt::Error) };
        let Some(mut card) = Ethernet::take(CARD) else { return Err(fmt::Error) };
        let mut interface = Interface::new(Config::new(card.address().into()), &mut card, Instant::ZERO);
        let mut has_address = Ok(());
        interface.update_ip_addrs(|addresses| has_address = addresses.push(IpCidr::new(HERE.into(), 24)));
        has_address.map_err(|_| fmt::Error)?;
        interface.routes_mut().add_default_ipv4_route(GATEWAY).map_err(|_| fmt::Error)?;
        let net = Stack::new(card, interface, sockets, Ticks::begin(core.SYST));
        let mut events = Events::with_parts(net, Watch::new(), table);
        let mut tally = Tally::default();
        match serve_until_told(&mut events, &mut out) {
            Ok(()) => tally.passed += 1,
            Err(why) => {
                tally.failed += 1;
                writeln!(out, "FAILED   the server: {why}")?;
            }
        }
        let counted = events.counters();
        writeln!(
            out,
            "served   {} callers, {} bytes in, {} bytes out, {} turns",
            counted.accepts, counted.received, counted.sent, counted.turns
        )?;
        // What became of every channel, and of every socket of the stack.
        let checks = [
            (events.is_empty(), "a channel is left"),
            (counted.accepts > 0, "nobody came"),
            (counted.errors == 0, "a channel met an error"),
            (events.net().vacant() == SOCKETS, "a socket is left"),
        ];
        for (holds, otherwise) in checks {
            if holds {
                tally.passed += 1;
            } else {
                tally.failed += 1;
                writeln!(out, "FAILED   {otherwise}")?;
            }
        }
        Ok(tally)
    }

    fn serve_until_told(events: &mut Events, out: &mut Console) -> Result<(), Error> {
        let anywhere = |port| IpEndpoint::new(IpAddress::v4(0, 0, 0, 0), port);
        events.listen(anywhere(ECHO), Server::EchoDoor)?;
        events.listen(anywhere(LINES), Server::LinesDoor)?;
        writeln!(out, "ready").map_err(|_| Error::user("nobody hears", 0))?;
        events.run()?;
        events.drain(Duration::from_secs(5))?;
        // The last ends go their way.
        for _ in 0..2_000 {
            if events.net().vacant() == SOCKETS {
                break;
            }
            events.net_mut().pass(Duration::from_millis(1))?;
        }
        Ok(())
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    println!("the network is the board's: `make board` runs this there");
}
