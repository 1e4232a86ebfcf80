//! What is written down of a move: all that the loop asked and told, and what came of it, in order.

use std::time::Duration;

use stheno_core::{Error, ErrorKind, Half, Interest, Reason};

/// An error, as far as it matters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Why {
    pub kind: ErrorKind,
    pub code: i32,
}

impl From<Error> for Why {
    fn from(why: Error) -> Self {
        Self { kind: why.kind(), code: why.code() }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Note {
    /// A predicate was asked, and said so.
    Asked(Half, bool),
    /// A handler began.
    Told(Event),
    /// A handler returned, with this error if any.
    Returned(Option<Why>),
    /// An operation of the net.
    Io(Op, Outcome),
    /// What a handler or the program did beside I/O.
    Did(Deed),
    /// The backend was asked for this, and took it or not.
    Registered(Interest, bool),
    Reregistered(Interest, bool),
    Deregistered(bool),
    /// The channel's socket was closed.
    Closed,
    Waited(Option<Duration>),
    /// The program has done what it does between turns.
    Turn,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    Connect,
    Accepted,
    Read,
    Write,
    Expt,
    Eof,
    Timeout,
    Error(Why),
    Close(End),
}

/// Why `handle_close` was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    Stream,
    Disconnected(Why),
    Error(Why),
}

impl From<Reason> for End {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::End => Self::Stream,
            Reason::Disconnected(why) => Self::Disconnected(why.into()),
            Reason::Error(why) => Self::Error(why.into()),
            Reason::Drained | Reason::TimedOut => panic!("no loop drains here"),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    Connect,
    Listen,
    Accept,
    Recv,
    RecvFrom,
    RecvUrgent,
    Send,
    Shutdown(Half),
    TakeError,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Ok,
    /// It would block, nobody calls, nothing is there.
    Nothing,
    End,
    Err(Why),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deed {
    Close,
    /// Left it to the trait's own handler.
    LeaveIt,
    /// Changed what a predicate says.
    Say(Half, bool),
    Touch,
    /// Wants nothing to read from now on, or does again.
    Pause(bool),
    /// Asked to be told to read whether or not there is anything.
    ReadAgain,
    SetTimeout,
    ClearTimeout,
    /// Somebody else in the table came or went.
    Other(bool),
}
