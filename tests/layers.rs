//! Nets that stand on the system's: one that counts, and one that carries what handlers share, on each backend.
#![cfg(feature = "std")]
#![allow(missing_docs)]

mod common;

use std::net::Ipv4Addr;

use common::events::*;
use stheno::{
    Address, AnyBackend, BackendName, Channel, Dispatcher, EventLoop, Guest, Key, Layer, Os, Reason, Received, Result,
    Socket, With,
};

/// Counts the bytes that go and come, and the calls that it takes.
#[derive(Default)]
struct Counting {
    below: Os,
    received: usize,
    sent: usize,
    accepted: usize,
    closed: usize,
}

impl Layer for Counting {
    type Below = Os;
    fn below(&self) -> &Os {
        &self.below
    }
    fn below_mut(&mut self) -> &mut Os {
        &mut self.below
    }
    fn accept(&mut self, socket: &mut Socket) -> Result<Option<(Socket, Address)>> {
        let guest = stheno::Net::accept(&mut self.below, socket)?;
        self.accepted += usize::from(guest.is_some());
        Ok(guest)
    }
    fn recv(&mut self, socket: &mut Socket, into: &mut [u8]) -> Result<Received> {
        let received = stheno::Net::recv(&mut self.below, socket, into)?;
        if let Received::Data(n) = received {
            self.received += n;
        }
        Ok(received)
    }
    fn send(&mut self, socket: &mut Socket, from: &[u8]) -> Result<Option<usize>> {
        let sent = stheno::Net::send(&mut self.below, socket, from)?;
        self.sent += sent.unwrap_or(0);
        Ok(sent)
    }
    fn close(&mut self, socket: Socket) {
        self.closed += 1;
        stheno::Net::close(&mut self.below, socket);
    }
}

fn on_net<T, N>(net: N, backend: BackendName) -> Loop<T, N>
where
    T: Dispatcher<N>,
    N: stheno::Net<Socket = Socket>,
{
    EventLoop::with_parts(net, AnyBackend::named(backend).unwrap(), Vec::new())
}

#[test]
fn a_layer_sees_every_byte_of_every_channel() {
    on_each_backend(|backend| {
        let mut events: Loop<Actor, Counting> = on_net(Counting::default(), backend);
        let door = Actor { greeting: b"hello", ..Actor::echo(&Notes::default()) };
        let door = events.listen((Ipv4Addr::LOCALHOST, 0), door).unwrap();
        let at = events.channel(door).unwrap().1.local_address().unwrap();
        let mut peers: Vec<_> = (0..3).map(|_| Peer::call(&at)).collect();
        for peer in &mut peers {
            peer.say(b"0123456789");
        }
        turn_until(&mut events, |events| events.net().sent == 45);
        for peer in &mut peers {
            assert_eq!(peer.hear(15), b"hello0123456789");
        }
        drop(peers);
        turn_until(&mut events, |events| events.len() == 1);
        let net = events.net();
        assert_eq!((net.received, net.sent, net.accepted, net.closed), (30, 45, 3, 3));
        events.close_all();
        assert_eq!(events.net().closed, 4, "listeners too");
    });
}

/// What wraps around a buffer's end goes through the layer as well.
#[test]
fn vectored_calls_pass_through_the_layers_plain_ones() {
    on_each_backend(|backend| {
        let mut events: Loop<Actor, Counting> = on_net(Counting::default(), backend);
        let (here, mut there) = Socket::pair().unwrap();
        let mut actor = Actor::new(&Notes::default());
        actor.out = stheno::Outbox::over(vec![0; 8].into());
        let key = events.add(here, actor).unwrap();
        let (actor, mut io) = events.channel(key).unwrap();
        assert_eq!(io.send_vectored([b"", b"xy"]), Ok(2));
        assert_eq!(io.send_vectored([b"ab", b"cd"]), Ok(2), "one slice is a short send");
        actor.out.push(b"123456").unwrap();
        actor.out.flush(&mut io).unwrap();
        assert!(actor.out.is_empty());
        assert_eq!(events.net().sent, 10);
        assert_eq!(heard(&mut there), b"xyab123456");
        stheno::Net::send(&mut Os, &mut there, b"0123").unwrap();
        let (_, mut io) = events.channel(key).unwrap();
        assert_eq!(io.recv_vectored([&mut [0; 2], &mut [0; 2]]), Ok(Received::Data(2)));
        assert_eq!(events.net().received, 2);
    });
}

/// Who is in the room, and what was said there.
#[derive(Default)]
struct Room {
    members: Vec<Key>,
    said: Vec<u8>,
}

type Shared = With<Os, Room>;

enum Chat {
    Door,
    Member,
}

impl Dispatcher<Shared> for Chat {
    fn writable(&self) -> bool {
        false
    }
    fn handle_accepted(&mut self, guest: &mut Guest<Shared>, door: &mut Channel<'_, Shared, Self>) -> Result<()> {
        let key = door.adopt(guest, Self::Member)?;
        door.net().shared.members.push(key);
        Ok(())
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Shared, Self>) -> Result<()> {
        let (mut first, mut rest) = ([0; 1], [0; 64]);
        let Received::Data(n) = channel.recv_vectored([&mut first, &mut rest])? else { return Ok(()) };
        let said = [&first[..], &rest].concat();
        channel.net().shared.said.extend(&said[..n]);
        let me = channel.key();
        for key in channel.net().shared.members.clone() {
            if key != me {
                channel.neighbour(key)?.1.send(&said[..n])?;
            }
        }
        Ok(())
    }
    fn handle_close(&mut self, _: Reason, channel: &mut Channel<'_, Shared, Self>) -> Result<()> {
        let me = channel.key();
        channel.net().shared.members.retain(|key| *key != me);
        Ok(())
    }
}

#[test]
fn handlers_share_what_stands_beside_the_net() {
    on_each_backend(|backend| {
        let mut events: Loop<Chat, Shared> = on_net(Shared::default(), backend);
        let door = events.listen((Ipv4Addr::LOCALHOST, 0), Chat::Door).unwrap();
        let at = events.channel(door).unwrap().1.local_address().unwrap();
        let mut peers: Vec<_> = (0..3).map(|_| Peer::call(&at)).collect();
        turn_until(&mut events, |events| events.net().shared.members.len() == 3);
        peers[0].say(b"hello all");
        turn_until(&mut events, |events| events.net().shared.said.len() == 9);
        assert_eq!((peers[1].hear(9), peers[2].hear(9)), (b"hello all".to_vec(), b"hello all".to_vec()));
        events.net_mut().shared.said.clear();
        peers.pop();
        turn_until(&mut events, |events| events.net().shared.members.len() == 2);
        peers[1].say(b"bye");
        assert_eq!(
            {
                turn_until(&mut events, |events| events.net().shared.said == b"bye");
                peers[0].hear(3)
            },
            b"bye"
        );
    });
}

#[test]
fn layers_stand_on_layers() {
    on_each_backend(|backend| {
        let net = With { below: Counting::default(), shared: 0_u32 };
        let mut events: Loop<Actor, With<Counting, u32>> = on_net(net, backend);
        let (here, mut there) = Socket::pair().unwrap();
        let notes = Notes::default();
        events.add(here, Actor::echo(&notes)).unwrap();
        let waker = stheno::waker(&mut events).unwrap();
        stheno::Net::send(&mut Os, &mut there, b"through both").unwrap();
        turn_until(&mut events, |_| notes.data() == b"through both");
        events.net_mut().shared += 1;
        assert_eq!((events.net().below.received, events.net().below.sent, events.net().shared), (12, 12, 1));
        waker.stop().unwrap();
        events.run().unwrap();
    });
}
