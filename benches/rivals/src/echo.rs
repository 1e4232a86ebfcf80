//! What all echo servers do alike: one scratch buffer for all clients, and memory of its own only for a client that does not
//! take what it is sent.
//!
//! Every server reads into the scratch buffer, sends at once, and keeps what was not taken. While something is kept it does
//! not read from that client, so no client costs more than one scratch buffer.

use std::io;

/// How much is read at once.
pub const SCRATCH: usize = 16 * 1024;

/// How many callers may wait in line.
pub const BACKLOG: i32 = 4096;

/// How many results a wait gives at most, where a program may choose. Stheno's own default.
pub const BATCH: usize = 256;

/// The scratch buffer.
pub fn scratch() -> Box<[u8]> {
    vec![0; SCRATCH].into()
}

/// What a client has not taken yet.
#[derive(Default)]
pub struct Rest(Vec<u8>);

/// How a client stands after an attempt to serve it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Client {
    /// All was sent: it may be read from again.
    Served,
    /// Something waits for room: it is to be told of that alone.
    Behind,
    /// It has left, or its connection broke.
    Gone,
}

impl Rest {
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps this, which was not taken.
    pub fn keep(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// Forgets so many bytes that were sent, and gives the memory back with the last.
    pub fn sent(&mut self, n: usize) {
        self.0.drain(..n);
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
    }

    /// Reads once and sends what came, for sockets that have std's traits.
    pub fn read<S: io::Read + io::Write>(&mut self, stream: &mut S, scratch: &mut [u8]) -> Client {
        match retried(|| stream.read(scratch)) {
            Ok(Some(0)) | Err(_) => Client::Gone,
            Ok(Some(n)) => self.send(stream, &scratch[..n]),
            Ok(None) => Client::Served,
        }
    }

    /// Reads until nothing is there any more, for edges.
    pub fn drain<S: io::Read + io::Write>(&mut self, stream: &mut S, scratch: &mut [u8]) -> Client {
        loop {
            match retried(|| stream.read(scratch)) {
                Ok(Some(0)) | Err(_) => return Client::Gone,
                Ok(Some(n)) => match self.send(stream, &scratch[..n]) {
                    Client::Served => {}
                    other => return other,
                },
                Ok(None) => return Client::Served,
            }
        }
    }

    /// Sends this, with nothing kept before it.
    fn send<S: io::Write>(&mut self, stream: &mut S, bytes: &[u8]) -> Client {
        match retried(|| stream.write(bytes)) {
            Ok(sent) if sent == Some(bytes.len()) => Client::Served,
            Ok(sent) => {
                self.keep(&bytes[sent.unwrap_or(0)..]);
                Client::Behind
            }
            Err(_) => Client::Gone,
        }
    }

    /// Sends what was kept, as far as there is room.
    pub fn write<S: io::Write>(&mut self, stream: &mut S) -> Client {
        while !self.is_empty() {
            match retried(|| stream.write(&self.0)) {
                Ok(Some(n)) => self.sent(n),
                Ok(None) => return Client::Behind,
                Err(_) => return Client::Gone,
            }
        }
        Client::Served
    }
}

/// What a call gave, `None` where it would block; a call that was interrupted is made again.
pub fn retried<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<Option<T>> {
    loop {
        match call() {
            Ok(done) => return Ok(Some(done)),
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(why) => return Err(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Client, Rest, SCRATCH, scratch};
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    /// A server's end that is asked for both, and its client.
    fn pair() -> (UnixStream, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        theirs.set_nonblocking(true).unwrap();
        (ours, theirs)
    }

    #[test]
    fn what_a_client_does_not_take_is_kept_and_comes_in_order() {
        let (mut ours, mut theirs) = pair();
        let (mut rest, mut scratch) = (Rest::default(), scratch());
        let (mut sent, mut came) = (Vec::new(), Vec::new());
        let mut state = Client::Served;
        for round in 0_u32.. {
            let bytes: Vec<u8> = (0..SCRATCH as u32).map(|at| (at.wrapping_mul(round + 7) >> 3) as u8).collect();
            theirs.write_all(&bytes).unwrap();
            sent.extend_from_slice(&bytes);
            state = rest.drain(&mut ours, &mut scratch);
            if state == Client::Behind {
                break;
            }
        }
        assert!(!rest.is_empty() && rest.as_slice().len() <= SCRATCH, "{}", rest.as_slice().len());
        let mut piece = [0; 1000];
        while state == Client::Behind || came.len() < sent.len() {
            match theirs.read(&mut piece) {
                Ok(n) => came.extend_from_slice(&piece[..n]),
                Err(_) if state == Client::Behind => state = rest.write(&mut ours),
                Err(_) => state = rest.drain(&mut ours, &mut scratch),
            }
        }
        assert!(came == sent, "{} of {} bytes came, or not those", came.len(), sent.len());
    }

    #[test]
    fn a_client_that_leaves_is_gone() {
        let (mut ours, theirs) = pair();
        assert_eq!(Rest::default().read(&mut ours, &mut scratch()), Client::Served);
        drop(theirs);
        assert_eq!(Rest::default().read(&mut ours, &mut scratch()), Client::Gone);
    }
}
