//! A net without deadlines: the loop works as ever, and asks no clock.

use std::time::Duration;

use crate::memory::{HANG, Memory, Table, Watch, pair};
use stheno_core::backend::wait_on;
use stheno_core::{
    Channel, Dispatcher, Error, ErrorKind, EventLoop, Guest, Instant, Net, Received, Result, Slot, Untimed,
};

type Quiet = Untimed<Memory>;

enum Echo {
    Door { errors: u32 },
    Client,
}

impl Dispatcher<Quiet> for Echo {
    fn writable(&self) -> bool {
        false
    }
    fn handle_accepted(&mut self, guest: &mut Guest<Quiet>, door: &mut Channel<'_, Quiet, Self>) -> Result<()> {
        door.adopt(guest, Self::Client).map(drop)
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Quiet, Self>) -> Result<()> {
        let mut bytes = [0; 16];
        if let Received::Data(n) = channel.recv(&mut bytes)? {
            channel.send(&bytes[..n])?;
        }
        Ok(())
    }
    fn handle_error(&mut self, why: Error, _: &mut Channel<'_, Quiet, Self>) -> Result<()> {
        if let Self::Door { errors } = self {
            *errors += 1;
            return Ok(());
        }
        Err(why)
    }
}

fn events() -> EventLoop<Echo, Quiet, Watch, Table<Slot<Echo, Quiet>>> {
    let (net, watch) = pair();
    EventLoop::with_parts(Untimed(net), watch, Table::default())
}

#[test]
fn it_is_a_net_without_deadlines_and_else_the_one_below() {
    const { assert!(Memory::DEADLINES && !<Quiet as Net>::DEADLINES) };
    let mut events = events();
    events.listen(7_u16, Echo::Door { errors: 0 }).unwrap();
    let far = events.net_mut().0.call(7);
    events.net_mut().0.say(far, b"hello");
    assert_eq!(events.run(), Err(HANG), "everything is done, and nothing will come");
    assert_eq!(events.net_mut().0.hear(far), b"hello");
    assert_eq!(events.net().0.clock_reads(), 0);
}

/// What a listener without a clock does for want of descriptors: it rests for the length of a wait, which is bounded.
#[test]
fn a_starved_listener_rests_for_one_wait() {
    let mut events = events();
    let key = events.listen(7_u16, Echo::Door { errors: 0 }).unwrap();
    events.net_mut().0.call(7);
    events.net_mut().0.exhausted_accepts = 3;
    assert_eq!(events.run(), Err(HANG), "accepted in the end, and nothing is left to do");
    assert_eq!(events.len(), 2);
    assert!(matches!(events.dispatcher(key), Some(Echo::Door { errors: 1 })), "it is told once");
    let (count, elapsed) = (events.net().0.count, events.net().0.elapsed());
    assert_eq!((count.accept, events.net().0.clock_reads()), (5, 0));
    assert!(count.wait <= 10, "{count:?}");
    assert_eq!(elapsed, Duration::from_millis(300), "three rests");
}

#[test]
fn a_wait_for_a_given_time_is_over_when_it_is() {
    let mut events = events();
    events.listen(7_u16, Echo::Door { errors: 0 }).unwrap();
    let turn = events.turn(Some(Duration::from_millis(7))).unwrap();
    assert_eq!((turn.fired, events.net().0.elapsed()), (0, Duration::from_millis(7)));
}

/// Without a clock a wait begins anew where a signal came, and where it had no end and found nothing.
#[test]
fn a_wait_without_a_clock_begins_anew_where_a_signal_came() {
    const INTERRUPTED: Error = Error::new(ErrorKind::Interrupted, "a signal came");
    const BROKEN: Error = Error::new(ErrorKind::Other, "broken");
    const TIME: Option<Duration> = Some(Duration::from_millis(5));
    let no_clock = || -> Instant { panic!("the clock was asked") };
    type Answers = &'static [Result<usize>];
    let cases: [(Option<Duration>, Answers, Result<usize>); 6] = [
        (TIME, &[Ok(3)], Ok(3)),
        (TIME, &[Err(INTERRUPTED), Err(INTERRUPTED), Ok(0)], Ok(0)),
        (TIME, &[Err(BROKEN)], Err(BROKEN)),
        (None, &[Ok(0), Err(INTERRUPTED), Ok(0), Ok(2)], Ok(2)),
        (None, &[Ok(0), Err(BROKEN)], Err(BROKEN)),
        (None, &[Ok(1)], Ok(1)),
    ];
    for (timeout, answers, comes) in cases {
        let mut left = answers.iter();
        let attempt = |asked| {
            assert_eq!(asked, timeout, "the whole time each time");
            *left.next().expect("it was over")
        };
        assert_eq!(wait_on::<Quiet>(timeout, no_clock, attempt), comes);
        assert_eq!(left.len(), 0, "{answers:?}");
    }
    // With deadlines it is the wait that asks a clock.
    let mut asked = 0;
    let clock = || {
        asked += 1;
        Instant::from_nanos(asked * 5_000_000)
    };
    assert_eq!(wait_on::<Memory>(TIME, clock, |_| Ok(0)), Ok(0));
    assert_eq!(asked, 2);
}
