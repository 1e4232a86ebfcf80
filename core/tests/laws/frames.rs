//! Frames do not depend on how their bytes came, and are, with what stands between them, all that came.

use proptest::collection::vec;
use proptest::prelude::*;
use stheno_core::chat::{Frame, Framing, Prefix, TOO_LONG, Terminator};

use crate::cases;

/// Two letters, so that terminators are found and nearly found.
fn text(most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![Just(b'a'), Just(b'b')], 0..most)
}

fn terminator() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![Just(b'a'), Just(b'b')], 1..6)
}

/// Where an input is cut.
fn pieces() -> impl Strategy<Value = Vec<usize>> {
    vec(1..9_usize, 1..20)
}

/// Feeds the input in pieces of these sizes, again and again, as there is room, and takes everything after each.
fn feed(
    framing: &mut Framing<Vec<u8>>,
    input: &[u8],
    pieces: &[usize],
    mut take: impl FnMut(Frame<'_>),
) -> stheno_core::Result<()> {
    let mut left = input;
    for piece in pieces.iter().cycle() {
        if left.is_empty() {
            break;
        }
        let n = framing.push(&left[..left.len().min(*piece)]);
        left = &left[n..];
        let before = left.len();
        while let Some(frame) = framing.next()? {
            take(frame);
        }
        assert!(n > 0 || framing.room() > 0, "it has come to a halt, with {before} bytes left");
    }
    framing.end();
    while let Some(frame) = framing.next()? {
        take(frame);
    }
    assert!(framing.is_empty());
    Ok(())
}

/// The same by looking for the terminator from the beginning each time: frames, and what is left.
fn plainly<'a>(input: &'a [u8], terminator: &[u8]) -> (Vec<&'a [u8]>, &'a [u8]) {
    let (mut frames, mut left) = (Vec::new(), input);
    while let Some(at) = left.windows(terminator.len()).position(|window| window == terminator) {
        frames.push(&left[..at]);
        left = &left[at + terminator.len()..];
    }
    (frames, left)
}

proptest! {
    #![proptest_config(cases(512))]

    /// In memory that is just large enough for the longest, every frame comes whole, and the rest at the end.
    #[test]
    fn every_split_gives_the_same_frames(input in text(120), terminator in terminator(), pieces in pieces()) {
        let (frames, rest) = plainly(&input, &terminator);
        // What is left needs room as well, and so does what it might have become.
        let longest = frames.iter().map(|frame| frame.len()).chain([rest.len()]).max().unwrap_or(0);
        let mut framing = Framing::new(vec![0; longest + terminator.len()]);
        framing.set_terminator(&terminator[..]).unwrap();
        let (mut found, mut collected) = (Vec::new(), Vec::new());
        feed(&mut framing, &input, &pieces, |frame| match frame {
            Frame::Found(bytes) => found.push(bytes.to_vec()),
            Frame::Collected(bytes) => collected.push(bytes.to_vec()),
        })
        .unwrap();
        prop_assert_eq!(found, frames);
        prop_assert_eq!(collected, if rest.is_empty() { vec![] } else { vec![rest] });
    }

    /// A limit makes an error of the first frame that is longer, and of no other, however the bytes come.
    #[test]
    fn the_first_frame_that_is_too_long_is_the_error(
        (input, terminator, pieces) in (text(120), terminator(), pieces()), limit in 1..20_usize, more in 0..30_usize
    ) {
        let (frames, rest) = plainly(&input, &terminator);
        let good: Vec<_> = frames.iter().take_while(|frame| frame.len() + terminator.len() <= limit).collect();
        // The longest beginning of the terminator that the rest ends with may become one: so much is certain to be missing.
        let begun = (0..terminator.len()).rev().find(|n| rest.ends_with(&terminator[..*n])).unwrap_or(0);
        let least = rest.len() + terminator.len() - begun;
        // What has not begun is not too long.
        let fails = good.len() < frames.len() || !rest.is_empty() && least > limit;
        let mut framing = Framing::new(vec![0; terminator.len() + more]);
        framing.set_terminator(&terminator[..]).unwrap();
        framing.set_limit(limit);
        let (mut found, mut frame_so_far) = (Vec::new(), Vec::<u8>::new());
        let fed = feed(&mut framing, &input, &pieces, |frame| match frame {
            Frame::Found(bytes) => {
                frame_so_far.extend(bytes);
                found.push(std::mem::take(&mut frame_so_far));
            }
            Frame::Collected(bytes) => frame_so_far.extend(bytes),
        });
        prop_assert_eq!(fed, if fails { Err(TOO_LONG) } else { Ok(()) });
        prop_assert!(found.iter().eq(good));
        prop_assert!(frame_so_far.len() <= limit, "no more than the limit was handed out of one that is too long");
    }

    /// Frames, the terminators that they had, and the rest, one after the other, are the input, whatever the memory is and
    /// however the terminator changes.
    #[test]
    fn frames_and_terminators_are_the_input(
        input in vec(0..4_u8, 0..200), pieces in pieces(), capacity in 5..40_usize,
        changes in vec((0..5_usize, terminator()), 1..10)
    ) {
        let mut changes = changes.iter().cycle();
        let mut framing = Framing::new(vec![0; capacity]);
        framing.set_limit(usize::MAX);
        let (mut all, mut left, mut frame) = (Vec::new(), &input[..], 0);
        for piece in pieces.iter().cycle() {
            let n = framing.push(&left[..left.len().min(*piece)]);
            left = &left[n..];
            if left.is_empty() {
                framing.end();
            }
            loop {
                let (prefix, end, endless) = match framing.terminator() {
                    Terminator::Bytes(bytes) => (None, bytes.to_vec(), false),
                    Terminator::Prefixed(prefix) => (Some(prefix), vec![], false),
                    Terminator::Length(_) => (None, vec![], false),
                    Terminator::None => (None, vec![], true),
                };
                match framing.next().unwrap() {
                    Some(Frame::Found(bytes)) => {
                        if let Some((before, n)) = prefix.and_then(|prefix| prefix.write(bytes.len())) {
                            all.extend(&before[..n]);
                        }
                        all.extend(bytes);
                        all.extend(end);
                        frame += 1;
                    }
                    Some(Frame::Collected(bytes)) => {
                        all.extend(bytes);
                        frame += usize::from(endless);
                    }
                    None => break,
                }
                // Now and then another one, between two frames.
                if frame % 3 == 0 {
                    let (kind, bytes) = changes.next().unwrap();
                    let next = match kind {
                        0 => Terminator::None,
                        1 => Terminator::Length(bytes.len() * 7),
                        2 if capacity > 5 => Terminator::Prefixed(Prefix::U8),
                        _ => Terminator::Bytes(bytes),
                    };
                    framing.set_terminator(next).unwrap();
                }
            }
            if left.is_empty() {
                break;
            }
        }
        prop_assert_eq!(all, input);
    }

    #[test]
    fn what_is_framed_comes_back(
        frames in vec(vec(any::<u8>(), 0..40), 0..12), pieces in pieces(), capacity in 5..60_usize, kind in 0..6_usize
    ) {
        let kinds = [Prefix::U8, Prefix::U16Be, Prefix::U16Le, Prefix::U32Be, Prefix::U32Le, Prefix::Varint];
        let mut input = Vec::new();
        for frame in &frames {
            let (prefix, n) = kinds[kind].write(frame.len()).unwrap();
            input.extend(&prefix[..n]);
            input.extend(frame);
        }
        let mut framing = Framing::new(vec![0; capacity]);
        framing.set_terminator(kinds[kind]).unwrap();
        framing.set_limit(64);
        let (mut came, mut so_far) = (Vec::new(), Vec::<u8>::new());
        feed(&mut framing, &input, &pieces, |frame| match frame {
            Frame::Found(bytes) => {
                so_far.extend(bytes);
                came.push(std::mem::take(&mut so_far));
            }
            Frame::Collected(bytes) => so_far.extend(bytes),
        })
        .unwrap();
        prop_assert_eq!(came, frames);
        prop_assert!(so_far.is_empty());
    }
}
