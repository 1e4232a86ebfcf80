//! Checks the parts, on the board or on the host; without a heap.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod on_board {
    use cortex_m_rt::entry;
    use panic_semihosting as _;
    use stheno_cortex_m3::board::{Console, ends};
    use stheno_cortex_m3::parts::check_all;

    #[entry]
    fn main() -> ! {
        ends(check_all(&mut Console::new()), None)
    }
}

#[cfg(not(target_os = "none"))]
fn main() -> std::process::ExitCode {
    use stheno_cortex_m3::host::{Console, ends};
    ends(stheno_cortex_m3::parts::check_all(&mut Console))
}
