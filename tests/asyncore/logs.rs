//! What the defaults log.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::fd::AsRawFd;
use stheno::{Channel, Dispatcher, Error, Guest, Key, Kind, Os, Reason, Result, Socket};

use crate::common::events::*;
use crate::{Defaults, common};

thread_local! {
    /// Tests run beside each other, so each thread has a log of its own.
    static LOGGED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &log::Record<'_>) {
        assert_eq!(record.target(), "stheno");
        LOGGED.with_borrow_mut(|logged| logged.push(format!("{}: {}", record.level(), record.args())));
    }
    fn flush(&self) {}
}

/// What was logged since the last time.
fn logged() -> Vec<String> {
    static LOGGER: Logger = Logger;
    let _ = log::set_logger(&LOGGER);
    log::set_max_level(log::LevelFilter::Trace);
    LOGGED.take()
}

/// Hands everything to the defaults when it is written to, in the order of CPython's test.
struct Unhandled;

impl Dispatcher<Os> for Unhandled {
    fn handle_write(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let mut defaults = Defaults;
        defaults.handle_expt(channel)?;
        defaults.handle_read(channel)?;
        defaults.handle_write(channel)?;
        defaults.handle_connect(channel)
    }
}

/// The words of CPython's `test_unhandled`.
#[test]
fn test_unhandled() {
    on_each_backend(|backend| {
        let mut events = events::<Unhandled>(backend);
        let (here, _there) = Socket::pair().unwrap();
        let key = events.add(here, Unhandled).unwrap();
        logged();
        events.handle_write_event(key);
        let names = ["incoming priority", "read", "write", "connect"];
        assert_eq!(logged(), names.map(|name| format!("WARN: channel {key}: unhandled {name} event")));
        // asyncore logged it again each time.
        events.handle_write_event(key);
        assert_eq!(logged(), [""; 0]);
    });
}

#[test]
fn events_that_nobody_handles_are_logged_once_and_cost_nothing_after() {
    on_each_backend(|backend| {
        let mut events = events::<Defaults>(backend);
        let door = events.listen("127.0.0.1:0", Defaults).unwrap();
        let at = events.channel(door).unwrap().1.local_address().unwrap();
        logged();
        let caller = events.connect(&at, Defaults).unwrap();
        turn_out(&mut events);
        let mut log = logged();
        log.sort();
        let unhandled = |key: Key, event: &str| format!("WARN: channel {key}: unhandled {event} event");
        let mut expected = vec![unhandled(door, "accepted")];
        // The guest is hung up on: with the default handlers nobody receives the end.
        expected.extend(["connect", "read", "write"].map(|event| unhandled(caller, event)));
        assert_eq!(log, expected);

        let (mut host, at) = common::door(&common::loopback(), 4);
        let caller = events.connect(&at, Defaults).unwrap();
        common::readable(&host);
        let (mut guest, _) = stheno::Net::accept(&mut Os, &mut host).unwrap().unwrap();
        turn_out(&mut events);
        assert_eq!(logged(), [unhandled(caller, "connect"), unhandled(caller, "write")]);
        stheno::Net::send(&mut Os, &mut guest, b"data").unwrap();
        turn_out(&mut events);
        assert_eq!(logged(), [unhandled(caller, "read")]);
        stheno::Net::send(&mut Os, &mut guest, b"more").unwrap();
        let began = Instant::now();
        let mut turns = 0;
        while began.elapsed() < Duration::from_millis(30) {
            events.turn(Some(Duration::from_millis(30))).unwrap();
            turns += 1;
        }
        assert!(turns <= 3, "{turns} turns of an idle loop");
        assert_eq!(logged(), [""; 0]);

        events.channel(caller).unwrap().1.set_timeout(Duration::from_millis(1));
        turn_until(&mut events, |_| LOGGED.with_borrow(|logged| !logged.is_empty()));
        assert_eq!(logged(), [unhandled(caller, "timeout")]);
        events.touch(caller).unwrap();
        turn_out(&mut events);
        assert_eq!(logged(), [""; 0], "told again after a touch, but logged once");
    });
}

#[test]
fn urgent_data_that_nobody_handles_is_logged_once() {
    on_each_backend(|backend| {
        let mut events = events::<Defaults>(backend);
        let (mut host, at) = common::door(&common::loopback(), 4);
        let caller = events.connect(&at, Defaults).unwrap();
        common::readable(&host);
        let (mut guest, _) = stheno::Net::accept(&mut Os, &mut host).unwrap().unwrap();
        turn_out(&mut events);
        logged();
        for _ in 0..2 {
            stheno::Net::send_urgent(&mut Os, &mut guest, b'!').unwrap();
            common::ready(events.channel(caller).unwrap().1.socket().unwrap(), PollFlags::PRI);
            turn_out(&mut events);
        }
        let log = logged();
        let line = format!("WARN: channel {caller}: unhandled incoming priority event");
        assert_eq!(log.iter().filter(|logged| **logged == line).count(), 1, "{log:?}");
    });
}

/// Fails when it is written to.
struct Failing;

impl Dispatcher<Os> for Failing {
    fn handle_write(&mut self, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        Err(ON_PURPOSE)
    }
    fn handle_accepted(&mut self, _: &mut Guest<Os>, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        Ok(())
    }
    fn handle_close(&mut self, _: Reason, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        Err(Error::user("too late", 3))
    }
}

#[test]
fn errors_that_nobody_handles_are_logged_and_close_the_channel() {
    on_each_backend(|backend| {
        let mut events = events::<Failing>(backend);
        let (here, _there) = Socket::pair().unwrap();
        let key = events.add(here, Failing).unwrap();
        logged();
        turn_out(&mut events);
        let expected = [
            format!("ERROR: channel {key}: error, closing the channel: on purpose (7)"),
            format!("ERROR: channel {key}: handle_close failed: too late (3)"),
        ];
        assert_eq!(logged(), expected);
        assert!(events.is_empty());
    });
}

#[test]
fn a_refusal_that_nobody_handles_is_logged_with_what_was_being_done() {
    on_each_backend(|backend| {
        let (silent, at) = common::bound(Kind::Stream, &common::loopback());
        let mut events = events::<Defaults>(backend);
        logged();
        let key = events.connect(&at, Defaults).unwrap();
        let descriptor = events.channel(key).unwrap().1.socket().unwrap().as_raw_fd();
        turn_until(&mut events, |events| events.is_empty());
        let why = format!("connection refused (os error {})", rustix::io::Errno::CONNREFUSED.raw_os_error());
        let expected = [
            format!("ERROR: channel {key}: error, closing the channel: connect descriptor {descriptor}: {why}"),
            format!("WARN: channel {key}: unhandled close event"),
        ];
        assert_eq!(logged(), expected);
        drop(silent);
    });
}
