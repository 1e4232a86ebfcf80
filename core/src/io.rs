//! One channel's own I/O, and what can be said and asked of it.

mod transfer;

use core::time::Duration;

use crate::counters::add;
use crate::slot::{Flags, Ledger, Mark, NIL, Own};
use crate::stage::Stage;
use crate::{Error, ErrorKind, Half, Instant, Interest, Key, Net, Result, State, diagnostics};

/// A channel's socket, as its handlers and its neighbours see it.
///
/// Operations report what happened to whoever calls them *and* to the loop: that a receive found the end, or a send the
/// connection broken, implies `handle_close` whatever the caller makes of it (rule 2).
///
/// On a channel that is closed every operation is an error of kind [`Stale`](ErrorKind::Stale), and harms nothing. Only
/// its addresses and its socket may still be looked at, as long as the turn lasts.
pub struct Io<'a, N: Net> {
    pub(crate) net: &'a mut N,
    pub(crate) own: &'a mut Own<N::Socket>,
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) index: u32,
}

/// An event that a default handler met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unhandled {
    Connect,
    Accepted,
    Read,
    Write,
    Expt,
    Close,
    Timeout,
}

impl<N: Net> Io<'_, N> {
    /// The channel's name, good for as long as it lives.
    pub fn key(&self) -> Key {
        self.own.key(self.index)
    }

    /// Where the channel is in its life.
    pub fn state(&self) -> State {
        self.own.stage.state()
    }

    /// Whether the channel is connected, as asyncore's attribute of that name: true from just before `handle_connect`
    /// until the end.
    pub fn connected(&self) -> bool {
        self.own.stage.is_open() || self.own.stage == Stage::Draining
    }

    /// Whether a connection attempt is under way.
    pub fn connecting(&self) -> bool {
        self.own.stage == Stage::Connecting
    }

    /// Whether the channel listens.
    #[doc(alias = "listening")]
    pub fn accepting(&self) -> bool {
        self.own.stage == Stage::Listening
    }

    /// The net itself, for state that handlers share (see [`With`](crate::With)).
    pub fn net(&mut self) -> &mut N {
        self.net
    }

    /// The socket, for options that the net does not know of.
    pub fn socket(&self) -> Result<&N::Socket> {
        self.own.socket.as_ref().ok_or(no_socket(self.own.stage))
    }

    /// The net and the socket at once, for options that the net has of its own: the window of a simulated socket, say.
    ///
    /// An error on a channel that is closed ([`Stale`](ErrorKind::Stale)), and on one that has no socket
    /// ([`Unsupported`](ErrorKind::Unsupported)).
    ///
    /// ```
    /// # use stheno_core::{Io, Net, Result};
    /// fn whereabouts<N: Net>(io: &mut Io<'_, N>) -> Result<N::Address> {
    ///     let (net, socket) = io.net_and_socket()?;
    ///     net.local_address(socket)
    /// }
    /// ```
    pub fn net_and_socket(&mut self) -> Result<(&mut N, &N::Socket)> {
        self.live().map(|(net, socket)| (net, &*socket))
    }

    /// Where the channel's socket is.
    #[doc(alias = "getsockname")]
    pub fn local_address(&self) -> Result<N::Address> {
        self.net.local_address(self.socket()?)
    }

    /// Whom the channel's socket is connected to.
    #[doc(alias = "getpeername")]
    #[doc(alias = "addr")]
    pub fn peer_address(&self) -> Result<N::Address> {
        self.net.peer_address(self.socket()?)
    }

    // Setting up and ending.

    /// Lets the address be bound although an earlier connection on it has not quite gone.
    #[doc(alias = "set_reuse_addr")]
    pub fn set_reuse_address(&mut self) -> Result<()> {
        let (net, socket) = self.live()?;
        net.set_reuse_address(socket)
    }

    /// Gives the socket a local address.
    pub fn bind(&mut self, at: &N::Address) -> Result<()> {
        let (net, socket) = self.live()?;
        net.bind(socket, at)
    }

    /// Lets callers wait in line, at most about `backlog` of them; `handle_accepted` is told of each.
    pub fn listen(&mut self, backlog: u32) -> Result<()> {
        self.live()?;
        if !matches!(self.own.stage, Stage::Idle | Stage::Listening) {
            return Err(Error::new(ErrorKind::Unsupported, "the channel is connected").doing("listen"));
        }
        let (net, socket) = self.live()?;
        net.listen(socket, backlog)?;
        self.become_(Stage::Listening);
        Ok(())
    }

    /// Begins to connect; `handle_connect` is told of the end, or `handle_error` of a refusal.
    ///
    /// On a datagram channel it names the peer, at once and without an event.
    pub fn connect(&mut self, to: &N::Address) -> Result<()> {
        self.live()?;
        if !matches!(self.own.stage, Stage::Idle | Stage::Datagram) {
            return Err(Error::new(ErrorKind::Unsupported, "the channel is connected or listening").doing("connect"));
        }
        let (net, socket) = self.live()?;
        unless_interrupted(net.connect(socket, to), ())?;
        if self.own.stage == Stage::Idle {
            self.become_(Stage::Connecting);
        }
        Ok(())
    }

    fn become_(&mut self, stage: Stage) {
        self.own.stage = stage;
        self.ledger.touch(self.own, self.index);
    }

    /// Shuts one half of the connection: nothing more is received, or nothing more is sent.
    ///
    /// The half's events are over: `handle_read` or `handle_write` is not told any more. With both shut, only the end is
    /// awaited.
    pub fn shutdown(&mut self, half: Half) -> Result<()> {
        self.live()?;
        if !self.connected() {
            return Err(NOT_CONNECTED.doing("shut down"));
        }
        let (net, socket) = self.live()?;
        let done = net.shutdown(socket, half);
        if let Err(why) = &done {
            self.broke(why, Flags::SEND_BROKEN);
        }
        done?;
        self.become_(self.own.stage.shut(half));
        Ok(())
    }

    /// Takes the error that waits in the socket; the loop does so by itself where the rules ask for it.
    pub fn take_error(&mut self) -> Result<Option<Error>> {
        let (net, socket) = self.live()?;
        net.take_error(socket)
    }

    /// Closes the channel: no event follows on it, `handle_close` included (rule 2).
    ///
    /// Legal in any handler, for any channel, any number of times. The key is stale at once; the socket itself is closed
    /// when the turn is settled, so that no descriptor is used again within it (rule 4).
    pub fn close(&mut self) {
        self.ledger.close(self.own, self.index);
    }

    // Being told.

    /// Has the predicates asked again at the end of the turn, for answers that depend on something outside the channel.
    ///
    /// Also takes back that an event is not told because nobody handled it (rule 6). A handler's own channel is asked
    /// again without this, when the handler has returned. [`neighbour`](crate::Channel::neighbour) touches by itself.
    pub fn touch(&mut self) {
        self.own.set_muted(Interest::NONE);
        self.ledger.touch(self.own, self.index);
    }

    /// Wants nothing to read, nor callers, whatever `readable` says, until [`resume`](Self::resume): for a channel whose bytes
    /// have nowhere to go for now. What the peer sent stays with the network, which slows the peer down (rule 8).
    ///
    /// A pause outlasts what the peer does: also where a send finds it gone, what it sent is read first (rule 3), once the
    /// channel is resumed.
    pub fn pause(&mut self) {
        self.forget_lack();
        self.own.set(Mark::Paused, true);
        self.ledger.touch(self.own, self.index);
    }

    /// Wants to read again, if `readable` says so.
    pub fn resume(&mut self) {
        self.forget_lack();
        self.own.set(Mark::Paused, false);
        self.ledger.touch(self.own, self.index);
    }

    /// Pauses the channel until the layer that it lacks something of says that it [can go on](Self::go_on).
    pub(crate) fn lack(&mut self) {
        // Whether there is more is not known: whoever reads what a peer left has not come to its end.
        self.own.flags |= Flags::RECEIVED;
        if !self.is_paused() {
            self.pause();
            self.own.flags |= Flags::LACKING;
        }
    }

    /// Reads again what it did not read for want of something, unless the program has paused it meanwhile.
    pub(crate) fn go_on(&mut self) {
        if self.lacks() {
            self.resume();
            self.read_again();
        }
    }

    /// Whether the channel is paused for want of something.
    #[inline]
    pub(crate) fn lacks(&self) -> bool {
        self.own.flags.intersects(Flags::LACKING) && self.own.stage != Stage::Listening
    }

    /// A pause is the program's own from here on, or over.
    fn forget_lack(&mut self) {
        if self.own.stage != Stage::Listening {
            self.own.flags.remove(Flags::LACKING);
        }
    }

    /// Whether the channel is paused.
    pub fn is_paused(&self) -> bool {
        self.own.is(Mark::Paused)
    }

    /// Has `handle_read` called in the next turn, which does not wait, whether or not the network has anything: for bytes
    /// that are here already, in a layer of the program's (TLS, decompression) or left over by a handler that stopped early.
    ///
    /// Told once for each time it is asked for; while the channel wants nothing to read, it stays asked for. A net that
    /// holds bytes itself says so by [`Net::holds`].
    #[doc(alias = "ready")]
    pub fn read_again(&mut self) {
        self.own.set(Mark::Held, true);
        self.ledger.touch(self.own, self.index);
    }

    /// Has `handle_timeout` called once when this much time has passed; a later call replaces an earlier one.
    ///
    /// Counted from the end of the turn under way, so that it is never early (rule 9); a time past what the clock holds is
    /// never. Moving a deadline further into the
    /// future costs one store and a look at the clock per turn.
    pub fn set_timeout(&mut self, time: Duration) {
        const { assert!(N::DEADLINES, "this net's channels have no deadlines") };
        self.own.filing.deadline = Instant::from_nanos(0) + time;
        self.own.flags |= Flags::RELATIVE;
        self.ledger.touch(self.own, self.index);
    }

    /// In `handle_timeout`: has it called again this long after the time it was *due*, so that what happens every so often
    /// does not drift. A time that has passed by then is left out, however many there are: one call catches up with all.
    ///
    /// Elsewhere, and with a period of zero, it is [`set_timeout`](Self::set_timeout).
    #[doc(alias = "call_every")]
    pub fn repeat_timeout(&mut self, period: Duration) {
        let (due, late) = (self.ledger.due, self.ledger.now.as_nanos().saturating_sub(self.ledger.due.as_nanos()));
        let nanos = (Instant::from_nanos(0) + period).as_nanos();
        let Some(missed) = late.checked_div(nanos).filter(|_| self.ledger.timing == self.index) else {
            return self.set_timeout(period);
        };
        self.own.filing.deadline = due.after(nanos.saturating_mul(missed.saturating_add(1)));
        self.own.flags.remove(Flags::RELATIVE);
        self.ledger.touch(self.own, self.index);
    }

    /// Forgets the deadline.
    pub fn clear_timeout(&mut self) {
        self.own.filing.deadline = Instant::NEVER;
        self.own.flags.remove(Flags::RELATIVE);
    }

    /// Whether a deadline is set.
    pub fn has_timeout(&self) -> bool {
        self.own.filing.deadline != Instant::NEVER
    }

    /// Asks the loop to end: `run` returns after the turn under way.
    #[doc(alias = "ExitNow")]
    pub fn stop(&mut self) {
        self.ledger.stop = true;
    }

    /// The default handlers' word: logged once, and the interest dropped, so that defaults never spin (rule 6).
    pub(crate) fn unhandled(&mut self, event: Unhandled) {
        let (name, interest) = match event {
            Unhandled::Connect => ("connect", Interest::NONE),
            Unhandled::Accepted => ("accepted", Interest::READ),
            Unhandled::Read => ("read", Interest::READ),
            Unhandled::Write => ("write", Interest::WRITE),
            Unhandled::Expt => ("incoming priority", Interest::PRIORITY),
            Unhandled::Close => ("close", Interest::NONE),
            Unhandled::Timeout => ("timeout", Interest::NONE),
        };
        if event != Unhandled::Accepted {
            self.own.set_muted(self.own.muted() | interest);
        }
        if interest.is_empty() || self.own.flags.log_once(interest) {
            diagnostics::unhandled(self.key(), name);
        }
    }

    /// The net and the socket of a channel that is not closed.
    pub(crate) fn live(&mut self) -> Result<(&mut N, &mut N::Socket)> {
        match &mut self.own.socket {
            Some(socket) if self.own.stage.is_live() => Ok((self.net, socket)),
            _ => Err(no_socket(self.own.stage)),
        }
    }

    /// A listener lays itself to rest until there is room.
    pub(crate) fn rest(&mut self) {
        if !self.own.flags.intersects(Flags::RESTING) {
            self.own.flags |= Flags::RESTING;
            self.own.aux = core::mem::replace(&mut self.ledger.resting, self.index);
            add(&mut self.ledger.counters.rests, 1);
        }
    }
}

/// Why there is no socket to do something with.
#[cold]
#[inline(never)]
const fn no_socket(stage: Stage) -> Error {
    if matches!(stage, Stage::Timer) { NO_SOCKET } else { CLOSED }
}

/// What an operation says that a net lets an interruption out of: that nothing came of it yet (N2).
pub(crate) fn unless_interrupted<R>(done: Result<R>, nothing: R) -> Result<R> {
    match done {
        Err(why) if why.kind() == ErrorKind::Interrupted => Ok(nothing),
        done => done,
    }
}

pub(crate) const CLOSED: Error = Error::new(ErrorKind::Stale, "the channel is closed");
const NO_SOCKET: Error = Error::new(ErrorKind::Unsupported, "a timer has no socket");
const NOT_CONNECTED: Error = Error::new(ErrorKind::Unsupported, "the channel is not connected");
const _: () = assert!(NIL > i32::MAX as u32, "no slot has the index that ends a list");
