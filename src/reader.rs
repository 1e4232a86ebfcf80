//! A reader of the standard library as a producer.

use std::io::{self, Read};

use stheno_core::{Error, ErrorKind, Produced, Producer, Result};

use crate::errno;

/// Sends what a [`Read`] gives, a file for example, without reading it whole: an [`Outbox`](crate::Outbox) asks it for more
/// when there is room.
///
/// The whole loop waits while it reads, so it is for what is always there, as files are; a reader that does not wait may say
/// that it would, and is asked again at the next flush. It ends where the reader does. What the reader fails with comes with
/// the system's number, where it has one.
///
/// ```no_run
/// use std::fs::File;
/// use stheno::{Channel, Dispatcher, Os, Outbox, Reader, Result};
///
/// struct Download(Outbox<[u8; 16384], Reader<File>, 1>);
///
/// impl Dispatcher<Os> for Download {
///     fn writable(&self) -> bool { self.0.writable() }
///
///     fn handle_connect(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
///         let file = File::open("/usr/share/dict/words").map_err(|_| stheno::Error::user("no words", 0))?;
///         self.0.push_with_producer(Reader::new(file))?;
///         self.0.close_when_done(channel);
///         Ok(())
///     }
///
///     fn handle_write(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> { self.0.flush(channel) }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Reader<R> {
    source: R,
}

impl<R: Read> Reader<R> {
    /// Of this reader, from where it is.
    pub const fn new(source: R) -> Self {
        Self { source }
    }

    /// The reader, from where it is now.
    pub fn into_inner(self) -> R {
        self.source
    }
}

impl<R: Read> Producer for Reader<R> {
    fn more(&mut self, into: &mut [u8]) -> Result<Produced> {
        loop {
            return match self.source.read(into) {
                Ok(0) => Ok(Produced::Done),
                Ok(n) => Ok(Produced::Data(n)),
                Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => Ok(Produced::NothingYet),
                Err(why) => Err(why.raw_os_error().map_or(UNREADABLE, errno::with_number).doing("read")),
            };
        }
    }
}

const UNREADABLE: Error = Error::new(ErrorKind::Other, "the reader failed");

#[cfg(test)]
mod tests {
    use super::*;

    /// Says one thing after the other.
    struct Says(Vec<io::Result<&'static [u8]>>);

    impl Read for Says {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let said = self.0.remove(0)?;
            into[..said.len()].copy_from_slice(said);
            Ok(said.len())
        }
    }

    #[test]
    fn says_what_its_reader_says() {
        let again = io::Error::from(io::ErrorKind::WouldBlock);
        let interrupted = io::Error::from(io::ErrorKind::Interrupted);
        let broken = io::Error::from_raw_os_error(5);
        let unknown = io::Error::from_raw_os_error(123_456);
        let own = io::Error::other("of its own");
        let mut reader = Reader::new(Says(vec![
            Err(interrupted),
            Ok(b"ab"),
            Err(again),
            Err(broken),
            Err(unknown),
            Err(own),
            Ok(b""),
        ]));
        let mut into = [0; 4];
        assert_eq!(reader.more(&mut into), Ok(Produced::Data(2)), "an interruption is nobody's business");
        assert_eq!(&into[..2], b"ab");
        assert_eq!(reader.more(&mut into), Ok(Produced::NothingYet));
        let why = reader.more(&mut into).unwrap_err();
        assert_eq!((why.code(), why.to_string()), (5, "read: input/output error (os error 5)".into()));
        assert_eq!(reader.more(&mut into).unwrap_err().code(), 123_456);
        assert_eq!(reader.more(&mut into).unwrap_err().to_string(), "read: the reader failed");
        assert_eq!(reader.more(&mut into), Ok(Produced::Done));
        assert!(reader.into_inner().0.is_empty());
    }
}
