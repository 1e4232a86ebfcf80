//! What the default handlers do, and what the log says of it.
#![cfg(feature = "log")]
mod memory;

use std::cell::RefCell;
use std::time::Duration;

use memory::{Memory, Table, Watch, pair};
use stheno_core::{Channel, Dispatcher, Error, EventLoop, Reason, Result, Slot};

const NO_WAIT: Option<Duration> = Some(Duration::ZERO);

/// All defaults.
struct Silent;
impl Dispatcher<Memory> for Silent {}

type Events<T> = EventLoop<T, Memory, Watch, Table<Slot<T, Memory>>>;

fn events<T: Dispatcher<Memory>>() -> Events<T> {
    let (net, watch) = pair();
    EventLoop::with_parts(net, watch, Table::default())
}

thread_local!(static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) });

struct Lines;
impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{} {}: {}", record.level(), record.target(), record.args());
        LINES.with_borrow_mut(|lines| lines.push(line));
    }
    fn flush(&self) {}
}

/// What was logged on this thread since the last time.
fn logged() -> Vec<String> {
    static LISTEN: std::sync::Once = std::sync::Once::new();
    LISTEN.call_once(|| {
        log::set_logger(&Lines).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
    LINES.take()
}

#[test]
fn what_nobody_handles_is_logged_once() {
    logged();
    let mut events = events::<Silent>();
    let (socket, far) = events.net_mut().connection();
    let key = events.add(socket, Silent).unwrap();
    for _ in 0..3 {
        events.net_mut().say(far, b"x");
        events.touch(key).unwrap();
        events.turn(NO_WAIT).unwrap();
    }
    let unhandled = |event: &str| format!("WARN stheno: channel {key}: unhandled {event} event");
    assert_eq!(logged(), [unhandled("read"), unhandled("write")]);
    events.net_mut().urge(far, b'!');
    events.touch(key).unwrap();
    events.turn(NO_WAIT).unwrap();
    assert_eq!(logged(), [unhandled("incoming priority")]);

    let door = events.listen(7_u16, Silent).unwrap();
    for _ in 0..3 {
        events.net_mut().call(7);
        events.turn(NO_WAIT).unwrap();
    }
    assert_eq!(events.net().waiting(7), 0, "callers that nobody takes are hung up on");
    assert_eq!(logged(), [format!("WARN stheno: channel {door}: unhandled accepted event")]);
    assert_eq!(events.net().held(), 2);
}

#[test]
fn what_comes_once_is_logged_each_time() {
    logged();
    let mut events = events::<Silent>();
    events.net_mut().serve(7);
    let key = events.connect(7_u16, Silent).unwrap();
    let unhandled = |event: &str| format!("WARN stheno: channel {key}: unhandled {event} event");
    events.turn(NO_WAIT).unwrap();
    assert_eq!(logged(), [unhandled("connect"), unhandled("write")]);
    for _ in 0..2 {
        events.channel(key).unwrap().1.set_timeout(Duration::ZERO);
        events.turn(NO_WAIT).unwrap();
        assert_eq!(logged(), [unhandled("timeout")]);
    }
    let far = events.net_mut().answer(7).unwrap();
    events.net_mut().reset(far);
    events.handle_expt_event(key);
    assert_eq!(logged(), [unhandled("read"), unhandled("close")]);
}

#[test]
fn an_error_is_logged_and_closes() {
    logged();
    let mut events = events::<Silent>();
    let key = events.connect(7_u16, Silent).unwrap();
    events.turn(NO_WAIT).unwrap();
    assert_eq!(
        logged(),
        [
            format!("ERROR stheno: channel {key}: error, closing the channel: connect: refused (os error 111)"),
            format!("WARN stheno: channel {key}: unhandled close event")
        ]
    );
    assert!(events.is_empty());
}

#[test]
fn an_error_is_logged_and_a_datagram_channel_goes_on() {
    /// Receives, and leaves the rest to the defaults.
    struct Box;
    impl Dispatcher<Memory> for Box {
        fn writable(&self) -> bool {
            false
        }
        fn handle_read(&mut self, channel: &mut Channel<'_, Memory, Self>) -> Result<()> {
            channel.recv_from(&mut [0; 8]).map(drop)
        }
    }
    logged();
    let mut events = events();
    let key = events.bind(5_u16, Box).unwrap();
    events.net_mut().undeliverable(5);
    events.turn(NO_WAIT).unwrap();
    assert_eq!(logged(), [format!("ERROR stheno: channel {key}: error: refused (os error 111)")]);
    assert_eq!(events.len(), 1);
}

#[test]
fn a_failure_in_the_last_word_is_logged() {
    struct Ending;
    impl Dispatcher<Memory> for Ending {
        fn writable(&self) -> bool {
            false
        }
        fn handle_read(&mut self, channel: &mut Channel<'_, Memory, Self>) -> Result<()> {
            channel.recv(&mut [0; 8]).map(drop)
        }
        fn handle_close(&mut self, _: Reason, _: &mut Channel<'_, Memory, Self>) -> Result<()> {
            Err(Error::user("nobody said goodbye", 4))
        }
    }
    logged();
    let mut events = events();
    let (socket, far) = events.net_mut().connection();
    let key = events.add(socket, Ending).unwrap();
    events.net_mut().hang_up(far);
    events.turn(NO_WAIT).unwrap();
    assert_eq!(logged(), [format!("ERROR stheno: channel {key}: handle_close failed: nobody said goodbye (4)")]);
    assert!(events.is_empty());
}
