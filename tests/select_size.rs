//! A select backend whose sets are full refuses the connection that does not fit, clearly, and serves the rest.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use stheno::select::{Heap, Select};
use stheno::{Channel, Dispatcher, Error, ErrorKind, EventLoop, Guest, Os, Outbox, Reason, Received, Result, With};

/// What was told to channels that did not fit.
type World = With<Os, Vec<Error>>;

enum Echo {
    Door,
    Client(Outbox<[u8; 64]>),
}

impl Dispatcher<World> for Echo {
    fn writable(&self) -> bool {
        matches!(self, Self::Client(waiting) if !waiting.is_empty())
    }

    fn handle_accepted(&mut self, guest: &mut Guest<World>, door: &mut Channel<'_, World, Self>) -> Result<()> {
        door.adopt(guest, Self::Client(Outbox::new())).map(drop)
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        if let Self::Client(waiting) = self
            && let Received::Data(_) = waiting.fill_from(channel)?
        {
            waiting.flush(channel)?;
        }
        Ok(())
    }

    fn handle_error(&mut self, error: Error, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        channel.net().shared.push(error);
        Err(error)
    }

    fn handle_close(&mut self, _: Reason, _: &mut Channel<'_, World, Self>) -> Result<()> {
        Ok(())
    }
}

#[test]
fn the_connection_past_its_size_is_refused_and_the_rest_go_on() {
    const SIZE: usize = 128;
    let backend = Select::new(Heap::up_to(SIZE));
    let mut events: Events = EventLoop::with_parts(With::default(), backend, Vec::new());
    let door = events.listen("127.0.0.1:0", Echo::Door).unwrap();
    let at = events.channel(door).unwrap().1.local_address().unwrap().as_inet().unwrap();

    let mut inside = Vec::new();
    let refused = loop {
        let mut caller = TcpStream::connect(at).unwrap();
        caller.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let (channels, errors) = (events.len(), events.net().shared.len());
        turn_until(&mut events, |events| events.len() > channels || events.net().shared.len() > errors);
        if events.net().shared.len() > errors {
            break caller;
        }
        caller.write_all(b"x").unwrap();
        inside.push(caller);
        assert!(inside.len() < SIZE, "nobody is refused");
    };

    let error = events.net().shared[0];
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(error.to_string().starts_with("register descriptor "), "{error}");
    turn_until(&mut events, |events| events.len() == inside.len() + 1);
    assert_eq!((&refused).read(&mut [0]).unwrap(), 0, "who is refused is hung up on");
    for mut caller in inside {
        let mut back = [0; 1];
        caller.set_nonblocking(true).unwrap();
        turn_until(&mut events, |_| caller.read(&mut back).is_ok());
        assert_eq!(&back, b"x");
    }
    assert!(events.channel(door).is_ok(), "the listener is as it was");
}

type Events = EventLoop<Echo, World, Select<Heap>>;

#[track_caller]
fn turn_until(events: &mut Events, mut done: impl FnMut(&Events) -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !done(events) {
        assert!(Instant::now() < until, "it does not come about");
        events.turn(Some(Duration::from_millis(10))).unwrap();
    }
}
