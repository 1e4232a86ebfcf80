//! A loop with so many echo channels, and what is done with it.

use std::time::Duration;

use stheno::pool::{Heap, Place, bytes};
use stheno::{Channel, Dispatcher, EventLoop, Key, Lending, Loan, Received, Result, Slot};

use crate::memory::{Memory, Watch};

/// So many channels have something to say, where there are so many.
pub const ACTIVE: usize = 10_000;
/// How long a channel that has something to say may be silent, and how often it does.
const PATIENCE: Duration = Duration::from_millis(640);
const BEAT: Duration = Duration::from_millis(10);
/// In so many beats all who are active come due once under the time that they had first, and are put off.
pub const ROUNDS: usize = 64;
/// The others', at the least.
const HOUR: Duration = Duration::from_secs(3600);
pub enum Echo {
    Client(Loan),
    /// Closes everybody, and itself, as soon as it is told anything.
    End,
}

impl Dispatcher<Lending<Memory>> for Echo {
    fn readable(&self) -> bool {
        !matches!(self, Self::Client(waiting) if waiting.is_full())
    }

    fn writable(&self) -> bool {
        matches!(self, Self::Client(waiting) if waiting.writable())
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, Lending<Memory>, Self>) -> Result<()> {
        match self {
            Self::Client(waiting) => {
                if let Received::Data(_) = waiting.fill_from(channel)? {
                    waiting.flush(channel)?;
                    channel.set_timeout(PATIENCE);
                }
            }
            Self::End => {
                channel.for_each_neighbour(|_, neighbour| {
                    neighbour.close();
                    true
                });
                channel.close();
            }
        }
        Ok(())
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, Lending<Memory>, Self>) -> Result<()> {
        match self {
            Self::Client(waiting) => waiting.flush(channel),
            Self::End => Ok(()),
        }
    }

    fn handle_timeout(&mut self, _: &mut Channel<'_, Lending<Memory>, Self>) -> Result<()> {
        Ok(())
    }
}

pub type Table = Vec<Slot<Echo, Lending<Memory>>>;

/// A loop with so many channels, a few of which are active.
pub struct World {
    pub events: EventLoop<Echo, Lending<Memory>, Watch, Table>,
    pub keys: Vec<Key>,
    pub active: Vec<u32>,
}

impl World {
    pub fn new(channels: usize, table: Table, places: Vec<Place>) -> Result<Self> {
        const CHUNK: usize = 4096;
        let chunks = Heap::new(bytes(64, CHUNK))?;
        let net = Lending::new(Memory::new(channels), chunks, CHUNK, places)?;
        let active = channels.min(ACTIVE);
        // Spread evenly, each at another place of its stretch, and not in the order of the table.
        let stretch = (channels / active) as u32;
        let at = |number: u32| number * stretch + number.wrapping_mul(0x9e37_79b1) % stretch;
        let active = (0..active as u32).map(|number| at((number * 7_919) % active as u32)).collect();
        // Touched, so that they count as what was there before.
        let mut keys = vec![Key::new(1, 1); channels];
        keys.clear();
        Ok(Self { events: EventLoop::with_parts(net, Watch::new(), table), keys, active })
    }

    /// With room set aside for all of them, as whoever expects so many does.
    pub fn with_room(channels: usize) -> Result<Self> {
        let room = room(channels);
        Self::new(channels, Vec::with_capacity(room), Vec::with_capacity(room))
    }

    pub fn open(&mut self, channels: usize) -> Result<()> {
        for index in 0..channels as u32 {
            self.open_one(index)?;
        }
        self.turn()
    }

    pub fn open_one(&mut self, index: u32) -> Result<()> {
        let socket = self.events.net_mut().below.open(index);
        self.keys.push(self.events.add(socket, Echo::Client(Loan::new()))?);
        Ok(())
    }

    /// Arms a deadline for each, in no order.
    pub fn arm(&mut self) -> Result<()> {
        for (number, key) in (0_u64..).zip(&self.keys) {
            let later = Duration::from_nanos(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 22);
            self.events.channel(*key)?.1.set_timeout(HOUR + later);
        }
        self.turn()
    }

    /// Everyone who is active says something, and has it back.
    pub fn round(&mut self) -> Result<()> {
        self.events.net_mut().below.pass(BEAT);
        for index in &self.active {
            self.events.net_mut().below.say(*index);
        }
        let mut fired = 0;
        while fired < self.active.len() {
            let turn = self.events.turn(Some(Duration::ZERO))?;
            assert!(turn.fired > 0 && turn.timeouts == 0, "{turn:?}");
            fired += turn.fired;
        }
        assert_eq!(fired, self.active.len());
        let net = &self.events.net().below;
        assert!(self.active.iter().all(|index| net.is_answered(*index)));
        Ok(())
    }

    /// Time goes by until every deadline has come, and one turn tells all of them.
    pub fn expire(&mut self) -> Result<()> {
        self.events.set_timeout_budget(u32::MAX);
        self.events.net_mut().below.pass(100 * HOUR);
        let turn = self.events.turn(Some(Duration::ZERO))?;
        assert_eq!(turn.timeouts, self.keys.len());
        Ok(())
    }

    pub fn close_all(&mut self) {
        self.events.close_all();
        self.assert_closed();
    }

    /// One channel's handler closes all others, and one turn does what that implies.
    pub fn close_from_a_handler(&mut self) -> Result<()> {
        let one = self.active[0];
        *self.events.channel(self.keys[one as usize])?.0 = Echo::End;
        self.events.net_mut().below.say(one);
        self.events.turn(Some(Duration::ZERO))?;
        self.assert_closed();
        Ok(())
    }

    fn assert_closed(&self) {
        assert!(self.events.is_empty());
        assert_eq!(self.events.net().below.sockets(), 0, "every socket is closed");
    }

    fn turn(&mut self) -> Result<()> {
        self.events.turn(Some(Duration::ZERO)).map(drop)
    }
}

/// So many slots hold so many channels, and those that a loop keeps vacant for handlers.
pub const fn room(channels: usize) -> usize {
    channels + 64
}
