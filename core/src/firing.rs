//! Does what the [rules](crate::imply) say: runs a channel's handlers and draws the conclusions.
//!
//! Everything here works on one channel that has been split out of its table. Nothing is registered, closed or freed:
//! that is settled at the end of the turn.

use core::num::NonZeroU32;

use crate::channel::FULL;
use crate::imply::{Outcome, Step, Verdict, steps_of};
use crate::slot::{Allowance, Flags, Mark, NIL, Own};
use crate::stage::Stage;
use crate::trace::{Event, Told, watched};
use crate::{
    Channel, Dispatcher, Eof, Error, ErrorKind, Half, Instant, Interest, Io, Net, Readiness, Reason, Result,
    diagnostics,
};

/// How many deadlines are looked at in a turn unless the program says otherwise.
pub(crate) const DUE: u32 = 1024;

/// How much one channel may do in a turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Callers that one listener accepts.
    pub(crate) accepts: u32,
    /// Reads of a channel that drains what its peer left.
    pub(crate) reads: u32,
    /// Bytes that a channel's own handlers receive, and as many that they send.
    pub(crate) bytes: usize,
    /// Deadlines that have come, and are looked at, where that is set: [`DUE`] of them else.
    pub(crate) timeouts: Option<NonZeroU32>,
}

/// What the channel wants, as its state and its predicates have it now.
pub(crate) fn wanted<S, T, D: Dispatcher<N, T>, N: Net>(own: &Own<S>, dispatcher: &D) -> Interest {
    let stage = own.stage;
    let connecting = stage == Stage::Connecting;
    // With both halves shut the end is awaited, whatever the predicates say.
    if stage == Stage::BothShut {
        return Interest::READ;
    }
    let reads = (connecting || stage.can_read()) && !own.is(Mark::Paused) && dispatcher.readable();
    // Rule 5: while connecting, WRITE is wanted whatever the predicate says. What a quick peer sent by then is told in the
    // same firing, in its order (rule 1).
    let writes = connecting || stage.can_write() && dispatcher.writable();
    let urgent = reads && (connecting || stage.is_open());
    Interest::READ.when(reads) | Interest::PRIORITY.when(urgent) | Interest::WRITE.when(writes)
}

/// Whether the channel wants what a step needs; asks only the predicate in question.
fn wants<T, D: Dispatcher<N, T>, N: Net>(needs: Interest, dispatcher: &D, channel: &Channel<'_, N, T>) -> bool {
    let own = &channel.io.own;
    if needs.is_empty() {
        return true;
    }
    if own.muted().intersects(needs) || own.flags.intersects(Flags::RESTING) {
        return false;
    }
    if needs == Interest::WRITE {
        own.stage.can_write() && dispatcher.writable()
    } else {
        own.stage.can_read() && !own.is(Mark::Paused) && dispatcher.readable()
    }
}

/// Takes every step that the readiness implies.
#[inline]
pub(crate) fn fire<T, D: Dispatcher<N, T>, N: Net>(
    dispatcher: &mut D,
    channel: &mut Channel<'_, N, T>,
    readiness: Readiness,
) {
    channel.io.fires(readiness);
    let bytes = channel.io.ledger.budget.bytes;
    channel.io.ledger.allowance = Allowance { channel: channel.io.index, receive: bytes, send: bytes };
    // What most events are, and what the rules say of it, without asking them: to read, and nothing after that.
    if readiness == Readiness::READABLE && channel.io.own.stage == Stage::Open {
        if channel.io.own.hears() && dispatcher.readable() {
            channel.io.takes(Step::Read);
            handled(channel.io.tells(Event::Read), dispatcher, channel, Step::Read, D::handle_read);
        }
    } else {
        take_steps(dispatcher, channel, readiness);
    }
    channel.io.ledger.allowance.channel = NIL;
}

/// Whether everything is as the backend knows it, so that there is nothing to settle: most often, after an event, nothing has
/// changed but what was moved.
#[inline]
pub(crate) fn is_settled<T, D: Dispatcher<N, T>, N: Net>(dispatcher: &mut D, channel: &mut Channel<'_, N, T>) -> bool {
    let Io { net, own, index, .. } = &mut channel.io;
    if !own.is_plain() || wanted::<_, T, _, N>(own, dispatcher) != own.asked() {
        return false;
    }
    if own.asked().contains(Interest::READ) && own.socket.as_ref().is_some_and(|socket| net.holds(socket)) {
        return false;
    }
    watched(*net, own, *index);
    true
}

#[inline(never)]
fn take_steps<T, D: Dispatcher<N, T>, N: Net>(
    dispatcher: &mut D,
    channel: &mut Channel<'_, N, T>,
    readiness: Readiness,
) {
    let mut stage = channel.io.own.stage;
    let mut left = steps_of(stage, readiness);
    let mut taken = false;
    while let Some(step) = left.next() {
        if (step == Step::Otherwise && taken) || !wants(step.needs(), dispatcher, channel) {
            continue;
        }
        channel.io.takes(step);
        let goes_on = match step {
            Step::Accept => {
                accept(dispatcher, channel);
                return;
            }
            Step::Read => handled(channel.io.tells(Event::Read), dispatcher, channel, step, D::handle_read),
            Step::Write => handled(channel.io.tells(Event::Write), dispatcher, channel, step, D::handle_write),
            Step::Invalid => act(dispatcher, channel, step, Outcome::Failed, Some(&NOT_OPEN)),
            Step::Otherwise => {
                // Only a channel that has nothing left to read may lose its error to the question.
                let unread = channel.io.own.stage.can_read();
                let Some(waiting) = (if unread { Some(None) } else { waiting_error(channel) }) else { return };
                if readiness.contains(Readiness::WRITABLE) {
                    channel.io.own.flags |= Flags::ROOM;
                }
                act(dispatcher, channel, step, Outcome::Done, waiting.as_ref())
            }
            Step::Connect | Step::Expt => match waiting_error(channel) {
                // What is not known decides nothing: readiness that still holds asks again.
                None => return,
                Some(Some(why)) if step == Step::Connect => {
                    act(dispatcher, channel, step, Outcome::Refused, Some(&why.doing("connect")))
                }
                // The question may be answered before everything was read.
                Some(Some(why)) => act(dispatcher, channel, step, Outcome::SendBroken, Some(&why)),
                Some(None) if step == Step::Expt => {
                    handled(channel.io.tells(Event::Expt), dispatcher, channel, step, D::handle_expt)
                }
                Some(None) => act(dispatcher, channel, step, Outcome::Done, None),
            },
        };
        if !goes_on {
            return;
        }
        taken = true;
        // A handler may have changed the state, and with it what is implied.
        if channel.io.own.stage != stage {
            stage = channel.io.own.stage;
            left = steps_of(stage, readiness).after(step);
        }
    }
}

const UNKNOWN: Error = Error::new(ErrorKind::Other, "no reason is known");
const NOT_OPEN: Error = Error::new(ErrorKind::BadDescriptor, "the descriptor is not open").doing("watch");

/// The error that waits in the socket, if any, or why it cannot be asked; nothing at all where the question was
/// interrupted.
fn waiting_error<T, N: Net>(channel: &mut Channel<'_, N, T>) -> Option<Option<Error>> {
    match channel.io.take_error() {
        Err(why) if why.kind() == ErrorKind::Interrupted => None,
        answer => Some(answer.unwrap_or_else(Some)),
    }
}

/// Runs a handler and draws the conclusion from what it and the channel's I/O returned. Says whether to go on.
#[inline]
pub(crate) fn handled<T, D: Dispatcher<N, T>, N: Net>(
    _: Told,
    dispatcher: &mut D,
    channel: &mut Channel<'_, N, T>,
    step: Step,
    handler: impl FnOnce(&mut D, &mut Channel<'_, N, T>) -> Result<()>,
) -> bool {
    if let Err(why) = handler(dispatcher, channel)
        && !failed(dispatcher, channel, step, &why)
    {
        return false;
    }
    latched(dispatcher, channel, step)
}

/// What follows where a handler has failed, unless it only passed on that its own connection broke: apart from
/// [`handled`], as that is made anew for each handler. Says whether to go on.
#[cold]
#[inline(never)]
fn failed<T, D: Dispatcher<N, T>, N: Net>(
    dispatcher: &mut D,
    channel: &mut Channel<'_, N, T>,
    step: Step,
    why: &Error,
) -> bool {
    let own = &channel.io.own;
    let broke = own.flags.intersects(Flags::BROKEN | Flags::SEND_BROKEN) || own.stage == Stage::Draining;
    let passed_on = why.kind() == ErrorKind::Disconnected && broke;
    passed_on || act(dispatcher, channel, step, Outcome::Failed, Some(why))
}

/// Draws the conclusion from what the channel's I/O has found since the last time.
#[inline]
pub(crate) fn latched<T, D: Dispatcher<N, T>, N: Net>(
    dispatcher: &mut D,
    channel: &mut Channel<'_, N, T>,
    step: Step,
) -> bool {
    if channel.io.own.flags.intersects(Flags::ENDED | Flags::BROKEN | Flags::SEND_BROKEN) {
        found(dispatcher, channel, step)
    } else {
        channel.io.own.stage.is_live()
    }
}

/// Draws the conclusion from what was found.
#[cold]
#[inline(never)]
fn found<T, D: Dispatcher<N, T>, N: Net>(dispatcher: &mut D, channel: &mut Channel<'_, N, T>, step: Step) -> bool {
    let flags = &mut channel.io.own.flags;
    let (ended, broken) = (flags.take(Flags::ENDED), flags.take(Flags::BROKEN));
    flags.remove(Flags::SEND_BROKEN);
    let outcome = match () {
        () if broken => Outcome::Disconnected,
        () if ended => Outcome::End,
        () => Outcome::SendBroken,
    };
    let why = channel.io.reason();
    act(dispatcher, channel, step, outcome, Some(&why))
}

/// Does what follows from an outcome. Says whether the next step may be taken.
fn act<T, D: Dispatcher<N, T>, N: Net>(
    dispatcher: &mut D,
    channel: &mut Channel<'_, N, T>,
    step: Step,
    outcome: Outcome,
    why: Option<&Error>,
) -> bool {
    let known = why.unwrap_or(&UNKNOWN);
    match channel.io.concludes(step, outcome) {
        Verdict::GoOn => true,
        Verdict::Stop => false,
        Verdict::Connected => {
            channel.io.own.stage = Stage::Open;
            handled(channel.io.tells(Event::Connect), dispatcher, channel, step, D::handle_connect)
        }
        Verdict::Eof => eof(dispatcher, channel, step),
        Verdict::Close => {
            end(dispatcher, channel, why.map_or(Reason::End, |why| Reason::Disconnected(*why)));
            false
        }
        Verdict::Error => tell(dispatcher, channel, known, false),
        Verdict::ErrorAndClose => tell(dispatcher, channel, known, true),
        Verdict::Drain => {
            channel.io.own.stage = Stage::Draining;
            channel.io.own.aux = known.code().cast_unsigned();
            drain(dispatcher, channel);
            false
        }
        Verdict::Park => {
            channel.io.own.flags |= Flags::PARKED;
            false
        }
        Verdict::Rest => {
            channel.io.rest();
            channel.io.ledger.starved |= known.kind() == ErrorKind::Exhausted;
            if !channel.io.own.flags.intersects(Flags::TOLD) {
                channel.io.own.flags |= Flags::TOLD;
                channel.io.tells(Event::Error(*known));
                // Whatever the handler makes of it, a listener is not closed for want of room (rule 6).
                let _ = dispatcher.handle_error(*known, channel);
            }
            false
        }
    }
}

/// Tells that the peer has finished sending, and closes unless the channel has something left to send by.
fn eof<T, D: Dispatcher<N, T>, N: Net>(dispatcher: &mut D, channel: &mut Channel<'_, N, T>, step: Step) -> bool {
    channel.io.own.stage = channel.io.own.stage.shut(Half::Read);
    let mut answer = Eof::KeepSending;
    let goes_on = handled(channel.io.tells(Event::Eof), dispatcher, channel, step, |dispatcher, channel| {
        answer = dispatcher.handle_eof(channel)?;
        Ok(())
    });
    if goes_on && (answer == Eof::Close || !channel.io.own.stage.can_write()) {
        end(dispatcher, channel, Reason::End);
        return false;
    }
    goes_on
}

/// The backend cannot watch the channel as it wants to be watched.
pub(crate) fn unwatched<T, D: Dispatcher<N, T>, N: Net>(
    dispatcher: &mut D,
    channel: &mut Channel<'_, N, T>,
    why: Error,
) {
    let own = &channel.io.own;
    let comes_back = own.stage == Stage::Listening && own.flags.intersects(Flags::TOLD) && !own.asked().is_empty();
    if comes_back && matches!(why.kind(), ErrorKind::Full | ErrorKind::Exhausted) {
        // It has rested, and there is still not enough to go on with: it was told so, and is not closed for it (rule 6).
        channel.io.rest();
        channel.io.ledger.starved = true;
    } else {
        tell(dispatcher, channel, &why, true);
    }
}

/// Tells an error, and the close that follows from it. Says whether the channel goes on.
pub(crate) fn tell<T, D: Dispatcher<N, T>, N: Net>(
    dispatcher: &mut D,
    channel: &mut Channel<'_, N, T>,
    why: &Error,
    fatal: bool,
) -> bool {
    channel.io.tells(Event::Error(*why));
    let why = match dispatcher.handle_error(*why, channel) {
        Ok(()) if !fatal => return channel.io.own.stage.is_live(),
        Ok(()) => *why,
        Err(why) => why,
    };
    end(dispatcher, channel, Reason::Error(why));
    false
}

/// Ends a channel that the program has not closed itself: tells it once, and nothing after that (rule 2).
pub(crate) fn end<T, D: Dispatcher<N, T>, N: Net>(dispatcher: &mut D, channel: &mut Channel<'_, N, T>, reason: Reason) {
    if !channel.io.own.stage.is_live() {
        return;
    }
    channel.io.close();
    channel.io.tells(Event::Close(reason));
    if let Err(why) = dispatcher.handle_close(reason, channel) {
        diagnostics::failed(channel.key(), "handle_close failed", &why);
    }
}

/// Reads what the peer sent before the sending half broke, then closes (rule 3). What the budget does not cover is left
/// for the next turn.
pub(crate) fn drain<T, D: Dispatcher<N, T>, N: Net>(dispatcher: &mut D, channel: &mut Channel<'_, N, T>) {
    let reason = Reason::Disconnected(channel.io.reason());
    // Nothing more may mean nothing else than that.
    channel.io.ledger.allowance = Allowance::NONE;
    for _ in 0..channel.io.ledger.budget.reads {
        if channel.io.is_paused() {
            return;
        }
        if !wants(Interest::READ, dispatcher, channel) {
            return end(dispatcher, channel, reason);
        }
        channel.io.own.flags.remove(Flags::RECEIVED);
        if !handled(channel.io.tells(Event::Read), dispatcher, channel, Step::Read, D::handle_read) {
            return;
        }
        if !channel.io.own.flags.take(Flags::RECEIVED) {
            return end(dispatcher, channel, reason);
        }
    }
}

/// Accepts callers while there are any, the budget lasts, and the listener wants them.
fn accept<T, D: Dispatcher<N, T>, N: Net>(dispatcher: &mut D, channel: &mut Channel<'_, N, T>) {
    let waits = channel.io.ledger.waits;
    if waits.wrapping_sub(core::mem::replace(&mut channel.io.own.aux, waits)) > 1 {
        // The wait before this one found nobody: who calls now has not been waiting for room.
        channel.io.own.flags.remove(Flags::TOLD);
    }
    for accepted in 0..channel.io.ledger.budget.accepts {
        if !wants(Interest::READ, dispatcher, channel) {
            return;
        }
        if channel.io.ledger.vacancies == 0 {
            // A table that can grow does so before the next turn; callers keep in line until then. After the first one
            // it is not known whether there are more: readiness that still holds is reported again.
            if channel.io.ledger.bounded && accepted == 0 {
                act(dispatcher, channel, Step::Accept, Outcome::Exhausted, Some(&FULL.doing("accept")));
            }
            return;
        }
        channel.io.own.flags.remove(Flags::ACCEPTED | Flags::EXHAUSTED);
        channel.io.tells(Event::Accept);
        let returned = dispatcher.handle_accept(channel);
        // What the handler lacks for its guest is what the listener lacks, whether or not the accept itself found out.
        let starved = returned.err().filter(|why| match why.kind() {
            ErrorKind::Exhausted => true,
            ErrorKind::Full => channel.io.ledger.vacancies == 0,
            _ => false,
        });
        let exhausted = channel.io.own.flags.intersects(Flags::EXHAUSTED);
        if exhausted && accepted > 0 {
            // Not known either: systems look for a descriptor first, and for a caller then.
            return;
        }
        if exhausted || starved.is_some() {
            let why = starved.unwrap_or(Error::new(ErrorKind::Exhausted, "no resources to accept with"));
            act(dispatcher, channel, Step::Accept, Outcome::Exhausted, Some(&why));
            return;
        }
        if let Some(why) = returned.err()
            && !act(dispatcher, channel, Step::Accept, Outcome::Failed, Some(&why))
        {
            return;
        }
        if !channel.io.own.flags.intersects(Flags::ACCEPTED) {
            break;
        }
    }
    channel.io.own.flags.remove(Flags::TOLD);
}

/// Tells a channel that its time has come.
pub(crate) fn time_out<T, D: Dispatcher<N, T>, N: Net>(dispatcher: &mut D, channel: &mut Channel<'_, N, T>) {
    let index = channel.io.index;
    channel.io.ledger.due = core::mem::replace(&mut channel.io.own.filing.deadline, Instant::NEVER);
    channel.io.ledger.timing = index;
    channel.io.ledger.touch(channel.io.own, index);
    handled(channel.io.tells(Event::Timeout), dispatcher, channel, Step::Read, D::handle_timeout);
    channel.io.ledger.timing = NIL;
}

/// Serves a channel that has something to read which the backend does not know of.
pub(crate) fn serve_held<T, D: Dispatcher<N, T>, N: Net>(dispatcher: &mut D, channel: &mut Channel<'_, N, T>) {
    let reads = channel.io.own.stage.is_open() || channel.io.own.stage == Stage::Datagram;
    if reads && wants(Interest::READ, dispatcher, channel) {
        channel.io.own.set(Mark::Held, false);
        fire(dispatcher, channel, Readiness::READABLE);
    }
}

/// Ends a channel of a loop that drains, unless something waits to be sent, or it stays to the last.
pub(crate) fn drained<T, D: Dispatcher<N, T>, N: Net>(dispatcher: &mut D, channel: &mut Channel<'_, N, T>) {
    let own = &channel.io.own;
    let sends = match own.stage {
        Stage::Listening | Stage::Idle | Stage::Timer => false,
        Stage::Draining => true,
        Stage::Connecting => dispatcher.writable(),
        stage => stage.can_write() && !own.muted().intersects(Interest::WRITE) && dispatcher.writable(),
    };
    if !sends && !dispatcher.stays() {
        end(dispatcher, channel, Reason::Drained);
    }
}
