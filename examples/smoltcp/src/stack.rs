//! The stack: smoltcp with all that belongs to it, driven by hand.

use core::time::Duration;

use smoltcp::iface::{Interface, PollIngressSingleResult, PollResult, SocketSet};
use smoltcp::phy::Device;
use smoltcp::socket::{Socket as AnySocket, tcp};
use smoltcp::wire::IpEndpoint;
use stheno_core::{Instant, Layer, Net};

use crate::clock::Clock;
use crate::errno::Errno;
use crate::place::{Place, Role, Socket};

/// How many packets are taken in before those that are to go out have their turn.
const BURST: usize = 64;
/// How often a drive goes round, at most: on a loopback what went out comes in at once.
const ROUNDS: usize = 64;
/// How long the peer of a closed connection may be silent before that is over. (As Linux's `tcp_fin_timeout`.)
const LINGER: smoltcp::time::Duration = smoltcp::time::Duration::from_secs(60);

/// A network: smoltcp's interface, device and sockets, and a clock. Of its sockets the first `N` TCP sockets are used; no
/// others may use those.
pub struct Stack<'a, D: Device, C, const N: usize> {
    pub(crate) device: D,
    pub(crate) interface: Interface,
    pub(crate) sockets: SocketSet<'a>,
    pub(crate) clock: C,
    pub(crate) places: [Place; N],
    pub(crate) next_port: u16,
    pub(crate) calls: u32,
}

impl<'a, D: Device, C: Clock, const N: usize> Stack<'a, D, C, N> {
    /// A network of these parts; the sockets are as fresh ones are.
    pub fn new(device: D, interface: Interface, sockets: SocketSet<'a>, clock: C) -> Self {
        let mut places = [Place::NONE; N];
        let streams = sockets.iter().filter(|(_, socket)| matches!(socket, AnySocket::Tcp(_)));
        for (place, (handle, _)) in places.iter_mut().zip(streams) {
            place.handle = Some(handle);
            place.patience = sockets.get::<tcp::Socket<'_>>(handle).timeout();
        }
        Self { device, interface, sockets, clock, places, next_port: 0, calls: 0 }
    }

    /// The interface, for addresses and routes.
    pub fn interface(&mut self) -> &mut Interface {
        &mut self.interface
    }

    /// The clock.
    pub fn clock(&self) -> &C {
        &self.clock
    }

    /// The clock, to be used.
    pub fn clock_mut(&mut self) -> &mut C {
        &mut self.clock
    }

    /// How many sockets nobody has.
    pub fn vacant(&self) -> usize {
        self.places.iter().filter(|place| place.handle.is_some() && place.role == Role::Vacant).count()
    }

    /// Takes in what has arrived, and sends what is due, until nothing more can be done now.
    pub fn drive(&mut self) {
        for _ in 0..ROUNDS {
            let now = moment(self.clock.now());
            let mut moved = false;
            for _ in 0..BURST {
                match self.interface.poll_ingress_single(now, &mut self.device, &mut self.sockets) {
                    PollIngressSingleResult::None => break,
                    // Each by itself, so that two callers in a row find a socket each.
                    _ => self.tend(),
                }
                moved = true;
            }
            moved |= self.interface.poll_egress(now, &mut self.device, &mut self.sockets) != PollResult::None;
            self.tend();
            if !moved {
                break;
            }
        }
    }

    /// When the stack has something to do by itself.
    pub fn due(&mut self) -> Option<Instant> {
        let now = moment(self.clock.now());
        let due = self.interface.poll_at(now, &self.sockets)?;
        Some(Instant::from_nanos((due.total_micros().max(0) as u64).saturating_mul(1_000)))
    }

    /// Lets so much time go by without a loop, and with it what is under way.
    pub fn pass(&mut self, time: Duration) -> stheno_core::Result<()> {
        let end = self.clock.now() + time;
        loop {
            self.drive();
            if self.clock.now() >= end {
                return Ok(());
            }
            let next = self.due().map_or(end, |due| due.min(end));
            self.clock.rest(Some(next))?;
        }
    }

    /// Looks after every socket: who called, who went, and who can be had again.
    pub(crate) fn tend(&mut self) {
        for place in &mut self.places {
            let Some(handle) = place.handle else { continue };
            let socket = self.sockets.get_mut::<tcp::Socket<'_>>(handle);
            if place.notices(socket, self.calls.wrapping_add(1).max(1)) {
                self.calls = self.calls.wrapping_add(1).max(1);
            }
            if place.role == Role::Orphan {
                // Nobody will read it.
                if !place.is_over() && socket.recv_queue() > 0 {
                    socket.abort();
                    place.was = tcp::State::Closed;
                }
                // A reset has still to go out.
                if place.was == tcp::State::TimeWait || place.is_over() && socket.remote_endpoint().is_none() {
                    socket.set_timeout(place.patience);
                    *place = place.renewed(Role::Vacant);
                }
            }
        }
        self.tend_lines();
    }

    /// The place of a socket, unless that is stale.
    pub(crate) fn place(&self, socket: &Socket) -> Result<&Place, Errno> {
        let place = self.places.get(socket.place).filter(|place| place.generation == socket.generation);
        place.filter(|place| !matches!(place.role, Role::Vacant | Role::Orphan)).ok_or(Errno::BadDescriptor)
    }

    /// The place of a socket, and the stack's own socket.
    pub(crate) fn both(&mut self, socket: &Socket) -> Result<(&mut Place, &mut tcp::Socket<'a>), Errno> {
        self.place(socket)?;
        let place = self.places.get_mut(socket.place).ok_or(Errno::BadDescriptor)?;
        let handle = place.handle.ok_or(Errno::BadDescriptor)?;
        Ok((place, self.sockets.get_mut(handle)))
    }

    /// A place for something new; rather one whose socket is done with its last connection altogether.
    pub(crate) fn vacancy(&self) -> Result<usize, Errno> {
        let vacant = |place: &Place| place.handle.is_some() && place.role == Role::Vacant;
        let done = self.places.iter().position(|place| vacant(place) && place.was == tcp::State::Closed);
        done.or_else(|| self.places.iter().position(vacant)).ok_or(Errno::NoSockets)
    }

    /// The handle of a place's new tenant.
    pub(crate) fn occupy(&mut self, at: usize, role: Role) -> Result<Socket, Errno> {
        let place = self.places.get_mut(at).ok_or(Errno::NoSockets)?;
        *place = place.renewed(role);
        Ok(Socket { place: at, generation: place.generation })
    }

    /// Gives a place back.
    pub(crate) fn vacate(&mut self, at: usize) {
        if let Some(place) = self.places.get_mut(at) {
            *place = place.renewed(Role::Vacant);
        }
    }

    /// Lets a place go whose socket is to come to its end by itself: with all that was sent, unless there is something that
    /// nobody has read. What is in the device is under way no longer, and counts.
    pub(crate) fn orphan(&mut self, at: usize) {
        self.drive();
        let Some(place) = self.places.get_mut(at) else { return };
        let Some(handle) = place.handle else { return };
        let socket = self.sockets.get_mut::<tcp::Socket<'_>>(handle);
        if socket.recv_queue() > 0 {
            socket.abort();
        } else {
            socket.close();
            // However its peer goes, the socket comes back.
            socket.set_timeout(Some(place.patience.map_or(LINGER, |patience| patience.min(LINGER))));
        }
        place.was = socket.state();
        *place = place.renewed(Role::Orphan);
        self.drive();
    }

    /// The same with a reset, where there is a connection; what was sent before it goes first.
    pub(crate) fn cut_off(&mut self, at: usize) {
        self.drive();
        let Some(place) = self.places.get_mut(at) else { return };
        let Some(handle) = place.handle else { return };
        let socket = self.sockets.get_mut::<tcp::Socket<'_>>(handle);
        socket.abort();
        place.was = tcp::State::Closed;
        *place = place.renewed(Role::Orphan);
        self.drive();
    }

    /// Closes a connection with a reset instead of an end.
    pub fn reset(&mut self, socket: Socket) {
        if self.place(&socket).is_ok() {
            self.cut_off(socket.place);
        }
    }

    /// Whether this address can be given away: `reuse` asks for no more than that nobody else bound it.
    pub(crate) fn is_free(&self, at: IpEndpoint, reuse: bool) -> bool {
        let overlaps = |here: IpEndpoint| {
            here.port == at.port && (here.addr == at.addr || here.addr.is_unspecified() || at.addr.is_unspecified())
        };
        self.places.iter().all(|place| match place.role {
            Role::Fresh | Role::Listener { .. } => !place.door.is_some_and(overlaps),
            Role::Connecting | Role::Stream => reuse || !place.here.is_some_and(overlaps),
            Role::Vacant | Role::Line { .. } | Role::Orphan => true,
        })
    }

    /// A port that nobody has had for a while.
    pub(crate) fn port(&mut self) -> Result<u16, Errno> {
        const FIRST: u16 = 49_152;
        for _ in FIRST..=u16::MAX {
            let port = FIRST + self.next_port;
            self.next_port = (self.next_port + 1) % (u16::MAX - FIRST + 1);
            let used = |place: &Place| [place.door, place.here].iter().flatten().any(|at| at.port == port);
            if !self.places.iter().any(used) {
                return Ok(port);
            }
        }
        Err(Errno::InUse)
    }
}

/// A time as smoltcp has it.
pub(crate) fn moment(time: Instant) -> smoltcp::time::Instant {
    smoltcp::time::Instant::from_micros((time.as_nanos() / 1_000) as i64)
}

/// A net that has a stack inside, or is one: what [`Watch`](crate::Watch) watches. Every [`Layer`] over one is one.
pub trait Stacked: Net<Socket = Socket, Address = IpEndpoint> {
    /// The stack below.
    type Stack: crate::watch::Watched;
    /// The stack, to be driven.
    fn stack(&mut self) -> &mut Self::Stack;
    /// The stack.
    fn stack_ref(&self) -> &Self::Stack;
}

impl<D: Device, C: Clock, const N: usize> Stacked for Stack<'_, D, C, N> {
    type Stack = Self;
    fn stack(&mut self) -> &mut Self {
        self
    }
    fn stack_ref(&self) -> &Self {
        self
    }
}

impl<L: Layer> Stacked for L
where
    L::Below: Stacked,
{
    type Stack = <L::Below as Stacked>::Stack;
    fn stack(&mut self) -> &mut Self::Stack {
        self.below_mut().stack()
    }
    fn stack_ref(&self) -> &Self::Stack {
        self.below().stack_ref()
    }
}
