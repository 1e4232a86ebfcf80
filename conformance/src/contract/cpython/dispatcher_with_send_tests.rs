//! `DispatcherWithSendTests`, over an outbox.

use stheno::{Backend, Channel, Dispatcher, Open, Outbox, Received};

use super::super::support::{fresh_loop, hold, same};
use super::super::{Case, Verdict};
use super::{door, for_both_families, turn_until};
use crate::ground::{Family, Ground, Need};

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    for_both_families!("DispatcherWithSendTests.test_send", "rules 5 and 8", send).into()
}

/// Sends what waits, and wants to hear nothing.
struct Sender(Outbox<Box<[u8]>>);

impl<G: Ground> Dispatcher<G> for Sender {
    fn readable(&self) -> bool {
        false
    }
    fn writable(&self) -> bool {
        !self.0.is_empty()
    }
    fn handle_connect(&mut self, _: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        Ok(())
    }
    fn handle_write(&mut self, channel: &mut Channel<'_, G, Self>) -> stheno::Result<()> {
        self.0.flush(channel)
    }
}

/// What is sent while the connection is still being made arrives whole and in order.
pub(in super::super) fn send<G: Ground, B: Backend<G> + Open>(at: &G::Address) -> Verdict {
    let mut events = fresh_loop::<Sender, G, B>()?;
    let (mut door, at) = door(events.net_mut(), at)?;
    let key = events.connect(at, Sender(Outbox::over(vec![0; 1 << 15].into())))?;
    let middle = vec![b'-'; 20_000];
    let parts = [&b"first "[..], &middle, b" last\n"];
    for part in parts {
        let (sender, mut io) = events.channel(key)?;
        sender.0.send(&mut io, part)?;
    }
    let expected = parts.concat();
    let waits = events.dispatcher(key).map(|sender| sender.0.len());
    same("bytes that wait for the connection", waits, Some(expected.len()))?;
    let (mut guest, mut came) = (None, Vec::<u8>::new());
    turn_until(&mut events, "all of it", |events| {
        if guest.is_none() {
            guest = events.net_mut().accept(&mut door)?.map(|(guest, _)| guest);
        }
        let Some(guest) = &mut guest else { return Ok(false) };
        let mut some = [0; 4096];
        while let Received::Data(n) = events.net_mut().recv(guest, &mut some)? {
            came.extend(&some[..n]);
        }
        Ok(came.len() >= expected.len() && events.dispatcher(key).is_some_and(|sender| sender.0.is_empty()))
    })?;
    hold(came == expected, || format!("{} bytes came, or not in order", came.len()))
}
