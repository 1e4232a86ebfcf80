//! All kinds of storage are one list.

use proptest::prelude::*;
use stheno_core::storage::{Array, Borrowed, Storage};

use crate::cases;

const ROOM: usize = 6;

#[derive(Clone, Debug)]
enum Op {
    Push(u8),
    Truncate(usize),
    SwapRemove(usize),
    Change(usize, u8),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        4 => any::<u8>().prop_map(Op::Push),
        1 => (0..ROOM + 2).prop_map(Op::Truncate),
        2 => (0..ROOM + 2).prop_map(Op::SwapRemove),
        1 => (0..ROOM, any::<u8>()).prop_map(|(at, item)| Op::Change(at, item)),
    ];
    proptest::collection::vec(op, 0..60)
}

/// What every operation led to, in a list that holds no more than [`ROOM`] items.
fn play(list: &mut impl Storage<u8>, bounded: bool, ops: &[Op]) -> Vec<(Result<(), u8>, Vec<u8>)> {
    let mut after = Vec::new();
    for op in ops {
        let mut done = Ok(());
        match *op {
            // A list on the heap has no end of its own.
            Op::Push(item) if !bounded && list.as_slice().len() == ROOM => done = Err(item),
            Op::Push(item) => done = list.push(item),
            Op::Truncate(len) => list.truncate(len),
            Op::SwapRemove(at) => list.swap_remove(at),
            Op::Change(at, item) => list.as_mut_slice().iter_mut().skip(at).take(1).for_each(|old| *old = item),
        }
        after.push((done, list.as_slice().to_vec()));
    }
    after
}

/// The list itself, without the trait.
fn model(ops: &[Op]) -> Vec<(Result<(), u8>, Vec<u8>)> {
    let (mut list, mut after) = (Vec::new(), Vec::new());
    for op in ops {
        let mut done = Ok(());
        match *op {
            Op::Push(item) if list.len() == ROOM => done = Err(item),
            Op::Push(item) => list.push(item),
            Op::Truncate(len) => list.truncate(len),
            Op::SwapRemove(at) if at < list.len() => drop(list.swap_remove(at)),
            Op::SwapRemove(_) => {}
            Op::Change(at, item) => list.iter_mut().skip(at).take(1).for_each(|old| *old = item),
        }
        after.push((done, list.clone()));
    }
    after
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn kinds_agree(ops in ops()) {
        let expected = model(&ops);
        prop_assert_eq!(&play(&mut Array::<u8, ROOM>::default(), true, &ops), &expected);
        prop_assert_eq!(&play(&mut Borrowed::new(&mut [0; ROOM]), true, &ops), &expected);
        #[cfg(feature = "alloc")]
        prop_assert_eq!(&play(&mut Vec::new(), false, &ops), &expected);
        #[cfg(feature = "heapless")]
        prop_assert_eq!(&play(&mut heapless::Vec::<u8, ROOM>::new(), true, &ops), &expected);
    }
}
