//! The world around the loop, and the program that turns it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use stheno_core::storage::Array;
use stheno_core::{ErrorKind, EventLoop, Fired, Key, Kind, Readiness, Received, Result, Shut, Slot, State};

use super::book::{Book, Shared};
use super::member::{DOOR, MAILBOX, Member, NOBODY, receive, send};
use crate::memory::{Far, Memory, Watch, pair};
use crate::tape::Tape;

const SLOTS: usize = 8;

type Events<'a> = EventLoop<Member<'a>, Memory, Watch, Array<Slot<Member<'a>, Memory>, SLOTS>>;

pub struct World<'a> {
    book: Shared<'a>,
    events: Events<'a>,
    /// Plain peers that have not hung up, and whether they send no more.
    peers: Vec<(Far, bool)>,
}

impl<'a> World<'a> {
    pub fn new(mut tape: Tape<'a>) -> Self {
        let (mut net, watch) = pair();
        net.backwards = tape.any();
        net.capacity = 1 + tape.up_to(63);
        net.gulp = 1 + tape.up_to(63);
        net.batch = 1 + tape.up_to(7);
        net.slow_connects = tape.any();
        let mut events = Events::with_parts(net, watch, Array::default());
        events.set_accept_budget(tape.up_to(3) as u32);
        let mut world = Self { book: Rc::new(RefCell::new(Book::new(tape))), events, peers: Vec::new() };
        world.open(|events, member| events.listen(DOOR, member));
        world
    }

    pub fn is_over(&self) -> bool {
        self.book.borrow().tape.is_over()
    }

    fn up_to(&self, most: usize) -> usize {
        self.book.borrow_mut().tape.up_to(most)
    }

    fn open(&mut self, open: impl FnOnce(&mut Events<'a>, Member<'a>) -> Result<Key>) {
        let member = Member::new(&self.book);
        let id = member.id;
        let key = open(&mut self.events, member);
        self.book.borrow_mut().opened(id, &key);
    }

    /// One thing that the world or the program does.
    pub fn step(&mut self) {
        let what = self.up_to(21);
        self.book.borrow_mut().note(|| format!("step {what}"));
        match what {
            0..=4 => {
                let time = [0, 0, 1, 50, 500][self.up_to(4)];
                self.turn(Duration::from_millis(time));
            }
            5 => {
                let (socket, far) = self.events.net_mut().connection();
                self.peers.push((far, false));
                self.open(|events, member| events.add(socket, member));
            }
            6 => {
                let called = self.events.net_mut().try_call(DOOR);
                self.peers.extend(called.map(|far| (far, false)));
            }
            7..=10 => self.peer(),
            11 => self.datagrams(),
            12..=14 => self.program(),
            15 => {
                let to = if self.up_to(1) == 0 { DOOR } else { NOBODY };
                self.open(|events, member| events.connect(to, member));
            }
            16 => {
                let kind = if self.up_to(1) == 0 { Kind::Stream } else { Kind::Datagram };
                self.open(|events, member| events.create(kind, DOOR, member));
            }
            17 => self.open(|events, member| events.bind(MAILBOX, member)),
            18 => self.misfortune(),
            19 => self.events.net_mut().let_through(),
            20 => self.spurious(),
            _ => {
                let time = self.up_to(300) as u64;
                self.events.net_mut().pass(Duration::from_millis(time));
            }
        }
    }

    fn turn(&mut self, timeout: Duration) -> bool {
        let (waits, told) = (self.events.net().count.wait, self.book.borrow().events);
        let (before, empty) = (self.events.net().elapsed(), self.events.is_empty());
        let turn = self.events.turn(Some(timeout)).expect("nothing ails the backend");
        let waited = self.events.net().elapsed() - before;
        assert!(waited <= timeout, "a turn waited {waited:?}, and had {timeout:?}");
        assert!(self.events.net().count.wait - waits <= 4 + 2 * SLOTS as u32, "one turn waited too often");
        let quiet = (turn.fired, turn.timeouts) == (0, 0) && self.book.borrow().events == told;
        // Rule 9: a turn that had nothing to do took all its time.
        assert!(
            !quiet || turn.stopped || waited == timeout || empty || self.events.is_empty() || timeout.is_zero() || {
                // What was changed before it may be settled in a turn of its own.
                waited.is_zero()
            }
        );
        quiet && (waited == timeout || self.events.is_empty())
    }

    fn peer(&mut self) {
        let Some(most) = self.peers.len().checked_sub(1) else { return };
        let at = self.up_to(most);
        let (far, finished) = self.peers[at];
        let (from, to) = self.events.net().addresses(far);
        match self.up_to(6) {
            0..=1 if !finished => {
                let count = self.up_to(60);
                let bytes = self.book.borrow().numbered(from, to, count);
                self.events.net_mut().say(far, &bytes);
                self.book.borrow_mut().sent(from, to, count);
            }
            2 if !finished => self.events.net_mut().urge(far, b'!'),
            3 => {
                self.events.net_mut().finish(far);
                self.peers[at].1 = true;
            }
            4 => {
                self.events.net_mut().hang_up(far);
                self.peers.swap_remove(at);
            }
            5 => {
                self.events.net_mut().reset(far);
                self.peers.swap_remove(at);
            }
            _ => {
                let heard = self.events.net_mut().hear(far);
                self.book.borrow_mut().received(to, from, &heard);
            }
        }
    }

    fn datagrams(&mut self) {
        match self.up_to(2) {
            0 => drop(self.events.net_mut().post(MAILBOX, b"letter", 1)),
            1 => self.events.net_mut().undeliverable(MAILBOX),
            _ => drop(self.events.net_mut().letters(MAILBOX)),
        }
    }

    fn any_key(&mut self) -> Option<(usize, Key)> {
        let most = self.book.borrow().players.len() - 1;
        let id = self.up_to(most);
        let key = self.book.borrow().players[id].key?;
        Some((id, key))
    }

    /// The program uses a channel from outside of its handlers.
    fn program(&mut self) {
        let Some((id, key)) = self.any_key() else { return };
        let what = self.up_to(6);
        if what == 0 {
            let was_live = self.events.keys().any(|other| other == key);
            if was_live {
                self.book.borrow_mut().players[id].closed = true;
            }
            assert_eq!(self.events.close(key).is_ok(), was_live, "a stale key closed something, or a live one did not");
            return;
        }
        let Ok((member, mut io)) = self.events.channel(key) else { return };
        assert_eq!(member.id, id, "a key leads to somebody else");
        let done = match what {
            1 => send(&self.book, &mut io),
            2 => receive(&self.book, &mut io),
            3 => {
                io.set_timeout(Duration::from_millis(20));
                Ok(())
            }
            4 => {
                member.writes = true;
                Ok(())
            }
            5 if io.state() == State::Idle => io.connect(&DOOR),
            5 => io.listen(4),
            _ => {
                member.reads = !member.reads;
                Ok(())
            }
        };
        assert!(done.is_ok_and(|()| true) || done.is_err_and(|why| why.kind() != ErrorKind::Stale));
    }

    fn misfortune(&mut self) {
        let what = self.up_to(5);
        let number = self.any_key().and_then(|(_, key)| self.events.net().number(key));
        let net = self.events.net_mut();
        match what {
            0 => net.exhausted_accepts += 1,
            1 => net.failing_registrations = Some((0, 1)),
            2 => net.failing_reregistrations += 1,
            3 => net.limit = net.held(),
            4 => net.limit = usize::MAX,
            _ => net.invalid.extend(number),
        }
    }

    /// Somebody's own loop says something that need not be so.
    fn spurious(&mut self) {
        let Some((_, key)) = self.any_key() else { return };
        let readiness = Readiness::from_bits_truncate(self.book.borrow_mut().tape.any());
        self.events.dispatch(Fired { key, readiness });
        if self.up_to(1) == 0 {
            self.events.settle();
        }
    }

    /// Everything that ails the network ends, then the peers do, then the loop.
    pub fn end(&mut self) {
        let net = self.events.net_mut();
        (net.exhausted_accepts, net.failing_registrations, net.failing_reregistrations) = (0, None, 0);
        (net.limit, net.slow_connects, net.gulp) = (usize::MAX, false, usize::MAX);
        net.let_through();
        self.rest();
        for (far, _) in std::mem::take(&mut self.peers) {
            self.events.net_mut().hang_up(far);
        }
        self.rest();
        self.events.close_all();
        assert_eq!((self.events.net().held(), self.events.net().watched()), (0, 0), "something is left");
        // Every slot can be used again, and there are no more of them than there were.
        for place in 0..=SLOTS {
            let (socket, _) = self.events.net_mut().connection();
            let added = self.events.add(socket, Member::new(&self.book)).is_ok();
            assert_eq!(added, place < SLOTS, "slot {place}");
        }
        self.events.close_all();
    }

    /// Turns until nothing happens any more, and looks around.
    fn rest(&mut self) {
        let patience = Duration::from_millis(300);
        let mut turns = 0;
        while !self.turn(patience) {
            turns += 1;
            assert!(turns < 5_000, "it never comes to rest");
        }
        // Rule 6: silence is free.
        let before = self.events.net().count.but_waits();
        self.turn(patience);
        assert_eq!(self.events.net().count.but_waits(), before, "an idle turn made calls");
        self.look();
    }

    fn look(&mut self) {
        let live: Vec<Key> = self.events.keys().collect();
        assert_eq!(self.events.len(), live.len());
        assert_eq!(self.events.net().held(), live.len(), "a socket was leaked, or lost");
        assert!(self.events.net().watched() <= live.len(), "a registration was leaked");
        for player in &self.book.borrow().players {
            let lives = player.key.is_some_and(|key| live.contains(&key));
            assert!(!(player.closed && player.ends > 0), "{player:?}: told of its own close");
            assert_eq!(lives, !player.closed && player.ends == 0, "{player:?}: neither live nor closed, or both");
        }
        for key in live {
            let room = self.events.len() < SLOTS;
            let (member, mut io) = self.events.channel(key).unwrap();
            let (state, reads) = (io.state(), member.reads);
            match state {
                State::Listening if reads && room => {
                    let port = io.local_address().unwrap();
                    assert_eq!(io.net().waiting(port), 0, "a caller was left in line");
                }
                State::Open(Shut::Neither | Shut::Write) if reads => {
                    assert_eq!(io.recv(&mut [0]), Ok(Received::WouldBlock), "something was not told");
                    let (here, there) = (io.local_address().unwrap(), io.peer_address().unwrap());
                    self.book.borrow().nothing_lost(there, here);
                }
                State::Open(Shut::Both) => panic!("the end of a channel was not told"),
                State::Connecting | State::Draining | State::Timer | State::Closing | State::Closed => {
                    panic!("a channel hangs in {state:?}")
                }
                State::Idle | State::Datagram | State::Listening | State::Open(_) => {}
            }
        }
    }
}
