//! A processor of one's own choosing, shared with the other end and with nobody who pushes in.
//!
//! Server and load run on one processor, and neither interrupts the other when it is woken (`SCHED_BATCH`); while the load
//! sends, it is not interrupted at all (`SCHED_FIFO`). So all that the load sends in a round lies in the server's sockets
//! before the server runs, and all answers lie in the load's before the load does: a batch is a batch, whatever wakes first.

use std::io;

/// Binds this process to one processor, and has it wait for its turn when it is woken.
pub fn on_processor(number: usize) -> io::Result<()> {
    use rustix::thread::{CpuSet, sched_setaffinity};
    if number >= CpuSet::MAX_CPU {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("there is no processor {number}")));
    }
    let mut set = CpuSet::new();
    set.set(number);
    sched_setaffinity(None, &set).map_err(|why| {
        io::Error::new(io::Error::from(why).kind(), format!("no processor {number} to run on: {why}"))
    })?;
    in_turn()
}

/// Waits for its turn when it is woken.
pub fn in_turn() -> io::Result<()> {
    schedule(libc::SCHED_BATCH, 0)
}

/// Is not interrupted any more by programs that wait for their turn. Refused to users who may not.
pub fn first() -> io::Result<()> {
    schedule(libc::SCHED_FIFO, 1)
}

/// Whether this user may have it so.
pub fn may_be_first() -> bool {
    let may = first().is_ok();
    // What was allowed upwards is allowed downwards.
    let _ = schedule(libc::SCHED_OTHER, 0);
    may
}

fn schedule(policy: i32, sched_priority: i32) -> io::Result<()> {
    let param = libc::sched_param { sched_priority };
    // SAFETY: the parameter is a valid `sched_param`, and the call keeps no pointer to it.
    match unsafe { libc::sched_setscheduler(0, policy, &param) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
