//! A simulated network: core's `Net`, and a `Backend` over it, without a system call.
//!
//! [`Sim`] is one value that owns the whole world: the sockets of the program under test and those of its peers, what is
//! under way between them, the clock, and the chances. A loop takes it as its net, [`Watch`] as its backend, and runs as it
//! does over an operating system, on any target, in no time, and with the same seed the same way each time. Peers are
//! sockets of the same world, used with [`Net`](stheno_core::Net)'s own operations.
//!
//! ```
//! # #[cfg(feature = "alloc")]
//! # fn main() -> stheno_core::Result<()> {
//! use stheno_conformance::sim::{Address, EventLoop, Sim};
//! use stheno_core::{Channel, Dispatcher, Guest, Net, Received, Result};
//!
//! /// Sends back what it receives.
//! struct Echo;
//!
//! impl Dispatcher<Sim> for Echo {
//!     fn writable(&self) -> bool { false }
//!     fn handle_accepted(&mut self, guest: &mut Guest<Sim>, door: &mut Channel<'_, Sim, Self>) -> Result<()> {
//!         door.adopt(guest, Echo).map(drop)
//!     }
//!     fn handle_read(&mut self, channel: &mut Channel<'_, Sim, Self>) -> Result<()> {
//!         let mut bytes = [0; 64];
//!         if let Received::Data(n) = channel.recv(&mut bytes)? {
//!             channel.send(&bytes[..n])?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let mut events = EventLoop::<Echo>::new()?;
//! let door = Address::new(7007);
//! events.listen(door, Echo)?;
//! let mut peer = events.net_mut().dial(door)?;
//! events.net_mut().send(&mut peer, b"hello")?;
//! while events.turn(Some(core::time::Duration::ZERO))?.fired > 0 {}
//! let mut answer = [0; 64];
//! assert_eq!(events.net_mut().recv(&mut peer, &mut answer)?, Received::Data(5));
//! assert_eq!(&answer[..5], b"hello");
//! # Ok(()) }
//! # #[cfg(not(feature = "alloc"))]
//! # fn main() {}
//! ```
//!
//! # What it is like
//!
//! Like Linux, as far as it goes: readiness in every state of a TCP or UDP socket or of a [pair](Network::local_pair) within
//! one machine, error numbers, what a backlog holds, what becomes of bytes that nobody read and of an urgent one that is read
//! past. Unless a [`Link`] says otherwise everything arrives at once, as on a loopback.
//! The clock stands still until somebody waits, or until a test [advances](Network::advance) or [settles](Network::settle)
//! the world. [Deeds](Network::after) happen while the program waits. Everything that is left to chance comes from one
//! [seed](Network::seeded).
//!
//! Memory is on the heap ([`Sim`]) or of fixed size in the value itself ([`Fixed`]); what does not fit is a clear error.
//!
//! # What it does not simulate
//!
//! Hosts (there is one), routes and names; pipes, files and wakers; the Unix family's names and urgent bytes; TCP's own
//! machinery: congestion, retransmission, timeouts, keep-alive, `TIME_WAIT`, two that connect to each other;
//! acknowledgements, which take no time, so that a sender knows at once what its peer has read; a buffer of the
//! sender's own: there is the receiver's window, and room is told as soon as there is any; urgent data inline, or
//! announced before its byte arrives; the reset with which Linux answers data for a socket of which both halves were
//! shut. A socket whose attempt to connect failed cannot be used for another.

mod address;
mod calls;
mod clock;
mod deeds;
mod entry;
mod errno;
mod letters;
mod link;
mod memory;
mod net;
mod network;
mod outside;
#[cfg(feature = "std")]
mod seed;
mod stream;
mod systems;
mod transfer;
mod watch;

pub use address::Address;
pub use deeds::Deed;
pub use entry::Socket;
#[cfg(all(feature = "alloc", not(feature = "std")))]
pub(crate) use errno::name as errno_name;
pub use link::{Count, Link};
#[cfg(feature = "alloc")]
pub use memory::Heap;
pub use memory::{InPlace, Memory};
pub use net::Simulated;
pub use network::Network;
#[cfg(feature = "std")]
pub use seed::seed;
pub use systems::{EspIdf, FreeRtosPlusTcp, LwIp, NuttX, On, Sets, System, Truth, Unhinted, Zephyr};
pub use watch::Batch;

/// A simulated network with its memory on the heap.
#[cfg(feature = "alloc")]
pub type Sim = Network<Heap>;

/// A simulated network with its memory in the value itself: so many sockets (peers, and callers in line, included), so many
/// bytes to each stream, datagram and deed, and so many datagrams and deeds.
///
/// ```
/// use stheno_conformance::sim::Fixed;
/// use stheno_core::{Net, Received};
/// let mut net = Fixed::<4, 64>::new();
/// let (mut ours, mut theirs) = net.pair()?;
/// assert_eq!(net.send(&mut theirs, &[7; 100])?, Some(64));
/// assert_eq!(net.recv(&mut ours, &mut [0; 100])?, Received::Data(64));
/// # Ok::<(), stheno_core::Error>(())
/// ```
pub type Fixed<const SOCKETS: usize, const BYTES: usize, const LETTERS: usize = 8, const DEEDS: usize = 4> =
    Network<InPlace<SOCKETS, BYTES, LETTERS, DEEDS>>;

/// The backend, telling of up to 64 sockets at a time.
pub type Watch = Batch<64>;

/// The loop over a simulated network, with its table on the heap.
#[cfg(feature = "alloc")]
pub type EventLoop<T, N = Sim, B = Watch, S = alloc::vec::Vec<stheno_core::Slot<T, N>>> =
    stheno_core::EventLoop<T, N, B, S>;
