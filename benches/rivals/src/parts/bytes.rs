//! Bytes that wait, and where frames end.

use std::hint::black_box;

use stheno::chat::{Framing, Prefix, Terminator};
use stheno::{Buffer, Result};

use super::Again;

/// 64 bytes in, 64 bytes out, around the end of the memory again and again.
#[allow(clippy::unnecessary_wraps)] // it is one of many that may fail
pub fn buffer() -> Result<Again> {
    let mut buffer = Buffer::new(vec![0; 1_000]);
    assert_eq!(buffer.push(&[1; 500]), 500);
    let mut out = [0; 64];
    Ok(Box::new(move || {
        assert_eq!(buffer.push(black_box(&[7; 64])), 64);
        assert_eq!(buffer.pop(black_box(&mut out)), 64);
    }))
}

const PIECE: usize = 64;
pub const LINES: u64 = 64;
pub const FRAMES: u64 = 4;

/// Lines of 20 bytes, in pieces of 64.
pub fn lines() -> Result<Again> {
    let input = (String::from("a line of 19 bytes.") + "\n").repeat(LINES as usize);
    cut(b"\n".into(), input.into(), LINES)
}

/// Frames of 1,000 bytes with their length before, in pieces of 64.
pub fn frames() -> Result<Again> {
    let (prefix, width) = Prefix::U16Be.write(1_000).unwrap_or_default();
    cut(Prefix::U16Be.into(), [&prefix[..width], &[b'x'; 1_000]].concat().repeat(FRAMES as usize), FRAMES)
}

fn cut(terminator: Terminator<'static>, input: Vec<u8>, frames: u64) -> Result<Again> {
    let mut framing = Framing::new(vec![0; 4096]);
    framing.set_terminator(terminator)?;
    Ok(Box::new(move || {
        let mut found = 0;
        for piece in input.chunks(PIECE) {
            assert_eq!(framing.push(black_box(piece)), piece.len());
            while let Some(frame) = framing.next().expect("none is too long") {
                black_box(frame);
                found += 1;
            }
        }
        assert_eq!(found, frames);
    }))
}
