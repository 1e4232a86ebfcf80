//! Rule 9 where a net breaks clause N2: an interruption that it lets out is no event.

use std::time::Duration;

use stheno::{Backend, Channel, Dispatcher, EventLoop, Guest, Open, Outbox, Received, Result};

use super::super::far_end::hear_all;
use super::super::support::{PATIENCE, hold, same};
use super::super::{Case, Verdict};
use crate::faults::{Call, Faulty, FaultyBackend, Outcome};
use crate::ground::{Family, Ground};

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    vec![Case::new("an-interruption-that-a-net-lets-out-is-no-event", "N2 rules 7 and 9", let_out::<G, B>)]
}

enum Program {
    Door,
    /// Sends back what it receives.
    Echo(Outbox<[u8; 16]>),
    /// Says a word to whom it has called.
    Caller(Outbox<[u8; 16]>),
}

impl<G: Ground> Dispatcher<Faulty<G>> for Program {
    fn readable(&self) -> bool {
        !matches!(self, Self::Echo(waiting) if waiting.room() == 0)
    }
    fn writable(&self) -> bool {
        matches!(self, Self::Echo(waiting) | Self::Caller(waiting) if !waiting.is_empty())
    }
    fn handle_connect(&mut self, _: &mut Channel<'_, Faulty<G>, Self>) -> Result<()> {
        Ok(())
    }
    fn handle_accepted(&mut self, guest: &mut Guest<Faulty<G>>, door: &mut Channel<'_, Faulty<G>, Self>) -> Result<()> {
        door.adopt(guest, Self::Echo(Outbox::new())).map(drop)
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Faulty<G>, Self>) -> Result<()> {
        match self {
            Self::Echo(waiting) => match waiting.fill_from(channel)? {
                Received::Data(_) => waiting.flush(channel),
                Received::WouldBlock | Received::End => Ok(()),
            },
            Self::Door | Self::Caller(_) => channel.recv(&mut [0; 16]).map(drop),
        }
    }
    fn handle_write(&mut self, channel: &mut Channel<'_, Faulty<G>, Self>) -> Result<()> {
        match self {
            Self::Echo(waiting) | Self::Caller(waiting) => waiting.flush(channel),
            Self::Door => Ok(()),
        }
    }
}

/// The first few calls of each kind are interrupted: whoever speaks is answered all the same, and nobody is harmed.
fn let_out<G: Ground, B: Backend<G> + Open>() -> Verdict {
    const CALLS: [Call; 6] = [Call::Connect, Call::Accept, Call::TakeError, Call::Recv, Call::Send, Call::Wait];
    // What happens to which socket is of no matter here.
    let mut net = Faulty::new(G::open()?, |_| 0);
    // An attempt to connect is made once.
    let times = |call| if call == Call::Connect { 1 } else { 3 };
    for call in CALLS {
        (0..times(call)).for_each(|_| net.fail_next(call, Outcome::Interrupted));
    }
    let mut events = EventLoop::<Program, _, FaultyBackend<B>, Vec<_>>::with_parts(net, Open::open()?, Vec::new());
    let door = events.listen(G::anywhere(Family::Inet)?, Program::Door)?;
    let at = events.channel(door)?.1.local_address()?;
    let mut host = events.net_mut().below.host()?;
    let there = events.net_mut().below.address(&host)?;
    let mut word = Outbox::new();
    word.push(b"from the loop")?;
    events.connect(there, Program::Caller(word))?;

    let net = &mut events.net_mut().below;
    let until = net.clock() + PATIENCE;
    let mut far_ends = vec![(net.take(&mut host)?, &b"from the loop"[..], Vec::new())];
    for word in [&b"one word, and another"[..], b"something else"] {
        let mut peer = net.dial(&at)?;
        net.say(&mut peer, word)?;
        far_ends.push((peer, word, Vec::new()));
    }
    while far_ends.iter().any(|(_, word, heard)| heard.len() < word.len()) {
        hold(events.net().below.clock() < until, || {
            let heard: Vec<_> = far_ends.iter().map(|(_, _, heard)| heard.len()).collect();
            format!("only {heard:?} bytes came within {PATIENCE:?}")
        })?;
        events.turn(Some(Duration::from_millis(5)))?;
        for (peer, _, heard) in &mut far_ends {
            let lives = hear_all(&mut events.net_mut().below, peer, heard)?;
            hold(lives, || format!("somebody was cut off after {} bytes", heard.len()))?;
        }
    }
    for (_, word, heard) in &far_ends {
        same("what was heard", &heard[..], *word)?;
    }
    same("channels", events.len(), 4)?;
    for call in CALLS {
        let struck = events.net().struck().iter().filter(|struck| struck.call == call).count();
        same("how often it was interrupted", (call, struck), (call, times(call)))?;
    }
    Ok(())
}
