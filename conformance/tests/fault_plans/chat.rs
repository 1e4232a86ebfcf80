//! A chat room and three members, of whom everyone hears what the others say.

use stheno_conformance::faults::Fault;
use stheno_conformance::sim::Address;
use stheno_core::{Buffer, Channel, Dispatcher, Guest, Outbox, Reason, Result};

use crate::session::{Client, Played, World, events, nothing_is_left, play, played};

/// So many words are said by everyone.
const WORDS: usize = 6;

enum Room {
    Door,
    Member(Box<Member>),
}

#[derive(Default)]
struct Member {
    heard: Buffer<[u8; 64]>,
    told: Outbox<[u8; 512]>,
    closed: bool,
}

impl Dispatcher<World> for Room {
    fn writable(&self) -> bool {
        matches!(self, Self::Member(member) if !member.told.is_empty())
    }
    fn handle_accepted(&mut self, guest: &mut Guest<World>, door: &mut Channel<'_, World, Self>) -> Result<()> {
        door.adopt(guest, Self::Member(Box::default())).map(drop)
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        let Self::Member(member) = self else { return Ok(()) };
        assert!(!member.closed, "told to read after it was closed");
        channel.recv_into(&mut member.heard)?;
        // A word is two characters: who says it, and which it is. Half a word waits for its other half.
        while member.heard.len() >= 2 {
            let mut word = [0; 2];
            member.heard.pop(&mut word);
            channel.for_each_neighbour(|other, io| match other {
                Self::Member(other) => {
                    // Who cannot be told is shown out, and not left with a gap.
                    if other.told.send(io, &word).is_err() {
                        io.close();
                    }
                    true
                }
                Self::Door => false,
            });
        }
        Ok(())
    }
    fn handle_write(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        let Self::Member(member) = self else { return Ok(()) };
        assert!(!member.closed, "told to write after it was closed");
        member.told.flush(channel)
    }
    fn handle_close(&mut self, _: Reason, _: &mut Channel<'_, World, Self>) -> Result<()> {
        if let Self::Member(member) = self {
            assert!(!std::mem::replace(&mut member.closed, true), "closed twice");
        }
        Ok(())
    }
}

pub fn session(plan: &[Fault]) -> std::result::Result<Played, String> {
    let (mut events, mut turns) = (events::<Room>(plan), 0);
    let door = Address::new(7007);
    let listener = events.listen(door, Room::Door).ok();
    let at = listener.map(|_| door);
    // Everybody is there before anybody speaks.
    let mut clients: Vec<_> = (0..3).map(|_| Client::dial(&mut events.net_mut().below, at, Vec::new())).collect();
    play(&mut events, &mut clients, 3, &mut turns)?;
    for (id, client) in (b'A'..).zip(&mut clients) {
        client.to_say = (b'0'..).take(WORDS).flat_map(|word| [id, word]).collect();
    }
    // Pieces of three characters cut words in two.
    play(&mut events, &mut clients, 3, &mut turns)?;
    let doors = usize::from(listener.is_some_and(|key| events.channel(key).is_ok()));
    let (served, mut incomplete) = (events.len() - doors, 0);
    let living: Vec<_> = clients.iter().map(|client| !client.over).collect();
    for (id, client) in clients.iter().enumerate() {
        incomplete += usize::from(client.over);
        // A word may be cut off where the connection was.
        if client.heard.len() % 2 == 1 && !client.over {
            return Err(format!("member {id} heard half a word"));
        }
        for other in (0..3).filter(|other| *other != id) {
            let name = b'A' + other as u8;
            let words: Vec<_> =
                client.heard.chunks_exact(2).filter(|word| word[0] == name).map(|word| word[1]).collect();
            let expected: Vec<_> = (b'0'..).take(WORDS).collect();
            let whole = living[id] && living[other];
            if !expected.starts_with(&words) || whole && words.len() < WORDS {
                return Err(format!("member {id} heard {words:?} of {other}, living: {living:?}"));
            }
        }
    }
    if living.iter().filter(|lives| **lives).count() > served {
        return Err("a member hangs whom nobody serves".into());
    }
    nothing_is_left(&mut events, &mut clients, &mut turns)?;
    Ok(played(&events, incomplete, turns))
}
