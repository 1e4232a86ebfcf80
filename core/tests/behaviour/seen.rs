//! What a loop shows of itself, and what it counts.

use std::time::Duration;

use crate::NO_WAIT;
use crate::memory::{Inside, Memory, Table, Watch, pair};
use stheno_core::imply::{Outcome, Step, Verdict};
use stheno_core::trace::{Event, Observer, Seen, Trace, Traced};
use stheno_core::{
    Channel, Counters, Dispatcher, Eof, Error, EventLoop, Fired, Guest, Interest, Key, Layer, Readiness, Reason,
    Received, Result, Slot, State, Turn, With, net::Net as _,
};

const RP: Interest = Interest::READ.union(Interest::PRIORITY);

/// A page, and beside it everything that was seen, and the pages that handlers looked at.
#[derive(Default)]
struct Eyes {
    trace: Trace<8>,
    all: Vec<Seen>,
    looked: Vec<String>,
    counted: Counters,
}

impl Observer for Eyes {
    fn see(&mut self, seen: Seen) {
        self.trace.see(seen);
        self.all.push(seen);
    }
}

type Net = Traced<Memory, Eyes>;
type Events = EventLoop<Actor, Net, Watch, Table<Slot<Actor, Net>>>;

/// A few ways to be a channel.
enum Actor {
    /// Takes its callers in, or hangs up on them.
    Door(bool),
    /// Sends back what it receives.
    Echo,
    /// Sends what it receives to another one.
    Pass(Key),
    /// Has something to say, and wants to hear nothing.
    Talks,
    /// Wants nothing at all.
    Idle,
    /// Fails whatever happens.
    Fails,
    /// Letters, each sent back.
    Letters,
    /// Goes on sending when the peer has finished.
    Halves,
    /// Leaves all to the defaults.
    Silent,
}

type Chan<'a> = Channel<'a, Net, Actor>;

impl Dispatcher<Net> for Actor {
    fn readable(&self) -> bool {
        !matches!(self, Self::Talks | Self::Idle)
    }
    fn writable(&self) -> bool {
        matches!(self, Self::Talks | Self::Silent)
    }
    fn handle_accepted(&mut self, guest: &mut Guest<Net>, channel: &mut Chan<'_>) -> Result<()> {
        if matches!(self, Self::Door(true)) {
            channel.adopt(guest, Self::Echo)?;
        }
        Ok(())
    }
    fn handle_read(&mut self, channel: &mut Chan<'_>) -> Result<()> {
        let mut bytes = [0; 16];
        match self {
            Self::Fails => return Err(Error::user("will not read", 7)),
            Self::Silent => channel.touch(),
            Self::Letters => {
                while let Some(letter) = channel.recv_from(&mut bytes)? {
                    channel.send_to(&bytes[..letter.len], &letter.from)?;
                }
            }
            Self::Pass(to) => {
                if let Received::Data(n) = channel.recv(&mut bytes)? {
                    channel.neighbour(*to)?.1.send(&bytes[..n])?;
                }
            }
            _ => {
                if let Received::Data(n) = channel.recv(&mut bytes)? {
                    channel.send(&bytes[..n])?;
                }
            }
        }
        let (counters, eyes) = (channel.counters(), &mut channel.net().observer);
        eyes.looked.push(eyes.trace.to_string());
        eyes.counted = counters;
        Ok(())
    }
    fn handle_eof(&mut self, _: &mut Chan<'_>) -> Result<Eof> {
        Ok(if matches!(self, Self::Halves) { Eof::KeepSending } else { Eof::Close })
    }
    fn handle_write(&mut self, channel: &mut Chan<'_>) -> Result<()> {
        channel.send(b"so there").map(drop)
    }
    fn handle_expt(&mut self, channel: &mut Chan<'_>) -> Result<()> {
        channel.recv_urgent()?;
        channel.send_urgent(b'?').map(drop)
    }
}

fn events() -> Events {
    let (net, watch) = pair();
    EventLoop::with_parts(Traced::new(net, Eyes::default()), watch, Table::default())
}

/// One turn, and its page.
fn turn(events: &mut Events) -> Vec<String> {
    events.turn(NO_WAIT).unwrap();
    page(events)
}

fn page(events: &Events) -> Vec<String> {
    events.net().observer.trace.to_string().lines().map(str::to_owned).collect()
}

fn net(events: &mut Events) -> &mut Memory {
    &mut events.net_mut().below
}

#[test]
fn a_turn_is_told_in_one_line_for_each_channel() {
    let mut events = events();
    events.listen(7_u16, Actor::Door(true)).unwrap();
    let (first, _first_far) = net(&mut events).connection();
    let first = events.add(first, Actor::Echo).unwrap();
    let (ours, passing) = net(&mut events).connection();
    events.add(ours, Actor::Pass(first)).unwrap();
    let (ours, leaving) = net(&mut events).connection();
    events.add(ours, Actor::Echo).unwrap();
    assert_eq!(
        turn(&mut events),
        [
            "turn 1, no wait: nothing",
            "#0.0 -: new listening -> R",
            "#1.0 -: new open -> RP",
            "#2.0 -: new open -> RP",
            "#3.0 -: new open -> RP",
        ]
    );
    net(&mut events).call(7);
    net(&mut events).say(passing, b"hello");
    net(&mut events).hang_up(leaving);
    events.turn(Some(Duration::from_millis(250))).unwrap();
    assert_eq!(
        page(&events),
        [
            "turn 2, wait up to 250ms: 3 fired",
            "#0.0 R: accept x2 (1 caller, nobody) -> R",
            "#4.0 -: new open (by #0.0) -> RP",
            "#2.0 R: read (5 in) -> RP",
            "#1.0 -: (by #2.0, 5 out) -> RP",
            "#3.0 R|HUP: read (end), eof, close (end of stream) -> closed",
        ]
    );
}

/// Every line that a channel of its own can have, in the turn that it fires.
#[test]
fn whatever_happens_has_its_words() {
    let (mut events, mut far) = (events(), Vec::new());
    let mut add = |events: &mut Events, actor| {
        let (ours, theirs) = net(events).connection();
        far.push(theirs);
        events.add(ours, actor).unwrap()
    };
    let halves = add(&mut events, Actor::Halves);
    let urgent = add(&mut events, Actor::Echo);
    let fails = add(&mut events, Actor::Fails);
    let broken = add(&mut events, Actor::Talks);
    let invalid = add(&mut events, Actor::Echo);
    let idle = add(&mut events, Actor::Idle);
    let silent = add(&mut events, Actor::Silent);
    events.connect(99_u16, Actor::Idle).unwrap();
    net(&mut events).capacity = 4;
    assert_eq!(
        turn(&mut events)[1..],
        [
            "#0.0 -: new open -> RP",
            "#1.0 -: new open -> RP",
            "#2.0 -: new open -> RP",
            "#3.0 W: new open, write (4 out) -> W",
            "#4.0 -: new open -> RP",
            "#5.0 -: new open -> none",
            "#6.0 W: new open, write (4 out) -> RWP",
            "#7.0 W|ERR|HUP: new connecting, refused, error (refused, 111), close (refused, 111) -> closed",
        ]
    );
    let keys = [halves, urgent, fails, broken, invalid, idle, silent];
    assert!(keys.iter().map(|key| key.index()).eq(0..7));

    let at = net(&mut events).number(invalid).unwrap();
    let memory = net(&mut events);
    memory.finish(far[0]);
    memory.urge(far[1], b'!');
    memory.say(far[2], b"x");
    memory.reset(far[3]);
    memory.invalid.push(at);
    memory.hang_up(far[5]);
    memory.say(far[6], b"x");
    let not_open = "the descriptor is not open";
    assert_eq!(
        turn(&mut events)[1..],
        [
            "#0.0 R: read (end), eof -> none".to_owned(),
            "#1.0 P: expt (1 in, 1 out) -> RP".into(),
            "#2.0 R: read, error (will not read, 7), close (will not read, 7) -> closed".into(),
            // It had no wish to read.
            "#3.0 W|ERR|HUP: write (failed: reset, 104), broken, close (reset, 104) -> closed".into(),
            format!("#4.0 NVAL: invalid, error ({not_open}), close ({not_open}) -> closed"),
            "#6.0 R: read -> RWP".into(),
        ]
    );

    // Hung up, with nobody to tell it to: in the set it would end each wait.
    events.channel(idle).unwrap().1.send(b"late").unwrap_err();
    assert_eq!(page(&events), ["after turn 2", "#5.0 -: (failed: broken pipe, 32)"]);
    events.dispatch(Fired { key: idle, readiness: Readiness::HANGUP });
    events.dispatch(Fired { key: fails, readiness: Readiness::READABLE });
    let by_hand = ["after turn 2", "#5.0 HUP: (failed: broken pipe, 32), park", "#2.0 R: stale"];
    assert_eq!(page(&events), by_hand);
    events.settle();
    assert_eq!(
        page(&events)[1..2],
        ["#5.0 HUP: (failed: broken pipe, 32), park, broken, close (broken pipe, 32) -> closed"]
    );
}

#[test]
fn doors_letters_timers_and_the_end_have_their_words() {
    let mut events = events();
    let door = events.listen(7_u16, Actor::Door(false)).unwrap();
    events.bind(5_u16, Actor::Letters).unwrap();
    events.add_timer(Duration::ZERO, Actor::Silent).unwrap();
    assert_eq!(
        turn(&mut events),
        [
            "turn 1, no wait: 1 timeout",
            "#0.0 -: new listening -> R",
            "#1.0 -: new datagram -> R",
            "#2.0 -: new timer, timeout -> closed",
        ]
    );
    net(&mut events).call(7);
    net(&mut events).mailbox(6);
    net(&mut events).post(5, b"hello", 6);
    net(&mut events).post(5, b"", 6);
    assert_eq!(
        turn(&mut events)[1..],
        ["#0.0 R: accept x2 (1 caller, hung up, nobody) -> R", "#1.0 R: read (5 in, 5 out, 0 in, 0 out, nothing) -> R",]
    );
    net(&mut events).call(7);
    net(&mut events).exhausted_accepts = 1;
    let line = "#0.0 R: accept (failed: too many sockets), rest, error (too many sockets) -> none";
    assert_eq!(turn(&mut events)[1..], [line]);
    assert_eq!(events.counters().rests, 1);
    events.close(door).unwrap();
    assert_eq!(page(&events), ["after turn 3", "#0.0 -: -> closed"]);
    let (ours, _far) = net(&mut events).connection();
    events.add(ours, Actor::Talks).unwrap();
    net(&mut events).capacity = 0;
    events.drain(Duration::ZERO).unwrap();
    let told = events.net().observer.all.iter().rev().filter_map(|seen| match seen {
        Seen::Told(_, event) => Some(*event),
        _ => None,
    });
    let close = Event::Close(Reason::TimedOut);
    assert!(told.take(4).eq([close, close, Event::Drain, Event::Drain]));
    assert_eq!(
        page(&events),
        [
            "after turn 3",
            "#0.0 -: -> closed",
            "#0.1 -: new open, drain, close (time over) -> closed",
            "#1.0 -: drain, close (time over) -> closed",
        ]
    );
}

/// What is shown of a turn, all of it and in order.
#[test]
fn everything_is_shown_in_its_order() {
    let mut events = events();
    let (ours, far) = net(&mut events).connection();
    let key = events.add(ours, Actor::Echo).unwrap();
    net(&mut events).say(far, b"hello");
    let first = events.turn(None).unwrap();
    assert_eq!(net(&mut events).hear(far), b"hello");
    net(&mut events).hang_up(far);
    let second = events.turn(None).unwrap();
    let came = Readiness::READABLE;
    let none = events.turn(None).unwrap();
    assert_eq!(
        events.net().observer.all,
        [
            Seen::Opened(key, State::OPEN),
            Seen::Began,
            Seen::Watched(key, RP),
            Seen::Waits(None),
            Seen::Fired(key, came),
            Seen::Step(key, Step::Read),
            Seen::Told(key, Event::Read),
            Seen::Received(key, Ok(Received::Data(5))),
            Seen::Sent(key, Ok(Some(5))),
            Seen::Watched(key, RP),
            Seen::Ended(Ok(first)),
            Seen::Began,
            Seen::Waits(None),
            Seen::Fired(key, came | Readiness::HANGUP),
            Seen::Step(key, Step::Read),
            Seen::Told(key, Event::Read),
            Seen::Received(key, Ok(Received::End)),
            Seen::Concluded(key, Step::Read, Outcome::End, Verdict::Eof),
            Seen::Told(key, Event::Eof),
            Seen::Told(key, Event::Close(Reason::End)),
            Seen::Closed(key),
            Seen::Ended(Ok(second)),
            Seen::Began,
            Seen::Ended(Ok(none)),
        ]
    );
    assert_eq!((first.fired, second.fired, none), (1, 1, Turn::default()));
}

/// A handler sees the turn so far, and the numbers so far.
#[test]
fn a_handler_can_look_while_the_turn_is_under_way() {
    let mut events = events();
    let (ours, far) = net(&mut events).connection();
    events.add(ours, Actor::Echo).unwrap();
    net(&mut events).say(far, b"hello");
    events.turn(None).unwrap();
    let eyes = &events.net().observer;
    assert_eq!(eyes.looked, ["turn 1, wait, under way\n#0.0 R: new open, read (5 in, 5 out) -> RP"]);
    assert_eq!((eyes.counted.turns, eyes.counted.events, eyes.counted.received, eyes.counted.sent), (1, 1, 5, 5));
}

/// A loop whose backend fails says so.
#[test]
fn a_turn_that_fails_is_over_as_well() {
    let mut events = events();
    let (ours, _far) = net(&mut events).connection();
    events.add(ours, Actor::Echo).unwrap();
    let why = events.turn(None).unwrap_err();
    assert_eq!(why, crate::memory::HANG);
    assert_eq!(events.net().observer.all.last(), Some(&Seen::Ended(Err(why))));
    assert_eq!(page(&events)[0], "turn 1, wait: failed: nothing can end this wait");
}

/// Moves both slices in one call.
struct Vectored(Memory);

impl Layer for Vectored {
    type Below = Memory;
    fn below(&self) -> &Memory {
        &self.0
    }
    fn below_mut(&mut self) -> &mut Memory {
        &mut self.0
    }
    fn recv_vectored(&mut self, socket: &mut crate::memory::Socket, into: [&mut [u8]; 2]) -> Result<Received> {
        let [first, second] = into;
        let all = self.0.recv(socket, first)?;
        Ok(match (all, self.0.recv(socket, second)?) {
            (Received::Data(n), Received::Data(more)) => Received::Data(n + more),
            _ => all,
        })
    }
    fn send_vectored(&mut self, socket: &mut crate::memory::Socket, from: [&[u8]; 2]) -> Result<Option<usize>> {
        self.0.send(socket, &from.concat())
    }
}

impl Inside for Vectored {
    fn memory(&self) -> &Memory {
        &self.0
    }
    fn memory_mut(&mut self) -> &mut Memory {
        &mut self.0
    }
}

/// An observed net shows all to the nets below, and so does whatever stands on it; it changes nothing of what they do.
#[test]
fn layers_hand_down_what_is_seen() {
    type Deep<'a> = With<Traced<Traced<Vectored, &'a mut dyn FnMut(Seen)>, Trace<2>>, ()>;
    struct Mute;
    impl Dispatcher<Deep<'_>> for Mute {
        fn writable(&self) -> bool {
            false
        }
        fn handle_read(&mut self, channel: &mut Channel<'_, Deep<'_>, Self>) -> Result<()> {
            let (first, second) = (&mut [0; 2], &mut [0; 2]);
            channel.recv_vectored([first, second])?;
            channel.send_vectored([b"to", b"gether"]).map(drop)
        }
    }
    let mut told = 0;
    let mut count = |seen| told += u32::from(matches!(seen, Seen::Told(..)));
    let (net, watch) = pair();
    let net = Traced::new(Traced::new(Vectored(net), &mut count as &mut dyn FnMut(Seen)), Trace::new());
    let net = With { below: net, shared: () };
    let mut events: EventLoop<Mute, Deep<'_>, Watch, Table<Slot<Mute, Deep<'_>>>> =
        EventLoop::with_parts(net, watch, Table::default());
    let memory = events.net_mut().memory_mut();
    let (ours, far) = memory.connection();
    memory.say(far, b"four");
    events.add(ours, Mute).unwrap();
    events.turn(NO_WAIT).unwrap();
    let page = "turn 1, no wait: 1 fired\n#0.0 R: new open, read (4 in, 8 out) -> RP";
    assert_eq!(events.net().below.observer.to_string(), page);
    assert_eq!(events.net_mut().memory_mut().hear(far), b"together");
    drop(events);
    assert_eq!(told, 1);
}
