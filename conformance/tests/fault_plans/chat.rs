//! A chat room and three members, of whom everyone hears what the others say.

use std::cell::RefCell;
use std::rc::Rc;

use stheno_conformance::faults::Fault;
use stheno_conformance::sim::Address;
use stheno_core::{Buffer, Channel, Dispatcher, Error, Guest, Outbox, Reason, Result};

use crate::life::{Book, Page, Whose};
use crate::session::{Client, Played, World, end, events, play};
use crate::verdict::Manners;

/// So many words are said by everyone.
const WORDS: usize = 6;

/// What was said in the room, in order: who said it, and which of its words it is.
type Said = Rc<RefCell<Vec<[u8; 2]>>>;

enum Room {
    Door(Page, Said),
    Member(Box<Member>),
}

struct Member {
    page: Page,
    said: Said,
    heard: Buffer<[u8; 64]>,
    told: Outbox<[u8; 512]>,
}

impl Room {
    fn page(&self) -> &Page {
        match self {
            Self::Door(page, _) => page,
            Self::Member(member) => &member.page,
        }
    }
}

impl Dispatcher<World> for Room {
    fn writable(&self) -> bool {
        matches!(self, Self::Member(member) if !member.told.is_empty())
    }
    fn handle_accepted(&mut self, guest: &mut Guest<World>, door: &mut Channel<'_, World, Self>) -> Result<()> {
        let Self::Door(page, said) = self else { return Ok(()) };
        page.is_told("accepted");
        let page = page.book().open(Whose::Caller(*guest.address()));
        let member = Member { page, said: said.clone(), heard: Buffer::new([0; 64]), told: Outbox::new() };
        door.adopt(guest, Self::Member(Box::new(member))).map(drop)
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        self.page().is_told("read");
        let Self::Member(member) = self else { return Ok(()) };
        channel.recv_into(&mut member.heard)?;
        // A word is two characters: who says it, and which it is. Half a word waits for its other half.
        while member.heard.len() >= 2 {
            let mut word = [0; 2];
            member.heard.pop(&mut word);
            member.said.borrow_mut().push(word);
            channel.for_each_neighbour(|other, io| match other {
                Self::Member(other) => {
                    // Who cannot be told is shown out, and not left with a gap.
                    if other.told.send(io, &word).is_err() {
                        other.page.is_left();
                        io.close();
                    }
                    true
                }
                Self::Door(..) => false,
            });
        }
        Ok(())
    }
    fn handle_write(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        self.page().is_told("write");
        let Self::Member(member) = self else { return Ok(()) };
        member.told.flush(channel)
    }
    fn handle_close(&mut self, _: Reason, _: &mut Channel<'_, World, Self>) -> Result<()> {
        self.page().is_told_its_end();
        Ok(())
    }
    fn handle_error(&mut self, error: Error, _: &mut Channel<'_, World, Self>) -> Result<()> {
        self.page().is_told("error");
        Err(error)
    }
}

pub fn session(plan: &[Fault]) -> std::result::Result<Played, String> {
    let (mut events, mut turns, book) = (events::<Room>(plan), 0, Book::default());
    let (door, said) = (Address::new(7007), Said::default());
    let at = events.listen(door, Room::Door(book.open(Whose::Door), said.clone())).is_ok().then_some(door);
    if at.is_none() {
        book.never_came(Whose::Door);
    }
    // Everybody is there before anybody speaks.
    let mut clients: Vec<_> = (0..3).map(|_| Client::dial(&mut events.net_mut().below, at, Vec::new())).collect();
    play(&mut events, &mut clients, 3, &mut turns)?;
    let words = |id: usize| (b'0'..).take(WORDS).map(move |word| [b'A' + id as u8, word]);
    for (id, client) in clients.iter_mut().enumerate() {
        client.to_say = words(id).flatten().collect();
    }
    // Pieces of three characters cut words in two.
    play(&mut events, &mut clients, 3, &mut turns)?;

    let said = said.borrow();
    let mut fates = Vec::new();
    for (id, client) in clients.iter().enumerate() {
        let (own, others): (Vec<_>, Vec<_>) = said.iter().partition(|word| word[0] == b'A' + id as u8);
        if !words(id).collect::<Vec<_>>().starts_with(&own) {
            return Err(format!("the room heard {own:?} of client {id}"));
        }
        // What everyone hears is what was said, in the same order; and who was not hurt has said all of it.
        let mut fate = client.fate(others.concat().as_slice())?;
        if own.len() < WORDS {
            (fate.got, fate.due) = (fate.got + own.len(), fate.due + WORDS);
        }
        fates.push(fate);
    }
    end(events, &book, clients, fates, Vec::new(), Manners::default(), turns)
}
