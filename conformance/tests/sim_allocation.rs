//! Neither a wait on the simulated network, nor taking its results, nor a turn in which nothing is opened takes memory, once
//! every stream has held as much as it ever does. (B13)

mod counting;

use std::time::Duration;

use counting::ASKED;
use stheno_conformance::sim::{Address, Deed, EventLoop, Link, Sim, Socket, Watch};
use stheno_core::{Backend, Channel, Dispatcher, Half, Interest, Key, Kind, Net, Open, Received, Result};

const SOON: Duration = Duration::from_millis(1);
const ROUGH: Link = Link { latency: SOON, jitter: SOON, segment: Some((1, 3)), loss: 0, duplication: 0, ..Link::ROUGH };

/// Waits while everything arrives that is under way, and takes every result. How often memory was asked for meanwhile.
fn all_waits(net: &mut Sim, watch: &mut Watch) -> Result<usize> {
    let before = ASKED.get();
    while !net.is_settled() {
        watch.wait(net, Some(SOON))?;
        while Backend::<Sim>::next(watch).is_some() {}
        // Where something is ready a wait takes no time.
        net.advance(SOON);
    }
    // Results left where they are.
    watch.wait(net, Some(Duration::ZERO))?;
    Backend::<Sim>::next(watch);
    watch.wait(net, None)?;
    Ok(ASKED.get() - before)
}

fn drain(net: &mut Sim, socket: &mut Socket) -> Result<()> {
    net.settle();
    while let Received::Data(_) = net.recv(socket, &mut [0; 256])? {}
    Ok(())
}

#[test]
fn waits_and_results_take_no_memory_whatever_arrives() -> Result<()> {
    for link in [Link::PLAIN, ROUGH] {
        let mut net = Sim::seeded(7);
        net.set_link(link);
        let mut watch = Watch::open()?;
        let mut pairs: Vec<_> = (0..100).map(|_| net.pair()).collect::<Result<_>>()?;
        for (index, (ours, _)) in (0..).zip(&pairs) {
            watch.register(&mut net, ours, Key::new(index, 0), Interest::ALL)?;
        }
        let mut refused = net.socket(Kind::Stream, &Address::ANY)?;
        watch.register(&mut net, &refused, Key::new(1000, 0), Interest::ALL)?;
        net.connect(&mut refused, &Address::new(1))?;
        // The first time every stream gets its memory; what happens the second time fits in.
        for round in 0..3 {
            for (ours, theirs) in &mut pairs {
                net.send(theirs, b"bytes that are under way")?;
                net.send_urgent(theirs, b'!')?;
                net.after(SOON, theirs, Deed::Send(b"later"))?;
                net.after(SOON, ours, Deed::Send(b"answer"))?;
                net.after(SOON, theirs, Deed::Urgent(b'!'))?;
            }
            let asked = all_waits(&mut net, &mut watch)?;
            assert!(round == 0 || asked == 0, "asked {asked} times in round {round}");
            for (ours, theirs) in &mut pairs {
                drain(&mut net, ours)?;
                drain(&mut net, theirs)?;
            }
        }
        // How they end takes none either.
        for (index, (_, theirs)) in pairs.iter().enumerate() {
            let deed = [Deed::Close, Deed::Reset, Deed::Shut(Half::Write), Deed::Shut(Half::Read)][index % 4];
            net.after(SOON, theirs, deed)?;
        }
        assert_eq!(all_waits(&mut net, &mut watch)?, 0);
        assert_eq!(net.count().failed_deeds, 0);
    }
    Ok(())
}

#[test]
fn callers_that_come_take_only_their_places() -> Result<()> {
    let mut net = Sim::new();
    net.set_link(ROUGH);
    let mut watch = Watch::open()?;
    let mut door = net.host(Address::new(7007))?;
    watch.register(&mut net, &door, Key::new(0, 0), Interest::READ)?;
    let mut asked = Vec::new();
    for _ in 0..2 {
        let callers: Vec<_> = (0..100).map(|_| net.dial(Address::new(7007))).collect::<Result<_>>()?;
        asked.push(all_waits(&mut net, &mut watch)?);
        for caller in callers {
            let (guest, _) = net.accept(&mut door)?.expect("they are in line");
            net.close(guest);
            net.close(caller);
        }
    }
    // The table grows by doubling, for the first of them.
    assert!((1..8).contains(&asked[0]), "{asked:?}");
    assert_eq!(asked[1], 0);
    Ok(())
}

/// Sends back what it receives.
struct Echo;

impl Dispatcher<Sim> for Echo {
    fn writable(&self) -> bool {
        false
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Sim, Self>) -> Result<()> {
        let mut data = [0; 64];
        if let Received::Data(n) = channel.recv(&mut data)? {
            channel.send(&data[..n])?;
        }
        Ok(())
    }
}

#[test]
fn turns_that_open_nothing_take_no_memory() -> Result<()> {
    let mut events = EventLoop::<Echo>::new()?;
    let (ours, mut theirs) = events.net_mut().pair()?;
    let key = events.add(ours, Echo)?;
    let mut before = 0;
    for round in 0..10 {
        events.net_mut().send(&mut theirs, b"hello")?;
        events.channel(key)?.1.set_timeout(Duration::from_secs(1));
        events.turn(Some(Duration::from_millis(10)))?;
        assert_eq!(events.net_mut().recv(&mut theirs, &mut [0; 64])?, Received::Data(5));
        if round == 0 {
            before = ASKED.get();
        }
    }
    assert_eq!(ASKED.get(), before);
    Ok(())
}
