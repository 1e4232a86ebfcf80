//! The memory functions, in few instructions, as a C library for small machines has them. Those that come with Rust are made
//! for speed and take 1.5 KB.
//!
//! In assembly, as the compiler would recognise a loop for what it is, and make it a call of the function itself.

use core::arch::naked_asm;

/// Makes functions with the names that the compiler calls, several of the same code.
macro_rules! functions {
    ($($($name:ident)+: $code:literal;)+) => {
        $($(
            // SAFETY of the name: this is the function that the name promises, by the processor's ABI.
            #[unsafe(naked)]
            #[unsafe(no_mangle)]
            extern "C" fn $name() {
                naked_asm!($code)
            }
        )+)+
    };
}

functions! {
    memcpy __aeabi_memcpy __aeabi_memcpy4 __aeabi_memcpy8:
        "mov r3, r0; 2: subs r2, #1; it lo; bxlo lr; ldrb r12, [r1], #1; strb r12, [r3], #1; b 2b";
    memset:
        "mov r3, r0; 2: subs r2, #1; it lo; bxlo lr; strb r1, [r3], #1; b 2b";
    __aeabi_memset __aeabi_memset4 __aeabi_memset8:
        "2: subs r1, #1; it lo; bxlo lr; strb r2, [r0], #1; b 2b";
    __aeabi_memclr __aeabi_memclr4 __aeabi_memclr8:
        "movs r2, #0; 2: subs r1, #1; it lo; bxlo lr; strb r2, [r0], #1; b 2b";
}
