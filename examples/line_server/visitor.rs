//! Somebody who says commands, and is answered.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use stheno::chat::{Conversation, Frame, Framing, TOO_LONG};
use stheno::{Channel, Eof, Io, Os, Outbox, Result};

use crate::Server;
use crate::count::Count;

const COMMANDS: &str = "\
OK say one of these, each on a line of at most 512 bytes
  HELP       this text
  TIME       seconds since 1970
  ECHO TEXT  the text
  COUNT N    the numbers from 1 to N
  DATA N     takes the N bytes behind this line, and says their sum
  QUIT       goodbye
";

/// How long a line may be, its end included.
const LINE: usize = 512;
/// How long the end may take, once the last word has been said.
pub const GOODBYE: Duration = Duration::from_secs(2);

pub struct Visitor {
    chat: Conversation<[u8; 1024], [u8; 4096], 1, Count, 1>,
    patience: Duration,
    /// The data under way: how much, and its sum so far.
    data: Option<(usize, u64)>,
    /// It counts, and further commands wait until it has done so.
    counts: bool,
}

impl Visitor {
    pub fn new(patience: Duration) -> Result<Self> {
        let mut input = Framing::over([0; 1024]);
        input.set_terminator(b"\n")?;
        input.set_limit(LINE);
        let chat = Conversation::with(input, Outbox::with_producers([0; 4096]));
        Ok(Self { chat, patience, data: None, counts: false })
    }

    /// While it counts further commands wait: its answers are long enough.
    pub fn readable(&self) -> bool {
        self.chat.output.is_closing() || !self.counts && self.chat.readable()
    }

    pub fn writable(&self) -> bool {
        self.chat.writable()
    }

    pub fn greet(&mut self, io: &mut Io<'_, Os>) -> Result<()> {
        io.set_timeout(self.patience);
        self.chat.output.send(io, b"OK say HELP\n")
    }

    pub fn listen(&mut self, channel: &mut Channel<'_, Os, Server>) -> Result<()> {
        if self.chat.output.is_closing() {
            // What comes behind the last word is thrown away until the visitor has gone: a close before would tell it that
            // something was lost, and it might then miss that word.
            return channel.recv(&mut [0; 512]).map(drop);
        }
        self.chat.fill_from(channel)?;
        self.answer(channel)
    }

    pub fn speak(&mut self, channel: &mut Channel<'_, Os, Server>) -> Result<()> {
        self.chat.flush(channel)?;
        if self.chat.output.is_closing() {
            return Ok(());
        }
        channel.set_timeout(self.patience);
        self.counts &= !self.chat.output.is_empty();
        self.answer(channel)
    }

    pub fn has_said_all(&mut self, channel: &mut Channel<'_, Os, Server>) -> Result<Eof> {
        self.answer(channel)?;
        Ok(Eof::KeepSending)
    }

    pub fn is_silent(&mut self, channel: &mut Channel<'_, Os, Server>) -> Result<()> {
        if self.chat.output.is_closing() || self.show_out(b"ERR silent for too long\n", channel).is_err() {
            channel.close();
        }
        Ok(())
    }

    /// Says a last word.
    pub fn show_out(&mut self, word: &[u8], channel: &mut Channel<'_, Os, Server>) -> Result<()> {
        channel.set_timeout(GOODBYE);
        self.chat.output.send(channel, word)?;
        self.chat.output.shutdown_when_done(channel)
    }

    /// Answers what is here, as far as there is room for answers. A line whose end is still to come is no sign of life:
    /// who sends a byte now and then is silent.
    fn answer(&mut self, channel: &mut Channel<'_, Os, Server>) -> Result<()> {
        while !self.counts && !self.chat.output.is_closing() && !self.chat.output.is_high() {
            let (frame, output) = match self.chat.next(channel) {
                Ok(Some(taken)) => taken,
                Ok(None) => return self.end_if_done(channel),
                Err(why) if why == TOO_LONG => {
                    self.chat.input.skip();
                    self.chat.output.send(channel, b"ERR a line is longer than 512 bytes\n")?;
                    continue;
                }
                Err(why) => return Err(why),
            };
            channel.set_timeout(self.patience);
            // The last line may lack its end.
            let (Frame::Found(bytes) | Frame::Collected(bytes)) = frame;
            if let Some((n, sum)) = &mut self.data {
                *sum = bytes.iter().fold(*sum, |sum, byte| sum.wrapping_add(u64::from(*byte)));
                if matches!(frame, Frame::Found(_)) {
                    output.send(channel, format!("OK {n} bytes, sum {sum}\n").as_bytes())?;
                    self.chat.input.set_terminator(b"\n")?;
                    self.data = None;
                }
            } else {
                let line = String::from_utf8_lossy(bytes.strip_suffix(b"\r").unwrap_or(bytes)).into_owned();
                self.obey(&line, channel)?;
            }
        }
        Ok(())
    }

    /// The visitor has said all it had to say, and has its answers: that is the end.
    fn end_if_done(&mut self, channel: &mut Channel<'_, Os, Server>) -> Result<()> {
        if self.chat.input.has_ended() {
            if self.data.is_some() {
                self.chat.output.send(channel, b"ERR the data is cut off\n")?;
            }
            self.chat.output.close_when_done(channel);
        }
        Ok(())
    }

    fn obey(&mut self, line: &str, channel: &mut Channel<'_, Os, Server>) -> Result<()> {
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        let output = &mut self.chat.output;
        let number = rest.trim().parse::<usize>().ok();
        match (command.to_ascii_uppercase().as_str(), number) {
            ("HELP", _) => output.send(channel, COMMANDS.as_bytes()),
            ("TIME", _) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                output.send(channel, format!("OK {}\n", now.as_secs()).as_bytes())
            }
            ("ECHO", _) => output.send(channel, format!("OK {rest}\n").as_bytes()),
            ("COUNT", Some(to)) => {
                output.push_with_producer(Count::to(to))?;
                output.flush(channel)?;
                self.counts = !output.is_empty();
                Ok(())
            }
            ("DATA", Some(0)) => output.send(channel, b"OK 0 bytes, sum 0\n"),
            ("DATA", Some(n)) => {
                self.data = Some((n, 0));
                self.chat.input.set_terminator(n)
            }
            ("COUNT" | "DATA", None) => output.send(channel, b"ERR it takes a number\n"),
            ("QUIT", _) => self.show_out(b"BYE\n", channel),
            _ => output.send(channel, b"ERR there is no such command; say HELP\n"),
        }
    }
}
