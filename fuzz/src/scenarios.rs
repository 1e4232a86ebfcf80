//! Scenario files: whatever is in one, it is read as a story or refused with the line that is wrong; a story that is
//! printed reads as the same story.

use shlex::Quoter;
use stheno_conformance::Scenario;
use stheno_conformance::scenario::{bytes, quote};

/// The bytes as a file, as a word and as data.
pub fn run(input: &[u8]) {
    let source = String::from_utf8_lossy(input);
    match Scenario::parse("fuzz", &source) {
        Ok(story) => a_story(&story, &source),
        Err((line, what)) => {
            assert!((1..=source.lines().count().max(1)).contains(&line), "line {line}: {what}");
            assert!(!what.is_empty());
        }
    }
    a_word(&source);
    let shown = quote(input);
    assert!(!shown.is_empty() && shown.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{shown:?}");
}

fn a_story(story: &Scenario, source: &str) {
    assert_eq!(story.name, "fuzz");
    assert!(story.steps.is_sorted_by(|a, b| a.line < b.line), "steps are in order, one to a line");
    for step in &story.steps {
        assert!(!step.words.is_empty() && step.line <= source.lines().count());
        for word in step.words.iter().skip(1) {
            a_word(word);
        }
    }
    assert!(story.accepted().len() <= story.blocks.len());
    assert!(story.is_asyncore() || !story.accepted().is_empty());
    assert!(story.datagram_channels().len() <= story.steps.len());

    let printed = print(story);
    let again = match Scenario::parse("fuzz", &printed) {
        Ok(again) => again,
        Err((line, what)) => panic!("line {line}: {what}, of what was printed:\n{printed}"),
    };
    let words = |story: &Scenario| story.steps.iter().map(|step| step.words.clone()).collect::<Vec<_>>();
    assert_eq!(words(&again), words(story), "{printed}");
    assert_eq!((&again.about, &again.blocks), (&story.about, &story.blocks), "{printed}");
}

fn print(story: &Scenario) -> String {
    let mut text = String::new();
    if !story.about.is_empty() {
        text += &format!("# {}\n", story.about);
    }
    let quoter = Quoter::new().allow_nul(true);
    for step in &story.steps {
        text += &quoter.join(step.words.iter().map(String::as_str)).expect("a word that can be quoted");
        text += "\n";
    }
    for (name, lines) in &story.blocks {
        text += &format!("--- {name}\n");
        for line in lines {
            text += &format!("{line}\n");
        }
    }
    text
}

/// A word stands for itself, for a character so many times, or for so many letters.
fn a_word(word: &str) {
    let numbered = |word: &str| !word.is_empty() && word.bytes().all(|digit| digit.is_ascii_digit());
    let repeated = word.split_once('x');
    let repeated = repeated.filter(|(count, character)| numbered(count) && character.chars().count() == 1);
    let drawn = word.split_once('~');
    let drawn = drawn.filter(|(count, seed)| numbered(count) && numbered(seed) && seed.parse::<u32>().is_ok());
    match repeated.or(drawn).map(|(count, rest)| (count.parse::<usize>(), rest)) {
        Some((Ok(count), character)) if count <= 10_000 && repeated.is_some() => {
            let expected = character.repeat(count);
            assert_eq!(bytes(word), expected.as_bytes());
        }
        Some((Ok(count), _)) if count <= 10_000 => {
            let letters = bytes(word);
            assert!(letters.len() == count && letters.iter().all(u8::is_ascii_lowercase), "{word}");
        }
        // That many bytes are refused by `parse`, or cost more than they tell.
        Some(_) => {}
        None => assert_eq!(bytes(word), word.as_bytes()),
    }
}
