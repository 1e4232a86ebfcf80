//! Frames whose length is announced, and frames that are longer than the memory.

use stheno::chat::Prefix;
use stheno::{Backend, Open};

use super::super::support::{Log, same};
use super::super::{Case, Verdict};
use super::{Talk, Talker};
use crate::ground::Ground;

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let case = |name, rules, check| Case::new(name, rules, check).beside_others();
    vec![
        case("chat-frames-may-say-their-length-first", "rules 3 and 10", announced::<G, B>),
        case("chat-an-announced-length-has-a-limit", "rules 7 and 8", announced_too_long::<G, B>),
        case("chat-what-exceeds-the-memory-comes-in-pieces", "rules 3 and 8", in_pieces::<G, B>),
        case("chat-frames-that-wrap-around-the-memory-are-whole", "rules 3 and 8", wrapping::<G, B>),
    ]
}

fn announced<G: Ground, B: Backend<G> + Open>() -> Verdict {
    for prefix in [Prefix::U8, Prefix::U16Be, Prefix::U16Le, Prefix::U32Be, Prefix::U32Le, Prefix::Varint] {
        let mut words = Vec::new();
        for frame in [&b"hello"[..], b"", b"\x00\xff"] {
            let (bytes, len) = prefix.write(frame.len()).ok_or("a length cannot be written")?;
            words.extend([&bytes[..len], frame].concat());
        }
        for piece in [1, 3, words.len()] {
            let mut talk = Talk::<G, B>::new(prefix)?;
            talk.say_in_pieces(&words, piece)?;
            talk.tells(&["found hello", "found ", r"found \x00\xff"])
                .map_err(|why| format!("{prefix:?} in pieces of {piece}: {why}"))?;
        }
    }
    Ok(())
}

/// Said before a byte of it has come.
fn announced_too_long<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::with(Talker::new(&Log::default(), 16, 16).ending(Prefix::U32Be)?)?;
    talk.say(b"\x00\x00\x00\x02ok\xff\xff\xff\xff")?;
    talk.until("the end", |talk| Ok(talk.events.is_empty()))?;
    same("what was told", talk.log.lines()[..2].to_vec(), ["found ok", "error a frame is longer than it may be"])
}

fn in_pieces<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::with(Talker::new(&Log::default(), 16, 16).ending(b"\r\n")?)?;
    talk.talker()?.chat.input.set_limit(1 << 20);
    let long: Vec<u8> = (0..5_000_u32).map(|at| b'a' + (at % 26) as u8).collect();
    talk.say_in_pieces(&long, 100)?;
    talk.say(b"\r\nshort\r\n")?;
    talk.until("the line behind it", |talk| Ok(talk.log.lines().iter().any(|line| line == "found short")))?;
    let mut told = talk.log.lines();
    same("the last line", told.pop(), Some("found short".to_owned()))?;
    let found: Vec<_> = told.iter().filter(|line| line.starts_with("found")).cloned().collect();
    same("ends that were found before it", found.len(), 1)?;
    let pieces: String = told.iter().filter_map(|line| line.split_once(' ')).map(|(_, text)| text).collect();
    same("all pieces together", pieces.into_bytes(), long)
}

fn wrapping<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::with(Talker::new(&Log::default(), 12, 16).ending(b"\n")?)?;
    let mut expected = Vec::new();
    for round in 0..40 {
        let line = "abcdefghij"[..round % 11].to_owned();
        talk.say((line.clone() + "\n").as_bytes())?;
        expected.push(format!("found {line}"));
    }
    talk.tells(&expected.iter().map(String::as_str).collect::<Vec<_>>())
}
