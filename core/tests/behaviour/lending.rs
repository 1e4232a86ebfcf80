//! Buffers on loan: who gets one, who waits for one, and how it comes back.

use std::time::Duration;

use crate::NO_WAIT;
use crate::actor::Log;
use crate::memory::{Far, Inside, Memory, Table, Watch, pair};
use stheno_core::pool::{Lending, Loan, Place, bytes};
use stheno_core::storage::Array;
use stheno_core::trace::{Trace, Traced};
use stheno_core::{
    Channel, Dispatcher, Eof, Error, ErrorKind, EventLoop, Half, Io, Key, Net, Next, Reason, Received, Result, Slot,
    State, With,
};

type Pooled<N = Memory> = Lending<N, Vec<u8>, Table<Place>>;
type Chan<'a> = Channel<'a, Pooled, Client>;
type Events = EventLoop<Client, Pooled, Watch, Table<Slot<Client, Pooled>>>;

/// Writes down what it reads, and keeps it until it is told to send it back.
struct Client {
    name: &'static str,
    log: Log,
    loan: Loan,
    /// Sends back what it reads at once.
    echoes: bool,
    wants: bool,
    keeps_sending: bool,
}

impl Dispatcher<Pooled> for Client {
    fn readable(&self) -> bool {
        self.wants && !self.loan.is_full()
    }
    fn writable(&self) -> bool {
        self.echoes && self.loan.writable()
    }
    fn handle_read(&mut self, channel: &mut Chan<'_>) -> Result<()> {
        let before = self.loan.len();
        let received = self.loan.fill_from(channel)?;
        let read = match received {
            Received::Data(_) => String::from_utf8_lossy(&self.loan.bytes(channel)?[before..]).into_owned(),
            Received::WouldBlock if channel.is_paused() => "(waits)".into(),
            Received::WouldBlock => "(nothing)".into(),
            Received::End => "(end)".into(),
        };
        self.log.line(format!("{} {read}", self.name));
        if self.echoes { self.loan.flush(channel) } else { Ok(()) }
    }
    fn handle_write(&mut self, channel: &mut Chan<'_>) -> Result<()> {
        self.loan.flush(channel)
    }
    fn handle_eof(&mut self, _: &mut Chan<'_>) -> Result<Eof> {
        self.log.line(format!("{} eof", self.name));
        Ok(if self.keeps_sending { Eof::KeepSending } else { Eof::Close })
    }
    fn handle_error(&mut self, error: Error, _: &mut Chan<'_>) -> Result<()> {
        self.log.line(format!("{} error: {:?}", self.name, error.kind()));
        Err(error)
    }
    fn handle_close(&mut self, reason: Reason, _: &mut Chan<'_>) -> Result<()> {
        let why = match reason {
            Reason::Disconnected(_) => "disconnected",
            Reason::End => "end",
            Reason::Drained => "drained",
            _ => "otherwise",
        };
        self.log.line(format!("{} close: {why}", self.name));
        Ok(())
    }
}

/// A loop with so many chunks of 8 bytes.
struct Scene {
    events: Events,
    log: Log,
}

impl Scene {
    fn with(chunks: usize) -> Self {
        let (net, watch) = pair();
        let net = Lending::new(net, vec![0; bytes(chunks, 8)], 8, Table::default()).unwrap();
        Self { events: EventLoop::with_parts(net, watch, Table::default()), log: Log::default() }
    }

    fn client(&self, name: &'static str) -> Client {
        Client { name, log: self.log.clone(), loan: Loan::new(), echoes: false, wants: true, keeps_sending: false }
    }

    fn add(&mut self, client: Client) -> (Key, Far) {
        let (socket, far) = self.memory().connection();
        (self.events.add(socket, client).unwrap(), far)
    }

    /// Channels of these names, whose far ends have said their names.
    fn say_their_names<const N: usize>(&mut self, names: [&'static str; N]) -> [(Key, Far); N] {
        names.map(|name| {
            let (key, far) = self.add(self.client(name));
            self.memory().say(far, name.as_bytes());
            (key, far)
        })
    }

    fn memory(&mut self) -> &mut Memory {
        self.events.net_mut().memory_mut()
    }

    fn turns(&mut self, turns: usize) {
        self.events.run_turns(turns, NO_WAIT).unwrap();
    }

    /// Has a channel give its chunk back.
    fn gives_back(&mut self, key: Key) {
        let (client, mut io) = self.events.channel(key).unwrap();
        client.loan.give_back(&mut io);
    }

    fn io(&mut self, key: Key) -> Io<'_, Pooled> {
        self.events.channel(key).unwrap().1
    }

    /// Free chunks, and channels in line.
    #[track_caller]
    fn is_left(&self, free: usize, waiting: usize) {
        assert_eq!((self.events.net().free_chunks(), self.events.net().waiting()), (free, waiting));
    }
}

#[test]
fn an_idle_channel_holds_nothing_and_an_echo_is_one_call_each_way() {
    let mut scene = Scene::with(1);
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let clients = names.map(|name| {
        let client = scene.client(name);
        scene.add(Client { echoes: true, ..client })
    });
    scene.turns(1);
    scene.is_left(1, 0);
    let before = scene.memory().count;
    for (_, far) in clients {
        scene.memory().say(far, b"12345678");
    }
    scene.turns(1);
    let count = scene.memory().count;
    assert_eq!((count.recv - before.recv, count.send - before.send, count.changes()), (10, 10, before.changes()));
    assert!(clients.iter().all(|(_, far)| scene.memory().hear(*far) == b"12345678"), "all of them by one chunk");
    scene.is_left(1, 0);
}

#[test]
fn who_waits_is_served_in_order_as_chunks_come_back() {
    let mut scene = Scene::with(2);
    let [a, b, c, d, e, f] = scene.say_their_names(["a", "b", "c", "d", "e", "f"]).map(|(key, _)| key);
    scene.turns(3);
    scene.log.tells(["a a", "b b", "c (waits)", "d (waits)", "e (waits)", "f (waits)"]);
    scene.is_left(0, 4);
    for (gives, gets) in [(b, "c c"), (a, "d d"), (c, "e e"), (d, "f f")] {
        scene.gives_back(gives);
        scene.turns(2);
        scene.log.tells([gets]);
    }
    scene.is_left(0, 0);
    for holder in [e, f] {
        scene.gives_back(holder);
    }
    scene.is_left(2, 0);
}

/// As many are called at once as there are chunks, and nobody who comes meanwhile is served before them.
#[test]
fn nobody_is_passed_over() {
    let mut scene = Scene::with(3);
    let [a, b, c, ..] = scene.say_their_names(["a", "b", "c", "d", "e", "f", "g"]).map(|(key, _)| key);
    scene.turns(1);
    scene.log.take();
    for holder in [c, a, b] {
        scene.gives_back(holder);
    }
    // They speak again, and so are ready at the same time as those who are called.
    let [(_, late)] = scene.say_their_names(["late"]);
    scene.turns(1);
    scene.log.tells(["late (waits)"]);
    scene.turns(1);
    scene.log.tells(["d d", "e e", "f f"]);
    scene.is_left(0, 2);
    scene.memory().say(late, b"!");
    scene.turns(3);
    scene.log.tells([]);
    let keys: Vec<_> = scene.events.keys().collect();
    for key in &keys[3..6] {
        scene.gives_back(*key);
    }
    scene.turns(2);
    scene.log.tells(["g g", "late late!"]);
}

/// What is kept for who was called is kept no longer than until it has come.
#[test]
fn who_was_called_borrows_once_and_the_rest_is_for_others() {
    let mut scene = Scene::with(2);
    let [a, b, c] = scene.say_their_names(["a", "b", "c"]).map(|(key, _)| key);
    scene.turns(1);
    for holder in [a, b] {
        scene.gives_back(holder);
    }
    scene.events.settle();
    scene.is_left(2, 0);
    let [(late, _)] = scene.say_their_names(["l"]);
    for key in [c, late] {
        let (client, mut io) = scene.events.channel(key).unwrap();
        assert_eq!(client.loan.fill_from(&mut io), Ok(Received::Data(1)));
    }
    scene.is_left(0, 0);
}

/// Nothing is ready, nothing is due: only the chunk that came back keeps the loop from waiting for ever.
#[test]
fn a_chunk_that_comes_back_in_a_handler_is_work_for_the_loop() {
    let mut scene = Scene::with(1);
    let [(_, far), _] = scene.say_their_names(["a", "b"]);
    scene.turns(1);
    scene.log.tells(["a a", "b (waits)"]);
    scene.memory().hang_up(far);
    let turn = scene.events.turn(None).unwrap();
    assert_eq!(turn.next, Next::Now);
    scene.log.tells(["a (end)", "a eof", "a close: end"]);
    scene.events.turn(None).unwrap();
    scene.log.tells(["b b"]);
}

#[test]
fn the_loop_neither_spins_nor_forgets_to_wait_while_all_wait_for_a_chunk() {
    let mut scene = Scene::with(1);
    let [(a, _), (b, _), _] = scene.say_their_names(["a", "b", "c"]);
    scene.turns(3);
    let (before, began) = (scene.memory().count, scene.memory().elapsed());
    scene.events.turn(Some(Duration::from_millis(20))).unwrap();
    assert_eq!(scene.memory().elapsed() - began, Duration::from_millis(20));
    assert_eq!((scene.memory().count.wait, scene.memory().count.but_waits()), (before.wait + 1, before.but_waits()));
    assert_eq!(scene.memory().interest(b), None);
    scene.gives_back(a);
    assert_eq!(scene.events.next(), Next::Now);
}

#[test]
fn a_chunk_comes_back_however_its_channel_ends() {
    let ends: [fn(&mut Scene, Key, Far); 4] = [
        |scene, key, _| scene.io(key).close(),
        |scene, key, _| scene.events.close(key).unwrap(),
        |scene, _, far| scene.memory().reset(far),
        |scene, _, far| scene.memory().hang_up(far),
    ];
    for end in ends {
        let mut scene = Scene::with(1);
        let [(a, far), _] = scene.say_their_names(["a", "b"]);
        scene.turns(1);
        scene.log.tells(["a a", "b (waits)"]);
        scene.is_left(0, 1);
        end(&mut scene, a, far);
        scene.turns(3);
        assert_eq!(scene.log.take().last().unwrap(), "b b");
        scene.is_left(0, 0);
        scene.events.close_all();
        scene.is_left(1, 0);
    }
}

#[test]
fn all_chunks_of_a_channel_come_back() {
    let mut scene = Scene::with(4);
    let [(a, _)] = scene.say_their_names(["a"]);
    scene.turns(1);
    let mut loans = [const { Loan::new() }; 3];
    // The network takes nothing, so that everything is kept.
    scene.memory().gulp = 0;
    for (loan, word) in loans.iter_mut().zip([b"one", b"two", b"six"]) {
        loan.send(&mut scene.io(a), word).unwrap();
    }
    scene.is_left(0, 0);
    // From the middle of those that the channel holds, from their beginning, and from their end.
    for (at, left) in [(1, 1), (2, 2)] {
        loans[at].give_back(&mut scene.io(a));
        assert!(loans[at].is_empty());
        scene.is_left(left, 0);
    }
    assert_eq!(loans[0].bytes(&mut scene.io(a)).unwrap(), b"one");
    loans[1].send(&mut scene.io(a), b"two").unwrap();
    loans[0].give_back(&mut scene.io(a));
    scene.is_left(2, 0);
    assert_eq!(loans[1].bytes(&mut scene.io(a)).unwrap(), b"two");
    scene.events.close(a).unwrap();
    scene.is_left(4, 0);
}

#[test]
fn who_closes_while_it_waits_leaves_the_line() {
    for gone in 1..4 {
        let mut scene = Scene::with(1);
        let keys = scene.say_their_names(["a", "b", "c", "d"]).map(|(key, _)| key);
        scene.turns(1);
        scene.events.close(keys[gone]).unwrap();
        scene.is_left(0, 2);
        // A newcomer in its slot comes last.
        let [(e, _)] = scene.say_their_names(["e"]);
        assert_eq!(e.index(), keys[gone].index());
        scene.turns(1);
        scene.log.take();
        let mut holder = keys[0];
        for (key, name) in [(keys[1], "b b"), (keys[2], "c c"), (keys[3], "d d"), (e, "e e")] {
            if key != keys[gone] {
                scene.gives_back(holder);
                scene.turns(2);
                scene.log.tells([name]);
                holder = key;
            }
        }
    }
}

/// It was called, and has ended before it could come.
#[test]
fn who_closes_when_it_is_called_passes_the_chunk_on() {
    let mut scene = Scene::with(1);
    let [a, b, _] = scene.say_their_names(["a", "b", "c"]).map(|(key, _)| key);
    scene.turns(1);
    scene.log.take();
    scene.gives_back(a);
    scene.events.settle();
    scene.is_left(1, 1);
    scene.events.close(b).unwrap();
    scene.events.turn(NO_WAIT).unwrap();
    scene.events.turn(NO_WAIT).unwrap();
    scene.log.tells(["c c"]);
}

#[test]
fn a_reset_while_it_waits_is_told_when_its_turn_comes() {
    let mut scene = Scene::with(1);
    let [(a, _), (_, far), _] = scene.say_their_names(["a", "b", "c"]);
    scene.turns(1);
    scene.memory().reset(far);
    scene.turns(3);
    scene.log.tells(["a a", "b (waits)", "c (waits)"]);
    scene.gives_back(a);
    scene.turns(4);
    let told = scene.log.take();
    // What was on the way is read first, where the network still has it (rule 3).
    assert_eq!(told.iter().filter(|line| *line == "b close: disconnected").count(), 1, "{told:?}");
    assert!(told.contains(&"c c".into()), "{told:?}");
}

#[test]
fn a_peer_that_has_finished_is_read_to_the_end_when_its_turn_comes() {
    for keeps_sending in [false, true] {
        let mut scene = Scene::with(1);
        let [(a, _)] = scene.say_their_names(["a"]);
        let client = scene.client("b");
        let (b, far) = scene.add(Client { keeps_sending, ..client });
        scene.memory().say(far, b"last words");
        scene.memory().finish(far);
        scene.turns(3);
        scene.log.tells(["a a", "b (waits)"]);
        scene.gives_back(a);
        scene.turns(3);
        scene.log.tells(["b last wor"]);
        scene.gives_back(b);
        scene.turns(4);
        match keeps_sending {
            true => {
                scene.log.tells(["b ds", "b (end)", "b eof"]);
                scene.is_left(0, 0);
                assert_eq!(scene.io(b).state(), State::Open(stheno_core::Shut::Read));
                scene.gives_back(b);
            }
            false => scene.log.tells(["b ds", "b (end)", "b eof", "b close: end"]),
        }
        scene.is_left(1, 0);
    }
}

/// A send finds the peer gone while the channel waits: what the peer sent before is still read (rule 3).
#[test]
fn a_break_that_a_send_finds_does_not_lose_what_came() {
    let mut scene = Scene::with(1);
    let [(a, _), (b, far)] = scene.say_their_names(["a", "b"]);
    scene.turns(1);
    scene.memory().say(far, b"ye, and thanks");
    scene.memory().hang_up(far);
    assert!(scene.io(b).send(b"x").is_err());
    scene.turns(3);
    scene.log.tells(["a a", "b (waits)"]);
    // The program lets it read in vain.
    scene.io(b).resume();
    scene.turns(3);
    scene.log.tells(["b (waits)"]);
    assert_eq!(scene.io(b).state(), State::Draining);
    scene.gives_back(a);
    scene.turns(2);
    // Nothing is taken out of the chunk, so that it is full, and who does not want to read more is done.
    scene.log.tells(["b bye, and", "b close: disconnected"]);
    scene.is_left(1, 0);
}

#[test]
fn a_pause_of_the_programs_own_outlasts_the_line_and_holds_nobody_up() {
    let mut scene = Scene::with(1);
    let [a, b, c] = scene.say_their_names(["a", "b", "c"]).map(|(key, _)| key);
    scene.turns(1);
    scene.log.take();
    scene.io(b).pause();
    scene.gives_back(a);
    scene.turns(3);
    scene.log.tells(["c c"]);
    assert!(scene.io(b).is_paused());
    scene.is_left(0, 0);
    scene.io(b).resume();
    scene.turns(2);
    scene.log.tells(["b (waits)"]);
    scene.gives_back(c);
    scene.turns(2);
    scene.log.tells(["b b"]);
    assert!(!scene.io(b).is_paused());
}

#[test]
fn a_channel_that_was_paused_before_stays_so() {
    let mut scene = Scene::with(1);
    let [(a, _), (b, _)] = scene.say_their_names(["a", "b"]);
    scene.io(b).pause();
    scene.turns(1);
    // The program tries for it all the same.
    let (client, mut io) = scene.events.channel(b).unwrap();
    assert_eq!(client.loan.fill_from(&mut io), Ok(Received::WouldBlock));
    scene.gives_back(a);
    scene.turns(3);
    scene.log.tells(["a a"]);
    assert!(scene.io(b).is_paused());
    scene.is_left(1, 0);
}

#[test]
fn who_is_resumed_by_the_program_keeps_its_place_and_no_other() {
    let mut scene = Scene::with(1);
    let [a, b, _] = scene.say_their_names(["a", "b", "c"]).map(|(key, _)| key);
    scene.turns(1);
    for _ in 0..3 {
        scene.io(b).resume();
        scene.turns(2);
        scene.is_left(0, 2);
    }
    scene.log.tells(["a a", "b (waits)", "c (waits)", "b (waits)", "b (waits)", "b (waits)"]);
    scene.gives_back(a);
    scene.turns(2);
    scene.log.tells(["b b"]);
}

#[test]
fn who_does_not_want_to_read_any_more_holds_nobody_up() {
    let mut scene = Scene::with(1);
    let [a, b, _] = scene.say_their_names(["a", "b", "c"]).map(|(key, _)| key);
    scene.turns(1);
    scene.log.take();
    scene.events.channel(b).unwrap().0.wants = false;
    scene.gives_back(a);
    scene.turns(3);
    scene.log.tells(["c c"]);
    scene.io(b).shutdown(Half::Read).unwrap();
    scene.is_left(0, 0);
}

/// A loop of the program's own never begins a turn.
#[test]
fn a_program_that_dispatches_by_itself_is_served_as_well() {
    let mut scene = Scene::with(1);
    let [a, b, c] = scene.say_their_names(["a", "b", "c"]).map(|(key, _)| key);
    for key in [a, b, c] {
        scene.events.handle_read_event(key);
    }
    scene.events.settle();
    scene.log.tells(["a a", "b (waits)", "c (waits)"]);
    scene.events.channel(b).unwrap().0.wants = false;
    scene.gives_back(a);
    for _ in 0..3 {
        scene.events.settle();
    }
    scene.log.tells(["c c"]);
}

#[test]
fn a_drain_ends_those_who_wait_and_those_who_hold() {
    let mut scene = Scene::with(1);
    scene.say_their_names(["a", "b", "c"]);
    scene.turns(1);
    scene.log.take();
    scene.events.drain(Duration::from_secs(1)).unwrap();
    let mut told = scene.log.take();
    told.sort();
    assert_eq!(told, ["a close: drained", "b close: drained", "c close: drained"]);
    scene.is_left(1, 0);
}

#[test]
fn a_chunk_that_nothing_came_into_goes_back_at_once() {
    let mut scene = Scene::with(1);
    let (key, far) = scene.add(scene.client("a"));
    let (client, mut io) = scene.events.channel(key).unwrap();
    assert_eq!(client.loan.fill_from(&mut io), Ok(Received::WouldBlock));
    assert!(!io.is_paused());
    scene.is_left(1, 0);
    scene.memory().reset(far);
    let (client, mut io) = scene.events.channel(key).unwrap();
    assert_eq!(client.loan.fill_from(&mut io).unwrap_err().kind(), ErrorKind::Disconnected);
    scene.is_left(1, 0);
}

#[test]
fn a_channel_that_cannot_receive_borrows_nothing_and_does_not_stand_in_line() {
    let mut scene = Scene::with(1);
    scene.say_their_names(["a"]);
    scene.turns(1);
    scene.memory().slow_connects = true;
    scene.memory().serve(9);
    let connecting = scene.events.connect(9_u16, scene.client("b")).unwrap();
    let (client, mut io) = scene.events.channel(connecting).unwrap();
    assert_eq!(client.loan.fill_from(&mut io), Ok(Received::WouldBlock));
    assert!(!io.is_paused());
    let (key, _) = scene.add(scene.client("c"));
    let (client, mut io) = scene.events.channel(key).unwrap();
    io.shutdown(Half::Read).unwrap();
    assert_eq!(client.loan.fill_from(&mut io), Ok(Received::End));
    io.close();
    assert_eq!(client.loan.fill_from(&mut io).unwrap_err().kind(), ErrorKind::Stale);
    assert_eq!(client.loan.send(&mut io, b"x").unwrap_err().kind(), ErrorKind::Stale);
    scene.is_left(0, 0);
}

/// Rule 8: the budget is that of a receive into memory of one's own.
#[test]
fn the_byte_budget_holds_for_loans() {
    let mut scene = Scene::with(1);
    scene.events.set_byte_budget(3);
    let client = scene.client("a");
    let (_, far) = scene.add(Client { echoes: true, ..client });
    scene.memory().say(far, b"abcdefgh");
    scene.turns(1);
    scene.log.tells(["a abc"]);
    assert_eq!(scene.memory().hear(far), b"abc");
    scene.turns(3);
    scene.log.tells(["a def", "a gh"]);
    assert_eq!(scene.memory().hear(far), b"defgh");
}

#[test]
fn what_is_sent_waits_in_a_chunk_as_far_as_the_network_does_not_take_it() {
    let mut scene = Scene::with(1);
    let (a, far) = scene.add(scene.client("a"));
    let (b, _) = scene.add(scene.client("b"));
    let mut loan = Loan::new();
    loan.send(&mut scene.io(a), b"at once").unwrap();
    scene.is_left(1, 0);
    scene.memory().gulp = 3;
    loan.send(&mut scene.io(a), b"in part").unwrap();
    assert_eq!((loan.len(), loan.writable(), loan.is_full()), (4, true, false));
    // Behind it, no more than there is room for.
    assert_eq!(loan.send(&mut scene.io(a), b"12345").unwrap_err().kind(), ErrorKind::Full);
    loan.send(&mut scene.io(a), b"1234").unwrap();
    assert!(loan.is_full());
    assert_eq!(loan.fill_from(&mut scene.io(a)), Ok(Received::Data(0)));
    // While the network takes nothing it stays full.
    scene.memory().gulp = 0;
    loan.flush(&mut scene.io(a)).unwrap();
    assert!(loan.is_full());
    scene.memory().gulp = 3;
    // Nor without a chunk.
    let sent = scene.memory().count.send;
    assert_eq!(Loan::new().send(&mut scene.io(b), b"x").unwrap_err().kind(), ErrorKind::Full);
    assert_eq!(scene.memory().count.send, sent, "then nothing is sent");
    for left in [5, 2, 0, 0] {
        loan.flush(&mut scene.io(a)).unwrap();
        assert_eq!(loan.len(), left);
    }
    scene.is_left(1, 0);
    assert_eq!(loan.send(&mut scene.io(a), b"more than 8").unwrap_err().kind(), ErrorKind::Full);
    scene.is_left(1, 0);
    assert_eq!(scene.memory().hear(far), b"at oncein part1234");
}

#[test]
fn what_waits_is_read_where_it_lies_and_taken_off_the_front() {
    let mut scene = Scene::with(1);
    let (a, far) = scene.add(scene.client("a"));
    let mut loan = Loan::new();
    let mut said = b"abcdefghijklmnopqrstuvwxyz".chunks(5);
    scene.memory().say(far, said.next().unwrap());
    assert_eq!(loan.fill_from(&mut scene.io(a)), Ok(Received::Data(5)));
    loan.consume(&mut scene.io(a), 3).unwrap();
    // Around the end of the chunk; this network fills one slice in a call.
    scene.memory().say(far, said.next().unwrap());
    assert_eq!([0; 2].map(|_| loan.fill_from(&mut scene.io(a))), [Ok(Received::Data(3)), Ok(Received::Data(2))]);
    assert_eq!(loan.bytes(&mut scene.io(a)).unwrap(), b"defghij");
    loan.bytes(&mut scene.io(a)).unwrap()[0] = b'D';
    loan.consume(&mut scene.io(a), 5).unwrap();
    assert_eq!(loan.bytes(&mut scene.io(a)).unwrap(), b"ij");
    loan.consume(&mut scene.io(a), 99).unwrap();
    assert!(loan.bytes(&mut scene.io(a)).unwrap().is_empty());
    scene.is_left(1, 0);
}

#[test]
fn a_loan_is_good_for_its_own_channel_alone() {
    let mut scene = Scene::with(2);
    let [(a, _), (b, _)] = scene.say_their_names(["a", "b"]);
    scene.turns(1);
    let mut loan = core::mem::take(&mut scene.events.channel(a).unwrap().0.loan);
    let mut io = scene.io(b);
    for refused in [
        loan.fill_from(&mut io).map(drop),
        loan.flush(&mut io),
        loan.send(&mut io, b"x"),
        loan.bytes(&mut io).map(drop),
        loan.consume(&mut io, 1),
    ] {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Invalid);
    }
    loan.give_back(&mut io);
    scene.is_left(0, 0);
    assert_eq!(loan.bytes(&mut scene.io(a)).unwrap(), b"a", "it was not harmed");
    // Its channel ends, and another has its slot.
    scene.events.close(a).unwrap();
    let [(c, _)] = scene.say_their_names(["c"]);
    assert_eq!(c.index(), a.index());
    scene.turns(1);
    scene.is_left(0, 0);
    scene.gives_back(b);
    scene.is_left(1, 0);
}

/// Thrown away with bytes in it, it is not lost to the pool for longer than its channel lives.
#[test]
fn a_loan_that_was_thrown_away_comes_back_with_its_channel() {
    let mut scene = Scene::with(2);
    let [(a, _)] = scene.say_their_names(["a"]);
    scene.turns(1);
    scene.events.channel(a).unwrap().0.loan = Loan::new();
    scene.is_left(1, 0);
    scene.events.close(a).unwrap();
    scene.is_left(2, 0);
}

#[test]
fn a_channel_that_the_pool_has_no_place_for_is_told_so_alone() {
    type Small = Lending<Memory, [u8; bytes(2, 8)], Array<Place, 1>>;
    struct Reader(Loan, Log);
    impl Dispatcher<Small> for Reader {
        fn writable(&self) -> bool {
            false
        }
        fn handle_read(&mut self, channel: &mut Channel<'_, Small, Self>) -> Result<()> {
            self.0.fill_from(channel)?;
            self.1.line("read".into());
            Ok(())
        }
        fn handle_error(&mut self, error: Error, _: &mut Channel<'_, Small, Self>) -> Result<()> {
            self.1.line(error.to_string());
            Err(error)
        }
        fn handle_close(&mut self, _: Reason, _: &mut Channel<'_, Small, Self>) -> Result<()> {
            Ok(())
        }
    }
    let (net, watch) = pair();
    let net = Small::new(net, [0; bytes(2, 8)], 8, Array::default()).unwrap();
    let mut events: EventLoop<_, _, _, Table<Slot<Reader, Small>>> =
        EventLoop::with_parts(net, watch, Table::default());
    let log = Log::default();
    for _ in 0..2 {
        let (socket, far) = events.net_mut().below.connection();
        events.add(socket, Reader(Loan::new(), log.clone())).unwrap();
        events.net_mut().below.say(far, b"x");
    }
    events.turn(NO_WAIT).unwrap();
    #[cfg(feature = "words")]
    log.tells(["read", "borrow a chunk: the pool has no place for the channel"]);
    #[cfg(not(feature = "words"))]
    log.tells(["read", "full"]);
    assert_eq!(events.len(), 1);
}

#[test]
fn layers_below_see_what_is_lent_and_the_trace_is_that_of_a_receive() {
    type Seen = Traced<With<Memory, u32>, Trace<4>>;
    type Net = Pooled<Seen>;
    struct Echo(Loan);
    impl Dispatcher<Net> for Echo {
        fn writable(&self) -> bool {
            self.0.writable()
        }
        fn handle_read(&mut self, channel: &mut Channel<'_, Net, Self>) -> Result<()> {
            self.0.fill_from(channel)?;
            channel.net().below.below.shared += 1;
            self.0.flush(channel)
        }
    }
    let (net, watch) = pair();
    let net = Traced::new(With { below: net, shared: 0 }, Trace::default());
    let net = Lending::new(net, vec![0; bytes(1, 8)], 8, Table::default()).unwrap();
    let mut events: EventLoop<_, _, _, Table<Slot<Echo, Net>>> = EventLoop::with_parts(net, watch, Table::default());
    let (socket, far) = events.net_mut().memory_mut().connection();
    events.add(socket, Echo(Loan::new())).unwrap();
    events.net_mut().memory_mut().say(far, b"hello");
    events.turn(NO_WAIT).unwrap();
    assert_eq!(events.net().below.below.shared, 1);
    let told = events.net().below.observer.to_string();
    assert!(told.ends_with("read (5 in, 5 out) -> RP"), "{told}");
    #[cfg(feature = "counters")]
    assert_eq!((events.counters().received, events.counters().sent), (5, 5));
}

/// Many of them, more than once, with chunks that wrap and networks that take little: every byte comes.
#[test]
fn many_share_a_few_chunks_and_every_byte_comes_back() {
    let mut scene = Scene::with(3);
    scene.memory().gulp = 5;
    let mut fars = Vec::new();
    for _ in 0..40 {
        let client = scene.client("x");
        fars.push(scene.add(Client { echoes: true, ..client }).1);
    }
    let text = |at: usize| -> Vec<u8> { (0..100).map(|byte| (byte * 7 + at) as u8).collect() };
    for (at, far) in fars.iter().enumerate() {
        scene.memory().say(*far, &text(at));
    }
    let (mut heard, mut turns) = (vec![Vec::new(); 40], 0);
    // Everyone takes a little now and then, so that some chunks are always held by who does not.
    while heard.iter().any(|heard| heard.len() < 100) {
        for (at, far) in fars.iter().enumerate().filter(|(at, _)| (at + turns) % 3 == 0) {
            heard[at].extend(scene.memory().hear_some(*far, 20));
        }
        scene.turns(1);
        turns += 1;
        assert!(turns < 2_000, "it does not end");
    }
    assert!(heard.iter().enumerate().all(|(at, heard)| *heard == text(at)));
    scene.turns(1);
    scene.is_left(3, 0);
    assert_eq!(scene.memory().held(), 40, "nobody was closed for want of a chunk");
}

/// The pool adds nothing to what the net below says of itself.
#[test]
fn a_pool_hands_the_rest_down() {
    let (net, _) = pair();
    let mut net = Lending::new(net, vec![0; bytes(1, 8)], 8, Table::default()).unwrap();
    let (mut socket, far) = net.below.connection();
    assert_eq!(Net::send_vectored(&mut net, &mut socket, [b"", b"cd"]), Ok(Some(2)));
    assert_eq!(net.below.hear(far), b"cd");
    net.below.say(far, b"xyz");
    assert_eq!(Net::recv_vectored(&mut net, &mut socket, [&mut [], &mut [0; 2]]), Ok(Received::Data(2)));
    assert_eq!((net.chunks(), net.free_chunks(), net.chunk_bytes(), net.waiting()), (1, 1, 8, 0));
    Net::close(&mut net, socket);
}
