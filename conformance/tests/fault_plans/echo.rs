//! An echo server and three clients, who say more than the server's buffers hold.

use stheno_conformance::faults::Fault;
use stheno_conformance::sim::Address;
use stheno_core::{Channel, Dispatcher, Error, Guest, Outbox, Reason, Received, Result};

use crate::life::{Book, Page, Whose};
use crate::session::{Client, Played, World, end, events, play, rest};
use crate::verdict::Manners;

/// What the server does wrong, for the verdict to find.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mischief {
    None,
    /// One bad channel harms another one.
    ClosesAnother,
    /// An error that ends a connection is passed over.
    PassesOver,
    /// A byte that came by itself is lost.
    LosesShort,
    /// Behind a byte that came by itself comes one that nobody said.
    AddsToShort,
}

enum Echo {
    Door(Page, Mischief),
    Client(Box<Caller>),
}

struct Caller {
    waiting: Outbox<[u8; 256]>,
    page: Page,
    mischief: Mischief,
}

impl Dispatcher<World> for Echo {
    fn readable(&self) -> bool {
        !matches!(self, Self::Client(caller) if caller.waiting.room() == 0)
    }
    fn writable(&self) -> bool {
        matches!(self, Self::Client(caller) if !caller.waiting.is_empty())
    }
    fn handle_accepted(&mut self, guest: &mut Guest<World>, door: &mut Channel<'_, World, Self>) -> Result<()> {
        let Self::Door(page, mischief) = self else { return Ok(()) };
        page.is_told("accepted");
        let page = page.book().open(Whose::Caller(*guest.address()));
        let caller = Caller { waiting: Outbox::new(), page, mischief: *mischief };
        door.adopt(guest, Self::Client(Box::new(caller))).map(drop)
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        let Self::Client(caller) = self else { return Ok(()) };
        caller.page.is_told("read");
        if let Received::Data(n) = caller.waiting.fill_from(channel)? {
            match caller.mischief {
                Mischief::LosesShort if n == 1 => caller.waiting.clear(),
                Mischief::AddsToShort if n == 1 => caller.waiting.push(b"!")?,
                _ => {}
            }
            caller.waiting.flush(channel)?;
        }
        Ok(())
    }
    fn handle_write(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        let Self::Client(caller) = self else { return Ok(()) };
        caller.page.is_told("write");
        caller.waiting.flush(channel)
    }
    fn handle_close(&mut self, _: Reason, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        match self {
            Self::Door(page, _) => page.is_told_its_end(),
            Self::Client(caller) => {
                caller.page.is_told_its_end();
                let mut others = u32::from(caller.mischief == Mischief::ClosesAnother);
                channel.for_each_neighbour(|other, io| match other {
                    Self::Client(other) if others > 0 => {
                        others -= 1;
                        other.page.is_left();
                        io.close();
                        true
                    }
                    _ => false,
                });
            }
        }
        Ok(())
    }
    fn handle_error(&mut self, error: Error, _: &mut Channel<'_, World, Self>) -> Result<()> {
        match self {
            // Want of descriptors is told to a door that rests.
            Self::Door(page, _) => page.is_told("error"),
            Self::Client(caller) => {
                caller.page.is_told("error");
                if caller.mischief == Mischief::PassesOver {
                    return Ok(());
                }
            }
        }
        Err(error)
    }
}

pub fn session(plan: &[Fault]) -> std::result::Result<Played, String> {
    with(Mischief::None, plan)
}

pub fn with(mischief: Mischief, plan: &[Fault]) -> std::result::Result<Played, String> {
    let (mut events, mut turns, book) = (events::<Echo>(plan), 0, Book::default());
    let door = Address::new(7007);
    let at = events.listen(door, Echo::Door(book.open(Whose::Door), mischief)).is_ok().then_some(door);
    if at.is_none() {
        book.never_came(Whose::Door);
    }
    let says = |id: usize| (0..900_u32).map(|at| (at % 251) as u8 ^ id as u8).collect::<Vec<_>>();
    let mut clients: Vec<_> = (0..3).map(|id| Client::dial(&mut events.net_mut().below, at, says(id))).collect();
    rest(&mut events, &mut turns)?;
    play(&mut events, &mut clients, 300, &mut turns)?;
    let fates = clients.iter().enumerate().map(|(id, client)| client.fate(&says(id)));
    let fates = fates.collect::<std::result::Result<Vec<_>, _>>()?;
    end(events, &book, clients, fates, Vec::new(), Manners::default(), turns)
}
