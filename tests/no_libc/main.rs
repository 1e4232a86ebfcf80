//! The servers without libc, std or a heap: what was linked, what they do for real clients, and what a storm of clients leaves.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(missing_docs, dead_code)] // the gate of sizes uses the rest of what is shared

mod built;
mod clients;
#[path = "../common/mod.rs"]
mod common;
mod server;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use built::{AARCH64, Package, Parts, X86_64};
use clients::{Leaving, Random, converse, hammer};
use common::skipped;
use server::Server;

const PROGRAMS: [&str; 3] = ["echo_poll", "echo_select", "echo_epoll"];

fn programs() -> PathBuf {
    Package { name: "no_libc", target: X86_64, features: "" }.build().expect("these tests run on this target")
}

/// Whose functions a symbol is one of, by the names of crates in it.
fn is_of(symbol: &str, name: &str) -> bool {
    symbol.contains(&format!("{}{name}", name.len()))
}

#[track_caller]
fn links_neither_std_nor_a_heap_nor_libc(program: &Path) {
    let parts = Parts::of(program);
    assert_eq!(parts.undefined, [] as [String; 0], "{}", program.display());
    let of_libc =
        ["__libc_start_main", "malloc", "free", "errno", "__errno_location", "_init", "__libc_csu_init", "environ"];
    let of_rust = ["__rust_alloc", "__rdl_alloc", "rust_eh_personality"];
    for (symbol, _) in &parts.symbols {
        let foreign = is_of(symbol, "std") || is_of(symbol, "alloc") || is_of(symbol, "libc");
        assert!(!foreign && !of_libc.contains(&&**symbol) && !of_rust.contains(&&**symbol), "{symbol} is linked");
        // That the program links says that none can be reached; that none is there says that the linker saw it too.
        assert!(!symbol.contains("9panicking"), "{symbol} can be reached");
    }
    assert_eq!(parts.data, 0, "variables with a value to begin with");
    // All variables there are: the table, and the loop with its backend.
    let declared = parts.length_of("TABLE") + parts.length_of("EVENTS");
    assert!((declared..declared + 16).contains(&parts.bss), "{} bytes of memory, {declared} declared", parts.bss);
}

/// Fifteen clients at once in a table of sixteen channels, and two more after them.
#[track_caller]
fn serves(server: &Server) {
    std::thread::scope(|scope| {
        for client in 0..15 {
            scope.spawn(move || converse(server.at, client, 30_000, Leaving::InOrder, &mut Random(client)));
        }
    });
    for leaving in [Leaving::Amid, Leaving::InOrder] {
        converse(server.at, 99, 3_000, leaving, &mut Random(99));
    }
}

#[test]
fn they_stand_on_the_kernel_alone() {
    let folder = programs();
    for program in PROGRAMS {
        links_neither_std_nor_a_heap_nor_libc(&folder.join(program));
    }
}

#[test]
fn they_serve_real_clients() {
    let folder = programs();
    for program in PROGRAMS {
        let mut server = Server::start(&folder.join(program), None);
        serves(&server);
        assert!(!server.has_heap() && !server.has_ended());
    }
}

#[test]
fn with_deadlines_they_do_too() {
    let folder = Package { name: "no_libc", target: X86_64, features: "deadlines" }.build().expect("this target");
    for program in PROGRAMS {
        serves(&Server::start(&folder.join(program), None));
    }
}

#[test]
fn they_serve_on_another_processor() {
    const EMULATOR: &str = "qemu-aarch64-static";
    let Some(folder) = (Package { name: "no_libc", target: AARCH64, features: "" }).build() else {
        return skipped("servers without libc on aarch64", "the toolchain has nothing for that target");
    };
    for program in PROGRAMS {
        links_neither_std_nor_a_heap_nor_libc(&folder.join(program));
    }
    if Command::new(EMULATOR).arg("--version").stdout(Stdio::null()).status().is_err() {
        return skipped("servers without libc on aarch64, run", format!("no {EMULATOR}"));
    }
    for program in PROGRAMS {
        let mut server = Server::start(&folder.join(program), Some(EMULATOR));
        serves(&server);
        assert!(!server.has_ended());
    }
}

/// Sixteen clients, one more than there are places for, for a second on each server, or for as long as `make hammer` says.
#[test]
fn a_storm_of_clients_leaves_nothing_behind() {
    let seconds =
        std::env::var("HAMMER_SECONDS").ok().map_or(1, |text| text.parse().expect("HAMMER_SECONDS is a number"));
    let folder = programs();
    for program in PROGRAMS {
        let mut server = Server::start(&folder.join(program), None);
        let descriptors = server.descriptors();
        // The first clients touch all of the memory that there is.
        hammer(server.at, 16, Duration::from_millis(200));
        settle(&server, descriptors);
        let resident = server.resident();
        let tally = hammer(server.at, 16, Duration::from_secs(seconds));
        settle(&server, descriptors);
        assert_eq!(server.resident(), resident, "KiB of memory");
        assert!(!server.has_ended() && tally.connections > 16);
        println!(
            "{program}: {} connections, {} bytes, each right; {descriptors} descriptors and {resident} KiB before and after, \
             {} bytes of stack at the most",
            tally.connections,
            tally.bytes,
            server.stack().map_or_else(|| "?".to_owned(), |bytes| bytes.to_string()),
        );
    }
}

/// Waits until the server has heard of every client that left, and has so many descriptors again as when there was none.
#[track_caller]
fn settle(server: &Server, descriptors: usize) {
    let until = Instant::now() + Duration::from_secs(5);
    while server.descriptors() != descriptors {
        assert!(Instant::now() < until, "{} descriptors are open, {descriptors} without clients", server.descriptors());
        std::thread::sleep(Duration::from_millis(10));
    }
}
