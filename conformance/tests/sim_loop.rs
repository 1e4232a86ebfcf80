//! The loop over the simulated network: an echo in both forms of memory, deeds, time, layers, and stories told twice.

use std::time::Duration;

use stheno_conformance::sim::{
    Address, Batch, Deed, EventLoop, Fixed, Link, Memory, Network, Sim, Simulated, Socket, Watch,
};
use stheno_core::storage::Array;
use stheno_core::{
    Buffer, Channel, Dispatcher, Error, ErrorKind, Guest, Layer, Net, Reason, Received, Result, Slot, Storage, With,
};

const DOOR: Address = Address::new(7007);
const NO_WAIT: Option<Duration> = Some(Duration::ZERO);

/// Sends back what it receives, and says what it was told.
enum Echo {
    Door,
    Guest(Buffer<[u8; 64]>),
}

/// The story, shared by all handlers.
type Story = Vec<String>;

impl<M: Memory> Dispatcher<With<Network<M>, Story>> for Echo {
    fn readable(&self) -> bool {
        match self {
            Self::Door => true,
            Self::Guest(buffer) => !buffer.is_full(),
        }
    }

    fn writable(&self) -> bool {
        matches!(self, Self::Guest(buffer) if !buffer.is_empty())
    }

    fn handle_accepted(
        &mut self,
        guest: &mut Guest<With<Network<M>, Story>>,
        door: &mut Channel<'_, With<Network<M>, Story>, Self>,
    ) -> Result<()> {
        let key = door.adopt(guest, Self::Guest(Buffer::default()))?;
        door.net().shared.push(format!("{key} came"));
        Ok(())
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, With<Network<M>, Story>, Self>) -> Result<()> {
        let Self::Guest(buffer) = self else { return Ok(()) };
        let (key, now) = (channel.key(), channel.net().below.elapsed());
        if let Received::Data(n) = channel.recv_vectored(buffer.free())? {
            buffer.commit(n);
            channel.net().shared.push(format!("{now:?} {key} read {n}"));
        }
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, With<Network<M>, Story>, Self>) -> Result<()> {
        let Self::Guest(buffer) = self else { return Ok(()) };
        let (key, now) = (channel.key(), channel.net().below.elapsed());
        let n = channel.send_vectored(buffer.filled())?;
        buffer.consume(n);
        channel.net().shared.push(format!("{now:?} {key} wrote {n}"));
        Ok(())
    }

    fn handle_close(&mut self, why: Reason, channel: &mut Channel<'_, With<Network<M>, Story>, Self>) -> Result<()> {
        let key = channel.key();
        channel.net().shared.push(format!("{key} closed: {why:?}"));
        Ok(())
    }
}

type Net2<M> = With<Network<M>, Story>;
type Loop<M, S, const BATCH: usize> = stheno_core::EventLoop<Echo, Net2<M>, Batch<BATCH>, S>;

fn send_all<M: Memory>(net: &mut Network<M>, peer: &mut Socket, bytes: &mut &[u8]) {
    if let Some(n) = net.send(peer, bytes).unwrap() {
        *bytes = &bytes[n..];
    }
}

fn hear<M: Memory>(net: &mut Network<M>, peer: &mut Socket, heard: &mut Vec<u8>) {
    let mut bytes = [0; 50];
    while let Received::Data(n) = net.recv(peer, &mut bytes).unwrap() {
        heard.extend(&bytes[..n]);
    }
}

/// A good deal of bytes; an interpreter takes its time.
const MANY: u32 = if cfg!(miri) { 30 } else { 1_000 };

/// Three peers send a good deal each, at once, and get all of it back.
fn echoes<M: Memory, S, const BATCH: usize>(mut events: Loop<M, S, BATCH>, link: Link) -> Story
where
    S: Storage<Slot<Echo, Net2<M>>>,
{
    events.net_mut().below.set_link(link);
    events.net_mut().below.set_limit(4);
    events.listen(DOOR, Echo::Door).unwrap();
    let texts: [Vec<u8>; 3] = [0, 1, 2].map(|salt| (0..MANY).map(|i| (i * 7 + salt) as u8).collect());
    let mut peers = [(); 3].map(|()| events.net_mut().below.dial(DOOR).unwrap());
    let mut left = texts.each_ref().map(|text| &text[..]);
    let mut heard: [Vec<u8>; 3] = Default::default();
    for _ in 0..20_000 {
        let net = &mut events.net_mut().below;
        for ((peer, left), heard) in peers.iter_mut().zip(&mut left).zip(&mut heard) {
            send_all(net, peer, left);
            hear(net, peer, heard);
        }
        if heard.iter().all(|heard| heard.len() == MANY as usize) {
            break;
        }
        events.turn(Some(Duration::from_millis(1))).unwrap();
    }
    assert_eq!(heard, texts);
    for peer in peers {
        events.net_mut().below.close(peer);
    }
    while events.len() > 1 {
        events.turn(Some(Duration::from_secs(1))).unwrap();
    }
    events.close_all();
    let net = &events.net().below;
    assert_eq!((net.len(), net.held(), net.watched()), (0, 0, 0), "nothing is left");
    assert_eq!(events.net().shared.iter().filter(|line| line.ends_with("closed: End")).count(), 3);
    std::mem::take(&mut events.net_mut().shared)
}

fn on_the_heap<const BATCH: usize>(seed: u64, link: Link) -> Story {
    let net = With { below: Sim::seeded(seed), shared: Vec::new() };
    echoes(Loop::<_, Vec<_>, BATCH>::with_parts(net, Batch::new(), Vec::new()), link)
}

fn in_place(seed: u64, link: Link) -> Story {
    let net = With { below: Fixed::<7, 64>::seeded(seed), shared: Vec::new() };
    echoes(Loop::<_, Array<_, 5>, 64>::with_parts(net, Batch::new(), Array::default()), link)
}

#[test]
fn an_echo_in_every_weather_with_both_forms_of_memory() {
    for link in [Link::PLAIN, Link::ROUGH, Link { segment: Some((1, 1)), ..Link::PLAIN }] {
        on_the_heap::<64>(1, link);
        on_the_heap::<1>(2, link);
        in_place(3, link);
    }
}

#[test]
fn the_same_seed_is_the_same_story_and_another_seed_another() {
    let told = on_the_heap::<64>(7, Link::ROUGH);
    assert_eq!(told, on_the_heap::<64>(7, Link::ROUGH));
    assert_ne!(told, on_the_heap::<64>(8, Link::ROUGH));
    assert_eq!(in_place(7, Link::ROUGH), in_place(7, Link::ROUGH));
    // Without chances the memory makes no difference, as long as it holds what the link does.
    let link = Link { latency: Duration::from_micros(3), window: 64, ..Link::PLAIN };
    assert_eq!(on_the_heap::<64>(1, link), in_place(2, link));
}

/// Writes down what it is told.
struct Told;

impl Dispatcher<With<Sim, Story>> for Told {
    fn writable(&self) -> bool {
        false
    }
    fn handle_connect(&mut self, channel: &mut Channel<'_, With<Sim, Story>, Self>) -> Result<()> {
        channel.net().note("connect");
        Ok(())
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, With<Sim, Story>, Self>) -> Result<()> {
        let mut bytes = [0; 16];
        if let Received::Data(n) = channel.recv(&mut bytes)? {
            let text = String::from_utf8_lossy(&bytes[..n]).into_owned();
            channel.net().note(&text);
        }
        Ok(())
    }
    fn handle_expt(&mut self, channel: &mut Channel<'_, With<Sim, Story>, Self>) -> Result<()> {
        let byte = channel.recv_urgent()?;
        channel.net().note(&format!("urgent {byte:?}"));
        Ok(())
    }
    fn handle_accepted(
        &mut self,
        guest: &mut Guest<With<Sim, Story>>,
        door: &mut Channel<'_, With<Sim, Story>, Self>,
    ) -> Result<()> {
        door.net().note("guest");
        door.adopt(guest, Self).map(drop)
    }
    fn handle_timeout(&mut self, channel: &mut Channel<'_, With<Sim, Story>, Self>) -> Result<()> {
        channel.net().note("timeout");
        Ok(())
    }
    fn handle_error(&mut self, why: Error, channel: &mut Channel<'_, With<Sim, Story>, Self>) -> Result<()> {
        channel.net().note(&format!("error {}", why.code()));
        // A listener that may accept no more tries again later.
        if why.kind() != ErrorKind::Exhausted {
            channel.close();
        }
        Ok(())
    }
    fn handle_close(&mut self, why: Reason, channel: &mut Channel<'_, With<Sim, Story>, Self>) -> Result<()> {
        channel.net().note(&format!("close {why:?}"));
        Ok(())
    }
}

trait Note {
    fn note(&mut self, what: &str);
}

impl Note for With<Sim, Story> {
    fn note(&mut self, what: &str) {
        let line = format!("{} ms: {what}", self.below.elapsed().as_millis());
        self.shared.push(line);
    }
}

type ToldLoop = EventLoop<Told, With<Sim, Story>>;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn told_loop() -> ToldLoop {
    ToldLoop::with_parts(With { below: Sim::new(), shared: Vec::new() }, Watch::new(), Vec::new())
}

#[test]
fn deeds_happen_while_the_loop_waits() -> Result<()> {
    let mut events = told_loop();
    let net = &mut events.net_mut().below;
    let (ours, theirs) = net.pair()?;
    net.after(millis(30), &theirs, Deed::Urgent(b'!'))?;
    net.after(millis(10), &theirs, Deed::Send(b"one"))?;
    net.after(millis(20), &theirs, Deed::Send(b"two"))?;
    net.after(millis(40), &theirs, Deed::Reset)?;
    assert_eq!(net.planned(), 4);
    events.add(ours, Told)?;
    events.run()?;
    let told: Vec<_> = events.net().shared.iter().map(String::as_str).collect();
    assert_eq!(told[..3], ["10 ms: one", "20 ms: two", "30 ms: urgent Some(33)"]);
    assert!(told[3].starts_with("40 ms: "), "{told:?}");
    assert_eq!((events.net().below.planned(), events.net().below.len()), (0, 0));
    Ok(())
}

#[test]
fn a_call_arrives_while_the_loop_waits() -> Result<()> {
    let mut events = told_loop();
    let door = events.listen(DOOR, Told)?;
    let net = &mut events.net_mut().below;
    net.set_link(Link { latency: millis(5), ..Link::PLAIN });
    let caller = net.outside(|net| net.socket(stheno_core::Kind::Stream, &DOOR))?;
    net.after(millis(10), &caller, Deed::Connect(DOOR))?;
    net.after(millis(12), &caller, Deed::Send(b"hello"))?;
    net.after(millis(30), &caller, Deed::Close)?;
    while events.len() < 2 {
        events.turn(None)?;
    }
    while events.len() > 1 {
        events.turn(None)?;
    }
    // There in 5 ms; the listener was there before the link was slow, so the answer comes at once.
    let told = ["15 ms: guest", "20 ms: hello", "35 ms: close End"];
    assert_eq!(events.net().shared, told);
    events.close(door)?;
    Ok(())
}

#[test]
fn deadlines_are_kept_to_the_nanosecond() -> Result<()> {
    let mut events = told_loop();
    let (ours, _theirs) = events.net_mut().below.pair()?;
    let key = events.add(ours, Told)?;
    events.channel(key)?.1.set_timeout(Duration::from_nanos(123_456_789));
    events.turn(None)?;
    assert_eq!(events.net().below.elapsed(), Duration::from_nanos(123_456_789));
    assert_eq!(events.net().shared, ["123 ms: timeout"]);
    Ok(())
}

#[test]
fn a_wait_that_nothing_can_end_is_an_error() -> Result<()> {
    let mut events = told_loop();
    let (ours, theirs) = events.net_mut().below.pair()?;
    events.add(ours, Told)?;
    let why = events.run().unwrap_err();
    assert_eq!((why.kind(), why.to_string()), (ErrorKind::Other, "wait: nothing can end this wait".into()));
    events.net_mut().below.close(theirs);
    events.run()?;
    assert_eq!(events.net().shared, ["0 ms: close End"]);
    Ok(())
}

#[test]
fn a_refused_connect_is_told_after_the_way_there_and_back() -> Result<()> {
    let mut events = told_loop();
    events.net_mut().below.set_link(Link { latency: millis(50), ..Link::PLAIN });
    events.connect(DOOR, Told)?;
    events.run()?;
    assert_eq!(events.net().shared[0], "100 ms: error 111");
    Ok(())
}

#[test]
fn a_listener_rests_at_the_limit_and_its_callers_stay_in_line() -> Result<()> {
    let mut events = told_loop();
    events.net_mut().below.set_limit(2);
    events.listen(DOOR, Told)?;
    let peers = [(); 3].map(|()| events.net_mut().below.dial(DOOR));
    for _ in 0..5 {
        events.turn(Some(millis(1)))?;
    }
    assert_eq!((events.len(), events.net().below.held(), events.net().below.len()), (2, 2, 7));
    // One goes, and the next in line gets its place once the listener has rested.
    for peer in peers {
        events.net_mut().below.close(peer?);
        for _ in 0..20 {
            events.turn(Some(millis(100)))?;
        }
    }
    assert_eq!((events.len(), events.net().below.len()), (1, 1));
    assert_eq!(events.net().shared.iter().filter(|line| line.ends_with("guest")).count(), 3);
    assert_eq!(events.net().shared.iter().filter(|line| line.ends_with("close End")).count(), 3);
    Ok(())
}

/// Loses every other byte's case, to be one layer more.
struct Shouting<N>(N);

impl<N: Net> Layer for Shouting<N> {
    type Below = N;
    fn below(&self) -> &N {
        &self.0
    }
    fn below_mut(&mut self) -> &mut N {
        &mut self.0
    }
    fn recv(&mut self, socket: &mut N::Socket, into: &mut [u8]) -> Result<Received> {
        let received = self.0.recv(socket, into)?;
        if let Received::Data(n) = received {
            into[..n].make_ascii_uppercase();
        }
        Ok(received)
    }
}

#[test]
fn the_backend_sees_through_layers() -> Result<()> {
    struct Heard(String);
    type Deep = Shouting<With<Shouting<Sim>, u32>>;
    impl Dispatcher<Deep> for Heard {
        fn handle_read(&mut self, channel: &mut Channel<'_, Deep, Self>) -> Result<()> {
            let mut bytes = [0; 16];
            if let Received::Data(n) = channel.recv(&mut bytes)? {
                self.0.push_str(&String::from_utf8_lossy(&bytes[..n]));
            }
            Ok(())
        }
    }
    let net = Shouting(With { below: Shouting(Sim::new()), shared: 0 });
    let mut events = EventLoop::<Heard, Deep>::with_parts(net, Watch::default(), Vec::new());
    let (ours, mut theirs) = events.net_mut().sim().pair()?;
    let key = events.add(ours, Heard(String::new()))?;
    events.net_mut().sim().send(&mut theirs, b"hello")?;
    events.turn(NO_WAIT)?;
    assert_eq!(events.dispatcher(key).map(|heard| heard.0.as_str()), Some("HELLO"));
    assert_eq!(events.net().sim_ref().watched(), 1);
    Ok(())
}
