//! What the README says that a loop takes, beside the sum that the compiler knows.
#![cfg(target_pointer_width = "64")]
#![cfg(all(feature = "select", feature = "poll", feature = "epoll", feature = "counters", target_os = "linux"))]
#![allow(missing_docs)]

use stheno::epoll::AlwaysReady;
use stheno::pool::Place;
use stheno::storage::Array;
use stheno::{Buffer, Dispatcher, EventLoop, Lending, Loan, Open, Os, Slot, epoll, poll, select};

#[allow(dead_code, clippy::large_enum_variant)] // only its size is asked
enum Echo<const BYTES: usize> {
    Door,
    Client(Buffer<[u8; BYTES]>),
}

impl<const BYTES: usize> Dispatcher<Os> for Echo<BYTES> {}

type Table<const N: usize, const BYTES: usize> = Array<Slot<Echo<BYTES>, Os>, N>;
type With<B, const N: usize, const BYTES: usize> = EventLoop<Echo<BYTES>, Os, B, Table<N, BYTES>>;

/// A row for so many channels: with each backend, with buffers of three sizes.
macro_rules! row {
    ($n:literal, $words:literal, $keys:literal) => {
        ($n, [row!($n, $words, $keys, 128), row!($n, $words, $keys, 512), row!($n, $words, $keys, 2048)])
    };
    ($n:literal, $words:literal, $keys:literal, $bytes:literal) => {
        [
            With::<poll::Poll<poll::Fixed<$n>>, $n, $bytes>::BYTES,
            With::<select::Select<select::Fixed<$words, $keys>>, $n, $bytes>::BYTES,
            With::<epoll::Epoll<$n, Array<AlwaysReady, 0>>, $n, $bytes>::BYTES,
        ]
    };
}

/// The sets of select hold the three standard descriptors and a few more beside the channels.
const ROWS: [(usize, [[usize; 3]; 3]); 3] = [row!(4, 1, 12), row!(16, 1, 24), row!(64, 2, 72)];

fn grouped(number: usize) -> String {
    if number < 1000 { number.to_string() } else { format!("{},{:03}", number / 1000, number % 1000) }
}

#[test]
fn the_readme_says_what_the_compiler_says() {
    let readme = include_str!("../README.md");
    for (channels, sizes) in ROWS {
        for (backend, name) in ["poll", "select", "epoll"].into_iter().enumerate() {
            let cells = sizes.map(|size| grouped(size[backend]));
            let line = format!("| {channels} | `{name}` | {} |", cells.join(" | "));
            assert!(readme.lines().any(|known| known == line), "the README lacks this line:\n{line}");
        }
    }
}

/// What a channel costs beside its buffer: the difference that one more makes, on each backend.
#[test]
fn the_readme_says_what_one_channel_adds() {
    let readme = include_str!("../README.md");
    let state = Slot::<Echo<512>, Os>::STATE_BYTES;
    assert_eq!(state, 48);
    assert_eq!(Slot::<Echo<512>, Os>::BYTES, state + size_of::<Option<Echo<512>>>());
    let adds = |small: usize, large: usize| (large - small) / 12 - Slot::<Echo<512>, Os>::BYTES;
    let [poll, _, epoll] = [0, 1, 2].map(|backend| adds(ROWS[0].1[1][backend], ROWS[1].1[1][backend]));
    // The sets of select are for descriptors, which the rows above have eight more of; a key is what one more costs.
    let select = (size_of::<select::Fixed<1, 2>>() - size_of::<select::Fixed<1, 0>>()) / 2;
    let line = format!(
        "A channel's own state is {state} bytes. A backend adds {poll} for it (`poll`), {epoll} (`epoll`), or {select}"
    );
    let readme = readme.replace('\n', " ");
    assert!(readme.contains(&line), "the README lacks this:\n{line}");
}

/// How many bytes of this process's memory are there.
fn resident() -> usize {
    let said = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = said.lines().find_map(|line| line.strip_prefix("Rss:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

/// What a table, and a pool and its places, were given beyond what they use is an address and no memory.
#[test]
fn room_that_is_not_used_is_not_resident() {
    const ROOM: usize = 1_000_000;
    struct Idle(#[allow(dead_code)] Loan);
    impl Dispatcher<Lending> for Idle {}
    let before = resident();
    let memory = stheno::pool::Heap::new(stheno::pool::bytes(10_000, 4096)).unwrap();
    let net: Lending = Lending::new(Os, memory, 4096, Vec::with_capacity(ROOM)).unwrap();
    let table: Vec<Slot<Idle, Lending>> = Vec::with_capacity(ROOM);
    const { assert!(ROOM * Slot::<Idle, Lending>::BYTES > 50 << 20) }
    let mut events: EventLoop<Idle, Lending> = EventLoop::with_parts(net, Open::open().unwrap(), table);
    let (ours, _theirs) = stheno::Socket::pair().unwrap();
    let key = events.add(ours, Idle(Loan::new())).unwrap();
    events.turn(Some(std::time::Duration::ZERO)).unwrap();
    assert!(events.dispatcher(key).is_some());
    let grown = resident().saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes are there for one channel");
}

/// What the load test measures in a process, as the compiler has it: a slot, and a place in the pool.
#[test]
fn the_readme_says_what_an_idle_connection_takes_whose_buffer_is_on_loan() {
    #[allow(dead_code)] // only its size is asked
    enum Echo {
        Door,
        Client(Loan),
    }
    let bytes = Slot::<Echo, Lending>::BYTES + size_of::<Place>();
    let line = format!("An idle connection of the example `echo` is {bytes} bytes of the process's memory");
    assert!(include_str!("../README.md").contains(&line), "the README lacks this:\n{line}");
}

/// The rows of `sizes.md`, which `make size` measures.
fn kib(row: &str, columns: usize) -> String {
    let table = include_str!("../examples/footprint/sizes.md");
    let start = format!("| {row} | ");
    let row = table.lines().find_map(|line| line.strip_prefix(&start)).expect("the table has the row");
    let bytes: u32 = row.split(" | ").take(columns).map(|cell| cell.parse::<u32>().expect("a number")).sum();
    format!("{:.1}", f64::from(bytes) / 1024.0)
}

#[test]
fn the_readme_says_what_was_measured() {
    let readme = include_str!("../README.md").replace('\n', " ");
    let code = |features: &str| ["poll", "select", "epoll"].map(|on| kib(&format!("echo_{on}{features}, x86_64"), 1));
    let ([poll, select, epoll], late) = (code(""), code(" with deadlines"));
    let flash = |program: &str| kib(&format!("{program}, thumbv7m"), 2);
    for said in [
        format!(
            "{poll} KiB of code on poll, {select} on select, {epoll} on epoll; with deadlines {}, {} and {}",
            late[0], late[1], late[2]
        ),
        format!("the rules alone take {} KiB of flash, the loop with one channel {}", flash("rules"), flash("one")),
        format!(
            "each client {}, and with deadlines {}. Of that last one {} are core's.",
            flash("echo_untimed"),
            flash("echo"),
            flash("core's part of echo")
        ),
    ] {
        assert!(readme.contains(&said), "the README does not say: {said}");
    }
}
