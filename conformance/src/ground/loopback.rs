//! A network that reaches itself, as a ground: the far ends are sockets of the same network, used without the loop.

use std::fmt;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use stheno::{Error, ErrorKind, Half, Instant, Kind, Net, Received};

use super::{Family, Ground, Sign, unsupported};
use crate::contract::Failure;

/// A network that can call itself, over its loopback interface: all that the suite needs to run on it.
///
/// Whoever implements this has a [`Ground`], whose far ends are sockets of the same network. The cases drop sockets where
/// they stand, so a socket must close itself when it is dropped, or be gone with the net that made it.
///
/// The network must have no other traffic, and an operation on one socket must not need another one's turn: where a stack
/// is driven by hand, [`pass`](Self::pass) drives it, and the backend's wait does.
pub trait Loopback: Net<Socket: 'static, Address: fmt::Debug + PartialEq + 'static> + Sized + 'static {
    /// The network.
    fn open() -> Result<Self, Failure>;

    /// An address to bind to of which the network chooses the free part: port 0 of 127.0.0.1.
    fn anywhere() -> Self::Address;

    /// The same of the second family. ([`Need::Inet6`](super::Need::Inet6))
    fn anywhere6() -> Result<Self::Address, Failure> {
        Err(unsupported("a second family of addresses"))
    }

    /// Whether a socket shows this right now, asked without the backend under test. [`Sign::Urgent`] is asked only where
    /// there is [`Need::Urgent`](super::Need::Urgent).
    ///
    /// What the network has no way to see ([`Sign::End`] behind data, or [`Sign::HungUp`]) it can only let come: drive the
    /// stack until nothing is under way, and say yes.
    fn shows(&mut self, socket: &Self::Socket, sign: Sign) -> Result<bool, Failure>;

    /// Lets time go by, and with it what is under way.
    fn pass(&mut self, time: Duration) {
        thread::sleep(time);
    }

    /// The time, by the clock that the backend's waits go by.
    fn clock(&self) -> Instant;

    /// Closes with a reset instead of an end, as `SO_LINGER` with no time does.
    /// ([`Need::Resets`](super::Need::Resets))
    fn cut(&mut self, socket: Self::Socket) -> Result<(), Failure> {
        let _ = socket;
        Err(unsupported("a reset"))
    }

    /// Has a stream's socket hold about so many bytes in each direction before a sender has to wait, and less than ten times as
    /// many where both ends are made so. Where it holds no more than that anyway there is nothing to do.
    /// ([`Need::Windows`](super::Need::Windows))
    fn narrow(&mut self, socket: &Self::Socket, bytes: usize) -> Result<(), Failure> {
        let _ = (socket, bytes);
        Err(unsupported("a window that can be set"))
    }

    /// After so long, while the backend waits, a far end sends this. ([`Need::Later`](super::Need::Later))
    ///
    /// [`in_a_thread`] does it where sockets may be used on any thread.
    fn later(after: Duration, peer: Self::Socket, data: &'static [u8]) -> Result<Later<Self>, Failure> {
        let _ = (after, peer, data);
        Err(unsupported("something later"))
    }
}

/// A far end that is busy elsewhere, and comes back when it has sent.
pub type Later<N> = JoinHandle<Result<<N as Net>::Socket, String>>;

/// A far end that sends later, in a thread of its own: what [`Loopback::later`] is to answer for a network that all threads
/// share.
pub fn in_a_thread<N>(after: Duration, mut peer: N::Socket, data: &'static [u8]) -> Later<N>
where
    N: Loopback<Socket: Send>,
{
    thread::spawn(move || {
        thread::sleep(after);
        let mut net = <N as Loopback>::open().map_err(|why| why.to_string())?;
        net.say(&mut peer, data).map_err(|why| why.to_string())?;
        Ok(peer)
    })
}

/// How long to wait for what must come.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often to look.
const GLANCE: Duration = Duration::from_millis(1);
/// How many callers may stand in line at a host.
const LINE: u32 = 16;
/// How many sockets a network may have for a shortage of them to be possible.
const MOST: usize = 1 << 16;

impl<N: Loopback> Ground for N {
    type Peer = N::Socket;
    /// The sockets that there were left.
    type Shortage = Vec<N::Socket>;
    type Later = Later<N>;

    fn open() -> Result<Self, Failure> {
        <N as Loopback>::open()
    }

    fn anywhere(family: Family) -> Result<N::Address, Failure> {
        match family {
            Family::Inet => Ok(<N as Loopback>::anywhere()),
            Family::Inet6 => N::anywhere6(),
        }
    }

    fn nowhere(&mut self) -> Result<N::Address, Failure> {
        let host = self.host()?;
        let at = self.local_address(&host)?;
        self.close(host);
        Ok(at)
    }

    fn pair(&mut self) -> Result<(N::Socket, N::Socket), Failure> {
        let mut door = self.host()?;
        let at = self.local_address(&door)?;
        let ours = self.dial(&at)?;
        let theirs = self.take(&mut door)?;
        self.close(door);
        Ok((ours, theirs))
    }

    fn sockets(&mut self) -> Result<(N::Socket, N::Socket), Failure> {
        self.pair()
    }

    fn host(&mut self) -> Result<N::Socket, Failure> {
        let at = <N as Loopback>::anywhere();
        let mut door = self.socket(Kind::Stream, &at)?;
        self.bind(&mut door, &at)?;
        self.listen(&mut door, LINE)?;
        Ok(door)
    }

    fn take(&mut self, host: &mut N::Socket) -> Result<N::Socket, Failure> {
        let (taken, _) = until(self, "nobody called", |net| Ok(net.accept(host)?))?;
        Ok(taken)
    }

    fn dial(&mut self, to: &N::Address) -> Result<N::Socket, Failure> {
        let mut caller = self.socket(Kind::Stream, to)?;
        self.connect(&mut caller, to)?;
        until(self, "nobody answers", |net| match net.take_error(&mut caller)? {
            Some(why) => Err(why.into()),
            None => Ok(net.peer_address(&caller).ok()),
        })?;
        Ok(caller)
    }

    fn mailbox(&mut self) -> Result<N::Socket, Failure> {
        let at = <N as Loopback>::anywhere();
        let mut mailbox = self.socket(Kind::Datagram, &at)?;
        self.bind(&mut mailbox, &at)?;
        Ok(mailbox)
    }

    fn sender(&mut self, to: &N::Address) -> Result<N::Socket, Failure> {
        let mut sender = self.mailbox()?;
        self.connect(&mut sender, to)?;
        Ok(sender)
    }

    fn address(&self, peer: &N::Socket) -> Result<N::Address, Failure> {
        Ok(self.local_address(peer)?)
    }

    fn say(&mut self, peer: &mut N::Socket, data: &[u8]) -> Result<(), Failure> {
        // An empty datagram is one; nothing at all on a stream is nothing.
        let mut sent = until(self, "no room", |net| Ok(net.send(peer, data)?))?;
        while sent < data.len() {
            sent += until(self, "no room", |net| Ok(net.send(peer, &data[sent..])?))?;
        }
        Ok(())
    }

    fn urge(&mut self, peer: &mut N::Socket, data: &[u8]) -> Result<(), Failure> {
        // As TCP has it, the last byte is the urgent one.
        let (last, first) = data.split_last().ok_or("nothing is urgent")?;
        if !first.is_empty() {
            self.say(peer, first)?;
        }
        until(self, "no room", |net| Ok(net.send_urgent(peer, *last)?.then_some(())))
    }

    fn hear(&mut self, peer: &mut N::Socket, into: &mut [u8]) -> Result<Received, Failure> {
        Ok(self.recv(peer, into)?)
    }

    fn half_close(&mut self, peer: &mut N::Socket, half: Half) -> Result<(), Failure> {
        Ok(self.shutdown(peer, half)?)
    }

    fn hang_up(&mut self, peer: N::Socket) {
        self.close(peer);
    }

    fn reset(&mut self, peer: N::Socket) -> Result<(), Failure> {
        self.cut(peer)
    }

    fn say_later(&mut self, after: Duration, peer: N::Socket, data: &'static [u8]) -> Result<Later<N>, Failure> {
        N::later(after, peer, data)
    }

    fn done(&mut self, later: Later<N>) -> Result<N::Socket, Failure> {
        Ok(later.join().map_err(|_| "the far end panicked")??)
    }

    fn reached(&mut self, socket: &N::Socket, signs: &[Sign]) -> Result<(), Failure> {
        for sign in signs {
            until(self, &format!("{sign:?} did not come"), |net| Ok(net.shows(socket, *sign)?.then_some(())))?;
        }
        Ok(())
    }

    fn narrow(&mut self, socket: &N::Socket, bytes: usize) -> Result<(), Failure> {
        Loopback::narrow(self, socket, bytes)
    }

    fn narrow_peer(&mut self, peer: &mut N::Socket, bytes: usize) -> Result<(), Failure> {
        Loopback::narrow(self, peer, bytes)
    }

    fn pass(&mut self, time: Duration) {
        Loopback::pass(self, time);
    }

    fn clock(&self) -> Instant {
        Loopback::clock(self)
    }

    fn shortage(&mut self) -> Result<Vec<N::Socket>, Failure> {
        let like = <N as Loopback>::anywhere();
        let mut hoard = Vec::new();
        while hoard.len() < MOST {
            match self.socket(Kind::Stream, &like) {
                Ok(socket) => hoard.push(socket),
                Err(why) if why.kind() == ErrorKind::Exhausted => return Ok(hoard),
                Err(why) => return Err(why.into()),
            }
        }
        Err(ENDLESS.into())
    }

    fn ease(&mut self, shortage: &mut Vec<N::Socket>) {
        if let Some(socket) = shortage.pop() {
            self.close(socket);
        }
    }

    fn relieve(&mut self, shortage: Vec<N::Socket>) {
        for socket in shortage {
            self.close(socket);
        }
    }
}

const ENDLESS: Error = Error::new(ErrorKind::Other, "there is no end of sockets");

/// Looks again and again until something is there.
fn until<N: Loopback, T>(
    net: &mut N,
    otherwise: &str,
    mut look: impl FnMut(&mut N) -> Result<Option<T>, Failure>,
) -> Result<T, Failure> {
    let end = Loopback::clock(net) + PATIENCE;
    loop {
        if let Some(found) = look(net)? {
            return Ok(found);
        }
        if Loopback::clock(net) >= end {
            return Err(format!("{otherwise} within {PATIENCE:?}").into());
        }
        Loopback::pass(net, GLANCE);
    }
}
