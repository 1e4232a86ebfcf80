//! `DispatcherTests`: what a dispatcher does that has no opinion on anything.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use stheno::{Backend, Channel, Dispatcher, Kind, Open};

use super::super::support::{A_WHILE, Defaults, Log, deliver, fresh_loop, hold, same};
use super::super::{Case, Verdict};
use super::{door, turn_until};
use crate::ground::{Family, Ground};

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("test_basic", "rule 6", basic::<G, B>),
        case("test_unhandled", "rule 6", unhandled::<G, B>),
        case("test_strerror", "N2", strerror::<G>),
    ]
}

/// Has handlers, and leaves the predicates as they are.
struct Plain(Log);

impl<G: Ground> Dispatcher<G> for Plain {
    fn handle_read(&mut self, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.0.say("A: read".into());
        channel.recv(&mut [0; 8]).map(drop)
    }
    fn handle_write(&mut self, _: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.0.say("A: write".into());
        Ok(())
    }
}

/// Both predicates say yes, so that who says nothing else is told of both.
fn basic<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let log = Log::default();
    let plain = Plain(log.clone());
    same("the predicates", (Dispatcher::<G>::readable(&plain), Dispatcher::<G>::writable(&plain)), (true, true))?;
    let mut events = fresh_loop::<Plain, G, B>()?;
    let (ours, mut theirs) = events.net_mut().pair()?;
    events.add(ours, plain)?;
    turn_until(&mut events, "room to write", |_| Ok(log.lines() == ["A: write"]))?;
    events.net_mut().say(&mut theirs, b"x")?;
    turn_until(&mut events, "something to read", |_| Ok(log.lines().len() >= 2))?;
    same("what was told", &log.lines()[..2], ["A: write", "A: read"])
}

/// Hands everything to the defaults when it is written to, in the order of asyncore's test.
struct Unhandled(Rc<Cell<usize>>);

impl<G: Ground> Dispatcher<G> for Unhandled {
    fn handle_write(&mut self, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.0.set(self.0.get() + 1);
        let mut defaults = Defaults;
        defaults.handle_expt(channel)?;
        defaults.handle_read(channel)?;
        defaults.handle_write(channel)?;
        defaults.handle_connect(channel)
    }
    fn handle_read(&mut self, _: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.0.set(100);
        Ok(())
    }
}

/// asyncore logged an unhandled event each time it came, which it did at once. Here its interest is dropped until it is
/// asked for again; what is logged is asked where there is a log.
fn unhandled<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut events = fresh_loop::<Unhandled, G, B>()?;
    let (ours, mut theirs) = events.net_mut().pair()?;
    deliver(events.net_mut(), &mut theirs, b"data", &ours)?;
    let times = Rc::<Cell<usize>>::default();
    let key = events.add(ours, Unhandled(times.clone()))?;
    for touched in [1, 2] {
        for _ in 0..3 {
            events.handle_write_event(key);
            same("how often it was told", times.get(), touched)?;
        }
        // Neither what it was told nor what the defaults met besides comes again: what was sent stays unread.
        events.handle_read_event(key);
        events.settle();
        events.run_turns(3, Some(Duration::ZERO))?;
        let (before, began) = (events.backend().waits, events.net().clock());
        events.turn(Some(A_WHILE))?;
        let (waits, took) = (events.backend().waits - before, events.net().clock().saturating_since(began));
        hold(waits <= 2 && took >= A_WHILE, || format!("expected a wait of {A_WHILE:?}, came {waits} in {took:?}"))?;
        same("how often it was told", times.get(), touched)?;
        events.touch(key)?;
    }
    Ok(())
}

/// A number has words, also one that is no error's; and who failed says which.
fn strerror<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    same("no error", G::describe(0), "no error")?;
    hold(!G::describe(-1).is_empty(), || "a number that is no error's has no words".into())?;
    let (_door, at) = door(&mut net, &G::anywhere(Family::Inet)?)?;
    let mut second = net.socket(Kind::Stream, &at)?;
    let why = net.bind(&mut second, &at).err().ok_or("an address is given twice")?;
    hold(!why.text().is_empty(), || "an error does not say why".into())?;
    hold(why.code() != 0, || format!("an error of the network has no number: {why}"))?;
    let words = G::describe(why.code());
    hold(!words.is_empty() && words != G::describe(0), || format!("number {} is {words:?}", why.code()))
}
