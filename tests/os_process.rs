//! What concerns the whole process, told in one test so that no other opens descriptors meanwhile: descriptors that run
//! out, none that leak, and the signal that must not come.
#![cfg(target_os = "linux")]
#![allow(missing_docs)]

mod common;

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use common::*;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use stheno::{ErrorKind, Net, Os, Socket, raise_descriptor_limit};

const CHILD: &str = "STHENO_TEST_SIGPIPE";

#[test]
fn descriptors_and_signals() {
    if std::env::var_os(CHILD).is_some() {
        return write_to_nobody();
    }
    n8_lack_of_descriptors_keeps_the_caller_in_line();
    nothing_leaks();
    the_limit_is_raised();
    n5_no_signal_is_raised();
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn n8_lack_of_descriptors_keeps_the_caller_in_line() {
    let (mut door, at) = door(&loopback(), 4);
    let caller = call(&at).unwrap();
    readable(&door);
    let before = getrlimit(Resource::Nofile);
    let highest = rustix::fd::AsRawFd::as_raw_fd(&caller) as u64;
    setrlimit(Resource::Nofile, Rlimit { current: Some(highest + 1), ..before }).unwrap();
    let mut fill = Vec::new();
    while let Ok(copy) = Socket::duplicate(&caller) {
        fill.push(copy);
    }
    let why = Os.accept(&mut door).unwrap_err();
    let socket = Os.socket(stheno::Kind::Stream, &at).unwrap_err();
    setrlimit(Resource::Nofile, before).unwrap();
    assert_eq!((why.kind(), stheno::errno_name(why.code())), (ErrorKind::Exhausted, Some("EMFILE")));
    assert_eq!(socket.to_string(), "make a socket: too many open descriptors in this process (os error 24)");
    assert!(Os.accept(&mut door).unwrap().is_some());
}

fn nothing_leaks() {
    let before = open_descriptors();
    let (mut caller, guest) = connection();
    let pairs = [Socket::pair(), Socket::datagram_pair(), Socket::pipe()];
    assert_eq!(open_descriptors(), before + 8);
    assert!(Os.bind(&mut caller, &loopback()).is_err());
    drop((caller, pairs));
    Os.close(guest);
    assert!(call(&"unix:/no/such/path".parse().unwrap()).is_err());
    assert_eq!(open_descriptors(), before);
}

fn the_limit_is_raised() {
    let before = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), ..before }).unwrap();
    let hard = before.maximum.unwrap_or(u64::MAX);
    assert_eq!(raise_descriptor_limit(), Ok(hard));
    assert_eq!(getrlimit(Resource::Nofile).current, before.maximum);
    assert_eq!(raise_descriptor_limit(), Ok(hard));
}

/// A program with std ignores SIGPIPE, so a child that does not is asked.
fn n5_no_signal_is_raised() {
    let child = Command::new(std::env::current_exe().unwrap()).env(CHILD, "1").output().unwrap();
    assert_eq!((child.status.signal(), child.status.code()), (None, Some(0)));
}

fn write_to_nobody() {
    unsafe extern "C" {
        fn signal(number: i32, action: usize) -> usize;
    }
    const SIGPIPE: i32 = 13;
    const SIG_DFL: usize = 0;
    // SAFETY: the default action replaces no handler, and the process has no other use for this signal.
    unsafe { signal(SIGPIPE, SIG_DFL) };
    let (mut here, there) = Socket::pair().unwrap();
    Os.close(there);
    for _ in 0..2 {
        assert_eq!(Os.send(&mut here, b"x").unwrap_err().kind(), ErrorKind::Disconnected);
        assert_eq!(Os.send_vectored(&mut here, [b"x", b"y"]).unwrap_err().kind(), ErrorKind::Disconnected);
        assert!(Os.send_urgent(&mut here, b'x').is_err());
    }
}
