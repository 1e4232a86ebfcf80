//! A channel's state as the loop keeps it: a number, so that what is asked of it for each event is a look at one bit.

use crate::{Half, Shut, State};

/// A [`State`] without layers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Stage {
    Open,
    /// Nothing more is read.
    ReadShut,
    /// Nothing more is written.
    WriteShut,
    BothShut,
    Idle,
    Connecting,
    Draining,
    Datagram,
    Listening,
    Timer,
    Closing,
    Closed,
}

impl Stage {
    pub(crate) const fn of(state: State) -> Self {
        match state {
            State::Open(Shut::Neither) => Self::Open,
            State::Open(Shut::Read) => Self::ReadShut,
            State::Open(Shut::Write) => Self::WriteShut,
            State::Open(Shut::Both) => Self::BothShut,
            State::Idle => Self::Idle,
            State::Connecting => Self::Connecting,
            State::Draining => Self::Draining,
            State::Datagram => Self::Datagram,
            State::Listening => Self::Listening,
            State::Timer => Self::Timer,
            State::Closing => Self::Closing,
            State::Closed => Self::Closed,
        }
    }

    pub(crate) const fn state(self) -> State {
        match self {
            Self::Open => State::Open(Shut::Neither),
            Self::ReadShut => State::Open(Shut::Read),
            Self::WriteShut => State::Open(Shut::Write),
            Self::BothShut => State::Open(Shut::Both),
            Self::Idle => State::Idle,
            Self::Connecting => State::Connecting,
            Self::Draining => State::Draining,
            Self::Datagram => State::Datagram,
            Self::Listening => State::Listening,
            Self::Timer => State::Timer,
            Self::Closing => State::Closing,
            Self::Closed => State::Closed,
        }
    }

    const fn is_one_of(self, stages: u16) -> bool {
        stages >> self as u8 & 1 != 0
    }

    /// See [`State::is_live`].
    pub(crate) const fn is_live(self) -> bool {
        (self as u8) < Self::Closing as u8
    }

    /// Whether it has a descriptor of which something can be told.
    pub(crate) const fn is_watched(self) -> bool {
        !matches!(self, Self::Idle | Self::Timer | Self::Closing | Self::Closed)
    }

    /// See [`State::can_read`].
    pub(crate) const fn can_read(self) -> bool {
        self.is_one_of(RECEIVES | 1 << Self::Listening as u8)
    }

    /// Whether something can be received, once it is there.
    pub(crate) const fn can_receive(self) -> bool {
        self.is_one_of(RECEIVES)
    }

    /// See [`State::can_write`].
    pub(crate) const fn can_write(self) -> bool {
        self.is_one_of(1 << Self::Open as u8 | 1 << Self::ReadShut as u8 | 1 << Self::Datagram as u8)
    }

    /// Whether it is a stream over a connection, at whichever end of its life.
    pub(crate) const fn is_open(self) -> bool {
        self as u8 <= Self::BothShut as u8
    }

    pub(crate) const fn shut(self, half: Half) -> Self {
        Self::of(self.state().shut(half))
    }
}

const RECEIVES: u16 =
    1 << Stage::Open as u8 | 1 << Stage::WriteShut as u8 | 1 << Stage::Draining as u8 | 1 << Stage::Datagram as u8;

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [State; 12] = [
        State::OPEN,
        State::Open(Shut::Read),
        State::Open(Shut::Write),
        State::Open(Shut::Both),
        State::Idle,
        State::Connecting,
        State::Draining,
        State::Datagram,
        State::Listening,
        State::Timer,
        State::Closing,
        State::Closed,
    ];

    #[test]
    fn is_what_the_state_is() {
        for (number, state) in (0..).zip(ALL) {
            let stage = Stage::of(state);
            assert_eq!((stage as u8, stage.state()), (number, state));
            let is = (stage.is_live(), stage.can_read(), stage.can_write());
            assert_eq!(is, (state.is_live(), state.can_read(), state.can_write()), "{state:?}");
            let open = matches!(state, State::Open(_));
            assert_eq!(stage.is_open(), open);
            assert_eq!(stage.can_receive(), state.can_read() && state != State::Listening);
            for half in [Half::Read, Half::Write] {
                assert_eq!(stage.shut(half).state(), state.shut(half));
            }
        }
    }
}
