//! What the net knows of each socket of the stack.

use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::{self, State};
use smoltcp::time::Duration;
use smoltcp::wire::IpEndpoint;
use stheno_core::{Interest, Key, Readiness};

use crate::errno::Errno;

/// A socket: the number of a place in the stack, and how often that was used before.
///
/// Dropping it closes nothing, [`Net::close`](stheno_core::Net::close) does. One that is stale is an error (`BadDescriptor`),
/// never somebody else's socket.
#[derive(PartialEq, Eq, Hash, Debug)]
pub struct Socket {
    pub(crate) place: usize,
    pub(crate) generation: u32,
}

/// What a place is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// Nobody's.
    Vacant,
    /// Neither connected nor listening.
    Fresh,
    /// Callers come here; so many may wait, and one more.
    Listener { backlog: u32 },
    /// Beside a listener, for the next one who calls.
    Line { listener: usize },
    /// On the way.
    Connecting,
    /// A connection, or what is left of it.
    Stream,
    /// Closed by the program; the stack brings it to its end.
    Orphan,
}

/// A place: a socket of the stack, and what the stack does not remember.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// None where the stack has fewer sockets than there are places.
    pub(crate) handle: Option<SocketHandle>,
    pub(crate) generation: u32,
    pub(crate) role: Role,
    /// The address that the program bound it to, or where it listens.
    pub(crate) door: Option<IpEndpoint>,
    /// The connection's ends.
    pub(crate) here: Option<IpEndpoint>,
    pub(crate) peer: Option<IpEndpoint>,
    pub(crate) watched: Option<(Key, Interest)>,
    /// When somebody called, in numbers; 0 while nobody has.
    pub(crate) called: u32,
    /// What the stack's socket was like when it was last looked at.
    pub(crate) was: State,
    pub(crate) error: Option<Errno>,
    /// The peer sends no more.
    pub(crate) ended: bool,
    /// The halves that the program has shut: reading, writing.
    pub(crate) shut: (bool, bool),
    pub(crate) reuse: bool,
    /// How long its peers may be silent, as the program set it for the socket.
    pub(crate) patience: Option<Duration>,
}

impl Place {
    pub(crate) const NONE: Self = Self {
        handle: None,
        generation: 0,
        role: Role::Vacant,
        door: None,
        here: None,
        peer: None,
        watched: None,
        called: 0,
        was: State::Closed,
        error: None,
        ended: false,
        shut: (false, false),
        reuse: false,
        patience: None,
    };

    /// The same place, for something else.
    pub(crate) const fn renewed(&self, role: Role) -> Self {
        let generation = self.generation.wrapping_add(1);
        Self { handle: self.handle, generation, role, was: self.was, patience: self.patience, ..Self::NONE }
    }

    /// Whether a connection is here that can be accepted, or was.
    pub(crate) fn is_caller(&self) -> bool {
        self.called > 0 && !matches!(self.was, State::Listen | State::SynReceived)
    }

    /// Takes note of what has become of the stack's socket. `number` is for whoever calls now; whether it was used.
    pub(crate) fn notices(&mut self, socket: &tcp::Socket<'_>, number: u32) -> bool {
        let now = socket.state();
        let before = core::mem::replace(&mut self.was, now);
        let called = self.called == 0
            && matches!(self.role, Role::Listener { .. } | Role::Line { .. })
            && !matches!(now, State::Closed | State::Listen);
        if called {
            self.called = number;
        } else if now == State::Listen {
            // Who called thought better of it before the connection stood.
            self.called = 0;
        }
        // With a reset the stack forgets who was where.
        if let (Some(here), Some(peer)) = (socket.local_endpoint(), socket.remote_endpoint())
            && self.is_ours()
        {
            (self.here, self.peer) = (Some(here), Some(peer));
        }
        self.ended |= matches!(now, State::CloseWait | State::LastAck | State::Closing | State::TimeWait);
        match (self.role, now) {
            (Role::Connecting, State::SynSent | State::SynReceived) => {}
            (Role::Connecting, State::Closed) => {
                (self.role, self.error, self.peer) = (Role::Stream, Some(Errno::Refused), None);
            }
            (Role::Connecting, _) => self.role = Role::Stream,
            (_, State::Closed) if before != State::Closed && self.is_ours() => {
                self.error = match before {
                    State::LastAck | State::Closing | State::TimeWait | State::Listen => None,
                    State::CloseWait => Some(Errno::Pipe),
                    _ => Some(Errno::Reset),
                };
            }
            _ => {}
        }
        called
    }

    /// Whether the program has it, or will.
    const fn is_ours(&self) -> bool {
        !matches!(self.role, Role::Vacant | Role::Fresh | Role::Orphan)
    }

    /// Whether the connection is over, by whatever end.
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.was, State::Closed | State::TimeWait)
    }

    /// What a system would say of it, of all that there is to be said. Of a listener, whether anybody waits.
    pub(crate) fn readiness(&self, socket: &tcp::Socket<'_>, waiting: bool) -> Readiness {
        match self.role {
            Role::Vacant | Role::Line { .. } | Role::Connecting | Role::Orphan => Readiness::NONE,
            Role::Fresh => Readiness::WRITABLE | Readiness::HANGUP,
            Role::Listener { .. } => Readiness::READABLE.when(waiting),
            Role::Stream => {
                let deaf = self.ended || self.shut.0 || self.is_over();
                let dumb = self.shut.1 || self.is_over();
                Readiness::READABLE.when(deaf || socket.can_recv())
                    | Readiness::WRITABLE.when(dumb || socket.can_send())
                    | Readiness::HANGUP.when(deaf && dumb)
                    | Readiness::ERROR.when(self.error.is_some())
            }
        }
    }
}
