//! polling, level-triggered: its default tells once and has to be asked anew for each event, which is a call more.

use std::net::{TcpListener, TcpStream};
use std::num::NonZeroUsize;

use polling::{Event, Events, PollMode, Poller};

use crate::Failure;
use stheno_rivals::census::Census;
use stheno_rivals::echo::{BATCH, Client, Rest, retried, scratch};

const DOOR: usize = usize::MAX - 1;

pub fn serve(door: TcpListener) -> Result<(), Failure> {
    let poller = Poller::new()?;
    // SAFETY: the door is deregistered with the set: both live until this function returns.
    unsafe { poller.add_with_mode(&door, Event::readable(DOOR), PollMode::Level) }?;
    let mut events = Events::with_capacity(NonZeroUsize::new(BATCH).ok_or("no batch")?);
    let mut clients: Vec<Option<(TcpStream, Rest)>> = Vec::new();
    let (mut vacant, mut census, mut scratch) = (Vec::new(), Census::default(), scratch());
    loop {
        events.clear();
        poller.wait(&mut events, None)?;
        for event in events.iter() {
            if event.key == DOOR {
                while let Some((stream, _)) = retried(|| door.accept())? {
                    stream.set_nonblocking(true)?;
                    stream.set_nodelay(true)?;
                    let index = vacant.pop().unwrap_or(clients.len());
                    // SAFETY: the stream is deleted from the poller before it is dropped.
                    unsafe { poller.add_with_mode(&stream, Event::readable(index), PollMode::Level) }?;
                    let client = Some((stream, Rest::default()));
                    match clients.get_mut(index) {
                        Some(vacant) => *vacant = client,
                        None => clients.push(client),
                    }
                    census.came();
                }
                continue;
            }
            let Some((stream, rest)) = &mut clients[event.key] else { continue };
            let was_behind = !rest.is_empty();
            let state = if was_behind { rest.write(stream) } else { rest.read(stream, &mut scratch) };
            match state {
                Client::Served if was_behind => {
                    poller.modify_with_mode(&*stream, Event::readable(event.key), PollMode::Level)?;
                }
                Client::Behind if !was_behind => {
                    poller.modify_with_mode(&*stream, Event::writable(event.key), PollMode::Level)?;
                }
                Client::Served | Client::Behind => {}
                Client::Gone => {
                    poller.delete(&*stream)?;
                    clients[event.key] = None;
                    vacant.push(event.key);
                    if census.left() {
                        return Ok(());
                    }
                }
            }
        }
    }
}
