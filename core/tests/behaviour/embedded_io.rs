//! The traits of `embedded-io`: what waits is an error, and what is full or at its end says so.

use crate::memory::{Memory, Table, Watch, pair};
use embedded_io::{BufRead, Read, ReadReady, Write, WriteReady};
use stheno_core::{Buffer, Dispatcher, Error, ErrorKind, EventLoop, Slot};

struct Quiet;

impl Dispatcher<Memory> for Quiet {}

type Events = EventLoop<Quiet, Memory, Watch, Table<Slot<Quiet, Memory>>>;

/// Knows nothing of channels.
fn read_some<R: Read>(source: &mut R) -> Result<Vec<u8>, R::Error> {
    let mut into = [0; 4];
    let n = source.read(&mut into)?;
    Ok(into[..n].to_vec())
}

fn write_some<W: Write>(sink: &mut W, bytes: &[u8]) -> Result<usize, W::Error> {
    let n = sink.write(bytes)?;
    sink.flush()?;
    Ok(n)
}

#[test]
fn a_channel_reads_and_writes_and_never_waits() {
    let (mut net, watch) = pair();
    net.capacity = 6;
    let (socket, far) = net.connection();
    let mut events = Events::with_parts(net, watch, Table::default());
    let key = events.add(socket, Quiet).unwrap();
    events.net_mut().say(far, b"hello");
    let (_, mut io) = events.channel(key).unwrap();
    assert_eq!(read_some(&mut io), Ok(b"hell".to_vec()));
    assert_eq!(read_some(&mut io), Ok(b"o".to_vec()));
    let why = read_some(&mut io).unwrap_err();
    assert_eq!((why.kind(), embedded_io::Error::kind(&why)), (ErrorKind::WouldBlock, embedded_io::ErrorKind::Other));
    assert_eq!(io.read(&mut []), Ok(0), "which is no end");
    assert_eq!(write_some(&mut io, b"four"), Ok(4));
    assert_eq!(write_some(&mut io, b"five"), Ok(2));
    assert_eq!(write_some(&mut io, b"six").unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(write_some(&mut io, b""), Ok(0));
    assert_eq!(events.net_mut().hear(far), b"fourfi");
    events.net_mut().finish(far);
    let (_, mut io) = events.channel(key).unwrap();
    assert_eq!(read_some(&mut io), Ok(vec![]));
    io.close();
    assert_eq!(read_some(&mut io).unwrap_err().kind(), ErrorKind::Stale);
    assert_eq!(io.flush().unwrap_err().kind(), ErrorKind::Stale);
}

#[test]
fn a_buffer_reads_and_writes() {
    let mut buffer = Buffer::new([0; 6]);
    assert_eq!((buffer.read_ready(), buffer.write_ready()), (Ok(false), Ok(true)));
    assert_eq!(read_some(&mut buffer), Ok(vec![]), "at its end, for now");
    assert_eq!(write_some(&mut buffer, b"abcd"), Ok(4));
    assert_eq!(buffer.fill_buf(), Ok(&b"abcd"[..]));
    BufRead::consume(&mut buffer, 3);
    assert_eq!(write_some(&mut buffer, b"efghij"), Ok(5), "as much as there is room for");
    assert_eq!((buffer.read_ready(), buffer.write_ready()), (Ok(true), Ok(false)));
    assert_eq!(write_some(&mut buffer, b"k").unwrap_err().kind(), ErrorKind::Full);
    assert_eq!(write_some(&mut buffer, b""), Ok(0), "nothing fits everywhere");
    assert_eq!(buffer.fill_buf(), Ok(&b"def"[..]), "up to the end of the memory");
    assert_eq!(read_some(&mut buffer), Ok(b"defg".to_vec()));
    assert_eq!(buffer.write_fmt(format_args!("{:02}", 7)).map_err(drop), Ok(()));
    assert_eq!(read_some(&mut buffer), Ok(b"hi07".to_vec()));
}

#[test]
fn every_kind_of_error_has_a_word() {
    use embedded_io::ErrorKind as Word;
    for (kind, word) in [
        (ErrorKind::WouldBlock, Word::Other),
        (ErrorKind::Interrupted, Word::Interrupted),
        (ErrorKind::InProgress, Word::Other),
        (ErrorKind::Disconnected, Word::ConnectionAborted),
        (ErrorKind::Exhausted, Word::OutOfMemory),
        (ErrorKind::BadDescriptor, Word::InvalidInput),
        (ErrorKind::Full, Word::WriteZero),
        (ErrorKind::Stale, Word::NotConnected),
        (ErrorKind::Unsupported, Word::Unsupported),
        (ErrorKind::Invalid, Word::InvalidInput),
        (ErrorKind::User, Word::Other),
        (ErrorKind::Other, Word::Other),
    ] {
        assert_eq!(embedded_io::Error::kind(&Error::new(kind, "")), word, "{kind:?}");
    }
}
