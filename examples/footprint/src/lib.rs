//! A net and a backend that a board would bring, and the servers that are measured over them.
//!
//! The programs beside it are linked for a Cortex-M3 and not run: their sections are what parts of the library take. The
//! board's own functions lie at addresses that the linker is given, and take nothing.

#![no_std]

pub mod board;
pub mod echo;
mod memory;

/// The program's memory lies in statics, and nothing in it can panic: a program in which a panic can be reached does not link.
#[macro_export]
macro_rules! program {
    ($main:path) => {
        /// Where the board's start-up code goes.
        #[unsafe(no_mangle)]
        extern "C" fn main() -> i32 {
            $main()
        }

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
}

/// Makes a loop in static memory, with room for so many channels, and runs an echo server in it.
#[macro_export]
macro_rules! echo_server {
    ($channel:ty, $door:expr, $net:ty, $make:expr, $channels:literal) => {
        type Table = heapless::Vec<stheno_core::Slot<$channel, $net>, $channels>;
        type Events = stheno_core::EventLoop<$channel, $net, $crate::board::Ready, &'static mut Table>;

        static TABLE: static_cell::ConstStaticCell<Table> = static_cell::ConstStaticCell::new(Table::new());
        static EVENTS: static_cell::StaticCell<Events> = static_cell::StaticCell::new();

        fn serve() -> i32 {
            let Some(table) = TABLE.try_take() else { return 1 };
            let events = EVENTS.try_init_with(|| Events::with_parts($make, $crate::board::Ready, table));
            let Some(events) = events else { return 1 };
            i32::from(events.listen($crate::board::Port(7), $door).and_then(|_| events.run()).is_err())
        }

        $crate::program!(serve);
    };
}
