//! More to send than the network takes at once.

use crate::{Buffer, Error, ErrorKind, Io, Net, Result};

/// What a dispatcher owns to send more than there is room for: bytes wait here, in order, in bounded memory.
///
/// asyncore's `dispatcher_with_send`, as a part instead of a base: [`send`](Self::send) sends at once what it can and keeps
/// the rest, [`flush`](Self::flush) is what `handle_write` does, and [`is_empty`](Self::is_empty) is what `writable` asks,
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
///     fn writable(&self) -> bool { !self.0.is_empty() }
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
#[derive(Clone, Debug)]
#[doc(alias = "dispatcher_with_send")]
pub struct Outbox<S> {
    waiting: Buffer<S>,
}

impl<const N: usize> Outbox<[u8; N]> {
    /// An empty outbox that holds `N` bytes.
    pub const fn new() -> Self {
        Self::over([0; N])
    }
}

impl<const N: usize> Default for Outbox<[u8; N]> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Outbox<S> {
    /// An empty outbox over this memory: borrowed, boxed, or of the value's own.
    pub const fn over(memory: S) -> Self {
        Self { waiting: Buffer::new(memory) }
    }

    /// Whether nothing waits.
    pub const fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many bytes wait.
    pub const fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Forgets what waits.
    pub const fn clear(&mut self) {
        self.waiting.clear();
    }
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> Outbox<S> {
    /// How many more bytes can wait.
    pub fn room(&self) -> usize {
        self.waiting.room()
    }

    /// How many bytes can wait in all.
    pub fn capacity(&self) -> usize {
        self.waiting.capacity()
    }

    /// Sends what can be sent at once, behind what waits already, and keeps the rest.
    ///
    /// An error of kind [`Full`](ErrorKind::Full) where `bytes` are more than there is [`room`](Self::room) for: then none
    /// of them was taken. (Room is asked for beforehand, since nobody can know how much the network will take.)
    pub fn send<N: Net>(&mut self, io: &mut Io<'_, N>, bytes: &[u8]) -> Result<()> {
        if bytes.len() > self.room() {
            return Err(FULL);
        }
        let sent = if self.is_empty() { io.send(bytes)? } else { 0 };
        self.push(bytes.get(sent..).unwrap_or_default())
    }

    /// Keeps `bytes` behind what waits already and sends nothing now: for a channel that is not connected yet.
    ///
    /// An error of kind [`Full`](ErrorKind::Full) where there is no room for all of them: then none was taken.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.len() > self.room() {
            return Err(FULL);
        }
        let _all = self.waiting.push(bytes);
        Ok(())
    }

    /// Sends as much as there is room for of what waits, in one call.
    #[doc(alias = "initiate_send")]
    pub fn flush<N: Net>(&mut self, io: &mut Io<'_, N>) -> Result<()> {
        // On a datagram channel nothing would be sent as an empty datagram.
        if self.is_empty() {
            return Ok(());
        }
        let [first, second] = self.waiting.filled();
        let sent = if second.is_empty() { io.send(first)? } else { io.send_vectored([first, second])? };
        self.waiting.consume(sent);
        Ok(())
    }

    /// Receives straight into the free memory, to be sent back or on: an echo, a proxy.
    pub fn fill_from<N: Net>(&mut self, io: &mut Io<'_, N>) -> Result<crate::Received> {
        io.recv_into(&mut self.waiting)
    }
}

const FULL: Error = Error::new(ErrorKind::Full, "the outbox is full").doing("send");
