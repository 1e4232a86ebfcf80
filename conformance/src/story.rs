//! Tells a scenario's story on a loop, and compares what happened with what should have.

use std::collections::BTreeMap;
use std::time::Duration;

use stheno::{Backend, EventLoop, Half, Key, Open, Received};

use crate::ground::{Family, Ground, is_reset};
use crate::in_order::InOrder;
use crate::probe::{Probe, Transcript, World, name_of};
use crate::scenario::{Scenario, Step, bytes, quote};
use crate::telling::Telling;

/// How long a turn waits, and how many may bring nothing new before a story is told.
const TURN: Duration = Duration::from_millis(50);
const QUIET_TURNS: usize = 2;
const MAX_TURNS: usize = 4_000;
/// `turn` is one turn and no more, so what was sent before it gets this long to arrive.
const ARRIVAL: Duration = Duration::from_millis(20);
/// How long a peer waits for the bytes that it was promised.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it waits for the end of its stream, and how often it looks.
const ENDING: Duration = Duration::from_secs(2);
const GLANCE: Duration = Duration::from_millis(2);

type Failure = Box<dyn std::error::Error>;

/// Tells a story on a fresh loop over this kind of backend: the transcript, or what went wrong in telling it.
pub fn tell<G: Ground, B: Backend<World<G>> + Open>(story: &Scenario) -> Result<Vec<String>, String> {
    witness::<G, B>(story).into_result()
}

/// Tells a story likewise, and keeps all there is to see of it, whether it comes to its end or not.
pub fn witness<G: Ground, B: Backend<World<G>> + Open>(story: &Scenario) -> Telling {
    let mut teller = match Teller::<G, B>::new() {
        Ok(teller) => teller,
        Err(why) => return Telling::unbegun(why.to_string()),
    };
    let broke = story.steps.iter().find_map(|step| {
        let done = teller.perform(step).map_err(|why| why.to_string());
        let why = done.err().or_else(|| teller.transcript().breaches.pop())?;
        Some(format!("line {}: {}: {why}", step.line, step.words.join(" ")))
    });
    Telling::new(std::mem::take(teller.transcript()), broke)
}

struct Teller<G: Ground, B> {
    events: Events<G, B>,
    peers: BTreeMap<String, G::Peer>,
}

type Events<G, B> = EventLoop<Probe, World<G>, InOrder<B>>;

impl<G: Ground, B: Backend<World<G>> + Open> Teller<G, B> {
    fn new() -> Result<Self, Failure> {
        let world = World { below: G::open()?, shared: Transcript::default() };
        let mut events = EventLoop::with_parts(world, InOrder::open()?, Vec::new());
        // One caller to a read event, as asyncore has it; that there may be more is the contract cases' business.
        events.set_accept_budget(1);
        // What asyncore's send takes, it takes whole.
        events.set_byte_budget(usize::MAX);
        Ok(Self { events, peers: BTreeMap::new() })
    }

    fn perform(&mut self, step: &Step) -> Result<(), Failure> {
        let words: Vec<_> = step.words.iter().map(String::as_str).collect();
        match words[..] {
            // Channels under test.
            ["listen", name] | ["listen", name, "inet"] => self.listen(name, Family::Inet)?,
            ["listen", name, _] => self.listen(name, Family::Inet6)?,
            ["connect", name, to] => {
                let address = self.address(to)?;
                self.connect(name, address);
            }
            ["refused", name] => {
                let address = self.net().nowhere()?;
                self.connect(name, address);
            }
            ["adopt", name, peer] => {
                let (ours, theirs) = self.net().local_pair()?;
                self.peers.insert(peer.into(), theirs);
                self.open(name, |events, probe| events.add(ours, probe))?;
            }
            ["datagrams", name] => {
                let at = G::anywhere(Family::Inet)?;
                self.open(name, |events, probe| events.bind(at, probe))?;
            }
            ["push", name, word] => self.change(name, |probe| probe.out.extend(bytes(word)))?,
            ["readable", name, answer] => self.change(name, |probe| probe.readable = answer == "on")?,
            ["writable", name, answer] => self.change(name, |probe| probe.writable = answer == "on")?,
            ["chunk", name, size] => {
                let size = size.parse()?;
                self.change(name, |probe| probe.chunk = size)?;
            }
            ["on", name, event, ref action @ ..] => {
                let action = action.iter().map(|&word| word.into()).collect();
                self.change(name, |probe| drop(probe.rules.insert(event.into(), action)))?;
            }
            ["close", name] if self.transcript().keys.contains_key(name) => {
                self.transcript().say(name, "closed by the program");
                // Closing what is closed already is no event.
                let _ = self.key(name).map(|key| self.events.close(key));
            }
            // Plain peers.
            ["close", name] => {
                let peer = self.take_away(name)?;
                self.net().hang_up(peer);
            }
            ["host", name] => {
                let host = self.net().host()?;
                self.peers.insert(name.into(), host);
            }
            ["take", name, host] => {
                let taken = self.with_peer(host, G::take)?;
                self.peers.insert(name.into(), taken);
            }
            ["dial", name, to] => {
                let to = self.address(to)?;
                let caller = self.net().dial(&to)?;
                self.peers.insert(name.into(), caller);
            }
            ["sender", name, to] => {
                let to = self.address(to)?;
                let sender = self.net().sender(&to)?;
                self.peers.insert(name.into(), sender);
            }
            ["send", name, word] => self.with_peer(name, |net, peer| net.say(peer, &bytes(word)))?,
            ["oob", name, word] => self.with_peer(name, |net, peer| net.urge(peer, &bytes(word)))?,
            ["shut", name, side] => self.with_peer(name, |net, peer| {
                let halves: &[Half] = match side {
                    "read" => &[Half::Read],
                    "write" => &[Half::Write],
                    _ => &[Half::Write, Half::Read],
                };
                halves.iter().try_for_each(|half| net.half_close(peer, *half))
            })?,
            ["reset", name] => {
                let peer = self.take_away(name)?;
                self.net().reset(peer)?;
            }
            ["recv", name, size] => self.recv(name, size.parse()?)?,
            ["ended", name] => {
                let text = self.ended(name)?;
                self.transcript().say(name, text);
            }
            ["sum", name] => {
                let heard = self.transcript().heard.get(name).copied().unwrap_or_default();
                self.transcript().say(name, heard.to_string());
            }
            // The loop.
            ["turn"] => {
                self.net().pass(ARRIVAL);
                self.events.run_turns(1, Some(TURN))?;
            }
            ["run"] => self.run()?,
            _ => return Err("there is no such step".into()),
        }
        Ok(())
    }

    fn transcript(&mut self) -> &mut Transcript {
        &mut self.events.net_mut().shared
    }

    fn net(&mut self) -> &mut G {
        &mut self.events.net_mut().below
    }

    fn with_peer<R>(
        &mut self,
        name: &str,
        deed: impl FnOnce(&mut G, &mut G::Peer) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        let peer = self.peers.get_mut(name).ok_or_else(|| format!("there is no peer {name}"))?;
        deed(&mut self.events.net_mut().below, peer)
    }

    fn take_away(&mut self, name: &str) -> Result<G::Peer, Failure> {
        Ok(self.peers.remove(name).ok_or_else(|| format!("there is no channel or peer {name}"))?)
    }

    fn listen(&mut self, name: &str, family: Family) -> Result<(), Failure> {
        let at = G::anywhere(family)?;
        Ok(self.open(name, |events, probe| events.listen(at, probe))?)
    }

    fn open(
        &mut self,
        name: &str,
        open: impl FnOnce(&mut Events<G, B>, Probe) -> stheno::Result<Key>,
    ) -> stheno::Result<()> {
        self.open_as(Probe::new(name), name, open)
    }

    fn open_as(
        &mut self,
        probe: Probe,
        name: &str,
        open: impl FnOnce(&mut Events<G, B>, Probe) -> stheno::Result<Key>,
    ) -> stheno::Result<()> {
        let opened = open(&mut self.events, probe);
        self.transcript().add(name, opened.ok());
        opened.map(drop)
    }

    /// Where the system refuses at once, it is the program that is told; a story tells it as the channel's.
    fn connect(&mut self, name: &str, address: G::Address) {
        if let Err(why) = self.open_as(Probe::connecting(name), name, |events, probe| events.connect(address, probe)) {
            self.transcript().say(name, format!("error {}", name_of(&why)));
            self.transcript().say(name, "close");
        }
    }

    /// Changes a channel's ways; one that is closed has none.
    fn change(&mut self, name: &str, change: impl FnOnce(&mut Probe)) -> Result<(), Failure> {
        if !self.transcript().keys.contains_key(name) {
            return Err(format!("there is no channel {name}").into());
        }
        if let Some(key) = self.key(name)
            && let Ok((probe, _)) = self.events.channel(key)
        {
            change(probe);
        }
        Ok(())
    }

    fn key(&mut self, name: &str) -> Option<Key> {
        self.transcript().keys.get(name).copied().flatten()
    }

    fn address(&mut self, name: &str) -> Result<G::Address, Failure> {
        match self.key(name) {
            Some(key) => Ok(self.events.channel(key)?.1.local_address()?),
            None => self.with_peer(name, |net, peer| net.address(peer)),
        }
    }

    fn recv(&mut self, name: &str, size: usize) -> Result<(), Failure> {
        let (mut got, mut room) = (Vec::new(), vec![0; size.min(1 << 16)]);
        let until = self.net().clock() + PATIENCE;
        while got.len() < size && self.net().clock() < until {
            let want = room.len().min(size - got.len());
            match self.with_peer(name, |net, peer| net.hear(peer, &mut room[..want])) {
                Ok(Received::End) => break,
                Ok(Received::Data(n)) => got.extend(&room[..n]),
                Ok(Received::WouldBlock) => self.events.run_turns(1, Some(Duration::from_millis(10)))?,
                Err(why) if is_reset(&why) => {
                    got.extend(b"<reset>");
                    break;
                }
                Err(why) => return Err(why),
            }
        }
        self.transcript().heard.entry(name.into()).or_default().add(&got);
        let text = if got.is_empty() { "nothing".into() } else { quote(&got) };
        self.transcript().say(name, format!("got {text}"));
        Ok(())
    }

    /// What the end of the stream looks like from there.
    fn ended(&mut self, name: &str) -> Result<String, Failure> {
        let mut rest = [0; 4096];
        let until = self.net().clock() + ENDING;
        loop {
            match self.with_peer(name, |net, peer| net.hear(peer, &mut rest)) {
                Ok(Received::End) => return Ok("end".into()),
                Ok(Received::Data(n)) => return Ok(format!("unread {}", quote(&rest[..n]))),
                Ok(Received::WouldBlock) if self.net().clock() >= until => return Ok("still open".into()),
                Ok(Received::WouldBlock) => self.net().pass(GLANCE),
                Err(why) if is_reset(&why) => return Ok("reset".into()),
                Err(why) => return Err(why),
            }
        }
    }

    /// Turns until two in a row bring nothing new. The writes of a channel that always wants to write are nothing new.
    fn run(&mut self) -> stheno::Result<()> {
        let (mut quiet, mut turns, mut causeless) = (0, 0, 0);
        while quiet < QUIET_TURNS && turns < MAX_TURNS && !self.events.is_empty() {
            let (events, lengths) = (self.transcript().events, self.transcript().lengths());
            let began = self.net().clock();
            let turn = self.events.turn(Some(TURN))?;
            turns += 1;
            let early = self.net().clock().saturating_since(began) < TURN;
            causeless += usize::from(early && turn.fired == 0 && turn.timeouts == 0 && !self.events.is_empty());
            let keys: Vec<_> = self.events.keys().collect();
            let idle_writers = keys.iter().any(|key| self.events.dispatcher(*key).is_some_and(|probe| probe.writable));
            let news = self.transcript().lengths() != lengths || self.transcript().events != events && !idle_writers;
            quiet = if news { 0 } else { quiet + 1 };
        }
        if turns == MAX_TURNS {
            self.transcript().breaches.push(format!("the loop does not come to rest within {MAX_TURNS} turns"));
        }
        // What was changed before the first turn, or by the handlers of one, lets the next one not wait.
        if causeless > 1 + turns / 2 {
            self.transcript().breaches.push(format!("{causeless} of {turns} turns ended early without a cause"));
        }
        Ok(())
    }
}

/// Whether a transcript is one of those that a story accepts.
///
/// The comparison is exact, but for what no program can rely on and no backend can promise:
/// - where a stream's sender did not wait between two sends, one read may bring what two would have (rule 10);
/// - asyncore follows `handle_connect` with `handle_write` without asking `writable` again, and so the probe asks for
///   one; a transcript of what is right (`expect`) may leave that `write` out (rule 1).
pub fn agrees(story: &Scenario, told: &[String]) -> bool {
    story.accepted().into_iter().any(|accepted| {
        let datagrams = story.datagram_channels();
        let normal = |lines: &[String]| merge_reads(lines, &datagrams);
        told == accepted
            || normal(told) == normal(accepted)
            || !story.is_asyncore() && normal(&without_unasked_writes(told, accepted)) == normal(accepted)
    })
}

/// Adjacent reads of one stream as one.
fn merge_reads(lines: &[String], datagrams: &std::collections::BTreeSet<&str>) -> Vec<String> {
    let mut merged: Vec<String> = Vec::new();
    for line in lines {
        let parts = |line: &str| {
            let (name, data) = line.split_once(": read ")?;
            (!datagrams.contains(name)).then(|| (name.to_owned(), data.to_owned()))
        };
        match (merged.last().and_then(|last| parts(last)), parts(line)) {
            (Some((last, before)), Some((name, data))) if last == name => {
                let data = join(&before, &data);
                merged.pop();
                merged.push(format!("{name}: read {data}"));
            }
            _ => merged.push(line.clone()),
        }
    }
    merged
}

fn join(before: &str, after: &str) -> String {
    let count = |text: &str| text.strip_suffix(" bytes").and_then(|number| number.parse::<usize>().ok());
    let length = |text: &str| count(text).unwrap_or_else(|| text.len() - 3 * text.matches("\\x").count());
    let both = length(before) + length(after);
    if both > 32 { format!("{both} bytes") } else { format!("{before}{after}") }
}

/// A transcript without the write that came with a connect, where the accepted one has fewer.
fn without_unasked_writes(told: &[String], accepted: &[String]) -> Vec<String> {
    let mut kept = told.to_vec();
    let names: Vec<_> = told.iter().filter_map(|line| line.strip_suffix(": connect")).collect();
    for name in names {
        let write = format!("{name}: write");
        let count = |lines: &[String]| lines.iter().filter(|line| **line == write).count();
        let connect = kept.iter().position(|line| *line == format!("{name}: connect"));
        // In the same event: straight after the connect, or after what was read with it.
        let after = |offset: usize| connect.map(|at| at + offset).filter(|at| kept.get(*at) == Some(&write));
        let read = connect.is_some_and(|at| kept.get(at + 1).is_some_and(|line| line.contains(": read ")));
        if count(&kept) > count(accepted)
            && let Some(at) = after(1).or_else(|| after(2).filter(|_| read))
        {
            kept.remove(at);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn story(blocks: &str) -> Scenario {
        Scenario::parse("it", &format!("datagrams U\n{blocks}")).unwrap()
    }

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(Into::into).collect()
    }

    #[test]
    fn adjacent_reads_of_a_stream_are_one() {
        let story = story("--- asyncore\nA: read one\nA: read two\nA: close\n");
        assert!(agrees(&story, &lines("A: read onetwo\nA: close")));
        assert!(!agrees(&story, &lines("A: read onetw\nA: close")));
        assert!(!agrees(&story, &lines("A: read one\nA: close\nA: read two")));
    }

    #[test]
    fn long_reads_are_added_up() {
        let story = story("--- expect\nA: read 33 bytes\nA: read \\x00b\nA: read c\n");
        assert!(agrees(&story, &lines("A: read 36 bytes")));
        assert!(!agrees(&story, &lines("A: read 35 bytes")));
    }

    #[test]
    fn datagrams_keep_their_borders() {
        let story = story("--- asyncore\nU: read one\nU: read two\n");
        assert!(!agrees(&story, &lines("U: read onetwo")));
    }

    #[test]
    fn a_correction_may_leave_out_the_write_that_comes_with_a_connect() {
        let recorded = story("--- asyncore\nC: connect\nC: write\nC: close\n");
        assert!(agrees(&recorded, &lines("C: connect\nC: write\nC: close")));
        assert!(!agrees(&recorded, &lines("C: connect\nC: close")));
        let corrected = story("--- expect\nC: connect\nC: read a\nC: close\n");
        assert!(agrees(&corrected, &lines("C: connect\nC: read a\nC: close")));
        assert!(agrees(&corrected, &lines("C: connect\nC: write\nC: read a\nC: close")));
        assert!(agrees(&corrected, &lines("C: connect\nC: read a\nC: write\nC: close")));
        assert!(!agrees(&corrected, &lines("C: connect\nC: read a\nC: close\nC: write")));
        let owed = story("--- expect\nC: connect\nC: write\nC: close\n");
        assert!(!agrees(&owed, &lines("C: connect\nC: close")));
        assert!(!agrees(&owed, &lines("C: connect\nC: close\nC: write")));
    }
}
