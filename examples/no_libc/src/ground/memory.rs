//! The functions that compiled code calls by name and that a C library brings otherwise; compiled programs may call any of
//! them, and what none calls is not linked.
//!
//! In assembly, as the compiler would recognise a loop for what it is, and make it a call of the function itself.
//! Arguments and results are those of the C functions of the same names.

use core::arch::naked_asm;

/// Makes naked functions, of a few instructions each, with the names that the compiler calls.
macro_rules! functions {
    ($($name:ident: $($instruction:literal),+;)+) => {
        $(
            // SAFETY of the name: this is the function that the name promises, and no C library defines it as well.
            #[unsafe(naked)]
            #[unsafe(no_mangle)]
            extern "C" fn $name() {
                naked_asm!($($instruction),+)
            }
        )+
    };
}

#[cfg(target_arch = "x86_64")]
functions! {
    memcpy: "mov rax, rdi", "mov rcx, rdx", "rep movsb", "ret";
    // What lies behind the source must be moved from its end.
    memmove: "mov rax, rdi", "mov rcx, rdx", "sub rdi, rsi", "cmp rdi, rdx", "mov rdi, rax", "jb 2f", "rep movsb", "ret",
        "2:", "lea rsi, [rsi + rdx - 1]", "lea rdi, [rdi + rdx - 1]", "std", "rep movsb", "cld", "ret";
    memset: "mov r8, rdi", "mov eax, esi", "mov rcx, rdx", "rep stosb", "mov rax, r8", "ret";
    memcmp: "xor eax, eax", "mov rcx, rdx", "test rcx, rcx", "jz 2f", "repe cmpsb", "movzx eax, byte ptr [rdi - 1]",
        "movzx ecx, byte ptr [rsi - 1]", "sub eax, ecx", "2:", "ret";
    bcmp: "jmp memcmp";
    strlen: "xor eax, eax", "2:", "cmp byte ptr [rdi + rax], 0", "je 3f", "inc rax", "jmp 2b", "3:", "ret";
}

#[cfg(target_arch = "aarch64")]
functions! {
    memcpy: "mov x3, x0", "2:", "cbz x2, 3f", "ldrb w4, [x1], #1", "strb w4, [x3], #1", "sub x2, x2, #1", "b 2b",
        "3:", "ret";
    memmove: "sub x3, x0, x1", "cmp x3, x2", "b.hs memcpy", "2:", "cbz x2, 3f", "sub x2, x2, #1", "ldrb w4, [x1, x2]",
        "strb w4, [x0, x2]", "b 2b", "3:", "ret";
    memset: "mov x3, x0", "2:", "cbz x2, 3f", "strb w1, [x3], #1", "sub x2, x2, #1", "b 2b", "3:", "ret";
    memcmp: "2:", "cbz x2, 3f", "ldrb w3, [x0], #1", "ldrb w4, [x1], #1", "sub x2, x2, #1", "subs w3, w3, w4", "b.eq 2b",
        "mov w0, w3", "ret", "3:", "mov w0, wzr", "ret";
    bcmp: "b memcmp";
    strlen: "mov x1, x0", "2:", "ldrb w2, [x1], #1", "cbnz w2, 2b", "sub x0, x1, x0", "sub x0, x0, #1", "ret";
}
