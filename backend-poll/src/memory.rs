//! Where the lists are: in the value itself, borrowed, in `heapless::Vec`, or on the heap.

use core::marker::PhantomData;

use rustix::event::PollFd;
use stheno_core::storage::{Array, Borrowed};
use stheno_core::{Interest, Storage};

/// Which lists a [`Poll`](crate::Poll) keeps: [`Fixed`], [`Lent`], `Heapless` (feature `heapless`), `Heap` (feature
/// `alloc`), or a choice of one's own.
///
/// ```
/// use rustix::event::PollFd;
/// use stheno_core::storage::Array;
/// use stheno_poll::{Entries, Memory, Place, Poll};
///
/// /// Two sockets of a loop with a hundred channels are watched at a time.
/// enum FewOfMany {}
///
/// impl Memory for FewOfMany {
///     type Entries = Entries<2>;
///     type Owners = Array<u32, 2>;
///     type Places = Array<Place, 100>;
/// }
/// let poll = Poll::<FewOfMany>::default();
/// ```
pub trait Memory {
    /// What the system call takes: one for each key that is watched for anything.
    type Entries: Storage<PollFd<'static>>;
    /// Whose each entry is: the key's index. As long as the entries.
    type Owners: Storage<u32>;
    /// What is known of each key, by the key's index. One for each index up to the highest registered.
    type Places: Storage<Place>;
}

/// What is known of a key.
///
/// ```
/// use stheno_core::storage::Borrowed;
/// let mut memory = [stheno_poll::Place::default(); 4];
/// let places = Borrowed::new(&mut memory);
/// ```
#[derive(Clone, Copy, Default, Debug)]
pub struct Place {
    pub(crate) generation: u32,
    /// Where its entry is. Means something only where the interest is in something.
    pub(crate) position: u32,
    /// `None` where the key is not registered.
    pub(crate) interest: Option<Interest>,
}

/// Lists inside the value, for `N` keys with the indices 0 to `N - 1`.
///
/// ```
/// use stheno_poll::{Fixed, Poll};
/// let poll = Poll::<Fixed<6>>::default();
/// assert!(size_of_val(&poll) < 200);
/// ```
pub enum Fixed<const N: usize> {}

impl<const N: usize> Memory for Fixed<N> {
    type Entries = crate::Entries<N>;
    type Owners = Array<u32, N>;
    type Places = Array<Place, N>;
}

/// Lists in memory that someone else owns, a static for example.
///
/// ```
/// use stheno_core::storage::Borrowed;
/// use stheno_poll::{Lent, Place, Poll, vacant};
/// let mut entries: [_; 8] = core::array::from_fn(|_| vacant());
/// let (mut owners, mut places) = ([0; 8], [Place::default(); 8]);
/// let poll: Poll<Lent<'_>> =
///     Poll::new(Borrowed::new(&mut entries), Borrowed::new(&mut owners), Borrowed::new(&mut places));
/// ```
pub struct Lent<'a>(PhantomData<&'a mut ()>);

impl<'a> Memory for Lent<'a> {
    type Entries = Borrowed<'a, PollFd<'static>>;
    type Owners = Borrowed<'a, u32>;
    type Places = Borrowed<'a, Place>;
}

/// Lists in `heapless::Vec`, for `N` keys with the indices 0 to `N - 1`.
///
/// ```
/// let poll = stheno_poll::Poll::<stheno_poll::Heapless<6>>::default();
/// ```
#[cfg(feature = "heapless")]
pub enum Heapless<const N: usize> {}

#[cfg(feature = "heapless")]
impl<const N: usize> Memory for Heapless<N> {
    type Entries = heapless::Vec<PollFd<'static>, N>;
    type Owners = heapless::Vec<u32, N>;
    type Places = heapless::Vec<Place, N>;
}

/// Lists on the heap, which grow at registration and never by a wait. (B13)
///
/// ```
/// let poll = stheno_poll::Poll::<stheno_poll::Heap>::default();
/// ```
#[cfg(feature = "alloc")]
pub enum Heap {}

#[cfg(feature = "alloc")]
impl Memory for Heap {
    type Entries = alloc::vec::Vec<PollFd<'static>>;
    type Owners = alloc::vec::Vec<u32>;
    type Places = alloc::vec::Vec<Place>;
}
