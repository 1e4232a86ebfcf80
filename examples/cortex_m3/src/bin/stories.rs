//! Tells the stories, on the board or on the host.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod on_board {
    use cortex_m_rt::entry;
    use panic_semihosting as _;
    use stheno_cortex_m3::board::{Console, Heap, ends};
    use stheno_cortex_m3::stories::tell_all;

    /// What the stories have for memory; the stack has what is left of 64 KiB.
    const ROOM: usize = 48 * 1024;

    #[global_allocator]
    static HEAP: Heap = Heap::new();

    #[entry]
    fn main() -> ! {
        static mut MEMORY: [u8; ROOM] = [0; ROOM];
        HEAP.begin(MEMORY);
        let told = tell_all(&mut Console::new());
        ends(told, Some(&HEAP))
    }
}

#[cfg(not(target_os = "none"))]
fn main() -> std::process::ExitCode {
    use stheno_cortex_m3::host::{Console, ends};
    ends(stheno_cortex_m3::stories::tell_all(&mut Console))
}
