//! Whatever else core can be asked for, once each: not to be measured, but to show that no panic can be reached in any of it.

#![no_std]
#![no_main]

use core::time::Duration;

use stheno_core::chat::{Conversation, Frame};
use stheno_core::pool::{Lending, Loan, Place, bytes};
use stheno_core::storage::Array;
use stheno_core::{
    Buffer, Channel, Dispatcher, EventLoop, Fired, Guest, Half, Key, Kind, Outbox, Produced, Producer, Readiness,
    Result, Slot, With,
};
use stheno_footprint::board::{Port, Ready, Stack, look};

type World = Lending<With<Stack, [u8; 64]>, [u8; bytes(3, 64)], Array<Place, 6>>;
type Events = EventLoop<All, World, Ready, Array<Slot<All, World>, 6>>;

#[allow(clippy::large_enum_variant)] // each has its place in a table of fixed size
enum All {
    Door,
    Box(Outbox<[u8; 64], Clerk, 2>),
    Chat(Conversation<[u8; 64], [u8; 64]>),
    Buffer(Buffer<[u8; 32]>),
    Loan(Loan),
}

/// Makes bytes as they are wanted.
struct Clerk;

impl Producer for Clerk {
    fn more(&mut self, into: &mut [u8]) -> Result<Produced> {
        Ok(match look() {
            0 => Produced::NothingYet,
            1 => Produced::Done,
            n => Produced::Data(into.len().min(usize::from(n))),
        })
    }
}

fn number() -> usize {
    usize::from(look())
}

fn time() -> Duration {
    Duration::from_millis(u64::from(look()))
}

impl Dispatcher<World> for All {
    fn handle_accepted(&mut self, guest: &mut Guest<World>, door: &mut Channel<'_, World, Self>) -> Result<()> {
        let first = door.adopt(guest, Self::Box(Outbox::with_producers([0; 64])))?;
        let second = door.connect_to(Port(u16::from(look())), Self::Buffer(Buffer::new([0; 32])))?;
        door.listen_at(Port(9), Self::Door)?;
        door.add_timer(time(), Self::Loan(Loan::new()))?;
        let (_, mut io) = door.neighbour(first)?;
        io.pause();
        io.resume();
        io.read_again();
        if let (io, Self::Box(outbox)) = door.with_neighbour(second)? {
            outbox.fill_from(io)?;
        }
        Outbox::relay(door, first, |all| if let Self::Box(outbox) = all { Some(outbox) } else { None })?;
        door.for_each_neighbour(|_, io| io.send(&[look()]).is_ok());
        Ok(())
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        channel.set_timeout(time());
        match self {
            Self::Door => channel.repeat_timeout(time()),
            Self::Box(outbox) => fill(outbox, channel)?,
            Self::Chat(chat) => {
                chat.fill_from(channel)?;
                if look() == 1 {
                    chat.input.set_terminator(number())?;
                }
                while let Some((frame, output)) = chat.next(channel)? {
                    match frame {
                        Frame::Found(line) => output.send_vectored(channel, [line, b"\n"])?,
                        Frame::Collected(part) => output.send(channel, part)?,
                    }
                }
            }
            Self::Buffer(buffer) => {
                channel.recv_into(buffer)?;
                channel.send(buffer.make_contiguous())?;
                let popped = buffer.pop(&mut [0; 8]);
                buffer.consume(popped);
                channel.recv_urgent()?;
                channel.recv_from(&mut [0; 8])?;
                channel.send_to(&[1], &Port(1))?;
                channel.send_urgent(1)?;
                channel.shutdown(Half::Read)?;
            }
            Self::Loan(loan) => {
                loan.fill_from(channel)?;
                let first = loan.bytes(channel)?.first().copied();
                loan.send(channel, first.as_slice())?;
                loan.consume(channel, number())?;
                loan.flush(channel)?;
            }
        }
        Ok(())
    }

    fn handle_timeout(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        channel.repeat_timeout(time());
        channel.clear_timeout();
        channel.stop();
        Ok(())
    }
}

fn fill(outbox: &mut Outbox<[u8; 64], Clerk, 2>, channel: &mut Channel<'_, World, All>) -> Result<()> {
    outbox.fill_from(channel)?;
    outbox.set_watermarks(number(), number())?;
    if outbox.crossed().is_some() {
        outbox.link(channel.key());
        outbox.unlink(channel);
        outbox.heed(channel);
    }
    if let Err(refused) = outbox.push_with_producer(Clerk) {
        return Err(refused.why);
    }
    outbox.push(&[1, 2])?;
    outbox.flush(channel)?;
    outbox.close_when_done(channel);
    Ok(())
}

fn run(events: &mut Events) -> Result<()> {
    events.set_limit(u32::from(look()));
    events.set_spare(u32::from(look()));
    events.set_byte_budget(number());
    events.set_accept_budget(u32::from(look()));
    let door = events.listen(Port(1), All::Door)?;
    let chat = events.connect(Port(2), All::Chat(Conversation::new()))?;
    events.bind(Port(3), All::Door)?;
    events.create(Kind::Stream, Port(4), All::Door)?;
    events.add(3, All::Door)?;
    events.add_timer(time(), All::Door)?;
    let key = Key::from_bits(u64::from(look()) << 32 | u64::from(look()));
    events.dispatch(Fired { key, readiness: Readiness::from_bits_truncate(look()) });
    events.handle_expt_event(door);
    events.settle();
    events.run_turns(number(), Some(time()))?;
    events.touch(chat)?;
    events.close(door)?;
    events.turn(None)?;
    if events.keys().any(|key| key == chat) {
        events.drain(time())?;
    }
    events.close_all();
    Ok(())
}

fn everything() -> i32 {
    let below = With { below: Stack, shared: [0; 64] };
    let Ok(net) = Lending::new(below, [0; bytes(3, 64)], 64, Array::default()) else { return 1 };
    i32::from(run(&mut Events::with_parts(net, Ready, Array::default())).is_err())
}

stheno_footprint::program!(everything);
