//! Receiving and sending, within what a channel may move in its turn.

use crate::buffer::{Buffer, cut, cut_mut};
use crate::io::{NOT_CONNECTED, no_socket, unless_interrupted};
use crate::slot::{Allowance, Flags};
use crate::stage::Stage;
use crate::{Datagram, Error, ErrorKind, Io, Net, Received, Result};

impl<N: Net> Io<'_, N> {
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
        let [first, second] = cut_mut([first, second], share);
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
        let [first, second] = cut([first, second], share);
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
    pub(super) fn broke(&mut self, why: &Error, which: Flags) {
        let connection = !matches!(self.own.stage, Stage::Datagram | Stage::Listening);
        if why.kind() == ErrorKind::Disconnected && connection {
            self.own.aux = why.code().cast_unsigned();
            self.found(which);
        }
    }

    /// Whoever found it, a neighbour perhaps: the channel itself is told when it is settled.
    pub(super) fn found(&mut self, which: Flags) {
        self.own.flags |= which;
        self.ledger.touch(self.own, self.index);
    }

    /// The error that ended the connection.
    pub(crate) fn reason(&self) -> Error {
        let code = self.own.aux.cast_signed();
        Error::new(ErrorKind::Disconnected, N::describe(code)).with_code(code)
    }
}

/// For nets that take one slice at a time: the first that holds anything, and nothing else.
fn one_of<S: Default>(slices: [S; 2], is_empty: impl FnOnce(&S) -> bool) -> [S; 2] {
    let [first, second] = slices;
    [if is_empty(&first) { second } else { first }, S::default()]
}

const IN_PIECES: Error = Error::new(ErrorKind::Unsupported, "this network takes a datagram in one piece");
const HALF_SHUT: Error = Error::new(ErrorKind::Unsupported, "the sending half is shut");
