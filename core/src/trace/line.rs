//! What happened to one channel in a turn, and how it is said.

use core::fmt;
use core::time::Duration;

use crate::{Error, Interest, Key, Readiness};

#[derive(Clone, Copy, Debug)]
pub(super) struct Line<const WORDS: usize> {
    pub(super) key: Key,
    pub(super) came: Readiness,
    pub(super) goes: Goes,
    /// By whose handler the last words were done; none where it was the program.
    by: Option<Key>,
    words: [Word; WORDS],
    len: usize,
    lost: u32,
}

/// What becomes of a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Goes {
    /// It has not been settled.
    On,
    Watched(Interest),
    Closed,
}

/// One thing that happened to a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Word {
    /// A handler ran, so often in a row.
    Told(&'static str, u32),
    /// A thing by itself.
    Plain(&'static str),
    /// What follows is this channel's doing.
    By(Key),
    In(usize),
    Out(usize),
    Callers(usize),
    /// A result without a number.
    Result(&'static str),
    /// Why something was told.
    Why(&'static str, i32),
    /// Why an operation failed.
    Failed(&'static str, i32),
}

impl Word {
    pub(super) const fn why(error: &Error) -> Self {
        Self::Why(error.text(), error.code())
    }

    pub(super) const fn failed(error: &Error) -> Self {
        Self::Failed(error.text(), error.code())
    }

    /// Whether it begins something, behind which the rest stands in brackets.
    const fn is_head(self) -> bool {
        matches!(self, Self::Told(..) | Self::Plain(_))
    }

    /// Both as one, where the second only adds to the first.
    const fn and(self, next: Self) -> Option<Self> {
        match (self, next) {
            (Self::In(a), Self::In(b)) => Some(Self::In(a.saturating_add(b))),
            (Self::Out(a), Self::Out(b)) => Some(Self::Out(a.saturating_add(b))),
            (Self::Callers(a), Self::Callers(b)) => Some(Self::Callers(a.saturating_add(b))),
            _ => None,
        }
    }
}

impl<const WORDS: usize> Line<WORDS> {
    pub(super) const fn of(key: Key) -> Self {
        Self { key, came: Readiness::NONE, goes: Goes::On, by: None, words: [Word::Plain(""); WORDS], len: 0, lost: 0 }
    }

    /// A handler of the channel's own.
    pub(super) fn told(&mut self, name: &'static str) {
        let own = self.by.replace(self.key) == Some(self.key);
        let before = self.words.get_mut(..self.len).unwrap_or_default();
        match before.iter_mut().rev().find(|word| word.is_head()) {
            Some(Word::Told(last, times)) if own && self.lost == 0 && *last == name => *times = times.saturating_add(1),
            _ => self.push(Word::Told(name, 1)),
        }
    }

    /// What follows was done by this channel's handler, or by the program.
    pub(super) fn by(&mut self, acting: Option<Key>) {
        if self.by != acting {
            self.by = acting;
            if let Some(other) = acting {
                self.push(Word::By(other));
            }
        }
    }

    pub(super) fn push(&mut self, word: Word) {
        let (before, rest) = self.words.split_at_mut_checked(self.len).unwrap_or_default();
        let last = before.last_mut().filter(|_| self.lost == 0);
        if let Some((both, last)) = last.and_then(|last| Some((last.and(word)?, last))) {
            *last = both;
        } else if let Some(place) = rest.first_mut() {
            *place = word;
            self.len += 1;
        } else {
            self.lost = self.lost.saturating_add(1);
        }
    }

    /// Says all of it, a token at a time.
    pub(super) fn say(&self, put: &mut Put<'_>) -> fmt::Result {
        put(Token::Key(self.key))?;
        put(Token::Text(" "))?;
        say_bits(self.came.bits(), &CAME, "-", put)?;
        put(Token::Text(":"))?;
        let mut bracket = false;
        for (at, word) in self.words.iter().take(self.len).enumerate() {
            let open = if word.is_head() { false } else { bracket && !matches!(word, Word::By(_)) };
            let after_head =
                at.checked_sub(1).and_then(|before| self.words.get(before)).is_some_and(|word| word.is_head());
            if bracket && !open {
                put(Token::Text(")"))?;
            }
            put(Token::Text(match () {
                () if open => ", ",
                () if word.is_head() => {
                    if at == 0 {
                        " "
                    } else {
                        ", "
                    }
                }
                () if at == 0 || after_head => " (",
                () => ", (",
            }))?;
            bracket = !word.is_head();
            word.say(put)?;
        }
        if bracket {
            put(Token::Text(")"))?;
        }
        if self.lost > 0 {
            put(Token::Text(" and "))?;
            put(Token::Number(u64::from(self.lost)))?;
            put(Token::Text(" more"))?;
        }
        match self.goes {
            Goes::On => Ok(()),
            Goes::Closed => put(Token::Text(" -> closed")),
            Goes::Watched(interest) => {
                put(Token::Text(" -> "))?;
                say_bits(interest.bits(), &GOES, "none", put)
            }
        }
    }
}

impl Word {
    fn say(self, put: &mut Put<'_>) -> fmt::Result {
        match self {
            Self::Told(name, 1) => put(Token::Text(name)),
            Self::Told(name, times) => {
                put(Token::Text(name))?;
                put(Token::Text(" x"))?;
                put(Token::Number(u64::from(times)))
            }
            Self::Plain(text) | Self::Result(text) => put(Token::Text(text)),
            Self::By(key) => {
                put(Token::Text("by "))?;
                put(Token::Key(key))
            }
            Self::In(n) => say_many(n, " in", put),
            Self::Out(n) => say_many(n, " out", put),
            Self::Callers(1) => put(Token::Text("1 caller")),
            Self::Callers(n) => say_many(n, " callers", put),
            Self::Why(text, code) => say_why(text, code, put),
            Self::Failed(text, code) => {
                put(Token::Text("failed: "))?;
                say_why(text, code, put)
            }
        }
    }
}

/// A part of what is said: to be formatted, or to be told to who formats it elsewhere.
#[derive(Clone, Copy, Debug)]
pub(super) enum Token {
    Text(&'static str),
    Number(u64),
    Code(i32),
    Key(Key),
    Time(Duration),
}

pub(super) type Put<'a> = dyn FnMut(Token) -> fmt::Result + 'a;

fn say_many(n: usize, what: &'static str, put: &mut Put<'_>) -> fmt::Result {
    put(Token::Number(n as u64))?;
    put(Token::Text(what))
}

pub(super) fn say_why(text: &'static str, code: i32, put: &mut Put<'_>) -> fmt::Result {
    put(Token::Text(text))?;
    if code != 0 {
        put(Token::Text(", "))?;
        put(Token::Code(code))?;
    }
    Ok(())
}

/// The names of those bits that are there. Names of one letter stand close together.
fn say_bits(bits: u8, names: &[&'static str], nothing: &'static str, put: &mut Put<'_>) -> fmt::Result {
    let mut any = false;
    for (bit, name) in names.iter().enumerate() {
        if bits & 1 << bit != 0 {
            if any && name.len() > 1 {
                put(Token::Text("|"))?;
            }
            put(Token::Text(name))?;
            any = true;
        }
    }
    if any { Ok(()) } else { put(Token::Text(nothing)) }
}

/// By poll's names, in the order of the bits.
const CAME: [&str; 6] = ["R", "W", "P", "ERR", "HUP", "NVAL"];
const GOES: [&str; 3] = ["R", "W", "P"];
