//! One channel's own I/O, and what can be said and asked of it.

use core::time::Duration;

use crate::buffer::Buffer;
use crate::counters::add;
use crate::slot::{Allowance, Flags, Ledger, Mark, NIL, Own};
use crate::stage::Stage;
use crate::{Datagram, Error, ErrorKind, Half, Instant, Interest, Key, Net, Received, Result, State, diagnostics};

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

    // Receiving.

    /// Receives into `into`: so many bytes, nothing for now, or the end of the stream.
    ///
    /// The end implies `handle_eof`, after the handler has returned. (Not the end that a half which was shut here gives.)
    ///
    /// A channel's own handler gets no more in a turn than the loop's
    /// [byte budget](crate::EventLoop::set_byte_budget); past it nothing is there for now.
    #[inline]
    pub fn recv(&mut self, into: &mut [u8]) -> Result<Received> {
        if into.is_empty() {
            return self.live().map(|_| Received::Data(0));
        }
        let left = self.left(|allowance| allowance.receive);
        let into = into.get_mut(..self.share(into.len(), left)).unwrap_or_default();
        self.receive(left, |net, socket| net.recv(socket, into))
    }

    /// Receives into two slices, the first one first.
    pub fn recv_vectored(&mut self, into: [&mut [u8]; 2]) -> Result<Received> {
        let [first, second] = if N::VECTORED { into } else { one_of(into, |slice| slice.is_empty()) };
        if first.is_empty() && second.is_empty() {
            return self.live().map(|_| Received::Data(0));
        }
        let left = self.left(|allowance| allowance.receive);
        let share = self.share(first.len().saturating_add(second.len()), left);
        let first_share = share.min(first.len());
        let first = first.get_mut(..first_share).unwrap_or_default();
        let second = second.get_mut(..share - first_share).unwrap_or_default();
        // One door for both, as programs with an outbox have no other.
        let one = second.is_empty();
        self.receive(
            left,
            |net, socket| {
                if one { net.recv(socket, first) } else { net.recv_vectored(socket, [first, second]) }
            },
        )
    }

    /// Receives into a buffer's free part, in one call, without copying.
    ///
    /// A buffer without room receives nothing: `Data(0)`. A channel should not be readable while its buffer is full.
    pub fn recv_into<S: AsRef<[u8]> + AsMut<[u8]>>(&mut self, buffer: &mut Buffer<S>) -> Result<Received> {
        let [first, second] = buffer.free();
        let received = self.recv_vectored([first, second])?;
        if let Received::Data(n) = received {
            buffer.commit(n);
        }
        Ok(received)
    }

    /// Receives one datagram and who sent it; `None` where none waits.
    pub fn recv_from(&mut self, into: &mut [u8]) -> Result<Option<Datagram<N::Address>>> {
        let left = self.left(|allowance| allowance.receive);
        let (net, socket) = self.live()?;
        if left == 0 {
            return Ok(None);
        }
        let received = unless_interrupted(net.recv_from(socket, into), None);
        self.datagram_came(&received);
        match &received {
            Ok(Some(datagram)) => self.spend(datagram.len, left, |allowance| &mut allowance.receive),
            Ok(None) => {}
            Err(why) => self.broke(why, Flags::BROKEN),
        }
        received
    }

    /// Receives one urgent byte; `None` where there is none.
    pub fn recv_urgent(&mut self) -> Result<Option<u8>> {
        let (net, socket) = self.live()?;
        let received = unless_interrupted(net.recv_urgent(socket), None);
        self.urgent_came(received);
        if let Err(why) = &received {
            self.broke(why, Flags::SEND_BROKEN);
        }
        received
    }

    /// One receive of the net's, and what the loop is to know of it. What does not bring data stands apart, as this is made
    /// anew for each way to receive, and data is what most of them bring.
    #[inline]
    pub(crate) fn receive(
        &mut self,
        left: usize,
        receive: impl FnOnce(&mut N, &mut N::Socket) -> Result<Received>,
    ) -> Result<Received> {
        let (true, Some(socket)) = (left > 0 && self.own.stage.can_receive(), &mut self.own.socket) else {
            return self.receives_nothing(left);
        };
        let received = receive(self.net, socket);
        self.came(received);
        // The number alone goes on in a register; what was received as a whole, which may be an error, would be copied.
        match received.as_ref().map(Received::bytes) {
            Ok(Some(n)) => {
                self.own.flags |= Flags::RECEIVED;
                self.spend(n.get(), left, |allowance| &mut allowance.receive);
                Ok(Received::Data(n.get()))
            }
            _ => self.received_no_data(received),
        }
    }

    #[cold]
    #[inline(never)]
    fn receives_nothing(&mut self, left: usize) -> Result<Received> {
        match self.own.stage {
            // More may be there, but not in this turn.
            stage if left == 0 && stage.is_live() => Ok(Received::WouldBlock),
            Stage::Connecting => Ok(Received::WouldBlock),
            // The program's own doing, which is not the end of the connection.
            Stage::ReadShut | Stage::BothShut => Ok(Received::End),
            Stage::Idle | Stage::Listening => Err(NOT_CONNECTED.doing("recv")),
            stage => Err(no_socket(stage)),
        }
    }

    #[cold]
    #[inline(never)]
    fn received_no_data(&mut self, received: Result<Received>) -> Result<Received> {
        match &received {
            // A stream that brings nothing was asked for nothing.
            Ok(Received::Data(_)) if self.own.stage == Stage::Datagram => self.own.flags |= Flags::RECEIVED,
            Ok(Received::Data(_)) => {}
            Ok(Received::End) => self.found(Flags::ENDED),
            Ok(Received::WouldBlock) => {}
            // Whether there is more is not known: whoever reads what a peer left has not come to its end.
            Err(why) if why.kind() == ErrorKind::Interrupted => self.own.flags |= Flags::RECEIVED,
            Err(why) => self.broke(why, Flags::BROKEN),
        }
        unless_interrupted(received, Received::WouldBlock)
    }

    // Sending.

    /// Sends as much of `from` as there is room for and says how much that was: 0 where there is none for now.
    ///
    /// On a datagram channel it is all or, where there is no room, nothing. To send more than there is room for, own an
    /// [`Outbox`](crate::Outbox). A channel's own handler sends no more in a turn than the loop's
    /// [byte budget](crate::EventLoop::set_byte_budget); past it there is no room for now.
    #[inline]
    pub fn send(&mut self, from: &[u8]) -> Result<usize> {
        if from.is_empty() && self.own.stage != Stage::Datagram {
            return self.live().map(|_| 0);
        }
        let left = self.left(|allowance| allowance.send);
        let from = from.get(..self.share(from.len(), left)).unwrap_or_default();
        self.transmit(left, |net, socket| net.send(socket, from))
    }

    /// Sends from two slices, the first one first.
    ///
    /// A datagram in two pieces is [`Unsupported`](ErrorKind::Unsupported) over a net that takes
    /// [one slice at a time](Net::VECTORED).
    pub fn send_vectored(&mut self, from: [&[u8]; 2]) -> Result<usize> {
        if !N::VECTORED && self.own.stage == Stage::Datagram && from.iter().all(|slice| !slice.is_empty()) {
            return Err(IN_PIECES.doing("send"));
        }
        let [first, second] = if N::VECTORED { from } else { one_of(from, |slice| slice.is_empty()) };
        if first.is_empty() && second.is_empty() {
            return self.live().map(|_| 0);
        }
        let left = self.left(|allowance| allowance.send);
        let share = self.share(first.len().saturating_add(second.len()), left);
        let first_share = share.min(first.len());
        let first = first.get(..first_share).unwrap_or_default();
        let second = second.get(..share - first_share).unwrap_or_default();
        self.transmit(left, |net, socket| {
            if second.is_empty() { net.send(socket, first) } else { net.send_vectored(socket, [first, second]) }
        })
    }

    /// Sends one datagram; `false` where there is no room for now.
    pub fn send_to(&mut self, from: &[u8], to: &N::Address) -> Result<bool> {
        let left = self.left(|allowance| allowance.send);
        let (net, socket) = self.live()?;
        let sent = if left > 0 { unless_interrupted(net.send_to(socket, from, to), false) } else { Ok(false) };
        self.went(sent.map(|sent| sent.then_some(from.len())));
        if sent? {
            self.spend(from.len(), left, |allowance| &mut allowance.send);
        }
        sent
    }

    /// Sends one urgent byte; `false` where there is no room for now.
    pub fn send_urgent(&mut self, byte: u8) -> Result<bool> {
        // It is sent although nothing is left, which it then takes away.
        let left = self.left(|allowance| allowance.send).max(1);
        let sent = self.transmit(left, |net, socket| Ok(net.send_urgent(socket, byte)?.then_some(1)))?;
        Ok(sent > 0)
    }

    /// One send of the net's, and what the loop is to know of it.
    #[inline]
    pub(crate) fn transmit(
        &mut self,
        left: usize,
        send: impl FnOnce(&mut N, &mut N::Socket) -> Result<Option<usize>>,
    ) -> Result<usize> {
        let (true, Some(socket)) = (left > 0 && self.own.stage.can_write(), &mut self.own.socket) else {
            return self.sends_nothing(left);
        };
        let sent = send(self.net, socket);
        if let Ok(Some(n)) = sent {
            self.went(sent);
            self.spend(n, left, |allowance| &mut allowance.send);
            return Ok(n);
        }
        self.sent_nothing(sent)
    }

    #[cold]
    #[inline(never)]
    fn sends_nothing(&mut self, left: usize) -> Result<usize> {
        match self.own.stage {
            // There may be room, but not in this turn.
            stage if left == 0 && stage.is_live() => Ok(0),
            Stage::Connecting => Ok(0),
            Stage::Idle | Stage::Listening => Err(NOT_CONNECTED.doing("send")),
            Stage::Draining => Err(self.reason().doing("send")),
            // The program's own doing, which is not the end of the connection.
            Stage::WriteShut | Stage::BothShut => Err(HALF_SHUT.doing("send")),
            stage => Err(no_socket(stage)),
        }
    }

    #[cold]
    #[inline(never)]
    fn sent_nothing(&mut self, sent: Result<Option<usize>>) -> Result<usize> {
        let sent = unless_interrupted(sent, None);
        self.went(sent);
        if let Err(why) = &sent {
            self.broke(why, Flags::SEND_BROKEN);
        }
        Ok(sent?.unwrap_or(0))
    }

    /// How much the channel may still move in its turn (rule 8): a neighbour, and what the program does between turns, as much
    /// as it likes.
    #[inline]
    pub(crate) fn left(&self, left: impl FnOnce(&Allowance) -> usize) -> usize {
        if self.ledger.allowance.channel == self.index { left(&self.ledger.allowance) } else { usize::MAX }
    }

    /// How much of `wanted` that covers. Datagrams are not cut: the last one may be longer than what was left.
    #[inline]
    pub(crate) fn share(&self, wanted: usize, left: usize) -> usize {
        if wanted <= left || self.own.stage == Stage::Datagram { wanted } else { left }
    }

    /// So much was moved, where so much had been left before.
    #[inline]
    fn spend(&mut self, n: usize, left: usize, place: impl FnOnce(&mut Allowance) -> &mut usize) {
        if left != usize::MAX {
            *place(&mut self.ledger.allowance) = left.saturating_sub(n);
        }
    }

    /// Remembers that the connection is over, for the loop to draw its conclusion.
    fn broke(&mut self, why: &Error, which: Flags) {
        let connection = !matches!(self.own.stage, Stage::Datagram | Stage::Listening);
        if why.kind() == ErrorKind::Disconnected && connection {
            self.own.aux = why.code().cast_unsigned();
            self.found(which);
        }
    }

    /// Whoever found it, a neighbour perhaps: the channel itself is told when it is settled.
    fn found(&mut self, which: Flags) {
        self.own.flags |= which;
        self.ledger.touch(self.own, self.index);
    }

    /// The error that ended the connection.
    pub(crate) fn reason(&self) -> Error {
        let code = self.own.aux.cast_signed();
        Error::new(ErrorKind::Disconnected, N::describe(code)).with_code(code)
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

    /// Whether the key is the name of this channel, and that lives.
    #[inline]
    pub(crate) fn is_named(&self, key: Key) -> bool {
        self.own.generation == key.generation() && self.own.stage.is_live()
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

/// For nets that take one slice at a time: the first that holds anything, and nothing else.
fn one_of<S: Default>(slices: [S; 2], is_empty: impl FnOnce(&S) -> bool) -> [S; 2] {
    let [first, second] = slices;
    [if is_empty(&first) { second } else { first }, S::default()]
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
const IN_PIECES: Error = Error::new(ErrorKind::Unsupported, "this network takes a datagram in one piece");
const HALF_SHUT: Error = Error::new(ErrorKind::Unsupported, "the sending half is shut");
const NOT_CONNECTED: Error = Error::new(ErrorKind::Unsupported, "the channel is not connected");
const _: () = assert!(NIL > i32::MAX as u32, "no slot has the index that ends a list");
