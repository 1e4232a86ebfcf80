//! The states of a channel.

use crate::Half;

/// Which halves of an open channel are shut.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Shut {
    /// Both directions are open.
    Neither,
    /// Nothing is received any more.
    Read,
    /// Nothing is sent any more.
    Write,
    /// Only the end is awaited.
    Both,
}

/// Where a channel is in its life.
///
/// ```text
///          connect             handle_connect
///   Idle ──────────▶ Connecting ────────────▶ Open ──┬─▶ Draining ─┐
///     └── listen ──▶ Listening ──────────────────────┴─────────────┴─▶ Closing ─▶ Closed
///     └── bind ────▶ Datagram ─────────────────────────────────────────┤
///                    Timer ────────────────────────────────────────────┘
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum State {
    /// Created, neither connected nor listening. Not watched: systems call such a socket hung up.
    Idle,
    /// A connection attempt is under way.
    Connecting,
    /// Connected, or a descriptor that needs no connection; either half may be shut.
    Open(Shut),
    /// The sending half broke. What the peer sent before is read, then the channel is closed.
    Draining,
    /// Messages with borders, connected or not.
    Datagram,
    /// Callers wait in line.
    Listening,
    /// A deadline and no socket. Over when nothing is set any more.
    Timer,
    /// Closed by the program, or told of its end; the socket goes when the turn is settled.
    Closing,
    /// Nobody: the slot is vacant.
    Closed,
}

impl State {
    /// Open in both directions.
    pub const OPEN: Self = Self::Open(Shut::Neither);

    /// Whether events can still come: neither closing nor closed.
    pub const fn is_live(self) -> bool {
        !matches!(self, Self::Closing | Self::Closed)
    }

    /// Whether something can be received or a caller accepted, once it is there.
    pub const fn can_read(self) -> bool {
        matches!(self, Self::Open(Shut::Neither | Shut::Write) | Self::Draining | Self::Datagram | Self::Listening)
    }

    /// Whether something can be sent, once there is room.
    pub const fn can_write(self) -> bool {
        matches!(self, Self::Open(Shut::Neither | Shut::Read) | Self::Datagram)
    }

    /// The state after one half was shut; only an open channel has halves.
    #[must_use]
    pub const fn shut(self, half: Half) -> Self {
        match (self, half) {
            (Self::Open(Shut::Neither | Shut::Read), Half::Read) => Self::Open(Shut::Read),
            (Self::Open(Shut::Neither | Shut::Write), Half::Write) => Self::Open(Shut::Write),
            (Self::Open(_), _) => Self::Open(Shut::Both),
            (other, _) => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_shut_one_by_one() {
        let open = State::OPEN;
        assert_eq!(open.shut(Half::Read), State::Open(Shut::Read));
        assert_eq!(open.shut(Half::Write), State::Open(Shut::Write));
        assert_eq!(open.shut(Half::Read).shut(Half::Read), State::Open(Shut::Read));
        assert_eq!(open.shut(Half::Read).shut(Half::Write), State::Open(Shut::Both));
        assert_eq!(open.shut(Half::Write).shut(Half::Read), State::Open(Shut::Both));
        assert_eq!(State::Open(Shut::Both).shut(Half::Write), State::Open(Shut::Both));
        assert_eq!(State::Listening.shut(Half::Write), State::Listening);
    }

    #[test]
    fn a_state_is_one_byte() {
        assert_eq!(core::mem::size_of::<State>(), 1);
    }
}
