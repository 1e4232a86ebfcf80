//! One connection: requests in, answers out, one after the other.

use std::time::{Duration, Instant};

use stheno::chat::{Frame, Framing, TOO_LONG};
use stheno::{Channel, Dispatcher, Eof, Error, ErrorKind, Guest, Os, Outbox, Reason, Result, With};

use crate::answer::Answer;
use crate::files::{Found, Part, Root};
use crate::options::Timeouts;
use crate::request::{Refused, Request};
use crate::{select, status};

/// What the loop's table holds.
pub enum Http {
    Door,
    Client(Box<Client>),
}

/// The system's net, and what all connections share.
pub type World = With<Os, Server>;

pub struct Server {
    pub root: Root,
    pub backend: &'static str,
    pub began: Instant,
    pub timeouts: Timeouts,
    pub max_requests: u32,
    /// How many requests were answered.
    pub requests: u64,
    /// How many answers were cut off when the server ended.
    pub cut_off: u64,
}

/// How long a request's head may be. This and the answer are what a connection costs, and some 500 bytes beside.
const REQUEST: usize = 8 * 1024;
/// How much of an answer waits to be sent, at most.
const ANSWER: usize = 16 * 1024;
/// How many requests that came together are answered in one turn, before others have theirs.
const AT_A_TIME: usize = 16;
/// How long a client may take to hang up after the last answer.
const LINGER: Duration = Duration::from_secs(2);
/// What ends a head.
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

pub struct Client {
    requests: Framing<Box<[u8]>>,
    /// Never more than one answer, and at most one file.
    answers: Outbox<Box<[u8]>, Part, 1>,
    answered: u32,
    /// What comes next is the content of a request, and passed over.
    in_content: bool,
    /// More requests may be here, which wait for a turn of their own.
    more: bool,
    /// The answer that waits is the last one.
    last: bool,
    phase: Phase,
    /// The phase has its whole time again.
    begins_anew: bool,
}

/// What a connection waits for. Each phase has its deadline, which nothing moves but the next phase: a client that drips
/// its request byte by byte is still in the same one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The rest of a request.
    Request,
    /// The next request, of which nothing has come.
    Idle,
    /// That the client takes some of its answer: begun anew whenever it did.
    Answer,
    /// That the client hangs up.
    Linger,
}

impl Dispatcher<World> for Http {
    fn readable(&self) -> bool {
        match self {
            Self::Door => true,
            Self::Client(client) => client.requests.room() > 0,
        }
    }

    fn writable(&self) -> bool {
        matches!(self, Self::Client(client) if client.answers.writable() || client.more)
    }

    fn handle_accepted(&mut self, guest: &mut Guest<World>, door: &mut Channel<'_, World, Self>) -> Result<()> {
        // A caller that has gone already has no options to set; reading will tell.
        let _ = guest.socket()?.set_nodelay(true);
        let key = door.adopt(guest, Self::Client(Box::new(Client::new()?)))?;
        // As if its first request had begun already.
        let patience = door.net().shared.timeouts.request;
        door.neighbour(key)?.1.set_timeout(patience);
        Ok(())
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        let Self::Client(client) = self else { return Ok(()) };
        client.requests.fill_from(channel)?;
        client.serve(channel)
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        let Self::Client(client) = self else { return Ok(()) };
        // There is room, so it took something.
        client.begins_anew = true;
        client.serve(channel)
    }

    /// Whoever has shut only its sending half still gets the answers to what it sent.
    fn handle_eof(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<Eof> {
        let Self::Client(client) = self else { return Ok(Eof::Close) };
        if client.answers.is_empty() && !client.more {
            return Ok(Eof::Close);
        }
        if client.last {
            client.answers.close_when_done(channel);
        }
        Ok(Eof::KeepSending)
    }

    fn handle_timeout(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        let Self::Client(client) = self else { return Ok(()) };
        if client.phase == Phase::Request && (client.in_content || !client.requests.is_empty()) {
            // It is told so, if there is room.
            client.answer(Answer::error(408), false, false, channel)?;
            client.answers.flush(channel)?;
        }
        channel.close();
        Ok(())
    }

    /// The answer under way is the last one; who waits for none is closed by the loop.
    fn handle_drain(&mut self, _: &mut Channel<'_, World, Self>) -> Result<()> {
        if let Self::Client(client) = self {
            (client.last, client.more) = (true, false);
        }
        Ok(())
    }

    fn handle_error(&mut self, error: Error, _: &mut Channel<'_, World, Self>) -> Result<()> {
        // A full table is no news: callers wait in line, as they were meant to.
        if error.kind() != ErrorKind::Full {
            eprintln!("http_server: {error}");
        }
        // The door rests while there is no room; a client whose answer failed can only be closed.
        if matches!(self, Self::Door) { Ok(()) } else { Err(error) }
    }

    fn handle_close(&mut self, reason: Reason, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        channel.net().shared.cut_off += u64::from(reason == Reason::TimedOut);
        Ok(())
    }
}

impl Client {
    fn new() -> Result<Self> {
        let mut requests = Framing::new(vec![0; REQUEST].into());
        requests.set_terminator(END_OF_HEAD)?;
        Ok(Self {
            requests,
            answers: Outbox::with_producers(vec![0; ANSWER].into()),
            answered: 0,
            in_content: false,
            more: false,
            last: false,
            phase: Phase::Request,
            begins_anew: false,
        })
    }

    /// Answers what has come, as far as the client takes the answers.
    fn serve(&mut self, channel: &mut Channel<'_, World, Http>) -> Result<()> {
        self.more = true;
        for _ in 0..AT_A_TIME {
            self.answers.flush(channel)?;
            if self.last {
                // Nobody listens to what else it says.
                self.requests.discard();
            }
            if self.last || !self.answers.is_empty() || !self.answer_next(channel)? {
                self.more = false;
                break;
            }
        }
        self.set_deadline(channel);
        Ok(())
    }

    /// Answers the next request, or says that more must come first.
    fn answer_next(&mut self, channel: &mut Channel<'_, World, Http>) -> Result<bool> {
        let has_ended = self.requests.has_ended();
        let head = match self.requests.next() {
            Ok(Some(Frame::Found(_))) if self.in_content => {
                self.in_content = false;
                self.requests.set_terminator(END_OF_HEAD)?;
                return Ok(true);
            }
            Ok(Some(Frame::Collected(_))) if self.in_content => return Ok(true),
            Ok(Some(Frame::Found(head))) => [head, END_OF_HEAD].concat(),
            Err(TOO_LONG) => {
                let status = self.what_is_too_long()?;
                return self.answer(Answer::error(status), false, false, channel).map(|()| true);
            }
            Err(why) => return Err(why),
            // What there is of a request is not the whole of one, and if nothing more comes it never will be.
            Ok(_) => {
                if has_ended {
                    channel.close();
                }
                return Ok(false);
            }
        };
        channel.net().shared.requests += 1;
        match Request::parse(&head) {
            Ok(request) => {
                if request.expects_continue && request.content > 0 {
                    self.answers.push(b"HTTP/1.1 100 Continue\r\n\r\n")?;
                }
                self.pass_over(request.content)?;
                let answer = look_up(&request, channel);
                self.answer(answer, request.head_only, request.keep_alive, channel)
            }
            Err(Refused { status, content, keep_alive, head_only }) => {
                self.pass_over(content.unwrap_or(0))?;
                self.answer(Answer::error(status), head_only, keep_alive, channel)
            }
        }?;
        Ok(true)
    }

    /// Puts an answer where answers wait, of which there are none. Behind the last one the connection ends.
    fn answer(
        &mut self,
        answer: Answer,
        head_only: bool,
        keep_alive: bool,
        channel: &mut Channel<'_, World, Http>,
    ) -> Result<()> {
        self.answered += 1;
        self.last = !keep_alive || self.answered >= channel.net().shared.max_requests;
        self.begins_anew = true;
        let (first, rest) = answer.begin(head_only, !self.last, self.answers.room())?;
        self.answers.push(&first)?;
        if let Some(rest) = rest {
            self.answers.push_with_producer(rest)?;
        }
        if self.last && self.requests.has_ended() {
            self.answers.close_when_done(channel);
        } else if self.last {
            // Not closed, as that would throw away what it is still sending, and the answer with it.
            self.answers.shutdown_when_done(channel)?;
        }
        Ok(())
    }

    fn pass_over(&mut self, content: u64) -> Result<()> {
        if content > 0 {
            self.in_content = true;
            // As it is no longer than what is passed over, it fits.
            self.requests.set_terminator(content as usize)?;
        }
        Ok(())
    }

    /// Whether the first line of a head that is too long ends at all.
    fn what_is_too_long(&mut self) -> Result<u16> {
        self.requests.set_terminator(b"\r\n")?;
        Ok(if matches!(self.requests.next(), Ok(Some(Frame::Found(_)))) { 431 } else { 414 })
    }

    fn set_deadline(&mut self, channel: &mut Channel<'_, World, Http>) {
        let phase = if self.more || !self.answers.is_empty() {
            Phase::Answer
        } else if self.last {
            Phase::Linger
        } else if self.answered > 0 && self.requests.is_empty() && !self.in_content {
            Phase::Idle
        } else {
            Phase::Request
        };
        if !std::mem::take(&mut self.begins_anew) && self.phase == phase {
            return;
        }
        self.phase = phase;
        let timeouts = channel.net().shared.timeouts;
        channel.set_timeout(match phase {
            Phase::Request => timeouts.request,
            Phase::Idle => timeouts.idle,
            Phase::Answer => timeouts.write,
            Phase::Linger => LINGER,
        });
    }
}

/// The answer to a request that is one.
fn look_up(request: &Request<'_>, channel: &mut Channel<'_, World, Http>) -> Answer {
    match request.path {
        "/status" => status::page(channel),
        "/status.json" => status::json(channel),
        path => match channel.net().shared.root.find(path) {
            Found::File(opened) => select::answer(request, opened),
            Found::Moved(to) => Answer::moved(&to),
            Found::Nothing(status) => Answer::error(status),
        },
    }
}
