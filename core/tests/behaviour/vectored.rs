//! A net that takes and gives two slices in one call: what wraps around the end of a memory goes, and comes, at once.

use crate::NO_WAIT;
use crate::memory::{Far, Inside, Memory, Socket, Table, Watch, pair};
use stheno_core::{
    Channel, Dispatcher, Error, EventLoop, Key, Layer, Net, Outbox, Produced, Producer, Received, Refused, Result,
    Slot, Untimed, With,
};

/// Both slices are one message to the net below; and it holds something, if it says so.
struct Joining {
    below: Memory,
    holds: bool,
}

impl Layer for Joining {
    type Below = Memory;
    fn below(&self) -> &Memory {
        &self.below
    }
    fn below_mut(&mut self) -> &mut Memory {
        &mut self.below
    }
    fn recv_vectored(&mut self, socket: &mut Socket, [first, second]: [&mut [u8]; 2]) -> Result<Received> {
        let mut both = vec![0; first.len() + second.len()];
        let received = self.below.recv(socket, &mut both)?;
        let (one, other) = both.split_at(first.len());
        first.copy_from_slice(one);
        second.copy_from_slice(other);
        Ok(received)
    }
    fn send_vectored(&mut self, socket: &mut Socket, from: [&[u8]; 2]) -> Result<Option<usize>> {
        self.below.send(socket, &from.concat())
    }
    fn holds(&self, _: &Socket) -> bool {
        self.holds
    }
}

impl Inside for Joining {
    fn memory(&self) -> &Memory {
        &self.below
    }
    fn memory_mut(&mut self) -> &mut Memory {
        &mut self.below
    }
}

/// Has nothing yet, or says that it gave more than it was asked for.
enum Clerk {
    Waits,
    Boasts,
}

impl Producer for Clerk {
    fn more(&mut self, into: &mut [u8]) -> Result<Produced> {
        Ok(match self {
            Self::Waits => Produced::NothingYet,
            Self::Boasts => Produced::Data(into.len() + 1),
        })
    }
}

#[derive(Default)]
struct Side {
    other: Option<Key>,
    out: Outbox<[u8; 8], Clerk, 2>,
    errors: Vec<Error>,
}

impl Dispatcher<Joining> for Side {
    fn writable(&self) -> bool {
        false
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Joining, Self>) -> Result<()> {
        match self.other {
            Some(other) => Outbox::relay(channel, other, |side: &mut Self| Some(&mut side.out)).map(drop),
            None => Ok(()),
        }
    }
    fn handle_error(&mut self, why: Error, _: &mut Channel<'_, Joining, Self>) -> Result<()> {
        self.errors.push(why);
        Ok(())
    }
}

type Events = EventLoop<Side, Joining, Watch, Table<Slot<Side, Joining>>>;

fn events() -> Events {
    let (below, watch) = pair();
    EventLoop::with_parts(Joining { below, holds: false }, watch, Table::default())
}

fn add(events: &mut Events) -> (Key, Far) {
    let (socket, far) = events.net_mut().below.connection();
    (events.add(socket, Side::default()).unwrap(), far)
}

/// Seven of eight bytes wait, then six of them go: one is left, the seventh, and what is free wraps around.
fn wrap(events: &mut Events, key: Key, far: Far) {
    events.net_mut().below.capacity = 0;
    let (side, mut io) = events.channel(key).unwrap();
    side.out.send(&mut io, b"0123456").unwrap();
    events.net_mut().below.capacity = 6;
    let (side, mut io) = events.channel(key).unwrap();
    side.out.flush(&mut io).unwrap();
    assert_eq!(side.out.len(), 1);
    assert_eq!(events.net_mut().below.hear(far), b"012345");
    events.net_mut().below.capacity = 64;
}

#[test]
fn what_wraps_around_goes_in_one_call() {
    let mut events = events();
    let (key, far) = add(&mut events);
    wrap(&mut events, key, far);
    let (side, mut io) = events.channel(key).unwrap();
    side.out.push(b"abcd").unwrap();
    let before = io.net().below.count.send;
    side.out.flush(&mut io).unwrap();
    assert!(side.out.is_empty());
    assert_eq!(events.net().below.count.send, before + 1);
    assert_eq!(events.net_mut().below.hear(far), b"6abcd");
}

/// Behind a producer there is room for half the memory, also where what is free is in two pieces.
#[test]
fn what_wraps_around_comes_in_one_call_and_no_more_than_there_is_room_for() {
    let mut events = events();
    let ((key, far), (source, mouth)) = (add(&mut events), add(&mut events));
    wrap(&mut events, key, far);
    events.net_mut().below.say(mouth, &[b'.'; 20]);
    let (side, _) = events.channel(key).unwrap();
    side.out.push_with_producer(Clerk::Waits).map_err(Error::from).unwrap();
    assert_eq!(side.out.room(), 4);
    let mut out = std::mem::take(&mut side.out);
    let received = out.fill_from(&mut events.channel(source).unwrap().1).unwrap();
    assert_eq!((received, out.room(), out.len()), (Received::Data(4), 0, 5));
}

/// What is wrong in the neighbour's outbox, and is no end of its connection, is an error of who relays into it.
#[test]
fn a_relay_says_what_is_wrong_with_the_neighbours_outbox() {
    let mut events = events();
    let ((one, source), (other, sink)) = (add(&mut events), add(&mut events));
    events.channel(one).unwrap().0.other = Some(other);
    let (side, _) = events.channel(other).unwrap();
    side.out.push_with_producer(Clerk::Boasts).map_err(Error::from).unwrap();
    events.net_mut().below.say(source, b"ab");
    events.turn(NO_WAIT).unwrap();
    let errors = &events.dispatcher(one).unwrap().errors;
    assert_eq!(errors.len(), 1);
    assert!(errors[0].to_string().contains("gave more than there was room for"), "{errors:?}");
    assert!(events.dispatcher(other).unwrap().errors.is_empty());
    assert_eq!(events.net_mut().below.hear(sink), b"");
}

/// Layers that change nothing hand on both slices, and what the net below holds.
#[test]
fn layers_hand_on_both_slices_and_what_is_held() {
    let (below, _) = pair();
    let mut net = Untimed(With { below: Joining { below, holds: true }, shared: () });
    let (mut socket, far) = net.0.below.below.connection();
    assert!(Net::holds(&net, &socket));
    net.0.below.holds = false;
    assert!(!Net::holds(&net, &socket));
    assert_eq!(Net::send_vectored(&mut net, &mut socket, [b"head", b"body"]), Ok(Some(8)));
    assert_eq!(net.0.below.below.hear(far), b"headbody");
    net.0.below.below.say(far, b"answer");
    let (mut first, mut second) = ([0; 4], [0; 4]);
    assert_eq!(Net::recv_vectored(&mut net, &mut socket, [&mut first, &mut second]), Ok(Received::Data(6)));
    assert_eq!((&first, &second[..2]), (b"answ", &b"er"[..]));
}

#[test]
fn who_refuses_a_producer_says_why() {
    let mut out = Outbox::<[u8; 8], Clerk, 1>::with_producers([0; 8]);
    out.push_with_producer(Clerk::Waits).map_err(Error::from).unwrap();
    let refused: Refused<Clerk> = out.push_with_producer(Clerk::Boasts).unwrap_err();
    assert_eq!(refused.to_string(), refused.why.to_string());
    assert_eq!(format!("{refused:?}"), format!("Refused {{ why: {:?}, .. }}", refused.why));
    assert!(matches!(refused.producer, Clerk::Boasts));
}
