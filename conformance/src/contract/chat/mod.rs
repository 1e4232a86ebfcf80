//! Conversations and outboxes, on any network: each fact that CPython's tests of asynchat assert, under the name of its
//! test, and each place where asynchat is wrong.

use std::time::Duration;

use stheno::chat::{Conversation, Frame, Framing, Terminator};
use stheno::{Backend, Channel, Dispatcher, Eof, Error, EventLoop, Key, Open, Outbox, Reason};

use super::far_end::hear_all;
use super::support::{Counted, Log, PATIENCE, fresh_loop, hold, same, word};
use super::{Case, Failure, Verdict};
use crate::ground::Ground;

mod asynchat;
mod flaws;
mod frames;
mod pressure;

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    [asynchat::cases::<G, B>(), flaws::cases::<G, B>(), frames::cases::<G, B>(), pressure::cases::<G, B>()].concat()
}

/// Memories of any size, and a line of three producers.
type Chat = Conversation<Vec<u8>, Vec<u8>, 8, &'static [u8], 3>;

/// What is done with a frame, besides writing it down.
type Script<G> = Box<dyn FnMut(&[u8], &mut Chat, &mut Channel<'_, G, Talker<G>>) -> stheno::Result<()>>;

/// A channel that holds a conversation, and writes down what it is told: `found`, `collected`, errors and the end.
struct Talker<G: Ground> {
    chat: Chat,
    log: Log,
    /// How many bytes have come.
    received: usize,
    /// Whether it takes errors upon itself.
    forgiving: bool,
    script: Script<G>,
}

impl<G: Ground> Talker<G> {
    /// With so much memory for what comes, and for what goes.
    fn new(log: &Log, input: usize, output: usize) -> Self {
        let chat = Chat::with(Framing::over(vec![0; input]), Outbox::with_producers(vec![0; output]));
        Self { chat, log: log.clone(), received: 0, forgiving: false, script: Box::new(|_, _, _| Ok(())) }
    }

    fn ending<'a>(mut self, terminator: impl Into<Terminator<'a>>) -> Result<Self, Error> {
        self.chat.input.set_terminator(terminator)?;
        Ok(self)
    }

    fn on(
        mut self,
        script: impl FnMut(&[u8], &mut Chat, &mut Channel<'_, G, Self>) -> stheno::Result<()> + 'static,
    ) -> Self {
        self.script = Box::new(script);
        self
    }
}

impl<G: Ground> Dispatcher<G> for Talker<G> {
    fn readable(&self) -> bool {
        self.chat.readable()
    }

    fn writable(&self) -> bool {
        self.chat.writable()
    }

    fn handle_connect(&mut self, _: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        Ok(())
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        if let stheno::Received::Data(n) = self.chat.fill_from(channel)? {
            self.received += n;
        }
        while let Some((frame, _)) = self.chat.next(channel)? {
            let (what, bytes) = match frame {
                Frame::Found(bytes) => ("found", bytes.to_vec()),
                Frame::Collected(bytes) => ("collected", bytes.to_vec()),
            };
            self.log.say(format!("{what} {}", text(&bytes)));
            (self.script)(&bytes, &mut self.chat, channel)?;
        }
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.chat.flush(channel)
    }

    fn handle_eof(&mut self, channel: &mut Channel<'_, G, Self>) -> stheno::Result<Eof> {
        Ok(self.chat.finish(channel))
    }

    fn handle_error(&mut self, error: Error, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.log.say(format!("error {}", error.text()));
        if !self.forgiving {
            return Err(error);
        }
        self.chat.go_on(channel);
        Ok(())
    }

    fn handle_close(&mut self, reason: Reason, _: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        let why = match reason {
            Reason::Disconnected(why) | Reason::Error(why) => word(&why),
            other => other.to_string(),
        };
        self.log.say(format!("close {why}"));
        Ok(())
    }
}

/// A conversation with a far end.
struct Talk<G: Ground, B> {
    events: EventLoop<Talker<G>, G, Counted<B>>,
    key: Key,
    peer: Option<G::Peer>,
    log: Log,
    heard: Vec<u8>,
}

impl<G: Ground, B: Backend<G> + Open> Talk<G, B> {
    fn with(talker: Talker<G>) -> Result<Self, Failure> {
        let log = talker.log.clone();
        let mut events = fresh_loop::<_, G, B>()?;
        let (ours, theirs) = events.net_mut().pair()?;
        let key = events.add(ours, talker)?;
        Ok(Self { events, key, peer: Some(theirs), log, heard: Vec::new() })
    }

    /// With memory enough for everything here.
    fn new<'a>(terminator: impl Into<Terminator<'a>>) -> Result<Self, Failure> {
        Self::with(Talker::new(&Log::default(), 256, 256).ending(terminator)?)
    }

    /// With something done for each frame.
    fn on<'a>(
        terminator: impl Into<Terminator<'a>>,
        script: impl FnMut(&[u8], &mut Chat, &mut Channel<'_, G, Talker<G>>) -> stheno::Result<()> + 'static,
    ) -> Result<Self, Failure> {
        Self::with(Talker::new(&Log::default(), 256, 256).ending(terminator)?.on(script))
    }

    fn talker(&mut self) -> Result<&mut Talker<G>, Failure> {
        Ok(self.events.channel(self.key)?.0)
    }

    fn peer(&mut self) -> Result<(&mut G, &mut G::Peer), Failure> {
        let peer = self.peer.as_mut().ok_or("the peer has hung up")?;
        Ok((self.events.net_mut(), peer))
    }

    /// The peer says something; whether anybody takes it is another matter.
    fn say(&mut self, words: &[u8]) -> Verdict {
        let (net, peer) = self.peer()?;
        net.say(peer, words)
    }

    /// The peer says it in pieces, each of which has been received before the next is said.
    fn say_in_pieces(&mut self, words: &[u8], of: usize) -> Verdict {
        let mut expected = self.talker()?.received;
        for piece in words.chunks(of) {
            self.say(piece)?;
            expected += piece.len();
            self.until("a piece is received", |talk| Ok(talk.talker()?.received >= expected))?;
        }
        Ok(())
    }

    fn hang_up(&mut self) {
        if let Some(peer) = self.peer.take() {
            self.events.net_mut().hang_up(peer);
        }
    }

    fn turn(&mut self) -> Verdict {
        self.events.turn(Some(Duration::from_millis(5)))?;
        Ok(())
    }

    /// Turns until something holds.
    fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> Result<bool, Failure>) -> Verdict {
        let until = self.events.net().clock() + PATIENCE;
        while !done(self)? {
            hold(self.events.net().clock() < until, || {
                format!("{what}: not within {PATIENCE:?}, only {:?}", self.log.lines())
            })?;
            self.turn()?;
        }
        Ok(())
    }

    /// Turns until so much was told, and a little longer: that must be all.
    fn tells(&mut self, expected: &[&str]) -> Verdict {
        let until = self.events.net().clock() + PATIENCE;
        while self.log.lines().len() < expected.len() && self.events.net().clock() < until {
            // A simulated network has nothing to wait for once no channel is left.
            if self.events.is_empty() {
                break;
            }
            self.turn()?;
        }
        for _ in 0..3 {
            self.turn()?;
        }
        same("what was told", self.log.lines(), expected.to_vec())
    }

    /// Turns until the far end has heard so much; that must be all that it hears, and this.
    fn hears(&mut self, expected: &[u8]) -> Verdict {
        self.hears_so_far(expected.len())?;
        same("what the far end heard", text(&self.heard), text(expected))
    }

    /// Turns until the far end has heard so much.
    fn hears_so_far(&mut self, count: usize) -> Verdict {
        self.until("the far end hears", |talk| {
            talk.listen()?;
            Ok(talk.heard.len() >= count)
        })
    }

    /// Takes what the far end has heard; false where its connection is over.
    fn listen(&mut self) -> Result<bool, Failure> {
        let mut heard = std::mem::take(&mut self.heard);
        let (net, peer) = self.peer()?;
        net.pass(Duration::from_millis(1));
        let goes_on = hear_all(net, peer, &mut heard);
        self.heard = heard;
        goes_on
    }

    /// Turns until the far end finds that the connection is over, with this and no more heard by then.
    fn ends_with(&mut self, expected: &[u8]) -> Verdict {
        self.until("the far end finds the end", |talk| Ok(!talk.listen()?))?;
        same("what the far end heard", text(&self.heard), text(expected))?;
        hold(self.events.is_empty(), || "the channel is still there".into())
    }
}

/// Bytes in print.
fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
