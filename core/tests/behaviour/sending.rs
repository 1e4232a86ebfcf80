//! Outboxes: order, partial sends, and a bound.

use crate::NO_WAIT;
use crate::actor::{Log, events};
use crate::memory::{HANG, Memory, Table, Watch, pair};
use stheno_core::{Channel, Dispatcher, ErrorKind, EventLoop, Interest, Outbox, Reason, Result, Slot};

/// Sends what it is given, as fast as the network takes it.
#[derive(Default)]
struct Sender {
    out: Outbox<[u8; 32]>,
    writes: usize,
    closed: Option<Reason>,
}

impl Dispatcher<Memory> for Sender {
    fn writable(&self) -> bool {
        !self.out.is_empty()
    }
    fn handle_write(&mut self, channel: &mut Channel<'_, Memory, Self>) -> Result<()> {
        self.writes += 1;
        self.out.flush(channel)
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Memory, Self>) -> Result<()> {
        channel.recv(&mut [0; 8]).map(drop)
    }
    fn handle_close(&mut self, reason: Reason, _: &mut Channel<'_, Memory, Self>) -> Result<()> {
        self.closed = Some(reason);
        Ok(())
    }
}

type Sending = EventLoop<Sender, Memory, Watch, Table<Slot<Sender, Memory>>>;

fn sending() -> Sending {
    let (net, watch) = pair();
    EventLoop::with_parts(net, watch, Table::default())
}

#[test]
fn what_fits_goes_at_once_and_the_rest_in_order() {
    for gulp in [1, 2, 3, 7, usize::MAX] {
        let mut events = sending();
        events.net_mut().capacity = 5;
        events.net_mut().gulp = gulp;
        let (socket, far) = events.net_mut().connection();
        let key = events.add(socket, Sender::default()).unwrap();
        let mut expected = Vec::new();
        for (i, piece) in [&b"abc"[..], b"defgh", b"ijklmnop", b"q"].into_iter().enumerate() {
            let (sender, mut io) = events.channel(key).unwrap();
            sender.out.send(&mut io, piece).unwrap();
            expected.extend_from_slice(piece);
            assert_eq!(sender.out.len() + sender.out.room(), sender.out.capacity(), "{i}");
        }
        let mut heard = events.net_mut().hear(far);
        for _ in 0..100 {
            events.turn(NO_WAIT).unwrap();
            heard.extend(events.net_mut().hear(far));
        }
        assert_eq!(String::from_utf8(heard), String::from_utf8(expected));
        events.turn(NO_WAIT).unwrap();
        assert_eq!(
            events.net().interest(key),
            Some(Interest::READ | Interest::PRIORITY),
            "room is not wanted any more"
        );
        let writes = events.dispatcher(key).unwrap().writes;
        assert_eq!(events.run(), Err(HANG));
        assert_eq!(events.dispatcher(key).unwrap().writes, writes);
    }
}

#[test]
fn without_room_the_loop_waits() {
    let mut events = sending();
    events.net_mut().capacity = 4;
    let (socket, far) = events.net_mut().connection();
    let key = events.add(socket, Sender::default()).unwrap();
    let (sender, mut io) = events.channel(key).unwrap();
    sender.out.send(&mut io, b"0123456789").unwrap();
    assert_eq!(sender.out.len(), 6);
    assert_eq!(events.run(), Err(HANG));
    assert!(events.net().count.wait <= 2, "no spinning on a full pipe");
    assert_eq!(events.net_mut().hear(far), b"0123");
    assert_eq!(events.run(), Err(HANG));
    assert_eq!(events.net_mut().hear(far), b"4567");
    assert_eq!(events.run(), Err(HANG));
    assert_eq!(events.net_mut().hear(far), b"89");
}

#[test]
fn too_much_is_refused_as_a_whole() {
    let mut events = sending();
    let (socket, far) = events.net_mut().connection();
    let key = events.add(socket, Sender::default()).unwrap();
    let (sender, mut io) = events.channel(key).unwrap();
    assert_eq!(sender.out.send(&mut io, &[0; 33]).unwrap_err().kind(), ErrorKind::Full);
    assert!(sender.out.is_empty());
    sender.out.send(&mut io, &[1; 32]).unwrap();
    assert!(sender.out.is_empty(), "it went through");
    assert_eq!(events.net_mut().hear(far), [1; 32]);
    events.net_mut().capacity = 0;
    let (sender, mut io) = events.channel(key).unwrap();
    sender.out.send(&mut io, &[2; 30]).unwrap();
    assert_eq!(sender.out.send(&mut io, &[3; 3]).unwrap_err().kind(), ErrorKind::Full);
    sender.out.send(&mut io, &[4; 2]).unwrap();
    assert_eq!((sender.out.room(), sender.out.len()), (0, 32));
    sender.out.send(&mut io, b"").unwrap();
    sender.out.clear();
    assert!(sender.out.is_empty());
}

#[test]
fn what_is_sent_while_connecting_goes_when_connected() {
    let mut events = sending();
    events.net_mut().serve(7);
    events.net_mut().slow_connects = true;
    let key = events.connect(7_u16, Sender::default()).unwrap();
    let (sender, mut io) = events.channel(key).unwrap();
    sender.out.send(&mut io, b"early").unwrap();
    events.net_mut().let_through();
    events.turn(NO_WAIT).unwrap();
    let far = events.net_mut().answer(7).unwrap();
    assert_eq!(events.net_mut().hear(far), b"early");
}

/// Nothing to send is nothing to send, on a datagram channel too.
#[test]
fn an_empty_outbox_sends_no_datagram() {
    let mut events = sending();
    events.net_mut().mailbox(9);
    let key = events.bind(5_u16, Sender::default()).unwrap();
    let (sender, mut io) = events.channel(key).unwrap();
    io.connect(&9).unwrap();
    sender.out.flush(&mut io).unwrap();
    assert_eq!(events.net_mut().letters(9), []);
}

#[test]
fn an_outbox_echoes_what_it_receives() {
    let (mut events, log) = (events(), Log::default());
    let (socket, far) = events.net_mut().connection();
    let key = events.add(socket, log.actor("a")).unwrap();
    events.net_mut().say(far, b"back and forth");
    let mut out = Outbox::<[u8; 8]>::new();
    let mut heard = Vec::new();
    for _ in 0..4 {
        let (_, mut io) = events.channel(key).unwrap();
        out.fill_from(&mut io).unwrap();
        out.flush(&mut io).unwrap();
        heard.extend(events.net_mut().hear(far));
    }
    assert_eq!(heard, b"back and forth");
}
