//! `HelperFunctionTests`: what an event leads to, whatever its handler does, and closing everything.

use std::time::Duration;

use stheno::{Backend, Channel, Dispatcher, Error, Fired, Key, Kind, Open, Readiness, Reason};

use super::super::far_end::hear_to_the_end;
use super::super::support::{Log, Stage, fresh_loop, hold, same, word};
use super::super::{Case, Failure, Verdict};
use super::Events;
use crate::ground::{Ground, Sign};

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("test_readwriteexc", "rule 7", readwriteexc::<G, B>),
        case("test_readwrite", "rules 1, 3 and 7", readwrite::<G, B>),
        case("test_closeall", "rule 2", closeall::<G, B>),
        case("test_closeall_default", "rule 10", closeall_default::<G, B>),
    ]
}

/// Says what it is told, and does nothing about it but what it is asked for in one of its handlers.
struct Blunt {
    log: Log,
    at: &'static str,
    deed: Deed,
}

#[derive(Clone, Copy)]
enum Deed {
    Nothing,
    Fail,
    /// As raising `ExitNow` did.
    Stop,
}

impl Blunt {
    fn told<G: Ground>(&self, event: &str, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.log.say(event.to_owned());
        match self.deed {
            Deed::Fail if event == self.at => return Err(ON_PURPOSE),
            Deed::Stop if event == self.at => channel.stop(),
            _ => {}
        }
        Ok(())
    }
}

const ON_PURPOSE: Error = Error::user("asked to fail", 0);

impl<G: Ground> Dispatcher<G> for Blunt {
    fn handle_connect(&mut self, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.told("connect", channel)
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.told("read", channel)
    }
    fn handle_write(&mut self, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.told("write", channel)
    }
    fn handle_expt(&mut self, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.told("expt", channel)
    }
    fn handle_error(&mut self, error: Error, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.told(&format!("error {}", word(&error)), channel)?;
        Err(error)
    }
    fn handle_close(&mut self, _: Reason, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.told("close", channel)
    }
}

/// One channel that does this in that handler.
struct Alone<G: Ground, B> {
    events: Events<Blunt, G, B>,
    key: Key,
    log: Log,
    _theirs: G::Peer,
}

impl<G: Ground, B: Backend<G> + Open> Alone<G, B> {
    fn new(at: &'static str, deed: Deed) -> Result<Self, Failure> {
        let (mut events, log) = (fresh_loop::<Blunt, G, B>()?, Log::default());
        let (ours, theirs) = events.net_mut().pair()?;
        let key = events.add(ours, Blunt { log: log.clone(), at, deed })?;
        Ok(Self { events, key, log, _theirs: theirs })
    }

    fn dispatch(&mut self, readiness: Readiness) {
        self.events.dispatch(Fired { key: self.key, readiness });
    }
}

/// Each flag alone, and the one handler that it leads to.
const FLAGS: [(Readiness, &str); 3] =
    [(Readiness::READABLE, "read"), (Readiness::WRITABLE, "write"), (Readiness::PRIORITY, "expt")];

/// asyncore's `read`, `write` and `_exception`.
fn readwriteexc<G: Ground, B: Backend<G> + Open>() -> Verdict {
    type Door<G, B> = fn(&mut Events<Blunt, G, B>, Key);
    let doors: [Door<G, B>; 3] = [
        |events, key| events.handle_read_event(key),
        |events, key| events.handle_write_event(key),
        |events, key| events.handle_expt_event(key),
    ];
    for (door, (_, event)) in doors.into_iter().zip(FLAGS) {
        let mut alone = Alone::<G, B>::new(event, Deed::Fail)?;
        door(&mut alone.events, alone.key);
        same("what it is told that fails", alone.log.lines(), [event, "error handler", "close"])?;
        let mut alone = Alone::<G, B>::new(event, Deed::Stop)?;
        door(&mut alone.events, alone.key);
        same("what it is told that stops the loop", alone.log.lines(), [event])?;
        hold(alone.events.turn(Some(Duration::ZERO))?.stopped, || format!("the loop is not stopped by its {event}"))?;
    }
    Ok(())
}

/// asyncore's `readwrite`. It called `handle_close` for a hang-up and for an error; here whatever the peer had sent is
/// read first, and reading finds the end (rule 3).
fn readwrite<G: Ground, B: Backend<G> + Open>() -> Verdict {
    for (readiness, event) in FLAGS {
        let mut alone = Alone::<G, B>::new("", Deed::Nothing)?;
        alone.dispatch(readiness);
        same(&format!("what {readiness} is told as"), alone.log.lines(), [event])?;
        let mut alone = Alone::<G, B>::new(event, Deed::Fail)?;
        alone.dispatch(readiness);
        same("what it is told that fails", alone.log.lines(), [event, "error handler", "close"])?;
        let mut alone = Alone::<G, B>::new(event, Deed::Stop)?;
        alone.dispatch(readiness);
        hold(alone.events.turn(Some(Duration::ZERO))?.stopped, || format!("the loop is not stopped by its {event}"))?;
    }
    for readiness in [Readiness::ERROR, Readiness::HANGUP] {
        let mut stage = Stage::<G, B>::new()?;
        let net = stage.net();
        let (ours, mut theirs) = net.pair()?;
        net.say(&mut theirs, b"data")?;
        net.hang_up(theirs);
        net.reached(&ours, &[Sign::Data, Sign::End])?;
        let key = stage.events.add(ours, stage.actor("A"))?;
        for told in [&["A: read data"][..], &["A: read data", "A: close end"]] {
            stage.events.dispatch(Fired { key, readiness });
            same(&format!("what {readiness} is told as"), stage.log.lines(), told)?;
        }
    }
    let mut alone = Alone::<G, B>::new("close", Deed::Stop)?;
    alone.dispatch(Readiness::INVALID);
    same("what INVALID is told as", alone.log.lines(), ["error not open", "close"])?;
    hold(alone.events.turn(Some(Duration::ZERO))?.stopped, || "the loop is not stopped by its close".into())
}

/// Ten channels of several kinds: none is told, and all are gone.
fn closeall<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let mut peers = Vec::new();
    for _ in 0..4 {
        peers.push(stage.pair(stage.actor("A"))?.1);
    }
    let (_, at) = stage.listen(stage.actor("A"))?;
    for _ in 0..5 {
        stage.events.create(Kind::Stream, at.clone(), stage.actor("A"))?;
    }
    same("channels", (stage.events.len(), stage.events.keys().count()), (10, 10))?;
    stage.events.close_all();
    let left = (stage.events.len(), stage.events.keys().count(), stage.events.is_empty());
    same("channels that are left", left, (0, 0, true))?;
    for theirs in &mut peers {
        same("what a far end heard", hear_to_the_end(stage.net(), theirs)?, Vec::<u8>::new())?;
    }
    stage.events.run()?;
    same("what was told", stage.log.lines(), Vec::<String>::new())?;
    let (_, mut theirs) = stage.pair(stage.actor("B"))?;
    stage.net().say(&mut theirs, b"ab")?;
    stage.tells(&["B: read ab"])
}

/// There is no table of the module's own: each loop has one, and closes that. The other one's channel waits for its time,
/// so that the two never wait at the same time.
fn closeall_default<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let (mut one, mut other) = (Stage::<G, B>::new()?, Stage::<G, B>::new()?);
    let (key, mut kept) = other.pair(other.actor("B").but(|ways| ways.readable = false))?;
    let mut gone = Vec::new();
    for _ in 0..4 {
        gone.push(one.pair(one.actor("A"))?.1);
    }
    one.events.close_all();
    for theirs in &mut gone {
        same("what a far end heard", hear_to_the_end(one.net(), theirs)?, Vec::<u8>::new())?;
    }
    same("channels that are left of each", (one.events.len(), other.events.len()), (0, 1))?;
    drop(one);
    other.net().say(&mut kept, b"ab")?;
    other.events.channel(key)?.0.ways.readable = true;
    other.tells(&["B: read ab"])
}
