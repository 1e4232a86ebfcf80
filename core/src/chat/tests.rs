//! The inside of the search: what it costs, and that it finds what a plain search finds.
extern crate std;

use core::cell::Cell;
use std::vec;
use std::vec::Vec;

use super::needle::Needle;
use super::*;

std::thread_local! {
    /// How often two bytes were compared.
    pub(super) static COMPARISONS: Cell<u64> = const { Cell::new(0) };
}

/// All texts of this alphabet up to this length.
fn texts(alphabet: &[u8], most: usize) -> Vec<Vec<u8>> {
    let mut all = vec![vec![]];
    let mut from = 0;
    for _ in 0..most {
        let until = all.len();
        for at in from..until {
            for letter in alphabet {
                let longer = [&all[at][..], &[*letter]].concat();
                all.push(longer);
            }
        }
        from = until;
    }
    all
}

#[test]
fn finds_what_a_plain_search_finds_in_every_short_text() {
    let (longest, long) = if cfg!(miri) { (2, 4) } else { (4, 9) };
    for terminator in texts(b"ab", longest).iter().filter(|text| !text.is_empty()) {
        let needle = Needle::<4>::new(terminator).unwrap();
        assert_eq!(needle.as_slice(), terminator);
        for text in texts(b"ab", long) {
            let plain = text.windows(terminator.len()).position(|window| window == terminator);
            let end = plain.map(|at| at + terminator.len());
            for cut in 0..=text.len() {
                let (before, behind) = text.split_at(cut);
                let (mut matched, mut read) = needle.find(0, before);
                if matched < needle.len() {
                    assert_eq!(read, cut);
                    let (now, more) = needle.find(matched, behind);
                    (matched, read) = (now, read + more);
                }
                assert_eq!((matched == needle.len()).then_some(read), end, "{terminator:?} in {text:?} cut at {cut}");
            }
        }
    }
}

#[test]
fn a_terminator_has_a_length_and_a_bound() {
    assert!(Needle::<4>::new(b"").is_none());
    assert!(Needle::<4>::new(b"12345").is_none());
    assert!(Needle::<0>::new(b"1").is_none());
    assert_eq!(Needle::<300>::MOST, 255);
    assert!(Needle::<300>::new(&[b'a'; 256]).is_none());
    let long = Needle::<300>::new(&[b'a'; 255]).unwrap();
    assert_eq!(long.find(0, &[b'a'; 600]), (255, 255));
}

/// Comparisons for this input, in pieces of this length, in a buffer of this size.
fn cost(terminator: &[u8], input: &[u8], piece: usize, capacity: usize) -> u64 {
    let mut framing = Framing::<_, 64>::over(vec![0; capacity]);
    framing.set_terminator(terminator).unwrap();
    framing.set_limit(usize::MAX);
    COMPARISONS.set(0);
    for piece in input.chunks(piece) {
        let mut left = piece;
        while !left.is_empty() {
            let n = framing.push(left);
            left = &left[n..];
            while framing.next().unwrap().is_some() {}
        }
    }
    COMPARISONS.get()
}

/// The bound that `Framing` states: two comparisons a byte, however the bytes come, in a small buffer and in a great one.
#[test]
fn a_search_is_linear_however_the_bytes_come() {
    let long = if cfg!(miri) { 500 } else { 20_000 };
    let adversaries: [(&[u8], Vec<u8>); 5] = [
        (b"aaaaaaaaaaaaaaab", vec![b'a'; long]),
        (b"aaaaaaabaaaaaaac", b"aaaaaaab".repeat(long / 8)),
        (b"abaababaabaababaababaab", b"abaababaabaababaababaa".repeat(long / 22)),
        (b"\r\n.\r\n", b"\r\n.\r".repeat(long / 4)),
        (b"\r\n", b"\r\n".repeat(long / 2)),
    ];
    for (terminator, input) in adversaries {
        for piece in [1, 2, 3, 7, 64, 1000, long] {
            for capacity in [64, 1000, 2 * long] {
                let cost = cost(terminator, &input, piece, capacity);
                let most = 2 * input.len() as u64;
                assert!(cost <= most, "{cost} comparisons for {} bytes in pieces of {piece}", input.len());
                assert!(cost >= input.len() as u64, "{cost} comparisons: the count is broken");
            }
        }
    }
}

/// A frame lies where it was received: no byte of it is copied.
#[test]
fn a_whole_frame_is_handed_out_where_it_lies() {
    let memory = &mut [0; 16];
    let range = memory.as_ptr_range();
    let mut framing = Framing::new(&mut memory[..]);
    framing.set_terminator(b"\n").unwrap();
    assert_eq!(framing.push(b"one\ntwo\n"), 8);
    let Some(Frame::Found(one)) = framing.next().unwrap() else { panic!() };
    assert_eq!((one, one.as_ptr()), (&b"one"[..], range.start));
    let Some(Frame::Found(two)) = framing.next().unwrap() else { panic!() };
    assert_eq!((two, two.as_ptr()), (&b"two"[..], range.start.wrapping_add(4)));
}

#[test]
fn a_frame_that_wraps_is_one_slice_all_the_same() {
    let mut framing = Framing::new([0; 8]);
    framing.set_terminator(b"\n").unwrap();
    for round in 0..50_u8 {
        let line = [b'a' + round % 26; 4];
        assert_eq!(framing.push(&line), 4);
        assert_eq!(framing.push(b"\nx"), 2, "the next one has begun already");
        assert_eq!(framing.next().unwrap(), Some(Frame::Found(&line[..])));
        assert_eq!(framing.next().unwrap(), None);
        assert_eq!(framing.push(b"\n"), 1);
        assert_eq!(framing.next().unwrap(), Some(Frame::Found(b"x")));
        assert_eq!(framing.next().unwrap(), None);
    }
}
