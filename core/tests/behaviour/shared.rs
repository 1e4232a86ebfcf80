//! Receiving into, and sending from, memory that all channels share: as from memory of one's own, in every state.

use crate::NO_WAIT;
use crate::memory::{Far, Memory, Table, Watch, pair};
use stheno_core::{
    Channel, Dispatcher, Eof, ErrorKind, EventLoop, Half, Key, Kind, Net, Reason, Received, Result, Slot, With,
};

type Shared = With<Memory, Vec<u8>>;
type Events = EventLoop<Client, Shared, Watch, Table<Slot<Client, Shared>>>;

/// Notes what it received, and sends it back.
#[derive(Default)]
struct Client {
    came: Vec<Result<Received>>,
    closed: Option<Reason>,
}

impl Dispatcher<Shared> for Client {
    fn writable(&self) -> bool {
        false
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, Shared, Self>) -> Result<()> {
        let came = channel.recv_shared(|memory| memory);
        self.came.push(came);
        if let Received::Data(n) = came? {
            channel.send_shared(|memory| &memory[..n])?;
        }
        Ok(())
    }

    fn handle_eof(&mut self, _: &mut Channel<'_, Shared, Self>) -> Result<Eof> {
        Ok(Eof::KeepSending)
    }

    fn handle_close(&mut self, reason: Reason, _: &mut Channel<'_, Shared, Self>) -> Result<()> {
        self.closed = Some(reason);
        Ok(())
    }
}

fn with(memory: usize) -> Events {
    let (below, watch) = pair();
    EventLoop::with_parts(With { below, shared: vec![0; memory] }, watch, Table::default())
}

fn client(events: &mut Events) -> (Key, Far) {
    let (socket, far) = events.net_mut().below.connection();
    let key = events.add(socket, Client::default()).unwrap();
    events.run_turns(1, NO_WAIT).unwrap();
    (key, far)
}

fn came(events: &mut Events, key: Key) -> Vec<Result<Received>> {
    core::mem::take(&mut events.channel(key).unwrap().0.came)
}

#[test]
fn one_memory_serves_one_after_the_other() {
    let mut events = with(4);
    let clients = [b"abc".as_slice(), b"defghi"].map(|said| (client(&mut events), said));
    for ((_, far), said) in clients {
        events.net_mut().below.say(far, said);
    }
    events.run_turns(3, NO_WAIT).unwrap();
    for ((_, far), said) in clients {
        assert_eq!(events.net_mut().below.hear(far), said);
    }
    let [(first, _), (second, _)] = clients;
    assert_eq!(came(&mut events, first.0), [Ok(Received::Data(3))]);
    assert_eq!(came(&mut events, second.0), [Ok(Received::Data(4)), Ok(Received::Data(2))]);
}

#[test]
fn the_end_is_told_and_what_cannot_be_sent_is_an_error() {
    let mut events = with(4);
    let (key, far) = client(&mut events);
    events.net_mut().below.finish(far);
    events.run_turns(1, NO_WAIT).unwrap();
    assert_eq!(came(&mut events, key), [Ok(Received::End)]);
    let (_, mut io) = events.channel(key).unwrap();
    assert_eq!(io.send_shared(|memory| memory), Ok(4));
    io.shutdown(Half::Write).unwrap();
    assert_eq!(io.send_shared(|memory| memory).unwrap_err().kind(), ErrorKind::Unsupported);
    events.close(key).unwrap();
    assert!(events.channel(key).is_err());
}

#[test]
fn the_byte_budget_holds() {
    let mut events = with(16);
    events.set_byte_budget(5);
    let (key, far) = client(&mut events);
    events.net_mut().below.say(far, b"twelve bytes");
    events.run_turns(1, NO_WAIT).unwrap();
    assert_eq!(came(&mut events, key), [Ok(Received::Data(5))]);
    events.run_turns(2, NO_WAIT).unwrap();
    assert_eq!(events.net_mut().below.hear(far), b"twelve bytes");
}

/// The net is never asked for nothing: this one would say so. What a peer left is not read for ever into no memory.
#[test]
fn no_memory_is_no_bytes() {
    let mut events = with(0);
    let (key, far) = client(&mut events);
    let (_, mut io) = events.channel(key).unwrap();
    assert_eq!((io.recv_shared(|memory| memory), io.send_shared(|memory| memory)), (Ok(Received::Data(0)), Ok(0)));
    events.net_mut().below.say(far, b"left");
    events.net_mut().below.hang_up(far);
    assert_eq!(events.channel(key).unwrap().1.send(b"x").unwrap_err().kind(), ErrorKind::Disconnected);
    events.run_turns(3, NO_WAIT).unwrap();
    assert!(events.is_empty(), "it has been closed");
}

#[test]
fn an_empty_datagram_is_sent() {
    let mut events = with(0);
    events.net_mut().below.mailbox(9);
    let mut socket = events.net_mut().socket(Kind::Datagram, &7).unwrap();
    events.net_mut().bind(&mut socket, &7).unwrap();
    let key = events.add(socket, Client::default()).unwrap();
    let (_, mut io) = events.channel(key).unwrap();
    io.connect(&9).unwrap();
    assert_eq!(io.send_shared(|memory| memory), Ok(0));
    assert_eq!(events.net_mut().below.letters(9), [(Vec::new(), 7)]);
}
