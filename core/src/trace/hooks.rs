//! Where channels and the loop say what they do: it is counted, and shown to the net.
//!
//! Each of these is one call in the code that does it, and all are inlined: with a net that does not look, the counting is
//! what remains.

use crate::counters::add;
use crate::imply::{Outcome, Step, Verdict, conclude_of};
use crate::slot::{Flags, Ledger, Own, Slot};
use crate::trace::{Event, Seen};
use crate::{Datagram, Io, Key, Net, Readiness, Received, Result, State};

/// Shows that it was said which handler runs: none does so unseen.
pub(crate) struct Told(());

impl<N: Net> Io<'_, N> {
    /// What the loop has done since it began; for a status page, say.
    #[cfg(feature = "counters")]
    pub fn counters(&self) -> crate::Counters {
        self.ledger.counters
    }

    #[inline]
    fn observe(&mut self, seen: impl FnOnce(Key) -> Seen) {
        self.net.observe(seen(self.own.key(self.index)));
    }

    #[inline]
    pub(crate) fn opens(&mut self, key: Key, state: State) {
        opened(self.net, self.ledger, key, state);
    }

    #[inline]
    pub(crate) fn fires(&mut self, readiness: Readiness) {
        add(&mut self.ledger.counters.fired, 1);
        self.observe(|key| Seen::Fired(key, readiness));
    }

    #[inline]
    pub(crate) fn takes(&mut self, step: Step) {
        self.observe(|key| Seen::Step(key, step));
    }

    /// A handler is about to run.
    #[inline]
    pub(crate) fn tells(&mut self, event: Event) -> Told {
        self.ledger.busy = true;
        let counters = &mut self.ledger.counters;
        add(&mut counters.events, 1);
        match event {
            Event::Timeout => add(&mut counters.timeouts, 1),
            Event::Error(_) => add(&mut counters.errors, 1),
            _ => {}
        }
        self.observe(|key| Seen::Told(key, event));
        Told(())
    }

    /// What follows from an outcome, in the channel's state.
    #[inline]
    pub(crate) fn concludes(&mut self, step: Step, outcome: Outcome) -> Verdict {
        let verdict = conclude_of(self.own.stage, step, outcome);
        self.observe(|key| Seen::Concluded(key, step, outcome, verdict));
        verdict
    }

    /// What an accept brought.
    #[inline]
    pub(crate) fn accepts<C>(&mut self, accepted: &Result<Option<C>>) {
        add(&mut self.ledger.counters.accepts, usize::from(matches!(accepted, Ok(Some(_)))));
        let caller = accepted.as_ref().map(Option::is_some).map_err(|why| *why);
        self.observe(|key| Seen::Accepted(key, caller));
    }

    #[inline]
    pub(crate) fn refuses(&mut self) {
        add(&mut self.ledger.counters.refusals, 1);
        self.observe(Seen::HungUp);
    }

    /// What a receive brought.
    #[inline]
    pub(crate) fn came(&mut self, received: Result<Received>) {
        if let Ok(Received::Data(n)) = received {
            add(&mut self.ledger.counters.received, n);
        }
        self.observe(|key| Seen::Received(key, received));
    }

    #[inline]
    pub(crate) fn datagram_came<A>(&mut self, received: &Result<Option<Datagram<A>>>) {
        self.came(match received {
            Ok(Some(datagram)) => Ok(Received::Data(datagram.len)),
            Ok(None) => Ok(Received::WouldBlock),
            Err(why) => Err(*why),
        });
    }

    #[inline]
    pub(crate) fn urgent_came(&mut self, received: Result<Option<u8>>) {
        self.came(received.map(|byte| byte.map_or(Received::WouldBlock, |_| Received::Data(1))));
    }

    /// What a send took.
    #[inline]
    pub(crate) fn went(&mut self, sent: Result<Option<usize>>) {
        add(&mut self.ledger.counters.sent, sent.ok().flatten().unwrap_or(0));
        self.observe(|key| Seen::Sent(key, sent));
    }
}

#[inline]
pub(crate) fn opened<N: Net>(net: &mut N, ledger: &mut Ledger, key: Key, state: State) {
    add(&mut ledger.counters.opens, 1);
    net.observe(Seen::Opened(key, state));
}

#[inline]
pub(crate) fn closed<N: Net>(net: &mut N, ledger: &mut Ledger, key: Key) {
    add(&mut ledger.counters.closes, 1);
    net.observe(Seen::Closed(key));
}

/// What the backend watches a channel for, now that it has been settled. A bell is no channel.
#[inline]
pub(crate) fn settled<T, N: Net>(net: &mut N, slot: &Slot<T, N>, index: u32) {
    if slot.dispatcher.is_some() && slot.own.stage.is_live() {
        watched(net, &slot.own, index);
    }
}

#[inline]
pub(crate) fn watched<N: Net>(net: &mut N, own: &Own<N::Socket>, index: u32) {
    let registered = own.flags.intersects(Flags::REGISTERED);
    net.observe(Seen::Watched(own.key(index), own.asked().when(registered)));
}
