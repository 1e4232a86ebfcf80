//! Nothing in a turn allocates (rule 8), and a slot's own state is small.
#![cfg(feature = "std")]
#![allow(missing_docs)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use common::events::{PATIENCE, on_each_backend};
use stheno::{
    Address, AnyBackend, BackendName, Channel, Dispatcher, EventLoop, Guest, Kind, Lending, Loan, Net, Os, Outbox,
    Received, Result, Slot, Socket,
};

thread_local! {
    /// Each test counts what its own thread allocates.
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is handed on to the system's allocator as it came, and counting does not allocate: the counter is
// initialised as a constant and needs no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.set(ALLOCATED.get() + 1);
        // SAFETY: the caller owes what the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above, and the memory came from the system's allocator.
        unsafe { System.dealloc(memory, layout) }
    }
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATED.set(ALLOCATED.get() + 1);
        // SAFETY: as above, and the memory came from the system's allocator.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test at a time: the more descriptors the others have open, the larger are the sets that `select` needs.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// How many allocations `f` makes.
fn allocations(f: impl FnOnce()) -> usize {
    let before = ALLOCATED.get();
    f();
    ALLOCATED.get() - before
}

/// Sends back what it receives; guests are hung up on when they are silent for too long.
#[allow(clippy::large_enum_variant)] // in the table, not on the heap
enum Echo {
    Door,
    Guest(Outbox<[u8; 256]>),
}

impl Dispatcher<Os> for Echo {
    fn readable(&self) -> bool {
        !matches!(self, Self::Guest(out) if out.room() == 0)
    }
    fn writable(&self) -> bool {
        matches!(self, Self::Guest(out) if !out.is_empty())
    }
    fn handle_accepted(&mut self, guest: &mut Guest<Os>, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let key = channel.adopt(guest, Self::Guest(Outbox::new()))?;
        channel.neighbour(key)?.1.set_timeout(Duration::from_secs(60));
        Ok(())
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        channel.set_timeout(Duration::from_secs(60));
        let Self::Guest(out) = self else { return Ok(()) };
        if let Received::Data(_) = out.fill_from(channel)? {
            out.flush(channel)?;
        }
        Ok(())
    }
    fn handle_write(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Self::Guest(out) = self else { return Ok(()) };
        out.flush(channel)
    }
    fn handle_timeout(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        channel.close();
        Ok(())
    }
    fn handle_close(&mut self, _: stheno::Reason, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        Ok(())
    }
}

type Server = EventLoop<Echo, Os, AnyBackend>;

fn turns(events: &mut Server) {
    for _ in 0..4 {
        events.turn(Some(Duration::ZERO)).unwrap();
    }
}

/// Callers come, talk, grow silent past their time, leave and reset.
fn a_day(events: &mut Server, at: &Address, callers: &mut [Option<Socket>; 8]) {
    for caller in callers.iter_mut() {
        let mut socket = Os.socket(Kind::Stream, at).unwrap();
        Os.connect(&mut socket, at).unwrap();
        *caller = Some(socket);
    }
    turns(events);
    for _ in 0..10 {
        for caller in callers.iter_mut().flatten() {
            assert_eq!(Os.send(caller, b"some words to be sent back"), Ok(Some(26)));
        }
        turns(events);
        for caller in callers.iter_mut().flatten() {
            common::readable(caller);
            assert_eq!(Os.recv(caller, &mut [0; 64]), Ok(Received::Data(26)));
        }
    }
    // More than the network takes at once waits in the outbox.
    if let Some(caller) = &mut callers[0] {
        while Os.send(caller, &[b'x'; 4096]).unwrap().is_some() {}
        turns(events);
        while Os.recv(caller, &mut [0; 4096]).unwrap() != Received::WouldBlock {
            turns(events);
        }
    }
    for (n, caller) in callers.iter_mut().enumerate() {
        let caller = caller.take().unwrap();
        if n % 2 == 0 {
            caller.set_linger(Some(Duration::ZERO)).unwrap();
        }
    }
    let began = std::time::Instant::now();
    while events.len() > 1 {
        assert!(began.elapsed() < PATIENCE);
        events.turn(Some(Duration::from_millis(10))).unwrap();
    }
}

#[test]
fn after_a_first_day_no_turn_allocates() {
    let _alone = alone();
    on_each_backend(|backend: BackendName| {
        let mut events: Server = EventLoop::with_parts(Os, AnyBackend::named(backend).unwrap(), Vec::new());
        let door = events.listen("127.0.0.1:0", Echo::Door).unwrap();
        let at = events.channel(door).unwrap().1.local_address().unwrap();
        let waker = stheno::waker(&mut events).unwrap();
        let mut callers = [const { None }; 8];
        a_day(&mut events, &at, &mut callers);
        let spent = allocations(|| {
            for _ in 0..5 {
                a_day(&mut events, &at, &mut callers);
                waker.wake().unwrap();
                assert!(events.turn(None).unwrap().woken);
            }
        });
        assert_eq!(spent, 0, "allocations in what should be turns");
    });
}

#[test]
fn deadlines_that_come_due_allocate_nothing() {
    let _alone = alone();
    on_each_backend(|backend| {
        let mut events: Server = EventLoop::with_parts(Os, AnyBackend::named(backend).unwrap(), Vec::new());
        let mut peers = Vec::new();
        let mut keys = Vec::new();
        for _ in 0..100 {
            let (here, there) = Socket::pair().unwrap();
            keys.push(events.add(here, Echo::Guest(Outbox::new())).unwrap());
            peers.push(there);
        }
        turns(&mut events);
        let spent = allocations(|| {
            for (n, key) in keys.iter().enumerate() {
                let (_, mut io) = events.channel(*key).unwrap();
                io.set_timeout(Duration::from_millis(20));
                io.set_timeout(Duration::from_micros(37 * n as u64 % 5000));
            }
            let began = std::time::Instant::now();
            while !events.is_empty() {
                assert!(began.elapsed() < PATIENCE);
                events.turn(None).unwrap();
            }
        });
        assert_eq!(spent, 0, "allocations for deadlines");
    });
}

#[cfg(feature = "poll")]
#[test]
fn a_fixed_table_never_allocates_at_all() {
    let _alone = alone();
    use stheno::poll::{Fixed, Poll};
    use stheno::storage::Array;
    type Small = EventLoop<Echo, Os, Poll<Fixed<4>>, Array<Slot<Echo, Os>, 4>>;
    let pairs = [(); 3].map(|()| Socket::pair().unwrap());
    let small = || -> Small { EventLoop::with_parts(Os, Poll::default(), Array::default()) };
    // Not the first turn of the process: on 32-bit ARM that one was seen to allocate once, and none after it.
    let mut first = small();
    first.add(Socket::pair().unwrap().0, Echo::Guest(Outbox::new())).unwrap();
    first.turn(Some(Duration::ZERO)).unwrap();
    let spent = allocations(|| {
        let mut events = small();
        let mut peers = pairs.map(|(here, there)| {
            events.add(here, Echo::Guest(Outbox::new())).unwrap();
            there
        });
        for peer in &mut peers {
            Os.send(peer, b"hello").unwrap();
        }
        for _ in 0..4 {
            events.turn(Some(Duration::ZERO)).unwrap();
        }
        for peer in &mut peers {
            assert_eq!(Os.recv(peer, &mut [0; 8]), Ok(Received::Data(5)));
        }
        events.close_all();
    });
    assert_eq!(spent, 0);
}

/// The first time that they borrow, and the first time that they wait: their places were made before.
#[test]
fn channels_that_share_a_pool_allocate_nothing() {
    struct Client(Loan);
    impl Dispatcher<Lending> for Client {
        fn readable(&self) -> bool {
            !self.0.is_full()
        }
        fn writable(&self) -> bool {
            self.0.writable()
        }
        fn handle_read(&mut self, channel: &mut Channel<'_, Lending, Self>) -> Result<()> {
            // Kept for a turn, so that the others have to wait.
            self.0.fill_from(channel).map(drop)
        }
        fn handle_write(&mut self, channel: &mut Channel<'_, Lending, Self>) -> Result<()> {
            self.0.flush(channel)
        }
    }

    let _alone = alone();
    on_each_backend(|backend| {
        let net = Lending::on_heap(Os, 3, 64).unwrap();
        let mut events: EventLoop<Client, Lending, AnyBackend> =
            EventLoop::with_parts(net, AnyBackend::named(backend).unwrap(), Vec::new());
        let mut peers: Vec<_> = (0..40)
            .map(|_| {
                let (here, there) = Socket::pair().unwrap();
                events.add(here, Client(Loan::new())).unwrap();
                there
            })
            .collect();
        events.turn(Some(Duration::ZERO)).unwrap();
        for peer in &mut peers {
            Os.send(peer, b"hello").unwrap();
        }
        let mut waited = 0;
        let spent = allocations(|| {
            while events.counters().sent < 40 * 5 {
                events.turn(None).unwrap();
                waited = waited.max(events.net().waiting());
            }
        });
        // What is lent for the first time is made ready within what was allocated.
        assert_eq!((spent, events.net().free_chunks()), (0, 3), "allocations in turns");
        assert!(waited > 0, "nobody waited");
    });
}

/// Neither who looks on does, nor the printing of what was seen.
#[cfg(feature = "poll")]
#[test]
fn a_trace_never_allocates_at_all() {
    use std::fmt::Write as _;
    use stheno::poll::{Fixed, Poll};
    use stheno::storage::Array;
    use stheno::trace::{Trace, Traced};

    struct Mirror;
    impl<N: Net> Dispatcher<N> for Mirror {
        fn writable(&self) -> bool {
            false
        }
        fn handle_read(&mut self, channel: &mut Channel<'_, N, Self>) -> Result<()> {
            let mut bytes = [0; 8];
            if let Received::Data(n) = channel.recv(&mut bytes)? {
                channel.send(&bytes[..n])?;
            }
            Ok(())
        }
    }

    /// Text in fixed memory.
    struct Page([u8; 512], usize);
    impl std::fmt::Write for Page {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            let end = self.1 + text.len();
            self.0.get_mut(self.1..end).ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
            self.1 = end;
            Ok(())
        }
    }

    type Seen = Traced<Os, Trace<2>>;
    type Small = EventLoop<Mirror, Seen, Poll<Fixed<2>>, Array<Slot<Mirror, Seen>, 2>>;
    let _alone = alone();
    let ((first, mut peer), (second, other)) = (Socket::pair().unwrap(), Socket::pair().unwrap());
    let mut page = Page([0; 512], 0);
    let spent = allocations(|| {
        let mut events: Small = EventLoop::with_parts(Seen::default(), Poll::default(), Array::default());
        events.add(first, Mirror).unwrap();
        events.add(second, Mirror).unwrap();
        Os.send(&mut peer, b"hello").unwrap();
        drop(other);
        events.turn(None).unwrap();
        write!(page, "{}\n{}", events.net().observer, events.counters()).unwrap();
    });
    assert_eq!(spent, 0);
    let told = "turn 1, wait: 2 fired\n\
                #0.0 R: new open, read (5 in, 5 out) -> RP\n\
                #1.0 R|HUP: new open, read (end), eof, close (end of stream) -> closed\n\
                turns 1, waits 1, ";
    assert_eq!(str::from_utf8(&page.0[..told.len()]), Ok(told));
}

#[test]
fn the_counter_counts() {
    assert!(allocations(|| drop(vec![1, 2, 3])) > 0);
}

#[cfg(target_pointer_width = "64")]
#[test]
fn a_slots_own_state_is_at_most_48_bytes() {
    let size = Slot::<(), Os>::STATE_BYTES;
    assert!(size <= 48, "{size}");
    assert!(size_of::<Slot<(), Os>>() <= 56);
}
