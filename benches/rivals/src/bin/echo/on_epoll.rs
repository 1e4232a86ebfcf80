//! The floor: a bare loop over epoll, with level-triggered readiness and a table of clients.

use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use crate::Failure;
use stheno_rivals::census::Census;
use stheno_rivals::echo::{BATCH, Client, Rest, retried, scratch};

const DOOR: u64 = u64::MAX;

struct Loop {
    set: OwnedFd,
    clients: Vec<Option<(TcpStream, Rest)>>,
    vacant: Vec<usize>,
    census: Census,
}

pub fn serve(door: TcpListener) -> Result<(), Failure> {
    let mut this = Loop {
        set: epoll::create(CreateFlags::CLOEXEC)?,
        clients: Vec::new(),
        vacant: Vec::new(),
        census: Census::default(),
    };
    epoll::add(&this.set, &door, EventData::new_u64(DOOR), EventFlags::IN)?;
    let mut scratch = scratch();
    let mut events = [MaybeUninit::<Event>::uninit(); BATCH];
    loop {
        let (events, _) = match epoll::wait(&this.set, &mut events, None) {
            Err(Errno::INTR) => continue,
            events => events?,
        };
        for event in events {
            let data = event.data.u64();
            if data == DOOR {
                this.accept(&door)?;
            } else if this.serve(data as usize, &mut scratch)? {
                return Ok(());
            }
        }
    }
}

impl Loop {
    fn accept(&mut self, door: &TcpListener) -> Result<(), Failure> {
        while let Some((stream, _)) = retried(|| door.accept())? {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let index = self.vacant.pop().unwrap_or(self.clients.len());
            epoll::add(&self.set, &stream, EventData::new_u64(index as u64), EventFlags::IN)?;
            let client = Some((stream, Rest::default()));
            match self.clients.get_mut(index) {
                Some(vacant) => *vacant = client,
                None => self.clients.push(client),
            }
            self.census.came();
        }
        Ok(())
    }

    /// Whether that was the last client.
    fn serve(&mut self, index: usize, scratch: &mut [u8]) -> Result<bool, Failure> {
        let Some((stream, rest)) = &mut self.clients[index] else { return Ok(false) };
        let was_behind = !rest.is_empty();
        // A hang-up or an error that waits is found by the call.
        let state = if was_behind { rest.write(stream) } else { rest.read(stream, scratch) };
        let wanted = match state {
            Client::Served if was_behind => EventFlags::IN,
            Client::Behind if !was_behind => EventFlags::OUT,
            Client::Served | Client::Behind => return Ok(false),
            Client::Gone => {
                self.clients[index] = None;
                self.vacant.push(index);
                return Ok(self.census.left());
            }
        };
        epoll::modify(&self.set, &*stream, EventData::new_u64(index as u64), wanted)?;
        Ok(false)
    }
}
