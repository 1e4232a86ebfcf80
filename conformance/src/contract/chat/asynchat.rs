//! Each fact that CPython's `test_asynchat` asserts, under the name of its method.

use stheno::chat::{Frame, Framing, Terminator};
use stheno::{Backend, Open};

use super::super::support::{Log, hold, same};
use super::super::{Case, Verdict};
use super::{Talk, Talker};
use crate::ground::Ground;

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let case = |name, rules, check| Case::new(name, rules, check).beside_others();
    vec![
        case("chat-line-terminator1", "rules 3 and 10", || lines::<G, B>(b"\n")),
        case("chat-line-terminator2", "rules 3 and 10", || lines::<G, B>(b"\r\n")),
        case("chat-line-terminator3", "rules 3 and 10", || lines::<G, B>(b"qqq")),
        case("chat-numeric-terminator1", "rule 3", || length::<G, B>(1, "h")),
        case("chat-numeric-terminator2", "rule 3", || length::<G, B>(6, "hello ")),
        case("chat-none-terminator", "rule 3", none::<G, B>),
        case("chat-simple-producer", "rules 3 and 8", simple_producer::<G, B>),
        case("chat-string-producer", "rule 3", string_producer::<G, B>),
        case("chat-empty-line", "rule 3", empty_line::<G, B>),
        case("chat-close-when-done", "rule 3", close_when_done::<G, B>),
        case("chat-push", "rule 3", push::<G, B>),
        case("chat-blockingioerror", "rule 7", blocking::<G, B>),
        case("chat-find-prefix-at-end", "rule 3", prefix_at_end),
        case("chat-disallow-negative-terminator", "rule 8", no_negative_terminator),
        case("chat-fifo-basic", "rule 3", fifo::<G, B>),
        case("chat-fifo-given-list", "rule 3", fifo_of_producers::<G, B>),
    ]
}

/// Two lines, the first of which is sent in two pieces, arrive as two, whatever the pieces are in which they come.
fn lines<G: Ground, B: Backend<G> + Open>(terminator: &'static [u8]) -> Verdict {
    for piece in 1..=3 {
        let mut talk = Talk::<G, B>::new(terminator)?;
        let words = [b"hello ", &b"world"[..], terminator, b"I'm not dead yet!", terminator].concat();
        talk.say_in_pieces(&words, piece)?;
        talk.tells(&["found hello world", r"found I\'m not dead yet!"])?;
    }
    Ok(())
}

/// A length is counted off, and found. What follows is collected, as asynchat has it for a length that is not set again;
/// but here the program says so.
fn length<G: Ground, B: Backend<G> + Open>(length: usize, first: &str) -> Verdict {
    let mut talk = Talk::<G, B>::on(length, |_, chat, _| chat.input.set_terminator(Terminator::None))?;
    talk.say(b"hello world, I'm not dead yet!\n")?;
    let told = |talk: &mut Talk<G, B>| talk.log.lines();
    talk.until("the rest is collected", |talk| Ok(told(talk).last().is_some_and(|last| last.ends_with(r"\n"))))?;
    same("what was told first", told(&mut talk).first().cloned(), Some(format!("found {first}")))?;
    let found = told(&mut talk).iter().filter(|line| line.starts_with("found")).count();
    same("frames that were found", found, 1)
}

/// Nothing is ever found, and all of it is collected.
fn none<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::new(Terminator::None)?;
    talk.say_in_pieces(b"hello\nworld\n", 6)?;
    talk.tells(&[r"collected hello\n", r"collected world\n"])
}

/// What a producer gives is all sent, through an outbox of eight bytes.
fn simple_producer<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::with(Talker::new(&Log::default(), 8, 8))?;
    let words = b"hello world\nI'm not dead yet!\n";
    let (talker, mut io) = talk.events.channel(talk.key)?;
    talker.chat.output.push_with_producer(words)?;
    talker.chat.flush(&mut io)?;
    hold(talker.chat.output.len() <= 8, || "it holds more than its memory".into())?;
    talk.hears(words)
}

/// What could have been pushed is sent all the same when it is given as a producer.
fn string_producer<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::new(b"\n")?;
    let words = b"hello world\nI'm not dead yet!\n";
    talk.talker()?.chat.output.push_with_producer(words)?;
    talk.hears(words)
}

/// A line of nothing is found, and nothing is collected for it.
fn empty_line<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::new(b"\n")?;
    talk.say(b"hello world\n\nI'm not dead yet!\n")?;
    talk.tells(&["found hello world", "found ", r"found I\'m not dead yet!"])
}

/// The channel closes when what was pushed has been sent, and was told nothing of its own close.
fn close_when_done<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::new(b"\n")?;
    let (talker, mut io) = talk.events.channel(talk.key)?;
    talker.chat.output.push(b"hello world\nI'm not dead yet!\n")?;
    talker.chat.output.close_when_done(&mut io);
    hold(io.connected(), || "it closed before it was done".into())?;
    talk.ends_with(b"hello world\nI'm not dead yet!\n")?;
    talk.tells(&[])
}

/// Bytes of any kind are pushed, in order. (What is none does not compile.)
fn push<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::new(b"\n")?;
    let (talker, mut io) = talk.events.channel(talk.key)?;
    let mut array = *b"bytearray\n";
    array[0] = b'B';
    talker.chat.output.send(&mut io, b"bytes\n")?;
    talker.chat.output.send(&mut io, &array)?;
    talker.chat.output.send(&mut io, &Vec::from("memory view\n")[..])?;
    talk.hears(b"bytes\nBytearray\nmemory view\n")
}

/// That nothing is there after all is no error.
fn blocking<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::new(b"\n")?;
    talk.events.handle_read_event(talk.key);
    talk.events.settle();
    talk.tells(&[])?;
    talk.say(b"still here\n")?;
    talk.tells(&["found still here"])
}

/// What may be the beginning of a terminator is held back, and nothing else is.
fn prefix_at_end() -> Verdict {
    for (haystack, held) in [(&b"qwerty\r"[..], 1), (b"qwertydkjf", 0)] {
        // In memory that is full of it, so that what is no such beginning has to go.
        let mut framing = Framing::new(vec![0; haystack.len()]);
        framing.set_terminator(b"\r\n")?;
        framing.set_limit(100);
        same("bytes pushed", framing.push(haystack), haystack.len())?;
        let collected = &haystack[..haystack.len() - held];
        same("what comes", framing.next()?, Some(Frame::Collected(collected)))?;
        same("what is held back", framing.next()?, None)?;
        same("how much that is", framing.len(), held)?;
    }
    Ok(())
}

/// A length has no sign; one of nothing, which would be found without end, is refused, and so are no bytes.
fn no_negative_terminator() -> Verdict {
    let mut framing = Framing::new([0; 8]);
    framing.set_terminator(3)?;
    for terminator in [Terminator::Length(0), Terminator::Bytes(b"")] {
        let refused = framing.set_terminator(terminator).map_err(|why| why.kind());
        same("a terminator that is nothing", refused, Err(stheno::ErrorKind::Invalid))?;
    }
    same("the terminator that it had", framing.terminator(), Terminator::Length(3))
}

/// First in, first out, and empty is empty.
fn fifo<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::new(b"\n")?;
    let output = &mut talk.talker()?.chat.output;
    hold(output.is_empty(), || "it is not empty at first".into())?;
    output.push(b"7")?;
    output.push(b"a")?;
    same("bytes that wait", output.len(), 2)?;
    talk.hears(b"7a")?;
    hold(talk.talker()?.chat.output.is_empty(), || "it is not empty in the end".into())
}

/// Producers come in their order, and then there is nothing.
fn fifo_of_producers<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::new(b"\n")?;
    let output = &mut talk.talker()?.chat.output;
    for producer in [&b"x"[..], b"17", b"3"] {
        output.push_with_producer(producer)?;
    }
    talk.hears(b"x173")?;
    hold(talk.talker()?.chat.output.is_empty(), || "it is not empty in the end".into())
}
