//! The steps in which the loop turns, and what every turn owes.
//!
//! A turn that does not last its time has a cause, and a result of a wait has an effect: either the backend that woke the
//! loop for nothing or the loop that did not wait is found out at once, whatever the transcript says.

use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};
use core::time::Duration;

use stheno_core::{Backend, Open, Received};

use super::{PATIENCE, TURN, Teller};
use crate::ground::{Failure, Ground, is_reset};
use crate::probe::{Probe, World};
use crate::scenario::quote;

/// How many turns may bring nothing new before a story is told, and how many there may be at all.
const QUIET_TURNS: usize = 2;
const MAX_TURNS: usize = 4_000;
/// How long a turn waits while a peer does.
const GLIMPSE: Duration = Duration::from_millis(10);
/// How long a peer waits for the end of its stream, and how often it looks.
const ENDING: Duration = Duration::from_secs(2);
const GLANCE: Duration = Duration::from_millis(2);

impl<G: Ground, B: Backend<World<G>> + Open> Teller<G, B> {
    /// One turn, which waits so long at most.
    ///
    /// It is a breach if a wait reports a channel that is then told nothing, or if the turn ends before its time although
    /// nobody was told anything. Three things count as a cause for that: somebody was told something in the turn; somebody
    /// was told something since the turn before, as those are who find out what became of them when the program closes
    /// another; the last channel has gone.
    pub(super) fn turn(&mut self, timeout: Duration) -> stheno_core::Result<()> {
        if self.events.is_empty() {
            return Ok(());
        }
        let began = self.net().clock();
        let transcript = self.transcript();
        let (waits, before) = (transcript.waits.len(), !core::mem::take(&mut transcript.told).is_empty());
        self.events.turn(Some(timeout))?;
        let early = self.net().clock().saturating_since(began) < timeout && !self.events.is_empty();
        let transcript = self.transcript();
        let told = core::mem::take(&mut transcript.told);
        let mut reported = transcript.waits[waits..].iter().flatten();
        if let Some((name, readiness)) = reported.find(|(name, _)| !told.contains(name)) {
            let why = format!("a wait reported {readiness} of {name}, which was told nothing then");
            transcript.breaches.push(why);
        } else if early && told.is_empty() && !before {
            transcript.breaches.push("a turn ended before its time without a cause".into());
        }
        Ok(())
    }

    /// Turns until two in a row bring nothing new. The writes of a channel that always wants to write are nothing new.
    pub(super) fn run(&mut self) -> stheno_core::Result<()> {
        let (mut quiet, mut turns) = (0, 0);
        while quiet < QUIET_TURNS && turns < MAX_TURNS && !self.events.is_empty() {
            let (events, lengths) = (self.transcript().events, self.transcript().lengths());
            self.turn(TURN)?;
            turns += 1;
            let keys: Vec<_> = self.events.keys().collect();
            let idle_writers = keys.iter().any(|key| self.events.dispatcher(*key).is_some_and(|probe| probe.writable));
            let news = self.transcript().lengths() != lengths || self.transcript().events != events && !idle_writers;
            quiet = if news { 0 } else { quiet + 1 };
        }
        if turns == MAX_TURNS {
            self.transcript().breaches.push(format!("the loop does not come to rest within {MAX_TURNS} turns"));
        }
        Ok(())
    }

    pub(super) fn recv(&mut self, name: &str, size: usize) -> Result<(), Failure> {
        let (mut got, mut room) = (Vec::new(), vec![0; size.min(1 << 16)]);
        let until = self.net().clock() + PATIENCE;
        while got.len() < size && self.net().clock() < until {
            let want = room.len().min(size - got.len());
            match self.with_peer(name, |net, peer| net.hear(peer, &mut room[..want])) {
                Ok(Received::End) => break,
                Ok(Received::Data(n)) => got.extend(&room[..n]),
                Ok(Received::WouldBlock) => self.turn(GLIMPSE)?,
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
    pub(super) fn ended(&mut self, name: &str) -> Result<String, Failure> {
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

    /// A channel reads so many bytes, and then reads no more.
    pub(super) fn hear(&mut self, name: &str, size: usize) -> Result<(), Failure> {
        self.change(name, |probe| (probe.readable, probe.appetite) = (true, Some(size)))?;
        self.turn_until(|teller| teller.probe(name).is_none_or(|probe| probe.appetite == Some(0)))?;
        self.change(name, |probe| (probe.readable, probe.appetite) = (false, None))
    }

    /// A channel reads all that there is to its end, which is when it is closed: how that came.
    pub(super) fn read_out(&mut self, name: &str) -> Result<&'static str, Failure> {
        self.change(name, |probe| (probe.readable, probe.hushed.0) = (true, true))?;
        self.turn_until(|teller| teller.probe(name).is_none())?;
        Ok(match self.probe(name).is_some() {
            true => "still open",
            false if self.transcript().broken.contains(name) => "reset",
            false => "end",
        })
    }

    /// A peer receives all that there is to its end: how that came.
    pub(super) fn hear_out(&mut self, name: &str) -> Result<&'static str, Failure> {
        let mut room = vec![0; 1 << 14];
        let until = self.net().clock() + PATIENCE;
        loop {
            match self.with_peer(name, |net, peer| net.hear(peer, &mut room)) {
                Ok(Received::End) => return Ok("end"),
                Ok(Received::Data(n)) => self.transcript().heard.entry(name.into()).or_default().add(&room[..n]),
                Ok(Received::WouldBlock) if self.net().clock() >= until => return Ok("still open"),
                Ok(Received::WouldBlock) if self.events.is_empty() => self.net().pass(GLANCE),
                Ok(Received::WouldBlock) => self.turn(GLIMPSE)?,
                Err(why) if is_reset(&why) => return Ok("reset"),
                Err(why) => return Err(why),
            }
        }
    }

    /// Turns until this is so, but not for ever: what follows in the story tells the difference.
    fn turn_until(&mut self, done: impl Fn(&mut Self) -> bool) -> stheno_core::Result<()> {
        let until = self.net().clock() + PATIENCE;
        while !done(self) && self.net().clock() < until {
            self.turn(TURN)?;
        }
        Ok(())
    }

    /// The channel of this name, unless it is closed.
    fn probe(&mut self, name: &str) -> Option<&Probe> {
        let key = self.key(name)?;
        self.events.dispatcher(key)
    }
}
