//! What a dispatcher holds instead of a buffer.

use core::num::NonZeroUsize;

use super::chunks::NONE;
use super::line::Refusal;
use super::{Lending, Memory, Place, Pool};
use crate::buffer::{cut, cut_mut};
use crate::{Buffer, Error, ErrorKind, Io, Net, Received, Result, Storage};

/// A buffer that is there only while something is in it: a FIFO of bytes in a chunk of a [`Lending`]'s pool.
///
/// It is a dispatcher's, 8 bytes, and used through the dispatcher's own channel. Where it is filled it borrows a chunk, and
/// as soon as it is empty the chunk goes back. A channel may have more than one, to receive into and to send from, say.
///
/// What ends with a channel need not be given back: the pool takes it when the channel is closed. A loan that a program
/// throws away before that keeps its chunk until then; [`give_back`](Self::give_back) it. One that is carried over into another
/// channel is refused there, as far as it can be told: where it lies in the same slot of the table, and holds as many bytes as
/// the chunk of that number does now, it passes for its own.
///
/// ```
/// # use stheno_core::{Channel, Lending, Loan, Net, Received, Result, Storage, pool::{Memory, Place}};
/// # fn complete(bytes: &[u8]) -> Option<usize> { bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1) }
/// struct Client { request: Loan, answer: Loan }
///
/// impl Client {
///     /// Where nothing of a request is left, and the answer is taken at once, both chunks are back when this returns.
///     fn handle_read<N: Net, S: Memory, W: Storage<Place>>(
///         &mut self,
///         channel: &mut Channel<'_, Lending<N, S, W>, Self>,
///     ) -> Result<()> {
///         self.request.fill_from(channel)?;
///         while let Some(length) = complete(self.request.bytes(channel)?) {
///             self.request.consume(channel, length)?;
///             self.answer.send(channel, b"ok\r\n")?;
///         }
///         Ok(())
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Loan {
    chunk: u32,
    /// What the pool knows as well; here it is for the predicates, which have nothing else to look at.
    len: u16,
    full: bool,
}

impl Default for Loan {
    fn default() -> Self {
        Self::new()
    }
}

impl Loan {
    /// Nothing, until it is filled.
    pub const fn new() -> Self {
        Self { chunk: NONE, len: 0, full: false }
    }

    /// Whether nothing waits, and no chunk is held.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes wait.
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether nothing more fits into the chunk: a dispatcher that fills it is not `readable` then.
    pub const fn is_full(&self) -> bool {
        self.full
    }

    /// Whether something waits to be sent: what the `writable` of a dispatcher asks that sends from it.
    pub const fn writable(&self) -> bool {
        !self.is_empty()
    }

    /// Receives into the chunk, behind what waits there; borrows one where none is held.
    ///
    /// What nothing came into goes back at once. Where no chunk is to be had this says [`WouldBlock`](Received::WouldBlock),
    /// and the channel stands in line, paused; it reads again by itself. On a loan that [is full](Self::is_full) nothing is
    /// received: `Data(0)`.
    ///
    /// An error is that of a [receive](Io::recv); or it is of kind [`Full`](ErrorKind::Full) where the pool has not as many
    /// places as the table has slots, and of kind [`Invalid`](ErrorKind::Invalid) where the loan is another channel's.
    pub fn fill_from<N, S, W>(&mut self, channel: &mut Io<'_, Lending<N, S, W>>) -> Result<Received>
    where
        N: Net,
        S: Memory,
        W: Storage<Place>,
    {
        if self.full {
            return channel.live().map(|_| Received::Data(0));
        }
        let left = channel.left(|allowance| allowance.receive);
        let share = channel.share(usize::MAX, left);
        let (index, mut refused) = (channel.index, None);
        let received = channel.receive(left, |net, socket| {
            if let Err(refusal) = net.lend(index, self) {
                refused = Some(refusal);
                return Ok(Received::WouldBlock);
            }
            let Lending { below, pool } = net;
            let mut buffer = pool.chunks.buffer(self.chunk);
            let [first, second] = cut_mut(buffer.free(), share);
            let received = if !N::VECTORED || second.is_empty() {
                below.recv(socket, first)
            } else {
                below.recv_vectored(socket, [first, second])
            };
            buffer.commit(received.as_ref().map_or(0, |received| received.bytes().map_or(0, NonZeroUsize::get)));
            let (position, full) = (buffer.position(), buffer.is_full());
            pool.keep(index, self, position, full);
            received
        });
        match refused {
            None => {
                // It stood in line, and somebody else has read for it.
                if channel.lacks() {
                    channel.net.pool.places.leave(index);
                    channel.go_on();
                }
                received
            }
            Some(refusal) => refused_by(refusal, channel),
        }
    }

    /// Sends as much as there is room for of what waits, in one call: what `handle_write` does. With the last byte the
    /// chunk goes back.
    ///
    /// An error is that of a [send](Io::send), or of kind [`Invalid`](ErrorKind::Invalid) where the loan is another
    /// channel's.
    pub fn flush<N, S, W>(&mut self, channel: &mut Io<'_, Lending<N, S, W>>) -> Result<()>
    where
        N: Net,
        S: Memory,
        W: Storage<Place>,
    {
        // On a datagram channel nothing would be sent as an empty datagram.
        if self.is_empty() {
            return Ok(());
        }
        let left = channel.left(|allowance| allowance.send);
        let share = channel.share(self.len(), left);
        let index = channel.index;
        channel.net.check(index, self).map_err(Refusal::error)?;
        channel.transmit(left, |net, socket| {
            let Lending { below, pool } = net;
            let mut buffer = pool.chunks.buffer(self.chunk);
            let [first, second] = cut(buffer.filled(), share);
            let sent = if !N::VECTORED || second.is_empty() {
                below.send(socket, first)
            } else {
                below.send_vectored(socket, [first, second])
            };
            if let Ok(Some(n)) = sent {
                buffer.consume(n);
            }
            let (position, full) = (buffer.position(), buffer.is_full());
            pool.keep(index, self, position, full);
            sent
        })?;
        Ok(())
    }

    /// Sends what can be sent at once, behind what waits already, and keeps the rest.
    ///
    /// An error of kind [`Full`](ErrorKind::Full) where `bytes` are more than there is room for in the chunk, or where none
    /// is held and none is to be had: then none of them was taken, so that the program may come back with them. (A chunk is
    /// asked for beforehand, since nobody can know how much the network will take.) Other errors are those of
    /// [`flush`](Self::flush).
    pub fn send<N, S, W>(&mut self, channel: &mut Io<'_, Lending<N, S, W>>, bytes: &[u8]) -> Result<()>
    where
        N: Net,
        S: Memory,
        W: Storage<Place>,
    {
        channel.live()?;
        let index = channel.index;
        channel.net.lend(index, self).map_err(Refusal::error)?;
        let first = self.is_empty();
        let sent = if bytes.len() > channel.net.chunk_bytes().saturating_sub(self.len()) {
            Err(NO_ROOM)
        } else if first {
            channel.send(bytes)
        } else {
            Ok(0)
        };
        let rest = sent.map_or(&[][..], |sent| bytes.get(sent..).unwrap_or_default());
        channel.net.change(index, self, |buffer| {
            // There was room for all of them.
            let _ = buffer.push(rest);
        });
        sent.map(drop)
    }

    /// What waits, as one slice; where it wraps around the end of the chunk it is turned until it does not.
    ///
    /// An error of kind [`Invalid`](ErrorKind::Invalid) where the loan is another channel's.
    pub fn bytes<'a, N, S, W>(&mut self, channel: &'a mut Io<'_, Lending<N, S, W>>) -> Result<&'a mut [u8]>
    where
        N: Net,
        S: Memory,
        W: Storage<Place>,
    {
        if self.is_empty() {
            return Ok(&mut []);
        }
        channel.net.check(channel.index, self).map_err(Refusal::error)?;
        let chunks = &mut channel.net.pool.chunks;
        let mut buffer = chunks.buffer(self.chunk);
        buffer.make_contiguous();
        let (start, len) = buffer.position();
        chunks.keep(self.chunk, (start, len));
        Ok(chunks.buffer(self.chunk).into_memory().get_mut(start..start.saturating_add(len)).unwrap_or_default())
    }

    /// Says that the first `n` bytes of what waits are done with; no more than there are. With the last one the chunk goes
    /// back.
    ///
    /// An error of kind [`Invalid`](ErrorKind::Invalid) where the loan is another channel's.
    pub fn consume<N, S, W>(&mut self, channel: &mut Io<'_, Lending<N, S, W>>, n: usize) -> Result<()>
    where
        N: Net,
        S: Memory,
        W: Storage<Place>,
    {
        if self.is_empty() {
            return Ok(());
        }
        channel.net.check(channel.index, self).map_err(Refusal::error)?;
        channel.net.change(channel.index, self, |buffer| buffer.consume(n));
        Ok(())
    }

    /// Forgets what waits, and gives the chunk back. Does nothing where the loan is another channel's.
    ///
    /// For a loan that is not needed any more while its channel goes on; a channel that ends does so by itself.
    #[doc(alias = "clear")]
    #[doc(alias = "discard_buffers")]
    pub fn give_back<N, S, W>(&mut self, channel: &mut Io<'_, Lending<N, S, W>>)
    where
        N: Net,
        S: Memory,
        W: Storage<Place>,
    {
        // That there is nothing to give back is no failure.
        let _ = self.consume(channel, usize::MAX);
    }
}

impl<N, S: Memory, W: Storage<Place>> Lending<N, S, W> {
    /// Sees to it that a loan has a chunk.
    #[inline]
    fn lend(&mut self, index: u32, loan: &mut Loan) -> Result<(), Refusal> {
        if loan.chunk != NONE {
            return self.check(index, loan);
        }
        *loan = Loan { chunk: self.pool.lend(index)?, ..Loan::new() };
        Ok(())
    }

    /// Whether a loan is the channel's, and what it says of itself is so.
    #[inline]
    fn check(&self, index: u32, loan: &Loan) -> Result<(), Refusal> {
        if self.pool.chunks.is_held(loan.chunk, index, loan.len) { Ok(()) } else { Err(Refusal::NotLent) }
    }

    /// Changes what waits.
    fn change(&mut self, index: u32, loan: &mut Loan, what: impl FnOnce(&mut Buffer<&mut [u8]>)) {
        let mut buffer = self.pool.chunks.buffer(loan.chunk);
        what(&mut buffer);
        let (position, full) = (buffer.position(), buffer.is_full());
        self.pool.keep(index, loan, position, full);
    }
}

impl<S: Memory, W: Storage<Place>> Pool<S, W> {
    /// Remembers what waits in a loan's chunk; one that is empty goes back.
    #[inline]
    fn keep(&mut self, index: u32, loan: &mut Loan, position: (usize, usize), full: bool) {
        if position.1 == 0 {
            self.take_back(index, loan.chunk);
            *loan = Loan::new();
        } else {
            (loan.len, loan.full) = (self.chunks.keep(loan.chunk, position), full);
        }
    }
}

/// No chunk is to be had: the channel waits for one, or there is something wrong.
#[cold]
#[inline(never)]
fn refused_by<N: Net, S: Memory, W: Storage<Place>>(
    refusal: Refusal,
    channel: &mut Io<'_, Lending<N, S, W>>,
) -> Result<Received> {
    if refusal != Refusal::Wait {
        return Err(refusal.error());
    }
    channel.net.pool.line_up(channel.index);
    channel.lack();
    Ok(Received::WouldBlock)
}

const NO_ROOM: Error = Error::new(ErrorKind::Full, "the chunk is full").doing("send");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loan_is_8_bytes_with_room_for_a_word_beside_it() {
        #[allow(dead_code)] // only its size is asked
        enum Member {
            Door,
            Client(Loan),
        }
        assert_eq!((size_of::<Loan>(), size_of::<Option<Member>>()), (8, 8));
    }
}
