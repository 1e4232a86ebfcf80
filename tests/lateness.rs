//! How late deadlines come (rule 9): never early, and never passed over by a turn; how late that is on this machine is printed.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use stheno::{AnyBackend, BackendName, Channel, Dispatcher, EventLoop, Instant, Os, Result};

/// A timer that writes down when it came.
struct Timer {
    due: Instant,
    came: Rc<RefCell<Vec<Instant>>>,
}

impl Dispatcher<Os> for Timer {
    fn handle_timeout(&mut self, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        self.came.borrow_mut().push(self.due);
        Ok(())
    }
}

const MANY: u64 = 5_000;

#[test]
fn no_turn_passes_over_a_deadline() {
    for name in BackendName::ALL.iter().copied() {
        let mut events: EventLoop<Timer, Os, AnyBackend> =
            EventLoop::with_parts(Os, AnyBackend::named(name).unwrap(), Vec::new());
        let came = Rc::new(RefCell::new(Vec::new()));
        let began = events.now();
        let mut all: Vec<_> =
            (0..MANY).map(|number| Duration::from_micros(20_000 + number * 7_919 % MANY * 20)).collect();
        for time in &all {
            events.add_timer(*time, Timer { due: began + *time, came: came.clone() }).unwrap();
        }
        all.sort();
        // They are counted from when they are settled, which is between these two.
        events.turn(Some(Duration::ZERO)).unwrap();
        let settled = events.now();
        let (mut told, mut late, mut turns) = (0, Vec::new(), 0);
        while !events.is_empty() {
            let before = events.now();
            events.turn(None).unwrap();
            let after = events.now();
            turns += 1;
            let came = came.borrow();
            for due in &came[told..] {
                assert!(*due <= after, "{name}: a deadline came early");
                late.push(after.saturating_since(*due));
            }
            told = came.len();
            let due_before = all.partition_point(|time| settled + *time <= before);
            assert!(told >= due_before, "{name}: {due_before} were due before the turn, and {told} had come behind it");
        }
        assert_eq!(told as u64, MANY);
        late.sort();
        let [median, worst] = [late[late.len() / 2], late[late.len() - 1]];
        println!(
            "{name}: {MANY} deadlines in {turns} turns; half of them within {median:?}, the last within {worst:?}"
        );
    }
}
