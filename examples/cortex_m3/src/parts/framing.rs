//! Framing: where a stream is cut does not depend on how it comes.

use stheno_core::Result;
use stheno_core::chat::{Frame, Framing, Prefix, TOO_LONG, Terminator};

use super::{Case, holds, note};
use crate::tally::Digest;

pub(super) const CASES: &[Case] = &[
    ("framing/lines-in-pieces-of-every-size", lines),
    ("framing/a-terminator-that-overlaps-itself", overlaps),
    ("framing/lengths-before-frames", prefixes),
    ("framing/too-long-is-an-error-and-can-be-skipped", too_long),
];

/// The frames of a text that comes in pieces of this size, counted and written down.
fn cut(text: &[u8], ends: Terminator<'_>, size: usize, digest: &mut Digest) -> Result<usize> {
    let (mut framing, mut frames) = (Framing::<[u8; 32]>::new([0; 32]), 0);
    framing.set_terminator(ends)?;
    let mut rest = text;
    loop {
        let pushed = framing.push(&rest[..rest.len().min(size)]);
        rest = &rest[pushed..];
        if rest.is_empty() {
            framing.end();
        }
        while let Some(frame) = framing.next()? {
            match frame {
                Frame::Found(frame) => note(digest, format_args!("found {frame:?}\n"))?,
                Frame::Collected([]) => continue,
                Frame::Collected(frame) => note(digest, format_args!("collected {frame:?}\n"))?,
            }
            frames += 1;
        }
        if rest.is_empty() {
            return Ok(frames);
        }
    }
}

/// The same frames, whatever the size of the pieces.
fn always(text: &[u8], ends: Terminator<'_>, frames: usize, digest: &mut Digest) -> Result<()> {
    let mut first = None;
    for size in 1..=text.len() {
        let mut told = Digest::default();
        holds(cut(text, ends, size, &mut told)? == frames, "there are as many frames as there are ends")?;
        holds(*first.get_or_insert(told.value()) == told.value(), "they are the same in pieces of every size")?;
    }
    note(digest, format_args!("{first:?}"))
}

fn lines(digest: &mut Digest) -> Result<()> {
    always(b"one\r\ntwo\r\n\r\nthree\r\r\nand a rest", Terminator::from(b"\r\n"), 5, digest)
}

fn overlaps(digest: &mut Digest) -> Result<()> {
    always(b"ababac.abac.ababababac.", Terminator::from(b"abac."), 3, digest)
}

fn prefixes(digest: &mut Digest) -> Result<()> {
    always(b"\x00\x03abc\x00\x00\x00\x05hello", Terminator::from(Prefix::U16Be), 3, digest)
}

fn too_long(digest: &mut Digest) -> Result<()> {
    let mut framing = Framing::<[u8; 16]>::new([0; 16]);
    framing.set_terminator(b"\n")?;
    framing.set_limit(8);
    holds(framing.push(b"0123456789") == 10, "there is room for sixteen")?;
    holds(framing.next() == Err(TOO_LONG), "ten bytes are more than eight")?;
    framing.skip();
    holds(framing.next()?.is_none(), "what is skipped is not handed out")?;
    holds(framing.push(b"ab\nok\n") == 6, "there is room again")?;
    holds(framing.next()? == Some(Frame::Found(b"ok")), "the next frame is")?;
    note(digest, format_args!("{}", framing.len()))
}
