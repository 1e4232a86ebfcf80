//! The traits of the crate `embedded-io`, for code that is written against them. (Feature `embedded-io`)
//!
//! Those traits are about calls that wait, and nothing here waits. So a channel's [`Io`] that has nothing to receive, or no
//! room to send, gives an *error*, whose own [`kind`](Error::kind) is [`WouldBlock`](ErrorKind::WouldBlock) (`embedded-io`
//! has no word for it, and hears `Other`): to be met where a handler was told that there is something, or to be passed on.
//! Whatever needs several calls, `read_exact` and `write_all` for example, loses what it had moved by then; give it a
//! [`Buffer`] instead, filled by the handler beforehand or sent from afterwards.
//!
//! A `Buffer` without bytes is at its end *for now* (`Ok(0)`, as with a `VecDeque`), and one without room is an error of kind
//! [`Full`](ErrorKind::Full). It can say beforehand which of the two it is (`ReadReady`, `WriteReady`). An `Io` cannot: only a
//! receive finds out whether there is something to receive.
//!
//! ```
//! use embedded_io::{Read, Write};
//! use stheno_core::Buffer;
//!
//! /// Knows nothing of channels.
//! fn greet<S: Read + Write>(stream: &mut S) -> Result<u8, S::Error> {
//!     let mut name = [0; 1];
//!     stream.read(&mut name)?;
//!     stream.write_all(b"hello")?;
//!     Ok(name[0])
//! }
//!
//! let mut buffer = Buffer::new([0; 16]);
//! buffer.write_all(b"A").unwrap();
//! assert_eq!(greet(&mut buffer), Ok(b'A'));
//! assert_eq!(buffer.filled()[0], b"hello");
//! ```

use embedded_io::{self as io, BufRead, ErrorType, Read, ReadReady, Write, WriteReady};

use crate::{Buffer, Error, ErrorKind, Io, Net, Received, Result};

impl io::Error for Error {
    fn kind(&self) -> io::ErrorKind {
        match self.kind() {
            ErrorKind::Interrupted => io::ErrorKind::Interrupted,
            // Reset, broken, timed out or refused: core does not look at the system's number.
            ErrorKind::Disconnected => io::ErrorKind::ConnectionAborted,
            ErrorKind::Exhausted => io::ErrorKind::OutOfMemory,
            ErrorKind::Full => io::ErrorKind::WriteZero,
            ErrorKind::Stale => io::ErrorKind::NotConnected,
            ErrorKind::Unsupported => io::ErrorKind::Unsupported,
            ErrorKind::Invalid | ErrorKind::BadDescriptor => io::ErrorKind::InvalidInput,
            ErrorKind::WouldBlock | ErrorKind::InProgress | ErrorKind::User | ErrorKind::Other => io::ErrorKind::Other,
        }
    }
}

impl<N: Net> ErrorType for Io<'_, N> {
    type Error = Error;
}

/// Receives, as [`recv`](Io::recv) does. `Ok(0)` is the end of the stream, an empty slice, or an empty datagram.
impl<N: Net> Read for Io<'_, N> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        match self.recv(into)? {
            Received::Data(n) => Ok(n),
            Received::End => Ok(0),
            Received::WouldBlock => Err(NOTHING_YET),
        }
    }
}

/// Sends, as [`send`](Io::send) does; nothing is held back, so that there is nothing to flush.
impl<N: Net> Write for Io<'_, N> {
    fn write(&mut self, from: &[u8]) -> Result<usize> {
        match self.send(from)? {
            0 if !from.is_empty() => Err(NO_ROOM_YET),
            n => Ok(n),
        }
    }

    fn flush(&mut self) -> Result<()> {
        self.live().map(drop)
    }
}

impl<S> ErrorType for Buffer<S> {
    type Error = Error;
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> Read for Buffer<S> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        Ok(self.pop(into))
    }
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> BufRead for Buffer<S> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        let [first, _] = self.filled();
        Ok(first)
    }

    fn consume(&mut self, n: usize) {
        Buffer::consume(self, n);
    }
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> ReadReady for Buffer<S> {
    fn read_ready(&mut self) -> Result<bool> {
        Ok(!self.is_empty())
    }
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> Write for Buffer<S> {
    fn write(&mut self, from: &[u8]) -> Result<usize> {
        match self.push(from) {
            0 if !from.is_empty() => Err(FULL),
            n => Ok(n),
        }
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> WriteReady for Buffer<S> {
    fn write_ready(&mut self) -> Result<bool> {
        Ok(!self.is_full())
    }
}

const NOTHING_YET: Error = Error::new(ErrorKind::WouldBlock, "nothing is there yet").doing("recv");
const NO_ROOM_YET: Error = Error::new(ErrorKind::WouldBlock, "there is no room yet").doing("send");
const FULL: Error = Error::new(ErrorKind::Full, "the buffer is full").doing("write");
