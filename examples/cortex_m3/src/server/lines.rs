//! A conversation in lines.

use stheno_core::chat::{Conversation, Frame, TOO_LONG};
use stheno_core::{Channel, Net, Result};

use super::Server;

/// How long a line may be, and how much of the answers waits.
const LINE: usize = 128;
const ANSWERS: usize = 512;

/// One side of a conversation, and how many lines it has heard.
pub struct Lines {
    /// What comes and what goes.
    pub chat: Conversation<[u8; LINE], [u8; ANSWERS]>,
    heard: u32,
}

impl Lines {
    pub(super) fn new(mut chat: Conversation<[u8; LINE], [u8; ANSWERS]>) -> Result<Self> {
        chat.input.set_terminator(b"\n")?;
        Ok(Self { chat, heard: 0 })
    }

    /// Answers each line with its number and its letters turned round; `quit` is the end of the conversation, `shutdown`
    /// that of the server. A line that is too long is passed over, and said to be.
    pub(super) fn answer<N: Net>(&mut self, channel: &mut Channel<'_, N, Server>) -> Result<()> {
        self.chat.fill_from(channel)?;
        loop {
            match self.chat.next(channel) {
                Ok(None) => return Ok(()),
                Ok(Some((frame, output))) => {
                    let (Frame::Found(line) | Frame::Collected(line)) = frame;
                    self.heard += 1;
                    if matches!(line, b"quit" | b"shutdown") {
                        output.send(channel, b"bye\n")?;
                        output.close_when_done(channel);
                        if line == b"shutdown" {
                            channel.stop();
                        }
                        continue;
                    }
                    let mut number = [b'0'; 4];
                    let mut left = self.heard;
                    for digit in number.iter_mut().rev() {
                        (*digit, left) = (b'0' + (left % 10) as u8, left / 10);
                    }
                    output.send_vectored(channel, [&number, b" "])?;
                    let mut turned = [0; LINE];
                    let turned = &mut turned[..line.len()];
                    turned.copy_from_slice(line);
                    turned.reverse();
                    output.send_vectored(channel, [turned, b"\n"])?;
                }
                Err(TOO_LONG) => {
                    self.heard += 1;
                    self.chat.input.skip();
                    self.chat.output.send(channel, b"too long\n")?;
                }
                Err(why) => return Err(why),
            }
        }
    }
}
