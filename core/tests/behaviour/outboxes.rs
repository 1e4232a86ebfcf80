//! Outboxes under pressure: marks that are told, sources that are paused, and ends that wait for the last byte.

use crate::NO_WAIT;
use crate::memory::{Far, HANG, Memory, Table, Watch, pair};
use stheno_core::{
    Channel, Dispatcher, ErrorKind, EventLoop, Key, Outbox, Reason, Received, Result, Slot, State, Watermark,
};

/// One of two that pass on to each other what they read.
#[derive(Default)]
struct Side {
    other: Option<Key>,
    out: Outbox<[u8; 16]>,
    reads: usize,
    closed: Option<Reason>,
}

impl Dispatcher<Memory> for Side {
    fn writable(&self) -> bool {
        self.out.writable()
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Memory, Self>) -> Result<()> {
        self.reads += 1;
        match self.other {
            Some(other) => Outbox::relay(channel, other, |side: &mut Self| Some(&mut side.out)).map(drop),
            None => channel.recv(&mut [0; 64]).map(drop),
        }
    }
    fn handle_write(&mut self, channel: &mut Channel<'_, Memory, Self>) -> Result<()> {
        self.out.flush(channel)
    }
    fn handle_connect(&mut self, _: &mut Channel<'_, Memory, Self>) -> Result<()> {
        Ok(())
    }
    fn handle_close(&mut self, reason: Reason, _: &mut Channel<'_, Memory, Self>) -> Result<()> {
        self.closed = Some(reason);
        Ok(())
    }
}

type Events = EventLoop<Side, Memory, Watch, Table<Slot<Side, Memory>>>;

fn events() -> Events {
    let (net, watch) = pair();
    EventLoop::with_parts(net, watch, Table::default())
}

fn add(events: &mut Events) -> (Key, Far) {
    let (socket, far) = events.net_mut().connection();
    (events.add(socket, Side::default()).unwrap(), far)
}

/// Two sides of a proxy, and their far ends.
fn proxy() -> (Events, [(Key, Far); 2]) {
    let mut events = events();
    let sides = [add(&mut events), add(&mut events)];
    for (one, other) in [(0, 1), (1, 0)] {
        events.channel(sides[one].0).unwrap().0.other = Some(sides[other].0);
    }
    (events, sides)
}

/// Every fill and drain of a small outbox, against the two marks said in other words.
#[test]
fn each_crossing_is_told_once() {
    for (low, high) in [(0, 1), (0, 16), (2, 3), (4, 12), (15, 16)] {
        let (mut events, mut was_high) = (events(), false);
        let (key, far) = add(&mut events);
        events.net_mut().capacity = 0;
        let mut out = Outbox::<[u8; 16]>::new();
        out.set_watermarks(low, high).unwrap();
        assert_eq!(out.watermarks(), (low, high));
        let mut told = Vec::new();
        // Up by threes and twos, down by ones and fives.
        for round in 0..200_usize {
            if round % 50 < 25 {
                // Or a single one, where there is no room for more.
                let _ = out.push(&b"123"[..2 + round % 2]).or_else(|_| out.push(b"1"));
            } else {
                events.net_mut().capacity = if round % 3 == 0 { 5 } else { 1 };
                out.flush(&mut events.channel(key).unwrap().1).unwrap();
                events.net_mut().hear(far);
                events.net_mut().capacity = 0;
            }
            let is_high = if was_high { out.len() > low } else { out.len() >= high };
            let expected = (is_high != was_high).then_some(if is_high { Watermark::High } else { Watermark::Low });
            assert_eq!((out.crossed(), out.is_high()), (expected, is_high), "marks {low} and {high}, round {round}");
            assert_eq!(out.crossed(), None, "once");
            told.extend(expected);
            was_high = is_high;
        }
        assert!(told.len() >= 8, "marks {low} and {high}: {told:?}");
    }
}

#[test]
fn the_marks_are_a_quarter_and_three_quarters_unless_set() {
    assert_eq!(Outbox::<[u8; 16]>::new().watermarks(), (4, 12));
    assert_eq!(Outbox::<[u8; 1]>::new().watermarks(), (0, 1));
    for (low, high) in [(4, 4), (5, 4), (0, 0), (0, 17)] {
        let mut out = Outbox::<[u8; 16]>::new();
        assert_eq!(out.set_watermarks(low, high).unwrap_err().kind(), ErrorKind::Invalid, "{low} and {high}");
        assert_eq!(out.watermarks(), (4, 12), "nothing changes");
    }
    // One that holds nothing is never high.
    let mut nothing = Outbox::<[u8; 0]>::new();
    nothing.push(b"").unwrap();
    assert_eq!((nothing.is_high(), nothing.crossed()), (false, None));
}

#[test]
fn marks_hold_for_what_waits_already() {
    let mut out = Outbox::<[u8; 16]>::new();
    out.push(b"12345").unwrap();
    out.set_watermarks(1, 5).unwrap();
    assert_eq!(out.crossed(), Some(Watermark::High));
    out.set_watermarks(5, 6).unwrap();
    assert_eq!(out.crossed(), Some(Watermark::Low));
}

/// What is asked late is answered by where the outbox is now: who paused at `High` is sure to hear of `Low`.
#[test]
fn what_went_up_and_down_unseen_needs_no_answer() {
    let mut out = Outbox::<[u8; 16]>::new();
    out.push(&[0; 16]).unwrap();
    out.clear();
    assert_eq!(out.crossed(), None);
    out.push(&[0; 16]).unwrap();
    assert_eq!(out.crossed(), Some(Watermark::High));
    out.clear();
    out.push(&[0; 16]).unwrap();
    assert_eq!(out.crossed(), None);
    out.clear();
    assert_eq!(out.crossed(), Some(Watermark::Low));
}

/// A fast sender, and a reader who takes a byte at a time: what is on the way is bounded by the buffers.
#[test]
fn a_relay_holds_no_more_than_its_buffers() {
    let (mut events, [(fast, source), (slow, sink)]) = proxy();
    events.net_mut().capacity = 32;
    let said: Vec<u8> = (0..2_000_u32).map(|at| (at % 251) as u8).collect();
    let (mut left, mut heard) = (&said[..], Vec::new());
    let mut rests = 0;
    while heard.len() < said.len() {
        // As much as the network takes.
        let taken = events.net_mut().try_say(source, left);
        left = &left[taken..];
        for _ in 0..4 {
            events.turn(NO_WAIT).unwrap();
        }
        // The source's line, the outbox, and the sink's line: not a byte more is under way.
        let under_way = said.len() - left.len() - heard.len();
        assert!(under_way <= 32 + 16 + 32, "{under_way} bytes are under way");
        let side = events.dispatcher(slow).unwrap();
        let (is_high, reads) = (side.out.is_high(), events.dispatcher(fast).unwrap().reads);
        assert_eq!(events.channel(fast).unwrap().1.is_paused(), is_high);
        if is_high {
            // It rests, although there is more to read.
            let waits = events.net().count.wait;
            assert_eq!(events.run(), Err(HANG));
            assert!(events.net().count.wait - waits <= 3, "it spins");
            assert_eq!(events.dispatcher(fast).unwrap().reads, reads, "told to read while it was paused");
            rests += 1;
        }
        heard.extend(events.net_mut().hear_some(sink, 7));
    }
    assert_eq!(heard, said);
    assert!(rests > 50, "it was never under pressure");
}

/// A link needs no neighbour: an echo that is paused while its own answers wait.
#[test]
fn an_outbox_may_be_fed_by_its_own_channel() {
    let mut events = events();
    let (key, far) = add(&mut events);
    events.net_mut().capacity = 64;
    let (side, io) = events.channel(key).unwrap();
    side.out.link(io.key());
    assert_eq!(side.out.source(), Some(key));
    events.net_mut().say(far, &[7; 20]);
    events.net_mut().capacity = 0;
    let (side, mut io) = events.channel(key).unwrap();
    assert_eq!(side.out.fill_from(&mut io), Ok(Received::Data(16)));
    assert!(io.is_paused(), "it is high");
    events.net_mut().capacity = 64;
    events.turn(NO_WAIT).unwrap();
    let (side, mut io) = events.channel(key).unwrap();
    assert!(!io.is_paused() && side.out.is_empty());
    // Let go while it is paused, it is resumed.
    side.out.push(&[0; 16]).unwrap();
    side.out.heed(&mut io);
    assert!(io.is_paused());
    side.out.unlink(&mut io);
    assert_eq!((io.is_paused(), side.out.source()), (false, None));
}

#[test]
fn a_source_that_has_gone_is_forgotten() {
    let (mut events, [(one, _), (other, far)]) = proxy();
    let (side, _) = events.channel(other).unwrap();
    side.out.link(one);
    side.out.push(&[1; 16]).unwrap();
    events.close(one).unwrap();
    events.turn(NO_WAIT).unwrap();
    let side = events.dispatcher(other).unwrap();
    assert_eq!((side.out.len(), side.out.source()), (0, Some(one)), "nothing was due");
    events.net_mut().hear(far);
    events.net_mut().capacity = 0;
    let (side, _) = events.channel(other).unwrap();
    side.out.push(&[1; 16]).unwrap();
    events.turn(NO_WAIT).unwrap();
    events.net_mut().capacity = 4;
    events.turn(NO_WAIT).unwrap();
    assert_eq!(events.dispatcher(other).unwrap().out.source(), None);
}

/// A relay to nobody is an error of its own channel; one whose neighbour broke is the neighbour's.
#[test]
fn a_relay_says_what_is_in_its_way() {
    let (mut events, [(one, source), (other, sink)]) = proxy();
    events.net_mut().say(source, b"hello");
    events.net_mut().hang_up(sink);
    events.turn(NO_WAIT).unwrap();
    assert!(events.channel(one).is_ok());
    for _ in 0..3 {
        events.turn(NO_WAIT).unwrap();
    }
    assert!(events.channel(other).is_err(), "it was told of its own end");
    events.net_mut().say(source, b"again");
    events.turn(NO_WAIT).unwrap();
    assert!(events.channel(one).is_err(), "nobody is there to pass it on to");
}

#[test]
fn closing_when_done_is_at_once_where_nothing_waits() {
    let mut events = events();
    let (key, far) = add(&mut events);
    let (side, mut io) = events.channel(key).unwrap();
    side.out.close_when_done(&mut io);
    assert_eq!(io.state(), State::Closing);
    assert!(side.out.is_closing());
    events.turn(NO_WAIT).unwrap();
    assert!(events.is_empty() && events.net_mut().has_ended(far));
}

#[test]
fn closing_when_done_waits_for_the_last_byte_and_takes_no_more() {
    let mut events = events();
    let (key, far) = add(&mut events);
    events.net_mut().capacity = 4;
    let (side, mut io) = events.channel(key).unwrap();
    side.out.send(&mut io, b"0123456789").unwrap();
    side.out.close_when_done(&mut io);
    for refused in [
        side.out.send(&mut io, b"more"),
        side.out.push(b"more"),
        side.out.send_vectored(&mut io, [b"more", b""]),
        side.out.fill_from(&mut io).map(drop),
    ] {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unsupported);
    }
    side.out.close_when_done(&mut io);
    let mut heard = Vec::new();
    for _ in 0..5 {
        heard.extend(events.net_mut().hear(far));
        events.turn(NO_WAIT).unwrap();
    }
    assert_eq!(heard, b"0123456789");
    assert!(events.is_empty() && events.net_mut().has_ended(far));
}

#[test]
fn what_is_forgotten_is_done() {
    let mut events = events();
    let (key, far) = add(&mut events);
    events.net_mut().capacity = 0;
    let (side, mut io) = events.channel(key).unwrap();
    side.out.send(&mut io, b"never").unwrap();
    side.out.close_when_done(&mut io);
    side.out.clear();
    assert!(side.out.writable(), "the end is still due");
    events.net_mut().capacity = 4;
    events.turn(NO_WAIT).unwrap();
    assert!(events.is_empty() && events.net_mut().has_ended(far));
}

#[test]
fn closing_when_done_works_while_it_connects() {
    for said in [&b""[..], b"hello"] {
        let mut events = events();
        events.net_mut().serve(7);
        events.net_mut().slow_connects = true;
        let key = events.connect(7_u16, Side::default()).unwrap();
        let (side, mut io) = events.channel(key).unwrap();
        side.out.send(&mut io, said).unwrap();
        side.out.close_when_done(&mut io);
        events.turn(NO_WAIT).unwrap();
        assert_eq!(events.is_empty(), said.is_empty(), "with nothing to send it is over at once");
        if !said.is_empty() {
            events.net_mut().let_through();
            events.run().unwrap();
            let far = events.net_mut().answer(7).unwrap();
            assert_eq!(events.net_mut().hear(far), said);
            assert!(events.net_mut().has_ended(far));
        }
    }
}

#[test]
fn shutting_down_when_done_goes_on_hearing() {
    for said in [&b""[..], b"0123456789"] {
        let mut events = events();
        let (key, far) = add(&mut events);
        events.net_mut().capacity = 4;
        let (side, mut io) = events.channel(key).unwrap();
        side.out.send(&mut io, said).unwrap();
        side.out.shutdown_when_done(&mut io).unwrap();
        assert_eq!(side.out.push(b"more").unwrap_err().kind(), ErrorKind::Unsupported);
        let mut heard = Vec::new();
        for _ in 0..5 {
            heard.extend(events.net_mut().hear(far));
            events.turn(NO_WAIT).unwrap();
        }
        assert_eq!(heard, said);
        assert!(events.net_mut().has_ended(far));
        let reads = events.dispatcher(key).unwrap().reads;
        events.net_mut().say(far, b"yes");
        events.turn(NO_WAIT).unwrap();
        assert_eq!(events.dispatcher(key).unwrap().reads, reads + 1);
        let (side, mut io) = events.channel(key).unwrap();
        side.out.shutdown_when_done(&mut io).unwrap();
        side.out.close_when_done(&mut io);
        events.turn(NO_WAIT).unwrap();
        assert!(events.is_empty(), "to close may still follow");
    }
}

#[test]
fn shutting_down_waits_for_the_connection() {
    let mut events = events();
    events.net_mut().serve(7);
    events.net_mut().slow_connects = true;
    let key = events.connect(7_u16, Side::default()).unwrap();
    let (side, mut io) = events.channel(key).unwrap();
    side.out.shutdown_when_done(&mut io).unwrap();
    events.turn(NO_WAIT).unwrap();
    events.net_mut().let_through();
    events.turn(NO_WAIT).unwrap();
    let far = events.net_mut().answer(7).unwrap();
    assert!(events.net_mut().has_ended(far));
    assert_eq!(events.len(), 1);
}

#[test]
fn a_header_and_a_body_go_in_one_call_and_the_rest_waits() {
    for capacity in 0..=9 {
        let mut events = events();
        let (key, far) = add(&mut events);
        events.net_mut().capacity = capacity;
        let (side, mut io) = events.channel(key).unwrap();
        side.out.send_vectored(&mut io, [b"head", b"body!"]).unwrap();
        // The net in memory takes of one slice at a time.
        assert_eq!(side.out.len(), 9 - capacity.min(4));
        assert_eq!(events.net().count.send, 1);
        let (side, mut io) = events.channel(key).unwrap();
        assert_eq!(side.out.send_vectored(&mut io, [&[0; 9], &[0; 8]]).unwrap_err().kind(), ErrorKind::Full);
        events.net_mut().capacity = 64;
        events.turn(NO_WAIT).unwrap();
        assert_eq!(events.net_mut().hear(far), b"headbody!", "{capacity}");
    }
}
