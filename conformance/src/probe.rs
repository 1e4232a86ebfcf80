//! The instrumented channel: it writes down each event, and then does what a plain user would.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};

#[cfg(feature = "std")]
use stheno::errno_name;
use stheno_core::{
    Channel, Dispatcher, Eof, Error, ErrorKind, Fired, Guest, Key, Reason, Received, Result, State, With,
};

use crate::ground::Ground;
use crate::scenario::{bytes, quote};
// Without an operating system the numbers are the simulated network's, which are Linux's.
#[cfg(not(feature = "std"))]
use crate::sim::errno_name;
use crate::sum::Sum;
use crate::telling::Wait;

/// The net of a story: the ground's, with the transcript beside it.
#[cfg(feature = "std")]
pub type World<G = stheno::Os> = With<G, Transcript>;
/// The net of a story: the ground's, with the transcript beside it.
#[cfg(not(feature = "std"))]
pub type World<G> = With<G, Transcript>;

/// What happened so far, and who is who.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    lines: BTreeMap<String, Vec<String>>,
    /// The key of each channel that there was; none for one that the system refused at once.
    pub(crate) keys: BTreeMap<String, Option<Key>>,
    /// The keys in the order in which the channels came, and what they were called then.
    born: Vec<(Key, String)>,
    /// What each wait of the backend reported.
    pub(crate) waits: Vec<Wait>,
    /// What the backend, or the loop, did that it must never do.
    pub(crate) breaches: Vec<String>,
    /// What each has heard.
    pub(crate) heard: BTreeMap<String, Sum>,
    /// What the network has taken from each channel.
    pub(crate) sent: BTreeMap<String, Vec<u8>>,
    /// The channels whose connection broke, instead of coming to its end.
    pub(crate) broken: BTreeSet<String>,
    /// How much was said, writes that were not worth a line included.
    pub(crate) events: usize,
    /// Who was told something since the last turn, or in the one under way.
    pub(crate) told: BTreeSet<String>,
}

impl Transcript {
    /// Remembers a channel by its key, or that the system refused it at once.
    pub(crate) fn add(&mut self, name: &str, key: Option<Key>) {
        self.lines.entry(name.into()).or_default();
        self.keys.insert(name.into(), key);
        self.born.extend(key.map(|key| (key, name.into())));
    }

    /// How many channels came before this one.
    pub(crate) fn rank(&self, key: Key) -> usize {
        self.born.iter().position(|(born, _)| *born == key).unwrap_or(self.born.len())
    }

    /// Writes down what a wait reported.
    pub(crate) fn hear(&mut self, fired: &[Fired]) {
        let name =
            |key: Key| self.born.get(self.rank(key)).map_or_else(|| format!("{key:?}"), |(_, name)| name.clone());
        self.waits.push(fired.iter().map(|fired| (name(fired.key), fired.readiness)).collect());
    }

    /// Writes down a line. Consecutive writes of a channel count once.
    pub(crate) fn say(&mut self, name: &str, text: impl Into<String>) {
        let (text, lines) = (text.into(), self.lines.entry(name.into()).or_default());
        if !(text == "write" && lines.last().is_some_and(|last| last == "write")) {
            lines.push(text);
        }
        self.events += 1;
    }

    /// Writes down what a channel was told.
    fn tell(&mut self, name: &str, text: impl Into<String>) {
        self.told.insert(name.into());
        self.say(name, text);
    }

    /// Takes note of what a channel was told, and writes nothing down.
    fn note(&mut self, name: &str) {
        self.told.insert(name.into());
        self.events += 1;
    }

    /// What somebody has heard of what a channel sent, given how its stream ended: all of it, unless that was a reset.
    pub(crate) fn compare(&self, hearer: &str, sender: &str, end: &str) -> String {
        let heard = self.heard.get(hearer).copied().unwrap_or_default();
        let sent = self.sent.get(sender).map_or(&[][..], |sent| sent);
        let begins = sent.get(..heard.count()).is_some_and(|beginning| Sum::of(beginning) == heard);
        match (begins, heard.count() == sent.len(), end) {
            (false, ..) => format!("{end}, something else than {sender} sent"),
            (true, _, "reset") => format!("reset, nothing but what {sender} sent"),
            (true, true, _) => format!("{end}, all that {sender} sent"),
            (true, false, _) => format!("{end}, not all that {sender} sent"),
        }
    }

    /// How many lines each has.
    pub(crate) fn lengths(&self) -> Vec<usize> {
        self.lines.values().map(Vec::len).collect()
    }

    /// The whole transcript, by channel.
    pub fn into_lines(self) -> Vec<String> {
        let by_channel = self.lines.into_iter();
        by_channel.flat_map(|(name, lines)| lines.into_iter().map(move |line| format!("{name}: {line}"))).collect()
    }
}

/// The instrumented dispatcher.
#[derive(Debug)]
pub struct Probe {
    name: String,
    pub(crate) out: VecDeque<u8>,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    pub(crate) chunk: usize,
    /// Whether it goes on sending when its peer has finished.
    pub(crate) keeps: bool,
    /// How many bytes it reads before it reads no more, if that is said.
    pub(crate) appetite: Option<usize>,
    /// Whether its reads, and its writes, are not written down.
    pub(crate) hushed: (bool, bool),
    /// Until the first write: whoever connects wants to hear that it can, as asyncore tells it with the connection.
    connecting: bool,
    /// What to do in the next handler of an event: once.
    pub(crate) rules: BTreeMap<String, Vec<String>>,
    spawned: usize,
}

/// What became of a rule.
#[derive(PartialEq, Eq)]
enum Ruled {
    No,
    Yes,
    Refuse,
}

impl Probe {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            out: VecDeque::new(),
            readable: true,
            writable: false,
            chunk: 4096,
            keeps: false,
            appetite: None,
            hushed: (false, false),
            connecting: false,
            rules: BTreeMap::new(),
            spawned: 0,
        }
    }

    /// A probe that is to connect.
    pub(crate) fn connecting(name: &str) -> Self {
        Self { connecting: true, ..Self::new(name) }
    }

    fn say<G: Ground>(&self, channel: &mut Channel<'_, World<G>, Self>, text: impl Into<String>) {
        channel.net().shared.tell(&self.name, text);
    }

    fn say_unless<G: Ground>(
        &self,
        hushed: bool,
        channel: &mut Channel<'_, World<G>, Self>,
        text: impl FnOnce() -> String,
    ) {
        if hushed { channel.net().shared.note(&self.name) } else { self.say(channel, text()) }
    }

    fn breach<G: Ground>(&self, channel: &mut Channel<'_, World<G>, Self>, what: &str) {
        channel.net().shared.breaches.push(format!("{} was told that it {what} (B4, B6)", self.name));
    }

    fn rule<G: Ground>(&mut self, event: &str, channel: &mut Channel<'_, World<G>, Self>) -> Result<Ruled> {
        let Some(action) = self.rules.remove(event) else { return Ok(Ruled::No) };
        match action.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["close"] => {
                self.say(channel, "closed by its handler");
                channel.close();
            }
            ["close", other] => {
                let transcript = &mut channel.net().shared;
                // Whoever names nobody fails like any handler.
                let key = *transcript.keys.get(other).ok_or(Error::user("there is no such neighbour", 0))?;
                transcript.tell(other, "closed by a neighbour");
                match key {
                    Some(key) if key == channel.key() => channel.close(),
                    // One that is closed already may be closed again.
                    Some(key) => drop(channel.neighbour(key).map(|(_, mut io)| io.close())),
                    None => {}
                }
            }
            ["raise"] => return Err(Error::user("asked to fail", 0)),
            ["push", word] => self.out.extend(bytes(word)),
            _ => return Ok(Ruled::Refuse),
        }
        Ok(Ruled::Yes)
    }
}

impl<G: Ground> Dispatcher<World<G>> for Probe {
    fn readable(&self) -> bool {
        self.readable && self.appetite != Some(0)
    }

    fn writable(&self) -> bool {
        self.writable || self.connecting || !self.out.is_empty()
    }

    fn handle_connect(&mut self, channel: &mut Channel<'_, World<G>, Self>) -> Result<()> {
        self.say(channel, "connect");
        self.rule("connect", channel).map(drop)
    }

    fn handle_accepted(
        &mut self,
        guest: &mut Guest<World<G>>,
        channel: &mut Channel<'_, World<G>, Self>,
    ) -> Result<()> {
        self.spawned += 1;
        let name = format!("{}.{}", self.name, self.spawned);
        self.say(channel, format!("accept {name}"));
        if self.rule("accept", channel)? != Ruled::Refuse {
            let key = channel.adopt(guest, Self::new(&name))?;
            channel.net().shared.add(&name, Some(key));
        }
        Ok(())
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, World<G>, Self>) -> Result<()> {
        let rule = self.rules.get("read").map(|words| words.iter().map(String::as_str).collect::<Vec<_>>());
        if matches!(rule.as_deref(), Some(["close"] | ["raise"])) {
            self.say(channel, "read");
            return self.rule("read", channel).map(drop);
        }
        let mut data = vec![0; self.appetite.map_or(self.chunk, |most| most.min(self.chunk))];
        // A channel of which nothing is left but what its peer sent is read without having been told to.
        let told = channel.state() != State::Draining;
        match channel.recv(&mut data)? {
            Received::Data(n) => {
                channel.net().shared.heard.entry(self.name.clone()).or_default().add(&data[..n]);
                self.appetite = self.appetite.map(|most| most - n);
                self.say_unless(self.hushed.0, channel, || format!("read {}", quote(&data[..n])));
                self.rule("read", channel)?;
            }
            Received::WouldBlock if told => self.breach(channel, "could read, and there was nothing"),
            Received::WouldBlock | Received::End => {}
        }
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, World<G>, Self>) -> Result<()> {
        self.say_unless(self.hushed.1, channel, || "write".into());
        self.connecting = false;
        if self.rule("write", channel)? == Ruled::No && !self.out.is_empty() {
            let sent = channel.send(self.out.make_contiguous())?;
            channel.net().shared.sent.entry(self.name.clone()).or_default().extend(self.out.drain(..sent));
            if sent == 0 {
                self.breach(channel, "could write, and there was no room");
            }
        }
        Ok(())
    }

    fn handle_expt(&mut self, channel: &mut Channel<'_, World<G>, Self>) -> Result<()> {
        let text = match channel.recv_urgent() {
            Ok(Some(byte)) => quote(&[byte]),
            // What a plain receive of urgent data says where there is none.
            Ok(None) => "EINVAL".into(),
            Err(why) => name_of(&why),
        };
        self.say(channel, format!("expt {text}"));
        self.rule("expt", channel).map(drop)
    }

    fn handle_eof(&mut self, channel: &mut Channel<'_, World<G>, Self>) -> Result<Eof> {
        if !self.keeps {
            return Ok(Eof::Close);
        }
        self.say(channel, "eof");
        Ok(Eof::KeepSending)
    }

    fn handle_close(&mut self, why: Reason, channel: &mut Channel<'_, World<G>, Self>) -> Result<()> {
        if why != Reason::End {
            channel.net().shared.broken.insert(self.name.clone());
        }
        self.say(channel, "close");
        self.rule("close", channel).map(drop)
    }

    fn handle_error(&mut self, error: Error, channel: &mut Channel<'_, World<G>, Self>) -> Result<()> {
        self.say(channel, format!("error {}", name_of(&error)));
        // And so to close, whatever kind of channel it is.
        Err(error)
    }
}

/// An error as transcripts name it: by errno, or as the handler's own.
pub(crate) fn name_of(error: &Error) -> String {
    match errno_name(error.code()) {
        _ if error.kind() == ErrorKind::User => "handler".into(),
        Some(name) => name.into(),
        None => format!("{:?}", error.kind()),
    }
}
