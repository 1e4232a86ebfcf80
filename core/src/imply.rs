//! The rules: what readiness implies, and what follows from what came of it.
//!
//! Two pure functions hold all of it. [`steps`] says what a channel in some [`State`] should try, in order, when some
//! [`Readiness`] was reported of it. [`conclude`] says what follows from the [`Outcome`] of a step. The loop does what
//! they say and decides nothing by itself; a program with a loop of its own may do the same.
//!
//! The rules of the design that stand here: order (1), at most one close (2), nothing is lost (3), connect is always told
//! (5), silence is free (6), one bad channel harms itself alone (7).
//!
//! The machine that they and the loop make of one channel has been explored to its fixpoint, over a net and a backend that
//! fail in every way, and with handlers that do whatever a handler may: 1,550 states, in 22,009,115 moves of which each
//! leaves its plain course at two places at the most (`make explore`, which asserts these numbers).

use core::fmt;

use crate::stage::Stage;
use crate::{Interest, Readiness, State};

/// One thing to try on a channel whose readiness was reported.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Step {
    /// The descriptor is not open: an error, then close.
    Invalid = 1,
    /// The connection attempt has ended; `SO_ERROR` says how.
    Connect = 1 << 1,
    /// Callers wait: `handle_accept`, once for each within the budget.
    Accept = 1 << 2,
    /// `handle_read`.
    Read = 1 << 3,
    /// `handle_write`.
    Write = 1 << 4,
    /// Urgent data, or an error that `SO_ERROR` tells: `handle_expt` or close.
    Expt = 1 << 5,
    /// Nothing else wanted to know: the end of a channel that can no longer read is close; any other waits, out of the
    /// backend's set, until its interest changes.
    Otherwise = 1 << 6,
}

impl Step {
    /// What the channel must want, at the moment of the step, for the step to be taken.
    pub const fn needs(self) -> Interest {
        match self {
            Self::Accept | Self::Read => Interest::READ,
            Self::Write => Interest::WRITE,
            Self::Expt => Interest::PRIORITY,
            Self::Invalid | Self::Connect | Self::Otherwise => Interest::NONE,
        }
    }

    /// In the order of their bits.
    const ALL: [Self; 7] =
        [Self::Invalid, Self::Connect, Self::Accept, Self::Read, Self::Write, Self::Expt, Self::Otherwise];
}

/// Steps in the order in which they are to be taken (rule 1: connect, read, write, expt, then close).
///
/// ```
/// use stheno_core::imply::{steps, Step};
/// use stheno_core::{Readiness, State};
/// let hung_up = steps(State::OPEN, Readiness::WRITABLE | Readiness::HANGUP);
/// assert!(hung_up.eq([Step::Read, Step::Write, Step::Otherwise]));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Steps(u8);

impl Steps {
    /// Nothing to do.
    pub const NONE: Self = Self(0);

    const fn and(self, step: Step, condition: bool) -> Self {
        if condition { Self(self.0 | step as u8) } else { self }
    }

    const fn without(self, step: Step) -> Self {
        Self(self.0 & !(step as u8))
    }

    const fn has(self, step: Step) -> bool {
        self.0 & step as u8 != 0
    }

    /// Whether there is nothing to do.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// These steps without those that stand before `done` or are it.
    #[must_use]
    pub const fn after(self, done: Step) -> Self {
        Self(self.0 & !(done as u8 | (done as u8 - 1)))
    }
}

impl Iterator for Steps {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let step = Step::ALL.get(self.0.trailing_zeros() as usize).copied()?;
        self.0 &= !(step as u8);
        Some(step)
    }
}

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

/// What readiness implies for a channel in this state: the steps to try, in order.
///
/// Each step is to be taken only if the channel still lives and, at that moment, wants what the step
/// [needs](Step::needs). [`Step::Otherwise`] is for when none before it was taken.
#[inline]
pub const fn steps(state: State, readiness: Readiness) -> Steps {
    steps_of(Stage::of(state), readiness)
}

pub(crate) const fn steps_of(stage: Stage, readiness: Readiness) -> Steps {
    let nothing = Steps::NONE;
    let bits = readiness.bits() as usize;
    // The bits of INVALID are the ones past the table.
    if bits >= IMPLIED.len() {
        return nothing.and(Step::Invalid, stage.is_watched());
    }
    let implied = IMPLIED[bits];
    match stage {
        Stage::Connecting => nothing.and(Step::Connect, bits != 0),
        Stage::Listening => {
            nothing.and(Step::Accept, implied.has(Step::Read)).and(Step::Otherwise, implied.has(Step::Otherwise))
        }
        // Only the end is awaited. A backend that cannot tell a hang-up from data says READABLE of it (B6).
        Stage::BothShut => nothing.and(Step::Otherwise, implied.has(Step::Read)),
        // An error that waits in a datagram socket is told by the operation that meets it: not every backend knows of it
        // before (rule 10).
        _ => Steps(implied.0 & POSSIBLE[stage as usize].0),
    }
}

/// The steps that a channel can take in each stage, as far as they are those of [`IMPLIED`].
const POSSIBLE: [Steps; Stage::Closed as usize + 1] = {
    let all = Steps(u8::MAX);
    let mut possible = [Steps::NONE; Stage::Closed as usize + 1];
    possible[Stage::Open as usize] = all;
    possible[Stage::Datagram as usize] = all;
    possible[Stage::ReadShut as usize] = all.without(Step::Read).without(Step::Expt);
    possible[Stage::WriteShut as usize] = all.without(Step::Write);
    possible[Stage::Draining as usize] = Steps(Step::Read as u8);
    possible
};

/// What each readiness implies for a channel that can do everything. As a table, since this is asked for each event.
const IMPLIED: [Steps; Readiness::INVALID.bits() as usize] = {
    let mut all = [Steps::NONE; Readiness::INVALID.bits() as usize];
    let mut bits = 0;
    while bits < all.len() {
        all[bits] = implied(Readiness::from_bits_truncate(bits as u8));
        bits += 1;
    }
    all
};

const fn implied(readiness: Readiness) -> Steps {
    // A hang-up or an error shows itself to whoever reads: everything the peer sent first comes first (rule 3).
    let over = readiness.intersects(Readiness::ERROR.union(Readiness::HANGUP));
    let readable = over || readiness.contains(Readiness::READABLE);
    // It is for whoever writes only where nobody was to read: a backend that was asked for WRITE says WRITABLE (B6), and
    // one that cannot tell a hang-up by itself leads to the same steps (rule 10).
    let unheard = over && !readiness.contains(Readiness::READABLE);
    let writable = unheard || readiness.contains(Readiness::WRITABLE);
    Steps::NONE
        .and(Step::Read, readable)
        .and(Step::Write, writable)
        .and(Step::Expt, readiness.contains(Readiness::PRIORITY))
        .and(Step::Otherwise, over)
}

/// What came of a step: what the channel's own I/O returned while its handler ran, and what the handler returned.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Outcome {
    /// Nothing out of the ordinary.
    Done,
    /// A receive found the end of the peer's stream.
    End,
    /// A receive found the connection over, which it does only behind everything that the peer sent.
    Disconnected,
    /// A send, or anything else but a receive, found the connection over. What the peer sent before may still be unread.
    SendBroken,
    /// The connection attempt failed.
    Refused,
    /// The handler failed, or the network in a way that is not the end of the connection.
    Failed,
    /// An accept lacked descriptors, memory, or a place in the table.
    Exhausted,
}

/// What follows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Verdict {
    /// On to the next step.
    GoOn,
    /// No further step this time; readiness that still holds is reported again.
    Stop,
    /// The channel is connected now: `handle_connect`, then whatever the readiness implies for an open channel.
    Connected,
    /// `handle_eof`, which says whether to go on sending; else, and with nothing left to send by, `handle_close`.
    Eof,
    /// `handle_close`, and nothing after it.
    Close,
    /// `handle_error`; if that does not take it upon itself, then `handle_close`.
    Error,
    /// `handle_error`, then `handle_close` in any case.
    ErrorAndClose,
    /// Read what the peer sent before, then `handle_close`.
    Drain,
    /// Out of the backend's set until the interest changes.
    Park,
    /// The listener rests until there is room: `handle_error` once, and it is never closed for it.
    Rest,
}

/// What follows from the outcome of a step on a channel that was, and still is, in this state.
///
/// A step on a channel that was closed in the meantime has no consequence: [`Verdict::Stop`].
pub const fn conclude(state: State, step: Step, outcome: Outcome) -> Verdict {
    conclude_of(Stage::of(state), step, outcome)
}

/// In the order of their precedence; as a match over all three it would be a good deal more code.
pub(crate) const fn conclude_of(stage: Stage, step: Step, outcome: Outcome) -> Verdict {
    let failed = matches!(outcome, Outcome::Failed | Outcome::Exhausted);
    match stage {
        Stage::Idle | Stage::Timer if matches!(outcome, Outcome::Failed) => return Verdict::Error,
        Stage::Idle | Stage::Timer | Stage::Closing | Stage::Closed => return Verdict::Stop,
        _ => {}
    }
    if matches!(step, Step::Invalid) {
        return Verdict::ErrorAndClose;
    }
    // Rule 5: completion is judged by SO_ERROR, a refusal is an error and then close.
    if matches!((stage, step), (Stage::Connecting, Step::Connect)) {
        return if matches!(outcome, Outcome::Done) { Verdict::Connected } else { Verdict::ErrorAndClose };
    }
    if matches!((stage, outcome), (Stage::Listening, Outcome::Exhausted)) {
        return Verdict::Rest;
    }
    if matches!(step, Step::Otherwise) {
        return if matches!(stage, Stage::ReadShut | Stage::BothShut) { Verdict::Close } else { Verdict::Park };
    }
    if matches!(outcome, Outcome::Done) {
        return Verdict::GoOn;
    }
    // A datagram socket has no connection to lose: ICMP is an error and harms nothing (rule 7).
    if matches!(stage, Stage::Datagram | Stage::Listening) {
        return if matches!(outcome, Outcome::End) { Verdict::GoOn } else { Verdict::Error };
    }
    // A handler that fails meanwhile (a timeout) says nothing of the attempt.
    if matches!(stage, Stage::Connecting) && !failed {
        return Verdict::ErrorAndClose;
    }
    match outcome {
        _ if failed => Verdict::Error,
        // The peer has finished sending, and may still be receiving: also where the reading half was shut once that was found.
        Outcome::End if stage.is_open() => Verdict::Eof,
        // Rule 3: what came before is read first, if there is still a half to read from.
        Outcome::SendBroken if matches!(stage, Stage::Open | Stage::WriteShut) => Verdict::Drain,
        Outcome::SendBroken if matches!(stage, Stage::Draining) => Verdict::GoOn,
        _ => Verdict::Close,
    }
}

#[cfg(test)]
mod tests;
