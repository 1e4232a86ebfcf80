#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

#[cfg(not(any(
    feature = "select",
    feature = "poll",
    all(feature = "epoll", any(target_os = "linux", target_os = "android"))
)))]
compile_error!(
    "stheno needs a backend that this target has: enable the feature `poll` or `select` anywhere, or `epoll` on Linux"
);

mod address;
#[cfg(all(feature = "alloc", any(feature = "select", feature = "poll", feature = "epoll")))]
mod any;
#[cfg(target_has_atomic = "8")]
mod bell;
#[cfg(feature = "std")]
mod convert;
#[cfg(all(feature = "credentials", any(target_os = "linux", target_os = "android")))]
mod credentials;
mod errno;
mod limit;
mod os;
mod probe;
#[cfg(feature = "std")]
mod reader;
#[cfg(feature = "signals")]
pub mod signals;
mod socket;
#[cfg(not(target_os = "nto"))]
pub mod tty;

pub use stheno_core::*;

pub use address::Address;
#[cfg(all(feature = "alloc", any(feature = "select", feature = "poll", feature = "epoll")))]
pub use any::{AnyBackend, BackendName};
#[cfg(target_has_atomic = "8")]
pub use bell::Sound;
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
pub use bell::{Waker, waker, waker_with};
#[cfg(all(feature = "credentials", any(target_os = "linux", target_os = "android")))]
pub use credentials::Credentials;
pub use errno::errno_name;
pub use limit::raise_descriptor_limit;
pub use os::Os;
#[cfg(feature = "std")]
pub use reader::Reader;
pub use socket::Socket;

/// The select backend, for memory of any kind.
#[cfg(feature = "select")]
pub use stheno_select as select;

/// The poll backend, for memory of any kind.
#[cfg(feature = "poll")]
pub use stheno_poll as poll;

/// The epoll backend, for memory of any kind.
#[cfg(all(feature = "epoll", any(target_os = "linux", target_os = "android")))]
pub use stheno_epoll as epoll;

/// The select backend with its sets on the heap.
#[cfg(all(feature = "select", feature = "alloc"))]
pub type Select = stheno_select::Select<stheno_select::Heap>;

/// The poll backend with its array on the heap.
#[cfg(all(feature = "poll", feature = "alloc"))]
pub type Poll = stheno_poll::Poll<stheno_poll::Heap>;

/// The epoll backend, taking up to 256 results at a time.
#[cfg(all(feature = "epoll", feature = "alloc", any(target_os = "linux", target_os = "android")))]
pub type Epoll = stheno_epoll::Epoll;

/// The best backend that is enabled and that this target has: epoll, else poll, else select.
#[cfg(all(feature = "alloc", feature = "epoll", any(target_os = "linux", target_os = "android")))]
pub type DefaultBackend = Epoll;

/// The best backend that is enabled and that this target has: epoll, else poll, else select.
#[cfg(all(
    feature = "alloc",
    feature = "poll",
    not(all(feature = "epoll", any(target_os = "linux", target_os = "android")))
))]
pub type DefaultBackend = Poll;

/// The best backend that is enabled and that this target has: epoll, else poll, else select.
#[cfg(all(
    feature = "alloc",
    feature = "select",
    not(any(feature = "poll", all(feature = "epoll", any(target_os = "linux", target_os = "android"))))
))]
pub type DefaultBackend = Select;

/// The operating system's sockets with a pool of buffers on the heap; see [`pool`].
///
/// [`stheno_core::Lending`] with its parameters filled in; each can be given, as for
/// [`Lending<With<Os, Shared>>`](With), and in memory of fixed size.
///
/// ```
/// use stheno::{Channel, Dispatcher, Lending, Loan, Os, Result};
/// struct Client(Loan);
/// impl Dispatcher<Lending> for Client {
///     fn handle_read(&mut self, channel: &mut Channel<'_, Lending, Self>) -> Result<()> {
///         self.0.fill_from(channel)?;
///         self.0.flush(channel)
///     }
/// }
/// let net: Lending = Lending::on_heap(Os, 64, 4096)?;
/// # Ok::<(), stheno::Error>(())
/// ```
#[cfg(feature = "alloc")]
pub type Lending<N = Os, S = pool::Heap, W = alloc::vec::Vec<pool::Place>> = stheno_core::Lending<N, S, W>;

/// The loop over the operating system's sockets, on the best backend, with its table on the heap.
///
/// [`stheno_core::EventLoop`] with three of its parameters filled in; each can be given: another net
/// ([`With<Os, Shared>`](With)), a backend by name or chosen at run time ([`AnyBackend`]), storage of fixed size.
///
/// ```
/// use stheno::{AnyBackend, Dispatcher, EventLoop, Os};
/// # fn main() -> stheno::Result<()> {
/// # struct Nothing;
/// # impl Dispatcher<Os> for Nothing {}
/// let best = EventLoop::<Nothing>::new()?;
/// let chosen_by_the_environment = EventLoop::<Nothing, Os, AnyBackend>::new()?;
/// # Ok(()) }
/// ```
#[cfg(feature = "alloc")]
pub type EventLoop<T, N = Os, B = DefaultBackend, S = alloc::vec::Vec<Slot<T, N>>> = stheno_core::EventLoop<T, N, B, S>;
