//! Whole turns: an echo, its peer's send and receive included.

use std::time::Duration;

use stheno::{Backend, Channel, Dispatcher, Epoll, EventLoop, Net, Open, Os, Outbox, Received, Result, Socket};
use stheno_conformance::sim::{Sim, Watch};

use super::Again;

struct Echo(Outbox<[u8; 256]>);

impl<N: Net> Dispatcher<N> for Echo {
    fn readable(&self) -> bool {
        self.0.room() > 0
    }

    fn writable(&self) -> bool {
        self.0.writable()
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
        if let Received::Data(_) = self.0.fill_from(channel)? {
            self.0.flush(channel)?;
        }
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
        self.0.flush(channel)
    }
}

/// Over the simulated network.
pub fn simulated(channels: usize) -> Result<Again> {
    again::<Sim, Watch>(Sim::new(), channels, Sim::pair)
}

/// Over the system's pairs of sockets, and epoll.
pub fn on_pairs(channels: usize) -> Result<Again> {
    again::<Os, Epoll>(Os, channels, |_| Socket::pair())
}

/// Both ends of a connection.
type Pair<N> = (<N as Net>::Socket, <N as Net>::Socket);

/// A turn in which each channel sends back 64 bytes.
fn again<N: Net + 'static, B: Backend<N> + Open + 'static>(
    net: N,
    channels: usize,
    pair: fn(&mut N) -> Result<Pair<N>>,
) -> Result<Again>
where
    N::Socket: 'static,
{
    let mut events = EventLoop::<Echo, N, B>::with_parts(net, B::open()?, Vec::new());
    let mut peers = Vec::new();
    for _ in 0..channels {
        let (ours, theirs) = pair(events.net_mut())?;
        events.add(ours, Echo(Outbox::new()))?;
        peers.push(theirs);
    }
    let mut turn = move || -> Result<()> {
        for peer in &mut peers {
            assert_eq!(events.net_mut().send(peer, &[7; 64])?, Some(64));
        }
        assert_eq!(events.turn(Some(Duration::ZERO))?.fired, channels);
        let mut came = [0; 64];
        for peer in &mut peers {
            assert_eq!(events.net_mut().recv(peer, &mut came)?, Received::Data(64));
        }
        assert_eq!(came, [7; 64]);
        Ok(())
    };
    Ok(Box::new(move || turn().expect("an echo fails")))
}
