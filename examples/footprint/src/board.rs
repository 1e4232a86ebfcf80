//! What a board's network stack has: a handful of functions on numbers.

use core::time::Duration;

use stheno_core::{Backend, Error, ErrorKind, Fired, Instant, Interest, Key, Kind, Net, Readiness, Received, Result};

/// Something that was found ready.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Found {
    key: u64,
    readiness: u8,
}

// Numbers of sockets and amounts; −1 is "not now", −2 the end, and below that is an error's number. Nothing here needs more
// than that the slices given are there, which is what references to them say.
unsafe extern "C" {
    safe fn board_socket() -> i32;
    safe fn board_listen(socket: i32, port: u16, backlog: u32) -> i32;
    safe fn board_accept(socket: i32) -> i32;
    fn board_recv(socket: i32, into: *mut u8, len: usize) -> i32;
    fn board_send(socket: i32, from: *const u8, len: usize) -> i32;
    safe fn board_error(socket: i32) -> i32;
    safe fn board_close(socket: i32);
    safe fn board_watch(socket: i32, key: u64, interest: u8) -> i32;
    safe fn board_wait(milliseconds: i32) -> i32;
    safe fn board_next(found: &mut Found) -> bool;
    safe fn board_now() -> u64;
    safe fn board_look() -> u8;
}

/// A byte from outside, which the compiler cannot know.
pub fn look() -> u8 {
    board_look()
}

/// The board's network.
#[derive(Clone, Copy, Default)]
pub struct Stack;

/// A port.
#[derive(Clone, Copy)]
pub struct Port(pub u16);

const NOT_NOW: i32 = -1;
const END: i32 = -2;

/// What a number means that is not an amount.
fn failed(number: i32) -> Error {
    let kind = match number {
        -3 => ErrorKind::Disconnected,
        -4 => ErrorKind::Exhausted,
        _ => ErrorKind::Other,
    };
    Error::new(kind, "the stack refused").with_code(number)
}

fn amount(number: i32) -> Result<usize> {
    usize::try_from(number).map_err(|_| failed(number))
}

impl Net for Stack {
    type Socket = i32;
    type Address = Port;
    const VECTORED: bool = false;

    fn socket(&mut self, _: Kind, _: &Port) -> Result<i32> {
        match board_socket() {
            socket @ 0.. => Ok(socket),
            number => Err(failed(number)),
        }
    }

    fn bind(&mut self, socket: &mut i32, at: &Port) -> Result<()> {
        amount(board_listen(*socket, at.0, 0)).map(drop)
    }

    fn listen(&mut self, socket: &mut i32, backlog: u32) -> Result<()> {
        amount(board_listen(*socket, 0, backlog)).map(drop)
    }

    fn connect(&mut self, _: &mut i32, _: &Port) -> Result<()> {
        Err(failed(END))
    }

    fn accept(&mut self, socket: &mut i32) -> Result<Option<(i32, Port)>> {
        match board_accept(*socket) {
            guest @ 0.. => Ok(Some((guest, Port(0)))),
            NOT_NOW => Ok(None),
            number => Err(failed(number)),
        }
    }

    fn recv(&mut self, socket: &mut i32, into: &mut [u8]) -> Result<Received> {
        // SAFETY: the slice is there for the stack to write to, for as long as the call takes.
        match unsafe { board_recv(*socket, into.as_mut_ptr(), into.len()) } {
            NOT_NOW => Ok(Received::WouldBlock),
            END => Ok(Received::End),
            number => amount(number).map(Received::Data),
        }
    }

    fn send(&mut self, socket: &mut i32, from: &[u8]) -> Result<Option<usize>> {
        // SAFETY: the slice is there for the stack to read, for as long as the call takes.
        match unsafe { board_send(*socket, from.as_ptr(), from.len()) } {
            NOT_NOW => Ok(None),
            number => amount(number).map(Some),
        }
    }

    fn take_error(&mut self, socket: &mut i32) -> Result<Option<Error>> {
        let number = board_error(*socket);
        Ok((number != 0).then(|| failed(number)))
    }

    fn local_address(&self, _: &i32) -> Result<Port> {
        Err(failed(END))
    }

    fn peer_address(&self, _: &i32) -> Result<Port> {
        Err(failed(END))
    }

    fn close(&mut self, socket: i32) {
        board_close(socket);
    }
}

/// The board's way to wait. It keeps a key and an interest for each socket, on its side.
#[derive(Clone, Copy, Default)]
pub struct Ready;

impl<N: Net<Socket = i32>> Backend<N> for Ready {
    fn register(&mut self, _: &mut N, socket: &i32, key: Key, interest: Interest) -> Result<()> {
        amount(board_watch(*socket, key.to_bits(), interest.bits())).map(drop)
    }

    fn reregister(&mut self, net: &mut N, socket: &i32, key: Key, interest: Interest) -> Result<()> {
        self.register(net, socket, key, interest)
    }

    fn deregister(&mut self, _: &mut N, socket: &i32, key: Key) -> Result<()> {
        amount(board_watch(*socket, key.to_bits(), 0)).map(drop)
    }

    fn wait(&mut self, _: &mut N, timeout: Option<Duration>) -> Result<usize> {
        // Rounded up, and without a division of 64 bits: no wait is longer than a month, and then it is made again.
        let milliseconds = timeout.map_or(-1, |time| {
            let seconds = time.as_secs().min(2_000_000) as i32;
            seconds * 1000 + time.subsec_nanos().div_ceil(1_000_000) as i32
        });
        amount(board_wait(milliseconds))
    }

    fn next(&mut self) -> Option<Fired> {
        let mut found = Found::default();
        board_next(&mut found).then(|| Fired {
            key: Key::from_bits(found.key),
            readiness: Readiness::from_bits_truncate(found.readiness),
        })
    }

    fn now(&mut self, _: &N) -> Instant {
        Instant::from_nanos(board_now())
    }

    fn name(&self) -> &'static str {
        "board"
    }
}
