//! `Framing` against a reader that keeps everything and looks at it from the beginning each time.

use stheno_core::ErrorKind;
use stheno_core::chat::{Frame, Framing, Prefix, TOO_LONG, Terminator};

use crate::tape::Tape;

/// The first byte says how large the memory is.
pub fn run(bytes: &[u8]) {
    let mut tape = Tape::new(bytes);
    let memory = vec![0; tape.up_to(40)];
    let mut reader = Reader {
        framing: Framing::over(memory),
        end: End::None,
        limit: None,
        frame: Vec::new(),
        waiting: Vec::new(),
        skipping: false,
        ended: false,
    };
    while !tape.is_over() {
        match tape.up_to(9) {
            0..=3 => reader.push(&mut tape),
            4..=6 => {
                // A few times, as a handler would.
                for _ in 0..=tape.up_to(3) {
                    reader.next();
                }
            }
            7 => reader.set_terminator(&mut tape),
            8 => reader.set_limit(tape.up_to(60)),
            _ => match tape.up_to(3) {
                0 => reader.skip(),
                1 => reader.discard(),
                2 => reader.end(),
                _ => reader.set_terminator(&mut tape),
            },
        }
        reader.agrees();
    }
    // Whatever came, it can be taken to the end.
    reader.set_limit(usize::MAX);
    reader.end();
    while reader.next() {}
}

#[derive(Clone, Debug)]
enum End {
    None,
    Length(usize),
    Bytes(Vec<u8>),
    Prefixed(Prefix),
}

struct Reader {
    framing: Framing<Vec<u8>, 4>,
    end: End,
    limit: Option<usize>,
    /// What has been handed out of the frame under way, or passed over, with its prefix.
    frame: Vec<u8>,
    /// What has come and has not been handed out.
    waiting: Vec<u8>,
    skipping: bool,
    ended: bool,
}

/// What a frame consists of: its prefix, its content, and all of it.
struct Whole {
    prefix: usize,
    content: usize,
    all: usize,
}

impl Reader {
    fn agrees(&self) {
        let (framing, here) = (&self.framing, self.waiting.len());
        assert_eq!((framing.len(), framing.is_empty(), framing.has_ended()), (here, here == 0, self.ended));
        assert_eq!(framing.room(), framing.capacity() - here);
        assert_eq!(framing.limit(), self.limit.unwrap_or(framing.capacity()));
        match (framing.terminator(), &self.end) {
            (Terminator::None, End::None) => {}
            (Terminator::Length(length), End::Length(set)) => assert_eq!(length, *set),
            (Terminator::Bytes(bytes), End::Bytes(set)) => assert_eq!(bytes, set),
            (Terminator::Prefixed(prefix), End::Prefixed(set)) => assert_eq!(prefix, *set),
            other => panic!("{other:?}"),
        }
    }

    /// All there is of the frame under way, from its beginning, and of what stands behind it.
    fn all(&self) -> Vec<u8> {
        [&self.frame[..], &self.waiting].concat()
    }

    /// The frame under way, if it is all there; `Err` where its prefix makes no sense.
    fn whole(&self) -> Result<Option<Whole>, ()> {
        let all = self.all();
        let whole = |prefix: usize, content: usize, behind: usize| {
            let all = prefix + content + behind;
            Some(Whole { prefix, content, all }).filter(|whole| whole.all <= self.all().len())
        };
        Ok(match &self.end {
            End::None => None,
            End::Length(length) => whole(0, *length, 0),
            End::Bytes(bytes) => {
                let at = all.windows(bytes.len()).position(|window| window == bytes);
                at.and_then(|at| whole(0, at, bytes.len()))
            }
            End::Prefixed(prefix) => match announced(*prefix, &all)? {
                Some((prefix, length)) => whole(prefix, length, 0),
                None => None,
            },
        })
    }

    /// How long the frame under way is at least.
    fn least(&self) -> usize {
        let all = self.all();
        match (&self.end, self.whole()) {
            (_, Ok(Some(whole))) => whole.all,
            (End::Bytes(bytes), _) => {
                let begun = (0..bytes.len()).rev().find(|n| all.ends_with(&bytes[..*n])).unwrap_or(0);
                all.len() + bytes.len() - begun
            }
            (End::Prefixed(prefix), _) => match announced(*prefix, &all) {
                Ok(Some((prefix, length))) => prefix + length,
                _ => 0,
            },
            _ => 0,
        }
    }

    fn has_limit(&self) -> bool {
        matches!(self.end, End::Bytes(_) | End::Prefixed(_)) && !self.skipping
    }

    /// Whether the frame under way is too long, by what is known of it.
    fn is_too_long(&self) -> bool {
        // A stream that has ended in the middle of a frame, of which all was handed out, has none.
        let over = self.ended && self.waiting.is_empty();
        // A prefix was judged when it came, if it has gone.
        let judged = matches!(self.end, End::Prefixed(_)) && !self.frame.is_empty();
        self.has_limit() && !over && !judged && self.least() > self.framing.limit()
    }

    fn push(&mut self, tape: &mut Tape<'_>) {
        if self.ended {
            return;
        }
        // Few letters, so that terminators are found, and lengths are short.
        let bytes: Vec<u8> = (0..tape.up_to(20)).map(|_| tape.one_of(&[1, 2, 2, 3, 0x81])).collect();
        let room = self.framing.room();
        let n = self.framing.push(&bytes);
        assert_eq!(n, bytes.len().min(room));
        self.waiting.extend(&bytes[..n]);
    }

    /// Takes what comes next, and says whether anything did.
    fn next(&mut self) -> bool {
        if self.skipping {
            self.pass_over();
        }
        let (too_long, whole) = (self.is_too_long(), self.whole());
        let capacity = self.framing.capacity();
        // The prefix of a frame that comes in pieces goes ahead of them.
        if let (End::Prefixed(prefix), true, false) = (&self.end, self.frame.is_empty(), too_long)
            && let Ok(Some((width, length))) = announced(*prefix, &self.waiting)
            && width + length > capacity
        {
            self.frame.extend(self.waiting.drain(..width));
        }
        match self.framing.next() {
            Err(why) if why == TOO_LONG => assert!(too_long, "{:?} is not too long", self.all()),
            Err(why) => assert!(why.kind() == ErrorKind::Invalid && whole.is_err(), "{why}"),
            Ok(_) if too_long => panic!("{:?} then {:?} is too long for {:?}", self.frame, self.waiting, self.end),
            Ok(Some(Frame::Found(bytes))) => {
                let found = bytes.to_vec();
                let whole = whole.expect("a prefix").expect("it is not all there");
                // What is left of its content, and then what stands behind that.
                let gone = self.frame.len();
                let left = &self.all()[gone.max(whole.prefix)..whole.prefix + whole.content];
                assert_eq!(found, left, "of {:?}", self.all());
                self.waiting.drain(..whole.all - gone);
                self.frame.clear();
                return true;
            }
            Ok(Some(Frame::Collected(bytes))) => {
                let piece = bytes.to_vec();
                assert!(!piece.is_empty());
                let found = whole.as_ref().is_ok_and(Option::is_some);
                assert!(self.waiting.starts_with(&piece), "{piece:?} of {:?}", self.waiting);
                // Only what cannot be whole, or never will be.
                let in_pieces = match &self.end {
                    End::None => true,
                    End::Length(length) => *length > capacity,
                    End::Bytes(_) => !self.frame.is_empty() || self.waiting.len() == capacity,
                    End::Prefixed(_) => !self.frame.is_empty(),
                };
                assert!(in_pieces || self.ended && !found, "{piece:?} came before it was whole");
                self.frame.extend(self.waiting.drain(..piece.len()));
                // No part of an end.
                if !self.ended && !found && matches!(self.end, End::Bytes(_)) {
                    assert!(self.least() >= self.frame.len());
                }
                return true;
            }
            Ok(None) => {
                assert!(!matches!(whole, Ok(Some(_))), "{:?} is all there", self.all());
                assert!(!self.ended || self.waiting.is_empty(), "{:?} is left at the end", self.waiting);
                // A full memory from which nothing can be taken would be the end of it.
                assert!(self.framing.room() > 0 || capacity == 0, "{:?} is stuck", self.waiting);
            }
        }
        false
    }

    fn set_terminator(&mut self, tape: &mut Tape<'_>) {
        let bytes: Vec<u8> = (0..tape.up_to(5)).map(|_| tape.one_of(&[1, 2, 3])).collect();
        let prefixes = [Prefix::U8, Prefix::U16Be, Prefix::U16Le, Prefix::U32Be, Prefix::U32Le, Prefix::Varint];
        let end = match tape.up_to(5) {
            0 => End::None,
            1 => End::Length(tape.up_to(50)),
            2 => End::Prefixed(tape.one_of(&prefixes)),
            _ => End::Bytes(bytes),
        };
        let (terminator, room) = match &end {
            End::None => (Terminator::None, 0),
            End::Length(length) => (Terminator::Length(*length), 0),
            End::Bytes(bytes) => (Terminator::Bytes(bytes), bytes.len() + if bytes.len() > 4 { 1000 } else { 0 }),
            End::Prefixed(prefix) => (Terminator::Prefixed(*prefix), width(*prefix)),
        };
        let nothing = matches!(terminator, Terminator::Length(0) | Terminator::Bytes(b""));
        let expected = match (nothing, room > self.framing.capacity()) {
            (true, _) => Err(ErrorKind::Invalid),
            (_, true) => Err(ErrorKind::Full),
            _ => Ok(()),
        };
        assert_eq!(self.framing.set_terminator(terminator).map_err(|why| why.kind()), expected);
        if expected.is_ok() {
            (self.end, self.skipping) = (end, false);
            self.frame.clear();
        }
    }

    fn set_limit(&mut self, limit: usize) {
        self.framing.set_limit(limit);
        self.limit = Some(limit);
    }

    fn skip(&mut self) {
        self.framing.skip();
        self.skipping = true;
        self.pass_over();
    }

    /// Drops the frame under way as far as it is here; what may be the beginning of its end stays.
    fn pass_over(&mut self) {
        match self.whole() {
            Ok(Some(whole)) => {
                self.waiting.drain(..whole.all - self.frame.len());
                self.frame.clear();
                self.skipping = false;
            }
            Ok(None) => {
                let all = self.all();
                let held = match &self.end {
                    _ if self.ended => 0,
                    End::Bytes(bytes) => (0..bytes.len()).rev().find(|n| all.ends_with(&bytes[..*n])).unwrap_or(0),
                    // A prefix that is not all there.
                    End::Prefixed(prefix) if announced(*prefix, &all) == Ok(None) => all.len(),
                    _ => 0,
                };
                let gone = self.waiting.len() - held.min(self.waiting.len());
                self.frame.extend(self.waiting.drain(..gone));
            }
            // Nobody knows where that ends.
            Err(()) => {}
        }
    }

    fn discard(&mut self) {
        self.framing.discard();
        self.waiting.clear();
        self.frame.clear();
        self.skipping = false;
    }

    fn end(&mut self) {
        self.framing.end();
        self.ended = true;
    }
}

fn width(prefix: Prefix) -> usize {
    match prefix {
        Prefix::U8 => 1,
        Prefix::U16Be | Prefix::U16Le => 2,
        Prefix::U32Be | Prefix::U32Le => 4,
        Prefix::Varint => 5,
    }
}

/// How long the prefix is, and what it announces; `Err` for what is no length.
fn announced(prefix: Prefix, bytes: &[u8]) -> Result<Option<(usize, usize)>, ()> {
    if prefix == Prefix::Varint {
        let Some(last) = bytes.iter().take(5).position(|byte| byte & 0x80 == 0) else {
            return if bytes.len() < 5 { Ok(None) } else { Err(()) };
        };
        let groups = bytes[..=last].iter().rev();
        let value = groups.fold(0_u64, |value, byte| value << 7 | u64::from(byte & 0x7f));
        return if value > u64::from(u32::MAX) { Err(()) } else { Ok(Some((last + 1, value as usize))) };
    }
    let width = width(prefix);
    let Some(bytes) = bytes.get(..width) else { return Ok(None) };
    let mut bytes = bytes.to_vec();
    if matches!(prefix, Prefix::U16Le | Prefix::U32Le) {
        bytes.reverse();
    }
    Ok(Some((width, bytes.iter().fold(0, |value, byte| value << 8 | usize::from(*byte)))))
}
