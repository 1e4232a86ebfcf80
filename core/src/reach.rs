//! From where a channel's I/O is done, and which other channels are in sight from there.

use crate::{Channel, Io, Key, Net};

/// A channel's own [`Io`], or the [`Channel`] around it, from which its neighbours are reached as well.
///
/// What an [`Outbox`](crate::Outbox) sends through. Implemented for those two, and not to be implemented for others.
pub trait Reach: sealed::Sealed {}

impl<N: Net> Reach for Io<'_, N> {}
impl<N: Net, T> Reach for Channel<'_, N, T> {}

/// What came of looking for a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sight {
    /// There it was.
    Met,
    /// It is closed.
    Gone,
    /// It cannot be seen from here.
    Unseen,
}

pub mod sealed {
    use super::{Channel, Io, Key, Net, Sight};

    pub trait Sealed {
        type Net: Net;

        fn io(&mut self) -> Io<'_, Self::Net>;

        /// Does something with the channel of this name.
        fn meet(&mut self, key: Key, with: impl FnOnce(&mut Io<'_, Self::Net>)) -> Sight;
    }

    impl<N: Net> Sealed for Io<'_, N> {
        type Net = N;

        fn io(&mut self) -> Io<'_, N> {
            Io { net: self.net, own: self.own, ledger: self.ledger, index: self.index }
        }

        fn meet(&mut self, key: Key, with: impl FnOnce(&mut Io<'_, N>)) -> Sight {
            if key != self.key() {
                return Sight::Unseen;
            }
            if !self.state().is_live() {
                return Sight::Gone;
            }
            with(self);
            Sight::Met
        }
    }

    impl<N: Net, T> Sealed for Channel<'_, N, T> {
        type Net = N;

        fn io(&mut self) -> Io<'_, N> {
            self.io.io()
        }

        fn meet(&mut self, key: Key, with: impl FnOnce(&mut Io<'_, N>)) -> Sight {
            if key == self.key() {
                return self.io.meet(key, with);
            }
            match self.neighbour(key) {
                Ok((_, mut io)) => {
                    with(&mut io);
                    Sight::Met
                }
                Err(_) => Sight::Gone,
            }
        }
    }
}
