//! A processor of one's own choosing, shared with the other end and with nobody who pushes in.
//!
//! Server and load run on one processor, and neither interrupts the other when it is woken (`SCHED_BATCH`). So all that the
//! load sends in a round lies in the server's sockets before the server runs, and all answers lie in the load's before the
//! load does: a batch is a batch, whatever wakes first.

use std::io;

/// Binds this process to one processor, and has it wait for its turn when it is woken.
pub fn on_processor(number: usize) -> io::Result<()> {
    use rustix::thread::{CpuSet, sched_setaffinity};
    if number >= CpuSet::MAX_CPU {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("there is no processor {number}")));
    }
    let mut set = CpuSet::new();
    set.set(number);
    sched_setaffinity(None, &set)?;
    let param = libc::sched_param { sched_priority: 0 };
    // SAFETY: the parameter is a valid `sched_param`, and the call keeps no pointer to it.
    match unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &param) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
