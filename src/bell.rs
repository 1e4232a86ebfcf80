//! Wakers over the operating system: an eventfd where there is one, a pipe elsewhere.

use alloc::sync::Arc;

use rustix::fd::OwnedFd;
use stheno_core::waker::{Bell, Ring};
use stheno_core::{Backend, Dispatcher, EventLoop, Net, Result, Slot, Storage};

use crate::Socket;
use crate::errno::failed;

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

/// A waker for this loop: `wake` ends its wait, `stop` has [`run`](EventLoop::run) return.
///
/// Costs the loop one slot and a descriptor, and the waker one or two descriptors; wakers are cloned rather than made
/// anew, since a loop answers only the last one made. The errors are those of [`EventLoop::attach`] and a lack of
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
    let socket = rustix::io::fcntl_dupfd_cloexec(&sound.reader, 0).map_err(|why| failed(why, "make a waker"))?;
    let bell = Arc::new(Bell::new(sound));
    events.attach(bell.clone(), Socket::adopt(socket)?)?;
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
