//! The LM3S6965's Ethernet controller, as a device of smoltcp.

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;
use smoltcp::wire::EthernetAddress;

use super::register::Register;

const ACKNOWLEDGE: Register = Register::of_ethernet(0x00);
const MASK: Register = Register::of_ethernet(0x04);
const RECEIVE: Register = Register::of_ethernet(0x08);
const TRANSMIT: Register = Register::of_ethernet(0x0c);
const DATA: Register = Register::of_ethernet(0x10);
const ADDRESS: [Register; 2] = [Register::of_ethernet(0x14), Register::of_ethernet(0x18)];
const WAITING: Register = Register::of_ethernet(0x34);
const REQUEST: Register = Register::of_ethernet(0x38);
/// Which units of the chip have a clock.
const CLOCKS: Register = Register::of_system(0x108);

const CLOCK_OF_ETHERNET: u32 = 1 << 30 | 1 << 28;
const RECEIVED: u32 = 1;
const ALL_INTERRUPTS: u32 = 0x7f;
const RECEIVE_ON: u32 = 1;
const EMPTY_THE_QUEUE: u32 = 1 << 4;
/// On, with padding to the least length, a checksum, and both directions at once.
const TRANSMIT_ON: u32 = 1 | 1 << 1 | 1 << 2 | 1 << 4;

/// The longest frame, without its checksum.
const FRAME: usize = 1514;
/// What stands before a frame in the controller's queues, and behind it in the receiver's.
const LENGTH: usize = 2;
const CHECKSUM: usize = 4;
const HEADER: usize = 14;

/// The controller, of which there is one.
pub struct Ethernet {
    address: EthernetAddress,
    received: [u8; LENGTH + FRAME + CHECKSUM],
    sent: [u8; LENGTH + FRAME],
}

#[derive(Clone, Copy)]
struct Irq;

// SAFETY: it is the controller's number in the data sheet's table of interrupts.
unsafe impl InterruptNumber for Irq {
    fn number(self) -> u16 {
        42
    }
}

/// Whether a frame waits.
pub(super) fn is_waiting() -> bool {
    WAITING.read() > 0
}

/// From now on a frame that comes is an interrupt.
pub(super) fn listen() {
    MASK.write(RECEIVED);
}

/// The controller's interrupt has woken whoever slept, and is over: what waits is looked at without it.
pub fn hush() {
    MASK.write(0);
}

impl Ethernet {
    /// The controller, once: it has this address from then on.
    pub fn take(address: EthernetAddress) -> Option<Self> {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        if TAKEN.swap(true, Relaxed) {
            return None;
        }
        CLOCKS.write(CLOCKS.read() | CLOCK_OF_ETHERNET);
        MASK.write(0);
        ACKNOWLEDGE.write(ALL_INTERRUPTS);
        let [a, b, c, d, e, f] = address.0;
        ADDRESS[0].write(u32::from_le_bytes([a, b, c, d]));
        ADDRESS[1].write(u32::from_le_bytes([e, f, 0, 0]));
        RECEIVE.write(EMPTY_THE_QUEUE);
        RECEIVE.write(RECEIVE_ON);
        TRANSMIT.write(TRANSMIT_ON);
        // SAFETY: the handler only masks the controller's interrupt, whatever the program is at.
        unsafe { NVIC::unmask(Irq) };
        Some(Self { address, received: [0; LENGTH + FRAME + CHECKSUM], sent: [0; LENGTH + FRAME] })
    }

    /// Its address.
    pub fn address(&self) -> EthernetAddress {
        self.address
    }

    /// Takes the next frame out of the queue: its length, if it is one that fits.
    fn fetch(&mut self) -> Option<usize> {
        let first = DATA.read().to_le_bytes();
        let whole = usize::from(u16::from_le_bytes([first[0], first[1]]));
        let mut words = self.received.chunks_mut(4);
        if let Some(place) = words.next() {
            place.copy_from_slice(&first);
        }
        // All of it must be fetched, whether it fits or not.
        for _ in 1..whole.div_ceil(4) {
            let word = DATA.read().to_le_bytes();
            if let Some(place) = words.next() {
                place.copy_from_slice(&word[..place.len()]);
            }
        }
        let len = whole.checked_sub(LENGTH + CHECKSUM)?;
        (HEADER..=FRAME).contains(&len).then_some(len)
    }
}

/// A frame that came.
pub struct Received<'a>(&'a [u8]);

/// The way out.
pub struct Way<'a>(&'a mut [u8; LENGTH + FRAME]);

impl Device for Ethernet {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Way<'a>;

    fn capabilities(&self) -> DeviceCapabilities {
        let mut all = DeviceCapabilities::default();
        all.medium = Medium::Ethernet;
        all.max_transmission_unit = FRAME;
        all.max_burst_size = Some(1);
        all
    }

    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, Way<'_>)> {
        while is_waiting() {
            if let Some(len) = self.fetch() {
                return Some((Received(&self.received[LENGTH..LENGTH + len]), Way(&mut self.sent)));
            }
        }
        ACKNOWLEDGE.write(RECEIVED);
        None
    }

    fn transmit(&mut self, _: Instant) -> Option<Way<'_>> {
        (REQUEST.read() & 1 == 0).then_some(Way(&mut self.sent))
    }
}

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(self.0)
    }
}

impl phy::TxToken for Way<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, fill: F) -> R {
        let len = len.min(FRAME);
        let (length, frame) = self.0.split_at_mut(LENGTH);
        let done = fill(&mut frame[..len]);
        length.copy_from_slice(&(len.saturating_sub(HEADER) as u16).to_le_bytes());
        // The answer to a frame goes out although the last one may not have gone yet.
        while REQUEST.read() & 1 != 0 {}
        for word in self.0[..LENGTH + len].chunks(4) {
            let mut whole = [0; 4];
            whole[..word.len()].copy_from_slice(word);
            DATA.write(u32::from_le_bytes(whole));
        }
        REQUEST.write(1);
        done
    }
}
