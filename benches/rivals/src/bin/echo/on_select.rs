//! The floor under select: sets of any size, which the system takes although `FD_SETSIZE` does not, and a table by descriptor.

use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use crate::Failure;
use stheno_rivals::census::Census;
use stheno_rivals::echo::{Client, Rest, retried, scratch};
use stheno_rivals::sets::{Set, select};

pub fn serve(door: TcpListener) -> Result<(), Failure> {
    let door_fd = door.as_raw_fd() as usize;
    let (mut readers, mut writers) = (Set::default(), Set::default());
    let (mut readable, mut writable) = (Set::default(), Set::default());
    let mut clients: Vec<Option<(TcpStream, Rest)>> = Vec::new();
    let (mut census, mut scratch) = (Census::default(), scratch());
    readers.insert(door_fd);
    loop {
        readable.copy(&readers);
        writable.copy(&writers);
        let Some(left) = retried(|| select(&mut readable, &mut writable))? else { continue };
        if left == 0 {
            continue;
        }
        for word in 0..readable.words() {
            let mut fired = readable.word(word) | writable.word(word);
            while fired != 0 {
                let fd = word * u64::BITS as usize + fired.trailing_zeros() as usize;
                fired &= fired - 1;
                if fd == door_fd {
                    continue;
                }
                let Some((stream, rest)) = clients.get_mut(fd).and_then(Option::as_mut) else { continue };
                let was_behind = !rest.is_empty();
                let state = if was_behind { rest.write(stream) } else { rest.read(stream, &mut scratch) };
                match state {
                    Client::Served if was_behind => {
                        writers.remove(fd);
                        readers.insert(fd);
                    }
                    Client::Behind if !was_behind => {
                        readers.remove(fd);
                        writers.insert(fd);
                    }
                    Client::Served | Client::Behind => {}
                    Client::Gone => {
                        readers.remove(fd);
                        writers.remove(fd);
                        clients[fd] = None;
                        if census.left() {
                            return Ok(());
                        }
                    }
                }
            }
        }
        if readable.has(door_fd) {
            while let Some((stream, _)) = retried(|| door.accept())? {
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                let fd = stream.as_raw_fd() as usize;
                if clients.len() <= fd {
                    clients.resize_with(fd + 1, || None);
                }
                readers.insert(fd);
                clients[fd] = Some((stream, Rest::default()));
                census.came();
            }
        }
    }
}
