//! Producers: asked for more while there is room, in line with what is pushed, and never for nothing.

use crate::NO_WAIT;
use crate::memory::{Far, HANG, Memory, Table, Watch, pair};
use stheno_core::{
    Channel, Dispatcher, Error, ErrorKind, EventLoop, Io, Key, Outbox, Produced, Producer, Refused, Result, Slot,
};

/// What a producer says, in order; then that it is done.
#[derive(Clone, Debug, Default)]
struct Script(Vec<Line>);

#[derive(Clone, Copy, Debug)]
enum Line {
    /// These bytes, and all of them or none.
    Gives(&'static [u8]),
    Waits,
    /// Neither bytes nor a word.
    Hums,
    Fails,
    /// More than it was given room for.
    Boasts,
}

impl Script {
    fn of<const N: usize>(lines: [Line; N]) -> Self {
        Self(lines.into_iter().rev().collect())
    }
}

impl Producer for Script {
    fn more(&mut self, into: &mut [u8]) -> Result<Produced> {
        assert!(!into.is_empty(), "asked without room");
        match self.0.pop() {
            None => Ok(Produced::Done),
            Some(Line::Gives(bytes)) => {
                let n = bytes.len().min(into.len());
                into[..n].copy_from_slice(&bytes[..n]);
                if n < bytes.len() {
                    self.0.push(Line::Gives(&bytes[n..]));
                }
                Ok(Produced::Data(n))
            }
            Some(Line::Waits) => Ok(Produced::NothingYet),
            Some(Line::Hums) => Ok(Produced::Data(0)),
            Some(Line::Fails) => Err(Error::user("no more paper", 1)),
            Some(Line::Boasts) => Ok(Produced::Data(into.len() + 1)),
        }
    }
}

use Line::{Boasts, Fails, Gives, Hums, Waits};

#[derive(Default)]
struct Sender {
    out: Outbox<[u8; 8], Script, 3>,
    writes: usize,
    errors: Vec<Error>,
}

impl Dispatcher<Memory> for Sender {
    fn readable(&self) -> bool {
        false
    }
    fn writable(&self) -> bool {
        self.out.writable()
    }
    fn handle_write(&mut self, channel: &mut Channel<'_, Memory, Self>) -> Result<()> {
        self.writes += 1;
        self.out.flush(channel)
    }
    fn handle_error(&mut self, error: Error, _: &mut Channel<'_, Memory, Self>) -> Result<()> {
        self.errors.push(error);
        Ok(())
    }
}

struct Setup {
    events: EventLoop<Sender, Memory, Watch, Table<Slot<Sender, Memory>>>,
    key: Key,
    far: Far,
}

impl Setup {
    fn new(capacity: usize) -> Self {
        let (mut net, watch) = pair();
        net.capacity = capacity;
        let (socket, far) = net.connection();
        let mut events = EventLoop::with_parts(net, watch, Table::default());
        let key = events.add(socket, Sender::default()).unwrap();
        Self { events, key, far }
    }

    fn sender(&mut self) -> (&mut Sender, Io<'_, Memory>) {
        self.events.channel(self.key).unwrap()
    }

    /// What comes while the loop turns and there is something to do.
    fn heard(&mut self) -> String {
        let mut heard = Vec::new();
        for turns in 0.. {
            assert!(turns < 1_000, "it does not come to an end");
            let more = self.events.net_mut().hear(self.far);
            let turn = self.events.turn(NO_WAIT).unwrap();
            if more.is_empty() && turn.fired == 0 {
                break;
            }
            heard.extend(more);
        }
        String::from_utf8(heard).unwrap()
    }
}

#[test]
fn what_is_pushed_and_what_is_produced_goes_in_order() {
    for capacity in 1..=12 {
        let mut line = Setup::new(capacity);
        let (Sender { out, .. }, _) = line.sender();
        out.push(b"one ").unwrap();
        out.push_with_producer(Script::of([Gives(b"two is longer than the memory "), Gives(b"by far ")])).unwrap();
        out.push(b"3 ").unwrap();
        out.push_with_producer(Script::of([Gives(b"four ")])).unwrap();
        out.push_with_producer(Script::of([Gives(b"five ")])).unwrap();
        out.push(b"6.").unwrap();
        assert_eq!(line.heard(), "one two is longer than the memory by far 3 four five 6.", "{capacity}");
        let (sender, _) = line.sender();
        assert!(sender.out.is_empty() && !sender.out.writable());
    }
}

/// A slice is a producer, of which no more is copied than there is room for.
#[test]
fn more_than_the_memory_is_sent_through_it() {
    let (mut net, watch) = pair();
    net.capacity = 5;
    let (socket, far) = net.connection();
    let mut events = EventLoop::<_, _, Watch, Table<_>>::with_parts(net, watch, Table::default());
    let key = events.add(socket, Sender::default()).unwrap();
    let long: Vec<u8> = (0..=255).collect();
    let mut out = Outbox::<[u8; 8], &[u8], 1>::with_producers([0; 8]);
    out.push_with_producer(&long).unwrap();
    let mut heard = Vec::new();
    while out.writable() {
        out.flush(&mut events.channel(key).unwrap().1).unwrap();
        assert!(out.len() <= 8);
        heard.extend(events.net_mut().hear(far));
    }
    assert_eq!(heard, long);
}

/// asynchat takes one that is empty for nothing, and then deletes what stands behind it.
#[test]
fn an_empty_producer_leaves_its_successors_alone() {
    let mut line = Setup::new(64);
    let (Sender { out, .. }, _) = line.sender();
    out.push_with_producer(Script::of([])).unwrap();
    out.push_with_producer(Script::of([])).unwrap();
    out.push_with_producer(Script::of([Gives(b"here")])).unwrap();
    out.push(b"!").unwrap();
    assert_eq!(line.heard(), "here!");
    // Alone, it is just done.
    let (Sender { out, .. }, _) = line.sender();
    out.push_with_producer(Script::of([])).unwrap();
    assert!(!out.is_empty());
    assert_eq!(line.heard(), "");
    assert!(line.sender().0.out.is_empty());
}

#[test]
fn one_that_has_nothing_yet_is_not_asked_until_it_is_flushed() {
    for says_nothing in [Waits, Hums] {
        let mut line = Setup::new(64);
        let (Sender { out, .. }, _) = line.sender();
        out.push_with_producer(Script::of([Gives(b"a"), says_nothing, Gives(b"b")])).unwrap();
        out.push(b"c").unwrap();
        assert_eq!(line.heard(), "a", "what stands behind it waits");
        assert_eq!(line.events.run(), Err(HANG));
        let writes = line.sender().0.writes;
        assert!(writes <= 3, "it spins: {writes}");
        assert!(!line.sender().0.out.writable());
        let (sender, mut io) = line.sender();
        sender.out.flush(&mut io).unwrap();
        assert_eq!(line.heard(), "bc");
    }
}

#[test]
fn one_that_fails_harms_nothing_before_it_and_stays() {
    for (fails, kind) in [(Fails, ErrorKind::User), (Boasts, ErrorKind::Invalid)] {
        let mut line = Setup::new(2);
        let (Sender { out, .. }, _) = line.sender();
        out.push(b"12345").unwrap();
        out.push_with_producer(Script::of([Gives(b"a"), fails, Gives(b"b")])).unwrap();
        assert_eq!(line.heard(), "12345ab");
        let errors: Vec<_> = line.sender().0.errors.iter().map(Error::kind).collect();
        assert_eq!(errors, [kind], "told once");
    }
}

#[test]
fn a_line_of_producers_has_an_end() {
    let mut line = Setup::new(0);
    let (Sender { out, .. }, _) = line.sender();
    for _ in 0..3 {
        out.push_with_producer(Script::default()).unwrap();
    }
    let Err(Refused { producer, why }) = out.push_with_producer(Script::of([Gives(b"x")])) else { panic!() };
    assert_eq!((producer.0.len(), why.kind()), (1, ErrorKind::Full), "it is given back");
    assert_eq!(Error::from(Refused { producer, why }), why);
    out.clear();
    assert!(out.is_empty());
    let mut nowhere = Outbox::<[u8; 0], Script, 1>::default();
    assert_eq!(nowhere.push_with_producer(Script::default()).unwrap_err().why.kind(), ErrorKind::Full);
}

/// A producer keeps half of the memory to itself: what is pushed behind it cannot leave it without room.
#[test]
fn there_is_always_room_to_produce() {
    let mut line = Setup::new(3);
    let (Sender { out, .. }, _) = line.sender();
    assert_eq!(out.room(), 8);
    out.push_with_producer(Script::of([Gives(b"first comes this")])).unwrap();
    assert_eq!(out.room(), 4);
    assert_eq!(out.push(b"12345").unwrap_err().kind(), ErrorKind::Full);
    out.push(b"1234").unwrap();
    assert_eq!(out.room(), 0);
    assert_eq!(line.heard(), "first comes this1234");
}

#[test]
fn closing_when_done_waits_for_producers() {
    let mut line = Setup::new(64);
    let (sender, mut io) = line.sender();
    sender.out.push_with_producer(Script::of([Gives(b"the whole story"), Waits, Waits, Gives(b".")])).unwrap();
    sender.out.close_when_done(&mut io);
    assert_eq!(sender.out.push_with_producer(Script::default()).unwrap_err().why.kind(), ErrorKind::Unsupported);
    assert_eq!(line.heard(), "the whole story");
    assert_eq!(line.events.len(), 1);
    let (sender, mut io) = line.sender();
    sender.out.flush(&mut io).unwrap();
    let (far, net) = (line.far, line.events.net_mut());
    assert_eq!(net.hear(far), b".");
    assert!(line.events.turn(NO_WAIT).is_ok() && line.events.is_empty());
}

#[test]
fn a_producer_may_be_borrowed() {
    fn ask(mut producer: impl Producer) -> Result<Produced> {
        producer.more(&mut [0; 2])
    }
    let mut script = Script::of([Gives(b"abc")]);
    assert_eq!(ask(&mut script), Ok(Produced::Data(2)));
    assert_eq!(ask(&mut script), Ok(Produced::Data(1)));
    assert_eq!(ask(script), Ok(Produced::Done));
    #[cfg(feature = "alloc")]
    assert_eq!(ask(Box::new(&b"ab"[..]) as Box<dyn Producer>), Ok(Produced::Data(2)));
}
