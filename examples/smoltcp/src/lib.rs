//! [smoltcp](smoltcp) as a network of Stheno, written as anybody would who brings a stack of their own: nothing here is
//! known to core, and there is neither std nor a heap.
//!
//! The [`Stack`] is the net, and a [`Socket`] an index into it. [`Watch`] is the backend: its wait drives the stack, and
//! between two waits nothing moves. The program brings a device, the sockets with their memory, and a [`Clock`].
//!
//! ```
//! use smoltcp::iface::{Config, Interface, SocketSet, SocketStorage};
//! use smoltcp::phy::Device;
//! use smoltcp::socket::tcp;
//! use stheno_core::{EventLoop, Dispatcher, Result, Slot, storage::Array};
//! use stheno_smoltcp::{Clock, Stack, Watch};
//!
//! /// Four sockets of the stack, and two channels of the loop.
//! fn serve<D: Device, C: Clock>(device: D, interface: Interface, clock: C, door: impl Dispatcher<Stack<'static, D, C, 4>>) -> Result<()> {
//!     let mut sockets = SocketSet::new(Vec::new()); // on a board, an array of `SocketStorage`
//!     for _ in 0..4 {
//!         let memory = || tcp::SocketBuffer::new(vec![0; 512]); // on a board, a slice of a static
//!         sockets.add(tcp::Socket::new(memory(), memory()));
//!     }
//!     let stack = Stack::new(device, interface, sockets, clock);
//!     let table: Array<Slot<_, _>, 2> = Array::default();
//!     let mut events = EventLoop::with_parts(stack, Watch::<2>::new(), table);
//!     events.listen(smoltcp::wire::IpEndpoint::new(smoltcp::wire::IpAddress::v4(0, 0, 0, 0), 7), door)?;
//!     events.run()
//! }
//! ```
//!
//! # What a listener is
//!
//! smoltcp has no line of callers: one of its sockets listens until somebody calls, and is the connection from then on. So
//! [`accept`](stheno_core::Net::accept) hands that one over and puts a fresh one in its place, under the listener; and as
//! long as the backlog has room, and the stack a socket that nobody uses, another one listens beside those who wait. Where there is none,
//! callers are refused with a reset, as smoltcp does, and who was let in waits until there is: lack of sockets is
//! [`Exhausted`](stheno_core::ErrorKind::Exhausted).
//!
//! # What it has
//!
//! TCP, with half-closed streams and resets, over whatever addresses smoltcp is built for. Errors have Linux's numbers.
//! Closing is the stack's business from then on: what was sent still goes, a connection with unread bytes is reset, and its
//! socket is free for others when its end is told, or when its peer has been silent for a minute.
#![no_std]

mod clock;
mod errno;
mod line;
mod net;
mod place;
mod stack;
mod watch;

pub use clock::Clock;
pub use place::Socket;
pub use stack::{Stack, Stacked};
pub use watch::Watch;
