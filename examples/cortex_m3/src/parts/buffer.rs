//! The buffer against a model of it.

use stheno_core::{Buffer, Outbox, Result, Watermark};

use super::{Case, holds, note};
use crate::tally::Digest;

pub(super) const CASES: &[Case] = &[
    ("buffer/bytes-come-out-as-they-went-in", in_order),
    ("buffer/full-is-full", full),
    ("buffer/wraps-without-a-copy", wraps),
    ("outbox/marks-are-crossed-once", marks),
];

/// Pushes and pops of every size, drawn; what comes out is counted up, like what went in.
fn in_order(digest: &mut Digest) -> Result<()> {
    let (mut buffer, mut pushed, mut popped) = (Buffer::new([0; 61]), 0_u8, 0_u8);
    let mut draw = 0x2545_f491_u32;
    for _ in 0..20_000 {
        draw ^= draw << 13;
        draw ^= draw >> 17;
        draw ^= draw << 5;
        let (before, mut bytes) = (buffer.len(), [0; 80]);
        let bytes = &mut bytes[..draw as usize % 80];
        if draw & 0x100 == 0 {
            for byte in &mut *bytes {
                (*byte, pushed) = (pushed, pushed.wrapping_add(1));
            }
            let taken = buffer.push(bytes);
            holds(taken == bytes.len().min(61 - before), "as many are pushed as there is room for")?;
            pushed = pushed.wrapping_sub((bytes.len() - taken) as u8);
        } else {
            let taken = buffer.pop(bytes);
            holds(taken == bytes.len().min(before), "as many are popped as there are")?;
            for byte in &bytes[..taken] {
                holds(*byte == popped, "bytes come out in order")?;
                popped = popped.wrapping_add(1);
            }
        }
        holds(buffer.len() + buffer.room() == 61, "what is not filled is free")?;
    }
    note(digest, format_args!("{pushed} {popped} {}", buffer.len()))
}

fn full(_: &mut Digest) -> Result<()> {
    let mut buffer = Buffer::new([0; 4]);
    holds(buffer.push(b"abcdef") == 4 && buffer.is_full() && buffer.room() == 0, "four fit")?;
    holds(buffer.push(b"g") == 0, "a fifth does not")?;
    buffer.consume(99);
    holds(buffer.is_empty(), "no more can be consumed than there is")
}

fn wraps(digest: &mut Digest) -> Result<()> {
    let mut buffer = Buffer::new([0; 8]);
    holds(buffer.push(b"abcdef") == 6, "six fit")?;
    buffer.consume(5);
    holds(buffer.push(b"ghijk") == 5, "and five more, once five have gone")?;
    let [first, second] = buffer.filled();
    holds(first == b"fgh" && second == b"ijk", "the filled part is two slices")?;
    let free = buffer.free();
    holds(free[0].len() + free[1].len() == 2, "and so may the free part be")?;
    holds(buffer.make_contiguous() == b"fghijk", "or one, if it must be")?;
    note(digest, format_args!("{:?}", buffer.filled()))
}

fn marks(digest: &mut Digest) -> Result<()> {
    let mut outbox = Outbox::<[u8; 100]>::new();
    outbox.set_watermarks(20, 80)?;
    outbox.push(&[1; 79])?;
    holds(outbox.crossed().is_none() && !outbox.is_high(), "below the mark it is not high")?;
    outbox.push(&[2; 11])?;
    holds(outbox.is_high() && outbox.crossed() == Some(Watermark::High), "above it it is")?;
    holds(outbox.crossed().is_none(), "which is said once")?;
    holds(outbox.push(&[3; 11]).is_err() && outbox.len() == 90, "what does not fit is refused whole")?;
    outbox.clear();
    holds(outbox.crossed() == Some(Watermark::Low), "and so is that it is low again")?;
    note(digest, format_args!("{}", outbox.len()))
}
