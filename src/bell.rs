//! Wakers over the operating system: an eventfd where there is one, a pipe elsewhere, or what the program chooses.

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
use alloc::sync::Arc;
use core::net::Ipv4Addr;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::{Errno, read, retry_on_intr, write};
use stheno_core::waker::Ring;
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
use stheno_core::{Backend, Dispatcher, EventLoop, Slot, Storage, waker::Bell};
use stheno_core::{Kind, Net, Result};

use crate::errno::failed;
use crate::{Address, Os, Socket};

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
/// Wakes or stops a loop from any thread; cheap to clone. See [`waker`].
pub type Waker = stheno_core::waker::Waker<Arc<Bell<Sound>>>;

/// What makes a waker's sound: whatever two descriptors a system has, of which one becomes readable when the other is
/// written to.
///
/// | | descriptors | where |
/// |---|---|---|
/// | [`eventfd`](Self::eventfd) | 1 | Linux |
/// | [`pipe`](Self::pipe) | 2 | everywhere but on some small systems |
/// | [`datagrams`](Self::datagrams) | 2 | where there are pairs of the Unix family |
/// | [`udp`](Self::udp) | 2 | where there are sockets |
///
/// [`new`](Self::new) takes the first of them. Something else is a [`Ring`] of the program's own.
///
/// Ringing is one write that does not wait, which is safe in a signal handler. One that finds everything full is no error:
/// it rings already. The sound has both ends, and so can be rung when the loop is gone.
#[derive(Debug)]
pub struct Sound {
    reader: OwnedFd,
    /// Where writing makes the reader readable; none where that is the same descriptor.
    writer: Option<OwnedFd>,
    /// Whether each ring is to be read by itself.
    datagrams: bool,
}

/// A waker for this loop: `wake` ends its wait, `stop` has [`run`](EventLoop::run) return.
///
/// Wakers are cloned, not made anew: a loop answers only the last one made, and an earlier one then wakes nobody.
///
/// Costs the loop one slot and a descriptor, and the waker one or two descriptors. The errors are those of
/// [`EventLoop::attach`] and a lack of descriptors.
///
/// ```
/// use stheno::{Dispatcher, EventLoop, Os, waker};
/// # fn main() -> stheno::Result<()> {
/// struct Idle;
/// impl Dispatcher<Os> for Idle {}
///
/// let mut events = EventLoop::<Idle>::new()?;
/// events.listen("127.0.0.1:0", Idle)?;
/// let waker = waker(&mut events)?;
/// std::thread::spawn(move || waker.stop());
/// events.run()?; // returns once the thread has asked it to
/// # Ok(()) }
/// ```
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
pub fn waker<T, N, B, S>(events: &mut EventLoop<T, N, B, S>) -> Result<Waker>
where
    T: Dispatcher<N>,
    N: Net<Socket = Socket>,
    B: Backend<N>,
    S: Storage<Slot<T, N>>,
{
    waker_with(events, Sound::new()?)
}

/// A waker for this loop that makes this sound; the rest is as for [`waker`].
///
/// ```
/// use stheno::{Dispatcher, EventLoop, Os, Sound, waker_with};
/// # fn main() -> stheno::Result<()> {
/// # struct Idle;
/// # impl Dispatcher<Os> for Idle {}
/// # let mut events = EventLoop::<Idle>::new()?;
/// # events.listen("127.0.0.1:0", Idle)?;
/// let waker = waker_with(&mut events, Sound::udp()?)?;
/// waker.wake()?;
/// assert!(events.turn(None)?.woken);
/// # Ok(()) }
/// ```
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
pub fn waker_with<T, N, B, S>(events: &mut EventLoop<T, N, B, S>, sound: Sound) -> Result<Waker>
where
    T: Dispatcher<N>,
    N: Net<Socket = Socket>,
    B: Backend<N>,
    S: Storage<Slot<T, N>>,
{
    let socket = sound.socket()?;
    let bell = Arc::new(Bell::new(sound));
    events.attach(bell.clone(), socket)?;
    Ok(Waker::new(bell))
}

impl Sound {
    /// The best there is: an eventfd on Linux, a pipe elsewhere. Fails for want of descriptors.
    pub fn new() -> Result<Self> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        return Self::eventfd();
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        return Self::pipe();
    }

    /// A fresh eventfd. Fails for want of descriptors.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn eventfd() -> Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        let made = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        Ok(Self { reader: made.map_err(|why| failed(why, DOING))?, writer: None, datagrams: false })
    }

    /// A fresh pipe. Fails for want of descriptors.
    pub fn pipe() -> Result<Self> {
        let (reader, writer) = Socket::pipe().map_err(|why| why.doing(DOING))?;
        Ok(Self { reader: reader.into(), writer: Some(writer.into()), datagrams: false })
    }

    /// A fresh pair of datagram sockets of the Unix family. Fails for want of descriptors.
    pub fn datagrams() -> Result<Self> {
        let (reader, writer) = Socket::datagram_pair().map_err(|why| why.doing(DOING))?;
        Ok(Self { reader: reader.into(), writer: Some(writer.into()), datagrams: true })
    }

    /// Two fresh UDP sockets, each of which hears nobody but the other: for systems that have nothing else.
    ///
    /// They take two ports of 127.0.0.1, and the sound goes over the loopback interface, which must be up. Fails for want of
    /// descriptors or ports.
    pub fn udp() -> Result<Self> {
        let (reader, writer) = udp_pair(&mut Os)?;
        Ok(Self { reader: reader.into(), writer: Some(writer.into()), datagrams: true })
    }

    /// What the loop watches: a duplicate of the descriptor that becomes readable, for [`EventLoop::attach`].
    ///
    /// Without a heap, the bell is a static of the program's, such as a cell that is set once:
    ///
    /// ```
    /// use std::sync::OnceLock;
    /// use stheno::waker::{Bell, Waker};
    /// use stheno::{Sound, Dispatcher, EventLoop, Os};
    /// # struct Idle;
    /// # impl Dispatcher<Os> for Idle {}
    /// static BELL: OnceLock<Bell<Sound>> = OnceLock::new();
    ///
    /// # fn main() -> stheno::Result<()> {
    /// let sound = Sound::new()?;
    /// let socket = sound.socket()?;
    /// let bell = BELL.get_or_init(|| Bell::new(sound));
    /// let mut events = EventLoop::<Idle>::new()?;
    /// events.attach(bell, socket)?;
    /// events.listen("127.0.0.1:0", Idle)?;
    /// Waker::new(bell).wake()?;
    /// assert!(events.turn(None)?.woken);
    /// # Ok(()) }
    /// ```
    ///
    /// [`EventLoop::attach`]: stheno_core::EventLoop::attach
    pub fn socket(&self) -> Result<Socket> {
        Socket::duplicate(&self.reader).map_err(|why| why.doing(DOING))
    }
}

const DOING: &str = "make a waker";

/// Two sockets that are connected to each other.
fn udp_pair(net: &mut Os) -> Result<(Socket, Socket)> {
    let anywhere = Address::from((Ipv4Addr::LOCALHOST, 0));
    let (mut one, mut other) = (net.socket(Kind::Datagram, &anywhere)?, net.socket(Kind::Datagram, &anywhere)?);
    net.bind(&mut one, &anywhere)?;
    net.bind(&mut other, &anywhere)?;
    net.connect(&mut one, &net.local_address(&other)?)?;
    net.connect(&mut other, &net.local_address(&one)?)?;
    Ok((one, other))
}

/// The descriptor that becomes readable.
impl AsFd for Sound {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

impl Ring for Sound {
    fn ring(&self) -> Result<()> {
        // An eventfd counts what is written to it, in the machine's own order of bytes; to the others it is just eight.
        let writer = self.writer.as_ref().unwrap_or(&self.reader);
        match retry_on_intr(|| write(writer, &1_u64.to_ne_bytes())) {
            // Full: it rings already.
            Ok(_) | Err(Errno::AGAIN) => Ok(()),
            Err(why) => Err(failed(why, "ring the waker")),
        }
    }

    fn drain(&self) -> Result<()> {
        let mut sink = [0; 512];
        loop {
            match retry_on_intr(|| read(&self.reader, &mut sink[..])) {
                // A stream that gives less than was asked for has no more, and an eventfd gives all at once.
                Ok(n) if self.datagrams || n == sink.len() => {}
                Ok(_) | Err(Errno::AGAIN) => return Ok(()),
                Err(why) => return Err(failed(why, "answer the waker")),
            }
        }
    }
}
