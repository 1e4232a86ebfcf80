//! What it costs to find where frames end: nanoseconds for each byte received, for friendly input and for input that was made
//! to be hard, however it comes.
//!
//! The bound itself, two comparisons for each byte, is a test of core; this shows what that is in time. A search that began
//! again for each piece would double its figures with each doubling of the line; these stay as they are.

use std::hint::black_box;
use std::time::{Duration, Instant};

use stheno::chat::{Framing, Prefix, Terminator};

/// So many bytes for each figure.
const BYTES: usize = 8 << 20;

fn main() {
    println!("{:<44}{:>10}{:>10}{:>10}", "ns for each byte, in pieces of", "1", "64", "1460");
    for (what, terminator, memory, input) in inputs() {
        print!("{what:<44}");
        for piece in [1, 64, 1460] {
            print!("{:>10.2}", cost(terminator, memory, &input, piece));
        }
        println!();
    }
}

type Input = (String, Terminator<'static>, usize, Vec<u8>);

fn inputs() -> Vec<Input> {
    let lines = |length: usize, end: &str| ("x".repeat(length) + end).repeat(BYTES / (length + end.len())).into_bytes();
    let mut all: Vec<Input> = vec![
        ("lines of 20 bytes, to \\n".into(), b"\n".into(), 4096, lines(20, "\n")),
        ("lines of 1,000 bytes, to \\r\\n".into(), b"\r\n".into(), 4096, lines(1000, "\r\n")),
    ];
    // The worst there is: every byte but the last one of the terminator, again and again.
    for length in [1_000, 10_000, 100_000] {
        let hard = ("a".repeat(length) + "aaaaaaab").repeat(BYTES / (length + 8)).into_bytes();
        all.push((format!("lines of {length} a, to aaaaaaab"), b"aaaaaaab".into(), length + 64, hard));
        all.push((
            format!("lines of {length} \\r, to \\r\\n.\\r\\n"),
            b"\r\n.\r\n".into(),
            length + 64,
            ("\r\n.\r".repeat(length / 4) + "\r\n.\r\n").repeat(BYTES / (length + 5)).into_bytes(),
        ));
    }
    let (prefix, width) = Prefix::U16Be.write(1000).unwrap_or_default();
    let framed = [&prefix[..width], &[b'x'; 1000]].concat().repeat(BYTES / 1002);
    all.push(("frames of 1,000 bytes, the length before".into(), Prefix::U16Be.into(), 4096, framed));
    all
}

/// The best of three, in nanoseconds for each byte.
fn cost(terminator: Terminator<'_>, memory: usize, input: &[u8], piece: usize) -> f64 {
    let once = || {
        let mut framing = Framing::new(vec![0; memory]);
        framing.set_terminator(terminator).expect("it fits");
        let (began, mut left, mut found) = (Instant::now(), input, 0_usize);
        while !left.is_empty() {
            let n = framing.push(&left[..left.len().min(piece)]);
            left = &left[n..];
            while let Some(frame) = framing.next().expect("none is too long") {
                black_box(frame);
                found += 1;
            }
        }
        assert!(found > 0, "no frame was found");
        began.elapsed()
    };
    let best = (0..3).map(|_| once()).min().unwrap_or(Duration::ZERO);
    best.as_nanos() as f64 / input.len() as f64
}
