//! A proxy between two callers and a host, who answers everyone in kind.

use stheno_conformance::faults::Fault;
use stheno_conformance::sim::Address;
use stheno_core::{Channel, Dispatcher, Error, Guest, Key, Net, Outbox, Reason, Result};

use crate::session::{Client, Played, World, events, nothing_is_left, play, played};

enum Proxy {
    Door { target: Address },
    Side(Box<Side>),
}

struct Side {
    other: Option<Key>,
    waiting: Outbox<[u8; 128]>,
    paused: bool,
    last_words: bool,
    closed: bool,
}

impl Side {
    fn open(other: Option<Key>) -> Proxy {
        Proxy::Side(Box::new(Self { other, waiting: Outbox::new(), paused: false, last_words: false, closed: false }))
    }
}

impl Dispatcher<World> for Proxy {
    fn readable(&self) -> bool {
        !matches!(self, Self::Side(side) if side.paused || side.last_words)
    }
    fn writable(&self) -> bool {
        matches!(self, Self::Side(side) if !side.waiting.is_empty() || side.last_words)
    }
    fn handle_accepted(&mut self, guest: &mut Guest<World>, door: &mut Channel<'_, World, Self>) -> Result<()> {
        let Self::Door { target } = self else { return Ok(()) };
        let caller = door.adopt(guest, Side::open(None))?;
        let dialled = door.connect_to(*target, Side::open(Some(caller)));
        let (Self::Side(side), mut io) = door.neighbour(caller)? else { return Ok(()) };
        match dialled {
            Ok(key) => side.other = Some(key),
            Err(_) => io.close(),
        }
        dialled.map(drop)
    }
    fn handle_connect(&mut self, _: &mut Channel<'_, World, Self>) -> Result<()> {
        Ok(())
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        let Self::Side(side) = self else { return Ok(()) };
        assert!(!side.closed, "told to read after it was closed");
        let Some(key) = side.other else { return Ok(()) };
        if let (io, Self::Side(other)) = channel.with_neighbour(key)? {
            other.waiting.fill_from(io)?;
        }
        if let (Self::Side(other), mut io) = channel.neighbour(key)? {
            let _ = other.waiting.flush(&mut io);
            side.paused = other.waiting.room() == 0;
        }
        Ok(())
    }
    fn handle_write(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        let Self::Side(side) = self else { return Ok(()) };
        assert!(!side.closed, "told to write after it was closed");
        side.waiting.flush(channel)?;
        if side.waiting.is_empty() && side.last_words {
            channel.close();
        } else if let Some(Ok((Self::Side(other), _))) = side.other.map(|key| channel.neighbour(key)) {
            other.paused = side.waiting.room() == 0;
        }
        Ok(())
    }
    fn handle_close(&mut self, _: Reason, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        let Self::Side(side) = self else { return Ok(()) };
        assert!(!std::mem::replace(&mut side.closed, true), "closed twice");
        if let Some(Ok((Self::Side(other), _))) = side.other.map(|key| channel.neighbour(key)) {
            other.last_words = true;
        }
        Ok(())
    }
    /// A caller whose target cannot be reached is none of the door's faults.
    fn handle_error(&mut self, error: Error, _: &mut Channel<'_, World, Self>) -> Result<()> {
        if matches!(self, Self::Door { .. }) { Ok(()) } else { Err(error) }
    }
}

pub fn session(plan: &[Fault]) -> std::result::Result<Played, String> {
    let (mut events, mut turns) = (events::<Proxy>(plan), 0);
    let failed = |why: Error| why.to_string();
    let (door, target) = (Address::new(7007), Address::new(7008));
    let mut host = events.net_mut().below.host(target).map_err(failed)?;
    let at = events.listen(door, Proxy::Door { target }).is_ok().then_some(door);
    let says = |id: u8| (0..700_u32).map(|at| (at % 83) as u8 + 100 * id).collect::<Vec<_>>();
    let mut callers: Vec<_> = (0..2).map(|id| Client::dial(&mut events.net_mut().below, at, says(id))).collect();
    let mut answerers: Vec<Client> = Vec::new();
    // The host sends back what it hears, while it hears it.
    for _ in 0..100 {
        play(&mut events, &mut callers, 200, &mut turns)?;
        while let Some(taken) = Client::taken(&mut events.net_mut().below, &mut host) {
            answerers.push(taken);
        }
        let mut news = false;
        for answerer in &mut answerers {
            let before = answerer.heard.len();
            answerer.go_on(&mut events.net_mut().below, 150);
            let heard = answerer.heard[before..].to_vec();
            answerer.to_say.extend(&heard);
            news |= !heard.is_empty() || !answerer.over && !answerer.to_say.is_empty();
            answerer.go_on(&mut events.net_mut().below, 150);
        }
        play(&mut events, &mut callers, 200, &mut turns)?;
        if !news {
            break;
        }
    }
    let mut incomplete = 0;
    for (id, caller) in (0..).zip(&callers) {
        let said = says(id);
        if !said.starts_with(&caller.heard) {
            return Err(format!("caller {id} heard something else"));
        }
        if caller.heard.len() < said.len() {
            incomplete += 1;
            if !caller.over && !events.is_empty() {
                return Err(format!("caller {id} hangs after {} bytes", caller.heard.len()));
            }
        }
    }
    if let Some(wrong) = answerers.iter().find(|one| !(0..2).any(|id| says(id).starts_with(&one.heard))) {
        return Err(format!("the host heard something that nobody said, {} bytes", wrong.heard.len()));
    }
    events.net_mut().below.close(host);
    let mut everyone: Vec<_> = callers.into_iter().chain(answerers).collect();
    nothing_is_left(&mut events, &mut everyone, &mut turns)?;
    Ok(played(&events, incomplete, turns))
}
