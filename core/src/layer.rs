//! Nets made of other nets.

use crate::net::{Datagram, Half, Kind, Received};
use crate::stage::Stage;
use crate::trace::Seen;
use crate::{Error, Io, Net, Result, State};

/// A net that stands on another and changes some of what it does.
///
/// Whoever implements `Layer` names the net below and overrides what is to be different; the rest is handed down, and
/// the result is a [`Net`] like any other. Sockets and addresses are those of the net below, so every backend that knows
/// them knows the layer's too. The [`Net`] trait says what each operation owes.
///
/// ```
/// use stheno_core::{Layer, Net, Received, Result};
///
/// /// Counts the bytes that come in.
/// struct Counted<N> { below: N, received: u64 }
///
/// impl<N: Net> Layer for Counted<N> {
///     type Below = N;
///     fn below(&self) -> &N { &self.below }
///     fn below_mut(&mut self) -> &mut N { &mut self.below }
///
///     fn recv(&mut self, socket: &mut N::Socket, into: &mut [u8]) -> Result<Received> {
///         let received = self.below.recv(socket, into)?;
///         if let Received::Data(n) = received { self.received += n as u64; }
///         Ok(received)
///     }
/// }
/// # fn is_a_net<N: Net>() {}
/// # fn check<N: Net>() { is_a_net::<Counted<N>>() }
/// ```
#[allow(missing_docs)] // each method is the one of the same name in `Net`
pub trait Layer {
    /// The net that this one stands on.
    type Below: Net;

    const DEADLINES: bool = <Self::Below as Net>::DEADLINES;
    const VECTORED: bool = <Self::Below as Net>::VECTORED;

    /// The net below.
    fn below(&self) -> &Self::Below;
    /// The net below, to be used.
    fn below_mut(&mut self) -> &mut Self::Below;

    fn socket(&mut self, kind: Kind, like: &<Self::Below as Net>::Address) -> Result<<Self::Below as Net>::Socket> {
        self.below_mut().socket(kind, like)
    }
    fn set_reuse_address(&mut self, socket: &mut <Self::Below as Net>::Socket) -> Result<()> {
        self.below_mut().set_reuse_address(socket)
    }
    fn bind(&mut self, socket: &mut <Self::Below as Net>::Socket, at: &<Self::Below as Net>::Address) -> Result<()> {
        self.below_mut().bind(socket, at)
    }
    fn listen(&mut self, socket: &mut <Self::Below as Net>::Socket, backlog: u32) -> Result<()> {
        self.below_mut().listen(socket, backlog)
    }
    fn connect(&mut self, socket: &mut <Self::Below as Net>::Socket, to: &<Self::Below as Net>::Address) -> Result<()> {
        self.below_mut().connect(socket, to)
    }
    #[allow(clippy::type_complexity)]
    fn accept(
        &mut self,
        socket: &mut <Self::Below as Net>::Socket,
    ) -> Result<Option<(<Self::Below as Net>::Socket, <Self::Below as Net>::Address)>> {
        self.below_mut().accept(socket)
    }
    #[inline]
    fn recv(&mut self, socket: &mut <Self::Below as Net>::Socket, into: &mut [u8]) -> Result<Received> {
        self.below_mut().recv(socket, into)
    }
    /// By default two plain [`recv`](Self::recv) targets of which the first with room is used, so that a layer that
    /// changes `recv` changes this too.
    fn recv_vectored(&mut self, socket: &mut <Self::Below as Net>::Socket, into: [&mut [u8]; 2]) -> Result<Received> {
        let [first, second] = into;
        self.recv(socket, if first.is_empty() { second } else { first })
    }
    fn recv_urgent(&mut self, socket: &mut <Self::Below as Net>::Socket) -> Result<Option<u8>> {
        self.below_mut().recv_urgent(socket)
    }
    fn recv_from(
        &mut self,
        socket: &mut <Self::Below as Net>::Socket,
        into: &mut [u8],
    ) -> Result<Option<Datagram<<Self::Below as Net>::Address>>> {
        self.below_mut().recv_from(socket, into)
    }
    fn holds(&self, socket: &<Self::Below as Net>::Socket) -> bool {
        self.below().holds(socket)
    }
    #[inline]
    fn send(&mut self, socket: &mut <Self::Below as Net>::Socket, from: &[u8]) -> Result<Option<usize>> {
        self.below_mut().send(socket, from)
    }
    /// By default a plain [`send`](Self::send) of the first slice that holds anything, so that a layer that changes
    /// `send` changes this too.
    fn send_vectored(&mut self, socket: &mut <Self::Below as Net>::Socket, from: [&[u8]; 2]) -> Result<Option<usize>> {
        let [first, second] = from;
        self.send(socket, if first.is_empty() { second } else { first })
    }
    fn send_urgent(&mut self, socket: &mut <Self::Below as Net>::Socket, byte: u8) -> Result<bool> {
        self.below_mut().send_urgent(socket, byte)
    }
    fn send_to(
        &mut self,
        socket: &mut <Self::Below as Net>::Socket,
        from: &[u8],
        to: &<Self::Below as Net>::Address,
    ) -> Result<bool> {
        self.below_mut().send_to(socket, from, to)
    }
    fn shutdown(&mut self, socket: &mut <Self::Below as Net>::Socket, half: Half) -> Result<()> {
        self.below_mut().shutdown(socket, half)
    }
    fn take_error(&mut self, socket: &mut <Self::Below as Net>::Socket) -> Result<Option<Error>> {
        self.below_mut().take_error(socket)
    }
    fn state(&mut self, socket: &<Self::Below as Net>::Socket) -> Result<State> {
        self.below_mut().state(socket)
    }
    fn local_address(&self, socket: &<Self::Below as Net>::Socket) -> Result<<Self::Below as Net>::Address> {
        self.below().local_address(socket)
    }
    fn peer_address(&self, socket: &<Self::Below as Net>::Socket) -> Result<<Self::Below as Net>::Address> {
        self.below().peer_address(socket)
    }
    fn close(&mut self, socket: <Self::Below as Net>::Socket) {
        self.below_mut().close(socket);
    }
    #[inline]
    fn observe(&mut self, seen: Seen) {
        self.below_mut().observe(seen);
    }
    #[inline]
    fn lends_to(&mut self, served: bool, slots: usize) -> Option<usize> {
        self.below_mut().lends_to(served, slots)
    }
}

impl<L: Layer> Net for L {
    type Socket = <L::Below as Net>::Socket;
    type Address = <L::Below as Net>::Address;
    const DEADLINES: bool = <L as Layer>::DEADLINES;
    const VECTORED: bool = <L as Layer>::VECTORED;

    #[inline]
    fn describe(code: i32) -> &'static str {
        L::Below::describe(code)
    }
    #[inline]
    fn socket(&mut self, kind: Kind, like: &Self::Address) -> Result<Self::Socket> {
        Layer::socket(self, kind, like)
    }
    #[inline]
    fn set_reuse_address(&mut self, socket: &mut Self::Socket) -> Result<()> {
        Layer::set_reuse_address(self, socket)
    }
    #[inline]
    fn bind(&mut self, socket: &mut Self::Socket, at: &Self::Address) -> Result<()> {
        Layer::bind(self, socket, at)
    }
    #[inline]
    fn listen(&mut self, socket: &mut Self::Socket, backlog: u32) -> Result<()> {
        Layer::listen(self, socket, backlog)
    }
    #[inline]
    fn connect(&mut self, socket: &mut Self::Socket, to: &Self::Address) -> Result<()> {
        Layer::connect(self, socket, to)
    }
    #[inline]
    fn accept(&mut self, socket: &mut Self::Socket) -> Result<Option<(Self::Socket, Self::Address)>> {
        Layer::accept(self, socket)
    }
    #[inline]
    fn recv(&mut self, socket: &mut Self::Socket, into: &mut [u8]) -> Result<Received> {
        Layer::recv(self, socket, into)
    }
    #[inline]
    fn recv_vectored(&mut self, socket: &mut Self::Socket, into: [&mut [u8]; 2]) -> Result<Received> {
        Layer::recv_vectored(self, socket, into)
    }
    #[inline]
    fn recv_urgent(&mut self, socket: &mut Self::Socket) -> Result<Option<u8>> {
        Layer::recv_urgent(self, socket)
    }
    #[inline]
    fn recv_from(&mut self, socket: &mut Self::Socket, into: &mut [u8]) -> Result<Option<Datagram<Self::Address>>> {
        Layer::recv_from(self, socket, into)
    }
    #[inline]
    fn holds(&self, socket: &Self::Socket) -> bool {
        Layer::holds(self, socket)
    }
    #[inline]
    fn send(&mut self, socket: &mut Self::Socket, from: &[u8]) -> Result<Option<usize>> {
        Layer::send(self, socket, from)
    }
    #[inline]
    fn send_vectored(&mut self, socket: &mut Self::Socket, from: [&[u8]; 2]) -> Result<Option<usize>> {
        Layer::send_vectored(self, socket, from)
    }
    #[inline]
    fn send_urgent(&mut self, socket: &mut Self::Socket, byte: u8) -> Result<bool> {
        Layer::send_urgent(self, socket, byte)
    }
    #[inline]
    fn send_to(&mut self, socket: &mut Self::Socket, from: &[u8], to: &Self::Address) -> Result<bool> {
        Layer::send_to(self, socket, from, to)
    }
    #[inline]
    fn shutdown(&mut self, socket: &mut Self::Socket, half: Half) -> Result<()> {
        Layer::shutdown(self, socket, half)
    }
    #[inline]
    fn take_error(&mut self, socket: &mut Self::Socket) -> Result<Option<Error>> {
        Layer::take_error(self, socket)
    }
    #[inline]
    fn state(&mut self, socket: &Self::Socket) -> Result<State> {
        Layer::state(self, socket)
    }
    #[inline]
    fn local_address(&self, socket: &Self::Socket) -> Result<Self::Address> {
        Layer::local_address(self, socket)
    }
    #[inline]
    fn peer_address(&self, socket: &Self::Socket) -> Result<Self::Address> {
        Layer::peer_address(self, socket)
    }
    #[inline]
    fn close(&mut self, socket: Self::Socket) {
        Layer::close(self, socket);
    }
    #[inline]
    fn observe(&mut self, seen: Seen) {
        Layer::observe(self, seen);
    }
    #[inline]
    fn lends_to(&mut self, served: bool, slots: usize) -> Option<usize> {
        Layer::lends_to(self, served, slots)
    }
}

/// A net together with state that handlers share: a room, a pool, counters.
///
/// Handlers reach the state through their channel: [`channel.net().shared`](crate::Io::net).
///
/// ```
/// use stheno_core::{Dispatcher, Channel, Net, Result, With};
/// struct Door;
/// impl<N: Net> Dispatcher<With<N, u32>> for Door {
///     fn handle_read(&mut self, channel: &mut Channel<'_, With<N, u32>, Self>) -> Result<()> {
///         channel.net().shared += 1;
///         Ok(())
///     }
/// }
/// ```
#[derive(Clone, Copy, Default, Debug)]
pub struct With<N, S> {
    /// The net that does the I/O.
    pub below: N,
    /// What the handlers share.
    pub shared: S,
}

impl<N: Net, S> Io<'_, With<N, S>> {
    /// Receives into memory that the channels share: one buffer for all of them, as long as what comes is dealt with before
    /// the handler returns. As [`recv`](Io::recv) otherwise; into no memory nothing is received, `Data(0)`.
    ///
    /// ```
    /// use stheno_core::{Channel, Dispatcher, Error, Net, Received, Result, With};
    ///
    /// /// An echo without a buffer of its own: who does not take its answer at once is hung up on.
    /// struct Hasty;
    ///
    /// impl<N: Net> Dispatcher<With<N, [u8; 4096]>> for Hasty {
    ///     fn writable(&self) -> bool { false }
    ///
    ///     fn handle_read(&mut self, channel: &mut Channel<'_, With<N, [u8; 4096]>, Self>) -> Result<()> {
    ///         let Received::Data(n) = channel.recv_shared(|memory| memory)? else { return Ok(()) };
    ///         match channel.send_shared(|memory| memory.get(..n).unwrap_or_default())? {
    ///             sent if sent < n => Err(Error::user("it does not read", 0)),
    ///             _ => Ok(()),
    ///         }
    ///     }
    /// }
    /// ```
    #[inline]
    pub fn recv_shared(&mut self, memory: impl FnOnce(&mut S) -> &mut [u8]) -> Result<Received> {
        let left = self.left(|allowance| allowance.receive);
        let share = self.share(usize::MAX, left);
        self.receive(left, |net, socket| {
            let into = memory(&mut net.shared);
            let most = into.len().min(share);
            match into.get_mut(..most) {
                Some(into) if !into.is_empty() => net.below.recv(socket, into),
                _ => Ok(Received::Data(0)),
            }
        })
    }

    /// Sends from memory that the channels share. As [`send`](Io::send) otherwise, but that a channel which cannot send says
    /// so of no bytes as well.
    #[inline]
    pub fn send_shared(&mut self, bytes: impl FnOnce(&S) -> &[u8]) -> Result<usize> {
        let left = self.left(|allowance| allowance.send);
        let share = self.share(usize::MAX, left);
        // An empty datagram is one.
        let messages = self.own.stage == Stage::Datagram;
        self.transmit(left, |net, socket| {
            let from = bytes(&net.shared);
            match from.get(..share.min(from.len())) {
                Some(from) if messages || !from.is_empty() => net.below.send(socket, from),
                _ => Ok(Some(0)),
            }
        })
    }
}

impl<N: Net, S> Layer for With<N, S> {
    type Below = N;
    fn below(&self) -> &N {
        &self.below
    }
    fn below_mut(&mut self) -> &mut N {
        &mut self.below
    }
    fn recv_vectored(&mut self, socket: &mut N::Socket, into: [&mut [u8]; 2]) -> Result<Received> {
        self.below.recv_vectored(socket, into)
    }
    fn send_vectored(&mut self, socket: &mut N::Socket, from: [&[u8]; 2]) -> Result<Option<usize>> {
        self.below.send_vectored(socket, from)
    }
}

/// A net whose channels have no deadlines, so that a program links neither the clock nor the queue of deadlines; see
/// [`Net::DEADLINES`].
///
/// ```
/// use stheno_core::{Net, Untimed};
/// fn saves_the_clock<N: Net>() {
///     const { assert!(!<Untimed<N> as Net>::DEADLINES) }
/// }
/// ```
#[derive(Clone, Copy, Default, Debug)]
pub struct Untimed<N>(pub N);

impl<N: Net> Layer for Untimed<N> {
    type Below = N;
    const DEADLINES: bool = false;
    fn below(&self) -> &N {
        &self.0
    }
    fn below_mut(&mut self) -> &mut N {
        &mut self.0
    }
    fn recv_vectored(&mut self, socket: &mut N::Socket, into: [&mut [u8]; 2]) -> Result<Received> {
        self.0.recv_vectored(socket, into)
    }
    fn send_vectored(&mut self, socket: &mut N::Socket, from: [&[u8]; 2]) -> Result<Option<usize>> {
        self.0.send_vectored(socket, from)
    }
}
