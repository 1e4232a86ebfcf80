//! Stheno, as its documentation recommends: a dispatcher for the door and one for a client, and what they share in the net.

use std::net::TcpListener;

use stheno::{Backend, Channel, Dispatcher, EventLoop, Guest, Open, Os, Reason, Received, Result, Socket, With};
use stheno_rivals::census::Census;
use stheno_rivals::echo::{Rest, scratch};

use crate::Failure;

pub struct Shared {
    scratch: Box<[u8]>,
    census: Census,
}

pub type Net = With<Os, Shared>;

enum Echo {
    Door,
    Client(Rest),
}

impl Dispatcher<Net> for Echo {
    fn readable(&self) -> bool {
        !self.writable()
    }

    fn writable(&self) -> bool {
        matches!(self, Self::Client(rest) if !rest.is_empty())
    }

    fn handle_accepted(&mut self, guest: &mut Guest<Net>, door: &mut Channel<'_, Net, Self>) -> Result<()> {
        // A caller that has gone already has no options to set; reading will tell.
        let _ = guest.socket()?.set_nodelay(true);
        door.adopt(guest, Self::Client(Rest::default()))?;
        door.net().shared.census.came();
        Ok(())
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, Net, Self>) -> Result<()> {
        let Self::Client(rest) = self else { return Ok(()) };
        if let Received::Data(n) = channel.recv_shared(|shared| &mut shared.scratch)? {
            let sent = channel.send_shared(|shared| &shared.scratch[..n])?;
            if sent < n {
                rest.keep(&channel.net().shared.scratch[sent..n]);
            }
        }
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, Net, Self>) -> Result<()> {
        if let Self::Client(rest) = self {
            let sent = channel.send(rest.as_slice())?;
            rest.sent(sent);
        }
        Ok(())
    }

    fn handle_close(&mut self, _: Reason, channel: &mut Channel<'_, Net, Self>) -> Result<()> {
        if let Self::Client(_) = self
            && channel.net().shared.census.left()
        {
            channel.stop();
        }
        Ok(())
    }
}

pub fn serve<B: Backend<Net> + Open>(door: TcpListener) -> std::result::Result<(), Failure> {
    let net = With { below: Os, shared: Shared { scratch: scratch(), census: Census::default() } };
    let mut events = EventLoop::<Echo, Net, B>::with_parts(net, B::open()?, Vec::new());
    events.add(Socket::adopt(door)?, Echo::Door)?;
    Ok(events.run()?)
}
