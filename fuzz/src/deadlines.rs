//! The queue of deadlines, driven through a loop whose clock stands still but for the waits, against a plain list.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use stheno_core::storage::Array;
use stheno_core::{Channel, Dispatcher, EventLoop, Key, Result, Slot};

use crate::memory::{Memory, Watch, pair};
use crate::tape::Tape;

const CHANNELS: usize = 12;

/// What the program and its handlers do with deadlines, one decision after the other.
pub fn run(bytes: &[u8]) {
    let (net, watch) = pair();
    let list = Rc::new(RefCell::new(List { tape: Tape::new(bytes), now: 0, entries: Vec::new(), told: 0 }));
    let mut events = Events::with_parts(net, watch, Array::default());
    while !list.borrow().tape.is_over() {
        step(&mut events, &list);
    }
    // Whatever is still set comes, each at its time and none of it twice.
    for _ in 0..=CHANNELS {
        turn(&mut events, &list, Duration::from_secs(5));
    }
    assert_eq!(list.borrow().first(), None, "a deadline was never told");
}

/// When one channel is to be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Due {
    Never,
    /// So many nanoseconds after the turn under way.
    In(u64),
    At(u64),
}

struct List<'a> {
    tape: Tape<'a>,
    now: u64,
    entries: Vec<(Key, Due)>,
    told: usize,
}

impl List<'_> {
    fn first(&self) -> Option<u64> {
        let times = self.entries.iter().filter_map(|(_, due)| if let Due::At(time) = due { Some(*time) } else { None });
        times.min()
    }

    fn of(&mut self, key: Key) -> &mut Due {
        &mut self.entries.iter_mut().find(|(other, _)| *other == key).expect("a channel that is open").1
    }

    /// What was set relative to this moment is set for good.
    fn settle(&mut self) {
        let now = self.now;
        for (_, due) in &mut self.entries {
            if let Due::In(time) = *due {
                *due = Due::At(now + time);
            }
        }
    }

    /// A time from the tape: many are close together, so that some are the same.
    fn time(&mut self) -> Duration {
        Duration::from_nanos(match self.tape.up_to(3) {
            0 => self.tape.up_to(3) as u64,
            1 => u64::from(self.tape.any::<u8>()),
            2 => u64::from(self.tape.any::<u16>()),
            _ => u64::from(self.tape.any::<u32>()),
        })
    }

    fn any_key(&mut self) -> Option<Key> {
        let most = self.entries.len().checked_sub(1)?;
        let at = self.tape.up_to(most);
        Some(self.entries[at].0)
    }
}

type Shared<'a> = Rc<RefCell<List<'a>>>;
type Events<'a> = EventLoop<Timed<'a>, Memory, Watch, Array<Slot<Timed<'a>, Memory>, CHANNELS>>;

struct Timed<'a>(Shared<'a>);

impl<'a> Dispatcher<Memory> for Timed<'a> {
    fn writable(&self) -> bool {
        false
    }

    fn handle_timeout(&mut self, channel: &mut Channel<'_, Memory, Self>) -> Result<()> {
        let mut list = self.0.borrow_mut();
        let now = channel.net().elapsed().as_nanos() as u64;
        let first = list.first();
        let due = std::mem::replace(list.of(channel.key()), Due::Never);
        assert_eq!(Some(due), first.map(Due::At), "somebody else was due before");
        assert!(first.is_some_and(|first| first <= now), "{due:?} was told at {now}");
        assert!(!channel.has_timeout());
        list.told += 1;
        list.now = now;
        // It may change its own and its neighbours', those included that are due as well.
        for _ in 0..list.tape.up_to(2) {
            let Some(key) = list.any_key() else { break };
            let own = key == channel.key();
            let (what, time) = (list.tape.up_to(3), list.time());
            let mut neighbour = if own { None } else { Some(channel.neighbour(key).unwrap().1) };
            match (what, neighbour.as_mut()) {
                (0, None) => channel.clear_timeout(),
                (0, Some(io)) => io.clear_timeout(),
                (1, None) => continue,
                (1, Some(io)) => {
                    io.close();
                    list.entries.retain(|(other, _)| *other != key);
                    continue;
                }
                (_, None) => channel.set_timeout(time),
                (_, Some(io)) => io.set_timeout(time),
            }
            *list.of(key) = if what == 0 { Due::Never } else { Due::In(time.as_nanos() as u64) };
        }
        Ok(())
    }
}

fn step<'a>(events: &mut Events<'a>, list: &Shared<'a>) {
    let (what, time) = {
        let mut list = list.borrow_mut();
        (list.tape.up_to(7), list.time())
    };
    let key = list.borrow_mut().any_key();
    match (what, key) {
        (0 | 1, _) => turn(events, list, time),
        (2, Some(key)) => {
            events.close(key).unwrap();
            let mut list = list.borrow_mut();
            list.entries.retain(|(other, _)| *other != key);
            list.settle();
        }
        (3, Some(key)) => {
            events.channel(key).unwrap().1.clear_timeout();
            *list.borrow_mut().of(key) = Due::Never;
        }
        (4, Some(key)) => {
            // Past all time is never.
            events.channel(key).unwrap().1.set_timeout(Duration::MAX - time);
            *list.borrow_mut().of(key) = Due::Never;
        }
        (5 | 6, Some(key)) => {
            let (_, mut io) = events.channel(key).unwrap();
            io.set_timeout(time);
            assert!(io.has_timeout());
            *list.borrow_mut().of(key) = Due::In(time.as_nanos() as u64);
        }
        _ if events.len() < CHANNELS => {
            let (socket, _) = events.net_mut().connection();
            let key = events.add(socket, Timed(list.clone())).unwrap();
            list.borrow_mut().entries.push((key, Due::Never));
        }
        _ => {
            events.net_mut().pass(time);
            list.borrow_mut().now += time.as_nanos() as u64;
        }
    }
}

/// One turn: waits for the first deadline and not past it, tells what is due, and nothing else.
fn turn<'a>(events: &mut Events<'a>, list: &Shared<'a>, timeout: Duration) {
    let until = {
        let mut list = list.borrow_mut();
        list.settle();
        list.told = 0;
        let end = list.now + timeout.as_nanos() as u64;
        if list.entries.is_empty() { list.now } else { list.first().map_or(end, |first| first.clamp(list.now, end)) }
    };
    let turn = events.turn(Some(timeout)).unwrap();
    assert_eq!(events.net().elapsed().as_nanos(), u128::from(until), "the wait was too short, or too long");
    let mut list = list.borrow_mut();
    list.now = until;
    assert!(list.first().is_none_or(|first| first > until), "what was due was not told");
    assert_eq!((turn.timeouts, turn.fired), (list.told, 0));
    list.settle();
    for (key, due) in &list.entries {
        let has = events.dispatcher(*key).is_some();
        assert!(has, "{key} is gone, with {due:?}");
    }
}
