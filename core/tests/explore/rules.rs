//! The rules, each by itself, held against the notes of a move. Nothing is foretold here: what stands in the notes must not
//! break a rule, whatever a [`Model`] makes of it.

use stheno_core::{ErrorKind, Half, Interest, Readiness, Shut, State};

use crate::judge::{ACCEPTS, Reported};
use crate::model::Model;
use crate::notes::{Deed, End, Event, Note, Op, Outcome, Why};

pub fn hold(before: &Model, notes: &[Note], after: &Model, reported: Reported) {
    in_order(before, notes);
    closed_once(before, notes, after);
    attempts_are_told(before, notes);
    nothing_is_lost(before, notes);
    predicates_are_asked(notes);
    failures_are_told(before, notes);
    bounded(notes);
    if let Reported::Readiness(readiness) = reported {
        connect_is_told(before, notes, readiness);
        nobody_spins(before, notes, after, readiness);
    }
}

fn told(notes: &[Note]) -> impl DoubleEndedIterator<Item = (usize, Event)> {
    notes.iter().enumerate().filter_map(|(at, note)| match note {
        Note::Told(event) => Some((at, *event)),
        _ => None,
    })
}

fn is_disconnected(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Err(Why { kind: ErrorKind::Disconnected, .. }))
}

/// Rule 1. What is read after something broke comes out of its order, for it must come before the close.
fn in_order(before: &Model, notes: &[Note]) {
    let mut last = 0;
    let mut drains = before.state == State::Draining;
    for note in notes {
        match note {
            Note::Io(Op::TakeError, Outcome::Err(_)) => drains = true,
            Note::Io(op, outcome) if *op != Op::Recv && is_disconnected(*outcome) => drains = true,
            Note::Told(event) => {
                let place = match event {
                    Event::Connect => 1,
                    Event::Accepted | Event::Read => 2,
                    Event::Write => 3,
                    Event::Expt => 4,
                    Event::Close(_) => 5,
                    Event::Eof | Event::Timeout | Event::Error(_) => last,
                };
                assert!(place >= last || drains, "rule 1: {event:?} came too late");
                last = place;
            }
            _ => {}
        }
    }
}

/// Rule 2, and B1: no registration outlives its socket.
fn closed_once(before: &Model, notes: &[Note], after: &Model) {
    let mut ended = false;
    let mut watched = !before.watched.is_empty();
    let mut closed = false;
    for note in notes {
        match note {
            Note::Told(event) => {
                assert!(!ended, "rule 2: {event:?} was told after the end");
                ended = matches!(event, Event::Close(_));
            }
            Note::Did(Deed::Close) => ended = true,
            Note::Io(op, _) => assert!(!ended, "rule 2: {op:?} after the end"),
            Note::Registered(_, done) => {
                assert!(!ended && !watched);
                watched = *done;
            }
            Note::Reregistered(..) => assert!(!ended && watched),
            Note::Deregistered(_) => watched = false,
            Note::Closed => {
                assert!(ended && !watched && !closed, "closed once, after it was told and deregistered");
                closed = true;
            }
            _ => {}
        }
    }
    assert_eq!((ended, ended), (closed, after.state == State::Closed), "who has ended is closed in the same turn");
}

/// Rule 5: a connection is told once, and an attempt that has ended otherwise is an error before it is a close.
fn attempts_are_told(before: &Model, notes: &[Note]) {
    let connecting = before.state == State::Connecting;
    let connects = told(notes).filter(|(_, event)| *event == Event::Connect).count();
    assert!(connects <= usize::from(connecting), "rule 5: connect was told {connects} times in {:?}", before.state);
    let Some((close, _)) = told(notes).find(|(_, event)| matches!(event, Event::Close(_))) else { return };
    let how = told(&notes[..close]).any(|(_, event)| matches!(event, Event::Connect | Event::Error(_)));
    assert!(how || !connecting, "rule 5: closed, and nobody was told how the attempt had ended");
}

/// Rule 3: before a close that is not for an error somebody looked, and found nothing more.
fn nothing_is_lost(before: &Model, notes: &[Note]) {
    let Some((end, Event::Close(End::Stream | End::Disconnected(_)))) = told(notes).next_back() else { return };
    let (mut deaf, mut unhandled, mut reads, mut looked) = (
        matches!(before.state, State::Open(Shut::Read | Shut::Both)),
        before.unhandled.intersects(Interest::READ),
        before.reads,
        false,
    );
    let mut event = None;
    for note in &notes[..end] {
        match note {
            Note::Told(told) => {
                event = Some(*told);
                looked |= *told == Event::Read;
            }
            Note::Io(Op::Recv, Outcome::Ok) => looked = false,
            Note::Io(Op::Recv | Op::RecvFrom, _) => looked = true,
            Note::Io(Op::Shutdown(Half::Read), Outcome::Ok) => deaf = true,
            Note::Did(Deed::LeaveIt) => unhandled |= event == Some(Event::Read),
            Note::Did(Deed::Touch) => unhandled = false,
            Note::Did(Deed::Say(Half::Read, says)) => reads = *says,
            _ => {}
        }
    }
    assert!(deaf || unhandled || !reads || looked, "rule 3: closed, and nobody looked whether something was left");
}

/// Rule 1: the predicate is asked before each step, and nothing happens in between.
fn predicates_are_asked(notes: &[Note]) {
    for (at, note) in notes.iter().enumerate() {
        let half = match note {
            Note::Told(Event::Read) | Note::Io(Op::Accept, _) => Half::Read,
            Note::Told(Event::Write) => Half::Write,
            _ => continue,
        };
        let asked = notes[..at].iter().rev().map_while(|note| match note {
            Note::Asked(asked, says) => Some((*asked, *says)),
            _ => None,
        });
        let said = asked.into_iter().find(|(asked, _)| *asked == half);
        assert_eq!(said, Some((half, true)), "rule 1: {note:?} is not wanted");
    }
}

/// Rule 7: what a handler fails with is told to its channel, next.
fn failures_are_told(before: &Model, notes: &[Note]) {
    let mut event = None;
    let mut closed = false;
    for (at, note) in notes.iter().enumerate() {
        match note {
            Note::Told(told) => event = Some(*told),
            Note::Did(Deed::Close) => closed = true,
            Note::Returned(Some(why)) if !closed => {
                let exempt = matches!(event, Some(Event::Error(_) | Event::Close(_)));
                // Want of room is told once; a broken connection is told as its close.
                let rests = before.state == State::Listening && why.kind == ErrorKind::Exhausted;
                if exempt || rests || why.kind == ErrorKind::Disconnected {
                    continue;
                }
                let next = told(&notes[at..]).next().map(|(_, event)| event);
                assert_eq!(next, Some(Event::Error(*why)), "rule 7: a failure is told");
            }
            _ => {}
        }
    }
}

/// Rule 8. A move serves once what is held, settles twice and fires once. Only one of those that hand an event on can be the
/// one that begins to read what a peer left; each pass of that reads no more than its budget.
fn bounded(notes: &[Note]) {
    let reads = told(notes).filter(|(_, event)| *event == Event::Read).count();
    assert!(reads <= 3 * 16 + 2, "rule 8: {reads} reads in one turn");
    let accepts = notes.iter().filter(|note| matches!(note, Note::Io(Op::Accept, _))).count();
    assert!(accepts <= ACCEPTS as usize, "rule 8: {accepts} accepts in one turn");
    let waits = notes.iter().filter(|note| matches!(note, Note::Waited(_))).count();
    assert!(waits <= 1, "rule 6: one turn waited {waits} times");
}

/// Rule 5: whatever is reported while connecting, `SO_ERROR` says whether it is a connection or an error.
fn connect_is_told(before: &Model, notes: &[Note], readiness: Readiness) {
    if before.state != State::Connecting || readiness.is_empty() || readiness.contains(Readiness::INVALID) {
        return;
    }
    assert_eq!(before.watched & Interest::WRITE, Interest::WRITE, "rule 5: WRITE is wanted while connecting");
    let mut waited = notes.iter().skip_while(|note| !matches!(note, Note::Waited(_))).skip(1);
    let mut next = || waited.find(|note| !matches!(note, Note::Asked(..)));
    match (next(), next()) {
        (Some(Note::Io(Op::TakeError, Outcome::Err(why))), Some(Note::Told(event))) => {
            assert_eq!(*event, Event::Error(*why), "rule 5: a refusal is an error");
            let closed = notes.iter().any(|note| matches!(note, Note::Closed));
            assert!(closed, "rule 5: a refusal is an error, and then close");
        }
        (Some(Note::Io(Op::TakeError, _)), Some(Note::Told(event))) => assert_eq!(*event, Event::Connect, "rule 5"),
        other => panic!("rule 5: {other:?}"),
    }
}

/// Rule 6: what woke the loop for nothing does not wake it again, and what nobody handles is wanted no more.
fn nobody_spins(before: &Model, notes: &[Note], after: &Model, readiness: Readiness) {
    if readiness.is_empty() || reported(readiness, before.watched) != readiness {
        // No backend says this of a channel with that interest.
        return;
    }
    if notes.iter().any(|note| matches!(note, Note::Io(Op::Accept, _))) {
        // Whether there are callers is the door's own business.
        return;
    }
    let Some((first, _)) = told(notes).next() else {
        assert!(reported(readiness, after.watched).is_empty(), "rule 6: the loop spins on {readiness}");
        return;
    };
    let consumed = |note: &Note| match note {
        Note::Told(event) => !matches!(event, Event::Read | Event::Write | Event::Expt),
        Note::Did(deed) => *deed != Deed::LeaveIt,
        Note::Io(op, outcome) => *op != Op::TakeError || matches!(outcome, Outcome::Err(_)),
        Note::Returned(why) => why.is_some(),
        _ => false,
    };
    let handled = notes[first..].iter().any(consumed);
    let all_left = told(notes).count() == notes.iter().filter(|note| **note == Note::Did(Deed::LeaveIt)).count();
    if all_left && !handled {
        let fewer = (after.watched - before.watched).is_empty() && after.watched != before.watched;
        assert!(fewer, "rule 6: nobody handled it, and it is still wanted");
    }
}

/// What a backend says to whoever has this interest, if the system says that (clauses B3, B5 and B6).
fn reported(readiness: Readiness, interest: Interest) -> Readiness {
    let mut reported = Readiness::NONE;
    if interest.is_empty() {
        return reported;
    }
    let has = |flag| readiness.contains(flag);
    let (error, over) = (has(Readiness::ERROR), has(Readiness::ERROR) || has(Readiness::HANGUP));
    for (flag, wanted, holds) in [
        (Readiness::READABLE, interest.contains(Interest::READ), has(Readiness::READABLE) || over),
        (Readiness::WRITABLE, interest.contains(Interest::WRITE), has(Readiness::WRITABLE) || error),
        (Readiness::PRIORITY, interest.contains(Interest::PRIORITY), has(Readiness::PRIORITY)),
        (Readiness::ERROR, true, error),
        (Readiness::HANGUP, true, has(Readiness::HANGUP)),
        (Readiness::INVALID, true, has(Readiness::INVALID)),
    ] {
        if wanted && holds {
            reported |= flag;
        }
    }
    reported
}

/// Each rule finds the story that breaks it.
#[test]
fn the_rules_bite() {
    let why = |kind| Why { kind, code: 1 };
    let lost = Outcome::Err(why(ErrorKind::Disconnected));
    let may = |half| Note::Asked(half, true);
    let done = Note::Returned(None);
    let read = [may(Half::Read), Note::Told(Event::Read), done];
    let write = [may(Half::Write), Note::Told(Event::Write), done];
    let close = |end| [Note::Told(Event::Close(end)), done, Note::Deregistered(true), Note::Closed];
    let gone = close(End::Disconnected(why(ErrorKind::Disconnected)));
    let stories = [
        ("rule 1: Read came too late", State::OPEN, [&write[..], &read].concat()),
        ("rule 1: Told(Read) is not wanted", State::OPEN, read[1..].to_vec()),
        ("rule 2: Error", State::OPEN, [&gone[..], &[Note::Told(Event::Error(why(ErrorKind::User))), done]].concat()),
        ("rule 3", State::OPEN, [&write[..2], &[Note::Io(Op::Send, lost), done], &gone].concat()),
        ("rule 5", State::Connecting, vec![Note::Waited(None), Note::Told(Event::Connect), done]),
        ("rule 5: connect was told 1 times", State::OPEN, vec![Note::Told(Event::Connect), done]),
        ("rule 5: closed", State::Connecting, close(End::Error(why(ErrorKind::Other))).to_vec()),
        ("rule 6: the loop spins", State::OPEN, vec![Note::Waited(None)]),
        ("rule 6: one turn waited", State::OPEN, vec![Note::Waited(None), Note::Waited(None)]),
        ("rule 7", State::OPEN, [&read[..2], &[Note::Returned(Some(why(ErrorKind::User)))]].concat()),
        ("rule 8", State::OPEN, read.repeat(60)),
    ];
    for (rule, state, notes) in stories {
        let before = Model::new(state, false);
        let closed = notes.contains(&Note::Closed);
        let after = if closed { Model::new(State::Closed, false) } else { before.clone() };
        let reported = Reported::Readiness(Readiness::READABLE);
        let broken = std::panic::catch_unwind(|| hold(&before, &notes, &after, reported)).expect_err(rule);
        let plain = broken.downcast_ref::<&str>().copied();
        let told = plain.or(broken.downcast_ref::<String>().map(String::as_str)).expect("a rule says what broke it");
        assert!(told.contains(rule), "{told} instead of {rule}");
    }
}
