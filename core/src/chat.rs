//! Conversations: what asynchat was. Lines, messages of a length, and whatever else a stream of bytes is cut into.
//!
//! A [`Framing`] cuts what is received into [`Frame`]s at a [`Terminator`]: some bytes, a length, or a length that stands
//! before each frame. A [`Conversation`] is a framing for what comes and an [`Outbox`](crate::Outbox) for what
//! goes.
//!
//! Frames are *taken*, not told: `while let Some(frame) = conversation.next(channel)? { … }`. So a handler may do anything
//! between two of them, change the terminator, discard what waits, close the channel, or stop until the peer has taken its
//! answers, and nothing is called from inside of something else.

mod conversation;
mod framing;
mod needle;
mod terminator;
#[cfg(test)]
mod tests;

pub use conversation::Conversation;
pub use framing::{Frame, Framing, TOO_LONG};
pub use terminator::{Prefix, Terminator};
