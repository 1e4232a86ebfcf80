//! What one channel may do to the others: pauses, budgets of bytes, and bytes that are here already.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::NO_WAIT;
use crate::actor::{Actor, Event, Log, events, one};
use crate::memory::{Far, Memory};
use stheno_core::{Fired, Half, Interest, Layer, Net, Readiness, Received, Result, State};

// Pauses.

#[test]
fn a_paused_channel_reads_when_it_is_resumed() {
    let log = Log::default();
    let (mut events, key, far) = one(log.actor("a"));
    events.channel(key).unwrap().1.pause();
    events.net_mut().say(far, b"hello");
    events.run_turns(3, NO_WAIT).unwrap();
    log.tells([]);
    assert_eq!(events.net().interest(key), None);
    assert!(events.channel(key).unwrap().1.is_paused());
    events.channel(key).unwrap().1.resume();
    assert!(!events.channel(key).unwrap().1.is_paused());
    events.run_turns(2, NO_WAIT).unwrap();
    log.tells(["a read hello"]);
}

#[test]
fn a_handler_that_pauses_its_channel_is_not_told_more_in_the_same_firing() {
    let log = Log::default();
    let actor = log.actor("a").chunk(1).writing().on(|event, channel| match event {
        Event::Read => {
            channel.pause();
            None
        }
        _ => None,
    });
    let (mut events, key, far) = one(actor);
    events.net_mut().say(far, b"xy");
    events.net_mut().urge(far, b'!');
    events.turn(NO_WAIT).unwrap();
    log.tells(["a read x", "a write"]);
    assert_eq!(events.net().interest(key), Some(Interest::WRITE));
    // Nor what a loop of one's own makes up.
    events.dispatch(Fired { key, readiness: Readiness::READABLE | Readiness::PRIORITY });
    log.tells([]);
}

/// A send finds the peer gone while the channel is paused: what the peer sent before is still read (rule 3).
#[test]
fn a_pause_outlasts_a_break() {
    let log = Log::default();
    let (mut events, key, far) = one(log.actor("a").chunk(3));
    events.channel(key).unwrap().1.pause();
    events.net_mut().say(far, b"last words");
    events.net_mut().hang_up(far);
    events.run_turns(3, NO_WAIT).unwrap();
    log.tells([]);
    assert!(events.channel(key).unwrap().1.send(b"x").is_err());
    events.run_turns(3, NO_WAIT).unwrap();
    log.tells([]);
    assert_eq!(events.channel(key).unwrap().1.state(), State::Draining);
    let (waits, began) = (events.net().count.wait, events.net().elapsed());
    events.run_turns(2, NO_WAIT).unwrap();
    events.turn(Some(Duration::from_millis(20))).unwrap();
    assert_eq!(events.net().count.wait, waits + 3, "it does not spin meanwhile");
    assert_eq!(events.net().elapsed() - began, Duration::from_millis(20), "and nothing keeps the loop from waiting");
    events.channel(key).unwrap().1.resume();
    events.run().unwrap();
    let told = log.take();
    let read: String = told.iter().filter_map(|line| line.strip_prefix("a read ")).collect();
    assert_eq!(read, "last words(end)");
    assert_eq!(told.last().unwrap(), "a close: broken pipe (os error 32)");
}

#[test]
fn a_paused_listener_leaves_callers_in_line() {
    let (mut events, log) = (events(), Log::default());
    let door = events.listen(7_u16, log.actor("door")).unwrap();
    events.channel(door).unwrap().1.pause();
    events.net_mut().call(7);
    events.run_turns(2, NO_WAIT).unwrap();
    assert_eq!((log.take().len(), events.net().waiting(7)), (0, 1));
    events.channel(door).unwrap().1.resume();
    events.run_turns(2, NO_WAIT).unwrap();
    log.tells(["door accepted"]);
}

/// A slot is used again; the pause is not.
#[test]
fn a_pause_dies_with_its_channel() {
    let log = Log::default();
    let (mut events, key, _) = one(log.actor("a"));
    events.channel(key).unwrap().1.pause();
    events.channel(key).unwrap().1.read_again();
    events.close(key).unwrap();
    let (socket, far) = events.net_mut().connection();
    let next = events.add(socket, log.actor("b")).unwrap();
    assert_eq!(next.index(), key.index());
    events.turn(NO_WAIT).unwrap();
    log.tells([]);
    events.net_mut().say(far, b"x");
    events.turn(NO_WAIT).unwrap();
    log.tells(["b read x"]);
}

// Bytes in a turn.

/// Goes on for as long as there is something.
fn greedy(log: &Log, moved: &Rc<Cell<usize>>) -> Actor {
    let moved = moved.clone();
    log.actor("greedy").on(move |event, channel| match event {
        Event::Read => {
            while let Received::Data(n) = channel.recv(&mut [0; 7]).unwrap() {
                moved.set(moved.get() + n);
            }
            Some(Ok(()))
        }
        Event::Write => loop {
            match channel.send(&[b'w'; 7]).unwrap() {
                0 => break Some(Ok(())),
                n => moved.set(moved.get() + n),
            }
        },
        _ => None,
    })
}

#[test]
fn a_greedy_reader_leaves_the_others_their_turn() {
    let (log, moved) = (Log::default(), Rc::default());
    let (mut events, _, flood) = one(greedy(&log, &moved));
    events.set_byte_budget(100);
    let (socket, far) = events.net_mut().connection();
    events.add(socket, log.actor("modest")).unwrap();
    events.net_mut().say(flood, &[b'.'; 1_000]);
    events.net_mut().say(far, b"hello");
    events.turn(NO_WAIT).unwrap();
    assert_eq!(moved.get(), 100);
    log.tells(["greedy read", "modest read hello"]);
    let turn = events.turn(NO_WAIT).unwrap();
    assert_eq!((turn.fired, moved.get()), (1, 200), "the rest is told in the next turns");
    events.run_turns(20, NO_WAIT).unwrap();
    assert_eq!(moved.get(), 1_000);
}

#[test]
fn a_greedy_writer_as_well() {
    let (log, moved) = (Log::default(), Rc::default());
    let (mut events, _, far) = one(greedy(&log, &moved).not_reading().writing());
    events.set_byte_budget(100);
    events.net_mut().capacity = 10_000;
    events.turn(NO_WAIT).unwrap();
    assert_eq!((moved.get(), events.net_mut().hear(far).len()), (100, 100));
    events.turn(NO_WAIT).unwrap();
    assert_eq!(moved.get(), 200);
}

#[test]
fn both_slices_share_one_budget_and_zero_is_one() {
    let log = Log::default();
    let counts = Rc::new(Cell::new((0, 0)));
    let seen = counts.clone();
    let actor = log.actor("a").on(move |event, channel| match event {
        Event::Read => {
            let (mut first, mut second, mut all) = ([0; 3], [0; 8], (0, 0));
            while let Received::Data(n) = channel.recv_vectored([&mut first, &mut second]).unwrap() {
                all.0 += n;
            }
            loop {
                match channel.send_vectored([b"abc", b"defgh"]).unwrap() {
                    0 => break,
                    n => all.1 += n,
                }
            }
            seen.set(all);
            Some(Ok(()))
        }
        _ => None,
    });
    let (mut events, key, far) = one(actor);
    events.net_mut().say(far, b"0123456789");
    for (budget, moved) in [(5, 5), (2, 2), (0, 1)] {
        events.set_byte_budget(budget);
        events.turn(NO_WAIT).unwrap();
        assert_eq!(counts.get(), (moved, moved));
    }
    // Between turns there is no budget.
    assert_eq!(events.net_mut().hear(far).len(), 8);
    let (_, mut io) = events.channel(key).unwrap();
    assert_eq!((io.recv(&mut [0; 64]), io.send(b"as much as fits")), (Ok(Received::Data(2)), Ok(15)));
}

/// A broadcast costs its speaker's turn, and not each hearer's share of it.
#[test]
fn what_is_done_on_neighbours_does_not_count() {
    let log = Log::default();
    let actor = log.actor("speaker").on(|event, channel| match event {
        Event::Read => {
            channel.recv(&mut [0; 64]).unwrap();
            channel.for_each_neighbour(|_, io| io.send(b"12345").unwrap() == 5);
            None
        }
        _ => None,
    });
    let (mut events, _, far) = one(actor);
    events.set_byte_budget(7);
    let hearers: Vec<Far> = (0..4)
        .map(|_| {
            let (socket, far) = events.net_mut().connection();
            events.add(socket, log.actor("hearer")).unwrap();
            far
        })
        .collect();
    events.net_mut().say(far, b"x");
    events.turn(NO_WAIT).unwrap();
    for hearer in hearers {
        assert_eq!(events.net_mut().hear(hearer), b"12345");
    }
}

/// A datagram is not cut for a budget: the last one goes beyond it, the next one waits.
#[test]
fn datagrams_are_whole() {
    let log = Log::default();
    let letters = Rc::new(Cell::new(0));
    let seen = letters.clone();
    let actor = log.actor("u").on(move |event, channel| match event {
        Event::Read => {
            while let Some(letter) = channel.recv_from(&mut [0; 64]).unwrap() {
                assert_eq!((letter.len, letter.truncated), (8, false));
                seen.set(seen.get() + 1);
                assert_eq!(channel.send_to(b"thanks", &letter.from), Ok(true));
            }
            if seen.get() == 2 {
                assert_eq!(channel.send_to(b"so much", &9), Ok(false), "ten bytes and more were sent");
            }
            Some(Ok(()))
        }
        _ => None,
    });
    let mut events = events();
    events.set_byte_budget(10);
    events.net_mut().mailbox(9);
    events.bind(7_u16, actor).unwrap();
    for _ in 0..4 {
        assert!(events.net_mut().post(7, b"12345678", 9));
    }
    for turns in 1..=2 {
        events.set_byte_budget(if turns == 1 { 10 } else { 6 });
        events.turn(NO_WAIT).unwrap();
    }
    assert_eq!(letters.get(), 3, "two in the first turn, one in the second");
}

/// What a peer left is read to its end, whatever the budget: nothing more must not be taken for the end.
#[test]
fn draining_knows_no_budget_of_bytes() {
    let (log, moved) = (Log::default(), Rc::new(Cell::new(0)));
    let (mut events, key, far) = one(greedy(&log, &moved));
    events.set_byte_budget(10);
    events.channel(key).unwrap().1.pause();
    events.net_mut().say(far, &[b'.'; 1_000]);
    events.net_mut().hang_up(far);
    assert!(events.channel(key).unwrap().1.send(b"x").is_err());
    events.channel(key).unwrap().1.resume();
    events.run().unwrap();
    assert_eq!(moved.get(), 1_000);
    assert_eq!(log.take().last().unwrap(), "greedy close: broken pipe (os error 32)");
}

// Bytes that are here already.

#[test]
fn who_asks_for_more_is_told_in_the_next_turn_which_does_not_wait() {
    let log = Log::default();
    let left = Rc::new(Cell::new(3));
    let actor = log.actor("a").on(move |event, channel| match event {
        Event::Read => {
            left.set(left.get() - 1);
            if left.get() > 0 {
                channel.read_again();
            }
            None
        }
        _ => None,
    });
    let (mut events, _, far) = one(actor);
    events.net_mut().say(far, b"x");
    events.turn(None).unwrap();
    log.tells(["a read x"]);
    events.turn(None).unwrap();
    log.tells(["a read (nothing)"]);
    events.turn(None).unwrap();
    log.tells(["a read (nothing)"]);
    assert_eq!(events.turn(None), Err(crate::memory::HANG), "and then waits for the net");
    assert!(events.net().patience.iter().rev().nth(1).is_some_and(|time| *time == NO_WAIT));
}

#[test]
fn who_asks_while_it_wants_nothing_is_told_when_it_does() {
    let log = Log::default();
    let (mut events, key, _) = one(log.actor("a"));
    events.turn(NO_WAIT).unwrap();
    let (_, mut io) = events.channel(key).unwrap();
    io.pause();
    io.read_again();
    events.run_turns(2, NO_WAIT).unwrap();
    let waits = events.net().count.wait;
    events.turn(Some(Duration::from_millis(5))).unwrap();
    assert_eq!(events.net().count.wait, waits + 1, "it does not spin");
    log.tells([]);
    events.channel(key).unwrap().1.resume();
    events.run_turns(3, NO_WAIT).unwrap();
    log.tells(["a read (nothing)"]);
}

/// Asking again on a channel that cannot read is no spin.
#[test]
fn who_cannot_read_is_not_told() {
    let log = Log::default();
    let (mut events, key, _) = one(log.actor("a"));
    events.channel(key).unwrap().1.shutdown(Half::Read).unwrap();
    events.channel(key).unwrap().1.read_again();
    let door = events.listen(7_u16, log.actor("door")).unwrap();
    events.channel(door).unwrap().1.read_again();
    events.run_turns(2, NO_WAIT).unwrap();
    let waits = events.net().count.wait;
    events.turn(Some(Duration::from_millis(5))).unwrap();
    assert_eq!(events.net().count.wait, waits + 1);
    log.tells([]);
}

/// A net that unpacks: of every byte that comes in it makes two, and holds what was not taken.
struct Unpacking {
    below: Memory,
    held: Vec<u8>,
}

impl Layer for Unpacking {
    type Below = Memory;
    fn below(&self) -> &Memory {
        &self.below
    }
    fn below_mut(&mut self) -> &mut Memory {
        &mut self.below
    }
    fn recv(&mut self, socket: &mut crate::memory::Socket, into: &mut [u8]) -> Result<Received> {
        if self.held.is_empty() {
            let mut packed = [0; 16];
            match self.below.recv(socket, &mut packed)? {
                Received::Data(n) => self.held.extend(packed[..n].iter().flat_map(|byte| [*byte; 2])),
                other => return Ok(other),
            }
        }
        let n = into.len().min(self.held.len());
        into[..n].copy_from_slice(&self.held[..n]);
        self.held.drain(..n);
        Ok(Received::Data(n))
    }
    fn holds(&self, _: &crate::memory::Socket) -> bool {
        !self.held.is_empty()
    }
}

impl crate::memory::Inside for Unpacking {
    fn memory(&self) -> &Memory {
        &self.below
    }
    fn memory_mut(&mut self) -> &mut Memory {
        &mut self.below
    }
}

struct Slow(String, bool);

impl stheno_core::Dispatcher<Unpacking> for Slow {
    fn readable(&self) -> bool {
        !self.1
    }
    fn handle_read(&mut self, channel: &mut stheno_core::Channel<'_, Unpacking, Self>) -> Result<()> {
        let mut some = [0; 3];
        if let Received::Data(n) = channel.recv(&mut some)? {
            self.0.push_str(&String::from_utf8_lossy(&some[..n]));
            self.0.push(' ');
        }
        Ok(())
    }
}

#[test]
fn what_a_layer_holds_is_served_without_waiting() {
    type Loop = stheno_core::EventLoop<
        Slow,
        Unpacking,
        crate::memory::Watch,
        crate::memory::Table<stheno_core::Slot<Slow, Unpacking>>,
    >;
    let (net, watch) = crate::memory::pair();
    let mut events =
        Loop::with_parts(Unpacking { below: net, held: Vec::new() }, watch, crate::memory::Table::default());
    let (socket, far) = events.net_mut().below.connection();
    let key = events.add(socket, Slow(String::new(), false)).unwrap();
    events.net_mut().below.say(far, b"abcd");
    for told in ["aab ", "aab bcc ", "aab bcc dd "] {
        events.turn(None).unwrap();
        assert_eq!(events.dispatcher(key).unwrap().0, told);
    }
    assert_eq!(events.turn(None), Err(crate::memory::HANG), "nothing is held any more");
    // What is held while nobody wants it is kept, and does not spin.
    events.net_mut().below.say(far, b"ef");
    events.turn(None).unwrap();
    events.channel(key).unwrap().0.1 = true;
    events.run_turns(2, NO_WAIT).unwrap();
    let waits = events.net().below.count.wait;
    events.turn(Some(Duration::from_millis(5))).unwrap();
    assert_eq!(events.net().below.count.wait, waits + 1);
    events.channel(key).unwrap().0.1 = false;
    events.run_turns(3, NO_WAIT).unwrap();
    assert_eq!(events.dispatcher(key).unwrap().0, "aab bcc dd eef f ");
}
