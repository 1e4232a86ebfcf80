//! Two people in the chat room, each of whom hears what the other says, or that the other has left.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::streams::{dial, is_end};

/// They come, talk and leave: how many of them were cut off. An error if either heard anything wrong, or waits in vain.
pub fn pair(room: SocketAddr) -> Result<usize, String> {
    let Some(mut ann) = Visitor::come(room, "Ann")? else { return Ok(1) };
    let Some(mut bob) = Visitor::come(room, "Bob")? else { return Ok(1 + outlives(ann, room, "Bob", true)?) };
    match ann.hears("* Bob came", "* Bob left")? {
        Heard::Line => {}
        Heard::Left => return Err("Ann heard that Bob left, and not that he came".into()),
        Heard::End => return Ok(1 + outlives(bob, room, "Ann", false)?),
    }
    for number in 0..3 {
        for bob_speaks in [true, false] {
            let (speaker, hearer) = if bob_speaks { (&mut bob, &mut ann) } else { (&mut ann, &mut bob) };
            let text = format!("that is {number}");
            speaker.says(&text)?;
            let (said, left) = (format!("{}: {text}", speaker.name), format!("* {} left", speaker.name));
            match (hearer.hears(&said, &left)?, bob_speaks) {
                (Heard::Line, _) => {}
                // Whoever is said to have left was cut off.
                (Heard::Left, true) => return bob.is_out().and(Ok(1 + outlives(ann, room, "Bob", false)?)),
                (Heard::Left, false) => return ann.is_out().and(Ok(1 + outlives(bob, room, "Ann", false)?)),
                (Heard::End, true) => return Ok(1 + outlives(bob, room, "Ann", true)?),
                (Heard::End, false) => return Ok(1 + outlives(ann, room, "Bob", true)?),
            }
        }
    }
    drop(bob);
    match ann.hears("* Bob left", "")? {
        Heard::End => Ok(1),
        _ => Ok(0),
    }
}

/// Who was not cut off still hears who comes, after what is to be heard of the one who was.
fn outlives(mut survivor: Visitor, room: SocketAddr, other: &str, may_hear: bool) -> Result<usize, String> {
    let Some(_eve) = Visitor::come(room, "Eve")? else { return Ok(1) };
    let (came, left) = (format!("* {other} came"), format!("* {other} left"));
    loop {
        match survivor.line()? {
            None => return Ok(1),
            Some(line) if line == "* Eve came" => return Ok(0),
            Some(line) if may_hear && (line == came || line == left) => {}
            Some(line) if line == left => {}
            Some(line) => return Err(format!("{} heard {line:?} after {other} had gone", survivor.name)),
        }
    }
}

enum Heard {
    Line,
    /// That the other one left, instead.
    Left,
    End,
}

struct Visitor {
    stream: TcpStream,
    name: &'static str,
    heard: Vec<u8>,
}

impl Visitor {
    /// `None` where the visitor was cut off on the way in.
    fn come(room: SocketAddr, name: &'static str) -> Result<Option<Self>, String> {
        let mut visitor = Self { stream: dial(room)?, name, heard: Vec::new() };
        let Heard::Line = visitor.hears("Welcome. What is your name?", "")? else { return Ok(None) };
        visitor.says(name)?;
        let Heard::Line = visitor.hears("Whatever you type is heard by all.", "")? else { return Ok(None) };
        Ok(Some(visitor))
    }

    fn says(&mut self, line: &str) -> Result<(), String> {
        // One who is cut off hears of it.
        is_end(self.stream.write_all(format!("{line}\n").as_bytes()), "sending").map(drop)
    }

    fn hears(&mut self, line: &str, or: &str) -> Result<Heard, String> {
        match self.line()? {
            Some(heard) if heard == line => Ok(Heard::Line),
            Some(heard) if heard == or => Ok(Heard::Left),
            Some(heard) => Err(format!("{} heard {heard:?} instead of {line:?}", self.name)),
            None if line.as_bytes().starts_with(&self.heard) => Ok(Heard::End),
            None => Err(format!("{} heard half of something else than {line:?}", self.name)),
        }
    }

    /// The next line; `None` at the end.
    fn line(&mut self) -> Result<Option<String>, String> {
        loop {
            if let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
                let line = self.heard.drain(..=end).take(end).collect();
                return String::from_utf8(line).map(Some).map_err(|_| format!("{} heard no text", self.name));
            }
            let mut room = [0; 1024];
            match is_end(self.stream.read(&mut room), "a line")? {
                Some(count @ 1..) => self.heard.extend(&room[..count]),
                _ => return Ok(None),
            }
        }
    }

    /// Whoever is said to have left must find out.
    fn is_out(&mut self) -> Result<(), String> {
        match self.line()? {
            None => Ok(()),
            Some(line) => Err(format!("{} heard {line:?} after having left", self.name)),
        }
    }
}
