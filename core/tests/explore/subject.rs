//! The channel under test: whatever it is told of, it does one of all the things that a handler may do.

use std::cell::Cell;

use stheno_core::{Channel, Dispatcher, Eof, Error, ErrorKind, Guest, Half, Io, Reason, Received, Result, State};

use crate::notes::{Deed, Event, Note};
use crate::stage::{DUE, Scripted, Shared, broken};

pub struct Subject {
    pub stage: Shared,
    /// Somebody else in the table, whom nothing concerns.
    pub bystander: bool,
}

pub type Chan<'a> = Channel<'a, Scripted, Subject>;

/// What handlers are unless they are written: the trait's own.
struct Unwritten;

impl Dispatcher<Scripted, Subject> for Unwritten {}

/// How a handler goes about it.
#[derive(Clone, Copy)]
enum Way {
    /// Receives, once; whether there is anything is known.
    Left(bool),
    Own,
    Unwritten,
}

/// What a handler can do beside its own I/O.
const DEEDS: u8 = 16;

impl Subject {
    fn told(
        &mut self,
        event: Event,
        channel: &mut Chan<'_>,
        unwritten: impl FnOnce(&mut Unwritten, &mut Chan<'_>) -> Result<()>,
        own: impl FnOnce(&Self, &mut Chan<'_>) -> Result<()>,
    ) -> Result<()> {
        assert!(!self.bystander, "a bystander was told {event:?}");
        self.stage.note(Note::Told(event));
        let way = if event == Event::Read && channel.state() == State::Draining {
            self.what_is_left()
        } else {
            [Way::Own, Way::Unwritten][usize::from(self.stage.choose(2))]
        };
        let returned = match way {
            Way::Left(left) => {
                self.stage.left.set(Some(left));
                own(self, channel)
            }
            Way::Own => own(self, channel).and_then(|()| self.deed(channel)),
            Way::Unwritten => {
                self.stage.note(Note::Did(Deed::LeaveIt));
                unwritten(&mut Unwritten, channel)
            }
        };
        self.stage.note(Note::Returned(returned.err().map(Into::into)));
        returned
    }

    /// A peer that has gone left more than a turn reads, or nothing; or the handler does something of its own.
    fn what_is_left(&self) -> Way {
        if self.stage.left.get().is_some() {
            return Way::Left(true);
        }
        [Way::Left(true), Way::Left(false), Way::Own, Way::Unwritten][usize::from(self.stage.choose(4))]
    }

    /// An error is passed on, or swallowed.
    fn pass_on<R>(&self, done: Result<R>) -> Result<()> {
        match done {
            Err(why) if self.stage.choose(2) == 0 => Err(why),
            _ => Ok(()),
        }
    }

    fn deed(&self, channel: &mut Chan<'_>) -> Result<()> {
        let did = |deed| self.stage.note(Note::Did(deed));
        match self.stage.choose(DEEDS) {
            1 => close(&self.stage, channel),
            2 => return Err(Error::user("oops", 1)),
            3 => return Err(broken(99)),
            4 => return Err(Error::new(ErrorKind::Exhausted, "no memory").with_code(12)),
            5 => return Err(Error::new(ErrorKind::Full, "no place").with_code(13)),
            6 => return self.pass_on(channel.shutdown(Half::Read)),
            7 => return self.pass_on(channel.shutdown(Half::Write)),
            8 => say(&self.stage, Half::Read),
            9 => say(&self.stage, Half::Write),
            10 => {
                did(Deed::SetTimeout);
                channel.set_timeout(DUE);
            }
            11 => {
                did(Deed::ClearTimeout);
                channel.clear_timeout();
            }
            12 => {
                did(Deed::Touch);
                channel.touch();
            }
            13 => return self.pass_on(channel.send(&[1])),
            14 => pause(&self.stage, channel),
            15 => {
                did(Deed::ReadAgain);
                channel.read_again();
            }
            _ => {}
        }
        Ok(())
    }
}

/// Twice, which is once.
pub fn close(stage: &Shared, io: &mut Io<'_, Scripted>) {
    stage.note(Note::Did(Deed::Close));
    io.close();
    io.close();
}

/// Changes what a predicate says.
pub fn say(stage: &Shared, half: Half) {
    let answer = if half == Half::Read { &stage.reads } else { &stage.writes };
    answer.set(!answer.get());
    stage.note(Note::Did(Deed::Say(half, answer.get())));
}

/// Pauses, or resumes.
pub fn pause(stage: &Shared, io: &mut Io<'_, Scripted>) {
    let paused = !io.is_paused();
    stage.note(Note::Did(Deed::Pause(paused)));
    if paused { io.pause() } else { io.resume() }
}

impl Dispatcher<Scripted> for Subject {
    fn readable(&self) -> bool {
        self.stage.note(Note::Asked(Half::Read, self.stage.reads.get()));
        self.stage.reads.get()
    }
    fn writable(&self) -> bool {
        self.stage.note(Note::Asked(Half::Write, self.stage.writes.get()));
        self.stage.writes.get()
    }
    fn handle_connect(&mut self, channel: &mut Chan<'_>) -> Result<()> {
        assert!(channel.connected());
        self.told(Event::Connect, channel, Unwritten::handle_connect, |_, _| Ok(()))
    }
    fn handle_accepted(&mut self, guest: &mut Guest<Scripted>, channel: &mut Chan<'_>) -> Result<()> {
        self.told(
            Event::Accepted,
            channel,
            |unwritten, channel| unwritten.handle_accepted(guest, channel),
            |_, _| Ok(()),
        )
    }
    fn handle_read(&mut self, channel: &mut Chan<'_>) -> Result<()> {
        self.told(Event::Read, channel, Unwritten::handle_read, |this, channel| {
            let received = channel.recv(&mut [0]);
            assert!(!matches!(received, Ok(Received::Data(n)) if n != 1));
            this.pass_on(received)
        })
    }
    fn handle_write(&mut self, channel: &mut Chan<'_>) -> Result<()> {
        self.told(Event::Write, channel, Unwritten::handle_write, |this, channel| this.pass_on(channel.send(&[1])))
    }
    fn handle_eof(&mut self, channel: &mut Chan<'_>) -> Result<Eof> {
        let answer = Cell::new(Eof::KeepSending);
        let unwritten = |unwritten: &mut Unwritten, channel: &mut Chan<'_>| {
            answer.set(unwritten.handle_eof(channel)?);
            Ok(())
        };
        self.told(Event::Eof, channel, unwritten, |_, _| Ok(()))?;
        Ok(answer.get())
    }
    fn handle_expt(&mut self, channel: &mut Chan<'_>) -> Result<()> {
        self.told(Event::Expt, channel, Unwritten::handle_expt, |this, channel| this.pass_on(channel.recv_urgent()))
    }
    fn handle_timeout(&mut self, channel: &mut Chan<'_>) -> Result<()> {
        self.told(Event::Timeout, channel, Unwritten::handle_timeout, |_, _| Ok(()))
    }
    fn handle_close(&mut self, reason: Reason, channel: &mut Chan<'_>) -> Result<()> {
        assert!(!channel.state().is_live());
        let unwritten = |unwritten: &mut Unwritten, channel: &mut Chan<'_>| unwritten.handle_close(reason, channel);
        self.told(Event::Close(reason.into()), channel, unwritten, |_, _| Ok(()))
    }
    fn handle_error(&mut self, error: Error, channel: &mut Chan<'_>) -> Result<()> {
        let unwritten = |unwritten: &mut Unwritten, channel: &mut Chan<'_>| unwritten.handle_error(error, channel);
        let refuses = |this: &Self, _: &mut Chan<'_>| if this.stage.choose(2) == 1 { Err(error) } else { Ok(()) };
        self.told(Event::Error(error.into()), channel, unwritten, refuses)
    }
}
