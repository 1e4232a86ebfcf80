//! What a program without a C library brings itself: its first instruction, its last one, memory functions, and what to
//! do in a panic.

mod memory;

use crate::kernel;

/// Makes a function the program: it is called once, and what it returns is the program's exit status.
///
/// `program!(main)` cannot panic: a program in which a panic can be reached does not link. `program!(main, may panic)` ends
/// with the status 101 if it does.
#[macro_export]
macro_rules! program {
    ($main:path) => {
        $crate::program!(@start $main);

        unsafe extern "C" {
            /// Is nowhere.
            fn a_panic_can_be_reached() -> !;
        }

        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
            // SAFETY: there is no such function, so that no program is linked in which this is called.
            unsafe { a_panic_can_be_reached() }
        }
    };
    ($main:path, may panic) => {
        $crate::program!(@start $main);

        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
            $crate::ground::exit(101)
        }
    };
    (@start $main:path) => {
        // The kernel enters with the stack aligned to 16 bytes and no frame above: that is what a frame pointer of zero says.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        extern "C" fn _start() -> ! {
            #[cfg(target_arch = "x86_64")]
            core::arch::naked_asm!("xor ebp, ebp", "call {run}", "ud2", run = sym run);
            #[cfg(target_arch = "aarch64")]
            core::arch::naked_asm!("mov x29, xzr", "mov x30, xzr", "bl {run}", "brk 1", run = sym run);
        }

        extern "C" fn run() -> ! {
            $crate::ground::exit($main())
        }
    };
}

/// Ends the program.
pub fn exit(status: i32) -> ! {
    loop {
        // SAFETY: the call takes a number alone. It does not return.
        let _ = unsafe { kernel::call(kernel::EXIT_GROUP, status as usize, 0, 0, 0, 0) };
    }
}

/// Writes to the standard output, as far as that is there.
pub fn say(text: &[u8]) {
    let (at, len) = (text.as_ptr().expose_provenance(), text.len());
    // SAFETY: the kernel reads the text, which is borrowed for as long as the call takes.
    let _ = unsafe { kernel::call(kernel::WRITE, 1, at, len, 0, 0) };
}
