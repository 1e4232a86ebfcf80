//! A channel as its handlers see it: its own I/O, and the rest of the table.

use core::ops::{Deref, DerefMut};

use crate::io::{CLOSED, unless_interrupted};
use crate::slot::{Flags, Own, Slot};
use crate::stage::Stage;
use crate::{Error, ErrorKind, Io, Key, Kind, Net, Result, State};

/// A handler's own channel, and through it every other one.
///
/// Dereferences to the channel's own [`Io`]. The handler's dispatcher is not in here: it is `self`.
pub struct Channel<'a, N: Net, T> {
    pub(crate) io: Io<'a, N>,
    pub(crate) before: &'a mut [Slot<T, N>],
    pub(crate) after: &'a mut [Slot<T, N>],
}

/// A caller that was accepted and that nobody has taken yet.
///
/// The default [`handle_accept`](crate::Dispatcher::handle_accept) hangs up on a guest that nobody took; who calls
/// [`accept`](Channel::accept) itself gives it back with [`hang_up`](Channel::hang_up).
pub struct Guest<N: Net> {
    socket: Option<N::Socket>,
    address: N::Address,
}

impl<N: Net> Guest<N> {
    /// Where the caller calls from.
    pub const fn address(&self) -> &N::Address {
        &self.address
    }

    /// The caller's socket, for its options; an error where it has been taken.
    pub fn socket(&self) -> Result<&N::Socket> {
        self.socket.as_ref().ok_or(TAKEN)
    }

    /// Takes the socket out of the loop, for another loop or thread to serve; `None` where it has been taken before.
    ///
    /// Accepting needs a vacant slot of the table even so.
    pub const fn take(&mut self) -> Option<N::Socket> {
        self.socket.take()
    }
}

impl<'a, N: Net, T> Channel<'a, N, T> {
    /// The next caller in line; `None` where nobody waits any more.
    pub fn accept(&mut self) -> Result<Option<Guest<N>>> {
        self.io.live()?;
        if self.io.own.stage != Stage::Listening {
            return Err(Error::new(ErrorKind::Unsupported, "the channel does not listen").doing("accept"));
        }
        let (net, socket) = self.io.live()?;
        let accepted = unless_interrupted(net.accept(socket), None);
        self.io.accepts(&accepted);
        match accepted {
            Ok(Some((socket, address))) => {
                self.io.own.flags |= Flags::ACCEPTED;
                Ok(Some(Guest { socket: Some(socket), address }))
            }
            Ok(None) => Ok(None),
            Err(why) => {
                if why.kind() == ErrorKind::Exhausted {
                    self.io.own.flags |= Flags::EXHAUSTED;
                }
                Err(why)
            }
        }
    }

    /// Closes a guest's connection, unless it was taken.
    pub fn hang_up(&mut self, mut guest: Guest<N>) {
        if let Some(socket) = guest.take() {
            self.io.refuses();
            self.io.net.close(socket);
        }
    }

    /// Makes a guest a channel of the loop, with this dispatcher.
    ///
    /// It takes part from the next turn on. Where the table is full, or its spare slots are used up for this turn (see
    /// [`EventLoop::set_spare`](crate::EventLoop::set_spare)), the guest stays a guest, and is hung up on.
    pub fn adopt(&mut self, guest: &mut Guest<N>, dispatcher: T) -> Result<Key> {
        let Some(socket) = guest.take() else { return Err(TAKEN.doing("adopt")) };
        self.insert(Some(socket), State::OPEN, dispatcher).map_err(|socket| {
            guest.socket = socket;
            self.full().doing("adopt")
        })
    }

    /// Makes a socket that was opened elsewhere a channel of the loop. Where that fails the socket is closed.
    ///
    /// Takes one of the table's spare slots, as [`adopt`](Self::adopt) does.
    #[doc(alias = "add_channel")]
    #[doc(alias = "set_socket")]
    pub fn add(&mut self, socket: N::Socket, dispatcher: T) -> Result<Key> {
        match self.io.net.state(&socket) {
            Ok(state) => self.insert_or_close(socket, state, dispatcher),
            Err(why) => {
                self.io.net.close(socket);
                Err(why)
            }
        }
    }

    /// Opens a channel that connects to an address, or to a text that is one.
    ///
    /// That it cannot begin is an error here; how it ends is told to the new channel. Takes one of the table's spare slots,
    /// as [`adopt`](Self::adopt) does.
    pub fn connect_to<A>(&mut self, to: A, dispatcher: T) -> Result<Key>
    where
        A: TryInto<N::Address>,
        Error: From<A::Error>,
    {
        let socket = connecting(self.io.net, &to.try_into()?)?;
        self.insert_or_close(socket, State::Connecting, dispatcher)
    }

    /// Opens a channel that listens at an address, or at a text that is one; see
    /// [`EventLoop::listen`](crate::EventLoop::listen). Takes one of the table's spare slots, as [`adopt`](Self::adopt)
    /// does.
    pub fn listen_at<A>(&mut self, at: A, dispatcher: T) -> Result<Key>
    where
        A: TryInto<N::Address>,
        Error: From<A::Error>,
    {
        let socket = listening(self.io.net, &at.try_into()?)?;
        self.insert_or_close(socket, State::Listening, dispatcher)
    }

    fn insert_or_close(&mut self, socket: N::Socket, state: State, dispatcher: T) -> Result<Key> {
        self.insert(Some(socket), state, dispatcher).map_err(|socket| {
            if let Some(socket) = socket {
                self.io.net.close(socket);
            }
            self.full().doing("add a channel")
        })
    }

    /// Why there is no vacant slot.
    pub(crate) fn full(&self) -> Error {
        if self.io.ledger.bounded { FULL } else { NO_SLOT_LEFT }
    }

    /// Gives a channel a slot, or the socket back.
    pub(crate) fn insert(
        &mut self,
        socket: Option<N::Socket>,
        state: State,
        dispatcher: T,
    ) -> Result<Key, Option<N::Socket>> {
        let index = self.io.ledger.vacant;
        let Some(slot) = other(self.before, self.after, index) else { return Err(socket) };
        slot.dispatcher = Some(dispatcher);
        let key = self.io.ledger.occupy(&mut slot.own, socket, state);
        self.io.opens(key, state);
        Ok(key)
    }

    /// Another channel: its dispatcher and its I/O. An error where the key is stale, or the handler's own.
    ///
    /// Its predicates are asked again when the turn is settled.
    pub fn neighbour(&mut self, key: Key) -> Result<(&mut T, Io<'_, N>)> {
        let (io, Slot { own, dispatcher }) = self.touched(key)?;
        let dispatcher = dispatcher.as_mut().ok_or(CLOSED)?;
        Ok((dispatcher, Io { net: io.net, own, ledger: io.ledger, index: key.index() as u32 }))
    }

    /// The handler's own I/O and another channel's dispatcher at once, so that bytes go from one into the other's buffer
    /// without a stop in between. An error where the key is stale, or the handler's own.
    ///
    /// The other channel's predicates are asked again when the turn is settled.
    pub fn with_neighbour(&mut self, key: Key) -> Result<(&mut Io<'a, N>, &mut T)> {
        let (io, slot) = self.touched(key)?;
        Ok((io, slot.dispatcher.as_mut().ok_or(CLOSED)?))
    }

    fn touched(&mut self, key: Key) -> Result<(&mut Io<'a, N>, &mut Slot<T, N>)> {
        let index = key.index() as u32;
        let slot = other(self.before, self.after, index).ok_or(CLOSED)?;
        if !slot.own.is_named(key) {
            return Err(CLOSED);
        }
        self.io.ledger.touch(&mut slot.own, index);
        Ok((&mut self.io, slot))
    }

    /// Visits every other channel in the table; costs time in the size of the table.
    ///
    /// Only those for which `visit` returns true are touched: their predicates are asked again when the turn is settled.
    pub fn for_each_neighbour(&mut self, mut visit: impl FnMut(&mut T, &mut Io<'_, N>) -> bool) {
        let Self { io, before, after } = self;
        let first_after = io.index + 1;
        let before = (0..).zip(before.iter_mut());
        let after = (first_after..).zip(after.iter_mut());
        for (index, slot) in before.chain(after) {
            let Some(dispatcher) = slot.dispatcher.as_mut().filter(|_| slot.own.stage.is_live()) else { continue };
            let mut neighbour = Io { net: &mut *io.net, own: &mut slot.own, ledger: &mut *io.ledger, index };
            if visit(dispatcher, &mut neighbour) {
                io.ledger.touch(&mut slot.own, index);
            }
        }
    }
}

impl<'a, N: Net, T> Deref for Channel<'a, N, T> {
    type Target = Io<'a, N>;
    fn deref(&self) -> &Self::Target {
        &self.io
    }
}

impl<N: Net, T> DerefMut for Channel<'_, N, T> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.io
    }
}

/// How many callers may wait in line unless the program says otherwise.
pub(crate) const BACKLOG: u32 = 1024;

pub(crate) const FULL: Error = Error::new(ErrorKind::Full, "the table of channels is full");
const NO_SLOT_LEFT: Error = Error::new(ErrorKind::Full, "no vacant slot is left for this turn");
const TAKEN: Error = Error::new(ErrorKind::Stale, "the guest has been taken");

/// A socket that listens at this address.
pub(crate) fn listening<N: Net>(net: &mut N, at: &N::Address) -> Result<N::Socket> {
    let mut socket = net.socket(Kind::Stream, at)?;
    let ready = net
        .set_reuse_address(&mut socket)
        .and_then(|()| net.bind(&mut socket, at))
        .and_then(|()| net.listen(&mut socket, BACKLOG));
    or_close(net, socket, ready)
}

/// A socket that has begun to connect to this address.
pub(crate) fn connecting<N: Net>(net: &mut N, to: &N::Address) -> Result<N::Socket> {
    let mut socket = net.socket(Kind::Stream, to)?;
    let begun = unless_interrupted(net.connect(&mut socket, to), ());
    or_close(net, socket, begun)
}

/// A datagram socket at this address.
pub(crate) fn bound<N: Net>(net: &mut N, at: &N::Address) -> Result<N::Socket> {
    let mut socket = net.socket(Kind::Datagram, at)?;
    let ready = net.bind(&mut socket, at);
    or_close(net, socket, ready)
}

fn or_close<N: Net>(net: &mut N, socket: N::Socket, done: Result<()>) -> Result<N::Socket> {
    match done {
        Ok(()) => Ok(socket),
        Err(why) => {
            net.close(socket);
            Err(why)
        }
    }
}

/// The slot with this index in a table of which one slot has been split out.
fn other<'a, T, N: Net>(
    before: &'a mut [Slot<T, N>],
    after: &'a mut [Slot<T, N>],
    index: u32,
) -> Option<&'a mut Slot<T, N>> {
    let index = index as usize;
    match index.checked_sub(before.len()) {
        None => before.get_mut(index),
        Some(past) => after.get_mut(past.checked_sub(1)?),
    }
}

/// Splits one slot out of the table: its dispatcher, and the channel that its handlers are given.
pub(crate) fn split<'a, T, N: Net>(
    slots: &'a mut [Slot<T, N>],
    net: &'a mut N,
    ledger: &'a mut crate::slot::Ledger,
    index: u32,
) -> Option<(&'a mut T, Channel<'a, N, T>)> {
    let (before, rest) = slots.split_at_mut_checked(index as usize)?;
    let (Slot { own, dispatcher }, after) = rest.split_first_mut()?;
    let own: &mut Own<N::Socket> = own;
    Some((dispatcher.as_mut()?, Channel { io: Io { net, own, ledger, index }, before, after }))
}
