//! A conversation in lines: some announce a body of a length, every one is answered, and who takes leave is let go when it
//! has everything.

use stheno_conformance::faults::Fault;
use stheno_conformance::sim::Address;
use stheno_core::chat::{Conversation, Frame};
use stheno_core::{Channel, Dispatcher, Eof, Error, Guest, Reason, Result};

use crate::life::{Book, Page, Whose};
use crate::session::{Client, Played, World, end, events, play, rest};
use crate::verdict::{Fate, Manners};

/// So many lines are said by everyone.
const LINES: usize = 24;

/// This client takes leave.
const LEAVES: usize = 1;

enum Server {
    Door(Page),
    Guest(Box<Talk>),
}

impl Server {
    fn page(&self) -> &Page {
        match self {
            Self::Door(page) => page,
            Self::Guest(talk) => &talk.page,
        }
    }
}

struct Talk {
    chat: Conversation<[u8; 32], [u8; 96]>,
    in_a_body: bool,
    page: Page,
}

impl Talk {
    fn new(page: Page) -> Result<Self> {
        let mut chat = Conversation::new();
        chat.input.set_terminator(b"\r\n")?;
        Ok(Self { chat, in_a_body: false, page })
    }

    fn go_on(&mut self, channel: &mut Channel<'_, World, Server>) -> Result<()> {
        while let Some((frame, output)) = self.chat.next(channel)? {
            match frame {
                Frame::Found(frame) if self.in_a_body => {
                    output.send_vectored(channel, [frame, b" it is\r\n"])?;
                    self.in_a_body = false;
                    self.chat.input.set_terminator(b"\r\n")?;
                }
                Frame::Found(b"quit") => {
                    output.send_vectored(channel, [b"bye", b"\r\n"])?;
                    output.close_when_done(channel);
                }
                Frame::Found(frame) => match frame.strip_prefix(b"body ") {
                    Some([length]) => {
                        let length = usize::from(length - b'0');
                        self.in_a_body = true;
                        self.chat.input.set_terminator(length)?;
                    }
                    _ => output.send_vectored(channel, [frame, b" indeed\r\n"])?,
                },
                // A line that its end was cut off from is no line.
                Frame::Collected(_) => {}
            }
        }
        Ok(())
    }

    /// What the conversation closes the program has closed.
    fn notice(&self, channel: &Channel<'_, World, Server>) {
        if !channel.state().is_live() {
            self.page.is_left();
        }
    }
}

impl Dispatcher<World> for Server {
    fn readable(&self) -> bool {
        !matches!(self, Self::Guest(talk) if !talk.chat.readable())
    }
    fn writable(&self) -> bool {
        matches!(self, Self::Guest(talk) if talk.chat.writable())
    }
    fn handle_accepted(&mut self, guest: &mut Guest<World>, door: &mut Channel<'_, World, Self>) -> Result<()> {
        self.page().is_told("accepted");
        let page = self.page().book().open(Whose::Caller(*guest.address()));
        door.adopt(guest, Self::Guest(Box::new(Talk::new(page)?))).map(drop)
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        self.page().is_told("read");
        let Self::Guest(talk) = self else { return Ok(()) };
        let done = talk.chat.fill_from(channel).and_then(|_| talk.go_on(channel));
        talk.notice(channel);
        done
    }
    fn handle_write(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        self.page().is_told("write");
        let Self::Guest(talk) = self else { return Ok(()) };
        let done = talk.chat.flush(channel);
        talk.notice(channel);
        done
    }
    fn handle_eof(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<Eof> {
        self.page().is_told("eof");
        match self {
            Self::Guest(talk) => Ok(talk.chat.finish(channel)),
            Self::Door(_) => Ok(Eof::Close),
        }
    }
    fn handle_close(&mut self, _: Reason, _: &mut Channel<'_, World, Self>) -> Result<()> {
        self.page().is_told_its_end();
        Ok(())
    }
    /// Nothing that is said is an error, so whatever fails is the network.
    fn handle_error(&mut self, error: Error, _: &mut Channel<'_, World, Self>) -> Result<()> {
        assert_ne!(error, stheno_core::chat::TOO_LONG, "a line grew");
        self.page().is_told("error");
        Err(error)
    }
}

/// What a client says, and what it should hear.
fn script(id: usize) -> (Vec<u8>, Vec<u8>) {
    let (mut says, mut hears) = (String::new(), String::new());
    for line in 0..LINES {
        if line % 3 == id {
            let body = &"\r\n.\r\n~~~~"[..1 + line % 9];
            says += &format!("body {}\r\n{body}", body.len());
            hears += &format!("{body} it is\r\n");
        } else {
            says += &format!("line {line} of {id}\r\n");
            hears += &format!("line {line} of {id} indeed\r\n");
        }
    }
    if id == LEAVES {
        says += "quit\r\n";
        hears += "bye\r\n";
    }
    (says.into_bytes(), hears.into_bytes())
}

pub fn session(plan: &[Fault]) -> std::result::Result<Played, String> {
    let (mut events, mut turns, book) = (events::<Server>(plan), 0, Book::default());
    let door = Address::new(7007);
    let at = events.listen(door, Server::Door(book.open(Whose::Door))).is_ok().then_some(door);
    if at.is_none() {
        book.never_came(Whose::Door);
    }
    let mut clients: Vec<_> = (0..3).map(|id| Client::dial(&mut events.net_mut().below, at, script(id).0)).collect();
    rest(&mut events, &mut turns)?;
    // Pieces that cut lines, their ends, and what announces a body.
    play(&mut events, &mut clients, 17, &mut turns)?;
    let fates = clients.iter().enumerate();
    let fates = fates.map(|(id, client)| Ok(Fate { goes: id == LEAVES, ..client.fate(&script(id).1)? }));
    let fates = fates.collect::<std::result::Result<Vec<_>, String>>()?;
    end(events, &book, clients, fates, Vec::new(), Manners::default(), turns)
}
