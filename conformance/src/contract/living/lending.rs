//! Channels that share a pool of memory: more of them than there are chunks, and peers who take their time.

use std::time::Duration;

use stheno::pool::{Heap, Lending, Loan, Place};
use stheno::{Backend, Channel, Dispatcher, EventLoop, Key, Open, Received};

use super::super::far_end::hear_all;
use super::super::support::{A_WHILE, Below, Counted, Log, PATIENCE, hold, same};
use super::super::{Case, Failure, Verdict};
use crate::ground::{Ground, Need};

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("a-pool-serves-more-clients-than-it-has-chunks", "rules 3 and 8", all::<G, B>).beside_others(),
        case("who-waits-for-a-chunk-is-served-in-order", "rules 6 and 8", order::<G, B>),
        case("a-chunk-comes-back-from-whoever-ends", "rules 3 and 8", ends::<G, B>)
            .needing(&[Need::Resets])
            .beside_others(),
    ]
}

type Net<G> = Lending<G, Heap, Vec<Place>>;

/// Sends back what it receives, as soon as it is let; writes down when it reads, and when it has to wait.
struct Echo {
    name: usize,
    loan: Loan,
    let_go: bool,
    log: Log,
}

impl<G: Ground> Dispatcher<Net<G>> for Echo {
    fn readable(&self) -> bool {
        !self.loan.is_full()
    }
    fn writable(&self) -> bool {
        self.let_go && self.loan.writable()
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Net<G>, Self>) -> stheno::Result<()> {
        let received = self.loan.fill_from(channel)?;
        match received {
            Received::WouldBlock if channel.is_paused() => self.log.say(format!("{} waits", self.name)),
            Received::Data(_) => self.log.say(format!("{} reads", self.name)),
            _ => {}
        }
        if self.let_go { self.loan.flush(channel) } else { Ok(()) }
    }
    fn handle_write(&mut self, channel: &mut Channel<'_, Net<G>, Self>) -> stheno::Result<()> {
        self.loan.flush(channel)
    }
}

/// A loop whose channels share so many chunks, and their far ends.
struct Scene<G: Ground, B> {
    events: EventLoop<Echo, Net<G>, Below<B>>,
    keys: Vec<Key>,
    peers: Vec<Option<G::Peer>>,
    heard: Vec<Vec<u8>>,
    log: Log,
}

impl<G: Ground, B: Backend<G> + Open> Scene<G, B> {
    /// With so many clients, who are let send back what comes, or are not yet.
    fn new(clients: usize, chunks: usize, bytes: usize, let_go: bool) -> Result<Self, Failure> {
        let net = Lending::on_heap(G::open()?, chunks, bytes)?;
        let events = EventLoop::with_parts(net, Below(Counted::open()?), Vec::new());
        let heard = vec![Vec::new(); clients];
        let mut scene = Self { events, keys: Vec::new(), peers: Vec::new(), heard, log: Log::default() };
        for name in 0..clients {
            let (mut ours, theirs) = scene.net().pair()?;
            if let_go {
                // The network takes nothing from it until its far end has listened.
                scene.net().fill(&mut ours)?;
            }
            let echo = Echo { name, loan: Loan::new(), let_go, log: scene.log.clone() };
            scene.keys.push(scene.events.add(ours, echo)?);
            scene.peers.push(Some(theirs));
        }
        Ok(scene)
    }

    fn net(&mut self) -> &mut G {
        &mut self.events.net_mut().below
    }

    fn say(&mut self, client: usize, bytes: &[u8]) -> Verdict {
        match &mut self.peers[client] {
            Some(peer) => self.events.net_mut().below.say(peer, bytes),
            None => Err("it has gone".into()),
        }
    }

    fn listen(&mut self, client: usize) -> Verdict {
        let Some(peer) = &mut self.peers[client] else { return Err("it has gone".into()) };
        hear_all(&mut self.events.net_mut().below, peer, &mut self.heard[client])?;
        self.heard[client].retain(|byte| *byte != b'z');
        Ok(())
    }

    fn lets_go(&mut self, client: usize) -> Verdict {
        let (echo, mut io) = self.events.channel(self.keys[client])?;
        echo.let_go = true;
        Ok(echo.loan.flush(&mut io)?)
    }

    /// Free chunks, and channels in line.
    fn left(&self) -> (usize, usize) {
        (self.events.net().free_chunks(), self.events.net().waiting())
    }

    fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> Result<bool, Failure>) -> Verdict {
        let until = self.net().clock() + PATIENCE;
        while !done(self)? {
            hold(self.net().clock() < until, || {
                format!("{what}: not within {PATIENCE:?}, but {:?}", self.log.lines())
            })?;
            self.events.turn(Some(Duration::from_millis(1)))?;
        }
        Ok(())
    }

    /// Nothing happens for a while, and the backend is asked a few times at most.
    fn rests(&mut self) -> Verdict {
        let (before, began) = (self.events.backend().0.waits, self.net().clock());
        while self.net().clock().saturating_since(began) < A_WHILE {
            self.events.turn(Some(A_WHILE))?;
            hold(self.events.backend().0.waits - before <= 4, || "the loop spins".into())?;
        }
        Ok(())
    }
}

/// What a client says: bytes that show whose they are, and where they stand; none that a network is filled with.
fn text(client: usize, from: usize, to: usize) -> Vec<u8> {
    (from..to).map(|at| (at * 7 + client * 31 + at / 256) as u8 & !0x20).collect()
}

/// Everyone speaks, ahead of what it has heard, and listens now and then: before it does, what it said is stuck.
fn all<G: Ground, B: Backend<G> + Open>() -> Verdict {
    const CLIENTS: usize = 6;
    const LONG: usize = 12_000;
    const AHEAD: usize = 1_500;
    let mut scene = Scene::<G, B>::new(CLIENTS, 2, 512, true)?;
    let (mut said, mut round) = ([0; CLIENTS], 0);
    scene.until("everything comes back", |scene| {
        round += 1;
        for (client, said) in said.iter_mut().enumerate() {
            let to = LONG.min(scene.heard[client].len() + AHEAD).min(*said + 500);
            if to > *said {
                scene.say(client, &text(client, *said, to))?;
                *said = to;
            }
            if (client + round) % 3 == 0 {
                scene.listen(client)?;
            }
        }
        Ok(scene.heard.iter().all(|heard| heard.len() >= LONG))
    })?;
    for client in 0..CLIENTS {
        hold(scene.heard[client] == text(client, 0, LONG), || format!("client {client} heard something else"))?;
    }
    scene.until("all is quiet", |scene| Ok(scene.left() == (2, 0)))?;
    same("chunks", scene.events.net().chunks(), 2)
}

/// What was written down, of those who did this.
fn who(log: &Log, did: &str) -> Vec<String> {
    log.lines().iter().filter_map(|line| line.strip_suffix(did).map(str::to_owned)).collect()
}

/// The first two keep their chunks until they are let send; then one after the other is.
fn order<G: Ground, B: Backend<G> + Open>() -> Verdict {
    const CLIENTS: usize = 6;
    let mut scene = Scene::<G, B>::new(CLIENTS, 2, 64, false)?;
    for client in 0..CLIENTS {
        scene.say(client, b"heard")?;
    }
    scene.until("the others wait", |scene| Ok(scene.left() == (0, CLIENTS - 2)))?;
    scene.rests()?;
    let (mut served, waited) = (who(&scene.log, " reads"), who(&scene.log, " waits"));
    same("who is served", served.len(), 2)?;
    served.extend(waited);
    for (at, client) in served.iter().enumerate() {
        let client: usize = client.parse()?;
        scene.lets_go(client)?;
        let next = served.len().min(at + 3);
        scene.until("the next one is served", |scene| Ok(who(&scene.log, " reads").len() >= next))?;
        same("who was served so far", who(&scene.log, " reads"), &served[..next])?;
    }
    scene.until("everyone hears itself", |scene| {
        (0..CLIENTS).try_for_each(|client| scene.listen(client))?;
        Ok(scene.heard.iter().all(|heard| heard == b"heard"))
    })?;
    same("chunks and who waits", scene.left(), (2, 0))
}

/// Those who hold a chunk go in every way there is, and one goes while it waits; everyone else is served.
fn ends<G: Ground, B: Backend<G> + Open>() -> Verdict {
    for way in 0..3 {
        let mut scene = Scene::<G, B>::new(4, 1, 64, false)?;
        scene.say(0, b"held")?;
        scene.until("the first one holds the chunk", |scene| Ok(scene.left() == (0, 0)))?;
        for client in 1..4 {
            scene.say(client, b"heard")?;
            scene.until("it waits", |scene| Ok(scene.left() == (0, client)))?;
        }
        if let Some(peer) = scene.peers[2].take() {
            scene.net().reset(peer)?;
        }
        scene.rests()?;
        same("who is there", scene.events.len(), 4)?;
        match (way, scene.peers[0].take()) {
            (0, Some(peer)) => scene.net().reset(peer)?,
            (1, Some(peer)) => scene.net().hang_up(peer),
            _ => scene.events.close(scene.keys[0])?,
        }
        for client in [1, 3] {
            scene.until("who waited is served", |scene| {
                scene.lets_go(client)?;
                scene.listen(client)?;
                Ok(scene.heard[client] == b"heard")
            })?;
        }
        scene.until("the others are gone", |scene| Ok(scene.events.len() == 2))?;
        same("chunks and who waits", scene.left(), (1, 0))?;
    }
    Ok(())
}
