//! Scenario files: steps, and the transcripts that are to come of them.
//!
//! A file is a small story about channels. Its steps come first, one to a line; after them come blocks, each begun by
//! `--- NAME`, with a transcript of `CHANNEL: EVENT` lines: what CPython's asyncore did (`asyncore`, or `asyncore select`
//! and `asyncore poll` where its two loops disagree) and, where that is wrong, what is right (`expect`).

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use crate::ground::Need;

#[cfg(feature = "std")]
mod files;

#[cfg(feature = "std")]
pub use files::Malformed;

// `OWN_SCENARIOS`.
include!(concat!(env!("OUT_DIR"), "/own_scenarios.rs"));

/// A story, and what is to come of it.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The file's name without its ending.
    pub name: String,
    /// The first comment of the file, which says what it is about.
    pub about: String,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// Transcripts by name, in the order of the file.
    pub blocks: Vec<(String, Vec<String>)>,
}

/// One line of a story: its words, and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The line's number in its file, from 1.
    pub line: usize,
    /// The verb and what it is done with; never empty.
    pub words: Vec<String>,
}

impl Scenario {
    /// The stories that the project holds itself: each one's name and its text.
    pub fn own() -> impl Iterator<Item = (&'static str, &'static str)> {
        OWN_SCENARIOS.iter().copied()
    }

    /// Reads a story from text. The error is a line's number, from 1, and what is wrong with it.
    pub fn parse(name: &str, source: &str) -> Result<Self, (usize, String)> {
        let mut story = Self { name: name.into(), about: String::new(), steps: Vec::new(), blocks: Vec::new() };
        for (line, text) in (1..).zip(source.lines()) {
            if let Some(block) = text.strip_prefix("--- ") {
                story.blocks.push((block.trim().into(), Vec::new()));
            } else if let Some((_, transcript)) = story.blocks.last_mut() {
                transcript.extend((!text.trim().is_empty()).then(|| text.trim_end().into()));
            } else {
                if let Some(comment) = text.strip_prefix('#').filter(|_| story.about.is_empty()) {
                    story.about = comment.trim().into();
                }
                let words = shlex::split(text).ok_or((line, "a quote is not closed".into()))?;
                if !words.is_empty() {
                    check(&words).map_err(|what| (line, what))?;
                    story.steps.push(Step { line, words });
                }
            }
        }
        if story.steps.is_empty() {
            return Err((1, "there are no steps".into()));
        }
        Ok(story)
    }

    /// The name as the matrix shows it.
    pub fn full_name(&self) -> String {
        format!("scenario/{}", self.name)
    }

    /// The transcripts that ours may be: `expect` where there is one, else whatever asyncore did.
    pub fn accepted(&self) -> Vec<&[String]> {
        let named = |wanted: fn(&str) -> bool| {
            self.blocks.iter().filter(move |(name, _)| wanted(name)).map(|(_, lines)| &lines[..]).collect::<Vec<_>>()
        };
        let expected = named(|name| name == "expect");
        if expected.is_empty() { named(|name| name.starts_with("asyncore")) } else { expected }
    }

    /// Whether ours is to match what asyncore itself did, not a correction of it.
    pub fn is_asyncore(&self) -> bool {
        !self.blocks.iter().any(|(name, _)| name == "expect")
    }

    /// What it cannot be told without.
    pub fn needs(&self) -> Vec<Need> {
        let needed = |step: &Step| match step.words[0].as_str() {
            "listen" if step.words.get(2).is_some_and(|family| family == "inet6") => Some(Need::Inet6),
            "adopt" => Some(Need::LocalPairs),
            "datagrams" | "sender" => Some(Need::Datagrams),
            "oob" => Some(Need::Urgent),
            "shut" => Some(Need::HalfClose),
            "reset" => Some(Need::Resets),
            "window" => Some(Need::Windows),
            _ => None,
        };
        let needs: BTreeSet<_> = self.steps.iter().filter_map(needed).collect();
        needs.into_iter().chain([Need::Sockets(self.sockets())]).collect()
    }

    /// How many bytes its words stand for, all together: what whoever has little memory asks first.
    pub fn volume(&self) -> usize {
        let length = |word: &String| match repeated(word) {
            Some((count, character)) => count.parse().map(|count: usize| count.saturating_mul(character.len())).ok(),
            None => drawn(word).and_then(|(count, _)| count.parse().ok()),
        };
        let words = self.steps.iter().flat_map(|step| &step.words);
        words.map(|word| length(word).unwrap_or(word.len())).fold(0, usize::saturating_add)
    }

    /// How many sockets there are at once, far ends included: at most, since what handlers close is not taken off.
    fn sockets(&self) -> u32 {
        let (mut open, mut most) = (0_u32, 0);
        for step in &self.steps {
            match step.words[0].as_str() {
                // With the other end, which waits in line or has been let in.
                "connect" | "dial" | "adopt" => open += 2,
                // With the listener that tells where nobody will listen.
                "refused" | "listen" | "host" | "datagrams" | "sender" => open += 1,
                "close" | "reset" => open = open.saturating_sub(1),
                _ => {}
            }
            most = most.max(open + u32::from(step.words[0] == "refused"));
        }
        most
    }

    /// The channels on which messages have borders.
    pub fn datagram_channels(&self) -> BTreeSet<&str> {
        let datagrams = self.steps.iter().filter(|step| step.words[0] == "datagrams");
        datagrams.map(|step| step.words[1].as_str()).collect()
    }
}

/// The verbs of the language: how many words may follow each.
const VERBS: &[(&str, RangeInclusive<usize>)] = &[
    ("listen", 1..=2),
    ("connect", 2..=2),
    ("refused", 1..=1),
    ("adopt", 2..=2),
    ("datagrams", 1..=1),
    ("sender", 2..=2),
    ("push", 2..=2),
    ("readable", 2..=2),
    ("writable", 2..=2),
    ("chunk", 2..=2),
    ("on", 3..=4),
    ("close", 1..=1),
    ("host", 1..=1),
    ("take", 2..=2),
    ("dial", 2..=2),
    ("send", 2..=2),
    ("oob", 2..=2),
    ("shut", 2..=2),
    ("reset", 1..=1),
    ("recv", 2..=2),
    ("ended", 1..=1),
    ("sum", 1..=1),
    ("window", 2..=2),
    ("keeps", 2..=2),
    ("hush", 2..=2),
    ("hear", 2..=2),
    ("rest", 2..=2),
    ("turn", 0..=0),
    ("run", 0..=0),
];

const EVENTS: &[&str] = &["connect", "accept", "read", "write", "expt", "close"];

fn check(words: &[String]) -> Result<(), String> {
    let (verb, args) = (words[0].as_str(), &words[1..]);
    let Some((_, count)) = VERBS.iter().find(|(name, _)| *name == verb) else {
        let known: Vec<_> = VERBS.iter().map(|(name, _)| *name).collect();
        return Err(format!("no such step: {verb} (there are {})", known.join(", ")));
    };
    if !count.contains(&args.len()) {
        return Err(format!("{verb} takes {} words, not {}", plain(count), args.len()));
    }
    let one_of = |word: &str, allowed: &[&str]| {
        if allowed.contains(&word) { Ok(()) } else { Err(format!("{verb}: {word} is none of {}", allowed.join(", "))) }
    };
    match verb {
        "listen" if args.len() == 2 => one_of(&args[1], &["inet", "inet6"]),
        "readable" | "writable" | "keeps" | "hush" => one_of(&args[1], &["on", "off"]),
        "shut" => one_of(&args[1], &["read", "write", "both"]),
        "push" | "send" | "oob" => affordable(&args[1]),
        "chunk" | "recv" | "window" | "hear" => match args[1].parse::<u64>() {
            Ok(n) if n > LIMIT as u64 => Err(format!("{verb}: {n} is more than {LIMIT}")),
            Ok(n) if n > 0 || verb == "recv" => Ok(()),
            _ => Err(format!("{verb}: {} is no number above 0", args[1])),
        },
        "on" => {
            one_of(&args[1], EVENTS)?;
            one_of(&args[2], &["close", "raise", "push", "refuse"])?;
            match (args[2].as_str(), args.len()) {
                ("push", 3) => Err("on: push what?".into()),
                ("raise" | "refuse", 4) => Err(format!("on: {} takes nothing more", args[2])),
                ("push", _) => affordable(&args[3]),
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// How many bytes a word may stand for.
const LIMIT: usize = 1 << 28;

fn affordable(word: &str) -> Result<(), String> {
    let count = repeated(word).or_else(|| drawn(word)).map(|(count, _)| count);
    match count {
        Some(count) if count.parse::<usize>().map_or(true, |count| count > LIMIT) => {
            Err(format!("{word} is more than {LIMIT} bytes"))
        }
        _ => Ok(()),
    }
}

fn plain(count: &RangeInclusive<usize>) -> String {
    if count.start() == count.end() {
        count.start().to_string()
    } else {
        format!("{} to {}", count.start(), count.end())
    }
}

/// A word of the language as bytes: plain text, or `NxC` for N times the character C, or `N~S` for N letters that are drawn
/// from the number S, in which nothing can be lost, doubled or moved that a sum would not notice.
pub fn bytes(word: &str) -> Vec<u8> {
    if let Some((Ok(count), character)) = repeated(word).map(|(count, character)| (count.parse(), character)) {
        return character.repeat(count).into_bytes();
    }
    match drawn(word).map(|(count, seed)| (count.parse(), seed.parse())) {
        Some((Ok(count), Ok(seed))) => letters(count, seed),
        _ => word.as_bytes().to_vec(),
    }
}

/// The number and the character of a word of the form `NxC`.
fn repeated(word: &str) -> Option<(&str, &str)> {
    let (count, character) = word.split_once('x')?;
    (is_number(count) && character.chars().count() == 1).then_some((count, character))
}

/// The number and the seed of a word of the form `N~S`.
fn drawn(word: &str) -> Option<(&str, &str)> {
    let (count, seed) = word.split_once('~')?;
    (is_number(count) && is_number(seed)).then_some((count, seed))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Marsaglia's xorshift, each of whose numbers is eight letters, from `a` to `p`.
fn letters(count: usize, seed: u32) -> Vec<u8> {
    const EACH: u64 = u64::MAX / 0xff;
    let mut state = u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut letters = Vec::with_capacity(count + 7);
    while letters.len() < count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let eight = (state & (0x0f * EACH)) + u64::from(b'a') * EACH;
        letters.extend_from_slice(&eight.to_le_bytes());
    }
    letters.truncate(count);
    letters
}

/// Bytes as a transcript shows them: up to 32 as they are, more by their number.
pub fn quote(data: &[u8]) -> String {
    if data.is_empty() {
        return "(empty)".into();
    }
    if data.len() > 32 {
        return format!("{} bytes", data.len());
    }
    let show = |byte: &u8| {
        if byte.is_ascii_graphic() { char::from(*byte).to_string() } else { format!("\\x{byte:02x}") }
    };
    data.iter().map(show).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_steps_and_blocks() {
        let source = "# About it.\nlisten S inet6 # here\nsend P ''\n--- asyncore select\nS: a\n\n--- expect\nS: b\n";
        let story = Scenario::parse("it", source).unwrap();
        assert_eq!(story.about, "About it.");
        assert_eq!(story.steps[0], Step { line: 2, words: vec!["listen".into(), "S".into(), "inet6".into()] });
        assert_eq!(story.steps[1].words, ["send", "P", ""]);
        assert_eq!(story.accepted(), [["S: b".to_string()]]);
        assert!(!story.is_asyncore());
    }

    #[test]
    fn without_a_correction_every_asyncore_counts() {
        let story = Scenario::parse("it", "run\n--- asyncore select\nS: a\n--- asyncore poll\nS: b\n").unwrap();
        assert_eq!(story.accepted(), [["S: a".to_string()], ["S: b".to_string()]]);
    }

    #[test]
    fn words_are_bytes() {
        assert_eq!(bytes("3xa"), b"aaa");
        assert_eq!(bytes("3xab"), b"3xab");
        assert_eq!(bytes("xa"), b"xa");
        assert_eq!(bytes("0xa"), b"");
        assert_eq!(bytes("2xä"), "ää".as_bytes());
        assert_eq!(bytes("0~1"), b"");
        assert_eq!(bytes("8~1"), bytes("9~1")[..8]);
        assert_ne!(bytes("8~1"), bytes("8~2"));
        assert!(bytes("1000~1").iter().all(u8::is_ascii_lowercase));
        for plain in ["5~", "~5", "5~x", "5~99999999999"] {
            assert_eq!(bytes(plain), plain.as_bytes());
        }
    }

    #[test]
    fn a_volume_is_as_long_as_its_words_are() {
        let story = Scenario::parse("it", "send P 3xa\npush C 2xä\npush C 1000~7\nsend P 7~\nrun\n").unwrap();
        let words = || story.steps.iter().flat_map(|step| &step.words);
        assert_eq!(story.volume(), words().map(|word| bytes(word).len()).sum::<usize>());
        assert!(story.volume() > 1_007);
    }

    #[test]
    fn bytes_are_shown() {
        assert_eq!(quote(b""), "(empty)");
        assert_eq!(quote(b"a b\n"), "a\\x20b\\x0a");
        assert_eq!(quote(&[b'z'; 32]), "z".repeat(32));
        assert_eq!(quote(&[b'z'; 33]), "33 bytes");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (source, line, what) in [
            ("", 1, "there are no steps"),
            ("run\nfly S", 2, "no such step: fly"),
            ("listen", 1, "listen takes 1 to 2 words, not 0"),
            ("turn 3", 1, "turn takes 0 words, not 1"),
            ("listen S ipx", 1, "ipx is none of inet, inet6"),
            ("chunk S none", 1, "none is no number above 0"),
            ("on S nod close", 1, "nod is none of connect"),
            ("on S read push", 1, "push what?"),
            ("chunk S 0", 1, "0 is no number above 0"),
            ("recv P 999999999999", 1, "999999999999 is more than"),
            ("push S 99999999999999999999xa", 1, "is more than"),
            ("on S read push 999999999xa", 1, "is more than"),
            ("push S 999999999~1", 1, "is more than"),
            ("window S 0", 1, "0 is no number above 0"),
            ("hush S maybe", 1, "maybe is none of on, off"),
            ("hear S", 1, "hear takes 2 words, not 1"),
            ("send P 'x", 1, "a quote is not closed"),
        ] {
            let (at, why) = Scenario::parse("it", source).unwrap_err();
            assert_eq!(at, line, "{source}");
            assert!(why.contains(what), "{source}: {why}");
        }
    }
}
