//! One client's TLS: rustls encrypts and holds the bytes, the channel moves them.
//!
//! rustls says what it wants in the words of a dispatcher: its `wants_read` and `wants_write` are the predicates, whatever
//! the bytes are for, the handshake, an alert or new keys. It holds no more than its limits, 64 KiB to be sent and 16 KiB
//! received, so a client that does not read what comes back is not read either.
//!
//! What rustls has decrypted and could not send back yet is nothing that a backend knows of: the client may have said all it
//! had to say. Once there is room the channel is served without waiting for the network ([`Io::read_again`]).

use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection};
use stheno::{Address, Eof, Error, Half, Io, Os, Reason, Received, Result, Shut, State};

/// How long a handshake may take, from the call to its end.
pub const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long the end may take, once the last word has been said.
pub const GOODBYE: Duration = Duration::from_secs(5);

pub struct Session {
    tls: ServerConnection,
    peer: Address,
    patience: Duration,
    /// rustls took less than there was to send back.
    stalled: bool,
    /// The client has said that nothing follows.
    closed: bool,
    /// The last word here was said: what comes now is thrown away, and the connection's end awaited.
    over: bool,
}

impl Session {
    pub fn new(
        config: &Arc<ServerConfig>,
        peer: Address,
        patience: Duration,
    ) -> std::result::Result<Self, rustls::Error> {
        let tls = ServerConnection::new(config.clone())?;
        Ok(Self { tls, peer, patience, stalled: false, closed: false, over: false })
    }

    pub fn readable(&self) -> bool {
        self.over || !self.stalled
    }

    pub fn writable(&self) -> bool {
        self.tls.wants_write()
    }

    /// Receives, decrypts and sends back, for as long as there is anything and it can be sent back.
    pub fn receive(&mut self, io: &mut Io<'_, Os>) -> Result<()> {
        self.give_back(io)?;
        while !self.over && self.tls.wants_read() {
            match self.tls.read_tls(&mut Wire(io)) {
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => break,
                // The end: `handle_eof` is told of it.
                Ok(0) => break,
                got => got.map_err(failure)?,
            };
            match self.tls.process_new_packets() {
                Ok(news) => self.closed = news.peer_has_closed(),
                Err(why) => {
                    self.tell(&why.to_string());
                    // rustls has an alert for the client, which can still be sent.
                    self.over = true;
                }
            }
            self.wait(io);
            self.give_back(io)?;
        }
        while self.over && matches!(io.recv(&mut [0; 4096])?, Received::Data(_)) {}
        self.send(io)
    }

    /// Moves what was decrypted to what is to be encrypted, as far as there is room.
    fn give_back(&mut self, io: &mut Io<'_, Os>) -> Result<()> {
        let mut piece = [0; 4096];
        while !self.over && !self.stalled {
            let mut reader = self.tls.reader();
            let held = match reader.fill_buf() {
                Ok([]) => return self.say_goodbye(io),
                Ok(held) => held,
                // Nothing for now.
                Err(_) => break,
            };
            let len = held.len().min(piece.len());
            piece[..len].copy_from_slice(&held[..len]);
            let taken = self.tls.writer().write(&piece[..len]).map_err(failure)?;
            self.tls.reader().consume(taken);
            self.stalled = taken < len;
        }
        Ok(())
    }

    /// Sends what is encrypted. Then there may be room for what is held.
    pub fn send(&mut self, io: &mut Io<'_, Os>) -> Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Wire(io)) {
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                sent => sent.map_err(failure)?,
            };
            self.wait(io);
            if std::mem::take(&mut self.stalled) {
                io.read_again();
            }
        }
        match io.state() {
            // So that the client finds the end behind the last word. Its own end is awaited: to close throws away what is
            // still to come, and, as the client is told so, what it has not read.
            State::Open(Shut::Neither) if self.over => {
                io.shutdown(Half::Write)?;
                io.set_timeout(GOODBYE);
            }
            State::Open(Shut::Read) => io.close(),
            _ => {}
        }
        Ok(())
    }

    /// Something went through, so the client is not silent.
    fn wait(&self, io: &mut Io<'_, Os>) {
        if !self.tls.is_handshaking() {
            io.set_timeout(self.patience);
        }
    }

    /// Says that nothing follows.
    pub fn say_goodbye(&mut self, io: &mut Io<'_, Os>) -> Result<()> {
        if !std::mem::replace(&mut self.over, true) {
            self.tls.send_close_notify();
        }
        self.send(io)
    }

    /// The client has ended the connection, or somebody in between has: only a close_notify says that it was all. It is sent
    /// back what came even so.
    pub fn end(&mut self, io: &mut Io<'_, Os>) -> Result<Eof> {
        self.ended(Reason::End);
        self.say_goodbye(io)?;
        Ok(if self.tls.wants_write() { Eof::KeepSending } else { Eof::Close })
    }

    pub fn ended(&self, reason: Reason) {
        if !self.over && !self.closed {
            self.tell(&format!("{reason}, without a close_notify: what came may be cut off"));
        }
    }

    pub fn gave_up(&self) {
        if !self.over {
            self.tell("silent for too long");
        }
    }

    pub fn tell(&self, what: &str) {
        eprintln!("tls_echo: {}: {what}", self.peer);
    }
}

/// A channel as rustls reads and writes it.
struct Wire<'a, 'b>(&'a mut Io<'b, Os>);

impl Read for Wire<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.recv(into).map_err(io::Error::other)? {
            Received::Data(n) => Ok(n),
            Received::WouldBlock => Err(io::ErrorKind::WouldBlock.into()),
            Received::End => Ok(0),
        }
    }
}

impl Write for Wire<'_, '_> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        match self.0.send(from).map_err(io::Error::other)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            n => Ok(n),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The channel's own error, as it was before rustls handed it on.
fn failure(why: io::Error) -> Error {
    why.downcast().unwrap_or(Error::user("rustls failed", 0))
}
