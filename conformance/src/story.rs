//! Tells a scenario's story on a loop.

mod agree;
mod turning;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use stheno_core::{Backend, EventLoop, Half, Key, Open, Slot};

use crate::ground::{Failure, Family, Ground};
use crate::in_order::InOrder;
use crate::probe::{Probe, Transcript, World, name_of};
use crate::scenario::{Scenario, Step, bytes};
use crate::sum::Sum;
use crate::telling::Telling;

pub use agree::agrees;
#[cfg(feature = "std")]
pub(crate) use agree::in_normal_form;

/// How long a turn waits.
const TURN: Duration = Duration::from_millis(50);
/// `turn` is one turn and no more, so what was sent before it gets this long to arrive.
const ARRIVAL: Duration = Duration::from_millis(20);
/// How long somebody waits for the bytes that it was promised.
const PATIENCE: Duration = Duration::from_secs(10);

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
        let why = done.err().or_else(|| teller.transcript().breaches.drain(..).next())?;
        Some(format!("line {}: {}: {why}", step.line, step.words.join(" ")))
    });
    Telling::new(core::mem::take(teller.transcript()), broke)
}

struct Teller<G: Ground, B> {
    events: Events<G, B>,
    peers: BTreeMap<String, G::Peer>,
}

type Events<G, B> = EventLoop<Probe, World<G>, InOrder<B>, Vec<Slot<Probe, World<G>>>>;

impl<G: Ground, B: Backend<World<G>> + Open> Teller<G, B> {
    fn new() -> Result<Self, Failure> {
        let world = World { below: G::open()?, shared: Transcript::default() };
        let mut events = EventLoop::with_parts(world, InOrder::open()?, Vec::new());
        // One caller to a read event, and one send of all there is to a write event, as asyncore has it; that there may be
        // more of the one and less of the other is the contract cases' business.
        events.set_accept_budget(1);
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
            ["keeps", name, answer] => self.change(name, |probe| probe.keeps = answer == "on")?,
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
                self.transcript().say(name, format!("heard {heard}"));
            }
            // Streams whose output has to wait.
            ["window", name, bytes] => self.window(name, bytes.parse()?)?,
            ["hush", name, "on"] => self.change(name, |probe| probe.hushed.1 = true)?,
            ["hush", name, _] => {
                self.change(name, |probe| probe.hushed.1 = false)?;
                let sent = Sum::of(self.transcript().sent.get(name).map_or(&[][..], |sent| sent));
                self.transcript().say(name, format!("sent {sent}"));
            }
            ["hear", name, size] => self.hear(name, size.parse()?)?,
            ["rest", name, sender] => {
                let end = if self.peers.contains_key(name) { self.hear_out(name)? } else { self.read_out(name)? };
                let text = self.transcript().compare(name, sender, end);
                self.transcript().say(name, text);
            }
            // The loop.
            ["turn"] => {
                self.net().pass(ARRIVAL);
                self.turn(TURN)?;
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
        open: impl FnOnce(&mut Events<G, B>, Probe) -> stheno_core::Result<Key>,
    ) -> stheno_core::Result<()> {
        self.open_as(Probe::new(name), name, open)
    }

    fn open_as(
        &mut self,
        probe: Probe,
        name: &str,
        open: impl FnOnce(&mut Events<G, B>, Probe) -> stheno_core::Result<Key>,
    ) -> stheno_core::Result<()> {
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

    fn window(&mut self, name: &str, bytes: usize) -> Result<(), Failure> {
        let Some(key) = self.key(name) else { return self.with_peer(name, |net, peer| net.narrow_peer(peer, bytes)) };
        let (_, mut io) = self.events.channel(key)?;
        let (net, socket) = io.net_and_socket()?;
        net.below.narrow(socket, bytes)
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
}
