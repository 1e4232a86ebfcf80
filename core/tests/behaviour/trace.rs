//! A page of a trace: how it reads, and what becomes of more than it has room for.

use std::time::Duration;

use stheno_core::imply::{Outcome, Step, Verdict};
use stheno_core::trace::{Event, Observer, Seen, Trace};
use stheno_core::{Error, ErrorKind, Interest, Key, Readiness, Reason, Received, State, Turn};

const RESET: Error = Error::new(ErrorKind::Disconnected, "connection reset").with_code(104);
const RP: Interest = Interest::READ.union(Interest::PRIORITY);

fn key(index: u32) -> Key {
    Key::new(index, 0)
}

/// What a turn comes to that saw all this.
#[track_caller]
fn reads<const LINES: usize, const WORDS: usize>(trace: &mut Trace<LINES, WORDS>, seen: &[Seen], page: &[&str]) {
    for seen in seen {
        trace.see(*seen);
    }
    assert_eq!(trace.to_string().lines().collect::<Vec<_>>(), page);
}

/// The same on a fresh page, without the line of the turn.
#[track_caller]
fn says(seen: &[Seen], lines: &[&str]) {
    let page = [&["turn 1, under way"], lines].concat();
    reads(&mut Trace::<4>::new(), &[&[Seen::Began], seen].concat(), &page);
}

fn fired(fired: usize) -> Seen {
    let mut turn = Turn::default();
    turn.fired = fired;
    Seen::Ended(Ok(turn))
}

#[test]
fn the_first_line_is_the_turn() {
    let mut trace = Trace::<2>::new();
    reads(&mut trace, &[], &["after turn 0"]);
    assert!(trace.is_empty());
    reads(&mut trace, &[Seen::Began], &["turn 1, under way"]);
    reads(&mut trace, &[Seen::Waits(None)], &["turn 1, wait, under way"]);
    reads(&mut trace, &[fired(0)], &["turn 1, wait: nothing"]);
    let mut turn = Turn::default();
    (turn.fired, turn.timeouts, turn.woken, turn.stopped) = (3, 1, true, true);
    let short = Seen::Waits(Some(Duration::from_millis(1500)));
    let all = ["turn 2, wait up to 1.5s: 3 fired, 1 timeout, woken, stopped"];
    reads(&mut trace, &[Seen::Began, short, Seen::Woken, Seen::Ended(Ok(turn))], &all);
    (turn.fired, turn.timeouts, turn.woken) = (0, 2, false);
    let all = ["turn 3, no wait: 2 timeouts, stopped"];
    reads(&mut trace, &[Seen::Began, Seen::Waits(Some(Duration::ZERO)), Seen::Ended(Ok(turn))], &all);
    reads(&mut trace, &[Seen::Began, Seen::Ended(Err(RESET))], &["turn 4: failed: connection reset, 104"]);
}

#[test]
fn readiness_comes_in_and_interest_goes_out() {
    use Readiness as R;
    let came = [
        (R::READABLE, "R"),
        (R::READABLE | R::WRITABLE | R::PRIORITY, "RWP"),
        (R::WRITABLE | R::HANGUP, "W|HUP"),
        (R::ERROR | R::HANGUP, "ERR|HUP"),
        (R::INVALID, "NVAL"),
        (R::ALL, "RWP|ERR|HUP|NVAL"),
    ];
    for (readiness, name) in came {
        says(&[Seen::Fired(key(3), readiness)], &[&format!("#3.0 {name}:")]);
    }
    let goes = [(Interest::ALL, "RWP"), (RP, "RP"), (Interest::WRITE, "W"), (Interest::NONE, "none")];
    for (interest, name) in goes {
        says(&[Seen::Watched(key(3), interest)], &[&format!("#3.0 -: -> {name}")]);
    }
    says(&[Seen::Watched(key(3), RP), Seen::Closed(key(3))], &["#3.0 -: -> closed"]);
    // A loop that a program drives by itself may say it in parts.
    says(&[Seen::Fired(key(1), R::READABLE), Seen::Fired(key(1), R::HANGUP)], &["#1.0 R|HUP:"]);
    says(
        &[Seen::Fired(key(1), R::READABLE), Seen::Closed(key(1)), Seen::Stale(key(1), R::WRITABLE)],
        &["#1.0 RW: stale -> closed"],
    );
}

#[test]
fn what_the_operations_of_a_handler_returned_stands_in_brackets_behind_it() {
    let it = key(2);
    let told = |event| Seen::Told(it, event);
    let came = |received| Seen::Received(it, Ok(received));
    let went = |sent| Seen::Sent(it, Ok(sent));
    says(&[told(Event::Read), came(Received::Data(5)), went(Some(5))], &["#2.0 -: read (5 in, 5 out)"]);
    says(
        &[told(Event::Read), came(Received::WouldBlock), told(Event::Write), went(None)],
        &["#2.0 -: read (nothing), write (no room)"],
    );
    // What comes in pieces is added up; what happens again is counted.
    let piece = came(Received::Data(4));
    says(
        &[told(Event::Read), piece, piece, went(Some(1)), went(Some(2)), piece],
        &["#2.0 -: read (8 in, 3 out, 4 in)"],
    );
    says(&[told(Event::Read), piece, told(Event::Read), piece, came(Received::End)], &["#2.0 -: read x2 (8 in, end)"]);
    let caller = Seen::Accepted(it, Ok(true));
    let accept = told(Event::Accept);
    says(
        &[accept, caller, accept, caller, Seen::HungUp(it), accept, Seen::Accepted(it, Ok(false))],
        &["#2.0 -: accept x3 (2 callers, hung up, nobody)"],
    );
    says(&[accept, caller], &["#2.0 -: accept (1 caller)"]);
    for failed in [Seen::Accepted(it, Err(RESET)), Seen::Received(it, Err(RESET)), Seen::Sent(it, Err(RESET))] {
        says(&[told(Event::Expt), failed], &["#2.0 -: expt (failed: connection reset, 104)"]);
    }
}

#[test]
fn a_handler_is_told_by_its_name_and_an_end_with_its_reason() {
    let it = key(7);
    let names = [
        (Event::Connect, "connect"),
        (Event::Accept, "accept"),
        (Event::Read, "read"),
        (Event::Eof, "eof"),
        (Event::Write, "write"),
        (Event::Expt, "expt"),
        (Event::Timeout, "timeout"),
        (Event::Drain, "drain"),
        (Event::Error(Error::user("no such room", 7)), "error (no such room, 7)"),
        (Event::Error(Error::user("no such room", 0)), "error (no such room)"),
        (Event::Close(Reason::End), "close (end of stream)"),
        (Event::Close(Reason::Drained), "close (drained)"),
        (Event::Close(Reason::TimedOut), "close (time over)"),
        (Event::Close(Reason::Disconnected(RESET)), "close (connection reset, 104)"),
        (Event::Close(Reason::Error(RESET)), "close (connection reset, 104)"),
    ];
    for (event, told) in names {
        says(&[Seen::Told(it, event)], &[&format!("#7.0 -: {told}")]);
        assert!(told.starts_with(event.name()));
    }
}

#[test]
fn conclusions_are_told_where_no_handler_says_them() {
    let it = key(0);
    let words = [
        (Step::Invalid, Outcome::Failed, Verdict::ErrorAndClose, " invalid"),
        (Step::Connect, Outcome::Refused, Verdict::ErrorAndClose, " refused"),
        (Step::Connect, Outcome::Done, Verdict::Connected, ""),
        (Step::Write, Outcome::SendBroken, Verdict::Drain, " broken"),
        (Step::Otherwise, Outcome::Done, Verdict::Park, " park"),
        (Step::Accept, Outcome::Exhausted, Verdict::Rest, " rest"),
        (Step::Read, Outcome::End, Verdict::Eof, ""),
        (Step::Read, Outcome::Disconnected, Verdict::Close, ""),
        (Step::Read, Outcome::Failed, Verdict::Error, ""),
        (Step::Read, Outcome::Failed, Verdict::ErrorAndClose, ""),
    ];
    for (step, outcome, verdict, word) in words {
        says(
            &[Seen::Fired(it, Readiness::READABLE), Seen::Step(it, step), Seen::Concluded(it, step, outcome, verdict)],
            &[&format!("#0.0 R:{word}")],
        );
    }
}

/// The line says who did it: the channel's own handler, another channel's, or the program.
#[test]
fn who_did_it_is_said() {
    let (door, guest, other) = (key(0), key(1), key(2));
    let sent = Seen::Sent(other, Ok(Some(3)));
    let opened = Seen::Opened(guest, State::OPEN);
    says(&[opened, sent], &["#1.0 -: new open", "#2.0 -: (3 out)"]);
    says(
        &[Seen::Told(door, Event::Accept), opened, sent, sent, Seen::Told(guest, Event::Read), sent],
        &["#0.0 -: accept", "#1.0 -: new open (by #0.0), read", "#2.0 -: (by #0.0, 6 out), (by #1.0, 3 out)"],
    );
    // What a neighbour did after a handler of its own is not that handler's.
    says(
        &[Seen::Told(other, Event::Write), sent, Seen::Told(guest, Event::Read), sent, Seen::Told(other, Event::Write)],
        &["#2.0 -: write (3 out), (by #1.0, 3 out), write", "#1.0 -: read"],
    );
    let states = [
        (State::Idle, "idle"),
        (State::Connecting, "connecting"),
        (State::Draining, "open"),
        (State::Datagram, "datagram"),
        (State::Listening, "listening"),
        (State::Timer, "timer"),
        (State::Closing, "closed"),
        (State::Closed, "closed"),
    ];
    for (state, name) in states {
        says(&[Seen::Opened(guest, state)], &[&format!("#1.0 -: new {name}")]);
    }
}

/// The next thing after a turn begins a page of its own, also what the program does between turns.
#[test]
fn each_turn_has_a_page() {
    let mut trace = Trace::<2>::new();
    let touched = |index| Seen::Watched(key(index), RP);
    reads(&mut trace, &[Seen::Opened(key(4), State::Listening)], &["after turn 0", "#4.0 -: new listening"]);
    let first = [Seen::Began, Seen::Waits(None), touched(4), fired(1)];
    reads(&mut trace, &first, &["turn 1, wait: 1 fired", "#4.0 -: new listening -> RP"]);
    reads(&mut trace, &[touched(5)], &["after turn 1", "#5.0 -: -> RP"]);
    reads(&mut trace, &[Seen::Began], &["turn 2, under way", "#5.0 -: -> RP"]);
    reads(&mut trace, &[fired(0)], &["turn 2: nothing", "#5.0 -: -> RP"]);
    reads(&mut trace, &[Seen::Began], &["turn 3, under way"]);
    // A program without turns turns the page itself.
    reads(
        &mut trace,
        &[touched(1), touched(2), touched(3)],
        &["turn 3, under way", "#1.0 -: -> RP", "#2.0 -: -> RP", "and 1 channel more"],
    );
    assert_eq!((trace.len(), trace.lost(), trace.is_empty()), (2, 1, false));
    trace.clear();
    reads(&mut trace, &[], &["after turn 3"]);
    assert_eq!((trace.len(), trace.lost(), trace.is_empty()), (0, 0, true));
}

#[test]
fn channels_past_the_lines_are_counted() {
    let mut trace = Trace::<1>::new();
    let channel = |index| {
        let it = key(index);
        [Seen::Fired(it, Readiness::READABLE), Seen::Told(it, Event::Read), Seen::Received(it, Ok(Received::End))]
    };
    let told: Vec<_> = (0..3).flat_map(channel).collect();
    let settled = [Seen::Watched(key(0), RP), Seen::Watched(key(1), RP), Seen::Closed(key(2))];
    reads(
        &mut trace,
        &[&told, &settled[..]].concat(),
        &["after turn 0", "#0.0 R: read (end) -> RP", "and 2 channels more"],
    );
    let mut none = Trace::<0>::new();
    reads(&mut none, &[&told, &settled[..]].concat(), &["after turn 0", "and 3 channels more"]);
}

#[test]
fn words_past_the_line_are_counted() {
    let it = key(0);
    let went = |n| Seen::Sent(it, Ok(n));
    let told = [Seen::Told(it, Event::Read), went(Some(1)), went(Some(1)), went(None), went(Some(1)), went(Some(1))];
    let mut trace = Trace::<1, 3>::new();
    reads(&mut trace, &told, &["after turn 0", "#0.0 -: read (2 out, no room) and 2 more"]);
    // Nothing is added to what stands there, as if it had come at once.
    let mut trace = Trace::<1, 2>::new();
    let (read, end) = (Seen::Told(it, Event::Read), Seen::Received(it, Ok(Received::End)));
    reads(
        &mut trace,
        &[read, went(Some(1)), end, went(Some(1)), read],
        &["after turn 0", "#0.0 -: read (1 out) and 3 more"],
    );
    reads(&mut trace, &[Seen::Closed(it)], &["after turn 0", "#0.0 -: read (1 out) and 3 more -> closed"]);
    reads(&mut Trace::<1, 0>::new(), &told, &["after turn 0", "#0.0 -: and 6 more"]);
}

/// The documentation says so.
#[cfg(target_pointer_width = "64")]
#[test]
fn a_line_takes_24_bytes_a_word_and_40_more() {
    let lines = |lines: usize| lines * (24 * 8 + 40);
    assert_eq!(size_of::<Trace<9, 8>>() - size_of::<Trace<1, 8>>(), lines(8));
}

#[test]
fn what_is_seen_names_its_channel() {
    let it = key(9);
    let about_it = [
        Seen::Opened(it, State::OPEN),
        Seen::Fired(it, Readiness::READABLE),
        Seen::Stale(it, Readiness::READABLE),
        Seen::Step(it, Step::Read),
        Seen::Told(it, Event::Read),
        Seen::Accepted(it, Ok(true)),
        Seen::HungUp(it),
        Seen::Received(it, Ok(Received::End)),
        Seen::Sent(it, Ok(None)),
        Seen::Concluded(it, Step::Read, Outcome::End, Verdict::Eof),
        Seen::Watched(it, RP),
        Seen::Closed(it),
    ];
    assert!(about_it.iter().all(|seen| seen.key() == Some(it)));
    assert!([Seen::Began, Seen::Waits(None), Seen::Woken, fired(0)].iter().all(|seen| seen.key().is_none()));
}
