//! A channel of the loop: asks the input what to do at every event.

use std::time::Duration;

use stheno_core::{
    Channel, Datagram, Dispatcher, Error, ErrorKind, Guest, Half, Io, Net, Reason, Received, Result, State,
};

use super::book::Shared;
use crate::memory::Memory;

/// Where the program listens.
pub const DOOR: u16 = 7;
/// Where nobody listens.
pub const NOBODY: u16 = 9;
/// Where a mailbox is.
pub const MAILBOX: u16 = 8;

pub struct Member<'a> {
    pub id: usize,
    book: Shared<'a>,
    pub reads: bool,
    pub writes: bool,
}

type Chan<'c, 'a> = Channel<'c, Memory, Member<'a>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Nothing,
    Send,
    Receive,
    CloseSelf,
    CloseOther,
    SendOnOther,
    ReceiveOnOther,
    TouchOther,
    ShutRead,
    ShutWrite,
    Fail,
    FailForWantOfRoom,
    PassOnABreak,
    SetTimeout,
    ClearTimeout,
    Reads,
    Writes,
    DialOut,
    DialNobody,
    Add,
    Listen,
    SendUrgent,
    Stop,
}

const ACTIONS: [Action; 23] = [
    Action::Nothing,
    Action::Send,
    Action::Receive,
    Action::CloseSelf,
    Action::CloseOther,
    Action::SendOnOther,
    Action::ReceiveOnOther,
    Action::TouchOther,
    Action::ShutRead,
    Action::ShutWrite,
    Action::Fail,
    Action::FailForWantOfRoom,
    Action::PassOnABreak,
    Action::SetTimeout,
    Action::ClearTimeout,
    Action::Reads,
    Action::Writes,
    Action::DialOut,
    Action::DialNobody,
    Action::Add,
    Action::Listen,
    Action::SendUrgent,
    Action::Stop,
];

impl<'a> Member<'a> {
    pub fn new(book: &Shared<'a>) -> Self {
        let id = book.borrow_mut().enrol();
        Self { id, book: book.clone(), reads: true, writes: false }
    }

    fn told(&self, event: &str, channel: &Chan<'_, 'a>) {
        self.book.borrow_mut().told(self.id, event, channel.key(), channel.state().is_live());
    }

    /// As many things as the input says, of which the last one's end is the handler's.
    fn act(&mut self, channel: &mut Chan<'_, 'a>) -> Result<()> {
        let count = self.book.borrow_mut().tape.up_to(3);
        let mut done = Ok(());
        for _ in 0..count {
            let action = self.book.borrow_mut().tape.one_of(&ACTIONS);
            done = self.one(action, channel);
            self.book.borrow_mut().note(|| format!("    {action:?}: {done:?}"));
        }
        done
    }

    fn one(&mut self, action: Action, channel: &mut Chan<'_, 'a>) -> Result<()> {
        match action {
            Action::Nothing => {}
            Action::Send => return send(&self.book, channel),
            Action::Receive => return receive(&self.book, channel),
            Action::CloseSelf => {
                if channel.state().is_live() {
                    self.book.borrow_mut().players[self.id].closed = true;
                }
                channel.close();
                assert_eq!(channel.recv(&mut [0]).map_err(|why| why.kind()), Err(ErrorKind::Stale));
            }
            Action::CloseOther | Action::SendOnOther | Action::ReceiveOnOther | Action::TouchOther => {
                return self.with_other(action, channel);
            }
            Action::ShutRead => {
                self.book.borrow_mut().players[self.id].deaf = true;
                return channel.shutdown(Half::Read);
            }
            Action::ShutWrite => return channel.shutdown(Half::Write),
            Action::Fail => return Err(Error::user("oops", 1)),
            Action::FailForWantOfRoom => return Err(Error::new(ErrorKind::Full, "no room")),
            Action::PassOnABreak => return Err(Error::new(ErrorKind::Disconnected, "somebody else's connection")),
            Action::SetTimeout => {
                let time = self.book.borrow_mut().tape.any::<u8>();
                channel.set_timeout(Duration::from_millis(u64::from(time)));
            }
            Action::ClearTimeout => channel.clear_timeout(),
            Action::Reads => self.reads = self.book.borrow_mut().tape.any(),
            Action::Writes => self.writes = self.book.borrow_mut().tape.any(),
            Action::DialOut | Action::DialNobody => {
                let newcomer = Member::new(&self.book);
                let id = newcomer.id;
                let to = if action == Action::DialOut { DOOR } else { NOBODY };
                let key = channel.connect_to(to, newcomer);
                self.book.borrow_mut().opened(id, &key);
                return key.map(drop);
            }
            Action::Add => {
                let newcomer = Member::new(&self.book);
                let id = newcomer.id;
                let (socket, far) = channel.net().connection();
                let key = channel.add(socket, newcomer);
                self.book.borrow_mut().opened(id, &key);
                channel.net().hang_up(far);
                return key.map(drop);
            }
            Action::Listen => {
                let newcomer = Member::new(&self.book);
                let id = newcomer.id;
                let key = channel.listen_at(DOOR, newcomer);
                self.book.borrow_mut().opened(id, &key);
                return key.map(drop);
            }
            Action::SendUrgent if channel.connected() => return channel.send_urgent(b'!').map(drop),
            Action::SendUrgent => {}
            Action::Stop => channel.stop(),
        }
        Ok(())
    }

    fn with_other(&mut self, action: Action, channel: &mut Chan<'_, 'a>) -> Result<()> {
        let key = {
            let mut pages = self.book.borrow_mut();
            let most = pages.players.len() - 1;
            let other = pages.tape.up_to(most);
            let Some(key) = pages.players[other].key else { return Ok(()) };
            key
        };
        let Ok((other, mut io)) = channel.neighbour(key) else { return Ok(()) };
        assert_eq!(io.key(), key);
        match action {
            Action::CloseOther => {
                self.book.borrow_mut().players[other.id].closed = true;
                io.close();
                assert!(channel.neighbour(key).is_err(), "a channel that was closed was found");
                Ok(())
            }
            Action::SendOnOther => send(&self.book, &mut io),
            Action::ReceiveOnOther => receive(&self.book, &mut io),
            _ => {
                io.touch();
                Ok(())
            }
        }
    }
}

/// Sends a few of the bytes that come next.
pub fn send(book: &Shared<'_>, io: &mut Io<'_, Memory>) -> Result<()> {
    if io.state() == State::Datagram {
        return io.send_to(b"letter", &MAILBOX).map(drop);
    }
    let (Ok(here), Ok(there)) = (io.local_address(), io.peer_address()) else { return Ok(()) };
    let bytes = {
        let mut pages = book.borrow_mut();
        let count = 1 + pages.tape.up_to(40);
        pages.numbered(here, there, count)
    };
    let sent = io.send(&bytes)?;
    assert!(sent <= bytes.len());
    book.borrow_mut().sent(here, there, sent);
    Ok(())
}

/// Receives a few bytes, which must be those that come next.
pub fn receive(book: &Shared<'_>, io: &mut Io<'_, Memory>) -> Result<()> {
    let most = {
        let tape = &mut book.borrow_mut().tape;
        // Who reads because nothing else is left to do reads a lot.
        if tape.is_over() { 4096 } else { 1 + tape.up_to(40) }
    };
    let mut bytes = vec![0; most];
    if io.state() == State::Datagram {
        if let Some(Datagram { len, truncated, from }) = io.recv_from(&mut bytes)? {
            assert!(len <= most && truncated == (len < b"letter".len()) && from != 0);
        }
        return Ok(());
    }
    let addresses = (io.peer_address(), io.local_address());
    if let Received::Data(count) = io.recv(&mut bytes)? {
        assert!(count > 0, "nothing was received, and called data");
        let (Ok(from), Ok(to)) = addresses else { panic!("data from nowhere") };
        book.borrow_mut().received(from, to, &bytes[..count]);
    }
    Ok(())
}

impl<'a> Dispatcher<Memory> for Member<'a> {
    fn readable(&self) -> bool {
        self.reads
    }

    fn writable(&self) -> bool {
        self.writes
    }

    fn handle_connect(&mut self, channel: &mut Chan<'_, 'a>) -> Result<()> {
        self.told("connect", channel);
        assert!(channel.connected(), "rule 5: connected before it is told");
        self.act(channel)
    }

    fn handle_accepted(&mut self, guest: &mut Guest<Memory>, channel: &mut Chan<'_, 'a>) -> Result<()> {
        self.told("accepted", channel);
        let what = self.book.borrow_mut().tape.up_to(3);
        match what {
            0 | 1 => {
                let newcomer = Member::new(&self.book);
                let id = newcomer.id;
                let key = channel.adopt(guest, newcomer);
                self.book.borrow_mut().opened(id, &key);
                key?;
            }
            2 => {
                if let Some(socket) = guest.take() {
                    channel.net().close(socket);
                }
                assert!(guest.socket().is_err());
            }
            _ => {}
        }
        self.act(channel)
    }

    fn handle_read(&mut self, channel: &mut Chan<'_, 'a>) -> Result<()> {
        self.told("read", channel);
        receive(&self.book, channel)?;
        self.act(channel)
    }

    fn handle_write(&mut self, channel: &mut Chan<'_, 'a>) -> Result<()> {
        self.told("write", channel);
        self.writes = false;
        self.act(channel)
    }

    fn handle_expt(&mut self, channel: &mut Chan<'_, 'a>) -> Result<()> {
        self.told("expt", channel);
        if channel.connected() {
            channel.recv_urgent()?;
        }
        self.act(channel)
    }

    fn handle_close(&mut self, reason: Reason, channel: &mut Chan<'_, 'a>) -> Result<()> {
        self.told("close", channel);
        // What ended by itself, and not because of an error that was made here, has been read to its end.
        if self.reads
            && matches!(reason, Reason::End | Reason::Disconnected(_))
            && let (Ok(here), Ok(there)) = (channel.local_address(), channel.peer_address())
            && !self.book.borrow().players[self.id].deaf
        {
            self.book.borrow().nothing_lost(there, here);
        }
        self.act(channel)
    }

    fn handle_error(&mut self, error: Error, channel: &mut Chan<'_, 'a>) -> Result<()> {
        self.told("error", channel);
        self.act(channel)?;
        if self.book.borrow_mut().tape.any() { Ok(()) } else { Err(error) }
    }

    fn handle_timeout(&mut self, channel: &mut Chan<'_, 'a>) -> Result<()> {
        self.told("timeout", channel);
        self.act(channel)
    }
}
