//! Layers over a net: state that handlers share, and operations that are changed on the way.

use crate::NO_WAIT;
use crate::memory::{Inside, Memory, Socket, Table, Watch, pair};
use stheno_core::{
    Buffer, Channel, Dispatcher, Error, EventLoop, Guest, Half, Kind, Layer, Net, Received, Result, Slot, State, With,
};

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
    assert_eq!(Net::state(&mut layer, &socket).unwrap(), State::OPEN);
    assert_eq!(Net::send(&mut layer, &mut socket, b"abc").unwrap(), Some(3));
    assert_eq!(Net::send_vectored(&mut layer, &mut socket, [b"", b"def"]).unwrap(), Some(3));
    assert_eq!(layer.below.hear(far), b"abcdef");
    layer.below.say(far, b"xy");
    layer.below.urge(far, b'!');
    assert_eq!(Net::recv_urgent(&mut layer, &mut socket).unwrap(), Some(b'!'));
    let mut bytes = [0; 4];
    assert_eq!(Net::recv_vectored(&mut layer, &mut socket, [&mut [], &mut bytes]).unwrap(), Received::Data(2));
    let (mut one, mut other) = layer.below.connected_pair();
    assert!(Net::send_urgent(&mut layer, &mut one, b'?').unwrap());
    assert_eq!(layer.below.recv_urgent(&mut other), Ok(Some(b'?')));
    layer.below.close(one);
    layer.below.close(other);
    assert_eq!(Net::take_error(&mut layer, &mut socket).unwrap(), None);
    assert_eq!(Net::local_address(&layer, &socket).unwrap() + 1, Net::peer_address(&layer, &socket).unwrap());
    assert_eq!(<With<Memory, ()> as Net>::describe(crate::memory::RESET), "reset");
    Net::shutdown(&mut layer, &mut socket, Half::Write).unwrap();
    assert!(layer.below.has_ended(far));
    Net::close(&mut layer, socket);
    assert_eq!(layer.below.held(), 0);
}

/// The same of connections that are made and of letters.
#[test]
fn a_layer_hands_down_how_connections_are_made() {
    let (net, _) = pair();
    let mut layer = With { below: net, shared: () };
    let mut door = Net::socket(&mut layer, Kind::Stream, &0).unwrap();
    Net::set_reuse_address(&mut layer, &mut door).unwrap();
    assert_eq!(layer.below.count.reuse, 1);
    Net::bind(&mut layer, &mut door, &7).unwrap();
    Net::listen(&mut layer, &mut door, 1).unwrap();
    assert!(Net::accept(&mut layer, &mut door).unwrap().is_none());
    let mut caller = Net::socket(&mut layer, Kind::Stream, &0).unwrap();
    Net::connect(&mut layer, &mut caller, &7).unwrap();
    let (_guest, from) = Net::accept(&mut layer, &mut door).unwrap().unwrap();
    assert_eq!(Net::local_address(&layer, &caller).unwrap(), from);

    let mut letters = Net::socket(&mut layer, Kind::Datagram, &0).unwrap();
    Net::bind(&mut layer, &mut letters, &9).unwrap();
    assert!(Net::send_to(&mut layer, &mut letters, b"note", &9).unwrap());
    let letter = Net::recv_from(&mut layer, &mut letters, &mut [0; 3]).unwrap().unwrap();
    assert_eq!((letter.len, letter.truncated, letter.from), (3, true, 9));
    assert_eq!(Net::recv_from(&mut layer, &mut letters, &mut [0; 3]).unwrap(), None);
    layer.below.undeliverable(9);
    assert!(Net::take_error(&mut layer, &mut letters).unwrap().is_some());
}

/// No more than a net must have; sockets are numbers, and what is received or sent is as long as the slice.
struct Plain;

impl Net for Plain {
    type Socket = u8;
    type Address = u8;

    fn socket(&mut self, _: Kind, like: &u8) -> Result<u8> {
        Ok(*like)
    }
    fn bind(&mut self, _: &mut u8, _: &u8) -> Result<()> {
        Ok(())
    }
    fn listen(&mut self, _: &mut u8, _: u32) -> Result<()> {
        Ok(())
    }
    fn connect(&mut self, _: &mut u8, _: &u8) -> Result<()> {
        Ok(())
    }
    fn accept(&mut self, _: &mut u8) -> Result<Option<(u8, u8)>> {
        Ok(None)
    }
    fn recv(&mut self, _: &mut u8, into: &mut [u8]) -> Result<Received> {
        Ok(Received::Data(into.len()))
    }
    fn send(&mut self, _: &mut u8, from: &[u8]) -> Result<Option<usize>> {
        Ok(Some(from.len()))
    }
    fn take_error(&mut self, _: &mut u8) -> Result<Option<Error>> {
        Ok(None)
    }
    fn local_address(&self, socket: &u8) -> Result<u8> {
        Ok(*socket)
    }
    fn peer_address(&self, socket: &u8) -> Result<u8> {
        Ok(*socket)
    }
    fn close(&mut self, _: u8) {}
}

#[test]
fn a_plain_net_does_without_what_it_cannot() {
    let (mut net, mut socket) = (Plain, 1);
    let refused = [
        net.recv_urgent(&mut socket).map(drop),
        net.recv_from(&mut socket, &mut [0]).map(drop),
        net.send_urgent(&mut socket, b'!').map(drop),
        net.send_to(&mut socket, b"x", &2).map(drop),
        net.shutdown(&mut socket, Half::Read),
    ];
    let doing = ["receive urgent data", "receive a datagram", "send urgent data", "send a datagram", "shut down"];
    for (refused, doing) in refused.into_iter().zip(doing) {
        assert_eq!(refused.unwrap_err().to_string(), format!("{doing}: not on this network"));
    }
    assert_eq!(net.state(&socket), Ok(State::OPEN));
    assert_eq!((Plain::describe(0), Plain::describe(1)), ("no error", "the system's error"));
}

#[test]
fn a_plain_net_moves_the_first_slice_that_holds_anything() {
    let (mut net, mut socket) = (Plain, 1);
    for (first, second, moved) in [(2, 3, 2), (0, 3, 3), (2, 0, 2)] {
        let (into, also) = (&mut [0; 2][..first], &mut [0; 3][..second]);
        assert_eq!(net.recv_vectored(&mut socket, [into, also]), Ok(Received::Data(moved)));
        assert_eq!(net.send_vectored(&mut socket, [&[0; 2][..first], &[0; 3][..second]]), Ok(Some(moved)));
    }
}
