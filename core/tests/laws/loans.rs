//! Loans are queues in chunks that are shared: each chunk is lent once at a time, all come back, and nobody is forgotten.

use std::collections::VecDeque;

use proptest::collection::vec;
use proptest::prelude::*;
use stheno_core::pool::{Lending, Loan, Place, bytes};
use stheno_core::{Channel, Dispatcher, ErrorKind, EventLoop, Io, Key, Received, Result, Slot};

use crate::cases;
use crate::memory::{Far, Inside, Memory, Table, Watch, pair};

type Pooled = Lending<Memory, Vec<u8>, Table<Place>>;

/// A channel, and what must be in its loan, before it, and behind it.
#[derive(Default)]
struct Client {
    loan: Loan,
    /// On the way from the peer.
    coming: VecDeque<u8>,
    kept: VecDeque<u8>,
    /// On the way to the peer.
    going: VecDeque<u8>,
}

impl Client {
    fn fill(&mut self, io: &mut Io<'_, Pooled>) -> Result<Received> {
        let received = self.loan.fill_from(io)?;
        if let Received::Data(n) = received {
            self.kept.extend(self.coming.drain(..n));
        }
        self.agrees(io);
        Ok(received)
    }

    /// So many bytes of what is kept, or was to be, have been sent.
    fn sent(&mut self, io: &mut Io<'_, Pooled>) {
        let sent = self.kept.len() - self.loan.len();
        self.going.extend(self.kept.drain(..sent));
        self.agrees(io);
    }

    fn agrees(&mut self, io: &mut Io<'_, Pooled>) {
        assert!(self.kept.iter().eq(self.loan.bytes(io).unwrap().iter()));
        let sizes = (self.loan.len(), self.loan.is_empty(), self.loan.is_full());
        assert_eq!(sizes, (self.kept.len(), self.kept.is_empty(), self.kept.len() == io.net().chunk_bytes()));
    }
}

impl Dispatcher<Pooled> for Client {
    fn readable(&self) -> bool {
        !self.loan.is_full()
    }
    fn writable(&self) -> bool {
        false
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Pooled, Self>) -> Result<()> {
        self.fill(channel).map(drop)
    }
}

#[derive(Clone, Debug)]
enum Op {
    Say(Vec<u8>),
    Hear(usize),
    Fill,
    Flush,
    Send(Vec<u8>),
    Consume(usize),
    GiveBack,
    ThrowAway,
    Pause,
    Resume,
    Close,
    Turn,
    Settle,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => vec(any::<u8>(), 1..12).prop_map(Op::Say),
        3 => (0..20_usize).prop_map(Op::Hear),
        3 => Just(Op::Fill),
        4 => Just(Op::Flush),
        3 => vec(any::<u8>(), 0..12).prop_map(Op::Send),
        3 => (0..8_usize).prop_map(Op::Consume),
        2 => Just(Op::GiveBack),
        1 => Just(Op::ThrowAway),
        1 => Just(Op::Pause),
        1 => Just(Op::Resume),
        1 => Just(Op::Close),
        6 => Just(Op::Turn),
        1 => Just(Op::Settle),
    ]
}

type Events = EventLoop<Client, Pooled, Watch, Table<Slot<Client, Pooled>>>;

fn add(events: &mut Events) -> (Key, Far) {
    let (socket, far) = events.net_mut().memory_mut().connection();
    (events.add(socket, Client::default()).unwrap(), far)
}

fn turn(events: &mut Events) {
    events.turn(Some(core::time::Duration::ZERO)).unwrap();
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn a_pool_keeps_every_byte_and_every_chunk(
        chunks in 1..5_usize,
        size in 1..9_usize,
        gulp in 1..9_usize,
        clients in 1..7_usize,
        ops in vec((0..7_usize, op()), 0..120),
    ) {
        let (mut net, watch) = pair();
        (net.gulp, net.capacity) = (gulp, 16);
        let net = Lending::new(net, vec![0; bytes(chunks, size)], size, Table::default()).unwrap();
        let mut events: Events = EventLoop::with_parts(net, watch, Table::default());
        let mut ends: Vec<_> = (0..clients).map(|_| add(&mut events)).collect();
        // Chunks that are held by loans which were thrown away.
        let mut lost = vec![0; clients];
        for (at, op) in ops {
            let at = at % clients;
            let (key, far) = ends[at];
            let free = events.net().free_chunks();
            let (client, mut io) = events.channel(key).unwrap();
            match op {
                Op::Say(bytes) => {
                    client.coming.extend(&bytes);
                    events.net_mut().memory_mut().say(far, &bytes);
                }
                Op::Hear(most) => {
                    let heard = io.net().memory_mut().hear_some(far, most);
                    prop_assert!(client.going.drain(..heard.len()).eq(heard));
                }
                Op::Fill => {
                    let (held, full) = (!client.loan.is_empty(), client.loan.is_full());
                    let received = client.fill(&mut io).unwrap();
                    match received {
                        Received::Data(0) => prop_assert!(full),
                        Received::Data(_) => prop_assert!(held || free > 0),
                        Received::WouldBlock => {
                            // There was nothing, or every chunk is another's, who holds it or came before.
                            prop_assert!(client.coming.is_empty() || !held && io.is_paused());
                        }
                        Received::End => prop_assert!(false, "nobody has finished"),
                    }
                }
                Op::Flush => {
                    client.loan.flush(&mut io).unwrap();
                    client.sent(&mut io);
                }
                Op::Send(bytes) => match client.loan.send(&mut io, &bytes) {
                    Ok(()) => {
                        client.kept.extend(bytes);
                        client.sent(&mut io);
                    }
                    Err(why) => {
                        prop_assert_eq!(why.kind(), ErrorKind::Full);
                        prop_assert!(bytes.len() + client.kept.len() > size || client.loan.is_empty());
                        client.agrees(&mut io);
                    }
                },
                Op::Consume(n) => {
                    client.loan.consume(&mut io, n).unwrap();
                    client.kept.drain(..n.min(client.kept.len()));
                    client.agrees(&mut io);
                }
                Op::GiveBack => {
                    client.loan.give_back(&mut io);
                    client.kept.clear();
                    client.agrees(&mut io);
                }
                Op::ThrowAway => {
                    lost[at] += usize::from(!core::mem::take(&mut client.loan).is_empty());
                    client.kept.clear();
                }
                Op::Pause => io.pause(),
                Op::Resume => io.resume(),
                Op::Close => {
                    events.close(key).unwrap();
                    ends[at] = add(&mut events);
                    lost[at] = 0;
                }
                Op::Turn => turn(&mut events),
                Op::Settle => events.settle(),
            }
            let held = ends.iter().filter(|(key, _)| !events.dispatcher(*key).unwrap().loan.is_empty()).count();
            let net = events.net();
            prop_assert_eq!(net.free_chunks() + held + lost.iter().sum::<usize>(), chunks, "each is held once");
            prop_assert!(net.waiting() <= clients, "each waits once");
        }

        // As chunks come back, everyone is served without being asked; only who paused by itself is resumed.
        for at in 0..clients {
            if lost[at] > 0 {
                events.close(ends[at].0).unwrap();
                ends[at] = add(&mut events);
            }
            let (_, mut io) = events.channel(ends[at].0).unwrap();
            io.resume();
        }
        for _ in 0..3000 {
            turn(&mut events);
            if ends.iter().all(|(key, _)| events.dispatcher(*key).unwrap().coming.is_empty()) {
                break;
            }
            for (key, _) in &ends {
                let (client, mut io) = events.channel(*key).unwrap();
                client.loan.give_back(&mut io);
                client.kept.clear();
            }
        }
        for (key, _) in &ends {
            prop_assert!(events.dispatcher(*key).unwrap().coming.is_empty(), "somebody was forgotten");
        }
        events.close_all();
        prop_assert_eq!((events.net().free_chunks(), events.net().waiting()), (chunks, 0), "all come back");
    }
}
