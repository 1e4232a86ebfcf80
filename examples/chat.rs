//! A chat room: whoever calls says a name and is heard by all the others.
//!
//! Everyone has a buffer for what is said to them. Who does not read until it is full is shown out, so that a slow reader
//! costs the room no more than that buffer and stalls nobody.

use std::io::{Write, stdout};
use std::net::Ipv4Addr;

use stheno::chat::{Conversation, Frame};
use stheno::{AnyBackend, Channel, Dispatcher, ErrorKind, EventLoop, Guest, Os, Reason, Result, waker};

const HELP: &str = "A chat room, to be visited with nc.\n\nUsage: chat [PORT]   (default: 7007; 0 takes a free one)";

enum Room {
    Door,
    Guest(Box<Member>),
}

struct Member {
    /// Empty until it has been said.
    name: String,
    /// A line is at most 1,024 bytes long, and of what is to be told 16,384 may wait.
    chat: Conversation<[u8; 1024], [u8; 16384]>,
}

impl Dispatcher<Os> for Room {
    fn readable(&self) -> bool {
        !matches!(self, Self::Guest(member) if !member.chat.readable())
    }

    fn writable(&self) -> bool {
        matches!(self, Self::Guest(member) if member.chat.writable())
    }

    fn handle_accepted(&mut self, guest: &mut Guest<Os>, door: &mut Channel<'_, Os, Self>) -> Result<()> {
        let mut chat = Conversation::new();
        chat.input.set_terminator(b"\n")?;
        let key = door.adopt(guest, Self::Guest(Box::new(Member { name: String::new(), chat })))?;
        let (Self::Guest(member), mut io) = door.neighbour(key)? else { return Ok(()) };
        if member.chat.output.send(&mut io, b"Welcome. What is your name?\n").is_err() {
            // Whatever happened to the guest is none of the door's faults.
            io.close();
        }
        Ok(())
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Self::Guest(member) = self else { return Ok(()) };
        member.chat.fill_from(channel)?;
        while let Some((Frame::Found(line), _)) = member.chat.next(channel)? {
            let line = String::from_utf8_lossy(line).replace(char::is_control, "");
            member.said(&line, channel)?;
        }
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Self::Guest(member) = self else { return Ok(()) };
        member.chat.flush(channel)
    }

    fn handle_close(&mut self, _: Reason, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        match self {
            Self::Guest(member) if !member.name.is_empty() => {
                tell_others(channel, &format!("* {} left\n", member.name))
            }
            _ => {}
        }
        Ok(())
    }
}

impl Member {
    fn said(&mut self, line: &str, channel: &mut Channel<'_, Os, Room>) -> Result<()> {
        if !self.name.is_empty() {
            tell_others(channel, &format!("{}: {line}\n", self.name));
        } else if !line.trim().is_empty() {
            self.chat.output.send(channel, b"Whatever you type is heard by all.\n")?;
            self.name = line.trim().chars().take(32).collect();
            tell_others(channel, &format!("* {} came\n", self.name));
        }
        Ok(())
    }
}

/// Says something to everyone else who has a name. Who has not read for so long that it does not fit is shown out, and so
/// is whoever cannot be told for another reason: nobody hears half of what is said.
fn tell_others(channel: &mut Channel<'_, Os, Room>, text: &str) {
    let mut gone = Vec::new();
    channel.for_each_neighbour(|other, io| match other {
        Room::Guest(member) if !member.name.is_empty() => {
            match member.chat.output.send(io, text.as_bytes()).map_err(|why| why.kind()) {
                // A connection that broke is told to its own channel.
                Ok(()) | Err(ErrorKind::Disconnected) => {}
                Err(kind) => {
                    let how = if kind == ErrorKind::Full { "was too slow" } else { "left" };
                    gone.push(format!("* {} {how}\n", std::mem::take(&mut member.name)));
                    io.close();
                }
            }
            true
        }
        _ => false,
    });
    gone.iter().for_each(|text| tell_others(channel, text));
}

fn main() -> std::process::ExitCode {
    let served = match std::env::args().nth(1).as_deref() {
        Some("--help" | "-h") => writeln!(stdout(), "{HELP}").map_err(Into::into),
        Some(port) => port.parse().map_err(|_| format!("{port} is no port\n{HELP}").into()).and_then(serve),
        None => serve(7007),
    };
    u8::from(served.inspect_err(|why| eprintln!("chat: {why}")).is_err()).into()
}

fn serve(port: u16) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut events = EventLoop::<Room, Os, AnyBackend>::new()?;
    let door = events.listen((Ipv4Addr::LOCALHOST, port), Room::Door)?;
    let waker = waker(&mut events)?;
    ctrlc::set_handler(move || waker.stop().unwrap_or_else(|why| eprintln!("cannot stop: {why}")))?;
    let port = events.channel(door)?.1.local_address()?.port().unwrap_or(port);
    writeln!(stdout(), "listening; come in with: nc 127.0.0.1 {port}")?;
    Ok(events.run()?)
}
