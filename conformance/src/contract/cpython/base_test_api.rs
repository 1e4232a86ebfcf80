//! `BaseTestAPI`: a listener and a caller in one loop.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use stheno::{Backend, Channel, Dispatcher, Error, ErrorKind, Io, Key, Kind, Open, Reason, Received, State};

use super::super::far_end::hear_to_the_end;
use super::super::support::{A_WHILE, Log, Stage, fresh_loop, hold, last_word, same, word};
use super::super::{Case, Failure, Verdict};
use super::{caller, door, for_both_families, turn_until};
use crate::ground::{Family, Ground, Need};
use crate::scenario::quote;

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    [
        for_both_families!("test_handle_connect", "rule 5", handle_connect),
        for_both_families!("test_handle_accept", "rule 7", handle_accept),
        for_both_families!("test_handle_accepted", "rule 7", handle_accepted),
        for_both_families!("test_handle_read", "rules 3 and 5", handle_read),
        for_both_families!("test_handle_write", "rules 1 and 5", handle_write),
        for_both_families!("test_handle_close", "rules 2 and 3", handle_close),
        for_both_families!(
            "test_handle_close_after_conn_broken",
            "rules 2 and 7",
            handle_close_after_conn_broken,
            Need::Resets
        ),
        for_both_families!("test_handle_expt", "rule 1", handle_expt, Need::Urgent),
        for_both_families!("test_handle_error", "rules 2 and 7", handle_error),
        for_both_families!("test_connection_attributes", "rules 2 and 5", connection_attributes),
        for_both_families!("test_create_socket", "rule 6", create_socket),
        for_both_families!("test_bind", "rule 7", bind),
        for_both_families!("test_set_reuse_addr", "rule 7", set_reuse_addr),
        for_both_families!("test_quick_connect", "rules 2 and 7", quick_connect, Need::Resets),
    ]
    .concat()
}

pub(in super::super) fn handle_connect<G: Ground, B: Backend<G> + Open>(at: &G::Address) -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (_, at) = stage.listen_at(at, stage.actor("S"))?;
    let key = stage.events.connect(at.clone(), stage.actor("C"))?;
    stage.until("both ends", |lines| lines.len() >= 2)?;
    stage.rests(A_WHILE, 3)?;
    same("what the caller was told", stage.log.of("C"), ["connect"])?;
    same("what the listener was told", stage.log.of("S"), ["accept"])?;
    same("whom it is connected to", stage.events.channel(key)?.1.peer_address()?, at)
}

/// Accepts by itself, as handlers did before there was `handle_accepted`.
struct Doorman<G: Ground>(Rc<RefCell<Vec<G::Address>>>);

impl<G: Ground> Dispatcher<G> for Doorman<G> {
    fn handle_accept(&mut self, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        let Some(guest) = channel.accept()? else { return Ok(()) };
        self.0.borrow_mut().push(guest.address().clone());
        channel.hang_up(guest);
        Ok(())
    }
}

pub(in super::super) fn handle_accept<G: Ground, B: Backend<G> + Open>(at: &G::Address) -> Verdict {
    let mut events = fresh_loop::<Doorman<G>, G, B>()?;
    let callers: Rc<RefCell<Vec<G::Address>>> = Rc::default();
    let key = events.listen(at.clone(), Doorman(callers.clone()))?;
    let at = events.channel(key)?.1.local_address()?;
    let caller = caller(events.net_mut(), &at)?;
    turn_until(&mut events, "a caller", |_| Ok(!callers.borrow().is_empty()))?;
    events.run_turns(3, Some(Duration::from_millis(5)))?;
    let from = events.net().local_address(&caller)?;
    same("who called", callers.borrow().clone(), [from])?;
    same("channels", events.len(), 1)
}

pub(in super::super) fn handle_accepted<G: Ground, B: Backend<G> + Open>(at: &G::Address) -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (_, at) = stage.listen_at(at, stage.actor("S"))?;
    let _caller = caller(stage.net(), &at)?;
    stage.tells(&["S: accept"])?;
    same("channels", stage.events.len(), 2)
}

/// What the guest says before the loop has seen it.
const GREETING: &[u8] = &[b'x'; 1024];

pub(in super::super) fn handle_read<G: Ground, B: Backend<G> + Open>(at: &G::Address) -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (_, at) = stage.listen_at(at, stage.actor("S").but(|ways| ways.greeting = GREETING))?;
    stage.events.connect(at, stage.actor("C"))?;
    let log = stage.log.clone();
    stage.until("the greeting", |_| log.heard("C").len() >= GREETING.len())?;
    stage.rests(A_WHILE, 3)?;
    hold(log.heard("C") == GREETING, || format!("came {:?}", log.heard("C")))?;
    let told = log.of("C");
    let as_it_should = told[0] == "connect" && told[1..].iter().all(|line| line.starts_with("read "));
    hold(as_it_should, || format!("expected a connect, and then only reads, came {told:?}"))
}

pub(in super::super) fn handle_write<G: Ground, B: Backend<G> + Open>(at: &G::Address) -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (_, at) = stage.listen_at(at, stage.actor("S"))?;
    stage.events.connect(at, stage.actor("C").but(|ways| ways.writable = true))?;
    let log = stage.log.clone();
    stage.until("the first write", |_| log.of("C").len() >= 2)?;
    same("what the caller was told", log.of("C"), ["connect", "write"])
}

pub(in super::super) fn handle_close<G: Ground, B: Backend<G> + Open>(at: &G::Address) -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (door, at) = stage.listen_at(at, stage.actor("S").but(|ways| ways.greeting = b"bye"))?;
    let key = stage.events.connect(at, stage.actor("C"))?;
    let log = stage.log.clone();
    stage.until("the greeting", |_| log.heard("C") == b"bye")?;
    let guest = guest(&stage, &[door, key])?;
    stage.events.close(guest)?;
    stage.until("the close", |_| log.of("C").iter().any(|line| line.starts_with("close")))?;
    stage.rests(A_WHILE, 3)?;
    same("what the caller was told", log.of("C"), ["connect", "read bye", "close end"])?;
    same("what the listener was told", log.of("S"), ["accept"])?;
    same("channels", stage.events.len(), 1)
}

/// The one channel that is none of these.
fn guest<G: Ground, B: Backend<G> + Open>(stage: &Stage<G, B>, others: &[Key]) -> Result<Key, Failure> {
    Ok(stage.events.keys().find(|key| !others.contains(key)).ok_or("there is no guest")?)
}

/// Sends whenever it may.
struct Chatter(Log);

impl<G: Ground> Dispatcher<G> for Chatter {
    fn handle_connect(&mut self, _: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        Ok(())
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        channel.recv(&mut [0; 64]).map(drop)
    }
    fn handle_write(&mut self, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        channel.send(&[b'x'; 1024]).map(drop)
    }
    fn handle_error(&mut self, error: Error, _: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.0.say(format!("C: error {}", word(&error)));
        Err(error)
    }
    fn handle_close(&mut self, reason: Reason, _: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.0.say(format!("C: close {}", last_word(reason)));
        Ok(())
    }
}

/// The far end reads a little and goes, so that what it left unread makes its end a reset.
pub(in super::super) fn handle_close_after_conn_broken<G, B>(at: &G::Address) -> Verdict
where
    G: Ground,
    B: Backend<G> + Open,
{
    let (mut events, log) = (fresh_loop::<Chatter, G, B>()?, Log::default());
    let (mut door, at) = door(events.net_mut(), at)?;
    events.connect(at, Chatter(log.clone()))?;
    let mut guest = None;
    turn_until(&mut events, "something to read", |events| {
        let net = events.net_mut();
        if guest.is_none() {
            guest = net.accept(&mut door)?.map(|(guest, _)| guest);
        }
        let Some(guest) = &mut guest else { return Ok(false) };
        Ok(net.recv(guest, &mut [0; 10])? == Received::Data(10))
    })?;
    events.net_mut().close(guest.ok_or("nobody called")?);
    turn_until(&mut events, "the close", |events| Ok(events.is_empty()))?;
    let told = log.lines();
    let once = ["C: close ECONNRESET", "C: close EPIPE"].iter().any(|line| told == [*line]);
    hold(once, || format!("expected one close for a broken connection, came {told:?}"))
}

pub(in super::super) fn handle_expt<G: Ground, B: Backend<G> + Open>(at: &G::Address) -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (door, at) = stage.listen_at(at, stage.actor("S"))?;
    let key = stage.events.connect(at, stage.actor("C"))?;
    stage.until("both ends", |lines| lines.len() >= 2)?;
    let guest = guest(&stage, &[door, key])?;
    same("sent", stage.events.channel(guest)?.1.send_urgent(244)?, true)?;
    stage.until("the urgent byte", |lines| lines.len() >= 3)?;
    stage.rests(A_WHILE, 3)?;
    same("what the caller was told", stage.log.of("C"), ["connect".to_owned(), format!("expt {}", quote(&[244]))])
}

pub(in super::super) fn handle_error<G: Ground, B: Backend<G> + Open>(at: &G::Address) -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (_, at) = stage.listen_at(at, stage.actor("S"))?;
    let actor = stage.actor("C").but(|ways| ways.writable = true).on(|event, _, _| match event {
        "write" => Err(Error::user("asked to fail", 0)),
        _ => Ok(()),
    });
    stage.events.connect(at, actor)?;
    let log = stage.log.clone();
    // The listener may hear of a caller that has left again.
    stage.until("the close, and the guest's", |_| log.of("C").len() >= 4 && log.of("S.1").len() == 1)?;
    stage.rests(A_WHILE, 3)?;
    same("what the caller was told", log.of("C"), ["connect", "write", "error handler", "close handler"])?;
    same("what the guest was told", log.of("S.1"), ["close end"])
}

pub(in super::super) fn connection_attributes<G: Ground, B: Backend<G> + Open>(at: &G::Address) -> Verdict {
    fn is<G: Ground>(io: &Io<'_, G>) -> [bool; 3] {
        [io.connected(), io.connecting(), io.accepting()]
    }
    const NOTHING: [bool; 3] = [false; 3];
    const LISTENS: [bool; 3] = [false, false, true];
    let mut stage = Stage::<G, B>::new()?;

    let server = stage.events.create(Kind::Stream, at.clone(), stage.actor("S"))?;
    let (_, mut io) = stage.events.channel(server)?;
    same("created", is(&io), NOTHING)?;
    io.bind(at)?;
    same("bound", is(&io), NOTHING)?;
    io.listen(4)?;
    same("listening", is(&io), LISTENS)?;
    let at = io.local_address()?;

    let client = stage.events.create(Kind::Stream, at.clone(), stage.actor("C"))?;
    let (_, mut io) = stage.events.channel(client)?;
    same("the caller, created", is(&io), NOTHING)?;
    io.connect(&at)?;
    same("the caller, connecting", is(&io), [false, true, false])?;
    same("listening still", is(&stage.events.channel(server)?.1), LISTENS)?;
    stage.until("both ends", |lines| lines.len() >= 2)?;
    same("the caller, connected", is(&stage.events.channel(client)?.1), [true, false, false])?;
    same("listening still", is(&stage.events.channel(server)?.1), LISTENS)?;

    let (_, mut io) = stage.events.channel(client)?;
    io.close();
    same("the caller, closed", is(&io), NOTHING)?;
    let (_, mut io) = stage.events.channel(server)?;
    io.close();
    same("the listener, closed", is(&io), NOTHING)?;
    stage.until("the guest's end", |lines| lines.len() >= 3)?;
    hold(stage.events.channel(client).is_err() && stage.events.channel(server).is_err(), || {
        "one is there still".into()
    })?;
    same("what the caller was told", stage.log.of("C"), ["connect"])?;
    same("what the listener was told", stage.log.of("S"), ["accept"])
}

/// A fresh socket of the address's family, which does not block and of which nothing is told. What its descriptor is like
/// is asked where there are descriptors.
pub(in super::super) fn create_socket<G: Ground, B: Backend<G> + Open>(at: &G::Address) -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let key = stage.events.create(Kind::Stream, at.clone(), stage.actor("A").but(|ways| ways.writable = true))?;
    same("its state", stage.events.channel(key)?.1.state(), State::Idle)?;
    stage.rests(A_WHILE, 3)?;
    let net = stage.net();
    let mut socket = net.socket(Kind::Stream, at)?;
    same("the state of one like it", net.state(&socket)?, State::Idle)?;
    net.bind(&mut socket, at)?;
    net.listen(&mut socket, 1)?;
    same("whom it accepts", net.accept(&mut socket)?.map(|(_, from)| from), None)
}

pub(in super::super) fn bind<G: Ground, B: Backend<G> + Open>(at: &G::Address) -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (_, at) = stage.listen_at(at, stage.actor("S"))?;
    let second = stage.events.create(Kind::Stream, at.clone(), stage.actor("A"))?;
    let is_taken = |what: &str, came: stheno::Result<()>| {
        let kinds = [ErrorKind::Other, ErrorKind::Invalid];
        hold(matches!(came, Err(why) if kinds.contains(&why.kind())), || format!("{what}: {came:?}"))
    };
    is_taken("binding it again", stage.events.channel(second)?.1.bind(&at))?;
    is_taken("listening there again", stage.events.listen(at.clone(), stage.actor("B")).map(drop))?;
    same("channels: what failed to listen is gone", stage.events.len(), 2)?;
    let _caller = caller(stage.net(), &at)?;
    stage.tells(&["S: accept"])
}

/// A connection that was closed here first keeps its address in use for a while.
pub(in super::super) fn set_reuse_addr<G: Ground, B: Backend<G> + Open>(at: &G::Address) -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (mut server, at) = stage.listen_at(at, stage.actor("S"))?;
    for again in [false, true] {
        let mut caller = stage.net().dial(&at)?;
        stage.until("the caller", |lines| lines.len() == 1)?;
        let guest = guest(&stage, &[server])?;
        stage.events.close(guest)?;
        hear_to_the_end(stage.net(), &mut caller)?;
        stage.net().hang_up(caller);
        stage.events.close(server)?;
        stage.log.clear();
        if again {
            // Whom the loop makes a listener is one that does so by itself.
            server = stage.events.listen(at.clone(), stage.actor("S"))?;
            continue;
        }
        server = stage.events.create(Kind::Stream, at.clone(), stage.actor("S"))?;
        let (_, mut io) = stage.events.channel(server)?;
        io.set_reuse_address()?;
        io.bind(&at)?;
        io.listen(4)?;
    }
    let _caller = stage.net().dial(&at)?;
    stage.tells(&["S: accept"])
}

/// Callers that are gone with a reset before anybody accepts them.
pub(in super::super) fn quick_connect<G: Ground, B: Backend<G> + Open>(at: &G::Address) -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (server, at) = stage.listen_at(at, stage.actor("S"))?;
    for _ in 0..3 {
        let quick = stage.net().dial(&at)?;
        stage.net().reset(quick)?;
    }
    let mut caller = stage.net().dial(&at)?;
    stage.net().say(&mut caller, b"still-there?")?;
    stage.until("who stayed", |lines| lines.iter().any(|line| line.ends_with(": read still-there?")))?;
    stage.rests(A_WHILE, 3)?;
    let wrong = stage.log.lines().into_iter().find(|line| line.contains(": error"));
    same("errors", wrong, None)?;
    let told = stage.log.of("S");
    hold(!told.is_empty() && told.iter().all(|line| line == "accept"), || format!("the listener was told {told:?}"))?;
    hold(stage.events.channel(server).is_ok(), || "the listener is gone".into())?;
    same("channels", stage.events.len(), 2)
}
