//! The few system calls that the servers make: numbers and memory in, a number or an error out.

use core::arch::asm;

/// What the kernel calls its services: by the names that it has for them.
#[allow(missing_docs)]
#[cfg(target_arch = "x86_64")]
mod number {
    pub const WRITE: usize = 1;
    pub const CLOSE: usize = 3;
    pub const SOCKET: usize = 41;
    pub const SENDTO: usize = 44;
    pub const RECVFROM: usize = 45;
    pub const BIND: usize = 49;
    pub const LISTEN: usize = 50;
    pub const GETSOCKNAME: usize = 51;
    pub const SETSOCKOPT: usize = 54;
    pub const GETSOCKOPT: usize = 55;
    pub const EXIT_GROUP: usize = 231;
    pub const ACCEPT4: usize = 288;
    pub const EPOLL_CREATE1: usize = 291;
}

/// What the kernel calls its services: by the names that it has for them.
#[allow(missing_docs)]
#[cfg(target_arch = "aarch64")]
mod number {
    pub const WRITE: usize = 64;
    pub const CLOSE: usize = 57;
    pub const SOCKET: usize = 198;
    pub const SENDTO: usize = 206;
    pub const RECVFROM: usize = 207;
    pub const BIND: usize = 200;
    pub const LISTEN: usize = 201;
    pub const GETSOCKNAME: usize = 204;
    pub const SETSOCKOPT: usize = 208;
    pub const GETSOCKOPT: usize = 209;
    pub const EXIT_GROUP: usize = 94;
    pub const ACCEPT4: usize = 242;
    pub const EPOLL_CREATE1: usize = 20;
}

pub use number::*;

/// What the kernel answered: a number, or an error's number.
pub type Answer = core::result::Result<usize, i32>;

/// Asks the kernel for a service. A sixth argument is always 0: all six numbers here go in registers.
///
/// # Safety
///
/// The arguments must be what the service takes, and memory that they point to must be there for it to read or write.
#[inline(never)]
pub unsafe fn call(number: usize, a: usize, b: usize, c: usize, d: usize, e: usize) -> Answer {
    let answer: isize;
    // SAFETY: the instruction, and the registers that the kernel takes arguments from and that it changes. What it does to
    // memory is what the caller promises.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!("syscall", inlateout("rax") number as isize => answer, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d,
            in("r8") e, in("r9") 0, lateout("rcx") _, lateout("r11") _, options(nostack));
        #[cfg(target_arch = "aarch64")]
        asm!("svc 0", in("x8") number, inlateout("x0") a as isize => answer, in("x1") b, in("x2") c, in("x3") d,
            in("x4") e, in("x5") 0, options(nostack));
    }
    usize::try_from(answer).map_err(|_| answer.wrapping_neg() as i32)
}
