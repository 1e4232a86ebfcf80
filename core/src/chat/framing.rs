//! Cuts a stream of bytes into frames.

use super::needle::Needle;
use super::{Prefix, Terminator};
use crate::{Buffer, Error, ErrorKind, Io, Net, Received, Result};

/// A part of what was received, as the terminator has it.
///
/// A frame that fits into the buffer comes whole, as [`Found`](Self::Found). Of a longer one the pieces come first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Frame<'a> {
    /// A piece of a frame whose end is still to come: never empty. Behind the end of the stream it is what there is of a
    /// frame that never ends.
    #[doc(alias = "collect_incoming_data")]
    Collected(&'a [u8]),
    /// The end of a frame, with all of it, or with what is left of it after the pieces: empty, perhaps. Neither terminator
    /// nor prefix is in it.
    #[doc(alias = "found_terminator")]
    Found(&'a [u8]),
}

/// Cuts what is received into frames, in the memory it is received into.
///
/// `S` is memory of any kind, as a [`Buffer`]'s; `T` is how long a terminator may be. To be used on its own for what comes
/// from elsewhere than a channel (decrypted, decompressed): [`push`](Self::push) bytes in, and take frames out with
/// [`next`](Self::next). For a channel there is [`Conversation`](super::Conversation).
///
/// - However the bytes come, the frames are the same, and frames and terminators together are the bytes. Nothing is lost,
///   be it that the terminator changes, that a handler fails, or that the stream ends in the middle of one (rule 3).
/// - A frame that is longer than [`limit`](Self::limit) is an error, as soon as that is certain (rule 8).
/// - A frame is handed out where it lies, as one slice. Where it wraps around the end of the memory, the memory is turned
///   first, which costs less than two moves for each byte received, all in all.
/// - The search for a terminator costs less than two comparisons for each byte received, whatever the bytes are and however
///   they come; each is looked at once. Only a terminator that was changed is sought from the beginning of the frame.
///
/// ```
/// use stheno_core::chat::{Frame, Framing};
/// # fn main() -> stheno_core::Result<()> {
/// let mut input = Framing::new([0; 32]);
/// input.set_terminator(b"\r\n")?;
/// assert_eq!(input.push(b"LENGTH 5\r"), 9);
/// assert_eq!(input.next()?, None, "not yet");
/// assert_eq!(input.push(b"\nhelloQUIT\r\n"), 12);
/// assert_eq!(input.next()?, Some(Frame::Found(b"LENGTH 5")));
/// input.set_terminator(5)?; // in the middle of the buffer
/// assert_eq!(input.next()?, Some(Frame::Found(b"hello")));
/// input.set_terminator(b"\r\n")?;
/// assert_eq!(input.next()?, Some(Frame::Found(b"QUIT")));
/// assert_eq!(input.next()?, None);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Framing<S, const T: usize = 8> {
    received: Buffer<S>,
    ends: Ends<T>,
    limit: Option<usize>,
    /// So many bytes at the front were handed out, or belong to none, and go as soon as nobody can look at them any more.
    spent: usize,
    /// So many bytes of the frame under way went out in pieces.
    passed: usize,
    /// So many bytes of what is left of it were searched, and end with so many bytes of the terminator.
    searched: usize,
    matched: usize,
    /// What its prefix said, once that has gone.
    announced: Option<usize>,
    /// The frame under way is not to be handed out.
    skipping: bool,
    ended: bool,
}

/// A [`Terminator`], kept.
#[derive(Clone, Debug)]
enum Ends<const T: usize> {
    Nowhere,
    Behind(usize),
    At(Needle<T>),
    Announced(Prefix),
}

/// What comes next, in bytes from the front.
enum Cut {
    Wait,
    Piece(usize),
    Frame { skip: usize, len: usize, spends: usize },
}

impl<const N: usize, const T: usize> Default for Framing<[u8; N], T> {
    fn default() -> Self {
        Self::over([0; N])
    }
}

impl<S> Framing<S> {
    /// Over this memory, for terminators of up to eight bytes. Until one is set there is none.
    pub const fn new(memory: S) -> Self {
        Self::over(memory)
    }
}

impl<S, const T: usize> Framing<S, T> {
    /// Over this memory, for terminators of up to `T` bytes (255, if that is less). Until one is set there is none.
    pub const fn over(memory: S) -> Self {
        Self {
            received: Buffer::new(memory),
            ends: Ends::Nowhere,
            limit: None,
            spent: 0,
            passed: 0,
            searched: 0,
            matched: 0,
            announced: None,
            skipping: false,
            ended: false,
        }
    }

    /// The terminator, as it was set.
    #[doc(alias = "get_terminator")]
    pub fn terminator(&self) -> Terminator<'_> {
        match &self.ends {
            Ends::Nowhere => Terminator::None,
            Ends::Behind(length) => Terminator::Length(*length),
            Ends::At(needle) => Terminator::Bytes(needle.as_slice()),
            Ends::Announced(prefix) => Terminator::Prefixed(*prefix),
        }
    }

    /// Says that nothing more will come: what is left of a frame without an end comes as [`Frame::Collected`]. A receive
    /// that finds the end of the stream says so by itself.
    pub const fn end(&mut self) {
        self.ended = true;
    }

    /// Whether the stream has ended, and nothing more will come.
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// How many bytes wait to be handed out.
    pub const fn len(&self) -> usize {
        self.received.len().saturating_sub(self.spent)
    }

    /// Whether nothing waits to be handed out.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets what waits, and where in a frame it was. Terminator and limit stay.
    #[doc(alias = "discard_buffers")]
    pub const fn discard(&mut self) {
        self.received.clear();
        self.spent = 0;
        self.begin();
    }

    /// From here on it is another frame.
    const fn begin(&mut self) {
        (self.passed, self.searched, self.matched) = (0, 0, 0);
        self.announced = None;
        self.skipping = false;
    }
}

impl<S: AsRef<[u8]> + AsMut<[u8]>, const T: usize> Framing<S, T> {
    /// How many bytes can be received now.
    pub fn room(&self) -> usize {
        self.received.room() + self.spent
    }

    /// How many bytes fit in all.
    pub fn capacity(&self) -> usize {
        self.received.capacity()
    }

    /// How long a frame may be at most, its terminator or its prefix included: as long as the memory, unless set.
    pub fn limit(&self) -> usize {
        self.limit.unwrap_or_else(|| self.capacity())
    }

    /// Sets how long a frame may be at most, its terminator or its prefix included.
    ///
    /// What is longer is an error of [`next`](Self::next). What may be longer than the memory comes in pieces. This is
    /// for what the peer decides: what the program itself counts off, or collects without an end, has no limit.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = Some(limit);
    }

    /// Sets where frames end from now on: the one under way, and all after it, until it is changed again.
    ///
    /// Legal at any time. What has not been handed out yet is cut anew, so that a change between two frames holds for the
    /// very next byte. Where it fails nothing changes: an error of kind [`Invalid`](ErrorKind::Invalid) for no bytes, or a
    /// length of 0, and of kind [`Full`](ErrorKind::Full) for a terminator or a prefix that there is no room for, in `T` or in
    /// the memory.
    pub fn set_terminator<'a>(&mut self, terminator: impl Into<Terminator<'a>>) -> Result<()> {
        let ends = match terminator.into() {
            Terminator::None => Ends::Nowhere,
            Terminator::Prefixed(prefix) if prefix.most() > self.capacity() => return Err(NO_ROOM),
            Terminator::Prefixed(prefix) => Ends::Announced(prefix),
            Terminator::Length(0) | Terminator::Bytes([]) => return Err(NOTHING),
            Terminator::Length(length) => Ends::Behind(length),
            Terminator::Bytes(bytes) if bytes.len() > self.capacity() => return Err(NO_ROOM),
            Terminator::Bytes(bytes) => Ends::At(Needle::new(bytes).ok_or(NO_ROOM)?),
        };
        self.spend();
        self.begin();
        self.ends = ends;
        Ok(())
    }

    /// Receives in one call as much as there is room for and as has come, without copying.
    ///
    /// Without [`room`](Self::room) it receives nothing: `Data(0)`. A channel should not be readable then.
    pub fn fill_from<N: Net>(&mut self, io: &mut Io<'_, N>) -> Result<Received> {
        self.spend();
        let received = io.recv_into(&mut self.received)?;
        self.ended |= received == Received::End;
        Ok(received)
    }

    /// Copies in as much as fits and says how much that was.
    #[must_use = "what did not fit is not there"]
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        self.spend();
        self.received.push(bytes)
    }

    /// Passes over the frame under way, to its very end, and goes on with the one after it: for a program that answers a
    /// frame that is too long, and does not end the conversation for it.
    ///
    /// What was handed out as the last frame is not under way any more.
    pub fn skip(&mut self) {
        self.skipping = true;
        // An error that stands behind it is for `next`.
        let _ = self.pass_over();
        self.spend();
    }

    /// The next frame or piece of one; `None` where more must come first.
    ///
    /// Call it until it says so: what it leaves is not told again until more has come. Between two calls everything may be
    /// changed. Each frame takes at least a byte, so that `while let Some(frame) = …` comes to an end.
    ///
    /// The error [`TOO_LONG`], of kind [`Full`](ErrorKind::Full), where the frame under way is longer than
    /// [`limit`](Self::limit), and one of kind [`Invalid`](ErrorKind::Invalid) for a prefix that is no length. Frames before
    /// it have come by then. It loses nothing, and comes again until the program does something about it:
    /// [`skip`](Self::skip), [`discard`](Self::discard), another limit or terminator, or to close the channel.
    #[expect(clippy::should_implement_trait, reason = "what it gives is lent")]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>> {
        self.pass_over()?;
        self.spend();
        let (skip, len, found) = match self.cut()? {
            Cut::Piece(len) => {
                self.piece_goes(len);
                (0, len, false)
            }
            Cut::Frame { skip, len, spends } => {
                self.frame_goes(spends);
                (skip, len, true)
            }
            // Of what is passed over nothing is here any more.
            Cut::Wait => return Ok(None),
        };
        let bytes = self.one_slice(skip, len);
        Ok(Some(if found { Frame::Found(bytes) } else { Frame::Collected(bytes) }))
    }

    /// Takes the frame that is to be passed over, as far as it is here.
    fn pass_over(&mut self) -> Result<()> {
        while self.skipping {
            self.spend();
            match self.cut()? {
                Cut::Wait => break,
                Cut::Piece(len) => self.piece_goes(len),
                Cut::Frame { spends, .. } => self.frame_goes(spends),
            }
        }
        Ok(())
    }

    fn piece_goes(&mut self, len: usize) {
        self.spent = len;
        self.passed = self.passed.saturating_add(len);
        self.searched = self.searched.saturating_sub(len);
        // Held back no more, at the end of the stream.
        self.matched = self.matched.min(self.searched);
    }

    fn frame_goes(&mut self, spends: usize) {
        self.spent = spends;
        self.begin();
    }

    /// Lets go of what was handed out.
    fn spend(&mut self) {
        self.received.consume(core::mem::take(&mut self.spent));
    }

    fn one_slice(&mut self, skip: usize, len: usize) -> &[u8] {
        let [first, _] = self.received.filled();
        if skip + len > first.len() {
            self.received.make_contiguous();
        }
        let [first, _] = self.received.filled();
        first.get(skip..skip + len).unwrap_or_default()
    }

    /// Decides what comes next.
    fn cut(&mut self) -> Result<Cut> {
        // Nothing more can come, and so nothing that is too long.
        if self.ended && self.received.is_empty() {
            return Ok(Cut::Wait);
        }
        let cut = match self.ends {
            Ends::Nowhere => self.piece(self.received.len()),
            Ends::Behind(length) => self.counted(0, length.saturating_sub(self.passed)),
            Ends::Announced(prefix) => self.announced(prefix)?,
            Ends::At(_) => self.sought()?,
        };
        match cut {
            Cut::Wait if self.ended && !self.received.is_empty() => Ok(Cut::Piece(self.received.len())),
            cut => Ok(cut),
        }
    }

    /// As much of this as lies in one slice.
    fn piece(&self, len: usize) -> Cut {
        let [first, _] = self.received.filled();
        match len.min(first.len()) {
            0 => Cut::Wait,
            len => Cut::Piece(len),
        }
    }

    /// A frame behind so many bytes that belong to none, of which so many are left.
    fn counted(&self, skip: usize, left: usize) -> Cut {
        let here = self.received.len();
        match skip.checked_add(left) {
            Some(spends) if spends <= here => Cut::Frame { skip, len: left, spends },
            Some(spends) if spends <= self.capacity() && self.passed == 0 && !self.skipping => Cut::Wait,
            _ => self.piece(here),
        }
    }

    /// A frame whose length stands before it.
    fn announced(&mut self, prefix: Prefix) -> Result<Cut> {
        if let Some(length) = self.announced {
            return Ok(self.counted(0, length.saturating_sub(self.passed)));
        }
        let read = prefix.read(self.received.filled().into_iter().flatten())?;
        let Some((width, length)) = read else { return Ok(Cut::Wait) };
        let whole = width.saturating_add(length);
        if whole > self.limit() && !self.skipping {
            return Err(TOO_LONG);
        }
        if whole <= self.capacity() && !self.skipping {
            return Ok(self.counted(width, length));
        }
        // It comes in pieces, and its prefix is in none of them.
        self.received.consume(width);
        self.announced = Some(length);
        Ok(self.counted(0, length))
    }

    /// A frame up to the terminator.
    fn sought(&mut self) -> Result<Cut> {
        let Ends::At(needle) = &self.ends else { return Ok(Cut::Wait) };
        let mut before = self.searched;
        for slice in self.received.filled() {
            // What was searched is not searched again, and neither is anything behind an end that was found.
            if self.matched < needle.len() {
                let ahead = slice.get(before..).unwrap_or_default();
                let (matched, read) = needle.find(self.matched, ahead);
                (self.matched, self.searched) = (matched, self.searched + read);
            }
            before = before.saturating_sub(slice.len());
        }
        let missing = needle.len().saturating_sub(self.matched);
        let least = self.passed.saturating_add(self.searched).saturating_add(missing);
        if least > self.limit() && !self.skipping {
            return Err(TOO_LONG);
        }
        if missing == 0 {
            let len = self.searched.saturating_sub(needle.len());
            return Ok(Cut::Frame { skip: 0, len, spends: self.searched });
        }
        // What may be the beginning of the terminator is held back.
        let certain = self.searched.saturating_sub(self.matched);
        let in_pieces = self.received.is_full() || self.passed > 0 || self.skipping;
        Ok(if in_pieces { self.piece(certain) } else { Cut::Wait })
    }
}

const NOTHING: Error = Error::new(ErrorKind::Invalid, "a frame must end behind something").doing("set the terminator");
const NO_ROOM: Error =
    Error::new(ErrorKind::Full, "the terminator is longer than there is room for").doing("set the terminator");
/// The error for a frame that is longer than its limit, to be told apart from others by `==`.
pub const TOO_LONG: Error = Error::new(ErrorKind::Full, "a frame is longer than it may be").doing("receive");
