//! What a loop shows of itself, and what it counts: the same for the same story.

use std::thread;
use std::time::Duration;

use stheno::trace::{Observer, Seen, Trace, Traced};
use stheno::waker::{BellHandle, Waker};
use stheno::{Backend, Channel, Counters, Dispatcher, EventLoop, Guest, Key, Open, Received};

use super::super::support::{Below, Counted, HINTS, PATIENCE, Stage, hold, same};
use super::super::{Case, Failure, Verdict};
use crate::ground::{Family, Ground, Need, Sign};

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("the-same-story-leaves-the-same-trace", "rule 10", trace::<G, B>),
        case("counters-are-exact-and-in-step-with-the-turns", "rule 10", counters::<G, B>),
        case("wakes-are-counted-as-they-are-answered", "rule 10", wakes::<G, B>).needing(&[Need::Waker]),
    ]
}

/// Everything that was seen, and the turn under way.
#[derive(Default)]
struct Trail {
    all: Vec<Seen>,
    page: Trace<16>,
}

impl Observer for Trail {
    fn see(&mut self, seen: Seen) {
        self.all.push(seen);
        self.page.see(seen);
    }
}

type Net<G> = Traced<G, Trail>;

enum Player {
    /// Takes so many callers in, and hangs up on the others.
    Door(usize),
    /// Sends what it receives back, or to another one.
    Speaker(Option<Key>),
}

impl<G: Ground> Dispatcher<Net<G>> for Player {
    fn writable(&self) -> bool {
        false
    }
    fn handle_accepted(
        &mut self,
        guest: &mut Guest<Net<G>>,
        channel: &mut Channel<'_, Net<G>, Self>,
    ) -> stheno::Result<()> {
        match self {
            Self::Door(room @ 1..) => {
                *room -= 1;
                channel.adopt(guest, Self::Speaker(None)).map(drop)
            }
            _ => Ok(()),
        }
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Net<G>, Self>) -> stheno::Result<()> {
        let mut bytes = [0; 64];
        if let Received::Data(n) = channel.recv(&mut bytes)? {
            match self {
                Self::Speaker(Some(to)) => channel.neighbour(*to)?.1.send(&bytes[..n])?,
                _ => channel.send(&bytes[..n])?,
            };
        }
        Ok(())
    }
}

/// A loop that is looked at, and what its turns said of themselves.
struct Scene<G: Ground, B> {
    events: EventLoop<Player, Net<G>, Below<B>>,
    turns: u64,
    fired: u64,
    timeouts: u64,
}

impl<G: Ground, B: Backend<G> + Open> Scene<G, B> {
    fn net(&mut self) -> &mut G {
        &mut self.events.net_mut().below
    }

    /// Turns until something was counted.
    fn until(&mut self, what: &str, done: impl Fn(Counters) -> bool) -> Verdict {
        let until = self.net().clock() + PATIENCE;
        while !done(self.events.counters()) {
            let counters = self.events.counters();
            hold(self.net().clock() < until, || format!("{what}: not within {PATIENCE:?}, only {counters}"))?;
            let turn = self.events.turn(Some(Duration::from_millis(100)))?;
            self.turns += 1;
            self.fired += turn.fired as u64;
            self.timeouts += turn.timeouts as u64;
        }
        Ok(())
    }

    /// Callers who are let in and one who is not, an echo, an end, words handed on, a refusal, a connection, a time and a
    /// close, each when the one before is over.
    fn play() -> Result<Self, Failure> {
        let net = Traced::new(G::open()?, Trail::default());
        let events = EventLoop::with_parts(net, Below(Counted::open()?), Vec::new());
        let mut scene = Self { events, turns: 0, fired: 0, timeouts: 0 };
        let door = scene.events.listen(G::anywhere(Family::Inet)?, Player::Door(2))?;
        let at = scene.events.channel(door)?.1.local_address()?;
        let mut first = scene.net().dial(&at)?;
        let mut second = scene.net().dial(&at)?;
        let _third = scene.net().dial(&at)?;
        scene.until("a refusal", |counters| counters.refusals == 1)?;

        scene.net().say(&mut first, b"hello")?;
        scene.until("an echo", |counters| counters.sent == 5)?;
        let mut heard = 0;
        while heard < 5 {
            // Who hangs up with something unread breaks off.
            match scene.net().hear(&mut first, &mut [0; 8])? {
                Received::Data(n) => heard += n,
                _ => scene.net().pass(Duration::from_millis(1)),
            }
        }
        scene.net().hang_up(first);
        scene.until("an end", |counters| counters.closes == 1)?;

        let (ours, _theirs) = scene.net().pair()?;
        let listener = scene.events.add(ours, Player::Speaker(None))?;
        let (ours, mut theirs) = scene.net().pair()?;
        scene.net().say(&mut theirs, b"pass it on")?;
        scene.net().reached(&ours, &[Sign::Data])?;
        scene.events.add(ours, Player::Speaker(Some(listener)))?;
        scene.until("words that are handed on", |counters| counters.sent == 15)?;

        let nowhere = scene.net().nowhere()?;
        scene.events.connect(nowhere, Player::Speaker(None))?;
        scene.until("a refusal", |counters| counters.errors == 1)?;
        let mut host = scene.net().host()?;
        let at = scene.net().address(&host)?;
        let events = scene.events.counters().events;
        scene.events.connect(at, Player::Speaker(None))?;
        scene.until("a connection", |counters| counters.events > events)?;
        let _caller = scene.net().take(&mut host)?;
        scene.events.add_timer(Duration::from_millis(1), Player::Speaker(None))?;
        scene.until("a timeout", |counters| counters.timeouts == 1)?;
        scene.net().say(&mut second, b"bye")?;
        scene.until("an echo", |counters| counters.sent == 18)?;
        scene.events.close(door)?;
        Ok(scene)
    }
}

/// A line for all that happened to a channel, whatever turns there were; without hints, and calls that found nothing.
fn normal_form(all: &[Seen]) -> Vec<String> {
    let mut pages = Vec::<(Key, Trace<1, 16>)>::new();
    for seen in all {
        let (Some(key), seen) = (
            seen.key(),
            match *seen {
                Seen::Received(_, Ok(Received::WouldBlock)) | Seen::Accepted(_, Ok(false)) => continue,
                Seen::Fired(key, readiness) => Seen::Fired(key, readiness - HINTS),
                seen => seen,
            },
        ) else {
            continue;
        };
        match pages.iter_mut().find(|(known, _)| *known == key) {
            Some((_, page)) => page.see(seen),
            None => {
                pages.push((key, Trace::new()));
                pages.last_mut().expect("it was pushed").1.see(seen);
            }
        }
    }
    pages.iter().flat_map(|(_, page)| page.to_string().lines().skip(1).map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn trace<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let scene = Scene::<G, B>::play()?;
    let expected = [
        "#0.0 R: new listening, accept x4 (3 callers, hung up) -> closed",
        "#1.0 R: new open, read x2 (5 in, 5 out, end), eof, close (end of stream) -> closed",
        "#2.0 R: new open, read (3 in, 3 out) -> RP",
        "#1.1 -: new open (10 out) -> RP",
        "#3.0 R: new open, read (10 in) -> RP",
        "#4.0 RW: new connecting, refused, error (connection refused, 111), close (connection refused, 111) -> closed",
        "#4.1 W: new connecting, connect -> RP",
        "#5.0 -: new timer, timeout -> closed",
    ];
    same("the trace", normal_form(&scene.events.net().observer.all), expected.to_vec())?;
    let last = scene.events.net().observer.page.to_string();
    same("the page of the close", last, format!("after turn {}\n#0.0 -: -> closed", scene.turns))
}

fn counters<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let scene = Scene::<G, B>::play()?;
    let told = |seen: &&Seen| matches!(seen, Seen::Told(..));
    let told = scene.events.net().observer.all.iter().filter(told).count() as u64;
    let it = scene.events.counters();
    same("turns, results and timeouts", (it.turns, it.fired, it.timeouts), (scene.turns, scene.fired, scene.timeouts))?;
    same("waits", it.waits, scene.events.backend().0.waits as u64)?;
    same("handlers run", it.events, told)?;
    // How many turns it took is the clock's affair.
    let mut expected = Counters::default();
    (expected.turns, expected.waits) = (it.turns, it.waits);
    (expected.fired, expected.events, expected.timeouts, expected.errors) = (7, 14, 1, 1);
    (expected.accepts, expected.refusals) = (3, 1);
    (expected.opens, expected.closes) = (8, 4);
    (expected.received, expected.sent) = (18, 18);
    same("the counters", it, expected)?;
    same("channels", scene.events.len() as u64, it.opens - it.closes)
}

fn wakes<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (_, _theirs) = stage.pair(stage.actor("A"))?;
    let (bell, sound) = stage.net().bell()?;
    stage.events.attach(BellHandle::Shared(bell.clone()), sound)?;
    let waker = Waker::new(bell);
    for rounds in 1..=3 {
        // Rings that come together are one, and so is what they count for.
        let ringer = waker.clone();
        let rung = thread::spawn(move || (0..10).try_for_each(|_| ringer.wake())).join();
        rung.map_err(|_| "the ringer panicked")??;
        hold(stage.events.turn(None)?.woken, || "nobody was woken".into())?;
        same("wakes", stage.events.counters().wakes, rounds)?;
    }
    same("what else fired", stage.events.counters().fired, 0)
}
