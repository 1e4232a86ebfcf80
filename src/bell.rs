//! Wakers over the operating system: an eventfd where there is one, a pipe elsewhere.

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
use alloc::sync::Arc;

use rustix::fd::OwnedFd;
use stheno_core::Result;
use stheno_core::waker::Ring;
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
use stheno_core::{Backend, Dispatcher, EventLoop, Net, Slot, Storage, waker::Bell};

use crate::Socket;
use crate::errno::failed;

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
/// Wakes or stops a loop from any thread; cheap to clone. See [`waker`].
pub type Waker = stheno_core::waker::Waker<Arc<Bell<Sound>>>;

/// What makes a waker's sound.
///
/// Ringing is one write, which is safe in a signal handler.
#[derive(Debug)]
pub struct Sound {
    reader: OwnedFd,
    /// Where writing makes the reader readable; none where that is the same descriptor.
    writer: Option<OwnedFd>,
}

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
/// A waker for this loop: `wake` ends its wait, `stop` has [`run`](EventLoop::run) return.
///
/// Wakers are cloned, not made anew: a loop answers only the last one made, and an earlier one then wakes nobody.
///
/// Costs the loop one slot and a descriptor, and the waker one or two descriptors. The errors are those of [`EventLoop::attach`] and a lack of
/// descriptors.
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
pub fn waker<T, N, B, S>(events: &mut EventLoop<T, N, B, S>) -> Result<Waker>
where
    T: Dispatcher<N>,
    N: Net<Socket = Socket>,
    B: Backend<N>,
    S: Storage<Slot<T, N>>,
{
    let sound = Sound::new()?;
    let socket = sound.socket()?;
    let bell = Arc::new(Bell::new(sound));
    events.attach(bell.clone(), socket)?;
    Ok(Waker::new(bell))
}

impl Sound {
    /// A fresh eventfd or pipe. Fails for want of descriptors.
    pub fn new() -> Result<Self> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            use rustix::event::{EventfdFlags, eventfd};
            let reader = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
                .map_err(|why| failed(why, "make a waker"))?;
            Ok(Self { reader, writer: None })
        }
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        {
            let (reader, writer) = crate::pipe()?;
            Ok(Self { reader: reader.into(), writer: Some(writer.into()) })
        }
    }
}

impl Sound {
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
        let reader = rustix::io::fcntl_dupfd_cloexec(&self.reader, 0).map_err(|why| failed(why, "make a waker"))?;
        Socket::adopt(reader)
    }
}

impl Ring for Sound {
    fn ring(&self) -> Result<()> {
        // An eventfd counts what is written to it, in the machine's own order of bytes; to a pipe it is just eight bytes.
        match rustix::io::retry_on_intr(|| {
            rustix::io::write(self.writer.as_ref().unwrap_or(&self.reader), &1_u64.to_ne_bytes())
        }) {
            // Full: it rings already. Nobody reads: the loop is gone.
            Ok(_) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::PIPE) => Ok(()),
            Err(why) => Err(failed(why, "ring the waker")),
        }
    }

    fn drain(&self) -> Result<()> {
        let mut sink = [0; 512];
        loop {
            match rustix::io::retry_on_intr(|| rustix::io::read(&self.reader, &mut sink[..])) {
                Ok(n) if n == sink.len() => {}
                Ok(_) | Err(rustix::io::Errno::AGAIN) => return Ok(()),
                Err(why) => return Err(failed(why, "answer the waker")),
            }
        }
    }
}
