//! Frames: what is found and collected, whole or in pieces, and what is refused.

use stheno_core::ErrorKind;
use stheno_core::chat::{Frame, Framing, Prefix, TOO_LONG, Terminator};

/// What came out, as text: `line.` for what was found, `piece…` for what was collected.
fn taken<const N: usize>(framing: &mut Framing<[u8; N]>) -> String {
    let mut told = String::new();
    loop {
        match framing.next() {
            Ok(Some(Frame::Found(bytes))) => told.extend([&String::from_utf8_lossy(bytes), "."]),
            Ok(Some(Frame::Collected(bytes))) => told.extend([&String::from_utf8_lossy(bytes), "…"]),
            Ok(None) => return told,
            Err(why) => return told + &format!("!{why}"),
        }
    }
}

/// Pushes all of it, as room comes, and takes what there is after each piece.
fn fed<const N: usize>(framing: &mut Framing<[u8; N]>, bytes: &[u8]) -> String {
    let (mut told, mut left) = (String::new(), bytes);
    while !left.is_empty() {
        let n = framing.push(left);
        assert!(n > 0, "no room, and {} are left", left.len());
        left = &left[n..];
        told += &taken(framing);
    }
    told
}

fn framing<'a, const N: usize>(terminator: impl Into<Terminator<'a>>) -> Framing<[u8; N]> {
    let mut framing = Framing::new([0; N]);
    framing.set_terminator(terminator).unwrap();
    framing
}

#[test]
fn a_frame_comes_whole_however_its_bytes_come() {
    for piece in 1..=12 {
        let mut lines = framing::<16>(b"\r\n");
        let told: String = b"one\r\n\r\nt\rw\no\r\nthree\r".chunks(piece).map(|bytes| fed(&mut lines, bytes)).collect();
        assert_eq!(told, "one..t\rw\no.", "in pieces of {piece}");
        assert_eq!(lines.len(), 6, "the rest waits, with what may be the beginning of its end");
    }
}

#[test]
fn the_end_of_the_stream_gives_the_rest_with_what_was_held_back() {
    let mut lines = framing::<16>(b"\r\n");
    assert_eq!(fed(&mut lines, b"one\r\ntwo\r"), "one.");
    lines.end();
    assert!(lines.has_ended());
    assert_eq!(taken(&mut lines), "two\r…");
    assert_eq!(taken(&mut lines), "");
    assert!(lines.is_empty());
    // One that wraps around the end of the memory is one all the same.
    let mut lines = framing::<8>(b"\n");
    assert_eq!(fed(&mut lines, b"12345\nab"), "12345.");
    assert_eq!(fed(&mut lines, b"cdef\r"), "");
    lines.end();
    assert_eq!(taken(&mut lines), "abcdef\r…");
}

#[test]
fn without_a_terminator_everything_is_collected() {
    let mut stream = Framing::new([0; 4]);
    assert_eq!(stream.terminator(), Terminator::None);
    assert_eq!(fed(&mut stream, b"abcdefghij"), "abcd…efgh…ij…");
    stream.end();
    assert_eq!(taken(&mut stream), "");
}

#[test]
fn a_length_is_counted_off_again_and_again() {
    let mut threes = framing::<8>(3);
    assert_eq!(threes.terminator(), Terminator::Length(3));
    assert_eq!(fed(&mut threes, b"abcdefgh"), "abc.def.");
    assert_eq!(fed(&mut threes, b"i"), "ghi.");
    assert_eq!(fed(&mut threes, b"j"), "");
    threes.end();
    assert_eq!(taken(&mut threes), "j…");
}

#[test]
fn a_length_beyond_the_memory_comes_in_pieces() {
    let mut long = framing::<4>(10);
    assert_eq!(fed(&mut long, b"abcdefghij"), "abcd…efgh…ij.");
    assert_eq!(fed(&mut long, b"k"), "k…", "as they come, for none of them can be whole");
    assert_eq!(fed(&mut long, b"lmnopqrst").replace('…', ""), "lmnopqrst.");
}

/// The memory turns so that what is found is one slice, also the last piece.
#[test]
fn the_last_piece_may_wrap() {
    let mut long = framing::<8>(15);
    assert_eq!(fed(&mut long, b"abc"), "abc…");
    assert_eq!(fed(&mut long, b"defgh"), "defgh…");
    assert_eq!(fed(&mut long, b"ijklmno"), "ijklmno.");
}

#[test]
fn the_terminator_changes_in_the_middle_of_a_buffer() {
    let mut mixed = framing::<64>(b"\n");
    assert_eq!(mixed.push(b"head\n12345\r\n.\r\nrest"), 19);
    assert_eq!(mixed.next().unwrap(), Some(Frame::Found(b"head")));
    mixed.set_terminator(5).unwrap();
    assert_eq!(mixed.next().unwrap(), Some(Frame::Found(b"12345")));
    mixed.set_terminator(b"\r\n.\r\n").unwrap();
    assert_eq!(mixed.next().unwrap(), Some(Frame::Found(b"")));
    mixed.set_terminator(Terminator::None).unwrap();
    assert_eq!(taken(&mut mixed), "rest…");
}

/// What was searched for one terminator is searched again for another.
#[test]
fn a_terminator_that_changes_in_the_middle_of_a_frame_is_sought_from_its_beginning() {
    let mut lines = framing::<16>(b"\n");
    assert_eq!(fed(&mut lines, b"a;b\r"), "");
    lines.set_terminator(b";").unwrap();
    assert_eq!(taken(&mut lines), "a.");
    lines.set_terminator(b"\r\n").unwrap();
    assert_eq!(fed(&mut lines, b"\n"), "b.");
}

#[test]
fn what_ends_behind_nothing_is_refused_and_changes_nothing() {
    let mut lines = framing::<8>(b"\n");
    for terminator in [Terminator::Length(0), Terminator::Bytes(b"")] {
        assert_eq!(lines.set_terminator(terminator).unwrap_err().kind(), ErrorKind::Invalid);
    }
    assert_eq!(
        lines.set_terminator(b"123456789").unwrap_err().kind(),
        ErrorKind::Full,
        "longer than terminators may be"
    );
    assert_eq!(framing::<4>(b"\n").set_terminator(b"12345").unwrap_err().kind(), ErrorKind::Full, "than the memory");
    for (prefix, width) in [(Prefix::U8, 1), (Prefix::U16Le, 2), (Prefix::U32Be, 4), (Prefix::Varint, 5)] {
        let set = |capacity| Framing::new(vec![0; capacity]).set_terminator(prefix).map_err(|why| why.kind());
        assert_eq!((set(width - 1), set(width)), (Err(ErrorKind::Full), Ok(())), "{prefix:?}");
    }
    assert_eq!(fed(&mut lines, b"a\nb"), "a.");
    assert_eq!(lines.terminator(), Terminator::Bytes(b"\n"));
}

#[test]
fn a_frame_beyond_its_limit_is_an_error_as_soon_as_that_is_certain() {
    // The terminator counts: six bytes and its two are eight.
    let mut lines = framing::<8>(b"\r\n");
    assert_eq!(fed(&mut lines, b"ok\r\n123456\r"), "ok.");
    assert_eq!(fed(&mut lines, b"\n"), "123456.");
    assert_eq!(fed(&mut lines, b"123456"), "");
    assert_eq!(fed(&mut lines, b"7"), format!("!{TOO_LONG}"), "seven and the two are nine");
    assert_eq!(lines.next(), Err(TOO_LONG), "until something is done about it");
    assert_eq!(TOO_LONG.kind(), ErrorKind::Full);
    // A bound below the memory holds as well, for a frame that is all here too.
    let mut lines = framing::<32>(b"\n");
    lines.set_limit(4);
    assert_eq!(lines.limit(), 4);
    assert_eq!(fed(&mut lines, b"abc\nabcd\n"), format!("abc.!{TOO_LONG}"));
    lines.set_limit(5);
    assert_eq!(taken(&mut lines), "abcd.", "nothing was lost");
}

#[test]
fn a_limit_beyond_the_memory_lets_long_frames_come_in_pieces() {
    let mut lines = framing::<8>(b"\r\n");
    lines.set_limit(20);
    assert_eq!(fed(&mut lines, b"1234567\r"), "1234567…", "what may be its end is held back");
    assert_eq!(fed(&mut lines, b"9\r").replace('…', ""), "\r9");
    assert_eq!(fed(&mut lines, b"b\r\nshort\r\n").replace('…', ""), "\rb.short.");
    assert_eq!(
        fed(&mut lines, b"123456789abcdefghi\r\n").replace('…', ""),
        "123456789abcdefghi.",
        "twenty with its end"
    );
    assert!(fed(&mut lines, b"123456789abcdefghij").ends_with(&format!("!{TOO_LONG}")), "twenty-one");
}

#[test]
fn a_frame_that_is_too_long_can_be_passed_over() {
    let mut lines = framing::<8>(b"\n");
    assert_eq!(fed(&mut lines, b"a\n12345678"), format!("a.!{TOO_LONG}"));
    lines.skip();
    assert_eq!(fed(&mut lines, b"9abcdefghijklmnop"), "", "to its end, wherever that is");
    assert_eq!(fed(&mut lines, b"q\nnext\n"), "next.");
    // One of which pieces went out already, and one that is counted off.
    let mut lines = framing::<4>(b"\n");
    lines.set_limit(6);
    assert_eq!(fed(&mut lines, b"123456"), format!("1234…!{TOO_LONG}"));
    lines.skip();
    assert_eq!(fed(&mut lines, b"7\nab\n"), "ab.");
    let mut long = framing::<4>(6);
    assert_eq!(fed(&mut long, b"123"), "123…");
    long.skip();
    assert_eq!(fed(&mut long, b"456abcdef").replace('…', ""), "abcdef.");
}

#[test]
fn the_stream_may_end_in_what_is_passed_over() {
    let mut lines = framing::<8>(b"\n");
    assert_eq!(fed(&mut lines, b"12345678"), format!("!{TOO_LONG}"));
    lines.skip();
    lines.end();
    assert_eq!(taken(&mut lines), "");
    assert!(lines.is_empty());
}

#[test]
fn frames_may_say_their_length_first() {
    let frames: [(Prefix, &[u8]); 6] = [
        (Prefix::U8, b"\x03abc\x00\x01d"),
        (Prefix::U16Be, b"\x00\x03abc\x00\x00\x00\x01d"),
        (Prefix::U16Le, b"\x03\x00abc\x00\x00\x01\x00d"),
        (Prefix::U32Be, b"\x00\x00\x00\x03abc\x00\x00\x00\x00\x00\x00\x00\x01d"),
        (Prefix::U32Le, b"\x03\x00\x00\x00abc\x00\x00\x00\x00\x01\x00\x00\x00d"),
        (Prefix::Varint, b"\x03abc\x00\x81\x00d"),
    ];
    for (prefix, bytes) in frames {
        for piece in 1..=bytes.len() {
            let mut framing = framing::<16>(prefix);
            assert_eq!(framing.terminator(), Terminator::Prefixed(prefix));
            let told: String = bytes.chunks(piece).map(|bytes| fed(&mut framing, bytes)).collect();
            assert_eq!(told, "abc..d.", "{prefix:?} in pieces of {piece}");
        }
    }
}

#[test]
fn what_is_written_as_a_length_is_read_as_it() {
    for prefix in [Prefix::U8, Prefix::U16Be, Prefix::U16Le, Prefix::U32Be, Prefix::U32Le, Prefix::Varint] {
        let most = match prefix {
            Prefix::U8 => 0xff,
            Prefix::U16Be | Prefix::U16Le => 0xffff,
            _ => 0xffff_ffff,
        };
        // There may be no such length: 32 bits hold no more.
        let past = usize::checked_add(most, 1).and_then(|past| prefix.write(past));
        assert_eq!(past, None, "{prefix:?}");
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x3fff, 0x4000, 0xffff, 0x0012_3456, 0xffff_ffff] {
            let Some((bytes, len)) = prefix.write(length) else {
                assert!(length > most, "{prefix:?} of {length}");
                continue;
            };
            let mut framing = framing::<16>(prefix);
            framing.set_limit(usize::MAX);
            assert_eq!(framing.push(&bytes[..len]), len);
            assert_eq!(framing.push(b"12345678"), 8);
            // Counted by what is left of it.
            let told = taken(&mut framing);
            match length {
                0 => assert!(told.starts_with('.'), "{prefix:?}: {told}"),
                1 => assert!(told.starts_with("1."), "{prefix:?}: {told}"),
                _ => assert_eq!(told, "12345678…", "{prefix:?} of {length}"),
            }
        }
    }
}

#[test]
fn a_length_that_is_announced_has_the_limit_too() {
    let mut frames = framing::<8>(Prefix::U8);
    assert_eq!(fed(&mut frames, b"\x071234567\x08"), format!("1234567.!{TOO_LONG}"));
    frames.skip();
    assert_eq!(fed(&mut frames, b"12345678\x01a"), "a.");
    frames.set_limit(10);
    assert_eq!(fed(&mut frames, b"\x09123456789\x01b").replace('…', ""), "123456789.b.");
    // What is left of one whose prefix has gone fits again, and comes whole.
    assert_eq!(fed(&mut frames, b"\x0812345678"), "12345678.");
    assert_eq!(fed(&mut frames, b"\x0a"), format!("!{TOO_LONG}"));
    frames.discard();
    assert_eq!(fed(&mut frames, b"\x02hi"), "hi.");
}

#[test]
fn what_is_no_length_is_an_error() {
    for bytes in [&b"\xff\xff\xff\xff\xff\x01"[..], b"\xff\xff\xff\xff\x1f"] {
        let mut frames = framing::<16>(Prefix::Varint);
        frames.set_limit(usize::MAX);
        assert_eq!(frames.push(bytes), bytes.len());
        assert_eq!(frames.next().unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(frames.next().unwrap_err().kind(), ErrorKind::Invalid, "until something is done about it");
    }
}

#[test]
fn the_stream_may_end_in_an_announced_frame() {
    let mut frames = framing::<16>(Prefix::U16Be);
    assert_eq!(fed(&mut frames, b"\x00\x01a\x00"), "a.");
    frames.end();
    assert_eq!(taken(&mut frames), "\0…", "as it came");
    let mut frames = framing::<16>(Prefix::U16Be);
    assert_eq!(fed(&mut frames, b"\x00\x03ab"), "");
    frames.end();
    assert_eq!(taken(&mut frames), "\0\u{3}ab…");
}

/// Nothing more can come, so nothing that could be too long.
#[test]
fn the_end_of_the_stream_is_not_too_long() {
    let mut lines = framing::<8>(b"\r\n");
    lines.set_limit(4);
    assert_eq!(fed(&mut lines, b"123\r"), format!("!{TOO_LONG}"));
    let mut lines = framing::<8>(b"\r\n");
    lines.set_limit(5);
    assert_eq!(fed(&mut lines, b"123\r"), "");
    lines.end();
    assert_eq!(taken(&mut lines), "123\r…");
}

/// The prefix of a frame that comes in pieces has gone, and no piece of it has come.
#[test]
fn the_stream_may_end_right_behind_a_prefix() {
    let mut frames = framing::<4>(Prefix::U8);
    frames.set_limit(100);
    assert_eq!(frames.push(b"\x09"), 1);
    frames.end();
    assert_eq!(frames.next(), Ok(None), "and no piece of nothing");
}

#[test]
fn discarding_forgets_bytes_and_progress() {
    let mut lines = framing::<16>(b"\r\n");
    assert_eq!(fed(&mut lines, b"half a line\r"), "");
    assert_eq!((lines.len(), lines.room(), lines.capacity()), (12, 4, 16));
    lines.discard();
    assert_eq!((lines.len(), lines.room()), (0, 16));
    assert_eq!(fed(&mut lines, b"\nx\r\n"), "\nx.", "the carriage return is forgotten");
}

#[test]
fn what_was_handed_out_makes_room_at_once() {
    let mut lines = framing::<8>(b"\n");
    assert_eq!(lines.push(b"123\n567\n"), 8);
    assert_eq!(lines.room(), 0);
    assert_eq!(lines.next().unwrap(), Some(Frame::Found(b"123")));
    assert_eq!((lines.room(), lines.len()), (4, 4));
    assert_eq!(lines.push(b"abc\nd"), 4);
    assert_eq!(taken(&mut lines), "567.abc.");
}

#[test]
fn no_memory_is_no_frames() {
    let mut nothing = Framing::new([0; 0]);
    assert_eq!(nothing.push(b"a"), 0);
    assert_eq!(nothing.next(), Ok(None));
    assert_eq!(nothing.set_terminator(b"\n").unwrap_err().kind(), ErrorKind::Full);
    nothing.set_terminator(3).unwrap();
    nothing.end();
    assert_eq!(nothing.next(), Ok(None));
}

/// A length that goes on for longer than any does is none; the longest of one byte is of one byte.
#[test]
fn a_varint_ends_where_it_must() {
    let mut frames = framing::<16>(Prefix::Varint);
    assert_eq!(frames.push(&[0x80; 5]), 5);
    assert_eq!(frames.next().unwrap_err().kind(), ErrorKind::Invalid);
    let (bytes, len) = Prefix::Varint.write(127).unwrap();
    assert_eq!(bytes[..len], [127]);
    let (bytes, len) = Prefix::Varint.write(128).unwrap();
    assert_eq!(bytes[..len], [0x80, 1]);
}

#[test]
fn a_prefix_may_be_as_long_as_the_memory() {
    assert!(Framing::new([0; 4]).set_terminator(Prefix::U32Be).is_ok());
    assert_eq!(Framing::new([0; 3]).set_terminator(Prefix::U32Be).unwrap_err().kind(), ErrorKind::Full);
}

#[test]
fn bytes_and_text_are_terminators() {
    assert_eq!(Terminator::from("ab"), Terminator::Bytes(b"ab"));
    assert_eq!(Terminator::from(&b"ab"[..]), Terminator::Bytes(b"ab"));
}
