//! More to send than the network takes at once.

mod ending;
mod pressure;
mod queue;

use core::convert::Infallible;

use crate::buffer::{cut, cut_mut};
use crate::producer::{Producer, Refused};
use crate::reach::Reach;
use crate::{Buffer, Channel, Error, ErrorKind, Key, Net, Received, Result};

use ending::Ending;
use pressure::Pressure;
pub use pressure::Watermark;
use queue::Queue;

/// What a dispatcher owns to send more than there is room for: bytes wait here, in order, in bounded memory.
///
/// asyncore's `dispatcher_with_send`, as a part instead of a base: [`send`](Self::send) sends at once what it can and keeps
/// the rest, [`flush`](Self::flush) is what `handle_write` does, and [`writable`](Self::writable) is what `writable` asks,
/// so that room to send is wanted only while something waits.
///
/// It never holds more than its memory (rule 8). What does not fit is refused as a whole, with nothing sent, so that the
/// program may wait with it, shorten it or give up the connection; nothing is dropped in silence.
///
/// ```
/// use stheno_core::{Channel, Dispatcher, Net, Outbox, Result};
///
/// struct Greeter(Outbox<[u8; 256]>);
///
/// impl<N: Net> Dispatcher<N> for Greeter {
///     fn writable(&self) -> bool { self.0.writable() }
///
///     fn handle_connect(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
///         self.0.send(channel, b"hello\r\n")
///     }
///
///     fn handle_write(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
///         self.0.flush(channel)
///     }
/// }
/// ```
///
/// # Pressure
///
/// An outbox has two marks. Once as much waits as the high one says it [`is_high`](Self::is_high), until no more waits than
/// the low one says. Whoever makes what is sent looks at that, or is told by [`crossed`](Self::crossed); a channel whose
/// reading feeds the outbox is [linked](Self::link), and pauses and resumes by itself.
///
/// # Producers
///
/// Beside bytes, up to `K` [`Producer`]s of type `P` can stand in line, none unless the type says so. They are asked for more
/// as there is room, and what is pushed behind one is sent after it. Such an outbox is made by
/// [`with_producers`](Self::with_producers):
///
/// ```
/// use stheno_core::Outbox;
/// let mut page = Outbox::<[u8; 512], &[u8], 2>::with_producers([0; 512]);
/// page.push(b"HTTP/1.1 200 OK\r\n\r\n")?;
/// page.push_with_producer(include_bytes!("outbox.rs"))?; // more than its memory
/// # Ok::<(), stheno_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "dispatcher_with_send")]
#[doc(alias = "producer_fifo")]
pub struct Outbox<S, P = Infallible, const K: usize = 0> {
    waiting: Buffer<S>,
    queue: Queue<P, K>,
    pressure: Pressure,
    ending: Option<Ending>,
}

impl<const N: usize> Outbox<[u8; N]> {
    /// An empty outbox that holds `N` bytes.
    pub const fn new() -> Self {
        Self::over([0; N])
    }
}

impl<const N: usize, P, const K: usize> Default for Outbox<[u8; N], P, K> {
    fn default() -> Self {
        Self::with_producers([0; N])
    }
}

impl<S> Outbox<S> {
    /// An empty outbox over this memory: borrowed, boxed, or of the value's own.
    pub const fn over(memory: S) -> Self {
        Self::with_producers(memory)
    }
}

impl<S, P, const K: usize> Outbox<S, P, K> {
    /// An empty outbox over this memory, with room for `K` producers.
    pub const fn with_producers(memory: S) -> Self {
        Self { waiting: Buffer::new(memory), queue: Queue::new(), pressure: Pressure::new(), ending: None }
    }

    /// Whether nothing waits: no byte and no producer.
    pub const fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.queue.is_empty()
    }

    /// How many bytes wait. What producers have not given yet is not among them.
    pub const fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether room to send is of use: what a dispatcher's `writable` asks.
    ///
    /// False while nothing waits but a producer that has nothing for now. Who knows that it has flushes the outbox.
    pub fn writable(&self) -> bool {
        (self.is_ending() && self.is_empty()) || self.queue.is_writable(self.waiting.len())
    }

    /// Whether as much waits as the high mark says, or did, and no less yet than the low one says.
    pub const fn is_high(&self) -> bool {
        self.pressure.is_high()
    }

    /// The mark that was crossed since this was last asked; `None` where what waits is where it was then.
    ///
    /// Asked after each change, it tells each crossing once; after that, what it tells is where the outbox is now, and
    /// `High` and `Low` always alternate. So nothing is missed by asking late: one that went up and came down again
    /// unseen needs no answer any more.
    ///
    /// ```
    /// use stheno_core::{Outbox, Watermark};
    /// let mut outbox = Outbox::<[u8; 8]>::new(); // the marks are 2 and 6
    /// outbox.push(b"12345")?;
    /// assert_eq!(outbox.crossed(), None);
    /// outbox.push(b"6")?;
    /// assert_eq!((outbox.crossed(), outbox.crossed()), (Some(Watermark::High), None));
    /// outbox.clear();
    /// assert_eq!((outbox.crossed(), outbox.crossed()), (Some(Watermark::Low), None));
    /// # Ok::<(), stheno_core::Error>(())
    /// ```
    #[must_use = "it is not told again"]
    pub fn crossed(&mut self) -> Option<Watermark> {
        self.pressure.crossed()
    }

    /// Names the channel whose reading feeds this outbox: it is paused once the outbox is high, and resumed once it is low.
    ///
    /// So who passes on what it reads holds no more than its buffers, however slow one side is. The pause is the outbox's
    /// alone: a program that pauses such a channel for reasons of its own finds it resumed.
    ///
    /// It takes effect in every call that is given the source's own I/O, or any [`Channel`], from where the source is in
    /// sight; what a call with another channel's [`Io`](crate::Io) leaves due the next one does, or [`heed`](Self::heed).
    /// [`relay`](Self::relay) does all of it.
    pub fn link(&mut self, source: Key) {
        self.pressure.link(source);
    }

    /// The channel that was [linked](Self::link), until it is found closed.
    pub const fn source(&self) -> Option<Key> {
        self.pressure.source()
    }

    /// Lets the linked channel go, resumed.
    pub fn unlink<C: Reach>(&mut self, channel: &mut C) {
        self.pressure.unlink(channel);
    }

    /// Pauses or resumes the linked channel, if that is due. Everything else here that is given a channel does so too.
    pub fn heed<C: Reach>(&mut self, channel: &mut C) {
        self.pressure.heed(channel);
    }
}

impl<S: AsRef<[u8]> + AsMut<[u8]>, P, const K: usize> Outbox<S, P, K> {
    /// How many more bytes can wait.
    ///
    /// Behind a producer that is no more than half the memory in all, as it needs the other half itself.
    pub fn room(&self) -> usize {
        self.queue.room(self.waiting.room(), self.waiting.capacity())
    }

    /// How many bytes can wait in all.
    pub fn capacity(&self) -> usize {
        self.waiting.capacity()
    }

    /// The low and the high mark, in bytes that wait: a quarter and three quarters of the capacity, unless set.
    pub fn watermarks(&self) -> (usize, usize) {
        self.pressure.marks(self.capacity())
    }

    /// Sets both marks, in bytes that wait. They hold at once, for what waits already too.
    ///
    /// An error of kind [`Invalid`](ErrorKind::Invalid) unless `low < high <= capacity`; then nothing changes.
    pub fn set_watermarks(&mut self, low: usize, high: usize) -> Result<()> {
        self.pressure.set_marks(low, high, self.capacity())?;
        self.weigh();
        Ok(())
    }

    /// Forgets what waits, producers included.
    #[doc(alias = "discard_buffers")]
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.queue.clear();
        self.weigh();
    }

    fn weigh(&mut self) {
        self.pressure.weigh(self.waiting.len(), self.waiting.capacity());
    }

    /// Says no to more than there is room for, and to anything behind the end.
    fn admit(&self, bytes: usize) -> Result<()> {
        if self.is_closing() {
            return Err(CLOSING);
        }
        if bytes > self.room() { Err(FULL) } else { Ok(()) }
    }

    /// Appends what was admitted.
    fn keep(&mut self, bytes: &[u8]) {
        let kept = self.waiting.push(bytes);
        self.queue.pushed(kept);
        self.weigh();
    }

    /// Keeps `bytes` behind what waits already and sends nothing now: for a channel that is not connected yet.
    ///
    /// An error of kind [`Full`](ErrorKind::Full) where there is no room for all of them, and of kind
    /// [`Unsupported`](ErrorKind::Unsupported) where the outbox [is closing](Self::is_closing): then none was taken.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.admit(bytes.len())?;
        self.keep(bytes);
        Ok(())
    }

    /// Puts a producer in line, behind what waits already. It is asked for the first time when the outbox is flushed, which
    /// [`writable`](Self::writable) asks for.
    ///
    /// Refused, and given back, where `K` producers stand in line, and where the outbox [is closing](Self::is_closing).
    pub fn push_with_producer(&mut self, producer: P) -> Result<(), Refused<P>> {
        if self.is_closing() {
            return Err(Refused { producer, why: CLOSING });
        }
        if self.capacity() == 0 {
            return Err(Refused { producer, why: FULL });
        }
        self.queue.push(producer).map_err(|producer| Refused { producer, why: NO_PLACE })
    }
}

impl<S: AsRef<[u8]> + AsMut<[u8]>, P: Producer, const K: usize> Outbox<S, P, K> {
    /// Sends what can be sent at once, behind what waits already, and keeps the rest.
    ///
    /// An error of kind [`Full`](ErrorKind::Full) where `bytes` are more than there is [`room`](Self::room) for, and of kind
    /// [`Unsupported`](ErrorKind::Unsupported) where the outbox [is closing](Self::is_closing): then none of them was taken.
    /// (Room is asked for beforehand, since nobody can know how much the network will take.)
    pub fn send<C: Reach>(&mut self, channel: &mut C, bytes: &[u8]) -> Result<()> {
        self.admit(bytes.len())?;
        let sent = if self.is_empty() { channel.io().send(bytes)? } else { 0 };
        self.keep(bytes.get(sent..).unwrap_or_default());
        self.heed(channel);
        Ok(())
    }

    /// The same from two slices, the first one first, a header and a body for example: in one call, and without copying what
    /// the network takes at once.
    pub fn send_vectored<C: Reach>(&mut self, channel: &mut C, bytes: [&[u8]; 2]) -> Result<()> {
        let [first, second] = bytes;
        self.admit(first.len().saturating_add(second.len()))?;
        let sent = if self.is_empty() { channel.io().send_vectored(bytes)? } else { 0 };
        self.keep(first.get(sent..).unwrap_or_default());
        self.keep(second.get(sent.saturating_sub(first.len())..).unwrap_or_default());
        self.heed(channel);
        Ok(())
    }

    /// Sends as much as there is room for of what waits, in one call, and asks producers for more before and after it, as far
    /// as that makes room: no more than the memory holds, twice.
    ///
    /// An error of the network, or of a producer; what waits before it has been sent then as far as there was room.
    #[doc(alias = "initiate_send")]
    pub fn flush<C: Reach>(&mut self, channel: &mut C) -> Result<()> {
        let produced = if self.queue.head(self.waiting.len()) == 0 { self.refill() } else { Ok(()) };
        let sent = self.send_head(channel);
        let produced = sent.and(produced).and_then(|()| self.refill());
        self.weigh();
        self.heed(channel);
        produced.and_then(|()| self.end_if_done(channel))
    }

    /// Receives straight into the free memory, to be sent back or on: an echo, a proxy.
    ///
    /// Without [`room`](Self::room) it receives nothing: `Data(0)`. Refused where the outbox [is closing](Self::is_closing).
    pub fn fill_from<C: Reach>(&mut self, source: &mut C) -> Result<Received> {
        self.admit(0)?;
        let room = self.room();
        let mut free = self.waiting.free();
        if K > 0 {
            free = cut_mut(free, room);
        }
        let received = source.io().recv_vectored(free)?;
        if let Received::Data(n) = received {
            self.waiting.commit(n);
            self.queue.pushed(n);
            self.weigh();
            self.heed(source);
        }
        Ok(received)
    }

    /// Receives on one channel, sends on another: all that a proxy does where it is told to read.
    ///
    /// From the channel's socket straight into the outbox of the neighbour that `outbox` finds in its dispatcher, and on at
    /// once as far as there is room. The channel is [linked](Self::link) to it: it is paused while the outbox is high, and
    /// resumed by the neighbour's `handle_write`, which [flushes](Self::flush) with its [`Channel`].
    ///
    /// An error where the key is stale, where `outbox` finds none, and of the receive. That the neighbour's own connection
    /// broke is told to the neighbour.
    pub fn relay<N: Net, T>(
        channel: &mut Channel<'_, N, T>,
        to: Key,
        mut outbox: impl FnMut(&mut T) -> Option<&mut Self>,
    ) -> Result<Received> {
        let (io, neighbour) = channel.with_neighbour(to)?;
        let this = outbox(neighbour).ok_or(NO_OUTBOX)?;
        this.link(io.key());
        let received = this.fill_from(io)?;
        let (neighbour, mut io) = channel.neighbour(to)?;
        match outbox(neighbour).map(|this| this.flush(&mut io)) {
            Some(Err(why)) if why.kind() != ErrorKind::Disconnected => return Err(why),
            _ => {}
        }
        let (io, neighbour) = channel.with_neighbour(to)?;
        if let Some(this) = outbox(neighbour) {
            this.heed(io);
        }
        Ok(received)
    }

    /// Asks producers for more, as far as there is room.
    fn refill(&mut self) -> Result<()> {
        self.queue.refill(&mut self.waiting)
    }

    /// Sends from what stands before all producers.
    fn send_head<C: Reach>(&mut self, channel: &mut C) -> Result<()> {
        let head = self.queue.head(self.waiting.len());
        // On a datagram channel nothing would be sent as an empty datagram.
        if head == 0 {
            return Ok(());
        }
        let mut filled = self.waiting.filled();
        if K > 0 {
            filled = cut(filled, head);
        }
        let sent = channel.io().send_vectored(filled)?;
        self.waiting.consume(sent);
        Ok(())
    }
}

const FULL: Error = Error::new(ErrorKind::Full, "the outbox is full").doing("send");
const CLOSING: Error =
    Error::new(ErrorKind::Unsupported, "the outbox takes no more, and ends when it is done").doing("send");
const NO_PLACE: Error = Error::new(ErrorKind::Full, "no more producers can stand in line").doing("send");
const NO_OUTBOX: Error = Error::new(ErrorKind::Unsupported, "the neighbour has no outbox").doing("relay");
