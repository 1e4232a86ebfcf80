//! The floor under poll: an array of descriptors beside a table of clients.

use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};

use crate::Failure;
use stheno_rivals::census::Census;
use stheno_rivals::echo::{Client, Rest, retried, scratch};

/// What poll is asked of a place where nobody is.
const NOBODY: RawFd = -1;

const fn entry(fd: RawFd, events: i16) -> libc::pollfd {
    libc::pollfd { fd, events, revents: 0 }
}

pub fn serve(door: TcpListener) -> Result<(), Failure> {
    // The door stands first, and client i in place i + 1.
    let mut entries = vec![entry(door.as_raw_fd(), libc::POLLIN)];
    let mut clients: Vec<Option<(TcpStream, Rest)>> = Vec::new();
    let (mut vacant, mut census, mut scratch) = (Vec::new(), Census::default(), scratch());
    loop {
        // SAFETY: the array is as long as is said, and nobody else has it while the call lasts.
        let fired = unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, -1) };
        let Ok(mut left) = usize::try_from(fired) else {
            let why = std::io::Error::last_os_error();
            if why.kind() == std::io::ErrorKind::Interrupted {
                continue;
            }
            return Err(why.into());
        };
        for (index, client) in clients.iter_mut().enumerate() {
            if left == 0 {
                break;
            }
            let asked = &mut entries[index + 1];
            if asked.revents == 0 {
                continue;
            }
            left -= 1;
            let Some((stream, rest)) = client else { continue };
            let state = if rest.is_empty() { rest.read(stream, &mut scratch) } else { rest.write(stream) };
            match state {
                Client::Served => asked.events = libc::POLLIN,
                Client::Behind => asked.events = libc::POLLOUT,
                Client::Gone => {
                    *client = None;
                    *asked = entry(NOBODY, 0);
                    vacant.push(index);
                    if census.left() {
                        return Ok(());
                    }
                }
            }
        }
        if entries[0].revents != 0 {
            while let Some((stream, _)) = retried(|| door.accept())? {
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                let asked = entry(stream.as_raw_fd(), libc::POLLIN);
                let client = Some((stream, Rest::default()));
                match vacant.pop() {
                    Some(index) => (clients[index], entries[index + 1]) = (client, asked),
                    None => {
                        clients.push(client);
                        entries.push(asked);
                    }
                }
                census.came();
            }
        }
    }
}
