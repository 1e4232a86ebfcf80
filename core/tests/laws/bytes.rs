//! Buffers and outboxes are queues: in order, whole, and never more than they hold.

use std::collections::VecDeque;

use proptest::collection::vec;
use proptest::prelude::*;
use stheno_core::storage::Array;
use stheno_core::{Buffer, Dispatcher, ErrorKind, EventLoop, Outbox, Produced, Producer, Result, Slot};

use crate::cases;
use crate::memory::{Memory, Watch, pair};

#[derive(Clone, Debug)]
enum Op {
    Push(Vec<u8>),
    Pop(usize),
    Consume(usize),
    Receive(Vec<u8>),
    Clear,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        4 => vec(any::<u8>(), 0..20).prop_map(Op::Push),
        3 => (0..20_usize).prop_map(Op::Pop),
        3 => (0..20_usize).prop_map(Op::Consume),
        4 => vec(any::<u8>(), 0..20).prop_map(Op::Receive),
        1 => Just(Op::Clear),
    ];
    vec(op, 0..60)
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn a_buffer_is_a_queue(capacity in 0..40_usize, ops in ops()) {
        let (mut buffer, mut model) = (Buffer::new(vec![0; capacity].into_boxed_slice()), VecDeque::<u8>::new());
        for op in ops {
            let room = capacity - model.len();
            match op {
                Op::Push(bytes) => {
                    let n = buffer.push(&bytes);
                    prop_assert_eq!(n, bytes.len().min(room), "as much as fits");
                    model.extend(&bytes[..n]);
                }
                Op::Pop(most) => {
                    let mut bytes = vec![0; most];
                    let n = buffer.pop(&mut bytes);
                    prop_assert_eq!(n, most.min(model.len()));
                    prop_assert!(model.drain(..n).eq(bytes[..n].iter().copied()));
                }
                Op::Consume(most) => {
                    buffer.consume(most);
                    model.drain(..most.min(model.len()));
                }
                Op::Receive(bytes) => {
                    let mut rest = &bytes[..];
                    for free in buffer.free() {
                        let (now, later) = rest.split_at(free.len().min(rest.len()));
                        free[..now.len()].copy_from_slice(now);
                        rest = later;
                    }
                    let n = bytes.len() - rest.len();
                    prop_assert_eq!(n, bytes.len().min(room), "the free part is all there is room for");
                    buffer.commit(n);
                    model.extend(&bytes[..n]);
                }
                Op::Clear => {
                    buffer.clear();
                    model.clear();
                }
            }
            prop_assert!(model.iter().eq(buffer.filled().into_iter().flatten()));
            let sizes = (buffer.len(), buffer.room(), buffer.capacity(), buffer.is_empty(), buffer.is_full());
            let expected = (model.len(), capacity - model.len(), capacity, model.is_empty(), model.len() == capacity);
            prop_assert_eq!(sizes, expected);
            // Two slices only where the bytes wrap around, and one slice of everything once nothing waits.
            let [first, second] = buffer.filled();
            prop_assert!(second.is_empty() || !first.is_empty());
            let free = buffer.free().map(|slice| slice.len());
            prop_assert_eq!(free[0] + free[1], capacity - model.len());
            prop_assert!(!model.is_empty() || free[1] == 0);
        }
    }
}

struct Quiet;

impl Dispatcher<Memory> for Quiet {
    fn readable(&self) -> bool {
        false
    }
    fn writable(&self) -> bool {
        false
    }
}

proptest! {
    #![proptest_config(cases(128))]

    /// However little the network takes at once: what was accepted arrives, in order, and what was refused does not.
    #[test]
    fn an_outbox_loses_nothing(
        (capacity, network, gulp) in (0..60_usize, 1..40_usize, 1..40_usize),
        words in vec((vec(any::<u8>(), 0..30), any::<bool>(), any::<bool>()), 0..30)
    ) {
        let (mut net, watch) = pair();
        (net.capacity, net.gulp) = (network, gulp);
        let (socket, far) = net.connection();
        let mut events = EventLoop::<_, _, Watch, Array<Slot<Quiet, Memory>, 1>>::with_parts(net, watch, Array::default());
        let key = events.add(socket, Quiet).unwrap();
        let mut outbox = Outbox::over(vec![0; capacity]);
        let (mut accepted, mut heard) = (Vec::new(), Vec::new());
        for (word, sends, hears) in words {
            let (room, before) = (outbox.room(), outbox.len());
            let (_, mut io) = events.channel(key).unwrap();
            let done = if sends { outbox.send(&mut io, &word) } else { outbox.push(&word) };
            prop_assert_eq!(done.map_err(|why| why.kind()), if word.len() <= room { Ok(()) } else { Err(ErrorKind::Full) });
            if done.is_ok() {
                accepted.extend(word);
            } else {
                prop_assert_eq!(outbox.len(), before);
            }
            if hears {
                outbox.flush(&mut io).unwrap();
                heard.extend(events.net_mut().hear(far));
            }
            prop_assert_eq!((outbox.len() + outbox.room(), outbox.capacity()), (capacity, capacity));
        }
        loop {
            heard.extend(events.net_mut().hear(far));
            if outbox.is_empty() {
                break;
            }
            let (before, (_, mut io)) = (outbox.len(), events.channel(key).unwrap());
            outbox.flush(&mut io).unwrap();
            prop_assert!(outbox.len() < before, "there was room, and nothing was sent");
        }
        prop_assert_eq!(heard, accepted);
    }
}

/// Gives its pieces one by one, none where one is empty, and no more than there is room for.
struct Pieces(VecDeque<Vec<u8>>);

impl Producer for Pieces {
    fn more(&mut self, into: &mut [u8]) -> Result<Produced> {
        let Some(mut piece) = self.0.pop_front() else { return Ok(Produced::Done) };
        let rest = piece.split_off(piece.len().min(into.len()));
        into[..piece.len()].copy_from_slice(&piece);
        if !rest.is_empty() {
            self.0.push_front(rest);
        }
        Ok(if piece.is_empty() { Produced::NothingYet } else { Produced::Data(piece.len()) })
    }
}

#[derive(Clone, Debug)]
enum Said {
    Bytes(Vec<u8>),
    Pieces(Vec<Vec<u8>>),
    Flush,
}

proptest! {
    #![proptest_config(cases(256))]

    /// Whatever is pushed, and whatever producers give between it, arrives in this order, through memory of any size.
    #[test]
    fn bytes_and_producers_keep_their_order(
        (capacity, network, gulp) in (1..40_usize, 1..30_usize, 1..30_usize),
        said in vec(prop_oneof![
            vec(any::<u8>(), 0..20).prop_map(Said::Bytes),
            vec(vec(any::<u8>(), 0..12), 0..8).prop_map(Said::Pieces),
            Just(Said::Flush),
        ], 0..30)
    ) {
        let (mut net, watch) = pair();
        (net.capacity, net.gulp) = (network, gulp);
        let (socket, far) = net.connection();
        let mut events = EventLoop::<_, _, Watch, Array<Slot<Quiet, Memory>, 1>>::with_parts(net, watch, Array::default());
        let key = events.add(socket, Quiet).unwrap();
        let mut outbox = Outbox::<_, Pieces, 3>::with_producers(vec![0; capacity]);
        let (mut accepted, mut heard) = (Vec::new(), Vec::new());
        for said in said {
            match said {
                Said::Bytes(bytes) => {
                    let fits = bytes.len() <= outbox.room();
                    prop_assert_eq!(outbox.push(&bytes).is_ok(), fits);
                    if fits {
                        accepted.extend(bytes);
                    }
                }
                Said::Pieces(pieces) => {
                    if outbox.push_with_producer(Pieces(pieces.clone().into())).is_ok() {
                        accepted.extend(pieces.concat());
                    }
                }
                Said::Flush => {
                    outbox.flush(&mut events.channel(key).unwrap().1).unwrap();
                    heard.extend(events.net_mut().hear(far));
                }
            }
            prop_assert!(outbox.len() <= capacity);
            prop_assert!(accepted.starts_with(&heard));
        }
        // Each flush sends a byte, or asks a producer that had nothing.
        for _ in 0..2_000 {
            if outbox.is_empty() {
                break;
            }
            outbox.flush(&mut events.channel(key).unwrap().1).unwrap();
            heard.extend(events.net_mut().hear(far));
        }
        prop_assert!(outbox.is_empty() && !outbox.writable());
        prop_assert_eq!(heard, accepted);
    }
}
