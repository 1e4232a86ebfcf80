//! mio: edges, so a client is read until nothing is there, as its documentation asks for.

use std::net::TcpListener;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::Failure;
use stheno_rivals::census::Census;
use stheno_rivals::echo::{BATCH, Client, Rest, retried, scratch};

const DOOR: Token = Token(usize::MAX - 1);

pub fn serve(door: TcpListener) -> Result<(), Failure> {
    let mut door = mio::net::TcpListener::from_std(door);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut door, DOOR, Interest::READABLE)?;
    let mut events = Events::with_capacity(BATCH);
    let mut clients: Vec<Option<(TcpStream, Rest)>> = Vec::new();
    let (mut vacant, mut census, mut scratch) = (Vec::new(), Census::default(), scratch());
    loop {
        if let Err(why) = poll.poll(&mut events, None) {
            if why.kind() == std::io::ErrorKind::Interrupted {
                continue;
            }
            return Err(why.into());
        }
        for event in &events {
            if event.token() == DOOR {
                while let Some((mut stream, _)) = retried(|| door.accept())? {
                    stream.set_nodelay(true)?;
                    let index = vacant.pop().unwrap_or(clients.len());
                    poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
                    let client = Some((stream, Rest::default()));
                    match clients.get_mut(index) {
                        Some(vacant) => *vacant = client,
                        None => clients.push(client),
                    }
                    census.came();
                }
                continue;
            }
            let index = event.token().0;
            let Some((stream, rest)) = &mut clients[index] else { continue };
            let was_behind = !rest.is_empty();
            let mut state = if was_behind { rest.write(stream) } else { Client::Served };
            if state == Client::Served {
                // What came while it was behind was told then, and is not told again.
                state = rest.drain(stream, &mut scratch);
            }
            match state {
                Client::Served if was_behind => {
                    poll.registry().reregister(stream, Token(index), Interest::READABLE)?;
                }
                Client::Behind if !was_behind => {
                    poll.registry().reregister(stream, Token(index), Interest::READABLE | Interest::WRITABLE)?;
                }
                Client::Served | Client::Behind => {}
                Client::Gone => {
                    poll.registry().deregister(stream)?;
                    clients[index] = None;
                    vacant.push(index);
                    if census.left() {
                        return Ok(());
                    }
                }
            }
        }
    }
}
