//! A proxy between two callers and a host, who answers everyone in kind.

use stheno_conformance::faults::Fault;
use stheno_conformance::sim::Address;
use stheno_core::{Channel, Dispatcher, Eof, Error, Guest, Key, Net, Outbox, Reason, Result};

use crate::life::{Book, Page, Whose};
use crate::session::{Client, Events, Played, World, end, events, play, rest};
use crate::verdict::{Fate, Manners};

/// The example `proxy`, without its deadlines.
enum Proxy {
    Door { target: Address, page: Page },
    Side(Box<Side>),
}

struct Side {
    page: Page,
    other: Option<Key>,
    out: Outbox<[u8; 128]>,
}

impl Side {
    fn open(page: Page, other: Option<Key>) -> Proxy {
        Proxy::Side(Box::new(Self { page, other, out: Outbox::new() }))
    }
}

impl Proxy {
    fn page(&self) -> &Page {
        match self {
            Self::Door { page, .. } => page,
            Self::Side(side) => &side.page,
        }
    }

    fn out(&mut self) -> Option<&mut Outbox<[u8; 128]>> {
        if let Self::Side(side) = self { Some(&mut side.out) } else { None }
    }
}

impl Dispatcher<World> for Proxy {
    fn writable(&self) -> bool {
        matches!(self, Self::Side(side) if side.out.writable())
    }
    fn handle_accepted(&mut self, guest: &mut Guest<World>, door: &mut Channel<'_, World, Self>) -> Result<()> {
        let Self::Door { target, page } = self else { return Ok(()) };
        page.is_told("accepted");
        let (book, from) = (page.book(), *guest.address());
        let caller = door.adopt(guest, Side::open(book.open(Whose::Caller(from)), None))?;
        let dialled = door.connect_to(*target, Side::open(book.open(Whose::Joined(from)), Some(caller)));
        let (Self::Side(side), mut io) = door.neighbour(caller)? else { return Ok(()) };
        match dialled {
            Ok(key) => side.other = Some(key),
            Err(_) => {
                book.never_came(Whose::Joined(from));
                side.page.is_left();
                io.close();
            }
        }
        dialled.map(drop)
    }
    fn handle_connect(&mut self, _: &mut Channel<'_, World, Self>) -> Result<()> {
        self.page().is_told("connect");
        Ok(())
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        self.page().is_told("read");
        let Self::Side(side) = self else { return Ok(()) };
        match side.other {
            Some(other) => Outbox::relay(channel, other, Self::out).map(drop),
            None => channel.recv(&mut [0; 128]).map(drop),
        }
    }
    fn handle_eof(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<Eof> {
        self.page().is_told("the end of the stream");
        let Self::Side(side) = self else { return Ok(Eof::Close) };
        if let Some(other) = side.other
            && let (Self::Side(other), mut io) = channel.neighbour(other)?
        {
            // If it broke, that is told to the other side itself.
            let _ = other.out.shutdown_when_done(&mut io);
        }
        Ok(Eof::KeepSending)
    }
    fn handle_write(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        self.page().is_told("write");
        let Self::Side(side) = self else { return Ok(()) };
        side.out.flush(channel)
    }
    fn handle_close(&mut self, _: Reason, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        self.page().is_told_its_end();
        let Self::Side(side) = self else { return Ok(()) };
        side.out.unlink(channel);
        if let Some(Ok((Self::Side(other), mut io))) = side.other.take().map(|other| channel.neighbour(other)) {
            other.other = None;
            let _ = other.out.shutdown_when_done(&mut io);
        }
        Ok(())
    }
    /// A caller whose target cannot be reached is none of the door's faults.
    fn handle_error(&mut self, error: Error, _: &mut Channel<'_, World, Self>) -> Result<()> {
        self.page().is_told("error");
        if matches!(self, Self::Door { .. }) { Ok(()) } else { Err(error) }
    }
}

const MANNERS: Manners = Manners { forgiving_door: true, tries_again: true };

/// What a caller says, and is to hear.
fn says(id: usize) -> Vec<u8> {
    (0..700_u32).map(|at| (at % 83) as u8 + 100 * id as u8).collect()
}

pub fn session(plan: &[Fault]) -> std::result::Result<Played, String> {
    let (mut events, mut turns, book) = (events::<Proxy>(plan), 0, Book::default());
    let (door, target) = (Address::new(7007), Address::new(7008));
    let mut host = events.net_mut().below.host(target).map_err(|why| why.to_string())?;
    let listens = events.listen(door, Proxy::Door { target, page: book.open(Whose::Door) });
    let at = listens.is_ok().then_some(door);
    if at.is_none() {
        book.never_came(Whose::Door);
    }
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
    // Whoever has heard the end hangs up, which the proxy waits for.
    for gone in callers.iter_mut().chain(&mut answerers).filter(|client| client.over) {
        gone.leave(&mut events.net_mut().below);
    }
    rest(&mut events, &mut turns)?;
    let fates = (0..).zip(&callers).map(|(id, caller)| {
        let fate = caller.fate(&says(id))?;
        joined(&events, caller, &answerers, &says(id), fate)
    });
    let fates = fates.collect::<std::result::Result<Vec<_>, _>>()?;
    events.net_mut().below.close(host);
    end(events, &book, callers, fates, answerers, MANNERS, turns)
}

/// How a caller and whoever answered it fared together: where one's connection is over, so is the other's, and what the
/// answerer heard is what the caller said.
fn joined(
    events: &Events<Proxy>,
    caller: &Client,
    answerers: &[Client],
    said: &[u8],
    fate: Fate,
) -> std::result::Result<Fate, String> {
    let sockets = events.net().sockets();
    // The program dials out for a caller as soon as it has let it in.
    let place = sockets.iter().position(|origin| origin.accepted && origin.there == caller.address);
    let dialled = place.and_then(|place| sockets.get(place + 1)).filter(|origin| !origin.accepted);
    let from = dialled.and_then(|origin| origin.here);
    let Some(answerer) = answerers.iter().find(|answerer| from.is_some() && answerer.address == from) else {
        return match fate.over {
            true => Ok(fate),
            false => Err(format!("{:?} lives, and nobody answers it", caller.address)),
        };
    };
    let heard = answerer.fate(said)?;
    if heard.over != fate.over {
        return Err(format!("a caller and its answerer fared differently: {fate:?}, {heard:?}"));
    }
    Ok(Fate { got: fate.got + heard.got, due: fate.due + heard.due, over: fate.over, goes: false })
}
