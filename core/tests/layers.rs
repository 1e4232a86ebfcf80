//! Layers over a net: state that handlers share, and operations that are changed on the way.

mod memory;

use std::time::Duration;

use memory::{Inside, Memory, Socket, Table, Watch, pair};
use stheno_core::{Buffer, Channel, Dispatcher, EventLoop, Guest, Layer, Net, Received, Result, Slot, With};

const NO_WAIT: Option<Duration> = Some(Duration::ZERO);

/// What everybody in the room shares.
#[derive(Default)]
struct Room {
    guests: u32,
    said: Vec<u8>,
}

enum Member {
    Door,
    Guest,
}

type Shared = With<Memory, Room>;

impl Dispatcher<Shared> for Member {
    fn writable(&self) -> bool {
        false
    }
    fn handle_accepted(&mut self, guest: &mut Guest<Shared>, channel: &mut Channel<'_, Shared, Self>) -> Result<()> {
        channel.adopt(guest, Self::Guest)?;
        channel.net().shared.guests += 1;
        Ok(())
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Shared, Self>) -> Result<()> {
        let mut bytes = [0; 16];
        if let Received::Data(n) = channel.recv(&mut bytes)? {
            channel.net().shared.said.extend(&bytes[..n]);
        }
        Ok(())
    }
    fn handle_close(&mut self, _: stheno_core::Reason, channel: &mut Channel<'_, Shared, Self>) -> Result<()> {
        channel.net().shared.guests -= 1;
        Ok(())
    }
}

#[test]
fn handlers_share_a_room() {
    let (net, watch) = pair();
    let mut events: EventLoop<Member, Shared, Watch, Table<Slot<Member, Shared>>> =
        EventLoop::with_parts(With { below: net, shared: Room::default() }, watch, Table::default());
    events.listen(7_u16, Member::Door).unwrap();
    let fars = [events.net_mut().below.call(7), events.net_mut().below.call(7)];
    for (far, word) in fars.into_iter().zip([b"hello ", b"there "]) {
        events.net_mut().below.say(far, word);
    }
    events.turn(NO_WAIT).unwrap();
    events.turn(NO_WAIT).unwrap();
    assert_eq!((events.net().shared.guests, &events.net().shared.said[..]), (2, &b"hello there "[..]));
    events.net_mut().below.hang_up(fars[0]);
    events.turn(NO_WAIT).unwrap();
    assert_eq!(events.net().shared.guests, 1);
}

/// Shouts: changes the plain operations, and by them the vectored ones.
struct Shouting(Memory);

impl Layer for Shouting {
    type Below = Memory;
    fn below(&self) -> &Memory {
        &self.0
    }
    fn below_mut(&mut self) -> &mut Memory {
        &mut self.0
    }
    fn recv(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Received> {
        let received = self.0.recv(socket, into)?;
        if let Received::Data(n) = received {
            into[..n].make_ascii_uppercase();
        }
        Ok(received)
    }
}

impl Inside for Shouting {
    fn memory(&self) -> &Memory {
        &self.0
    }
    fn memory_mut(&mut self) -> &mut Memory {
        &mut self.0
    }
}

struct Echo(Buffer<[u8; 8]>);

impl<N: Net> Dispatcher<N> for Echo {
    fn readable(&self) -> bool {
        !self.0.is_full()
    }
    fn writable(&self) -> bool {
        !self.0.is_empty()
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
        channel.recv_into(&mut self.0).map(drop)
    }
    fn handle_write(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
        let sent = channel.send_vectored(self.0.filled())?;
        self.0.consume(sent);
        Ok(())
    }
}

#[test]
fn a_layer_changes_vectored_operations_with_the_plain_ones() {
    let (mut net, watch) = pair();
    net.gulp = 3;
    let mut events: EventLoop<Echo, Shouting, Watch, Table<Slot<Echo, Shouting>>> =
        EventLoop::with_parts(Shouting(net), watch, Table::default());
    let (socket, far) = events.net_mut().0.connection();
    events.add(socket, Echo(Buffer::new([0; 8]))).unwrap();
    events.net_mut().0.say(far, b"a longer text than the buffer holds");
    for _ in 0..60 {
        events.turn(NO_WAIT).unwrap();
    }
    let heard = events.net_mut().0.hear(far);
    assert_eq!(String::from_utf8(heard).unwrap(), "A LONGER TEXT THAN THE BUFFER HOLDS");
}

/// Everything that a layer does not name is handed down.
#[test]
fn a_layer_hands_the_rest_down() {
    let (mut net, _) = pair();
    let (mut socket, far) = net.connection();
    let mut layer = With { below: net, shared: () };
    assert_eq!(Net::state(&mut layer, &socket).unwrap(), stheno_core::State::OPEN);
    assert_eq!(Net::send(&mut layer, &mut socket, b"abc").unwrap(), Some(3));
    assert_eq!(Net::send_vectored(&mut layer, &mut socket, [b"", b"d"]).unwrap(), Some(1));
    layer.below.say(far, b"xy");
    layer.below.urge(far, b'!');
    assert_eq!(Net::recv_urgent(&mut layer, &mut socket).unwrap(), Some(b'!'));
    let mut bytes = [0; 4];
    assert_eq!(Net::recv_vectored(&mut layer, &mut socket, [&mut [], &mut bytes]).unwrap(), Received::Data(2));
    assert!(Net::send_urgent(&mut layer, &mut socket, b'?').unwrap());
    assert_eq!(Net::take_error(&mut layer, &mut socket).unwrap(), None);
    assert_eq!(Net::local_address(&layer, &socket).unwrap() + 1, Net::peer_address(&layer, &socket).unwrap());
    assert_eq!(<With<Memory, ()> as Net>::describe(memory::RESET), "reset");
    Net::shutdown(&mut layer, &mut socket, stheno_core::Half::Write).unwrap();
    assert!(layer.below.has_ended(far));
    Net::close(&mut layer, socket);
    assert_eq!(layer.below.held(), 0);
}
