//! A channel with two loans, one to receive into and one to send from: that it borrows for the one does not cost it its place in
//! line for the other.

use crate::NO_WAIT;
use crate::memory::{Far, Memory, Table, Watch, pair};
use stheno_core::pool::{Lending, Loan, Place, bytes};
use stheno_core::{Channel, Dispatcher, EventLoop, Key, Result, Slot};

type Pooled = Lending<Memory, Vec<u8>, Table<Place>>;
type Events = EventLoop<Member, Pooled, Watch, Table<Slot<Member, Pooled>>>;

#[derive(Default)]
struct Member {
    request: Loan,
    answer: Loan,
    heard: Vec<u8>,
    /// Where news go, once what is under way here has been dropped.
    other: Option<Key>,
    /// Reads for the other as well.
    reads: bool,
}

impl Dispatcher<Pooled> for Member {
    fn readable(&self) -> bool {
        !self.request.is_full()
    }

    fn writable(&self) -> bool {
        self.answer.writable()
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, Pooled, Self>) -> Result<()> {
        self.request.fill_from(channel)?;
        let bytes = self.request.bytes(channel)?;
        self.heard.extend_from_slice(bytes);
        if let Some(other) = self.other {
            self.request.give_back(channel);
            self.answer.give_back(channel);
            let (member, mut io) = channel.neighbour(other)?;
            if self.reads {
                member.request.fill_from(&mut io)?;
            } else {
                member.answer.send(&mut io, b"news")?;
            }
        }
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, Pooled, Self>) -> Result<()> {
        self.answer.flush(channel)
    }
}

/// Two chunks, both held by `b`, and `a` in line with something to read.
fn in_line(reads: bool) -> (Events, (Key, Far), (Key, Far)) {
    let (below, watch) = pair();
    let net = Lending::new(below, vec![0; bytes(2, 8)], 8, Table::default()).unwrap();
    let mut events = Events::with_parts(net, watch, Table::default());
    let [a, b] = [(); 2].map(|()| {
        let (near, far) = events.net_mut().below.connection();
        (events.add(near, Member::default()).unwrap(), far)
    });
    events.net_mut().below.say(b.1, b"x");
    events.run_turns(1, NO_WAIT).unwrap();
    let (member, mut io) = events.channel(b.0).unwrap();
    while io.send(&[b'z'; 4096]).unwrap() > 0 {}
    member.answer.send(&mut io, b"tail").unwrap();
    assert_eq!(events.net().free_chunks(), 0);
    events.net_mut().below.say(a.1, b"hello");
    events.run_turns(1, NO_WAIT).unwrap();
    assert!(events.net().waiting() == 1 && events.channel(a.0).unwrap().1.is_paused());
    let (member, _) = events.channel(b.0).unwrap();
    (member.other, member.reads) = (Some(a.0), reads);
    events.net_mut().below.say(b.1, b"y");
    (events, a, b)
}

#[test]
fn who_borrows_to_send_still_waits_to_read() {
    let (mut events, a, b) = in_line(false);
    events.run_turns(1, NO_WAIT).unwrap();
    events.channel(b.0).unwrap().0.other = None;
    events.run_turns(3, NO_WAIT).unwrap();
    let (member, io) = events.channel(a.0).unwrap();
    assert!(!io.is_paused());
    assert_eq!(member.heard, b"hello");
    assert_eq!(events.net_mut().below.hear(a.1), b"news");
}

#[test]
fn who_was_read_for_by_another_goes_on_by_itself() {
    let (mut events, a, b) = in_line(true);
    events.run_turns(1, NO_WAIT).unwrap();
    events.channel(b.0).unwrap().0.other = None;
    events.net_mut().below.say(a.1, b"...");
    events.run_turns(3, NO_WAIT).unwrap();
    let (member, mut io) = events.channel(a.0).unwrap();
    assert!(!io.is_paused());
    assert_eq!(member.request.bytes(&mut io).unwrap(), b"hello...");
    assert_eq!(events.net().waiting(), 0);
}
