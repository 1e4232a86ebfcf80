//! More than the peer takes: marks, pauses, producers, and ends that wait for the last byte.

use std::time::Duration;

use stheno::{Backend, Channel, Dispatcher, EventLoop, Half, Key, Open, Outbox, Produced, Producer, Watermark};

use super::super::far_end::hear_all;
use super::super::support::{A_WHILE, Counted, Log, PATIENCE, fresh_loop, hold, same};
use super::super::{Case, Failure, Verdict};
use super::{Talk, Talker};
use crate::ground::{Ground, Need};

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let case = |name, rules, check| Case::new(name, rules, check).beside_others();
    vec![
        case("outbox-each-mark-is-told-once", "rule 8", marks::<G, B>),
        case("outbox-a-relay-holds-no-more-than-its-buffers", "rules 3, 6 and 8", relay::<G, B>),
        case("outbox-a-header-and-a-body-go-together", "rules 3 and 8", vectored::<G, B>),
        case("outbox-a-producer-is-asked-as-there-is-room", "rules 3 and 8", producer::<G, B>),
        case("outbox-a-producer-that-waits-is-not-asked-in-vain", "rule 6", waiting_producer::<G, B>),
        case("outbox-what-waits-is-sent-before-the-close", "rule 3", last_words::<G, B>),
        case("outbox-what-waits-is-sent-before-the-half-is-shut", "rule 3", shut_when_done::<G, B>)
            .needing(&[Need::HalfClose]),
        case("chat-a-peer-that-does-not-listen-is-not-heard", "rules 6 and 8", deaf_peer::<G, B>),
        case("chat-a-peer-that-finishes-first-gets-all-its-answers", "rules 3 and 8", finishes_first::<G, B>)
            .needing(&[Need::HalfClose]),
        case("chat-answers-are-sent-though-the-peer-has-finished", "rule 3", answers::<G, B>)
            .needing(&[Need::HalfClose]),
    ]
}

/// A channel of which the network takes nothing for now, and its far end, which has `bytes` to hear first.
fn stuffed<G: Ground, B: Backend<G> + Open>(talk: &mut Talk<G, B>) -> Verdict {
    // Another pair, whose one end could be stuffed beforehand.
    let (mut ours, theirs) = talk.events.net_mut().pair()?;
    talk.events.net_mut().fill(&mut ours)?;
    let talker = Talker::new(&talk.log, 64, 64);
    talk.events.close(talk.key)?;
    talk.key = talk.events.add(ours, talker)?;
    talk.peer = Some(theirs);
    Ok(())
}

fn marks<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::new(b"\n")?;
    stuffed(&mut talk)?;
    let output = &mut talk.talker()?.chat.output;
    output.set_watermarks(8, 32)?;
    for _ in 0..3 {
        output.push(&[b'a'; 10])?;
        same("below the high mark", output.crossed(), None)?;
    }
    output.push(b"bb")?;
    same("at the high mark", (output.crossed(), output.crossed()), (Some(Watermark::High), None))?;
    output.push(b"cc")?;
    same("above the high mark", output.crossed(), None)?;
    // The far end begins to listen.
    talk.until("everything is sent", |talk| {
        talk.listen()?;
        let output = &mut talk.talker()?.chat.output;
        if output.len() > 8 {
            same("above the low mark", output.crossed(), None)?;
        }
        Ok(output.is_empty())
    })?;
    let output = &mut talk.talker()?.chat.output;
    same("below the low mark", (output.crossed(), output.crossed()), (Some(Watermark::Low), None))
}

/// One of two that pass on to each other what they read.
struct Side {
    other: Option<Key>,
    out: Outbox<[u8; 1024]>,
    most: usize,
}

impl<G: Ground> Dispatcher<G> for Side {
    fn writable(&self) -> bool {
        self.out.writable()
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        let Some(other) = self.other else { return Ok(()) };
        Outbox::relay(channel, other, |side: &mut Self| {
            side.most = side.most.max(side.out.len());
            Some(&mut side.out)
        })
        .map(drop)
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.out.flush(channel)
    }
}

/// A far end that speaks as fast as it can, and another one that listens slowly.
fn relay<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut events: EventLoop<Side, G, Counted<B>> = fresh_loop::<_, G, B>()?;
    let mut ends = Vec::new();
    for _ in 0..2 {
        let (ours, theirs) = events.net_mut().pair()?;
        ends.push((events.add(ours, Side { other: None, out: Outbox::new(), most: 0 })?, theirs));
    }
    let keys = [ends[0].0, ends[1].0];
    for (one, other) in [(0, 1), (1, 0)] {
        events.channel(keys[one])?.0.other = Some(keys[other]);
    }
    let mut said = 0_usize;
    let mut heard = Vec::new();
    // What is said in a round is more than is heard in one, until the line is full; far less than any network holds.
    for _ in 0..16 {
        let piece: Vec<u8> = (said..said + 8192).map(|at| (at % 251) as u8).collect();
        events.net_mut().say(&mut ends[0].1, &piece)?;
        said += piece.len();
        events.turn(Some(Duration::from_millis(1)))?;
    }
    let until = events.net().clock() + PATIENCE;
    while heard.len() < said {
        hold(events.net().clock() < until, || format!("{} of {said} bytes came", heard.len()))?;
        hear_all(events.net_mut(), &mut ends[1].1, &mut heard)?;
        events.turn(Some(Duration::from_millis(1)))?;
        let (high, paused) = (events.channel(keys[1])?.0.out.is_high(), events.channel(keys[0])?.1.is_paused());
        same("paused while the outbox is high", paused, high)?;
    }
    hold(heard.iter().copied().eq((0..said).map(|at| (at % 251) as u8)), || "something else came".into())?;
    let most = events.channel(keys[1])?.0.most;
    hold(most <= 1024, || format!("{most} bytes waited"))
}

fn vectored<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::new(b"\n")?;
    let (talker, mut io) = talk.events.channel(talk.key)?;
    let output = &mut talker.chat.output;
    output.send_vectored(&mut io, [b"header ", b"body "])?;
    // Behind what waits, they wait as well.
    output.push(b"first ")?;
    output.send_vectored(&mut io, [b"then ", b"both"])?;
    hold(output.len() >= 15, || format!("only {} bytes wait", output.len()))?;
    talk.hears(b"header body first then both")
}

/// Gives bytes that say where they stand, as many as it is asked for.
struct Long {
    next: usize,
    left: usize,
}

impl Producer for Long {
    fn more(&mut self, into: &mut [u8]) -> stheno::Result<Produced> {
        let n = into.len().min(self.left);
        into.iter_mut().take(n).zip(self.next..).for_each(|(byte, at)| *byte = (at % 251) as u8);
        (self.next, self.left) = (self.next + n, self.left - n);
        Ok(if n == 0 { Produced::Done } else { Produced::Data(n) })
    }
}

/// Sends all of it, with a close behind it.
struct Sender<P: Producer>(Outbox<[u8; 512], P, 1>);

impl<G: Ground, P: Producer> Dispatcher<G> for Sender<P> {
    fn readable(&self) -> bool {
        false
    }
    fn writable(&self) -> bool {
        self.0.writable()
    }
    fn handle_write(&mut self, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.0.flush(channel)
    }
}

type Sending<G, B, P> = (EventLoop<Sender<P>, G, Counted<B>>, Key, <G as Ground>::Peer);

fn sending<G: Ground, B: Backend<G> + Open, P: Producer + 'static>(producer: P) -> Result<Sending<G, B, P>, Failure> {
    let mut events = fresh_loop::<_, G, B>()?;
    let (ours, theirs) = events.net_mut().pair()?;
    let key = events.add(ours, Sender(Outbox::default()))?;
    events.channel(key)?.0.0.push_with_producer(producer)?;
    Ok((events, key, theirs))
}

fn producer<G: Ground, B: Backend<G> + Open>() -> Verdict {
    const LONG: usize = 100_000;
    let (mut events, key, mut peer) = sending::<G, B, _>(Long { next: 0, left: LONG })?;
    let (sender, mut io) = events.channel(key)?;
    sender.0.close_when_done(&mut io);
    let (mut heard, until) = (Vec::new(), events.net().clock() + PATIENCE);
    while hear_all(events.net_mut(), &mut peer, &mut heard)? {
        hold(events.net().clock() < until, || format!("{} of {LONG} bytes came", heard.len()))?;
        events.turn(Some(Duration::from_millis(1)))?;
        events.net_mut().pass(Duration::from_millis(1));
    }
    same("bytes that came", heard.len(), LONG)?;
    hold(heard.iter().copied().eq((0..LONG).map(|at| (at % 251) as u8)), || "something else came".into())
}

/// Has nothing for the first so many times that it is asked, then a word.
struct Slow(u32);

impl Producer for Slow {
    fn more(&mut self, into: &mut [u8]) -> stheno::Result<Produced> {
        match self.0.checked_sub(1) {
            Some(left) => {
                self.0 = left;
                Ok(Produced::NothingYet)
            }
            None => (&b"at last"[..]).more(into),
        }
    }
}

fn waiting_producer<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let (mut events, key, mut peer) = sending::<G, B, _>(Slow(4))?;
    let (before, began) = (events.backend().waits, events.net().clock());
    while events.net().clock().saturating_since(began) < A_WHILE {
        events.turn(Some(A_WHILE))?;
        hold(events.backend().waits - before <= 4, || "the loop spins".into())?;
    }
    for _ in 0..4 {
        let (sender, mut io) = events.channel(key)?;
        sender.0.flush(&mut io)?;
    }
    let heard = super::super::far_end::hear(events.net_mut(), &mut peer, 7)?;
    same("what came", heard[..7].to_vec(), b"at last")
}

/// What the network does not take at once is sent before the channel closes, however long that takes.
fn last_words<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::new(b"\n")?;
    stuffed(&mut talk)?;
    let (talker, mut io) = talk.events.channel(talk.key)?;
    talker.chat.output.send(&mut io, b"last words")?;
    talker.chat.output.close_when_done(&mut io);
    hold(!talk.events.is_empty(), || "it closed before it was done".into())?;
    same("bytes that wait", talk.talker()?.chat.output.len(), 10)?;
    talk.until("the far end finds the end", |talk| Ok(!talk.listen()?))?;
    let heard = talk.heard.iter().copied().filter(|byte| *byte != b'z').collect::<Vec<_>>();
    same("what the far end heard at last", heard, b"last words")
}

fn shut_when_done<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::new(b"\n")?;
    let (talker, mut io) = talk.events.channel(talk.key)?;
    talker.chat.output.push(b"that is all")?;
    talker.chat.output.shutdown_when_done(&mut io)?;
    talk.until("the far end finds the end", |talk| Ok(!talk.listen()?))?;
    same("what the far end heard", talk.heard.clone(), b"that is all")?;
    talk.say(b"and you\n")?;
    talk.tells(&["found and you"])
}

/// A peer asks and asks, and does not listen to a single answer.
fn deaf_peer<G: Ground, B: Backend<G> + Open>() -> Verdict {
    const ANSWER: usize = 2000;
    // Of 8,192 bytes 6,144 are the high mark, above which there is room for an answer.
    let talker = Talker::new(&Log::default(), 64, 8192).ending(b"\n")?;
    let mut talk = Talk::<G, B>::with(talker.on(|_, chat, channel| chat.output.send(channel, &[b'a'; ANSWER])))?;
    let mut asked = 0;
    // Until the network takes no more answers, and the outbox is high.
    talk.until("the outbox is high", |talk| {
        talk.say(b"question\n")?;
        asked += 1;
        Ok(talk.talker()?.chat.output.is_high())
    })?;
    for _ in 0..20 {
        talk.say(b"question\n")?;
        asked += 1;
    }
    let answered = talk.log.lines().len();
    let (before, began) = (talk.events.backend().waits, talk.events.net().clock());
    while talk.events.net().clock().saturating_since(began) < A_WHILE {
        talk.events.turn(Some(A_WHILE))?;
        hold(talk.events.backend().waits - before <= 4, || "the loop spins".into())?;
    }
    same("questions that were heard meanwhile", talk.log.lines().len() - answered, 0)?;
    // It begins to listen, and everything comes, without another question.
    talk.hears_so_far(asked * ANSWER)?;
    same("bytes of answers", talk.heard.len(), asked * ANSWER)?;
    let told = talk.log.lines();
    hold(told.len() == asked && told.iter().all(|line| line == "found question"), || {
        format!("{asked} questions: {:?}", told.last())
    })
}

/// A peer says all that it has to say, finishes, and begins to listen only then. The answers never fit all at once.
fn finishes_first<G: Ground, B: Backend<G> + Open>() -> Verdict {
    const QUESTIONS: usize = 3_000;
    const ANSWER: usize = 2_000;
    let talker = Talker::new(&Log::default(), 64, 8192).ending(b"\n")?;
    let mut talk = Talk::<G, B>::with(talker.on(|_, chat, channel| chat.output.send(channel, &[b'a'; ANSWER])))?;
    talk.say(&b"?\n".repeat(QUESTIONS))?;
    let (net, peer) = talk.peer()?;
    net.half_close(peer, Half::Write)?;
    for _ in 0..20 {
        talk.turn()?;
    }
    talk.until("the far end finds the end", |talk| Ok(!talk.listen()?))?;
    same("bytes of answers", talk.heard.len(), QUESTIONS * ANSWER)?;
    let told = talk.log.lines();
    same("questions that were heard", told.iter().filter(|line| *line == "found ?").count(), QUESTIONS)?;
    hold(!told.iter().any(|line| line.starts_with("error")), || format!("an answer had no room: {:?}", told.last()))
}

/// The peer shuts its sending half behind its questions, the last of which has no end.
fn answers<G: Ground, B: Backend<G> + Open>() -> Verdict {
    for waits in [false, true] {
        let mut talk = Talk::<G, B>::new(b"\n")?;
        if waits {
            stuffed(&mut talk)?;
        }
        let talker = talk.talker()?;
        talker.chat.input.set_terminator(b"\n")?;
        talker.script = Box::new(|frame, chat, channel| chat.output.send_vectored(channel, [frame, b"!"]));
        talk.say(b"one\ntwo\nthree")?;
        let (net, peer) = talk.peer()?;
        net.half_close(peer, Half::Write)?;
        talk.until("all is told", |talk| Ok(talk.log.lines().len() >= 3))?;
        talk.until("the far end finds the end", |talk| Ok(!talk.listen()?))?;
        let heard: Vec<_> = talk.heard.iter().copied().filter(|byte| *byte != b'z').collect();
        same("what the far end heard", heard, b"one!two!three!")?;
        same("what was told", talk.log.lines()[..3].to_vec(), ["found one", "found two", "collected three"])?;
    }
    Ok(())
}
