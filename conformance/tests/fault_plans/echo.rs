//! An echo server and three clients, who say more than the server's buffers hold.

use stheno_conformance::faults::Fault;
use stheno_conformance::sim::Address;
use stheno_core::{Channel, Dispatcher, Guest, Outbox, Reason, Received, Result};

use crate::session::{Client, Played, World, events, nothing_is_left, play, played, rest};

enum Echo {
    Door,
    Client { waiting: Box<Outbox<[u8; 256]>>, closed: bool },
}

impl Dispatcher<World> for Echo {
    fn readable(&self) -> bool {
        !matches!(self, Self::Client { waiting, .. } if waiting.room() == 0)
    }
    fn writable(&self) -> bool {
        matches!(self, Self::Client { waiting, .. } if !waiting.is_empty())
    }
    fn handle_accepted(&mut self, guest: &mut Guest<World>, door: &mut Channel<'_, World, Self>) -> Result<()> {
        door.adopt(guest, Self::Client { waiting: Box::default(), closed: false }).map(drop)
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        if let Self::Client { waiting, closed } = self {
            assert!(!*closed, "told to read after it was closed");
            if let Received::Data(_) = waiting.fill_from(channel)? {
                waiting.flush(channel)?;
            }
        }
        Ok(())
    }
    fn handle_write(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        let Self::Client { waiting, closed } = self else { return Ok(()) };
        assert!(!*closed, "told to write after it was closed");
        waiting.flush(channel)
    }
    fn handle_close(&mut self, _: Reason, _: &mut Channel<'_, World, Self>) -> Result<()> {
        if let Self::Client { closed, .. } = self {
            assert!(!std::mem::replace(closed, true), "closed twice");
        }
        Ok(())
    }
}

pub fn session(plan: &[Fault]) -> std::result::Result<Played, String> {
    let (mut events, mut turns) = (events::<Echo>(plan), 0);
    let door = Address::new(7007);
    let at = events.listen(door, Echo::Door).is_ok().then_some(door);
    let says = |id: u8| (0..900_u32).map(|at| (at % 251) as u8 ^ id).collect::<Vec<_>>();
    let mut clients: Vec<_> = (0..3).map(|id| Client::dial(&mut events.net_mut().below, at, says(id))).collect();
    rest(&mut events, &mut turns)?;
    play(&mut events, &mut clients, 300, &mut turns)?;
    let mut incomplete = 0;
    for (id, client) in (0..).zip(&clients) {
        let said = says(id);
        if !said.starts_with(&client.heard) {
            return Err(format!("client {id} heard something else"));
        }
        if client.heard.len() < said.len() {
            incomplete += 1;
            if !client.over && !events.is_empty() {
                return Err(format!("client {id} hangs after {} bytes", client.heard.len()));
            }
        }
    }
    nothing_is_left(&mut events, &mut clients, &mut turns)?;
    Ok(played(&events, incomplete, turns))
}
