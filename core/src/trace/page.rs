//! A turn in fixed memory, and how it is printed.

use core::fmt;
use core::time::Duration;

use super::line::{Goes, Line, Put, Token, Word, say_why};
use crate::imply::{Step, Verdict};
use crate::trace::{Event, Observer, Seen};
use crate::{Key, Reason, Received, Result, State, Turn};

/// What the last turn did, a line for each channel, in memory of fixed size (rule 8) and without a heap.
///
/// It holds `LINES` channels of a turn, and of each the first `WORDS` things that happened to it, and says how many there
/// were beside those; a line takes 24 bytes a word and 40 more (on 64 bits). It turns over a new page with the first thing
/// that is seen after a turn has ended, so it may be printed at any time: after the turn, in a handler (what has happened
/// so far), or by an observer that waits for [`Seen::Ended`]:
///
/// ```
/// use stheno_core::trace::{Observer, Seen, Trace};
///
/// /// Prints each turn that did something.
/// #[derive(Default)]
/// struct Log(Trace<32>);
///
/// impl Observer for Log {
///     fn see(&mut self, seen: Seen) {
///         self.0.see(seen);
///         if matches!(seen, Seen::Ended(_)) && !self.0.is_empty() {
///             eprintln!("{}", self.0);
///         }
///     }
/// }
/// ```
///
/// # How to read it
///
/// ```text
/// turn 3, wait up to 250ms: 3 fired
/// #0.0 R: accept x2 (1 caller, nobody) -> R
/// #4.0 -: new open (by #0.0) -> RP
/// #2.0 R: read (5 in) -> RP
/// #1.0 -: (by #2.0, 5 out) -> RP
/// #3.1 R|HUP: read (end), eof, close (end of stream) -> closed
/// and 2 channels more
/// ```
///
/// The first line is the turn: its number, how long it was ready to wait, and what it did. Then channels, in the order in
/// which something happened to them: the [`Key`], the readiness that came in, what was done about it, and the interest that
/// went out.
///
/// | where | what | means |
/// |---|---|---|
/// | in | `R` `W` `P`, `ERR` `HUP` `NVAL` | the bits of [`Readiness`](crate::Readiness), by poll's names |
/// | in | `-` | nothing was reported: the program, a neighbour or a deadline did it |
/// | done | `connect`, `accept`, `read`, `eof`, `write`, `expt`, `timeout`, `drain`, `error`, `close` | a handler ran; `x2`: twice in a row |
/// | done | `new` and a [`State`] | the channel came into the table |
/// | done | `stale` | readiness for a channel that had ended |
/// | done | `refused`, `invalid` | the connection attempt failed; the descriptor is not open |
/// | done | `broken` | a send found the connection over; what the peer sent before is read first |
/// | done | `park`, `rest` | out of the backend's set until its interest changes; a listener rests until there is room |
/// | in brackets | `5 in`, `end`, `nothing` | what the handler's receives brought |
/// | in brackets | `5 out`, `no room` | what its sends took |
/// | in brackets | `1 caller`, `nobody`, `hung up` | what its accepts brought, and a caller that nobody took |
/// | in brackets | `failed: …`, `end of stream`, `drained`, `time over`, any other text | an operation's error; why an error or a close was told, with its number |
/// | in brackets | `by #2.0` | it was this channel's handler that did it |
/// | out | `R` `W` `P` | the bits of [`Interest`](crate::Interest) that the backend watches it for from now on |
/// | out | `none`, `closed` | out of the backend's set; the socket is closed |
///
/// Adding a thing costs time in `LINES`, if many channels take turns.
#[derive(Clone, Debug)]
pub struct Trace<const LINES: usize, const WORDS: usize = 8> {
    lines: [Line<WORDS>; LINES],
    len: usize,
    lost: usize,
    /// The line that was last written on, where the next thing is likely to happen.
    last: usize,
    /// The channel whose handler ran last; none while the program acts.
    acting: Option<Key>,
    turns: u64,
    waits: Option<Option<Duration>>,
    turn: Under,
}

/// How far the turn is.
#[derive(Clone, Copy, Debug)]
enum Under {
    /// Not begun.
    None,
    Way,
    Over(Result<Turn>),
}

impl<const LINES: usize, const WORDS: usize> Default for Trace<LINES, WORDS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const LINES: usize, const WORDS: usize> Trace<LINES, WORDS> {
    /// A trace of nothing yet.
    pub const fn new() -> Self {
        Self {
            lines: [Line::of(Key::new(0, 0)); LINES],
            len: 0,
            lost: 0,
            last: 0,
            acting: None,
            turns: 0,
            waits: None,
            turn: Under::None,
        }
    }

    /// How many lines are kept: channels that something happened to.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing happened to any channel.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many channels there was no line for. One that is found settled when its handlers have run, and is touched after
    /// that, counts twice.
    pub const fn lost(&self) -> usize {
        self.lost
    }

    /// Turns over a new page, as the end of a turn does: for a program that dispatches by itself and takes no turns.
    pub const fn clear(&mut self) {
        (self.len, self.lost, self.last) = (0, 0, 0);
        (self.acting, self.waits, self.turn) = (None, None, Under::None);
    }

    /// The line of a channel, a fresh one if need be; `None` where there is no room for it.
    fn line(&mut self, key: Key) -> Option<&mut Line<WORDS>> {
        let lines = self.lines.get(..self.len).unwrap_or_default();
        if lines.get(self.last).is_none_or(|line| line.key != key) {
            self.last = lines.iter().position(|line| line.key == key).unwrap_or(self.len);
        }
        let place = self.lines.get_mut(self.last)?;
        if self.last == self.len {
            *place = Line::of(key);
            self.len += 1;
        }
        Some(place)
    }

    fn settled(&mut self, key: Key, goes: Goes) {
        match self.line(key) {
            Some(line) => line.goes = goes,
            // Whatever something happens to is settled, so each is counted here, and not for each thing that happened to it.
            None => self.lost = self.lost.saturating_add(1),
        }
    }

    fn plain(&mut self, key: Key, text: &'static str) {
        if let Some(line) = self.line(key) {
            line.push(Word::Plain(text));
        }
    }

    /// What came of an operation, which the handler of some channel made, or the program.
    fn result(&mut self, key: Key, word: Word) {
        let acting = self.acting;
        if let Some(line) = self.line(key) {
            line.by(acting);
            line.push(word);
        }
    }

    fn told(&mut self, key: Key, event: Event) {
        self.acting = Some(key);
        let Some(line) = self.line(key) else { return };
        line.told(event.name());
        match event {
            Event::Error(why) | Event::Close(Reason::Disconnected(why) | Reason::Error(why)) => {
                line.push(Word::why(&why))
            }
            Event::Close(Reason::End) => line.push(Word::Result("end of stream")),
            Event::Close(Reason::Drained) => line.push(Word::Result("drained")),
            Event::Close(Reason::TimedOut) => line.push(Word::Result("time over")),
            _ => {}
        }
    }
}

impl<const LINES: usize, const WORDS: usize> Observer for Trace<LINES, WORDS> {
    fn see(&mut self, seen: Seen) {
        if matches!(self.turn, Under::Over(_)) {
            self.clear();
        }
        match seen {
            Seen::Began => (self.turns, self.turn) = (self.turns.wrapping_add(1), Under::Way),
            Seen::Waits(time) => self.waits = Some(time),
            Seen::Ended(turn) => (self.acting, self.turn) = (None, Under::Over(turn)),
            Seen::Opened(key, state) => {
                let acting = self.acting;
                if let Some(line) = self.line(key) {
                    line.push(Word::Plain(fresh(state)));
                    line.by(acting);
                }
            }
            Seen::Fired(key, readiness) => {
                if let Some(line) = self.line(key) {
                    line.came |= readiness;
                }
            }
            Seen::Stale(key, readiness) => {
                if let Some(line) = self.line(key) {
                    line.came |= readiness;
                    line.push(Word::Plain("stale"));
                }
            }
            Seen::Told(key, event) => self.told(key, event),
            Seen::Accepted(key, Ok(true)) => self.result(key, Word::Callers(1)),
            Seen::Accepted(key, Ok(false)) => self.result(key, Word::Result("nobody")),
            Seen::HungUp(key) => self.result(key, Word::Result("hung up")),
            Seen::Received(key, Ok(Received::Data(n))) => self.result(key, Word::In(n)),
            Seen::Received(key, Ok(Received::End)) => self.result(key, Word::Result("end")),
            Seen::Received(key, Ok(Received::WouldBlock)) => self.result(key, Word::Result("nothing")),
            Seen::Sent(key, Ok(Some(n))) => self.result(key, Word::Out(n)),
            Seen::Sent(key, Ok(None)) => self.result(key, Word::Result("no room")),
            Seen::Accepted(key, Err(why)) | Seen::Received(key, Err(why)) | Seen::Sent(key, Err(why)) => {
                self.result(key, Word::failed(&why));
            }
            Seen::Concluded(key, step, _, verdict) => match (step, verdict) {
                (Step::Invalid, _) => self.plain(key, "invalid"),
                (Step::Connect, Verdict::ErrorAndClose) => self.plain(key, "refused"),
                (_, Verdict::Drain) => self.plain(key, "broken"),
                (_, Verdict::Park) => self.plain(key, "park"),
                (_, Verdict::Rest) => self.plain(key, "rest"),
                // What else follows is a handler, and is told by its name.
                _ => {}
            },
            Seen::Watched(key, interest) => self.settled(key, Goes::Watched(interest)),
            Seen::Closed(key) => self.settled(key, Goes::Closed),
            // The turn says it at its end; the handlers' names say it.
            Seen::Woken | Seen::Step(..) => {}
        }
    }
}

const fn fresh(state: State) -> &'static str {
    match state {
        State::Idle => "new idle",
        State::Connecting => "new connecting",
        State::Open(_) | State::Draining => "new open",
        State::Datagram => "new datagram",
        State::Listening => "new listening",
        State::Timer => "new timer",
        State::Closing | State::Closed => "new closed",
    }
}

impl<const LINES: usize, const WORDS: usize> Trace<LINES, WORDS> {
    /// Says all of it, a token at a time.
    fn say(&self, put: &mut Put<'_>) -> fmt::Result {
        self.say_turn(put)?;
        for line in self.lines.iter().take(self.len) {
            put(Token::Text("\n"))?;
            line.say(put)?;
        }
        if self.lost > 0 {
            put(Token::Text("\nand "))?;
            put(Token::Number(self.lost as u64))?;
            put(Token::Text(if self.lost == 1 { " channel more" } else { " channels more" }))?;
        }
        Ok(())
    }

    fn say_turn(&self, put: &mut Put<'_>) -> fmt::Result {
        put(Token::Text(if matches!(self.turn, Under::None) { "after turn " } else { "turn " }))?;
        put(Token::Number(self.turns))?;
        match self.waits {
            None => {}
            Some(None) => put(Token::Text(", wait"))?,
            Some(Some(Duration::ZERO)) => put(Token::Text(", no wait"))?,
            Some(Some(time)) => {
                put(Token::Text(", wait up to "))?;
                put(Token::Time(time))?;
            }
        }
        match self.turn {
            Under::None => Ok(()),
            Under::Way => put(Token::Text(", under way")),
            Under::Over(Ok(turn)) => say_done(turn, put),
            Under::Over(Err(why)) => {
                put(Token::Text(": failed: "))?;
                say_why(why.text(), why.code(), put)
            }
        }
    }
}

fn say_done(turn: Turn, put: &mut Put<'_>) -> fmt::Result {
    let mut between = ": ";
    for (n, one, many) in [(turn.fired, " fired", " fired"), (turn.timeouts, " timeout", " timeouts")] {
        if n > 0 {
            put(Token::Text(core::mem::replace(&mut between, ", ")))?;
            put(Token::Number(n as u64))?;
            put(Token::Text(if n == 1 { one } else { many }))?;
        }
    }
    for (whether, what) in [(turn.woken, "woken"), (turn.stopped, "stopped")] {
        if whether {
            put(Token::Text(core::mem::replace(&mut between, ", ")))?;
            put(Token::Text(what))?;
        }
    }
    if between == ": " { put(Token::Text(": nothing")) } else { Ok(()) }
}

impl<const LINES: usize, const WORDS: usize> fmt::Display for Trace<LINES, WORDS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.say(&mut |token| match token {
            Token::Text(text) => f.write_str(text),
            Token::Number(number) => fmt::Display::fmt(&number, f),
            Token::Code(code) => fmt::Display::fmt(&code, f),
            Token::Key(key) => fmt::Display::fmt(&key, f),
            Token::Time(time) => fmt::Debug::fmt(&time, f),
        })
    }
}

/// The same lines.
#[cfg(feature = "defmt")]
impl<const LINES: usize, const WORDS: usize> defmt::Format for Trace<LINES, WORDS> {
    fn format(&self, f: defmt::Formatter<'_>) {
        let _never = self.say(&mut |token| {
            match token {
                Token::Text(text) => defmt::write!(f, "{=str}", text),
                Token::Number(number) => defmt::write!(f, "{=u64}", number),
                Token::Code(code) => defmt::write!(f, "{=i32}", code),
                Token::Key(key) => defmt::write!(f, "{}", key),
                Token::Time(time) => defmt::write!(f, "{}", time),
            }
            Ok(())
        });
    }
}
