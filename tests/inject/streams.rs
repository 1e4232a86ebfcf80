//! Clients of a program that gives back what they send.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use crate::traced::PATIENCE;

/// Two at once: how many of them were cut off. An error if either was served wrongly, or waits in vain.
pub fn pair(to: SocketAddr, told_of_ends: bool) -> Result<usize, String> {
    let mut clients = [Client::call(to, 1)?, Client::call(to, 2)?];
    // More than the programs read at once, and less.
    for length in [6000, 70] {
        for client in &mut clients {
            client.send(length)?;
        }
        for client in &mut clients {
            client.hear()?;
        }
    }
    let mut ended = 0;
    for client in clients {
        ended += usize::from(client.end(told_of_ends)?);
    }
    Ok(ended)
}

struct Client {
    stream: TcpStream,
    number: usize,
    sent: usize,
    back: usize,
    ended: bool,
}

impl Client {
    fn call(to: SocketAddr, number: usize) -> Result<Self, String> {
        Ok(Self { stream: dial(to)?, number, sent: 0, back: 0, ended: false })
    }

    /// The byte at this place of this client's stream.
    fn byte(&self, at: usize) -> u8 {
        (at.wrapping_mul(2_654_435_761).wrapping_add(self.number << 20) >> 11) as u8
    }

    fn send(&mut self, length: usize) -> Result<(), String> {
        let bytes: Vec<u8> = (self.sent..self.sent + length).map(|at| self.byte(at)).collect();
        self.sent += length;
        if !self.ended {
            self.ended = is_end(self.stream.write_all(&bytes), "sending")?.is_none();
        }
        Ok(())
    }

    /// Everything that is still to come, unless the connection ends before.
    fn hear(&mut self) -> Result<(), String> {
        let mut room = [0; 4096];
        while !self.ended && self.back < self.sent {
            let Some(count @ 1..) = is_end(self.stream.read(&mut room), "an answer")? else {
                self.ended = true;
                break;
            };
            for byte in &room[..count] {
                if self.back >= self.sent || *byte != self.byte(self.back) {
                    return Err(format!("client {} got a wrong byte at {}", self.number, self.back));
                }
                self.back += 1;
            }
        }
        Ok(())
    }

    /// Leaves, and sees to it that nothing more comes. Whether it was cut off before.
    fn end(mut self, told_of_ends: bool) -> Result<bool, String> {
        if !self.ended && told_of_ends {
            // It may be cut off between the two.
            let _ = self.stream.shutdown(Shutdown::Write);
            if let Some(count @ 1..) = is_end(self.stream.read(&mut [0; 64]), "the end")? {
                return Err(format!("client {} got {count} bytes too many", self.number));
            }
        }
        Ok(self.ended)
    }
}

pub fn dial(to: SocketAddr) -> Result<TcpStream, String> {
    let stream = TcpStream::connect_timeout(&to, PATIENCE).map_err(|why| format!("nobody listens: {why}"))?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(|why| why.to_string())?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(|why| why.to_string())?;
    Ok(stream)
}

/// What was done, `None` where the connection is over; an error where it neither goes on nor ends.
pub fn is_end<T>(done: io::Result<T>, awaited: &str) -> Result<Option<T>, String> {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, WouldBlock};
    match done {
        Ok(done) => Ok(Some(done)),
        Err(why) if [BrokenPipe, ConnectionAborted, ConnectionReset].contains(&why.kind()) => Ok(None),
        Err(why) if [TimedOut, WouldBlock].contains(&why.kind()) => {
            Err(format!("a client waits in vain for {awaited}"))
        }
        Err(why) => Err(format!("a client failed at {awaited}: {why}")),
    }
}

/// A server that gives back what it gets, for a proxy to dial; it serves as long as this process lasts.
pub fn target() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut room = [0; 8192];
                while let Ok(count @ 1..) = stream.read(&mut room) {
                    if stream.write_all(&room[..count]).is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}
