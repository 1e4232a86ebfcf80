//! Buffers on loan: many channels share a few chunks of memory, and an idle channel holds none.
//!
//! A [`Lending`] is a net with a pool of memory, cut into chunks of one size. A dispatcher holds a [`Loan`] instead of a
//! buffer: 8 bytes. Where there is something to receive, the loan borrows a chunk, and when the last byte of it has been
//! dealt with the chunk goes back at once, for the next channel. So memory is what is *under way*, not what is connected: a
//! hundred thousand idle clients cost what their slots cost, and a busy one that has its bytes taken at once uses the same
//! chunk that the one before it used, which is still in the cache.
//!
//! # When to take what
//!
//! | | memory | for |
//! |---|---|---|
//! | [`Outbox`](crate::Outbox), [`Buffer`](crate::Buffer) of its own | its size, for each channel | few channels, or such as must never wait for each other: most programs on small machines |
//! | [`Loan`] | the pool's, and 20 bytes for each channel | many channels of which few are busy at a time |
//!
//! # When the pool is empty
//!
//! Then reading waits, nothing else: [`fill_from`](Loan::fill_from) finds that nothing is there for now, the channel is
//! [paused](crate::Io::pause), and stands in line. What its peer sent stays with the network, which slows the peer down. As
//! soon as a chunk comes back the loop has the first in line read again, before it waits for anything. The order is strict:
//! who comes later borrows only what is left when everyone in line has been counted, so nobody is passed over; and who does
//! not want its chunk when its turn has come, because its predicate says no or its program has paused it, loses its place,
//! so nobody is held up.
//!
//! A chunk comes back when its bytes have gone, when it is [given back](Loan::give_back), and when its channel ends,
//! however it ends, whether or not its program thinks of it. It does *not* come back while a peer takes nothing of what
//! waits for it, nor while a request that has begun is not complete: as many such peers as there are chunks keep everyone else
//! waiting. A server that faces strangers sets a [timeout](crate::Io::set_timeout) while its loan holds something.
//!
//! # Memory
//!
//! The chunks lie in any [`Memory`] that is a slice: an array, `&'static mut [u8]`, a box; [`bytes`] says how many they
//! take with what the pool keeps of each. Or they lie on the heap: `Lending::on_heap` (feature `alloc`). Beside it the pool has a [`Place`]
//! for each channel of the loop, 12 bytes, in any [`Storage`]: of fixed size it must have as many as the table has slots, and
//! one that can grow does so with the table, before handlers run; only for a program that dispatches by itself, to a channel that
//! it has added since it last settled, where it is first needed. Both are touched only as far as they were ever used, so
//! that a large pool costs a small program nothing where the system gives memory as it is touched.
//!
//! ```
//! use stheno_core::pool::{Lending, Loan, Place, bytes};
//! use stheno_core::storage::Array;
//! use stheno_core::{Channel, Dispatcher, Net, Received, Result};
//!
//! /// Four chunks of 512 bytes for sixteen channels.
//! type Pooled<N> = Lending<N, [u8; bytes(4, 512)], Array<Place, 16>>;
//!
//! fn pooled<N: Net>(net: N) -> Result<Pooled<N>> {
//!     Lending::new(net, [0; bytes(4, 512)], 512, Array::default())
//! }
//!
//! struct Echo(Loan);
//!
//! impl<N: Net> Dispatcher<Pooled<N>> for Echo {
//!     fn readable(&self) -> bool { !self.0.is_full() }
//!     fn writable(&self) -> bool { self.0.writable() }
//!
//!     fn handle_read(&mut self, channel: &mut Channel<'_, Pooled<N>, Self>) -> Result<()> {
//!         if let Received::Data(_) = self.0.fill_from(channel)? {
//!             self.0.flush(channel)?;
//!         }
//!         Ok(())
//!     }
//!
//!     fn handle_write(&mut self, channel: &mut Channel<'_, Pooled<N>, Self>) -> Result<()> {
//!         self.0.flush(channel)
//!     }
//! }
//! ```

mod chunks;
mod line;
mod loan;
mod memory;

use crate::net::Received;
use crate::trace::Seen;
use crate::{Error, ErrorKind, Layer, Net, Result, Storage};

use chunks::{Chunks, HEADER};
pub use line::Place;
use line::{Places, Refusal};
pub use loan::Loan;
#[cfg(feature = "alloc")]
pub use memory::Heap;
pub use memory::Memory;

/// How many bytes of memory so many chunks take that hold so many bytes each.
///
/// ```
/// use stheno_core::pool::bytes;
/// assert_eq!(bytes(16, 512), 16 * (512 + 12));
/// ```
pub const fn bytes(chunks: usize, chunk_bytes: usize) -> usize {
    chunks.saturating_mul(chunk_bytes.saturating_add(HEADER))
}

/// A net that lends its channels memory to receive into and to send from; see the [module](self).
///
/// It stands on top: handlers have it as their net, since a [`Loan`] is used through the channel's own
/// [`Io`](crate::Io). Other layers stand below it, as in `Lending<With<Os, Room>, …>`, and see what is received and sent.
///
/// `S` is the memory of the chunks, `W` the [`Storage`] of the channels' [`Place`]s. A pool belongs to one loop.
#[derive(Debug)]
pub struct Lending<N, S, W> {
    /// The net that does the I/O.
    pub below: N,
    pool: Pool<S, W>,
}

impl<N, S: Memory, W: Storage<Place>> Lending<N, S, W> {
    /// This net, with a pool in this memory: as many chunks of `chunk_bytes` as fit, see [`bytes`]. What is in the memory
    /// now does not matter; what is in the storage is forgotten.
    ///
    /// A chunk holds 1 to 65,535 bytes. An error of kind [`Invalid`](ErrorKind::Invalid) where it does not, and where
    /// the memory has not room for one.
    pub fn new(below: N, memory: S, chunk_bytes: usize, places: W) -> Result<Self> {
        let chunks = Chunks::new(memory, chunk_bytes)?;
        Ok(Self { below, pool: Pool { chunks, places: Places::new(places) } })
    }
}

#[cfg(feature = "alloc")]
impl<N> Lending<N, Heap, alloc::vec::Vec<Place>> {
    /// This net, with a pool of so many chunks on the heap, each of which holds `chunk_bytes`.
    ///
    /// An error of kind [`Exhausted`](ErrorKind::Exhausted) where there is not so much memory, and of kind
    /// [`Invalid`](ErrorKind::Invalid) without a chunk, or where one does not hold 1 to 65,535 bytes.
    ///
    /// ```
    /// use stheno_core::{ErrorKind, Lending};
    /// assert_eq!(Lending::on_heap((), 64, 4096)?.chunks(), 64);
    /// assert_eq!(Lending::on_heap((), 0, 4096).unwrap_err().kind(), ErrorKind::Invalid);
    /// assert_eq!(Lending::on_heap((), usize::MAX, 4096).unwrap_err().kind(), ErrorKind::Exhausted);
    /// # Ok::<(), stheno_core::Error>(())
    /// ```
    pub fn on_heap(below: N, chunks: usize, chunk_bytes: usize) -> Result<Self> {
        Self::new(below, Heap::new(bytes(chunks, chunk_bytes))?, chunk_bytes, alloc::vec::Vec::new())
    }
}

impl<N, S, W> Lending<N, S, W> {
    /// How many chunks there are.
    pub const fn chunks(&self) -> usize {
        self.pool.chunks.count as usize
    }

    /// How many of them nobody holds.
    pub const fn free_chunks(&self) -> usize {
        self.pool.chunks.left as usize
    }

    /// How many bytes a chunk holds.
    pub const fn chunk_bytes(&self) -> usize {
        self.pool.chunks.bytes as usize
    }

    /// How many channels stand in line for a chunk.
    pub const fn waiting(&self) -> usize {
        self.pool.places.waiting()
    }
}

/// Everything is the net's below, except that the pool hears of the channels that come and go.
impl<N: Net, S: Memory, W: Storage<Place>> Layer for Lending<N, S, W> {
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
    #[inline]
    fn observe(&mut self, seen: Seen) {
        match seen {
            Seen::Opened(key, _) => self.pool.places.expect(key.index().saturating_add(1)),
            Seen::Closed(key) => self.pool.release(key.index() as u32),
            _ => {}
        }
        self.below.observe(seen);
    }
    #[inline]
    fn lends_to(&mut self, served: bool, slots: usize) -> Option<usize> {
        self.pool.places.expect(slots);
        self.pool.places.grow();
        match self.pool.places.next(self.pool.chunks.left, served) {
            Some(index) => Some(index as usize),
            None => self.below.lends_to(served, slots),
        }
    }
}

/// The chunks, and who holds or awaits them.
#[derive(Debug)]
struct Pool<S, W> {
    chunks: Chunks<S>,
    places: Places<W>,
}

impl<S: Memory, W: Storage<Place>> Pool<S, W> {
    /// A chunk for a channel. One that stands in line stays there, as it waits for another one; one that was called has come.
    #[inline]
    fn lend(&mut self, index: u32) -> Result<u32, Refusal> {
        self.places.may_borrow(index, self.chunks.left)?;
        let place = self.places.get_mut(index).ok_or(Refusal::NoPlace)?;
        let chunk = self.chunks.lend(index, place.chunks).ok_or(Refusal::Wait)?;
        place.chunks = chunk;
        self.places.come(index);
        Ok(chunk)
    }

    /// Puts a channel in line, once.
    fn line_up(&mut self, index: u32) {
        self.places.line_up(index);
    }

    /// Takes a chunk back from the channel that holds it.
    #[inline]
    fn take_back(&mut self, index: u32, chunk: u32) {
        let after = self.chunks.next(chunk);
        match self.places.get_mut(index) {
            Some(place) if place.chunks == chunk => place.chunks = after,
            Some(place) => {
                let first = place.chunks;
                self.take_out(first, chunk, after);
            }
            None => return,
        }
        self.chunks.give_back(chunk);
    }

    /// Takes a chunk out of those that a channel holds, few at the most, behind the first one.
    fn take_out(&mut self, first: u32, chunk: u32, after: u32) {
        let mut before = first;
        while before != chunks::NONE {
            let next = self.chunks.next(before);
            if next == chunk {
                return self.chunks.set_next(before, after);
            }
            before = next;
        }
    }

    /// Takes back whatever a channel that has ended held, its place in line included.
    fn release(&mut self, index: u32) {
        self.places.leave(index);
        let Some(place) = self.places.get_mut(index) else { return };
        let mut held = core::mem::replace(&mut place.chunks, chunks::NONE);
        while held != chunks::NONE {
            let next = self.chunks.next(held);
            self.chunks.give_back(held);
            held = next;
        }
    }
}

const CHUNK_BYTES: Error = Error::new(ErrorKind::Invalid, "a chunk holds 1 to 65,535 bytes").doing("make a pool");
const NO_CHUNK: Error = Error::new(ErrorKind::Invalid, "the memory has not room for a chunk").doing("make a pool");
