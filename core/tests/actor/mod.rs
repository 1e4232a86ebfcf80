//! A dispatcher that writes down what it is told, and does what a test says.
#![allow(dead_code)]

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::memory::{Far, Memory, Table, Watch, pair};
use stheno_core::{Channel, Dispatcher, Eof, Error, EventLoop, Guest, Key, Reason, Received, Result, Slot};

pub type Chan<'a> = Channel<'a, Memory, Actor>;
pub type Events = EventLoop<Actor, Memory, Watch, Table<Slot<Actor, Memory>>>;

pub fn events() -> Events {
    let (net, watch) = pair();
    EventLoop::with_parts(net, watch, Table::default())
}

/// A loop with this actor's channel alone, its key, and its far end.
pub fn one(actor: Actor) -> (Events, Key, Far) {
    let mut events = events();
    let (socket, far) = events.net_mut().connection();
    let key = events.add(socket, actor).unwrap();
    (events, key, far)
}

/// What was told, in order, of all actors that share it.
#[derive(Clone, Default)]
pub struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    pub fn line(&self, line: String) {
        self.0.borrow_mut().push(line);
    }

    /// Adds to the last line.
    pub fn word(&self, word: &str) {
        if let Some(last) = self.0.borrow_mut().last_mut() {
            *last += " ";
            *last += word;
        }
    }

    /// What was told since the last time.
    pub fn take(&self) -> Vec<String> {
        self.0.take()
    }

    /// Says what was told since the last time, and wants to hear just that.
    #[track_caller]
    pub fn tells<const N: usize>(&self, lines: [&str; N]) {
        assert_eq!(self.take(), lines);
    }

    pub fn actor(&self, name: &'static str) -> Actor {
        Actor {
            name,
            log: self.clone(),
            chunk: 64,
            wants: Wants::default(),
            eof: Eof::Close,
            stays: Rc::default(),
            hook: None,
        }
    }
}

/// The predicates' answers, and how often each was asked.
#[derive(Clone)]
pub struct Wants {
    pub read: Rc<Cell<bool>>,
    pub write: Rc<Cell<bool>>,
    pub asked: Rc<Cell<u32>>,
}

impl Default for Wants {
    fn default() -> Self {
        Self { read: Rc::new(Cell::new(true)), write: Rc::default(), asked: Rc::default() }
    }
}

/// What happened.
pub enum Event<'a> {
    Connect,
    Accepted(&'a mut Guest<Memory>),
    Read,
    Write,
    Expt,
    Close(Reason),
    Error(Error),
    Timeout,
    /// Only of those who [keep sending](Actor::keeps_sending).
    Eof,
    /// Only of those who have a hook.
    Drain,
}

type Hook = Box<dyn FnMut(&mut Event<'_>, &mut Chan<'_>) -> Option<Result<()>>>;

/// Reads in chunks, adopts its callers, lets errors close, and otherwise only takes note; a hook may do more, or else.
///
/// Wants to read, and not to write, unless it is told so.
pub struct Actor {
    pub name: &'static str,
    pub log: Log,
    pub chunk: usize,
    pub wants: Wants,
    eof: Eof,
    pub stays: Rc<Cell<bool>>,
    hook: Option<Hook>,
}

impl Actor {
    pub fn chunk(mut self, chunk: usize) -> Self {
        self.chunk = chunk;
        self
    }

    pub fn writing(self) -> Self {
        self.wants.write.set(true);
        self
    }

    pub fn keeps_sending(mut self) -> Self {
        self.eof = Eof::KeepSending;
        self
    }

    pub fn staying(self) -> Self {
        self.stays.set(true);
        self
    }

    pub fn not_reading(self) -> Self {
        self.wants.read.set(false);
        self
    }

    /// What to do instead; `None` leaves it at what an actor does by itself.
    pub fn on(mut self, hook: impl FnMut(&mut Event<'_>, &mut Chan<'_>) -> Option<Result<()>> + 'static) -> Self {
        self.hook = Some(Box::new(hook));
        self
    }

    fn tell(&mut self, line: &str, mut event: Event<'_>, channel: &mut Chan<'_>) -> Result<()> {
        self.log.line(format!("{} {line}", self.name));
        if let Some(hook) = &mut self.hook
            && let Some(done) = hook(&mut event, channel)
        {
            return done;
        }
        match event {
            Event::Read => self.read(channel),
            Event::Accepted(guest) => channel.adopt(guest, self.log.actor("guest")).map(drop),
            Event::Error(why) => Err(why),
            _ => Ok(()),
        }
    }

    fn read(&mut self, channel: &mut Chan<'_>) -> Result<()> {
        let mut bytes = vec![0; self.chunk];
        match channel.recv(&mut bytes)? {
            Received::Data(n) => self.log.word(&String::from_utf8_lossy(&bytes[..n])),
            Received::WouldBlock => self.log.word("(nothing)"),
            Received::End => self.log.word("(end)"),
        }
        Ok(())
    }
}

impl Dispatcher<Memory> for Actor {
    fn readable(&self) -> bool {
        self.wants.asked.set(self.wants.asked.get() + 1);
        self.wants.read.get()
    }

    fn stays(&self) -> bool {
        self.stays.get()
    }

    fn writable(&self) -> bool {
        self.wants.asked.set(self.wants.asked.get() + 1);
        self.wants.write.get()
    }
    fn handle_connect(&mut self, channel: &mut Chan<'_>) -> Result<()> {
        self.tell("connect", Event::Connect, channel)
    }
    fn handle_accepted(&mut self, guest: &mut Guest<Memory>, channel: &mut Chan<'_>) -> Result<()> {
        self.tell("accepted", Event::Accepted(guest), channel)
    }
    fn handle_read(&mut self, channel: &mut Chan<'_>) -> Result<()> {
        self.tell("read", Event::Read, channel)
    }
    fn handle_write(&mut self, channel: &mut Chan<'_>) -> Result<()> {
        self.tell("write", Event::Write, channel)
    }
    fn handle_expt(&mut self, channel: &mut Chan<'_>) -> Result<()> {
        self.tell("expt", Event::Expt, channel)
    }
    fn handle_eof(&mut self, channel: &mut Chan<'_>) -> Result<Eof> {
        if self.eof == Eof::KeepSending {
            self.tell("eof", Event::Eof, channel)?;
        }
        Ok(self.eof)
    }
    fn handle_drain(&mut self, channel: &mut Chan<'_>) -> Result<()> {
        if self.hook.is_some() { self.tell("drain", Event::Drain, channel) } else { Ok(()) }
    }
    fn handle_close(&mut self, reason: Reason, channel: &mut Chan<'_>) -> Result<()> {
        self.tell(&format!("close: {reason}"), Event::Close(reason), channel)
    }
    fn handle_error(&mut self, error: Error, channel: &mut Chan<'_>) -> Result<()> {
        self.tell(&format!("error: {error}"), Event::Error(error), channel)
    }
    fn handle_timeout(&mut self, channel: &mut Chan<'_>) -> Result<()> {
        self.tell("timeout", Event::Timeout, channel)
    }
}
