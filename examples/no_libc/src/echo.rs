//! The server: sends back what it receives, to sixteen channels at most, in memory whose size is known before it runs.

#![forbid(unsafe_code)]

use core::net::{Ipv4Addr, SocketAddrV4};

use stheno::{
    Address, Backend, Buffer, Channel, Dispatcher, Eof, EventLoop, Guest, Net, Received, Result, Shut, Slot, State,
};

use crate::ground::say;

/// How many channels there are: the listener, and fifteen clients.
pub const CHANNELS: usize = 16;

/// How many bytes wait for a client, at most.
pub const BUFFER: usize = 512;

/// How long a client may be silent.
#[cfg(feature = "deadlines")]
const PATIENCE: core::time::Duration = core::time::Duration::from_secs(60);

/// A channel of the server.
#[allow(clippy::large_enum_variant)] // each has its place in a table of fixed size
pub enum Echo {
    /// Who listens.
    Door,
    /// Who is listened to.
    Client(Buffer<[u8; BUFFER]>),
}

impl<N: Net> Dispatcher<N> for Echo {
    fn readable(&self) -> bool {
        !matches!(self, Self::Client(waiting) if waiting.is_full())
    }

    fn writable(&self) -> bool {
        matches!(self, Self::Client(waiting) if !waiting.is_empty())
    }

    fn handle_accepted(&mut self, guest: &mut Guest<N>, door: &mut Channel<'_, N, Self>) -> Result<()> {
        door.adopt(guest, Self::Client(Buffer::new([0; BUFFER]))).map(drop)
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
        #[cfg(feature = "deadlines")]
        channel.set_timeout(PATIENCE);
        let Self::Client(waiting) = self else { return Ok(()) };
        // What wraps around the end of the buffer comes, and goes, in a call of its own.
        let [free, _] = waiting.free();
        let Received::Data(received) = channel.recv(free)? else { return Ok(()) };
        waiting.commit(received);
        self.handle_write(channel)
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
        if let Self::Client(waiting) = self {
            let [first, _] = waiting.filled();
            let sent = channel.send(first)?;
            waiting.consume(sent);
            // Nothing more will come, and everything has gone.
            if waiting.is_empty() && channel.state() == State::Open(Shut::Read) {
                channel.close();
            }
        }
        Ok(())
    }

    fn handle_eof(&mut self, _: &mut Channel<'_, N, Self>) -> Result<Eof> {
        Ok(if Dispatcher::<N>::writable(self) { Eof::KeepSending } else { Eof::Close })
    }

    #[cfg(feature = "deadlines")]
    fn handle_timeout(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
        channel.close();
        Ok(())
    }
}

/// The table: a place for each channel.
pub type Table<N> = heapless::Vec<Slot<Echo, N>, CHANNELS>;

/// The loop, over a table that lies elsewhere.
pub type Events<N, B> = EventLoop<Echo, N, B, &'static mut Table<N>>;

/// An address with a port.
pub trait Place {
    /// A free port of 127.0.0.1.
    fn anywhere() -> Self;
    /// The port.
    fn port(&self) -> u16;
}

impl Place for SocketAddrV4 {
    fn anywhere() -> Self {
        Self::new(Ipv4Addr::LOCALHOST, 0)
    }
    fn port(&self) -> u16 {
        Self::port(self)
    }
}

impl Place for Address {
    fn anywhere() -> Self {
        SocketAddrV4::anywhere().into()
    }
    fn port(&self) -> u16 {
        Self::port(self).unwrap_or(0)
    }
}

/// Serves at a free port of 127.0.0.1, which it says, for as long as the backend waits; returns the program's exit status.
pub fn serve<N: Net<Address: Place>, B: Backend<N>>(events: &mut Events<N, B>) -> i32 {
    i32::from(open(events).and_then(|()| events.run()).is_err())
}

fn open<N: Net<Address: Place>, B: Backend<N>>(events: &mut Events<N, B>) -> Result<()> {
    let door = events.listen(N::Address::anywhere(), Echo::Door)?;
    tell(events.channel(door)?.1.local_address()?.port());
    Ok(())
}

/// A line with the port, for whoever started the server.
fn tell(mut port: u16) {
    let mut line = *b"127.0.0.1:00000\n";
    for digit in line.iter_mut().rev().skip(1).take(5) {
        *digit = b'0' + (port % 10) as u8;
        port /= 10;
    }
    say(&line);
}
